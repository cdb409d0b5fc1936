//! What runs found over time: counted as they come, and read from the ledger for the time before.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::feed::Keeper;
use super::{Judge, News, Shared, lock};
use crate::clock::Timestamp;
use crate::plan::{Check, Plan};
use crate::slo::{CauseCount, Spending};
use crate::store::TrendQuery;
use crate::trend::{CheckStrip, ProbeTrend, Snapshot, Tracked, Trends, Week};

/// The most runs that are read of the day before a start, of all checks together.
const PAST: usize = 2_000_000;
/// How long that may take, in the background.
const PAST_LIMIT: Duration = Duration::from_secs(60);
/// The most runs that are read of a probe's week: of more, the latest.
const WEEK: usize = 500_000;
/// How long that may take.
const WEEK_LIMIT: Duration = Duration::from_secs(5);

/// Trends, and the strips that were last made of them. Apart from what is judged with: nobody who draws waits for an
/// evaluation, nor the judge for whoever draws.
#[derive(Default)]
pub struct Followed {
    trends: Mutex<Trends>,
    shown: Mutex<Option<Shown>>,
}

struct Shown {
    /// Of that state of the trends, and of that half hour.
    of: (u64, i64),
    strips: Arc<Vec<CheckStrip>>,
}

impl Followed {
    /// Of the checks of a plan.
    pub fn new(plan: &Plan, now: Timestamp) -> Self {
        // With a ledger steps are read when somebody looks.
        let followed = Self { trends: Mutex::new(Trends::new(plan.store.is_none())), ..Self::default() };
        followed.replace(plan, now);
        followed
    }

    /// Goes on with another plan.
    pub fn replace(&self, plan: &Plan, now: Timestamp) {
        lock(&self.trends).replace(plan.checks.iter().map(|check| tracked(check)).collect(), now);
    }

    /// Takes in what the judge is told.
    pub(super) fn hear(&self, news: &News, now: Timestamp) {
        match news {
            News::Outcome(outcome) => lock(&self.trends).outcome(outcome),
            News::Missed(check, times) => lock(&self.trends).missed(check, *times, now),
            News::Started(_) | News::Look | News::Stop => {}
        }
    }

    fn snapshot(&self) -> Snapshot {
        lock(&self.trends).snapshot()
    }

    fn strips(&self, now: Timestamp) -> Arc<Vec<CheckStrip>> {
        let snapshot = self.snapshot();
        let of = (snapshot.changes, Snapshot::cell(now));
        // Of several who look at once, one works.
        let mut shown = lock(&self.shown);
        match &*shown {
            Some(shown) if shown.of == of => shown.strips.clone(),
            _ => {
                let strips = Arc::new(snapshot.strips(now));
                *shown = Some(Shown { of, strips: strips.clone() });
                strips
            }
        }
    }
}

/// What is followed of a check.
fn tracked(check: &Check) -> Tracked {
    let probe = &check.probe;
    let regions = probe.regions.iter().map(|region| &region.region);
    Tracked {
        probe: check.labels.probe.clone(),
        region: check.labels.region.clone(),
        shown: regions.filter(|region| probe.covers(&check.labels.region, region)).cloned().collect(),
        timing: probe.timing.clone(),
        spread: check.spread,
        steps: probe.probe.steps().iter().map(|step| (*step).into()).collect(),
    }
}

impl Shared {
    /// Reads what was found before the start, or before a check was planned, in the background: a restart leaves no empty
    /// page.
    pub(super) fn recall(self: &Arc<Self>) {
        if self.keeper.is_none() {
            return;
        }
        let unknown = lock(&self.followed.trends).unknown();
        if unknown.is_empty() {
            return;
        }
        let shared = self.clone();
        let reading = std::thread::Builder::new().name("trends".to_owned());
        if let Err(error) = reading.spawn(move || shared.recall_all(&unknown)) {
            tracing::warn!(%error, "what was found before the start is not shown");
        }
    }

