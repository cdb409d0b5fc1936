//! The disk is full, the file is locked, somebody makes a backup: nothing waits, and nothing is lost once it is over.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use authprobe::outcome::{Id, Verdict};
use authprobe::slo::Block;
use authprobe::store::{Batch, Store};
use rusqlite::Connection;

use crate::stage::{self, Folder, Hand, ask, block, counter, detector, open, running, tally, wait};
use crate::support_outcome::{check, failed_in_browser, outcome};

fn minute(minute: u8) -> Block {
    let minutes: Vec<_> = (0..=minute).map(|at| (at, tally(u64::from(at), 1))).collect();
    block("a", 480_000, &minutes)
}

fn push(store: &Store, n: u8, verdict: Verdict) {
    let check = check("login", "eu");
    let mut run = if verdict == Verdict::Good { outcome(&check) } else { failed_in_browser(&check, "x") };
    run.trace_id = Id([n; 16]);
    store.outcome(&Arc::new(run));
}

/// Hands several batches over, one after the other was collected.
fn hand_over(hand: &Hand, store: &Store, from: u8, to: u8) {
    for n in from..to {
        *hand.next.lock().unwrap() = Batch {
            blocks: vec![minute(n)],
            counters: vec![counter("x_total", "a", u64::from(n))],
            ..Batch::default()
        };
        push(store, n, if n % 2 == 0 { Verdict::Good } else { Verdict::Bad });
        let before = hand.collected.load(Ordering::SeqCst);
        wait("the batch to be collected", || hand.collected.load(Ordering::SeqCst) >= before + 2);
    }
}

fn everything_is_there(path: &Path, runs: i64, value: i64) {
    assert_eq!(ask::<i64>(path, "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM failure)"), runs);
    assert_eq!(ask::<i64>(path, "SELECT value FROM counter"), value);
    assert_eq!(ask::<i64>(path, "SELECT bad FROM hour"), value + 1);
    assert_eq!(ask::<i64>(path, "SELECT bad FROM day"), value + 1);
}

#[test]
fn a_locked_file_is_told_and_everything_comes_later() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    hand_over(&hand, &store, 0, 3);
    hand.settle();
    assert_eq!(store.failing(), None);
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    wait("trouble", || store.failing().is_some());
    let why = store.failing().unwrap();
    assert!(why.starts_with("another program holds it locked"), "{why}");
    let refused = hand.refused.load(Ordering::SeqCst);
    let kept = hand.kept.load(Ordering::SeqCst);
    hand_over(&hand, &store, 3, 8);
    assert!(hand.refused.load(Ordering::SeqCst) > refused);
    assert_eq!(hand.kept.load(Ordering::SeqCst), kept, "nothing is called kept that is not");
    assert_eq!(store.minutes(&[480_000]).unwrap(), [minute(2)], "reading goes on");
    assert!(store.put_deployment(&deployment()).unwrap_err().contains("another program holds it locked"));
    drop(other);
    hand.settle();
    assert_eq!((store.failing(), store.dropped()), (None, 0));
    everything_is_there(&folder.file(), 8, 7);
    stage::close(&store);
}

fn deployment() -> authprobe::alert::conditions::Deployment {
    authprobe::alert::conditions::Deployment {
        id: "d".to_owned(),
        at_nanos: 1,
        service: String::new(),
        version: String::new(),
        provider: String::new(),
        comment: String::new(),
        ..Default::default()
    }
}

#[test]
fn detectors_that_could_not_be_written_are_not_forgotten() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let kept = |json| vec![detector("main", "token", json), detector("main", "jwks", "{}")];
    hand.keep(Batch { detectors: Some(kept("1")), ..Batch::default() });
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    wait("trouble", || store.failing().is_some());
    let offer = |detectors| {
        *hand.next.lock().unwrap() = Batch { detectors, ..Batch::default() };
        let before = hand.collected.load(Ordering::SeqCst);
        wait("the batch to be collected", || hand.collected.load(Ordering::SeqCst) >= before + 2);
    };
    offer(Some(kept("2")));
    offer(Some(vec![detector("main", "token", "3")]));
    // They have not changed since: that takes nothing back that still waits.
    offer(None);
    drop(other);
    hand.settle();
    let all = "SELECT group_concat(step || json) FROM detector";
    assert_eq!(ask::<String>(&folder.file(), all), "token3");
    // Written once, it does not wait any more: what came after stays.
    hand.keep(Batch { detectors: Some(Vec::new()), ..Batch::default() });
    hand.settle();
    assert_eq!(ask::<i64>(&folder.file(), "SELECT count(*) FROM detector"), 0);
    stage::close(&store);
}

