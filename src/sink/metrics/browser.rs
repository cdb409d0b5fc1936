//! What is told of real browsers: how long their pages took, how many there are.

use std::fmt;
use std::sync::Mutex;

use super::{Metrics, join, labels, table};
use crate::browser::Stats;
use crate::outcome::{Outcome, PageTiming};

/// Tells how this machine's browsers are.
type Read = Box<dyn Fn() -> Stats + Send>;

/// Who tells it, if anybody does.
#[derive(Default)]
pub(super) struct Watched(Mutex<Option<Read>>);

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Metrics {
    /// What users of a browser wait for.
    pub(super) fn pages(&self, outcome: &Outcome) {
        let labels = labels(&outcome.check);
        for (phase, took) in outcome.browser.iter().flat_map(|report| &report.pages).flat_map(PageTiming::phases) {
            self.observe(&table::PAGE_DURATION, &join(&labels, [phase]), took, outcome);
        }
    }

    /// From now on, what `read` says of this machine's browsers is shown. It must not wait.
    pub fn watch_browsers(&self, read: impl Fn() -> Stats + Send + 'static) {
        *self.browsers.0.lock().expect("browsers") = Some(Box::new(read));
    }

    /// What nobody counts as it happens is looked up.
    pub(super) fn look_up(&self) {
        // Held to the end: one reader at a time brings the counter forward.
        let browsers = self.browsers.0.lock().expect("browsers");
        let Some(stats) = browsers.as_ref().map(|read| read()) else { return };
        self.set(&table::BROWSERS, &[], stats.sessions as f64);
        self.set(&table::BROWSER_MEMORY, &[], stats.memory_bytes as f64);
        if let Some(starts) = self.series(&table::BROWSER_STARTS, &[]) {
            starts.catch_up(stats.started_total);
        }
    }
}
