//! What do SLOs cost? A book of 1 000 objectives takes over 30 days of one run a minute each, evaluates all of them, and
//! counts one outcome after the other. Ends well whatever was reached; lines that begin with `row` are for the table of
//! `make bench`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::outcome::{CheckLabels, Id, Outcome, Trigger, Verdict};
use authprobe::schedule::Timing;
use authprobe::slo::maintenance::{Maintenance, Recurring};
use authprobe::slo::objective::{STANDARD, tier};
use authprobe::slo::{Aggregate, Block, Book, Counts, Day, Member, Objective, SeriesKey, Sli, Tally, Triggers, Window};

const OBJECTIVES: usize = 1000;
const DAYS: i64 = 30;
const MINUTE: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_secs(86_400 * DAYS as u64);
/// In the afternoon, so that no window begins with a day or an hour.
const NOW: Timestamp = Timestamp::from_secs(1_778_081_817);
const GOAL_EVALUATION: Duration = Duration::from_millis(50);
const GOAL_OUTCOME: Duration = Duration::from_micros(20);
const GOAL_START: Duration = Duration::from_secs(1);
const GOAL_MEMORY: f64 = 60.0;
/// How many hours of minutes are read at a time.
const PORTION: usize = 2;

fn name(n: usize) -> String {
    format!("objective-{n}")
}

fn objectives() -> Vec<Arc<Objective>> {
    let of = |n: usize| {
        let member = Member {
            probe: format!("probe-{n}").into(),
            kind: "jwks",
            timing: Timing::Every(MINUTE),
            timeout: Duration::from_secs(30),
            regions: vec!["eu".into()],
            spreads: vec![Duration::from_secs(n as u64 % 60)],
            covers: Vec::new(),
        };
        let tiers = STANDARD.iter().map(|&(ppm, long, severity)| tier(ppm, long, severity, PERIOD, 60.0));
        Arc::new(Objective {
            name: name(n).into(),
            provider: "main".into(),
            members: vec![member],
            sli: Sli::Availability,
            target_ppm: 999_000,
            window: Window::Rolling(PERIOD),
            aggregate: Aggregate::Reachability,
            min_coverage_ppm: 800_000,
            alpha_ppm: 50_000,
            triggers: Triggers::Burn(tiers.collect()),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        })
    };
    (0..OBJECTIVES).map(of).collect()
}

fn series(n: usize) -> SeriesKey {
    SeriesKey { slo: name(n).into(), region: "eu".into() }
}

/// One run: bad at times, in maintenance two hours a week.
fn tally(hour: i64, at: u64) -> Tally {
    let bad = u64::from(at.is_multiple_of(97));
    let raw = Counts { good: 1 - bad, bad, inconclusive: 0, expected: 1 };
    Tally { raw, excluded: if hour % (7 * 24) < 2 { raw } else { Counts::default() } }
}

/// The minutes of that hour, up to now.
fn hour(n: usize, hour: i64) -> Vec<(u8, Tally)> {
    let minutes = (NOW.as_secs() / 60 - hour * 60 + 1).clamp(0, 60);
    // At most 60, and never below zero.
    (0..minutes as u8).map(|at| (at, tally(hour, hour.unsigned_abs() * 60 + u64::from(at) + n as u64))).collect()
}

fn whole_day(day: i64) -> Vec<Day> {
    let sum = |n, at: i64| {
        let mut sum = Tally::default();
        hour(n, at).iter().for_each(|(_, tally)| sum += *tally);
        sum
    };
    let of = |n: usize| {
        // Below 24.
        let hours = (0..24_i64).map(|at| (at as u8, sum(n, day * 24 + at))).filter(|(_, tally)| !tally.raw.is_zero());
        Day { series: series(n), day, hours: hours.collect() }
    };
    (0..OBJECTIVES).map(of).collect()
}

fn minutes(hours: &[i64]) -> Vec<Block> {
    let of = |n: usize, at: i64| Block { series: series(n), hour: at, minutes: hour(n, at) };
    hours.iter().flat_map(|at| (0..OBJECTIVES).map(move |n| of(n, *at))).collect()
}

fn outcome(n: usize, verdict: Verdict) -> Outcome {
    Outcome {
        check: CheckLabels {
            probe: format!("probe-{n}").into(),
            kind: "jwks",
            provider: "main".into(),
            client: "".into(),
            region: "eu".into(),
        },
        labels: Arc::default(),
        trace_id: Id([1; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: NOW,
        start: NOW,
        duration: Duration::from_millis(100),
        verdict,
        fault: None,
        warnings: Vec::new(),
        steps: Vec::new(),
        observations: Vec::new(),
        browser: None,
    }
}

/// Memory in use, from `/proc` (in pages of 4 KiB, as Linux tells it), in MB.
fn memory() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096.0 / 1e6)
}

fn row(what: &str, reached: &str, target: &str, fits: bool) {
    println!("row\t{what}\t{reached}\t{target}\t{}", if fits { "yes" } else { "no" });
}

/// Processor time of this thread so far, from `/proc`: what else the machine does is no part of it. Else the time of day.
fn cpu(clock: &Clock) -> Duration {
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = nanos.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| clock.now().since(Timestamp::from_secs(0)), Duration::from_nanos)
}

