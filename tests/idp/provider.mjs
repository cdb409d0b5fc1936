// How our provider is set up: strict where oidc-provider lets one choose.
import crypto from 'node:crypto';
import { Provider, errors } from 'oidc-provider';
import { CLIENTS, MUTUAL_TLS, code } from './clients.mjs';
import { nameSubject, offerTokenExchange } from './exchange.mjs';
import { document } from './html.mjs';
import { scene } from './scenes.mjs';
import { Store } from './store.mjs';
import { find } from './users.mjs';

/** The resource indicator (RFC 8707) that yields JWT access tokens. */
const API = 'urn:example:api';

const NONCES = crypto.randomBytes(32);
/** RFC 8705 §5: the same endpoints, where a certificate is asked for. */
const aliases = (at) => ({
  token_endpoint: `${at}/token`,
  revocation_endpoint: `${at}/token/revocation`,
  introspection_endpoint: `${at}/token/introspection`,
  pushed_authorization_request_endpoint: `${at}/request`,
  userinfo_endpoint: `${at}/me`,
});

const lifetime = (name, otherwise) => Number(process.env[name] ?? otherwise);

/** Sends the browser on by a script that logs where to: the code is in the console. */
function leaveByPage(ctx) {
  const to = ctx.response.get('location');
  if (!/[?#&]code=/.test(to ?? '')) return;
  const literal = JSON.stringify(to).replaceAll('<', '\\u003c');
  ctx.remove('location');
  ctx.status = 200;
  ctx.type = 'html';
  ctx.body = document(`<h1>Signed in</h1><script>console.log('going to', ${literal}); location.assign(${literal});</script>`);
}

/**
 * `settings`: issuer, jwks, application ({id, secret, at}), saw (told of every secret that crosses), log (for one), mutual (origin where
 * clients show certificates, if there is one).
 */
export function build({ issuer, jwks, application, saw, log, mutual }) {
  const tokens = lifetime('TOKEN_TTL', 300);
  const resourceServer = (indicator) => {
    if (indicator !== API) throw new errors.InvalidTarget();
    return { scope: 'api:read', audience: API, accessTokenTTL: tokens, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
  };
  const provider = new Provider(issuer, {
    adapter: Store,
    jwks,
    clients: [
      ...CLIENTS,
      code(application.id, application.secret, { redirect_uris: [`${application.at}/callback`] }),
    ],
    extraParams: ['scene'],
    cookies: { keys: ['a key for the cookies of tests'] },
    scopes: ['openid', 'offline_access', 'api:read'],
    acrValues: ['gold', 'silver'],
    responseTypes: ['code', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token', 'none'],
    claims: { openid: ['sub', 'acr', 'auth_time'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
      ...(MUTUAL_TLS.enabled ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
    ],
    discovery: mutual && { mtls_endpoint_aliases: aliases(mutual) },
    // By default nobody on loopback is told of a logout.
    fetch: (url, { dispatcher, ...options }) => {
      log(new URLSearchParams(options.body).get('logout_token'));
      return globalThis.fetch(url, options);
    },
    pkce: { required: () => true },
    rotateRefreshToken: () => process.env.ROTATE !== '0',
    // By default a refresh token takes the scope offline_access and a prompt for consent.
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    formats: { customizers: { jwt: nameSubject } },
    ttl: {
      AccessToken: tokens, ClientCredentials: tokens, IdToken: tokens, AuthorizationCode: 60,
      RefreshToken: lifetime('REFRESH_TTL', 86400), Interaction: 3600, Session: 86400, Grant: 86400,
    },
    async findAccount(ctx, id) {
      if (!find(id)) return undefined;
      const claims = { sub: id, name: id, preferred_username: id, email: `${id}@example.test`, email_verified: true };
      return { accountId: id, claims: async () => claims };
    },
    // As applications do that let their errors through.
    ...(process.env.CRASHES && {
      renderError: (ctx) => {
        ctx.status = 500;
        ctx.type = 'html';
        ctx.body = document('<h1>Something went wrong</h1>', { title: 'Error' });
      },
    }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      jwtUserinfo: { enabled: true },
      dPoP: { enabled: true, nonceSecret: NONCES, requireNonce: () => process.env.DPOP_NONCE === '1' },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: process.env.PAR === 'required' },
      mTLS: MUTUAL_TLS,
      resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, indicator) => resourceServer(indicator) },
    },
  });
  offerTokenExchange(provider, resourceServer);
  provider.use(async (ctx, next) => {
    await next();
    saw(ctx);
    if (ctx.path.startsWith('/auth') && scene(ctx.oidc?.params?.scene).leave) leaveByPage(ctx);
  });
  provider.on('server_error', (ctx, error) => console.error('server_error', ctx.path, error));
  return provider;
}
