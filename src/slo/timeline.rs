//! The counts of one series: minutes for the shorter windows, hours and days for the whole one. A window of 30 days reads
//! days, then hours, then minutes only at its edges.
//!
//! An hour's minutes may be missing: they are dropped when no shorter window needs them, and come back from the ledger for
//! the hour in which a budget's window begins. Until then that hour counts by its share. They are **whole** if they add up
//! to the hour; only whole hours are given to the ledger, which replaces what it has.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use super::counts::{Counts, Tally};
use super::due::minute_of;
use crate::clock::Timestamp;

mod cells;

use cells::{Cells, Hours, Sum};

/// Minutes of an hour.
pub(super) const HOUR: i64 = 60;
/// Hours of a day.
const DAY: i64 = 24;
/// How long minutes that the ledger has not taken yet are kept on top (hours).
const PATIENCE: i64 = 24;

/// See the module. Minutes, hours and days are counted since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    days: BTreeMap<i64, Box<Hours>>,
    minutes: BTreeMap<i64, Minutes>,
    /// What lies in maintenance is rare: by hour, with the minutes that are not zero.
    excluded: BTreeMap<i64, Excluded>,
    /// Hours that the ledger has not seen yet as they are.
    dirty: BTreeSet<i64>,
}

#[derive(Clone, Debug)]
struct Minutes {
    cells: Cells,
    /// Counted here only: what a ledger may have of the hour is not in it.
    fresh: bool,
}

#[derive(Clone, Debug, Default)]
struct Excluded {
    sum: Sum,
    minutes: Vec<(u8, Sum)>,
}

/// The hour (since the Unix epoch) of that moment.
pub(super) fn hour_of(at: Timestamp) -> i64 {
    minute_of(at).div_euclid(HOUR)
}

fn split(minute: i64) -> (i64, usize) {
    // Below 60.
    (minute.div_euclid(HOUR), minute.rem_euclid(HOUR) as usize)
}

impl Timeline {
    /// Counts something in that minute.
    pub fn add(&mut self, minute: i64, tally: Tally) {
        let (hour, at) = split(minute);
        self.minutes_of(hour).cells.add(at, Sum::from(tally.raw));
        self.add_to_hour(hour, tally.raw);
        if !tally.excluded.is_zero() {
            self.excluded.entry(hour).or_default().add(at, Sum::from(tally.excluded));
        }
        self.dirty.insert(hour);
    }

    fn minutes_of(&mut self, hour: i64) -> &mut Minutes {
        let fresh = self.hour(hour).is_zero();
        self.minutes.entry(hour).or_insert_with(|| Minutes { cells: Cells::default(), fresh })
    }

    fn add_to_hour(&mut self, hour: i64, counts: Counts) {
        let (day, at) = (hour.div_euclid(DAY), hour.rem_euclid(DAY) as usize);
        self.days.entry(day).or_default().add(at, Sum::from(counts));
    }

    fn hour(&self, hour: i64) -> Sum {
        self.days.get(&hour.div_euclid(DAY)).map_or(Sum::ZERO, |day| day.hour(hour.rem_euclid(DAY) as usize))
    }

    /// Whether nothing was ever counted.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Whether the minutes of an hour are known.
    fn is_whole(&self, hour: i64) -> bool {
        let sum = self.hour(hour);
        match self.minutes.get(&hour) {
            Some(minutes) => minutes.cells.total() == sum,
            None => sum.is_zero(),
        }
    }

    /// What was counted from the minute `first` to the minute `last`, both included.
    pub fn sum(&self, first: i64, last: i64) -> Tally {
        let mut tally = Tally::default();
        if first > last {
            return tally;
        }
        let (first_hour, last_hour) = (first.div_euclid(HOUR), last.div_euclid(HOUR));
        let (from, to) = (split(first).1, split(last).1);
        if first_hour == last_hour {
            self.add_part(first_hour, from, to, &mut tally);
            return tally;
        }
        self.add_part(first_hour, from, 59, &mut tally);
        self.add_part(last_hour, 0, to, &mut tally);
        self.add_hours(first_hour + 1, last_hour - 1, &mut tally);
        tally
    }

