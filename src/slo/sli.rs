//! What makes an event good.

use std::sync::Arc;
use std::time::Duration;

use crate::duration::HumanDuration;
use crate::fault::Class;
use crate::outcome::{Observation, Outcome, StepState, Verdict};

/// A service level indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sli {
    /// The run is good.
    Availability,
    /// The run, or its step, took at most so long. A bad run is never fast.
    Latency {
        /// The step; `None`: the whole run.
        step: Option<Arc<str>>,
        /// The longest it may take.
        threshold: Duration,
    },
    /// What the provider sent was valid. A run that ended before there was anything to validate is no evidence.
    Validation,
    /// A revocation reached a region in at most so long; never is bad. One event a region looked from.
    Propagation(Duration),
    /// What must be refused was (attacks, tokens used twice). A run that ended before it could ask is no evidence.
    Refused,
}

/// What a run was for an SLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// It could not tell.
    Inconclusive,
}

/// What makes a run bad for [`Sli::Validation`]: something was sent, and it is not what it must be. What ended the run
/// before or beside that (network, status, refusals, behaviour) is no evidence.
pub const INVALID: &[Class] = &[
    Class::Malformed,
    Class::IssuerMismatch,
    Class::MetadataInvalid,
    Class::JwksInvalid,
    Class::KeyNotFound,
    Class::SignatureInvalid,
    Class::AlgorithmForbidden,
    Class::ClaimIssuer,
    Class::ClaimAudience,
    Class::ClaimExpired,
    Class::ClaimNotYetValid,
    Class::ClaimNonce,
    Class::ClaimHash,
    Class::ClaimSubject,
    Class::ClaimAuth,
    Class::ClaimMissing,
    Class::ClaimUnexpected,
    Class::StateMismatch,
    Class::ResponseIssuer,
];

/// What makes a run bad for [`Sli::Refused`]: something was accepted that must not be.
pub const ACCEPTED: &[Class] =
    &[Class::AttackAccepted, Class::ReuseAccepted, Class::RevocationIneffective, Class::LogoutIneffective];

impl Sli {
    /// What that run was, by region: usually one entry, its own region's. `Propagation` has one entry a region whose view is
    /// known, so none says nothing of the others.
    pub fn judge(&self, outcome: &Outcome) -> Vec<(Arc<str>, Event)> {
        if let Self::Propagation(within) = self {
            return propagation(outcome, *within);
        }
        let event = match (outcome.verdict, self) {
            (Verdict::Inconclusive, _) => Event::Inconclusive,
            (Verdict::Bad, Self::Validation) => evidence(outcome, INVALID),
            (Verdict::Bad, Self::Refused) => evidence(outcome, ACCEPTED),
            (Verdict::Bad, _) => Event::Bad,
            (Verdict::Good, Self::Latency { step, threshold }) => fast(outcome, step.as_deref(), *threshold),
            (Verdict::Good, _) => Event::Good,
        };
        vec![(outcome.check.region.clone(), event)]
    }

    /// In words, such as `step token within 200ms`.
    pub fn describe(&self) -> String {
        match self {
            Self::Availability => "availability".to_owned(),
            Self::Latency { step: Some(step), threshold } => {
                format!("step {step} within {}", HumanDuration(*threshold))
            }
            Self::Latency { step: None, threshold } => format!("run within {}", HumanDuration(*threshold)),
            Self::Validation => "validation".to_owned(),
            Self::Propagation(within) => format!("revocation within {}", HumanDuration(*within)),
            Self::Refused => "refused".to_owned(),
        }
    }
}

/// Bad if the run ended with one of these, or found one of them among others.
fn evidence(outcome: &Outcome, bad: &[Class]) -> Event {
    let has = |class: Class| bad.contains(&class);
    match &outcome.fault {
        Some(fault) if has(fault.class) || fault.findings.iter().any(|finding| has(finding.class)) => Event::Bad,
        _ => Event::Inconclusive,
    }
}

/// Of a good run.
fn fast(outcome: &Outcome, step: Option<&str>, threshold: Duration) -> Event {
    let took = match step {
        None => Some(outcome.duration),
        Some(name) => {
            let mut steps = outcome.steps.iter().filter(|step| !step.cleanup && step.state == StepState::Done);
            steps.find(|step| step.name == name).map(|step| step.duration)
        }
    };
    match took {
        Some(took) if took <= threshold => Event::Good,
        Some(_) => Event::Bad,
        None => Event::Inconclusive,
    }
}

fn propagation(outcome: &Outcome, within: Duration) -> Vec<(Arc<str>, Event)> {
    let mut events: Vec<(Arc<str>, Event)> = Vec::new();
    for observation in &outcome.observations {
        if let Observation::RevocationPropagation { region, seconds, .. } = observation {
            let good = seconds.is_some_and(|seconds| seconds <= within.as_secs_f64());
            events.push((region.clone(), if good { Event::Good } else { Event::Bad }));
        }
    }
    // The last word: the token works after all, wherever it seemed to be dead.
    let works = outcome.verdict == Verdict::Bad
        && outcome.fault.as_ref().is_some_and(|fault| fault.class == Class::RevocationIneffective);
    let own = &outcome.check.region;
    if works && !events.iter().any(|(_, event)| *event == Event::Bad) {
        events.retain(|(region, _)| region != own);
        events.push((own.clone(), Event::Bad));
    }
    if events.is_empty() {
        events.push((own.clone(), Event::Inconclusive));
    }
    events
}

#[cfg(test)]
#[path = "sli_tests.rs"]
mod tests;
