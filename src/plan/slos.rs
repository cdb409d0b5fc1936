//! `[[slo]]`: what is promised.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::catalogue::{self, Entry, Taken};
use super::desk::Desk;
use super::probes::cron;
use super::tiers::{self, Dropped};
use super::typed::{self, Item};
use super::{PlannedProbe, quorum, sli, words};
use crate::config::model::{NamedSli, Severity as WrittenSeverity, Sli, Slo, SloWindow};
use crate::config::{Mistake, nearest};
use crate::duration::HumanDuration;
use crate::slo::objective::WHOLE;
use crate::slo::{Member, Objective, Severity, Window};

/// How long a rolling window may be.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(366 * 86_400));
/// Over which time, when nothing is said.
const WINDOW: Duration = Duration::from_secs(30 * 86_400);
/// With less coverage nothing is known, when nothing is said (parts per million).
const MIN_COVERAGE: u32 = 800_000;
/// How improbable failures must be before they count, when nothing is said, and what may be said (parts per million).
const ALPHA: u32 = 50_000;
const ALPHAS: std::ops::RangeInclusive<u32> = 100..=500_000;

/// What a person should know of an objective besides itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// What of it came from the catalogue.
    pub catalogue: Option<Taken>,
    /// Standard tiers that can never fire.
    pub dropped: Vec<Dropped>,
}

/// Resolves all objectives; `probes` are those that could be read and run here, `names` those of all.
pub fn slos(desk: &mut Desk<'_>, probes: &[Arc<PlannedProbe>], names: &[String]) -> Vec<(Arc<Objective>, About)> {
    let items: Vec<Item<'_, Slo>> = typed::items(desk.loaded, "slo", &mut desk.mistakes);
    typed::unique("slo", &items, &mut desk.mistakes);
    let entries = match catalogue::entries() {
        Ok(entries) => entries,
        Err(why) => {
            desk.wrong(Mistake::general(why));
            Vec::new()
        }
    };
    let mut all = Vec::new();
    for item in &items {
        let Some(mut written) = item.value.clone() else { continue };
        let meant = typed::matching(desk, item, &written.probes, names);
        let mine: Vec<&PlannedProbe> =
            probes.iter().map(AsRef::as_ref).filter(|probe| meant.iter().any(|name| *name == *probe.name)).collect();
        let taken = from_catalogue(desk, item, &mut written, &entries, &mine);
        defaults(desk, item, &mut written);
        if let Some((objective, dropped)) = resolved(desk, item, &written, &mine) {
            all.push((Arc::new(objective), About { catalogue: taken, dropped }));
        }
    }
    all
}

/// Fills in what the catalogue has.
fn from_catalogue(
    desk: &mut Desk<'_>,
    item: &Item<'_, Slo>,
    written: &mut Slo,
    entries: &[Entry],
    probes: &[&PlannedProbe],
) -> Option<Taken> {
    let name = written.catalogue.as_deref()?;
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let mut message = format!("the catalogue has no `{name}`");
        let known = || entries.iter().map(|entry| &*entry.name);
        if let Some(near) = nearest::nearest(name, known()) {
            message.push_str(&format!(": did you mean `{near}`?"));
        }
        desk.wrong(item.mistake("catalogue", message).help(format!("it has {}", nearest::listed(known()))));
        return None;
    };
    for probe in probes.iter().filter(|probe| !entry.kinds.iter().any(|kind| kind == probe.kind.name)) {
        let kinds = nearest::listed(entry.kinds.iter().map(String::as_str));
        let message =
            format!("`{name}` is for probes of kind {kinds}: probe `{}` is `{}`", probe.name, probe.kind.name);
        desk.wrong(item.mistake("catalogue", message).help(catalogue::fitting(entries, probe.kind.name)));
    }
    Some(catalogue::fill(written, entry))
}

/// What holds where neither the objective nor the catalogue says anything; complains about a missing target, unless it is
/// there and wrong, misspelt, or would have come from an entry that was not found.
fn defaults(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &mut Slo) {
    let has =
        |key: &str| item.node.get(key).is_some() || item.node.get("catalogue").is_some() || item.misspells(key, &KEYS);
    if written.objective.is_none() && !has("objective") {
        let help = "or name an entry of the catalogue: catalogue = \"login-success\"";
        desk.wrong(item.mistake("", "`objective` is missing").help(help));
    }
    if written.sli.is_none() && !has("sli") {
        written.sli = Some(Sli::Named(NamedSli::Availability));
    }
    if written.window.is_none() && !has("window") {
        written.window = Some(SloWindow::Rolling(HumanDuration(WINDOW)));
    }
}

