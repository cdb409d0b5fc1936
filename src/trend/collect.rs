//! The last day of every check in memory, and of every step where there is no ledger to ask.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::row::{self, Row};
use super::{CheckStrip, ProbeTrend, Seen, Tracked, Week};
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};
use crate::schedule::Timing;

/// How long a cell of a strip is.
const CELL: Duration = Duration::from_secs(1800);
/// How many a strip has.
const CELLS: usize = 48;
/// How long a cell of a step is.
const STEP_CELL: Duration = Duration::from_secs(3600);
/// How many are kept of a step.
const STEP_CELLS: usize = 26;
/// The most checks that are followed, the first of the plan: 10 000 take some 60 MB.
const MOST: usize = 10_000;
/// The most steps that are followed of a check.
const MOST_STEPS: usize = 50;

/// See the module. Whoever reads takes a [`Snapshot`], which takes microseconds, and makes of it what it likes.
#[derive(Debug, Default)]
pub struct Trends {
    with_steps: bool,
    checks: Vec<Arc<Series>>,
    /// By probe and region.
    places: HashMap<(Arc<str>, Arc<str>), usize>,
    changes: u64,
}

#[derive(Clone, Debug)]
struct Series {
    tracked: Tracked,
    cells: Row,
    steps: Vec<(Arc<str>, Row)>,
    /// Since when it is followed.
    since: Timestamp,
    /// Whether somebody was asked what came before.
    asked: bool,
}

/// What was known at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Another number: something was counted since.
    pub changes: u64,
    checks: Vec<Arc<Series>>,
}

impl Trends {
    /// Nothing followed yet. `with_steps`: steps are kept too.
    pub fn new(with_steps: bool) -> Self {
        Self { with_steps, ..Self::default() }
    }

    /// Follows these checks from now on, in their order: what is known of those that stay is kept.
    pub fn replace(&mut self, checks: Vec<Tracked>, now: Timestamp) {
        let mut before: HashMap<_, _> = self.checks.drain(..).map(|series| (series.key(), series)).collect();
        self.places.clear();
        for tracked in checks.into_iter().take(MOST) {
            let series = match before.remove(&(tracked.probe.clone(), tracked.region.clone())) {
                Some(mut series) => {
                    Arc::make_mut(&mut series).tracked = tracked;
                    series
                }
                None => Arc::new(Series::new(tracked, now)),
            };
            self.places.insert(series.key(), self.checks.len());
            self.checks.push(series);
        }
        self.changes += 1;
    }

    /// Counts a run that the schedule asked for.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let with_steps = self.with_steps;
        let Some(series) = self.series(&outcome.check.probe, &outcome.check.region) else { return };
        let Some(seen) = Seen::of(outcome, with_steps) else { return };
        series.count(&seen);
        self.changes += 1;
    }

    /// Counts runs that did not take place: the last so many that were due up to now.
    pub fn missed(&mut self, check: &CheckLabels, times: u64, now: Timestamp) {
        let Some(series) = self.series(&check.probe, &check.region) else { return };
        series.miss(times, now);
        self.changes += 1;
    }

    /// The checks of which it does not know what came before they were followed, and since when that is. Names each once.
    pub fn unknown(&mut self) -> Vec<(Tracked, Timestamp)> {
        let unknown = self.checks.iter_mut().filter(|series| !series.asked);
        let asked = unknown.map(|series| {
            let series = Arc::make_mut(series);
            series.asked = true;
            (series.tracked.clone(), series.since)
        });
        asked.collect()
    }

    /// Takes over what was found before a check was followed.
    pub fn restore(&mut self, tracked: &Tracked, past: &[Seen]) {
        let Some(series) = self.series(&tracked.probe, &tracked.region) else { return };
        let since = series.since;
        past.iter().filter(|seen| seen.start < since).for_each(|seen| series.count(seen));
        self.changes += 1;
    }

    /// What was taken over of a check is complete from that moment on only: cells before it are not known.
    pub fn forget(&mut self, tracked: &Tracked, before: Timestamp) {
        let Some(series) = self.series(&tracked.probe, &tracked.region) else { return };
        let since = series.since;
        series.cells.forget(before, since);
        self.changes += 1;
    }

    /// From which moment on the past is of use.
    pub fn first(now: Timestamp) -> Timestamp {
        row::begin(row::number(now, CELL).saturating_sub(CELLS as i64 - 1), CELL)
    }

    /// All that is known.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { changes: self.changes, checks: self.checks.clone() }
    }

    fn series(&mut self, probe: &Arc<str>, region: &Arc<str>) -> Option<&mut Series> {
        let place = *self.places.get(&(probe.clone(), region.clone()))?;
        self.checks.get_mut(place).map(Arc::make_mut)
    }
}

