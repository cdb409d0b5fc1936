//! What kinds that log somebody in have in common, however they do it: the steps from metadata to tokens, and cleaning up.

use std::time::Duration;

use super::login_settings::Login;
use crate::clock::Clock;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::{self, Answer, Ask, Expected, Granted, Pending};
use crate::oidc::grants::{self, Word};
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Claims, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::settings::{Client, RedirectUri};
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::Warning;
use crate::secret::Secret;

/// The provider's metadata is read.
pub const DISCOVERY: StepName = "discovery";
/// The provider's keys are read.
pub const JWKS: StepName = "jwks";
/// The authorization request, up to the first page.
pub const AUTHORIZE: StepName = "authorize";
/// The login pages, consent included, up to the redirect to us.
pub const LOGIN: StepName = "login";
/// The code is exchanged.
pub const TOKEN: StepName = "token";
/// The ID token is validated.
pub const ID_TOKEN: StepName = "id_token";
/// The user is asked for with the access token.
pub const USERINFO: StepName = "userinfo";
/// Cleanup: what was issued is revoked.
pub const REVOKE: StepName = "revoke";

/// How many requests an ordinary login with consent sends up to the code, redirects included.
pub const LOGIN_REQUESTS: u32 = 7;
/// How many more a login with a page for everything sends; what goes beyond is a fault soon.
pub const LOGIN_DETOURS: u32 = 8;

/// Steps `discovery` and `jwks`. `welcome`: members of the metadata that the run can do without, such as for cleanup.
pub async fn prepare(
    journey: &mut Journey,
    relying: &Relying,
    welcome: &[&'static str],
) -> Result<(Metadata, KeySet), Stopped> {
    let metadata = journey.step(DISCOVERY, relying.metadata_with(&[], welcome)).await?;
    let keys = journey.step(JWKS, relying.keys(&metadata)).await?;
    Ok((metadata, keys))
}

/// What the authorization endpoint gave, and the request that it answers.
pub struct Authorized {
    /// A code, unless another response type was asked for.
    pub granted: Granted,
    /// What was sent for it.
    pub pending: Pending,
}

/// The authorization request of this run, its secrets masked from now on. Faults: `unsupported`, where the metadata says
/// that something of it is not offered; `config`.
pub fn request(relying: &Relying, metadata: &Metadata, login: &Login) -> Result<Pending, Fault> {
    request_for(relying, metadata, &login.ask(relying.client()?))
}

/// The same, for another request than a login's first.
pub fn request_for(relying: &Relying, metadata: &Metadata, ask: &Ask) -> Result<Pending, Fault> {
    let client = relying.client()?;
    if ask.response_type.id_token && !asked_for_openid(relying) {
        let detail = format!(
            "response_type {} needs `openid` among the scopes of client {} (OIDC Core 3.2.2.1)",
            ask.response_type, client.name
        );
        return Err(Fault::new(Class::Config, detail));
    }
    authorize::offered(metadata, ask)?;
    let redirect_uri = redirect_uri(client)?;
    let endpoint = metadata.endpoint("authorization_endpoint")?;
    if ask.response_type.code
        && let Some(methods) = metadata.list("code_challenge_methods_supported")
        && !methods.contains(&"S256")
    {
        let detail = "code_challenge_methods_supported does not list S256";
        relying.recorder.warn(Warning::new("pkce", "RFC 9700 §2.1.1", detail));
    }
    let pending = authorize::request(&endpoint, &client.client_id, redirect_uri, ask);
    pending.protect(&relying.recorder);
    Ok(pending)
}

/// The first thing that came was an answer already: one that nobody logged in for is a fault, and so is an error.
pub fn nobody_asked(
    relying: &Relying,
    metadata: &Metadata,
    pending: &Pending,
    answer: &Answer,
) -> Result<std::convert::Infallible, Fault> {
    processed(relying, metadata, pending, answer)?;
    let what = pending.response_type;
    let detail = format!("the provider answered with a {what} without asking anybody to log in");
    Err(promised(relying, metadata, Fault::new(Class::LoginPage, detail)))
}

/// Where the client's answers go. Fault: `config`.
pub fn redirect_uri(client: &Client) -> Result<&RedirectUri, Fault> {
    let missing = || Fault::new(Class::Config, format!("client {} has no `redirect_uri`", client.name));
    client.redirect_uri.as_ref().ok_or_else(missing)
}

/// What an authorization response gives, all of whose parameters have been checked (RFC 6749 §4.1.2, RFC 9207).
pub fn processed(relying: &Relying, metadata: &Metadata, pending: &Pending, answer: &Answer) -> Result<Granted, Fault> {
    answer.protect(&relying.recorder);
    let expected = Expected {
        state: &pending.state,
        issuer: metadata.issuer(),
        iss_promised: metadata.flag("authorization_response_iss_parameter_supported") == Some(true),
        response_type: pending.response_type,
        response_mode: pending.response_mode,
    };
    let mut granted = authorize::process(answer, expected)?;
    relying.recorder.warn_all(std::mem::take(&mut granted.warnings));
    Ok(granted)
}

/// Step `token`: whatever is issued is revoked when the run is over.
pub async fn exchange(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    authorized: &Authorized,
    login: &Login,
) -> Result<Tokens, Stopped> {
    let tokens = redeem(journey, relying, metadata, authorized, login).await?;
    revoke_later(journey, relying, metadata, &tokens);
    Ok(tokens)
}

/// Step `token`, where the caller sees to the tokens; if the step fails they are revoked.
pub async fn redeem(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    authorized: &Authorized,
    login: &Login,
) -> Result<Tokens, Stopped> {
    let mut issued = None;
    let work = async {
        let result = relying.token(metadata, grant(authorized, login)?).await;
        // The code speaks for the grant.
        let judged = |fault| grants::judged(metadata, "authorization_code", Word::Given, fault);
        let tokens = issued.insert(result.map_err(judged)?).clone();
        let asked = &relying.client()?.scopes;
        match Fault::from_findings(login.expect.check_scopes(tokens.scope.as_deref(), asked)) {
            Some(fault) => Err(fault),
            None => Ok(tokens),
        }
    };
    let result = journey.step(TOKEN, work).await;
    if let (Err(_), Some(tokens)) = (&result, &issued) {
        revoke_later(journey, relying, metadata, tokens);
    }
    result
}

/// The code's token request. Fault: `internal`, if no code was asked for.
pub fn grant(authorized: &Authorized, login: &Login) -> Result<Grant, Fault> {
    let Authorized { granted, pending } = authorized;
    let none = || Fault::new(Class::Internal, "a code is to be exchanged that nobody asked for");
    Ok(Grant::AuthorizationCode {
        code: granted.code.clone().ok_or_else(none)?,
        redirect_uri: pending.redirect_uri.as_str().to_owned(),
        verifier: pending.verifier.clone(),
        resource: login.resource().to_vec(),
    })
}

/// What is known of a login whose tokens are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The nonce that was sent.
    pub nonce: Option<&'a Secret>,
    /// The code, where the authorization endpoint gave an ID token with it.
    pub code: Option<&'a str>,
    /// Whom an earlier ID token was about.
    pub subject: Option<&'a str>,
}

