//! How the budget of a window was spent over time, and on what.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::Tally;
use super::sli::{ACCEPTED, INVALID, Sli};
use crate::clock::Timestamp;
use crate::fault::{Blame, Class, Fault};
use crate::outcome::{Observation, Outcome, Verdict};

/// What was counted for an objective since its window began, in cells of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spending {
    /// Where the first cell begins: at the window's beginning or up to a cell before it.
    pub begin: Timestamp,
    /// How long a cell is: a whole number of hours.
    pub cell: Duration,
    /// The oldest first; the last holds the present. One without any counts was not measured.
    pub cells: Vec<Tally>,
}

/// Why events were bad: what makes causes alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// The class of the run's fault; `None`: the run was good, and too slow for its objective.
    pub class: Option<Class>,
    /// Whose fault; `None` where there is no class.
    pub blame: Option<Blame>,
    /// The step, where one is known.
    pub step: Arc<str>,
    /// From which region; empty for ticks over several regions.
    pub region: Arc<str>,
}

/// How much of a window's bad events one cause made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// The cause.
    pub cause: Cause,
    /// Bad events, maintenance included.
    pub bad: u64,
    /// Those of them that lie in maintenance.
    pub excluded: u64,
}

/// Bad events of a day that one cause made: how causes travel to the ledger and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCause {
    /// The objective.
    pub slo: Arc<str>,
    /// Days since the Unix epoch (UTC).
    pub day: i64,
    /// The cause, and how many.
    pub count: CauseCount,
}

impl Cause {
    /// Why the event of that region was bad which a run was for an SLI.
    pub(super) fn of(sli: &Sli, outcome: &Outcome, region: &Arc<str>) -> Self {
        let region = region.clone();
        match outcome.fault.as_ref().filter(|_| outcome.verdict == Verdict::Bad && !was_late(sli, outcome, &region)) {
            Some(fault) => {
                let (class, blame) = decisive(sli, fault);
                Self { class: Some(class), blame: Some(blame), step: fault.step.into(), region }
            }
            None => Self { class: None, blame: None, step: slow_step(sli), region },
        }
    }

    /// The same without what makes causes many: class and blame are few.
    pub(super) fn coarse(&self) -> Self {
        Self { step: "".into(), region: "".into(), ..self.clone() }
    }
}

fn slow_step(sli: &Sli) -> Arc<str> {
    match sli {
        Sli::Latency { step: Some(step), .. } => step.clone(),
        _ => "".into(),
    }
}

/// What the SLI minds, which may be found beside what ended the run.
fn decisive(sli: &Sli, fault: &Fault) -> (Class, Blame) {
    let minds: &[Class] = match sli {
        Sli::Validation => INVALID,
        Sli::Refused => ACCEPTED,
        _ => return (fault.class, fault.blame),
    };
    let mut found = fault.findings.iter().map(|finding| finding.class);
    match found.find(|class| minds.contains(class)).filter(|_| !minds.contains(&fault.class)) {
        Some(class) => (class, class.blame()),
        None => (fault.class, fault.blame),
    }
}

/// Whether a revocation reached that region, if later than it may: then what the run failed of happened elsewhere.
fn was_late(sli: &Sli, outcome: &Outcome, region: &str) -> bool {
    let late = |observation: &Observation| match observation {
        Observation::RevocationPropagation { region: of, seconds, .. } => **of == *region && seconds.is_some(),
        _ => false,
    };
    matches!(sli, Sli::Propagation(_)) && outcome.observations.iter().any(late)
}
