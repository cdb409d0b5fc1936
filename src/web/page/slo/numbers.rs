//! The numbers of an objective: raw and adjusted, burn by window, regions.

use std::time::Duration;

use maud::{Markup, html};

use super::{lasting, left};
use crate::clock::Timestamp;
use crate::slo::{Counts, Evaluation, Objective};
use crate::web::page::words::{percent, rough, times};
use crate::web::slos::{Standing, TierView};

/// How many regions are shown.
const MAX_REGIONS: usize = 100;

/// Raw and adjusted side by side.
pub fn exclusions(known: &Evaluation, objective: &Objective) -> Markup {
    let (budget, tally) = (&known.budget, known.budget.tally);
    let columns = [
        ("raw", tally.raw, budget.remaining_raw),
        ("excluded", tally.excluded, None),
        ("adjusted", tally.adjusted(), budget.remaining),
    ];
    let count = |label: &str, value: fn(Counts) -> u64| {
        html! {
            tr { th scope="row" { (label) } @for (_, counts, _) in &columns { td.num { (value(*counts)) } } }
        }
    };
    let share = |label: &str, value: fn(Counts) -> Option<f64>| {
        html! {
            tr {
                th scope="row" { (label) }
                @for (name, counts, _) in &columns {
                    td.num { @if *name == "excluded" { "–" } @else { (known_share(value(*counts))) } }
                }
            }
        }
    };
    html! {
        table {
            caption {
                "Raw: everything, as Prometheus' rules see it. Adjusted: without maintenance, as our own alerts see it."
            }
            thead { tr { td {} @for (name, ..) in &columns { th.num scope="col" { (name) } } } }
            tbody {
                (count("good", |counts| counts.good))
                (count("bad", |counts| counts.bad))
                (count("could not tell", |counts| counts.inconclusive))
                (count("expected", |counts| counts.expected))
                (share("bad ÷ judged", Counts::error_ratio))
                (share("coverage", Counts::coverage))
                tr {
                    th scope="row" { "budget left" }
                    @for (name, _, remaining) in &columns {
                        td.num {
                            @if *name == "excluded" { "–" }
                            @else { (remaining.map_or_else(|| "unknown".to_owned(), left)) }
                        }
                    }
                }
                tr {
                    th scope="row" { "more that may be bad" }
                    @for (name, counts, _) in &columns {
                        td.num {
                            @if *name == "excluded" { "–" } @else { (may_fail(objective, *counts, budget.whole)) }
                        }
                    }
                }
            }
        }
    }
}

fn known_share(share: Option<f64>) -> String {
    // Of error ratios one decimal of a percent is not enough.
    share.map_or_else(|| "unknown".to_owned(), |share| format!("{:.3}%", share * 100.0))
}

fn may_fail(objective: &Objective, counts: Counts, whole: f64) -> String {
    match objective.events_left(counts, whole) {
        None => "unknown".to_owned(),
        Some(left) if left < 0 => format!("{} too many", left.unsigned_abs()),
        Some(left) => left.to_string(),
    }
}

/// Burn by window.
pub fn tiers(standing: &Standing, now: Timestamp) -> Markup {
    let tiers = standing.tiers();
    html! {
        section aria-labelledby="burn" {
            h2 #burn { "Burn by window" }
            div.card {
                @if tiers.is_empty() {
                    p { "No tier can fire: the budget is all there is to know." }
                } @else {
                    div.wide.roomy role="group" aria-labelledby="burn" tabindex="0" {
                        table.stack {
                            thead {
                                tr {
                                    th scope="col" { "tier" }
                                    th scope="col" { "severity" }
                                    th.num scope="col" { "long window" }
                                    th.num scope="col" { "bad of judged" }
                                    th.num scope="col" title="Byar's lower bound of the long window's burn rate" { "its lower bound" }
                                    th.num scope="col" { "short window" }
                                    th.num scope="col" { "fires above" }
                                    th scope="col" { "state" }
                                    th scope="col" { "at this rate" }
                                }
                            }
                            tbody { @for tier in &tiers { (row(tier, standing, now)) } }
                        }
                    }
                    p.faint {
                        "Times as fast as allowed: at 1 × the budget lasts exactly the window. A tier fires when the lower bound "
                        "(Byar's, which few failures in few runs do not reach) of the long window and the short window are both "
                        "above its factor."
                    }
                }
            }
        }
    }
}

fn row(tier: &TierView, standing: &Standing, now: Timestamp) -> Markup {
    let reading = tier.reading;
    let burn = |burn: Option<f64>| burn.map_or_else(|| "unknown".to_owned(), times);
    let long = reading.and_then(|reading| reading.long.burn);
    html! {
        tr {
            th scope="row" { (tier.name) }
            td data-label="severity" { (tier.severity.as_str()) }
            td.num data-label="long window" { (span(tier.seconds.0)) ": " b { (burn(long)) } }
            td.num data-label="bad of judged" {
                @match reading.map(|reading| reading.long.counts) {
                    Some(counts) if counts.judged() > 0 => { (counts.bad) " of " (counts.judged()) }
                    _ => "nothing judged",
                }
            }
            td.num data-label="its lower bound" { @if let Some(reading) = reading.filter(|_| long.is_some()) { (times(reading.guarded)) } @else { "–" } }
            td.num data-label="short window" { (span(tier.seconds.1)) ": " (burn(reading.and_then(|reading| reading.short.burn))) }
            td.num data-label="fires above" { @if let Some(factor) = tier.factor { (times(factor)) } @else { "any bad event" } }
            td data-label="state" {
                @match tier.burns() {
                    Some(true) => span.badge.bad { "burns" },
                    Some(false) => span.badge.good { "quiet" },
                    None => span.badge { "unknown" },
                }
            }
            td data-label="at this rate" { (standing.evaluation.as_ref().map_or_else(|| "unknown".to_owned(), |known| lasting(known, long, now))) }
        }
    }
}

fn span(seconds: u64) -> String {
    rough(Duration::from_secs(seconds))
}

/// Where it is bad.
pub fn regions(known: &Evaluation, standing: &Standing) -> Markup {
    let over = standing.tiers().first().map(|tier| span(tier.seconds.0));
    html! {
        @if !known.regions.is_empty() {
            section aria-labelledby="regions" {
                h2 #regions { "Regions" @if let Some(over) = over { ", last " (over) } }
                div.card {
                    table {
                        thead {
                            tr {
                                th scope="col" { "region" }
                                @for column in ["good", "bad", "could not tell", "expected", "bad ÷ judged"] {
                                    th.num scope="col" { (column) }
                                }
                            }
                        }
                        tbody {
                            @for (region, counts) in known.regions.iter().take(MAX_REGIONS) {
                                tr {
                                    th scope="row" { @if region.is_empty() { "all together" } @else { (region) } }
                                    @for n in [counts.good, counts.bad, counts.inconclusive, counts.expected] { td.num { (n) } }
                                    td.num { (counts.error_ratio().map_or_else(|| "unknown".to_owned(), percent)) }
                                }
                            }
                        }
                    }
                    @if known.regions.len() > MAX_REGIONS {
                        p.faint { (known.regions.len() - MAX_REGIONS) " more are in /api/v1/slos." }
                    }
                }
            }
        }
    }
}
