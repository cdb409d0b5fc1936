//! `GET /keys`: the lives of every provider's signing keys.

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::shell::{self, Tab};
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::problem::Problem;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    Ok(shell::view(&app, &reader, Tab::Keys, "Keys", true, &html! { h1 { "Keys" } }))
}
