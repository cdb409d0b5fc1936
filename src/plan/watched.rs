//! What is watched besides objectives: every check, and for how long it may be silent.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, due};
use crate::alert::facts::Watched;

/// How many runs may come to nothing before a check is stale.
const RUNS: u32 = 3;
/// Where cron has no three due times left: three leap years.
const LONGEST: Duration = Duration::from_secs(3 * 366 * 86_400);

/// Every check; `stale` comes on top of three periods (of cron: the longest time that three due times span) and the
/// timeout.
pub fn watched(checks: &[Arc<Check>], stale: Duration) -> Vec<Watched> {
    let mut silences = due::Longest::of(RUNS, LONGEST);
    let watch = |check: &Arc<Check>| {
        let probe = &check.probe;
        Watched {
            check: check.labels.clone(),
            labels: (*probe.labels).clone(),
            annotations: probe.annotations.clone(),
            stale_after: silences.within(&probe.timing).saturating_add(probe.timeout).saturating_add(stale),
        }
    };
    checks.iter().map(watch).collect()
}
