//! The only HTTP client. Every request gets a connection of its own: honest phases, no state of the last run. Bodies,
//! redirects and time are bounded; whatever goes wrong on the way ends in a class.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use url::Url;

use crate::clock::{Clock, Instant, Timestamp};
use crate::fault::Fault;
use crate::journey::Recorder;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::Provider;

mod budget;
mod egress;
mod trust;

pub use budget::Budget;
pub use egress::{Egress, Proxy};
pub use trust::Trust;

/// The largest body that is read, after decompression (bytes).
pub const MAX_BODY: usize = 1024 * 1024;

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

/// A client for one run in one region: cookies live as long as it does.
#[derive(Clone)]
pub struct Http {
    egress: Arc<Egress>,
    provider: Arc<Provider>,
    memory: Arc<ProviderMemory>,
    recorder: Recorder,
    clock: Clock,
    deadline: Instant,
}

impl Http {
    /// For one run: nothing is shared with another but the provider's budget.
    pub fn new(
        egress: Arc<Egress>,
        provider: Arc<Provider>,
        memory: Arc<ProviderMemory>,
        recorder: Recorder,
        clock: Clock,
        deadline: Instant,
    ) -> Self {
        Self { egress, provider, memory, recorder, clock, deadline }
    }

    /// The same with another deadline: for cleanup after the run's own.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// Sends `request` and reads the answer whole. Redirects are not followed. Every status is an answer, except 429,
    /// which is `rate_limited`. Faults: `dns`, `connect`, `tls`, `certificate`, `timeout`, `reset`, `malformed`,
    /// `too_large`, `rate_limited`, `egress`, `budget`.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        let _ = (request, &self.egress, &self.provider, &self.memory, &self.recorder, &self.clock, self.deadline);
        Err(Fault::new(crate::fault::Class::Internal, "the HTTP client is not written yet"))
    }
}
