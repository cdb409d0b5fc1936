//! A provider that is still rolling out (`--wait`): how it shows, and how it is asked until it answers.
//!
//! Rolling are the faults of the network on the way to it and what gateways say in its place: `dns` (a service that has no
//! address before it has an instance), `connect`, `tls` (a gateway that has nobody to hand the connection on to), `reset`, a
//! `timeout` before the request was sent, and 502, 503 and 504. A wrong certificate is not: waiting does not make it right, and
//! it is what a deploy breaks. Nor is an answer that never comes: that is an outage, or a deadlock.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, header};
use url::Url;

use crate::clock::Clock;
use crate::fault::{Class, Fault};
use crate::journey::Journey;
use crate::oidc::http::{Egress, Endpoint, Http, Request};
use crate::oidc::memory::ProviderMemory;
use crate::oidc::metadata::Document;
use crate::oidc::settings::{MetadataSource, Provider};
use crate::outcome::{Outcome, RequestRecord, StepState, Verdict};

/// How long a provider may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(5);
/// Less than that would be no question.
const AT_LEAST: Duration = Duration::from_secs(1);
/// How long to wait before the second try; twice as long before each further one.
const FIRST: Duration = Duration::from_millis(500);
/// The longest time between two tries.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait after so many tries. What a gateway asks for (`Retry-After`) is no more than a guess at when there will be
/// somebody behind it, and one small request in five seconds burdens nobody; 429 is another matter, and no reason to try again.
pub fn pause(tries: u32) -> Duration {
    FIRST.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(LONGEST)
}

/// Why a run's fault looks like a provider that is still rolling, in a word: `503`, `connect`. `None`: it does not.
pub fn of_run(outcome: &Outcome) -> Option<String> {
    let fault = outcome.fault.as_ref().filter(|_| outcome.verdict == Verdict::Bad)?;
    let step = outcome.steps.iter().rfind(|step| step.name == fault.step && step.state == StepState::Failed);
    let last = step.and_then(|step| step.requests.last()).filter(|request| request.is_providers());
    match fault.class {
        Class::Dns | Class::Connect | Class::Tls | Class::Reset => Some(fault.class.as_str().to_owned()),
        Class::Timeout => last.filter(|last| !sent(last)).map(|_| "connect timeout".to_owned()),
        // Whatever the kind made of it.
        _ => last.and_then(|last| last.status).filter(|status| is_gateways(*status)).map(|status| status.to_string()),
    }
}

/// Whether the connection was there.
fn sent(request: &RequestRecord) -> bool {
    request.status.is_some() || request.phases.processing.is_some()
}

fn is_gateways(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// How a provider answered the question whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is; or what is wrong is for the runs to say.
    There,
    /// It is still rolling: why.
    Rolling(String),
    /// Its request budget is spent.
    Spent,
}

/// Asks a provider whether it is there, by its first metadata document, from one region. Takes one request of its budget, and
/// at most the time that is `left`, but from one to five seconds.
pub async fn ask(
    region: &Arc<Egress>,
    provider: &Arc<Provider>,
    memory: &Arc<ProviderMemory>,
    clock: &Clock,
    left: Duration,
) -> Answer {
    let Some(url) = address(provider) else { return Answer::There };
    let journey = Journey::new(clock.clone(), left.clamp(AT_LEAST, ANSWER), Vec::new());
    let recorder = journey.recorder().clone();
    let http = Http::new(region.clone(), provider.clone(), memory.clone(), recorder, clock.clone(), journey.deadline());
    let mut request = Request::get(Endpoint::Discovery, url);
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    match http.send(request).await {
        Ok(answer) if is_gateways(answer.status.as_u16()) => Answer::Rolling(answer.status.as_u16().to_string()),
        Ok(_) => Answer::There,
        Err(fault) => judge(&fault),
    }
}

fn judge(fault: &Fault) -> Answer {
    match fault.class {
        // Five seconds are enough for a document; a run may take longer.
        Class::Dns | Class::Connect | Class::Tls | Class::Reset | Class::Timeout => {
            Answer::Rolling(fault.class.as_str().to_owned())
        }
        Class::Budget => Answer::Spent,
        _ => Answer::There,
    }
}

