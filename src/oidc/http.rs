//! The only HTTP client. Every request gets a connection of its own: honest phases, no state of the last run. Bodies,
//! redirects and time are bounded; whatever goes wrong on the way ends in a class.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use url::{Origin, Url};

use crate::clock::{Clock, Instant, Timestamp};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::Provider;

mod budget;
mod certificate;
mod classify;
mod client;
mod cookies;
mod egress;
mod phases;
mod proxy;
mod record;
mod redact;
mod resolve;
mod trust;
mod verify;
mod wait;

pub use budget::Budget;
pub use egress::{Egress, Proxy};
pub use redact::redact_url;
pub use trust::{SystemRoots, TlsCache, Trust};
pub use verify::verify_egress;
pub use wait::{header_date, http_date, retry_after};

use client::{Exchange, proxy_handshake};
use cookies::ProtectingJar;
use phases::Marks;
use record::InFlight;

/// The largest body that is read, after decompression (bytes).
pub const MAX_BODY: usize = 1024 * 1024;
/// How long a request may take unless the run is over before.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How much earlier than the run's deadline a request gives up by itself, so that its fault can say where it hung.
const MARGIN: Duration = Duration::from_millis(25);
/// How many different requests of a run are told apart to count repetitions.
const MAX_DISTINCT: usize = 500;

/// Which of a provider's endpoints a request goes to: the `endpoint` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// Metadata of either kind.
    Discovery,
    /// `jwks_uri`.
    Jwks,
    /// `authorization_endpoint`, up to the redirect to us.
    Authorization,
    /// Pages between authorization endpoint and redirect.
    LoginPage,
    /// `token_endpoint`.
    Token,
    /// `userinfo_endpoint`.
    Userinfo,
    /// `introspection_endpoint`.
    Introspection,
    /// `revocation_endpoint`.
    Revocation,
    /// `end_session_endpoint`.
    EndSession,
    /// A protected resource that the user configured.
    Resource,
    /// Not the provider: a reference of the region.
    Reference,
}

impl Endpoint {
    /// The name in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Authorization => "authorization",
            Self::LoginPage => "login_page",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::EndSession => "end_session",
            Self::Resource => "resource",
            Self::Reference => "reference",
        }
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// For labels and limits.
    pub endpoint: Endpoint,
    /// Besides those of the provider's settings, `User-Agent` and `Host`.
    pub headers: HeaderMap,
    /// `application/x-www-form-urlencoded` pairs; `Some` sets the content type.
    pub form: Option<Vec<(String, String)>>,
    /// Whether the form travels as `multipart/form-data` (RFC 7578) instead.
    pub multipart: bool,
}

impl Request {
    /// A GET.
    pub fn get(endpoint: Endpoint, url: Url) -> Self {
        Self { method: Method::GET, url, endpoint, headers: HeaderMap::new(), form: None, multipart: false }
    }

    /// A POST of a form.
    pub fn post(endpoint: Endpoint, url: Url, form: Vec<(String, String)>) -> Self {
        Self { method: Method::POST, url, endpoint, headers: HeaderMap::new(), form: Some(form), multipart: false }
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status: any.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed, at most [`MAX_BODY`].
    pub body: Bytes,
    /// The URL that was asked.
    pub url: Url,
    /// When its head arrived.
    pub received: Timestamp,
    /// From the request being sent to its head (so without connection set-up): for clock skew.
    pub round_trip: Duration,
}

impl Response {
    /// How long the server asks to be left alone, if it does: at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, self.received)
    }
}

/// Does at start what the first use of the cryptography library does, some 40 ms: they would count as somebody's
/// connection otherwise. Blocks that long.
pub fn warm_up() {
    let mut bytes = [0; 32];
    // Whoever needs random numbers later reports their absence.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let group = aws_lc_rs::agreement::EphemeralPrivateKey::generate(
        &aws_lc_rs::agreement::X25519,
        &aws_lc_rs::rand::SystemRandom::new(),
    );
    drop(group);
}

/// A client for one run in one region: cookies live as long as it and its clones do.
#[derive(Clone)]
pub struct Http {
    egress: Arc<Egress>,
    provider: Arc<Provider>,
    memory: Arc<ProviderMemory>,
    recorder: Recorder,
    clock: Clock,
    deadline: Option<Instant>,
    timeout: Duration,
    jar: Arc<ProtectingJar>,
    sent: Arc<Mutex<Sent>>,
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
        let (deadline, timeout, sent) = (Some(deadline), REQUEST_TIMEOUT, Arc::default());
        Self { egress, provider, memory, recorder, clock, deadline, timeout, jar, sent }
    }

    /// The same client, cookies included, for cleanup: not bound by the run's deadline, which may be over. (The journey
    /// bounds cleanup itself.)
    #[must_use]
    pub fn for_cleanup(&self) -> Self {
        Self { deadline: None, ..self.clone() }
    }

    /// The same client with another bound for each request than [`REQUEST_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same with another deadline: for cleanup after the run's own.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Sends `request` and reads the answer whole. Redirects are not followed. Every status is an answer, except 429,
    /// which is `rate_limited`. Faults: `dns`, `connect`, `tls`, `certificate`, `timeout`, `reset`, `malformed`,
    /// `too_large`, `rate_limited`, `egress`, `budget`; `config`, if the provider's `ca_file` cannot be read.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        if !matches!(request.url.scheme(), "http" | "https") || !request.url.has_host() {
            return Err(Fault::new(Class::Malformed, format!("{} is no http URL", redact_url(&request.url))));
        }
        self.charge(&request)?;
        let marks = Arc::new(Marks::new(self.clock.clone(), proxy_handshake(&self.egress)));
        let resend = self.count(&request);
        let region = self.egress.region.clone();
        let mut flight = InFlight::begin(&request, &self.recorder, region, &self.clock, marks, resend);
        let result = self.in_time(&request, &mut flight).await;
        flight.marks.end();
        flight.over(result.as_ref().err().map(|fault| fault.class));
        self.refuse_rate_limit(result?)
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
        (&request.method, &request.url, &request.form).hash(&mut hasher);
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
        let limit = match self.deadline.map(|deadline| deadline.duration_since(begun).saturating_sub(MARGIN)) {
            Some(left) => left.min(self.timeout),
            None => self.timeout,
        };
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
        if request.form.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
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
        if let Some(form) = &request.form {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            *made.body_mut() = Some(body.into());
        }
        made
    }

    /// Whether the provider itself is asked, and not a reference, or a third party that a login page sent us to.
    fn is_providers(&self, request: &Request) -> bool {
        if request.endpoint == Endpoint::Reference {
            return false;
        }
        let origin = request.url.origin();
        let mut sent = self.sent.lock().expect("sent");
        if sent.origins.contains(&origin) {
            return true;
        }
        let own = request.endpoint != Endpoint::LoginPage
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
    if size > client::MAX_HEAD {
        let limit = client::MAX_HEAD;
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
