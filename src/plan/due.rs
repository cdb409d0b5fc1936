//! How far apart due times lie: for what must not be silent for long.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::schedule::Timing;

/// 2026-01-01T00:00:00Z: the days over which cron is looked at, always the same ones. 31 days: every day of a month.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAYS: Duration = Duration::from_secs(31 * 86_400);
/// Due times closer than this are taken as one, so that an expression for every second is soon gone through.
const GRAIN: Duration = Duration::from_secs(60);

/// The longest time between a due time and the next. `None`: it is due once only.
pub fn longest_gap(timing: &Timing) -> Option<Duration> {
    longest(timing, 1)
}

/// The longest time in which only `runs` due times pass, up to the last of them: as many periods, or for cron the longest
/// such stretch of 31 days, nights and weekends included. `None`: it is not due so often.
pub fn longest(timing: &Timing, runs: u32) -> Option<Duration> {
    if let Timing::Every(period) = timing {
        return Some(*period * runs);
    }
    let next = |after: Timestamp| timing.next_after(after, Duration::ZERO);
    let mut last: VecDeque<Timestamp> = VecDeque::new();
    let mut longest = None;
    let mut due = next(START)?;
    loop {
        last.push_back(due);
        if last.len() > runs as usize {
            let first = last.pop_front()?;
            longest = longest.max(Some(due.since(first)));
            // What begins in these days is looked at to its end.
            if first.since(START) > DAYS {
                return longest;
            }
        }
        let Some(next) = next(due + (GRAIN - Duration::from_nanos(1))) else { return longest };
        due = next;
    }
}

/// The same of many, each timing looked at once: going through a month of cron takes time, and many probes have the same.
pub struct Longest {
    runs: u32,
    /// Where it is not due so often.
    otherwise: Duration,
    known: Vec<(Timing, Duration)>,
}

impl Longest {
    /// Of so many runs; `otherwise` where there are not so many.
    pub const fn of(runs: u32, otherwise: Duration) -> Self {
        Self { runs, otherwise, known: Vec::new() }
    }

    /// See [`longest`].
    pub fn within(&mut self, timing: &Timing) -> Duration {
        if let Some((_, known)) = self.known.iter().rev().find(|(other, _)| other == timing) {
            return *known;
        }
        let found = longest(timing, self.runs).unwrap_or(self.otherwise);
        if let Timing::Cron(_) = timing {
            self.known.push((timing.clone(), found));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    fn cron(expression: &str) -> Timing {
        Timing::cron(expression, "Europe/Zurich").unwrap()
    }

    #[test]
    fn periods_are_their_own_gap() {
        assert_eq!(longest_gap(&Timing::Every(MINUTE)), Some(MINUTE));
        assert_eq!(longest(&Timing::Every(MINUTE), 3), Some(3 * MINUTE));
    }

    #[test]
    fn nights_weekends_and_years_are_gaps() {
        assert_eq!(longest_gap(&cron("*/5 * * * *")), Some(5 * MINUTE));
        assert_eq!(longest(&cron("*/5 * * * *"), 3), Some(15 * MINUTE));
        // Friday at 18:00 to Monday at 8:00, and two hours more.
        assert_eq!(longest_gap(&cron("0 8-18 * * MON-FRI")), Some(62 * HOUR));
        assert_eq!(longest(&cron("0 8-18 * * MON-FRI"), 3), Some(64 * HOUR));
        assert_eq!(longest_gap(&cron("0 2 * * *")), Some(24 * HOUR));
        assert_eq!(longest_gap(&cron("0 2 1 1 *")), Some(365 * 24 * HOUR));
    }

    #[test]
    fn what_is_due_every_second_is_gone_through_in_no_time() {
        let gap = longest_gap(&cron("* * * * * *")).unwrap();
        assert!(gap <= MINUTE, "{gap:?}");
    }
}
