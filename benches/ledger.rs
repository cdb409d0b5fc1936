//! What does the ledger cost? Bytes an outcome over a day of 1 000 checks once a minute (counts and counters included),
//! outcomes a second, and a start with 30 days of 1 000 series: days, minutes of the last 73 hours, time and memory.
//! Ends well whatever was reached; lines that begin with `row` are for the table of `make bench`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::outcome::{CheckLabels, Id, Outcome, SpanId, StepRecord, StepState, Trigger, Verdict};
use authprobe::sink::metrics::Metrics;
use authprobe::sink::metrics::table::Shape;
use authprobe::slo::{Block, Counts, SeriesKey, Tally};
use authprobe::store::{Batch, CounterValue, Feed, Settings, Store};

const CHECKS: u64 = 1000;
const MINUTES: u64 = 24 * 60;
const DAYS: i64 = 30;
/// The longest burn window is three days; its minutes are read at a start.
const HOURS: i64 = 73;
/// A Monday, midnight.
const FIRST: i64 = 1_699_833_600;
const GOAL_BYTES: f64 = 120.0;
const GOAL_START: Duration = Duration::from_secs(1);
const GOAL_MEMORY: u64 = 120 << 20;
const GOAL_LOOK: Duration = Duration::from_millis(5);
const START: &str = "--start";
/// For `make bench`: fills a ledger with the last 30 days of objectives `s0`, `s1`, … in region `here`.
const FILL: &str = "--fill";

#[derive(Default)]
struct Hand {
    next: Mutex<Batch>,
    collected: AtomicU64,
    kept: AtomicU64,
}

impl Feed for Hand {
    fn collect(&self) -> Batch {
        let batch = std::mem::take(&mut *self.next.lock().unwrap());
        self.collected.fetch_add(1, Ordering::SeqCst);
        batch
    }

