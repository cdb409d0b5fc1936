//! A probe by the hour over a week.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Cell, ProbeTrend, Seen, Strip, Tracked};
use crate::clock::Timestamp;

/// How long a cell is.
const CELL: Duration = Duration::from_secs(3600);
/// How many there are: a week.
const CELLS: usize = 7 * 24;
/// The most steps.
const MOST_STEPS: usize = 50;

/// What is made of the runs of a probe, which may come in any order.
#[derive(Debug)]
pub struct Week {
    /// The probe's checks: one a region, or one for all.
    checks: Vec<(Tracked, Strip)>,
    steps: Vec<(Arc<str>, Strip)>,
    /// When the first run of each check was due that was found.
    first: BTreeMap<Arc<str>, Timestamp>,
    now: Timestamp,
}

impl Week {
    /// Of a probe's checks, in configured order; `None`: there are none.
    pub fn new(checks: Vec<Tracked>, now: Timestamp) -> Option<Self> {
        let steps = checks.first()?.steps.iter();
        let empty = || Strip::empty(now, CELL, CELLS);
        let steps = steps.take(MOST_STEPS).map(|name| (name.clone(), empty())).collect();
        let checks = checks.into_iter().map(|tracked| (tracked, empty())).collect();
        Some(Self { checks, steps, first: BTreeMap::new(), now })
    }

    /// Since when runs are of use.
    pub fn begin(&self) -> Timestamp {
        Strip::empty(self.now, CELL, CELLS).begin
    }

    /// Counts a run of the check in that region.
    pub fn add(&mut self, region: &Arc<str>, seen: &Seen) {
        let Some(cell) = self.region(region).and_then(|strip| strip.cell_mut(seen.due)) else { return };
        cell.add(seen.verdict, seen.took);
        for step in &seen.steps {
            if let Some(cell) = self.step(&step.name).and_then(|strip| strip.cell_mut(seen.due)) {
                cell.add(seen.of_step(step), step.took);
            }
        }
        let first = self.first.entry(region.clone()).or_insert(seen.due);
        *first = (*first).min(seen.due);
    }

    /// Runs of the check in that region are known whole from that moment on only: cells before it are not known.
    pub fn forget(&mut self, region: &str, before: Timestamp) {
        let own = self.checks.iter_mut().filter(|(tracked, _)| *tracked.region == *region).map(|(_, strip)| strip);
        for strip in own.chain(self.steps.iter_mut().map(|(_, strip)| strip)) {
            let known = before.since(strip.begin).as_nanos().div_ceil(CELL.as_nanos());
            strip
                .cells
                .iter_mut()
                .take(usize::try_from(known).unwrap_or(CELLS))
                .for_each(|cell| *cell = Cell::default());
        }
        if let Some(first) = self.first.get_mut(region) {
            *first = (*first).max(before);
        }
    }

    pub(super) fn region(&mut self, region: &str) -> Option<&mut Strip> {
        self.checks.iter_mut().find(|(tracked, _)| *tracked.region == *region).map(|(_, strip)| strip)
    }

    /// One that the probe does not declare any more comes behind those that it does.
    pub(super) fn step(&mut self, name: &Arc<str>) -> Option<&mut Strip> {
        let place = self.steps.iter().position(|(known, _)| known == name);
        if place.is_none() && self.steps.len() < MOST_STEPS {
            self.steps.push((name.clone(), Strip::empty(self.now, CELL, CELLS)));
            return self.steps.last_mut().map(|(_, strip)| strip);
        }
        self.steps.get_mut(place?).map(|(_, strip)| strip)
    }

    /// The trend of runs that a ledger kept. It keeps none that were missed: they are what its period has more than was
    /// found, in hours that are over and begin after the first run that was found. By the period of today: the ledger does
    /// not know what it was.
    pub fn as_kept(mut self) -> ProbeTrend {
        for (tracked, strip) in &mut self.checks {
            let Some(first) = self.first.get(&tracked.region) else { continue };
            let whole = strip.cells.len().saturating_sub(1);
            let mut begin = strip.begin;
            for cell in strip.cells.iter_mut().take(whole) {
                let end = begin + CELL;
                if begin > *first {
                    cell.miss(tracked.due_between(begin, end).saturating_sub(cell.runs()));
                }
                begin = end;
            }
        }
        self.as_counted()
    }