impl Series {
    const fn new(tracked: Tracked, since: Timestamp) -> Self {
        // One more than is shown: a run that was due in the cell before may end in the next.
        Self { tracked, cells: Row::new(CELL, CELLS + 1), steps: Vec::new(), since, asked: false }
    }

    fn key(&self) -> (Arc<str>, Arc<str>) {
        (self.tracked.probe.clone(), self.tracked.region.clone())
    }

    fn count(&mut self, seen: &Seen) {
        self.cells.cell(self.cells.number(seen.due)).add(seen.verdict, seen.took);
        for step in &seen.steps {
            let place = self.steps.iter().position(|(name, _)| *name == step.name);
            if place.is_none() && self.steps.len() >= MOST_STEPS {
                continue;
            }
            let place = place.unwrap_or_else(|| {
                self.steps.push((step.name.clone(), Row::new(STEP_CELL, STEP_CELLS)));
                self.steps.len() - 1
            });
            let row = &mut self.steps[place].1;
            row.cell(row.number(seen.due)).add(seen.of_step(step), step.took);
        }
    }

    /// After a long sleep many are told of at once: each belongs where it was due. Of cron that is not looked for.
    fn miss(&mut self, times: u64, now: Timestamp) {
        let last = self.cells.number(now);
        if matches!(self.tracked.timing, Timing::Cron(_)) {
            return self.cells.cell(last).miss(times);
        }
        let mut left = times;
        for number in (last.saturating_sub(CELLS as i64)..=last).rev() {
            let end = row::begin(number.saturating_add(1), CELL).min(now + Duration::from_nanos(1));
            let here = self.tracked.due_between(row::begin(number, CELL), end).min(left);
            if here > 0 {
                self.cells.cell(number).miss(here);
                left -= here;
            }
            if left == 0 {
                return;
            }
        }
    }
}

impl Snapshot {
    /// The cell that holds that moment: strips of one cell differ only by what was counted.
    pub fn cell(now: Timestamp) -> i64 {
        row::number(now, CELL)
    }

    /// The last day of every check, in order; one whose runs look from all regions once for each of them.
    pub fn strips(&self, now: Timestamp) -> Vec<CheckStrip> {
        let mut strips = Vec::with_capacity(self.checks.len());
        for Series { tracked, cells, .. } in self.checks.iter().map(|series| &**series) {
            let strip = cells.strip(now, CELLS);
            strips.extend(tracked.shown.iter().map(|region| CheckStrip {
                probe: tracked.probe.clone(),
                region: region.clone(),
                strip: strip.clone(),
            }));
        }
        strips
    }

    /// What is known of a probe by the hour: the last day of the week that it shows. `None`: there is no such probe.
    pub fn trend(&self, probe: &str, now: Timestamp) -> Option<ProbeTrend> {
        let own: Vec<&Series> = self.checks.iter().map(|s| &**s).filter(|s| *s.tracked.probe == *probe).collect();
        let mut week = Week::new(own.iter().map(|series| series.tracked.clone()).collect(), now)?;
        for series in own {
            series.cells.add_to(week.region(&series.tracked.region)?);
            series.steps.iter().for_each(|(name, row)| {
                if let Some(strip) = week.step(name) {
                    row.add_to(strip);
                }
            });
        }
        Some(week.as_counted())
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
