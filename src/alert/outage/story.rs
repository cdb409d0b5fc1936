//! What is told of an outage: what fails, where, since when, whose fault, how sure. Receivers are told again when the words
//! change, so numbers that grow with every run are rough once they are large.

use std::time::Duration;

use super::super::conditions::Context;
use super::super::text::elsewhere;
use super::has_failed_in;
use super::numbers::{clock, fraction, listing, percent, rough, runs, share, times};
use crate::clock::Timestamp;
use crate::detect::ruling::{Case, Level, Look, RegionCase};
use crate::detect::{Ruling, Standing};

/// A run that failed may have begun before somebody marked the deployment that broke it.
const MARKED_LATE: Duration = Duration::from_secs(30);
/// How many regions of a kind, clean steps, other cases are named.
const REGIONS: usize = 6;
const STEPS: usize = 4;
const CASES: usize = 3;
/// So many good runs in a row are told of a region that failed.
const ROW: u64 = 3;
/// What stands before the regions that look alike.
const LABELS: [&str; 5] = ["failing: ", "suspected: ", "clean: ", "not measured yet: ", "unknown: "];

/// How a case is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    /// It is being looked into, or certain.
    Now,
    /// It is certain enough and has not lasted long enough.
    Pending,
    /// It is over.
    Over,
}

impl Tense {
    const fn of(standing: Standing, over: bool) -> Self {
        match standing {
            _ if over => Self::Over,
            Standing::Pending => Self::Pending,
            Standing::Clear | Standing::Holds | Standing::Unknown => Self::Now,
        }
    }

    /// The one while it lasts, the other afterwards.
    const fn pick<'a>(self, lasts: &'a str, over: &'a str) -> &'a str {
        match self {
            Self::Over => over,
            Self::Now | Self::Pending => lasts,
        }
    }
}

