//! Who is asked: a daemon, or a Prometheus. Bounded in time and size; redirects are never followed; tokens are read anew for
//! each request and shown nowhere.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::daemon::Daemon;
use super::prometheus::Prometheus;
use super::report::Cause;
use super::{Look, Slo};
use crate::clock::Timestamp;
use crate::outbound::{Answer, Client, Tls, header_value};
use crate::secret::{Secret, SecretSource};

/// The most of an answer that is read (bytes): a thousand objectives take about 3 MB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// How much is quoted of an answer that is no success (characters).
const QUOTED: usize = 200;

/// Why there is no look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It may come back.
    Away(String),
    /// It will say the same again until somebody mends something: a token, an address.
    Refused(String),
}

impl Trouble {
    /// In words.
    pub fn text(&self) -> &str {
        match self {
            Self::Away(text) | Self::Refused(text) => text,
        }
    }
}

/// What a source has.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its clock.
    pub now: Timestamp,
    /// Its objectives.
    pub slos: Vec<Known>,
}

/// An objective that could be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// The provider of its probes, if that is one and known.
    pub provider: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub enum Source {
    /// `authprobe run`.
    Daemon(Daemon),
    /// A Prometheus that scrapes one, with our rules.
    Prometheus(Prometheus),
}

impl Source {
    /// What there is.
    pub async fn survey(&self) -> Result<Survey, Trouble> {
        match self {
            Self::Daemon(daemon) => daemon.survey().await,
            Self::Prometheus(prometheus) => prometheus.survey().await,
        }
    }

    /// From then on it looks at what happened since; `now`: its clock.
    pub fn begin(&mut self, since: Timestamp, now: Timestamp) {
        match self {
            Self::Daemon(daemon) => daemon.begin(since, now),
            Self::Prometheus(prometheus) => prometheus.begin(since),
        }
    }

    /// How these objectives are; those that are gone are left out.
    pub async fn look(&mut self, names: &[String]) -> Result<Look, Trouble> {
        match self {
            Self::Daemon(daemon) => daemon.look(names).await,
            Self::Prometheus(prometheus) => prometheus.look(names).await,
        }
    }

    /// What failed most in an objective since the beginning; `None`: nothing, or it cannot be told.
    pub async fn cause(&self, slo: &Slo) -> Option<Cause> {
        match self {
            Self::Daemon(daemon) => daemon.cause(slo).await,
            Self::Prometheus(prometheus) => prometheus.cause(slo).await,
        }
    }

    /// `daemon` or `prometheus`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Daemon(_) => "daemon",
            Self::Prometheus(_) => "prometheus",
        }
    }

    /// Where it is, without what may be secret.
    pub fn shown(&self) -> String {
        match self {
            Self::Daemon(daemon) => daemon.asker().shown(),
            Self::Prometheus(prometheus) => prometheus.asker().shown(),
        }
    }
}

/// Asks one server.
#[derive(Debug)]
pub struct Asker {
    client: Client,
    base: Url,
    token: Option<SecretSource>,
    /// The option that names its token.
    option: &'static str,
}

impl Asker {
    /// `option`: the one that names the file with its token. The error: the address or a file cannot be used.
    pub fn new(
        base: Url,
        token: Option<&Path>,
        option: &'static str,
        ca_file: Option<&Path>,
        attempt: Duration,
    ) -> Result<Self, String> {
        let client = Client::new(Tls::of(&base), ca_file, attempt)?;
        let token = token.map(|path| SecretSource::File(path.to_owned()));
        // What cannot be read now is a mistake; later it may be about to be replaced.
        if let Some(token) = &token {
            header_value(&Secret::new(format!("Bearer {}", token.read()?.expose())), token)?;
        }
        Ok(Self { client, base, token, option })
    }

    /// GETs a path below the address; each of `path` is one segment of it.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Trouble> {
        let answer = self.send(Method::GET, path, query, Bytes::new()).await?;
        self.read(&answer)
    }

    /// POSTs JSON; the status with what was answered.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<(StatusCode, T), Trouble> {
        let answer = self.send(Method::POST, path, &[], Bytes::from(body.to_string())).await?;
        Ok((answer.status, self.read(&answer)?))
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = &self.token {
            let bearer = token.read().map_err(Trouble::Away)?;
            let bearer = Secret::new(format!("Bearer {}", bearer.expose()));
            headers.insert(AUTHORIZATION, header_value(&bearer, token).map_err(Trouble::Away)?);
        }
        let answer = self.client.send_for(method, url, headers, body, MAX_ANSWER).await;
        answer.map_err(|failure| match failure.reason.strip_prefix("TLS: the certificate") {
            Some(why) => {
                let help = "certificates of your own authority are believed with --ca-file";
                Trouble::Refused(format!("{}: the certificate{why}\n = help: {help}", self.shown()))
            }
            None => Trouble::Away(format!("{}: {}", self.shown(), failure.reason)),
        })
    }

    /// Its address without what may be secret.
    pub fn shown(&self) -> String {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.to_string()
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Trouble> {
        let (status, shown) = (answer.status, self.shown());
        let said = said(&answer.body);
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            let help = match &self.token {
                Some(token) => format!("it does not take the token of {token} ({})", self.option),
                None => format!("name the file that holds its token with {}", self.option),
            };
            return Err(Trouble::Refused(format!("{shown}: {status}{said}\n = help: {help}")));
        }
        if status.is_redirection() {
            let help = "redirects are not followed: give the address itself";
            return Err(Trouble::Refused(format!("{shown}: {status}\n = help: {help}")));
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
        {
            return Err(Trouble::Away(format!("{shown}: {status}{said}")));
        }
        if !status.is_success() {
            return Err(Trouble::Refused(format!("{shown}: {status}{said}")));
        }
        if answer.cut {
            return Err(Trouble::Away(format!("{shown}: its answer is larger than {MAX_ANSWER} bytes")));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Trouble::Away(format!("{shown}: its answer is not what was asked for: {error}")))
    }
}

/// What an error says, if it is JSON: `detail` of a problem (RFC 9457), `error` of Prometheus. Pages of others are not quoted.
fn said(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = ["detail", "error"].into_iter().find_map(|key| value.get(key)?.as_str());
    detail.map_or_else(String::new, |detail| {
        let plain: String = detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED).collect();
        format!(": {plain}")
    })
}
