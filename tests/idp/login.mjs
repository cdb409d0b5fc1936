// The interactions of oidc-provider: questions until the login is done, then consent.
import * as html from './html.mjs';
import { QUESTIONS } from './questions.mjs';
import { scene } from './scenes.mjs';
import { find } from './users.mjs';

/** Fields that nobody may find again. */
const SECRETS = ['password', 'secret', 'otp', 'assertion'];
/** Logins under way, by the id of their interaction. */
const logins = new Map();

function loginOf(uid, origin) {
  if (!logins.has(uid)) logins.set(uid, { origin, done: new Set() });
  return logins.get(uid);
}

/** The first question that is not answered yet. */
function open(setting, login) {
  const own = find(login.name)?.totp ? ['totp'] : [];
  return [...setting.ask, ...own, ...setting.then].find((question) => !login.done.has(question));
}

function question(name, uid, login, error) {
  const alert = error ? `<p id="error" role="alert">${html.escape(error)}</p>` : '';
  return QUESTIONS[name].show(uid, login).replace('</h1>', `</h1>${alert}`);
}

function page(setting, uid, content, foreign) {
  const elsewhere = setting.foreign ? `<img src="${foreign}/pixel.gif" alt=""><script src="${foreign}/tracker.js" data-at="${foreign}"></script><iframe src="${foreign}/frame.html" title="Advertisement"></iframe>` : '';
  const shown = setting.live
    ? `<div id="root" data-at="/interaction/${uid}" data-shadow="${Boolean(setting.shadow)}"></div><script src="/assets/live.js"></script>`
    : setting.before + content;
  return html.document(elsewhere + shown, setting);
}

async function logIn({ provider, foreign, log }, interaction, req, res) {
  const { uid, params } = interaction;
  const setting = scene(params.scene);
  const login = loginOf(uid, provider.issuer);
  const wantsJson = req.headers.accept === 'application/json';
  let error;
  if (req.method === 'POST') {
    const answer = new URLSearchParams(await html.body(req));
    for (const name of SECRETS) log(answer.get(name));
    const asked = open(setting, login);
    error = QUESTIONS[asked].take(login, answer);
    if (!error) login.done.add(asked);
  } else if (!wantsJson) {
    if (setting.hang) return;
    if (setting.wait) await new Promise((done) => setTimeout(done, setting.wait));
  }
  const next = open(setting, login);
  if (next === undefined) {
    logins.delete(uid);
    const result = { login: { accountId: login.name } };
    if (!wantsJson) return provider.interactionFinished(req, res, result);
    return html.json(res, 200, { location: await provider.interactionResult(req, res, result) });
  }
  const content = question(next, uid, login, error);
  const status = error ? 401 : 200;
  if (wantsJson) return html.json(res, status, { html: content });
  return html.send(res, status, page(setting, uid, content, foreign));
}

function consentPage(setting, uid, client) {
  const allow = `<input type="hidden" name="consent" value="yes">\n${html.button('allow', 'Allow')}`;
  return html.document(`<h1>Authorize ${html.escape(client)}</h1>\n${html.form(uid, allow)}`, setting);
}

async function grantWhatIsAsked(provider, { grantId, params, session, prompt }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

/** Serves one request under /interaction/. `desk`: provider, foreign (origin of somebody else), log (for secrets). */
export async function interact(desk, req, res) {
  const { provider } = desk;
  try {
    const interaction = await provider.interactionDetails(req, res);
    const { uid, prompt, params } = interaction;
    if (prompt.name === 'login') return await logIn(desk, interaction, req, res);
    if (req.method !== 'POST') return html.send(res, 200, consentPage(scene(params.scene), uid, params.client_id));
    const grantId = await grantWhatIsAsked(provider, interaction);
    return await provider.interactionFinished(req, res, { consent: { grantId } }, { mergeWithLastSubmission: true });
  } catch (error) {
    const said = html.document(`<p id="error">${html.escape(error.message)}</p>`);
    if (!res.headersSent) html.send(res, error.statusCode ?? 500, said);
  }
}
