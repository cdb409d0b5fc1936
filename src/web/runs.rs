//! Runs that were: those in memory, whole, and those that the ledger keeps, as one list.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::api::{bad_query, bad_request, no_probe};
use super::body::rfc3339;
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::outcome::{Outcome, Verdict};
use crate::plan::PlannedProbe;
use crate::store;

/// How many runs a list holds unless asked otherwise, and at most.
const LIMIT: (usize, usize) = (50, 500);
/// How many requests the runs of a list may hold together: this bounds the answer to some megabytes.
const MAX_REQUESTS: usize = 20_000;
/// How many more runs the ledger is asked for, so that those of one moment come together.
const TOGETHER: usize = 32;

/// What a list of runs may be narrowed to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    region: Option<String>,
    verdict: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// The same, understood.
struct Wanted {
    region: Option<String>,
    verdict: Option<Verdict>,
    before: Option<Timestamp>,
    limit: usize,
}

impl RunsQuery {
    fn understood(self) -> Result<Wanted, Problem> {
        let mut mistakes = vec![];
        let verdict = match self.verdict.as_deref() {
            None => None,
            Some("good") => Some(Verdict::Good),
            Some("bad") => Some(Verdict::Bad),
            Some("inconclusive") => Some(Verdict::Inconclusive),
            Some(_) => {
                mistakes.push("verdict: one of good, bad, inconclusive");
                None
            }
        };
        // A `+` of a zone that was not encoded arrives as a blank.
        let before = self.before.map(|text| rfc3339(&text.replace(' ', "+")));
        if before == Some(None) {
            mistakes.push("before: a time of RFC 3339 such as 2026-01-31T02:00:00Z");
        }
        if !mistakes.is_empty() {
            return Err(bad_request(&mistakes.join("; ")));
        }
        let limit = self.limit.unwrap_or(LIMIT.0).min(LIMIT.1);
        Ok(Wanted { region: self.region, verdict, before: before.flatten(), limit })
    }
}

/// A run as it will be written, and what it is sorted and bounded by.
struct Listed {
    trace_id: String,
    /// Milliseconds since the epoch: what `before` can say.
    start: i64,
    requests: usize,
    json: Value,
}

impl Listed {
    fn of(outcome: &Outcome) -> Option<Self> {
        Some(Self {
            trace_id: outcome.trace_id.to_string(),
            start: outcome.start.as_nanos().div_euclid(1_000_000),
            requests: outcome.requests().count(),
            json: serde_json::to_value(outcome).ok()?,
        })
    }

    fn kept(json: Value) -> Option<Self> {
        let steps = json["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            trace_id: json["trace_id"].as_str()?.to_owned(),
            start: rfc3339(json["start"].as_str()?)?.as_nanos().div_euclid(1_000_000),
            requests: steps.iter().filter_map(|step| step["requests"].as_array()).map(Vec::len).sum(),
            json,
        })
    }
}

/// `GET /api/v1/probes/{name}/runs?region=&verdict=&before=&limit=`: newest first, fewer than asked for if they are long.
/// `next` is what `before` has to be for those that follow; `null`: there are none.
pub async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
    query: Result<Query<RunsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(bad_query)?;
    let plan = app.control.plan();
    let Some(probe) = plan.probes.iter().find(|probe| *probe.name == *name) else {
        return Err(no_probe(&name));
    };
    let wanted = query.understood()?;
    let mut runs = remembered(&app, probe, &wanted);
    let known: HashSet<_> = runs.iter().map(|run| run.trace_id.clone()).collect();
    let error = match app.control.kept_runs(asked_of_ledger(probe, &wanted)).await {
        None => None,
        Some(Err(error)) => Some(error),
        Some(Ok(kept)) => {
            let covered = |region: &str| wanted.region.as_deref().is_none_or(|wanted| probe.covers(region, wanted));
            let kept = kept.into_iter().map(|run| run.json);
            let kept = kept.filter(|run| covered(run["probe_region"].as_str().unwrap_or_default()));
            runs.extend(kept.filter_map(Listed::kept).filter(|run| !known.contains(&run.trace_id)));
            None
        }
    };
    runs.sort_by_key(|run| std::cmp::Reverse(run.start));
    let length = page(&runs, wanted.limit);
    let next =
        runs.get(length).and(length.checked_sub(1)).map(|last| Timestamp::from_nanos(runs[last].start * 1_000_000));
    runs.truncate(length);
    let runs: Vec<_> = runs.into_iter().map(|run| run.json).collect();
    Ok(Json(json!({ "runs": runs, "next": next, "ledger_error": error })).into_response())
}

