// What a login can look like: chosen by the parameter `scene` of the authorization request, or for all logins by
// PUT /scene at the control. README.md describes each.
//
// ask: the questions before any that the user's account adds, in order (login.mjs)      then: those after them
// assets: scripts of assets/ on every page      live: a script shows the questions, without navigating
// shadow: inside shadow roots (with live)       before: HTML above the form      params: of the authorization request
// hang, wait (ms): how the first page is served      leave: the answer goes through a page that logs it
const NAME_AND_PASSWORD = ['login'];

export const SCENES = {
  plain: {},
  'two-step': { ask: ['name', 'password'] },
  renamed: { ask: ['renamed'] },
  live: { live: true },
  'live-two-step': { live: true, ask: ['name', 'password'] },
  shadow: { live: true, shadow: true },
  slow: { wait: Number(process.env.SLOW ?? 1500) },
  hang: { hang: true },
  'hanging-image': { before: '<img src="/hang" alt="">' },
  'hanging-script': { before: '<script src="/hang"></script>' },
  captcha: { before: '<div class="g-recaptcha" data-sitekey="test"><iframe src="/assets/captcha.html" title="CAPTCHA"></iframe></div>' },
  approve: { then: ['approve'] },
  sms: { then: ['sms'] },
  stay: { then: ['stay'] },
  passkey: { ask: ['passkey'] },
  'passkey-second': { then: ['passkey'] },
  echo: { then: ['echo'] },
  chatty: { assets: ['chatty.js'], leave: true },
  foreign: { foreign: true },
  sticky: { before: '<script src="/assets/stamp.js"></script><script src="/assets/sticky.js" defer></script>' },
  'form-post': { params: { response_mode: 'form_post' } },
  fragment: { params: { response_mode: 'fragment' } },
};

let instead = '';

/** From now on this scene for every login; empty: as each asks. */
export function force(name) {
  if (name !== '' && !Object.hasOwn(SCENES, name)) throw new Error(`no scene ${name}`);
  instead = name;
}

/** The scene of a login that asked for `name`. */
export function scene(name) {
  const wanted = instead || name || 'plain';
  return { name: wanted, ask: NAME_AND_PASSWORD, then: [], assets: [], before: '', params: {}, ...SCENES[wanted] };
}
