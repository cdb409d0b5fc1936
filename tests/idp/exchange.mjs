// RFC 8693 for oidc-provider, which leaves the grant to its users: access tokens in, an access token out.
import { errors } from 'oidc-provider';

export const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const PARAMETERS = [
  'audience', 'resource', 'scope', 'requested_token_type',
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type',
];

export function offerTokenExchange(provider, resourceServer) {
  const read = async (params, role) => {
    const [value, type] = [params[`${role}_token`], params[`${role}_token_type`]];
    if (type !== ACCESS_TOKEN) throw new errors.InvalidRequest(`${role}_token_type is not supported`);
    const found = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
    if (!found || found.isExpired) throw new errors.InvalidRequest(`${role}_token is not valid`);
    return found;
  };
  const subjectOf = (token) => token.accountId ?? token.clientId;

  provider.registerGrantType(GRANT, async (ctx) => {
    const { client, params } = ctx.oidc;
    if (!params.subject_token || !params.subject_token_type) throw new errors.InvalidRequest('subject_token is missing');
    if (!params.actor_token !== !params.actor_token_type) throw new errors.InvalidRequest('actor_token without its type');
    const target = params.resource ?? params.audience;
    const server = target === undefined ? undefined : resourceServer(target);
    const subject = await read(params, 'subject');
    const actor = params.actor_token ? await read(params, 'actor') : undefined;
    const issued = new provider.ClientCredentials({ client, scope: params.scope ?? server?.scope });
    if (server) issued.resourceServer = new provider.ResourceServer(target, server);
    ctx.oidc.exchanged = { sub: subjectOf(subject), ...(actor && { act: { sub: subjectOf(actor) } }) };
    ctx.oidc.entity('ClientCredentials', issued);
    ctx.body = {
      access_token: await issued.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: issued.expiration,
      scope: issued.scope,
    };
  }, PARAMETERS, ['audience', 'resource']);
}

/** For `formats.customizers.jwt`: whom an exchanged token stands for, and who acts (RFC 8693 §4.1). */
export function nameSubject(ctx, token, jwt) {
  Object.assign(jwt.payload, ctx?.oidc?.exchanged);
}
