//! The relying party: requests made, sent and processed, one method an operation. Warnings, measured values and
//! secrets to mask go to the recorder.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, header};
use url::Url;

use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault, Finding};
use crate::journey::Recorder;
use crate::oidc::clock_skew::Timing;
use crate::oidc::dpop::Nonces;
use crate::oidc::expect::Expect;
use crate::oidc::http::{Endpoint, Http, Request, Response};
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::{Client, Provider};
use crate::outcome::Warning;

mod attempts;
mod device;
mod documents;
mod logout;
mod nodes;
mod proofs;
mod registration;
mod resources;
mod signatures;
mod tokens;

pub use logout::Refused;

/// A run and its cleanup are over after this.
const CLEANUP: Duration = Duration::from_secs(600);

/// A client of a provider, for one run in one region.
#[derive(Clone)]
pub struct Relying {
    /// For the requests.
    pub http: Http,
    /// Where they start from.
    pub region: Arc<str>,
    /// Whom.
    pub provider: Arc<Provider>,
    /// As whom; kinds that need no client have none.
    pub client: Option<Arc<Client>>,
    /// What is known of the provider.
    pub memory: Arc<ProviderMemory>,
    /// Where findings go.
    pub recorder: Recorder,
    /// The time.
    pub clock: Clock,
    /// What this run has seen of the provider's clock.
    pub timing: Timing,
    /// The nonces that servers want to see in proofs (RFC 9449 §8).
    pub nonces: Nonces,
}

/// What an ID token is held against, as far as only the caller knows it; see [`IdTokenRules`].
#[derive(Clone, Copy, Debug)]
pub struct IdTokenAsk<'a> {
    /// The nonce that was sent, if one was.
    pub nonce: Option<&'a str>,
    /// The `max_age` that was asked for.
    pub max_age: Option<Duration>,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
    /// The authorization code that came with it from the same endpoint (hybrid flow).
    pub code: Option<&'a str>,
    /// Whom it must be about.
    pub subject: Option<&'a str>,
    /// What the probe demands.
    pub expect: &'a Expect,
    /// Whether userinfo is asked next, which may have what the token lacks.
    pub userinfo_follows: bool,
    /// Whether it came from the authorization endpoint: see [`IdTokenRules::front_channel`].
    pub front_channel: bool,
}

impl Relying {
    /// The same, for cleanup: not bound by the run's deadline, which may be over. (The journey bounds cleanup itself.)
    #[must_use]
    pub fn for_cleanup(&self) -> Self {
        self.with_deadline(self.clock.instant() + CLEANUP)
    }

    /// The same, with more time: for cleanup after the run's deadline.
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { http: self.http.with_deadline(deadline), ..self.clone() }
    }

    /// The client. Fault: `config` if the kind was given none.
    pub fn client(&self) -> Result<&Arc<Client>, Fault> {
        self.client.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a client"))
    }

    async fn get(&self, endpoint: Endpoint, url: Url) -> Result<Response, Fault> {
        let mut request = Request::get(endpoint, url);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<Response, Fault> {
        // A protected resource need not be the provider's: its clock says nothing of the provider's.
        let providers = request.endpoint != Endpoint::Resource;
        let answer = self.http.send(request).await?;
        if providers {
            self.timing.saw_date(&answer);
        }
        Ok(answer)
    }

    fn warn_of(&self, code: &'static str, findings: &[Finding]) {
        self.recorder.warn_all(findings.iter().map(|f| Warning::new(code, f.clause, f.detail.clone())));
    }
}
