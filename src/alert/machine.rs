//! What becomes of conditions over time: inactive → pending → firing → resolving → inactive. Unknown freezes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Alert, Condition, Holds, State, Words};
use crate::clock::Timestamp;

/// How long what is over is still told.
pub const TELL_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// See the module.
#[derive(Debug, Default)]
pub struct Machine {
    /// By labels: that is what tells alerts apart, here and at every receiver.
    entries: BTreeMap<Words, Entry>,
}

#[derive(Debug)]
struct Entry {
    alert: Alert,
    /// Since when nothing is known of its condition.
    frozen: Option<Timestamp>,
    /// What its annotations are once it is over; empty: as they were.
    afterwards: Words,
    /// It comes from a ledger: how long its condition held while nobody looked is not known.
    restored: bool,
}

/// A change that people are told of.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It fires from now on.
    Fired(Alert),
    /// It is over.
    Resolved(Alert),
}

impl Machine {
    /// Goes on from what a ledger holds. What fires keeps the moment at which it fired. The time without this process
    /// counts towards no waiting: pending and resolving begin again with the first step that knows.
    pub fn restore(alerts: Vec<Alert>) -> Self {
        let entry = |alert: Alert| {
            (alert.labels.clone(), Entry { alert, frozen: None, afterwards: Words::new(), restored: true })
        };
        Self { entries: alerts.into_iter().map(entry).collect() }
    }

    /// Takes in everything that may alert. Frozen time does not count towards `pending_for` and `resolving_for`. What is
    /// told twice holds if either does; what is not told any more is over at once.
    pub fn step(&mut self, now: Timestamp, conditions: Vec<Condition>) -> Vec<Change> {
        let mut told: BTreeMap<Words, Condition> = BTreeMap::new();
        for condition in conditions {
            match told.get_mut(&condition.labels) {
                Some(known) if rank(known.holds) >= rank(condition.holds) => {}
                Some(known) => *known = condition,
                None => {
                    told.insert(condition.labels.clone(), condition);
                }
            }
        }
        let mut changes = Vec::new();
        self.entries.retain(|labels, entry| match told.remove(labels) {
            Some(condition) => entry.step(now, condition, &mut changes),
            None => entry.leave(now, &mut changes),
        });
        for (labels, condition) in told {
            if condition.holds == Holds::Yes {
                self.entries.insert(labels, Entry::begin(now, condition, &mut changes));
            }
        }
        changes.sort_by(|a, b| a.alert().labels.cmp(&b.alert().labels));
        changes
    }

    /// All alerts that are not inactive, and those that are over for less than [`TELL_RESOLVED`]; sorted by labels. This is
    /// also what the ledger keeps.
    pub fn alerts(&self) -> Vec<Alert> {
        self.entries.values().map(|entry| entry.alert.clone()).collect()
    }
}

impl Change {
    /// What changed, as it is now.
    pub const fn alert(&self) -> &Alert {
        match self {
            Self::Fired(alert) | Self::Resolved(alert) => alert,
        }
    }
}

/// Of two that say different things of one alert the one that wakes somebody wins, then the one that does not know.
const fn rank(holds: Holds) -> u8 {
    match holds {
        Holds::Yes => 2,
        Holds::Unknown => 1,
        Holds::No => 0,
    }
}

impl Entry {
    /// A condition that holds, of an alert that is inactive or over.
    fn begin(now: Timestamp, condition: Condition, changes: &mut Vec<Change>) -> Self {
        let Condition { labels, annotations, afterwards, pending_for, .. } = condition;
        let mut alert = Alert {
            labels,
            annotations,
            state: State::Pending,
            active_nanos: now.as_nanos(),
            fired_nanos: None,
            cleared_nanos: None,
        };
        if pending_for.is_zero() {
            fire(&mut alert, now, changes);
        }
        Self { alert, frozen: None, afterwards, restored: false }
    }

    /// One step; says whether there is still something to tell.
    fn step(&mut self, now: Timestamp, condition: Condition, changes: &mut Vec<Change>) -> bool {
        if self.alert.state == State::Resolved && condition.holds != Holds::Yes {
            return self.is_told(now);
        }
        if condition.holds == Holds::Unknown {
            self.frozen.get_or_insert(now);
            return true;
        }
        self.thaw(now);
        let Condition { holds, pending_for, resolving_for, .. } = condition;
        if holds == Holds::Yes && self.alert.state != State::Resolved {
            self.afterwards.clone_from(&condition.afterwards);
        }
        match (self.alert.state, holds == Holds::Yes) {
            (State::Resolved, _) => *self = Self::begin(now, condition, changes),
            (State::Pending, true) => {
                self.alert.annotations = condition.annotations;
                if now.since(Timestamp::from_nanos(self.alert.active_nanos)) >= pending_for {
                    fire(&mut self.alert, now, changes);
                }
            }
            (State::Pending, false) => return false,
            (State::Firing | State::Resolving, true) => {
                self.alert.annotations = condition.annotations;
                self.alert.state = State::Firing;
                self.alert.cleared_nanos = None;
            }
            (State::Firing | State::Resolving, false) => {
                self.alert.state = State::Resolving;
                let cleared = *self.alert.cleared_nanos.get_or_insert(now.as_nanos());
                if now.since(Timestamp::from_nanos(cleared)) >= resolving_for {
                    self.resolve(now, changes);
                }
            }
        }
        true
    }

    /// Its condition is not told any more.
    fn leave(&mut self, now: Timestamp, changes: &mut Vec<Change>) -> bool {
        match self.alert.state {
            State::Pending => return false,
            State::Firing | State::Resolving => self.resolve(now, changes),
            State::Resolved => {}
        }
        self.is_told(now)
    }

    fn resolve(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        let afterwards = std::mem::take(&mut self.afterwards);
        if !afterwards.is_empty() {
            self.alert.annotations = afterwards;
        }
        self.alert.state = State::Resolved;
        self.alert.cleared_nanos = Some(now.as_nanos());
        changes.push(Change::Resolved(self.alert.clone()));
    }

    fn is_told(&self, now: Timestamp) -> bool {
        let over = Timestamp::from_nanos(self.alert.cleared_nanos.unwrap_or_default());
        now.since(over) < TELL_RESOLVED
    }

    /// Something is known again: what is being waited for is put off by as long as nothing was.
    fn thaw(&mut self, now: Timestamp) {
        let frozen = self.frozen.take();
        let restored = std::mem::take(&mut self.restored);
        let put_off = |nanos: i64| match frozen {
            _ if restored => now.as_nanos(),
            Some(since) => (Timestamp::from_nanos(nanos) + now.since(since)).as_nanos(),
            None => nanos,
        };
        match self.alert.state {
            State::Pending => self.alert.active_nanos = put_off(self.alert.active_nanos),
            State::Resolving => self.alert.cleared_nanos = self.alert.cleared_nanos.map(put_off),
            State::Firing | State::Resolved => {}
        }
    }
}

fn fire(alert: &mut Alert, now: Timestamp, changes: &mut Vec<Change>) {
    alert.state = State::Firing;
    alert.fired_nanos = Some(now.as_nanos());
    changes.push(Change::Fired(alert.clone()));
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