/// Step `id_token`: the claims; `None` if none was issued because `openid` was not asked for.
pub async fn validate_id_token(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    tokens: &Tokens,
    login: &Login,
    known: Known<'_>,
) -> Result<Option<Claims>, Stopped> {
    let Some(id_token) = &tokens.id_token else {
        if asked_for_openid(relying) {
            // Whatever scopes were granted instead: no OpenID client can log in with that.
            let detail = "id_token is missing though openid was asked for";
            let finding = Finding::new(Class::Malformed, "OIDC Core 3.1.3.3", detail);
            let fault = Fault::from_findings(vec![finding]).map_or(Ok(None), |f| Err(promised(relying, metadata, f)));
            return journey.step(ID_TOKEN, async { fault }).await;
        }
        journey.skip(ID_TOKEN, "no ID token was issued: `openid` is not among the scopes");
        return Ok(None);
    };
    let ask = IdTokenAsk {
        nonce: known.nonce.map(Secret::expose),
        max_age: login.max_age(),
        access_token: Some(tokens.access_token.expose()),
        code: known.code,
        subject: known.subject,
        expect: &login.expect,
        userinfo_follows: login.asks_userinfo() && asks_userinfo(relying, metadata),
        front_channel: false,
    };
    let work = async {
        let claims = relying.id_token(metadata, keys, id_token, ask).await?;
        Fault::from_findings(login.claims().check_id_token(&claims.0)).map_or(Ok(claims), Err)
    };
    journey.step(ID_TOKEN, work).await.map(Some)
}