/// Where to ask: the metadata document, else an endpoint that is configured, else the issuer itself. `None`: nowhere, and the
/// runs will say why.
fn address(provider: &Provider) -> Option<Url> {
    match provider.metadata {
        MetadataSource::Auto | MetadataSource::Oidc => Document::Oidc.url(&provider.issuer).ok(),
        MetadataSource::Oauth => Document::Oauth.url(&provider.issuer).ok(),
        MetadataSource::None => {
            let configured = || provider.endpoints.values().next().cloned();
            provider.endpoints.get("jwks_uri").cloned().or_else(configured).or_else(|| provider.issuer.parse().ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Id, Phases, StepRecord};
    use crate::runner::testing::{Planner, START, outcome};

    fn request(status: Option<u16>, phases: Phases) -> RequestRecord {
        RequestRecord {
            span_id: Id::random(),
            endpoint: "token",
            region: "eu".into(),
            method: "POST",
            url: String::new(),
            host: "login.example.com".to_owned(),
            port: 443,
            status,
            resend: 0,
            start: START,
            duration: Duration::ZERO,
            phases,
            body_bytes: 0,
            error: None,
            certificate_not_after: None,
        }
    }

    fn failed(class: Class, requests: Vec<RequestRecord>) -> Outcome {
        let mut run = Outcome::clone(&outcome("login", 1, Verdict::Bad));
        run.fault = Some(Fault { step: "token", ..Fault::new(class, "as told") });
        let step = |name, state, requests| StepRecord {
            name,
            span_id: Id::random(),
            state,
            start: START,
            duration: Duration::ZERO,
            note: String::new(),
            cleanup: false,
            requests,
        };
        run.steps = vec![
            step("discovery", StepState::Done, vec![request(Some(503), Phases::default())]),
            step("token", StepState::Failed, requests),
        ];
        run
    }

    #[test]
    fn what_a_rolling_provider_looks_like() {
        let none = Phases::default;
        let sent = Phases { processing: Some(Duration::from_secs(1)), ..none() };
        let looks = |class, status, phases| of_run(&failed(class, vec![request(status, phases)]));
        for (class, word) in
            [(Class::Dns, "dns"), (Class::Connect, "connect"), (Class::Tls, "tls"), (Class::Reset, "reset")]
        {
            assert_eq!(looks(class, None, none()).as_deref(), Some(word));
        }
        assert_eq!(looks(Class::Timeout, None, none()).as_deref(), Some("connect timeout"));
        assert_eq!(looks(Class::Timeout, None, sent), None, "it was reached, and says nothing");
        for (status, rolling) in [(500, false), (501, false), (502, true), (503, true), (504, true), (505, false)] {
            assert_eq!(looks(Class::HttpStatus, Some(status), sent).is_some(), rolling, "{status}");
        }
        assert_eq!(looks(Class::OauthError, Some(503), sent).as_deref(), Some("503"), "whatever was made of it");
        assert_eq!(looks(Class::Certificate, None, none()), None);
        assert_eq!(of_run(&failed(Class::HttpStatus, Vec::new())), None, "an earlier step's 503 is not its fault");
        let mut good = failed(Class::Connect, Vec::new());
        good.verdict = Verdict::Inconclusive;
        assert_eq!(of_run(&good), None, "our own way out");
    }

    #[test]
    fn tries_become_rarer() {
        let millis: Vec<u128> = (1..8).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 5000, 5000, 5000]);
        assert_eq!(pause(u32::MAX), LONGEST);
    }

    #[test]
    fn it_is_asked_where_the_runs_begin() {
        let mut provider = Planner::new(&["eu"]).provider;
        let at = |provider: &Provider| address(provider).unwrap().to_string();
        assert_eq!(at(&provider), "https://login.example.com/.well-known/openid-configuration");
        provider.metadata = MetadataSource::Oauth;
        assert_eq!(at(&provider), "https://login.example.com/.well-known/oauth-authorization-server");
        provider.metadata = MetadataSource::None;
        assert_eq!(at(&provider), "https://login.example.com/");
        provider.endpoints.insert("token_endpoint".into(), "https://login.example.com/token".parse().unwrap());
        assert_eq!(at(&provider), "https://login.example.com/token");
        provider.endpoints.insert("jwks_uri".into(), "https://login.example.com/keys".parse().unwrap());
        assert_eq!(at(&provider), "https://login.example.com/keys");
    }
}
