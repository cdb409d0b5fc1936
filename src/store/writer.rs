//! The thread that writes: once a second everything that waits, in one transaction.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::pending::Pending;
use super::retain::Retention;
use super::runs::Run;
use super::schema::reason;
use super::{Feed, Shared};
use crate::clock::Instant;
use crate::outcome::Outcome;

/// The longest pause between attempts while the file cannot be written.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A log beyond this is written back and cut (bytes): somebody kept SQLite from it, reading for long.
const LONG_LOG: u64 = 16 * 1024 * 1024;

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    feed: Arc<dyn Feed>,
    queue: Receiver<Arc<Outcome>>,
    every: Duration,
    pending: Pending,
    retention: Retention,
    /// When to try again, and how long the pause before was.
    retry: Option<(Instant, Duration)>,
    retention_failed: bool,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        feed: Arc<dyn Feed>,
        queue: Receiver<Arc<Outcome>>,
        every: Duration,
    ) -> Self {
        let (pending, retention) = (Pending::default(), Retention::default());
        Self { shared, feed, queue, every, pending, retention, retry: None, retention_failed: false }
    }

    /// Until the store is shut down; then once more, and the file is closed.
    pub(super) fn run(mut self) {
        let ended = Ended(self.shared.clone());
        let mut next = self.shared.clock.instant() + self.every;
        while !self.shared.wait_until(next) {
            self.round(false);
            // No bunching after a round that took long.
            next = (next + self.every).max(self.shared.clock.instant());
        }
        self.round(true);
        self.shared.close();
        // First the queue: what comes from now on is counted as dropped.
        drop(self);
        drop(ended);
    }

    fn round(&mut self, last: bool) {
        let now = self.shared.clock.now();
        self.shared.busy_since.store(now.as_nanos(), Ordering::Release);
        self.pending.merge(self.feed.collect());
        while let Ok(outcome) = self.queue.try_recv() {
            let dropped = Run::of(&outcome).map_or(1, |run| self.pending.run(run));
            self.shared.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        let wait = self.retry.is_some_and(|(at, _)| self.shared.clock.instant() < at);
        let ok = (last || !wait) && self.write();
        self.feed.kept(ok);
        if ok && !last {
            self.retain();
        }
        self.shared.busy_since.store(0, Ordering::Release);
    }

    /// Writes what waits; says whether it is on disk.
    fn write(&mut self) -> bool {
        // Before anything was collected: what comes between belongs to the next round.
        let now = crate::clock::Timestamp::from_nanos(self.shared.busy_since.load(Ordering::Acquire));
        let mut ledger = self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ledger) = ledger.as_mut() else { return false };
        match ledger.write(&self.pending, now) {
            Ok(()) => {
                self.pending.clear();
                self.retry = None;
                self.shared.set_failing(None);
                true
            }
            Err(error) => {
                let pause = self.retry.map_or(self.every, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
                self.retry = Some((self.shared.clock.instant() + pause, pause));
                self.shared.set_failing(Some(reason(&error)));
                false
            }
        }
    }

    fn retain(&mut self) {
        let settings = self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let long = self.shared.log_size() > LONG_LOG;
        let mut ledger = self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ledger) = ledger.as_mut() else { return };
        let mut done = self.retention.round(&mut ledger.connection, &settings, &self.shared.clock);
        if long {
            done = done.and(ledger.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        }
        if let Err(error) = &done
            && !self.retention_failed
        {
            tracing::warn!(error = reason(error), "what is old cannot be removed from the ledger");
        }
        self.retention_failed = done.is_err();
    }
}

/// Tells that nobody writes any more, however the thread ended.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_failing(Some("its writer failed; please report it".to_owned()));
        }
        self.0.busy_since.store(0, Ordering::Release);
        self.0.set_ended();
    }
}
