//! The ledger: counts, counters, alerts, runs, in one SQLite file. One writer thread, one transaction a second; whoever
//! hands something over never waits. Below SLO and alert: it keeps what they say and knows nothing of what it means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::clock::{Clock, Timestamp};
use crate::outcome::Outcome;
use crate::slo::maintenance::Window;
use crate::slo::{Block, Day};

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
    /// Deployments of the last days, newest first.
    pub deployments: Vec<Deployment>,
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

/// A ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Opens or makes the file, and brings it up to date. Reads files: not for async tasks. The error is a sentence: it cannot
    /// be opened, is no ledger, or was written by a newer version (then it is untouched).
    pub fn open(settings: &Settings, clock: Clock) -> Result<(Self, Opened), String> {
        let _ = (settings, clock);
        todo!("store")
    }

    /// The counts of these days and later, by day. For a start: reads files.
    pub fn days(&self, from_day: i64) -> Result<Vec<Day>, String> {
        let _ = from_day;
        todo!("store")
    }

    /// The minutes of these hours. Reads files.
    pub fn minutes(&self, hours: &[i64]) -> Result<Vec<Block>, String> {
        let _ = hours;
        todo!("store")
    }

    /// Starts the writer.
    pub fn start(&self, feed: Arc<dyn Feed>) {
        let _ = feed;
        todo!("store")
    }

    /// Hands a run over. Never waits; a full queue drops it, counted ([`Store::dropped`]).
    pub fn outcome(&self, outcome: &Arc<Outcome>) {
        let _ = outcome;
        todo!("store")
    }

    /// How many runs were dropped.
    pub fn dropped(&self) -> u64 {
        todo!("store")
    }

    /// Why it cannot be written at present; `None`: it can.
    pub fn failing(&self) -> Option<String> {
        todo!("store")
    }

    /// Keeps other settings from now on (`path` needs a restart).
    pub fn configure(&self, settings: &Settings) {
        let _ = settings;
        todo!("store")
    }

    /// Kept runs, newest first. Reads files.
    pub fn runs(&self, query: &RunsQuery) -> Result<Vec<KeptRun>, String> {
        let _ = query;
        todo!("store")
    }

    /// The run with that trace id (hexadecimal). Reads files.
    pub fn run(&self, trace_id: &str) -> Result<Option<KeptRun>, String> {
        let _ = trace_id;
        todo!("store")
    }

    /// Adds or replaces a maintenance window (by id) and notes in the audit log who did what. Waits for the disk: for a
    /// blocking thread. `Ok`: it is on disk.
    pub fn put_window(&self, window: &Window, action: &str, by: &str) -> Result<(), String> {
        let _ = (window, action, by);
        todo!("store")
    }

    /// Notes a deployment. As above.
    pub fn put_deployment(&self, deployment: &Deployment) -> Result<(), String> {
        let _ = deployment;
        todo!("store")
    }

    /// Writes what is left, and closes. Waits at most that long.
    pub fn shutdown(&self, grace: Duration) {
        let _ = grace;
        todo!("store")
    }
}
