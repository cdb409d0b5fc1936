// How our provider is set up: strict where oidc-provider lets one choose.
import { Provider, errors } from 'oidc-provider';
import { GRANT, nameSubject, offerTokenExchange } from './exchange.mjs';
import { Store } from './store.mjs';

const REDIRECT = 'http://127.0.0.1:8765/cb';
const AFTER_LOGOUT = 'http://127.0.0.1:8765/bye';
/** The resource indicator (RFC 8707) that yields JWT access tokens. */
const API = 'urn:example:api';

const code = (id, secret, more) => ({
  client_id: id,
  client_secret: secret,
  redirect_uris: [REDIRECT],
  post_logout_redirect_uris: [AFTER_LOGOUT],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  ...more,
});

const CLIENTS = [
  code('web', 'web-secret'),
  code('web-post', 'web-post-secret', { token_endpoint_auth_method: 'client_secret_post' }),
  code('spa', undefined, { token_endpoint_auth_method: 'none' }),
  { client_id: 'svc', client_secret: 'svc-secret', grant_types: ['client_credentials', GRANT], redirect_uris: [], response_types: [] },
];

const lifetime = (name, otherwise) => Number(process.env[name] ?? otherwise);

/** `settings`: issuer, jwks, users (name to password), saw (told of every secret that crosses). */
export function build({ issuer, jwks, users, saw }) {
  const tokens = lifetime('TOKEN_TTL', 300);
  const resourceServer = (indicator) => {
    if (indicator !== API) throw new errors.InvalidTarget();
    return { scope: 'api:read', audience: API, accessTokenTTL: tokens, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
  };
  const provider = new Provider(issuer, {
    adapter: Store,
    jwks,
    clients: CLIENTS.map((client) => ({ ...client, ...(process.env.CLIENT_SECRET && client.client_secret && { client_secret: process.env.CLIENT_SECRET }) })),
    cookies: { keys: ['a key for the cookies of tests'] },
    scopes: ['openid', 'offline_access', 'api:read'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
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
      if (!Object.hasOwn(users, id)) return undefined;
      const claims = { sub: id, name: id, preferred_username: id, email: `${id}@example.test`, email_verified: true };
      return { accountId: id, claims: async () => claims };
    },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, indicator) => resourceServer(indicator) },
    },
  });
  offerTokenExchange(provider, resourceServer);
  provider.use(async (ctx, next) => {
    await next();
    saw(ctx);
  });
  provider.on('server_error', (ctx, error) => console.error('server_error', ctx.path, error));
  return provider;
}
