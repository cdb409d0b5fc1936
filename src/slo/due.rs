//! How often something is due: counts without walking through every single time.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::schedule::Timing;

const MINUTE_NANOS: i64 = 60_000_000_000;

/// The minute (since the Unix epoch) of that moment.
pub(super) fn minute_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(MINUTE_NANOS)
}

/// When a minute begins; saturates at the ends of the range.
pub(super) fn minute_start(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute.saturating_mul(MINUTE_NANOS))
}

/// How many times are due after `from` up to `to`, with that period and offset.
pub(super) fn every(period: Duration, spread: Duration, from: Timestamp, to: Timestamp) -> u64 {
    let passed = |at: Timestamp| {
        let period = i128::try_from(period.as_nanos()).unwrap_or(i128::MAX).max(1);
        let phase = i128::try_from(spread.as_nanos()).unwrap_or(0) % period;
        (i128::from(at.as_nanos()) - phase).div_euclid(period)
    };
    u64::try_from(passed(to) - passed(from)).unwrap_or(0)
}

/// Tells `count` of each minute with due times after `from` up to `to`, in order, and how many it has. For cron the
/// seconds are looked at in one minute only: they are the same in every other.
pub(super) fn by_minute(
    timing: &Timing,
    spread: Duration,
    from: Timestamp,
    to: Timestamp,
    mut count: impl FnMut(i64, u64),
) {
    let mut whole = None;
    let mut at = from;
    while let Some(due) = timing.next_after(at, spread).filter(|due| *due <= to) {
        let minute = minute_of(due);
        let (begin, end) = (minute_start(minute), minute_start(minute + 1));
        let is_whole = begin > from && end <= to;
        let last_of_minute = Timestamp::from_nanos(end.as_nanos().saturating_sub(1));
        let times = match (timing, whole) {
            (Timing::Every(period), _) => every(*period, spread, at, last_of_minute.min(to)),
            (Timing::Cron(_), Some(times)) if is_whole => times,
            (Timing::Cron(_), _) => walk(timing, due, last_of_minute.min(to)),
        };
        if is_whole {
            whole = Some(times);
        }
        count(minute, times);
        if last_of_minute <= at {
            return;
        }
        at = last_of_minute;
    }
}

/// From the due time `first` up to `to`, one by one.
fn walk(timing: &Timing, first: Timestamp, to: Timestamp) -> u64 {
    let mut at = first;
    let mut times = 1;
    while let Some(due) = timing.next_after(at, Duration::ZERO).filter(|due| *due <= to) {
        times += 1;
        at = due;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(timing: &Timing, spread: Duration, from: Timestamp, to: Timestamp) -> Vec<(i64, u64)> {
        let mut all: Vec<(i64, u64)> = Vec::new();
        let mut at = from;
        while let Some(due) = timing.next_after(at, spread).filter(|due| *due <= to) {
            match all.last_mut() {
                Some((minute, times)) if *minute == minute_of(due) => *times += 1,
                _ => all.push((minute_of(due), 1)),
            }
            at = due;
        }
        all
    }

    #[test]
    fn counting_by_minute_is_walking_through_all() {
        let cron = |expression: &str, zone: &str| Timing::cron(expression, zone).unwrap();
        let timings = [
            Timing::Every(Duration::from_secs(7)),
            Timing::Every(Duration::from_millis(1500)),
            Timing::Every(Duration::from_secs(150)),
            Timing::Every(Duration::from_secs(86_400)),
            cron("*/20 * 2 * * *", "UTC"),
            cron("5,10,50 */7 * * * *", "Asia/Kathmandu"),
            cron("0 30 2 * * *", "Europe/Zurich"),
        ];
        // Over the end of summer time, with edges within a minute.
        let to = Timestamp::from_secs(1_761_440_417);
        for timing in &timings {
            for (span, spread) in [(86_400, 3), (3600, 0), (47, 59), (0, 0)] {
                let (from, spread) = (to - Duration::from_secs(span), Duration::from_secs(spread));
                let mut counted = Vec::new();
                by_minute(timing, spread, from, to, |minute, times| counted.push((minute, times)));
                assert_eq!(counted, naive(timing, spread, from, to), "{timing:?} {span}");
                if let Timing::Every(period) = timing {
                    let sum: u64 = counted.iter().map(|(_, times)| times).sum();
                    assert_eq!(every(*period, spread, from, to), sum, "{timing:?} {span}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_due_before_it_begins_and_no_period_panics() {
        let (early, late) = (Timestamp::from_secs(100), Timestamp::from_secs(200));
        assert_eq!(every(Duration::from_secs(10), Duration::ZERO, late, early), 0);
        assert_eq!(every(Duration::ZERO, Duration::ZERO, early, early), 0);
        assert_eq!(every(Duration::MAX, Duration::MAX, early, late), 0);
        let ends = (Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MAX));
        assert_eq!(every(Duration::from_nanos(1), Duration::ZERO, ends.0, ends.1), u64::MAX);
        by_minute(&Timing::Every(Duration::ZERO), Duration::ZERO, early, late, |_, _| panic!("never due"));
    }
}
