//! `GET /api/v1/alerts` and `/api/v1/alerts/history`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::api::bad_query;
use super::problem::Problem;
use crate::alert::episode::{Episode, EpisodesQuery, FiredReading};
use crate::alert::{Alert, State as Phase, Words, outage};
use crate::clock::Timestamp;
use crate::detect::{Case, Ruling};

/// An alert as it is told.
#[derive(Serialize)]
struct View<'a> {
    state: Phase,
    labels: &'a Words,
    annotations: &'a Words,
    active_at: Timestamp,
    fired_at: Option<Timestamp>,
    /// Since when it has not held, while it fires still.
    quiet_since: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    /// Of `AuthOutage` and `AuthRegionDown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<&'a Case>>,
}

impl<'a> View<'a> {
    fn of(alert: &'a Alert, rulings: &'a [Ruling]) -> Self {
        let cleared = |phase: Phase| alert.cleared_nanos.filter(|_| alert.state == phase).map(Timestamp::from_nanos);
        Self {
            state: alert.state,
            labels: &alert.labels,
            annotations: &alert.annotations,
            active_at: Timestamp::from_nanos(alert.active_nanos),
            fired_at: alert.fired_at(),
            quiet_since: cleared(Phase::Resolving),
            resolved_at: cleared(Phase::Resolved),
            evidence: evidence(alert, rulings),
        }
    }
}

/// The evidence behind an alert of the detectors; `None`: it is of somebody else. What is looked into by now says nothing
/// about an alert that is over.
pub fn evidence<'a>(alert: &Alert, rulings: &'a [Ruling]) -> Option<Vec<&'a Case>> {
    let cases = outage::evidence(&alert.labels, rulings)?;
    Some(if alert.state == Phase::Resolved { Vec::new() } else { cases })
}

/// `GET /api/v1/alerts`: those that fire first, pages before tickets, outages before what they cause, newest first.
pub async fn list(State(app): State<App>) -> Response {
    let alerts = app.control.alerts();
    let rulings = app.control.rulings();
    let alerts: Vec<_> = sorted(&alerts).into_iter().map(|alert| View::of(alert, &rulings)).collect();
    Json(json!({ "evaluate": app.control.plan().alerting.evaluate, "alerts": alerts })).into_response()
}

/// As people want them.
pub fn sorted(alerts: &[Alert]) -> Vec<&Alert> {
    let mut sorted: Vec<_> = alerts.iter().collect();
    let rank = |alert: &Alert| match alert.state {
        Phase::Firing => 0,
        Phase::Resolving => 1,
        Phase::Pending => 2,
        Phase::Resolved => 3,
    };
    let quiet = |alert: &Alert| alert.labels.get("severity").is_none_or(|severity| severity != "page");
    // A burn began after the outage that is its cause, and must not push it down.
    let effect = |alert: &Alert| match alert.name() {
        outage::OUTAGE => 0,
        outage::REGION_DOWN => 1,
        _ => 2,
    };
    sorted.sort_by_key(|alert| (rank(alert), quiet(alert), effect(alert), std::cmp::Reverse(alert.active_nanos)));
    sorted
}

/// How many episodes a list holds unless asked otherwise, and at most.
const LIMIT: (usize, usize) = (50, 500);

/// What the history may be narrowed to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    slo: Option<String>,
    probe: Option<String>,
    provider: Option<String>,
    limit: Option<usize>,
}

impl From<HistoryQuery> for EpisodesQuery {
    fn from(asked: HistoryQuery) -> Self {
        let HistoryQuery { slo, probe, provider, limit } = asked;
        let some = |name: Option<String>| name.filter(|name| !name.is_empty());
        let limit = limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
        Self { slo: some(slo), probe: some(probe), provider: some(provider), limit }
    }
}

/// An episode as it is told.
#[derive(Serialize)]
struct EpisodeView<'a> {
    labels: &'a Words,
    fired_at: Timestamp,
    resolved_at: Option<Timestamp>,
    description: &'a str,
    reading: Option<ReadingView>,
}

/// Why a burn alert fired.
#[derive(Serialize)]
struct ReadingView {
    long_seconds: u64,
    short_seconds: u64,
    burn_long: f64,
    burn_short: f64,
    burn_long_lower: f64,
    factor: f64,
    bad: u64,
    judged: u64,
}

impl From<&FiredReading> for ReadingView {
    fn from(reading: &FiredReading) -> Self {
        let FiredReading { seconds, burn, guarded, factor, bad, judged } = *reading;
        let (long_seconds, short_seconds) = seconds;
        let (burn_long, burn_short) = burn;
        Self { long_seconds, short_seconds, burn_long, burn_short, burn_long_lower: guarded, factor, bad, judged }
    }
}

impl<'a> From<&'a Episode> for EpisodeView<'a> {
    fn from(episode: &'a Episode) -> Self {
        Self {
            labels: &episode.labels,
            fired_at: Timestamp::from_nanos(episode.fired_nanos),
            resolved_at: episode.resolved_nanos.map(Timestamp::from_nanos),
            description: &episode.description,
            reading: episode.reading.as_ref().map(ReadingView::from),
        }
    }
}

/// `GET /api/v1/alerts/history?slo=&probe=&provider=&limit=`: alerts that fired, newest first.
pub async fn history(
    State(app): State<App>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(bad_query)?;
    let unreadable = |why: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    let episodes = app.control.episodes(query.into()).await.map_err(unreadable)?;
    let episodes: Vec<_> = episodes.iter().map(EpisodeView::from).collect();
    Ok(Json(json!({ "episodes": episodes })).into_response())
}
