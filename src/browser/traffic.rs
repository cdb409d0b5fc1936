//! What a browser asks for: counted against the provider's budget, recorded like every other request, and watched until
//! it is answered.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{DATE, HeaderName, RETRY_AFTER};
use serde_json::Value;
use url::{Origin, Url};

use super::egress::Tunnel;
use super::net_error;
use super::window::Pending;
use crate::clock::{Clock, Instant, Timestamp};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::form::page::{cut, place};
use crate::oidc::http::{Endpoint, method_name, redact_url, retry_after};
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::Provider;
use crate::oidc::upstream::Hosts;
use crate::outcome::{Phases, RequestRecord, SpanId};

mod events;

pub(super) use events::text;
use events::{Use, began, header, key, media_type, millis, phases, redirects, usage};

/// The most requests that are watched at once.
const MAX_FLIGHTS: usize = 2000;
/// How long a script, or a call that nothing was pressed for, may hold up the judgement of a page: some are for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a window asks, and for whom.
#[derive(Clone)]
pub(super) struct Parties {
    /// The region's name.
    pub(super) region: Arc<str>,
    /// The provider.
    pub(super) provider: Arc<Provider>,
    /// What is known of it.
    pub(super) memory: Arc<ProviderMemory>,
    /// Its origins: where it may be told who asks, and what is counted.
    pub(super) origins: Vec<Origin>,
    /// Its hosts, and those of upstream providers.
    pub(super) hosts: Hosts,
    /// Its authorization endpoint, for labels.
    pub(super) authorization: Option<Url>,
    /// Of this run.
    pub(super) recorder: Recorder,
}

/// See the module.
pub(super) struct Traffic {
    parties: Parties,
    clock: Clock,
    flights: HashMap<String, Flight>,
    document: Option<Answered>,
    /// Which request brought it.
    landed: Option<(String, SpanId)>,
    redirects: u32,
    /// When the latest navigation of the window began.
    left: Timestamp,
    /// The latest document that the browser did not show: where it came from, its status and media type.
    dropped: Option<(Url, u16, String)>,
}

/// What the latest document's answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Where it came from.
    pub(super) url: Url,
    /// Its status.
    pub(super) status: u16,
    /// Its media type, in lower case.
    pub(super) media_type: String,
    /// Whether a gatekeeper answered (`cf-mitigated: challenge`).
    pub(super) gatekeeper: bool,
    /// How many redirects led there.
    pub(super) redirects: u32,
    /// When the navigation began.
    pub(super) start: Timestamp,
}

/// A request under way.
struct Flight {
    url: Url,
    method: &'static str,
    used: Use,
    ours: bool,
    span_id: SpanId,
    start: Timestamp,
    begun: Instant,
}

/// A request that is about to be sent.
pub(super) struct Sent {
    /// Where to.
    pub(super) url: Url,
    /// Whether it is to be one of the provider's origins.
    pub(super) provider: bool,
    /// Whether it loads the window's own document.
    pub(super) document: bool,
    /// Whether a redirect led to it.
    pub(super) redirected: bool,
    /// Its span.
    pub(super) span_id: SpanId,
}

impl Traffic {
    pub(super) fn new(parties: Parties, clock: Clock) -> Self {
        let left = clock.now();
        let flights = HashMap::new();
        Self { parties, clock, flights, document: None, landed: None, redirects: 0, left, dropped: None }
    }

    /// `network.beforeRequestSent` of this window. `None`: not a request that could be read. Fault: `budget`.
    pub(super) fn sent(&mut self, params: &Value, context: &str) -> Result<Option<Sent>, Fault> {
        let request = &params["request"];
        let Some(url) = text(&request["url"]).and_then(|url| Url::parse(url).ok()) else { return Ok(None) };
        let used = usage(params, context);
        let provider = self.parties.origins.contains(&url.origin());
        let known = self.flights.contains_key(&key(params));
        if provider && !known && matches!(url.scheme(), "http" | "https") {
            self.charge()?;
        }
        let span_id = SpanId::random();
        let flight = Flight {
            method: method_name(text(&request["method"]).unwrap_or_default()),
            used,
            ours: provider,
            span_id,
            start: began(params, self.clock.now()),
            begun: self.clock.instant(),
            url: url.clone(),
        };
        if used == Use::Document {
            self.redirects = redirects(params).min(1000) as u32;
            self.dropped = None;
            if self.redirects == 0 {
                self.left = flight.start;
            }
        }
        if self.flights.len() < MAX_FLIGHTS {
            self.flights.insert(key(params), flight);
        }
        Ok(Some(Sent { url, provider, document: used == Use::Document, redirected: redirects(params) > 0, span_id }))
    }

