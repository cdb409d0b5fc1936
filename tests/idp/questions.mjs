// What a login asks: each question shows itself, and takes an answer. `take` returns what is wrong with it, or nothing.
// `login`: {name, challenge, origin}, what is known of this login so far.
import { button, escape, form, input } from './html.mjs';
import { newChallenge, verify } from './passkeys.mjs';
import { accepts, refuses } from './users.mjs';

const NAME = input('User', 'username', 'autocomplete="username"');
const PASSWORD = input('Password', 'password', 'type="password" autocomplete="current-password"');
const CODE = input('Code', 'otp', 'inputmode="numeric" autocomplete="one-time-code"');
const heading = (text) => `<h1>${escape(text)}</h1>\n`;

function nameAndPassword(nameField, passwordField) {
  return (login, answer) => {
    login.name = answer.get(nameField) ?? '';
    login.password = answer.get(passwordField) ?? '';
    return refuses(login.name, login.password);
  };
}

/** Every place of a page where a name or a password can stand, for what is kept of a failed login. */
function everywhere(login) {
  const [name, password] = [login.name ?? '', login.password ?? ''].map(escape);
  return `<h2>Hello ${name}, your password is ${password}</h2><p title="${password}">Signed in as <b>${name}</b>.</p>
<p role="alert">${name}: ${password}</p>
<input id="echo-text" value="${name}"> <input id="echo-clear" value="${password}">
<input type="password" value="${password}"> <input type="hidden" name="old" value="${password}">
<textarea>${password}</textarea> <select><option>${password}</option></select>
<div contenteditable="true">${password}</div> <button aria-label="${password}" type="button">${password}</button>
<a href="/profile?user=${name}&amp;password=${password}">${name}</a> <svg width="300" height="30"><text y="20">${password}</text></svg>
<script type="application/json" id="echo">${JSON.stringify({ name: login.name, password: login.password }).replaceAll('<', '\\u003c')}</script>
<script src="/assets/echo.js"></script>`;
}

export const QUESTIONS = {
  login: {
    show: (uid) => heading('Sign in') + form(uid, NAME + PASSWORD + button('submit', 'Sign in')),
    take: nameAndPassword('username', 'password'),
  },
  // As after a redesign: nothing has its old name.
  renamed: {
    show: (uid) => heading('Welcome back') + form(uid, input('Handle', 'handle', '') + input('Secret', 'secret', 'type="password"') + button('enter', 'Enter')),
    take: nameAndPassword('handle', 'secret'),
  },
  // Takes any name: who says that one is unknown tells strangers which are known.
  name: {
    show: (uid) => heading('Who are you?') + form(uid, NAME + button('next', 'Next')),
    take: (login, answer) => {
      login.name = answer.get('username') ?? '';
      return login.name ? undefined : 'Enter your user name';
    },
  },
  password: {
    show: (uid, login) => heading(`Hello ${login.name}`) + form(uid, PASSWORD + button('submit', 'Sign in')),
    take: (login, answer) => {
      login.password = answer.get('password') ?? '';
      return refuses(login.name, login.password);
    },
  },
  totp: {
    show: (uid) => heading('One-time code') + form(uid, `<p>Enter the code that your authenticator app shows.</p>${CODE}${button('verify', 'Verify')}`),
    take: (login, answer) => (accepts(login.name, answer.get('otp')) ? undefined : 'This code is wrong or was used'),
  },
  // Second factors that no machine has: nothing gets past them.
  approve: {
    show: () => `${heading('Approve the request')}<p>Open the app on your phone and choose <b>42</b>.</p>`,
    take: () => 'Not approved yet',
  },
  sms: {
    show: (uid) => heading('Check your phone') + form(uid, `<p>We sent you a code by text message.</p>${CODE}${button('verify', 'Verify')}`),
    take: () => 'This code is wrong',
  },
  stay: {
    show: (uid) => heading('Stay signed in?') + form(uid, button('no', 'No') + button('yes', 'Yes')),
    take: () => undefined,
  },
  passkey: {
    show: (uid, login) => {
      login.challenge = newChallenge();
      const options = `data-challenge="${login.challenge}" data-rp="${new URL(login.origin).hostname}"`;
      return `${heading('Sign in with your passkey')}${form(uid, `<input type="hidden" id="assertion" name="assertion" ${options}>`)}
<p id="error" role="alert"></p><button id="passkey" type="button">Use your passkey</button><script src="/assets/passkey.js"></script>`;
    },
    take: (login, answer) => {
      try {
        const name = verify(JSON.parse(answer.get('assertion') ?? '{}'), login);
        if (login.name && login.name !== name) return 'This is the passkey of somebody else';
        login.name = name;
        return undefined;
      } catch (error) {
        return error.message;
      }
    },
  },
  echo: { show: (uid, login) => heading('Almost there') + everywhere(login), take: () => 'Nothing leads on from here' },
};
