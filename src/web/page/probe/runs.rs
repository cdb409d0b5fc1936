//! Its newest runs, and what a strict reader minded in them.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Known, verdict};
use crate::outcome::Outcome;
use crate::web::page::words::{ago, encoded, latency};

/// How many runs are listed, and how many different warnings.
const RUNS: usize = 50;
const WARNINGS: usize = 20;

/// The newest runs.
pub fn section(known: &Known) -> Markup {
    let runs: Vec<_> = known.runs().take(RUNS).collect();
    html! {
        section aria-labelledby="runs" {
            div.head {
                h2 #runs { "Recent runs" }
                p.small { a href={"/api/v1/probes/" (encoded(&known.probe.name)) "/runs"} { "all that are kept, as JSON" } }
            }
            @if runs.is_empty() { p.quiet { "No run yet." } } @else {
                div.wide.card role="region" aria-label="Table of runs" tabindex="0" {
                    table.runs.stack {
                        thead {
                            tr {
                                @for column in ["verdict", "began", "region", "took", "asked for by", "fault", "warnings"] {
                                    th scope="col" { (column) }
                                }
                            }
                        }
                        tbody { @for run in runs { (row(run, known)) } }
                    }
                }
            }
        }
    }
}

fn row(run: &Outcome, known: &Known) -> Markup {
    html! {
        tr {
            th scope="row" { (verdict(run)) }
            td data-label="began" { (ago(run.start, known.now)) }
            td data-label="region" { (run.check.region) }
            td.num data-label="took" { (latency(run.duration)) }
            td data-label="asked for by" { (run.trigger.as_str()) }
            td data-label="fault" {
                @if let Some(fault) = &run.fault {
                    b { (fault.class.as_str()) } " at step " (fault.step) ", " (fault.blame.as_str()) ": " (fault.detail)
                }
            }
            td.num data-label="warnings" { @if !run.warnings.is_empty() { (run.warnings.len()) } }
        }
    }
}

/// Each kind of warning once, with its newest run; nothing if there are none.
pub fn warnings(known: &Known) -> Markup {
    let mut kinds: BTreeMap<(&str, &str), (usize, &Outcome, &str)> = BTreeMap::new();
    for run in known.runs() {
        for warning in &run.warnings {
            // Runs come newest first: the first of a kind is the newest.
            kinds.entry((warning.code, warning.clause)).or_insert((0, run, &warning.detail)).0 += 1;
        }
    }
    html! {
        @if !kinds.is_empty() {
            section aria-labelledby="warnings" {
                h2 #warnings { "Warnings" }
                p.faint.small { "What a strict reader minds and an ordinary client survives, in the runs that are remembered." }
                div.wide.card role="region" aria-label="Table of warnings" tabindex="0" {
                    table.stack {
                        thead {
                            tr {
                                @for column in ["code", "times", "what", "where it is written", "newest"] {
                                    th scope="col" { (column) }
                                }
                            }
                        }
                        tbody {
                            @for ((code, clause), (count, run, detail)) in kinds.iter().take(WARNINGS) {
                                tr {
                                    th scope="row" { code { (code) } }
                                    td.num data-label="times" { (count) }
                                    td data-label="what" { (detail) }
                                    td data-label="where it is written" { (clause) }
                                    td data-label="newest" { a href={"/runs/" (run.trace_id)} { (ago(run.start, known.now)) } }
                                }
                            }
                        }
                    }
                }
                @if kinds.len() > WARNINGS { p.small { (kinds.len() - WARNINGS) " more kinds of warnings." } }
            }
        }
    }
}
