//! Burn alerts from evaluations.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::text::{Subject, about, many, moment, percent, percent_ppm, three, times};
use super::{Condition, Holds, Words};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::slo::objective::ANY_EVENT_WINDOW;
use crate::slo::{Aggregate, Counts, Evaluation, Objective, Severity, Tier, TierReading, Triggers, Window};

/// The alert of this module.
const NAME: &str = "AuthSLOBurn";
/// The `burnrate_tier` of an objective that allows nothing.
pub const ANY_TIER: &str = "any";
/// How long after a deployment a burn may begin that names it.
pub const DEPLOYMENT: Duration = Duration::from_secs(15 * 60);
/// A calendar month, for how long a budget lasts.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// What every alert's annotations are made with.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Where people reach this server: `dashboard_url` is this and a fragment.
    pub public_url: Option<Url>,
    /// `runbook_url` is this and the alert's name in small letters as a fragment.
    pub runbook_base: String,
    /// Deployments of the last hours, newest first.
    pub deployments: Vec<Deployment>,
}

/// A marked deploy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    /// Its id: eight hexadecimal digits.
    pub id: String,
    /// When, in nanoseconds since the epoch.
    pub at_nanos: i64,
    /// What, such as `keycloak`.
    pub service: String,
    /// Which version.
    pub version: String,
    /// The provider that it concerns; empty: any.
    pub provider: String,
    /// For people.
    pub comment: String,
}

/// The burn alerts of these objectives: `AuthSLOBurn`, one a tier. Below `min_coverage`, and in maintenance of all of its
/// probes (`maintained`), unknown. A burn that begins at most 15 minutes after a deployment names it in its description,
/// and the one cause of most failures if `cause` knows it (class, blame, step, region).
pub fn burns(
    evaluations: &[Evaluation],
    now: Timestamp,
    context: &Context,
    maintained: &dyn Fn(&str) -> bool,
    cause: &dyn Fn(&Evaluation) -> Option<String>,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for evaluation in evaluations {
        let objective = &*evaluation.objective;
        let members = &objective.members;
        let quiet = !members.is_empty() && members.iter().all(|member| maintained(&member.probe));
        let burns = |reading: Option<&TierReading>| match reading.and_then(|reading| reading.burns) {
            _ if quiet => Holds::Unknown,
            Some(true) => Holds::Yes,
            Some(false) => Holds::No,
            None => Holds::Unknown,
        };
        let any = evaluation.tiers.iter().any(|tier| burns(Some(tier)) == Holds::Yes);
        let story = any.then(|| Story { evaluation, now, context, cause: cause(evaluation) });
        let mut tell = |tier: &str, severity: Severity, reading: Option<&TierReading>, what: &dyn Fn() -> String| {
            let holds = burns(reading);
            let annotations = match (&story, holds) {
                (Some(story), Holds::Yes) => story.annotations(&what()),
                _ => Words::new(),
            };
            conditions.push(condition(objective, tier, severity, holds, annotations));
        };
        match &objective.triggers {
            Triggers::Burn(tiers) => {
                for (i, tier) in tiers.iter().enumerate() {
                    let reading = evaluation.tiers.get(i);
                    tell(&tier.name, tier.severity, reading, &|| tier_text(evaluation, tier, reading));
                }
            }
            Triggers::AnyEvent(severity) => {
                let reading = evaluation.tiers.first();
                tell(ANY_TIER, *severity, reading, &|| any_text(objective, reading));
            }
        }
    }
    conditions
}

fn subject(objective: &Objective) -> Subject<'_> {
    Subject {
        key: "slo",
        name: &objective.name,
        provider: &objective.provider,
        labels: &objective.labels,
        annotations: &objective.annotations,
    }
}

fn condition(objective: &Objective, tier: &str, severity: Severity, holds: Holds, annotations: Words) -> Condition {
    let mut labels = subject(objective).identity(NAME, severity);
    labels.insert("burnrate_tier".to_owned(), tier.to_owned());
    // No waiting: the long window starts the alert, the short one ends it.
    Condition { labels, annotations, holds, pending_for: Duration::ZERO, resolving_for: Duration::ZERO }
}

/// What is the same for all tiers of an objective that burns.
struct Story<'a> {
    evaluation: &'a Evaluation,
    now: Timestamp,
    context: &'a Context,
    cause: Option<String>,
}

