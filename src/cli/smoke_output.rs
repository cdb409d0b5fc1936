//! What people and CI systems see of `authprobe smoke`: how it goes ([`Show`]), and what it found in every [`Format`].

use crate::fault::Fault;
use crate::outcome::CheckLabels;
use crate::smoke::report::{CheckReport, Judgement, words};
use crate::terminal::{Style, Terminal};

mod board;
mod files;
mod github;
mod human;
mod json;
mod junit;
mod live;
mod markdown;
mod plain;
mod writer;

pub use files::{Format, Output, check_outputs, document, write_outputs};
pub use github::{GithubOutput, add_summary, github};
pub use human::human;
pub use json::json;
pub use junit::junit;
pub use live::Live;
pub use plain::Plain;

use crate::clock::Clock;
use crate::smoke::{Event, Progress};

/// How it goes, on stderr: live on a terminal, plain lines elsewhere.
#[derive(Debug)]
pub enum Show {
    /// Redrawn in place.
    Live(Live),
    /// A line for each thing that is worth one.
    Plain(Plain),
}

impl Show {
    /// Live if stderr is a terminal that can do it and no CI system reads it (`CI`), else plain.
    pub fn new(clock: &Clock) -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| !matches!(&*value, "" | "0" | "false"));
        match if ci { None } else { Live::start(clock) } {
            Some(live) => Self::Live(live),
            None => Self::Plain(Plain::start()),
        }
    }

    /// Ends it: what is written next comes after it. Waits for a stuck reader only so long.
    pub fn end(self) {
        match self {
            Self::Live(live) => live.end(),
            Self::Plain(plain) => plain.end(),
        }
    }
}

impl Progress for Show {
    fn tell(&self, event: &Event<'_>) {
        match self {
            Self::Live(live) => live.tell(event),
            Self::Plain(plain) => plain.tell(event),
        }
    }
}

/// The sign of a judgement, and its colour.
fn mark(verdict: Judgement, terminal: &Terminal) -> (&'static str, Style) {
    match verdict {
        Judgement::Good => (terminal.pick("✔", "+"), Style::Good),
        Judgement::Bad => (terminal.pick("✘", "x"), Style::Bad),
        Judgement::Inconclusive => ("?", Style::Warn),
        Judgement::Skipped => ("-", Style::Dim),
    }
}

/// What was found of a check, for a line that begins with its mark; not cleaned.
fn found(check: &CheckReport) -> String {
    let reason = check.reason.trim_end_matches('.');
    match (check.verdict, words::blamed(check)) {
        (Judgement::Good, _) => "good".to_owned(),
        (Judgement::Skipped, _) => format!("skipped: {reason}"),
        (_, Some(Fault { class, step: "", blame, .. })) => format!("{class} ({blame})"),
        (_, Some(Fault { class, step, blame, .. })) => format!("{class} in {step} ({blame})"),
        (Judgement::Bad, None) if words::slow(check) => format!("too slow: {reason}"),
        (_, None) => reason.to_owned(),
    }
}

/// `login@eu-1`, cleaned, in at most `width` columns: what is cut is the probe, so that regions can be told apart.
fn name(check: &CheckLabels, width: usize, terminal: &Terminal) -> String {
    let whole = terminal.clean(&check.to_string());
    let region = terminal.clean(&check.region);
    match width.checked_sub(region.chars().count() + 1) {
        Some(room) if room >= 8 => format!("{}@{region}", terminal.cut(&terminal.clean(&check.probe), room)),
        _ => terminal.cut(&whole, width),
    }
}

/// `12 good, 1 bad`: what there is none of is left out; the worst first.
fn tally(counts: &[(usize, &str)]) -> String {
    let parts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_none_of_is_not_counted() {
        assert_eq!(tally(&[(0, "bad"), (2, "good"), (1, "skipped")]), "2 good, 1 skipped");
        assert_eq!(tally(&[(0, "bad")]), "");
    }
}
