//! What has become of the attacks of a run, and what the run is for it.

use super::attack::{Answer, Attack, Group, Judged, Strength};
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Recorder, StepName};
use crate::outcome::{Observation, Warning};

/// How many accepted attacks are named in the run's fault; the findings have all.
const NAMED: usize = 6;

/// What has become of the attacks so far.
pub struct Tally {
    recorder: Recorder,
    findings: Vec<(StepName, &'static str, Finding)>,
    /// Steps of which some attack was judged.
    judged: Vec<StepName>,
    /// What failed first in each step.
    failed: Vec<(StepName, Fault)>,
    /// Attacks that have been dealt with.
    done: Vec<&'static str>,
    /// Why no further attack is tried.
    halted: Option<Fault>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(recorder: Recorder) -> Self {
        let (findings, judged, failed) = (Vec::new(), Vec::new(), Vec::new());
        Self { recorder, findings, judged, failed, done: Vec::new(), halted: None }
    }

    /// Why no further attack is tried: the provider or our own limit said that it was enough.
    pub fn halted(&self) -> Option<&Fault> {
        self.halted.as_ref()
    }

    /// Takes in what became of an attack. Gives the reason if it does not apply.
    pub fn take(&mut self, group: Group, attack: &'static Attack, judged: Judged) -> Option<String> {
        self.done.push(attack.name);
        match judged {
            Ok(Answer::Skipped(why)) => return Some(format!("{}: {why}", attack.name)),
            Ok(Answer::Refused) => {
                self.judged.push(group.step());
                self.observe(attack, Some(false));
            }
            Ok(Answer::Accepted(what)) => {
                self.judged.push(group.step());
                self.observe(attack, Some(true));
                let detail = format!("{}: {}; {what}", attack.name, attack.summary);
                match attack.strength {
                    Strength::Must => {
                        let finding = Finding::new(Class::AttackAccepted, attack.clause, detail);
                        self.findings.push((group.step(), attack.name, finding));
                    }
                    Strength::Should => self.recorder.warn(Warning::new(attack.name, attack.clause, detail)),
                }
            }
            Ok(Answer::Unknown(why)) => {
                self.unjudged(attack, &why);
                if let Some(fault) = self.halted.clone() {
                    self.fail(group, fault);
                }
            }
            Err(fault) => {
                self.unjudged(attack, &fault.to_string());
                if matches!(fault.class, Class::RateLimited | Class::Budget) {
                    self.halted = Some(fault.clone());
                }
                self.fail(group, fault);
            }
        }
        None
    }

    fn fail(&mut self, group: Group, fault: Fault) {
        if !self.failed.iter().any(|(step, _)| *step == group.step()) {
            self.failed.push((group.step(), fault));
        }
    }

    /// Puts attacks on record that were to be tried and were not, because the run was over before.
    pub fn left<'a>(&mut self, attacks: impl IntoIterator<Item = &'a &'static Attack>) {
        for attack in attacks {
            if !self.done.contains(&attack.name) {
                self.done.push(attack.name);
                self.observe(attack, None);
            }
        }
    }

    /// The fault of the step's own group: any of its attacks was accepted, or something failed and not one was judged.
    pub fn of_group(&self, group: Group) -> Result<(), Fault> {
        let fruitless = || self.failed.iter().find(|(step, _)| *step == group.step() && !self.judged.contains(step));
        match self.fault(|step| step == group.step()).or_else(|| fruitless().cloned()) {
            Some((_, fault)) => Err(fault),
            None => Ok(()),
        }
    }

    /// What the whole run is: the step, and all attacks that were accepted.
    pub fn accepted(&self) -> Option<(StepName, Fault)> {
        self.fault(|_| true)
    }

    /// The first step in which something failed and not one attack was judged: what it was to show is not known.
    pub fn fruitless(&self) -> Option<(StepName, Fault)> {
        self.failed.iter().find(|(step, _)| !self.judged.contains(step)).cloned()
    }

    fn fault(&self, of: impl Fn(StepName) -> bool) -> Option<(StepName, Fault)> {
        let all: Vec<_> = self.findings.iter().filter(|(step, ..)| of(step)).collect();
        let (step, _, first) = *all.first()?;
        let named: Vec<String> =
            all.iter().take(NAMED).map(|(_, name, finding)| format!("{name} ({})", finding.clause)).collect();
        let more = if all.len() > NAMED { format!(" and {} more", all.len() - NAMED) } else { String::new() };
        let mut detail = format!("accepted: {}{more}", named.join(", "));
        if let [_] = all[..] {
            detail = format!("accepted: {} ({})", first.detail, first.clause);
        }
        let mut fault = Fault::new(Class::AttackAccepted, detail);
        fault.findings = all.into_iter().map(|(_, _, finding)| finding.clone()).collect();
        Some((step, fault))
    }

    fn unjudged(&mut self, attack: &'static Attack, why: &str) {
        self.observe(attack, None);
        let detail = format!("{} could not be judged: {why}", attack.name);
        self.recorder.warn(Warning::new("attack_unjudged", attack.clause, detail));
    }

    fn observe(&mut self, attack: &'static Attack, accepted: Option<bool>) {
        if attack.strength == Strength::Must {
            self.recorder.observe(Observation::Attack { attack: attack.name, accepted });
        }
    }
}
