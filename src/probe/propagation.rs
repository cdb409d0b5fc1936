//! When a revocation has reached a region: which tries to make, and what they say. Pure; times are measured from the
//! acknowledgement of the revocation.

use std::time::Duration;

/// Between two tries of the first second.
const FIRST: Duration = Duration::from_millis(100);
/// How long tries stay that close.
const CLOSE: Duration = Duration::from_secs(1);

/// When to try: 100 ms apart for the first second, then each pause half as long again as the one before.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    due: Duration,
    pause: Duration,
}

impl Pace {
    /// At the acknowledgement.
    pub fn start() -> Self {
        Self { due: Duration::ZERO, pause: FIRST }
    }

    /// Moves on to the first due time after `now`.
    pub fn advance(&mut self, now: Duration) {
        while self.due <= now {
            if self.due >= CLOSE {
                self.pause = self.pause * 3 / 2;
            }
            self.due += self.pause;
        }
    }

    /// When the next try is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// How many tries there are at most until `bound`.
    pub fn tries(bound: Duration) -> u32 {
        let mut pace = Self::start();
        let mut tries = 0;
        while pace.due <= bound {
            tries += 1;
            pace.advance(pace.due);
        }
        tries
    }
}

/// One try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was sent.
    pub sent: Duration,
    /// When its answer was there.
    pub received: Duration,
    /// Whether the token worked; `None`: the try went wrong.
    pub works: Option<bool>,
}

/// What the tries of one region say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The token was refused three times in a row.
    Dead {
        /// From the acknowledgement to the answer that was the first of the three.
        after: Duration,
        /// The length of the interval in which it must have died: from the sending of the last try that worked (at the
        /// earliest the acknowledgement) to the first refusal.
        interval: Duration,
    },
    /// It works beyond the bound.
    StillWorks,
    /// Too few tries came through.
    Unknown,
}

/// The tries of one region, in order.
#[derive(Clone, Debug)]
pub struct Watch {
    bound: Duration,
    pace: Pace,
    /// When the last try that worked was sent.
    alive: Option<Duration>,
    /// The first of the refusals since, and how many there are.
    refused: Option<(Duration, u32)>,
    /// When the last answer was there.
    now: Option<Duration>,
    /// How many tries went wrong since the bound: those to come must end.
    wrong_late: u32,
}

impl Watch {
    /// How many refusals in a row make a token dead.
    pub const CONFIRMATIONS: u32 = 3;

    /// None yet.
    pub fn new(bound: Duration) -> Self {
        Self { bound, pace: Pace::start(), alive: None, refused: None, now: None, wrong_late: 0 }
    }

    /// When the next try is due; `None`: enough is known, or the bound is over. Refusals are confirmed quickly, and beyond
    /// the bound as well.
    pub fn next(&mut self) -> Option<Duration> {
        let Some(now) = self.now else { return Some(Duration::ZERO) };
        match self.refused {
            Some((_, Self::CONFIRMATIONS..)) => return None,
            Some(_) if self.wrong_late < Self::CONFIRMATIONS => return Some(now + FIRST),
            Some(_) => return None,
            None => {}
        }
        if now >= self.bound {
            return None;
        }
        self.pace.advance(now);
        // The last word is spoken at the bound itself.
        Some(self.pace.due.min(self.bound))
    }

    /// Adds a try.
    pub fn add(&mut self, sample: Sample) {
        self.now = Some(sample.received);
        match (sample.works, self.refused) {
            (Some(true), _) => (self.alive, self.refused) = (Some(sample.sent), None),
            (Some(false), None) => self.refused = Some((sample.received, 1)),
            (Some(false), Some((first, count))) => self.refused = Some((first, count + 1)),
            // Neither for nor against: the row is not broken, but the next ones decide.
            (None, _) if sample.received >= self.bound => self.wrong_late += 1,
            (None, _) => {}
        }
    }

