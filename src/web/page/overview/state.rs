//! What is known of every check, read once for everything that the overview shows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::verdict::{self, Cause, Check, Last, Subject};
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::fault::Fault;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Plan, PlannedProbe};
use crate::slo::Maintenance;
use crate::trend::{CheckStrip, Strip};
use crate::web::App;
use crate::web::api::last_in;

/// A probe.
pub struct Row {
    /// Which.
    pub probe: Arc<PlannedProbe>,
    /// Whether it lies in planned maintenance.
    pub maintained: bool,
    /// By region of the plan; `None`: it does not run there.
    pub cells: Vec<Option<Seen>>,
    steps: Vec<&'static str>,
}

/// A probe in a region.
pub struct Seen {
    /// Its newest run, whatever asked for it.
    pub last: Option<Arc<Outcome>>,
    /// Whether that was so long ago that it tells nothing of now.
    pub stale: bool,
    /// How many of its newest runs failed one after the other.
    pub row: usize,
    /// Its last day, among the strips that were read.
    pub strip: Option<usize>,
}

/// How a check looks, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Its newest run failed.
    Bad,
    /// Its newest run tells nothing.
    Inconclusive,
    /// Its newest run is old.
    Stale,
    /// It has not run yet.
    Never,
    /// Its newest run was good.
    Good,
}

impl Seen {
    /// In one word.
    pub fn look(&self) -> Look {
        match &self.last {
            None => Look::Never,
            Some(_) if self.stale => Look::Stale,
            Some(last) => match last.verdict {
                Verdict::Good => Look::Good,
                Verdict::Bad => Look::Bad,
                Verdict::Inconclusive => Look::Inconclusive,
            },
        }
    }
}

impl Row {
    /// The worst of its regions.
    pub fn look(&self) -> Look {
        self.cells.iter().flatten().map(Seen::look).min().unwrap_or(Look::Never)
    }
}

/// All checks.
pub struct State {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// Probes, in configured order.
    pub rows: Vec<Row>,
    /// What [`Seen::strip`] counts.
    pub strips: Arc<Vec<CheckStrip>>,
    /// What the detectors say.
    pub rulings: Arc<Vec<Ruling>>,
    /// When it was read.
    pub now: Timestamp,
}

/// Without a plan's word on it: how long a run tells something of now.
const FRESH: Duration = Duration::from_secs(15 * 60);

impl State {
    /// Reads it. Takes the lock of the runs that are remembered once a probe, for as long as it takes to copy pointers.
    pub fn read(app: &App, maintenance: &Maintenance, now: Timestamp) -> Self {
        let (plan, strips, rulings) = (app.control.plan(), app.control.strips(), app.control.rulings());
        let by_check: HashMap<(&str, &str), usize> =
            strips.iter().enumerate().map(|(n, strip)| ((&*strip.probe, &*strip.region), n)).collect();
        let fresh: HashMap<(&str, &str), Duration> = plan
            .watched
            .iter()
            .map(|watched| ((&*watched.check.probe, &*watched.check.region), watched.stale_after))
            .collect();
        let row = |probe: &Arc<PlannedProbe>| {
            let recent = app.control.recent(&probe.name);
            // A run that looks from all regions belongs to a check in one of them.
            let of_all =
                probe.regions.iter().map(|own| (&*probe.name, &*own.region)).find(|key| fresh.contains_key(key));
            let of_all = of_all.filter(|_| probe.cost().all_regions);
            let cell = |region: &str| {
                probe.regions.iter().any(|own| &*own.region == region).then(|| {
                    let own = (&*probe.name, region);
                    let key = if fresh.contains_key(&own) { own } else { of_all.unwrap_or(own) };
                    let fresh = fresh.get(&key).copied().unwrap_or(FRESH);
                    seen(probe, &recent, region, fresh, by_check.get(&key).copied(), now)
                })
            };
            Row {
                maintained: maintenance.covers(&probe.name, now, now),
                cells: plan.regions.iter().map(|egress| cell(&egress.region)).collect(),
                steps: probe.probe.steps(),
                probe: probe.clone(),
            }
        };
        let rows = plan.probes.iter().map(row).collect();
        Self { rows, plan, strips, rulings, now }
    }

