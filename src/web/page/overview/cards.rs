//! One objective: its budget as it went down, how fast it burns, how long it lasts.

use maud::{Markup, html};

use super::exhaustion::{Exhaustion, exhaustion};
use super::objectives::{about, badge, secs, window};
use crate::clock::Timestamp;
use crate::slo::{Aggregate, Budget, Counts, Objective, Window};
use crate::web::App;
use crate::web::page::draw::{burn_down, lay_out};
use crate::web::page::words::{ago, encoded, left, percent, rough, times};
use crate::web::slos::{Standing, TierView};

/// In how many cells a window is drawn at most.
const CELLS: usize = 120;

/// See the module.
pub fn card(app: &App, standing: &Standing, now: Timestamp) -> Markup {
    let (objective, known) = (&*standing.objective, standing.evaluation.as_ref());
    html! {
        article.card.slo id={"slo-" (objective.name)} {
            div.head {
                h3 { a href={"/slos/" (encoded(&objective.name))} { (objective.name) } }
                (badge(standing))
            }
            p.faint.small { (about(standing)) }
            @match known {
                Some(known) => {
                    (budget(&known.budget, standing))
                    (course(app, objective, now))
                    @if known.budget.remaining.is_some() {
                        @let burn = known.tiers.first().and_then(|tier| tier.long.burn);
                        (lasts(exhaustion(objective, &known.budget, burn, now)))
                    }
                    @if let Some(since) = known.failing_since { p.small { "Last failures began " (ago(since, now)) "." } }
                }
                None => { p.large { "unknown" } p.small { "Not evaluated yet." } }
            }
            (burn(standing))
            @if let Some(known) = known { (coverage(known.budget.coverage, objective.min_coverage_ppm)) }
        }
    }
}

/// A number, what it is reckoned from, and the raw budget where maintenance makes a difference.
fn budget(budget: &Budget, standing: &Standing) -> Markup {
    let objective = &*standing.objective;
    let Some(remaining) = budget.remaining else {
        return html! { p.large { "unknown" } p.small { "Nothing was judged." } };
    };
    let counts = budget.tally.adjusted();
    let raw = budget.remaining_raw.filter(|_| !budget.tally.excluded.is_zero());
    html! {
        p.large {
            (left(remaining)) @if remaining >= 0.0 { " " small { "of the error budget left" } }
        }
        p.small {
            (failed(objective, counts))
            @if let Some(words) = may_fail(objective, counts, budget.whole) { "; " (words) " over " (window(standing)) }
            "."
            @if let Some(raw) = raw { " Raw, with maintenance: " (left(raw)) "." }
        }
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

/// The budget over its window; nothing if that is not known.
fn course(app: &App, objective: &Objective, now: Timestamp) -> Markup {
    let spending = app.control.spending(&objective.name, CELLS);
    let begin = spending.as_ref().map_or(now, |spending| spending.begin);
    let (end, last) = match objective.window {
        Window::Rolling(_) => (now, "now"),
        // 32 days after its beginning the next month has begun, wherever.
        Window::Month(_) => (objective.window.begin(begin + secs(32 * 86_400)), "end of the month"),
    };
    let drawn = spending.map(|spending| lay_out(&spending, objective.allowed_ppm(), end));
    html! {
        @if let Some(drawn) = drawn.filter(|drawn| drawn.left.0.is_some()) {
            (burn_down(&drawn))
            div.ticks aria-hidden="true" { span { (ago(begin, now)) } span { (last) } }
        }
    }
}

fn lasts(exhaustion: Exhaustion) -> Markup {
    let words = match exhaustion {
        Exhaustion::Spent => html! { b { "The budget is spent." } },
        Exhaustion::In(lasts) => html! { "Gone in " b { (rough(lasts)) } " at the present rate." },
        Exhaustion::NotAtThisRate => html! { "Not exhausted at the present rate." },
        Exhaustion::Unknown => html! { "How long it lasts is unknown: nothing was judged lately." },
        // It has no rate at which it could go down.
        Exhaustion::AtAnyFailure => return html! {},
    };
    html! { p.lasts { (words) } }
}

/// How fast it burns, window by window, against what alerts.
fn burn(standing: &Standing) -> Markup {
    let tiers = standing.tiers();
    html! {
        @if tiers.is_empty() { p.small { "No tier can fire." } } @else {
            table.burn {
                caption.hidden { "Burn rate by window" }
                thead {
                    tr {
                        th scope="col" { "burn over" } th.num scope="col" { "long" } th.num scope="col" { "short" }
                        th.num scope="col" { "alerts above" } th scope="col" { "state" }
                    }
                }
                tbody { @for tier in &tiers { (row(tier)) } }
            }
        }
    }
}

fn row(tier: &TierView) -> Markup {
    let reading = tier.reading.as_ref();
    let windows = (rough(secs(tier.seconds.0)), rough(secs(tier.seconds.1)));
    html! {
        tr {
            @match tier.factor {
                Some(factor) => {
                    th scope="row" { (tier.name) small.faint { " and " (windows.1) } }
                    td.num { (rate(reading.and_then(|reading| reading.long.burn))) }
                    td.num { (rate(reading.and_then(|reading| reading.short.burn))) }
                    td.num { (times(factor)) " " small { (tier.severity.as_str()) } }
                }
                None => {
                    th scope="row" { "any, " (windows.0) }
                    td.num colspan="2" { (reading.map_or("?".to_owned(), |known| format!("{} failed", known.long.counts.bad))) }
                    td.num { "0 " small { (tier.severity.as_str()) } }
                }
            }
            td {
                @match tier.burns() {
                    Some(true) => { span.badge.bad { "burns" } }
                    Some(false) => { span.badge.good { "quiet" } }
                    None => { span.badge { "unknown" } }
                }
            }
        }
    }
}

fn rate(burn: Option<f64>) -> String {
    burn.map_or_else(|| "?".to_owned(), times)
}

fn coverage(coverage: Option<f64>, min_ppm: u32) -> Markup {
    let min = f64::from(min_ppm) / 1e6;
    html! {
        p.small {
            "Coverage: "
            @match coverage {
                None => { "unknown, nothing was expected." }
                Some(share) if share < min => { b { (percent(share)) ", too little" } ", below " (percent(min)) "." }
                Some(share) => { (percent(share)) " of what was expected was judged." }
            }
        }
    }
}
