// An application of its own that logs its users in with the provider and finishes the login itself: `/` links to
// `/login`, which leads to the provider; `/callback` redeems the code; `/home` fetches `/api/me` and then says
// `Welcome NAME`. Its session is a cookie.
import crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import * as html from './html.mjs';

export const CLIENT = { id: 'application', secret: 'application-secret' };
const random = () => crypto.randomBytes(24).toString('base64url');
const sha256 = (text) => crypto.createHash('sha256').update(text).digest('base64url');
const cookies = (req) => Object.fromEntries((req.headers.cookie ?? '').split('; ').map((pair) => pair.split('=')));
const HOME = `<h1 id="status">Loading…</h1><script>
fetch('/api/me').then((r) => r.json()).then(({ name }) => setTimeout(() => {
  document.getElementById('status').textContent = 'Welcome ' + name;
}, 100)).catch(() => { document.getElementById('status').textContent = 'Something went wrong'; });
</script>`;

/** Asks our provider over loopback, whatever its name; its certificate may be one that only browsers are to judge. */
function ask(issuer, path, { headers, body }) {
  const { protocol, port, host } = new URL(issuer);
  const options = { host: '127.0.0.1', port, path, method: body ? 'POST' : 'GET', headers: { host, ...headers }, rejectUnauthorized: false };
  return new Promise((done, fail) => {
    const request = (protocol === 'https:' ? https : http).request(options, async (response) => done({ status: response.statusCode, json: JSON.parse(await html.body(response)) }));
    request.on('error', fail).end(body);
  });
}

/** `desk`: issuer (of the provider, once it is there), secret (the client's), log (for secrets), fault (answers instead). */
export function build(desk) {
  const [pending, sessions] = [new Map(), new Map()];
  const here = (req) => `http://${req.headers.host}`;

  function login(req, res, query) {
    const [state, verifier] = [random(), random() + random()];
    pending.set(state, verifier);
    const ask = {
      client_id: CLIENT.id, response_type: 'code', scope: 'openid profile', redirect_uri: `${here(req)}/callback`,
      state, code_challenge: sha256(verifier), code_challenge_method: 'S256', ...Object.fromEntries(query),
    };
    res.writeHead(302, { location: `${desk.issuer}/auth?${new URLSearchParams(ask)}` }).end();
  }

  async function callback(req, res, query) {
    const verifier = pending.get(query.get('state'));
    pending.delete(query.get('state'));
    if (!verifier) return html.send(res, 400, html.document('<h1>Unknown state</h1>'));
    const basic = Buffer.from(`${CLIENT.id}:${desk.secret}`).toString('base64');
    const form = { grant_type: 'authorization_code', code: query.get('code'), redirect_uri: `${here(req)}/callback`, code_verifier: verifier };
    const token = await ask(desk.issuer, '/token', {
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
    if (token.status !== 200) return html.send(res, 502, html.document(`<h1>Login failed</h1><p>${html.escape(token.json.error)}</p>`));
    const me = await ask(desk.issuer, '/me', { headers: { authorization: `Bearer ${token.json.access_token}` } });
    const session = random();
    desk.log(session);
    sessions.set(session, me.json.name ?? me.json.sub);
    return res.writeHead(303, { location: '/home', 'set-cookie': `app=${session}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400` }).end();
  }

  return async (req, res) => {
    const { pathname, searchParams } = new URL(req.url, 'http://app');
    if (await desk.fault(`app:${pathname}`, res)) return undefined;
    const name = sessions.get(cookies(req).app);
    if (pathname === '/') return html.send(res, 200, html.document(name ? HOME : '<h1>Our application</h1><a id="login" href="/login">Log in</a>', { title: 'Our application' }));
    if (pathname === '/login') return login(req, res, searchParams);
    if (pathname === '/callback') return callback(req, res, searchParams);
    if (!name) return res.writeHead(303, { location: '/' }).end();
    if (pathname === '/home') return html.send(res, 200, html.document(HOME, { title: 'Our application' }));
    if (pathname === '/api/me') return html.json(res, 200, { name });
    return res.writeHead(404).end();
  };
}
