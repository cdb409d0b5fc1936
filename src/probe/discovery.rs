//! `discovery`: the metadata document, read strictly; every endpoint's certificate; what changed since the last time.

use std::collections::BTreeSet;
use std::time::Duration;

use ::http::Method;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::agreement::{self, AGREEMENT, GRACE};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::agreement::{Document, View};
use crate::oidc::drift;
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::metadata::{ENDPOINTS, Metadata};
use crate::oidc::relying::Relying;
use crate::oidc::settings::MetadataSource;
use crate::outcome::{RequestRecord, Warning};

const DISCOVERY: StepName = "discovery";
const ENDPOINT_STEP: StepName = "endpoints";

/// See the module.
pub const KIND: Kind = Kind {
    name: "discovery",
    summary: "Reads the metadata strictly, watches its changes and all endpoints' certificates, compares regions and nodes.",
    spec: "OIDC Discovery §3 and §4, RFC 8414",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// A certificate that expires sooner than this is a warning. Default: "14d".
    certificate_warning: HumanDuration,
    /// How long regions, or nodes behind one name, may be given different metadata, besides the time that caches may keep it
    /// (`Cache-Control`). Default: "2m".
    grace: HumanDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { certificate_warning: HumanDuration::from_secs(14 * 24 * 3600), grace: GRACE }
    }
}

fn parse(table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let settings: Settings = own_keys::read(table)?;
    let grace = agreement::grace(settings.grace).map_err(|wrong| vec![wrong])?;
    Ok(Box::new(Discovery { certificate_warning: settings.certificate_warning.into(), grace }))
}

struct Discovery {
    certificate_warning: Duration,
    grace: Duration,
}

/// The document that was accepted last.
#[derive(Clone, Default)]
struct Accepted(Option<Map<String, Value>>);

#[async_trait]
impl Probe for Discovery {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, ENDPOINT_STEP, AGREEMENT]
    }

    fn cost(&self) -> Cost {
        // One origin beside the issuer's is common; each endpoint may have its own, or have moved.
        Cost { requests: 2, burst: 2 + ENDPOINTS.len() as u32, ..Cost::default() }
    }

    fn cost_over(&self, nodes: u32) -> Cost {
        let Cost { requests, burst, .. } = self.cost();
        // A node whose first document is a 404 is asked for the other.
        Cost { requests: requests + nodes, burst: burst + 2 * nodes, ..self.cost() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let Accepted(accepted) = cx.memory.look();
        let (metadata, issuer_origin) = journey.step(DISCOVERY, self.read(&relying, accepted.as_ref())).await?;
        journey.step(ENDPOINT_STEP, self.visit(&relying, &metadata, accepted.as_ref(), issuer_origin)).await?;
        cx.memory.with(|memory: &mut Accepted| memory.0 = Some(metadata.members().clone()));
        agreement::compare(cx, journey, &relying, Document::Discovery, &metadata, self.grace).await
    }
}

impl Discovery {
    /// Gives the metadata and where it came from.
    async fn read(&self, relying: &Relying, before: Option<&Map<String, Value>>) -> Result<(Metadata, String), Fault> {
        if relying.provider.metadata == MetadataSource::None {
            return Err(Fault::new(Class::Config, "the provider is configured with metadata = \"none\""));
        }
        let metadata = relying.fetch_metadata(&[]).await?;
        self.warn_of_certificates(relying);
        if let Some(url) = metadata.document().and_then(|of| of.url(metadata.issuer()).ok()) {
            let view = View::of_metadata(metadata.members(), metadata.max_age());
            relying.saw(Document::Discovery, &url, None, view, relying.clock.now());
        }
        if let Some(before) = before {
            relying.recorder.warn_all(drift::compare(before, metadata.members()));
        }
        match Fault::from_findings(metadata.findings().to_vec()) {
            Some(fault) => Err(fault),
            None => Ok((metadata, origin(&relying.provider.issuer.parse().ok()))),
        }
    }

    /// Goes to every https origin once, and to every endpoint that moved.
    async fn visit(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        before: Option<&Map<String, Value>>,
        issuer_origin: String,
    ) -> Result<(), Fault> {
        let mut seen = BTreeSet::from([issuer_origin]);
        for (member, url) in endpoints(metadata) {
            let old = before.and_then(|members| members.get(member)).and_then(Value::as_str);
            let fresh = seen.insert(origin(&Some(url.clone())));
            let new = metadata.members().get(member).and_then(Value::as_str);
            if let Some(old) = old.filter(|old| new != Some(old)) {
                moved(relying, member, old, &url).await?;
            } else if fresh && url.scheme() == "https" {
                let request = Request { method: Method::HEAD, ..Request::get(label(member), url) };
                relying.http.send(request).await.map_err(|fault| about(member, fault))?;
            }
        }
        self.warn_of_certificates(relying);
        Ok(())
    }

    fn warn_of_certificates(&self, relying: &Relying) {
        let now = relying.clock.now();
        let warnings = expiring(&relying.recorder.requests(), now, self.certificate_warning);
        relying.recorder.warn_all(warnings);
    }
}

