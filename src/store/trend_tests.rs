use std::sync::Arc;

use super::*;
use crate::clock::Clock;
use crate::fault::{Class, Fault};
use crate::folder::Folder;
use crate::outcome::{CheckLabels, Id, Outcome, StepRecord, Verdict};
use crate::store::{Batch, Feed, Settings};

const NOW: Timestamp = Timestamp::from_secs(1_794_824_400);
const DAY: Duration = Duration::from_secs(86_400);

/// Nothing but runs.
struct Runs;

impl Feed for Runs {
    fn collect(&self) -> Batch {
        Batch::default()
    }

    fn kept(&self, _: bool) {}
}

fn run(region: &str, back: Duration, verdict: Verdict, trigger: Trigger) -> Outcome {
    let (probe, provider, client) = ("login".into(), "main".into(), "web".into());
    let due = NOW - back;
    let start = due + Duration::from_millis(250);
    let step = |name, state, millis, cleanup| StepRecord {
        name,
        span_id: Id([1; 8]),
        state,
        start,
        duration: Duration::from_millis(millis),
        note: String::new(),
        cleanup,
        requests: Vec::new(),
    };
    let last = if verdict == Verdict::Good { StepState::Done } else { StepState::Failed };
    let steps = vec![
        step("login", StepState::Done, 30, false),
        step("consent", StepState::Skipped, 0, false),
        step("token", last, 20, false),
        step("revoke", StepState::Done, 9, true),
    ];
    Outcome {
        check: CheckLabels { probe, kind: "form_login", provider, client, region: region.into() },
        labels: Arc::default(),
        trace_id: Id::random(),
        span_id: Id([0; 8]),
        trigger,
        scheduled: due,
        start,
        duration: Duration::from_micros(60_500),
        verdict,
        fault: (verdict != Verdict::Good).then(|| Fault::new(Class::Timeout, "\"slow\"")),
        warnings: vec![],
        steps,
        observations: vec![],
        browser: None,
    }
}

