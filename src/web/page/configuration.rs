//! `GET /configuration`: the plan in force, secrets as references; how it was read last.

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::shell::{self, Tab};
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::problem::Problem;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    Ok(shell::view(&app, &reader, Tab::Configuration, "Configuration", true, &html! { h1 { "Configuration" } }))
}
