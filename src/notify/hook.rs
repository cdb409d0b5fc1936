//! What a webhook is told: what changed, and every four hours what still fires.

use std::collections::{BTreeMap, BTreeSet};

use super::Pace;
use super::courier::{Courier, Trouble};
use super::wire::message;
use super::worker::Voice;
use crate::alert::{Alert, State, Words};
use crate::clock::{Clock, Instant};

/// See the module.
pub struct Hook {
    courier: Courier,
    clock: Clock,
    pace: Pace,
    told: BTreeMap<Words, Told>,
}

/// What it was told last of an alert.
struct Told {
    alert: Alert,
    at: Instant,
}

impl Hook {
    pub fn new(courier: Courier, clock: &Clock, pace: Pace) -> Self {
        Self { courier, clock: clock.clone(), pace, told: BTreeMap::new() }
    }

    /// What there is to say: what fires or is over since it was told last, and what has fired on for long. What it was told
    /// of and is gone, or waits to fire anew, is over.
    fn due(&self, alerts: &[Alert], now: Instant) -> Vec<Alert> {
        let mut due = Vec::new();
        for alert in alerts {
            let told = self.told.get(&alert.labels).filter(|told| told.alert.fired_nanos == alert.fired_nanos);
            let news = match (alert.state, told) {
                (State::Pending, _) => false,
                (State::Resolved, Some(told)) => told.alert.is_firing(),
                (State::Firing | State::Resolving, Some(told)) => {
                    !told.alert.is_firing() || now.saturating_duration_since(told.at) >= self.pace.repeat
                }
                (_, None) => true,
            };
            if news {
                due.push(alert.clone());
            }
        }
        let there: BTreeSet<&Words> =
            alerts.iter().filter(|alert| alert.state != State::Pending).map(|alert| &alert.labels).collect();
        for (labels, told) in self.told.iter().filter(|(_, told)| told.alert.is_firing()) {
            if !there.contains(labels) {
                let over = Some(self.clock.now().as_nanos());
                due.push(Alert { state: State::Resolved, cleared_nanos: over, ..told.alert.clone() });
            }
        }
        due
    }
}

impl Voice for Hook {
    fn is_due(&self, alerts: &[Alert], now: Instant) -> bool {
        !self.due(alerts, now).is_empty()
    }

    fn next(&self) -> Option<Instant> {
        self.told.values().filter(|told| told.alert.is_firing()).map(|told| told.at + self.pace.repeat).min()
    }

    async fn tell(&mut self, alerts: &[Alert]) -> Result<(), Trouble> {
        let due = self.due(alerts, self.clock.instant());
        let refs: Vec<&Alert> = due.iter().collect();
        let clock = &self.clock;
        let delivery = self.courier.deliver(&refs, refs.len(), |part| message(part, clock.now())).await;
        for i in delivery.refused {
            let labels = &due[i].labels;
            tracing::warn!(receiver = self.courier.name(), ?labels, "an alert is refused and not told again");
        }
        let at = self.clock.instant();
        for alert in due.into_iter().take(delivery.settled) {
            self.told.insert(alert.labels.clone(), Told { alert, at });
        }
        // What is over is remembered as long as it may come up again.
        let there: BTreeSet<&Words> = alerts.iter().map(|alert| &alert.labels).collect();
        self.told.retain(|labels, told| told.alert.is_firing() || there.contains(labels));
        delivery.trouble.map_or(Ok(()), Err)
    }
}
