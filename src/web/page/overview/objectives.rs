//! What is promised, and how it stands: the worst as cards, the others as rows.

use std::time::Duration;

use maud::{Markup, html};

use super::cards;
use crate::clock::Timestamp;
use crate::slo::{Aggregate, Window};
use crate::web::App;
use crate::web::page::words::{encoded, left, percent};
use crate::web::slos::{Standing, Word, standings, worst_first};

/// How many have a card: each asks once for what was counted over its window.
const CARDS: usize = 12;
/// How many there are at most, with those that have a row only.
const MOST: usize = 200;

/// All objectives, the worst first; nothing if there are none.
pub fn section(app: &App, now: Timestamp) -> Markup {
    let mut all = standings(app);
    worst_first(&mut all);
    let (cards, rows) = all.split_at(all.len().min(CARDS));
    html! {
        @if !all.is_empty() {
            section aria-labelledby="objectives" {
                h2 #objectives { "Objectives" }
                div.cards { @for standing in cards { (cards::card(app, standing, now)) } }
                @if !rows.is_empty() { (table(rows)) }
                @if all.len() > MOST {
                    p { (all.len() - MOST) " more are in " a href="/api/v1/slos" { "/api/v1/slos" } "." }
                }
            }
        }
    }
}

/// Those without a card.
fn table(rows: &[Standing]) -> Markup {
    html! {
        div.wide.card.others role="region" aria-label="More objectives" tabindex="0" {
            table {
                caption { "More objectives" }
                thead {
                    tr { @for column in ["objective", "state", "error budget left", "coverage"] { th scope="col" { (column) } } }
                }
                tbody {
                    @for standing in rows.iter().take(MOST - CARDS) {
                        @let budget = standing.evaluation.as_ref().map(|known| known.budget);
                        tr id={"slo-" (standing.objective.name)} {
                            th scope="row" {
                                a href={"/slos/" (encoded(&standing.objective.name))} { (standing.objective.name) }
                                " " small.faint { (about(standing)) }
                            }
                            td { (badge(standing)) }
                            td.num { (budget.and_then(|budget| budget.remaining).map_or("unknown".to_owned(), left)) }
                            td.num { (budget.and_then(|budget| budget.coverage).map_or("unknown".to_owned(), percent)) }
                        }
                    }
                }
            }
        }
    }
}

/// Its state in a word.
pub fn badge(standing: &Standing) -> Markup {
    let (class, word) = match standing.word() {
        Word::Burning => ("badge bad", "burning"),
        Word::Spent => ("badge bad", "spent"),
        Word::Unknown => ("badge", "unknown"),
        Word::Ok => ("badge good", "ok"),
    };
    html! { span class=(class) { (word) } }
}

/// What it is about: `availability · 99.95% over 30d`.
pub fn about(standing: &Standing) -> String {
    let objective = &*standing.objective;
    let quorum = match objective.aggregate {
        Aggregate::Uptime { quorum } => format!(" · uptime, quorum {quorum}"),
        Aggregate::Reachability => String::new(),
    };
    format!("{} · {} over {}{quorum}", objective.sli.describe(), standing.target(), window(standing))
}

/// Its window in words.
pub fn window(standing: &Standing) -> String {
    match standing.objective.window {
        Window::Month(zone) => format!("the month ({})", zone.name()),
        Window::Rolling(_) => standing.window(),
    }
}

/// For windows that are known in seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
