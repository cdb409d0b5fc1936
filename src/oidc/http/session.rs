//! The client that a run is given: budget, cookies, deadline, limits, record.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use url::{Origin, Url};

use super::client::{Exchange, MAX_HEAD, proxy_handshake};
use super::cookies::ProtectingJar;
use super::form::encode;
use super::phases::Marks;
use super::record::InFlight;
use super::{Egress, Endpoint, MAX_BODY, MAX_NODES, REQUEST_TIMEOUT, Request, Response, redact_url};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::Provider;
use crate::oidc::upstream::{self, Hosts};

/// How much earlier than the run's deadline a request gives up by itself, so that its fault can say where it hung.
const MARGIN: Duration = Duration::from_millis(25);
/// How many different requests of a run are told apart to count repetitions.
const MAX_DISTINCT: usize = 500;

/// A client for one run in one region: cookies live as long as it and its clones do.
#[derive(Clone)]
pub struct Http {
    egress: Arc<Egress>,
    provider: Arc<Provider>,
    memory: Arc<ProviderMemory>,
    recorder: Recorder,
    clock: Clock,
    deadline: Instant,
    timeout: Duration,
    jar: Arc<ProtectingJar>,
    sent: Arc<Mutex<Sent>>,
    hosts: Arc<Mutex<Hosts>>,
}

/// What a run has sent so far.
#[derive(Debug, Default)]
struct Sent {
    /// Hashes of requests, and how often each was sent.
    requests: Vec<(u64, u32)>,
    /// Where endpoints of the provider are.
    origins: Vec<Origin>,
}

impl Http {
    /// For one run: nothing is shared with another but the provider's budget and TLS settings.
    pub fn new(
        egress: Arc<Egress>,
        provider: Arc<Provider>,
        memory: Arc<ProviderMemory>,
        recorder: Recorder,
        clock: Clock,
        deadline: Instant,
    ) -> Self {
        if let Some((_, password)) = egress.proxy.as_ref().and_then(|proxy| proxy.credentials.as_ref()) {
            recorder.protect(password.expose());
        }
        let jar = Arc::new(ProtectingJar::new(recorder.clone()));
        let (timeout, sent) = (REQUEST_TIMEOUT, Arc::default());
        let hosts = Arc::new(Mutex::new(Hosts::of(&provider)));
        Self { egress, provider, memory, recorder, clock, deadline, timeout, jar, sent, hosts }
    }

    /// The same client with another bound for each request than [`REQUEST_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The addresses that the region's `resolve` lists for a host and its source address can reach, if there are several:
    /// at most [`super::MAX_NODES`].
    pub fn nodes(&self, host: &str) -> Vec<IpAddr> {
        let mut nodes: Vec<IpAddr> = Vec::new();
        for node in self.egress.fixed(host).unwrap_or_default() {
            let reached = self.egress.source_address.is_none_or(|source| source.is_ipv4() == node.is_ipv4());
            if reached && !nodes.contains(node) && nodes.len() < MAX_NODES {
                nodes.push(*node);
            }
        }
        if nodes.len() > 1 { nodes } else { Vec::new() }
    }

    /// The same client, to which a host has that one address. What it sends is no repetition of what others did.
    #[must_use]
    pub fn pinned(&self, host: &str, node: IpAddr) -> Self {
        let mut egress = Egress::clone(&self.egress);
        egress.resolve.insert(host.strip_suffix('.').unwrap_or(host).to_owned(), vec![node]);
        Self { egress: Arc::new(egress), sent: Arc::default(), ..self.clone() }
    }

    /// The same client, cookies included, with another deadline: for cleanup after the run's own.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// Takes the hosts of these endpoints for the provider's own.
    pub fn learn(&self, metadata: &Metadata) {
        self.hosts.lock().expect("hosts").learn(metadata);
    }

    /// Whose hosts are known so far.
    pub fn hosts(&self) -> Hosts {
        self.hosts.lock().expect("hosts").clone()
    }