/// What a misspelt key may have been meant to be.
const KEYS: [&str; 14] = [
    "name",
    "probes",
    "catalogue",
    "sli",
    "objective",
    "window",
    "timezone",
    "aggregate",
    "quorum",
    "min_coverage",
    "labels",
    "annotations",
    "tiers",
    "severity",
];

fn resolved(
    desk: &mut Desk<'_>,
    item: &Item<'_, Slo>,
    written: &Slo,
    probes: &[&PlannedProbe],
) -> Option<(Objective, Vec<Dropped>)> {
    words::check(desk, item);
    let window = written.window.as_ref().and_then(|window| self::window(desk, item, window, written));
    let sli = written.sli.as_ref().map(|written| sli::sli(desk, item, written, probes));
    let target = target(desk, item, written);
    let alpha_ppm = written.alpha.map_or(ALPHA, |alpha| alpha.ppm);
    if !ALPHAS.contains(&alpha_ppm) {
        desk.wrong(item.mistake("alpha", "out of range: from 0.01% to 50%"));
    }
    let aggregate = sli.as_ref().and_then(|sli| quorum::aggregate(desk, item, written, sli, probes));
    let members: Vec<Member> = probes.iter().map(|probe| member(probe)).collect();
    let (window, sli, target_ppm) = (window?, sli?, target?);
    let names: BTreeSet<&str> = probes.iter().map(|probe| &*probe.provider.name).collect();
    if names.len() > 1 {
        let names: Vec<&str> = names.iter().copied().collect();
        desk.note(format!(
            "slo {}: its probes ask several providers ({}): its alerts name none, so no alert of a provider silences them",
            written.name.0,
            names.join(", ")
        ));
    }
    let mut objective = Objective {
        name: written.name.0.as_str().into(),
        provider: if names.len() == 1 { names.first()?.to_owned().into() } else { "".into() },
        members,
        sli,
        target_ppm,
        window,
        // What is missing is on record, or noted.
        aggregate: aggregate?,
        min_coverage_ppm: written.min_coverage.map_or(MIN_COVERAGE, |share| share.ppm),
        alpha_ppm,
        triggers: crate::slo::Triggers::Burn(Vec::new()),
        labels: written.labels.clone().unwrap_or_default(),
        annotations: written.annotations.clone().unwrap_or_default(),
    };
    let dropped = tiers::triggers(desk, item, written, &mut objective);
    // Where no probe of it runs here, a note of the probe says so.
    (!objective.members.is_empty()).then_some((objective, dropped))
}

fn target(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Slo) -> Option<u32> {
    let target = written.objective?.ppm;
    if target == 0 {
        desk.wrong(item.mistake("objective", "out of range: more than 0%"));
        return None;
    }
    if target < WHOLE && written.severity.is_some() {
        let message = "`severity` belongs to an objective of 100%: others have it in their tiers";
        desk.wrong(item.mistake("severity", message));
    }
    Some(target)
}

fn window(desk: &mut Desk<'_>, item: &Item<'_, Slo>, window: &SloWindow, written: &Slo) -> Option<Window> {
    let zone = written.timezone.as_deref();
    match window {
        SloWindow::Month => {
            let zone = zone.unwrap_or("UTC");
            cron(desk, item, "0 0 * * *", zone)?;
            Tz::from_str(zone).ok().map(Window::Month)
        }
        SloWindow::Rolling(length) => {
            let (least, most) = WINDOWS;
            if item.node.get("timezone").is_some() {
                desk.wrong(item.mistake("timezone", "`timezone` belongs to `window = \"month\"`"));
            }
            if !(least..=most).contains(&length.0) {
                desk.wrong(item.mistake("window", format!("{length} is out of range: from 1h to 366d")));
                return None;
            }
            if !tiers::whole_minutes(length.0) {
                desk.wrong(item.mistake("window", format!("{length} is not a whole number of minutes")));
                return None;
            }
            Some(Window::Rolling(length.0))
        }
    }
}

fn member(probe: &PlannedProbe) -> Member {
    let names = || probe.regions.iter().map(|region| region.region.clone());
    let wide = probe.cost().all_regions;
    Member {
        probe: probe.name.clone(),
        kind: probe.kind.name,
        timing: probe.timing.clone(),
        timeout: probe.timeout,
        regions: names().take(if wide { 1 } else { usize::MAX }).collect(),
        spreads: probe.spreads.iter().copied().take(if wide { 1 } else { usize::MAX }).collect(),
        covers: if wide { names().collect() } else { Vec::new() },
    }
}

/// How loud, in the words of alerts.
pub fn severity(written: WrittenSeverity) -> Severity {
    match written {
        WrittenSeverity::Page => Severity::Page,
        WrittenSeverity::Ticket => Severity::Ticket,
    }
}
