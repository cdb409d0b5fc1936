//! How exports reach the collector: a client of their own, never one that talks to providers.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Settings;
use crate::outcome::Id;
use crate::secret::SecretSource;

/// How long one attempt may take, connection and answer included.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How often an export is tried.
const ATTEMPTS: u32 = 3;
/// The wait before the second attempt; it doubles.
const BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait that a collector may ask for.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The longest answer that is read (bytes).
const MAX_ANSWER: usize = 64 * 1024;

/// An HTTP client for the collector: bounded attempts, bounded time.
pub struct Transport {
    client: reqwest::Client,
    headers: Vec<(HeaderName, SecretSource)>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl Transport {
    /// Reads the certificates; every header must be readable.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let mut headers = vec![];
        for (name, source) in &settings.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("header {name:?}: not a name"))?;
            headers.push((name, source.clone()));
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(settings)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            .user_agent(concat!("authprobe/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("HTTP client: {error}"))?;
        let transport = Self { client, headers };
        transport.secrets()?;
        Ok(transport)
    }

    /// The configured headers with their values as they are now.
    fn secrets(&self) -> Result<HeaderMap, String> {
        let mut all = HeaderMap::new();
        for (name, source) in &self.headers {
            let secret = source.read()?;
            let mut value =
                HeaderValue::from_str(secret.expose()).map_err(|_| format!("{source}: not a header's value"))?;
            value.set_sensitive(true);
            all.append(name, value);
        }
        Ok(all)
    }

    async fn attempt(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // Only what describes the body is the exporter's to say; the rest is configured, not found in the environment.
        let mut headers = self.secrets()?;
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = request.headers().get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let url = request.uri().to_string();
        let mut answer = self.client.post(url).headers(headers).body(request.body().clone()).send().await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(wait) = answer.headers().get(RETRY_AFTER) {
            response = response.header(RETRY_AFTER, wait);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(format!("the answer is larger than {MAX_ANSWER} bytes").into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body.freeze())?)
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut tried = 0;
        loop {
            let result = self.attempt(&request).await;
            tried += 1;
            let asked = match &result {
                Ok(response) if !retryable(response.status()) => return result,
                Ok(response) => retry_after(response.headers()),
                Err(_) => None,
            };
            if tried == ATTEMPTS {
                return result;
            }
            tokio::time::sleep(wait(tried, asked)).await;
        }
    }
}

/// As the OTLP specification has it (OTLP/HTTP Response, Retryable Response Codes).
fn retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Doubles from attempt to attempt, with up to half of it added at random: daemons must not come back in step.
fn wait(tried: u32, asked: Option<Duration>) -> Duration {
    let backoff = BACKOFF * 2u32.saturating_pow(tried.saturating_sub(1));
    let random = f64::from(u16::from_le_bytes(Id::<2>::random().0)) / f64::from(u16::MAX);
    (backoff + backoff.mul_f64(random / 2.0)).max(asked.unwrap_or_default()).min(MAX_WAIT)
}

fn tls(settings: &Settings) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if settings.endpoint.scheme() == "https" {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = &settings.ca_file {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_heed_the_collector_and_are_bounded() {
        for _ in 0..100 {
            let first = wait(1, None);
            assert!((BACKOFF..=BACKOFF.mul_f64(1.5)).contains(&first), "{first:?}");
            let second = wait(2, None);
            assert!((BACKOFF * 2..=BACKOFF * 3).contains(&second), "{second:?}");
        }
        assert_eq!(wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(wait(1, Some(Duration::from_secs(86_400))), MAX_WAIT);
        assert_eq!(wait(40, None), MAX_WAIT);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again: Vec<u16> = (100..600).filter(|code| retryable(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(again, [429, 502, 503, 504]);
    }
}
