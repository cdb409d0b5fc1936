//! `--max-latency`: runs that are good and take too long are bad. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Complaint;
use super::report::MaxLatency;
use super::select::Selected;
use crate::config::glob::matches;
use crate::config::nearest::{listed, nearest};
use crate::outcome::{Outcome, StepState, Verdict};
use crate::probe::browser_login;

/// Limits whose names are known to mean something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(Vec<Limit>);

#[derive(Clone, Debug, PartialEq)]
struct Limit {
    rule: MaxLatency,
    /// Of which probes: a name or pattern.
    probe: String,
    /// Which step; `None`: the whole run.
    step: Option<String>,
}

/// A run that took too long.
#[derive(Clone, Debug, PartialEq)]
pub struct Slow {
    /// As `--max-latency` names it.
    pub name: String,
    /// What took so long, in words: `the run`, `step token`.
    pub what: String,
    /// How long.
    pub took: Duration,
    /// How long it may take.
    pub limit: Duration,
}

impl Limits {
    /// Finds out what each name means: a probe of those that were selected (or a pattern that fits some), `PROBE/STEP`, or a
    /// step that one of them takes. A name that is both is the probe's. Errors: those that are nothing.
    pub fn resolve(rules: &[MaxLatency], selected: &[Selected]) -> Result<Self, Vec<Complaint>> {
        let (mut limits, mut complaints) = (Vec::new(), Vec::new());
        for rule in rules {
            match meaning(&rule.name, selected) {
                Ok((probe, step)) => limits.push(Limit { rule: rule.clone(), probe, step }),
                Err(complaint) => complaints.push(complaint),
            }
        }
        if complaints.is_empty() { Ok(Self(limits)) } else { Err(complaints) }
    }

    /// Whether a good run took too long, and at what: the limit that it missed by the largest factor.
    pub fn exceeded(&self, outcome: &Outcome) -> Option<Slow> {
        if outcome.verdict != Verdict::Good {
            return None;
        }
        let slow = self.0.iter().filter_map(|limit| limit.exceeded(outcome));
        let by = |slow: &Slow| slow.took.as_secs_f64() / slow.limit.as_secs_f64().max(1e-9);
        slow.max_by(|a, b| by(a).total_cmp(&by(b)))
    }
}

impl Limit {
    fn exceeded(&self, outcome: &Outcome) -> Option<Slow> {
        if !matches(&self.probe, &outcome.check.probe) {
            return None;
        }
        let (what, took) = match &self.step {
            None => ("the run".to_owned(), whole(outcome)),
            Some(step) => (format!("step {step}"), step_time(outcome, step)?),
        };
        let slow = || Slow { name: self.rule.name.clone(), what, took, limit: self.rule.limit };
        (took > self.rule.limit).then(slow)
    }
}

/// Without the time until a browser was ready: that is ours, and no user waits for it.
fn whole(outcome: &Outcome) -> Duration {
    let ours = step_time(outcome, browser_login::BROWSER).filter(|_| outcome.browser.is_some());
    outcome.duration.saturating_sub(ours.unwrap_or_default())
}

/// All records of that step together. `None`: it was not taken.
fn step_time(outcome: &Outcome, name: &str) -> Option<Duration> {
    let taken = outcome.steps.iter().filter(|step| step.name == name && !step.cleanup && step.state == StepState::Done);
    taken.map(|step| step.duration).reduce(|all, one| all + one)
}

fn meaning(name: &str, selected: &[Selected]) -> Result<(String, Option<String>), Complaint> {
    let probes: BTreeSet<&str> = selected.iter().map(|one| &*one.check.labels.probe).collect();
    if let Some((probe, step)) = name.split_once('/') {
        let of: Vec<_> = selected.iter().filter(|one| matches(probe, &one.check.labels.probe)).cloned().collect();
        let steps = steps(&of);
        return match () {
            () if of.is_empty() => Err(unknown(name, "no selected probe is called", probe, &probes)),
            () if !steps.contains(step) => Err(unknown(name, "it takes no step", step, &steps)),
            () => Ok((probe.to_owned(), Some(step.to_owned()))),
        };
    }
    let steps = steps(selected);
    match () {
        () if probes.iter().any(|probe| matches(name, probe)) => Ok((name.to_owned(), None)),
        () if steps.contains(name) => Ok(("*".to_owned(), Some(name.to_owned()))),
        () => {
            let all: BTreeSet<&str> = probes.union(&steps).copied().collect();
            Err(unknown(name, "no selected probe, nor any of their steps, is called", name, &all))
        }
    }
}

