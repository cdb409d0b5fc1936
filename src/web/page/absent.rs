//! What is not there: said in the shell, with the nearest name that is.

use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::run::cut;
use super::shell::{self, Tab};
use crate::config::nearest::nearest;
use crate::web::App;
use crate::web::guard::Reader;

/// The longest name that is repeated (characters).
const MAX_NAME: usize = 80;

/// A page that says that there is no such thing, with the status 404. `what`: such as `objective`. `known`: the names that
/// there are. `path`: what comes before the (encoded) name in a link to one.
pub fn absent<'a>(
    app: &App,
    reader: &Reader,
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    path: &str,
) -> Response {
    let near = nearest(name, known);
    let title = format!("No such {what}");
    let markup = html! {
        h1 { (title) }
        div.card {
            p { "There is no " (what) " " b { (short(name)) } " in the plan that is in force." }
            @if let Some(near) = near {
                p { "Did you mean " a href={ (path) (super::words::encoded(near)) } { (near) } "?" }
            }
            p { a href="/" { "To the overview" } " · " a href="/configuration" { "To the configuration" } }
        }
    };
    status(shell::view(app, reader, Tab::Other, &title, false, &markup), StatusCode::NOT_FOUND)
}

/// The same answer with another status.
pub fn status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

/// What somebody typed, cut.
pub fn short(name: &str) -> String {
    cut(name, MAX_NAME)
}
