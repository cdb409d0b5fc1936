//! All objectives and their counts: outcomes go in, evaluations come out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::block::{Block, Day, SeriesKey};
use super::burn::Evaluation;
use super::counts::{Counts, Tally};
use super::due::minute_of;
use super::objective::Objective;
use super::spending::DayCause;
use super::timeline;
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome, Trigger};

mod absence;
mod account;
pub(in crate::slo) mod causes;
mod spent;

use account::Account;

/// The most minutes that [`Book::changed`] hands out at once, about 20 MB; what is left comes with the next call.
const ROOM: usize = 240_000;
/// The most hours of series that are gone which are held for the ledger: there may be none.
const MOST_GONE: usize = 4000;

/// What an outcome added to a series: for the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Which series.
    pub series: SeriesKey,
    /// What was added.
    pub counts: Counts,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    objectives: Vec<Arc<Objective>>,
    /// One an objective, in the same order.
    accounts: Vec<Account>,
    /// By name of probe: the account, and which of its members it is.
    uses: HashMap<Arc<str>, Vec<(usize, usize)>>,
    /// Hours that changed, of series that are gone.
    gone: Vec<Block>,
    /// Causes that the ledger does not have, of objectives that are gone.
    gone_causes: Vec<DayCause>,
    /// The hour in which it was last tidied.
    tidied: Option<i64>,
}

impl Book {
    /// With these objectives, nothing counted yet.
    pub fn new(objectives: &[Arc<Objective>]) -> Self {
        let mut book = Self::default();
        book.replace(objectives);
        book
    }

    /// The objectives, in configured order.
    pub fn objectives(&self) -> &[Arc<Objective>] {
        &self.objectives
    }

    /// Takes over another configuration: counts of objectives (by name) and regions that stay are kept. For what is new, and
    /// for windows that became longer, [`Book::restore`] may be called again. Open ticks that mean something else from now on
    /// are closed: what they count is returned.
    pub fn replace(&mut self, objectives: &[Arc<Objective>]) -> Vec<Counted> {
        let mut counted = Vec::new();
        let mut before: HashMap<Arc<str>, Account> =
            self.accounts.drain(..).map(|account| (account.name().clone(), account)).collect();
        let mut accounts = Vec::with_capacity(objectives.len());
        self.uses.clear();
        for (at, objective) in objectives.iter().enumerate() {
            let (account, gone) = Account::new(objective.clone(), before.remove(&objective.name), &mut counted);
            self.gone.extend(gone);
            accounts.push(account);
            for (member, probe) in objective.members.iter().enumerate() {
                self.uses.entry(probe.probe.clone()).or_default().push((at, member));
            }
        }
        let mut room = usize::MAX;
        for account in before.values_mut() {
            account.take_changed(&mut room, &mut self.gone);
            self.bury_causes(account);
        }
        self.gone.drain(..self.gone.len().saturating_sub(MOST_GONE));
        self.accounts = accounts;
        self.objectives = objectives.to_vec();
        counted
    }

    /// Takes over what a ledger holds: whole days, and the minutes of the hours that [`Book::hours_wanted`] named. What is
    /// not of these objectives is left out. What was counted here before stays, and what is known already is not counted
    /// twice; so it may be called at any time, and again. Days and hours may be read and given a few at a time, which keeps
    /// memory small.
    pub fn restore(&mut self, days: Vec<Day>, minutes: Vec<Block>) {
        let at: HashMap<Arc<str>, usize> =
            self.accounts.iter().enumerate().map(|(at, account)| (account.name().clone(), at)).collect();
        for Day { series, day, hours } in days {
            if let Some(timeline) = at.get(&series.slo).and_then(|at| self.accounts[*at].timeline(&series.region)) {
                let hours = hours.iter().filter(|(at, _)| *at < 24);
                hours.for_each(|(at, tally)| timeline.restore_hour(day.saturating_mul(24) + i64::from(*at), *tally));
            }
        }
        for Block { series, hour, minutes } in minutes {
            if let Some(timeline) = at.get(&series.slo).and_then(|at| self.accounts[*at].timeline(&series.region)) {
                timeline.restore_minutes(hour, &minutes);
            }
        }
    }

