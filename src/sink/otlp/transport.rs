//! How exports reach the collector: a client of their own, never one that talks to providers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use url::Url;

use super::Settings;
use crate::outbound::{ATTEMPT, Client, Tls, header_value, wait};
use crate::secret::SecretSource;

/// How often an export is tried.
const ATTEMPTS: u32 = 3;

/// An HTTP client for the collector: bounded attempts, bounded time.
pub struct Transport {
    client: Client,
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
        let client = Client::new(Tls::of(&settings.endpoint), settings.ca_file.as_deref(), ATTEMPT)?;
        let transport = Self { client, headers };
        transport.secrets()?;
        Ok(transport)
    }

    /// The configured headers with their values as they are now.
    fn secrets(&self) -> Result<HeaderMap, String> {
        let mut all = HeaderMap::new();
        for (name, source) in &self.headers {
            all.append(name, header_value(&source.read()?, source)?);
        }
        Ok(all)
    }

    /// One attempt, and how long the collector asks us to wait.
    async fn attempt(&self, request: &Request<Bytes>) -> Result<(Response<Bytes>, Option<Duration>), HttpError> {
        // Only what describes the body is the exporter's to say; the rest is configured, not found in the environment.
        let mut headers = self.secrets()?;
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = request.headers().get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let url = Url::parse(&request.uri().to_string())?;
        let answer = self.client.send(Method::POST, url, headers, request.body().clone()).await?;
        if answer.cut {
            return Err("the answer is too large".into());
        }
        Ok((Response::builder().status(answer.status).body(answer.body)?, answer.retry_after))
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
                Ok((response, asked)) if retryable(response.status()) => *asked,
                Ok(_) => return result.map(|(response, _)| response),
                Err(_) => None,
            };
            if tried == ATTEMPTS {
                return result.map(|(response, _)| response);
            }
            tokio::time::sleep(wait(tried, asked)).await;
        }
    }
}

/// As the OTLP specification has it (OTLP/HTTP Response, Retryable Response Codes).
fn retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again: Vec<u16> = (100..600).filter(|code| retryable(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(again, [429, 502, 503, 504]);
    }
}
