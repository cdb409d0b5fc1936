//! `/api/v1/deployments`: marks that alerts and the page show. They suppress nothing.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::api::unhurried;
use super::body::Fields;
use super::guard::Writer;
use super::maintenance::{fresh_id, not_kept};
use super::problem::Problem;
use crate::alert::conditions::{DEPLOYMENT, Deployment, Followed};
use crate::alert::{Alert, State as Phase, Words};
use crate::clock::Timestamp;
use crate::config::nearest::{listed, nearest};
use crate::plan::Plan;

/// How long ago a deployment may have been, and how far ahead another clock may show it.
const PAST: Duration = Duration::from_secs(7 * 86_400);
const AHEAD: Duration = Duration::from_secs(60);
/// The longest id, name, version and comment (characters).
const ID: usize = 100;
const NAME: usize = 200;
const COMMENT: usize = 1000;

/// A deployment as it is told.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    at: Timestamp,
    service: &'a str,
    version: &'a str,
    /// `None`: whichever.
    provider: Option<&'a str>,
    comment: &'a str,
    /// Alerts that fire until then have followed it.
    watched_until: Timestamp,
    followed: Vec<FollowedView<'a>>,
}

/// An alert that fired after it.
#[derive(Serialize)]
struct FollowedView<'a> {
    /// As it is now; `resolved` also if it fires again since.
    state: Phase,
    fired_at: Timestamp,
    labels: &'a Words,
}

impl<'a> View<'a> {
    fn of(deployment: &'a Deployment, alerts: &[Alert]) -> Self {
        let followed = |followed: &'a Followed| FollowedView {
            state: alerts
                .iter()
                .find(|alert| alert.labels == followed.labels && alert.fired_nanos == Some(followed.fired_nanos))
                .map_or(Phase::Resolved, |alert| alert.state),
            fired_at: Timestamp::from_nanos(followed.fired_nanos),
            labels: &followed.labels,
        };
        Self {
            id: &deployment.id,
            at: Timestamp::from_nanos(deployment.at_nanos),
            service: &deployment.service,
            version: &deployment.version,
            provider: Some(&*deployment.provider).filter(|provider| !provider.is_empty()),
            comment: &deployment.comment,
            watched_until: Timestamp::from_nanos(deployment.at_nanos.saturating_add(deployment.watch_nanos)),
            followed: deployment.followed.iter().map(followed).collect(),
        }
    }
}

/// `GET /api/v1/deployments`: newest first.
pub async fn list(State(app): State<App>) -> Response {
    let (deployments, alerts) = (app.control.deployments(), app.control.alerts());
    let views: Vec<_> = deployments.iter().map(|deployment| View::of(deployment, &alerts)).collect();
    Json(json!({ "deployments": views })).into_response()
}

/// `POST /api/v1/deployments`: answered when the mark is kept. With an `id` that is there already that one is the answer, as
/// it was marked first.
pub async fn create(
    State(app): State<App>,
    Extension(Writer(by)): Extension<Writer>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked = wanted(&body, &app.control.plan(), app.control.now())?;
    let control = app.control.clone();
    let marked = unhurried(async move {
        let _alone = app.writing.clone().lock_owned().await;
        let kept = app.control.deployments();
        if let Some(known) = kept.iter().find(|kept| kept.id == asked.id) {
            return Ok((StatusCode::OK, known.clone()));
        }
        let id = match asked.id.is_empty() {
            true => fresh_id(|id| kept.iter().any(|kept| kept.id == id)),
            false => asked.id.clone(),
        };
        let deployment = Deployment { id, ..asked };
        app.control.mark_deployment(deployment.clone()).await.map_err(not_kept)?;
        tracing::info!(id = deployment.id, by, "deployment marked");
        Ok::<_, Problem>((StatusCode::CREATED, deployment))
    });
    let (status, deployment) = marked.await??;
    Ok((status, Json(View::of(&deployment, &control.alerts()))).into_response())
}

/// The deployment that a body marks; without an id, if it has none.
fn wanted(body: &[u8], plan: &Plan, now: Timestamp) -> Result<Deployment, Problem> {
    let mut fields = Fields::of(body, &["id", "service", "version", "provider", "at", "watch", "comment"])?;
    let named = fields.has("id");
    let id = if named { fields.needed("id", ID) } else { String::new() };
    // Who gives it a name may leave it at that.
    let mut text = |name: &str| if named { fields.text(name, NAME) } else { fields.needed(name, NAME) };
    let (mut service, version) = (text("service"), text("version"));
    if service.is_empty() && version.is_empty() {
        service.clone_from(&id);
    }
    let provider = fields.text("provider", NAME);
    let names = || plan.providers.iter().map(|provider| &*provider.name);
    if !provider.is_empty() && !names().any(|name| name == provider) {
        fields.mistake(
            "provider",
            match nearest(&provider, names()) {
                Some(near) => format!("no provider {provider:?}; did you mean `{near}`?"),
                None => format!("no provider {provider:?}; there are {}", listed(names().take(20))),
            },
        );
    }
    let at = fields.time("at");
    if let Some(at) = at {
        if at > now + AHEAD {
            fields.mistake("at", "must not be in the future");
        } else if at < now - PAST {
            fields.mistake("at", "must not be more than 7d ago");
        }
    }
    let watch = fields.duration("watch");
    if watch.is_some_and(|watch| watch.is_zero() || watch > PAST) {
        fields.mistake("watch", "must be above 0 and at most 7d");
    }
    let watch_nanos = i64::try_from(watch.unwrap_or(DEPLOYMENT).as_nanos()).unwrap_or(i64::MAX);
    let comment = fields.text("comment", COMMENT);
    fields.end()?;
    let at_nanos = at.unwrap_or(now).as_nanos();
    Ok(Deployment { id, at_nanos, service, version, provider, comment, watch_nanos, ..Deployment::default() })
}
