//! Service level objectives: what counts, over which time, how fast the error budget burns. Pure: takes outcomes, counts
//! and `now`, does no I/O, knows no store.
//!
//! Words (SRE workbook ch. 5): an **event** is a judged run (or a tick of several regions); the **error budget** is the share
//! of events that may be bad; the **burn rate** is how many times as fast as allowed it is used up (1: exactly the budget
//! over the whole window). What was expected and not judged is **unknown**: never good, never bad; **coverage** is judged ÷
//! expected.

pub mod block;
pub mod book;
pub mod burn;
pub mod counts;
mod due;
pub mod maintenance;
pub mod objective;
pub mod sli;
pub mod spending;
#[cfg(test)]
pub(crate) mod testing;
pub mod tiers;
pub mod timeline;
pub mod uptime;
pub mod window;

pub use block::{Block, Day, SeriesKey};
pub use book::{Book, Counted};
pub use burn::{Budget, Evaluation, Reading, TierReading};
pub use counts::{Counts, Tally};
pub use maintenance::Maintenance;
pub use objective::{Aggregate, Member, Objective, Severity, Tier, Triggers, Window};
pub use sli::{Event, Sli};
pub use spending::{Cause, CauseCount, DayCause, Spending};
