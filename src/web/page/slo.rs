//! `GET /slos/{name}`: one objective: its budget, what it was spent on, when it alerted.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::absent::absent;
use super::draw::lay_out;
use super::leads;
use super::overview::exhaustion::{Exhaustion, exhaustion};
use super::shell::{self, Tab};
use super::words::{left, percent, rough, times};
use crate::alert::episode::EpisodesQuery;
use crate::alert::{Alert, State as Phase};
use crate::clock::Timestamp;
use crate::config::values::Percent;
use crate::slo::objective::WHOLE;
use crate::slo::{Aggregate, Evaluation, Objective, Sli, Window};
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::slos::{Standing, Word, standings};

mod burn_down;
mod causes;
mod history;
mod maintenance;
mod numbers;

/// How many cells the burn-down has at most.
const CELLS: usize = 120;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader, Path(name): Path<String>) -> Response {
    let plan = app.control.plan();
    let Some(standing) = standings(&app).into_iter().find(|standing| *standing.objective.name == *name) else {
        let known = plan.objectives.iter().map(|objective| &*objective.name);
        return absent(&app, &reader, "objective", &name, known, "/slos/");
    };
    let query = EpisodesQuery { slo: Some(name.clone()), limit: history::MAX_EPISODES, ..EpisodesQuery::default() };
    let (causes, episodes) = (app.control.causes(&name).await, app.control.episodes(query).await);
    let (now, all) = (app.control.now(), app.control.alerts());
    let mine = |alert: &&Alert| alert.state != Phase::Resolved && alert.labels.get("slo") == Some(&name);
    let alerts: Vec<&Alert> = all.iter().filter(mine).collect();
    let objective = &*standing.objective;
    let known = standing.evaluation.as_ref();
    let markup = html! {
        (head(&standing))
        (cards(&standing, now))
        (burn_down(&app, &standing, now))
        (numbers::tiers(&standing, now))
        @if let Some(known) = known {
            (causes::section(&causes, known.budget.tally, allowed(objective)))
            section aria-labelledby="exclusions" {
                h2 #exclusions { "Raw and adjusted" }
                div.card {
                    (numbers::exclusions(known, objective))
                    (maintenance::list(&app.control.maintenance(), objective, known.budget.since, now))
                }
            }
            (numbers::regions(known, &standing))
        }
        (history::section(&alerts, &episodes, &plan, now))
        (about(objective))
    };
    shell::view(&app, &reader, Tab::Overview, &name, true, &markup)
}

/// The share of events that may be bad.
fn allowed(objective: &Objective) -> f64 {
    f64::from(objective.allowed_ppm()) / f64::from(WHOLE)
}

fn head(standing: &Standing) -> Markup {
    let objective = &*standing.objective;
    html! {
        div {
            p.crumbs { a href="/" { "Overview" } " › objective" }
            div.head {
                h1 { (objective.name) " " (state(standing.word())) }
                a.button href="/api/v1/slos" { "JSON" }
            }
            p {
                (promise(objective)) ", of "
                @for (n, member) in objective.members.iter().enumerate() {
                    @if n > 0 { ", " }
                    a href=(leads::probe(&member.probe)) { (member.probe) }
                }
                "."
            }
        }
    }
}

fn state(word: Word) -> Markup {
    match word {
        Word::Burning => html! { span.badge.bad { "burning" } },
        Word::Spent => html! { span.badge.bad { "spent" } },
        Word::Unknown => html! { span.badge { "unknown" } },
        Word::Ok => html! { span.badge.good { "ok" } },
    }
}

/// What is promised, in one sentence.
fn promise(objective: &Objective) -> String {
    let target = Percent { ppm: objective.target_ppm };
    let window = match objective.window {
        Window::Rolling(length) => format!("the last {}", crate::duration::HumanDuration(length)),
        Window::Month(zone) => format!("each calendar month ({})", zone.name()),
    };
    format!("{target} {} over {window}", objective.sli.describe())
}

