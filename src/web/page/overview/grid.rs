//! Probes × regions: how each is, how long it takes, how its last day was. What is not well stands first.

use maud::{Markup, html};

use super::state::{Look, Row, Seen, State};
use crate::outcome::Outcome;
use crate::trend::Strip;
use crate::web::page::draw::sparkline;
use crate::web::page::words::{ago, encoded, latency};

/// How many rows are shown at once, however well they are; more of them are folded away. What is not well is always shown.
const ROWS: usize = 24;
/// How many rows there are at most, the worst: nobody reads more, and every open page is written again and again.
const MOST: usize = 300;

/// The grid.
pub fn section(state: &State) -> Markup {
    let mut rows: Vec<&Row> = state.rows.iter().collect();
    rows.sort_by_key(|row| row.look());
    let left_out = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let well = rows.partition_point(|row| row.look() < Look::Never);
    // A fold of two or three is not worth it.
    let shown = if rows.len() <= ROWS + 4 { rows.len() } else { ROWS.max(well) };
    let (shown, folded) = rows.split_at(shown);
    html! {
        section aria-labelledby="probes" {
            div.head {
                h2 #probes { "Probes" }
                p.faint.small { "95th percentile and course of the last 24 hours; a grey ground is time of which nothing is known" }
            }
            @if rows.is_empty() { p.quiet { "No probe is configured." } } @else { (table(shown, state, "Table of probes")) }
            @if !folded.is_empty() {
                details.more {
                    summary #more-probes {
                        (folded.len()) " more probes, "
                        @if folded.iter().all(|row| row.look() == Look::Good) { "all good" } @else { "none of them failing" }
                    }
                    (table(folded, state, "Table of more probes"))
                }
            }
            @if left_out > 0 {
                p {
                    (left_out) " more probes, none of them worse than these, are in "
                    a href="/api/v1/probes" { "/api/v1/probes" } "; each has a page at " code { "/probes/NAME" } "."
                }
            }
        }
    }
}

/// With many regions it is wider than any screen: then it scrolls by itself, by keyboard as well. Roles are said aloud, since
/// narrow screens lay rows out as cards.
fn table(rows: &[&Row], state: &State, label: &str) -> Markup {
    html! {
        div.wide.card role="region" aria-label=(label) tabindex="0" {
            table.grid role="table" aria-label=(label) {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "probe" }
                        @for egress in &state.plan.regions { th scope="col" role="columnheader" { (egress.region) } }
                    }
                }
                tbody role="rowgroup" { @for row in rows { (line(row, state)) } }
            }
        }
    }
}

fn line(row: &Row, state: &State) -> Markup {
    let probe = &row.probe;
    html! {
        tr role="row" id={"probe-" (probe.name)} {
            th scope="row" role="rowheader" {
                a href={"/probes/" (encoded(&probe.name))} { (probe.name) }
                small {
                    (probe.kind.name) " · " (probe.provider.name)
                    @if let Some(client) = &probe.client { " · " (client.name) }
                    @if row.maintained { " · in maintenance" }
                }
            }
            @for (egress, seen) in state.plan.regions.iter().zip(&row.cells) {
                @match seen {
                    Some(seen) => { td role="cell" data-label=(egress.region) { (cell(seen, state)) } }
                    None => { td.none role="cell" {} }
                }
            }
        }
    }
}

fn cell(seen: &Seen, state: &State) -> Markup {
    html! {
        div.now {
            @match &seen.last {
                // The ledger remembers the day, but not the runs themselves.
                None if state.strip(seen).is_some_and(|strip| strip.cells.iter().any(|cell| !cell.is_gap())) => {
                    span.badge { "none since the start" }
                }
                None => { span.badge { "no run yet" } }
                Some(last) => {
                    @let (class, word) = match seen.look() {
                        Look::Good => ("badge good", "good"),
                        Look::Bad => ("badge bad", "bad"),
                        Look::Inconclusive | Look::Never => ("badge", "inconclusive"),
                        Look::Stale => ("badge", "stale"),
                    };
                    a class=(class) href={"/runs/" (last.trace_id)} { (word) }
                }
            }
            @if let Some(strip) = state.strip(seen) { (day(strip)) }
        }
        @if let Some(last) = &seen.last { (newest(last, seen, state)) }
    }
}

fn newest(last: &Outcome, seen: &Seen, state: &State) -> Markup {
    html! {
        small {
            @if seen.stale { (last.verdict.as_str()) ", " }
            (latency(last.duration)) " · " (ago(last.start, state.now))
            @if !last.warnings.is_empty() {
                " · " (last.warnings.len()) @if last.warnings.len() == 1 { " warning" } @else { " warnings" }
            }
        }
        @if let Some(fault) = &last.fault {
            p title=(fault.detail) { b { (fault.class.as_str()) } " in " (fault.step) ", " (fault.blame.as_str()) }
        }
        @if last.screenshot().is_some() {
            small { a href={"/api/v1/runs/" (last.trace_id) "/screenshot"} { "screenshot" } }
        }
    }
}

/// The last day: a number, and a line.
fn day(strip: &Strip) -> Markup {
    let total = strip.total();
    let p95 = total.latencies.quantile(0.95);
    let bad = strip.cells.iter().filter(|cell| cell.bad > 0).count();
    let gaps = strip.cells.iter().filter(|cell| cell.is_gap()).count();
    let unknown = strip.cells.iter().filter(|cell| cell.availability().is_none()).count() - gaps;
    let found = [(bad, "with failures"), (unknown, "inconclusive"), (gaps, "not measured")];
    let found: Vec<_> = found.into_iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{n} {how}")).collect();
    let label = format!("of {} half-hours {}", strip.cells.len(), found.join(", "));
    html! {
        (sparkline(strip, (!found.is_empty()).then_some(&*label)))
        @match p95 {
            Some(p95) => { span.num title={"p95 of " (total.good) " good runs in 24 h, within 9 %"} { "≈ " (latency(p95)) } }
            None => { span.num title="no good run in 24 h" { "–" } }
        }
    }
}
