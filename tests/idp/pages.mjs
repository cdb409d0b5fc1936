// The login and consent pages.
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function page(res, status, body) {
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  res.end(`<!doctype html><html lang="en"><title>Sign in</title><body>${body}</body></html>`);
}

function loginPage(res, uid, error) {
  const alert = error ? `<p id="error" role="alert">${escape(error)}</p>` : '';
  page(res, error ? 401 : 200, `<h1>Sign in</h1>${alert}
<form method="post" action="/interaction/${uid}">
<label>User <input id="username" name="username" autocomplete="username"></label>
<label>Password <input id="password" name="password" type="password" autocomplete="current-password"></label>
<button id="submit" type="submit">Sign in</button></form>`);
}

function consentPage(res, uid, client) {
  page(res, 200, `<h1>Authorize ${escape(client)}</h1>
<form method="post" action="/interaction/${uid}"><input type="hidden" name="consent" value="yes">
<button id="allow" type="submit">Allow</button></form>`);
}

async function readForm(req) {
  let body = '';
  for await (const chunk of req) body += chunk;
  return new URLSearchParams(body);
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

/** Serves one request under /interaction/. */
export async function interact(provider, users, req, res) {
  try {
    const interaction = await provider.interactionDetails(req, res);
    const { uid, prompt, params } = interaction;
    if (prompt.name === 'login') {
      if (req.method !== 'POST') return loginPage(res, uid);
      const form = await readForm(req);
      const name = form.get('username') ?? '';
      if (!Object.hasOwn(users, name) || users[name] !== form.get('password')) {
        return loginPage(res, uid, 'Wrong user name or password');
      }
      return await provider.interactionFinished(req, res, { login: { accountId: name } });
    }
    if (req.method !== 'POST') return consentPage(res, uid, params.client_id);
    const grantId = await grantWhatIsAsked(provider, interaction);
    return await provider.interactionFinished(req, res, { consent: { grantId } }, { mergeWithLastSubmission: true });
  } catch (error) {
    if (!res.headersSent) page(res, error.statusCode ?? 500, `<p id="error">${escape(error.message)}</p>`);
  }
}