    /// What they say.
    pub fn seen(&self) -> Seen {
        match (self.refused, self.alive) {
            (Some((after, Self::CONFIRMATIONS..)), alive) => {
                Seen::Dead { after, interval: after.saturating_sub(alive.unwrap_or(Duration::ZERO)) }
            }
            (None, Some(_)) if self.now.is_some_and(|now| now >= self.bound) && self.wrong_late == 0 => {
                Seen::StillWorks
            }
            _ => Seen::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Runs a watch against a token that works for `lives` (and again in `returns`); each try takes 20 ms.
    fn run(bound: u64, lives: u64, returns: Option<std::ops::Range<u64>>) -> (Vec<u64>, Seen) {
        let mut watch = Watch::new(ms(bound));
        let mut due_times = Vec::new();
        while let Some(due) = watch.next() {
            let at = due.as_millis() as u64;
            due_times.push(at);
            let works = at < lives || returns.as_ref().is_some_and(|again| again.contains(&at));
            watch.add(Sample { sent: due, received: due + ms(20), works: Some(works) });
        }
        (due_times, watch.seen())
    }

    #[test]
    fn tries_are_close_for_a_second_and_then_slow_by_half_each_time() {
        let (due, seen) = run(5000, u64::MAX, None);
        assert_eq!(due[..11], [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
        // 100 ms × 1.5, × 1.5, …, and the last at the bound.
        assert_eq!(due[11..], [1150, 1375, 1712, 2218, 2978, 4117, 5000]);
        assert_eq!(seen, Seen::StillWorks);
    }

    #[test]
    fn propagation_is_the_first_of_three_refusals() {
        assert_eq!(run(30_000, 0, None), (vec![0, 120, 240], Seen::Dead { after: ms(20), interval: ms(20) }));
        let (_, seen) = run(30_000, 350, None);
        // Worked at 300, refused by 420.
        assert_eq!(seen, Seen::Dead { after: ms(420), interval: ms(120) });
    }

    #[test]
    fn a_refusal_that_does_not_last_counts_for_nothing() {
        // Refused at 200 and (120 later) 320, works again from 400 to 600.
        let (_, seen) = run(30_000, 200, Some(400..600));
        let Seen::Dead { after, .. } = seen else { panic!("{seen:?}") };
        assert_eq!(after, ms(620));
    }

    #[test]
    fn refusals_are_confirmed_beyond_the_bound() {
        let (due, seen) = run(1000, 1000, None);
        assert_eq!(due[10..], [1000, 1120, 1240]);
        assert_eq!(seen, Seen::Dead { after: ms(1020), interval: ms(120) });
    }

    #[test]
    fn tries_that_go_wrong_are_no_evidence_and_end() {
        let mut watch = Watch::new(ms(1000));
        let mut tries = 0;
        while let Some(due) = watch.next() {
            watch.add(Sample { sent: due, received: due + ms(20), works: None });
            tries += 1;
            assert!(tries < 100);
        }
        assert_eq!(watch.seen(), Seen::Unknown);
        let mut watch = Watch::new(ms(1000));
        watch.add(Sample { sent: ms(0), received: ms(20), works: Some(false) });
        for n in 0..50 {
            let Some(due) = watch.next() else { break };
            watch.add(Sample { sent: due, received: due + ms(n * 100), works: None });
        }
        assert_eq!((watch.next(), watch.seen()), (None, Seen::Unknown));
    }

    #[test]
    fn the_burst_is_what_can_be_sent() {
        for bound in [1000, 5000, 30_000, 3_600_000] {
            let mut watch = Watch::new(ms(bound));
            let mut tries = 0;
            while let Some(due) = watch.next() {
                watch.add(Sample { sent: due, received: due, works: Some(true) });
                tries += 1;
            }
            assert!(tries <= Pace::tries(ms(bound)) + Watch::CONFIRMATIONS, "{bound}: {tries}");
        }
        assert_eq!(Pace::tries(ms(1000)), 11);
    }
}
