//! `[[slo]]`: what is promised, and which burn alerts could watch over it. Pure arithmetic; nothing is evaluated yet.

use std::time::Duration;

use crate::config::model::{Aggregate, NamedSli, Severity, Sli};
use crate::config::values::Percent;
use crate::duration::HumanDuration;

/// An objective, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSlo {
    /// Its name.
    pub name: String,
    /// The names of its probes.
    pub probes: Vec<String>,
    /// What is good.
    pub sli: Sli,
    /// The share that must be good.
    pub objective: Percent,
    /// Over which time; a calendar month counts as 30 days.
    pub window: Duration,
    /// Whether the window is the calendar month.
    pub calendar: bool,
    /// What is counted.
    pub aggregate: Aggregate,
    /// In how many regions a tick must succeed (`uptime` only).
    pub quorum: Option<u32>,
    /// Its burn alerts.
    pub tiers: Vec<PlannedTier>,
}

/// A burn alert: fires when the error budget burns `factor` times as fast as it may, over `within`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTier {
    /// The share of the budget that is then gone.
    pub budget: Percent,
    /// The long window.
    pub within: Duration,
    /// How loud.
    pub severity: Severity,
    /// The burn rate, in thousandths: 1000 is exactly the budget.
    pub factor_milli: u64,
    /// Why it can never fire, if it cannot.
    pub idle: Option<String>,
}

const HOUR: u64 = 3600;

/// The standard four (share of the budget in parts per million, hours, severity), for any window.
const STANDARD: [(u32, u64, Severity); 4] = [
    (20_000, 1, Severity::Page),
    (50_000, 6, Severity::Page),
    (100_000, 24, Severity::Ticket),
    (100_000, 72, Severity::Ticket),
];

/// The standard tiers over such a window.
pub fn standard(objective: Percent, window: Duration) -> Vec<PlannedTier> {
    STANDARD
        .iter()
        .map(|&(ppm, hours, severity)| {
            tier(Percent { ppm }, Duration::from_secs(hours * HOUR), severity, objective, window)
        })
        .collect()
}

/// One tier: share of the budget × window ÷ long window is the factor. A burn rate never exceeds 1 ÷ (1 − objective):
/// then everything fails.
pub fn tier(
    budget: Percent,
    within: Duration,
    severity: Severity,
    objective: Percent,
    window: Duration,
) -> PlannedTier {
    let numerator = u128::from(budget.ppm) * window.as_millis() * 1000;
    let factor = numerator / (1_000_000 * within.as_millis().max(1));
    let factor_milli = u64::try_from(factor).unwrap_or(u64::MAX);
    let allowed = u64::from(1_000_000_u32.saturating_sub(objective.ppm)).max(1);
    let highest_milli = 1_000_000 * 1000 / allowed;
    let idle = if within >= window {
        Some(format!("no shorter than the objective's window of {}", HumanDuration(window)))
    } else if factor_milli >= highest_milli {
        Some(format!("even when everything fails the budget burns only {} times as fast", milli(highest_milli)))
    } else {
        None
    };
    PlannedTier { budget, within, severity, factor_milli, idle }
}

/// Thousandths as a decimal without needless zeros.
pub fn milli(value: u64) -> String {
    let fraction = format!("{:03}", value % 1000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}", value / 1000)
}

/// An SLI in words.
pub fn describe(sli: &Sli) -> String {
    match sli {
        Sli::Named(NamedSli::Availability) => "availability".to_owned(),
        Sli::Named(NamedSli::Validation) => "validation".to_owned(),
        Sli::Named(NamedSli::Refused) => "refused".to_owned(),
        Sli::Latency(sli) => match &sli.step {
            Some(step) => format!("step {step} within {}", sli.latency),
            None => format!("run within {}", sli.latency),
        },
        Sli::Propagation(sli) => format!("revocation within {}", sli.propagation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * HOUR;

    fn factors(ppm: u32, days: u64) -> Vec<(String, bool)> {
        standard(Percent { ppm }, Duration::from_secs(days * DAY))
            .iter()
            .map(|tier| (milli(tier.factor_milli), tier.idle.is_none()))
            .collect()
    }

    fn expected(tiers: [(&str, bool); 4]) -> Vec<(String, bool)> {
        tiers.into_iter().map(|(factor, fires)| (factor.to_owned(), fires)).collect()
    }

    /// The SRE Workbook's table for 30 days: 14.4, 6, 3, 1.
    #[test]
    fn the_standard_tiers() {
        assert_eq!(factors(999_500, 30), expected([("14.4", true), ("6", true), ("3", true), ("1", true)]));
        // 90 %: the budget can burn ten times as fast at most.
        assert_eq!(factors(900_000, 30), expected([("14.4", false), ("6", true), ("3", true), ("1", true)]));
        // Two days: a window of three days is longer than the objective's own.
        assert_eq!(factors(999_000, 2), expected([("0.96", true), ("0.4", true), ("0.2", true), ("0.066", false)]));
    }
}
