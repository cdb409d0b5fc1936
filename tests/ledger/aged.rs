//! What is too old or too much goes; counts stay as long as any window may ask for them.

use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::outcome::{Id, Outcome, Verdict};
use authprobe::slo::{Block, Tally};
use authprobe::store::{Batch, Settings, Store};

use crate::stage::{self, Folder, Hand, NOW, PACE, ask, block, counter, tally, wait};
use crate::support_outcome::{check, failed_in_browser, outcome};

const DAY: u64 = 86_400;

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY)
}

fn run(probe: &str, start: Timestamp, verdict: Verdict) -> Arc<Outcome> {
    let check = check(probe, "eu");
    let mut run = if verdict == Verdict::Good { outcome(&check) } else { failed_in_browser(&check, "x") };
    (run.verdict, run.start, run.scheduled, run.trace_id) = (verdict, start, start, Id::random());
    Arc::new(run)
}

#[test]
fn runs_go_after_their_time_and_failures_later() {
    let folder = Folder::new();
    let settings = Settings { keep_runs: days(2), keep_failures: days(5), ..folder.settings() };
    let (store, hand) = stage::running(&settings);
    for age in 0..8 {
        // Half a day inside the limit, whatever rounding does.
        let start = NOW - days(age) - days(1) / 2;
        for probe in ["a", "b", "c"] {
            store.outcome(&run(probe, start, Verdict::Good));
            store.outcome(&run(probe, start, if age % 2 == 0 { Verdict::Bad } else { Verdict::Inconclusive }));
        }
    }
    hand.settle();
    wait("old runs to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM run") == 3 * 2);
    wait("old failures to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM failure") == 3 * 5);
    // Kept shorter than runs in general, failures are runs.
    store.configure(&Settings { keep_failures: days(1), ..settings });
    wait("more failures to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM failure") == 3 * 2);
    for _ in 0..10 {
        hand.settle();
    }
    assert_eq!(ask::<i64>(&folder.file(), "SELECT count(*) FROM failure"), 3 * 2);
    assert_eq!(ask::<i64>(&folder.file(), "SELECT count(*) FROM run"), 3 * 2);
    stage::close(&store);
}

#[test]
fn minutes_go_before_hours_and_hours_after_any_window() {
    let folder = Folder::new();
    let clock = Clock::manual(NOW);
    let (store, _) = Store::open(&folder.settings(), clock.clone()).unwrap();
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), PACE);
    let hour = NOW.as_secs() / 3600;
    let ages = [0, 34 * 24, 36 * 24, 399 * 24, 402 * 24];
    let blocks = ages.map(|age| block("a", hour - age, &[(3, tally(1, 1))])).to_vec();
    hand.keep(Batch { blocks, counters: vec![counter("x_total", "a", 1)], ..Batch::default() });
    wait("old minutes to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM hour") == 2);
    wait("old days to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM day") == 4);
    let left = store.days(0).unwrap();
    assert_eq!(left.iter().map(|day| day.day).collect::<Vec<_>>(), [399, 36, 34, 0].map(|age| hour / 24 - age));
    assert!(left.iter().all(|day| day.hours == [((hour % 24) as u8, tally(1, 1))]));
    clock.set(NOW + days(401));
    wait("a counter that no longer counts to go", || ask::<i64>(&folder.file(), "SELECT count(*) FROM counter") == 0);
    stage::close(&store);
}

