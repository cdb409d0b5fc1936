//! The ledger: counts, counters, alerts, runs, in one SQLite file. One writer thread, one transaction a second; whoever
//! hands something over never waits. Below SLO and alert: it keeps what they say and knows nothing of what it means.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::alert::episode::{Episode, EpisodesQuery};
use crate::clock::{Clock, Timestamp};
use crate::detect;
use crate::outcome::Outcome;
use crate::slo::maintenance::Window;
use crate::slo::{Block, Day, DayCause};

mod causes;
mod cells;
mod episodes;
mod keys;
mod ledger;
mod patient;
mod pending;
mod read;
mod retain;
mod runs;
mod schema;
mod shared;
mod trend;
mod writer;

pub use keys::KeptKey;
pub use trend::TrendQuery;

use ledger::Ledger;
use shared::{Phase, Shared, locked};
use writer::Writer;

/// How many runs may wait for the writer.
const QUEUE: usize = 20_000;
/// How often the writer writes.
const EVERY: Duration = Duration::from_secs(1);
/// A round of the writer that takes longer hangs.
const HANGS: Duration = Duration::from_secs(10);

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The database file.
    pub path: PathBuf,
    /// How long every run is kept.
    pub keep_runs: Duration,
    /// How long failed runs are kept.
    pub keep_failures: Duration,
    /// How large the file and its log may become (bytes): then the oldest runs go first, never counts.
    pub max_size: u64,
}

/// The value of a counter metric.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterValue {
    /// The metric.
    pub name: String,
    /// Its label values, in the order of its definition.
    pub labels: Vec<String>,
    /// At least zero, whole.
    pub value: u64,
    /// Since when it counts (nanoseconds since the epoch): OTLP tells a restart from a reset by it.
    pub since_nanos: i64,
}

/// What the writer asks for once a second.
#[derive(Debug, Default)]
pub struct Batch {
    /// Hours of minutes that changed, whole: they replace what is there.
    pub blocks: Vec<Block>,
    /// Counters that changed.
    pub counters: Vec<CounterValue>,
    /// All alerts, if any changed: they replace all that are there.
    pub alerts: Option<Vec<Alert>>,
    /// All detectors, if any changed: they replace all that are there.
    pub detectors: Option<Vec<detect::Kept>>,
    /// Deployments that changed.
    pub deployments: Vec<Deployment>,
    /// Episodes that began or ended.
    pub episodes: Vec<Episode>,
    /// Signing keys of which more is known than before.
    pub keys: Vec<KeptKey>,
    /// What bad events were made of since the last batch: added to what is there.
    pub causes: Vec<DayCause>,
}

/// Whoever has something to keep. Called by the writer's thread only.
pub trait Feed: Send + Sync + 'static {
    /// What has changed since the last call.
    fn collect(&self) -> Batch;
    /// Everything collected up to the last call is on disk (or, if `false`, the writer holds it and tries again).
    fn kept(&self, ok: bool);
}

/// What a ledger held when it was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// All counters.
    pub counters: Vec<CounterValue>,
    /// All alerts.
    pub alerts: Vec<Alert>,
    /// Maintenance windows that are not long over.
    pub windows: Vec<Window>,
    /// All detectors.
    pub detectors: Vec<detect::Kept>,
    /// Deployments of the last days, newest first.
    pub deployments: Vec<Deployment>,
    /// Alerts that fired and were not over, and the latest that were.
    pub episodes: Vec<Episode>,
    /// When it was last written: what was due since then was not measured. `None`: it is new.
    pub last_written: Option<Timestamp>,
}

/// A run as it was kept: whole (the JSON of the API) if it was not good, else what is worth keeping of it, in the same form.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// As the API writes a run.
    pub json: serde_json::Value,
}

/// Which kept runs.
#[derive(Clone, Debug)]
pub struct RunsQuery {
    /// Of this probe.
    pub probe: String,
    /// In this region.
    pub region: Option<String>,
    /// `good`, `bad` or `inconclusive`.
    pub verdict: Option<String>,
    /// Started before.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// A ledger. Cheap to clone; when the last clone is gone, what is left is written in the background.
#[derive(Clone, Debug)]
pub struct Store(Arc<Handle>);

/// What ends the writer when nobody is left to hand it anything.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Store {
    /// Opens or makes the file, and brings it up to date. Reads files: not for async tasks. The error is a sentence: it cannot
    /// be opened, is no ledger, is in use by another process, or was written by a newer version (then it is untouched).
    pub fn open(settings: &Settings, clock: Clock) -> Result<(Self, Opened), String> {
        let path = schema::locate(&settings.path)?;
        let lock = schema::Lock::take(&path)?;
        let connection = schema::open(&path, schema::MIGRATIONS)?;
        let opened = read::opened(&connection, clock.now()).map_err(|error| schema::unusable(&path, &error))?;
        let (sender, receiver) = sync_channel(QUEUE);
        let shared = Shared {
            path,
            clock,
            settings: Mutex::new(settings.clone()),
            ledger: Mutex::new(Some(Ledger::new(connection))),
            place: patient::Place::default(),
            reader: Mutex::new(None),
            lock: Mutex::new(Some(lock)),
            sender,
            receiver: Mutex::new(Some(receiver)),
            dropped: AtomicU64::new(0),
            failing: Mutex::new(None),
            busy_since: AtomicI64::new(0),
            phase: Mutex::new(Phase::Idle),
            bell: Condvar::new(),
        };
        Ok((Self(Arc::new(Handle(Arc::new(shared)))), opened))
    }