fn seen(back: Duration, verdict: Verdict, steps: bool) -> Seen {
    let due = NOW - back;
    let step = |name: &str, done, millis| SeenStep { name: name.into(), done, took: Duration::from_millis(millis) };
    let steps = if steps { vec![step("login", true, 30), step("token", verdict == Verdict::Good, 20)] } else { vec![] };
    Seen { due, start: due + Duration::from_millis(250), verdict, took: Duration::from_micros(60_500), steps }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// A ledger with these runs.
fn store(folder: &Folder, runs: impl Iterator<Item = Outcome>) -> Store {
    let settings =
        Settings { path: folder.file("a.db"), keep_runs: DAY * 365, keep_failures: DAY * 365, max_size: 1 << 40 };
    let fill = Store::open(&settings, Clock::manual(NOW)).unwrap().0;
    // Past the queue, which is made for what comes in a second.
    {
        let mut ledger = crate::store::locked(&fill.shared().ledger);
        let ledger = ledger.as_mut().unwrap();
        let mut pending = crate::store::pending::Pending::default();
        for (n, run) in runs.enumerate() {
            assert_eq!(pending.run(crate::store::runs::Run::of(&run).unwrap()), 0);
            if n % 10_000 == 9999 {
                ledger.write(&pending, NOW).unwrap();
                pending.clear();
            }
        }
        ledger.write(&pending, NOW).unwrap();
    }
    fill.start(Arc::new(Runs));
    fill
}

fn query(region: &str, steps: bool) -> TrendQuery {
    TrendQuery {
        probe: "login".to_owned(),
        region: region.to_owned(),
        from: NOW - DAY,
        until: NOW,
        steps,
        most: usize::MAX,
        deadline: Clock::system().instant() + Duration::from_secs(60),
    }
}

fn read(store: &Store, query: &TrendQuery) -> (Vec<Seen>, Option<Timestamp>) {
    let mut all = Vec::new();
    let short = store.trend(query, &mut |slice| all.extend_from_slice(slice)).unwrap();
    (all, short)
}

#[test]
fn scheduled_runs_of_a_check_are_read_with_their_steps() {
    let folder = Folder::new();
    let runs = [
        run("eu", minutes(1), Verdict::Good, Trigger::Scheduled),
        run("eu", minutes(2), Verdict::Good, Trigger::Confirmation),
        run("eu", minutes(3), Verdict::Bad, Trigger::Scheduled),
        run("eu", minutes(4), Verdict::Bad, Trigger::Manual),
        run("eu", minutes(5), Verdict::Inconclusive, Trigger::Scheduled),
        run("us", minutes(1), Verdict::Bad, Trigger::Scheduled),
        run("eu", DAY + minutes(1), Verdict::Good, Trigger::Scheduled),
        run("eu", DAY + minutes(1), Verdict::Bad, Trigger::Scheduled),
        // Another check of the same name, as after a change of the configuration.
        Outcome {
            labels: Arc::new([("team".to_owned(), "x".to_owned())].into()),
            ..run("eu", minutes(7), Verdict::Good, Trigger::Scheduled)
        },
    ];
    let store = store(&folder, runs.into_iter());
    let (mut all, short) = read(&store, &query("eu", true));
    all.sort_by_key(|seen| std::cmp::Reverse(seen.due));
    let of = |minute, verdict| seen(minutes(minute), verdict, true);
    let expected = [of(1, Verdict::Good), of(3, Verdict::Bad), of(5, Verdict::Inconclusive), of(7, Verdict::Good)];
    assert_eq!(short, None);
    assert_eq!(all, expected);
    let (without, _) = read(&store, &query("eu", false));
    assert!(without.len() == 4 && without.iter().all(|seen| seen.steps.is_empty()));
    let until = TrendQuery { until: NOW - minutes(4), ..query("eu", true) };
    assert_eq!(read(&store, &until).0.len(), 2);
    assert_eq!(read(&store, &query("mars", true)), (vec![], None));
    assert_eq!(read(&store, &TrendQuery { probe: "l%".to_owned(), ..query("eu", true) }).0, []);
    store.shutdown(Duration::from_secs(60));
}

#[test]
fn many_are_read_in_slices_none_twice_and_the_bounds_hold() {
    let folder = Folder::new();
    // Every 8 s; one in ten fails, seven at a time in the same millisecond.
    let one = |n: u64| {
        let verdict = if n.is_multiple_of(10) { Verdict::Bad } else { Verdict::Good };
        let second = if verdict == Verdict::Bad { n / 70 * 70 * 8 } else { n * 8 };
        run("eu", Duration::from_secs(second) + minutes(1), verdict, Trigger::Scheduled)
    };
    let store = store(&folder, (0..10_200).map(one));
    let (all, short) = read(&store, &query("eu", false));
    let bad = all.iter().filter(|seen| seen.verdict == Verdict::Bad).count();
    assert_eq!((all.len(), bad, short), (10_200, 1020, None));
    let due: Vec<_> = all.iter().filter(|seen| seen.verdict == Verdict::Good).map(|seen| seen.due).collect();
    assert!(due.is_sorted_by(|a, b| a > b), "the latest first, each once");
    let first = read(&store, &TrendQuery { most: 6000, ..query("eu", false) });
    let (some, Some(since)) = first else { panic!("that was not all") };
    assert_eq!(some.len(), 6000);
    let after = |all: &[Seen]| all.iter().filter(|seen| seen.start >= since).count();
    assert_eq!((after(&some), after(&some) > 5000), (after(&all), true), "what is told is complete since then");
    let late = TrendQuery { deadline: Clock::system().instant(), ..query("eu", false) };
    assert_eq!(read(&store, &late), (vec![], Some(NOW)));
    store.shutdown(Duration::from_secs(60));
}

#[test]
fn what_is_asked_for_is_found_by_an_index() {
    let folder = Folder::new();
    let store = store(&folder, std::iter::empty());
    let plan = |sql: &str| -> String {
        let explain = |connection: &Connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let lines = statement.raw_query().mapped(|row| row.get::<_, String>(3));
            lines.collect::<Result<Vec<_>, _>>()
        };
        store.read(explain).unwrap().join("; ")
    };
    let good = plan(GOOD_RUNS);
    assert_eq!(good, "SEARCH run USING PRIMARY KEY (probe_check=? AND at>? AND at<?)");
    let whole = plan(WHOLE_RUNS);
    assert_eq!(whole, "SEARCH failure USING INDEX failure_check (probe_check=? AND at>? AND at<?)");
    let causes = plan(crate::store::causes::LATEST);
    assert_eq!(causes, "SEARCH cause USING INDEX cause_day (day>?)", "and nothing is sorted");
    let old = plan(crate::store::causes::TOO_OLD);
    assert_eq!(old.replace("COVERING ", ""), "SEARCH cause USING INDEX cause_day (day<?)");
    store.shutdown(Duration::from_secs(60));
}

/// `cargo test --lib store::trend -- --ignored --nocapture`: what a start with 200 checks a minute reads, and what a page
/// reads of a week in three regions.
#[test]
#[ignore = "a measurement"]
fn how_long_a_day_and_a_week_take() {
    let clock = Clock::system();
    let timed = |what: &str, store: &Store, queries: Vec<TrendQuery>| {
        let began = clock.instant();
        let read: usize = queries.iter().map(|query| read(store, query).0.len()).sum();
        println!("{what}: {read} runs in {:?}", began.elapsed());
    };
    let folder = Folder::new();
    let of = |n: u64| run(&format!("r{}", n % 200), minutes(n / 200) + minutes(1), Verdict::Good, Trigger::Scheduled);
    let day = store(&folder, (0..288_000).map(of));
    timed("a day of 200 checks", &day, (0..200).map(|n| query(&format!("r{n}"), false)).collect());
    let folder = Folder::new();
    let of = |n: u64| {
        let verdict = if n.is_multiple_of(50) { Verdict::Bad } else { Verdict::Good };
        run(&format!("r{}", n % 3), minutes(n / 3) + minutes(1), verdict, Trigger::Scheduled)
    };
    let week = store(&folder, (0..3 * 10_080).map(of));
    let wide = |n| TrendQuery { from: NOW - DAY * 8, ..query(&format!("r{n}"), true) };
    timed("a week of three", &week, (0..3).map(wide).collect());
}
