//! What there is to act on: alerts, maintenance in force, the last deployments.

use super::evidence;
use super::html::Html;
use crate::alert::{Alert, State as Phase};
use crate::clock::Timestamp;
use crate::web::App;
use crate::web::alerts::{evidence as of_alert, sorted};
use crate::web::maintenance::now_in_force;

/// What the columns of alerts are called.
const COLUMNS: [&str; 4] = ["alert", "state", "since", "what is known"];
/// How many alerts, windows and deployments are shown.
const MAX_ALERTS: usize = 50;
const MAX_WINDOWS: usize = 20;
const MAX_DEPLOYMENTS: usize = 5;
/// How many probes of a window are named.
const MAX_NAMES: usize = 8;

/// All alerts, those that fire first.
pub fn alerts(html: &mut Html, app: &App, now: Timestamp) {
    html.raw("<section aria-labelledby=\"alerts\">\n<h2 id=\"alerts\">Alerts</h2>\n");
    if !app.control.plan().alerting.evaluate {
        html.raw(
            "<p>Burn rates are evaluated by Prometheus: look for their alerts there. Outages are found here all the \
             same.</p>\n",
        );
    }
    let (all, rulings) = (app.control.alerts(), app.control.rulings());
    evidence::suspected(html, &all, &rulings, now);
    if all.is_empty() {
        html.raw("<p>No alert is firing or pending.</p>\n</section>\n");
        return;
    }
    html.table("alerts", COLUMNS);
    for alert in sorted(&all).into_iter().take(MAX_ALERTS) {
        row(html, alert, now);
        if let Some(cases) = of_alert(alert, &rulings).filter(|cases| !cases.is_empty()) {
            evidence::row(html, COLUMNS.len(), &cases, now);
        }
    }
    html.end_table();
    if all.len() > MAX_ALERTS {
        html.raw("<p>").text(&(all.len() - MAX_ALERTS).to_string());
        html.raw(" more are in <a href=\"/api/v1/alerts\">/api/v1/alerts</a>.</p>\n");
    }
    html.raw("</section>\n");
}

fn row(html: &mut Html, alert: &Alert, now: Timestamp) {
    let label = |name: &str| alert.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    html.row().text(alert.name());
    let of = ["provider", "slo", "probe", "client", "probe_region", "burnrate_tier"].into_iter().filter_map(label);
    html.raw("<small>").text(&of.collect::<Vec<_>>().join(" · ")).raw("</small></th>");
    match alert.state {
        Phase::Firing if label("severity") == Some("page") => html.cell(COLUMNS[1], "bad").raw("<b>firing</b>"),
        Phase::Firing => html.cell(COLUMNS[1], "inconclusive").raw("<b>firing</b>"),
        Phase::Resolving => html.cell(COLUMNS[1], "inconclusive").raw("<b>firing</b>, quiet lately"),
        Phase::Pending => html.cell(COLUMNS[1], "inconclusive").raw("pending"),
        Phase::Resolved => html.cell(COLUMNS[1], "good").raw("resolved"),
    };
    html.raw("<p>").text(label("severity").unwrap_or_default()).raw("</p></td>").cell(COLUMNS[2], "");
    let since = match alert.state {
        Phase::Pending => alert.active_nanos,
        Phase::Resolved => alert.cleared_nanos.unwrap_or(alert.active_nanos),
        Phase::Firing | Phase::Resolving => alert.fired_nanos.unwrap_or(alert.active_nanos),
    };
    html.time(Timestamp::from_nanos(since), now).raw("</td>").cell(COLUMNS[3], "");
    let word = |name: &str| alert.annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    if let Some(summary) = word("summary") {
        html.raw("<b>").text(summary).raw("</b>");
    }
    if let Some(description) = word("description") {
        html.raw("<p>").text(description).raw("</p>");
    }
    if let Some(runbook) = word("runbook_url").filter(|url| is_web(url)) {
        html.raw("<p><a href=\"").text(runbook).raw("\">runbook</a></p>");
    }
    html.raw("</td></tr>\n");
}

/// Other schemes may be programs.
fn is_web(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
}

/// Maintenance that is in force; nothing if there is none.
pub fn maintenance(html: &mut Html, app: &App, now: Timestamp) {
    let all = now_in_force(app, now);
    if all.is_empty() {
        return;
    }
    html.raw("<section aria-labelledby=\"maintenance\">\n<h2 id=\"maintenance\">Maintenance now</h2>\n<ul>\n");
    for window in all.iter().take(MAX_WINDOWS) {
        html.raw("<li><b>").text(&window.what).raw("</b> ends ").time(window.until, now).raw(": ");
        let named: Vec<_> = window.probes.iter().take(MAX_NAMES).map(String::as_str).collect();
        html.text(&named.join(", "));
        if window.probes.len() > MAX_NAMES {
            html.raw(" and ").text(&(window.probes.len() - MAX_NAMES).to_string()).raw(" more");
        }
        if !window.by.is_empty() {
            html.raw(" (asked for by ").text(&window.by).raw(")");
        }
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
    if all.len() > MAX_WINDOWS {
        html.raw("<p>").text(&(all.len() - MAX_WINDOWS).to_string());
        html.raw(" more are in <a href=\"/api/v1/maintenance\">/api/v1/maintenance</a>.</p>\n");
    }
    html.raw("</section>\n");
}

/// The last deployments; nothing if there are none.
pub fn deployments(html: &mut Html, app: &App, now: Timestamp) {
    let all = app.control.deployments();
    if all.is_empty() {
        return;
    }
    html.raw("<section aria-labelledby=\"deployments\">\n<h2 id=\"deployments\">Last deployments</h2>\n<ul>\n");
    for deployment in all.iter().take(MAX_DEPLOYMENTS) {
        html.raw("<li><b>").text(&deployment.service).raw("</b> ").text(&deployment.version).raw(", ");
        html.time(Timestamp::from_nanos(deployment.at_nanos), now);
        for text in [&deployment.provider, &deployment.comment] {
            if !text.is_empty() {
                html.raw(" · ").text(text);
            }
        }
        let mut followed: Vec<&str> =
            deployment.followed.iter().filter_map(|alert| Some(alert.labels.get("alertname")?.as_str())).collect();
        followed.sort_unstable();
        followed.dedup();
        if !followed.is_empty() {
            html.raw(" · followed by ").text(&followed.join(", "));
        }
        html.raw("</li>\n");
    }
    html.raw("</ul>\n</section>\n");
}
