//! `tiers`, `severity` and `alpha` of `[[slo]]`: what alerts.

use std::time::Duration;

use super::desk::Desk;
use super::slos::severity;
use super::typed::Item;
use crate::config::model::{Severity as WrittenSeverity, Slo, Tier as WrittenTier};
use crate::duration::HumanDuration;
use crate::slo::burn::{byar_lower, quantile};
use crate::slo::objective::WHOLE;
use crate::slo::tiers::{STANDARD, cannot_fire, tier};
use crate::slo::{Aggregate, Objective, Severity, Tier, Triggers};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A standard tier that can never fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// The tier.
    pub tier: Tier,
    /// Why: a sentence's end.
    pub why: String,
}

/// Whether so long is a whole number of minutes, as all windows are.
pub fn whole_minutes(length: Duration) -> bool {
    length.subsec_nanos() == 0 && length.as_secs().is_multiple_of(60)
}

/// Resolves what alerts into `objective`; gives the standard tiers that are left out.
pub fn triggers(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Slo, objective: &mut Objective) -> Vec<Dropped> {
    if objective.allowed_ppm() == 0 {
        if written.tiers.is_some() {
            let message =
                "an objective of 100% has no budget to burn: any bad event alerts, as loud as `severity` says";
            desk.wrong(item.mistake("tiers", message));
        }
        objective.triggers = Triggers::AnyEvent(severity(written.severity.unwrap_or(WrittenSeverity::Page)));
        return Vec::new();
    }
    let (tiers, dropped) = match &written.tiers {
        Some(tiers) => (own(desk, item, tiers, objective), Vec::new()),
        None => standard(desk, objective),
    };
    objective.triggers = Triggers::Burn(tiers);
    note_hasty(desk, objective);
    dropped
}

fn standard(desk: &mut Desk<'_>, objective: &Objective) -> (Vec<Tier>, Vec<Dropped>) {
    let (mut tiers, mut dropped) = (Vec::new(), Vec::new());
    for (budget_ppm, long, severity) in STANDARD {
        let (tier, why) = judged(objective, |period, an_hour| tier(budget_ppm, long, severity, period, an_hour));
        match why {
            None => tiers.push(tier),
            Some(why) => dropped.push(Dropped { tier, why }),
        }
    }
    // Where none of its probes runs here, nothing is expected, and it is left out as a whole.
    if objective.members.is_empty() {
        return (tiers, dropped);
    }
    for Dropped { tier, why } in &dropped {
        desk.note(format!("slo {}: tier {} dropped: {why}", objective.name, tier.name));
    }
    if tiers.is_empty() {
        desk.note(format!("slo {}: no tier is left: it is evaluated and never alerts", objective.name));
    }
    (tiers, dropped)
}

/// Written tiers: whatever keeps one from firing is wrong.
fn own(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &[WrittenTier], objective: &Objective) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for (i, written) in written.iter().enumerate() {
        let key = |key: &str| format!("tiers.{i}.{key}");
        let within = written.within;
        if written.budget.ppm == 0 {
            desk.wrong(item.mistake(&key("budget"), "out of range: more than 0%"));
            continue;
        }
        if within.0 < MINUTE || !whole_minutes(within.0) {
            let message = format!("{within} is out of range: a whole number of minutes, at least 1m");
            desk.wrong(item.mistake(&key("within"), message));
            continue;
        }
        let (budget, loud) = (written.budget.ppm, severity(written.severity.unwrap_or(WrittenSeverity::Page)));
        let (tier, why) = judged(objective, |period, an_hour| tier(budget, within.0, loud, period, an_hour));
        if tiers.iter().any(|other| other.long == tier.long && other.severity == tier.severity) {
            let message = format!("there is a {} within {within} already: its alerts would be the same", loud.as_str());
            desk.wrong(item.mistake(&key("within"), message));
        }
        if let Some(why) = why.filter(|_| !objective.members.is_empty()) {
            desk.wrong(
                item.mistake(&key("within"), format!("this tier can never fire: {why}")).help(help(&tier, objective)),
            );
        }
        tiers.push(tier);
    }
    tiers
}

/// The tier, and why it cannot fire.
fn judged(objective: &Objective, tier: impl FnOnce(Duration, f64) -> Tier) -> (Tier, Option<String>) {
    let (period, an_hour) = (objective.window.period(), objective.expected_per(HOUR));
    let tier = tier(period, an_hour);
    let why = cannot_fire(&tier, objective.allowed_ppm(), objective.alpha_ppm, period, an_hour);
    (tier, why)
}

/// What one could write instead.
fn help(tier: &Tier, objective: &Objective) -> String {
    let period = objective.window.period();
    if tier.long >= period {
        return format!("`within` must be less than {}", HumanDuration(period));
    }
    // The share of the budget that is gone when everything fails for so long.
    let most = u128::from(WHOLE) * tier.long.as_millis() * u128::from(WHOLE)
        / (period.as_millis() * u128::from(objective.allowed_ppm())).max(1);
    let share = u32::try_from(most).unwrap_or(u32::MAX).min(WHOLE);
    if tier.budget_ppm >= share {
        let percent = crate::config::values::Percent { ppm: share };
        return format!(
            "if everything fails for {}, {percent} of the budget is gone: `budget` must be less",
            tier.name
        );
    }
    let nearest = nearest(tier, objective).map_or_else(
        || "a longer `within`".to_owned(),
        |within| format!("a longer `within`: {} is enough", HumanDuration(within)),
    );
    format!("{nearest}; or a probe that runs more often, or a larger `alpha`")
}

/// The shortest longer window with which it can fire; `None`: there is none below the objective's.
fn nearest(tier: &Tier, objective: &Objective) -> Option<Duration> {
    let (period, an_hour) = (objective.window.period(), objective.expected_per(HOUR));
    let fires = |minutes: u64| {
        let candidate =
            self::tier(tier.budget_ppm, MINUTE * u32::try_from(minutes).ok()?, tier.severity, period, an_hour);
        cannot_fire(&candidate, objective.allowed_ppm(), objective.alpha_ppm, period, an_hour)
            .is_none()
            .then_some(candidate.long)
    };
    // Longer windows expect more and ask for less, but not every minute: expectations are rounded up.
    (tier.long.as_secs() / 60 + 1..period.as_secs() / 60).find_map(fires)
}

/// Whether a single failure is improbable enough to burn.
fn one_is_enough(tier: &Tier, objective: &Objective) -> bool {
    let expected = (objective.expected_per(tier.long) - 1e-6).ceil().max(1.0);
    byar_lower(1, quantile(objective.alpha_ppm)) / expected > tier.threshold(objective.allowed_ppm())
}

/// Says which tiers page for a single failure.
fn note_hasty(desk: &mut Desk<'_>, objective: &Objective) {
    let hasty =
        objective.tiers().iter().filter(|tier| tier.severity == Severity::Page && one_is_enough(tier, objective));
    let names: Vec<&str> = hasty.map(|tier| &*tier.name).collect();
    if names.is_empty() || objective.members.is_empty() {
        return;
    }
    let event = match objective.aggregate {
        Aggregate::Uptime { .. } => "tick",
        Aggregate::Reachability => "run",
    };
    desk.note(format!(
        "slo {}: one failed {event} pages (tier {}): a smaller `alpha`, a shorter `every` or a lower `objective` asks for more",
        objective.name,
        names.join(", ")
    ));
}