impl Story<'_> {
    fn annotations(&self, what: &str) -> Words {
        let parts = [Some(what.to_owned()), self.place(), self.fault(), self.since(), self.deployment()];
        let description = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        subject(&self.evaluation.objective).tell(NAME, description, self.context)
    }

    /// The regions in which anything was bad, worst first.
    fn place(&self) -> Option<String> {
        let long = self.evaluation.objective.tiers().first().map_or(ANY_EVENT_WINDOW, |tier| tier.long);
        let mut bad: Vec<(&Arc<str>, f64)> = (self.evaluation.regions.iter())
            .filter(|(region, counts)| !region.is_empty() && counts.bad > 0)
            .filter_map(|(region, counts)| Some((region, counts.error_ratio()?)))
            .collect();
        bad.sort_by(|(a, bad_a), (b, bad_b)| bad_b.total_cmp(bad_a).then_with(|| a.cmp(b)));
        let shares: Vec<_> = bad.iter().map(|(region, ratio)| format!("{region} {}", percent(*ratio))).collect();
        let clean = self.evaluation.regions.iter().filter(|(_, counts)| counts.bad == 0 && counts.good > 0).count();
        let beside =
            if clean > 0 { format!("; none in {}", many(clean as u64, "other region")) } else { String::new() };
        (!bad.is_empty()).then(|| format!("Bad by region, last {}: {}{beside}.", HumanDuration(long), three(&shares)))
    }

    fn fault(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| format!("Most failures: {cause}."))
    }

    fn since(&self) -> Option<String> {
        let since = self.evaluation.failing_since?;
        Some(format!("Failing since {} ({} ago).", moment(since), about(self.now.since(since))))
    }

    /// The latest deployment that the failures followed closely.
    fn deployment(&self) -> Option<String> {
        // Failures are known by their minute: one that began in the same minute may have come after.
        let began = self.evaluation.failing_since? + Duration::from_secs(59);
        let provider = &*self.evaluation.objective.provider;
        let concerns = |deployment: &&Deployment| {
            let at = Timestamp::from_nanos(deployment.at_nanos);
            let mine = deployment.provider.is_empty() || provider.is_empty() || deployment.provider == provider;
            mine && at <= began && began.since(at) <= DEPLOYMENT + Duration::from_secs(59)
        };
        let found = self.context.deployments.iter().filter(concerns).max_by_key(|deployment| deployment.at_nanos)?;
        let at = Timestamp::from_nanos(found.at_nanos);
        let named = [found.service.as_str(), found.version.as_str()];
        let what = named.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        let comment = if found.comment.is_empty() { String::new() } else { format!(": {}", found.comment) };
        let after = about(self.evaluation.failing_since.unwrap_or(at).since(at));
        Some(format!("It began {after} after the deployment of {what} (marked {}{comment}).", moment(at)))
    }
}

fn tier_text(evaluation: &Evaluation, tier: &Tier, reading: Option<&TierReading>) -> String {
    let objective = &*evaluation.objective;
    let Some(TierReading { long, .. }) = reading else { return String::new() };
    let counts = long.counts;
    let share = counts.error_ratio().map_or_else(|| "?".to_owned(), percent);
    let burn = long.burn.unwrap_or_default();
    let fast = format!(
        "{}: {share} of {} in the last {} were bad ({}, objective {} {}), which burns the error budget {} times as fast as \
         allowed; the alert begins at {}.",
        objective.name,
        judged(objective, counts),
        HumanDuration(tier.long),
        objective.sli.describe(),
        percent_ppm(objective.target_ppm),
        window(objective),
        times(burn),
        times(tier.factor_milli as f64 / 1000.0),
    );
    match budget(evaluation, burn) {
        Some(budget) => format!("{fast} {budget}"),
        None => fast,
    }
}

fn any_text(objective: &Objective, reading: Option<&TierReading>) -> String {
    let counts = reading.map(|reading| reading.long.counts).unwrap_or_default();
    format!(
        "{}: {} of {} in the last {} were bad ({}); the objective of {} {} allows none. The alert ends an hour after the last.",
        objective.name,
        counts.bad,
        judged(objective, counts),
        HumanDuration(ANY_EVENT_WINDOW),
        objective.sli.describe(),
        percent_ppm(objective.target_ppm),
        window(objective),
    )
}

/// What is left, and for how long it lasts if it goes on like this.
fn budget(evaluation: &Evaluation, burn: f64) -> Option<String> {
    let remaining = evaluation.budget.remaining?;
    if remaining < 0.0 {
        return Some(format!("The budget is overspent by {} of itself.", percent(-remaining)));
    }
    if remaining == 0.0 {
        return Some("The budget is used up.".to_owned());
    }
    let period = match evaluation.objective.window {
        Window::Rolling(period) => period,
        Window::Month(_) => MONTH,
    };
    // At a burn rate of one a whole budget lasts for the whole window (SRE workbook, ch. 5).
    let lasts = if burn > 0.0 { period.as_secs_f64() * remaining / burn } else { f64::INFINITY };
    let lasts = Duration::try_from_secs_f64(lasts).ok().filter(|lasts| *lasts < period);
    let then = lasts.map(|lasts| format!(" and is gone in {} at this rate", about(lasts))).unwrap_or_default();
    Some(format!("{} of the budget is left{then}.", percent(remaining)))
}

fn judged(objective: &Objective, counts: Counts) -> String {
    let event = match objective.aggregate {
        Aggregate::Reachability => "run",
        Aggregate::Uptime { .. } => "tick",
    };
    many(counts.judged(), event)
}

fn window(objective: &Objective) -> String {
    match objective.window {
        Window::Rolling(period) => format!("over {}", HumanDuration(period)),
        Window::Month(zone) => format!("in a calendar month of {zone}"),
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
