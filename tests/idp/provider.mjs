// How our provider is set up: strict where oidc-provider lets one choose.
import { Provider, errors } from 'oidc-provider';
import { GRANT, nameSubject, offerTokenExchange } from './exchange.mjs';
import { document } from './html.mjs';
import { scene } from './scenes.mjs';
import { Store } from './store.mjs';
import { find } from './users.mjs';

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
  // A native app: its redirect URI is no web address (RFC 8252 §7.1).
  code('native', undefined, {
    application_type: 'native', token_endpoint_auth_method: 'none',
    redirect_uris: ['com.example.app:/cb'], post_logout_redirect_uris: [],
  }),
  { client_id: 'svc', client_secret: 'svc-secret', grant_types: ['client_credentials', GRANT], redirect_uris: [], response_types: [] },
];

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

/** `settings`: issuer, jwks, application ({id, secret, at}), saw (told of every secret that crosses). */
export function build({ issuer, jwks, application, saw }) {
  const tokens = lifetime('TOKEN_TTL', 300);
  const resourceServer = (indicator) => {
    if (indicator !== API) throw new errors.InvalidTarget();
    return { scope: 'api:read', audience: API, accessTokenTTL: tokens, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
  };
  const provider = new Provider(issuer, {
    adapter: Store,
    jwks,
    clients: [
      ...CLIENTS.map((client) => ({ ...client, ...(process.env.CLIENT_SECRET && client.client_secret && { client_secret: process.env.CLIENT_SECRET }) })),
      code(application.id, application.secret, { redirect_uris: [`${application.at}/callback`] }),
    ],
    extraParams: ['scene'],
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
      if (!find(id)) return undefined;
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
    if (ctx.path.startsWith('/auth') && scene(ctx.oidc?.params?.scene).leave) leaveByPage(ctx);
  });
  provider.on('server_error', (ctx, error) => console.error('server_error', ctx.path, error));
  return provider;
}
