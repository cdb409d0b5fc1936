//! What the runs of one check add up to. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::latency::Slow;
use super::report::{CheckReport, Counts, Judgement, KEPT};
use super::select::Selected;
use super::spoken;
use super::trial::{Decision, Found, Trial};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Blame, Class};
use crate::outcome::{Outcome, Verdict};

/// Why a check that is not decided has no more runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// Somebody interrupted it.
    Interrupted,
    /// Its task has ended without a decision: a mistake of ours.
    Lost,
    /// `--deadline` came first.
    Deadline(Duration),
    /// The provider asked to be left alone for so much longer.
    LeftAlone(Duration),
}

/// One check: its runs so far, and how it ended.
pub struct Tally {
    selected: Selected,
    trial: Trial,
    counts: Counts,
    begun: Option<Instant>,
    /// How long good runs took.
    good: Vec<Duration>,
    /// The first bad ones, the first inconclusive ones, the last good one.
    bad: Vec<Arc<Outcome>>,
    inconclusive: Vec<Arc<Outcome>>,
    last_good: Option<Arc<Outcome>>,
    /// The first that was too slow, if it was bad for nothing else.
    slow: Option<Slow>,
    screenshot: Option<String>,
    decided: Option<CheckReport>,
}

impl Tally {
    /// No run yet.
    pub fn new(selected: Selected, trial: Trial) -> Self {
        Self {
            selected,
            trial,
            counts: Counts::default(),
            begun: None,
            good: Vec::new(),
            bad: Vec::new(),
            inconclusive: Vec::new(),
            last_good: None,
            slow: None,
            screenshot: None,
            decided: None,
        }
    }

    /// Which check.
    pub fn selected(&self) -> &Selected {
        &self.selected
    }

    /// The number of the next run, from 1.
    pub fn next(&self) -> u32 {
        self.trial.runs() + 1
    }

    /// A run begins.
    pub fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// A run is repeated and not judged.
    pub fn repeat(&mut self) {
        self.counts.repeated = self.counts.repeated.saturating_add(1);
    }

    /// Counts a run; `slow`: it was good, and took too long. Whether the check is decided.
    pub fn add(&mut self, outcome: &Arc<Outcome>, slow: Option<Slow>, now: Instant) -> Option<&CheckReport> {
        let found = found(outcome, slow.is_some());
        match found {
            Found::Good => {
                self.counts.good += 1;
                self.good.push(outcome.duration);
                self.last_good = Some(outcome.clone());
            }
            Found::Bad => {
                self.counts.bad += 1;
                self.counts.slow += u32::from(slow.is_some());
                keep(&mut self.bad, outcome);
                self.slow = self.slow.take().or(slow);
            }
            Found::Inconclusive | Found::Hopeless => {
                self.counts.inconclusive += 1;
                keep(&mut self.inconclusive, outcome);
            }
        }
        let decision = self.trial.add(found)?;
        let (verdict, reason) = self.judge(decision);
        Some(self.decide(verdict, reason, now))
    }

    /// No more runs of it, though it is not decided.
    pub fn cut_off(&mut self, why: &CutOff, now: Instant) -> &CheckReport {
        let why = match why {
            CutOff::Interrupted => "interrupted".to_owned(),
            CutOff::Lost => "an internal error ended it (the log has the place); please report it".to_owned(),
            CutOff::Deadline(deadline) => format!("--deadline {} came first", HumanDuration(*deadline)),
            CutOff::LeftAlone(time) => {
                let provider = &self.selected.check.labels.provider;
                format!("provider {provider} asked to be left alone for another {}", spoken(*time))
            }
        };
        let reason = match (self.begun, self.trial.runs()) {
            (None, _) => format!("{why}: no run began"),
            (Some(_), 0) => format!("{why}: no run came to its end"),
            (Some(_), runs) => {
                format!("{why}: {} of at most {} done ({})", counted(runs), self.trial.most(), self.so_far())
            }
        };
        self.decide(Judgement::Inconclusive, reason, now)
    }

    /// Whether no run of it was judged yet.
    pub const fn is_new(&self) -> bool {
        self.counts.good + self.counts.bad + self.counts.inconclusive == 0
    }

    /// The picture of the page on which a run that is kept failed.
    pub fn pictured(&self) -> Option<&Arc<Outcome>> {
        self.bad.iter().chain(&self.inconclusive).find(|outcome| outcome.screenshot().is_some())
    }

    /// Where that picture is.
    pub fn written(&mut self, file: String) {
        if let Some(report) = &mut self.decided {
            report.screenshot = Some(file.clone());
        }
        self.screenshot = Some(file);
    }

    /// How it ended, once it has.
    pub fn decided(&self) -> Option<&CheckReport> {
        self.decided.as_ref()
    }

