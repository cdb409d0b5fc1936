//! HTTP to our own back ends (collectors, Alertmanagers, webhooks): bounded in time and size, never through the
//! environment's proxies, never along redirects. Providers are asked elsewhere, see [`crate::oidc::http`].

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use url::Url;

use crate::secret::{Secret, SecretSource};

/// How long one attempt may take, connection and answer included.
pub const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The wait before the second attempt; it doubles.
pub const BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait, asked for or not.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// The most of an answer that is read (bytes), unless whoever asks says how much.
const MAX_ANSWER: usize = 64 * 1024;

/// Whether certificates are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain http: none.
    Never,
    /// https.
    Always,
    /// The address is read later.
    Perhaps,
}

impl Tls {
    /// As the URL has it.
    pub fn of(url: &Url) -> Self {
        if url.scheme() == "https" { Self::Always } else { Self::Never }
    }
}

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Client(reqwest::Client);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// How long we are asked to wait.
    pub retry_after: Option<Duration>,
    /// Its body, at most 64 KiB of it, or as much as was asked for.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
}

/// Why no answer came.
#[derive(Debug)]
pub struct Failure {
    /// Without any name or address of the other side: that may be secret.
    pub reason: String,
    /// Everything that is known, but for the URL.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Failure {}

impl Client {
    /// `ca_file`: PEM, believed besides the system's certificates; `attempt`: how long a request may take as a whole.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate, or none is known at all where they are needed.
    pub fn new(tls: Tls, ca_file: Option<&Path>, attempt: Duration) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config(tls, ca_file)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT.min(attempt))
            .timeout(attempt)
            .user_agent(concat!("authprobe/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("HTTP client: {error}"))?;
        Ok(Self(client))
    }

    /// One request; any status is an answer.
    pub async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        self.send_for(method, url, headers, body, MAX_ANSWER).await
    }

    /// The same, for an answer of which at most that many bytes are read.
    pub async fn send_for(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
        most: usize,
    ) -> Result<Answer, Failure> {
        let request = self.0.request(method, url).headers(headers).body(body);
        let mut answer = request.send().await.map_err(failure)?;
        let status = answer.status();
        let retry_after = retry_after(answer.headers());
        let (mut body, mut cut) = (BytesMut::new(), false);
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            let room = most - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        Ok(Answer { status, retry_after, body: body.freeze(), cut })
    }
}

/// A secret as the value of a header, masked wherever headers are shown. The error names the source, never the value.
pub fn header_value(secret: &Secret, source: &SecretSource) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| format!("{source}: not a header's value"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// How long to wait after so many failed attempts (from 1), and at least as long as asked: it doubles from attempt to
/// attempt, with up to half of it added at random, since daemons must not come back in step.
pub fn wait(tried: u32, asked: Option<Duration>) -> Duration {
    let backoff = BACKOFF.saturating_mul(2u32.saturating_pow(tried.saturating_sub(1)));
    let mut bytes = [0; 2];
    // Without random numbers it waits as long as it must.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let random = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
    let backoff = backoff.min(MAX_WAIT);
    (backoff + backoff.mul_f64(random / 2.0)).max(asked.unwrap_or_default()).min(MAX_WAIT)
}

fn config(tls: Tls, ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if tls != Tls::Never {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = ca_file {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() && tls == Tls::Always {
            return Err("no trusted certificates: the system has none, and ca_file is not set".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let mut found = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| format!("{shown}: {error}"))? {
        let certificate = certificate.map_err(|error| format!("{shown}: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{shown}: {error}"))?;
        found += 1;
    }
    if found == 0 { Err(format!("{shown}: holds no certificate")) } else { Ok(()) }
}

fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let (mut chain, mut next) = (Vec::new(), Some(&error as &(dyn Error + 'static)));
    while let Some(error) = next {
        chain.push(error);
        next = error.source();
    }
    let detail = chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    Failure { reason: reason(&error, &chain), detail }
}

fn reason(error: &reqwest::Error, chain: &[&(dyn Error + 'static)]) -> String {
    let io = || chain.iter().find_map(|error| error.downcast_ref::<std::io::Error>());
    // rustls' errors travel inside of those of the connection.
    let tls = chain.iter().find_map(|error| of_tls(*error));
    match (tls, io()) {
        (Some(error), _) => format!("TLS: {}", tls_reason(error)),
        _ if error.is_timeout() && error.is_connect() => "no connection in time".to_owned(),
        _ if error.is_timeout() => "no answer in time".to_owned(),
        _ if chain.iter().any(|error| error.to_string().starts_with("dns error")) => {
            "the name does not resolve".to_owned()
        }
        (None, Some(io)) => io.kind().to_string(),
        _ if error.is_connect() => "no connection".to_owned(),
        _ => "no valid answer".to_owned(),
    }
}

/// rustls' error within one of the connection, which may be wrapped more than once.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => of_tls(io.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// Certificates' names are left out.
fn tls_reason(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
            CertificateError::UnknownIssuer => "the certificate is of an unknown issuer",
            _ => "the certificate is not acceptable",
        },
        rustls::Error::AlertReceived(_) => "the other side refused the handshake",
        _ => "the handshake failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_heed_the_other_side_and_are_bounded() {
        for _ in 0..100 {
            let first = wait(1, None);
            assert!((BACKOFF..=BACKOFF.mul_f64(1.5)).contains(&first), "{first:?}");
            let second = wait(2, None);
            assert!((BACKOFF * 2..=BACKOFF * 3).contains(&second), "{second:?}");
        }
        assert_eq!(wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(wait(1, Some(Duration::from_secs(86_400))), MAX_WAIT);
        assert_eq!(wait(40, None), MAX_WAIT);
        assert_eq!(wait(u32::MAX, None), MAX_WAIT);
    }

    #[tokio::test]
    async fn failures_have_a_reason_that_names_nobody() {
        let client = Client::new(Tls::Never, None, Duration::from_secs(5)).unwrap();
        let get = async |url: &str| {
            let url = Url::parse(url).unwrap();
            client.send(Method::GET, url, HeaderMap::new(), Bytes::new()).await.unwrap_err()
        };
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = get(&format!("http://{unused}/secret-path")).await;
        assert_eq!(refused.reason, "connection refused");
        assert!(!refused.detail.contains("secret-path"), "{refused}");
        assert_eq!(get("http://secret-name.invalid/").await.reason, "the name does not resolve");
    }
}