    /// The trend of what was counted, as it is.
    pub fn as_counted(self) -> ProbeTrend {
        let mut regions = Vec::new();
        for (tracked, strip) in self.checks {
            regions.extend(tracked.shown.iter().map(|region| (region.clone(), strip.clone())));
        }
        ProbeTrend { regions, steps: self.steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;
    use crate::schedule::Timing;
    use crate::trend::SeenStep;

    /// Monday, 2026-11-16, 10:20 UTC.
    const NOW: Timestamp = Timestamp::from_secs(1_794_824_400);

    fn tracked(region: &str, shown: &[&str]) -> Tracked {
        Tracked {
            probe: "login".into(),
            region: region.into(),
            shown: shown.iter().map(|region| (*region).into()).collect(),
            timing: Timing::Every(Duration::from_secs(600)),
            spread: Duration::from_secs(30),
            steps: vec!["login".into(), "token".into()],
        }
    }

    fn seen(back: u64, verdict: Verdict, steps: &[(&str, bool)]) -> Seen {
        let due = NOW - Duration::from_secs(back);
        let step = |(name, done): &(&str, bool)| SeenStep { name: (*name).into(), done: *done, took: CELL };
        Seen { due, start: due, verdict, took: Duration::from_secs(1), steps: steps.iter().map(step).collect() }
    }

    #[test]
    fn runs_are_counted_by_hour_region_and_step() {
        let mut week = Week::new(vec![tracked("eu", &["eu"]), tracked("us", &["us"])], NOW).unwrap();
        assert_eq!(week.begin(), Timestamp::from_secs(1_794_823_200 - 167 * 3600));
        let (eu, us) = ("eu".into(), "us".into());
        week.add(&eu, &seen(60, Verdict::Good, &[("login", true), ("token", true)]));
        week.add(&eu, &seen(3600, Verdict::Bad, &[("login", true), ("token", false)]));
        week.add(&us, &seen(3600, Verdict::Inconclusive, &[("login", false), ("consent", true)]));
        week.add(&us, &seen(8 * 86_400, Verdict::Bad, &[]));
        week.add(&"asia".into(), &seen(60, Verdict::Bad, &[("login", true)]));
        let trend = week.as_counted();
        let of = |strip: &Strip, back: usize| {
            let cell = &strip.cells[167 - back];
            (cell.good, cell.bad, cell.inconclusive, cell.latencies.count())
        };
        let [(_, eu), (_, us)] = &trend.regions[..] else { panic!("{:?}", trend.regions.len()) };
        assert_eq!(
            (of(eu, 0), of(eu, 1), of(us, 0), of(us, 1)),
            ((1, 0, 0, 1), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 1, 0))
        );
        assert_eq!((eu.total().runs(), us.total().runs(), us.cells.len()), (2, 1, 168), "what is older is left out");
        let names: Vec<_> = trend.steps.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["login", "token", "consent"], "declared ones first");
        let step = |at: usize, back| of(&trend.steps[at].1, back);
        assert_eq!((step(0, 0), step(0, 1)), ((1, 0, 0, 1), (1, 0, 1, 1)));
        assert_eq!((step(1, 0), step(1, 1), step(2, 1)), ((1, 0, 0, 1), (0, 1, 0, 0), (1, 0, 0, 1)));
    }

    #[test]
    fn what_is_missing_after_the_first_run_was_missed() {
        let mut week = Week::new(vec![tracked("eu", &["eu", "us"])], NOW).unwrap();
        // 3 h 20 min ago, 80 min ago, just now.
        for back in [12_000, 4800, 30] {
            week.add(&"eu".into(), &seen(back, Verdict::Good, &[]));
        }
        let trend = week.as_kept();
        let missed: Vec<u32> = trend.regions[0].1.cells[163..].iter().map(|cell| cell.missed).collect();
        // The hour of the first run is not known whole, nor is this one.
        assert_eq!(missed, [0, 0, 6, 5, 0]);
        assert_eq!(trend.regions[1].1, trend.regions[0].1, "one run for all regions");
        assert!(trend.regions[0].1.cells[165].is_gap(), "and what was missed is no measurement");
        assert!(Week::new(Vec::new(), NOW).is_none());
    }

    #[test]
    fn what_is_known_in_part_is_not_known() {
        let mut week = Week::new(vec![tracked("eu", &["eu"]), tracked("us", &["us"])], NOW).unwrap();
        for (region, back) in ["eu", "us"].into_iter().flat_map(|region| [12_000, 4800, 30].map(|back| (region, back)))
        {
            week.add(&region.into(), &seen(back, Verdict::Bad, &[("login", true)]));
        }
        // In the middle of the hour before the last.
        week.forget("eu", NOW - Duration::from_secs(3600));
        let trend = week.as_kept();
        let known = |strip: &Strip| strip.cells.iter().map(Cell::runs).sum::<u64>();
        assert_eq!((known(&trend.regions[0].1), known(&trend.regions[1].1)), (1, 3));
        assert_eq!(known(&trend.steps[0].1), 2, "of all regions");
        assert_eq!(trend.regions[0].1.total().missed, 0);
    }
}