    fn charge(&self) -> Result<(), Fault> {
        let Some(limit) = self.parties.provider.max_requests_per_minute else { return Ok(()) };
        if self.parties.memory.budget.lock().expect("budget").take(self.clock.now(), limit, 1) {
            return Ok(());
        }
        let name = &self.parties.provider.name;
        Err(Fault::new(Class::Budget, format!("provider {name}: max_requests_per_minute = {limit} is used up")))
    }

    /// `network.responseCompleted`. `tunnel`: how its connection came about, if it went through our own proxy.
    /// A fault if the window's own document was answered 429, as over plain HTTP.
    pub(super) fn answered(&mut self, params: &Value, tunnel: impl Fn(&Url) -> Option<Tunnel>) -> Option<Fault> {
        let flight = self.flights.remove(&key(params))?;
        let response = &params["response"];
        let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        if flight.used == Use::Document && !status.is_some_and(|status| (300..400).contains(&status) && status != 304) {
            self.dropped = None;
            self.landed = Some((key(params), flight.span_id));
            self.document = Some(Answered {
                url: flight.url.clone(),
                status: status.unwrap_or_default(),
                media_type: media_type(response),
                gatekeeper: header(response, "cf-mitigated").is_some_and(|value| value == "challenge"),
                redirects: self.redirects,
                start: self.left,
            });
        }
        let limited = (status == Some(429)).then(|| self.limited(&flight, response)).flatten();
        let timings = &params["request"]["timings"];
        let fresh = timings["connectEnd"].as_f64().is_some_and(|end| end > 0.0);
        let tunnel = tunnel(&flight.url).filter(|_| fresh);
        let body = response["bodySize"].as_u64().unwrap_or_default();
        let at = |name: &str| timings[name].as_f64().filter(|at| *at > 0.0);
        let took = at("responseEnd").or_else(|| at("responseStart")).and_then(millis);
        self.record(flight, status, phases(timings, tunnel), body, took, None);
        limited
    }

    /// RFC 6585 §4.
    fn limited(&self, flight: &Flight, response: &Value) -> Option<Fault> {
        let named = |name: HeaderName| Some((name.clone(), header(response, name.as_str())?.parse().ok()?));
        let wait = retry_after(&[RETRY_AFTER, DATE].into_iter().filter_map(named).collect(), self.clock.now());
        if let Some(wait) = wait.filter(|_| flight.ours) {
            // What a browser is told counts for every probe of this provider.
            self.parties.memory.budget.lock().expect("budget").pause_until(self.clock.now() + wait);
        }
        let asked = wait.map(|wait| format!(", asks to wait {} s", wait.as_secs())).unwrap_or_default();
        let host = flight.url.host_str().unwrap_or_default();
        let fault = Fault::new(Class::RateLimited, format!("{host} answered 429{asked}")).with_retry_after(wait);
        (flight.used == Use::Document).then(|| self.parties.hosts.told(fault, &flight.url))
    }

    /// `network.fetchError`. A fault if it was the window's own document and nothing took its place. `why`: what our own
    /// proxy knows of that address.
    pub(super) fn failed(&mut self, params: &Value, why: impl Fn(&Url) -> Option<Fault>) -> Option<Fault> {
        let Some(flight) = self.flights.remove(&key(params)) else { return self.broke_off(params, why) };
        let at = flight.url.clone();
        let fault = met(params, &flight.url, why);
        let document = flight.used == Use::Document;
        let replaced = self.flights.values().any(|flight| flight.used == Use::Document);
        if document && fault.is_none() && !replaced {
            let answered = self.document.as_ref().filter(|answered| answered.url == flight.url);
            let (status, kind) = answered.map_or((0, String::new()), |a| (a.status, a.media_type.clone()));
            self.dropped = Some((flight.url.clone(), status, kind));
        }
        if let Some(fault) = &fault {
            self.record(flight, None, Phases::default(), 0, None, Some(fault.class));
        }
        fault.filter(|_| document).map(|fault| self.parties.hosts.told(fault, &at))
    }

    /// Chromium calls a document complete whose connection broke in the middle of it, and tells of that afterwards.
    fn broke_off(&self, params: &Value, why: impl Fn(&Url) -> Option<Fault>) -> Option<Fault> {
        let (_, span_id) = self.landed.as_ref().filter(|(landed, _)| *landed == key(params))?;
        let at = &self.document.as_ref()?.url;
        let fault = met(params, at, why)?;
        self.parties.recorder.broke_off(*span_id, fault.class.as_str());
        Some(self.parties.hosts.told(fault, at))
    }

