//! What every view stands in: head, navigation, notices, foot.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::web::guard::Reader;
use crate::web::{App, assets};

/// The views that the navigation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The overview, and what it leads to.
    Overview,
    /// Keys.
    Keys,
    /// The configuration.
    Configuration,
    /// What to do about alerts.
    Runbooks,
    /// None of them.
    Other,
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Overview, "/", "Overview"),
    (Tab::Keys, "/keys", "Keys"),
    (Tab::Configuration, "/configuration", "Configuration"),
    (Tab::Runbooks, "/runbook", "Runbooks"),
];

/// How often a page is loaded anew where there is no script (seconds).
const RELOAD: &str = "30";

/// Where a view that is sent in two parts is cut: what is written by others is escaped and cannot hold it.
const SEAM: &str = "<!--seam-->";

/// A view in its shell. `title`: what the browser's tab says before the program's name. `live`: what changes by itself.
pub fn view(app: &App, reader: &Reader, tab: Tab, title: &str, live: bool, main: &Markup) -> Response {
    (StatusCode::OK, document(app, reader, tab, title, live, main)).into_response()
}

/// The shell of a view of which only the beginning is known yet: what goes before the rest, and what after it.
pub fn around(app: &App, reader: &Reader, tab: Tab, title: &str, begin: &Markup) -> (String, String) {
    let whole = document(app, reader, tab, title, true, &html! { (begin) (PreEscaped(SEAM)) }).into_string();
    let (before, after) = whole.split_once(SEAM).unwrap_or((&whole, ""));
    (before.to_owned(), after.to_owned())
}

fn document(app: &App, reader: &Reader, tab: Tab, title: &str, live: bool, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if live { noscript { meta http-equiv="refresh" content=(RELOAD); } }
                title { (title) " · authprobe" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                script src=(assets::script()) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { (mark()) "authprobe" }
                    nav aria-label="Views" {
                        @for (own, path, name) in TABS {
                            a href=(path) aria-current=[(own == tab).then_some("page")] { (name) }
                        }
                    }
                    div.aside {
                        @if live { span #live role="status" {} }
                        @if reader.has_session() {
                            form method="post" action="/sign-out" {
                                button type="submit" title=(reader.right()) { "Sign out" }
                            }
                        }
                    }
                }
                main #main tabindex="-1" data-live[live] data-now=(app.control.now()) {
                    (notices(app))
                    (main)
                }
                footer.foot {
                    p {
                        "authprobe " (env!("CARGO_PKG_VERSION")) " · "
                        @for (path, name) in LINKS { a href=(path) { (name) } " " }
                    }
                }
            }
        }
    }
}

const LINKS: [(&str, &str); 8] = [
    ("/metrics", "metrics"),
    ("/api/v1/slos", "objectives"),
    ("/api/v1/alerts", "alerts"),
    ("/api/v1/detection", "detection"),
    ("/api/v1/maintenance", "maintenance"),
    ("/api/v1/deployments", "deployments"),
    ("/api/v1/probes", "probes"),
    ("/api/v1/regions", "regions"),
];

/// A door with a keyhole.
pub fn mark() -> Markup {
    html! {
        svg viewBox="0 0 16 16" aria-hidden="true" {
            rect x="2" y="1" width="12" height="14" rx="2" class="f-accent" {}
            circle cx="8" cy="7" r="2" class="f-accent-soft" {}
            path d="M7 8h2l.6 4h-3.2z" class="f-accent-soft" {}
        }
    }
}

/// What is wrong with this process itself, whichever view it is.
fn notices(app: &App) -> Markup {
    let plan = app.control.plan();
    html! {
        @if !app.control.ready() { p.notice role="status" { "Not ready yet." } }
        @if app.control.paused() { p.notice role="status" { "Scheduled runs are paused." } }
        @for (account, reason) in app.control.stopped_accounts() {
            p.notice role="status" { "Stopped: " b { (account) } ", " (reason) }
        }
        @if let Some(reason) = app.control.ledger_failing() {
            p.notice role="status" {
                "The ledger cannot be written: " b { (reason) }
                ". Probing goes on; what is counted now is lost if this process ends before it can."
            }
        } @else if plan.store.is_none() && !plan.objectives.is_empty() {
            p.notice role="status" { "No ledger is configured: budgets begin anew with each start." }
        }
    }
}
