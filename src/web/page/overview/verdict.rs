//! Is login working, now, for whom: one sentence, from what the newest runs found and what the detectors say. Pure. Nothing is
//! claimed that was not measured: a provider whose logins nobody probes is not said to work.

use super::super::draw::Tone;
use super::super::words::distance;
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::detect::ruling::{Level, Look};
use crate::fault::{Blame, Class};

mod part;
mod phrase;
#[cfg(test)]
mod tests;

use part::{Part, part};
use phrase::{listed, regions, why};

/// What a check tells something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Whether people can log in.
    Login,
    /// Whether clients get tokens.
    Tokens,
    /// Only whatever it probes.
    Other,
}

/// The steps with which a login, or getting a token, is done.
const DONE: [&str; 3] = ["login", "token", "id_token"];

impl Subject {
    /// Of a probe with these steps.
    pub fn of(steps: &[&str]) -> Self {
        match steps {
            steps if steps.contains(&"login") => Self::Login,
            steps if steps.contains(&"token") => Self::Tokens,
            _ => Self::Other,
        }
    }

    /// Whether a probe with these steps that ended in `step` tells against it. One that got its tokens and then failed to
    /// revoke them has shown that logins work.
    pub fn concerns(self, steps: &[&str], step: &str) -> bool {
        let last = steps.iter().rposition(|own| DONE.contains(own));
        let at = steps.iter().position(|own| *own == step);
        match (at, last) {
            (Some(at), Some(last)) => self == Self::Other || at <= last,
            _ => true,
        }
    }
}

/// Why a run did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause<'a> {
    /// Its class.
    pub class: Class,
    /// Whose fault.
    pub blame: Blame,
    /// In which step.
    pub step: &'a str,
}

/// What is known of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last<'a> {
    /// It has not run yet.
    Never,
    /// Its newest run is so old that it tells nothing of now.
    Stale(Timestamp),
    /// Its newest run was good, as far as the subject goes.
    Good,
    /// Its newest run was, but the detector is certain that too many are not.
    Again(Option<Cause<'a>>),
    /// Its newest runs failed, so many of them in a row.
    Bad(Cause<'a>, usize),
    /// Its newest run tells nothing.
    Inconclusive(Option<Cause<'a>>),
}

/// A probe in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// Whom it asks.
    pub provider: &'a str,
    /// Its probe.
    pub probe: &'a str,
    /// Its region.
    pub region: &'a str,
    /// What it tells something about.
    pub subject: Subject,
    /// What it told last.
    pub last: Last<'a>,
    /// In what it failed that lies beyond its subject.
    pub beyond: Option<Cause<'a>>,
    /// Whether it lies in planned maintenance.
    pub maintained: bool,
}

/// All that is known.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Every check, in configured order.
    pub checks: &'a [Check<'a>],
    /// What the detectors say.
    pub rulings: &'a [Ruling],
    /// Whether scheduled runs are paused.
    pub paused: bool,
    /// When the newest run of all began.
    pub newest: Option<Timestamp>,
    /// When this is.
    pub now: Timestamp,
}

/// How it is, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it is at a glance. `Warn`: it works, but not everything does or is known.
    pub tone: Tone,
    /// One sentence.
    pub sentence: String,
    /// What else there is to say: sentences of their own.
    pub more: Vec<String>,
}

/// How a provider is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Fails,
    MayFail,
    Unknown,
    Maintained,
    Partly,
    Works,
}

/// How many providers, and how many probes, are told of besides those in the sentence.
const MORE: usize = 6;

/// The detector's certainty that a check fails though its newest run did not: what most runs of the case ended in.
pub fn again<'a>(ruling: &'a Ruling, probe: &str, region: &str) -> Option<Cause<'a>> {
    let certain = ruling.cases.iter().filter(|case| case.level > Level::Suspected && case.ends_at.is_none());
    let mut mine = certain.filter(|case| {
        let fails = |look: Look| look == Look::Failing || (case.level == Level::Partial && look == Look::Suspected);
        case.probes.contains(probe) && case.regions.iter().any(|seen| &*seen.region == region && fails(seen.look))
    });
    mine.find_map(|case| Some(Cause { class: case.class?, blame: case.blame?, step: &case.step }))
}

/// See the module.
pub fn verdict(situation: &Situation) -> Verdict {
    let mut providers: Vec<&str> = Vec::new();
    for check in situation.checks {
        if !providers.contains(&check.provider) {
            providers.push(check.provider);
        }
    }
    let mut parts: Vec<Part> = providers.iter().map(|provider| part(situation, provider)).collect();
    parts.sort_by_key(|part| part.state);
    let Some(subject) = parts.iter().map(|part| part.subject).min() else {
        let sentence = "Not known: nothing is probed.".to_owned();
        return Verdict { tone: Tone::Unknown, sentence, more: Vec::new() };
    };
    let (main, beside): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.subject == subject);
    let mut told = headline(&main, beside.is_empty());
    let others = also(situation);
    if told.tone == Tone::Good && (beside.iter().any(|part| part.state != State::Works) || !others.is_empty()) {
        told.tone = Tone::Warn;
    }
    if situation.paused && matches!(main[0].state, State::Works | State::Partly) {
        // While nothing runs, what was good is only known to have been.
        let at = situation.newest.map_or(String::new(), |at| format!(", {}", distance(at, situation.now)));
        told.sentence = format!("Not known: scheduled runs are paused. As of the last run{at}: {}", told.sentence);
        told.tone = Tone::Unknown;
    }
    told.more.extend(beside.iter().take(MORE).map(Part::sentence));
    told.more.extend(others);
    told.more.extend(maintained(situation));
    told
}

