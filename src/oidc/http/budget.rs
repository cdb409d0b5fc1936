//! How many requests a provider bears: a token bucket over all probes and regions. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// Requests are counted in slots of this length, so that the memory of a busy minute stays small.
const SLOT: Duration = Duration::from_millis(100);
/// How many slots a request keeps its token for: a minute, and the slot that it may have begun at the end of.
const SLOTS_HELD: i64 = 601;
/// The longest pause that a provider can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// A bucket that starts full with one minute's tokens. A token that was taken comes back one minute later: so at most
/// `limit_per_minute` requests lie within *any* 60 seconds, where a bucket that refills steadily would let almost twice
/// as many through in the minute after a rest.
#[derive(Debug, Default)]
pub struct Budget {
    /// Slot and how many were taken in it, oldest first; at most one entry a slot.
    taken: VecDeque<(i64, u32)>,
    sum: u32,
    paused_until: Option<Timestamp>,
}

impl Budget {
    /// Takes `n` tokens if that many are there; otherwise none, and says `false`. Never waits.
    pub fn take(&mut self, now: Timestamp, limit_per_minute: u32, n: u32) -> bool {
        if n > self.available(now, limit_per_minute) {
            return false;
        }
        let slot = slot_of(now);
        match self.taken.back_mut() {
            Some((last, count)) if *last == slot => *count += n,
            _ => self.taken.push_back((slot, n)),
        }
        self.sum += n;
        true
    }

    /// How many tokens are there. A limit that a reload changed counts at once.
    pub fn available(&mut self, now: Timestamp, limit_per_minute: u32) -> u32 {
        self.settle(slot_of(now));
        limit_per_minute.saturating_sub(self.sum)
    }

    /// How many of the tokens that were taken so far will not have come back by then.
    pub fn held(&self, at: Timestamp) -> u32 {
        let back = slot_of(at).saturating_sub(SLOTS_HELD);
        self.taken.iter().rev().take_while(|(slot, _)| *slot > back).map(|(_, count)| count).sum()
    }

    /// The provider asked for a pause (`Retry-After`); the later end of two counts. At most an hour from any moment on.
    pub fn pause_until(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// How long the provider must still be left alone; `None`: it need not.
    pub fn paused(&mut self, now: Timestamp) -> Option<Duration> {
        // Capped for good: after a clock that was put back the pause must not be as long as the step.
        let until = self.paused_until?.min(now + MAX_PAUSE);
        self.paused_until = Some(until);
        let left = until.since(now);
        (!left.is_zero()).then_some(left)
    }

    fn settle(&mut self, slot: i64) {
        while let Some(&(oldest, count)) = self.taken.front()
            && oldest <= slot.saturating_sub(SLOTS_HELD)
        {
            self.taken.pop_front();
            self.sum -= count;
        }
        // The wall clock was set back: what seems to come from the future happened just now.
        let mut moved = 0;
        while let Some(&(newest, count)) = self.taken.back()
            && newest > slot
        {
            self.taken.pop_back();
            moved += count;
        }
        if moved > 0 {
            match self.taken.back_mut() {
                Some((last, count)) if *last == slot => *count += moved,
                _ => self.taken.push_back((slot, moved)),
            }
        }
    }
}

fn slot_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(SLOT.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn it_starts_full_and_refuses_what_is_not_there() {
        let mut budget = Budget::default();
        assert!(budget.take(at(0), 5, 3));
        assert!(!budget.take(at(0), 5, 3), "only two are left");
        assert_eq!(budget.available(at(0), 5), 2, "a refusal takes nothing");
        assert!(budget.take(at(0), 5, 2));
        assert!(!budget.take(at(59_999), 5, 1));
        assert!(budget.take(at(60_100), 5, 5));
    }

    #[test]
    fn no_minute_ever_sees_more_than_the_limit() {
        let mut budget = Budget::default();
        let mut sent = Vec::new();
        // Bursts and rests, 37 ms apart, for five minutes.
        for step in 0..8_100 {
            let now = step * 37;
            if (now / 25_000) % 2 == 0 && budget.take(at(now), 120, 1) {
                sent.push(now);
            }
        }
        assert!(sent.len() > 300, "{}", sent.len());
        for (i, from) in sent.iter().enumerate() {
            let within = sent[i..].iter().take_while(|s| **s < from + 60_000).count();
            assert!(within <= 120, "{within} requests in the minute from {from} ms");
        }
    }

    #[test]
    fn it_knows_what_comes_back_when() {
        let mut budget = Budget::default();
        assert!(budget.take(at(0), 10, 3) && budget.take(at(30_000), 10, 4));
        assert_eq!([30_000, 60_000, 60_100, 90_000, 90_100].map(|millis| budget.held(at(millis))), [7, 7, 4, 4, 0]);
        for millis in [60_000, 60_100, 90_100] {
            let held = budget.held(at(millis));
            assert_eq!(budget.available(at(millis), 10), 10 - held, "as it is then");
        }
    }

    #[test]
    fn a_limit_changes_with_a_reload() {
        let mut budget = Budget::default();
        assert!(budget.take(at(0), 10, 10));
        assert_eq!(budget.available(at(0), 30), 20);
        assert_eq!(budget.available(at(0), 5), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_starves_nobody_for_longer_than_a_minute() {
        let mut budget = Budget::default();
        assert!(budget.take(at(3_600_000), 10, 4));
        assert!(budget.take(at(3_601_000), 10, 3));
        assert_eq!(budget.available(at(0), 10), 3);
        assert_eq!(budget.available(at(60_100), 10), 10);
    }

    #[test]
    fn memory_is_bounded_by_slots() {
        let mut budget = Budget::default();
        for millis in 0..120_000 {
            budget.take(at(millis), u32::MAX, 1);
        }
        assert!(budget.taken.len() <= 602, "{}", budget.taken.len());
    }

    #[test]
    fn pauses_end_and_are_capped() {
        let mut budget = Budget::default();
        assert_eq!(budget.paused(at(0)), None);
        budget.pause_until(at(30_000));
        budget.pause_until(at(10_000));
        assert_eq!(budget.paused(at(0)), Some(Duration::from_secs(30)));
        assert_eq!(budget.paused(at(30_000)), None);
        budget.pause_until(at(100_000_000));
        assert_eq!(budget.paused(at(0)), Some(Duration::from_secs(3600)));
        assert_eq!(budget.paused(at(3_600_000)), None, "the cap stays where it was set");
    }
}
