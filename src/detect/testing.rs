//! A small world for the tests of this module: checks that run on schedule, a provider that fails as told, and whatever is
//! asked for in between. Time is virtual.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Detect, Roster, Ruling, Runs, Settings, Site, Standing};
use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::outcome::{CheckLabels, Id, Outcome, StepRecord, StepState, Trigger, Verdict};

/// 2026-05-06T00:00:00Z.
pub(super) const START: Timestamp = Timestamp::from_secs(1_778_025_600);

/// A check of `main` every minute.
pub(super) fn runs(probe: &str, kind: &'static str, region: &str, steps: &[&'static str], requests: u32) -> Runs {
    let check =
        CheckLabels { probe: probe.into(), kind, provider: "main".into(), client: "".into(), region: region.into() };
    Runs {
        check,
        steps: steps.to_vec(),
        requests,
        user: None,
        all_regions: false,
        timeout: Duration::from_secs(10),
        period: Duration::from_secs(60),
    }
}

/// The provider `main` with these.
pub(super) fn roster(runs: Vec<Runs>) -> Roster {
    let (labels, annotations) = (BTreeMap::new(), BTreeMap::new());
    Roster { sites: vec![Site { provider: "main".into(), labels, annotations, room: None, runs }] }
}

/// `machine` in three regions.
pub(super) fn three() -> Vec<Runs> {
    ["eu", "us", "ap"].map(|region| runs("machine", "client_credentials", region, &["discovery", "token"], 3)).to_vec()
}

/// What a run of a check finds at a time: the step that fails, with its class; how long it takes.
pub(super) type Model = Box<dyn FnMut(&CheckLabels, Timestamp) -> (Option<(&'static str, Class)>, Duration)>;

/// See the module.
pub(super) struct World {
    pub detect: Detect,
    pub now: Timestamp,
    pub model: Model,
    /// A probe whose runs leave a step out.
    pub skips: Option<(&'static str, &'static str)>,
    /// Every confirmation run: when, and which.
    pub asked: Vec<(Timestamp, CheckLabels)>,
    all: Vec<Runs>,
    /// Due times of the schedule: offsets within the period.
    offsets: Vec<Duration>,
    under_way: Vec<(Timestamp, Outcome)>,
}

impl World {
    /// Everything is fine; regions are interleaved evenly.
    pub fn new(all: Vec<Runs>, settings: Settings) -> Self {
        let step = Duration::from_secs(60) / u32::try_from(all.len()).unwrap();
        Self {
            detect: Detect::new(roster(all.clone()), settings),
            now: START,
            model: Box::new(|_, _| (None, Duration::from_millis(400))),
            skips: None,
            asked: Vec::new(),
            offsets: (0..all.len() as u32).map(|n| step * n).collect(),
            all,
            under_way: Vec::new(),
        }
    }

    /// Goes on for so long, in steps of 100 ms.
    pub fn run(&mut self, long: Duration) {
        let end = self.now + long;
        while self.now < end {
            self.now = self.now + Duration::from_millis(100);
            self.tick();
        }
    }

    /// Until that standing, at most for so long; says how long it took.
    pub fn until(&mut self, most: Duration, wanted: impl Fn(&Ruling) -> bool) -> Option<Duration> {
        let start = self.now;
        while self.now.since(start) < most {
            self.now = self.now + Duration::from_millis(100);
            self.tick();
            if wanted(&self.ruling()) {
                return Some(self.now.since(start));
            }
        }
        None
    }

    pub fn ruling(&self) -> Ruling {
        self.detect.rulings(self.now, &|_| false).remove(0)
    }

    /// From now on runs from these regions fail in that step.
    pub fn fail(&mut self, regions: &'static [&'static str], step: &'static str, class: Class) {
        self.model = Box::new(move |check, _| {
            (regions.contains(&&*check.region).then_some((step, class)), Duration::from_millis(400))
        });
    }

    /// From now on all is well.
    pub fn heal(&mut self) {
        self.model = Box::new(|_, _| (None, Duration::from_millis(400)));
    }

    fn tick(&mut self) {
        let now = self.now;
        let (over, rest) = std::mem::take(&mut self.under_way).into_iter().partition(|(end, _)| *end <= now);
        self.under_way = rest;
        for (_, outcome) in over {
            self.detect.outcome(&outcome, false, now);
        }
        for at in 0..self.all.len() {
            let within = now.as_nanos().rem_euclid(60_000_000_000) as u128;
            let offset = self.offsets[at].as_nanos();
            if (offset..offset + 100_000_000).contains(&within) {
                let runs = self.all[at].clone();
                self.detect.started(&runs.check, now);
                let outcome = outcome(&runs, Trigger::Scheduled, now, (self.model)(&runs.check, now), self.skips);
                self.under_way.push(outcome);
            }
        }
        let Self { detect, model, asked, all, under_way, skips, .. } = self;
        detect.confirm(&|_| false, now, &mut |check| {
            let runs = all.iter().find(|runs| runs.check == *check).unwrap();
            asked.push((now, check.clone()));
            under_way.push(outcome(runs, Trigger::Confirmation, now, model(check, now), *skips));
            true
        });
    }
}

/// A run, and when it is over.
pub(super) fn outcome(
    runs: &Runs,
    trigger: Trigger,
    start: Timestamp,
    (failed, duration): (Option<(&'static str, Class)>, Duration),
    skips: Option<(&str, &str)>,
) -> (Timestamp, Outcome) {
    let mut state = StepState::Done;
    let record = |step: &&'static str| {
        if failed.is_some_and(|(failed, _)| failed == *step) {
            state = StepState::Failed;
        }
        let name: &'static str = step;
        let left_out = skips.is_some_and(|(probe, left)| *runs.check.probe == *probe && left == *step);
        let now = if left_out { StepState::Skipped } else { state };
        if state == StepState::Failed {
            state = StepState::Skipped;
        }
        let (span_id, note, requests) = (Id([0; 8]), String::new(), Vec::new());
        StepRecord { name, span_id, state: now, start, duration: Duration::ZERO, note, cleanup: false, requests }
    };
    let steps = runs.steps.iter().map(record).collect();
    let fault = failed.map(|(step, class)| Fault { step, ..Fault::new(class, "as told") });
    let verdict = match &fault {
        None => Verdict::Good,
        Some(fault) if fault.blame.is_bad() => Verdict::Bad,
        Some(_) => Verdict::Inconclusive,
    };
    let outcome = Outcome {
        check: runs.check.clone(),
        labels: Arc::default(),
        trace_id: Id([0; 16]),
        span_id: Id([0; 8]),
        trigger,
        scheduled: start,
        start,
        duration,
        verdict,
        fault,
        warnings: Vec::new(),
        steps,
        observations: Vec::new(),
        browser: None,
    };
    (start + duration, outcome)
}

/// `AuthOutage` holds.
pub(super) fn out(ruling: &Ruling) -> bool {
    ruling.outage == Standing::Holds
}
