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
    judged: u32,
    /// The first that could not be judged because something failed.
    failed: Option<Fault>,
    /// Why the first that could not be judged could not be.
    unknown: Option<String>,
    /// Attacks that have been dealt with.
    done: Vec<&'static str>,
    /// Why no further attack is tried.
    halted: Option<String>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(recorder: Recorder) -> Self {
        Self { recorder, findings: Vec::new(), judged: 0, failed: None, unknown: None, done: Vec::new(), halted: None }
    }

    /// Why no further attack is tried: the provider or our own limit said that it was enough.
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// Takes in what became of an attack. Gives the reason if it does not apply.
    pub fn take(&mut self, group: Group, attack: &'static Attack, judged: Judged) -> Option<String> {
        self.done.push(attack.name);
        match judged {
            Ok(Answer::Skipped(why)) => return Some(format!("{}: {why}", attack.name)),
            Ok(Answer::Refused) => self.observe(attack, Some(false)),
            Ok(Answer::Accepted(what)) => {
                self.observe(attack, Some(true));
                let detail = format!("{}: {}; {what}", attack.name, attack.summary);
                match attack.strength {
                    Strength::Must => {
                        let finding = Finding::new(Class::AttackAccepted, attack.clause, detail).of_attack(attack.name);
                        self.findings.push((group.step(), attack.name, finding));
                    }
                    Strength::Should => self.recorder.warn(Warning::new(attack.name, attack.clause, detail)),
                }
            }
            Ok(Answer::Unknown(why)) => self.unjudged(attack, &why),
            Err(fault) => {
                self.unjudged(attack, &fault.to_string());
                if matches!(fault.class, Class::RateLimited | Class::Budget) {
                    self.halted = Some(fault.to_string());
                }
                self.failed.get_or_insert(fault);
            }
        }
        None
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

    /// The fault of the steps's own group, if any of its attacks was accepted.
    pub fn of_group(&self, group: Group) -> Result<(), Fault> {
        self.fault(|step| step == group.step()).map_or(Ok(()), |(_, fault)| Err(fault))
    }

    /// What the whole run is: the step, and all attacks that were accepted.
    pub fn accepted(&self) -> Option<(StepName, Fault)> {
        self.fault(|_| true)
    }

    /// Why not one attack could be judged, if so. Good requests were answered well meanwhile: a status of 500 to bad ones is
    /// no outage, and no refusal either.
    pub fn fruitless(&self) -> Option<Fault> {
        let failed = self.failed.as_ref().filter(|fault| fault.class != Class::HttpStatus);
        let told = || {
            let detail = format!("not one attack could be judged; the first: {}", self.unknown.as_deref()?);
            Some(Fault::new(Class::Unsupported, detail))
        };
        failed.cloned().or_else(told).filter(|_| self.judged == 0)
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
        self.unknown.get_or_insert_with(|| format!("{}: {why}", attack.name));
        let detail = format!("{} could not be judged: {why}", attack.name);
        self.recorder.warn(Warning::new("attack_unjudged", attack.clause, detail));
    }

    fn observe(&mut self, attack: &'static Attack, accepted: Option<bool>) {
        self.judged += u32::from(accepted.is_some());
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
        let fruitless = |answers| tallied(answers).fruitless().map(|fault| fault.class);
        assert_eq!(fruitless(vec![failed(Class::HttpStatus), Ok(Answer::Refused)]), None, "one was judged");
        assert_eq!(fruitless(vec![Ok(Answer::Skipped("x".into()))]), None, "none was tried");
        // The good request was answered: a 500 to bad ones is neither a refusal nor an outage.
        assert_eq!(fruitless(vec![failed(Class::HttpStatus); 3]), Some(Class::Unsupported));
        assert_eq!(fruitless(vec![Ok(Answer::Unknown("x".into())); 3]), Some(Class::Unsupported));
        for class in [Class::Timeout, Class::Connect, Class::RateLimited, Class::Budget] {
            assert_eq!(fruitless(vec![failed(class); 2]), Some(class));
        }
        let fault = tallied(vec![failed(Class::HttpStatus); 3]).fruitless().unwrap();
        assert!(fault.detail.contains("redirect_unregistered: http_status (provider): as told"), "{}", fault.detail);
    }
}
