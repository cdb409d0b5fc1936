//! A folder of its own, and a feed that a test fills.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::detect::Kept;
use authprobe::slo::{Block, Counts, SeriesKey, Tally};
use authprobe::store::{Batch, CounterValue, Feed, Opened, Settings, Store};

/// When it is, unless a test says otherwise: a Sunday, 12:00 UTC.
pub const NOW: Timestamp = Timestamp::from_secs(1_700_395_200);
/// How often the writer writes here.
pub const PACE: Duration = Duration::from_millis(10);

/// A folder that is gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authprobe-ledger-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("authprobe.db")
    }

    pub fn settings(&self) -> Settings {
        settings(&self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        keep_runs: Duration::from_secs(7 * 86_400),
        keep_failures: Duration::from_secs(90 * 86_400),
        max_size: 2 << 30,
    }
}

/// Opens with a clock that stands at [`NOW`].
pub fn open(settings: &Settings) -> Result<(Store, Opened), String> {
    Store::open(settings, Clock::manual(NOW))
}

/// What waits to be collected, and what was said of it.
#[derive(Default)]
pub struct Hand {
    pub next: Mutex<Batch>,
    /// How many batches were collected, kept, and refused.
    pub collected: AtomicU64,
    pub kept: AtomicU64,
    pub refused: AtomicU64,
}

impl Feed for Hand {
    fn collect(&self) -> Batch {
        self.collected.fetch_add(1, Ordering::SeqCst);
        std::mem::take(&mut *self.next.lock().unwrap())
    }

    fn kept(&self, ok: bool) {
        if ok { &self.kept } else { &self.refused }.fetch_add(1, Ordering::SeqCst);
    }
}

impl Hand {
    /// Hands a batch over and waits until it is on disk.
    pub fn keep(&self, batch: Batch) {
        *self.next.lock().unwrap() = batch;
        self.settle();
    }

    /// Waits until what was handed over before is on disk.
    pub fn settle(&self) {
        // A round may have collected already: the one after it is certain.
        let from = self.kept.load(Ordering::SeqCst);
        wait("a transaction", || self.kept.load(Ordering::SeqCst) >= from + 2);
    }
}

/// Waits until it is so, at most a minute.
pub fn wait(what: &str, so: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain for {what}");
}

/// A store whose writer runs.
pub fn running(settings: &Settings) -> (Store, Arc<Hand>) {
    let store = open(settings).unwrap().0;
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), PACE);
    (store, hand)
}

pub fn close(store: &Store) {
    store.shutdown(Duration::from_secs(60));
}

pub fn key(slo: &str, region: &str) -> SeriesKey {
    SeriesKey { slo: slo.into(), region: region.into() }
}

pub fn tally(good: u64, bad: u64) -> Tally {
    Tally { raw: Counts { good, bad, inconclusive: 0, expected: good + bad }, excluded: Counts::default() }
}

pub fn block(slo: &str, hour: i64, minutes: &[(u8, Tally)]) -> Block {
    Block { series: key(slo, "eu"), hour, minutes: minutes.to_vec() }
}

pub fn counter(name: &str, label: &str, value: u64) -> CounterValue {
    CounterValue { name: name.to_owned(), labels: vec![label.to_owned()], value, since_nanos: 5 }
}

pub fn detector(provider: &str, step: &str, json: &str) -> Kept {
    Kept { provider: provider.to_owned(), step: step.to_owned(), json: json.to_owned() }
}

/// A value of the file, by another connection.
pub fn ask<T: rusqlite::types::FromSql>(path: &Path, sql: &str) -> T {
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}