    /// Reads what the budgets of objectives were spent on that are new or look further back.
    pub(super) fn reread_causes(&self, keeper: &Keeper, first: i64) {
        let causes = keeper.store.causes(first).unwrap_or_else(|why| {
            tracing::warn!(why, "what new objectives' budgets were spent on is not known");
            Vec::new()
        });
        self.state().book.restore_causes(first, causes);
    }

    fn recall_all(&self, unknown: &[(Tracked, Timestamp)]) {
        let Some(keeper) = &self.keeper else { return };
        let began = self.clock.instant();
        let (mut runs, mut whole) = (0, true);
        for (tracked, since) in unknown {
            if self.asked.stopping.load(Ordering::Acquire) {
                return;
            }
            let query = TrendQuery {
                probe: tracked.probe.to_string(),
                region: tracked.region.to_string(),
                from: Trends::first(*since),
                until: *since,
                steps: false,
                most: PAST / unknown.len(),
                deadline: began + PAST_LIMIT,
            };
            let read = keeper.store.trend(&query, &mut |past| {
                runs += past.len();
                lock(&self.followed.trends).restore(tracked, past);
            });
            match read {
                Ok(None) => {}
                Ok(Some(before)) => {
                    whole = false;
                    lock(&self.followed.trends).forget(tracked, before);
                }
                Err(why) => return tracing::warn!(why, "what was found before the start is not shown"),
            }
        }
        tracing::debug!(runs, whole, milliseconds = began.elapsed().as_millis(), "what was found lately is at hand");
    }
}

impl Judge {
    /// The last day of every check, in configured order.
    pub fn strips(&self) -> Arc<Vec<CheckStrip>> {
        self.shared.followed.strips(self.shared.clock.now())
    }

    /// The last week of a probe: from the ledger, which reads files, or without one what is in memory. `None`: there is no
    /// such probe. Takes seconds, and for ever on a disk that hangs: whoever asks sees to it that few do at once.
    pub fn trend(&self, plan: &Plan, probe: &str) -> Option<Result<ProbeTrend, String>> {
        let now = self.shared.clock.now();
        let Some(keeper) = &self.shared.keeper else {
            return self.shared.followed.snapshot().trend(probe, now).map(Ok);
        };
        let own = plan.checks.iter().filter(|check| *check.labels.probe == *probe);
        let checks: Vec<Tracked> = own.map(|check| tracked(check)).collect();
        let mut week = Week::new(checks.clone(), now)?;
        let mut short = Vec::new();
        let deadline = self.shared.clock.instant() + WEEK_LIMIT;
        for tracked in &checks {
            let query = TrendQuery {
                probe: probe.to_owned(),
                region: tracked.region.to_string(),
                from: week.begin(),
                until: now + Duration::from_secs(1),
                steps: true,
                most: WEEK / checks.len(),
                deadline,
            };
            match keeper.store.trend(&query, &mut |slice| slice.iter().for_each(|seen| week.add(&tracked.region, seen)))
            {
                Ok(None) => {}
                Ok(Some(before)) => {
                    tracing::debug!(probe, region = %tracked.region, %before, "too many runs: not the whole week is shown");
                    short.push((tracked.region.clone(), before));
                }
                Err(why) => return Some(Err(why)),
            }
        }
        // Steps are those of all regions: what one of them misses, a later one must not fill in part.
        short.iter().for_each(|(region, before)| week.forget(region, *before));
        Some(Ok(week.as_kept()))
    }

    /// How an objective's budget was spent over its window; see [`crate::slo::Book::spending`].
    pub fn spending(&self, slo: &str, cells: usize) -> Option<Spending> {
        self.shared.state().book.spending(slo, cells, self.shared.clock.now())
    }

    /// What an objective's budget was spent on; see [`crate::slo::Book::causes`].
    pub fn causes(&self, slo: &str) -> Option<Vec<CauseCount>> {
        self.shared.state().book.causes(slo, self.shared.clock.now())
    }
}

#[cfg(test)]
#[path = "trends_tests.rs"]
mod tests;
