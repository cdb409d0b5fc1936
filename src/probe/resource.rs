//! `resource`: a protected API accepts a good token and refuses bad ones (RFC 6750), and lets browsers ask (CORS).

use std::sync::Mutex;

use async_trait::async_trait;
use http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::access::{Access, Obtain, Obtained};
use super::login_flow as flow;
use super::own_keys::problem;
use super::propagation::Pace;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::duration::HumanDuration;
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::clock_skew::Timing;
use crate::oidc::metadata;
use crate::oidc::relying::Relying;

mod aged;
mod asked;
mod attacks;

use asked::Api;

/// A good token is accepted.
const ACCESS: StepName = "access";
/// A good token that may not do this is refused.
const INSUFFICIENT_SCOPE: StepName = "insufficient_scope";
/// The token is revoked (RFC 7009).
const REVOCATION: StepName = "revocation";
/// The revoked token is refused.
const REVOKED: StepName = "revoked";
/// Browsers may ask.
const PREFLIGHT: StepName = "preflight";

/// How long a revoked token may be accepted unless `bound` says otherwise.
const BOUND: HumanDuration = HumanDuration::from_secs(5);

/// See the module.
pub const KIND: Kind = Kind {
    name: "resource",
    summary: "Shows a protected API a good token, no token and bad ones: it accepts the first and refuses the others.",
    spec: "RFC 6750, RFC 8725, RFC 9068 §4, Fetch (CORS)",
    client: Need::Required,
    user: Need::Optional,
    attacks: attacks::names,
    schema: Access::schema_with::<Settings>,
    parse,
};

/// How the API is asked. Only methods that change nothing, or what the user chose for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Asking {
    #[default]
    Get,
    Head,
    /// Without a body.
    Post,
}

impl Asking {
    const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
        }
    }
}

/// The kind's own keys, besides those of the token and the login.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What is asked: https (http on loopback).
    #[schemars(with = "String")]
    url: Url,
    /// How: `GET` (the default), `HEAD` or `POST`.
    #[serde(default)]
    method: Asking,
    /// The status of the answer to a good token. Absent: any 2xx.
    expect_status: Option<u16>,
    /// The origin of a page that uses the API from a browser, such as `https://app.example.com`: it must be let (CORS).
    /// Absent: not asked.
    origin: Option<String>,
    /// With client credentials: scopes with which a token is not enough for the API, which answers 403 then. Absent: not
    /// asked.
    too_few_scopes: Option<Vec<String>>,
    /// With client credentials: where else a token is for, which the API must refuse (a second token is issued for it).
    other_audience: Option<Other>,
    /// Whether the token is revoked, and must be refused then. For an API that asks the provider: one that looks at
    /// signatures alone accepts it until it expires. Default: false.
    #[serde(default)]
    revoked: bool,
    /// How long a revoked token may still be accepted. Default: "5s".
    bound: Option<HumanDuration>,
}

/// Whom another token is for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Other {
    /// `resource`, once each (RFC 8707).
    resource: Vec<String>,
    /// `audience`, once each.
    audience: Vec<String>,
    /// What to ask for. Absent: as for the good token.
    scopes: Option<Vec<String>>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let access = Access::take(&mut table, &mut problems);
    let settings: Settings = match toml::Value::Table(table).try_into() {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(problem("", error.message()));
            return Err(problems);
        }
    };
    let mut wrong = |key: &str, message: &str| problems.push(problem(key, message));
    let url = &settings.url;
    if !(url.scheme() == "https" || url.scheme() == "http" && metadata::is_loopback(url)) {
        wrong("url", "a token is only sent over https (http on loopback)");
    }
    if url.fragment().is_some() {
        wrong("url", "a fragment is never sent");
    }
    if settings.expect_status.is_some_and(|status| !(200..600).contains(&status)) {
        wrong("expect_status", "a status from 200 to 599");
    }
    let origin = settings.origin.as_deref().map(|text| {
        let parsed = Url::parse(text).ok().filter(|url| url.origin().ascii_serialization() == text);
        (parsed.is_some(), HeaderValue::from_str(text))
    });
    if let Some((false, _) | (_, Err(_))) = origin {
        wrong(
            "origin",
            "an origin is scheme, host and port, such as \"https://app.example.com\", without a final slash",
        );
    }
    for (key, given) in
        [("too_few_scopes", settings.too_few_scopes.is_some()), ("other_audience", settings.other_audience.is_some())]
    {
        if given && access.grant() == Some(Obtain::Login) {
            wrong(key, "another token can only be had by client credentials");
        }
    }
    if settings.other_audience.as_ref().is_some_and(|o| o.resource.is_empty() && o.audience.is_empty()) {
        wrong("other_audience", "name the `resource` or the `audience` of another API");
    }
    let bound = settings.bound.unwrap_or(BOUND).0;
    if bound.as_secs() < 1 || bound.as_secs() > 3600 {
        wrong("bound", "between \"1s\" and \"1h\"");
    }
    if settings.bound.is_some() && !settings.revoked {
        wrong("bound", "nothing is revoked: `revoked` is not set");
    }
    match problems.is_empty() {
        true => Ok(Box::new(Resource { access, settings, bound })),
        false => Err(problems),
    }
}

struct Resource {
    access: Access,
    settings: Settings,
    bound: std::time::Duration,
}

