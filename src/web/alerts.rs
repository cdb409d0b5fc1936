//! `GET /api/v1/alerts`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
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
