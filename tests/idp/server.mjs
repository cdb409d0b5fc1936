// A real OpenID Provider (npm oidc-provider) on loopback, for tests. README.md says how its logins look.
//
//   node server.mjs                     serves; prints `control URL`, `app URL` and `ready ISSUER`
//   node server.mjs rotate HOW          changes the keys in $KEYS: publish, promote, retire, replace, reuse_kid;
//                                       a running server follows on SIGHUP and prints `keys reloaded`
//
// PORT, APP_PORT (0: any)  NAME (host in the issuer)  CERT, KEY (PEM: serves https)  KEYS (file of the key set)
// USERS (see users.mjs)  CLIENT_SECRET (instead of every client's own)  TOKEN_TTL, REFRESH_TTL (seconds)
// CLIENT_KEYS (folder: the keys of clients with private_key_jwt are written there)  CLIENT_CA (PEM, with CERT: whose client
// certificates are believed, at a port of its own)  SELF_SIGNED (PEM: the certificate of `tls-self`)
// DPOP_NONCE=1 (proofs need one)  PAR=required  BACKCHANNEL_LOGOUT_URI (of `bye`)
// PLAIN=json|redirect|other|provider (with CERT: what speaks plain http at the same port, see plain.mjs)
// CRASHES=1 (every error page is a 500)  ROTATE=0 (refresh tokens stay)  SLOW (ms)  SECRETS_LOG (file: every secret that crosses, one a line)
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import * as app from './app.mjs';
import * as assets from './assets.mjs';
import { build as controlled } from './control.mjs';
import { load, rotate } from './keys.mjs';
import { interact } from './login.mjs';
import { both } from './plain.mjs';
import { build } from './provider.mjs';
import { scene } from './scenes.mjs';

const env = process.env;
const keysFile = env.KEYS ?? path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'idp-')), 'keys.json');
if (process.argv[2] === 'rotate') {
  rotate(keysFile, process.argv[3]);
  process.exit(0);
}

const known = new Set();
function log(value) {
  if (!env.SECRETS_LOG || typeof value !== 'string' || value.length < 8 || known.has(value)) return;
  known.add(value);
  fs.appendFileSync(env.SECRETS_LOG, `${value}\n`);
}

/** Every token, code, verifier and cookie of one request and its answer. */
function saw(ctx) {
  const secret = ['access_token', 'refresh_token', 'id_token', 'code', 'code_verifier', 'token', 'subject_token', 'actor_token', 'client_assertion', 'device_code', 'registration_access_token', 'client_secret', 'request_uri', 'user_code'];
  for (const name of secret) {
    log(ctx.oidc?.params?.[name]);
    log(ctx.body?.[name]);
  }
  log(ctx.get('dpop'));
  for (const name of ['code', 'id_token', 'access_token']) {
    log(new RegExp(`[?&#]${name}=([^&#]+)`).exec(ctx.response.get('location'))?.[1]);
    log(new RegExp(`name="${name}" value="([^"]+)"`).exec(typeof ctx.body === 'string' ? ctx.body : '')?.[1]);
  }
  for (const cookie of [ctx.response.get('set-cookie') ?? []].flat()) log(/^[^=]+=([^;]*)/.exec(cookie)?.[1]);
}

const control = controlled();
const secret = env.CLIENT_SECRET ?? app.CLIENT.secret;
const desk = { log, secret, fault: control.fault };
let serve = (req, res) => res.writeHead(503).end();
function start() {
  desk.provider = build({ issuer: desk.issuer, jwks: load(keysFile), saw, log, application: { ...app.CLIENT, secret, at: desk.application }, mutual: desk.mutual });
  serve = desk.provider.callback();
}

/** What the scene adds to an authorization request. */
function withParams(url) {
  const more = Object.entries(scene(url.searchParams.get('scene')).params).filter(([name]) => !url.searchParams.has(name));
  for (const [name, value] of more) url.searchParams.set(name, value);
  return url.pathname + url.search;
}

async function front(req, res) {
  const url = new URL(req.url, 'http://front');
  const { pathname } = url;
  control.count(req.method, pathname);
  assets.record('provider', req);
  if (await control.fault(pathname, res)) return undefined;
  if (url.searchParams.get('prompt') === 'none' && (await control.fault(`${pathname}?prompt=none`, res))) return undefined;
  if (pathname.startsWith('/interaction/')) return interact(desk, req, res);
  if (await assets.serve(req, res, pathname)) return undefined;
  if (pathname === '/auth' && req.method === 'GET') req.url = withParams(url);
  return serve(req, res);
}

async function ours(req, res) {
  assets.record('app', req);
  try {
    await application(req, res);
  } catch (error) {
    console.error('app', error);
    if (!res.headersSent) res.writeHead(500).end();
  }
}

function listen(server, port) {
  return new Promise((done) => {
    server.listen(port, '127.0.0.1', () => done(server.address().port));
  });
}

const tls = env.CERT && { cert: fs.readFileSync(env.CERT), key: fs.readFileSync(env.KEY) };
const application = app.build(desk);
const provider = tls ? https.createServer(tls, front) : http.createServer(front);
// Nobody is turned away by the handshake: whether a certificate is good is for the client's registration to say.
const mutual = tls && env.CLIENT_CA && https.createServer({ ...tls, ca: fs.readFileSync(env.CLIENT_CA), requestCert: true, rejectUnauthorized: false }, front);
const ports = {
  control: await listen(http.createServer(control.serve), 0),
  foreign: await listen(http.createServer(assets.foreign), 0),
  app: await listen(http.createServer(ours), Number(env.APP_PORT ?? 0)),
  provider: await listen(tls && env.PLAIN ? both(provider, front) : provider, Number(env.PORT ?? 0)),
  mutual: mutual && await listen(mutual, 0),
};

const name = env.NAME ?? '127.0.0.1';
desk.issuer = `${tls ? 'https' : 'http'}://${name}:${ports.provider}`;
desk.application = `http://127.0.0.1:${ports.app}`;
desk.foreign = `http://127.0.0.1:${ports.foreign}`;
desk.mutual = mutual && `https://${name}:${ports.mutual}`;
control.name = name;
start();
process.on('SIGHUP', () => {
  start();
  console.log('keys reloaded');
});
console.log(`control http://127.0.0.1:${ports.control}`);
console.log(`app ${desk.application}`);
console.log(`ready ${desk.issuer}`);
