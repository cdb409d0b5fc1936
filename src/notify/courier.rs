//! Messages to one receiver: counted, split where a part of one is refused, and its troubles told once.

use std::collections::VecDeque;
use std::time::Duration;

use super::target::{Refused, Target, Why};
use super::{Count, Pace, Sent};
use crate::outbound::wait;

/// The most alerts in a message.
pub const BATCH: usize = 64;

/// See the module.
pub struct Courier {
    target: Target,
    count: Count,
    pace: Pace,
    failing: bool,
}

/// How far a delivery came.
#[derive(Debug, Default)]
pub struct Delivery {
    /// How many alerts, from the first, are settled: taken, or refused for what they are.
    pub settled: usize,
    /// Which of them were refused.
    pub refused: Vec<usize>,
    /// Why it went no further.
    pub trouble: Option<Trouble>,
}

/// Nothing more can be delivered now.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    asked: Option<Duration>,
    at_least: Duration,
}

impl Trouble {
    /// How long to wait after so many of them in a row (from 1).
    pub fn wait(self, times: u32) -> Duration {
        wait(times, self.asked).max(self.at_least)
    }
}

impl Courier {
    pub fn new(target: Target, count: Count, pace: Pace) -> Self {
        Self { target, count, pace, failing: false }
    }

    /// Which receiver.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// Calls the receiver without a message.
    pub async fn call(&mut self) -> Result<(), Trouble> {
        match self.target.send(None).await {
            Ok(_) => {
                self.delivered();
                Ok(())
            }
            Err(refused) => Err(self.trouble(&refused)),
        }
    }

    /// Sends alerts in order, at most [`BATCH`] a message, those from `alone` on one by one. A message that is refused for
    /// what it is goes again alert by alert, so that one bad alert takes no other along.
    pub async fn deliver<T>(&mut self, alerts: &[T], alone: usize, body: impl Fn(&[T]) -> Vec<u8>) -> Delivery {
        let (together, single) = alerts.split_at(alone.min(alerts.len()));
        let mut queue: VecDeque<&[T]> = together.chunks(BATCH).chain(single.chunks(1)).collect();
        let mut delivery = Delivery::default();
        while let Some(part) = queue.pop_front() {
            match self.target.send(Some(body(part))).await {
                Ok(_) => {
                    self.delivered();
                    delivery.settled += part.len();
                }
                Err(Refused { why: Why::Message, .. }) if part.len() > 1 => {
                    part.chunks(1).rev().for_each(|one| queue.push_front(one));
                }
                Err(refused) if refused.why == Why::Message => {
                    (self.count)(self.name(), Sent::Rejected);
                    tracing::debug!(receiver = self.name(), reason = refused.reason, "an alert was refused");
                    delivery.refused.push(delivery.settled);
                    delivery.settled += 1;
                }
                Err(refused) => {
                    delivery.trouble = Some(self.trouble(&refused));
                    break;
                }
            }
        }
        delivery
    }

    fn delivered(&mut self) {
        (self.count)(self.name(), Sent::Delivered);
        if std::mem::take(&mut self.failing) {
            tracing::info!(receiver = self.name(), "the receiver of alerts takes messages again");
        }
    }

    fn trouble(&mut self, refused: &Refused) -> Trouble {
        let (sent, asked, at_least) = match refused.why {
            Why::Later(asked) => (Sent::Failed, asked, Duration::ZERO),
            Why::Message | Why::Us => (Sent::Rejected, None, self.pace.refused),
        };
        (self.count)(self.name(), sent);
        if !std::mem::replace(&mut self.failing, true) {
            let reason = &refused.reason;
            tracing::warn!(receiver = self.name(), reason, "a receiver of alerts does not take messages; trying on");
        }
        Trouble { asked, at_least }
    }
}
