//! What the writer and everybody else share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::ledger::Ledger;
use super::{Settings, patient, schema};
use crate::clock::{Clock, Instant};
use crate::outcome::Outcome;

/// See the module.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    pub(super) settings: Mutex<Settings>,
    /// `None`: closed.
    pub(super) ledger: Mutex<Option<Ledger>>,
    /// Where what somebody waits for is written.
    pub(super) place: patient::Place,
    /// Opened when somebody reads.
    pub(super) reader: Mutex<Option<Connection>>,
    /// Held until the file is closed.
    pub(super) lock: Mutex<Option<schema::Lock>>,
    pub(super) sender: SyncSender<Arc<Outcome>>,
    pub(super) receiver: Mutex<Option<Receiver<Arc<Outcome>>>>,
    pub(super) dropped: AtomicU64,
    pub(super) failing: Mutex<Option<String>>,
    /// When the writer's round began, in nanoseconds since the epoch; 0 between rounds.
    pub(super) busy_since: AtomicI64,
    pub(super) phase: Mutex<Phase>,
    pub(super) bell: Condvar,
}

/// How far the writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Running,
    Stopping,
    Ended,
}

/// Nothing that is guarded here is ever half changed: a panic elsewhere does not spoil it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Waits until then or until the store is shut down; says whether it is.
    pub(super) fn wait_until(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(self.clock.instant());
        let phase = locked(&self.phase);
        let running = |phase: &mut Phase| *phase == Phase::Running;
        let (phase, _) = self.bell.wait_timeout_while(phase, left, running).unwrap_or_else(PoisonError::into_inner);
        *phase != Phase::Running
    }

    pub(super) fn stop(&self) {
        let mut phase = locked(&self.phase);
        match *phase {
            Phase::Running => *phase = Phase::Stopping,
            Phase::Idle => {
                *phase = Phase::Ended;
                drop(phase);
                locked(&self.receiver).take();
                self.close();
            }
            Phase::Stopping | Phase::Ended => {}
        }
        self.bell.notify_all();
    }

    pub(super) fn set_ended(&self) {
        *locked(&self.phase) = Phase::Ended;
        self.bell.notify_all();
    }

    /// Closes the file: the writing connection last, which writes the log back, then the lock.
    pub(super) fn close(&self) {
        locked(&self.reader).take();
        locked(&self.ledger).take();
        locked(&self.lock).take();
    }

    pub(super) fn log_size(&self) -> u64 {
        beside(&self.path, "-wal").metadata().map_or(0, |file| file.len())
    }

    /// Remembers why it cannot be written, and says so when that changes.
    pub(super) fn set_failing(&self, why: Option<String>) {
        let mut failing = locked(&self.failing);
        match (&*failing, &why) {
            (old, new) if old == new => return,
            (_, Some(why)) => tracing::error!(path = %self.path.display(), why, "the ledger cannot be written"),
            (_, None) => tracing::info!(path = %self.path.display(), "the ledger can be written again"),
        }
        *failing = why;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file beside another: its name with something appended.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}