/// Every member that is an address we may go to, known ones first.
fn endpoints(metadata: &Metadata) -> Vec<(&str, Url)> {
    let known = ENDPOINTS.iter().copied().filter(|member| metadata.has(member));
    let others = metadata.members().keys().map(String::as_str);
    let others = others.filter(|name| name.ends_with("_endpoint") && !ENDPOINTS.contains(name));
    known.chain(others).filter_map(|member| Some((member, metadata.optional_endpoint(member)?))).collect()
}

fn origin(url: &Option<Url>) -> String {
    url.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Asks an endpoint that has another address than before in the way that it is used: it must exist there.
async fn moved(relying: &Relying, member: &str, old: &str, url: &Url) -> Result<(), Fault> {
    let request = match member {
        "authorization_endpoint"
        | "jwks_uri"
        | "userinfo_endpoint"
        | "end_session_endpoint"
        | "check_session_iframe" => Request::get(label(member), url.clone()),
        // An empty form is an invalid_request to every one of these, where a GET is often a 404.
        "token_endpoint"
        | "introspection_endpoint"
        | "revocation_endpoint"
        | "device_authorization_endpoint"
        | "pushed_authorization_request_endpoint"
        | "backchannel_authentication_endpoint" => Request::post(label(member), url.clone(), Vec::new()),
        _ => Request { method: Method::HEAD, ..Request::get(label(member), url.clone()) },
    };
    let exists = request.method != Method::HEAD;
    let answer = relying.http.send(request).await.map_err(|fault| about(member, fault))?;
    let status = answer.status.as_u16();
    if exists && (status == 404 || status == 410 || status >= 500) {
        let old = crate::oidc::json::short(old, 120);
        let detail = format!("{member} moved from {old} to {url}, which answers {status}");
        return Err(Fault::new(Class::HttpStatus, detail));
    }
    Ok(())
}

fn about(member: &str, mut fault: Fault) -> Fault {
    fault.detail = format!("{member}: {}", fault.detail);
    fault
}

fn label(member: &str) -> Endpoint {
    match member {
        "authorization_endpoint" => Endpoint::Authorization,
        "token_endpoint" => Endpoint::Token,
        "jwks_uri" => Endpoint::Jwks,
        "userinfo_endpoint" => Endpoint::Userinfo,
        "introspection_endpoint" => Endpoint::Introspection,
        "revocation_endpoint" => Endpoint::Revocation,
        "end_session_endpoint" => Endpoint::EndSession,
        _ => Endpoint::Discovery,
    }
}

/// One warning a host whose certificate ends within `warning`. (One that has ended is a fault of the request.)
fn expiring(requests: &[RequestRecord], now: Timestamp, warning: Duration) -> Vec<Warning> {
    let mut hosts = BTreeSet::new();
    let mut warnings = Vec::new();
    for request in requests {
        let Some(end) = request.certificate_not_after else { continue };
        let left = end.since(now);
        if end > now && left < warning && hosts.insert((&request.host, request.port)) {
            let days = left.as_secs() / 86_400;
            let detail = format!("{}:{}: the certificate expires in {days} days, on {end}", request.host, request.port);
            warnings.push(Warning::new("certificate_expiring", "", detail));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::oidc::metadata::Document;
    use crate::oidc::response::testing;
    use crate::outcome::{Phases, SpanId};

    const DAY: Duration = Duration::from_secs(86_400);

    fn request(host: &str, not_after: Option<Timestamp>) -> RequestRecord {
        RequestRecord {
            span_id: SpanId::random(),
            endpoint: "discovery",
            region: "eu".into(),
            method: "GET",
            url: String::new(),
            host: host.to_owned(),
            port: 443,
            status: Some(200),
            resend: 0,
            start: Timestamp::default(),
            duration: Duration::ZERO,
            phases: Phases::default(),
            body_bytes: 0,
            error: None,
            certificate_not_after: not_after,
        }
    }

    #[test]
    fn certificates_that_end_soon_are_told_once_a_host() {
        let now = Timestamp::from_secs(1_700_000_000);
        let requests = [
            request("a", Some(now + 9 * DAY)),
            request("a", Some(now + 9 * DAY)),
            request("b", Some(now + 15 * DAY)),
            request("c", None),
            request("d", Some(now - DAY)),
            request("e", Some(now + DAY)),
        ];
        let told: Vec<_> = expiring(&requests, now, 14 * DAY).into_iter().map(|w| w.detail).collect();
        assert_eq!(
            told,
            [
                "a:443: the certificate expires in 9 days, on 2023-11-23T22:13:20.000Z",
                "e:443: the certificate expires in 1 days, on 2023-11-15T22:13:20.000Z"
            ]
        );
    }

    #[test]
    fn every_address_is_an_endpoint_known_ones_first() {
        let issuer = "https://a.example.com";
        let body = json!({
            "issuer": issuer,
            "a_strange_endpoint": "https://b.example.com/x",
            "jwks_uri": "https://a.example.com/jwks",
            "op_policy_uri": "https://www.example.com/policy",
            "token_endpoint": "http://insecure.example.com/token",
            "authorization_endpoint": "https://a.example.com/auth",
        });
        let answer = testing::json(200, &body);
        let metadata = Metadata::process(&answer, Document::Oidc, issuer, &BTreeMap::new(), &mut vec![]).unwrap();
        let names: Vec<_> = endpoints(&metadata).into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["authorization_endpoint", "jwks_uri", "a_strange_endpoint"]);
    }
}
