//! The page: alerts, objectives, what goes on, probes by regions. Drawn here, without scripts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use html::Html;

use super::App;
use super::api::{last_in, milliseconds};
use crate::clock::Timestamp;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Plan, PlannedProbe};

mod evidence;
pub mod html;
mod now;
mod objectives;

/// Where the style sheet is.
pub const STYLE: &str = "/style.css";

/// `GET /style.css`.
pub async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

/// `GET /`.
pub async fn page(State(app): State<App>) -> Response {
    let plan = app.control.plan();
    let mut html = Html::default();
    html.raw(HEAD);
    let now = app.control.now();
    status(&mut html, &app, &plan);
    now::alerts(&mut html, &app, now);
    objectives::section(&mut html, &app, now);
    now::maintenance(&mut html, &app, now);
    now::deployments(&mut html, &app, now);
    table(&mut html, &app, &plan, now);
    html.raw("<footer>authprobe ").text(env!("CARGO_PKG_VERSION"));
    html.raw(
        " · <a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/slos\">objectives</a> · \
         <a href=\"/api/v1/alerts\">alerts</a> · <a href=\"/api/v1/detection\">detection</a> · <a href=\"/api/v1/maintenance\">maintenance</a> · \
         <a href=\"/api/v1/deployments\">deployments</a> · <a href=\"/api/v1/probes\">probes</a> · \
         <a href=\"/api/v1/regions\">regions</a></footer>\n</body>\n</html>\n",
    );
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], html.0).into_response()
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta http-equiv=\"refresh\" content=\"15\">\n<title>authprobe</title>\n\
    <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<h1>authprobe</h1>\n";

fn status(html: &mut Html, app: &App, plan: &Plan) {
    if !app.control.ready() {
        html.raw("<p class=\"notice\" role=\"status\">Not ready yet.</p>\n");
    }
    if app.control.paused() {
        html.raw("<p class=\"notice\" role=\"status\">Scheduled runs are paused.</p>\n");
    }
    for (account, reason) in app.control.stopped_accounts() {
        html.raw("<p class=\"notice\" role=\"status\">Stopped: <b>").text(&account).raw("</b>, ").text(&reason);
        html.raw("</p>\n");
    }
    if let Some(reason) = app.control.ledger_failing() {
        html.raw("<p class=\"notice\" role=\"status\">The ledger cannot be written: <b>").text(&reason);
        html.raw("</b>. Probing goes on; what is counted now is lost if this process ends before it can.</p>\n");
    } else if plan.store.is_none() && !plan.objectives.is_empty() {
        html.raw(
            "<p class=\"notice\" role=\"status\">No ledger is configured: budgets begin anew with each start.</p>\n",
        );
    }
}

fn table(html: &mut Html, app: &App, plan: &Plan, now: Timestamp) {
    html.raw("<section aria-labelledby=\"probes\">\n<h2 id=\"probes\">Probes</h2>\n");
    // With many regions it is wider than any screen: then it scrolls by itself, by keyboard as well.
    html.raw("<div class=\"wide\" role=\"region\" aria-labelledby=\"probes\" tabindex=\"0\">\n");
    html.table("probes", std::iter::once("probe").chain(plan.regions.iter().map(|region| &*region.region)));
    for probe in &plan.probes {
        let recent = app.control.recent(&probe.name);
        html.row_of("probe", &probe.name).raw("<a href=\"/api/v1/probes/").text(&encoded(&probe.name)).raw("/runs\">");
        html.text(&probe.name).raw("</a><small>").text(probe.kind.name).raw(" · ").text(&probe.provider.name);
        if let Some(client) = &probe.client {
            html.raw(" · ").text(&client.name);
        }
        html.raw("</small></th>");
        for region in &plan.regions {
            cell(html, probe, &region.region, last_in(probe, &recent, &region.region), now);
        }
        html.raw("</tr>\n");
    }
    html.end_table().raw("</div>\n</section>\n");
}

fn cell(html: &mut Html, probe: &PlannedProbe, region: &str, last: Option<&Arc<Outcome>>, now: Timestamp) {
    let Some(outcome) = last else {
        let planned = probe.regions.iter().any(|egress| &*egress.region == region);
        html.cell(region, "none").raw(if planned { "no run yet</td>" } else { "</td>" });
        return;
    };
    let class = match outcome.verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Inconclusive => "inconclusive",
    };
    html.cell(region, class).raw("<a href=\"/api/v1/runs/").text(&outcome.trace_id.to_string()).raw("\">");
    html.text(outcome.verdict.as_str()).raw("</a> ").text(&milliseconds(outcome.duration));
    if let Some(fault) = &outcome.fault {
        html.raw("<p title=\"").text(&fault.detail).raw("\"><b>").text(fault.class.as_str()).raw("</b> in ");
        html.text(fault.step).raw(", ").text(fault.blame.as_str()).raw("</p>");
    }
    if outcome.screenshot().is_some() {
        html.raw("<p><a href=\"/api/v1/runs/").text(&outcome.trace_id.to_string());
        html.raw("/screenshot\">screenshot</a></p>");
    }
    if !outcome.warnings.is_empty() {
        html.raw("<p>").text(&outcome.warnings.len().to_string()).raw(" warnings</p>");
    }
    html.time(outcome.start, now).raw("</td>");
}

/// For a segment of a path.
fn encoded(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
