//! What becomes of conditions over time: inactive → pending → firing → resolving → inactive. Unknown freezes.

use std::time::Duration;

use super::{Alert, Condition};
use crate::clock::Timestamp;

/// How long what is over is still told.
pub const TELL_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// See the module.
#[derive(Debug, Default)]
pub struct Machine {}

/// A change that people are told of.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It fires from now on.
    Fired(Alert),
    /// It is over.
    Resolved(Alert),
}

impl Machine {
    /// Goes on from what a ledger holds.
    pub fn restore(alerts: Vec<Alert>) -> Self {
        let _ = alerts;
        todo!("alert")
    }

    /// Takes in everything that may alert. Frozen time does not count towards `pending_for` and `resolving_for`.
    pub fn step(&mut self, now: Timestamp, conditions: Vec<Condition>) -> Vec<Change> {
        let _ = (now, conditions);
        todo!("alert")
    }

    /// All alerts that are not inactive, and those that are over for less than [`TELL_RESOLVED`]; sorted by labels. This is
    /// also what the ledger keeps.
    pub fn alerts(&self) -> Vec<Alert> {
        todo!("alert")
    }
}
