//! `GET /api/v1/slos`: where every objective stands. What is not known is `null`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::api::{bad_query, bad_request};
use super::body::rfc3339;
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::config::values::Percent;
use crate::duration::HumanDuration;
use crate::judge::CountedSince;
use crate::slo::objective::{ANY_EVENT_WINDOW, WHOLE};
use crate::slo::{
    Aggregate, Budget, Counts, Evaluation, Objective, Reading, Severity, Tally, Tier, TierReading, Triggers, Window,
};

/// How far ahead another clock may be.
const AHEAD: Duration = Duration::from_secs(60);

/// An objective in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// A tier burns.
    Burning,
    /// No budget is left.
    Spent,
    /// Nothing was judged over the window, or too little is known of the shortest tier: of what is going on now.
    Unknown,
    /// None of these.
    Ok,
}

/// An objective and, if there is one, its evaluation.
pub struct Standing {
    /// As it was evaluated, else as it is planned.
    pub objective: Arc<Objective>,
    /// `None`: not evaluated yet.
    pub evaluation: Option<Evaluation>,
}

/// All objectives of the plan in force, in its order.
pub fn standings(app: &App) -> Vec<Standing> {
    let (plan, evaluations) = (app.control.plan(), app.control.evaluations());
    let by_name: BTreeMap<_, _> = evaluations.iter().map(|known| (&known.objective.name, known)).collect();
    let standing = |objective: &Arc<Objective>| match by_name.get(&objective.name) {
        Some(known) => Standing { objective: known.objective.clone(), evaluation: Some((*known).clone()) },
        None => Standing { objective: objective.clone(), evaluation: None },
    };
    plan.objectives.iter().map(standing).collect()
}

impl Standing {
    /// In one word.
    pub fn word(&self) -> Word {
        let Some(evaluation) = &self.evaluation else { return Word::Unknown };
        let shortest = self.tiers().into_iter().min_by_key(|tier| tier.seconds.0);
        match evaluation.budget.remaining {
            _ if evaluation.tiers.iter().any(|tier| tier.burns == Some(true)) => Word::Burning,
            Some(remaining) if remaining <= 0.0 => Word::Spent,
            None => Word::Unknown,
            // An objective may have no tier that can fire: then its budget is all there is to know.
            Some(_) if shortest.is_some_and(|tier| tier.burns().is_none()) => Word::Unknown,
            Some(_) => Word::Ok,
        }
    }

    /// What alerts, with its readings.
    pub fn tiers(&self) -> Vec<TierView> {
        let reading = |n: usize| self.evaluation.as_ref().and_then(|known| known.tiers.get(n)).copied();
        match &self.objective.triggers {
            Triggers::Burn(tiers) => tiers.iter().enumerate().map(|(n, tier)| TierView::of(tier, reading(n))).collect(),
            Triggers::AnyEvent(severity) => vec![TierView::any(*severity, reading(0))],
        }
    }

    /// The window in words.
    pub fn window(&self) -> String {
        match self.objective.window {
            Window::Rolling(length) => HumanDuration(length).to_string(),
            Window::Month(_) => "month".to_owned(),
        }
    }

    /// The share that is promised, in words.
    pub fn target(&self) -> String {
        Percent { ppm: self.objective.target_ppm }.to_string()
    }
}

/// A tier with its readings.
pub struct TierView {
    /// The `burnrate_tier` label.
    pub name: String,
    /// The long and the short window (seconds).
    pub seconds: (u64, u64),
    /// How many times as fast as allowed; `None`: any event alerts.
    pub factor: Option<f64>,
    /// How loud.
    pub severity: Severity,
    /// `None`: not evaluated yet.
    pub reading: Option<TierReading>,
}

impl TierView {
    fn of(tier: &Tier, reading: Option<TierReading>) -> Self {
        Self {
            name: tier.name.to_string(),
            seconds: (tier.long.as_secs(), tier.short.as_secs()),
            factor: Some(tier.factor_milli as f64 / 1000.0),
            severity: tier.severity,
            reading,
        }
    }

    fn any(severity: Severity, reading: Option<TierReading>) -> Self {
        let seconds = ANY_EVENT_WINDOW.as_secs();
        Self { name: "any".to_owned(), seconds: (seconds, seconds), factor: None, severity, reading }
    }

    /// Whether it burns; `None`: that is not known.
    pub fn burns(&self) -> Option<bool> {
        self.reading.and_then(|reading| reading.burns)
    }

    fn json(&self) -> serde_json::Value {
        let window = |seconds: u64, reading: fn(TierReading) -> Reading| {
            let reading = self.reading.map(reading);
            json!({
                "seconds": seconds,
                "burn": reading.and_then(|reading| reading.burn),
                "counts": reading.map(|reading| reading.counts),
            })
        };
        let guarded = self.reading.filter(|reading| reading.long.burn.is_some()).map(|reading| reading.guarded);
        json!({
            "name": self.name,
            "severity": self.severity.as_str(),
            "factor": self.factor,
            "long": window(self.seconds.0, |reading| reading.long),
            "short": window(self.seconds.1, |reading| reading.short),
            "guarded": guarded,
            "burns": self.burns(),
        })
    }
}

#[derive(Serialize)]
struct BudgetView {
    since: Timestamp,
    /// How many events a whole window has, on average.
    expected_whole: u64,
    raw: Spent,
    adjusted: Spent,
}

