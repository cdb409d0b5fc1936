//! Both evaluators, one truth: random streams of outcomes go through the embedded evaluator and, as the counters that
//! Prometheus would scrape, through the generated rules in the real rule engine (`promtool test rules`).
//!
//! They must agree to one scrape plus one evaluation (two minutes here) wherever nothing is within 5 % of a threshold; the
//! module `certain` says exactly what that means.

mod promtool_support;
#[allow(dead_code)] // Its part of it.
mod support;
mod support_outcome;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use authprobe::plan::{self, Plan};
use authprobe::rules::{self, Options};
use promtool_support::{Case, Series, file, test};
use support::Folder;

#[path = "differential/certain.rs"]
mod certain;
#[path = "differential/stream.rs"]
mod stream;

use stream::{Run, Stream};

/// Of each batch, so many streams.
const BATCH: usize = 25;
const BATCHES: usize = 8;
/// How long a stream is (minutes).
const MINUTES: u64 = 200;

/// Agreement is counted by rules of their own, evaluated after those under test: 1 in `want` is firing for certain, 0 not
/// firing for certain, 2 neither.
const CHECK: &str = "\
groups:
- name: check
  rules:
  - record: agrees:firing
    expr: (want == 1) and on (slo, burnrate_tier) ALERTS{alertname=\"AuthSLOBurn\", alertstate=\"firing\"}
  - record: agrees:quiet
    expr: (want == 0) unless on (slo, burnrate_tier) ALERTS{alertname=\"AuthSLOBurn\", alertstate=\"firing\"}
  - record: differs
    expr: (want == 1) unless on (slo, burnrate_tier) ALERTS{alertname=\"AuthSLOBurn\", alertstate=\"firing\"}
  - record: differs
    expr: (want == 0) and on (slo, burnrate_tier) ALERTS{alertname=\"AuthSLOBurn\", alertstate=\"firing\"}
";

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    firing: u64,
    quiet: u64,
    minutes: u64,
    /// Streams in which any alert fires for certain.
    fired: u64,
    restarts: u64,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.firing += other.firing;
        self.quiet += other.quiet;
        self.minutes += other.minutes;
        self.fired += other.fired;
        self.restarts += other.restarts;
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // It says how long it took.
fn both_evaluators_find_the_same() {
    let (begin, next) = (Instant::now(), AtomicUsize::new(0));
    let work = || {
        let mut found = Found::default();
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            if batch >= BATCHES {
                return found;
            }
            found += compare(batch);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(BATCHES));
    let mut all = Found::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            all += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let streams = (BATCH * BATCHES) as u64;
    let (certain, share) = (all.firing + all.quiet, (all.firing + all.quiet) as f64 / all.minutes as f64);
    println!(
        "{streams} streams ({} with a restart), {} minutes of alerts: {certain} certain ({:.0} %), of them {} firing in {} \
         streams; all agree; {:.1?}",
        all.restarts,
        all.minutes,
        share * 100.0,
        all.firing,
        all.fired,
        begin.elapsed()
    );
    // A comparison of silence with silence proves nothing.
    assert!(all.fired >= streams / 3 && all.firing >= all.minutes / 20, "{all:?}");
    assert!(share >= 0.8 && all.restarts >= streams / 4, "{all:?}");
}

/// Runs a batch of streams through both.
fn compare(batch: usize) -> Found {
    let seeds = (batch * BATCH..(batch + 1) * BATCH).map(|seed| seed as u64);
    let streams: Vec<Stream> = seeds.map(Stream::new).collect();
    let text: String = std::iter::once(stream::HEAD.to_owned()).chain(streams.iter().map(Stream::config)).collect();
    let plan =
        plan::from_str("streams", &text, Path::new("")).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert_eq!(plan.objectives.len(), BATCH);
    let mut found = Found::default();
    let mut series = Vec::new();
    for (stream, objective) in streams.iter().zip(&plan.objectives) {
        let run = stream.run(objective, MINUTES);
        found.minutes += run.readings.len() as u64 * (MINUTES + 1);
        found.restarts += u64::from(stream.restart.is_some());
        series.extend(wanted(&run, &mut found));
        series.extend(run.series);
    }
    agree(&plan, series, &found);
    found
}

/// What the embedded evaluator says for certain, as a series an alert.
fn wanted(run: &Run, found: &mut Found) -> Vec<Series> {
    let mut fired = false;
    let mut series = Vec::new();
    for (tier, readings) in &run.readings {
        let states = certain::states(readings);
        for (state, firing) in states.iter().zip(&run.firing[tier]) {
            // The state machine itself never leaves what is possible.
            assert!(firing.is_none_or(|firing| state.contains(firing)), "{} {tier}: {state:?} {firing:?}", run.slo);
        }
        let values: Vec<u64> = states.iter().map(|state| state.wanted()).collect();
        found.firing += values.iter().filter(|value| **value == 1).count() as u64;
        found.quiet += values.iter().filter(|value| **value == 0).count() as u64;
        fired |= values.contains(&1);
        series.push(Series::new(format!("want{{slo=\"{}\", burnrate_tier=\"{tier}\"}}", run.slo), values));
    }
    found.fired += u64::from(fired);
    series
}

fn agree(plan: &Plan, series: Vec<Series>, found: &Found) {
    let rules = rules::files(plan, &Options::default()).swap_remove(0).text;
    // Budgets and facts have no part in this.
    let (rules, _) = rules.split_once("\n  - name: authprobe-budgets\n").unwrap();
    let rules = without_annotations(rules);
    let names: Vec<String> =
        plan.objectives.iter().map(|objective| format!("authprobe-slo-{}", objective.name)).collect();
    let order: Vec<&str> = names.iter().map(String::as_str).chain(["check"]).collect();
    let folder = Folder::new();
    folder.write("rules.yml", &rules);
    folder.write("check.yml", CHECK);
    let count = |series: &str| format!("sum(count_over_time({series}[{MINUTES}m]))");
    let case = Case {
        name: "streams".into(),
        series,
        expect: vec![
            (MINUTES, format!("sum by (slo, burnrate_tier) (count_over_time(differs[{MINUTES}m]))"), vec![]),
            (MINUTES, count("agrees:firing"), vec![("{}".into(), found.firing as f64)]),
            (MINUTES, count("agrees:quiet"), vec![("{}".into(), found.quiet as f64)]),
        ],
    };
    let path = folder.write("test.yml", &file(&["rules.yml", "check.yml"], &order, 60, &[case]));
    if let Err(output) = test(&path) {
        panic!("{}: {output}", path.display());
    }
}

/// What is told does not decide whether it is told, and takes most of the time.
fn without_annotations(rules: &str) -> String {
    let mut within = false;
    let keep = |line: &&str| {
        within = line.starts_with("        annotations:") || (within && line.starts_with("          "));
        !within
    };
    rules.lines().filter(keep).flat_map(|line| [line, "\n"]).collect()
}