    /// The days in which these hours lie; at least the first's.
    fn days_between(&self, first: i64, last: i64) -> btree_map::Range<'_, i64, Box<Hours>> {
        self.days.range(first.div_euclid(DAY)..=last.max(first).div_euclid(DAY))
    }

    /// Whole hours, both included.
    fn add_hours(&self, first: i64, last: i64, tally: &mut Tally) {
        if first > last {
            return;
        }
        for (day, hours) in self.days_between(first, last) {
            // Both lie within the day.
            let (from, to) = ((first - day * DAY).max(0) as usize, (last - day * DAY).min(DAY - 1) as usize);
            tally.raw += hours.between(from, to);
        }
        for (_, excluded) in self.excluded.range(first..=last) {
            tally.excluded += excluded.sum.counts();
        }
    }

    /// Some minutes of an hour; by their share as far as they are not known.
    fn add_part(&self, hour: i64, from: usize, to: usize, tally: &mut Tally) {
        let sum = self.hour(hour);
        if sum.is_zero() {
            return;
        }
        if (from, to) == (0, 59) {
            return self.add_hours(hour, hour, tally);
        }
        let (known, total) = match self.minutes.get(&hour) {
            Some(minutes) => (minutes.cells.between(from, to), minutes.cells.total()),
            None => (Sum::ZERO, Sum::ZERO),
        };
        tally.raw += known.counts() + sum.minus(total).share(to - from + 1).counts();
        if let Some(excluded) = self.excluded.get(&hour) {
            tally.excluded += excluded.between(from, to).counts();
        }
    }

    /// The minutes of an hour with something bad in them that does not lie in maintenance, as bits. All of them, if its
    /// minutes are not known.
    pub fn bad_minutes(&self, hour: i64) -> u64 {
        const ALL: u64 = (1 << HOUR) - 1;
        let excluded = self.excluded.get(&hour);
        let bad = self.hour(hour).counts().bad;
        if bad <= excluded.map_or(0, |excluded| excluded.sum.counts().bad) {
            return 0;
        }
        let Some(minutes) = self.minutes.get(&hour).filter(|_| self.is_whole(hour)) else { return ALL };
        let mut bits = minutes.cells.bad();
        for (at, counts) in excluded.iter().flat_map(|excluded| &excluded.minutes) {
            let at = usize::from(*at);
            if minutes.cells.between(at, at).counts().bad <= counts.counts().bad {
                bits &= !(1 << at);
            }
        }
        bits
    }

    /// The hours between these, both included, with anything bad in them; the latest first.
    pub fn bad_hours(&self, first: i64, last: i64) -> impl Iterator<Item = i64> {
        let bad = self.days_between(first, last).rev().filter(|(_, hours)| hours.total().bad > 0);
        bad.flat_map(|(day, hours)| {
            (0..DAY).rev().filter(|at| hours.hour(*at as usize).counts().bad > 0).map(move |at| day * DAY + at)
        })
        .filter(move |hour| (first..=last).contains(hour))
    }

    /// Takes over a whole hour of the ledger. What was counted here before that is added to it, once; what is known here
    /// already stays as it is.
    pub fn restore_hour(&mut self, hour: i64, tally: Tally) {
        let known = match self.minutes.get_mut(&hour) {
            Some(minutes) => !std::mem::replace(&mut minutes.fresh, false),
            None => !self.hour(hour).is_zero(),
        };
        if known {
            return;
        }
        self.add_to_hour(hour, tally.raw);
        if !tally.excluded.is_zero() {
            self.excluded.entry(hour).or_default().sum.add(Sum::from(tally.excluded));
        }
    }

    /// Takes over the minutes of an hour of the ledger, likewise.
    pub fn restore_minutes(&mut self, hour: i64, block: &[(u8, Tally)]) {
        let block = || block.iter().filter(|(at, _)| i64::from(*at) < HOUR);
        let mut total = Tally::default();
        block().for_each(|(_, tally)| total += *tally);
        let unknown = self.hour(hour).is_zero() || self.minutes.get(&hour).is_some_and(|minutes| minutes.fresh);
        if unknown {
            self.restore_hour(hour, total);
        } else if self.is_whole(hour) {
            return;
        }
        let minutes = self.minutes_of(hour);
        minutes.fresh = false;
        block().for_each(|(at, tally)| minutes.cells.add(usize::from(*at), Sum::from(tally.raw)));
        let sum = minutes.cells.total();
        // Minutes are what was written; hours are made from them.
        let (day, at) = (hour.div_euclid(DAY), hour.rem_euclid(DAY) as usize);
        self.days.entry(day).or_default().set(at, sum);
        let known = self.excluded.entry(hour).or_default();
        for (at, tally) in block().filter(|(_, tally)| !tally.excluded.is_zero()) {
            known.put(usize::from(*at), Sum::from(tally.excluded));
        }
        known.resum();
        if known.sum.is_zero() {
            self.excluded.remove(&hour);
        }
    }

    /// The hours from `first` to `last`, both included, whose minutes are not known.
    pub fn unknown_hours(&self, first: i64, last: i64) -> impl Iterator<Item = i64> {
        self.days_between(first, last)
            .flat_map(|(day, _)| (0..DAY).map(move |at| day * DAY + at))
            .filter(move |hour| (first..=last).contains(hour) && !self.is_whole(*hour))
    }

    /// The hours that changed and whose minutes are not known.
    pub fn unsettled_hours(&self) -> impl Iterator<Item = i64> {
        self.dirty.iter().copied().filter(|hour| !self.is_whole(*hour))
    }

    /// Takes hours that changed, as long as there is room for their minutes; says what they hold.
    pub fn take_changed(&mut self, room: &mut usize) -> Vec<(i64, Vec<(u8, Tally)>)> {
        let mut taken = Vec::new();
        let hours: Vec<i64> = self.dirty.iter().copied().filter(|hour| self.is_whole(*hour)).collect();
        for hour in hours {
            if *room == 0 {
                break;
            }
            let block = self.block(hour);
            *room = room.saturating_sub(block.len().max(1));
            self.dirty.remove(&hour);
            if let Some(minutes) = self.minutes.get_mut(&hour) {
                minutes.fresh = false;
            }
            taken.push((hour, block));
        }
        taken
    }

    /// The minutes of an hour that are not zero.
    fn block(&self, hour: i64) -> Vec<(u8, Tally)> {
        let Some(minutes) = self.minutes.get(&hour) else { return Vec::new() };
        let excluded = self.excluded.get(&hour);
        let tally = |at: usize| Tally {
            raw: minutes.cells.between(at, at).counts(),
            excluded: excluded.map_or(Counts::default(), |excluded| excluded.between(at, at).counts()),
        };
        (0..60_u8).map(|at| (at, tally(at.into()))).filter(|(_, tally)| !tally.raw.is_zero()).collect()
    }

    /// Forgets what no window needs any more: minutes before the hour `minutes_from`, except those of the hour `edge`, and
    /// everything before the hour `hours_from`. What the ledger has not taken yet waits a day longer.
    pub fn forget(&mut self, minutes_from: i64, edge: i64, hours_from: i64) {
        let dirty = &self.dirty;
        let needed = |hour: i64| {
            hour >= minutes_from || hour == edge || (dirty.contains(&hour) && hour >= minutes_from - PATIENCE)
        };
        self.minutes.retain(|hour, _| needed(*hour));
        for (_, excluded) in self.excluded.iter_mut().filter(|(hour, _)| !needed(**hour)) {
            excluded.minutes = Vec::new();
        }
        self.dirty.retain(|hour| *hour >= minutes_from - PATIENCE);
        self.excluded.retain(|hour, _| *hour >= hours_from);
        self.days.retain(|day, _| *day >= hours_from.div_euclid(DAY));
    }
}

impl Excluded {
    fn add(&mut self, at: usize, counts: Sum) {
        self.sum.add(counts);
        self.put(at, counts);
    }

    /// Adds to a minute only.
    fn put(&mut self, at: usize, counts: Sum) {
        match self.minutes.iter_mut().find(|(minute, _)| usize::from(*minute) == at) {
            Some((_, sum)) => sum.add(counts),
            // Below 60.
            None => self.minutes.push((at as u8, counts)),
        }
    }

    fn known(&self) -> Sum {
        let mut known = Sum::ZERO;
        self.minutes.iter().for_each(|(_, counts)| known.add(*counts));
        known
    }

    fn resum(&mut self) {
        self.sum = self.known();
    }

    fn between(&self, from: usize, to: usize) -> Sum {
        let mut sum = self.sum.minus(self.known()).share(to - from + 1);
        let inside = self.minutes.iter().filter(|(at, _)| (from..=to).contains(&usize::from(*at)));
        inside.for_each(|(_, counts)| sum.add(*counts));
        sum
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
