//! What is told of an outage: what fails, where, whose fault, since when, how sure. Receivers are told again when the words
//! change, so numbers that grow with every run are rough once they are large.

use std::time::Duration;

use super::super::conditions::Context;
use super::super::text::{about, many, moment};
use super::{gravity, has_failed_in};
use crate::clock::Timestamp;
use crate::detect::ruling::{Case, Level, Look, RegionCase};
use crate::detect::{Ruling, Standing};

/// A run that failed may have begun before somebody marked the deployment that broke it.
const MARKED_LATE: Duration = Duration::from_secs(30);
/// Counts up to this are told exactly.
const EXACT: u64 = 20;
/// How many regions of a kind, clean steps, other cases are named.
const REGIONS: usize = 6;
const STEPS: usize = 4;
const CASES: usize = 3;

/// The description of `AuthOutage`.
pub fn outage(ruling: &Ruling, now: Timestamp, context: &Context) -> String {
    let gravest = ruling.cases.iter().enumerate().min_by_key(|(_, case)| gravity(case));
    let Some((at, case)) = gravest else { return nothing_at_hand() };
    let others = ruling.cases.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, case)| case);
    let parts = [
        Some(headline(case, now)),
        places(case, None),
        Some(certainty(case, ruling.outage, case.certain_at, now)),
        clean(case),
        also(others),
        context.deployed(&ruling.provider, case.since, MARKED_LATE),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The description of `AuthRegionDown`.
pub fn region(ruling: &Ruling, region: &str, now: Timestamp, context: &Context) -> String {
    let mine = ruling.cases.iter().position(|case| has_failed_in(case, region));
    let Some((at, case)) = mine.and_then(|at| Some((at, ruling.cases.get(at)?))) else { return nothing_at_hand() };
    let here = case.regions.iter().find(|seen| &*seen.region == region);
    let (bad, runs) = here.map_or((0, 0), |seen| (seen.bad, seen.runs));
    let since = here.and_then(|seen| seen.since).unwrap_or(case.since);
    let standing = ruling.regions.iter().find(|(name, _)| &**name == region).map(|(_, standing)| *standing);
    let head = format!(
        "Step {} fails as seen from {region}{}, {} since {}.",
        case.step,
        fault(case),
        share(bad, runs),
        when(since, now)
    );
    let others = ruling.cases.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, case)| case);
    let parts = [
        Some(head),
        places(case, Some(region)),
        Some(certainty(case, standing.unwrap_or(Standing::Clear), None, now)),
        clean(case),
        also(others.filter(|case| has_failed_in(case, region))),
        context.deployed(&ruling.provider, since, MARKED_LATE),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A case in one sentence: what fails, how widely, why, since when.
pub fn headline(case: &Case, now: Timestamp) -> String {
    let (failing, all) = (of(case, Look::Failing), case.regions.len());
    let (clean, unknown) = (of(case, Look::Clean), of(case, Look::Unknown) + of(case, Look::Waiting));
    let how = match case.level {
        Level::Everywhere if all <= 1 => "fails".to_owned(),
        Level::Everywhere if clean > 0 => format!("failed everywhere and is clean again in {clean} of {all} regions"),
        Level::Everywhere if unknown > 0 => "fails in every region that can be measured".to_owned(),
        Level::Everywhere => "fails everywhere".to_owned(),
        Level::Several => format!("fails in {failing} of {all} regions"),
        Level::Partial => "fails in a share of the runs".to_owned(),
        Level::Region => {
            let down = case.regions.iter().find(|seen| seen.look == Look::Failing);
            format!("fails as seen from {} only", down.map_or("one region", |seen| &*seen.region))
        }
        Level::Suspected => "may be failing".to_owned(),
    };
    let runs = share(case.bad(), case.runs());
    format!("Step {} {how}{}, {runs} since {}.", case.step, fault(case), when(case.since, now))
}

fn of(case: &Case, look: Look) -> usize {
    case.regions.iter().filter(|seen| seen.look == look).count()
}

/// `: http_status (blame: provider)`; `mostly`, where not all failures were alike.
fn fault(case: &Case) -> String {
    let Some(class) = case.class else { return String::new() };
    let mostly = if case.of_class < case.bad() { "mostly " } else { "" };
    let blame = case.blame.map(|blame| format!(" (blame: {blame})")).unwrap_or_default();
    format!(": {mostly}{class}{blame}")
}

/// The regions by how they look; `but`: one that was told already.
fn places(case: &Case, but: Option<&str>) -> Option<String> {
    if let [only] = &*case.regions {
        let name = &only.region;
        return Some(format!(
            "It is seen from one region only ({name}), which decides: it may be that region's uplink."
        ));
    }
    let mut groups = Vec::new();
    for look in [Look::Failing, Look::Suspected, Look::Clean, Look::Waiting, Look::Unknown] {
        let seen = case.regions.iter().filter(|seen| seen.look == look && but != Some(&*seen.region));
        groups.extend(group(look, &seen.collect::<Vec<_>>()));
    }
    let text = groups.join("; ");
    let sentence = text.get(..1).map(|first| first.to_uppercase() + &text[1..])?;
    Some(sentence + ".")
}

fn group(look: Look, seen: &[&RegionCase]) -> Option<String> {
    let numbers = |one: &&RegionCase| format!("{} {}", one.region, fraction(one.bad, one.runs));
    let names = |one: &&RegionCase| one.region.to_string();
    let listed = |name: &dyn Fn(&&RegionCase) -> String| listing(seen.iter().map(name), REGIONS);
    (!seen.is_empty()).then(|| match look {
        Look::Failing => format!("failing: {}", listed(&numbers)),
        Look::Suspected => format!("suspected: {}", listed(&numbers)),
        Look::Clean => format!("clean: {}", listed(&numbers)),
        Look::Waiting => format!("not measured yet: {}", listed(&names)),
        Look::Unknown => format!("unknown: {} (nothing could be measured from there)", listed(&names)),
    })
}

/// From what it is known, and whether that is enough: since `at`, if that is known.
fn certainty(case: &Case, standing: Standing, at: Option<Timestamp>, now: Timestamp) -> String {
    let mut runs = Vec::new();
    if case.scheduled > 0 || case.confirmations == 0 {
        runs.push(format!("{} scheduled", rough(case.scheduled)));
    }
    if case.confirmations > 0 {
        runs.push(format!("{} confirmation", rough(case.confirmations)));
    }
    let one = case.scheduled + case.confirmations == 1;
    let runs = format!("{} run{}", runs.join(" and "), if one { "" } else { "s" });
    let probes = listing(case.probes.iter().map(ToString::to_string), REGIONS);
    let of = if probes.is_empty() { String::new() } else { format!("; probes that fail: {probes}") };
    match (standing, at) {
        (Standing::Holds, Some(at)) => format!("Evidence enough since {}, from {runs}{of}.", clock(at, now)),
        (Standing::Holds, None) => format!("Evidence enough from {runs}{of}."),
        (Standing::Pending, _) => {
            format!("Evidence from {runs}{of}; it has not lasted long enough to fire yet ([detection]).")
        }
        (Standing::Clear | Standing::Unknown, _) => format!("The evidence is not enough yet: {runs}{of}."),
    }
}

fn clean(case: &Case) -> Option<String> {
    let steps = case.clean.iter().map(|(step, runs)| format!("{step} ({})", many_runs(*runs)));
    let steps = listing(steps, STEPS);
    (!steps.is_empty()).then(|| format!("Clean meanwhile: {steps}."))
}

/// The other cases, each in a few words.
fn also<'a>(cases: impl Iterator<Item = &'a Case>) -> Option<String> {
    let told = cases.map(|case| {
        let class = case.class.map(|class| format!("{class}, ")).unwrap_or_default();
        let level = match case.level {
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
fn nothing_at_hand() -> String {
    "It was found to fail, and nothing was measured since that says otherwise.".to_owned()
}

/// The first ones, and how many more there are.
fn listing(all: impl Iterator<Item = String>, shown: usize) -> String {
    let all: Vec<String> = all.collect();
    let first = all.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `9 of 9 runs`; of many `all of over 40 runs`, `30 % of over 200 runs`.
fn share(bad: u64, runs: u64) -> String {
    if runs <= EXACT {
        return format!("{bad} of {}", many(runs, "run"));
    }
    format!("{} of {} runs", rough_percent(bad, runs), rough(runs))
}

/// The same without the word.
fn fraction(bad: u64, runs: u64) -> String {
    if runs <= EXACT { format!("{bad} of {runs}") } else { format!("{} of {}", rough_percent(bad, runs), rough(runs)) }
}

/// Whole percents; `all`, `none` only where that is so.
fn rough_percent(bad: u64, runs: u64) -> String {
    match (bad, runs) {
        (0, _) => "none".to_owned(),
        (bad, runs) if bad >= runs => "all".to_owned(),
        (bad, runs) => {
            let percent = (bad as f64 / runs as f64 * 100.0).round();
            if percent < 1.0 { "under 1 %".to_owned() } else { format!("{:.0} %", percent.min(99.0)) }
        }
    }
}

/// Exact while small, then its first digit: `over 40`.
fn rough(count: u64) -> String {
    if count <= EXACT {
        return count.to_string();
    }
    let below = count - 1;
    let digit = 10_u64.pow(below.ilog10());
    format!("over {}", below / digit * digit)
}

fn many_runs(count: u64) -> String {
    if count <= EXACT { many(count, "run") } else { format!("{} runs", rough(count)) }
}

/// `18:05:12 UTC (10 s)`.
fn when(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", clock(at, now), age(now.since(at)))
}

/// The time of day; with the date if that was long ago.
fn clock(at: Timestamp, now: Timestamp) -> String {
    const LONG: Duration = Duration::from_secs(12 * 3600);
    if now.since(at) < LONG { at.to_utc().format("%H:%M:%S UTC").to_string() } else { moment(at) }
}

/// In steps that grow with it: tens of seconds, minutes, tens of minutes, hours.
fn age(length: Duration) -> String {
    let secs = length.as_secs();
    let step = match secs {
        0..10 => return "under 10 s".to_owned(),
        10..60 => 10,
        60..3600 => 60,
        3600..86_400 => 600,
        _ => 3600,
    };
    about(Duration::from_secs(secs / step * step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_grow_are_rough() {
        for (count, text) in [
            (0, "0"),
            (20, "20"),
            (21, "over 20"),
            (30, "over 20"),
            (31, "over 30"),
            (99, "over 90"),
            (1234, "over 1000"),
        ] {
            assert_eq!(rough(count), text);
        }
        for (bad, runs, text) in [
            (0, 0, "0 of 0 runs"),
            (1, 1, "1 of 1 run"),
            (9, 9, "9 of 9 runs"),
            (45, 45, "all of over 40 runs"),
            (0, 45, "none of over 40 runs"),
            (44, 45, "98 % of over 40 runs"),
            (999, 1000, "99 % of over 900 runs"),
            (1, 1000, "under 1 % of over 900 runs"),
        ] {
            assert_eq!(share(bad, runs), text);
        }
    }

    #[test]
    fn ages_grow_in_steps() {
        for (secs, text) in [
            (0, "under 10 s"),
            (19, "10 s"),
            (59, "50 s"),
            (119, "1 min"),
            (3599, "59 min"),
            (4199, "1 h"),
            (4200, "1 h 10 min"),
            (90_000 + 3599, "1 d 1 h"),
        ] {
            assert_eq!(age(Duration::from_secs(secs)), text);
        }
    }
}
