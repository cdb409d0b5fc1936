//! When a check is due. Pure: takes the time, gives the next.

use std::time::Duration;

/// When a probe runs.
#[derive(Clone, Debug)]
pub enum Timing {
    /// Every so often: due times are aligned to the epoch plus the check's spread.
    Every(Duration),
}
