//! `GET /configuration`: the plan in force, secrets as references; how it was read last.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::shell::{self, Tab};
use super::words::ago;
use crate::clock::Timestamp;
use crate::plan::Plan;
use crate::web::guard::Reader;
use crate::web::{App, Reload};

mod masked;
mod parties;
mod service;
mod work;

pub use masked::masked;

use super::run::cut;

/// How many things of one sort are shown: providers, clients, users, regions, objectives, …; and how many probes.
const MAX: usize = 500;
const MAX_PROBES: usize = 1000;
/// How many mistakes and notes are shown, and how long each may be (characters).
const MAX_LINES: usize = 100;
const MAX_TEXT: usize = 1000;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader) -> Response {
    let (plan, now) = (app.control.plan(), app.control.now());
    let sections = sections(&plan, now);
    let markup = html! {
        div.head {
            h1 { "Configuration" }
            p.faint { "What is in force. Secrets are shown as where they are kept, never as what they are." }
        }
        (read_last(&app.control.last_reload(), &plan, now))
        nav.contents aria-label="Sections" {
            @for section in &sections { a href={ "#" (section.id) } { (section.title) } " " }
        }
        (notes(&plan))
        @for section in &sections { (section.markup()) }
    };
    shell::view(&app, &reader, Tab::Configuration, "Configuration", true, &markup)
}

/// A part of the plan.
struct Section {
    id: &'static str,
    title: &'static str,
    /// How many of them there are, where that says something.
    count: Option<usize>,
    body: Markup,
}

impl Section {
    fn markup(&self) -> Markup {
        html! {
            details.card.part open id=(self.id) {
                summary {
                    h2 { (self.title) @if let Some(count) = self.count { span.faint { " " (count) } } }
                }
                (self.body)
            }
        }
    }
}

fn sections(plan: &Plan, now: Timestamp) -> Vec<Section> {
    let section = |id, title, count, body| Section { id, title, count, body };
    vec![
        section("server", "Server", None, service::server(plan)),
        section("regions", "Regions", Some(plan.regions.len()), parties::regions(plan)),
        section("providers", "Providers", Some(plan.providers.len()), parties::providers(plan)),
        section("clients", "Clients", Some(plan.clients.len()), parties::clients(plan)),
        section("users", "Users", Some(plan.users.len()), parties::users(plan)),
        section("probes", "Probes", Some(plan.probes.len()), work::probes(plan)),
        section("slos", "Objectives", Some(plan.objectives.len()), work::objectives(plan)),
        section("alerting", "Alerting", None, service::alerting(plan)),
        section("detection", "Detection", None, service::detection(plan)),
        section("maintenance", "Maintenance", Some(plan.maintenance.len()), service::maintenance(plan, now)),
        section("store", "Ledger", None, service::store(plan)),
        section("telemetry", "Telemetry", None, service::telemetry(plan)),
        section("browser", "Browsers of this machine", None, service::browser(plan)),
    ]
}

fn read_last(reload: &Reload, plan: &Plan, now: Timestamp) -> Markup {
    let unread = *reload == Reload::default();
    html! {
        section.card aria-labelledby="read" {
            h2 #read { "Last read" }
            p {
                @if unread {
                    span.badge { "unknown" } " When it was read last is not known."
                } @else if reload.mistakes.is_empty() {
                    span.badge.good { "in force" } " Read " (ago(reload.at, now)) " without a mistake."
                } @else {
                    span.badge.bad { "not applied" } " Read " (ago(reload.at, now)) ": "
                    (reload.mistakes.len()) @if reload.mistakes.len() == 1 { " mistake" } @else { " mistakes" }
                    ". What was in force before stays in force."
                }
            }
            @if !reload.mistakes.is_empty() {
                pre tabindex="0" {
                    @for mistake in reload.mistakes.iter().take(MAX_LINES) { (masked(&cut(mistake, MAX_TEXT))) "\n" }
                }
                (more(reload.mistakes.len(), MAX_LINES))
            }
            @if plan.files.is_empty() {
                p.faint { "The built-in configuration: there is no file." }
            } @else {
                p.faint {
                    "From "
                    @for (n, file) in plan.files.iter().take(MAX_LINES).enumerate() {
                        @if n > 0 { ", " }
                        code { (file.display()) }
                    }
                }
                (more(plan.files.len(), MAX_LINES))
            }
        }
    }
}

fn notes(plan: &Plan) -> Markup {
    html! {
        @if !plan.notes.is_empty() {
            section.card aria-labelledby="notes" {
                h2 #notes { "Notes" }
                ul {
                    @for note in plan.notes.iter().take(MAX_LINES) { li { (masked(&cut(note, MAX_TEXT))) } }
                }
                (more(plan.notes.len(), MAX_LINES))
            }
        }
    }
}

/// Says how many are left out, if any are.
fn more(all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p.faint { (all - shown) " more are not shown." } } }
}

/// Settings by name.
fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

/// A table that scrolls by itself where it is too wide; on narrow screens its rows are stacked, by the `data-label` of their cells.
fn table(label: &str, columns: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.wide.roomy role="region" aria-label=(label) tabindex="0" {
            table.stack {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}