/// The mean of several: Linux counts in steps of some milliseconds.
fn timed(clock: &Clock, times: u32, mut work: impl FnMut()) -> Duration {
    let begun = cpu(clock);
    (0..times).for_each(|_| work());
    cpu(clock).saturating_sub(begun) / times
}

/// Takes over the ledger; the time that taking over takes, and how much memory the book holds.
fn restore(clock: &Clock) -> (Book, Duration, Option<f64>) {
    let before = memory();
    let mut book = Book::new(&objectives());
    let mut took = Duration::ZERO;
    for day in book.first_day(NOW)..=NOW.as_secs() / 86_400 {
        let read = whole_day(day);
        let begun = cpu(clock);
        book.restore(read, Vec::new());
        took += cpu(clock).saturating_sub(begun);
    }
    for hours in book.hours_wanted(NOW).chunks(PORTION) {
        let read = minutes(hours);
        let begun = cpu(clock);
        book.restore(Vec::new(), read);
        took += cpu(clock).saturating_sub(begun);
    }
    (book, took, memory().zip(before).map(|(after, before)| after - before))
}

fn main() {
    let clock = Clock::system();
    let (mut book, took, held) = restore(&clock);
    let judged: u64 = book.evaluate(NOW).iter().map(|e| e.budget.tally.raw.judged()).sum();
    println!("{OBJECTIVES} objectives, {judged} runs in their windows");
    row(
        "SLOs: taking over 30 days of 1 000",
        &format!("{:.0} ms", took.as_secs_f64() * 1000.0),
        "<= 1 s",
        took <= GOAL_START,
    );
    if let Some(held) = held {
        row("SLOs: memory of 1 000 over 30 days", &format!("{held:.0} MB"), "<= 60 MB", held <= GOAL_MEMORY);
    }
    let took = timed(&clock, 21, || assert_eq!(std::hint::black_box(book.evaluate(NOW)).len(), OBJECTIVES));
    let reached = format!("{:.2} ms", took.as_secs_f64() * 1000.0);
    row("SLOs: evaluating 1 000 over 30 days", &reached, "<= 50 ms", took <= GOAL_EVALUATION);

    let outcomes: Vec<Outcome> =
        (0..OBJECTIVES).map(|n| outcome(n, if n % 50 == 0 { Verdict::Bad } else { Verdict::Good })).collect();
    let mut minute = 0;
    let took = timed(&clock, 101, || {
        minute += 1;
        let now = NOW + MINUTE * minute;
        let counted: usize = outcomes.iter().map(|outcome| book.outcome(outcome, false, now).len()).sum();
        assert_eq!(counted, OBJECTIVES);
    }) / u32::try_from(OBJECTIVES).unwrap_or(1);
    let reached = format!("{:.2} µs", took.as_secs_f64() * 1e6);
    row("SLOs: counting an outcome", &reached, "<= 20 µs", took <= GOAL_OUTCOME);

    // Everything fails for hours: the stretch of failures is looked for as well.
    for n in 102..102 + 720 {
        let now = NOW + MINUTE * n;
        (0..OBJECTIVES)
            .for_each(|n| drop(book.outcome(&Outcome { verdict: Verdict::Bad, ..outcomes[n].clone() }, false, now)));
    }
    let now = NOW + MINUTE * 822;
    let took = timed(&clock, 21, || assert_eq!(std::hint::black_box(book.evaluate(now)).len(), OBJECTIVES));
    let reached = format!("{:.2} ms", took.as_secs_f64() * 1000.0);
    row("SLOs: evaluating 1 000 that fail for 12 hours", &reached, "<= 50 ms", took <= GOAL_EVALUATION);
    let took = timed(&clock, 1, || assert!(!book.changed().is_empty()));
    println!("a portion of what changed in 14 hours, for the ledger: {:.0} ms", took.as_secs_f64() * 1000.0);
    drop(book);
    absence(&clock);
    maintenance(&clock);
}

/// A process that was down for a day, or for all of the window.
fn absence(clock: &Clock) {
    for days in [1, 30] {
        let (mut book, _, _) = restore(clock);
        let to = NOW + MINUTE * 1440 * days;
        let took = timed(clock, 1, || assert_eq!(book.absent(NOW, to, &|_, _| false).len(), OBJECTIVES));
        let held = memory().unwrap_or_default();
        println!("an absence of {days} d: {:.0} ms, with it {held:.0} MB", took.as_secs_f64() * 1000.0);
    }
}

/// What every outcome is asked: does it lie in one of five windows a week?
fn maintenance(clock: &Clock) {
    let window = |n: usize| Recurring {
        name: format!("window-{n}").into(),
        begins: Timing::cron("0 0 2 * * SUN", "Europe/Zurich").expect("an expression"),
        duration: Duration::from_secs(3600),
        probes: (0..20).map(|n| format!("probe-{n}").into()).collect(),
    };
    let maintenance = Maintenance { recurring: (0..5).map(window).collect(), windows: Vec::new() };
    let took = timed(clock, 21, || {
        for n in 0..1000 {
            let at = NOW + MINUTE * n;
            assert!(!std::hint::black_box(maintenance.covers("probe-19", at - MINUTE, at)) || n > 0);
        }
    }) / 1000;
    println!("five recurring windows, asked for an outcome: {:.2} µs", took.as_secs_f64() * 1e6);
}