    /// The strip of a check.
    pub fn strip(&self, seen: &Seen) -> Option<&Strip> {
        Some(&self.strips.get(seen.strip?)?.strip)
    }

    /// Whether the day of any check has runs: the ledger's, where there was none since the start.
    pub fn remembers(&self) -> bool {
        self.strips.iter().any(|check| check.strip.cells.iter().any(|cell| !cell.is_gap()))
    }

    /// When the newest run of all began.
    pub fn newest(&self) -> Option<Timestamp> {
        self.rows.iter().flat_map(|row| &row.cells).flatten().filter_map(|seen| Some(seen.last.as_ref()?.start)).max()
    }

    /// The newest failed run that fits, as far as it is the newest of its check.
    pub fn newest_bad(&self, fits: impl Fn(&PlannedProbe, &str) -> bool) -> Option<&Arc<Outcome>> {
        let all = self.rows.iter().flat_map(|row| row.cells.iter().flatten().map(move |seen| (row, seen)));
        let bad = all.filter_map(|(row, seen)| Some((row, seen.last.as_ref()?)));
        let bad = bad.filter(|(row, last)| last.verdict == Verdict::Bad && fits(&row.probe, &last.check.region));
        bad.map(|(_, last)| last).max_by_key(|last| last.start)
    }

    /// How all of it is, for the sentence.
    pub fn checks(&self) -> Vec<Check<'_>> {
        let mut checks = Vec::new();
        for row in &self.rows {
            let subject = Subject::of(&row.steps);
            let provider = &*row.probe.provider.name;
            let ruling = self.rulings.iter().find(|ruling| &*ruling.provider == provider);
            for (egress, seen) in self.plan.regions.iter().zip(&row.cells) {
                let Some(seen) = seen else { continue };
                let (probe, region) = (&*row.probe.name, &*egress.region);
                let (mut last, beyond) = told(subject, &row.steps, seen);
                if let Some(cause) =
                    ruling.filter(|_| last == Last::Good).and_then(|r| verdict::again(r, probe, region))
                    && subject.concerns(&row.steps, cause.step)
                {
                    last = Last::Again(Some(cause));
                }
                checks.push(Check { provider, probe, region, subject, last, beyond, maintained: row.maintained });
            }
        }
        checks
    }
}

fn seen(
    probe: &PlannedProbe,
    recent: &[Arc<Outcome>],
    region: &str,
    fresh: Duration,
    strip: Option<usize>,
    now: Timestamp,
) -> Seen {
    let last = last_in(probe, recent, region).cloned();
    let is_fresh = |outcome: &Outcome| now.since(outcome.start + outcome.duration) <= fresh;
    let here = recent.iter().filter(|outcome| probe.covers(&outcome.check.region, region));
    // Older failures are kept for longer than what was good between them.
    let row = here.take_while(|outcome| outcome.verdict == Verdict::Bad && is_fresh(outcome)).count();
    Seen { stale: last.as_ref().is_some_and(|last| !is_fresh(last)), last, row, strip }
}

/// What a check told of its subject, and in what it failed beyond that.
fn told<'a>(subject: Subject, steps: &[&'static str], seen: &'a Seen) -> (Last<'a>, Option<Cause<'a>>) {
    let Some(outcome) = &seen.last else { return (Last::Never, None) };
    if seen.stale {
        return (Last::Stale(outcome.start), None);
    }
    let cause = |fault: &'a Fault| Cause { class: fault.class, blame: fault.blame, step: fault.step };
    let fault = outcome.fault.as_ref();
    match (outcome.verdict, fault) {
        (Verdict::Good, _) => (Last::Good, None),
        (Verdict::Bad, Some(fault)) if !subject.concerns(steps, fault.step) => (Last::Good, Some(cause(fault))),
        (Verdict::Bad, Some(fault)) => (Last::Bad(cause(fault), seen.row), None),
        (Verdict::Inconclusive, Some(fault)) if !subject.concerns(steps, fault.step) => (Last::Good, None),
        (Verdict::Bad | Verdict::Inconclusive, fault) => (Last::Inconclusive(fault.map(cause)), None),
    }
}
