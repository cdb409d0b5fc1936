//! Numbers as they are told: exact while they are small, rough once they are large.

use std::time::Duration;

use super::super::text::{many, moment};
use crate::clock::Timestamp;

/// Counts up to this are told exactly.
const EXACT: u64 = 20;

/// `9 of 9 runs`; of many `9 % of at least 200 runs`.
pub fn share(bad: u64, runs: u64) -> String {
    if runs <= EXACT {
        return format!("{bad} of {}", many(runs, "run"));
    }
    format!("{} runs", fraction(bad, runs))
}

/// The same without the word.
pub fn fraction(bad: u64, runs: u64) -> String {
    if runs <= EXACT || bad == 0 {
        return format!("{bad} of {}", rough(runs));
    }
    format!("{} of {}", percent(bad, runs), rough(runs))
}

/// Whole percents; `0 %` and `100 %` only where that is so.
pub fn percent(bad: u64, runs: u64) -> String {
    match (bad, runs) {
        (0, _) => "0 %".to_owned(),
        (bad, runs) if bad >= runs => "100 %".to_owned(),
        (bad, runs) => {
            let percent = (bad as f64 / runs as f64 * 100.0).round();
            if percent < 1.0 { "under 1 %".to_owned() } else { format!("{:.0} %", percent.min(99.0)) }
        }
    }
}

/// Exact while small, then its first digit: `at least 40`.
pub fn rough(count: u64) -> String {
    if count <= EXACT {
        return count.to_string();
    }
    let digit = 10_u64.pow(count.ilog10());
    format!("at least {}", count / digit * digit)
}

/// `1 run`, `at least 40 runs`.
pub fn runs(count: u64) -> String {
    if count <= EXACT { many(count, "run") } else { format!("{} runs", rough(count)) }
}

/// `once`, `twice`, `3 times`.
pub fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{} times", rough(count)),
    }
}

/// The time of day, `18:05:12 UTC`; with the date if that was long ago.
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    const LONG: Duration = Duration::from_secs(12 * 3600);
    if now.since(at) < LONG { at.to_utc().format("%H:%M:%S UTC").to_string() } else { moment(at) }
}

/// `a`, `a and b`, `a, b and c`; of more than `shown` the first ones, and how many more there are.
pub fn listing(all: impl Iterator<Item = String>, shown: usize) -> String {
    let all: Vec<String> = all.collect();
    let (first, more) = all.split_at(all.len().min(shown));
    match (more.len(), first) {
        (0, []) => String::new(),
        (0, [one]) => one.clone(),
        (0, [before @ .., last]) => format!("{} and {last}", before.join(", ")),
        (more, first) => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_grow_are_rough() {
        let roughly = [
            (0, "0"),
            (20, "20"),
            (21, "at least 20"),
            (30, "at least 30"),
            (99, "at least 90"),
            (1234, "at least 1000"),
        ];
        for (count, text) in roughly {
            assert_eq!(rough(count), text);
        }
        for (bad, runs, text) in [
            (0, 0, "0 of 0 runs"),
            (1, 1, "1 of 1 run"),
            (9, 9, "9 of 9 runs"),
            (45, 45, "100 % of at least 40 runs"),
            (0, 45, "0 of at least 40 runs"),
            (44, 45, "98 % of at least 40 runs"),
            (999, 1000, "99 % of at least 1000 runs"),
            (1, 1000, "under 1 % of at least 1000 runs"),
        ] {
            assert_eq!(share(bad, runs), text);
        }
        assert_eq!((runs(1), runs(45)), ("1 run".to_owned(), "at least 40 runs".to_owned()));
        assert_eq!([1, 2, 3].map(times), ["once", "twice", "3 times"]);
    }

    #[test]
    fn lists_read_as_they_are_spoken() {
        let listed = |count: usize| listing((0..count).map(|n| n.to_string()), 3);
        assert_eq!([0, 1, 2, 3, 5].map(listed), ["", "0", "0 and 1", "0, 1 and 2", "0, 1, 2 and 2 more"]);
    }
}