#[test]
fn beyond_its_size_good_runs_go_first_then_failures_never_counts() {
    let folder = Folder::new();
    let settings = Settings { max_size: 3 << 20, ..folder.settings() };
    let clock = Clock::manual(NOW);
    let (store, _) = Store::open(&settings, clock.clone()).unwrap();
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), PACE);
    // The log is cut when it is begun anew, so something must be written: the time is, if it goes on.
    let fits = |most| {
        clock.set(clock.now() + Duration::from_millis(1));
        store.size() <= most
    };
    let blocks: Vec<Block> = (0..200).map(|n| block(&format!("slo {n}"), 480_000, &[(3, tally(n, 1))])).collect();
    hand.keep(Batch { blocks, ..Batch::default() });
    let start = |n: u64| NOW - Duration::from_secs(100_000 - n);
    for n in 0..50_000 {
        let verdict = if n % 200 == 0 { Verdict::Bad } else { Verdict::Good };
        store.outcome(&run(["a", "b", "c"][n as usize % 3], start(n), verdict));
        if n % 5000 == 4999 {
            hand.settle();
            // A step more than the limit at most, while more comes in than ever will.
            assert!(store.size() < 4 << 20, "{} bytes after {n}", store.size());
        }
    }
    wait("room to be made", || fits(settings.max_size));
    let failures = |path| ask::<i64>(path, "SELECT count(*) FROM failure");
    let path = folder.file();
    assert_eq!((store.dropped(), failures(&path)), (0, 250));
    let runs = ask::<i64>(&path, "SELECT count(*) FROM run");
    assert!((8_000..40_000).contains(&runs), "{runs} good runs fit");
    let (first, last) = ("SELECT min(at) / 16000 FROM run", "SELECT max(at) / 16000 FROM run");
    assert_eq!(ask::<i64>(&path, last), start(49_999).as_secs());
    assert!(ask::<i64>(&path, first) > start(500).as_secs(), "the oldest are gone");

    store.configure(&Settings { max_size: 1 << 20, ..settings });
    wait("more room to be made", || fits(1 << 20));
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM run"), 0);
    assert!((1..250).contains(&failures(&path)));
    assert_eq!(ask::<i64>(&path, "SELECT max(at) / 16000 FROM failure"), start(49_800).as_secs());
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM hour"), 200);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM day"), 200);
    assert_eq!(ask::<String>(&path, "PRAGMA integrity_check"), "ok");
    stage::close(&store);
}

#[test]
fn days_and_hours_are_the_sums_of_their_minutes() {
    let folder = Folder::new();
    let (store, hand) = stage::running(&folder.settings());
    let mut seed = 1_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let first = NOW.as_secs() / 3600 - 60;
    let mut sums = std::collections::BTreeMap::<(i64, String), Tally>::new();
    // Hours come whole, again and again, as they fill up; in the end what came last counts.
    for round in 0..30 {
        let mut blocks = Vec::new();
        for slo in ["a", "b", "c"] {
            for hour in first..first + 60 {
                if round > 0 && random(4) > 0 {
                    continue;
                }
                let mut minutes = Vec::new();
                let mut sum = Tally::default();
                for minute in 0..60 {
                    let mut counts = tally(random(3), random(2));
                    counts.raw.inconclusive = random(2);
                    counts.excluded.good = random(2) * counts.raw.good;
                    if counts != Tally::default() && random(3) > 0 {
                        sum += counts;
                        minutes.push((minute, counts));
                    }
                }
                sums.insert((hour, slo.to_owned()), sum);
                blocks.push(block(slo, hour, &minutes));
            }
        }
        hand.keep(Batch { blocks, ..Batch::default() });
    }
    stage::close(&store);
    let (store, _) = stage::open(&folder.settings()).unwrap();
    let mut from_days = std::collections::BTreeMap::new();
    for day in store.days(0).unwrap() {
        for (hour, sum) in day.hours {
            from_days.insert((day.day * 24 + i64::from(hour), day.series.slo.to_string()), sum);
        }
    }
    assert_eq!(from_days, sums);
    let mut from_minutes = std::collections::BTreeMap::<_, Tally>::new();
    for block in store.minutes(&(first..first + 60).collect::<Vec<_>>()).unwrap() {
        let sum = from_minutes.entry((block.hour, block.series.slo.to_string())).or_default();
        block.minutes.iter().for_each(|(_, tally)| *sum += *tally);
    }
    assert_eq!(from_minutes, sums);
    let columns = "sum(good), sum(bad), sum(inconclusive), sum(expected), sum(x_good)";
    let of = |table: &str| ask::<String>(&folder.file(), &format!("SELECT concat_ws(',', {columns}) FROM {table}"));
    let all = sums.values().fold(Tally::default(), |mut all, sum| {
        all += *sum;
        all
    });
    let Tally { raw, excluded } = all;
    let expected = format!("{},{},{},{},{}", raw.good, raw.bad, raw.inconclusive, raw.expected, excluded.good);
    assert_eq!((of("hour"), of("day")), (expected.clone(), expected));
}