/// Whether there is userinfo to be asked for.
pub fn asks_userinfo(relying: &Relying, metadata: &Metadata) -> bool {
    metadata.optional_endpoint("userinfo_endpoint").is_some() && asked_for_openid(relying)
}

/// Step `userinfo`: with `sub` compared, and what the probe demands.
pub async fn ask_userinfo(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
    subject: Option<&str>,
    login: &Login,
) -> Result<(), Stopped> {
    if !login.asks_userinfo() {
        journey.skip(USERINFO, "the access token is for the `resource` that was asked for");
        return Ok(());
    }
    if metadata.optional_endpoint("userinfo_endpoint").is_none() {
        journey.skip(USERINFO, "the provider has no userinfo_endpoint");
        return Ok(());
    }
    if !asked_for_openid(relying) {
        journey.skip(USERINFO, "`openid` is not among the scopes");
        return Ok(());
    }
    journey.step(USERINFO, check_userinfo(relying, metadata, tokens, subject, login)).await
}

/// What userinfo says with that access token: `sub` compared, and what the probe demands.
pub async fn check_userinfo(
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
    subject: Option<&str>,
    login: &Login,
) -> Result<(), Fault> {
    let userinfo = relying.userinfo(metadata, &tokens.access_token, subject).await?;
    let mut findings = login.claims().check_userinfo(&userinfo);
    // What userinfo does not repeat, the ID token may have said.
    let id_token = tokens.id_token.as_ref().and_then(|token| Jwt::decode(token.expose(), "ID token").ok());
    findings.extend(match id_token {
        Some(Jwt { claims: Claims(mut claims), .. }) => {
            claims.extend(userinfo);
            login.expect.check_claims(&claims)
        }
        // A refresh may bring none; the login's was complete.
        None => login.expect.check_present(&userinfo),
    });
    Fault::from_findings(findings).map_or(Ok(()), Err)
}

/// `fault`, unless OpenID Connect was asked of a provider that never promised it: what it lists as `scopes_supported` lacks
/// `openid`. It should list what it supports of OIDC Core (Discovery §3), but some that do not work all the same: so this
/// is only asked when something has gone wrong.
pub fn promised(relying: &Relying, metadata: &Metadata, fault: Fault) -> Fault {
    let not_there = matches!(fault.class, Class::LoginPage | Class::OauthError | Class::Malformed);
    match metadata.offers("scopes_supported", "openid", &["openid"]) {
        Err(absent) if not_there && asked_for_openid(relying) => {
            Fault::new(Class::Unsupported, format!("{}: {}", absent.detail, fault.detail))
        }
        _ => fault,
    }
}

/// Whether the client asks for an ID token.
pub fn asked_for_openid(relying: &Relying) -> bool {
    relying.client.as_ref().is_some_and(|client| client.scopes.iter().any(|scope| scope == "openid"))
}

/// `sub` of an ID token.
pub fn subject(claims: Option<&Claims>) -> Option<String> {
    claims?.0.get("sub")?.as_str().map(str::to_owned)
}

/// Has what was issued revoked when the run is over, if the provider can do that: the refresh token first, which should
/// take the access tokens of its grant along (RFC 7009 §2.1), then the access token all the same.
pub fn revoke_later(journey: &mut Journey, relying: &Relying, metadata: &Metadata, tokens: &Tokens) {
    if metadata.optional_endpoint("revocation_endpoint").is_none() {
        return;
    }
    journey.defer(REVOKE, revocation(relying, metadata, tokens));
}

/// Revokes tokens, whenever it is polled first (RFC 7009 §2.1).
pub fn revocation(
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
    let (relying, metadata, tokens) = (relying.clone(), metadata.clone(), tokens.clone());
    async move {
        // Only now: the time for it counts from here.
        let refresh = match &tokens.refresh_token {
            Some(token) => relying.for_cleanup().revoke(&metadata, token, "refresh_token").await,
            None => Ok(()),
        };
        relying.for_cleanup().revoke(&metadata, &tokens.access_token, "access_token").await.and(refresh)
    }
}

/// Waits; the journey's deadline still holds.
pub async fn pause(clock: &Clock, wait: Duration) {
    tokio::time::sleep_until(clock.instant() + wait).await;
}
