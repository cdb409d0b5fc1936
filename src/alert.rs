//! Alerts: what holds now (conditions), and what becomes of it over time (a state machine). Pure.

pub mod carriers;
pub mod causes;
pub mod conditions;
pub mod episode;
pub mod episodes;
pub mod facts;
pub mod machine;
pub mod outage;
pub mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

pub use machine::Machine;

/// The `evaluator` label of what this process evaluates.
pub const EVALUATOR: &str = "authprobe";
/// The `evaluator` label of what Prometheus evaluates by our rules.
pub const PROMETHEUS: &str = "prometheus";

/// Every alert that exists.
pub const NAMES: &[&str] = &[
    "AuthOutage",
    "AuthRegionDown",
    "AuthSLOBurn",
    "AuthAttackAccepted",
    "AuthKeyRotationUnsafe",
    "AuthRegionsDisagree",
    "AuthRevocationSlow",
    "AuthClockSkew",
    "AuthCertificateExpiring",
    "AuthTokenLifetimeLong",
    "AuthProbeCredentials",
    "AuthProbeStale",
    "AuthLedgerFailing",
];

/// Labels or annotations.
pub type Words = BTreeMap<String, String>;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Too little is known: whatever the alert's state is, it stays.
    Unknown,
}

/// What may alert, as it is now. Every possible alert is told at every step: one that is not told any more has left the
/// configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Its identity: `alertname`, `evaluator`, `severity`, `provider`, `slo` or `probe`, … Never a measured value.
    pub labels: Words,
    /// `summary`, `description`, `runbook_url`, `dashboard_url`, …
    pub annotations: Words,
    /// What to say in place of `annotations` once it is over; empty: what was said last.
    pub afterwards: Words,
    /// Whether it holds.
    pub holds: Holds,
    /// How long it must hold before it fires.
    pub pending_for: Duration,
    /// How long it must not hold before it is over.
    pub resolving_for: Duration,
}

/// The state of an alert that is not inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Holds, not yet for long enough.
    Pending,
    /// Fires.
    Firing,
    /// Fires still; has not held for a while.
    Resolving,
    /// Is over; told for a while so that every receiver hears it.
    Resolved,
}

/// An alert. Times are nanoseconds since the epoch where it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity.
    pub labels: Words,
    /// What to tell.
    pub annotations: Words,
    /// Its state.
    pub state: State,
    /// Since when the condition has held (pending), or had when it fired.
    pub active_nanos: i64,
    /// When it fired; survives restarts. Absent while pending.
    pub fired_nanos: Option<i64>,
    /// Since when the condition has not held (resolving), or when it was over (resolved).
    pub cleared_nanos: Option<i64>,
}

impl Alert {
    /// `alertname`.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// Whether receivers are told that it fires.
    pub const fn is_firing(&self) -> bool {
        matches!(self.state, State::Firing | State::Resolving)
    }

    /// When it fired.
    pub fn fired_at(&self) -> Option<Timestamp> {
        self.fired_nanos.map(Timestamp::from_nanos)
    }
}
