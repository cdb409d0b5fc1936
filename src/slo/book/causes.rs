//! What an objective's bad events were made of, by day. Counted where the events are, in the same minute: causes of a day
//! add up to its bad events, as far back as causes are known.

use std::collections::{BTreeMap, HashMap};

use crate::slo::spending::{Cause, CauseCount};

/// The most causes of a day; of others only class and blame are told apart.
const MOST: usize = 200;
/// The most days: more than the longest window has.
const MOST_DAYS: usize = 400;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    bad: u64,
    excluded: u64,
}

impl Count {
    fn add(&mut self, bad: u64, excluded: u64) {
        self.bad = self.bad.saturating_add(bad);
        self.excluded = self.excluded.saturating_add(excluded);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Causes {
    days: BTreeMap<i64, HashMap<Cause, Count>>,
    /// Counted and not handed to the ledger, which adds it to what it has.
    fresh: HashMap<(i64, Cause), Count>,
    /// The first day of which it is at hand what the ledger had; `None`: it was not read yet.
    known_from: Option<i64>,
}

/// How many of the bad events of a window's first day lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The day.
    pub day: i64,
    /// Bad events of it that lie in the window.
    pub part: u64,
    /// All bad events of it.
    pub whole: u64,
}

impl Causes {
    /// Counts a bad event of that day.
    pub fn add(&mut self, day: i64, cause: Cause, excluded: bool) {
        let known = self.days.entry(day).or_default();
        let cause = if known.len() >= MOST && !known.contains_key(&cause) { cause.coarse() } else { cause };
        let excluded = u64::from(excluded);
        known.entry(cause.clone()).or_default().add(1, excluded);
        self.fresh.entry((day, cause)).or_default().add(1, excluded);
        if self.days.len() > MOST_DAYS
            && let Some((gone, _)) = self.days.pop_first()
        {
            self.unknown_before(gone.saturating_add(1));
        }
    }

    /// Takes over what the ledger holds from that day on. May be called again, for days before.
    pub fn restore(&mut self, from: i64, rows: impl Iterator<Item = (i64, CauseCount)>) {
        let known_from = self.known_from.unwrap_or(i64::MAX);
        for (day, CauseCount { cause, bad, excluded }) in rows.filter(|(day, _)| (from..known_from).contains(day)) {
            self.days.entry(day).or_default().entry(cause).or_default().add(bad, excluded);
        }
        self.known_from = Some(known_from.min(from));
    }

    /// What was counted since the last call, for the ledger. Waits until that was read: else what is handed over now would
    /// be counted here again.
    pub fn take_changed(&mut self) -> Vec<(i64, CauseCount)> {
        if self.known_from.is_none() {
            return Vec::new();
        }
        let fresh = self.fresh.drain();
        fresh.map(|((day, cause), Count { bad, excluded })| (day, CauseCount { cause, bad, excluded })).collect()
    }

    /// Forgets the days before that one.
    pub fn forget(&mut self, oldest: i64) {
        self.days = self.days.split_off(&oldest);
        // Without a ledger nobody takes them.
        self.fresh.retain(|(day, _), _| *day >= oldest);
        self.unknown_before(oldest);
    }

    /// What the ledger had of the days before that one is not at hand any more: a window that becomes longer reads it again.
    fn unknown_before(&mut self, day: i64) {
        self.known_from = self.known_from.map(|known_from| known_from.max(day));
    }

    /// The causes of a window that begins on the day of `edge` and ends with `last`, the most first. A day is not taken apart:
    /// of the first, each cause has its share.
    pub fn within(&self, edge: Edge, last: i64, is_own: impl Fn(&Cause) -> bool) -> Vec<CauseCount> {
        let mut sum: HashMap<&Cause, Count> = HashMap::new();
        for (cause, count) in self.share(edge, &is_own) {
            sum.entry(cause).or_default().add(count.bad, count.excluded);
        }
        let later = self.days.range(edge.day..=last.max(edge.day)).filter(|(day, _)| **day > edge.day);
        for (cause, count) in later.flat_map(|(_, causes)| causes) {
            sum.entry(cause).or_default().add(count.bad, count.excluded);
        }
        let own = sum.into_iter().filter(|(cause, count)| count.bad > 0 && is_own(cause));
        let mut causes: Vec<_> =
            own.map(|(cause, Count { bad, excluded })| CauseCount { cause: cause.clone(), bad, excluded }).collect();
        causes.sort_by(|a, b| b.bad.cmp(&a.bad).then_with(|| a.cause.cmp(&b.cause)));
        causes
    }

    /// What each cause has of the first day, by largest remainder, so that the sum is right.
    fn share(&self, Edge { day, part, whole }: Edge, is_own: impl Fn(&Cause) -> bool) -> Vec<(&Cause, Count)> {
        let Some(causes) = self.days.get(&day) else { return Vec::new() };
        let mut causes: Vec<_> =
            causes.iter().filter(|(cause, _)| is_own(cause)).map(|(cause, count)| (cause, *count)).collect();
        if part >= whole {
            return causes;
        }
        let of = |count: u64| u128::from(count) * u128::from(part);
        let whole = u128::from(whole);
        let all: u64 = causes.iter().map(|(_, count)| count.bad).sum();
        let floor = |count: u64| u64::try_from(of(count) / whole).unwrap_or(u64::MAX);
        let floors: u64 = causes.iter().map(|(_, count)| floor(count.bad)).sum();
        let mut left = u64::try_from((of(all) + whole / 2) / whole).unwrap_or(u64::MAX).saturating_sub(floors);
        causes.sort_by(|(a, x), (b, y)| (of(y.bad) % whole).cmp(&(of(x.bad) % whole)).then_with(|| a.cmp(b)));
        for (_, count) in &mut causes {
            let more = u64::from(left > 0);
            left -= more;
            let bad = floor(count.bad) + more;
            // Rounded, and never more than there are.
            let excluded = u64::try_from((of(count.excluded) + whole / 2) / whole).unwrap_or(u64::MAX);
            *count = Count { bad, excluded: excluded.min(bad) };
        }
        causes
    }
}

/// The cause that most of several have; of two that are as frequent always the same.
pub fn most_frequent(causes: &[Cause]) -> Option<Cause> {
    let mut count: BTreeMap<&Cause, usize> = BTreeMap::new();
    causes.iter().for_each(|cause| *count.entry(cause).or_default() += 1);
    count.into_iter().max_by_key(|(cause, times)| (*times, std::cmp::Reverse(*cause))).map(|(cause, _)| cause.clone())
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
