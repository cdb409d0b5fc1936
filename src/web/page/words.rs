//! Numbers and times as people read them.

use std::time::Duration;

use maud::{Markup, html};

pub use crate::alert::text::encoded;
use crate::clock::Timestamp;
use crate::duration::HumanDuration;

/// A point of time: exact for machines and whoever points at it, as a distance from `now` for people.
pub fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let exact = at.to_string();
    html! { time datetime=(exact) title=(exact) { (distance(at, now)) } }
}

/// How far away a time is: `5m ago`, `in 2h3m`, `now`.
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    match (at.since(now), now.since(at)) {
        (ahead, _) if ahead >= Duration::from_secs(1) => format!("in {}", rough(ahead)),
        (_, ago) if ago >= Duration::from_secs(1) => format!("{} ago", rough(ago)),
        _ => "now".to_owned(),
    }
}

/// Two units at most: nobody reads the seconds of an hour.
pub fn rough(length: Duration) -> String {
    let unit = match length.as_secs() {
        0..600 => 1,
        600..86_400 => 60,
        _ => 3600,
    };
    HumanDuration(Duration::from_secs(length.as_secs() / unit * unit)).to_string()
}

/// A latency with as many digits as matter: `0.4 ms`, `37 ms`, `1.24 s`.
pub fn latency(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match seconds {
        s if s < 0.01 => format!("{:.1} ms", s * 1000.0),
        s if s < 0.9995 => format!("{:.0} ms", s * 1000.0),
        s if s < 99.5 => format!("{s:.2} s"),
        s => format!("{s:.0} s"),
    }
}

/// A share as a percentage with one decimal, rounded down: what is not whole is never shown as whole.
pub fn percent(ratio: f64) -> String {
    // A share such as 0.9995 has no exact float; a billionth more than it has decimals.
    let tenths = (ratio * 1000.0 + 1e-6).floor();
    let text = format!("{:.1}", tenths / 10.0);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{}%", text.replace('-', "−"))
}

/// A share of a budget that is left, or how many times it is spent: nobody can do anything with minus 510 percent.
pub fn left(remaining: f64) -> String {
    match remaining {
        left if left < 0.0 => format!("spent {:.1} times", 1.0 - left),
        left => percent(left),
    }
}

/// A burn rate: how many times as fast as allowed.
pub fn times(burn: f64) -> String {
    let digits = match burn {
        b if b < 10.0 && b > 0.0 => 2,
        b if b < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{burn:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} ×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_up() {
        for (ratio, expected) in [
            (1.0, "100%"),
            (0.99999, "99.9%"),
            (0.5, "50%"),
            (0.123, "12.3%"),
            (0.0, "0%"),
            (0.0004, "0%"),
            (-0.0004, "−0.1%"),
            (-2.5, "−250%"),
        ] {
            assert_eq!(percent(ratio), expected, "{ratio}");
        }
    }

    #[test]
    fn burn_rates_have_the_digits_that_matter() {
        for (burn, expected) in
            [(0.0, "0 ×"), (0.036, "0.04 ×"), (1.0, "1 ×"), (14.4, "14.4 ×"), (333.33, "333 ×"), (1000.0, "1000 ×")]
        {
            assert_eq!(times(burn), expected);
        }
    }

    #[test]
    fn distances_are_rough() {
        let now = Timestamp::from_secs(1_000_000);
        for (seconds, expected) in [
            (0, "now"),
            (-59, "59s ago"),
            (-725, "12m ago"),
            (-7380, "2h3m ago"),
            (-93_600, "1d2h ago"),
            (90, "in 1m30s"),
        ] {
            assert_eq!(distance(Timestamp::from_secs(1_000_000 + seconds), now), expected);
        }
    }

    #[test]
    fn latencies_have_the_digits_that_matter() {
        for (micros, expected) in [
            (420, "0.4 ms"),
            (37_400, "37 ms"),
            (999_400, "999 ms"),
            (999_600, "1.00 s"),
            (1_240_000, "1.24 s"),
            (120_000_000, "120 s"),
        ] {
            assert_eq!(latency(Duration::from_micros(micros)), expected);
        }
    }
}
