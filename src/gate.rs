//! `authprobe gate`: watches what a deployment does to the objectives of a running daemon, or of a Prometheus with our rules,
//! and says whether the next stage may go on.
//!
//! [`decide`] is pure. A [`source::Source`] is asked now and then for a [`Look`]; [`watch`] asks until it is decided;
//! [`report`] is the one record that every format is made from.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::slo::Counts;

pub mod daemon;
pub mod decide;
pub mod github;
pub mod human;
pub mod mark;
pub mod prometheus;
pub mod report;
#[cfg(test)]
mod sample;
pub mod screen;
pub mod select;
pub mod source;
pub mod watch;

/// By what is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// What happened before is not the deployment's.
    pub since: Timestamp,
    /// When the watch is over.
    pub until: Timestamp,
    /// How many times as fast as allowed the budget may burn (above 0).
    pub max_burn: f64,
    /// How long the source may be out of reach.
    pub patience: Duration,
}

/// What a source says at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// The objectives that are watched, in the source's order.
    pub slos: Vec<Slo>,
    /// Alerts that fire or are pending, and those that fired since the beginning and are over.
    pub alerts: Vec<Alert>,
    /// What else is to be known of the source.
    pub notes: Vec<String>,
}

/// An objective, and what was counted since the beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slo {
    /// Its name.
    pub name: String,
    /// The provider of its probes; `None`: several, or not known.
    pub provider: Option<String>,
    /// Its probes, as far as they are known.
    pub probes: Vec<String>,
    /// The promise in words, such as `99.95%`; empty: not known.
    pub objective: String,
    /// The share that may be bad (0 to 1).
    pub allowed: f64,
    /// How improbable failures must be before they count (parts per million, one-sided).
    pub alpha_ppm: u32,
    /// Least coverage (0 to 1).
    pub min_coverage: f64,
    /// Counted since the beginning; maintenance left out, where the source knows of it.
    pub counts: Counts,
    /// What of that time lies in maintenance.
    pub excluded: Counts,
    /// Share of what is expected that the source was there to see (0 to 1): lowers the coverage.
    pub seen: f64,
    /// What is left of the error budget of the whole window; `None`: not known.
    pub budget: Option<f64>,
}

/// An alert as a source tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alert {
    /// `alertname`.
    pub name: String,
    /// `page` or `ticket`.
    pub severity: String,
    /// Labels; empty where there is none.
    pub provider: String,
    /// The objective.
    pub slo: String,
    /// The probe.
    pub probe: String,
    /// The region.
    pub region: String,
    /// Whether it fires, is about to, or is over.
    pub state: State,
    /// Whether it fired before the beginning.
    pub before: bool,
    /// When it fired; `None`: pending, or not known.
    pub fired_at: Option<Timestamp>,
    /// What it says: what, where, whose fault.
    pub description: String,
}

/// Where an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Holds, not yet long enough.
    Pending,
    /// Fires.
    #[default]
    Firing,
    /// Fired, and is over.
    Resolved,
}

impl Alert {
    /// What it is about: the objective, else the probe, else the provider, with the region.
    pub fn subject(&self) -> String {
        let named = [&self.slo, &self.probe, &self.provider].into_iter().find(|name| !name.is_empty());
        let region = if self.region.is_empty() { String::new() } else { format!(" in {}", self.region) };
        format!("{}{region}", named.map_or("", String::as_str))
    }
}
