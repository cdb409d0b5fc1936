//! `GET /`: is login working, now, for whom.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{PreEscaped, html};

use super::html::Html;
use super::shell::{self, Tab};
use super::words::encoded;
use super::{now, objectives};
use crate::clock::Timestamp;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Plan, PlannedProbe};
use crate::web::App;
use crate::web::api::{last_in, milliseconds};
use crate::web::guard::Reader;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader) -> Response {
    let plan = app.control.plan();
    let mut html = Html::default();
    let now = app.control.now();
    now::alerts(&mut html, &app, now);
    objectives::section(&mut html, &app, now);
    now::maintenance(&mut html, &app, now);
    now::deployments(&mut html, &app, now);
    table(&mut html, &app, &plan, now);
    shell::view(&app, &reader, Tab::Overview, "Overview", true, &html! { h1 { "Overview" } (PreEscaped(html.0)) })
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
