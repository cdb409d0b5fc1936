//! What is scheduled: a check with what it shares with its other runs, across reloads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::agenda::Due;
use super::guard::Credentials;
use super::missed::Missed;
use crate::clock::Timestamp;
use crate::oidc::memory::{Memories, ProviderMemory};
use crate::plan::{Check, Plan};
use crate::probe::Cost;
use crate::schedule::Timing;

/// How long a request is remembered.
const MINUTE: Duration = Duration::from_secs(60);
/// How long runs last that send all of their requests; those that hang have sent few.
const LASTS: Duration = Duration::from_secs(5);

/// A check, scheduled.
pub struct Lane {
    /// What is run.
    pub check: Arc<Check>,
    /// As whom.
    pub credentials: Credentials,
    cost: Cost,
    /// One permit: a check never overlaps itself.
    gate: Arc<Semaphore>,
    /// One permit as well: scheduled runs do not wait for confirmation runs.
    confirming: Arc<Semaphore>,
    provider: Arc<ProviderMemory>,
    /// What the runs in progress at this provider will cost at most by their kinds' word.
    reserved: Arc<AtomicU32>,
}

/// The part of a provider's request budget that a run in progress may still need.
#[derive(Debug)]
pub struct Reservation(Arc<AtomicU32>, u32);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Lane {
    /// Takes the check for a run, unless one is in progress.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Missed> {
        self.gate.clone().try_acquire_owned().map_err(|_| Missed::Overlap)
    }

    /// Takes the check for a run, after the one in progress.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        self.gate.clone().acquire_owned().await.ok()
    }

    /// Takes the check for a confirmation run, unless any run is in progress. One that is scheduled may begin meanwhile.
    pub fn enter_to_confirm(&self) -> Result<OwnedSemaphorePermit, Missed> {
        if self.is_busy() {
            return Err(Missed::Overlap);
        }
        self.confirming.clone().try_acquire_owned().map_err(|_| Missed::Overlap)
    }

    /// Whether a run other than for confirmation is in progress.
    pub fn is_busy(&self) -> bool {
        self.gate.available_permits() == 0
    }

    /// Whether the provider bears a run now: it did not ask for a pause, and its budget has enough for all runs in
    /// progress and an ordinary run of this kind. Better not to begin than to stop in the middle of a login.
    pub fn afford(&self, now: Timestamp) -> Result<Reservation, Missed> {
        let mut budget = self.provider.budget.lock().expect("budget");
        if budget.paused(now).is_some() {
            return Err(Missed::RateLimited);
        }
        let cost = self.cost.requests;
        if let Some(limit) = self.check.probe.provider.max_requests_per_minute {
            let reserved = self.reserved.load(Ordering::Relaxed);
            if budget.available(now, limit) < reserved.saturating_add(cost) {
                return Err(Missed::Budget);
            }
        }
        self.reserved.fetch_add(cost, Ordering::Relaxed);
        Ok(Reservation(self.reserved.clone(), cost))
    }
}

impl Lane {
    /// Whether the provider bears a confirmation run now, beside what the schedule needs until its requests are forgotten:
    /// due times and requests in their order.
    pub fn spare(&self, now: Timestamp, schedule: &[(Timestamp, u32)]) -> Result<Reservation, Missed> {
        let mut budget = self.provider.budget.lock().expect("budget");
        if budget.paused(now).is_some() {
            return Err(Missed::RateLimited);
        }
        // Without what the check remembers, a run may have to do all that it can.
        let cost =
            if self.check.user.is_some() || self.cost.all_regions { self.cost.burst } else { self.cost.requests };
        if let Some(limit) = self.check.probe.provider.max_requests_per_minute {
            let reserved = self.reserved.load(Ordering::Relaxed);
            let enough = budget.available(now, limit) >= reserved.saturating_add(cost);
            // As `afford` will see it then: what a run in progress has sent is reserved as well.
            let ours = reserved.saturating_add(cost.saturating_mul(2));
            let (mut sent, mut in_progress, mut first, mut held) = (0_u32, 0_u32, 0, 0);
            let mut bears = |(at, requests): &(Timestamp, u32)| {
                while let Some((begun, over)) = schedule.get(first).filter(|(begun, _)| *begun + LASTS < *at) {
                    debug_assert!(begun <= at);
                    (in_progress, first) = (in_progress.saturating_sub(*over), first + 1);
                }
                // What was sent a minute before has come back by then.
                while let Some((_, over)) = schedule.get(held).filter(|(begun, _)| *begun + LASTS + MINUTE < *at) {
                    (sent, held) = (sent.saturating_sub(*over), held + 1);
                }
                sent = sent.saturating_add(*requests);
                in_progress = in_progress.saturating_add(*requests);
                let twice = in_progress.saturating_sub(*requests);
                [budget.held(*at), ours, sent, twice].into_iter().fold(0, u32::saturating_add) <= limit
            };
            if !enough || !schedule.iter().all(&mut bears) {
                return Err(Missed::Budget);
            }
        }
        self.reserved.fetch_add(cost, Ordering::Relaxed);
        Ok(Reservation(self.reserved.clone(), cost))
    }

    /// What a scheduled run needs: one over all regions polls as long as it has to.
    pub fn needs(&self) -> u32 {
        if self.cost.all_regions { self.cost.burst } else { self.cost.requests }
    }

    /// Whether a run covers all regions.
    pub fn all_regions(&self) -> bool {
        self.cost.all_regions
    }
}

impl Due for Arc<Lane> {
    fn timing(&self) -> &Timing {
        &self.check.probe.timing
    }

    fn spread(&self) -> Duration {
        self.check.spread
    }

    fn same(&self, other: &Self) -> bool {
        self.check.labels.probe == other.check.labels.probe && self.check.labels.region == other.check.labels.region
    }
}

/// The lanes of a plan. A check that `old` had as well keeps its gates, a provider its reservations. Of a probe whose
/// runs cover all regions, only the check of its first region is scheduled.
pub fn lanes(plan: &Plan, memories: &Memories, old: &[Arc<Lane>]) -> Vec<Arc<Lane>> {
    let gates: HashMap<_, _> = old.iter().map(|lane| (lane.check.labels.to_string(), lane)).collect();
    let mut reserved: HashMap<Arc<str>, Arc<AtomicU32>> =
        old.iter().map(|lane| (lane.check.probe.provider.name.clone(), lane.reserved.clone())).collect();
    let lane = |check: &Arc<Check>| {
        let cost = check.probe.cost();
        let first = check.probe.regions.first().is_none_or(|first| first.region == check.region.region);
        if cost.all_regions && !first {
            return None;
        }
        let name = &check.probe.provider.name;
        let before = gates.get(&check.labels.to_string());
        let fresh = || Arc::new(Semaphore::new(1));
        Some(Arc::new(Lane {
            check: check.clone(),
            credentials: Credentials::of(check),
            cost,
            gate: before.map_or_else(fresh, |lane| lane.gate.clone()),
            confirming: before.map_or_else(fresh, |lane| lane.confirming.clone()),
            provider: memories.provider(name),
            reserved: reserved.entry(name.clone()).or_default().clone(),
        }))
    };
    plan.checks.iter().filter_map(lane).collect()
}
