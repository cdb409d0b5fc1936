//! `jwt_bearer`: an assertion that somebody else signed, for an access token: how workloads and CI jobs log in without a
//! secret (RFC 7523).

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::issued::{self, DISCOVERY, JWKS, Opacity};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::expect::Expect;
use crate::oidc::grants;
use crate::oidc::id_token::LEEWAY;
use crate::oidc::json;
use crate::oidc::jwt::Jwt;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, JWT_BEARER};
use crate::secret::{Secret, SecretSource};

/// The assertion is read, and is one that can be accepted.
const ASSERTION: StepName = "assertion";
const TOKEN: StepName = "token";
const ACCESS_TOKEN: StepName = "access_token";

/// See the module.
pub const KIND: Kind = Kind {
    name: "jwt_bearer",
    summary: "Exchanges an assertion, such as a projected service account or CI token, for an access token.",
    spec: "RFC 7523, RFC 7521",
    client: Need::Optional,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the assertion comes from: `{ file = "path" }` or `{ env = "NAME" }`. Read anew for every run.
    assertion: Source,
    /// What to ask for. Absent: nothing, the provider chooses.
    #[serde(default)]
    scopes: Vec<String>,
    /// The resources that the token is for (RFC 8707), once each.
    #[serde(default)]
    resource: Vec<String>,
    /// `audience`, once each, where the provider wants it so.
    #[serde(default)]
    audience: Vec<String>,
    /// Further parameters of the token request.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    /// What the token must hold.
    #[serde(default)]
    expect: Expect,
    /// Whether the token is revoked afterwards, if the provider offers it and a client is named. Default: true.
    #[serde(default = "yes")]
    revoke: bool,
}

fn yes() -> bool {
    true
}

/// Where an assertion comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    /// The path of a file, relative to the configuration file; a final newline is cut.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
}

fn parse(table: toml::Table, cx: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let settings: Settings = own_keys::read(table)?;
    let made = ["grant_type", "assertion", "scope", "client_id", "client_secret", "client_assertion"];
    let mut problems = own_keys::reserved(settings.parameters.keys(), &made);
    if settings.expect.acr.is_some() {
        problems.push(own_keys::problem("expect.acr", "no user logs in here, so there is no acr"));
    }
    for (n, resource) in settings.resource.iter().enumerate() {
        // RFC 8707 §2: an absolute URI without fragment.
        if !url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
            problems.push(own_keys::problem(format!("resource.{n}"), "expected an absolute URI without fragment"));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let source = match &settings.assertion {
        Source::File(path) => SecretSource::File(cx.base.join(path)),
        Source::Env(name) => SecretSource::Env(name.clone()),
    };
    Ok(Box::new(JwtBearer { source, has_client: cx.client, settings }))
}

/// What a check remembers.
#[derive(Clone, Default)]
struct Seen {
    /// Of the last access token.
    opacity: Opacity,
    /// Whom the last assertion was for that the provider accepted.
    accepted: Vec<String>,
}

struct JwtBearer {
    source: SecretSource,
    has_client: bool,
    settings: Settings,
}

#[async_trait]
impl Probe for JwtBearer {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, JWKS, ASSERTION, TOKEN, ACCESS_TOKEN]
    }

    fn cost(&self) -> Cost {
        let requests = 3 + u32::from(self.settings.revoke && self.has_client);
        // A 404 for the first metadata document, and a key that is not there yet.
        Cost { requests, burst: requests + 2, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(DISCOVERY, offers(&relying)).await?;
        let seen: Seen = cx.memory.look();
        let mut keys = issued::keys(journey, &relying, &metadata, seen.opacity).await?;
        let assertion = journey.step(ASSERTION, self.assertion(&relying)).await?;
        let grant = self.grant(assertion.clone());
        let tokens = journey
            .step(TOKEN, async {
                let result = relying.token(&metadata, grant).await;
                result.map_err(|fault| {
                    let fault = issued::unsupported_grant(&relying, &metadata, JWT_BEARER, fault);
                    refused(fault, &assertion, &metadata, &seen.accepted)
                })
            })
            .await?;
        cx.memory.with(|seen: &mut Seen| seen.accepted = audience(&assertion));
        if self.settings.revoke && relying.client.is_some() {
            issued::revoke_later(journey, &relying, &metadata, &tokens.access_token);
        }
        journey
            .step(ACCESS_TOKEN, async {
                let claims = relying.verify_access_token(&metadata, &mut keys, &tokens).await?;
                cx.memory.with(|seen: &mut Seen| seen.opacity = Opacity::seen(claims.is_none()));
                let mut findings = issued::check_claims(&self.settings.expect, claims.as_ref());
                findings.extend(self.settings.expect.check_scopes(tokens.scope.as_deref(), &self.settings.scopes));
                Fault::from_findings(findings).map_or(Ok(()), Err)
            })
            .await
    }
}

