//! The page: an overview, and what it leads to. Rendered here, drawn by us; complete without a script.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::App;

mod configuration;
pub mod draw;
pub mod html;
mod keys;
mod overview;
mod probe;
mod run;
pub mod shell;
mod slo;
pub mod words;

/// Where the style sheet is.
pub const STYLE: &str = "/style.css";
/// Where the script is.
pub const SCRIPT: &str = "/live.js";
/// Where the icon is.
pub const ICON: &str = "/icon.svg";

/// All views.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview::page))
        .route("/probes/{name}", get(probe::page))
        .route("/runs/{id}", get(run::page))
        .route("/slos/{name}", get(slo::page))
        .route("/keys", get(keys::page))
        .route("/configuration", get(configuration::page))
        .route(STYLE, get(style))
        .route(SCRIPT, get(script))
        .route(ICON, get(icon))
}

const SHEETS: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/overview.css"),
    include_str!("assets/probe.css"),
    include_str!("assets/run.css"),
    include_str!("assets/slo.css"),
    include_str!("assets/keys.css"),
    include_str!("assets/configuration.css"),
    include_str!("assets/door.css"),
    include_str!("assets/runbook.css"),
);

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], SHEETS).into_response()
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/live.js")).into_response()
}

async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml")], include_str!("assets/icon.svg")).into_response()
}
