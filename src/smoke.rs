//! `authprobe smoke`: selected checks run once or until it is decided whether they are good, without daemon and store; the
//! verdict is the daemon's own. What is found becomes a [`report::Report`], from which every format is made.
//!
//! | module | what |
//! |---|---|
//! | [`select`], [`attain`] | which checks are meant; what cannot be attained (pure) |
//! | [`trial`], [`latency`], [`tally`] | when a check is decided; what is too slow; what its runs add up to (pure) |
//! | [`pace`], [`rolling`], `waiting` | when a run may begin; a provider that is not there yet |
//! | `conduct` | the running |
//! | [`verdict`], [`against`], [`report`] | what it comes to; what it was before; the record of it all |

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::outcome::{CheckLabels, Outcome};

pub mod against;
pub mod attain;
mod conduct;
pub mod latency;
pub mod pace;
pub mod pictures;
pub mod report;
pub mod rolling;
pub mod select;
pub mod tally;
pub mod trial;
pub mod verdict;
mod waiting;

pub use conduct::{Settings, Smoke};
use report::CheckReport;

/// What happens while it runs, in order; for whoever shows it.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// These will run; told once, first.
    Selected(&'a [CheckLabels]),
    /// A provider does not answer yet and is tried again (`--wait`): before the first run, or because a run of one of its
    /// checks ended so and will be repeated.
    Waiting {
        /// Which.
        provider: &'a str,
        /// What it answered last: `503`, `connect`.
        why: &'a str,
        /// How often it was tried.
        tries: u32,
    },
    /// It answers now, or there is no more time to wait. May be followed by another [`Event::Waiting`].
    Waited {
        /// Which.
        provider: &'a str,
        /// Whether it answers.
        ready: bool,
    },
    /// A run begins; once more with the same number if it is repeated instead of judged.
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

/// Tells one after the other, until it is closed: nobody hears of anything once the report is made.
struct Teller {
    progress: Mutex<Option<Arc<dyn Progress>>>,
}

impl Teller {
    fn new(progress: Arc<dyn Progress>) -> Self {
        Self { progress: Mutex::new(Some(progress)) }
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(progress) = &*self.progress.lock().expect("progress") {
            progress.tell(event);
        }
    }

    fn close(&self) {
        self.progress.lock().expect("progress").take();
    }
}

/// Something wrong with what was asked for: nothing is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    what: String,
    help: Vec<String>,
}

impl Complaint {
    /// What is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: Vec::new() }
    }

    /// What is allowed, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// What is wrong, then a line for each help.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.help.iter().try_for_each(|help| write!(f, "\n = help: {help}"))
    }
}

/// A time as people say it: `142 ms`, `1.23 s`, `300 s`.
fn spoken(time: Duration) -> String {
    match time.as_secs_f64() {
        secs if secs < 0.9995 => format!("{:.0} ms", secs * 1000.0),
        secs if secs < 99.95 => format!("{secs:.2} s"),
        secs => format!("{secs:.0} s"),
    }
}
