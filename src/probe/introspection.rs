//! `introspection`: what the provider says of a token that is alive, made up, and revoked (RFC 7662).

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::access::{Access, Obtain, Obtained};
use super::login_flow as flow;
use super::own_keys::problem;
use super::propagation::Pace;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, login_settings};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::id_token::LEEWAY;
use crate::oidc::introspection::{self, Known};
use crate::oidc::jwt::{Claims, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::{forge, json};
use crate::outcome::{Observation, Warning};
use crate::secret::Secret;

/// The token is called active, and what is said of it is true.
const ACTIVE: StepName = "active";
/// Tokens that nobody issued are not.
const UNKNOWN: StepName = "unknown";
/// Who does not authenticate is told nothing.
const UNAUTHENTICATED: StepName = "unauthenticated";
/// The token is revoked (RFC 7009).
const REVOCATION: StepName = "revocation";
/// The token is no longer called active.
const INACTIVE: StepName = "inactive";

/// The key that names the client that asks.
const SECOND: &str = "introspection_client";
/// How long a revoked token may be called active unless `bound` says otherwise.
const BOUND: HumanDuration = HumanDuration::from_secs(5);

/// See the module.
pub const KIND: Kind = Kind {
    name: "introspection",
    summary: "Introspects a token that is alive, tokens that nobody issued, and the token once it is revoked.",
    spec: "RFC 7662, RFC 9701, RFC 7009",
    client: Need::Required,
    user: Need::Optional,
    attacks: || vec![UNKNOWN],
    schema: Access::schema_with::<Settings>,
    parse,
};

/// The kind's own keys, besides those of the token and the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether signed answers are asked for (RFC 9701). Default: false.
    signed: bool,
    /// How long a revoked token may still be called active. Default: "5s".
    bound: Option<HumanDuration>,
    /// The name of the client that asks, where it is not the one that the token is issued to: a protected resource's own
    /// (RFC 7662 §2.1). Default: `client`.
    #[schemars(length(min = 1))]
    introspection_client: Option<String>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let access = Access::take(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    let bound = settings.bound.unwrap_or(BOUND).0;
    if bound < Duration::from_secs(1) || bound > Duration::from_secs(3600) {
        problems.push(problem("bound", "between \"1s\" and \"1h\""));
    }
    match problems.is_empty() {
        true => {
            let Settings { signed, introspection_client: asks_as, .. } = settings;
            Ok(Box::new(Introspection { access, signed, bound, asks_as }))
        }
        false => Err(problems),
    }
}

struct Introspection {
    access: Access,
    signed: bool,
    bound: Duration,
    /// The client that asks, if it is another.
    asks_as: Option<String>,
}

#[async_trait]
impl Probe for Introspection {
    fn steps(&self) -> Vec<StepName> {
        vec![
            flow::DISCOVERY,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            ACTIVE,
            UNKNOWN,
            UNAUTHENTICATED,
            REVOCATION,
            INACTIVE,
        ]
    }

    fn second_client(&self) -> Option<(&'static str, &str)> {
        self.asks_as.as_deref().map(|name| (SECOND, name))
    }

    fn cost(&self) -> Cost {
        let (token, detours) = self.access.requests();
        // A signed answer takes the keys.
        let each = 1 + u32::from(self.signed);
        // Metadata twice where it hides an endpoint; alive, made up and altered; by nobody; revocation; dead; cleanup.
        let requests = 2 + token + 3 * each + 1 + 1 + each + 2;
        let burst = requests + detours + each * Pace::tries(self.bound);
        Cost { requests, burst, waits: self.bound, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey
            .step(flow::DISCOVERY, async {
                let metadata = relying.metadata_with(&["introspection_endpoint"], &["revocation_endpoint"]).await?;
                metadata.endpoint("introspection_endpoint").map(|_| metadata)
            })
            .await?;
        let obtained = self.access.obtain(cx, journey, &relying, &metadata).await?;
        let token = &obtained.tokens.access_token;
        let client = cx.second_client.clone().or_else(|| relying.client.clone());
        let asking = Relying { client, ..relying.clone() };
        journey.step(ACTIVE, self.alive(&relying, &asking, &metadata, &obtained)).await?;
        journey.step(UNKNOWN, self.unknown(&asking, &metadata, token)).await?;
        journey.step(UNAUTHENTICATED, unauthenticated(&asking, &metadata, token)).await?;
        let Some(since) = revoked(journey, &relying, &metadata, token).await? else { return Ok(()) };
        journey.step(INACTIVE, self.dies(&asking, &metadata, token, since)).await
    }
}

impl Introspection {
    async fn alive(
        &self,
        relying: &Relying,
        asking: &Relying,
        metadata: &Metadata,
        obtained: &Obtained,
    ) -> Result<(), Fault> {
        let tokens = &obtained.tokens;
        let said = asking.introspection(metadata, &tokens.access_token, self.signed).await?;
        if !introspection::active(&said)? {
            let mut detail = "introspection calls a token inactive that was just issued".to_owned();
            if let Some(name) = &self.asks_as {
                // A provider may let clients ask about tokens for themselves only (RFC 7662 §2.2, §4).
                detail.push_str(&format!("; client {name} asks, for which it may not be meant"));
            }
            let finding = Finding::new(Class::OauthError, "RFC 7662 §2.2", detail);
            return Fault::from_findings(vec![finding]).map_or(Ok(()), Err);
        }
        let own = Jwt::decode(tokens.access_token.expose(), "access token").ok().map(|token| token.claims);
        // Where nothing was asked for and nothing is told, what was granted is the provider's secret.
        let asked = Some(&obtained.asked).filter(|asked| !asked.is_empty());
        let known = Known {
            issuer: metadata.issuer(),
            client_id: &relying.client()?.client_id,
            token_type: &tokens.token_type,
            scope: tokens.scope.as_ref().or(asked).map(Vec::as_slice),
            subject: obtained.subject.as_deref().filter(|_| obtained.by == Obtain::Login),
            expires: tokens.expires_in.map(|lifetime| tokens.received.as_secs_f64() + lifetime.as_secs_f64()),
            claims: own.as_ref(),
            now: relying.clock.now(),
            leeway: LEEWAY,
            skew: relying.timing.skew(),
        };
        let said = Claims(said);
        let report = introspection::agrees(&said, &known);
        relying.recorder.warn_all(report.warnings);
        let mut findings = report.findings;
        findings.extend(self.access.login.expect.check_claims(&said.0));
        Fault::from_findings(findings).map_or(Ok(()), Err)
    }

    /// RFC 7662 §2.2: what does not exist is not active, and no error. A JWT that was altered must not be believed either.
    async fn unknown(&self, relying: &Relying, metadata: &Metadata, token: &Secret) -> Result<(), Fault> {
        let mut made = vec![("a token that nobody issued", forge::made_up()?)];
        if Jwt::is_jwt(token.expose()) {
            made.push(("a token whose signature was altered", forge::tampered(token)));
        }
        let mut findings = Vec::new();
        for (what, token) in made {
            relying.recorder.protect(token.expose());
            let said = relying.introspection(metadata, &token, self.signed).await?;
            if introspection::active(&said)? {
                let detail = format!("introspection calls {what} active");
                findings.push(Finding::new(Class::AttackAccepted, "RFC 7662 §2.2", detail).of_attack(UNKNOWN));
            } else if let Some(warning) = introspection::silent(&said) {
                relying.recorder.warn(warning);
            }
        }
        let accepted = Some(!findings.is_empty());
        relying.recorder.observe(Observation::Attack { attack: UNKNOWN, accepted });
        Fault::from_findings(findings).map_or(Ok(()), Err)
    }

    /// Asks until the token is called inactive, or the bound is over.
    async fn dies(&self, relying: &Relying, metadata: &Metadata, token: &Secret, since: Instant) -> Result<(), Fault> {
        let mut pace = Pace::start();
        loop {
            let said = relying.introspection(metadata, token, self.signed).await?;
            if !introspection::active(&said)? {
                return Ok(());
            }
            let now = relying.clock.instant().duration_since(since);
            if now >= self.bound {
                let bound = HumanDuration(self.bound);
                let detail =
                    format!("introspection calls the revoked access token active {bound} after the revocation");
                let finding = Finding::new(Class::RevocationIneffective, "RFC 7009 §2.2", detail);
                return Fault::from_findings(vec![finding]).map_or(Ok(()), Err);
            }
            pace.advance(now);
            // The last word is spoken at the bound itself.
            tokio::time::sleep_until(since + pace.due().min(self.bound)).await;
        }
    }
}

/// Step `revocation`: when it was acknowledged; `None`, with `inactive` skipped as well, if the provider cannot.
async fn revoked(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    token: &Secret,
) -> Result<Option<Instant>, Stopped> {
    if metadata.optional_endpoint("revocation_endpoint").is_none() {
        for step in [REVOCATION, INACTIVE] {
            journey.skip(step, "the provider has no revocation_endpoint");
        }
        return Ok(None);
    }
    let revocation = async {
        match relying.revoke(metadata, token, "access_token").await {
            Ok(()) => Ok(Some(relying.clock.instant())),
            Err(fault) if fault.detail.starts_with("unsupported_token_type") => Ok(None),
            Err(fault) => Err(fault),
        }
    };
    let acknowledged = journey.step(REVOCATION, revocation).await?;
    if acknowledged.is_none() {
        journey.skip(INACTIVE, "the provider cannot revoke such a token (RFC 7009 §2.2.1)");
    }
    Ok(acknowledged)
}

/// RFC 7662 §2.1 and §4: whoever is not known must not be able to try tokens. An answer to him is a warning: it says
/// nothing wrong of the token.
async fn unauthenticated(relying: &Relying, metadata: &Metadata, token: &Secret) -> Result<(), Fault> {
    let answer = relying.introspect_unauthenticated(metadata, token).await?;
    let told = json::parse(&answer.body).ok().and_then(|parsed| parsed.value.get("active").and_then(Value::as_bool));
    if answer.status == 200
        && let Some(active) = told
    {
        let detail =
            format!("introspection answers (active: {active}) without any authentication: tokens can be tried");
        relying.recorder.warn(Warning::new("introspection_open", "RFC 7662 §2.1", detail));
    }
    if answer.status.is_server_error() {
        let detail = format!("introspection endpoint: status {} without authentication", answer.status.as_u16());
        return Err(Fault::new(Class::HttpStatus, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(text).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn the_cost_depends_on_how_the_token_is_obtained_and_on_signatures() {
        let machine = parsed("grant = 'client_credentials'\nbound = '1s'").ok().unwrap().cost();
        // Metadata (twice), token, alive, made up, altered, by nobody, revocation, dead, cleanup (two).
        assert_eq!((machine.requests, machine.burst), (11, 11 + 11));
        assert_eq!(machine.waits, Duration::from_secs(1));
        let signed = parsed("grant = 'client_credentials'\nbound = '1s'\nsigned = true").ok().unwrap().cost();
        assert_eq!((signed.requests, signed.burst), (15, 15 + 22));
        assert!(parsed("").ok().unwrap().cost().requests > machine.requests);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let problems = parsed("bound = '0s'\ngrant = 'login'\nscopes = []\nsinged = true").err().unwrap();
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["scopes", ""]);
        assert_eq!(parsed("bound = '2h'").err().unwrap()[0].key, "bound");
    }
}
