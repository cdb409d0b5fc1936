//! When a check is due. Pure: takes the time, gives the next.

use std::time::Duration;

use crate::clock::Timestamp;

mod cron;

pub use cron::Cron;

/// When a probe runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// Every so often: due times are aligned to the epoch plus the check's spread.
    Every(Duration),
    /// At the times of a cron expression, exactly: the spread does not apply.
    Cron(Box<Cron>),
}

impl Timing {
    /// From a cron expression of five fields (minute first) or six (second first) and the name of a time zone.
    /// The error is a sentence for the person who wrote it: what is wrong, what is allowed, the nearest name.
    pub fn cron(expression: &str, zone: &str) -> Result<Self, String> {
        Ok(Self::Cron(Box::new(Cron::parse(expression, zone)?)))
    }

    /// The first due time strictly after `now`; `None` when there is none before the calendar's end (cron knows the
    /// years up to 2100) or when the period is zero.
    pub fn next_after(&self, now: Timestamp, spread: Duration) -> Option<Timestamp> {
        match self {
            Self::Every(period) => next_aligned(*period, now, spread),
            Self::Cron(cron) => cron.next_after(now),
        }
    }

    /// Where in its period a probe of that name is due in each of so many regions, in their order: the same on every
    /// machine and after every restart. Probes spread over the period without being told to, and the regions of one lie
    /// evenly in it, since what fails is found after the gap between any two runs. All zero for cron.
    pub fn spreads(&self, probe: &str, regions: usize) -> Vec<Duration> {
        let Self::Every(period) = self else { return vec![Duration::ZERO; regions] };
        let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        let first = stable_hash(probe) % millis;
        // Below the period: there is nothing to be cut off.
        let apart = |place: usize| (u128::from(millis) * place as u128 / regions as u128) as u64;
        (0..regions).map(|place| Duration::from_millis(first.wrapping_add(apart(place)) % millis)).collect()
    }
}

fn next_aligned(period: Duration, now: Timestamp, spread: Duration) -> Option<Timestamp> {
    let period = i64::try_from(period.as_nanos()).ok().filter(|nanos| *nanos > 0)?;
    // A phase within the period: the same times for less arithmetic.
    let phase = i64::try_from(spread.as_nanos() % u128::from(period.unsigned_abs())).ok()?;
    let passed = now.as_nanos().checked_sub(phase)?.div_euclid(period);
    passed.checked_add(1)?.checked_mul(period)?.checked_add(phase).map(Timestamp::from_nanos)
}

/// FNV-1a, finished by a mixer: ids that differ in their last letter only must not lie side by side.
fn stable_hash(id: &str) -> u64 {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn periods_are_aligned_to_the_epoch_and_spread() {
        let timing = Timing::Every(MINUTE);
        let next = |now, spread| timing.next_after(Timestamp::from_secs(now), Duration::from_secs(spread));
        assert_eq!(next(120, 0), Some(Timestamp::from_secs(180)), "strictly after");
        assert_eq!(next(121, 0), Some(Timestamp::from_secs(180)));
        assert_eq!(next(121, 7), Some(Timestamp::from_secs(127)));
        assert_eq!(next(127, 7), Some(Timestamp::from_secs(187)));
        assert_eq!(next(-1, 7), Some(Timestamp::from_secs(7)));
        assert_eq!(next(-60, 7), Some(Timestamp::from_secs(-53)));
    }

    #[test]
    fn the_end_of_time_is_none_and_no_panic() {
        assert_eq!(Timing::Every(MINUTE).next_after(Timestamp::from_nanos(i64::MAX), MINUTE), None);
        assert_eq!(Timing::Every(Duration::ZERO).next_after(Timestamp::from_secs(0), MINUTE), None);
        assert_eq!(Timing::Every(Duration::MAX).next_after(Timestamp::from_secs(0), Duration::ZERO), None);
        let early = Timestamp::from_nanos(i64::MIN) + MINUTE * 2;
        assert!(Timing::Every(MINUTE).next_after(early, Duration::MAX).unwrap() > early);
        assert_eq!(Timing::Every(MINUTE).next_after(Timestamp::from_nanos(i64::MIN), MINUTE / 2), None);
    }

    #[test]
    fn the_spread_is_stable_and_even() {
        let timing = Timing::Every(MINUTE);
        assert_eq!(timing.spreads("login", 1), [Duration::from_millis(58929)], "on every machine");
        let mut per_second = [0_u32; 60];
        for n in 0..6000 {
            per_second[timing.spreads(&format!("probe-{n}"), 1)[0].as_secs() as usize] += 1;
        }
        // 100 each expected; six standard deviations around it.
        assert!(per_second.iter().all(|count| (40..=160).contains(count)), "{per_second:?}");
    }

    #[test]
    fn regions_lie_evenly_in_the_period() {
        let periods = [100, 999, 10_000, 60_000, 86_400_000].map(Duration::from_millis);
        for (period, regions) in periods.into_iter().flat_map(|period| (1..8).map(move |regions| (period, regions))) {
            let mut spreads = Timing::Every(period).spreads("login", regions);
            assert_eq!(spreads[0], Timing::Every(period).spreads("login", 1)[0], "the first is where one would be");
            spreads.sort();
            let next_round = spreads[0] + period;
            spreads.push(next_round);
            let even = period / regions as u32;
            for gap in spreads.windows(2).map(|pair| pair[1] - pair[0]) {
                assert!(gap.abs_diff(even) <= Duration::from_millis(1), "{period:?} {regions}: {gap:?}");
            }
        }
    }

    #[test]
    fn cron_and_what_is_out_of_bounds_have_a_spread_all_the_same() {
        let cron = Timing::cron("* * * * *", "UTC").unwrap();
        assert_eq!(cron.spreads("login", 3), [Duration::ZERO; 3]);
        assert_eq!(Timing::Every(MINUTE).spreads("login", 0), [] as [Duration; 0]);
        assert_eq!(Timing::Every(Duration::ZERO).spreads("login", 2), [Duration::ZERO; 2]);
        assert_eq!(Timing::Every(Duration::MAX).spreads("login", 2).len(), 2);
    }
}
