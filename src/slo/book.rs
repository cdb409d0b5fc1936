//! All objectives and their counts: outcomes go in, evaluations come out.

use std::sync::Arc;

use super::block::{Block, Day, SeriesKey};
use super::burn::Evaluation;
use super::counts::Counts;
use super::objective::Objective;
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};

/// What an outcome added to a series: for the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Which series.
    pub series: SeriesKey,
    /// What was added.
    pub counts: Counts,
}

/// See the module.
#[derive(Debug)]
pub struct Book {
    objectives: Vec<Arc<Objective>>,
}

impl Book {
    /// With these objectives, nothing counted yet.
    pub fn new(objectives: &[Arc<Objective>]) -> Self {
        Self { objectives: objectives.to_vec() }
    }

    /// The objectives, in configured order.
    pub fn objectives(&self) -> &[Arc<Objective>] {
        &self.objectives
    }

    /// Takes over another configuration: counts of objectives (by name) and regions that stay are kept.
    pub fn replace(&mut self, objectives: &[Arc<Objective>]) {
        let _ = objectives;
        todo!("slo")
    }

    /// Takes over what a ledger holds: whole days, and the minutes of the hours that [`Book::hours_wanted`] named. What is
    /// not of these objectives is left out.
    pub fn restore(&mut self, days: Vec<Day>, minutes: Vec<Block>) {
        let _ = (days, minutes);
        todo!("slo")
    }

    /// Which minutes it needs at `now` and does not have, as hours since the epoch: those of its shorter windows after a
    /// start, and later, once an hour, the hour in which a budget's window begins. Until they are there the hour counts by
    /// its share.
    pub fn hours_wanted(&self, now: Timestamp) -> Vec<i64> {
        let _ = now;
        todo!("slo")
    }

    /// The first day (since the epoch) that any window at `now` touches: for reading the ledger.
    pub fn first_day(&self, now: Timestamp) -> i64 {
        let _ = now;
        todo!("slo")
    }

    /// Counts a run that the schedule asked for (others count nothing), in the minute of `now`. `excluded`: it lies in
    /// maintenance.
    pub fn outcome(&mut self, outcome: &Outcome, excluded: bool, now: Timestamp) -> Vec<Counted> {
        let _ = (outcome, excluded, now);
        todo!("slo")
    }

    /// Counts runs that did not take place (not those whose predecessor was still under way: that one covers the time).
    pub fn missed(&mut self, check: &CheckLabels, times: u64, excluded: bool, now: Timestamp) -> Vec<Counted> {
        let _ = (check, times, excluded, now);
        todo!("slo")
    }

    /// Counts what would have run while this process did not, after `from` up to `to`: expected, never judged. `excluded`
    /// says whether a probe was in maintenance at a time.
    pub fn absent(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        excluded: &dyn Fn(&str, Timestamp) -> bool,
    ) -> Vec<Counted> {
        let _ = (from, to, excluded);
        todo!("slo")
    }

    /// Closes the ticks of `uptime` objectives that no region will complete any more. Call it before each evaluation.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Counted> {
        let _ = now;
        todo!("slo")
    }

    /// The hours whose counts have changed since the last call, whole: for the ledger, which replaces what it has of them.
    pub fn changed(&mut self) -> Vec<Block> {
        todo!("slo")
    }

    /// Where every objective stands.
    pub fn evaluate(&self, now: Timestamp) -> Vec<Evaluation> {
        let _ = now;
        todo!("slo")
    }
}