/// Of providers with the same subject, the worst first. `all`: there are no others.
fn headline(parts: &[Part], all: bool) -> Verdict {
    let worst = parts[0].state;
    let those = parts.partition_point(|part| part.state == worst);
    let (those, rest) = parts.split_at(those);
    let mut more: Vec<String> = Vec::new();
    let mut sentence = match those {
        [part] => part.statement(),
        _ => {
            more.extend(those.iter().filter(|part| part.state != State::Works).take(MORE).map(Part::sentence));
            several(those, parts.len(), all)
        }
    };
    let works: Vec<_> = rest.iter().filter(|part| part.state == State::Works).map(|part| part.provider).collect();
    match works.len() {
        0 => {}
        n @ 1..=2 => sentence.push_str(&format!("; it works at {}", listed(&works, n))),
        n if n == rest.len() => sentence.push_str(&format!("; it works at the other {n} providers")),
        n => sentence.push_str(&format!("; it works at {n} others")),
    }
    more.extend(rest.iter().filter(|part| part.state != State::Works).take(MORE).map(Part::sentence));
    let tone = match worst {
        State::Fails => Tone::Bad,
        State::Works => Tone::Good,
        State::MayFail | State::Partly => Tone::Warn,
        State::Unknown | State::Maintained if works.is_empty() => Tone::Unknown,
        State::Unknown | State::Maintained => Tone::Warn,
    };
    Verdict { tone, sentence: sentence + ".", more }
}

/// Of several providers that are in the same state.
fn several(those: &[Part], of: usize, all: bool) -> String {
    let names: Vec<_> = those.iter().map(|part| part.provider).collect();
    let count = those.len();
    let place = match (count == of, all) {
        (true, true) if count == 2 => "both providers".to_owned(),
        (true, true) => format!("all {count} providers"),
        _ if count <= 3 => listed(&names, 3),
        (true, false) => format!("all {count} providers at which it is probed"),
        (false, _) => format!("{count} of {of} providers"),
    };
    let noun = those[0].noun();
    match those[0].state {
        State::Fails => format!("{noun} fails at {place}"),
        State::MayFail => format!("{noun} may be failing at {place}"),
        State::Unknown => format!("Not known whether {} works at {place}", those[0].inner_noun()),
        State::Maintained => format!("Planned maintenance at {place}: {} is not judged there", those[0].inner_noun()),
        State::Partly => format!("{noun} works at {place}, as far as is known"),
        State::Works => {
            let same = those.iter().all(|part| part.regions == those[0].regions);
            let from = match those[0].regions.len() {
                n if same => regions(&those[0].regions, n),
                _ => "from every region that probes them".to_owned(),
            };
            format!("{noun} works at {place}, {from}")
        }
    }
}

/// What fails besides logins: probes of other things, and what probes of logins do after them.
fn also(situation: &Situation) -> Vec<String> {
    let best = |provider: &str| situation.checks.iter().filter(|c| c.provider == provider).map(|c| c.subject).min();
    let mut failing: Vec<(&str, &str, Vec<&str>, Cause)> = Vec::new();
    for check in situation.checks.iter().filter(|check| !check.maintained) {
        let own = match check.last {
            Last::Bad(cause, _) | Last::Again(Some(cause)) if best(check.provider) != Some(check.subject) => {
                Some(cause)
            }
            _ => None,
        };
        let Some(cause) = own.or(check.beyond) else { continue };
        match failing.iter_mut().find(|(probe, _, _, same)| *probe == check.probe && *same == cause) {
            Some((_, _, regions, _)) => regions.push(check.region),
            None => failing.push((check.probe, check.provider, vec![check.region], cause)),
        }
    }
    let count = |probe: &str| situation.checks.iter().filter(|check| check.probe == probe).count();
    let told = failing.iter().take(MORE).map(|(probe, provider, from, cause)| {
        format!("Also failing: {probe} at {provider} {} ({}).", regions(from, count(probe)), why(*cause))
    });
    let mut told: Vec<_> = told.collect();
    if failing.len() > MORE {
        told.push(format!("{} more fail besides.", failing.len() - MORE));
    }
    told
}

/// What fails where it was planned that it may.
fn maintained(situation: &Situation) -> Option<String> {
    let failing = |check: &&Check| check.maintained && matches!(check.last, Last::Bad(..) | Last::Again(_));
    let mut probes: Vec<_> = situation.checks.iter().filter(failing).map(|check| check.probe).collect();
    probes.dedup();
    let fails = if probes.len() == 1 { "fails" } else { "fail" };
    (!probes.is_empty()).then(|| format!("In planned maintenance {} {fails}: that is not judged.", listed(&probes, 3)))
}