/// A disk of 1 MiB. Only root may mount one.
struct Disk(Folder);

impl Disk {
    fn new() -> Option<Self> {
        let folder = Folder::new();
        let path = folder.file().parent().unwrap().to_owned();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.file().parent().unwrap()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_everything_comes_later() {
    // Without the right to mount, the same is tested with a file that may not grow: store::tests.
    let Some(disk) = Disk::new() else { return };
    let path = disk.0.file();
    let (store, hand) = running(&disk.0.settings());
    hand_over(&hand, &store, 0, 3);
    hand.settle();
    let ballast = path.with_file_name("ballast");
    let full = std::fs::write(&ballast, vec![1; 2 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    // What the log has room for still fits.
    for round in 0..400 {
        *hand.next.lock().unwrap() = Batch {
            counters: (0..100).map(|n| counter("y_total", &format!("{n}{}", "y".repeat(100)), round)).collect(),
            ..Batch::default()
        };
        let before = hand.collected.load(Ordering::SeqCst);
        wait("the batch to be collected", || hand.collected.load(Ordering::SeqCst) >= before + 2);
        if store.failing().is_some() {
            break;
        }
    }
    let why = store.failing().expect("the disk is full");
    assert!(why.starts_with("the disk is full"), "{why}");
    hand_over(&hand, &store, 3, 8);
    std::fs::remove_file(ballast).unwrap();
    wait("the disk to be written again", || store.failing().is_none());
    hand.settle();
    assert_eq!(ask::<i64>(&path, "SELECT value FROM counter WHERE name = 'x_total'"), 7);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM counter WHERE name = 'y_total'"), 100);
    assert_eq!(ask::<i64>(&path, "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM failure)"), 8);
    assert_eq!(ask::<String>(&path, "PRAGMA integrity_check"), "ok");
    stage::close(&store);
}

#[test]
fn a_backup_can_be_made_while_it_is_written_and_restored() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    hand_over(&hand, &store, 0, 5);
    hand.settle();
    let copy = Folder::new();
    let done = Command::new("sqlite3").arg(folder.file()).arg(format!(".backup '{}'", copy.file().display())).status();
    // As the documents say; where there is no such program, by what it calls.
    if !done.is_ok_and(|status| status.success()) {
        let sql = format!("VACUUM INTO '{}'", copy.file().display());
        Connection::open(folder.file()).unwrap().execute_batch(&sql).unwrap();
    }
    hand_over(&hand, &store, 5, 8);
    hand.settle();
    assert_eq!(store.failing(), None);
    stage::close(&store);
    let (restored, opened) = open(&copy.settings()).unwrap();
    assert_eq!(opened.counters, [counter("x_total", "a", 4)]);
    assert_eq!(restored.minutes(&[480_000]).unwrap(), [minute(4)]);
    everything_is_there(&copy.file(), 5, 4);
    everything_is_there(&folder.file(), 8, 7);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let folder = Folder::new();
    let (store, _) = open(&folder.settings()).unwrap();
    let run = Arc::new(outcome(&check("login", "eu")));
    for millis in 0..20_007 {
        let start = run.start + Duration::from_millis(millis);
        store.outcome(&Arc::new(authprobe::outcome::Outcome { start, ..(*run).clone() }));
    }
    assert_eq!(store.dropped(), 7);
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), stage::PACE);
    stage::close(&store);
    assert_eq!(ask::<i64>(&folder.file(), "SELECT count(*) FROM run"), 20_000, "closing writes what waits");
    store.outcome(&run);
    assert_eq!(store.dropped(), 8, "closed");
}
