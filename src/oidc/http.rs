//! The only HTTP client. Every request gets a connection of its own: honest phases, no state of the last run. Bodies,
//! redirects and time are bounded; whatever goes wrong on the way ends in a class.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use reqwest::cookie::CookieStore as _;
use url::Url;

use crate::clock::Timestamp;

mod budget;
mod certificate;
mod classify;
mod client;
mod cookies;
mod dial;
mod egress;
mod form;
mod identity;
mod phases;
mod proxy;
mod record;
mod redact;
mod resolve;
mod session;
mod socks;
mod trust;
mod tunnel;
mod verify;
mod wait;

pub use budget::Budget;
pub use egress::{Egress, Proxy, Webdriver};
pub use identity::Identity;
pub use record::method_name;
pub use redact::redact_url;
pub use session::Http;
pub(crate) use socks::Reply;
pub use trust::{SystemRoots, TlsCache, Trust};
pub(crate) use tunnel::{Duplex, Way};
pub use verify::{clock_offset, verify_egress};
pub use wait::{header_date, http_date, retry_after};

/// The largest body that is read, after decompression (bytes).
pub const MAX_BODY: usize = 1024 * 1024;
/// The most addresses of one name that are asked one by one.
pub const MAX_NODES: usize = 8;
/// How long a request may take unless the run is over before.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

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
    /// Pages of another identity provider that a broker sends its users on to.
    Upstream,
    /// What a login page loads: scripts, styles, pictures, calls of its scripts.
    LoginResource,
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
    /// `device_authorization_endpoint` (RFC 8628).
    DeviceAuthorization,
    /// `registration_endpoint` (RFC 7591), and where it says that a client is managed (RFC 7592).
    Registration,
    /// `pushed_authorization_request_endpoint` (RFC 9126).
    PushedAuthorization,
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
            Self::Upstream => crate::outcome::UPSTREAM,
            Self::LoginResource => "login_resource",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::EndSession => "end_session",
            Self::DeviceAuthorization => "device_authorization",
            Self::Registration => "registration",
            Self::PushedAuthorization => "pushed_authorization",
            Self::Resource => "resource",
            Self::Reference => crate::outcome::REFERENCE,
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
    /// A JSON body; `Some` sets the content type. Not beside `form`.
    pub json: Option<serde_json::Value>,
    /// The certificate to show in the handshake, if we are asked for one.
    pub identity: Option<Identity>,
}

impl Request {
    /// A GET.
    pub fn get(endpoint: Endpoint, url: Url) -> Self {
        Self::new(Method::GET, endpoint, url)
    }

    /// Any method, without a body.
    pub fn new(method: Method, endpoint: Endpoint, url: Url) -> Self {
        let headers = HeaderMap::new();
        Self { method, url, endpoint, headers, form: None, multipart: false, json: None, identity: None }
    }

    /// A POST of a form.
    pub fn post(endpoint: Endpoint, url: Url, form: Vec<(String, String)>) -> Self {
        Self { form: Some(form), ..Self::new(Method::POST, endpoint, url) }
    }

    /// A JSON document, by POST or PUT.
    pub fn json(method: Method, endpoint: Endpoint, url: Url, document: serde_json::Value) -> Self {
        Self { json: Some(document), ..Self::new(method, endpoint, url) }
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

/// What a client of this run would send back to where an answer came from, after it obeyed its `Set-Cookie`.
pub(crate) fn cookies_of(recorder: &crate::journey::Recorder, answer: &Response) -> Option<HeaderValue> {
    let jar = cookies::ProtectingJar::new(recorder.clone());
    jar.set_cookies(&mut answer.headers.get_all(::http::header::SET_COOKIE).iter(), &answer.url);
    jar.cookies(&answer.url)
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
