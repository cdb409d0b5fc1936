//! Burn rates and budgets from counts.

use std::sync::Arc;

use super::counts::{Counts, Tally};
use super::objective::Objective;
use crate::clock::Timestamp;

/// Where an objective stands.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Which.
    pub objective: Arc<Objective>,
    /// When.
    pub at: Timestamp,
    /// Over its whole window.
    pub budget: Budget,
    /// Its tiers, in the order of [`Objective::tiers`]; one that stands for any event, if that is what alerts.
    pub tiers: Vec<TierReading>,
    /// The long window of the first tier by region: where it is bad. Adjusted.
    pub regions: Vec<(Arc<str>, Counts)>,
    /// The first minute of the latest stretch of failures (a pause of more than the first tier's long window ends one).
    pub failing_since: Option<Timestamp>,
}

/// The error budget of a whole window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Where the window begins.
    pub since: Timestamp,
    /// What was counted in it.
    pub tally: Tally,
    /// What is left of the budget, maintenance left out: 1 is all of it, below 0 it is overspent. An objective of 100 % has
    /// 1 or, after any bad event, 0. `None`: nothing was judged.
    pub remaining: Option<f64>,
    /// The same with maintenance counted like any other time.
    pub remaining_raw: Option<f64>,
    /// Judged ÷ expected over the window, maintenance left out; `None`: nothing was expected.
    pub coverage: Option<f64>,
}

/// One window of a tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What was counted, maintenance left out.
    pub counts: Counts,
    /// Error ratio ÷ allowed ratio; `None` if nothing was judged. An objective of 100 % has no burn rate.
    pub burn: Option<f64>,
}

/// A tier now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierReading {
    /// The long window.
    pub long: Reading,
    /// The short window.
    pub short: Reading,
    /// Byar's lower bound of the long window's burn rate.
    pub guarded: f64,
    /// Whether it burns; `None`: too little is known of either window.
    pub burns: Option<bool>,
}

/// Byar's approximation of the lower bound of a Poisson count `k` at the one-sided level that belongs to `z`:
/// k·(1 − 1/(9k) − z/(3√k))³, zero at k = 0, clamped at zero.
pub fn byar_lower(k: u64, z: f64) -> f64 {
    let _ = (k, z);
    todo!("slo")
}

/// The standard normal quantile of 1 − α (α in parts per million): 1.644854 for 5 %.
pub fn quantile(alpha_ppm: u32) -> f64 {
    let _ = alpha_ppm;
    todo!("slo")
}
