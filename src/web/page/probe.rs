//! `GET /probes/{name}`: one probe over a week, in every region.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::{self, Tab};
use super::words::{ago, encoded, latency};
use crate::clock::Timestamp;
use crate::config::nearest::nearest;
use crate::duration::HumanDuration;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Plan, PlannedProbe};
use crate::schedule::Timing;
use crate::store::RunsQuery;
use crate::trend::ProbeTrend;
use crate::web::App;
use crate::web::api::last_in;
use crate::web::guard::Reader;

mod course;
mod failures;
mod runs;

/// How many failed runs the ledger is asked for.
const KEPT: usize = 200;

/// What the page may be narrowed to.
#[derive(Default, Deserialize)]
pub struct Narrowed {
    region: Option<String>,
}

/// What is known of a probe.
struct Known<'a> {
    probe: &'a PlannedProbe,
    /// What is shown of it: all, or one of its regions.
    region: Option<&'a str>,
    recent: Vec<Arc<Outcome>>,
    trend: Option<Result<ProbeTrend, String>>,
    now: Timestamp,
}

impl Known<'_> {
    /// Whether something found in that region is shown.
    fn shows(&self, region: &str) -> bool {
        self.region.is_none_or(|wanted| self.probe.covers(region, wanted))
    }

    /// Whether it ran in that region within the last week.
    fn ran(&self, region: &str) -> bool {
        let Some(Ok(trend)) = &self.trend else { return false };
        let mut own = trend.regions.iter().filter(|(name, _)| self.probe.covers(name, region));
        own.any(|(_, strip)| strip.cells.iter().any(|cell| !cell.is_gap()))
    }

    /// Its runs that are shown, newest first.
    fn runs(&self) -> impl Iterator<Item = &Arc<Outcome>> {
        self.recent.iter().filter(|outcome| self.shows(&outcome.check.region))
    }
}

/// See the module.
pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path(name): Path<String>,
    query: Result<Query<Narrowed>, QueryRejection>,
) -> Response {
    let plan = app.control.plan();
    let Some(probe) = plan.probes.iter().find(|probe| *probe.name == *name) else {
        let mut answer = shell::view(&app, &reader, Tab::Overview, "No such probe", false, &absent(&plan, &name));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    };
    let asked = query.ok().and_then(|Query(narrowed)| narrowed.region);
    // A region that the probe does not run in is shown like none.
    let region = probe.regions.iter().map(|egress| &*egress.region).find(|own| asked.as_deref() == Some(*own));
    let failed = RunsQuery {
        probe: probe.name.to_string(),
        region: region.filter(|_| !probe.cost().all_regions).map(str::to_owned),
        verdict: Some(Verdict::Bad.as_str().to_owned()),
        before: None,
        limit: KEPT,
    };
    let (trend, kept) = tokio::join!(app.control.trend(&name), app.control.kept_runs(failed));
    let mut recent = app.control.recent(&name);
    recent.sort_by_key(|outcome| std::cmp::Reverse(outcome.start));
    let known = Known { probe, region, recent, trend, now: app.control.now() };
    let view = html! {
        (header(&known, &plan))
        (switch(&known))
        (course::sections(&known))
        (failures::section(&known, kept))
        (runs::section(&known))
        (runs::warnings(&known))
    };
    shell::view(&app, &reader, Tab::Overview, &probe.name, true, &view)
}

/// There is none of that name, and which may have been meant.
fn absent(plan: &Plan, name: &str) -> Markup {
    let near = nearest(name, plan.probes.iter().map(|probe| &*probe.name));
    let name: String = name.chars().take(100).collect();
    html! {
        h1 { "There is no probe " (name) }
        @match near {
            Some(near) => { p { "Did you mean " a href={"/probes/" (encoded(near))} { (near) } "?" } }
            None => { p { "It may have left the configuration." } }
        }
        p { "All probes are on the " a href="/#probes" { "overview" } "." }
    }
}

fn header(known: &Known, plan: &Plan) -> Markup {
    let probe = known.probe;
    let objectives = plan.objectives.iter().filter(|slo| slo.members.iter().any(|member| member.probe == probe.name));
    let objectives: Vec<_> = objectives.collect();
    html! {
        header.probe {
            p.crumbs { a href="/" { "Overview" } " › " a href="/#probes" { "Probes" } }
            h1 { (probe.name) " " small.faint { (probe.kind.name) } }
            p.faint { (probe.kind.summary) }
            div.now {
                @for egress in &probe.regions { (newest(known, &egress.region)) }
            }
            dl.facts {
                dt { "Provider" } dd { (probe.provider.name) " " span.faint { (probe.provider.issuer) } }
                @if let Some(client) = &probe.client { dt { "Client" } dd { (client.name) } }
                @if !probe.users.is_empty() {
                    dt { @if probe.users.len() == 1 { "User" } @else { "Users, one each region" } }
                    dd { (probe.users.iter().map(|user| &*user.name).collect::<Vec<_>>().join(", ")) }
                }
                dt { "Runs" } dd { (timing(&probe.timing)) ", at most " (HumanDuration(probe.timeout)) " each" }
                @if !probe.labels.is_empty() {
                    dt { "Labels" }
                    dd { (probe.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")) }
                }
                @if !objectives.is_empty() {
                    dt { "Objectives" }
                    dd.links {
                        @for slo in objectives { a href={"/slos/" (encoded(&slo.name))} { (slo.name) } }
                    }
                }
            }
        }
    }
}

fn timing(timing: &Timing) -> String {
    match timing {
        Timing::Every(period) => format!("every {}", HumanDuration(*period)),
        Timing::Cron(cron) => format!("at {cron}"),
    }
}

/// How it is in a region.
fn newest(known: &Known, region: &str) -> Markup {
    let last = last_in(known.probe, &known.recent, region);
    html! {
        div.card {
            p.faint.small { (region) }
            @match last {
                // The ledger remembers the week, but not the runs themselves.
                None if known.ran(region) => { p { span.badge { "none since the start" } } }
                None => { p { span.badge { "no run yet" } } }
                Some(last) => {
                    p { (verdict(last)) " " span.num { (latency(last.duration)) } }
                    p.small.faint { (ago(last.start, known.now)) }
                    @if let Some(fault) = &last.fault {
                        p.small { b { (fault.class.as_str()) } " at step " (fault.step) ", blame: " (fault.blame.as_str()) }
                    }
                }
            }
        }
    }
}

/// A run's verdict, which leads to it.
fn verdict(run: &Outcome) -> Markup {
    let class = match run.verdict {
        Verdict::Good => "badge good",
        Verdict::Bad => "badge bad",
        Verdict::Inconclusive => "badge",
    };
    html! { a class=(class) href={"/runs/" (run.trace_id)} { (run.verdict.as_str()) } }
}

/// From which regions; each a link, so that it needs no script.
fn switch(known: &Known) -> Markup {
    let path = format!("/probes/{}", encoded(&known.probe.name));
    html! {
        @if known.probe.regions.len() > 1 {
            nav.switch aria-label="Regions" {
                a href=(path) aria-current=[known.region.is_none().then_some("true")] { "all regions" }
                @for egress in &known.probe.regions {
                    a href={(path) "?region=" (encoded(&egress.region))}
                        aria-current=[(known.region == Some(&*egress.region)).then_some("true")] { (egress.region) }
                }
            }
        }
    }
}