    /// The counts of these days and later, by day. For a start: reads files.
    pub fn days(&self, from_day: i64) -> Result<Vec<Day>, String> {
        self.days_of(from_day..=i64::MAX)
    }

    /// The counts of these days. A day of a series takes 2 KiB of memory: with many, read a day at a time.
    pub fn days_of(&self, days: RangeInclusive<i64>) -> Result<Vec<Day>, String> {
        self.read(|connection| read::days(connection, &days))
    }

    /// The minutes of these hours. Reads files. An hour of a series takes up to 4 KiB of memory: with many, read an hour at
    /// a time.
    pub fn minutes(&self, hours: &[i64]) -> Result<Vec<Block>, String> {
        self.read(|connection| read::minutes(connection, hours))
    }

    /// Starts the writer: a transaction a second. Once; later calls do nothing.
    pub fn start(&self, feed: Arc<dyn Feed>) {
        self.start_every(feed, EVERY);
    }

    /// The same at another pace.
    pub fn start_every(&self, feed: Arc<dyn Feed>, every: Duration) {
        let shared = self.shared();
        let Some(queue) = locked(&shared.receiver).take() else { return };
        *locked(&shared.phase) = Phase::Running;
        let writer = Writer::new(shared.clone(), feed, queue, every);
        if let Err(error) = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run()) {
            shared.set_failing(Some(format!("its writer cannot be started: {error}")));
            shared.set_ended();
        }
    }

    /// Hands a run over. Never waits; a full queue drops it, counted ([`Store::dropped`]).
    pub fn outcome(&self, outcome: &Arc<Outcome>) {
        if self.shared().sender.try_send(outcome.clone()).is_err() {
            self.shared().dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many runs were dropped.
    pub fn dropped(&self) -> u64 {
        self.shared().dropped.load(Ordering::Relaxed)
    }

    /// How much it takes on disk, its log included (bytes).
    pub fn size(&self) -> u64 {
        self.shared().path.metadata().map_or(0, |file| file.len()) + self.shared().log_size()
    }

    /// Why it cannot be written at present; `None`: it can.
    pub fn failing(&self) -> Option<String> {
        let shared = self.shared();
        let since = shared.busy_since.load(Ordering::Acquire);
        let busy = shared.clock.now().since(Timestamp::from_nanos(since));
        if since != 0 && busy > HANGS {
            return Some(format!("the disk has not answered for {} s", busy.as_secs()));
        }
        locked(&shared.failing).clone()
    }

    /// Keeps other settings from now on (`path` needs a restart).
    pub fn configure(&self, settings: &Settings) {
        *locked(&self.shared().settings) = settings.clone();
    }

    /// Kept runs, newest first. Reads files.
    pub fn runs(&self, query: &RunsQuery) -> Result<Vec<KeptRun>, String> {
        self.read(|connection| read::runs(connection, query))
    }

    /// The run with that trace id (hexadecimal). Reads files.
    pub fn run(&self, trace_id: &str) -> Result<Option<KeptRun>, String> {
        match u128::from_str_radix(trace_id, 16) {
            Ok(trace) if trace_id.len() == 32 => self.read(|connection| read::run(connection, trace.to_be_bytes())),
            _ => Ok(None),
        }
    }

    /// Alerts that fired, newest first. Reads files.
    pub fn episodes(&self, query: &EpisodesQuery) -> Result<Vec<Episode>, String> {
        self.read(|connection| episodes::select(connection, query))
    }

    /// What is known of all providers' signing keys. Reads files.
    pub fn keys(&self) -> Result<Vec<KeptKey>, String> {
        self.read(keys::all)
    }

    /// Adds or replaces a maintenance window (by id) and notes in the audit log who did what. Waits some seconds for the
    /// disk: for a blocking thread. `Ok`: it is on disk, or, where the disk takes longer, will be as soon as it answers. The
    /// error, a sentence: it is not on disk, and will not be.
    pub fn put_window(&self, window: &Window, action: &str, by: &str) -> Result<(), String> {
        let (window, action, by, now) = (window.clone(), action.to_owned(), by.to_owned(), self.shared().clock.now());
        patient::write(self.shared(), move |ledger| ledger.window(&window, &action, &by, now))
    }

    /// Notes a deployment. As above.
    pub fn put_deployment(&self, deployment: &Deployment) -> Result<(), String> {
        let deployment = deployment.clone();
        patient::write(self.shared(), move |ledger| ledger.deployment(&deployment))
    }

    /// Writes what is left, and closes. Waits at most that long.
    pub fn shutdown(&self, grace: Duration) {
        let shared = self.shared();
        shared.stop();
        let phase = locked(&shared.phase);
        let running = |phase: &mut Phase| *phase == Phase::Stopping;
        let (phase, _) = shared.bell.wait_timeout_while(phase, grace, running).unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Stopping {
            tracing::warn!("the ledger could not be written within the grace time; what came last may be lost");
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        let shared = self.shared();
        let say = |error| format!("the ledger cannot be read: {}", schema::reason(&error));
        let mut reader = locked(&shared.reader);
        let connection = match reader.take() {
            Some(connection) => connection,
            None => schema::open_reader(&shared.path).map_err(say)?,
        };
        // One that failed is not used again.
        let result = read(&connection).map_err(say)?;
        *reader = Some(connection);
        Ok(result)
    }
}

#[cfg(test)]
mod tests;