/// The metadata; where it says which grants there are, this must be one of them. An endpoint that is configured counts as
/// offered whatever the lists say.
async fn offers(relying: &Relying) -> Result<Metadata, Fault> {
    let metadata = relying.metadata_for(&["token_endpoint"]).await?;
    metadata.endpoint("token_endpoint")?;
    if !relying.provider.endpoints.contains_key("token_endpoint") {
        metadata.offers(grants::MEMBER, JWT_BEARER, grants::DEFAULT)?;
    }
    Ok(metadata)
}

impl JwtBearer {
    async fn assertion(&self, relying: &Relying) -> Result<Secret, Fault> {
        let read = self.source.read();
        let assertion = read.map_err(|why| Fault::new(Class::Config, format!("assertion: {why}")))?;
        relying.recorder.protect(assertion.expose());
        match usable(&assertion, relying.clock.now()) {
            Ok(()) => Ok(assertion),
            Err(why) => Err(Fault::new(Class::Config, format!("the assertion {why}"))),
        }
    }

    fn grant(&self, assertion: Secret) -> Grant {
        let pair = |name: &str, value: &String| (name.to_owned(), value.clone());
        let settings = &self.settings;
        let extra = (settings.resource.iter().map(|value| pair("resource", value)))
            .chain(settings.audience.iter().map(|value| pair("audience", value)))
            .chain(settings.parameters.iter().map(|(name, value)| pair(name, value)))
            .collect();
        Grant::JwtBearer { assertion, scopes: settings.scopes.clone(), extra }
    }
}

/// Whether any provider could accept the assertion now (RFC 7523 §3-1 to -5), and if not, why: that is whoever gave it to
/// us, never the provider. Whom it must be for only the provider knows.
fn usable(assertion: &Secret, now: Timestamp) -> Result<(), String> {
    let jwt = Jwt::decode(assertion.expose(), "it").map_err(|fault| format!("is no signed JWT: {}", fault.detail))?;
    let now = now.as_secs_f64();
    for name in ["iss", "sub"] {
        if jwt.claims.string(name).is_none_or(str::is_empty) {
            return Err(format!("has no {name} (RFC 7523 §3)"));
        }
    }
    if jwt.claims.audience().is_empty() {
        return Err("has no aud (RFC 7523 §3-3)".to_owned());
    }
    let date =
        |name: &str| jwt.claims.date(name).map_err(|finding| format!("has a date that is none: {}", finding.detail));
    match date("exp")? {
        None => return Err("has no exp (RFC 7523 §3-4)".to_owned()),
        Some(exp) if exp <= now => return Err(format!("expired {:.0} s ago: who renews it?", now - exp)),
        Some(_) => {}
    }
    match date("nbf")? {
        Some(nbf) if nbf > now + LEEWAY.as_secs_f64() => Err(format!("is not valid for another {:.0} s", nbf - now)),
        _ => Ok(()),
    }
}

/// RFC 7523 §3.1: `invalid_grant` for whatever is wrong with an assertion. One that is not for this provider (§3-3: its
/// issuer or token endpoint) is ours to mend, unless the provider goes by another name too and has accepted that before
/// (`accepted`).
fn refused(fault: Fault, assertion: &Secret, metadata: &Metadata, accepted: &[String]) -> Fault {
    let code = fault.detail.split(' ').next().unwrap_or_default();
    if fault.class != Class::OauthError || code != "invalid_grant" {
        return fault;
    }
    let audience = audience(assertion);
    let endpoint = metadata.members().get("token_endpoint").and_then(serde_json::Value::as_str);
    let ours = |aud: &String| aud == metadata.issuer() || Some(aud.as_str()) == endpoint;
    if audience.iter().any(ours) || audience.iter().all(|aud| accepted.contains(aud)) {
        return fault;
    }
    let found = json::short(&audience.join(" "), 150);
    let issuer = metadata.issuer();
    let detail = format!("the assertion is for {found}, neither {issuer} nor its token endpoint: {}", fault.detail);
    Fault::new(Class::Config, detail)
}

