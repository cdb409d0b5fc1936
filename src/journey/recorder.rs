//! What a run writes down while its steps go on.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::outcome::{BrowserReport, Observation, RequestRecord, SpanId, TraceId, Warning};
use crate::secret::Scrubber;

/// The most requests, warnings and observations a run may record each; further ones are dropped.
const MAX_RECORDS: usize = 2000;

/// What the HTTP client and the protocol functions write to while a step runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(super) trace_id: TraceId,
    scrubber: Scrubber,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: Vec<RequestRecord>,
    pub(super) warnings: Vec<Warning>,
    pub(super) observations: Vec<Observation>,
    pub(super) browser: Option<BrowserReport>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { trace_id: TraceId::random(), scrubber: Scrubber::default(), log: Arc::default() }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("recorder")
    }

    /// The run's trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Masks `value` in everything that this run reports. For every password, secret, code and token, when it is first
    /// sent or received.
    pub fn protect(&self, value: &str) {
        self.scrubber.protect(value);
    }

    /// `text` without secrets.
    pub fn scrub(&self, text: &str) -> String {
        self.scrubber.scrub(text)
    }

    /// Adds a finished request to the running step.
    pub fn request(&self, record: RequestRecord) {
        let mut log = self.log();
        if log.requests.len() < MAX_RECORDS {
            log.requests.push(record);
        }
    }

    /// A request that is on record as finished was not: its answer broke off. `error`: the class.
    pub fn broke_off(&self, span_id: SpanId, error: &'static str) {
        if let Some(record) = self.log().requests.iter_mut().find(|record| record.span_id == span_id) {
            record.error = Some(error);
        }
    }

    /// The finished requests of the running step.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log().requests.clone()
    }

    /// Adds a warning; the same one twice is one.
    pub fn warn(&self, warning: Warning) {
        let mut log = self.log();
        if log.warnings.len() < MAX_RECORDS && !log.warnings.contains(&warning) {
            log.warnings.push(warning);
        }
    }

    /// Adds several warnings.
    pub fn warn_all(&self, warnings: impl IntoIterator<Item = Warning>) {
        warnings.into_iter().for_each(|warning| self.warn(warning));
    }

    /// Adds a measured value.
    pub fn observe(&self, observation: Observation) {
        let mut log = self.log();
        if log.observations.len() < MAX_RECORDS {
            log.observations.push(observation);
        }
    }

    /// What the run's browser has to say; the last word counts.
    pub fn browser(&self, report: BrowserReport) {
        self.log().browser = Some(report);
    }
}
