//! `token_exchange`: one token for another, on behalf of whom the first is about (RFC 8693).

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::issued::{self, DISCOVERY, JWKS, Opacity};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::expect::Expect;
use crate::oidc::jwt::Jwt;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, TOKEN_EXCHANGE};
use crate::outcome::Warning;
use crate::secret::{Secret, SecretSource};

const SUBJECT_TOKEN: StepName = "subject_token";
const ACTOR_TOKEN: StepName = "actor_token";
const TOKEN: StepName = "token";
const ISSUED_TOKEN: StepName = "issued_token";

/// What short names of token types stand for (RFC 8693 §3).
const URN: &str = "urn:ietf:params:oauth:token-type:";
const SHORT: &[&str] = &["access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt"];

/// See the module.
pub const KIND: Kind = Kind {
    name: "token_exchange",
    summary: "Exchanges a token for another and checks the one that is issued.",
    spec: "RFC 8693",
    client: Need::Required,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Where the token comes from that is exchanged: `{ grant = "client_credentials" }` (the default, in the same run),
    /// `{ file = "path" }` or `{ env = "NAME" }`.
    subject: Option<Source>,
    /// Its type: `access_token` (the default), `refresh_token`, `id_token`, `saml1`, `saml2`, `jwt`, or a URI.
    subject_token_type: Option<String>,
    /// Where the token of the acting party comes from, likewise. Absent: impersonation, not delegation.
    actor: Option<Source>,
    /// Its type. Default: `access_token`.
    actor_token_type: Option<String>,
    /// The type to ask for. Absent: the provider chooses.
    requested_token_type: Option<String>,
    /// The services that the token is for, by logical name, once each.
    audience: Vec<String>,
    /// The services that the token is for, by URI, once each.
    resource: Vec<String>,
    /// What to ask for. Absent: nothing, the provider chooses.
    scopes: Vec<String>,
    /// What the issued token must hold.
    expect: Expect,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    /// A grant, in the same run.
    Grant(SourceGrant),
    /// The path of a file, relative to the configuration file; a final newline is cut. Read anew for every run.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
}

/// A grant that needs no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SourceGrant {
    /// RFC 6749 §4.4, with the client's scopes.
    ClientCredentials,
}

impl Source {
    fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(base.join(path)),
            other => other,
        }
    }

    fn is_grant(&self) -> bool {
        matches!(self, Self::Grant(_))
    }
}

fn token_type(short: Option<&str>) -> String {
    match short {
        None => format!("{URN}access_token"),
        Some(name) if SHORT.contains(&name) => format!("{URN}{name}"),
        Some(uri) => uri.to_owned(),
    }
}

