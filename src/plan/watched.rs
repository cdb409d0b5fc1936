//! What is watched besides objectives: every check, and for how long it may be silent.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, due};
use crate::alert::facts::Watched;
use crate::schedule::Timing;

/// How many runs may come to nothing before a check is stale.
const RUNS: u32 = 3;
/// Where cron has no three due times left: three leap years.
const LONGEST: Duration = Duration::from_secs(3 * 366 * 86_400);

/// Every check; `stale` comes on top of three periods (of cron: the longest time that three due times span) and the
/// timeout.
pub fn watched(checks: &[Arc<Check>], stale: Duration) -> Vec<Watched> {
    let mut silences = Silences::default();
    let watch = |check: &Arc<Check>| {
        let probe = &check.probe;
        Watched {
            check: check.labels.clone(),
            labels: (*probe.labels).clone(),
            annotations: probe.annotations.clone(),
            stale_after: silences.of(&probe.timing).saturating_add(probe.timeout).saturating_add(stale),
        }
    };
    checks.iter().map(watch).collect()
}

/// Going through a month of cron takes time, and many probes have the same.
#[derive(Default)]
struct Silences(Vec<(Timing, Duration)>);

impl Silences {
    fn of(&mut self, timing: &Timing) -> Duration {
        if let Some((_, known)) = self.0.iter().rev().find(|(other, _)| other == timing) {
            return *known;
        }
        let silence = due::longest(timing, RUNS).unwrap_or(LONGEST);
        if let Timing::Cron(_) = timing {
            self.0.push((timing.clone(), silence));
        }
        silence
    }
}