    fn decide(&mut self, verdict: Judgement, reason: String, now: Instant) -> &CheckReport {
        let check = &self.selected.check;
        let stands = || match verdict {
            Judgement::Good => None,
            // What kept it from being told stands before what was found meanwhile.
            Judgement::Inconclusive => self.inconclusive.iter().chain(&self.bad).find_map(|run| run.fault.clone()),
            _ => self.bad.iter().chain(&self.inconclusive).find_map(|run| run.fault.clone()),
        };
        let report = CheckReport {
            check: check.labels.clone(),
            labels: check.probe.labels.clone(),
            verdict,
            reason,
            counts: self.counts,
            duration: self.begun.map(|begun| now.duration_since(begun)).unwrap_or_default(),
            median: median(&self.good),
            fault: stands(),
            runs: self.kept(),
            screenshot: self.screenshot.clone(),
        };
        self.decided.insert(report)
    }

    fn kept(&self) -> Vec<Arc<Outcome>> {
        let room = KEPT - usize::from(self.last_good.is_some());
        let mut kept: Vec<_> =
            self.bad.iter().chain(&self.inconclusive).take(room).chain(&self.last_good).cloned().collect();
        kept.sort_by_key(|outcome| outcome.start);
        kept
    }

    fn judge(&self, decision: Decision) -> (Judgement, String) {
        let first = || self.first_bad().unwrap_or_default();
        let runs = self.trial.runs();
        match decision {
            Decision::Good if runs == 1 => (Judgement::Good, format!("good in {}", spoken(self.good.iter().sum()))),
            Decision::Good => (Judgement::Good, self.so_far()),
            Decision::Bad if runs == 1 => (Judgement::Bad, first()),
            Decision::Bad => (Judgement::Bad, format!("{}; first: {}", self.so_far(), first())),
            Decision::Inconclusive => self.inconclusive(),
            Decision::Undecided => {
                let most = self.trial.most();
                let reason = format!("neither to be accepted nor to be rejected within {most} runs: {}", self.so_far());
                (Judgement::Inconclusive, reason)
            }
        }
    }

    /// What the provider does not offer is skipped, unless somebody asked for just that.
    fn inconclusive(&self) -> (Judgement, String) {
        let fault = self.inconclusive.iter().find_map(|outcome| outcome.fault.as_ref());
        let Some(fault) = fault else { return (Judgement::Inconclusive, self.so_far()) };
        if fault.class == Class::Unsupported && !self.selected.named && self.counts.bad == 0 {
            return (Judgement::Skipped, format!("the provider does not offer it: {}", fault.detail));
        }
        let reason = match self.trial.runs() {
            1 => fault.detail.clone(),
            _ => format!("{}; {}", self.so_far(), fault.detail),
        };
        (Judgement::Inconclusive, reason)
    }

    /// `31 of 33 runs good, 1 bad, 1 inconclusive`
    fn so_far(&self) -> String {
        let Counts { good, bad, slow, inconclusive, .. } = self.counts;
        let mut text = format!("{good} of {} good", counted(self.trial.runs()));
        match (bad, slow) {
            (0, _) => {}
            (_, 0) => text.push_str(&format!(", {bad} bad")),
            (_, _) if bad == slow => text.push_str(&format!(", {slow} too slow")),
            (_, _) => text.push_str(&format!(", {bad} bad ({slow} of them too slow)")),
        }
        if inconclusive > 0 {
            text.push_str(&format!(", {inconclusive} inconclusive"));
        }
        text
    }

    fn first_bad(&self) -> Option<String> {
        let first = self.bad.first()?;
        match (&first.fault, &self.slow) {
            // Class, step and blame stand beside it.
            (Some(fault), _) => Some(fault.detail.clone()),
            (None, Some(slow)) => Some(format!(
                "slow: {} took {}, and --max-latency {} allows {}",
                slow.what,
                spoken(slow.took),
                slow.name,
                HumanDuration(slow.limit)
            )),
            (None, None) => None,
        }
    }
}

/// What a run is to the trial.
fn found(outcome: &Outcome, slow: bool) -> Found {
    let configured = || outcome.fault.as_ref().is_some_and(|fault| fault.blame == Blame::Configuration);
    match outcome.verdict {
        Verdict::Good if slow => Found::Bad,
        Verdict::Good => Found::Good,
        Verdict::Bad => Found::Bad,
        Verdict::Inconclusive if configured() => Found::Hopeless,
        Verdict::Inconclusive => Found::Inconclusive,
    }
}

fn keep(kept: &mut Vec<Arc<Outcome>>, outcome: &Arc<Outcome>) {
    if kept.len() < KEPT {
        kept.push(outcome.clone());
    }
}

fn counted(runs: u32) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

/// The middle one; of two the lower.
fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
