//! `authprobe smoke`: selected checks run once or until it is decided whether they are good, without daemon and store; the
//! verdict is the daemon's own. What is found becomes a [`report::Report`], from which every format is made.

use std::sync::Arc;

use crate::outcome::{CheckLabels, Outcome};

pub mod report;

use report::CheckReport;

/// What happens while it runs, in order; for whoever shows it.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// These will run; told once, first.
    Selected(&'a [CheckLabels]),
    /// A provider does not answer yet and is tried again (`--wait`).
    Waiting {
        /// Which.
        provider: &'a str,
        /// What it answered last: `503`, `connect`.
        why: &'a str,
        /// How often it was tried.
        tries: u32,
    },
    /// It answers now, or there is no more time to wait.
    Waited {
        /// Which.
        provider: &'a str,
        /// Whether it answers.
        ready: bool,
    },
    /// A run begins.
    Started {
        /// Of which check.
        check: &'a CheckLabels,
        /// The how manieth, from 1.
        run: u32,
    },
    /// A run is over.
    Ran {
        /// What it found.
        outcome: &'a Arc<Outcome>,
        /// Whether it took longer than `--max-latency` allows.
        slow: bool,
    },
    /// A check is decided: no more runs of it.
    Decided(&'a CheckReport),
}

/// Whoever is told. Never waits, never fails: a run must not be held up by those who look at it.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn tell(&self, event: &Event<'_>);
}
