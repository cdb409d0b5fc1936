//! The arithmetic of burn alerts (SRE workbook ch. 5): windows as data, factors computed, and what can never fire.

use std::time::Duration;

use super::burn::{byar_lower, quantile};
use super::due;
use super::objective::{Aggregate, EVALUATION, Member, Objective, Severity, Tier, WHOLE};
use super::sli::Sli;
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::schedule::Timing;

/// The standard tiers: share of the budget (parts per million), long window, severity.
pub const STANDARD: [(u32, Duration, Severity); 4] = [
    (20_000, Duration::from_secs(3600), Severity::Page),
    (50_000, Duration::from_secs(6 * 3600), Severity::Page),
    (100_000, Duration::from_secs(24 * 3600), Severity::Ticket),
    (100_000, Duration::from_secs(72 * 3600), Severity::Ticket),
];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR_SECS: f64 = 3600.0;
/// How many evaluations, and how many expected events, a short window has at least.
const AT_LEAST: u32 = 4;
/// From when on cron expressions are counted (2024-01-01, a Monday), and for how long: clocks change in no zone there.
const SAMPLE_FROM: Timestamp = Timestamp::from_secs(1_704_067_200);
const SAMPLE: Duration = Duration::from_secs(31 * 86_400);
/// For how long, if nothing was due until then.
const LONG_SAMPLE: Duration = Duration::from_secs(4 * 366 * 86_400);

/// A tier of an objective whose period is `period` (see [`super::Window::period`]) and of which so many events are
/// expected an hour. The long window should be a whole number of minutes; it is rounded up.
pub fn tier(budget_ppm: u32, long: Duration, severity: Severity, period: Duration, expected_per_hour: f64) -> Tier {
    let long = whole_minutes(long);
    let factor = u128::from(budget_ppm) * period.as_millis() * 1000 / (u128::from(WHOLE) * long.as_millis().max(1));
    Tier {
        name: HumanDuration(long).to_string().into(),
        budget_ppm,
        long,
        short: short_window(long, expected_per_hour),
        factor_milli: u64::try_from(factor).unwrap_or(u64::MAX),
        severity,
    }
}

/// The short window that belongs to a long one: long ÷ 12, at least four evaluations and four expected events, rounded up
/// to whole minutes, at most the long one.
pub fn short_window(long: Duration, expected_per_hour: f64) -> Duration {
    let events = match f64::from(AT_LEAST) * HOUR_SECS / expected_per_hour {
        // A tenth of a millisecond is no reason for another minute.
        secs if secs.is_finite() && secs > 0.0 => Duration::try_from_secs_f64(secs - 1e-4).unwrap_or(Duration::MAX),
        _ => Duration::MAX,
    };
    whole_minutes((long / 12).max(EVALUATION * AT_LEAST).max(events.min(long))).min(long)
}

fn whole_minutes(duration: Duration) -> Duration {
    let minutes = duration.as_nanos().div_ceil(MINUTE.as_nanos()).max(1);
    Duration::from_secs(u64::try_from(minutes).unwrap_or(u64::MAX).saturating_mul(60))
}

/// Why a tier can never fire for an objective that allows so much (parts per million), if so: a sentence's end, such as
/// `even when everything fails the budget burns only 10 times as fast`.
pub fn cannot_fire(
    tier: &Tier,
    allowed_ppm: u32,
    alpha_ppm: u32,
    period: Duration,
    expected_per_hour: f64,
) -> Option<String> {
    if tier.long >= period {
        return Some(format!("no shorter than the objective's window of {}", HumanDuration(period)));
    }
    let threshold = tier.threshold(allowed_ppm);
    if threshold >= 1.0 {
        let highest_milli = u64::from(WHOLE) * 1000 / u64::from(allowed_ppm.max(1));
        return Some(format!(
            "even when everything fails the budget burns only {} times as fast",
            milli(highest_milli)
        ));
    }
    let expected = expected_per_hour * tier.long.as_secs_f64() / HOUR_SECS;
    // As many as there are at times; rounding errors are not one more.
    let most = (expected - 1e-6).ceil().max(0.0) as u64;
    if most == 0 {
        return Some(format!("nothing is expected within {}", HumanDuration(tier.long)));
    }
    let lowest = byar_lower(most, quantile(alpha_ppm)) / most as f64;
    (lowest <= threshold).then(|| {
        let events = if most == 1 { "event".to_owned() } else { format!("{most} events") };
        format!(
            "even if the {events} expected within {} failed, that is too few to tell from chance (alpha {}%)",
            HumanDuration(tier.long),
            milli(u64::from(alpha_ppm) / 10)
        )
    })
}

/// Thousandths as a decimal without needless zeros: 14400 is `14.4`.
pub fn milli(value: u64) -> String {
    let fraction = format!("{:03}", value % 1000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}", value / 1000)
}

impl Objective {
    /// How many events are expected within so long, on average, from the timings of its probes.
    pub fn expected_per(&self, window: Duration) -> f64 {
        self.members.iter().map(|member| self.expected_of(member)).sum::<f64>() * window.as_secs_f64()
    }

    /// Events a second.
    fn expected_of(&self, member: &Member) -> f64 {
        let events = match self.aggregate {
            Aggregate::Uptime { .. } => usize::from(!member.regions.is_empty()),
            Aggregate::Reachability => match (&self.sli, member.covers.len()) {
                (Sli::Propagation(_), covered @ 1..) => member.regions.len() * covered,
                _ => member.regions.len(),
            },
        };
        runs_per_second(&member.timing) * events as f64
    }
}

/// How often a check runs, a second.
fn runs_per_second(timing: &Timing) -> f64 {
    if let Timing::Every(period) = timing {
        let period = period.as_secs_f64();
        return if period > 0.0 { 1.0 / period } else { 0.0 };
    }
    let rate = |sample: Duration| {
        let mut runs = 0;
        due::by_minute(timing, Duration::ZERO, SAMPLE_FROM, SAMPLE_FROM + sample, |_, times| runs += times);
        runs as f64 / sample.as_secs_f64()
    };
    match rate(SAMPLE) {
        0.0 => rate(LONG_SAMPLE),
        rate => rate,
    }
}

#[cfg(test)]
#[path = "tiers_tests.rs"]
mod tests;