    /// Which minutes it needs at `now` and does not have, as hours since the epoch, the latest first: those of its shorter
    /// windows after a start, and later, once an hour, the hour in which a budget's window begins. Until they are there the
    /// hour counts by its share. They may be read and restored a few hours at a time, which keeps memory small.
    pub fn hours_wanted(&self, now: Timestamp) -> Vec<i64> {
        let wanted: BTreeSet<i64> = self.accounts.iter().flat_map(|account| account.hours_wanted(now)).collect();
        wanted.into_iter().rev().collect()
    }

    /// The first day (since the epoch) that any window at `now` touches: for reading the ledger.
    pub fn first_day(&self, now: Timestamp) -> i64 {
        let hours = self.accounts.iter().map(|account| account.first_hour(now));
        hours.min().unwrap_or_else(|| timeline::hour_of(now)).div_euclid(24)
    }

    /// Counts a run that the schedule asked for (others count nothing), in the minute of `now`. `excluded`: it lies in
    /// maintenance.
    pub fn outcome(&mut self, outcome: &Outcome, excluded: bool, now: Timestamp) -> Vec<Counted> {
        if outcome.trigger != Trigger::Scheduled {
            return Vec::new();
        }
        let Some(uses) = self.uses.get(&outcome.check.probe) else { return Vec::new() };
        let mut counted = Vec::with_capacity(uses.len());
        for (at, member) in uses {
            self.accounts[*at].outcome(*member, outcome, excluded, now, &mut counted);
        }
        counted
    }

    /// Counts runs that did not take place (not those whose predecessor was still under way: that one covers the time).
    pub fn missed(&mut self, check: &CheckLabels, times: u64, excluded: bool, now: Timestamp) -> Vec<Counted> {
        let Some(uses) = self.uses.get(&check.probe) else { return Vec::new() };
        let mut counted = Vec::with_capacity(uses.len());
        for (at, member) in uses {
            self.accounts[*at].missed(*member, check, times, excluded, now, &mut counted);
        }
        counted
    }

    /// Counts what would have run while this process did not, after `from` up to `to`: expected, never judged. `excluded`
    /// says whether a probe was in maintenance at a time. To be called after [`Book::restore`]: of an objective without any
    /// counts it is not known that it existed then, and nothing is counted. A long absence is counted in steps of up to an
    /// hour.
    pub fn absent(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        excluded: &dyn Fn(&str, Timestamp) -> bool,
    ) -> Vec<Counted> {
        let known = self.accounts.iter_mut().filter(|account| !account.is_empty());
        absence::count(known, from, to, excluded)
    }

    /// Closes the ticks of `uptime` objectives that no region will complete any more, and forgets what no window needs. Call
    /// it before each evaluation.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Counted> {
        let mut counted = Vec::new();
        self.accounts.iter_mut().for_each(|account| account.expire(now, &mut counted));
        self.tidy(now);
        counted
    }

    /// Once an hour. After a jump of the clock it waits an hour: what was counted must not be lost by a clock that is set
    /// wrong for a moment.
    fn tidy(&mut self, now: Timestamp) {
        let hour = timeline::hour_of(now);
        let before = self.tidied.replace(hour);
        if before.is_some_and(|before| (1..=2).contains(&hour.saturating_sub(before))) {
            self.accounts.iter_mut().for_each(|account| account.forget(now));
        }
    }

    /// The hours whose counts have changed since the last call, whole: for the ledger, which replaces what it has of them.
    /// Hours whose minutes are not all known ([`Book::hours_wanted`]) wait until they are; of very many only some, the others
    /// with the next call.
    pub fn changed(&mut self) -> Vec<Block> {
        let mut room = ROOM;
        let mut changed = std::mem::take(&mut self.gone);
        for account in &mut self.accounts {
            if room == 0 {
                break;
            }
            account.take_changed(&mut room, &mut changed);
        }
        changed
    }

    /// What was counted for each objective from the minute of `since` to that of `now`, both whole: as far as minutes are
    /// known, else by the hour's share.
    pub fn since(&self, since: Timestamp, now: Timestamp) -> Vec<(Arc<str>, Tally)> {
        let (first, last) = (minute_of(since), minute_of(now));
        self.accounts.iter().map(|account| (account.name().clone(), account.sum(first, last))).collect()
    }

    /// Where every objective stands.
    pub fn evaluate(&self, now: Timestamp) -> Vec<Evaluation> {
        let minute = minute_of(now);
        self.accounts.iter().map(|account| account.evaluate(now, minute)).collect()
    }
}

#[cfg(test)]
#[path = "book_restart_tests.rs"]
mod restart_tests;
#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