fn steps(selected: &[Selected]) -> BTreeSet<&'static str> {
    selected.iter().flat_map(|one| one.check.probe.probe.steps()).collect()
}

fn unknown(name: &str, what: &str, meant: &str, among: &BTreeSet<&str>) -> Complaint {
    let near = nearest(meant, among.iter().copied()).map(|near| format!(": did you mean `{near}`?"));
    let complaint = Complaint::new(format!("--max-latency {name}: {what} `{meant}`{}", near.unwrap_or_default()));
    complaint.help(format!("there are: {}", listed(among.iter().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{BrowserReport, Id, StepRecord};
    use crate::runner::testing::{Planner, START, Script, outcome};

    fn selected() -> Vec<Selected> {
        let script = Script::of([]);
        let plan = Planner::new(&["eu"]).probe("login", 60, &script).probe("act", 60, &script).plan();
        plan.checks.iter().map(|check| Selected { check: check.clone(), named: false }).collect()
    }

    fn limits(rules: &[(&str, u64)]) -> Result<Limits, Vec<Complaint>> {
        let rule =
            |(name, secs): &(&str, u64)| MaxLatency { name: (*name).to_owned(), limit: Duration::from_secs(*secs) };
        Limits::resolve(&rules.iter().map(rule).collect::<Vec<_>>(), &selected())
    }

    fn step(name: &'static str, secs: u64) -> StepRecord {
        StepRecord {
            name,
            span_id: Id::random(),
            state: StepState::Done,
            start: START,
            duration: Duration::from_secs(secs),
            note: String::new(),
            cleanup: false,
            requests: Vec::new(),
        }
    }

    fn run(steps: &[(&'static str, u64)]) -> Outcome {
        let mut run = Outcome::clone(&outcome("login", 10, Verdict::Good));
        run.steps = steps.iter().map(|(name, secs)| step(name, *secs)).collect();
        run
    }

    fn found(rules: &[(&str, u64)], run: &Outcome) -> Option<(String, u64)> {
        limits(rules).unwrap().exceeded(run).map(|slow| (slow.what, slow.took.as_secs()))
    }

    #[test]
    fn a_whole_run_a_step_and_a_step_of_one_probe() {
        let slow = run(&[("act", 4)]);
        assert_eq!(found(&[("login", 9)], &slow), Some(("the run".into(), 10)));
        assert_eq!(found(&[("lo*", 10)], &slow), None, "as long as that it may take");
        assert_eq!(found(&[("login/act", 3)], &slow), Some(("step act".into(), 4)));
        assert_eq!(found(&[("act", 3)], &slow), None, "where a probe is called so, it is meant");
        assert_eq!(found(&[("*/act", 4)], &slow), None);
        assert_eq!(found(&[("login", 9), ("login/act", 1)], &slow), Some(("step act".into(), 4)), "missed by more");
        assert_eq!(found(&[("login/act", 1)], &run(&[])), None, "not taken");
        let mut bad = run(&[]);
        bad.verdict = Verdict::Bad;
        assert_eq!(found(&[("login", 1)], &bad), None, "it is bad for another reason");
    }

    #[test]
    fn the_start_of_our_own_browser_is_not_the_providers_time() {
        let mut run = run(&[("browser", 8)]);
        assert_eq!(found(&[("login", 3)], &run).unwrap().1, 10);
        run.browser = Some(BrowserReport::default());
        assert_eq!(found(&[("login", 1)], &run).unwrap().1, 2);
        assert_eq!(found(&[("login", 3)], &run), None);
    }

    #[test]
    fn names_that_mean_nothing_are_told_with_the_nearest() {
        let complaints = limits(&[("logn", 1), ("login/atc", 1), ("nobody/act", 1), ("token", 1)]).unwrap_err();
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4);
        assert!(said[0].contains("`logn`: did you mean `login`?") && said[0].contains("there are: `act`, `login`"));
        assert!(said[1].contains("it takes no step `atc`: did you mean `act`?"), "{}", said[1]);
        assert!(said[2].contains("no selected probe is called `nobody`"), "{}", said[2]);
    }
}
