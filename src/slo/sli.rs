//! What makes an event good.

use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Outcome;

/// A service level indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sli {
    /// The run is good.
    Availability,
    /// The run, or its step, took at most so long. A bad run is never fast.
    Latency {
        /// The step; `None`: the whole run.
        step: Option<Arc<str>>,
        /// The longest it may take.
        threshold: Duration,
    },
    /// What the provider sent was valid. A run that ended before there was anything to validate is no evidence.
    Validation,
    /// A revocation reached a region in at most so long; never is bad. One event a region looked from.
    Propagation(Duration),
    /// What must be refused was (attacks, tokens used twice). A run that ended before it could ask is no evidence.
    Refused,
}

/// What a run was for an SLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// It could not tell.
    Inconclusive,
}

impl Sli {
    /// What that run was, by region: usually one entry, its own region's.
    pub fn judge(&self, outcome: &Outcome) -> Vec<(Arc<str>, Event)> {
        let _ = outcome;
        todo!("slo")
    }

    /// In words, such as `step token within 200ms`.
    pub fn describe(&self) -> String {
        todo!("slo")
    }
}
