//! What is followed, and what is taken of a run.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::outcome::{Outcome, StepState, Trigger, Verdict};
use crate::schedule::Timing;

/// A check whose runs are followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// Its probe.
    pub probe: Arc<str>,
    /// The region in which its runs are made.
    pub region: Arc<str>,
    /// The regions whose strips its runs are part of: its own, or all of the probe where a run looks from all of them.
    pub shown: Vec<Arc<str>>,
    /// When it is due.
    pub timing: Timing,
    /// Where in its period.
    pub spread: Duration,
    /// The steps of its runs, in order.
    pub steps: Vec<Arc<str>>,
}

impl Tracked {
    /// How many runs are due from `from` on and before `to`; zero for cron.
    pub fn due_between(&self, from: Timestamp, to: Timestamp) -> u64 {
        let Timing::Every(period) = self.timing else { return 0 };
        let period = i128::try_from(period.as_nanos()).unwrap_or(i128::MAX).max(1);
        let phase = i128::try_from(self.spread.as_nanos()).unwrap_or(0) % period;
        // So many are due before then, counted from a moment at which one is.
        let before = |at: Timestamp| (i128::from(at.as_nanos()) - phase - 1).div_euclid(period);
        u64::try_from(before(to) - before(from)).unwrap_or(0)
    }
}

/// A run that the schedule asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was due: that decides in which cell it lies, so that a full cell holds as many as are due in it.
    pub due: Timestamp,
    /// When it began.
    pub start: Timestamp,
    /// The judgement.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
    /// Its steps that were done or ended it, cleanup left out. Empty where nobody asked for them.
    pub steps: Vec<SeenStep>,
}

/// A step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenStep {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it was done; else it ended the run.
    pub done: bool,
    /// How long it took.
    pub took: Duration,
}

impl SeenStep {
    /// One that ended so; `None`: it was skipped, which says nothing.
    pub fn of(name: &str, state: StepState, took: Duration) -> Option<Self> {
        (state != StepState::Skipped).then(|| Self { name: name.into(), done: state == StepState::Done, took })
    }
}

impl Seen {
    /// What is taken of a run, its steps if they are asked for. `None`: the schedule did not ask for it.
    pub fn of(outcome: &Outcome, with_steps: bool) -> Option<Self> {
        if outcome.trigger != Trigger::Scheduled {
            return None;
        }
        let own = outcome.steps.iter().filter(|step| with_steps && !step.cleanup);
        let steps = own.filter_map(|step| SeenStep::of(step.name, step.state, step.duration)).collect();
        let Outcome { scheduled, start, verdict, duration, .. } = *outcome;
        Some(Self { due: scheduled, start, verdict, took: duration, steps })
    }

    /// What that run was for one of its steps.
    pub(super) const fn of_step(&self, step: &SeenStep) -> Verdict {
        if step.done { Verdict::Good } else { self.verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_counted_without_walking() {
        let tracked = |every: u64, spread: u64| Tracked {
            probe: "login".into(),
            region: "eu".into(),
            shown: vec!["eu".into()],
            timing: Timing::Every(Duration::from_secs(every)),
            spread: Duration::from_secs(spread),
            steps: Vec::new(),
        };
        let due =
            |tracked: &Tracked, from, to| tracked.due_between(Timestamp::from_secs(from), Timestamp::from_secs(to));
        assert_eq!(due(&tracked(60, 0), 3600, 7200), 60);
        assert_eq!(due(&tracked(60, 59), 3600, 7200), 60);
        assert_eq!(due(&tracked(60, 7), 7, 8), 1, "the first moment is in");
        assert_eq!(due(&tracked(60, 7), 6, 7), 0, "the last is not");
        assert_eq!(due(&tracked(7200, 100), 0, 3600), 1);
        assert_eq!(due(&tracked(7200, 100), 3600, 7200), 0);
        assert_eq!(due(&tracked(60, 0), 7200, 3600), 0);
        assert_eq!(due(&tracked(60, 7), -120, 0), 2);
        let cron = Tracked { timing: Timing::cron("*/5 * * * *", "UTC").unwrap(), ..tracked(1, 0) };
        assert_eq!(due(&cron, 0, 3600), 0);
    }
}
