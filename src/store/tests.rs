use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::fault::{Class, Fault};
use crate::folder::Folder;
use crate::oidc::key_history::KeyLife;
use crate::outcome::{CheckLabels, Id, Trigger, Verdict};

fn settings(path: &Path) -> Settings {
    let week = Duration::from_secs(7 * 86_400);
    Settings { path: path.to_owned(), keep_runs: week, keep_failures: week, max_size: 1 << 30 }
}

fn wait(so: impl Fn() -> bool) {
    let waited = (0..6000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        so()
    });
    assert!(waited, "waited in vain");
}

/// Hands over a counter that grows, with a name so long that each round fills pages of its own.
#[derive(Default)]
struct Growing(AtomicU64, Mutex<Vec<bool>>);

impl Feed for Growing {
    fn collect(&self) -> Batch {
        let value = self.0.fetch_add(1, Ordering::SeqCst);
        let labels = vec![format!("{value}{}", "x".repeat(3000))];
        let counters = vec![CounterValue { name: "a_total".to_owned(), labels, value, since_nanos: 1 }];
        Batch { counters, ..Batch::default() }
    }

    fn kept(&self, ok: bool) {
        locked(&self.1).push(ok);
    }
}

#[test]
fn a_file_that_cannot_grow_is_told_and_everything_comes_later() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let (store, _) = Store::open(&settings(&path), Clock::manual(Timestamp::from_secs(86_400))).unwrap();
    let limit = |pages: i64| {
        let ledger = locked(&store.shared().ledger);
        ledger.as_ref().unwrap().connection.pragma_update(None, "max_page_count", pages).unwrap();
    };
    limit(60);
    let feed = Arc::new(Growing::default());
    store.start_every(feed.clone(), Duration::from_millis(5));
    wait(|| store.failing().is_some());
    let why = store.failing().unwrap();
    assert!(why.starts_with("the disk is full"), "{why}");
    assert!(locked(&feed.1).ends_with(&[false]));
    limit(100_000);
    wait(|| store.failing().is_none());
    store.shutdown(Duration::from_secs(60));
    let (_, opened) = Store::open(&settings(&path), Clock::system()).unwrap();
    let mut values: Vec<u64> = opened.counters.iter().map(|counter| counter.value).collect();
    values.sort_unstable();
    assert_eq!(values, (0..feed.0.load(Ordering::SeqCst)).collect::<Vec<_>>(), "none is missing");
}

/// Blocks until it is told to go on, or fails.
struct Stuck(Mutex<mpsc::Receiver<bool>>);

impl Feed for Stuck {
    fn collect(&self) -> Batch {
        if locked(&self.0).recv() == Ok(false) {
            panic!("as told");
        }
        Batch::default()
    }

    fn kept(&self, _: bool) {}
}

#[test]
fn a_round_that_hangs_is_told_and_so_is_a_writer_that_ended() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let clock = Clock::manual(Timestamp::from_secs(86_400));
    let (store, _) = Store::open(&settings(&path), clock.clone()).unwrap();
    let (go_on, told) = mpsc::channel();
    store.start_every(Arc::new(Stuck(Mutex::new(told))), Duration::from_millis(5));
    wait(|| store.shared().busy_since.load(Ordering::SeqCst) != 0);
    assert_eq!(store.failing(), None);
    clock.set(clock.now() + Duration::from_secs(11));
    wait(|| store.failing().is_some());
    assert_eq!(store.failing().as_deref(), Some("the disk has not answered for 11 s"));
    go_on.send(true).unwrap();
    wait(|| store.failing().is_none());
    go_on.send(false).unwrap();
    wait(|| store.failing().is_some());
    assert_eq!(store.failing().as_deref(), Some("its writer failed; please report it"));
    store.shutdown(Duration::from_secs(60));
}

fn run(n: u8, verdict: Verdict, detail: &str) -> runs::Run {
    let (probe, provider, client, region) = ("p".into(), "main".into(), "".into(), "eu".into());
    let outcome = Outcome {
        check: CheckLabels { probe, kind: "jwks", provider, client, region },
        labels: Arc::default(),
        trace_id: Id([n; 16]),
        span_id: Id([0; 8]),
        trigger: Trigger::Scheduled,
        scheduled: Timestamp::default(),
        start: Timestamp::default(),
        duration: Duration::ZERO,
        verdict,
        fault: (verdict != Verdict::Good).then(|| Fault::new(Class::Dns, detail)),
        warnings: vec![],
        steps: vec![],
        observations: vec![],
        browser: None,
    };
    runs::Run::of(&outcome).unwrap()
}

#[test]
fn what_waits_is_bounded_and_failures_wait_longest() {
    let mut pending = pending::Pending::default();
    let mut dropped = pending.run(run(1, Verdict::Good, ""));
    // 32 MiB may wait: 31 failures of a little more than one each do, the next does not fit.
    let failure = |n| run(n, Verdict::Bad, &"x".repeat(1 << 20));
    dropped += (0..31).map(|_| pending.run(failure(2))).sum::<u64>();
    assert_eq!((dropped, pending.runs.len()), (0, 32));
    dropped += pending.run(failure(3));
    assert_eq!((dropped, pending.runs.len()), (2, 31), "the good one, though it is small, and the oldest");
    assert!(pending.runs.iter().all(|run| !run.is_good()));
    assert_eq!(pending.runs.back().unwrap().trace, [3; 16], "the newest stays");
    pending.clear();
    for _ in 0..20_003 {
        dropped = pending.run(run(4, Verdict::Good, ""));
    }
    assert_eq!((dropped, pending.runs.len()), (1, 20_000));
}

fn kept_key(thumbprint: String, seen_nanos: i64) -> KeptKey {
    let life = KeyLife {
        kid: None,
        kty: "RSA".to_owned(),
        alg: None,
        thumbprint,
        published_nanos: 0,
        or_before: false,
        signed_nanos: None,
        removed_nanos: None,
        regions: Vec::new(),
        flaws: Vec::new(),
    };
    KeptKey { provider: "main".to_owned(), seen_nanos, life }
}

#[test]
fn of_keys_that_wait_the_last_seen_stay() {
    let mut pending = pending::Pending::default();
    let keys =
        |from: i64, to: i64| (from..to).map(|n| kept_key(format!("{:05}", 99_999 - n), n / 2)).collect::<Vec<_>>();
    pending.merge(Batch { keys: keys(0, 19_999), ..Batch::default() });
    assert_eq!(pending.keys.len(), 19_999);
    // Two are seen at once: of the third pair one has to go.
    pending.merge(Batch { keys: keys(19_999, 20_005), ..Batch::default() });
    assert_eq!(pending.keys.len(), 20_000);
    let mut oldest: Vec<i64> = pending.keys.values().map(|key| key.seen_nanos).collect();
    oldest.sort_unstable();
    assert_eq!(oldest[..3], [2, 3, 3]);
    assert_eq!(oldest.last(), Some(&10_002));
}
