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
    /// Steps with judged attacks, and how firmly those must be refused.
    judged: Vec<(StepName, Strength)>,
    /// What failed first in each step, for attacks of either strength, and what was the end.
    failed: Vec<Failure>,
    /// The first of which it could not be told what became of it, though nothing failed.
    vague: Option<(StepName, String)>,
    /// Attacks that have been dealt with.
    done: Vec<&'static str>,
    /// Why no further attack is tried.
    halted: Option<Fault>,
}

/// What failed in a step.
struct Failure {
    step: StepName,
    attack: &'static str,
    strength: Strength,
    fault: Fault,
    /// Whether it is the end, whatever was judged: no further attack was tried for it, or what was refused before says
    /// nothing.
    ends: bool,
}

impl Failure {
    /// As it is told: good requests were answered well meanwhile, so a status such as 500 to bad ones alone is no outage, and
    /// no refusal either.
    fn told(&self) -> Fault {
        match self.fault.class {
            Class::HttpStatus if !self.ends => {
                let detail = format!(
                    "not one of its attacks could be judged; the first, {}: {}",
                    self.attack, self.fault.detail
                );
                Fault::new(Class::Unsupported, detail)
            }
            _ => self.fault.clone(),
        }
    }
}

impl Tally {
    /// Nothing yet.
    pub fn new(recorder: Recorder) -> Self {
        let (findings, judged, failed) = (Vec::new(), Vec::new(), Vec::new());
        Self { recorder, findings, judged, failed, vague: None, done: Vec::new(), halted: None }
    }

    /// Why no further attack is tried: the provider or our own limit said that it was enough, or there is no time.
    pub fn halted(&self) -> Option<&Fault> {
        self.halted.as_ref()
    }

    /// There is no time for further attacks. The first reason stands.
    pub fn out_of_time(&mut self) {
        let over = || Fault::new(Class::Timeout, "the time of the run was over before all attacks were tried");
        self.halted.get_or_insert_with(over);
    }

    /// Takes in what became of an attack. Gives the reason if it does not apply.
    pub fn take(&mut self, group: Group, attack: &'static Attack, judged: Judged) -> Option<String> {
        self.done.push(attack.name);
        match judged {
            Ok(Answer::Skipped(why)) => return Some(format!("{}: {why}", attack.name)),
            Ok(Answer::Refused) => self.judge(group, attack, false),
            Ok(Answer::Accepted(what)) => {
                self.judge(group, attack, true);
                let detail = format!("{}: {}; {what}", attack.name, attack.summary);
                match attack.strength {
                    Strength::Must => {
                        let finding = Finding::new(Class::AttackAccepted, attack.clause, detail).of_attack(attack.name);
                        self.findings.push((group.step(), attack.name, finding));
                    }
                    Strength::Should => self.recorder.warn(Warning::new(attack.name, attack.clause, detail)),
                }
            }
            Ok(Answer::Unknown(why)) => {
                self.unjudged(attack, &why);
                match self.halted.clone() {
                    Some(fault) => self.fail(group, attack, fault, true),
                    None => _ = self.vague.get_or_insert((group.step(), why)),
                }
            }
            Ok(Answer::Broken(fault)) => {
                self.unjudged(attack, &fault.to_string());
                self.fail(group, attack, fault, true);
            }
            Err(fault) => {
                self.unjudged(attack, &fault.to_string());
                if matches!(fault.class, Class::RateLimited | Class::Budget) {
                    self.halted = Some(fault.clone());
                }
                let ends = self.halted.as_ref() == Some(&fault);
                self.fail(group, attack, fault, ends);
            }
        }
        None
    }

    fn judge(&mut self, group: Group, attack: &'static Attack, accepted: bool) {
        self.judged.push((group.step(), attack.strength));
        self.observe(attack, Some(accepted));
    }

    fn fail(&mut self, group: Group, attack: &'static Attack, fault: Fault, ends: bool) {
        let (step, strength) = (group.step(), attack.strength);
        let known = |failure: &Failure| failure.step == step && failure.strength == strength;
        if ends || !self.failed.iter().any(known) {
            self.failed.push(Failure { step, attack: attack.name, strength, fault, ends });
        }
    }

