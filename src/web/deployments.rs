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
use crate::alert::conditions::Deployment;
use crate::clock::Timestamp;
use crate::config::nearest::{listed, nearest};
use crate::plan::Plan;

/// How long ago a deployment may have been, and how far ahead another clock may show it.
const PAST: Duration = Duration::from_secs(7 * 86_400);
const AHEAD: Duration = Duration::from_secs(60);
/// The longest name, version and comment (characters).
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
}

impl<'a> From<&'a Deployment> for View<'a> {
    fn from(deployment: &'a Deployment) -> Self {
        Self {
            id: &deployment.id,
            at: Timestamp::from_nanos(deployment.at_nanos),
            service: &deployment.service,
            version: &deployment.version,
            provider: Some(&*deployment.provider).filter(|provider| !provider.is_empty()),
            comment: &deployment.comment,
        }
    }
}

/// `GET /api/v1/deployments`: newest first.
pub async fn list(State(app): State<App>) -> Response {
    let deployments = app.control.deployments();
    Json(json!({ "deployments": deployments.iter().map(View::from).collect::<Vec<_>>() })).into_response()
}

/// `POST /api/v1/deployments`: answered when the mark is kept.
pub async fn create(
    State(app): State<App>,
    Extension(Writer(by)): Extension<Writer>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked = wanted(&body, &app.control.plan(), app.control.now())?;
    let deployment = unhurried(async move {
        let _alone = app.writing.clone().lock_owned().await;
        let kept = app.control.deployments();
        let deployment = Deployment { id: fresh_id(|id| kept.iter().any(|kept| kept.id == id)), ..asked };
        app.control.mark_deployment(deployment.clone()).await.map_err(not_kept)?;
        tracing::info!(id = deployment.id, by, "deployment marked");
        Ok::<_, Problem>(deployment)
    });
    let deployment = deployment.await??;
    Ok((StatusCode::CREATED, Json(View::from(&deployment))).into_response())
}

/// The deployment that a body marks, without its id.
fn wanted(body: &[u8], plan: &Plan, now: Timestamp) -> Result<Deployment, Problem> {
    let mut fields = Fields::of(body, &["service", "version", "provider", "at", "comment"])?;
    let service = fields.needed("service", NAME);
    let version = fields.needed("version", NAME);
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
    let comment = fields.text("comment", COMMENT);
    fields.end()?;
    let at_nanos = at.unwrap_or(now).as_nanos();
    Ok(Deployment { id: String::new(), at_nanos, service, version, provider, comment })
}
