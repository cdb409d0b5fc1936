//! The latest episodes, at hand: begun and ended by what becomes of alerts. Pure.

use std::collections::BTreeSet;

use super::episode::{Episode, EpisodesQuery, FiredReading};
use super::machine::Change;
use super::{Alert, State, Words};
use crate::clock::Timestamp;
use crate::slo::Evaluation;

/// How many episodes that are over are at hand. Those that are not are as many as alerts fire.
pub const AT_HAND: usize = 500;
/// How many may be at hand while the ledger does not ask for them: its disk hangs.
const WAITING: usize = 5000;

/// See the module.
#[derive(Debug)]
pub struct Episodes {
    /// In the order in which they fired.
    all: Vec<Episode>,
    /// What was not handed to the ledger yet as it is: labels, and when it fired. `None`: there is no ledger.
    changed: Option<BTreeSet<(Words, i64)>>,
    /// Episodes that fired since then are all at hand (nanoseconds since the epoch).
    whole_since: i64,
}

/// Without a ledger.
impl Default for Episodes {
    fn default() -> Self {
        Self { all: Vec::new(), changed: None, whole_since: i64::MIN }
    }
}

impl Episodes {
    /// Goes on from the episodes and alerts that a ledger held: the latest [`AT_HAND`] that were over, and all that were not.
    /// What fires goes on; of what does not fire any more, nobody saw the end: it ends now. An alert that fires without an
    /// episode (the ledger is older than episodes are) gets one, with the words that it has.
    pub fn restore(mut kept: Vec<Episode>, alerts: &[Alert], now: Timestamp) -> Self {
        kept.sort_by_key(|episode| episode.fired_nanos);
        let mut over = kept.iter().filter(|episode| episode.resolved_nanos.is_some());
        let whole_since = match over.clone().count() < AT_HAND {
            true => i64::MIN,
            // Others may have fired in the same step as the oldest.
            false => over.next().map_or(i64::MIN, |oldest| oldest.fired_nanos.saturating_add(1)),
        };
        let mut changed = BTreeSet::new();
        for episode in kept.iter_mut().filter(|episode| episode.resolved_nanos.is_none()) {
            let mine =
                |alert: &&Alert| alert.labels == episode.labels && alert.fired_nanos == Some(episode.fired_nanos);
            let ended = match alerts.iter().find(mine) {
                Some(alert) if alert.is_firing() => continue,
                Some(alert) if alert.state == State::Resolved => alert.cleared_nanos,
                _ => None,
            };
            episode.resolved_nanos = Some(ended.unwrap_or(now.as_nanos()));
            changed.insert((episode.labels.clone(), episode.fired_nanos));
        }
        let mut episodes = Self { all: kept, changed: Some(changed), whole_since };
        for alert in alerts.iter().filter(|alert| alert.is_firing()) {
            episodes.begin(alert, None);
        }
        episodes.all.sort_by_key(|episode| episode.fired_nanos);
        episodes
    }

    /// Takes in what became of alerts, with the evaluations that it came of.
    pub fn step(&mut self, changes: &[Change], evaluations: &[Evaluation]) {
        for change in changes {
            match change {
                Change::Fired(alert) => self.begin(alert, reading(&alert.labels, evaluations)),
                Change::Resolved(alert) => self.end(alert),
            }
        }
        self.bound();
    }

    /// What began or ended since the last call.
    pub fn changed(&mut self) -> Vec<Episode> {
        let changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        if changed.is_empty() {
            return Vec::new();
        }
        let is_in = |episode: &&Episode| changed.contains(&(episode.labels.clone(), episode.fired_nanos));
        self.all.iter().filter(is_in).cloned().collect()
    }

    /// Those asked for, newest first, and whether that is all that a ledger could tell.
    pub fn select(&self, query: &EpisodesQuery) -> (Vec<Episode>, bool) {
        let newest = self.all.iter().rev().filter(|episode| query.wants(episode)).take(query.limit);
        let found: Vec<Episode> = newest.cloned().collect();
        let full = found.len() == query.limit;
        let oldest = found.last().map_or(i64::MAX, |oldest| oldest.fired_nanos);
        let whole = self.whole_since == i64::MIN || full && oldest >= self.whole_since;
        (found, whole)
    }

    fn begin(&mut self, alert: &Alert, reading: Option<FiredReading>) {
        let Some(fired_nanos) = alert.fired_nanos else { return };
        if self.find(&alert.labels, fired_nanos).is_some() {
            return;
        }
        let description = alert.annotations.get("description").cloned().unwrap_or_default();
        let labels = alert.labels.clone();
        self.note(&labels, fired_nanos);
        self.all.push(Episode { labels, fired_nanos, resolved_nanos: None, description, reading });
    }

    fn end(&mut self, alert: &Alert) {
        let Some(fired_nanos) = alert.fired_nanos else { return };
        self.begin(alert, None);
        if let Some(episode) = self.find(&alert.labels, fired_nanos) {
            episode.resolved_nanos = alert.cleared_nanos;
            self.note(&alert.labels, fired_nanos);
        }
    }

    fn note(&mut self, labels: &Words, fired_nanos: i64) {
        if let Some(changed) = &mut self.changed {
            changed.insert((labels.clone(), fired_nanos));
        }
    }

    /// The latest are looked for most.
    fn find(&mut self, labels: &Words, fired_nanos: i64) -> Option<&mut Episode> {
        self.all.iter_mut().rev().find(|one| one.fired_nanos == fired_nanos && one.labels == *labels)
    }

    /// The oldest that are over go; what is still to be handed to the ledger, which asks once a second, stays until then.
    fn bound(&mut self) {
        let Self { all, changed, whole_since } = self;
        let over = |episode: &&Episode| episode.resolved_nanos.is_some();
        let hangs = all.len() > WAITING;
        let mut surplus = all.iter().filter(over).count().saturating_sub(AT_HAND);
        all.retain(|episode| {
            let waits = |all: &BTreeSet<_>| all.contains(&(episode.labels.clone(), episode.fired_nanos));
            let goes = surplus > 0 && over(&episode) && (hangs || !changed.as_ref().is_some_and(waits));
            if goes {
                surplus -= 1;
                *whole_since = (*whole_since).max(episode.fired_nanos.saturating_add(1));
            }
            !goes
        });
    }
}

/// What the tier of a burn alert read. An objective that allows nothing has no burn rate: its description says it all.
fn reading(labels: &Words, evaluations: &[Evaluation]) -> Option<FiredReading> {
    let (slo, name) = (labels.get("slo")?, labels.get("burnrate_tier")?);
    let evaluation = evaluations.iter().find(|evaluation| *evaluation.objective.name == **slo)?;
    let tiers = evaluation.objective.tiers();
    let (tier, reading) = tiers.iter().zip(&evaluation.tiers).find(|(tier, _)| *tier.name == **name)?;
    let counts = reading.long.counts;
    Some(FiredReading {
        seconds: (tier.long.as_secs(), tier.short.as_secs()),
        burn: (reading.long.burn?, reading.short.burn?),
        guarded: reading.guarded,
        factor: tier.factor_milli as f64 / 1000.0,
        bad: counts.bad,
        judged: counts.judged(),
    })
}

#[cfg(test)]
#[path = "episodes_tests.rs"]
mod tests;
