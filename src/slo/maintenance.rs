//! Planned maintenance: runs go on, nothing counts in the adjusted budget, nobody is alerted.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::glob;
use crate::schedule::Timing;

/// A window of the configuration that comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurring {
    /// Its name.
    pub name: Arc<str>,
    /// When it begins: always [`Timing::Cron`].
    pub begins: Timing,
    /// How long it takes.
    pub duration: Duration,
    /// The names of its probes, patterns resolved.
    pub probes: Vec<Arc<str>>,
}

/// A window that somebody asked for by the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its id: eight hexadecimal digits.
    pub id: String,
    /// From then on, in nanoseconds since the epoch.
    pub from_nanos: i64,
    /// Until then; moved forward when it is ended early.
    pub to_nanos: i64,
    /// Names of probes; `*` and `?` stand for any letters.
    pub probes: Vec<String>,
    /// Why, for people.
    pub comment: String,
    /// Who, as they said.
    pub created_by: String,
}

/// All windows.
#[derive(Clone, Debug, Default)]
pub struct Maintenance {
    /// Of the configuration.
    pub recurring: Vec<Recurring>,
    /// Of the API.
    pub windows: Vec<Window>,
}

impl Maintenance {
    /// Whether any moment from `from` to `to` lies in a window of that probe; the moment a window ends lies in it no more.
    pub fn covers(&self, probe: &str, from: Timestamp, to: Timestamp) -> bool {
        self.recurring.iter().any(|window| window.covers(probe, from, to))
            || self.windows.iter().any(|window| window.covers(probe, from, to))
    }
}

impl Recurring {
    fn covers(&self, probe: &str, from: Timestamp, to: Timestamp) -> bool {
        // The first that is not over at `from`.
        self.probes.iter().any(|name| **name == *probe)
            && self.begins.next_after(from - self.duration, Duration::ZERO).is_some_and(|begin| begin <= to)
    }
}

impl Window {
    fn covers(&self, probe: &str, from: Timestamp, to: Timestamp) -> bool {
        // One that was ended before it began is empty.
        let empty = self.to_nanos <= self.from_nanos;
        !empty
            && self.from_nanos <= to.as_nanos()
            && self.to_nanos > from.as_nanos()
            && self.probes.iter().any(|pattern| glob::matches(pattern, probe))
    }
}

#[cfg(test)]
#[path = "maintenance_tests.rs"]
mod tests;