/// What is in memory, newest first.
fn remembered(app: &App, probe: &PlannedProbe, wanted: &Wanted) -> Vec<Listed> {
    let recent = app.control.recent(&probe.name);
    let fits = |outcome: &&std::sync::Arc<Outcome>| {
        wanted.region.as_deref().is_none_or(|region| probe.covers(&outcome.check.region, region))
            && wanted.verdict.is_none_or(|verdict| outcome.verdict == verdict)
            && wanted.before.is_none_or(|before| outcome.start < before)
    };
    let mut found: Vec<_> = recent.iter().filter(fits).collect();
    found.sort_by_key(|outcome| std::cmp::Reverse(outcome.start));
    found.into_iter().take(wanted.limit + TOGETHER).filter_map(|outcome| Listed::of(outcome)).collect()
}

fn asked_of_ledger(probe: &PlannedProbe, wanted: &Wanted) -> store::RunsQuery {
    // A run that looks from all regions was made in one of them only.
    let anywhere = probe.cost().all_regions;
    store::RunsQuery {
        probe: probe.name.to_string(),
        region: wanted.region.clone().filter(|_| !anywhere),
        verdict: wanted.verdict.map(|verdict| verdict.as_str().to_owned()),
        before: wanted.before,
        limit: wanted.limit + TOGETHER,
    }
}

/// How many of these a page holds: those of one millisecond stay together, so that `before` loses none.
fn page(runs: &[Listed], limit: usize) -> usize {
    let mut requests = 0;
    let fit = |(n, run): (usize, &Listed)| {
        requests += run.requests;
        n < limit && (n == 0 || requests <= MAX_REQUESTS)
    };
    let fitting = runs.iter().enumerate().map(fit).take_while(|fits| *fits).count();
    let Some(last) = fitting.checked_sub(1) else { return 0 };
    fitting + runs[fitting..].iter().take_while(|run| run.start == runs[last].start).count()
}

/// `GET /api/v1/runs/{id}`: one run, as whole as it is still kept.
pub async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, format!("no run {} is kept", short(&id)));
    let trace_id = trace_id(&id).ok_or_else(none)?;
    if let Some(outcome) = app.control.outcome(&trace_id) {
        return Ok(Json(&*outcome).into_response());
    }
    match app.control.kept_run(&trace_id).await {
        None | Some(Ok(None)) => Err(none()),
        Some(Ok(Some(run))) => Ok(Json(run.json).into_response()),
        Some(Err(error)) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the ledger cannot be read: {error}")))
        }
    }
}

/// `GET /api/v1/runs/{id}/screenshot`: the page on which it failed, as far as a picture of it is still in memory.
pub async fn screenshot(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let none = |what: &str| Problem::new(StatusCode::NOT_FOUND, format!("no {what} {} is kept", short(&id)));
    let outcome = trace_id(&id).and_then(|id| app.control.outcome(&id)).ok_or_else(|| none("run"))?;
    let picture = outcome.screenshot().ok_or_else(|| none("picture of run"))?;
    // Of pages that others made: it must be an image to whoever opens it, and `nosniff` comes with every answer.
    Ok(([(CONTENT_TYPE, "image/png")], picture.0.to_vec()).into_response())
}

/// 32 hexadecimal digits, small ones; `None`: it is no id of a run.
pub fn trace_id(text: &str) -> Option<String> {
    (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(starts: &[(i64, usize)]) -> Vec<Listed> {
        let run = |&(start, requests)| Listed { trace_id: String::new(), start, requests, json: Value::Null };
        starts.iter().map(run).collect()
    }

    #[test]
    fn a_page_is_bounded_and_ends_between_two_moments() {
        for (starts, limit, expected) in [
            (&[][..], 5, 0),
            (&[(9, 1), (8, 1)], 0, 0),
            (&[(9, 1), (8, 1), (7, 1)], 2, 2),
            (&[(9, 1), (8, 1), (8, 1), (7, 1)], 2, 3),
            (&[(9, 1)], 2, 1),
            (&[(9, MAX_REQUESTS + 1), (8, 0)], 5, 1),
            (&[(9, MAX_REQUESTS), (8, 1), (7, 0)], 5, 1),
            (&[(9, MAX_REQUESTS), (8, 0), (7, 1)], 5, 2),
        ] {
            assert_eq!(page(&runs(starts), limit), expected, "{starts:?} {limit}");
        }
    }
}