    fn kept(&self, ok: bool) {
        assert!(ok, "the ledger cannot be written");
        self.kept.store(self.collected.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Hand {
    fn keep(&self, batch: Batch) {
        *self.next.lock().unwrap() = batch;
        // The round that is under way may have collected already.
        let enough = self.collected.load(Ordering::SeqCst) + 2;
        while self.kept.load(Ordering::SeqCst) < enough {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn settings(path: PathBuf) -> Settings {
    let long = Duration::from_secs(400 * 86_400);
    Settings { path, keep_runs: long, keep_failures: long, max_size: 1 << 40 }
}

fn open(path: &Path) -> (Store, Arc<Hand>) {
    let now = Timestamp::from_secs(FIRST + DAYS * 86_400);
    let store = Store::open(&settings(path.to_owned()), Clock::manual(now)).expect("a ledger").0;
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), Duration::from_millis(1));
    (store, hand)
}

fn login(check: u64) -> Outcome {
    let names = ["discovery", "keys", "authorize", "sign_in", "consent", "token", "id_token", "userinfo"];
    let step = |name| StepRecord {
        name,
        span_id: SpanId::random(),
        state: StepState::Done,
        start: Timestamp::default(),
        duration: Duration::ZERO,
        note: String::new(),
        cleanup: false,
        requests: vec![],
    };
    Outcome {
        check: CheckLabels {
            probe: format!("login {check}").into(),
            kind: "form_login",
            provider: "main".into(),
            client: "web".into(),
            region: "eu-west-1".into(),
        },
        labels: Arc::default(),
        trace_id: Id::random(),
        span_id: Id::random(),
        trigger: Trigger::Scheduled,
        scheduled: Timestamp::default(),
        start: Timestamp::default(),
        duration: Duration::ZERO,
        verdict: Verdict::Good,
        fault: None,
        warnings: vec![],
        steps: names.map(step).to_vec(),
        observations: vec![],
        browser: None,
    }
}

/// The run of that minute: durations as random as its trace id.
fn run(run: &mut Outcome, check: u64, minute: u64) -> Arc<Outcome> {
    run.trace_id = Id::random();
    let noise = u64::from_le_bytes(run.trace_id.0[..8].try_into().unwrap());
    run.scheduled = Timestamp::from_secs(FIRST) + Duration::from_millis(minute * 60_000 + check * 60);
    run.start = run.scheduled + Duration::from_micros(noise % 3000);
    let mut at = run.start;
    for (n, step) in run.steps.iter_mut().enumerate() {
        step.start = at + Duration::from_micros(20);
        step.duration = Duration::from_micros(10_000 + (noise >> n) % 190_000);
        at = step.start + step.duration;
    }
    run.duration = at.since(run.start);
    Arc::new(run.clone())
}

fn tally(good: u64) -> Tally {
    Tally { raw: Counts { good, expected: good, ..Counts::default() }, ..Tally::default() }
}

fn block(check: u64, hour: i64, minutes: u8) -> Block {
    let series = SeriesKey { slo: format!("login availability {check}").into(), region: "eu-west-1".into() };
    // One check in ten is restless: its minutes differ, as those of several runs a minute do.
    let good = |minute: u8| if check.is_multiple_of(10) { 5 + u64::from(minute % 2) } else { 1 };
    Block { series, hour, minutes: (0..minutes).map(|minute| (minute, tally(good(minute)))).collect() }
}

fn counters(value: u64) -> Vec<CounterValue> {
    let of = |check| {
        let labels = [format!("login {check}"), "form_login".into(), "main".into(), "web".into(), "eu-west-1".into()];
        CounterValue { name: "authprobe_runs_total".into(), labels: labels.to_vec(), value, since_nanos: 1 }
    };
    (0..CHECKS).map(of).collect()
}

/// A day, a minute a transaction.
fn day(path: &Path) {
    let (store, hand) = open(path);
    let clock = Clock::system();
    let mut runs: Vec<_> = (0..CHECKS).map(login).collect();
    let began = clock.instant();
    for minute in 0..MINUTES {
        (0..).zip(&mut runs).for_each(|(check, template)| store.outcome(&run(template, check, minute)));
        let hour = FIRST / 3600 + (minute / 60) as i64;
        let blocks = (0..CHECKS).map(|check| block(check, hour, (minute % 60) as u8 + 1)).collect();
        hand.keep(Batch { blocks, counters: counters(minute + 1), ..Batch::default() });
    }
    let took = began.elapsed();
    assert_eq!(store.dropped(), 0);
    store.shutdown(Duration::from_secs(600));
    let outcomes = (CHECKS * MINUTES) as f64;
    let bytes = path.metadata().expect("the ledger").len() as f64 / outcomes;
    row("ledger: bytes an outcome, counts included", &format!("{bytes:.0}"), "<= 120", bytes <= GOAL_BYTES);
    let second = outcomes / took.as_secs_f64();
    row("ledger: outcomes a second, counts included", &format!("{second:.0}"), ">= 1000", second >= 1000.0);
}

/// 30 days of counts, and how long a start takes with them.
fn start(path: &Path) {
    let (store, hand) = open(path);
    for day in 0..DAYS {
        let hours = FIRST / 3600 + day * 24..FIRST / 3600 + (day + 1) * 24;
        let blocks = hours.flat_map(|hour| (0..CHECKS).map(move |check| block(check, hour, 60))).collect();
        hand.keep(Batch { blocks, counters: counters(day as u64), ..Batch::default() });
    }
    store.shutdown(Duration::from_secs(600));
    let bytes = path.metadata().expect("the ledger").len() as f64 / (DAYS as u64 * CHECKS) as f64;
    println!("{bytes:.0} bytes a day and series, minutes included; one series in ten is restless");
    // In a process of its own: memory is what this one never had.
    let child =
        std::process::Command::new(std::env::current_exe().expect("this program")).arg(START).arg(path).output();
    print!("{}", String::from_utf8_lossy(&child.expect("a process").stdout));
}

/// 30 days up to now, of objectives as benches/compare.py configures them.
fn fill(path: &Path) {
    let clock = Clock::system();
    let (store, _) = Store::open(&settings(path.to_owned()), clock.clone()).expect("a ledger");
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), Duration::from_millis(1));
    let now = clock.now().as_secs().div_euclid(3600);
    for day in (1..=DAYS).rev() {
        let hours = now - day * 24..now - (day - 1) * 24;
        let named = |check: u64, hour| {
            let series = SeriesKey { slo: format!("s{check}").into(), region: "here".into() };
            Block { series, ..block(check, hour, 60) }
        };
        let blocks = hours.flat_map(|hour| (0..CHECKS).map(move |check| named(check, hour))).collect();
        hand.keep(Batch { blocks, ..Batch::default() });
    }
    store.shutdown(Duration::from_secs(600));
}

fn started(path: &Path) {
    let clock = Clock::system();
    let before = memory();
    let began = clock.instant();
    let now = Timestamp::from_secs(FIRST + DAYS * 86_400);
    let (store, opened) = Store::open(&settings(path.to_owned()), Clock::manual(now)).expect("a ledger");
    // A piece at a time, as what is read goes into something smaller.
    let (mut days, mut minutes) = (0, 0);
    let first = FIRST / 86_400;
    for day in first..first + DAYS {
        days += store.days_of(day..=day).expect("days").len();
    }
    let last = now.as_secs() / 3600;
    for hour in last - HOURS..last {
        minutes += store.minutes(&[hour]).expect("minutes").len();
    }
    let took = began.elapsed();
    let used = memory();
    let counters = opened.counters.len();
    println!("read {days} days, {minutes} hours of minutes, {counters} counters");
    assert_eq!((days, minutes, counters), (30_000, 73_000, 1000));
    let fits = took <= GOAL_START && used <= GOAL_MEMORY;
    let reached = format!("{:.0} ms, {} MiB (before: {} MiB)", took.as_secs_f64() * 1e3, used >> 20, before >> 20);
    row("ledger: reading 30 days of 1 000 series at a start", &reached, "<= 1 s, 120 MiB", fits);
}

/// What keeping the counters of 1 000 checks costs each second, whether they changed or not.
fn counting() {
    let metrics = Metrics::new("bench");
    let checks: Vec<_> = (0..CHECKS).map(|check| login(check).check).collect();
    metrics.declare(&checks);
    metrics.keep_counters();
    let series = metrics.families().filter(|family| family.definition().shape == Shape::Counter);
    let series: usize = series.map(|family| family.series().len()).sum();
    let clock = Clock::system();
    let mut worst = Duration::ZERO;
    for round in 0..50 {
        // As many as there are runs a second.
        checks.iter().skip(round * 17).take(17).for_each(|check| metrics.missed(check, "late"));
        let began = clock.instant();
        let changed = metrics.changed_counters();
        metrics.counters_kept();
        worst = worst.max(began.elapsed());
        assert_eq!(changed.len(), 17);
    }
    let reached = format!("{:.1} ms for {series} series", worst.as_secs_f64() * 1e3);
    row("ledger: looking for counters that changed, worst of 50", &reached, "<= 5 ms", worst <= GOAL_LOOK);
}

/// The most memory this process ever had (bytes).
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

fn row(what: &str, reached: &str, target: &str, fits: bool) {
    println!("row\t{what}\t{reached}\t{target}\t{}", if fits { "yes" } else { "no" });
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [what, path, ..] if what == START => return started(Path::new(path)),
        [what, path, ..] if what == FILL => return fill(Path::new(path)),
        _ => {}
    }
    let folder = std::env::temp_dir().join(format!("authprobe-bench-ledger-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    counting();
    start(&folder.join("start.db"));
    day(&folder.join("day.db"));
    let _ = std::fs::remove_dir_all(folder);
}
