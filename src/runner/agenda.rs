//! What is due next, of all checks: a heap of due times. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::schedule::Timing;

/// A due time that is seen later than this is not run any more: the machine slept or stalled, its clock was put forward,
/// and running everything that waits at once would hit the provider with a burst.
pub const MAX_LATENESS: Duration = Duration::from_secs(2);
/// Due times longer ago are not counted as missed: a clock that was put right by years says nothing about runs.
const COUNTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Something with due times.
pub trait Due {
    /// When.
    fn timing(&self) -> &Timing;
    /// The offset within its period.
    fn spread(&self) -> Duration;
    /// Whether `other`, of another plan, is the same one.
    fn same(&self, other: &Self) -> bool;
}

/// A due time that has come.
#[derive(Debug, PartialEq, Eq)]
pub struct Came<'a, T> {
    /// Of what.
    pub what: &'a T,
    /// The last due time that has come.
    pub scheduled: Timestamp,
    /// Whether to run it: false if it is too long ago.
    pub run: bool,
    /// How many due times were missed: earlier ones, and this one unless it is run.
    pub missed: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Agenda<T> {
    items: Vec<T>,
    heap: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl<T: Due> Agenda<T> {
    /// Of these, from `now` on.
    pub fn new(items: Vec<T>, now: Timestamp) -> Self {
        let mut agenda = Self { items, heap: BinaryHeap::new() };
        agenda.restart(now);
        agenda
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes one that is due and plans its next time. However many of its due times have passed, it comes once.
    pub fn pop(&mut self, now: Timestamp) -> Option<Came<'_, T>> {
        let mut first = self.heap.peek_mut()?;
        let Reverse((due, index)) = *first;
        if due > now {
            return None;
        }
        let what = self.items.get(index)?;
        let (scheduled, earlier) = last_due(what, due, now);
        match what.timing().next_after(now, what.spread()) {
            // Sifted once, where taking it out and putting it back would be twice.
            Some(next) => *first = Reverse((next, index)),
            None => {
                PeekMut::pop(first);
            }
        }
        let run = now.since(scheduled) <= MAX_LATENESS;
        Some(Came { what, scheduled, run, missed: earlier + u64::from(!run) })
    }

    /// Plans everything anew from `now`: for a clock that was put back, or the wait would be as long as the step.
    pub fn restart(&mut self, now: Timestamp) {
        let due = |(index, item): (usize, &T)| Some(Reverse((item.timing().next_after(now, item.spread())?, index)));
        self.heap = self.items.iter().enumerate().filter_map(due).collect();
    }

    /// Swaps the items. Due times follow from timing and spread alone, so what did not change keeps its phase; what is
    /// due but was not taken yet is not lost.
    pub fn replace(&mut self, items: Vec<T>, now: Timestamp) {
        let old = std::mem::replace(self, Self::new(items, now));
        for Reverse((due, index)) in old.heap.into_iter().filter(|Reverse((due, _))| *due <= now) {
            let Some(was) = old.items.get(index) else { continue };
            let kept = self.items.iter().position(|item| {
                let just_before = Timestamp::from_nanos(due.as_nanos().saturating_sub(1));
                item.same(was) && item.timing().next_after(just_before, item.spread()) == Some(due)
            });
            if let Some(kept) = kept {
                self.heap.retain(|Reverse((_, index))| *index != kept);
                self.heap.push(Reverse((due, kept)));
            }
        }
    }
}

/// The last due time up to `now`, and how many came before it from `due` on, but not longer ago than [`COUNTED`].
fn last_due<T: Due>(what: &T, due: Timestamp, now: Timestamp) -> (Timestamp, u64) {
    match what.timing() {
        Timing::Every(period) => {
            let nanos = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
            let period = nanos(*period).max(1);
            let earlier = nanos(now.since(due)) / period;
            let last = due + Duration::from_nanos(period.saturating_mul(earlier));
            (last, earlier.min(nanos(COUNTED) / period))
        }
        Timing::Cron(cron) => {
            let next = |from| cron.next_after(from).filter(|next| *next <= now);
            let (mut last, mut earlier) = (due, 0);
            if now.since(due) > COUNTED {
                last = next(now - COUNTED).unwrap_or(due);
            }
            while now.since(last) <= COUNTED
                && let Some(later) = next(last)
            {
                (last, earlier) = (later, earlier + 1);
            }
            (last, earlier)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(&'static str, Timing, u64);

    impl Due for Item {
        fn timing(&self) -> &Timing {
            &self.1
        }
        fn spread(&self) -> Duration {
            Duration::from_secs(self.2)
        }
        fn same(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    fn every(name: &'static str, secs: u64, spread: u64) -> Item {
        Item(name, Timing::Every(Duration::from_secs(secs)), spread)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Name, due time in seconds, whether it is run, how many were missed.
    fn pop(agenda: &mut Agenda<Item>, now: Timestamp) -> Option<(&'static str, i64, bool, u64)> {
        agenda.pop(now).map(|came| (came.what.0, came.scheduled.as_secs(), came.run, came.missed))
    }

    #[test]
    fn they_come_in_order_and_again() {
        let mut agenda = Agenda::new(vec![every("a", 60, 7), every("b", 30, 5)], at(600));
        assert_eq!(agenda.next(), Some(at(605)));
        assert_eq!(pop(&mut agenda, at(604)), None);
        assert_eq!(pop(&mut agenda, at(607)), Some(("b", 605, true, 0)));
        assert_eq!(pop(&mut agenda, at(607)), Some(("a", 607, true, 0)));
        assert_eq!(pop(&mut agenda, at(607)), None);
        assert_eq!(agenda.next(), Some(at(635)));
    }

    #[test]
    fn missed_times_are_counted_and_come_once() {
        let mut agenda = Agenda::new(vec![every("a", 10, 0)], at(5));
        // 10, 20, 30 and 40 passed; 40 is seen in time.
        assert_eq!(pop(&mut agenda, at(41)), Some(("a", 40, true, 3)));
        assert_eq!(pop(&mut agenda, at(41)), None);
        // 50, 60 and 70 passed, and 70 is too long ago.
        assert_eq!(pop(&mut agenda, at(75)), Some(("a", 70, false, 3)));
        assert_eq!(agenda.next(), Some(at(80)));
    }

    #[test]
    fn cron_times_are_counted_too() {
        let cron = Timing::cron("*/5 * * * *", "UTC").unwrap();
        let mut agenda = Agenda::new(vec![Item("c", cron, 0)], at(0));
        assert_eq!(pop(&mut agenda, at(1000)), Some(("c", 900, false, 3)));
        assert_eq!(agenda.next(), Some(at(1200)));
    }

    #[test]
    fn a_clock_put_right_by_years_counts_a_day() {
        let mut agenda = Agenda::new(vec![every("a", 60, 0)], at(0));
        let now = at(56 * 365 * 86_400 + 30);
        let (_, scheduled, run, missed) = pop(&mut agenda, now).unwrap();
        assert_eq!((run, missed), (false, 24 * 60 + 1));
        assert!(now.since(at(scheduled)) < Duration::from_secs(60));
    }

    #[test]
    fn a_clock_put_back_does_not_stop_everything() {
        let mut agenda = Agenda::new(vec![every("a", 60, 0)], at(100_000));
        agenda.restart(at(5_000));
        assert_eq!(agenda.next(), Some(at(5_040)));
    }

    #[test]
    fn a_new_plan_keeps_phase_and_what_is_due() {
        let mut agenda = Agenda::new(vec![every("a", 60, 0), every("b", 60, 10)], at(30));
        agenda.replace(vec![every("b", 60, 10), every("a", 60, 0), every("c", 5, 0)], at(61));
        assert_eq!(pop(&mut agenda, at(61)), Some(("a", 60, true, 0)), "due, and not taken yet");
        assert_eq!(pop(&mut agenda, at(70)), Some(("c", 70, true, 1)));
        assert_eq!(pop(&mut agenda, at(70)), Some(("b", 70, true, 0)));
        agenda.replace(vec![every("a", 7, 3)], at(121));
        assert_eq!(pop(&mut agenda, at(121)), None, "its new period has no such time");
        assert_eq!(agenda.next(), Some(at(122)));
    }

    #[test]
    fn what_never_comes_again_is_no_trouble() {
        let mut agenda = Agenda::new(vec![every("a", 0, 0)], at(0));
        assert_eq!((agenda.next(), pop(&mut agenda, at(9))), (None, None));
    }
}
