//! How counts travel to the ledger and back: an hour of minutes, a day of hours.

use std::sync::Arc;

use super::counts::Tally;

/// Whose counts: an SLO in a region (empty for `uptime`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The objective.
    pub slo: Arc<str>,
    /// The region; empty for `uptime`.
    pub region: Arc<str>,
}

/// The minutes of an hour that are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose.
    pub series: SeriesKey,
    /// Hours since the Unix epoch.
    pub hour: i64,
    /// Minute of the hour (0 to 59, ascending) and its counts.
    pub minutes: Vec<(u8, Tally)>,
}

/// The hours of a day (UTC) that are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Whose.
    pub series: SeriesKey,
    /// Days since the Unix epoch.
    pub day: i64,
    /// Hour of the day (0 to 23, ascending) and its counts.
    pub hours: Vec<(u8, Tally)>,
}
