//! A provider in virtual time: the shipped detectors, conditions and alerts, driven as the judge does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::conditions::Context;
use authprobe::alert::machine::{Change, Machine};
use authprobe::alert::outage;
use authprobe::clock::Timestamp;
use authprobe::detect::{Detect, Roster, Runs, Settings, Site};
use authprobe::fault::{Class, Fault};
use authprobe::outcome::{CheckLabels, Id, Outcome, StepRecord, StepState, Trigger, Verdict};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
/// How long a run takes.
const RUN: Duration = Duration::from_millis(150);
/// How often alerts are evaluated, at least.
const EVALUATION: Duration = Duration::from_secs(10);
const STEPS: [&str; 4] = ["discovery", "jwks", "token", "access_token"];

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A provider that is there or not, two probes in three regions, and who judges.
pub struct World {
    now: Timestamp,
    period: Duration,
    /// The step that fails while it is down.
    fails: &'static str,
    down: Box<dyn Fn(Duration) -> bool>,
    detect: Detect,
    machine: Machine,
    checks: Vec<Runs>,
    /// Checks by when they are due, with a number for those of one moment.
    due: BTreeSet<(Timestamp, usize)>,
    /// Runs by when they end.
    ends: BTreeMap<(Timestamp, usize), Outcome>,
    evaluation: Timestamp,
    pub confirmations: usize,
    changes: Vec<(Duration, Change)>,
}

impl World {
    /// Two probes without a login in three regions. `down`: whether the provider is down so long after the start.
    pub fn new(period: Duration, settings: Settings, down: impl Fn(Duration) -> bool + 'static) -> Self {
        Self::of_machines(&["north", "south", "west"], period, settings, down)
    }

    /// Two probes without a login in these regions.
    pub fn of_machines(
        regions: &[&str],
        period: Duration,
        settings: Settings,
        down: impl Fn(Duration) -> bool + 'static,
    ) -> Self {
        let both = |region: &&str| {
            [check(region, "keys", "jwks", 2, period), check(region, "machine", "client_credentials", 4, period)]
        };
        Self::with(regions.iter().flat_map(both).collect(), "discovery", settings, down)
    }

    /// These logins of one account, all in a row; what is down is that step.
    pub fn of_logins(
        regions: &[&str],
        period: Duration,
        step: &'static str,
        down: impl Fn(Duration) -> bool + 'static,
    ) -> Self {
        let login = |region: &&str| Runs {
            steps: vec!["discovery", "jwks", "authorize", "login", "token", "id_token", "userinfo"],
            requests: 10,
            user: Some("alice".into()),
            ..check(region, "login", "form_login", 0, period)
        };
        Self::with(regions.iter().map(login).collect(), step, Settings::default(), down)
    }

    fn with(
        checks: Vec<Runs>,
        fails: &'static str,
        settings: Settings,
        down: impl Fn(Duration) -> bool + 'static,
    ) -> Self {
        let period = checks[0].period;
        let (labels, annotations) = (BTreeMap::new(), BTreeMap::new());
        let site = Site { provider: "main".into(), labels, annotations, room: None, runs: checks.clone() };
        // Spread over the period, as by the schedule.
        let count = u32::try_from(checks.len()).unwrap() * 2;
        let spread = |n: usize| START + period * u32::try_from(n * 2 + 1).unwrap() / count;
        Self {
            now: START,
            period,
            fails,
            down: Box::new(down),
            detect: Detect::new(Roster { sites: vec![site] }, settings),
            machine: Machine::default(),
            due: (0..checks.len()).map(|n| (spread(n), n)).collect(),
            checks,
            ends: BTreeMap::new(),
            evaluation: START,
            confirmations: 0,
            changes: Vec::new(),
        }
    }

