//! When something that comes again and again came last.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::schedule::Timing;

/// The newest of the times after `since` and until `now`, at most `most` of them, the oldest first. Looked for backwards from
/// now: what comes every minute must not be gone through from the beginning of a month.
pub fn newest(timing: &Timing, since: Timestamp, now: Timestamp, most: usize) -> Vec<Timestamp> {
    let mut back = Duration::from_secs(60);
    loop {
        let from = since.max(now - back);
        let next = |at: &Timestamp| timing.next_after(*at, Duration::ZERO);
        let mut newest = VecDeque::new();
        for at in std::iter::successors(next(&from), next).take_while(|at| *at <= now) {
            newest.push_back(at);
            if newest.len() > most {
                newest.pop_front();
            }
        }
        if newest.len() >= most || from <= since {
            return newest.into();
        }
        back = back.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let now = Timestamp::from_secs(1_800_000_030);
        let hour = Duration::from_secs(3600);
        for (cron, since, most, expected) in [
            // 2027-01-15T08:00:30Z.
            ("*/5 * * * *", now - hour, 3, vec![-630_i64, -330, -30]),
            ("*/5 * * * *", now - Duration::from_secs(400), 3, vec![-330, -30]),
            ("0 2 * * *", now - hour * 48, 1000, vec![-30 - 30 * 3600, -30 - 6 * 3600]),
            ("0 2 * * *", now - hour, 1000, vec![]),
            ("* * * * *", now - hour, 0, vec![]),
            ("* * * * *", now + hour, 9, vec![]),
        ] {
            let found = newest(&Timing::cron(cron, "UTC").unwrap(), since, now, most);
            let away: Vec<i64> = found.iter().map(|at| at.as_secs() - now.as_secs()).collect();
            assert_eq!(away, expected, "{cron} {most}");
        }
    }
}