/// Whom an assertion is for.
fn audience(assertion: &Secret) -> Vec<String> {
    let jwt = Jwt::decode(assertion.expose(), "assertion");
    jwt.map(|jwt| jwt.claims.audience().into_iter().map(str::to_owned).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::metadata::Document;
    use crate::oidc::response::testing;

    const NOW: i64 = 1_700_000_000;
    const ISSUER: &str = "https://login.example.com";

    fn assertion(change: impl FnOnce(&mut Value)) -> Secret {
        let mut claims = json!({
            "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:prod:probe", "aud": [ISSUER],
            "exp": NOW + 600, "nbf": NOW - 10,
        });
        change(&mut claims);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        Secret::new(format!("{}.{}.AAAA", part(&json!({"alg": "RS256", "kid": "1"})), part(&claims)))
    }

    fn read(text: &str, client: bool) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(text).unwrap(), &ParseContext { regions: 1, base: "/etc/authprobe".into(), client })
    }

    /// RFC 7523 §3.
    #[test]
    fn an_assertion_that_nobody_can_accept_is_ours() {
        let check = |change: fn(&mut Value)| usable(&assertion(change), Timestamp::from_secs(NOW));
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|claims| claims["exp"] = json!(NOW as f64 + 0.5)), Ok(()));
        for (change, why) in [
            ((|claims| claims["exp"] = json!(NOW)) as fn(&mut Value), "expired 0 s ago"),
            (|claims| claims["exp"] = json!(NOW - 7200), "expired 7200 s ago"),
            (|claims| claims["nbf"] = json!(NOW + 120), "is not valid for another 120 s"),
            (|claims| claims["exp"] = Value::Null, "has a date that is none"),
            (|claims| drop(claims.as_object_mut().unwrap().remove("exp")), "has no exp"),
            (|claims| drop(claims.as_object_mut().unwrap().remove("sub")), "has no sub"),
            (|claims| claims["iss"] = json!(""), "has no iss"),
            (|claims| claims["aud"] = json!([]), "has no aud"),
        ] {
            let found = check(change).unwrap_err();
            assert!(found.starts_with(why), "{found}");
        }
        assert!(usable(&Secret::new("opaque"), Timestamp::from_secs(NOW)).unwrap_err().starts_with("is no signed JWT"));
    }

    #[test]
    fn only_an_assertion_for_others_is_ours_when_it_is_refused() {
        let body = json!({"issuer": ISSUER, "token_endpoint": format!("{ISSUER}/token")});
        let answer = testing::json(200, &body);
        let metadata = Metadata::process(&answer, Document::Oauth, ISSUER, &BTreeMap::new(), &mut vec![]).unwrap();
        let class = |aud: Value, detail: &str| {
            let assertion = assertion(|claims| claims["aud"] = aud);
            let before = ["api://Exchange".to_owned()];
            refused(Fault::new(Class::OauthError, detail), &assertion, &metadata, &before).class
        };
        assert_eq!(class(json!(ISSUER), "invalid_grant (no)"), Class::OauthError);
        assert_eq!(class(json!(["x", format!("{ISSUER}/token")]), "invalid_grant"), Class::OauthError);
        assert_eq!(class(json!("https://other.example.com"), "invalid_grant (audience)"), Class::Config);
        assert_eq!(class(json!("https://other.example.com"), "invalid_scope"), Class::OauthError);
        // What it went by before it still goes by.
        assert_eq!(class(json!("api://Exchange"), "invalid_grant"), Class::OauthError);
        assert_eq!(class(json!(["api://Exchange", "x"]), "invalid_grant"), Class::Config);
    }

    #[test]
    fn the_request_is_the_one_of_the_rfc() {
        let probe = JwtBearer {
            source: SecretSource::Env("X".into()),
            has_client: false,
            settings: toml::from_str("assertion = { env = 'X' }\nscopes = ['a', 'b']\nresource = ['urn:x']").unwrap(),
        };
        let grant = probe.grant(Secret::new("a.b.c"));
        let form: Vec<_> = grant.form().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let grant_type = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
        assert_eq!(form, [grant_type, "assertion=a.b.c", "scope=a b", "resource=urn:x"]);
        assert_eq!(grant.secrets().len(), 1);
    }

    #[test]
    fn settings_are_checked_and_nothing_is_revoked_without_a_client() {
        let requests = |client| read("assertion = { file = 'token' }", client).ok().unwrap().cost().requests;
        assert_eq!((requests(true), requests(false)), (4, 3));
        assert!(read("", true).is_err() && read("assertion = 'bare'", true).is_err());
        let wrong =
            "assertion = { env = 'A' }\nparameters = { assertion = 'x' }\nresource = ['api']\nexpect = { acr = '1' }";
        let keys: Vec<_> = read(wrong, true).err().unwrap().into_iter().map(|p| p.key).collect();
        assert_eq!(keys, ["parameters.assertion", "expect.acr", "resource.0"]);
    }
}
