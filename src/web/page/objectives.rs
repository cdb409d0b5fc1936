//! The table of objectives.

use super::html::Html;
use super::words::{percent, rough};
use crate::clock::Timestamp;
use crate::slo::{Aggregate, Budget, Counts, Objective, Window};
use crate::web::App;
use crate::web::slos::{Standing, TierView, Word, standings, worst_first};

/// How many rows there are at most.
const MAX_ROWS: usize = 200;
/// What its columns are called.
const COLUMNS: [&str; 5] = ["objective", "state", "error budget left", "burn rate", "coverage"];

/// All objectives, the worst first; nothing if there are none.
pub fn section(html: &mut Html, app: &App, now: Timestamp) {
    let mut all = standings(app);
    if all.is_empty() {
        return;
    }
    worst_first(&mut all);
    html.raw("<section aria-labelledby=\"objectives\">\n<h2 id=\"objectives\">Objectives</h2>\n");
    html.table("objectives", COLUMNS);
    for standing in all.iter().take(MAX_ROWS) {
        row(html, standing, now);
    }
    html.end_table();
    if all.len() > MAX_ROWS {
        html.raw("<p>").text(&(all.len() - MAX_ROWS).to_string());
        html.raw(" more are in <a href=\"/api/v1/slos\">/api/v1/slos</a>.</p>\n");
    }
    html.raw("</section>\n");
}

fn row(html: &mut Html, standing: &Standing, now: Timestamp) {
    let (objective, known) = (&standing.objective, standing.evaluation.as_ref());
    html.row_of("slo", &objective.name).text(&objective.name).raw("<small>").text(&objective.sli.describe());
    html.raw(" · ").text(&standing.target()).raw(" over ").text(&window(standing));
    if let Aggregate::Uptime { quorum } = objective.aggregate {
        html.raw(" · uptime, quorum ").text(&quorum.to_string());
    }
    html.raw("</small></th>");
    match standing.word() {
        Word::Burning => html.cell(COLUMNS[1], "bad").raw("<b>burning</b>"),
        Word::Spent => html.cell(COLUMNS[1], "bad").raw("<b>spent</b>"),
        Word::Unknown => html.cell(COLUMNS[1], "inconclusive").raw("<b>unknown</b>"),
        Word::Ok => html.cell(COLUMNS[1], "good").raw("<b>ok</b>"),
    };
    if let Some(since) = known.and_then(|known| known.failing_since) {
        html.raw("<p>last failures began ").time(since, now).raw("</p>");
    }
    html.raw("</td>").cell(COLUMNS[2], "");
    match known {
        Some(known) => budget(html, &known.budget, standing),
        None => drop(html.raw("not evaluated yet")),
    }
    html.raw("</td>").cell(COLUMNS[3], "");
    burn(html, &standing.tiers());
    html.raw("</td>").cell(COLUMNS[4], "");
    match known {
        Some(known) => coverage(html, known.budget.coverage, objective.min_coverage_ppm),
        None => drop(html.raw("not evaluated yet")),
    }
    html.raw("</td></tr>\n");
}

fn window(standing: &Standing) -> String {
    match standing.objective.window {
        Window::Month(zone) => format!("the month ({})", zone.name()),
        Window::Rolling(_) => standing.window(),
    }
}

/// A bar, a number, and the raw budget where maintenance makes a difference.
fn budget(html: &mut Html, budget: &Budget, standing: &Standing) {
    let objective = &*standing.objective;
    let Some(remaining) = budget.remaining else {
        html.raw("unknown: nothing was judged");
        return;
    };
    bar(html, remaining);
    html.raw("<b>").text(&left(remaining)).raw("</b>");
    let counts = budget.tally.adjusted();
    html.raw("<p>").text(&failed(objective, counts)).raw("</p>");
    if let Some(words) = may_fail(objective, counts, budget.whole) {
        html.raw("<p>").text(&words).raw(" over ").text(&window(standing)).raw("</p>");
    }
    if let Some(raw) = budget.remaining_raw.filter(|_| !budget.tally.excluded.is_zero()) {
        html.raw("<p>raw, with maintenance: ").text(&left(raw)).raw("</p>");
    }
}

