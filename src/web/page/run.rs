//! `GET /runs/{id}`: one run, whole.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;

use super::shell::{self, Tab};
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::problem::Problem;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(shell::view(&app, &reader, Tab::Overview, &name, true, &html! { h1 { (name) } }))
}