/// The description of `AuthOutage`; `over`: for when it has ended.
pub fn outage(ruling: &Ruling, over: bool, now: Timestamp, context: &Context) -> String {
    let provider = &ruling.provider;
    let tense = Tense::of(ruling.outage, over);
    let first = ruling.cases.iter().enumerate().min_by_key(|(_, case)| case.gravity());
    let Some((at, case)) = first else { return nothing_at_hand(provider, tense) };
    let ends_at = ruling.cases.iter().filter_map(|case| case.ends_at).max();
    let others = ruling.cases.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, case)| case);
    let parts = [
        Some(head(provider, case, ends_at, tense, now)),
        places(case, None, tense),
        passed(case, tense),
        Some(certainty(case, case.certain_at, "several_after or ignore_shorter_than", tense, now)),
        clean(case),
        also(others),
        context.deployed(provider, case.since, MARKED_LATE),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The description of `AuthRegionDown`; `over`: for when it has ended.
pub fn region(ruling: &Ruling, region: &str, over: bool, now: Timestamp, context: &Context) -> String {
    let provider = &ruling.provider;
    let standing = ruling.regions.iter().find(|(name, _)| &**name == region).map(|(_, standing)| *standing);
    let tense = Tense::of(standing.unwrap_or(Standing::Clear), over);
    let mine = ruling.cases.iter().position(|case| has_failed_in(case, region));
    let Some((at, case)) = mine.and_then(|at| Some((at, ruling.cases.get(at)?))) else {
        return nothing_at_hand(provider, tense);
    };
    let here = case.regions.iter().find(|seen| &*seen.region == region);
    let since = here.and_then(|seen| seen.since).unwrap_or(case.since);
    let fails = format!("{} as seen from {region}", tense.pick("fails", "failed"));
    let (bad, runs) = here.map_or((0, 0), |seen| (seen.bad, seen.runs));
    let lately =
        here.filter(|seen| recovers(seen)).map(|seen| format!(", {}", lately(seen, tense))).unwrap_or_default();
    let head = format!(
        "{provider}: step {} {}{lately}.",
        case.step,
        found(provider, &fails, case, since, (bad, runs), tense, now)
    );
    let others = ruling.cases.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, case)| case);
    let parts = [
        Some(head),
        places(case, Some(region), tense),
        passed(case, tense),
        Some(certainty(case, None, "several_after", tense, now)),
        clean(case),
        also(others.filter(|case| has_failed_in(case, region))),
        context.deployed(provider, since, MARKED_LATE),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A case in a sentence: at which provider, what fails, how widely, since when, why.
pub fn headline(provider: &str, case: &Case, now: Timestamp) -> String {
    head(provider, case, case.ends_at, Tense::Now, now)
}

/// How widely it fails, in a few words.
pub fn how(case: &Case) -> String {
    if case.ends_at.is_some() { "does not fail any more".to_owned() } else { extent(case, Tense::Now) }
}

/// `ends_at`: when the alert does, if nothing fails any more.
fn head(provider: &str, case: &Case, ends_at: Option<Timestamp>, tense: Tense, now: Timestamp) -> String {
    let told = |fails: &str, tense| found(provider, fails, case, case.since, (case.bad(), case.runs()), tense, now);
    let step = format!("{provider}: step {}", case.step);
    let Some(ends_at) = case.ends_at.and(ends_at).filter(|_| tense == Tense::Now) else {
        return format!("{step} {}.", told(&extent(case, tense), tense));
    };
    let again = match case.relapses {
        0 => String::new(),
        relapses => format!(" (it came back {} within the hour)", times(relapses)),
    };
    let over = told(&extent(case, Tense::Over), Tense::Over);
    let at = if ends_at > now { format!(" at {}", clock(ends_at, now)) } else { String::new() };
    format!("{step} does not fail any more; this alert ends{at} unless it fails again{again}. It {over}.")
}

/// How widely it fails.
fn extent(case: &Case, tense: Tense) -> String {
    let (all, clean) = (case.regions.len(), of(case, Look::Clean));
    let (failing, suspected) = (of(case, Look::Failing), of(case, Look::Suspected));
    let unknown = of(case, Look::Unknown) + of(case, Look::Waiting);
    let fails = tense.pick("fails", "failed");
    match case.level {
        Level::Everywhere if all <= 1 && !rare(case) => fails.to_owned(),
        Level::Everywhere if all > 1 && of(case, Look::Unknown) + 1 == all => {
            format!(
                "{fails} as seen from {}, the only region that {} be measured",
                heard(case),
                tense.pick("can", "could")
            )
        }
        Level::Everywhere if tense != Tense::Over && clean > 0 && clean + unknown < all => {
            format!("fails in {} of {all} regions, in all at first", all - clean - unknown)
        }
        Level::Everywhere if unknown > 0 && !rare(case) => {
            format!("{fails} in every region that {} be measured", tense.pick("can", "could"))
        }
        Level::Everywhere if !rare(case) => format!("{fails} everywhere"),
        Level::Everywhere | Level::Partial => for_a_share(case, fails),
        Level::Several if tense == Tense::Over => "failed in several regions".to_owned(),
        Level::Several => format!("fails in {failing} of {all} regions"),
        Level::Region => {
            let down = case.regions.iter().find(|seen| seen.look == Look::Failing);
            format!("{fails} as seen from {} only", down.map_or("one region", |seen| &*seen.region))
        }
        // Certain enough: how widely, the level does not say yet.
        Level::Suspected if tense == Tense::Pending && rare(case) => for_a_share(case, fails),
        Level::Suspected if tense == Tense::Pending && all > 1 => {
            let failing = if failing > 0 { failing } else { suspected };
            if failing == all { "fails everywhere".to_owned() } else { format!("fails in {failing} of {all} regions") }
        }
        Level::Suspected if tense == Tense::Now => "may be failing".to_owned(),
        Level::Suspected => fails.to_owned(),
    }
}

/// `fails for 10 % of the runs, from every region`.
fn for_a_share(case: &Case, fails: &str) -> String {
    let every = case.regions.len() > 1 && case.regions.iter().all(|seen| seen.bad > 0);
    let share = percent(case.bad(), case.runs());
    format!("{fails} for {share} of the runs{}", if every { ", from every region" } else { "" })
}

/// Whether it is far from every run that fails. Good runs since the last that failed show that it is over, not rare: they
/// do not count, and regions that were found clean again have not kept how many those were.
fn rare(case: &Case) -> bool {
    let ill = || case.regions.iter().filter(|seen| seen.look != Look::Clean || seen.bad == 0);
    let bad: u64 = ill().map(|seen| seen.bad).sum();
    let runs: u64 = ill().map(|seen| seen.runs.saturating_sub(seen.last_good)).sum();
    (bad as f64) < 0.9 * runs as f64
}

fn of(case: &Case, look: Look) -> usize {
    case.regions.iter().filter(|seen| seen.look == look).count()
}

/// The one region of which something is known.
fn heard(case: &Case) -> &str {
    case.regions.iter().find(|seen| seen.look != Look::Unknown).map_or("one", |seen| &*seen.region)
}

/// `fails everywhere since 18:05:12 UTC: http_status (blame: provider), 9 of 9 runs`; `mostly`, where not all failures were
/// alike.
fn found(
    provider: &str,
    fails: &str,
    case: &Case,
    since: Timestamp,
    (bad, runs): (u64, u64),
    tense: Tense,
    now: Timestamp,
) -> String {
    let at = clock(since, now);
    // Of a sentence with a comma in it the time is an insertion.
    let comma = if fails.contains(", ") { "," } else { "" };
    let when = tense.pick("since", "from");
    let on = tense.pick("", " on");
    let mostly = if case.of_class < case.bad() { "mostly " } else { "" };
    let blame = case.blame.map(|blame| format!(" (blame: {blame})")).unwrap_or_default();
    let there = case.upstream.as_deref().map(|host| format!(" {}", elsewhere(host, provider))).unwrap_or_default();
    let fault = case.class.map(|class| format!("{mostly}{class}{blame}{there}, ")).unwrap_or_default();
    format!("{fails}{comma} {when} {at}{on}: {fault}{}", share(bad, runs))
}

/// Regions by how they look; `but`: one that was told already.
fn places(case: &Case, but: Option<&str>, tense: Tense) -> Option<String> {
    if let [only] = &*case.regions {
        let (name, decides) = (&only.region, tense.pick("is seen", "was seen"));
        let may = tense.pick("may be", "may have been");
        return Some(format!(
            "It {decides} from one region only ({name}), which decides: it {may} that region's uplink."
        ));
    }
    let others = || case.regions.iter().filter(|seen| but != Some(&*seen.region));
    let mut groups = Vec::new();
    let (well, ill): (Vec<_>, Vec<_>) = others().partition(|seen| case.level != Level::Partial && recovers(seen));
    for look in [Look::Failing, Look::Suspected, Look::Clean, Look::Waiting, Look::Unknown] {
        let seen: Vec<_> = ill.iter().copied().filter(|seen| seen.look == look).collect();
        // Who reads that it fails everywhere needs no word for it, and what is over fails nowhere.
        let bare = tense == Tense::Over || (seen.len() == case.regions.len() && look == Look::Failing);
        groups.extend(group(look, &seen, bare));
    }
    let lately = |seen: &&RegionCase| {
        format!("{}: {} failed, {}", seen.region, fraction(seen.bad, seen.runs), lately(seen, tense))
    };
    groups.extend(well.iter().take(REGIONS).map(lately));
    if well.len() > REGIONS {
        groups.push(format!("{} more likewise", well.len() - REGIONS));
    }
    if groups.is_empty() {
        return None;
    }
    let alone = case.level == Level::Everywhere && of(case, Look::Unknown) + 1 == case.regions.len();
    let uplink = format!(" It {} that region's uplink.", tense.pick("may be", "may have been"));
    let mut text = groups.join("; ");
    if LABELS.iter().any(|label| text.starts_with(label)) {
        text[..1].make_ascii_uppercase();
    }
    Some(format!("{text}.{}", if alone { &uplink } else { "" }))
}

fn group(look: Look, seen: &[&RegionCase], bare: bool) -> Option<String> {
    let numbers = |one: &&RegionCase| format!("{} {}", one.region, fraction(one.bad, one.runs));
    let names = |one: &&RegionCase| one.region.to_string();
    let listed = |name: &dyn Fn(&&RegionCase) -> String| comma(seen.iter().map(name));
    (!seen.is_empty()).then(|| match look {
        Look::Failing | Look::Suspected if bare => listed(&numbers),
        Look::Failing => format!("failing: {}", listed(&numbers)),
        Look::Suspected => format!("suspected: {}", listed(&numbers)),
        Look::Clean => format!("clean: {} failed", listed(&numbers)),
        Look::Waiting => format!("not measured yet: {}", listed(&names)),
        Look::Unknown => format!("unknown: {} (nothing could be measured from there)", listed(&names)),
    })
}

/// Numbers of regions: `and` would join them to what follows.
fn comma(all: impl Iterator<Item = String>) -> String {
    let all: Vec<_> = all.collect();
    match all.len().saturating_sub(REGIONS) {
        0 => all.join(", "),
        _ => listing(all.into_iter(), REGIONS),
    }
}

/// Whether a region that failed has been good since, for a few runs or for as many as it takes.
fn recovers(seen: &RegionCase) -> bool {
    seen.bad > 0 && seen.last_bad == 0 && (seen.last_good >= ROW || seen.look == Look::Clean)
}

/// What was found clean counts anew from there on: few good runs say less than that.
fn lately(seen: &RegionCase, tense: Tense) -> String {
    match seen.last_good {
        good if good >= ROW => format!("the last {} {}", rough(good), tense.pick("good", "were good")),
        _ => tense.pick("good again", "good again at last").to_owned(),
    }
}

/// Some probes go through the step well: then it may be what the others do.
fn passed(case: &Case, tense: Tense) -> Option<String> {
    if case.passed.is_empty() || case.probes.is_empty() {
        return None;
    }
    let names =
        |all: &std::collections::BTreeSet<std::sync::Arc<str>>| listing(all.iter().map(ToString::to_string), REGIONS);
    let (pass, alone) = match (case.passed.len(), case.probes.len()) {
        (1, 1) => ("passes", "does"),
        (1, _) => ("passes", "do"),
        (_, 1) => ("pass", "does"),
        _ => ("pass", "do"),
    };
    let (passed, failed) = (names(&case.passed), names(&case.probes));
    Some(match tense {
        Tense::Over => format!("{passed} passed this step: it may have been what only {failed} {alone}."),
        Tense::Now | Tense::Pending => format!("{passed} {pass} this step: it may be what only {failed} {alone}."),
    })
}

/// From what it is known, and whether that is enough: since `at`, if that is known; `waits`: the settings
/// that delay it.
fn certainty(case: &Case, at: Option<Timestamp>, waits: &str, tense: Tense, now: Timestamp) -> String {
    let of = if case.scheduled == 0 && case.confirmations > 0 {
        format!("{} confirmation", rough(case.confirmations))
    } else if case.confirmations == 0 {
        format!("{} scheduled", rough(case.scheduled))
    } else {
        format!("{} scheduled and {} confirmation", rough(case.scheduled), rough(case.confirmations))
    };
    let last = if case.confirmations > 0 { case.confirmations } else { case.scheduled };
    let runs = format!("{of} run{}", if last == 1 { "" } else { "s" });
    let probes = listing(case.probes.iter().map(ToString::to_string), REGIONS);
    let probes = match probes.is_empty() {
        true => probes,
        false => format!("; probes that {}: {probes}", tense.pick("fail", "failed")),
    };
    match (tense, at) {
        (Tense::Over, _) => format!("Known from {runs}{probes}."),
        (Tense::Pending, _) => format!("Certain enough by {runs}{probes}; it fires if it lasts ({waits})."),
        (Tense::Now, Some(at)) => format!("Certain since {} by {runs}{probes}.", clock(at, now)),
        (Tense::Now, None) if case.level == Level::Suspected => format!("Not certain yet: {runs}{probes}."),
        (Tense::Now, None) => format!("Certain by {runs}{probes}."),
    }
}

fn clean(case: &Case) -> Option<String> {
    let steps = comma(case.clean.iter().take(STEPS).map(|(step, count)| format!("{step} ({})", runs(*count))));
    let more = match case.clean.len().saturating_sub(STEPS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!steps.is_empty()).then(|| format!("Clean meanwhile: {steps}{more}."))
}

/// The other cases, each in a few words.
fn also<'a>(cases: impl Iterator<Item = &'a Case>) -> Option<String> {
    let told = cases.map(|case| {
        let there = case.upstream.as_deref().map(|host| format!(" at upstream host {host}")).unwrap_or_default();
        let class = case.class.map(|class| format!("{class}{there}, ")).unwrap_or_default();
        let level = match case.level {
            _ if case.ends_at.is_some() => "good again",
            Level::Everywhere if rare(case) => "a share of all runs",
            Level::Everywhere if case.regions.len() > 1 => "everywhere",
            Level::Everywhere => "certain",
            Level::Several => "several regions",
            Level::Partial => "a share of all runs",
            Level::Region => "one region",
            Level::Suspected => "suspected",
        };
        format!("step {} ({class}{level})", case.step)
    });
    let told = listing(told, CASES);
    (!told.is_empty()).then(|| format!("Also: {told}."))
}

/// What holds has a case; should it have none, nobody is left without words.
fn nothing_at_hand(provider: &str, tense: Tense) -> String {
    match tense {
        Tense::Over => format!("{provider}: it was found to fail."),
        Tense::Now | Tense::Pending => {
            format!("{provider}: it was found to fail, and nothing was measured since that says otherwise.")
        }
    }
}
