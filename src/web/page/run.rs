//! `GET /runs/{id}`: one run, whole.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::absent::{short, status};
use super::shell::{self, Tab};
use super::words::{ago, latency};
use super::{leads, run::beside::Beside, run::view::Kept, run::view::RunView};
use crate::clock::Timestamp;
use crate::plan::Plan;
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::runs::trace_id;

mod beside;
mod browser;
mod fault;
mod layout;
mod measured;
mod numbers;
mod view;
mod waterfall;

pub use waterfall::{cut, percent as place};

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<String>) -> Response {
    let run = match find(&app, &id).await {
        Ok(run) => run,
        Err(why) => return missing(&app, &reader, &id, &why),
    };
    let beside = Beside::of(&run, &app).await;
    let (plan, now) = (app.control.plan(), app.control.now());
    let title = format!("{} run of {} from {}", run.verdict, run.probe, run.region);
    let markup = html! {
        (head(&run, &beside, &plan))
        (facts(&run, now))
        (fault::section(&run, &plan, &app.control.alerts()))
        (waterfall::section(&run))
        (browser::sections(&run))
        (measured(&run))
        (fault::warnings(&run.warnings))
    };
    // A run does not change any more.
    shell::view(&app, &reader, Tab::Overview, &title, false, &markup)
}

/// Why there is nothing to show.
struct Missing {
    status: StatusCode,
    words: String,
}

async fn find(app: &App, id: &str) -> Result<RunView, Missing> {
    let none = |words: &str| Missing { status: StatusCode::NOT_FOUND, words: words.to_owned() };
    let id = trace_id(id).ok_or_else(|| none("The id of a run is 32 hexadecimal digits."))?;
    if let Some(outcome) = app.control.outcome(&id) {
        return Ok(RunView::from(&*outcome));
    }
    match app.control.kept_run(&id).await {
        None => Err(none("Without a ledger only the latest runs and failures of each probe are kept, in memory.")),
        Some(Ok(None)) => Err(none("It never took place, or is older than what is kept.")),
        Some(Ok(Some(run))) => RunView::kept(&run.json)
            .ok_or_else(|| none("The ledger has it in a form that this version does not understand.")),
        Some(Err(error)) => Err(Missing {
            status: StatusCode::SERVICE_UNAVAILABLE,
            words: format!("The ledger cannot be read: {error}"),
        }),
    }
}

fn missing(app: &App, reader: &Reader, id: &str, why: &Missing) -> Response {
    let markup = html! {
        h1 { "No such run" }
        div.card {
            p { "No run " code { (short(id)) } " is kept. " (why.words) }
            p { a href="/" { "To the overview" } }
        }
    };
    status(shell::view(app, reader, Tab::Other, "No such run", false, &markup), why.status)
}

fn head(run: &RunView, beside: &Beside, plan: &Plan) -> Markup {
    let json = format!("/api/v1/runs/{}", run.trace_id);
    let trace = plan.traces.as_ref().and_then(|template| template.of(&run.trace_id));
    let class = match &*run.verdict {
        "good" => "badge good",
        "bad" => "badge bad",
        _ => "badge",
    };
    html! {
        div {
            p.crumbs { a href="/" { "Overview" } " › " a href=(leads::probe(&run.probe)) { (run.probe) } " › run" }
            div.head {
                h1 { (run.probe) " from " (run.region) " " span class=(class) { (run.verdict) } }
                div.actions {
                    @if let Some(trace) = trace { a.button href=(trace.as_str()) rel="noreferrer" { "Trace" } }
                    a.button href=(json) { "JSON" }
                    button type="button" data-copy-from=(json) hidden { "Copy as JSON" }
                }
            }
            @if *beside != Beside::default() {
                nav.beside aria-label="Runs of this check" {
                    @if let Some(id) = &beside.previous { a href={ "/runs/" (id) } rel="prev" { "← previous run kept" } }
                    @if let Some(id) = &beside.next { a href={ "/runs/" (id) } rel="next" { "next run kept →" } }
                }
            }
        }
    }
}

fn facts(run: &RunView, now: Timestamp) -> Markup {
    let late = run.start.since(run.scheduled);
    html! {
        section.card aria-label="About this run" {
            dl.facts.columns {
                div { dt { "Began" } dd { (ago(run.start, now)) ", " (run.start.to_utc().format("%Y-%m-%d %H:%M:%S UTC")) } }
                div {
                    dt { "Was due" }
                    dd {
                        (run.scheduled.to_utc().format("%H:%M:%S%.3f"))
                        @if late.is_zero() { ": began in time" } @else { ": began " (latency(late)) " late" }
                    }
                }
                div { dt { "Took" } dd { b { (latency(run.duration)) } " until the verdict" } }
                div { dt { "Trigger" } dd { (trigger(run.trigger.as_deref())) } }
                div { dt { "Kind" } dd { (run.kind) } }
                div { dt { "Provider" } dd { (run.provider) } }
                @if !run.client.is_empty() { div { dt { "Client" } dd { (run.client) } } }
                div { dt { "Looked from" } dd { (run.regions().join(", ")) } }
                @if !run.labels.is_empty() {
                    div {
                        dt { "Labels" }
                        dd { @for (name, value) in &run.labels { code { (name) "=" (value) } " " } }
                    }
                }
                div { dt { "Run and trace" } dd { code { (run.trace_id) } } }
            }
            (not_kept(run))
        }
    }
}

/// Why it ran, and whether it counts.
fn trigger(trigger: Option<&str>) -> &'static str {
    match trigger {
        Some("scheduled") => "scheduled: it counts",
        Some("confirmation") => "confirmation: the detector asked for it; it counts in no objective",
        Some("manual") => "manual: somebody asked for it; it counts in no objective",
        Some("smoke") => "smoke: a deploy gate asked for it; it counts in no objective",
        _ => "unknown",
    }
}

fn not_kept(run: &RunView) -> Markup {
    html! {
        @match run.kept {
            Kept::Whole => {}
            Kept::InLedger => p.faint { "From the ledger: whole, but for a screenshot." },
            Kept::Summary => p.faint {
                "From the ledger, which keeps a summary of good runs: not their requests, warnings, measured values, notes \
                 of steps and pages. The trace may have more."
            },
        }
    }
}

fn measured(run: &RunView) -> Markup {
    /// The most lines that are shown.
    const MOST: usize = 200;
    let lines = measured::lines(&run.observations);
    html! {
        @if !lines.is_empty() {
            section aria-labelledby="measured" {
                h2 #measured { "Measured" }
                div.card {
                    dl.facts {
                        @for line in lines.iter().take(MOST) {
                            dt { (cut(&line.what, 300)) }
                            dd { @if line.wrong { span.badge.warn { (line.value) } } @else { (line.value) } }
                        }
                    }
                    @if lines.len() > MOST { p.faint { (lines.len() - MOST) " more are in the run's JSON." } }
                }
            }
        }
    }
}