/// What there is to know at a glance.
fn cards(standing: &Standing, now: Timestamp) -> Markup {
    let Some(known) = &standing.evaluation else {
        return html! { p.notice role="status" { "Not evaluated yet." } };
    };
    let (budget, objective) = (&known.budget, &*standing.objective);
    let min = f64::from(objective.min_coverage_ppm) / f64::from(WHOLE);
    let counts = budget.tally.adjusted();
    html! {
        section.cards.figures aria-label="At a glance" {
            div.card {
                h2 { "Error budget left" }
                p.figure { (budget.remaining.map_or_else(|| "unknown".to_owned(), left)) }
                p.faint {
                    @match budget.remaining {
                        None => "Nothing was judged.",
                        Some(_) => { (counts.bad) " of " (counts.judged()) " " (events(objective)) " were bad" (may_fail(known)) "." }
                    }
                }
            }
            div.card {
                h2 { "Coverage" }
                p.figure {
                    (budget.coverage.map_or_else(|| "unknown".to_owned(), percent))
                    @if budget.coverage.is_some_and(|coverage| coverage < min) { " " span.badge.warn { "too little" } }
                }
                p.faint { "Judged of what was expected; below " (percent(min)) " nothing is known and alerts freeze." }
            }
            div.card {
                h2 { "Time to exhaustion" }
                @let tier = standing.tiers().into_iter().find(|tier| tier.factor.is_some());
                @let burn = tier.as_ref().and_then(|tier| tier.reading).and_then(|reading| reading.long.burn);
                p.figure { (lasting(known, burn, now)) }
                p.faint {
                    @match (&tier, burn) {
                        (None, _) if objective.allowed_ppm() == 0 => "No failure is allowed: any one spends the whole budget.",
                        (None, _) => "It has no burn rate.",
                        (Some(tier), None) => { "Nothing was judged in the last " (rough(Duration::from_secs(tier.seconds.0))) "." }
                        (Some(tier), Some(burn)) => {
                            "At the rate of the last " (rough(Duration::from_secs(tier.seconds.0))) ": " (times(burn)) " what is allowed."
                        }
                    }
                }
            }
        }
    }
}

fn may_fail(known: &Evaluation) -> String {
    let objective = &*known.objective;
    let left = objective.events_left(known.budget.tally.adjusted(), known.budget.whole);
    match left.filter(|_| objective.allowed_ppm() > 0) {
        None => String::new(),
        Some(left) if left < 0 => format!(", {} too many", left.unsigned_abs()),
        Some(left) => format!("; {left} more may be"),
    }
}

/// What its events are called.
fn events(objective: &Objective) -> &'static str {
    match (objective.aggregate, &objective.sli) {
        (Aggregate::Uptime { .. }, _) => "ticks",
        (_, Sli::Propagation(_)) => "results",
        _ => "runs",
    }
}

fn burn_down(app: &App, standing: &Standing, now: Timestamp) -> Markup {
    let objective = &*standing.objective;
    let spending = app.control.spending(&objective.name, CELLS);
    let spending = spending.filter(|spending| spending.cells.iter().any(|cell| !cell.raw.is_zero()));
    html! {
        section aria-labelledby="burn-down" {
            h2 #burn-down { "Burn-down" }
            div.card {
                @match &spending {
                    None => p { "Unknown: nothing was counted in this window yet." },
                    Some(spending) => {
                        @let drawn = lay_out(spending, objective.allowed_ppm(), now);
                        (burn_down::figure(&drawn, &marks(spending.begin, now)))
                        (in_numbers(spending))
                    }
                }
            }
        }
    }
}

/// Five marks of a time axis that ends now.
fn marks(begin: Timestamp, now: Timestamp) -> Vec<(f64, String)> {
    let whole = now.since(begin);
    let format = if whole < Duration::from_secs(3 * 86_400) { "%a %H:%M" } else { "%-d %b" };
    let mark = |quarter: u32| (begin + whole * quarter / 4).to_utc().format(format).to_string();
    let marks = (0..4).map(|quarter| (f64::from(quarter) * 25.0, mark(quarter)));
    marks.chain([(100.0, "now".to_owned())]).collect()
}

