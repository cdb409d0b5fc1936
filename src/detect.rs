//! Is a provider out, now? A sequential test over everything that runs find, which asks for runs of its own where it would
//! otherwise have to wait for the schedule. Pure: it is told the time, and what to run is asked of whoever runs.
//!
//! One [`Detector`] a provider and failing step. Every run is evidence for each step that it went through: the step in which
//! it failed (by fault of the network or the provider) against it, the steps that it did for them. What could not be
//! measured is no evidence, and neither is a 429.
//!
//! | module | what |
//! |---|---|
//! | `evidence` | two accumulators of log-likelihood ratios with decay: a quick one and a slow one |
//! | `detector` | one provider and step: evidence by region, graded to a verdict; the opposite test |
//! | `confirm` | which run would tell most, and whether it may be asked for |
//! | [`roster`] | who can be asked: checks, their steps, what they cost |
//! | [`ruling`] | what stands, for alerts, page and API |
//!
//! Numbers, their reasons, and what they reach: docs/detection.md.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};

pub mod roster;
pub mod ruling;

pub use roster::{Roster, Runs, Site};
pub use ruling::{Case, Ruling, Standing};

/// How long several regions, but not all, must fail before that is an outage, unless told otherwise.
pub const SEVERAL_AFTER: Duration = Duration::from_secs(120);
/// How many confirmation runs a provider bears within an hour, unless told otherwise.
pub const CONFIRMATIONS_PER_HOUR: u32 = 240;

/// `[detection]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// An outage pages once it has lasted so long, measured from its first failed run. Zero: as soon as it is certain.
    pub ignore_shorter_than: Duration,
    /// How long some but not all regions must fail: several for `AuthOutage`, one for `AuthRegionDown`.
    pub several_after: Duration,
    /// The most confirmation runs within an hour, for each provider; 0: none.
    pub confirmations_per_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ignore_shorter_than: Duration::ZERO,
            several_after: SEVERAL_AFTER,
            confirmations_per_hour: CONFIRMATIONS_PER_HOUR,
        }
    }
}

/// What a ledger keeps of one detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which provider.
    pub provider: String,
    /// Of which step.
    pub step: String,
    /// Everything else: JSON that only this module reads.
    pub json: String,
}

/// All detectors.
#[derive(Debug, Default)]
pub struct Detect {
    roster: Roster,
    settings: Settings,
}

impl Detect {
    /// For a configuration; nothing has happened yet.
    pub fn new(roster: Roster, settings: Settings) -> Self {
        Self { roster, settings }
    }

    /// Goes on with another configuration: detectors of providers, steps and regions that stay go on.
    pub fn replace(&mut self, roster: Roster, settings: Settings) {
        (self.roster, self.settings) = (roster, settings);
    }

    /// Goes on from what a ledger holds. What cannot be read, or is of nobody any more, is left out.
    pub fn restore(&mut self, _kept: Vec<Kept>, _now: Timestamp) {}

    /// What a ledger is to keep, if it has changed since the last call: all of it.
    pub fn changed(&mut self) -> Option<Vec<Kept>> {
        None
    }

    /// A scheduled run began. One that takes much longer than usual is reason enough to ask elsewhere before it ends.
    pub fn started(&mut self, _check: &CheckLabels, _now: Timestamp) {}

    /// A run is over: those of the schedule and those that were asked for here are evidence. Runs in maintenance are none.
    pub fn outcome(&mut self, _outcome: &Outcome, _maintained: bool, _now: Timestamp) {}

    /// Asks for the runs that are wanted now: `run` starts a confirmation run of a check and says whether it did (false: it
    /// is under way already, its account or the provider does not bear it, runs are paused). To be called when anything
    /// was told, and at [`Detect::next`].
    pub fn confirm(&mut self, _now: Timestamp, _run: &mut dyn FnMut(&CheckLabels) -> bool) {}

    /// When there may be something to do or to say again, if nothing is told meanwhile.
    pub fn next(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// Whether there may be other rulings than at the last call of this.
    pub fn take_news(&mut self) -> bool {
        false
    }

    /// What stands about every provider of the roster, in its order. `maintained`: the probe is in maintenance, or paused.
    pub fn rulings(&self, _now: Timestamp, _maintained: &dyn Fn(&str) -> bool) -> Vec<Ruling> {
        Vec::new()
    }
}
