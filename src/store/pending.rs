//! What is collected and not on disk yet. While the disk refuses, it grows no further than its bounds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::runs::Run;
use super::{Batch, CounterValue, KeptKey, cells};
use crate::alert::conditions::Deployment;
use crate::alert::episode::Episode;
use crate::alert::{Alert, Words};
use crate::detect;
use crate::slo::{Block, Cause, DayCause, SeriesKey, Tally};

/// How many runs may wait.
const RUNS: usize = 20_000;
/// How much memory they may take (bytes).
const RUN_BYTES: usize = 32 * 1024 * 1024;
/// How many episodes may wait.
const EPISODES: usize = 5000;
/// How many signing keys may wait: as many as are kept.
const KEYS: usize = 20_000;

/// An hour on its way into the file.
#[derive(Clone, Debug)]
pub(super) struct Hour {
    pub total: Tally,
    pub minutes: Vec<u8>,
}

/// The value of a counter and since when it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub value: u64,
    pub since_nanos: i64,
}

/// Bad events and those of them that lie in maintenance, by objective, day and cause: the order of the file.
pub(super) type Causes = BTreeMap<(Arc<str>, i64, Cause), (u64, u64)>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// By day and series: the order of the file.
    pub days: BTreeMap<(i64, SeriesKey), BTreeMap<u8, Hour>>,
    pub counters: HashMap<(String, Vec<String>), Count>,
    pub alerts: Option<Vec<Alert>>,
    pub detectors: Option<Vec<detect::Kept>>,
    /// By id.
    pub deployments: BTreeMap<String, Deployment>,
    /// By when they fired, and labels.
    pub episodes: BTreeMap<(i64, Words), Episode>,
    /// By provider and thumbprint.
    pub keys: BTreeMap<(String, String), KeptKey>,
    pub causes: Causes,
    pub runs: VecDeque<Run>,
    run_bytes: usize,
}

impl Pending {
    /// Takes in a batch: what is newer replaces what waits.
    pub(super) fn merge(&mut self, batch: Batch) {
        batch.blocks.into_iter().for_each(|block| self.block(block));
        for CounterValue { name, labels, value, since_nanos } in batch.counters {
            self.counters.insert((name, labels), Count { value, since_nanos });
        }
        if batch.alerts.is_some() {
            self.alerts = batch.alerts;
        }
        if batch.detectors.is_some() {
            self.detectors = batch.detectors;
        }
        batch.causes.into_iter().for_each(|cause| self.cause(cause));
        self.deployments.extend(batch.deployments.into_iter().map(|deployment| (deployment.id.clone(), deployment)));
        for episode in batch.episodes {
            self.episodes.insert((episode.fired_nanos, episode.labels.clone()), episode);
        }
        while self.episodes.len() > EPISODES {
            self.episodes.pop_first();
        }
        for key in batch.keys {
            self.keys.insert((key.provider.clone(), key.life.thumbprint.clone()), key);
        }
        self.bound_keys();
    }

    /// Those that were not seen for longest go.
    fn bound_keys(&mut self) {
        let surplus = self.keys.len().saturating_sub(KEYS);
        if surplus == 0 {
            return;
        }
        let mut seen: Vec<i64> = self.keys.values().map(|key| key.seen_nanos).collect();
        let last = *seen.select_nth_unstable(surplus - 1).1;
        // Of those that were seen at that very time some go.
        let mut as_old = surplus - seen.iter().filter(|seen| **seen < last).count();
        self.keys.retain(|_, key| {
            let goes = key.seen_nanos < last || (key.seen_nanos == last && as_old > 0);
            as_old -= usize::from(goes && key.seen_nanos == last);
            !goes
        });
    }

    /// What is not written yet is added up.
    fn cause(&mut self, DayCause { slo, day, count }: DayCause) {
        let (bad, excluded) = self.causes.entry((slo, day, count.cause)).or_default();
        *bad = bad.saturating_add(count.bad);
        *excluded = excluded.saturating_add(count.excluded);
    }

    fn block(&mut self, block: Block) {
        let (day, hour) = (block.hour.div_euclid(24), block.hour.rem_euclid(24) as u8);
        let written = Hour { total: cells::total(&block.minutes), minutes: cells::encode(&block.minutes) };
        self.days.entry((day, block.series)).or_default().insert(hour, written);
    }

    /// Takes in a run; says how many had to be dropped for it: the oldest, good ones first.
    pub(super) fn run(&mut self, run: Run) -> u64 {
        self.run_bytes += run.size();
        self.runs.push_back(run);
        let mut dropped = 0;
        while self.runs.len() > RUNS || self.run_bytes > RUN_BYTES {
            let place = self.runs.iter().position(Run::is_good).unwrap_or(0);
            let Some(run) = self.runs.remove(place) else { break };
            self.run_bytes = self.run_bytes.saturating_sub(run.size());
            dropped += 1;
        }
        dropped
    }

    /// Everything is on disk.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