/// A share that is left, or how many times it is spent: nobody can do anything with minus 510 percent.
fn left(remaining: f64) -> String {
    match remaining {
        left if left < 0.0 => format!("spent {:.1} times", 1.0 - left),
        left => percent(left),
    }
}

/// What the share is reckoned from.
fn failed(objective: &Objective, counts: Counts) -> String {
    let event = match objective.aggregate {
        Aggregate::Reachability => "run",
        Aggregate::Uptime { .. } => "tick",
    };
    match counts.judged() {
        1 => format!("{} of the 1 {event} so far failed", counts.bad),
        judged => format!("{} of the {judged} {event}s so far failed", counts.bad),
    }
}

/// What may still fail, against all that a whole window has; nothing where none may.
fn may_fail(objective: &Objective, counts: Counts, whole: f64) -> Option<String> {
    let left = objective.events_left(counts, whole).filter(|_| objective.allowed_ppm() > 0)?;
    Some(match left {
        left if left < 0 => format!("{} too many", left.unsigned_abs()),
        0 => "none more may fail".to_owned(),
        left => format!("{left} more may fail"),
    })
}

/// The number stands beside it, so that it is only to be seen. Its look is the style sheet's, its width is an attribute: the
/// page's policy allows no styles of its own.
fn bar(html: &mut Html, remaining: f64) {
    let level = match remaining {
        r if r <= 0.0 => "<svg class=\"bar none-left\"",
        r if r < 0.25 => "<svg class=\"bar little-left\"",
        _ => "<svg class=\"bar\"",
    };
    html.raw(level).raw(" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"");
    html.text(&format!("{:.1}", remaining.clamp(0.0, 1.0) * 100.0)).raw("\" height=\"8\"/></svg>");
}

fn burn(html: &mut Html, tiers: &[TierView]) {
    if tiers.is_empty() {
        html.raw("no tier can fire");
        return;
    }
    html.raw("<ul>");
    for tier in tiers {
        html.raw("<li>");
        match (&tier.reading, tier.factor) {
            (Some(reading), Some(factor)) => {
                html.text(&tier.name).raw(" ").text(&rate(reading.long.burn)).raw(", ");
                html.text(&seconds(tier.seconds.1)).raw(" ").text(&rate(reading.short.burn));
                html.raw(" · ").text(tier.severity.as_str()).raw(" above ").text(&factor.to_string());
            }
            (Some(reading), None) => {
                html.text(&reading.long.counts.bad.to_string()).raw(" failed in ").text(&seconds(tier.seconds.0));
                html.raw(" · ").text(tier.severity.as_str()).raw(" above 0");
            }
            (None, _) => drop(html.text(&tier.name)),
        }
        match tier.burns() {
            Some(true) => drop(html.raw(" · <b>burns</b>")),
            Some(false) => {}
            None => drop(html.raw(" · unknown")),
        }
        html.raw("</li>");
    }
    html.raw("</ul>");
}

fn seconds(seconds: u64) -> String {
    rough(std::time::Duration::from_secs(seconds))
}

fn rate(burn: Option<f64>) -> String {
    burn.map_or_else(|| "?".to_owned(), |burn| format!("{burn:.1}"))
}

fn coverage(html: &mut Html, coverage: Option<f64>, min_ppm: u32) {
    let min = f64::from(min_ppm) / 1e6;
    match coverage {
        None => drop(html.raw("unknown: nothing was expected")),
        Some(share) => {
            html.text(&percent(share));
            if share < min {
                html.raw("<p><b>too little</b>, below ").text(&percent(min)).raw("</p>");
            }
        }
    }
}
