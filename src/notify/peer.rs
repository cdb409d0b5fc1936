//! What an Alertmanager is told: everything, at once when it changes and then every minute.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::Pace;
use super::courier::{Courier, Trouble};
use super::wire::{is_told, post};
use super::worker::Voice;
use crate::alert::{Alert, State, Words};
use crate::clock::{Clock, Instant};

/// See the module.
pub struct Peer {
    courier: Courier,
    public_url: Option<Url>,
    clock: Clock,
    pace: Pace,
    /// What it has taken (or refused for what it is): when it fired, and when it was over.
    told: BTreeMap<Words, (Option<i64>, Option<i64>)>,
    /// What it has refused: sent alone from then on, in case it has learnt to take it.
    refused: BTreeSet<Words>,
    /// When everything is told again.
    again: Option<Instant>,
}

impl Peer {
    pub fn new(courier: Courier, public_url: Option<Url>, clock: &Clock, pace: Pace) -> Self {
        let (told, refused) = Default::default();
        Self { courier, public_url, clock: clock.clone(), pace, told, refused, again: None }
    }
}

fn gist(alert: &Alert) -> (Option<i64>, Option<i64>) {
    (alert.fired_nanos, alert.cleared_nanos.filter(|_| alert.state == State::Resolved))
}

impl Voice for Peer {
    fn is_due(&self, alerts: &[Alert], now: Instant) -> bool {
        let mut told = alerts.iter().filter(|alert| is_told(alert));
        self.again.is_some_and(|again| again <= now)
            || told.any(|alert| self.told.get(&alert.labels) != Some(&gist(alert)))
    }

    fn next(&self) -> Option<Instant> {
        self.again
    }

    async fn tell(&mut self, alerts: &[Alert]) -> Result<(), Trouble> {
        let (alone, mut order): (Vec<&Alert>, Vec<&Alert>) =
            alerts.iter().filter(|alert| is_told(alert)).partition(|alert| self.refused.contains(&alert.labels));
        let together = order.len();
        order.extend(alone);
        let known: BTreeSet<&Words> = order.iter().map(|alert| &alert.labels).collect();
        self.told.retain(|labels, _| known.contains(labels));
        let (clock, ahead, url) = (&self.clock, self.pace.ahead, self.public_url.as_ref());
        let delivery = self.courier.deliver(&order, together, |part| post(part, clock.now(), ahead, url)).await;
        let refused: BTreeSet<Words> = delivery.refused.iter().map(|i| order[*i].labels.clone()).collect();
        for labels in refused.difference(&self.refused) {
            tracing::warn!(receiver = self.courier.name(), ?labels, "an alert is refused; the others are told");
        }
        for alert in &order[..delivery.settled] {
            self.told.insert(alert.labels.clone(), gist(alert));
            self.refused.remove(&alert.labels);
        }
        self.refused.extend(refused);
        self.refused.retain(|labels| known.contains(labels));
        if let Some(trouble) = delivery.trouble {
            // Whatever was told before is told with the rest again.
            self.again = Some(self.clock.instant());
            return Err(trouble);
        }
        self.again = (!order.is_empty()).then(|| self.clock.instant() + self.pace.resend);
        Ok(())
    }
}
