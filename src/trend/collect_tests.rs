use super::*;
use crate::outcome::{Id, StepRecord, StepState, Trigger, Verdict};
use crate::schedule::Timing;

/// Monday, 2026-11-16, 10:20 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_794_824_400);
const MINUTE: Duration = Duration::from_secs(60);

fn tracked(probe: &str, region: &str, shown: &[&str]) -> Tracked {
    Tracked {
        probe: probe.into(),
        region: region.into(),
        shown: shown.iter().map(|region| (*region).into()).collect(),
        timing: Timing::Every(MINUTE),
        spread: Duration::ZERO,
        steps: vec!["token".into()],
    }
}

fn two() -> Vec<Tracked> {
    vec![tracked("login", "us", &["us"]), tracked("login", "eu", &["eu"])]
}

fn labels(probe: &str, region: &str) -> CheckLabels {
    let (probe, region) = (probe.into(), region.into());
    CheckLabels { probe, kind: "form_login", provider: "main".into(), client: "web".into(), region }
}

fn run(region: &str, due: Timestamp, verdict: Verdict) -> Outcome {
    let state = if verdict == Verdict::Good { StepState::Done } else { StepState::Failed };
    let step = |name, state, cleanup| StepRecord {
        name,
        span_id: Id([1; 8]),
        state,
        start: due,
        duration: Duration::from_millis(40),
        note: String::new(),
        cleanup,
        requests: Vec::new(),
    };
    let steps = vec![
        step("token", state, false),
        step("consent", StepState::Skipped, false),
        step("revoke", StepState::Done, true),
    ];
    Outcome {
        check: labels("login", region),
        labels: Arc::default(),
        trace_id: Id([1; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: due,
        start: due + Duration::from_millis(3),
        duration: Duration::from_millis(100),
        verdict,
        fault: None,
        warnings: Vec::new(),
        steps,
        observations: Vec::new(),
        browser: None,
    }
}

fn of(trends: &Trends, region: &str, now: Timestamp) -> CheckStrip {
    let strips = trends.snapshot().strips(now);
    strips.into_iter().find(|strip| *strip.region == *region).unwrap()
}

/// Good, bad, inconclusive, missed of a cell, from the last one back.
fn cell(strip: &CheckStrip, back: usize) -> [u32; 4] {
    let cell = &strip.strip.cells[47 - back];
    [cell.good, cell.bad, cell.inconclusive, cell.missed]
}

#[test]
fn the_last_day_is_kept_in_order_and_what_was_not_measured_is_a_gap() {
    let mut trends = Trends::new(false);
    trends.replace(two(), NOW);
    for (back, verdict) in
        [(0, Verdict::Good), (19, Verdict::Bad), (21, Verdict::Inconclusive), (48 * 30, Verdict::Bad)]
    {
        trends.outcome(&run("eu", NOW - MINUTE * back, verdict));
    }
    for trigger in [Trigger::Confirmation, Trigger::Manual, Trigger::Smoke] {
        trends.outcome(&Outcome { trigger, ..run("eu", NOW, Verdict::Bad) });
    }
    trends.outcome(&run("mars", NOW, Verdict::Bad));
    let strips = trends.snapshot().strips(NOW);
    let names: Vec<_> = strips.iter().map(|strip| (&*strip.probe, &*strip.region)).collect();
    assert_eq!(names, [("login", "us"), ("login", "eu")]);
    let eu = of(&trends, "eu", NOW);
    assert_eq!((eu.strip.begin, eu.strip.cells.len()), (Timestamp::from_secs(1_794_823_200 - 47 * 1800), 48));
    assert_eq!((cell(&eu, 0), cell(&eu, 1), eu.strip.total().runs()), ([1, 1, 0, 0], [0, 0, 1, 0], 3));
    assert_eq!(eu.strip.cells[47].latencies.count(), 1, "of good runs only");
    assert!(strips[0].strip.cells.iter().all(super::super::Cell::is_gap));
    let later = of(&trends, "eu", NOW + MINUTE * 10);
    assert_eq!((cell(&later, 0), cell(&later, 1)), ([0, 0, 0, 0], [1, 1, 0, 0]), "the next half hour");
}

#[test]
fn a_run_that_looks_from_all_regions_is_in_the_strip_of_each() {
    let mut trends = Trends::new(false);
    trends.replace(vec![tracked("login", "eu", &["eu", "us"])], NOW);
    trends.outcome(&run("eu", NOW, Verdict::Bad));
    assert_eq!((cell(&of(&trends, "eu", NOW), 0), cell(&of(&trends, "us", NOW), 0)), ([0, 1, 0, 0], [0, 1, 0, 0]));
}

#[test]
fn missed_runs_lie_where_they_were_due() {
    let mut trends = Trends::new(false);
    trends.replace(two(), NOW);
    trends.missed(&labels("login", "eu"), 1, NOW);
    trends.missed(&labels("login", "eu"), 25, NOW);
    let eu = of(&trends, "eu", NOW);
    // 10:00 to 10:20 are 21 moments; four were due before.
    assert_eq!((cell(&eu, 0), cell(&eu, 1)), ([0, 0, 0, 22], [0, 0, 0, 4]));
    assert!(eu.strip.cells[47].is_gap());
    trends.missed(&labels("login", "us"), 1_000_000, NOW);
    assert_eq!(of(&trends, "us", NOW).strip.total().missed, 47 * 30 + 21, "a long sleep");
    let cron = Tracked { timing: Timing::cron("*/5 * * * *", "UTC").unwrap(), ..tracked("cron", "eu", &["eu"]) };
    trends.replace(vec![cron], NOW);
    trends.missed(&labels("cron", "eu"), 3, NOW);
    assert_eq!(cell(&of(&trends, "eu", NOW), 0), [0, 0, 0, 3]);
}

#[test]
fn a_reload_keeps_what_stays_and_forgets_what_is_gone() {
    let mut trends = Trends::new(false);
    trends.replace(two(), NOW);
    assert_eq!(trends.unknown().len(), 2);
    trends.outcome(&run("eu", NOW, Verdict::Good));
    trends.outcome(&run("us", NOW, Verdict::Good));
    let slower = Tracked { timing: Timing::Every(MINUTE * 5), ..tracked("login", "eu", &["eu"]) };
    trends.replace(vec![slower.clone(), tracked("login", "asia", &["asia"])], NOW + MINUTE);
    let unknown = trends.unknown();
    assert_eq!(unknown, [(tracked("login", "asia", &["asia"]), NOW + MINUTE)], "each is asked for once");
    assert_eq!(trends.unknown(), []);
    let names: Vec<_> = trends.snapshot().strips(NOW).iter().map(|strip| strip.region.to_string()).collect();
    assert_eq!(names, ["eu", "asia"]);
    assert_eq!(cell(&of(&trends, "eu", NOW), 0), [1, 0, 0, 0]);
    trends.outcome(&run("us", NOW, Verdict::Good));
    trends.replace(two(), NOW);
    assert_eq!(cell(&of(&trends, "us", NOW), 0), [0; 4]);
}

#[test]
fn what_came_before_is_added_and_nothing_counts_twice() {
    let mut trends = Trends::new(false);
    trends.replace(two(), NOW);
    trends.outcome(&run("eu", NOW, Verdict::Good));
    let past = [1, 2, 40, 3000].map(|back| Seen::of(&run("eu", NOW - MINUTE * back, Verdict::Bad), false).unwrap());
    // The ledger has what was counted here as well.
    let own = Seen::of(&run("eu", NOW, Verdict::Good), false).unwrap();
    trends.restore(&tracked("login", "eu", &[]), &[&past[..], &[own]].concat());
    let eu = of(&trends, "eu", NOW);
    assert_eq!((cell(&eu, 0), cell(&eu, 1)), ([1, 2, 0, 0], [0, 1, 0, 0]));
    assert_eq!(Trends::first(NOW), eu.strip.begin);
    // It was not all: the cell in which it ends is not known either, but what was counted here is.
    trends.forget(&tracked("login", "eu", &[]), NOW - MINUTE * 30);
    let eu = of(&trends, "eu", NOW);
    assert_eq!((cell(&eu, 0), cell(&eu, 1)), ([1, 2, 0, 0], [0; 4]));
}

#[test]
fn a_clock_that_goes_back_loses_nothing_of_the_day() {
    let mut trends = Trends::new(true);
    trends.replace(two(), NOW);
    for back in (0..1440).rev() {
        trends.outcome(&run("eu", NOW - MINUTE * back, Verdict::Good));
    }
    let before = of(&trends, "eu", NOW);
    trends.outcome(&run("eu", NOW + Duration::from_secs(400 * 86_400), Verdict::Bad));
    trends.missed(&labels("login", "eu"), 2, Timestamp::from_nanos(i64::MAX));
    assert_eq!(of(&trends, "eu", NOW).strip.cells[2..], before.strip.cells[2..]);
    trends.outcome(&run("eu", NOW - MINUTE * 60, Verdict::Bad));
    assert_eq!(cell(&of(&trends, "eu", NOW), 2), [30, 1, 0, 0]);
    trends.outcome(&run("eu", Timestamp::from_nanos(i64::MIN), Verdict::Bad));
    of(&trends, "eu", Timestamp::from_nanos(i64::MIN));
}

#[test]
fn without_a_ledger_the_trend_is_the_day_by_the_hour() {
    let mut trends = Trends::new(true);
    trends.replace(two(), NOW);
    for back in [0, 19, 21, 50, 70] {
        trends.outcome(&run("eu", NOW - MINUTE * back, if back == 70 { Verdict::Bad } else { Verdict::Good }));
    }
    trends.outcome(&run("us", NOW, Verdict::Good));
    trends.missed(&labels("login", "us"), 1, NOW);
    let snapshot = trends.snapshot();
    let trend = snapshot.trend("login", NOW).unwrap();
    let regions: Vec<_> = trend.regions.iter().map(|(region, strip)| (&**region, strip.cells.len())).collect();
    assert_eq!(regions, [("us", 168), ("eu", 168)]);
    let last = |strip: &super::super::Strip, back: usize| {
        let cell = &strip.cells[167 - back];
        [cell.good, cell.bad, cell.missed]
    };
    assert_eq!((last(&trend.regions[0].1, 0), last(&trend.regions[1].1, 0)), ([1, 0, 1], [2, 0, 0]));
    assert_eq!(last(&trend.regions[1].1, 1), [2, 1, 0]);
    let [(token, strip)] = &trend.steps[..] else { panic!("what was skipped or cleaned up is no step here") };
    assert_eq!((&**token, last(strip, 0), last(strip, 1)), ("token", [3, 0, 0], [2, 1, 0]));
    assert_eq!(snapshot.trend("other", NOW), None);
    assert!(trend.regions[1].1.cells[..166].iter().all(super::super::Cell::is_gap));
}

/// `cargo test --lib trend::collect -- --ignored --nocapture`: what the overview waits for with 200 checks a minute.
#[test]
#[ignore = "a measurement"]
fn how_long_strips_of_two_hundred_checks_take() {
    let mut trends = Trends::new(false);
    let regions: Vec<String> = (0..200).map(|n| format!("r{n}")).collect();
    trends.replace(regions.iter().map(|region| tracked("login", region, &[region.as_str()])).collect(), NOW);
    for (n, region) in (0..).zip(&regions) {
        for back in 0..1440 {
            let took = Duration::from_millis(80 + (back * 7919 + n) % 200);
            trends.outcome(&Outcome { duration: took, ..run(region, NOW - MINUTE * back as u32, Verdict::Good) });
        }
    }
    let clock = crate::clock::Clock::system();
    let began = clock.instant();
    let snapshot = trends.snapshot();
    let held = began.elapsed();
    let strips = snapshot.strips(NOW);
    println!("{} strips in {:?}, of which under the lock {held:?}", strips.len(), began.elapsed());
}