    /// Of this run.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.parties.recorder
    }

    /// The provider's origins.
    pub(super) fn origins(&self) -> &[Origin] {
        &self.parties.origins
    }

    /// What the latest document's answer said.
    pub(super) fn document(&self) -> Option<&Answered> {
        self.document.as_ref()
    }

    /// What is wrong with a document that came and was not shown, unless another was asked for meanwhile.
    pub(super) fn dropped(&self) -> Option<Fault> {
        let (url, status, kind) = self.dropped.as_ref()?;
        let what = match (status, kind.as_str()) {
            (0, _) => "an answer without content".to_owned(),
            (status, "") => format!("status {status}"),
            (status, kind) => format!("status {status}, {}", cut(kind, 60)),
        };
        let fault = Fault::new(Class::Malformed, format!("{} is no page that a browser shows ({what})", place(url)));
        Some(self.parties.hosts.told(fault, url))
    }

    /// What a page cannot be judged without, if that is still under way: the longest.
    /// `acted`: when something was pressed last; what is asked for from then on may be the answer to it.
    pub(super) fn pending(&self, acted: Option<Instant>) -> Option<Pending> {
        let now = self.clock.instant();
        let until = |flight: &Flight| match flight.used {
            Use::Call if acted.is_none_or(|acted| flight.begun < acted) => Some(flight.begun + PATIENCE),
            Use::Part => Some(flight.begun + PATIENCE),
            _ => None,
        };
        let holds = |flight: &&Flight| match flight.used {
            Use::Document | Use::Part => true,
            Use::Call => until(flight).is_none_or(|until| until > now),
            Use::Decoration => false,
        };
        // A document before anything else; then what is worth waiting for longest.
        let order = |flight: &&Flight| {
            (flight.used != Use::Document, until(flight).is_some(), Reverse(until(flight)), flight.begun)
        };
        let first = self.flights.values().filter(holds).min_by_key(order)?;
        Some(Pending {
            place: place(&first.url),
            since: first.begun,
            document: first.used == Use::Document,
            until: until(first),
        })
    }

    /// The run is over: what is still under way goes on record as it is.
    pub(super) fn give_up(&mut self) {
        let left: Vec<Flight> = self.flights.drain().map(|(_, flight)| flight).filter(|f| f.ours).collect();
        for flight in left {
            self.record(flight, None, Phases::default(), 0, None, Some(Class::Timeout));
        }
    }

    /// The caught answer is not a request that failed.
    pub(super) fn forget(&mut self, params: &Value) {
        self.flights.remove(&key(params));
    }

    /// Requests of the provider's origins, and every document of the way, go on record.
    fn record(
        &self,
        flight: Flight,
        status: Option<u16>,
        phases: Phases,
        body_bytes: u64,
        took: Option<Duration>,
        error: Option<Class>,
    ) {
        if !flight.ours && flight.used != Use::Document {
            return;
        }
        let url = &flight.url;
        let own = |endpoint: &Url| endpoint.origin() == url.origin() && endpoint.path() == url.path();
        let endpoint = match flight.used {
            Use::Document if self.parties.authorization.as_ref().is_some_and(own) => Endpoint::Authorization,
            Use::Document if self.parties.hosts.is_upstream(url) => Endpoint::Upstream,
            Use::Document => Endpoint::LoginPage,
            _ => Endpoint::LoginResource,
        };
        self.parties.recorder.request(RequestRecord {
            span_id: flight.span_id,
            endpoint: endpoint.as_str(),
            region: self.parties.region.clone(),
            method: flight.method,
            url: redact_url(url),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(0),
            status,
            resend: 0,
            start: flight.start,
            // Events arrive in bursts: the browser's own measure is better than ours.
            duration: took.unwrap_or_else(|| self.clock.instant().duration_since(flight.begun)),
            phases,
            body_bytes,
            error: error.map(Class::as_str),
            certificate_not_after: None,
        });
    }
}

/// What is wrong with a request that failed, if anything is.
fn met(params: &Value, url: &Url, why: impl Fn(&Url) -> Option<Fault>) -> Option<Fault> {
    let error = text(&params["errorText"]).unwrap_or_default();
    let seen = net_error::fault(error, url)?;
    Some(if net_error::of_the_way_out(error) { why(url).unwrap_or(seen) } else { seen })
}

#[cfg(test)]
#[path = "traffic_tests.rs"]
pub(super) mod tests;
