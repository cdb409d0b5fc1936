//! How its last week was: how often it was good, how long it took, and in which steps.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};

use super::Known;
use crate::clock::Timestamp;
use crate::trend::{Cell, ProbeTrend, Strip};
use crate::web::page::draw::{Heat, Stacks, availability, axis, heat, stacks};
use crate::web::page::words::{latency, percent};

/// How long a day is.
const DAY: Duration = Duration::from_secs(86_400);

/// All of it; a sentence where there is nothing.
pub fn sections(known: &Known) -> Markup {
    let trend = match &known.trend {
        Some(Ok(trend)) => trend,
        Some(Err(why)) => return html! { p.notice { "The last week cannot be read: " (why) } },
        None => return html! { p.quiet { "Nothing is known yet of its last week." } },
    };
    let shown: Vec<_> = trend.regions.iter().filter(|(region, _)| known.shows(region)).collect();
    let Some(total) = sum(shown.iter().map(|(_, strip)| strip)) else {
        return html! { p.quiet { "Nothing is known yet of its last week." } };
    };
    html! {
        section aria-labelledby="availability" {
            h2 #availability { "Availability, last 7 days" }
            div.card.charts {
                @for (region, strip) in &shown { (row(region, strip)) }
                div.chart { span {} (axis(total.begin, end(&total))) }
                p.faint.small {
                    "An hour a column: what failed hangs from above, half a column is inconclusive, a grey ground was not measured."
                }
            }
        }
        (latencies(&total, known))
        (steps(trend))
    }
}

/// Cell by cell; `None`: there are no strips.
fn sum<'a>(mut strips: impl Iterator<Item = &'a Strip>) -> Option<Strip> {
    let mut total = strips.next()?.clone();
    for strip in strips {
        // Strips of one trend have the same cells.
        total.cells.iter_mut().zip(&strip.cells).for_each(|(sum, cell)| sum.merge(cell));
    }
    Some(total)
}

/// Where its last cell ends, which holds the present.
fn end(strip: &Strip) -> Timestamp {
    strip.begin + strip.cell * u32::try_from(strip.cells.len()).unwrap_or(u32::MAX)
}

fn row(region: &str, strip: &Strip) -> Markup {
    let total = strip.total();
    let share = total.availability().map_or("unknown".to_owned(), percent);
    let gaps = strip.cells.iter().filter(|cell| cell.is_gap()).count();
    let judged = u64::from(total.good) + u64::from(total.bad);
    let words = format!(
        "{region}: {share} of {judged} judged runs were good, {} failed, {} inconclusive, {} missed; {gaps} of {} hours without a \
         measurement",
        total.bad,
        total.inconclusive,
        total.missed,
        strip.cells.len()
    );
    html! {
        div.chart {
            span { b { (region) } " " span.num { (share) } }
            (availability(strip, &words))
        }
    }
}

fn latencies(total: &Strip, known: &Known) -> Markup {
    let drawn = Heat::of(total);
    let whole = total.total().latencies;
    let q = |q| whole.quantile(q).map_or("–".to_owned(), |took| format!("≈ {}", latency(took)));
    html! {
        section aria-labelledby="latency" {
            h2 #latency { "Latency by hour" @if let Some(region) = known.region { ", " (region) } }
            @match drawn {
                None => { p.quiet { "No good run within the last 7 days." } }
                Some(drawn) => {
                    div.card.charts {
                        p title="each within 9 %" {
                            "Median " b.num { (q(0.5)) } " · 95th percentile " b.num { (q(0.95)) } " · 99th " b.num { (q(0.99)) }
                            " of " (whole.count()) " good runs"
                        }
                        div.chart {
                            (bands(&drawn))
                            (heat(&drawn, "Latency by hour over 7 days; the same by day is in the table below"))
                        }
                        div.chart { span {} (axis(total.begin, end(total))) }
                        p.faint.small { "The stronger, the larger the share of an hour's good runs in that band." }
                        (by_day(total))
                    }
                }
            }
        }
    }
}

/// The scale beside the drawing.
fn bands(drawn: &Heat) -> Markup {
    html! { span.bands aria-hidden="true" { @for edge in drawn.edges(4) { span { (latency(edge)) } } } }
}

