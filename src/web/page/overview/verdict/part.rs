//! What there is to say of one provider.

use std::collections::BTreeSet;

use super::phrase::{listed, most, regions, unknown};
use super::{Check, Last, Situation, State, Subject};
use crate::clock::Timestamp;
use crate::detect::ruling::Level;

/// How many probes are named.
const NAMED: usize = 3;

/// See the module.
pub struct Part<'a> {
    /// Which.
    pub provider: &'a str,
    /// What is told of it: the best that any of its probes tells about.
    pub subject: Subject,
    /// How it is.
    pub state: State,
    /// The regions it is probed from, maintenance left out.
    pub regions: Vec<&'a str>,
    /// The rest of the sentence, after the subject, the state and the provider.
    clause: String,
}

impl Part<'_> {
    /// The subject, at the beginning of a sentence.
    pub const fn noun(&self) -> &'static str {
        match self.subject {
            Subject::Login => "Login",
            Subject::Tokens => "Getting tokens",
            Subject::Other => "What is probed",
        }
    }

    /// The same within one.
    pub const fn inner_noun(&self) -> &'static str {
        match self.subject {
            Subject::Login => "login",
            Subject::Tokens => "getting tokens",
            Subject::Other => "what is probed",
        }
    }

    /// A sentence without its full stop.
    pub fn statement(&self) -> String {
        let Self { provider, clause, .. } = self;
        match self.state {
            State::Fails => format!("{} fails at {provider} {clause}", self.noun()),
            State::MayFail => format!("{} may be failing at {provider} {clause}", self.noun()),
            State::Unknown => format!("Not known whether {} works at {provider}: {clause}", self.inner_noun()),
            State::Maintained => format!("Planned maintenance at {provider}: {} is not judged", self.inner_noun()),
            State::Partly | State::Works => format!("{} works at {provider}, {clause}", self.noun()),
        }
    }

    /// The same with it, and with what the subject leaves open.
    pub fn sentence(&self) -> String {
        let open = match (self.subject, self.state) {
            (Subject::Login, _) | (_, State::Maintained | State::Unknown) => "",
            _ => "; logging in is not probed there",
        };
        format!("{}{open}.", self.statement())
    }
}

/// The checks of one provider that count, by what they tell.
struct Seen<'a> {
    good: Vec<&'a Check<'a>>,
    bad: Vec<&'a Check<'a>>,
    unknown: Vec<&'a Check<'a>>,
    /// How many regions there are.
    all: usize,
    now: Timestamp,
}

/// What is known of a provider.
pub fn part<'a>(situation: &Situation<'a>, provider: &'a str) -> Part<'a> {
    let own = || situation.checks.iter().filter(move |check| check.provider == provider);
    let subject = own().map(|check| check.subject).min().unwrap_or(Subject::Other);
    let counted: Vec<_> = own().filter(|check| check.subject == subject && !check.maintained).collect();
    let names = names(counted.iter().map(|check| check.region));
    let mut seen = Seen { good: vec![], bad: vec![], unknown: vec![], all: names.len(), now: situation.now };
    for check in counted {
        match check.last {
            Last::Good => seen.good.push(check),
            Last::Bad(..) | Last::Again(_) => seen.bad.push(check),
            Last::Never | Last::Stale(_) | Last::Inconclusive(_) => seen.unknown.push(check),
        }
    }
    let (state, clause) = if names.is_empty() {
        (State::Maintained, String::new())
    } else if !seen.bad.is_empty() {
        let certain = seen.certain() || rules(situation, provider);
        (if certain { State::Fails } else { State::MayFail }, seen.fails())
    } else if seen.good.is_empty() {
        (State::Unknown, unknown(seen.unknown.iter().map(|check| check.last), seen.now))
    } else {
        seen.works()
    };
    Part { provider, subject, state, regions: names, clause }
}

/// Whether the detector is certain that the provider fails.
fn rules(situation: &Situation, provider: &str) -> bool {
    let mut ruling = situation.rulings.iter().filter(|ruling| &*ruling.provider == provider);
    ruling.any(|ruling| ruling.cases.iter().any(|case| case.level > Level::Suspected && case.ends_at.is_none()))
}

/// Each once, in order.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    all.filter(|name| seen.insert(*name)).collect()
}

fn regions_of<'a>(checks: &[&Check<'a>]) -> Vec<&'a str> {
    names(checks.iter().map(|check| check.region))
}

fn probes_of<'a>(checks: &[&Check<'a>]) -> Vec<&'a str> {
    names(checks.iter().map(|check| check.probe))
}

/// Those of the first that are not among the second.
fn without<'a>(names: Vec<&'a str>, others: &[&str]) -> Vec<&'a str> {
    names.into_iter().filter(|name| !others.contains(name)).collect()
}

impl Seen<'_> {
    /// One failed run may be chance; two are not.
    fn certain(&self) -> bool {
        let row = |check: &&Check| match check.last {
            Last::Bad(_, row) => row,
            Last::Again(_) => 2,
            _ => 0,
        };
        self.bad.iter().map(row).sum::<usize>() > 1
    }

    fn works(&self) -> (State, String) {
        let good = regions_of(&self.good);
        let works = regions(&good, self.all);
        let silent = without(regions_of(&self.unknown), &good);
        let why = || unknown(self.unknown.iter().map(|check| check.last), self.now);
        if !silent.is_empty() {
            return (State::Partly, format!("{works}; not known {}: {}", regions(&silent, self.all), why()));
        }
        match without(probes_of(&self.unknown), &probes_of(&self.good)) {
            probes if probes.is_empty() => (State::Works, works),
            probes => (State::Partly, format!("{works}; not known with {}: {}", listed(&probes, NAMED), why())),
        }
    }

    /// From where, or with which probes, and why; and where it works meanwhile.
    fn fails(&self) -> String {
        let (bad, good) = (regions_of(&self.bad), regions_of(&self.good));
        let causes = self.bad.iter().filter_map(|check| match check.last {
            Last::Bad(cause, _) | Last::Again(Some(cause)) => Some(cause),
            _ => None,
        });
        let why = most(causes).map_or(String::new(), |why| format!(" ({why})"));
        let now_and_then = self.bad.iter().all(|check| matches!(check.last, Last::Again(_)));
        let often = if now_and_then { "now and then " } else { "" };
        let mut clause = if self.good.is_empty() {
            format!("{often}{}{why}", regions(&bad, self.all))
        } else if bad.iter().all(|region| !good.contains(region)) {
            format!("{often}{}{why}; it works {}", regions(&bad, self.all), regions(&good, self.all))
        } else {
            let (fail, pass) = (probes_of(&self.bad), probes_of(&self.good));
            let with = listed(&fail, NAMED);
            let pass = without(pass, &fail);
            let from = regions(&bad, self.all);
            let clean = without(good.clone(), &bad);
            if !clean.is_empty() {
                format!("with {with} {often}{from}{why}; it works {}", regions(&clean, self.all))
            } else if pass.is_empty() {
                format!("in part: with {with}, {often}{from}{why}")
            } else {
                format!("with {with} {often}{from}{why}; it works with {}", listed(&pass, NAMED))
            }
        };
        let silent = without(without(regions_of(&self.unknown), &good), &bad);
        if !silent.is_empty() {
            clause.push_str(&format!("; not known {}", regions(&silent, self.all)));
        }
        clause
    }
}
