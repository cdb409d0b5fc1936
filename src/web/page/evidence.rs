//! Why an outage is one: the evidence by region, under its alert; and what is being looked into without one.

use super::html::Html;
use crate::alert::outage::{OUTAGE, REGION_DOWN, headline, how};
use crate::alert::{Alert, State as Phase};
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::detect::ruling::{Case, Look, RegionCase};

/// How many cases, regions, clean steps are shown.
const MAX_CASES: usize = 3;
const MAX_REGIONS: usize = 30;
const MAX_STEPS: usize = 8;
/// What the columns are called.
const COLUMNS: [&str; 5] = ["region", "looks", "failed", "evidence", "since"];

/// What is being looked into at providers without an alert of that kind; nothing if all is well.
pub fn suspected(html: &mut Html, alerts: &[Alert], rulings: &[Ruling], now: Timestamp) {
    let told = |provider: &str| {
        let mine = |alert: &&Alert| alert.labels.get("provider").is_some_and(|name| name == provider);
        let all = alerts.iter().filter(|alert| alert.state != Phase::Resolved);
        all.filter(mine).any(|alert| [OUTAGE, REGION_DOWN].contains(&alert.name()))
    };
    for ruling in rulings.iter().filter(|ruling| !told(&ruling.provider)) {
        for case in ruling.cases.iter().take(MAX_CASES) {
            html.raw("<p class=\"notice\" role=\"status\"><b>Being looked into</b>: ");
            html.text(&headline(&ruling.provider, case, now)).raw("</p>\n");
        }
    }
}

/// A row over all columns of the alerts' table.
pub fn row(html: &mut Html, columns: usize, cases: &[&Case], now: Timestamp) {
    html.raw("<tr role=\"row\" class=\"why\"><td role=\"cell\" colspan=\"").text(&columns.to_string()).raw("\">\n");
    for case in cases.iter().take(MAX_CASES) {
        table(html, case, now);
    }
    if cases.len() > MAX_CASES {
        html.raw("<p>").text(&(cases.len() - MAX_CASES).to_string());
        html.raw(" more are in <a href=\"/api/v1/detection\">/api/v1/detection</a>.</p>\n");
    }
    html.raw("</td></tr>\n");
}

fn table(html: &mut Html, case: &Case, now: Timestamp) {
    html.raw("<table role=\"table\" class=\"evidence\"><caption>Step <b>").text(&case.step).raw("</b>: ");
    html.text(&how(case));
    if let Some(class) = case.class {
        html.raw(", ").text(class.as_str());
    }
    if let Some(blame) = case.blame {
        html.raw(" (blame: ").text(blame.as_str()).raw(")");
    }
    if let Some(host) = &case.upstream {
        html.raw(" at upstream host ").text(host);
    }
    html.raw("</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for column in COLUMNS {
        html.raw("<th scope=\"col\" role=\"columnheader\">").raw(column).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for seen in case.regions.iter().take(MAX_REGIONS) {
        region(html, seen, most(case), now);
    }
    html.end_table();
    if case.regions.len() > MAX_REGIONS {
        html.raw("<p>").text(&(case.regions.len() - MAX_REGIONS).to_string()).raw(" more regions</p>\n");
    }
    beside(html, case);
}

fn region(html: &mut Html, seen: &RegionCase, most: f64, now: Timestamp) {
    html.row().text(&seen.region).raw("</th>");
    let (class, looks) = match seen.look {
        Look::Failing => ("bad", "failing"),
        Look::Suspected => ("inconclusive", "suspected"),
        Look::Clean => ("good", "clean"),
        Look::Waiting => ("none", "not measured yet"),
        Look::Unknown => ("none", "unknown"),
    };
    html.cell(COLUMNS[1], class).raw(looks).raw("</td>").cell(COLUMNS[2], "");
    html.text(&format!("{} of {}", seen.bad, seen.runs)).raw("</td>").cell(COLUMNS[3], "");
    bar(html, seen.look, seen.evidence, most);
    html.raw("</td>").cell(COLUMNS[4], "");
    if let Some(since) = seen.since {
        html.time(since, now);
    }
    html.raw("</td></tr>\n");
}

/// The most that a region's evidence can be, as a share of what an outage needs: one of several decides nothing alone.
fn most(case: &Case) -> f64 {
    if case.regions.len() > 1 { 0.5 } else { 1.0 }
}

/// The full width is the most that a region can give. The number stands beside it.
fn bar(html: &mut Html, look: Look, evidence: f64, most: f64) {
    let class = if look == Look::Failing { "<svg class=\"bar against\"" } else { "<svg class=\"bar little-left\"" };
    let percent = ((evidence / most).clamp(0.0, 1.0) * 100.0).round();
    html.raw(class).raw(" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"");
    html.text(&format!("{percent:.0}")).raw("\" height=\"8\"/></svg>");
    let of = if most < 1.0 { "one region can give" } else { "an outage needs" };
    if percent >= 100.0 {
        html.raw("all that ").raw(of);
    } else {
        html.text(&format!("{percent:.0}% of what ")).raw(of);
    }
}

/// From what it is known, and what else was measured.
fn beside(html: &mut Html, case: &Case) {
    html.raw("<p>").text(&case.scheduled.to_string()).raw(" scheduled and ");
    html.text(&case.confirmations.to_string()).raw(" confirmation run");
    html.raw(if case.confirmations == 1 { "; up to " } else { "s; up to " });
    html.text(&case.confirmations_left.to_string()).raw(" more may be asked for within this hour.");
    for (n, (step, runs)) in case.clean.iter().take(MAX_STEPS).enumerate() {
        html.raw(if n == 0 { " Clean meanwhile: <b>" } else { ", <b>" });
        html.text(step).raw("</b> (").text(&runs.to_string()).raw(")");
    }
    if case.clean.len() > MAX_STEPS {
        html.raw(" and ").text(&(case.clean.len() - MAX_STEPS).to_string()).raw(" more");
    }
    html.raw(if case.clean.is_empty() { "</p>\n" } else { ".</p>\n" });
}
