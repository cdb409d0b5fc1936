//! A window on loan: what a probe asks for, and what it may do with it.
//!
//! Only the seam: taking a seat says that there is none. The walking side takes this file's place.

use std::sync::Arc;

use url::Url;

use super::{Browsers, Passkey};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::steps::{Guide, Target};
use crate::oidc::http::Egress;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::Provider;

/// What a window is wanted for.
pub struct Ask<'a> {
    /// From where.
    pub region: &'a Arc<Egress>,
    /// Whom it will visit.
    pub provider: &'a Arc<Provider>,
    /// What is known of the provider.
    pub memory: &'a Arc<ProviderMemory>,
    /// Of the run.
    pub recorder: &'a Recorder,
    /// The time.
    pub clock: &'a Clock,
    /// When the run must be over.
    pub deadline: Instant,
    /// What is caught instead of being followed; `None`: nothing is.
    pub redirect_uri: Option<&'a Url>,
    /// The provider's own: their requests are its, and may carry `traceparent`.
    pub origins: Vec<url::Origin>,
    /// For pages that ask for one.
    pub passkey: Option<Passkey>,
}

/// An isolated window of a warm browser.
pub struct Seat {
    never: std::convert::Infallible,
}

/// What a window came to.
pub enum Opened {
    /// A page that can be judged.
    Page,
    /// The parameters of the redirect to us.
    Answer(Vec<(String, String)>),
}

/// When a login is over.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    /// The redirect to us is there.
    Answer,
    /// That element is on the page.
    Shows(&'a Target),
}

/// How the browsers of this machine are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many run.
    pub sessions: u64,
    /// How many were started since authprobe was.
    pub started_total: u64,
    /// Memory of all of them together (bytes).
    pub memory_bytes: u64,
}

impl Browsers {
    /// A browser and an isolated window in it. Fault: `browser`.
    pub async fn seat(&self, ask: Ask<'_>) -> Result<Seat, Fault> {
        let _ = ask;
        Err(Fault::new(Class::Browser, "this build has no browser"))
    }

    /// How they are now. Waits for nobody.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}

impl Seat {
    /// Goes to `url`, up to the first page that can be judged.
    pub async fn open(&self, _url: &Url) -> Result<Opened, Fault> {
        match self.never {}
    }

    /// Logs in, up to the answer or until the element is there; without one, the parameters are none.
    pub async fn sign_in(
        &self,
        _guide: &Guide,
        _answers: &Answers,
        _until: Until<'_>,
    ) -> Result<Vec<(String, String)>, Fault> {
        match self.never {}
    }

    /// Evidence if it did not go well, the report to the recorder, the window closed.
    pub async fn leave(self: Arc<Self>) -> Result<(), Fault> {
        match self.never {}
    }
}
