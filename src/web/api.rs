//! The JSON API. Runs are written as [`Outcome`]s are; the list of probes leaves their requests out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::outcome::{CheckLabels, Outcome, StepState, TraceId, Trigger, Verdict};
use crate::plan::PlannedProbe;

/// `GET /-/healthy`: the process answers.
pub async fn healthy() -> &'static str {
    "healthy\n"
}

/// `GET /-/ready`: the scheduler runs and has a plan.
pub async fn ready(State(app): State<App>) -> Response {
    if app.control.ready() {
        "ready\n".into_response()
    } else {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not ready yet").with(RETRY_AFTER, "1").into_response()
    }
}

/// `POST /-/reload`.
pub async fn reload(State(app): State<App>) -> Result<Response, Problem> {
    let control = app.control.clone();
    match unhurried(async move { control.reload().await }).await? {
        Ok(()) => Ok(Json(json!({ "reloaded": true })).into_response()),
        Err(errors) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, errors)),
    }
}

/// Work that must go on when whoever asked hangs up: a run that is cut off would not revoke its tokens.
pub async fn unhurried<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work ended early; see the log");
    tokio::spawn(work).await.map_err(failed)
}

/// A probe as lists show it.
#[derive(Serialize)]
struct ProbeView<'a> {
    name: &'a str,
    kind: &'static str,
    provider: &'a str,
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    users: Vec<&'a str>,
    steps: Vec<&'static str>,
    timeout_seconds: f64,
    labels: &'a BTreeMap<String, String>,
    regions: Vec<RegionView<'a>>,
}

#[derive(Serialize)]
struct RegionView<'a> {
    region: &'a str,
    /// The newest run there, if one is kept.
    last: Option<RunView<'a>>,
}

/// A run without its requests and what was measured.
#[derive(Serialize)]
struct RunView<'a> {
    #[serde(flatten)]
    check: &'a CheckLabels,
    trace_id: TraceId,
    trigger: Trigger,
    scheduled: Timestamp,
    start: Timestamp,
    duration_seconds: f64,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a Fault>,
    warnings: usize,
    steps: Vec<StepView>,
}

#[derive(Serialize)]
struct StepView {
    name: &'static str,
    state: StepState,
    duration_seconds: f64,
    requests: usize,
}

impl<'a> From<&'a Arc<Outcome>> for RunView<'a> {
    fn from(outcome: &'a Arc<Outcome>) -> Self {
        let steps = outcome.steps.iter().map(|step| StepView {
            name: step.name,
            state: step.state,
            duration_seconds: step.duration.as_secs_f64(),
            requests: step.requests.len(),
        });
        Self {
            check: &outcome.check,
            trace_id: outcome.trace_id,
            trigger: outcome.trigger,
            scheduled: outcome.scheduled,
            start: outcome.start,
            duration_seconds: outcome.duration.as_secs_f64(),
            verdict: outcome.verdict,
            fault: outcome.fault.as_ref(),
            warnings: outcome.warnings.len(),
            steps: steps.collect(),
        }
    }
}

/// The newest of a probe's `recent` runs in that region, or over it.
pub fn last_in<'a>(probe: &PlannedProbe, recent: &'a [Arc<Outcome>], region: &str) -> Option<&'a Arc<Outcome>> {
    recent.iter().find(|outcome| probe.covers(&outcome.check.region, region))
}

/// `GET /api/v1/probes`.
pub async fn probes(State(app): State<App>) -> Response {
    let plan = app.control.plan();
    let recent: Vec<_> = plan.probes.iter().map(|probe| app.control.recent(&probe.name)).collect();
    let probes: Vec<_> = plan.probes.iter().zip(&recent).map(|(probe, recent)| view(probe, recent)).collect();
    let stopped: BTreeMap<_, _> = app.control.stopped_accounts().into_iter().collect();
    Json(json!({ "paused": app.control.paused(), "stopped_accounts": stopped, "probes": probes })).into_response()
}

fn view<'a>(probe: &'a PlannedProbe, recent: &'a [Arc<Outcome>]) -> ProbeView<'a> {
    let regions = probe.regions.iter().map(|egress| RegionView {
        region: &egress.region,
        last: last_in(probe, recent, &egress.region).map(RunView::from),
    });
    ProbeView {
        name: &probe.name,
        kind: probe.kind.name,
        provider: &probe.provider.name,
        issuer: &probe.provider.issuer,
        client: probe.client.as_ref().map(|client| &*client.name),
        users: probe.users.iter().map(|user| &*user.name).collect(),
        steps: probe.probe.steps(),
        timeout_seconds: probe.timeout.as_secs_f64(),
        labels: &probe.labels,
        regions: regions.collect(),
    }
}

/// `GET /api/v1/regions`.
pub async fn regions(State(app): State<App>) -> Response {
    let plan = app.control.plan();
    let regions: Vec<_> = plan
        .regions
        .iter()
        .map(|egress| {
            json!({
                "name": egress.region,
                "proxy": egress.proxy.as_ref().map(|proxy| proxy.url.as_str()),
                "source_address": egress.source_address,
                "webdriver": egress.webdriver.as_ref().map(|webdriver| webdriver.url.as_str()),
                "references": egress.references.iter().map(url::Url::as_str).collect::<Vec<_>>(),
                "probes": plan.probes.iter().filter(|probe| probe.regions.iter().any(|r| r.region == egress.region))
                    .map(|probe| &*probe.name).collect::<Vec<_>>(),
            })
        })
        .collect();
    Json(json!({ "regions": regions })).into_response()
}

/// Where a manual run takes place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    region: Option<String>,
}

/// `POST /api/v1/probes/{name}/run?region=`: answers when the run is over.
pub async fn run_now(
    State(app): State<App>,
    Path(name): Path<String>,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(RunQuery { region }) = query.map_err(bad_query)?;
    let Ok(permit) = app.runs.clone().try_acquire_owned() else {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many manual runs at once").with(RETRY_AFTER, "5"));
    };
    let (control, probe) = (app.control.clone(), name.clone());
    let outcomes = unhurried(async move {
        let outcomes = control.run_now(&probe, region.as_deref()).await;
        drop(permit);
        outcomes
    });
    match outcomes.await? {
        Some(outcomes) => {
            Ok(Json(json!({ "runs": outcomes.iter().map(|o| &**o).collect::<Vec<_>>() })).into_response())
        }
        None => Err(Problem::new(StatusCode::NOT_FOUND, format!("no probe {name:?}, or not in that region"))),
    }
}

/// `POST /api/v1/accounts/{name}/resume`: `user:NAME` or `client:NAME`.
pub async fn resume_account(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    if app.control.resume_account(&name) {
        Ok(Json(json!({ "resumed": name })).into_response())
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, format!("no stopped account {name:?}")))
    }
}

/// `POST /api/v1/pause`.
pub async fn pause(State(app): State<App>) -> Response {
    app.control.pause(true);
    Json(json!({ "paused": app.control.paused() })).into_response()
}

/// `POST /api/v1/resume`.
pub async fn resume(State(app): State<App>) -> Response {
    app.control.pause(false);
    Json(json!({ "paused": app.control.paused() })).into_response()
}

/// There is none of that name.
pub fn no_probe(name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("no probe {name:?}"))
}

/// What is wrong with a query.
pub fn bad_query(rejection: QueryRejection) -> Problem {
    bad_request(&rejection.body_text())
}

/// What is wrong with a request.
pub fn bad_request(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
