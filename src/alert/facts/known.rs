//! What runs have shown of one check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Watched;
use crate::alert::text::three;
use crate::clock::Timestamp;
use crate::fault::{Class, Fault, Finding};
use crate::outcome::{Observation, Outcome, Trigger, Verdict};

/// So many runs in a row must show a wrong clock: one may have had an odd round trip.
pub const SKEWED_RUNS: u32 = 3;
/// What an endpoint showed is forgotten after this long without another look: it may be gone.
const FORGET_CERTIFICATE: Duration = Duration::from_secs(86_400);

/// The last word of runs on a question. `Default`: no run has had one yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Last {
    /// No run has shown it.
    #[default]
    Unknown,
    /// All is well.
    Fine,
    /// It is not, and how.
    Wrong(String),
}

/// See the module.
#[derive(Debug)]
pub struct Known {
    /// The check.
    pub watched: Watched,
    /// Since when it is watched.
    pub since: Timestamp,
    /// Until when no run was expected: it is new, was in maintenance or paused, or this process slept.
    pub quiet: Timestamp,
    /// When a run was last judged.
    pub judged: Option<Timestamp>,
    /// Why the runs since then could not tell: the last one's fault.
    pub blind: Option<Fault>,
    /// Attacks.
    pub attack: Last,
    /// Attacks that were accepted when they were last judged, and what was found.
    pub attacks: BTreeMap<&'static str, String>,
    /// Whether regions see the same documents.
    pub disagree: Last,
    /// Revocation.
    pub revocation: Last,
    /// Credentials.
    pub credentials: Last,
    /// Whose credentials were refused last, as `user:NAME` or `client:NAME`; also by runs that somebody asked for.
    pub account: Option<String>,
    /// The last key rotation that broke a promise, and how many changes it was.
    pub rotation: Option<(Timestamp, u64)>,
    /// The clock.
    pub skew: Skew,
    /// By endpoint and region.
    pub certificates: BTreeMap<(&'static str, Arc<str>), Certificate>,
    /// The last lifetimes by token (seconds).
    pub lifetimes: BTreeMap<&'static str, f64>,
}

/// What a server showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// When it expires.
    pub not_after: Timestamp,
    /// Which host showed it.
    pub host: String,
    seen: Timestamp,
}

/// The provider's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skew {
    /// How many runs in a row were beyond the threshold.
    pub streak: u32,
    /// Whether any run was within it.
    pub settled: bool,
    /// The last: seconds, and ± seconds.
    pub last: (f64, f64),
}

impl Known {
    /// Nothing is known.
    pub fn new(watched: Watched, now: Timestamp) -> Self {
        Self {
            watched,
            since: now,
            quiet: now,
            judged: None,
            blind: None,
            attack: Last::Unknown,
            attacks: BTreeMap::new(),
            disagree: Last::Unknown,
            revocation: Last::Unknown,
            credentials: Last::Unknown,
            account: None,
            rotation: None,
            skew: Skew::default(),
            certificates: BTreeMap::new(),
            lifetimes: BTreeMap::new(),
        }
    }

    /// Takes in a run of this check.
    pub fn outcome(&mut self, outcome: &Outcome, skew_threshold: Duration) {
        if let Some(account) = outcome.fault.as_ref().and_then(|fault| fault.account.as_ref()) {
            self.account = Some(account.to_string());
        }
        let end = outcome.start + outcome.duration;
        self.rotations(outcome, end);
        if outcome.trigger != Trigger::Scheduled {
            return;
        }
        if outcome.verdict == Verdict::Inconclusive {
            self.blind = outcome.fault.clone();
        } else {
            self.judged = Some(end);
            self.blind = None;
            self.attacks(outcome);
            self.disagree.judge(outcome, Class::RegionsDisagree);
        }
        self.credentials(outcome);
        self.revocation(outcome);
        self.certificates(outcome, end);
        for observation in &outcome.observations {
            self.observe(observation, skew_threshold);
        }
    }

    fn observe(&mut self, observation: &Observation, skew_threshold: Duration) {
        match observation {
            Observation::ClockSkew { seconds, uncertainty } => {
                let beyond = seconds.abs() - uncertainty > skew_threshold.as_secs_f64();
                self.skew.last = (*seconds, *uncertainty);
                self.skew.streak = if beyond { self.skew.streak.saturating_add(1) } else { 0 };
                self.skew.settled |= !beyond || self.skew.streak >= SKEWED_RUNS;
            }
            Observation::TokenLifetime { token, seconds } => {
                self.lifetimes.insert(token, *seconds);
            }
            Observation::KeyRotation { .. }
            | Observation::KeySet { .. }
            | Observation::Agreement { .. }
            | Observation::HostTime { .. }
            | Observation::RevocationPropagation { .. }
            | Observation::Attack { .. }
            | Observation::BackchannelLogout { .. } => {}
        }
    }

