//! Alerts that were: from firing to the end, with the words and numbers of the moment in which they fired.

use serde::{Deserialize, Serialize};

use super::Words;

/// One time that an alert fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// The alert's labels.
    pub labels: Words,
    /// When it fired (nanoseconds since the epoch).
    pub fired_nanos: i64,
    /// When it was over; `None`: it fires still.
    pub resolved_nanos: Option<i64>,
    /// Its `description` when it fired.
    pub description: String,
    /// What the tier read when it fired, if it is a burn alert.
    pub reading: Option<FiredReading>,
}

/// Why a burn alert fired, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiredReading {
    /// The long and the short window (seconds).
    pub seconds: (u64, u64),
    /// How many times as fast as allowed each burnt.
    pub burn: (f64, f64),
    /// Byar's lower bound of the long window's.
    pub guarded: f64,
    /// Above how much it fires.
    pub factor: f64,
    /// Bad and judged events of the long window.
    pub bad: u64,
    /// See `bad`.
    pub judged: u64,
}

/// Which episodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpisodesQuery {
    /// Of this objective only.
    pub slo: Option<String>,
    /// Of this probe only.
    pub probe: Option<String>,
    /// Of this provider only.
    pub provider: Option<String>,
    /// At most so many, the newest first.
    pub limit: usize,
}

impl EpisodesQuery {
    /// Whether it asks for that one, but for the limit.
    pub fn wants(&self, episode: &Episode) -> bool {
        let is =
            |label: &str, wanted: &Option<String>| wanted.is_none() || episode.labels.get(label) == wanted.as_ref();
        is("slo", &self.slo) && is("probe", &self.probe) && is("provider", &self.provider)
    }
}
