//! One receiver: where it is, who we are to it, and what it answered.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::{Address, Credentials, HeaderText, Hook, Peer};
use crate::outbound::{Client, Tls, header_value};
use crate::secret::{Scrubber, Secret};

/// The most of an answer that is shown (characters).
const SHOWN: usize = 200;

/// See the module.
pub struct Target {
    /// As it is counted.
    pub name: String,
    address: Address,
    /// Below the address.
    path: &'static [&'static str],
    credentials: Option<Credentials>,
    headers: Vec<(HeaderName, HeaderText)>,
    client: Client,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What kind of.
    pub why: Why,
    /// In words: nothing secret, and no host if the address is secret.
    pub reason: String,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The message itself is not acceptable (400, 413, 422): a part of it may be.
    Message,
    /// Whatever we send is refused (other 4xx, redirects).
    Us,
    /// It may work later (429, 5xx, no answer); how long we are asked to wait.
    Later(Option<Duration>),
}

impl Target {
    /// An Alertmanager.
    pub fn peer(name: String, peer: &Peer, attempt: Duration) -> Result<Self, String> {
        let client = Client::new(Tls::of(&peer.url), peer.ca_file.as_deref(), attempt)?;
        let address = Address::Plain(peer.url.clone());
        let credentials = peer.credentials.clone();
        Self { name, address, path: &["api", "v2", "alerts"], credentials, headers: Vec::new(), client }.usable()
    }

    /// A webhook.
    pub fn hook(name: String, hook: &Hook, attempt: Duration) -> Result<Self, String> {
        let mut headers = Vec::new();
        for (name, text) in &hook.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("header {name:?}: not a name"))?;
            headers.push((name, text.clone()));
        }
        let client = Client::new(tls(&hook.url), hook.ca_file.as_deref(), attempt)?;
        Self { name, address: hook.url.clone(), path: &[], credentials: None, headers, client }.usable()
    }

    /// A heartbeat.
    pub fn heartbeat(name: String, address: &Address, attempt: Duration) -> Result<Self, String> {
        let client = Client::new(tls(address), None, attempt)?;
        Self { name, address: address.clone(), path: &[], credentials: None, headers: Vec::new(), client }.usable()
    }

    /// Whether everything can be read now.
    fn usable(self) -> Result<Self, String> {
        let known = Scrubber::default();
        self.url(&known)?;
        self.headers(&known)?;
        Ok(self)
    }

    /// POSTs a body of JSON, or GETs without one. `Ok`: what it answered, in a few words.
    pub async fn send(&self, body: Option<Vec<u8>>) -> Result<String, Refused> {
        let known = Scrubber::default();
        let unread = |reason: String| Refused { why: Why::Later(None), reason };
        let url = self.url(&known).map_err(unread)?;
        let mut headers = self.headers(&known).map_err(unread)?;
        let method = if body.is_some() { Method::POST } else { Method::GET };
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = body.map(Bytes::from).unwrap_or_default();
        let answer = self.client.send(method, url, headers, body).await.map_err(|failure| {
            let secret = matches!(self.address, Address::Kept(_));
            unread(if secret { failure.reason } else { known.scrub(&failure.detail) })
        })?;
        let said = said(answer.status, &known.scrub(&String::from_utf8_lossy(&answer.body)));
        let why = match answer.status.as_u16() {
            200..300 => return Ok(said),
            400 | 413 | 422 => Why::Message,
            408 | 429 | 500.. => Why::Later(answer.retry_after),
            _ => Why::Us,
        };
        Err(Refused { why, reason: said })
    }

    /// The address as it is now; `known` learns what must not be shown.
    fn url(&self, known: &Scrubber) -> Result<Url, String> {
        let (mut url, from) = match &self.address {
            Address::Plain(url) => (url.clone(), "the URL".to_owned()),
            Address::Kept(source) => {
                let text = source.read()?;
                let url = Url::parse(text.expose().trim()).map_err(|_| format!("{source}: not a URL"))?;
                // A receiver may repeat any part of it.
                for part in [url.as_str(), url.path(), url.query().unwrap_or_default()] {
                    known.protect(part);
                }
                url.host_str().into_iter().chain(url.path().split('/')).for_each(|part| known.protect(part));
                url.query_pairs().for_each(|(_, value)| known.protect(&value));
                (url, source.to_string())
            }
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(format!("{from}: neither http nor https"));
        }
        known.protect(url.password().unwrap_or_default());
        if !self.path.is_empty()
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.pop_if_empty().extend(self.path);
        }
        Ok(url)
    }

    /// Who we are, and what is sent along.
    fn headers(&self, known: &Scrubber) -> Result<HeaderMap, String> {
        let mut all = HeaderMap::new();
        for (name, text) in &self.headers {
            let value = match text {
                HeaderText::Plain(text) => {
                    HeaderValue::from_str(text).map_err(|_| format!("header {name}: not a header's value"))?
                }
                HeaderText::Kept(source) => {
                    let secret = source.read()?;
                    known.protect(secret.expose());
                    header_value(&secret, source)?
                }
            };
            all.append(name, value);
        }
        let (source, text) = match &self.credentials {
            None => return Ok(all),
            Some(Credentials::Bearer(source)) => {
                let token = source.read()?;
                known.protect(token.expose());
                (source, format!("Bearer {}", token.expose()))
            }
            Some(Credentials::Basic(user, source)) => {
                let password = source.read()?;
                known.protect(password.expose());
                let both = STANDARD.encode(format!("{user}:{}", password.expose()));
                known.protect(&both);
                (source, format!("Basic {both}"))
            }
        };
        all.insert(AUTHORIZATION, header_value(&Secret::new(text), source)?);
        Ok(all)
    }
}

fn tls(address: &Address) -> Tls {
    match address {
        Address::Plain(url) => Tls::of(url),
        Address::Kept(_) => Tls::Perhaps,
    }
}

/// Status, and the beginning of what was said to a refusal.
fn said(status: StatusCode, body: &str) -> String {
    let words: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let status = match status {
        status if status.is_redirection() => format!("{status} (redirects are not followed)"),
        status => status.to_string(),
    };
    if words.is_empty() || status.starts_with('2') { status } else { format!("{status}: {words}") }
}