    /// A run that tries attacks one by one says of each what became of it: one that could not be judged stays what it was.
    fn attacks(&mut self, outcome: &Outcome) {
        let mut tried = Vec::new();
        for observation in &outcome.observations {
            if let Observation::Attack { attack, accepted } = observation {
                tried.push(*attack);
                match accepted {
                    Some(true) => {
                        let mut findings = outcome.fault.iter().flat_map(|fault| &fault.findings);
                        let found = findings.find(|finding| finding.attack == Some(*attack));
                        let detail = found.map_or_else(|| (*attack).to_owned(), in_full);
                        self.attacks.insert(attack, detail);
                    }
                    Some(false) => drop(self.attacks.remove(attack)),
                    None => {}
                }
            }
        }
        if tried.is_empty() {
            if outcome.verdict == Verdict::Good {
                self.attacks.clear();
            }
            return self.attack.judge(outcome, Class::AttackAccepted);
        }
        // What is no longer tried (it is on the list of those to skip) is nobody's word any more.
        self.attacks.retain(|attack, _| tried.contains(attack));
        if !self.attacks.is_empty() {
            let all: Vec<String> = self.attacks.values().cloned().collect();
            self.attack = Last::Wrong(three(&all));
        } else if outcome.verdict == Verdict::Good {
            self.attack = Last::Fine;
        }
    }

    /// A change of the key set is told once, whoever asked for the run that saw it first.
    fn rotations(&mut self, outcome: &Outcome, end: Timestamp) {
        for observation in &outcome.observations {
            if let Observation::KeyRotation { unsafe_rotations: times @ 1.., .. } = observation {
                self.rotation = Some((end, *times));
            }
        }
    }

    /// A run that did not get so far says nothing about the account.
    fn credentials(&mut self, outcome: &Outcome) {
        match (outcome.credentials_accepted(), &outcome.fault) {
            (Some(false), Some(fault)) => {
                self.credentials = Last::Wrong(format!("{}: {}", fault.class, fault.detail));
            }
            (None | Some(false), _) => {}
            (Some(true), _) => {
                self.credentials = Last::Fine;
                self.account = None;
            }
        }
    }

    /// Only runs that came to measure it have a word on it.
    fn revocation(&mut self, outcome: &Outcome) {
        let mut never = Vec::new();
        let mut measured = false;
        for observation in &outcome.observations {
            if let Observation::RevocationPropagation { region, seconds, interval } = observation {
                measured = true;
                if seconds.is_none() {
                    never.push(format!("{region} (not within {interval:.0} s)"));
                }
            }
        }
        if let Some(detail) = found(outcome, Class::RevocationIneffective) {
            self.revocation = Last::Wrong(detail);
        } else if !never.is_empty() {
            self.revocation = Last::Wrong(format!("a revoked token still works in {}", never.join(", ")));
        } else if measured {
            self.revocation = Last::Fine;
        }
    }

    fn certificates(&mut self, outcome: &Outcome, end: Timestamp) {
        let mut shown: BTreeMap<(&'static str, Arc<str>), Certificate> = BTreeMap::new();
        for request in outcome.requests().filter(|request| request.is_providers() && !request.is_upstream()) {
            let Some(not_after) = request.certificate_not_after else { continue };
            let certificate = Certificate { not_after, host: request.host.clone(), seen: end };
            let key = (request.endpoint, request.region.clone());
            // Several servers behind one endpoint: the earliest is the one to renew.
            if shown.get(&key).is_none_or(|known| not_after < known.not_after) {
                shown.insert(key, certificate);
            }
        }
        self.certificates.extend(shown);
        if outcome.verdict == Verdict::Good {
            self.certificates.retain(|_, certificate| end.since(certificate.seen) <= FORGET_CERTIFICATE);
        }
    }
}

impl Last {
    /// A good run shows that all is well; one that ended for another reason has shown nothing.
    fn judge(&mut self, outcome: &Outcome, class: Class) {
        if let Some(detail) = found(outcome, class) {
            *self = Self::Wrong(detail);
        } else if outcome.verdict == Verdict::Good {
            *self = Self::Fine;
        }
    }
}

/// What a run found of that class.
fn found(outcome: &Outcome, class: Class) -> Option<String> {
    let fault = outcome.fault.as_ref()?;
    let found: Vec<String> = fault.findings.iter().filter(|finding| finding.class == class).map(in_full).collect();
    match found.is_empty() {
        false => Some(three(&found)),
        true => (fault.class == class).then(|| fault.detail.clone()),
    }
}

/// With its clause.
fn in_full(finding: &Finding) -> String {
    match finding.clause {
        "" => finding.detail.clone(),
        clause => format!("{} ({clause})", finding.detail),
    }
}
