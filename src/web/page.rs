//! The page: an overview, and what it leads to. Rendered here, drawn by us; complete without a script.

use axum::Router;
use axum::routing::get;

use super::App;

mod absent;
mod configuration;
pub mod draw;
mod keys;
mod leads;
mod overview;
mod probe;
mod recurrence;
mod run;
pub mod shell;
mod slo;
pub mod words;

/// All views.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview::page))
        .route("/probes/{name}", get(probe::page))
        .route("/runs/{id}", get(run::page))
        .route("/slos/{name}", get(slo::page))
        .route("/keys", get(keys::page))
        .route("/configuration", get(configuration::page))
}