fn in_numbers(spending: &crate::slo::Spending) -> Markup {
    html! {
        details {
            summary { "In numbers" }
            div.wide.roomy role="region" aria-label="The burn-down in numbers" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "from (UTC)" }
                            @for column in ["good", "bad", "bad in maintenance", "could not tell", "expected"] {
                                th.num scope="col" { (column) }
                            }
                        }
                    }
                    tbody {
                        @for (n, cell) in spending.cells.iter().enumerate().rev() {
                            @let from = spending.begin + spending.cell * u32::try_from(n).unwrap_or(u32::MAX);
                            tr {
                                th scope="row" { (from.to_utc().format("%Y-%m-%d %H:%M")) }
                                @if cell.raw.is_zero() {
                                    td colspan="5" { "not measured" }
                                } @else {
                                    td.num { (cell.raw.good) }
                                    td.num { (cell.raw.bad) }
                                    td.num { (cell.excluded.bad) }
                                    td.num { (cell.raw.inconclusive) }
                                    td.num { (cell.raw.expected) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn about(objective: &Objective) -> Markup {
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        html! {
            @for (name, value) in pairs { div { code { (name) } ": " (value) } }
            @if pairs.is_empty() { "none" }
        }
    };
    html! {
        section aria-labelledby="about" {
            h2 #about { "What is counted" }
            div.card {
                dl.facts {
                    dt { "Good is" }
                    dd { (good_is(&objective.sli)) }
                    dt { "An event is" }
                    dd {
                        @match objective.aggregate {
                            Aggregate::Reachability => "every run, in each region",
                            Aggregate::Uptime { quorum } => {
                                "a tick over all regions: good if " (quorum) " of them succeed"
                            }
                        }
                    }
                    dt { "Provider" }
                    dd { @if objective.provider.is_empty() { "several" } @else { (objective.provider) } }
                    dt { "Chance is taken for" }
                    dd { "failures that are likelier than " (Percent { ppm: objective.alpha_ppm }) }
                    dt { "Labels" }
                    dd { (pairs(&objective.labels)) }
                    dt { "Annotations" }
                    dd { (pairs(&objective.annotations)) }
                }
            }
        }
    }
}

/// What makes an event good, in a sentence's end.
fn good_is(sli: &Sli) -> String {
    use crate::duration::HumanDuration;
    match sli {
        Sli::Availability => "a run in which nothing was wrong".to_owned(),
        Sli::Latency { step: Some(step), threshold } => {
            format!("a good run whose step {step} took at most {}", HumanDuration(*threshold))
        }
        Sli::Latency { step: None, threshold } => format!("a good run that took at most {}", HumanDuration(*threshold)),
        Sli::Validation => {
            "a run in which all that the provider sent was valid; one that ended before there was anything is no evidence"
                .to_owned()
        }
        Sli::Propagation(within) => format!("a revocation that reached a region within {}", HumanDuration(*within)),
        Sli::Refused => "a run in which what must be refused was; one that ended before it could ask is no evidence".to_owned(),
    }
}

/// For how long the budget lasts at that burn rate, in words: the same as on the overview.
pub fn lasting(known: &Evaluation, burn: Option<f64>, now: Timestamp) -> String {
    match exhaustion(&known.objective, &known.budget, burn, now) {
        Exhaustion::Spent => "gone already".to_owned(),
        Exhaustion::In(lasts) => format!("gone in {}", rough(lasts)),
        Exhaustion::NotAtThisRate => "not exhausted".to_owned(),
        Exhaustion::Unknown => "unknown".to_owned(),
        Exhaustion::AtAnyFailure => "any failure".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overspent_budget_is_told_in_times() {
        for (remaining, expected) in [(1.0, "100%"), (0.0589, "5.8%"), (0.0, "0%"), (-0.6457, "spent 1.6 times")] {
            assert_eq!(left(remaining), expected);
        }
    }

    #[test]
    fn an_axis_of_hours_says_hours() {
        let now = Timestamp::from_secs(1_800_000_000);
        let words = |hours: u32| -> Vec<String> {
            marks(now - Duration::from_secs(3600) * hours, now).into_iter().map(|(_, words)| words).collect()
        };
        assert_eq!(words(720), ["16 Dec", "23 Dec", "31 Dec", "7 Jan", "now"]);
        assert_eq!(words(24), ["Thu 08:00", "Thu 14:00", "Thu 20:00", "Fri 02:00", "now"]);
    }
}
