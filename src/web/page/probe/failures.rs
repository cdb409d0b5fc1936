//! What failed lately, by what is alike.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde_json::Value;

use super::Known;
use crate::clock::Timestamp;
use crate::fault::Class;
use crate::outcome::Outcome;
use crate::store::KeptRun;
use crate::web::body::rfc3339;
use crate::web::page::words::ago;

/// How many groups are shown.
const GROUPS: usize = 30;

/// A run that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    id: String,
    at: Timestamp,
    like: Like,
    detail: String,
}

/// What makes failures alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Like {
    verdict: String,
    class: String,
    blame: String,
    step: String,
    region: String,
}

/// Failures that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    count: usize,
    newest: Failure,
}

impl Failure {
    fn of(outcome: &Outcome) -> Option<Self> {
        let fault = outcome.fault.as_ref()?;
        let like = Like {
            verdict: outcome.verdict.as_str().to_owned(),
            class: fault.class.as_str().to_owned(),
            blame: fault.blame.as_str().to_owned(),
            step: fault.step.to_owned(),
            region: outcome.check.region.to_string(),
        };
        Some(Self { id: outcome.trace_id.to_string(), at: outcome.start, like, detail: fault.detail.clone() })
    }

    /// As the ledger keeps it.
    fn kept(run: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let fault = run.get("fault")?;
        let like = Like {
            verdict: text(&run["verdict"])?,
            class: text(&fault["class"])?,
            blame: text(&fault["blame"])?,
            step: text(&fault["step"]).unwrap_or_default(),
            region: text(&run["probe_region"])?,
        };
        let detail = text(&fault["detail"]).unwrap_or_default();
        Some(Self { id: text(&run["trace_id"])?, at: rfc3339(run["start"].as_str()?)?, like, detail })
    }
}

/// Those that are alike together, each run once; the group of the newest first.
fn grouped(all: impl Iterator<Item = Failure>) -> Vec<Group> {
    let mut seen = BTreeSet::new();
    let mut groups: BTreeMap<Like, Group> = BTreeMap::new();
    for failure in all.filter(|failure| seen.insert(failure.id.clone())) {
        match groups.get_mut(&failure.like) {
            Some(group) => {
                group.count += 1;
                if failure.at > group.newest.at {
                    group.newest = failure;
                }
            }
            None => drop(groups.insert(failure.like.clone(), Group { count: 1, newest: failure })),
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.newest.at));
    groups
}

/// From memory, and from the ledger if there is one.
pub fn section(known: &Known, kept: Option<Result<Vec<KeptRun>, String>>) -> Markup {
    let (kept, error) = match kept {
        Some(Ok(kept)) => (kept, None),
        Some(Err(why)) => (Vec::new(), Some(why)),
        None => (Vec::new(), None),
    };
    let remembered = known.runs().filter_map(|run| Failure::of(run));
    let kept =
        kept.iter().filter_map(|run| Failure::kept(&run.json)).filter(|failure| known.shows(&failure.like.region));
    let groups = grouped(remembered.chain(kept));
    html! {
        section aria-labelledby="failures" {
            h2 #failures { "Failures by class" }
            @if let Some(why) = error { p.notice { "Older failures cannot be read: " (why) } }
            @if groups.is_empty() { p.quiet { "No failed run is kept." } } @else {
                div.wide.card role="region" aria-label="Table of failures" tabindex="0" {
                    table.failures.stack {
                        thead {
                            tr {
                                @for column in ["class", "blame", "step", "region", "runs", "newest", "what it means"] {
                                    th scope="col" { (column) }
                                }
                            }
                        }
                        tbody { @for group in groups.iter().take(GROUPS) { (row(group, known.now)) } }
                    }
                }
                @if groups.len() > GROUPS { p.small { (groups.len() - GROUPS) " more groups are older." } }
                p.faint.small {
                    "Of the runs that are remembered, and the last failed ones of the ledger. Inconclusive runs count for no objective."
                }
            }
        }
    }
}

fn row(group: &Group, now: Timestamp) -> Markup {
    let Failure { id, at, like, detail } = &group.newest;
    let class = Class::from_name(&like.class);
    let badge = if like.verdict == "bad" { "badge bad" } else { "badge" };
    html! {
        tr {
            th scope="row" { span class=(badge) { (like.class) } @if like.verdict != "bad" { " " small.faint { (like.verdict) } } }
            td data-label="blame" { (like.blame) }
            td data-label="step" { (like.step) }
            td data-label="region" { (like.region) }
            td.num data-label="runs" { (group.count) }
            td data-label="newest" { a href={"/runs/" (id)} { (ago(*at, now)) } }
            td data-label="what it means" {
                p { (detail) }
                @if let Some(class) = class { p.small.faint { (class.meaning()) " " (class.hint()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(id: &str, start: &str, class: &str, region: &str) -> Value {
        json!({ "trace_id": id, "start": start, "verdict": "bad", "probe_region": region,
                "fault": { "class": class, "blame": "provider", "step": "token", "detail": format!("detail of {id}") } })
    }

    #[test]
    fn what_is_alike_is_one_group_and_every_run_counts_once() {
        let runs = [
            run("a", "2026-11-22T10:00:00Z", "http_status", "eu"),
            run("b", "2026-11-22T10:05:00Z", "http_status", "eu"),
            run("a", "2026-11-22T10:00:00Z", "http_status", "eu"),
            run("c", "2026-11-22T10:09:00Z", "timeout", "eu"),
            run("d", "2026-11-22T10:01:00Z", "http_status", "us"),
            json!({ "trace_id": "e", "start": "never", "fault": {} }),
            json!({ "trace_id": "f" }),
        ];
        let groups = grouped(runs.iter().filter_map(Failure::kept));
        let told: Vec<_> = groups
            .iter()
            .map(|group| (group.count, &*group.newest.like.class, &*group.newest.like.region, &*group.newest.id))
            .collect();
        assert_eq!(told, [(1, "timeout", "eu", "c"), (2, "http_status", "eu", "b"), (1, "http_status", "us", "d")]);
        assert_eq!(groups[1].newest.detail, "detail of b");
    }
}