#[derive(Serialize)]
struct Spent {
    #[serde(flatten)]
    counts: Counts,
    remaining: Option<f64>,
    events_left: Option<i64>,
}

impl BudgetView {
    fn of(budget: &Budget, objective: &Objective) -> Self {
        let spent = |counts: Counts, remaining| Spent {
            counts,
            remaining,
            events_left: objective.events_left(counts, budget.whole),
        };
        Self {
            since: budget.since,
            expected_whole: budget.whole.round() as u64,
            raw: spent(budget.tally.raw, budget.remaining_raw),
            adjusted: spent(budget.tally.adjusted(), budget.remaining),
        }
    }
}

#[derive(Serialize)]
struct RegionView<'a> {
    region: &'a str,
    #[serde(flatten)]
    counts: Counts,
    error_ratio: Option<f64>,
}

/// An objective as it is told.
#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    state: Word,
    /// `None`: its probes have several.
    provider: Option<&'a str>,
    probes: Vec<&'a str>,
    sli: String,
    objective: String,
    objective_ratio: f64,
    window: String,
    timezone: Option<&'static str>,
    aggregate: &'static str,
    quorum: Option<u32>,
    at: Option<Timestamp>,
    budget: Option<BudgetView>,
    coverage: Option<f64>,
    min_coverage: f64,
    alpha: f64,
    /// Where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<SinceView>,
    tiers: Vec<serde_json::Value>,
    regions: Vec<RegionView<'a>>,
    failing_since: Option<Timestamp>,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> View<'a> {
    fn of(standing: &'a Standing, since: Option<SinceView>) -> Self {
        let (objective, known) = (&*standing.objective, standing.evaluation.as_ref());
        let (aggregate, quorum) = match objective.aggregate {
            Aggregate::Reachability => ("reachability", None),
            Aggregate::Uptime { quorum } => ("uptime", Some(quorum)),
        };
        let regions = known.into_iter().flat_map(|known| &known.regions);
        let region = |(region, counts): &'a (Arc<str>, Counts)| RegionView {
            region,
            counts: *counts,
            error_ratio: counts.error_ratio(),
        };
        Self {
            name: &objective.name,
            state: standing.word(),
            provider: Some(&*objective.provider).filter(|name| !name.is_empty()),
            probes: objective.members.iter().map(|member| &*member.probe).collect(),
            sli: objective.sli.describe(),
            objective: standing.target(),
            objective_ratio: ratio(objective.target_ppm),
            window: standing.window(),
            timezone: match objective.window {
                Window::Month(zone) => Some(zone.name()),
                Window::Rolling(_) => None,
            },
            aggregate,
            quorum,
            at: known.map(|known| known.at),
            budget: known.map(|known| BudgetView::of(&known.budget, objective)),
            coverage: known.and_then(|known| known.budget.coverage),
            min_coverage: ratio(objective.min_coverage_ppm),
            alpha: ratio(objective.alpha_ppm),
            since,
            tiers: standing.tiers().iter().map(TierView::json).collect(),
            regions: regions.map(region).collect(),
            failing_since: known.and_then(|known| known.failing_since),
            labels: &objective.labels,
            annotations: &objective.annotations,
        }
    }
}

fn ratio(ppm: u32) -> f64 {
    f64::from(ppm) / f64::from(WHOLE)
}

/// What was counted since a time.
#[derive(Serialize)]
struct SinceView {
    /// From when on it counts: as asked for, or the minute of it.
    from: Timestamp,
    raw: Counts,
    adjusted: Counts,
}

/// What may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlosQuery {
    /// Counts since then are told as well.
    since: Option<String>,
}

/// `GET /api/v1/slos?since=`.
pub async fn list(
    State(app): State<App>,
    query: Result<Query<SlosQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(SlosQuery { since }) = query.map_err(bad_query)?;
    let now = app.control.now();
    let since = since.map(|since| since_of(&since, now)).transpose()?;
    let mut counted = counted_since(&app, since);
    let plan = app.control.plan();
    let standings = standings(&app);
    let slos = standings.iter().map(|standing| View::of(standing, counted.remove(&standing.objective.name)));
    let slos: Vec<_> = slos.collect();
    let ledger = json!({ "configured": plan.store.is_some(), "failing": app.control.ledger_failing() });
    let answer = json!({
        "now": now,
        "evaluate": plan.alerting.evaluate,
        "paused": app.control.paused(),
        "ledger": ledger,
        "slos": slos,
    });
    Ok(Json(answer).into_response())
}

fn since_of(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let since = rfc3339(text).ok_or_else(|| bad_request("since must be a time of RFC 3339"))?;
    if since > now + AHEAD { Err(bad_request("since must not be in the future")) } else { Ok(since) }
}

fn counted_since(app: &App, since: Option<Timestamp>) -> BTreeMap<Arc<str>, SinceView> {
    let Some(since) = since else { return BTreeMap::new() };
    let CountedSince { from, tallies } = app.control.counted_since(since);
    let view = |tally: Tally| SinceView { from, raw: tally.raw, adjusted: tally.adjusted() };
    tallies.into_iter().map(|(slo, tally)| (slo, view(tally))).collect()
}

/// The worst first; else as configured.
pub fn worst_first(standings: &mut [Standing]) {
    standings.sort_by_key(Standing::word);
}