    /// When the run is over: no request is begun after it.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sends `request` and reads the answer whole. Redirects are not followed. Every status is an answer, except 429,
    /// which is `rate_limited`. Faults: `dns`, `connect`, `tls`, `certificate`, `timeout`, `reset`, `malformed`,
    /// `too_large`, `rate_limited`, `egress`, `budget`; `config`, if the provider's `ca_file` cannot be read; `credentials`,
    /// if the certificate that we show is refused.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        if !matches!(request.url.scheme(), "http" | "https") || !request.url.has_host() {
            return Err(Fault::new(Class::Malformed, format!("{} is no http URL", redact_url(&request.url))));
        }
        if self.clock.instant() >= self.deadline {
            let host = request.url.host_str().unwrap_or_default();
            return Err(Fault::new(Class::Timeout, format!("the run was over before {host} could be asked")));
        }
        self.charge(&request)?;
        let marks = Arc::new(Marks::new(self.clock.clone(), proxy_handshake(&self.egress)));
        let resend = self.count(&request);
        let region = self.egress.region.clone();
        let mut flight = InFlight::begin(&request, &self.recorder, region, &self.clock, marks, resend);
        let result = self.in_time(&request, &mut flight).await;
        flight.marks.end();
        flight.over(result.as_ref().err().map(|fault| fault.class));
        let told = |fault| match request.endpoint {
            Endpoint::Upstream => upstream::told(fault, &request.url),
            _ => fault,
        };
        self.refuse_rate_limit(result.map_err(told)?).map_err(told)
    }

    fn charge(&self, request: &Request) -> Result<(), Fault> {
        let Some(limit) = self.provider.max_requests_per_minute.filter(|_| request.endpoint != Endpoint::Reference)
        else {
            return Ok(());
        };
        match self.memory.budget.lock().expect("budget").take(self.clock.now(), limit, 1) {
            true => Ok(()),
            false => Err(Fault::new(Class::Budget, format!("all {limit} requests of this minute are spent"))),
        }
    }

    /// How often this very request was sent before in this run.
    fn count(&self, request: &Request) -> u32 {
        let mut hasher = DefaultHasher::new();
        let json = request.json.as_ref().map(ToString::to_string);
        (&request.method, &request.url, &request.form, json).hash(&mut hasher);
        let hash = hasher.finish();
        let mut sent = self.sent.lock().expect("sent");
        if let Some((_, count)) = sent.requests.iter_mut().find(|(known, _)| *known == hash) {
            *count += 1;
            return *count;
        }
        if sent.requests.len() < MAX_DISTINCT {
            sent.requests.push((hash, 0));
        }
        0
    }

    async fn in_time(&self, request: &Request, flight: &mut InFlight<'_>) -> Result<Response, Fault> {
        let begun = flight.marks.begun();
        let limit = self.deadline.duration_since(begun).saturating_sub(MARGIN).min(self.timeout);
        let marks = flight.marks.clone();
        match tokio::time::timeout_at(begun + limit, self.exchange(request, flight)).await {
            Ok(result) => result,
            Err(_) => {
                let (host, stage) = (request.url.host_str().unwrap_or_default(), marks.stage());
                let detail = format!("{host}: still {} after {:.3} s", stage.waiting(), limit.as_secs_f64());
                Err(Fault::new(Class::Timeout, detail))
            }
        }
    }

    async fn exchange(&self, request: &Request, flight: &mut InFlight<'_>) -> Result<Response, Fault> {
        let exchange = Exchange {
            egress: &self.egress,
            tls: &self.memory.tls,
            trust: &self.provider.trust,
            clock: &self.clock,
            marks: &flight.marks.clone(),
            shown: &flight.shown.clone(),
            jar: (request.endpoint != Endpoint::Reference).then_some(&self.jar),
            identity: request.identity.as_ref(),
        };
        let mut answer = exchange.send(self.to_reqwest(request, flight)).await?;
        let received = self.clock.now();
        flight.answered(answer.status().as_u16());
        check_head(answer.headers())?;
        let body = read_body(&exchange, &request.url, &mut answer, flight).await?;
        Ok(Response {
            status: answer.status(),
            headers: std::mem::take(answer.headers_mut()),
            body,
            url: request.url.clone(),
            received,
            round_trip: flight.marks.round_trip(),
        })
    }

    fn to_reqwest(&self, request: &Request, flight: &InFlight<'_>) -> reqwest::Request {
        let mut made = reqwest::Request::new(request.method.clone(), request.url.clone());
        let headers = made.headers_mut();
        if self.is_providers(request) {
            headers.extend(self.provider.headers.clone());
            if self.provider.propagate_traceparent {
                let value = format!("00-{}-{}-01", self.recorder.trace_id(), flight.span_id);
                headers
                    .extend(HeaderValue::from_str(&value).map(|value| (HeaderName::from_static("traceparent"), value)));
            }
        }
        let json =
            || request.json.as_ref().map(|json| (HeaderValue::from_static("application/json"), json.to_string()));
        let body = request.form.as_deref().map(|form| encode(form, request.multipart)).or_else(json);
        if let Some((content_type, body)) = &body {
            headers.insert(CONTENT_TYPE, content_type.clone());
            // RFC 9110 §8.6. The client leaves it out, and then the content type is for nothing.
            if body.is_empty() {
                headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
        }
        // Over TLS HTTP/2 may be spoken, which has no such header.
        if request.url.scheme() == "http" {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        for name in request.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &request.headers {
            headers.append(name, value.clone());
        }
        if let Some((_, body)) = body {
            *made.body_mut() = Some(body.into());
        }
        made
    }

    /// Whether the provider itself is asked, and not a reference, a protected resource of somebody else's, or a third
    /// party that a login page sent us to.
    fn is_providers(&self, request: &Request) -> bool {
        if matches!(request.endpoint, Endpoint::Reference | Endpoint::Upstream) {
            return false;
        }
        let origin = request.url.origin();
        let mut sent = self.sent.lock().expect("sent");
        if sent.origins.contains(&origin) {
            return true;
        }
        let own = !matches!(request.endpoint, Endpoint::LoginPage | Endpoint::Resource)
            || Url::parse(&self.provider.issuer).is_ok_and(|issuer| issuer.origin() == origin);
        if own {
            sent.origins.push(origin);
        }
        own
    }

    fn refuse_rate_limit(&self, answer: Response) -> Result<Response, Fault> {
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        let wait = answer.retry_after();
        if let Some(wait) = wait {
            self.memory.budget.lock().expect("budget").pause_until(answer.received + wait);
        }
        let asked = wait.map(|wait| format!(", asks to wait {} s", wait.as_secs())).unwrap_or_default();
        let host = answer.url.host_str().unwrap_or_default();
        Err(Fault::new(Class::RateLimited, format!("{host} answered 429{asked}")).with_retry_after(wait))
    }
}

fn check_head(headers: &HeaderMap) -> Result<(), Fault> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEAD {
        let limit = MAX_HEAD;
        return Err(Fault::new(Class::TooLarge, format!("the headers are larger than {limit} bytes")));
    }
    Ok(())
}

async fn read_body(
    exchange: &Exchange<'_>,
    url: &Url,
    answer: &mut reqwest::Response,
    flight: &mut InFlight<'_>,
) -> Result<Bytes, Fault> {
    let too_large = || Fault::new(Class::TooLarge, format!("the body is larger than {MAX_BODY} bytes"));
    // Not there if the body is compressed.
    if answer.content_length().is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = match answer.chunk().await {
        Ok(chunk) => chunk,
        Err(error) => return Err(exchange.fault(&error, url).await),
    } {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        flight.received(body.len());
    }
    // What was decoded has lost the header.
    match answer.headers().get(CONTENT_ENCODING) {
        Some(coding) if !body.is_empty() && coding != "identity" => {
            Err(Fault::new(Class::Malformed, "the body has a Content-Encoding that was not asked for"))
        }
        _ => Ok(body.into()),
    }
}
