//! What alerts: since when, why, whose fault, and where to go on.

use maud::{Markup, html};

use super::evidence;
use super::state::State;
use crate::alert::{Alert, State as Phase};
use crate::clock::Timestamp;
use crate::outcome::Outcome;
use crate::web::App;
use crate::web::alerts::{evidence as of_alert, sorted};
use crate::web::page::words::{ago, encoded};

/// How many alerts are shown.
const MAX_ALERTS: usize = 50;
/// How many of those that are over.
const MAX_RESOLVED: usize = 5;

/// All alerts, those that fire first; those that are over lately folded away.
pub fn section(app: &App, state: &State) -> Markup {
    let all = app.control.alerts();
    let sorted = sorted(&all);
    let (over, open): (Vec<&Alert>, Vec<&Alert>) = sorted.into_iter().partition(|alert| alert.state == Phase::Resolved);
    html! {
        section aria-labelledby="alerts" {
            h2 #alerts { "Alerts" }
            @if !state.plan.alerting.evaluate {
                p.faint {
                    "Burn rates are evaluated by Prometheus: look for their alerts there. Outages are found here all the same."
                }
            }
            (evidence::suspected(&all, &state.rulings, state.now))
            @if open.is_empty() {
                p.quiet { "No alert is firing or pending." }
            } @else {
                ul.alerts { @for alert in open.iter().take(MAX_ALERTS) { (item(alert, state)) } }
            }
            @if open.len() > MAX_ALERTS {
                p { (open.len() - MAX_ALERTS) " more are in " a href="/api/v1/alerts" { "/api/v1/alerts" } "." }
            }
            @if !over.is_empty() {
                details.resolved {
                    summary { (over.len()) " resolved lately" }
                    ul.alerts { @for alert in over.iter().take(MAX_RESOLVED) { (item(alert, state)) } }
                    @if over.len() > MAX_RESOLVED {
                        p { (over.len() - MAX_RESOLVED) " more are in " a href="/api/v1/alerts" { "/api/v1/alerts" } "." }
                    }
                }
            }
        }
    }
}

fn item(alert: &Alert, state: &State) -> Markup {
    let label = |name: &str| alert.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let word = |name: &str| alert.annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let of = ["provider", "slo", "probe", "client", "probe_region", "burnrate_tier"].into_iter().filter_map(label);
    let (class, phase, after) = match alert.state {
        Phase::Firing if label("severity") == Some("page") => ("bad", "firing", ""),
        Phase::Firing => ("warn", "firing", ""),
        Phase::Resolving => ("warn", "firing", "quiet lately"),
        Phase::Pending => ("warn", "pending", ""),
        Phase::Resolved => ("good", "resolved", ""),
    };
    let (since, at) = match alert.state {
        Phase::Pending => ("holds since", alert.active_nanos),
        Phase::Resolved => ("over since", alert.cleared_nanos.unwrap_or(alert.active_nanos)),
        Phase::Firing | Phase::Resolving => ("since", alert.fired_nanos.unwrap_or(alert.active_nanos)),
    };
    let cases = of_alert(alert, &state.rulings).filter(|cases| !cases.is_empty());
    let run = if alert.state == Phase::Resolved { None } else { newest_run(alert, state) };
    html! {
        li class={"card alert " (class)} {
            div.head {
                h3 { (alert.name()) " " small.faint { (of.collect::<Vec<_>>().join(" · ")) } }
                span {
                    span class={"badge " (class)} { (phase) }
                    @if let Some(severity) = label("severity") { " " span.badge.plain { (severity) } }
                    @if !after.is_empty() { " " span.small { (after) } }
                    " " span.small.faint { (since) " " (ago(Timestamp::from_nanos(at), state.now)) }
                }
            }
            @if let Some(summary) = word("summary") { p { b { (summary) } } }
            @if let Some(description) = word("description") { p { (description) } }
            @if let Some(fault) = run.and_then(|run| run.fault.as_ref()) {
                p.small {
                    "Newest failed run: " b { (fault.class.as_str()) } " at step " (fault.step) ", blame: " b { (fault.blame.as_str()) }
                    @if let Some(host) = &fault.upstream { " at upstream host " (host) }
                }
            }
            (links(alert, run, state))
            @if let Some(cases) = cases { (evidence::cases(&cases, state.now)) }
        }
    }
}

fn links(alert: &Alert, run: Option<&Outcome>, state: &State) -> Markup {
    let label = |name: &str| alert.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let runbook = alert.annotations.get("runbook_url").filter(|url| is_web(url));
    let probe = label("probe").filter(|name| state.plan.probes.iter().any(|probe| *probe.name == **name));
    let slo = label("slo").filter(|name| state.plan.objectives.iter().any(|objective| *objective.name == **name));
    html! {
        p.links {
            @if let Some(runbook) = runbook { a href=(runbook) { "runbook" } }
            @if let Some(name) = slo { a href={"/slos/" (encoded(name))} { "objective " (name) } }
            @if let Some(name) = probe { a href={"/probes/" (encoded(name))} { "probe " (name) } }
            @if let Some(run) = run { a href={"/runs/" (run.trace_id)} { "newest failed run" } }
        }
    }
}

/// The newest failed run of what the alert is about.
fn newest_run<'a>(alert: &Alert, state: &'a State) -> Option<&'a Outcome> {
    let label = |name: &str| alert.labels.get(name).filter(|value| !value.is_empty());
    let (probe, provider, region) = (label("probe"), label("provider"), label("probe_region"));
    let objective = label("slo").and_then(|name| state.plan.objectives.iter().find(|known| *known.name == **name));
    if probe.is_none() && provider.is_none() && objective.is_none() {
        return None;
    }
    let is = |wanted: Option<&String>, name: &str| wanted.is_none_or(|wanted| *wanted == *name);
    let fits = |own: &crate::plan::PlannedProbe, from: &str| {
        is(probe, &own.name)
            && is(provider, &own.provider.name)
            && is(region, from)
            && objective.is_none_or(|known| known.members.iter().any(|member| member.probe == own.name))
    };
    state.newest_bad(fits).map(|run| &**run)
}

/// Other schemes may be programs.
fn is_web(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
}