    /// Lets that much time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.start_due();
            self.finish();
            self.confirm();
            if self.detect.take_news() || self.now >= self.evaluation {
                self.evaluate();
            }
            let next = [
                self.due.first().map(|(at, _)| *at),
                self.ends.first_key_value().map(|((at, _), _)| *at),
                self.detect.next(),
                Some(self.evaluation),
                Some(self.now + secs(1)),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            self.now = next.max(self.now + Duration::from_millis(10)).min(end);
        }
    }

    fn start_due(&mut self) {
        while let Some((at, n)) = self.due.first().copied().filter(|(at, _)| *at <= self.now) {
            self.due.pop_first();
            self.due.insert((at + self.period, n));
            self.detect.started(&self.checks[n].check, self.now);
            self.begin(n, Trigger::Scheduled);
        }
    }

    /// Whether a run could begin: a check never overlaps itself.
    fn begin(&mut self, n: usize, trigger: Trigger) -> bool {
        let check = &self.checks[n];
        if self.ends.values().any(|running| running.check == check.check) {
            return false;
        }
        let fails = (self.down)(self.now.since(START)).then_some(self.fails);
        let outcome = outcome(check, trigger, self.now, fails);
        self.ends.insert((self.now + RUN, n), outcome);
        true
    }

    fn finish(&mut self) {
        while let Some(end) = self.ends.first_entry().filter(|end| end.key().0 <= self.now) {
            self.detect.outcome(&end.remove(), false, self.now);
        }
    }

    fn confirm(&mut self) {
        let mut asked = Vec::new();
        let (checks, ends) = (&self.checks, &self.ends);
        self.detect.confirm(&|_| false, self.now, &mut |check| {
            let n = checks.iter().position(|runs| runs.check == *check).expect("a check of the roster");
            let free = !asked.contains(&n) && !ends.values().any(|running| running.check == *check);
            if free {
                asked.push(n);
            }
            free
        });
        self.confirmations += asked.len();
        for n in asked {
            assert!(self.begin(n, Trigger::Confirmation));
        }
    }

    fn evaluate(&mut self) {
        self.evaluation = self.now + EVALUATION;
        let context = Context::default();
        let rulings = self.detect.rulings(self.now, &|_| false);
        let changes = self.machine.step(self.now, outage::conditions(&rulings, self.now, &context));
        self.changes.extend(changes.into_iter().map(|change| (self.now.since(START), change)));
    }

    /// When alerts of that name began to fire.
    pub fn fired(&self, name: &str) -> Vec<Duration> {
        let is = |change: &Change| matches!(change, Change::Fired(alert) if alert.name() == name);
        self.changes.iter().filter(|(_, change)| is(change)).map(|(at, _)| *at).collect()
    }

    /// When they were over.
    pub fn resolved(&self, name: &str) -> Vec<Duration> {
        let is = |change: &Change| matches!(change, Change::Resolved(alert) if alert.name() == name);
        self.changes.iter().filter(|(_, change)| is(change)).map(|(at, _)| *at).collect()
    }
}

fn check(region: &str, probe: &str, kind: &'static str, steps: usize, period: Duration) -> Runs {
    let check =
        CheckLabels { probe: probe.into(), kind, provider: "main".into(), client: "".into(), region: region.into() };
    Runs {
        check,
        steps: STEPS[..steps].to_vec(),
        requests: u32::try_from(steps).unwrap(),
        user: None,
        all_regions: false,
        timeout: secs(10),
        period,
    }
}

fn outcome(runs: &Runs, trigger: Trigger, start: Timestamp, fails: Option<&'static str>) -> Outcome {
    let done = fails.and_then(|fails| runs.steps.iter().position(|step| *step == fails));
    let step = |(n, name): (usize, &&'static str)| StepRecord {
        name,
        span_id: Id::random(),
        state: if done == Some(n) { StepState::Failed } else { StepState::Done },
        start,
        duration: RUN,
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    };
    Outcome {
        check: runs.check.clone(),
        labels: Arc::default(),
        trace_id: Id::random(),
        span_id: Id::random(),
        trigger,
        scheduled: start,
        start,
        duration: RUN,
        verdict: if done.is_some() { Verdict::Bad } else { Verdict::Good },
        fault: done.map(|at| Fault { step: runs.steps[at], ..Fault::new(Class::Connect, "refused") }),
        warnings: Vec::new(),
        steps: runs.steps[..done.map_or(runs.steps.len(), |at| at + 1)].iter().enumerate().map(step).collect(),
        observations: Vec::new(),
        browser: None,
    }
}
