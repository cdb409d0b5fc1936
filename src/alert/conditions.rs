//! Burn alerts from evaluations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::text::{Runbooks, Subject, about, many, moment, percent, percent_ppm, three, times};
use super::{Alert, Condition, Holds, Words};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::slo::objective::ANY_EVENT_WINDOW;
use crate::slo::{Aggregate, Counts, Evaluation, Objective, Severity, Tally, Tier, TierReading, Triggers, Window};

/// The alert of this module.
const NAME: &str = "AuthSLOBurn";
/// The `burnrate_tier` of an objective that allows nothing.
pub const ANY_TIER: &str = "any";
/// How long after a deployment a burn may begin that names it.
pub const DEPLOYMENT: Duration = Duration::from_secs(15 * 60);

/// What every alert's annotations are made with.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Where people reach this server: `dashboard_url` leads to a page below.
    pub public_url: Option<Url>,
    /// Where `runbook_url` leads.
    pub runbooks: Runbooks,
    /// Deployments of the last hours, newest first.
    pub deployments: Vec<Deployment>,
}

/// A marked deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    /// Its id: as it was given, else eight hexadecimal digits.
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
    /// How long after it an alert is said to have followed it (nanoseconds).
    #[serde(default = "watched")]
    pub watch_nanos: i64,
    /// Alerts that fired in that time, in order.
    #[serde(default)]
    pub followed: Vec<Followed>,
    /// What its minute had counted of each objective before it; `None`: it was marked later, so that nobody knows.
    #[serde(default)]
    pub before: Option<BTreeMap<String, Tally>>,
}

/// An alert that fired after a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Followed {
    /// Its identity.
    pub labels: Words,
    /// When it fired (nanoseconds since the epoch).
    pub fired_nanos: i64,
}

/// Of marks that say nothing: as long as descriptions name them.
const fn watched() -> i64 {
    DEPLOYMENT.as_nanos() as i64
}

/// The most alerts that are kept of one deployment.
const MOST_FOLLOWED: usize = 50;

impl Deployment {
    /// Takes in an alert that has fired; says whether it followed this deployment.
    pub fn attribute(&mut self, alert: &Alert) -> bool {
        let provider = alert.labels.get("provider").map_or("", String::as_str);
        let concerns = self.provider.is_empty() || provider.is_empty() || self.provider == provider;
        let Some(fired_nanos) = alert.fired_nanos.filter(|_| concerns && self.followed.len() < MOST_FOLLOWED) else {
            return false;
        };
        let end = self.at_nanos.saturating_add(self.watch_nanos);
        let follows = (self.at_nanos..=end).contains(&fired_nanos);
        if follows {
            self.followed.push(Followed { labels: alert.labels.clone(), fired_nanos });
        }
        follows
    }
}

impl Context {
    /// A sentence on the latest deployment that failures since then followed closely, if there is one. `within`: how much
    /// later than that they may have begun. An empty provider is any.
    pub(super) fn deployed(&self, provider: &str, since: Timestamp, within: Duration) -> Option<String> {
        let began = since + within;
        let concerns = |deployment: &&Deployment| {
            let at = Timestamp::from_nanos(deployment.at_nanos);
            let mine = deployment.provider.is_empty() || provider.is_empty() || deployment.provider == provider;
            mine && at <= began && began.since(at) <= DEPLOYMENT + within
        };
        let found = self.deployments.iter().filter(concerns).max_by_key(|deployment| deployment.at_nanos)?;
        let at = Timestamp::from_nanos(found.at_nanos);
        let named = [found.service.as_str(), found.version.as_str()];
        let what = named.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        let comment = if found.comment.is_empty() { String::new() } else { format!(": {}", found.comment) };
        let after = about(since.since(at));
        Some(format!("It began {after} after the deployment of {what} (marked {}{comment}).", moment(at)))
    }
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
    Condition {
        labels,
        annotations,
        afterwards: Words::new(),
        holds,
        pending_for: Duration::ZERO,
        resolving_for: Duration::ZERO,
    }
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

    fn deployment(&self) -> Option<String> {
        let (since, provider) = (self.evaluation.failing_since?, &*self.evaluation.objective.provider);
        // Failures are known by their minute: one that began in the same minute may have come after.
        self.context.deployed(provider, since, Duration::from_secs(59))
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

/// What is left, and for how long it lasts if it goes on like this: the budget of a whole window, while that fills.
fn budget(evaluation: &Evaluation, burn: f64) -> Option<String> {
    let (objective, budget) = (&*evaluation.objective, &evaluation.budget);
    let (remaining, counts) = (budget.remaining?, budget.tally.adjusted());
    let filling = objective.is_filling(counts, budget.whole);
    let lasts = evaluation.lasts(burn).map(about);
    let now = match remaining {
        left if left < 0.0 => format!("the budget is spent {} times", times(1.0 - left)),
        0.0 => "the budget is used up".to_owned(),
        left => format!("{} of the budget is left", percent(left)),
    };
    Some(match (filling, lasts) {
        (true, lasts) => {
            let whole = lasts.map(|lasts| format!("; that of {} is gone in {lasts} at this rate", whole(objective)));
            let so_far = format!("Of the {} so far {} were bad", judged(objective, counts), counts.bad);
            format!("{so_far}: {now}{}.", whole.unwrap_or_default())
        }
        (false, Some(lasts)) => format!("{} and is gone in {lasts} at this rate.", sentence(&now)),
        (false, None) => format!("{}.", sentence(&now)),
    })
}

/// The whole window.
fn whole(objective: &Objective) -> String {
    match objective.window {
        Window::Rolling(period) => format!("all {}", HumanDuration(period)),
        Window::Month(_) => "the whole month".to_owned(),
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
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
