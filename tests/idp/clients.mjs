// Who is registered. Private keys are made at every start and left in $CLIENT_KEYS for whoever plays the client.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { GRANT as EXCHANGE } from './exchange.mjs';

const env = process.env;
const REDIRECT = 'http://127.0.0.1:8765/cb';
const AFTER_LOGOUT = 'http://127.0.0.1:8765/bye';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
/** Long enough for HS256 (RFC 7518 §3.2). */
const LONG_SECRET = 'a secret that is as long as HS256 needs it';

export const code = (id, secret, more) => ({
  client_id: id,
  client_secret: secret,
  redirect_uris: [REDIRECT],
  post_logout_redirect_uris: [AFTER_LOGOUT],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  ...more,
});
const everything = { grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] };
// Plain http for the implicit flow is for native applications only.
const implicit = { application_type: 'native', grant_types: ['authorization_code', 'refresh_token', 'implicit'] };

const pair = (type, options) => crypto.generateKeyPairSync(type, options);
/** Keys of clients: algorithm, pair, and the format of the file, one of each that people have. */
const KEYS = {
  'jwt-es256': ['ES256', () => pair('ec', { namedCurve: 'P-256' }), (key) => key.export({ type: 'sec1', format: 'pem' })],
  'jwt-rs256': ['RS256', () => pair('rsa', { modulusLength: 2048 }), (key) => key.export({ type: 'pkcs1', format: 'pem' })],
  'jwt-ps256': ['PS256', () => pair('rsa', { modulusLength: 2048 }), (key) => key.export({ type: 'pkcs8', format: 'pem' })],
  'jwt-eddsa': ['EdDSA', () => pair('ed25519'), (key) => JSON.stringify(key.export({ format: 'jwk' }))],
};

function signing(id) {
  const [alg, make, write] = KEYS[id];
  const { privateKey, publicKey } = make();
  if (env.CLIENT_KEYS) fs.writeFileSync(path.join(env.CLIENT_KEYS, id), write(privateKey), { mode: 0o600 });
  return code(id, undefined, {
    ...everything,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${id}-1` }] },
  });
}

/** A client that is known by its certificate itself (RFC 8705 §2.2). */
function selfSigned(file) {
  const certificate = new crypto.X509Certificate(fs.readFileSync(file));
  const jwk = { ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] };
  return code('tls-self', undefined, { ...everything, token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [jwk] } });
}

const made = [
  code('web', 'web-secret'),
  code('web-post', 'web-post-secret', { token_endpoint_auth_method: 'client_secret_post' }),
  code('spa', undefined, { token_endpoint_auth_method: 'none' }),
  // A native app: its redirect URI is no web address (RFC 8252 §7.1).
  code('native', undefined, {
    application_type: 'native', token_endpoint_auth_method: 'none',
    redirect_uris: ['com.example.app:/cb'], post_logout_redirect_uris: [],
  }),
  { client_id: 'svc', client_secret: 'svc-secret', grant_types: ['client_credentials', EXCHANGE], redirect_uris: [], response_types: [] },
  code('jwt-secret', LONG_SECRET, { ...everything, token_endpoint_auth_method: 'client_secret_jwt' }),
  ...Object.keys(KEYS).map(signing),
  code('dpop', 'dpop-secret', { ...everything, dpop_bound_access_tokens: true }),
  code('par', 'par-secret', { require_pushed_authorization_requests: true }),
  code('implicit', 'implicit-secret', { ...implicit, response_types: ['id_token', 'id_token token'], grant_types: ['implicit'] }),
  code('hybrid', 'hybrid-secret', { ...implicit, response_types: ['code', 'code id_token', 'code token', 'code id_token token'] }),
  code('signed-userinfo', 'signed-secret', { userinfo_signed_response_alg: 'RS256' }),
  code('signed-introspection', 'signed-secret', { ...everything, introspection_signed_response_alg: 'RS256' }),
  {
    client_id: 'device', client_secret: 'device-secret', grant_types: [DEVICE, 'refresh_token'],
    redirect_uris: [], response_types: [],
  },
  code('bye', 'bye-secret', env.BACKCHANNEL_LOGOUT_URI && {
    backchannel_logout_uri: env.BACKCHANNEL_LOGOUT_URI, backchannel_logout_session_required: true,
  }),
  // A broker that has its users log in here: a lab's public client.
  ...(env.BROKER_CALLBACK ? [code('broker', undefined, { token_endpoint_auth_method: 'none', redirect_uris: [env.BROKER_CALLBACK] })] : []),
  ...(env.CLIENT_CA ? [code('tls', undefined, {
    ...everything, token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: 'CN=authprobe-client',
    tls_client_certificate_bound_access_tokens: true,
  })] : []),
  ...(env.SELF_SIGNED ? [selfSigned(env.SELF_SIGNED)] : []),
];

/** Every client; $CLIENT_SECRET stands for all of their secrets. */
export const CLIENTS = made.map((client) => ({ ...client, ...(env.CLIENT_SECRET && client.client_secret && { client_secret: env.CLIENT_SECRET }) }));

/** What oidc-provider leaves to its users about certificates. */
export const MUTUAL_TLS = {
  enabled: Boolean(env.CLIENT_CA),
  certificateBoundAccessTokens: true,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
  getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
  certificateAuthorized: (ctx) => ctx.socket.authorized,
  certificateSubjectMatches: (ctx, property, expected) => {
    if (property !== 'tls_client_auth_subject_dn') throw new Error(`no client is registered by ${property}`);
    return ctx.socket.getPeerX509Certificate().subject === expected;
  },
};