    /// What leaves a step's question open: none of its attacks was judged (what only should be refused says nothing of what
    /// must be), or no further one could be tried.
    fn open(&self) -> impl Iterator<Item = (StepName, Fault)> {
        let answers = |(step, strength): &(StepName, Strength), failure: &Failure| {
            *step == failure.step && (*strength == Strength::Must || failure.strength == Strength::Should)
        };
        let open = move |failure: &&Failure| failure.ends || !self.judged.iter().any(|judged| answers(judged, failure));
        // The end of it all says more than what came before.
        let (ends, others): (Vec<_>, Vec<_>) = self.failed.iter().filter(open).partition(|failure| failure.ends);
        ends.into_iter().chain(others).map(|failure| (failure.step, failure.told()))
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

    /// The fault of the step's own group: any of its attacks was accepted, or what it was to show is not known.
    pub fn of_group(&self, group: Group) -> Result<(), Fault> {
        let own = |step: StepName| step == group.step();
        match self.fault(own).or_else(|| self.open().find(|(step, _)| own(step))) {
            Some((_, fault)) => Err(fault),
            None => Ok(()),
        }
    }

    /// What the whole run is: the step, and all attacks that were accepted.
    pub fn accepted(&self) -> Option<(StepName, Fault)> {
        self.fault(|_| true)
    }

    /// The first step of which it is not known what it was to show, and what failed there; before all, what was the end of
    /// it. Where nothing failed, and still
    /// not one attack could be told, the provider is one that tells nothing (`unsupported`).
    pub fn fruitless(&self) -> Option<(StepName, Fault)> {
        let untold = || self.vague.as_ref().filter(|_| self.judged.is_empty());
        let unsupported = |why: &str| Fault::new(Class::Unsupported, format!("not one attack could be judged: {why}"));
        self.open().next().or_else(|| untold().map(|(step, why)| (*step, unsupported(why))))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::journey::Journey;

    /// A tally of the first attacks of a group, which came to this.
    fn tallied(answers: Vec<Judged>) -> Tally {
        let journey = Journey::new(Clock::system(), Duration::from_secs(1), vec![]);
        let mut tally = Tally::new(journey.recorder().clone());
        for (attack, judged) in Group::RedirectUri.attacks().iter().zip(answers) {
            tally.take(Group::RedirectUri, attack, judged);
        }
        tally
    }

    fn failed(class: Class) -> Judged {
        Err(Fault::new(class, "as told"))
    }

    #[test]
    fn what_could_not_be_judged_is_no_outage_unless_the_network_is() {
        let fruitless = |answers| tallied(answers).fruitless().map(|(_, fault)| fault.class);
        assert_eq!(fruitless(vec![failed(Class::HttpStatus), Ok(Answer::Refused)]), None, "one was judged");
        assert_eq!(fruitless(vec![Ok(Answer::Skipped("x".into()))]), None, "none was tried");
        // The good request was answered: a 500 to bad ones is neither a refusal nor an outage.
        assert_eq!(fruitless(vec![failed(Class::HttpStatus); 3]), Some(Class::Unsupported));
        assert_eq!(fruitless(vec![Ok(Answer::Unknown("x".into())); 3]), Some(Class::Unsupported));
        for class in [Class::Timeout, Class::Connect, Class::RateLimited, Class::Budget] {
            assert_eq!(fruitless(vec![failed(class); 2]), Some(class));
        }
        let (_, fault) = tallied(vec![failed(Class::HttpStatus); 3]).fruitless().unwrap();
        assert!(fault.detail.ends_with("the first, redirect_unregistered: as told"), "{}", fault.detail);
        let broken = tallied(vec![Ok(Answer::Refused), Ok(Answer::Broken(Fault::new(Class::HttpStatus, "as told")))]);
        assert_eq!(
            broken.fruitless().map(|(_, fault)| fault.class),
            Some(Class::HttpStatus),
            "good requests fail, too"
        );
    }
}