#[async_trait]
impl Probe for Resource {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![flow::DISCOVERY, flow::AUTHORIZE, flow::LOGIN, flow::TOKEN, ACCESS];
        steps.extend(attacks::TABLE.iter().map(|attack| attack.step));
        if self.settings.too_few_scopes.is_some() {
            steps.push(INSUFFICIENT_SCOPE);
        }
        if self.settings.origin.is_some() {
            steps.push(PREFLIGHT);
        }
        if self.settings.revoked {
            steps.extend([REVOCATION, REVOKED]);
        }
        steps
    }

    fn cost(&self) -> Cost {
        let settings = &self.settings;
        let (token, detours) = self.access.requests();
        let attacks = u32::try_from(attacks::TABLE.len()).unwrap_or(u32::MAX);
        // A second token is asked for, shown and revoked.
        let another = 3 * (u32::from(settings.other_audience.is_some()) + u32::from(settings.too_few_scopes.is_some()));
        let browsers = 2 * u32::from(settings.origin.is_some());
        let revoked = 2 * u32::from(settings.revoked);
        // Metadata twice where it hides an endpoint, the good token shown, cleanup; now and then a token to grow old.
        let requests = 2 + token + 1 + attacks + another + browsers + revoked + 2;
        let polls = if settings.revoked { Pace::tries(self.bound) } else { 0 };
        let waits = if settings.revoked { self.bound } else { std::time::Duration::ZERO };
        Cost { requests, burst: requests + detours + 2 + polls, waits, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey
            .step(flow::DISCOVERY, async {
                let metadata = relying.metadata_with(&["token_endpoint"], &["revocation_endpoint"]).await?;
                if self.settings.revoked {
                    metadata.endpoint("revocation_endpoint")?;
                }
                Ok(metadata)
            })
            .await?;
        let obtained = self.access.obtain(cx, journey, &relying, &metadata).await?;
        // Its own cookies: a session at the provider must not open the API's door. And its own clock.
        let relying = Relying { http: cx.http(journey), timing: Timing::default(), ..relying };
        let (settings, access) = (&self.settings, &self.access);
        let api = Api { settings, access, relying: &relying, metadata: &metadata, found: Mutex::default() };
        let result = self.walk(&api, cx, journey, &obtained).await;
        let accepted = api.accepted();
        let findings = accepted.iter().map(|(_, finding)| finding.clone()).collect();
        match (accepted.first(), Fault::from_findings(findings)) {
            // Everything that was accepted, in one fault.
            (Some((step, _)), Some(fault)) => Err(journey.conclude(step, fault)),
            _ => result,
        }
    }
}

impl Resource {
    /// From the good token on.
    async fn walk(
        &self,
        api: &Api<'_>,
        cx: &Context,
        journey: &mut Journey,
        obtained: &Obtained,
    ) -> Result<(), Stopped> {
        let Obtained { tokens, by, .. } = obtained;
        journey.step(ACCESS, api.good(&tokens.access_token)).await?;
        attacks::all(api, cx, journey, tokens, *by).await?;
        if let Some(scopes) = &self.settings.too_few_scopes {
            api.too_little(journey, *by, scopes).await?;
        }
        if let Some(origin) = &self.settings.origin {
            journey.step(PREFLIGHT, api.browsers(origin, &tokens.access_token)).await?;
        }
        if self.settings.revoked {
            let since = journey.step(REVOCATION, api.revoke(&tokens.access_token)).await?;
            journey.step(REVOKED, api.dies(&tokens.access_token, since, self.bound)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(text).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn steps_and_cost_follow_the_settings() {
        let plain = parsed("url = 'https://api.example.com/me'\ngrant = 'client_credentials'").ok().unwrap();
        let steps = [
            "discovery",
            "authorize",
            "login",
            "token",
            "access",
            "without_token",
            "tampered",
            "expired",
            "alg_none",
            "wrong_audience",
            "wrong_issuer",
            "foreign_key",
        ];
        assert_eq!(plain.steps(), steps);
        // Metadata (twice), token, shown; seven attacks; cleanup (two).
        assert_eq!((plain.cost().requests, plain.cost().burst), (13, 15));
        let all = "url = 'http://127.0.0.1:1/'\norigin = 'https://app.example.com'\nrevoked = true\nbound = '1s'\n\
                   too_few_scopes = ['a']\nother_audience = { resource = ['urn:b'] }\ngrant = 'client_credentials'";
        let all = parsed(all).ok().unwrap();
        assert_eq!(all.steps()[12..], ["insufficient_scope", "preflight", "revocation", "revoked"]);
        assert_eq!((all.cost().requests, all.cost().burst), (13 + 6 + 2 + 2, 23 + 2 + 11));
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let wrong = "url = 'http://api.example.com/#x'\nexpect_status = 99\norigin = 'https://app.example.com/'\n\
                     grant = 'login'\ntoo_few_scopes = []\nother_audience = {}\nbound = '2h'";
        let keys: Vec<_> = parsed(wrong).err().unwrap().into_iter().map(|p| p.key).collect();
        let all = [
            "url",
            "url",
            "expect_status",
            "origin",
            "too_few_scopes",
            "other_audience",
            "other_audience",
            "bound",
            "bound",
        ];
        assert_eq!(keys, all);
        assert!(parsed("").is_err(), "url is required");
        assert!(parsed("url = 'https://a.example'\nmethod = 'DELETE'").is_err());
    }
}
