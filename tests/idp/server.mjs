// A real OpenID Provider (npm oidc-provider) on loopback, for tests.
//
//   node server.mjs                     serves; prints `ready ISSUER` and `control URL`
//   node server.mjs rotate HOW          changes the keys in $KEYS: publish, promote, retire, replace, reuse_kid;
//                                       a running server follows on SIGHUP and prints `keys reloaded`
//
// PORT (0: any)  NAME (host in the issuer)  CERT, KEY (PEM: serves https)  KEYS (file of the key set)
// USERS (JSON: name to password)  CLIENT_SECRET (instead of every client's own)  TOKEN_TTL, REFRESH_TTL (seconds)
// ROTATE=0 (refresh tokens stay)  SECRETS_LOG (file: every secret that crosses, one a line)
//
// Control: PUT /faults with a JSON object of path to {status, headers, body, delay (ms)} answers these paths so from
// then on ({}: as ever; without a status the answer is only late). GET /requests counts requests by method and path.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { load, rotate } from './keys.mjs';
import { interact } from './pages.mjs';
import { build } from './provider.mjs';

const env = process.env;
const keysFile = env.KEYS ?? path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'idp-')), 'keys.json');
if (process.argv[2] === 'rotate') {
  rotate(keysFile, process.argv[3]);
  process.exit(0);
}

const users = { alice: 'wonderland-7', ...JSON.parse(env.USERS ?? '{}') };
let faults = {};
const requests = new Map();

const known = new Set();
function log(value) {
  if (!env.SECRETS_LOG || typeof value !== 'string' || value.length < 8 || known.has(value)) return;
  known.add(value);
  fs.appendFileSync(env.SECRETS_LOG, `${value}\n`);
}

/** Every token, code, verifier and cookie of one request and its answer. */
function saw(ctx) {
  const secret = ['access_token', 'refresh_token', 'id_token', 'code', 'code_verifier', 'token', 'subject_token', 'actor_token'];
  for (const name of secret) {
    log(ctx.oidc?.params?.[name]);
    log(ctx.body?.[name]);
  }
  log(/[?&]code=([^&#]+)/.exec(ctx.response.get('location'))?.[1]);
  for (const cookie of [ctx.response.get('set-cookie') ?? []].flat()) log(/^[^=]+=([^;]*)/.exec(cookie)?.[1]);
}

let provider;
let serve = (req, res) => res.writeHead(503).end();
function start(issuer) {
  provider = build({ issuer, jwks: load(keysFile), users, saw });
  serve = provider.callback();
}

async function front(req, res) {
  const { pathname } = new URL(req.url, 'http://front');
  const counted = `${req.method} ${pathname.replace(/^(\/[^/]+)\/[\w-]{20,}/, '$1')}`;
  requests.set(counted, (requests.get(counted) ?? 0) + 1);
  const fault = faults[pathname];
  if (fault?.delay) await new Promise((done) => setTimeout(done, fault.delay));
  if (fault?.status) return res.writeHead(fault.status, fault.headers ?? { 'content-type': 'text/plain' }).end(fault.body ?? 'off');
  if (pathname.startsWith('/interaction/')) return interact(provider, users, req, res);
  return serve(req, res);
}

async function control(req, res) {
  const json = (body) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (req.method === 'PUT' && req.url === '/faults') {
    let body = '';
    for await (const chunk of req) body += chunk;
    faults = JSON.parse(body);
    return json(faults);
  }
  if (req.method === 'GET' && req.url === '/requests') return json(Object.fromEntries(requests));
  return res.writeHead(404).end();
}

const tls = env.CERT && { cert: fs.readFileSync(env.CERT), key: fs.readFileSync(env.KEY) };
const server = tls ? https.createServer(tls, front) : http.createServer(front);
server.listen(Number(env.PORT ?? 0), '127.0.0.1', () => {
  const issuer = `${tls ? 'https' : 'http'}://${env.NAME ?? '127.0.0.1'}:${server.address().port}`;
  start(issuer);
  process.on('SIGHUP', () => {
    start(issuer);
    console.log('keys reloaded');
  });
  const switches = http.createServer(control).listen(0, '127.0.0.1', () => {
    console.log(`control http://127.0.0.1:${switches.address().port}`);
    console.log(`ready ${issuer}`);
  });
});
