//! The relying party: requests made, sent and processed, one method an operation. Warnings, measured values and
//! secrets to mask go to the recorder.

use std::sync::Arc;

use crate::clock::Clock;
use crate::journey::Recorder;
use crate::oidc::http::Http;
use crate::oidc::memory::ProviderMemory;
use crate::oidc::settings::{Client, Provider};

/// A client of a provider, for one run in one region.
#[derive(Clone)]
pub struct Relying {
    /// For the requests.
    pub http: Http,
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
}
