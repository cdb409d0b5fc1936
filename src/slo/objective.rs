//! An objective, resolved: what is promised, over which time, and which burn alerts watch over it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::sli::Sli;
pub use super::tiers::{STANDARD, cannot_fire, milli, short_window, tier};
use crate::schedule::Timing;

/// The whole of anything that is counted in parts per million.
pub const WHOLE: u32 = 1_000_000;
/// How often rules are evaluated, by us and by Prometheus: no short window has fewer than four of these.
pub const EVALUATION: Duration = Duration::from_secs(30);
/// How long one bad event alerts where none is allowed.
pub const ANY_EVENT_WINDOW: Duration = Duration::from_secs(3600);

/// What is promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its name: the `slo` label.
    pub name: Arc<str>,
    /// The provider of its probes; empty if they have several.
    pub provider: Arc<str>,
    /// Its probes.
    pub members: Vec<Member>,
    /// What makes an event good.
    pub sli: Sli,
    /// The share that must be good (parts per million, 1 to 1 000 000).
    pub target_ppm: u32,
    /// Over which time.
    pub window: Window,
    /// What an event is.
    pub aggregate: Aggregate,
    /// With less coverage than this (parts per million) nothing is known: alerts freeze.
    pub min_coverage_ppm: u32,
    /// How improbable (parts per million, one-sided) the failures of a long window must be at the tier's own burn rate
    /// before they count: guards small samples.
    pub alpha_ppm: u32,
    /// What alerts.
    pub triggers: Triggers,
    /// Passed on to its alerts.
    pub labels: BTreeMap<String, String>,
    /// Passed on to its alerts.
    pub annotations: BTreeMap<String, String>,
}

impl Objective {
    /// The share that may be bad (parts per million): the error budget.
    pub const fn allowed_ppm(&self) -> u32 {
        WHOLE.saturating_sub(self.target_ppm)
    }

    /// Its burn tiers; none if any event alerts.
    pub fn tiers(&self) -> &[Tier] {
        match &self.triggers {
            Triggers::Burn(tiers) => tiers,
            Triggers::AnyEvent(_) => &[],
        }
    }
}

/// A probe of an objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub probe: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// When it runs.
    pub timing: Timing,
    /// How long a run may take.
    pub timeout: Duration,
    /// The regions in which runs are scheduled by this process: one check each.
    pub regions: Vec<Arc<str>>,
    /// Where in its period it is due in each of them.
    pub spreads: Vec<Duration>,
    /// The regions that a run looks from, where one run covers several; else empty.
    pub covers: Vec<Arc<str>>,
}

/// Over which time an objective holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last so long, from 1 h to 366 d.
    Rolling(Duration),
    /// The calendar month in that zone.
    Month(Tz),
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Every run, one series a region.
    Reachability,
    /// Ticks: good if so many regions succeeded, bad if so many no longer can, else unknown. One series, region "".
    Uptime {
        /// In how many regions a tick must succeed.
        quorum: u32,
    },
}

/// What alerts.
#[derive(Clone, Debug, PartialEq)]
pub enum Triggers {
    /// Burn rates; those that can never fire are left out already.
    Burn(Vec<Tier>),
    /// An objective of 100 %: any bad event, for [`ANY_EVENT_WINDOW`].
    AnyEvent(Severity),
}

/// A burn alert: fires while the error budget burns more than `factor` times as fast as it may, over both windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The long window in words, such as `1h`: the `burnrate_tier` label.
    pub name: Arc<str>,
    /// The share of the budget that is gone after the long window at that rate (parts per million).
    pub budget_ppm: u32,
    /// The long window: a whole number of minutes.
    pub long: Duration,
    /// The short window, so that the alert ends soon after the failures do: long ÷ 12, at least four evaluations and four
    /// expected events; a whole number of minutes.
    pub short: Duration,
    /// Share × period ÷ window, in thousandths: 14400 is 14.4 times as fast as allowed.
    pub factor_milli: u64,
    /// How loud.
    pub severity: Severity,
}

impl Tier {
    /// The error ratio above which it fires, for an objective that allows so much (parts per million).
    pub fn threshold(&self, allowed_ppm: u32) -> f64 {
        // Both are integers: one rounding only.
        (self.factor_milli as f64 * f64::from(allowed_ppm)) / 1e9
    }
}

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Waits for the morning.
    Ticket,
    /// Wakes someone.
    Page,
}

impl Severity {
    /// The `severity` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}
