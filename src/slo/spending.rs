//! How the budget of a window was spent over time, and on what.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::Tally;
use crate::clock::Timestamp;
use crate::fault::{Blame, Class};

/// What was counted for an objective since its window began, in cells of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spending {
    /// Where the first cell begins: at the window's beginning or up to a cell before it.
    pub begin: Timestamp,
    /// How long a cell is: a whole number of hours.
    pub cell: Duration,
    /// The oldest first; the last holds the present. One without any counts was not measured.
    pub cells: Vec<Tally>,
}

/// Why events were bad: what makes causes alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// The class of the run's fault; `None`: the run was good, and too slow for its objective.
    pub class: Option<Class>,
    /// Whose fault; `None` where there is no class.
    pub blame: Option<Blame>,
    /// The step, where one is known.
    pub step: Arc<str>,
    /// From which region; empty for ticks over several regions.
    pub region: Arc<str>,
}

/// How much of a window's bad events one cause made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// The cause.
    pub cause: Cause,
    /// Bad events, maintenance included.
    pub bad: u64,
    /// Those of them that lie in maintenance.
    pub excluded: u64,
}