/// The numbers, a day a row: for whoever cannot see the drawing, or wants to copy.
fn by_day(total: &Strip) -> Markup {
    let a_day = usize::try_from(DAY.as_secs() / total.cell.as_secs().max(1)).unwrap_or(1).max(1);
    html! {
        details {
            summary { "By day" }
            div.wide role="region" aria-label="Table of latency by day" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "from" }
                            @for column in ["median", "p95", "p99", "good", "failed", "inconclusive", "missed"] {
                                th.num scope="col" { (column) }
                            }
                        }
                    }
                    tbody {
                        @for (n, day) in total.cells.chunks(a_day).enumerate() {
                            @let from = total.begin + total.cell * u32::try_from(n * a_day).unwrap_or(u32::MAX);
                            (numbers(&from.to_utc().format("%a %d %b %H:%M UTC").to_string(), day))
                        }
                    }
                }
            }
        }
    }
}

fn numbers(name: &str, cells: &[Cell]) -> Markup {
    let mut sum = Cell::default();
    cells.iter().for_each(|cell| sum.merge(cell));
    let q = |q| sum.latencies.quantile(q).map_or("–".to_owned(), latency);
    html! {
        tr {
            th scope="row" { (name) }
            @for share in [0.5, 0.95, 0.99] { td.num { (q(share)) } }
            @for count in [sum.good, sum.bad, sum.inconclusive, sum.missed] { td.num { (count) } }
        }
    }
}

/// Medians by hour on top of each other, and in numbers.
fn steps(trend: &ProbeTrend) -> Markup {
    let Some((_, first)) = trend.steps.first() else { return html! {} };
    if trend.steps.iter().all(|(_, strip)| strip.cells.iter().all(|cell| cell.good == 0 && cell.bad == 0)) {
        return html! {};
    }
    let median = |cell: &Cell| cell.latencies.quantile(0.5);
    let part = |(step, strip): &(Arc<str>, Strip)| (step.to_string(), strip.cells.iter().map(median).collect());
    let hours = first.cells.len();
    let gap = |n| {
        trend.steps.iter().all(|(_, strip)| strip.cells.get(n).is_none_or(|cell: &Cell| cell.latencies.count() == 0))
    };
    let drawn = Stacks { parts: trend.steps.iter().map(part).collect(), gaps: (0..hours).map(gap).collect() };
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps" }
            div.card.charts {
                p.faint.small { "Median of each step by hour, all regions; the first is at the bottom." }
                div.chart {
                    span.bands aria-hidden="true" { span { (latency(drawn.most())) } span { "0" } }
                    (stacks(&drawn, "Median of each step by hour over 7 days; the numbers are in the table below"))
                }
                div.chart { span {} (axis(first.begin, end(first))) }
                div.wide role="region" aria-label="Table of steps" tabindex="0" { (table(trend)) }
            }
        }
    }
}

fn table(trend: &ProbeTrend) -> Markup {
    let q = |cell: &Cell, q| cell.latencies.quantile(q).map_or("–".to_owned(), latency);
    html! {
        table {
            caption.hidden { "Steps over the last 7 days" }
            thead {
                tr {
                    th scope="col" { "step" }
                    @for column in ["median", "p95", "p99", "done", "failed"] { th.num scope="col" { (column) } }
                }
            }
            tbody {
                // The last is on top of the drawing.
                @for (n, (step, strip)) in trend.steps.iter().enumerate().rev() {
                    @let total = strip.total();
                    tr {
                        th scope="row" {
                            svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
                                rect.f-accent fill-opacity=(Stacks::strength(n)) width="10" height="10" {}
                            }
                            (step)
                        }
                        @for share in [0.5, 0.95, 0.99] { td.num { (q(&total, share)) } }
                        td.num { (total.good) }
                        td.num { @if total.bad > 0 { b { (total.bad) } } @else { "0" } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_summed_cell_by_cell() {
        let strip = |good: &[u32]| Strip {
            begin: Timestamp::from_secs(0),
            cell: Duration::from_secs(3600),
            cells: good.iter().map(|good| Cell { good: *good, ..Cell::default() }).collect(),
        };
        let total = sum([strip(&[1, 0, 3]), strip(&[10, 0, 30])].iter()).unwrap();
        assert_eq!(total.cells.iter().map(|cell| cell.good).collect::<Vec<_>>(), [11, 0, 33]);
        assert!(total.cells[1].is_gap());
        assert_eq!(sum(std::iter::empty()), None);
    }
}
