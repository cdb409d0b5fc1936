//! What a report says in a sentence: which logins are broken where, and whose fault it is. Checks that fail for one cause are
//! one sentence.

use std::collections::BTreeSet;

use super::{CheckReport, Judgement, Report};
use crate::fault::{Blame, Fault};
use crate::outcome::{Outcome, Verdict};

/// Names that a sentence lists before it counts the rest.
const LISTED: usize = 3;

/// Why checks are not good, and which: those with the same fault in the same step of the same provider.
#[derive(Clone, Debug)]
pub struct Cause<'a> {
    /// `Bad` or `Inconclusive`.
    pub verdict: Judgement,
    /// The first check's, if one explains it ([`blamed`]).
    pub fault: Option<&'a Fault>,
    /// In the order of the plan; never empty.
    pub checks: Vec<&'a CheckReport>,
}

/// The causes: the bad ones first, of each kind those with the most checks first.
pub fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    for check in &report.checks {
        if !matches!(check.verdict, Judgement::Bad | Judgement::Inconclusive) {
            continue;
        }
        match causes.iter_mut().find(|cause| alike(cause.checks[0], check)) {
            Some(cause) => cause.checks.push(check),
            None => {
                causes.push(Cause { verdict: check.verdict, fault: blamed(check), checks: vec![check] });
            }
        }
    }
    causes.sort_by_key(|cause| (std::cmp::Reverse(cause.verdict), std::cmp::Reverse(cause.checks.len())));
    causes
}

fn alike(one: &CheckReport, other: &CheckReport) -> bool {
    let same_fault = match (blamed(one), blamed(other)) {
        (Some(one), Some(other)) => (one.class, one.blame, one.step) == (other.class, other.blame, other.step),
        (None, None) => slow(one) && slow(other) || one.reason == other.reason,
        _ => false,
    };
    same_fault && one.verdict == other.verdict && one.check.provider == other.check.provider
}

/// Whether it is bad for nothing but its latency.
pub fn slow(check: &CheckReport) -> bool {
    check.verdict == Judgement::Bad && check.counts.slow > 0 && check.counts.slow == check.counts.bad
}

/// The fault that explains how it ended. Not that of a run among others which decided nothing, or only took too long.
pub fn blamed(check: &CheckReport) -> Option<&Fault> {
    let fault = check.fault.as_ref()?;
    let explains = match check.verdict {
        Judgement::Bad => !slow(check),
        Judgement::Inconclusive => !fault.blame.is_bad(),
        Judgement::Good | Judgement::Skipped => false,
    };
    explains.then_some(fault)
}

/// Whose fault it is, in words.
pub const fn whose(blame: Blame) -> &'static str {
    match blame {
        Blame::Network => "the network's fault",
        Blame::Provider => "the provider's fault",
        Blame::Configuration => "the configuration's fault",
        Blame::Monitor => "authprobe's own fault",
    }
}

/// `http_status in step token`.
pub fn place(fault: &Fault) -> String {
    match fault.step {
        "" => fault.class.to_string(),
        step => format!("{} in step {step}", fault.class),
    }
}

/// Everything in one sentence, without a full stop: `login is broken in eu-1 and us-1: the provider's fault, http_status in
/// step token`. `name` makes names fit for where the sentence goes.
pub fn headline(report: &Report, name: &dyn Fn(&str) -> String) -> String {
    let causes = causes(report);
    let Some(first) = causes.first() else { return fine(report, name) };
    let more = match causes.len() {
        1 => String::new(),
        2 => "; and one more cause".to_owned(),
        n => format!("; and {} more causes", n - 1),
    };
    format!("{}{more}", first.sentence(report, name))
}

fn fine(report: &Report, name: &dyn Fn(&str) -> String) -> String {
    let good: Vec<_> = report.checks.iter().filter(|check| check.verdict == Judgement::Good).collect();
    let skipped = report.checks.iter().filter(|check| check.verdict == Judgement::Skipped).count();
    let said = match (good.len(), skipped) {
        (0, 0) => return "nothing was checked".to_owned(),
        (0, _) => "nothing was judged".to_owned(),
        (1, _) => format!("{} is good", name(&good[0].check.to_string())),
        (n, 0) => format!("all {n} checks are good"),
        (n, _) => format!("{n} checks are good"),
    };
    match skipped {
        0 => said,
        n => format!("{said}; {n} skipped: the provider does not offer {}", if n == 1 { "it" } else { "them" }),
    }
}

impl Cause<'_> {
    /// In one sentence, without a full stop.
    pub fn sentence(&self, report: &Report, name: &dyn Fn(&str) -> String) -> String {
        let probes = distinct(self.checks.iter().map(|check| &*check.check.probe));
        let is = if probes.len() == 1 { "is" } else { "are" };
        let what = match self.verdict {
            Judgement::Bad if self.checks.iter().all(|check| slow(check)) => format!("{is} too slow"),
            Judgement::Bad => format!("{is} broken"),
            _ => "could not be judged".to_owned(),
        };
        let why = match self.fault {
            Some(fault) => format!("{}, {}", whose(fault.blame), place(fault)),
            None => name(self.checks[0].reason.trim_end_matches('.')),
        };
        format!("{} {what}{}: {why}", listed(&probes, name), self.regions(report, name))
    }

    /// ` in eu-1 and us-1`; nothing where there is only one.
    fn regions(&self, report: &Report, name: &dyn Fn(&str) -> String) -> String {
        let every = distinct(report.checks.iter().map(|check| &*check.check.region));
        let here = distinct(self.checks.iter().map(|check| &*check.check.region));
        match (here.len(), every.len()) {
            (_, 1) => String::new(),
            (n, every) if n == every && n > LISTED => format!(" in all {n} regions"),
            _ => format!(" in {}", listed(&here, name)),
        }
    }

    /// Its checks: `login@eu-1, login@us-1`, so many at most.
    pub fn names(&self, most: usize, name: &dyn Fn(&str) -> String) -> String {
        let shown: Vec<_> = self.checks.iter().take(most).map(|check| name(&check.check.to_string())).collect();
        let more = match self.checks.len().saturating_sub(most) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!("{}{more}", shown.join(", "))
    }
}

impl CheckReport {
    /// The run that shows best why it ended so: the first of its verdict, else the longest.
    pub fn telling(&self) -> Option<&Outcome> {
        let wanted = match self.verdict {
            Judgement::Bad => Verdict::Bad,
            Judgement::Inconclusive | Judgement::Skipped => Verdict::Inconclusive,
            Judgement::Good => Verdict::Good,
        };
        let first = self.runs.iter().find(|run| run.verdict == wanted);
        first.or_else(|| self.runs.iter().max_by_key(|run| run.duration)).map(|run| &**run)
    }

    /// How many runs there were, those that were repeated left out.
    pub fn judged(&self) -> u32 {
        self.counts.good.saturating_add(self.counts.bad).saturating_add(self.counts.inconclusive)
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// `a`, `a and b`, `a, b, c and 4 more`.
fn listed(names: &[&str], name: &dyn Fn(&str) -> String) -> String {
    // "and 1 more" would be no shorter than its name.
    let most = if names.len() == LISTED + 1 { names.len() } else { LISTED };
    let shown: Vec<_> = names.iter().take(most).map(|one| name(one)).collect();
    match (&shown[..], names.len().saturating_sub(most)) {
        ([], _) => String::new(),
        ([only], _) => only.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (all, more) => format!("{} and {more} more", all.join(", ")),
    }
}