fn parse(table: toml::Table, cx: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let settings: Settings = own_keys::read(table)?;
    let mut problems = Vec::new();
    for (key, value) in [
        ("subject_token_type", &settings.subject_token_type),
        ("actor_token_type", &settings.actor_token_type),
        ("requested_token_type", &settings.requested_token_type),
    ] {
        if value.as_deref().is_some_and(|v| !SHORT.contains(&v) && url::Url::parse(v).is_err()) {
            problems.push(own_keys::problem(key, format!("expected one of {}, or a URI", SHORT.join(", "))));
        }
    }
    if settings.actor.is_none() && settings.actor_token_type.is_some() {
        problems.push(own_keys::problem("actor_token_type", "there is no `actor`"));
    }
    for (n, resource) in settings.resource.iter().enumerate() {
        // RFC 8693 §2.1: an absolute URI without fragment.
        if !url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
            problems.push(own_keys::problem(format!("resource.{n}"), "expected an absolute URI without fragment"));
        }
    }
    if settings.expect.acr.is_some() {
        problems.push(own_keys::problem("expect.acr", "no user logs in here, so there is no acr"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let grant = Source::Grant(SourceGrant::ClientCredentials);
    Ok(Box::new(TokenExchange {
        subject: settings.subject.clone().unwrap_or(grant).relative_to(&cx.base),
        actor: settings.actor.clone().map(|actor| actor.relative_to(&cx.base)),
        settings,
    }))
}

struct TokenExchange {
    subject: Source,
    actor: Option<Source>,
    settings: Settings,
}

impl TokenExchange {
    fn grant(&self, subject: Secret, actor: Option<Secret>) -> Grant {
        let settings = &self.settings;
        Grant::TokenExchange {
            subject,
            subject_type: token_type(settings.subject_token_type.as_deref()),
            actor: actor.map(|actor| (actor, token_type(settings.actor_token_type.as_deref()))),
            requested_type: settings.requested_token_type.as_deref().map(|name| token_type(Some(name))),
            audience: settings.audience.clone(),
            resource: settings.resource.clone(),
            scopes: settings.scopes.clone(),
        }
    }

    fn grants(&self) -> u32 {
        u32::from(self.subject.is_grant()) + u32::from(self.actor.as_ref().is_some_and(Source::is_grant))
    }
}

/// A token to exchange.
struct Obtained {
    token: Secret,
    /// Whether one that was given to us had expired when it was read.
    expired: bool,
}

/// The step that gets hold of a token.
async fn obtain(
    journey: &mut Journey,
    step: StepName,
    source: &Source,
    relying: &Relying,
    metadata: &Metadata,
) -> Result<Obtained, Stopped> {
    let token = journey
        .step(step, async {
            let source = match source {
                Source::File(path) => SecretSource::File(path.clone()),
                Source::Env(name) => SecretSource::Env(name.clone()),
                Source::Grant(SourceGrant::ClientCredentials) => {
                    let scopes = issued::machine_scopes(relying.client()?);
                    let grant = Grant::ClientCredentials { scopes, extra: vec![] };
                    let result = relying.token(metadata, grant).await.map(|tokens| tokens.access_token);
                    return result
                        .map_err(|fault| issued::unsupported_grant(relying, metadata, "client_credentials", fault));
                }
            };
            let token = source.read().map_err(|why| Fault::new(Class::Config, format!("{step}: {why}")))?;
            relying.recorder.protect(token.expose());
            Ok(token)
        })
        .await?;
    if source.is_grant() {
        issued::revoke_later(journey, relying, metadata, &token);
        return Ok(Obtained { token, expired: false });
    }
    let expired = has_expired(&token, relying.clock.now());
    Ok(Obtained { token, expired })
}

/// Whether `exp` of a token has passed; `false` if it is opaque.
fn has_expired(token: &Secret, now: Timestamp) -> bool {
    let Ok(jwt) = Jwt::decode(token.expose(), "token") else { return false };
    jwt.claims.date("exp").ok().flatten().is_some_and(|exp| exp <= now.as_secs_f64())
}

/// RFC 8693 §2.2.2: a token that does not hold is refused with `invalid_request` (some say what they say elsewhere). If it
/// was given to us and has expired, that is the settings' fault.
fn refused(fault: Fault, expired: &[&str]) -> Fault {
    let code = fault.detail.split(' ').next().unwrap_or_default();
    let about_a_token = matches!(code, "invalid_request" | "invalid_grant" | "invalid_token");
    match expired.first() {
        Some(key) if fault.class == Class::OauthError && about_a_token => {
            Fault::new(Class::Config, format!("the token of `{key}` has expired: {}", fault.detail))
        }
        _ => fault,
    }
}

#[async_trait]
impl Probe for TokenExchange {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![DISCOVERY, JWKS, SUBJECT_TOKEN];
        if self.actor.is_some() {
            steps.push(ACTOR_TOKEN);
        }
        steps.extend([TOKEN, ISSUED_TOKEN]);
        steps
    }

    fn cost(&self) -> Cost {
        // Metadata, keys, exchange; each token that was issued is revoked.
        let requests = 3 + 2 * self.grants() + 1;
        Cost { requests, burst: requests + 2, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(DISCOVERY, relying.metadata_for(&["token_endpoint"])).await?;
        let mut keys = issued::keys(journey, &relying, &metadata, Opacity::of(&cx.memory)).await?;
        let subject = obtain(journey, SUBJECT_TOKEN, &self.subject, &relying, &metadata).await?;
        let actor = match &self.actor {
            Some(source) => Some(obtain(journey, ACTOR_TOKEN, source, &relying, &metadata).await?),
            None => None,
        };
        let delegated = actor.is_some();
        let given = [("subject", Some(&subject)), ("actor", actor.as_ref())];
        let expired = given.into_iter().filter(|(_, token)| token.is_some_and(|token| token.expired));
        let expired: Vec<&str> = expired.map(|(key, _)| key).collect();
        let grant = self.grant(subject.token, actor.map(|actor| actor.token));
        let tokens = journey
            .step(TOKEN, async {
                let result = relying.token(&metadata, grant).await;
                result.map_err(|fault| {
                    let fault = issued::unsupported_grant(&relying, &metadata, TOKEN_EXCHANGE, fault);
                    refused(fault, &expired)
                })
            })
            .await?;
        issued::revoke_later(journey, &relying, &metadata, &tokens.access_token);
        journey
            .step(ISSUED_TOKEN, async {
                let claims = relying.verify_access_token(&metadata, &mut keys, &tokens).await?;
                Opacity::remember(&cx.memory, claims.is_none());
                if delegated && claims.as_ref().is_some_and(|claims| claims.get("act").is_none()) {
                    let detail = "an actor_token was sent, but the issued token has no act claim";
                    relying.recorder.warn(Warning::new("act_missing", "RFC 8693 §4.1", detail));
                }
                let mut findings = issued::check_claims(&self.settings.expect, claims.as_ref());
                findings.extend(self.settings.expect.check_scopes(tokens.scope.as_deref(), &self.settings.scopes));
                Fault::from_findings(findings).map_or(Ok(()), Err)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(text).unwrap(), &ParseContext { regions: 1, base: "/etc/authprobe".into(), client: true })
    }

    #[test]
    fn tokens_come_from_a_grant_a_file_or_the_environment() {
        let steps = |text| read(text).unwrap().steps();
        let plain = [DISCOVERY, JWKS, SUBJECT_TOKEN, TOKEN, ISSUED_TOKEN];
        assert_eq!(steps(""), plain);
        assert_eq!(steps("subject = { grant = 'client_credentials' }"), plain);
        assert_eq!(steps("subject = { file = 'token' }"), plain);
        let delegation = steps("subject = { env = 'TOKEN' }\nactor = { grant = 'client_credentials' }");
        assert_eq!(delegation, [DISCOVERY, JWKS, SUBJECT_TOKEN, ACTOR_TOKEN, TOKEN, ISSUED_TOKEN]);
        assert_eq!(read("subject = { file = 'token' }").unwrap().cost().requests, 4);
        assert_eq!(read("").unwrap().cost().requests, 6);
        assert_eq!(
            Source::File("token".into()).relative_to(Path::new("/etc/authprobe")),
            Source::File("/etc/authprobe/token".into())
        );
    }

    #[test]
    fn a_given_token_that_has_expired_is_the_settings_fault() {
        // {"alg":"none"} . {"exp":1700000000} . empty
        let jwt = Secret::new("eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.");
        assert!(has_expired(&jwt, Timestamp::from_secs(1_700_000_000)));
        assert!(!has_expired(&jwt, Timestamp::from_secs(1_699_999_999)));
        assert!(!has_expired(&Secret::new("opaque"), Timestamp::from_secs(1_700_000_000)));
        let class = |detail: &str, expired: &[&str]| refused(Fault::new(Class::OauthError, detail), expired).class;
        assert_eq!(class("invalid_request (Invalid token)", &["subject"]), Class::Config);
        assert_eq!(class("invalid_grant", &["actor"]), Class::Config);
        assert_eq!(class("invalid_grant", &[]), Class::OauthError);
        assert_eq!(class("server_error", &["subject"]), Class::OauthError);
        let broken = refused(Fault::new(Class::HttpStatus, "invalid_request"), &["subject"]);
        assert_eq!(broken.class, Class::HttpStatus);
    }

    #[test]
    fn token_types_have_short_names() {
        assert_eq!(token_type(None), "urn:ietf:params:oauth:token-type:access_token");
        assert_eq!(token_type(Some("jwt")), "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(token_type(Some("urn:x:y")), "urn:x:y");
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let wrong = "subject_token_type = 'acess_token'\nactor_token_type = 'jwt'\nresource = ['api', 'urn:a']";
        let problems: Vec<_> = read(wrong).err().unwrap().into_iter().map(|p| p.key).collect();
        assert_eq!(problems, ["subject_token_type", "actor_token_type", "resource.0"]);
    }
}
