//! Burn rates and budgets from counts.

use std::sync::Arc;
use std::time::Duration;

use super::counts::{Counts, Tally};
use super::objective::{Objective, Tier, WHOLE};
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
    /// How many events are expected within a whole window; more than in `tally` as long as it fills. Above or equal to 0.
    pub whole: f64,
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
    if k == 0 {
        return 0.0;
    }
    let k = k as f64;
    let base = 1.0 - 1.0 / (9.0 * k) - z / (3.0 * k.sqrt());
    (k * base * base * base).max(0.0)
}

/// The standard normal quantile of 1 − α (α in parts per million, at least 1 and less than all): 1.644854 for 5 %. P. J.
/// Acklam's rational approximation, with a relative error below 1.2e-9.
pub fn quantile(alpha_ppm: u32) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    const TAIL: f64 = 0.024_25;
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let lower_tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / horner(&D, q)
    };
    let alpha = f64::from(alpha_ppm.clamp(1, WHOLE - 1)) / f64::from(WHOLE);
    if alpha < TAIL {
        -lower_tail(alpha)
    } else if alpha > 1.0 - TAIL {
        lower_tail(1.0 - alpha)
    } else {
        let q = 0.5 - alpha;
        q * horner(&A, q * q) / horner(&B, q * q)
    }
}

impl Evaluation {
    /// For how long the budget lasts if it burns so many times as fast as allowed from now on: at a burn rate of one a whole
    /// budget lasts for the whole window (SRE workbook, ch. 5). While the window fills that of a whole one is meant. `None`:
    /// for longer than the window, or nothing is left, or nothing is known.
    pub fn lasts(&self, burn: f64) -> Option<Duration> {
        let (objective, budget) = (&*self.objective, &self.budget);
        let (remaining, counts) = (budget.remaining?, budget.tally.adjusted());
        let left = match objective.is_filling(counts, budget.whole) {
            true => 1.0 - counts.bad as f64 * f64::from(WHOLE) / (budget.whole * f64::from(objective.allowed_ppm())),
            false => remaining,
        };
        let period = objective.window.period();
        let lasts = if burn > 0.0 && left > 0.0 { period.as_secs_f64() * left / burn } else { f64::INFINITY };
        Duration::try_from_secs_f64(lasts).ok().filter(|lasts| *lasts < period)
    }
}

impl Objective {
    /// A window's reading from its counts, maintenance left out.
    pub fn reading(&self, counts: Counts) -> Reading {
        let allowed = f64::from(self.allowed_ppm()) / f64::from(WHOLE);
        let burn = counts.error_ratio().filter(|_| allowed > 0.0).map(|ratio| ratio / allowed);
        Reading { counts, burn }
    }

    /// A tier's reading from the counts of its windows, maintenance left out.
    pub fn tier_reading(&self, tier: &Tier, long: Counts, short: Counts) -> TierReading {
        let lower = byar_lower(long.bad, quantile(self.alpha_ppm)) / long.judged().max(1) as f64;
        let threshold = tier.threshold(self.allowed_ppm());
        let known = self.is_known(long) && self.is_known(short);
        // Ratios rather than burn rates: what is exactly at the threshold must not exceed it by a rounding error.
        let burns = known.then(|| lower > threshold && short.error_ratio().is_some_and(|ratio| ratio > threshold));
        let allowed = f64::from(self.allowed_ppm()) / f64::from(WHOLE);
        let guarded = if allowed > 0.0 { lower / allowed } else { 0.0 };
        TierReading { long: self.reading(long), short: self.reading(short), guarded, burns }
    }

    /// The reading of what alerts on any event, from the counts of [`super::objective::ANY_EVENT_WINDOW`].
    pub fn any_event_reading(&self, counts: Counts) -> TierReading {
        let reading = self.reading(counts);
        let burns = self.is_known(counts).then_some(counts.bad > 0);
        TierReading { long: reading, short: reading, guarded: 0.0, burns }
    }

    /// Whether enough was judged to say anything.
    pub fn is_known(&self, counts: Counts) -> bool {
        let (judged, expected) = (u128::from(counts.judged()), u128::from(counts.expected));
        judged > 0 && expected > 0 && judged * u128::from(WHOLE) >= expected * u128::from(self.min_coverage_ppm)
    }

    /// The budget of a window that began at `since` and has `whole` events once it is full.
    pub fn budget(&self, since: Timestamp, tally: Tally, whole: f64) -> Budget {
        let adjusted = tally.adjusted();
        Budget {
            since,
            tally,
            remaining: self.remaining(adjusted),
            remaining_raw: self.remaining(tally.raw),
            coverage: adjusted.coverage(),
            whole,
        }
    }

    /// Whether so few of a whole window's events were judged that its budget is mostly still to come.
    pub fn is_filling(&self, counts: Counts, whole: f64) -> bool {
        counts.judged() > 0 && (counts.judged() as f64) < whole * f64::from(self.min_coverage_ppm) / f64::from(WHOLE)
    }

    /// How many more events may be bad until the budget of a whole window is gone: of `whole` events, or of those that were
    /// judged if they are more. Below 0: so many too many. `None`: nothing was judged.
    pub fn events_left(&self, counts: Counts, whole: f64) -> Option<i64> {
        if counts.judged() == 0 {
            return None;
        }
        // Rounding errors of an average are not one event less.
        let whole = (whole.max(0.0) + 1e-6) as u64;
        let allowed = u128::from(counts.judged().max(whole)) * u128::from(self.allowed_ppm()) / u128::from(WHOLE);
        i64::try_from(i128::try_from(allowed).ok()? - i128::from(counts.bad)).ok()
    }

    fn remaining(&self, counts: Counts) -> Option<f64> {
        (counts.judged() > 0).then(|| left(counts.bad, counts.judged(), self.allowed_ppm()))
    }
}

/// What is left of a budget when so many events of those that were `judged` (above 0) were bad: 1 is all of it, below 0 it is
/// overspent. `allowed_ppm`: the share that may be bad; where none may, any takes it all.
pub fn left(bad: u64, judged: u64, allowed_ppm: u32) -> f64 {
    let allowed = f64::from(allowed_ppm) / f64::from(WHOLE);
    match bad {
        0 => 1.0,
        _ if allowed > 0.0 => 1.0 - bad as f64 / (allowed * judged as f64),
        _ => 0.0,
    }
}

#[cfg(test)]
#[path = "burn_tests.rs"]
mod tests;
