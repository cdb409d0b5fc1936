//! The ledger's side: what is to be kept, and what counters may show meanwhile.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Shared, lock};
use crate::clock::{Clock, Instant};
use crate::sink::metrics::Metrics;
use crate::sink::metrics::counters::Kept;
use crate::store::{Batch, CounterValue, Feed, Store};

/// Counters show what the ledger holds, so that they never go back when this process is killed; after so long without a
/// transaction they show what is counted.
const PATIENCE: Duration = Duration::from_secs(3);

/// The ledger, and how it is.
pub struct Keeper {
    pub store: Store,
    pub path: PathBuf,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// When it last took what it was handed.
    kept: Mutex<Instant>,
}

impl Keeper {
    /// A ledger that was just opened.
    pub fn new(store: Store, path: PathBuf, metrics: Arc<Metrics>, clock: Clock) -> Self {
        let kept = Mutex::new(clock.instant());
        Self { store, path, metrics, clock, kept }
    }

    /// Starts its writer.
    pub fn start(self: &Arc<Self>, shared: Arc<Shared>) {
        *lock(&self.kept) = self.clock.instant();
        self.store.start(Arc::new(Fed { shared, keeper: self.clone() }));
    }

    /// Looks after it: now and then, from another thread than its own, which may hang.
    pub fn look(&self) {
        let late = self.clock.instant().duration_since(*lock(&self.kept)) > PATIENCE;
        self.metrics.show_live(late);
        self.metrics.ledger(late || self.store.failing().is_some(), self.store.size(), self.store.dropped());
    }
}

/// What the writer asks.
struct Fed {
    shared: Arc<Shared>,
    keeper: Arc<Keeper>,
}

impl Feed for Fed {
    fn collect(&self) -> Batch {
        let mut state = self.shared.state();
        let counters = self.keeper.metrics.changed_counters().into_iter().map(|Kept { name, labels, value, since }| {
            CounterValue { name, labels, value, since_nanos: since.as_nanos() }
        });
        let counters = counters.collect();
        Batch {
            blocks: state.book.changed(),
            counters,
            alerts: state.changed_alerts(),
            detectors: state.detect.changed(),
            deployments: state.changed_deployments(),
            episodes: state.episodes.changed(),
            keys: std::mem::take(&mut *lock(&self.shared.keys)).into_values().collect(),
            causes: state.book.changed_causes(),
        }
    }

    fn kept(&self, ok: bool) {
        if ok {
            *lock(&self.keeper.kept) = self.keeper.clock.instant();
            self.keeper.metrics.counters_kept();
        }
    }
}
