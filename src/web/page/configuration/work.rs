//! Probes and objectives.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::masked::{masked, value};
use super::{MAX, MAX_PROBES, more, table};
use crate::config::values::Percent;
use crate::duration::HumanDuration;
use crate::plan::{Plan, PlannedProbe, rate};
use crate::schedule::Timing;
use crate::slo::tiers::milli;
use crate::slo::{Aggregate, Objective, Triggers, Window};
use crate::web::page::leads;
use crate::web::page::run::cut;

/// How many own keys of a probe are shown, and how long each may be (characters).
const MAX_KEYS: usize = 60;
const MAX_VALUE: usize = 2000;

pub fn probes(plan: &Plan) -> Markup {
    let columns = ["probe", "what it asks", "when", "from", "a run", "its own settings"];
    html! {
        (table("Probes", &columns, plan.probes.iter().take(MAX_PROBES).map(|one| probe(one, plan))))
        p.faint {
            "Its own settings: as they are written; what is not there is as its kind has it by default (see "
            code { "authprobe docs" } ")."
        }
        (more(plan.probes.len(), MAX_PROBES))
    }
}

fn probe(probe: &PlannedProbe, plan: &Plan) -> Markup {
    let cost = probe.cost();
    html! {
        th scope="row" id={ "probe-" (probe.name) } {
            a href=(leads::probe(&probe.name)) { (probe.name) }
            div.faint { (probe.kind.name) }
        }
        td data-label="what it asks" {
            a href={ "#provider-" (probe.provider.name) } { (probe.provider.name) }
            @for client in probe.client.iter().chain(&probe.second_client) {
                div { "as " a href={ "#client-" (client.name) } { (client.name) } }
            }
            @for user in probe.users.iter().take(MAX) { div { "logs in " a href={ "#user-" (user.name) } { (user.name) } } }
            @if let Some(address) = plan.server.logout_address(probe) {
                div.faint { "backchannel_logout_uri " code { (masked(&address)) } }
            }
        }
        td data-label="when" {
            (timing(&probe.timing))
            div.faint { "within " (HumanDuration(probe.timeout)) }
        }
        td data-label="from" {
            (places(probe, plan))
            @if probe.configured_regions > probe.regions.len() {
                div.faint { (probe.regions.len()) " of " (probe.configured_regions) " by this process" }
            }
        }
        td data-label="a run" {
            (probe.probe.steps().join(" → "))
            div.faint { (cost.requests) " requests, " (rate::shown(rate::of_probe(probe) * 60.0)) " an hour" }
        }
        td.own data-label="its own settings" { (own(probe)) }
    }
}

fn own(probe: &PlannedProbe) -> Markup {
    html! {
        @for (key, own) in probe.own.iter().take(MAX_KEYS) {
            div { code { (key) " = " (cut(&value(key, own), MAX_VALUE)) } }
        }
        @if probe.own.len() > MAX_KEYS { div.faint { (probe.own.len() - MAX_KEYS) " more" } }
        @if !probe.labels.is_empty() { div.faint { "labels " (pairs(&probe.labels)) } }
        @if !probe.annotations.is_empty() { div.faint { "annotations " (pairs(&probe.annotations)) } }
        @if probe.own.is_empty() && probe.labels.is_empty() && probe.annotations.is_empty() { span.faint { "none" } }
    }
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", masked(value))).collect();
    cut(&words.join(", "), MAX_VALUE)
}

fn timing(timing: &Timing) -> Markup {
    match timing {
        Timing::Every(period) => html! { "every " (HumanDuration(*period)) },
        Timing::Cron(cron) => html! { "cron " code { (cron) } },
    }
}

fn places(probe: &PlannedProbe, plan: &Plan) -> String {
    if probe.regions.len() == plan.regions.len() && plan.regions.len() > 1 {
        return format!("all {} regions", plan.regions.len());
    }
    probe.regions.iter().map(|region| region.region.to_string()).collect::<Vec<_>>().join(", ")
}

pub fn objectives(plan: &Plan) -> Markup {
    if plan.objectives.is_empty() {
        return html! { p.faint { "None." } };
    }
    let row = |(n, objective): (usize, &std::sync::Arc<Objective>)| {
        html! {
            th scope="row" id={ "slo-" (objective.name) } {
                a href=(leads::slo(&objective.name)) { (objective.name) }
                @if let Some(taken) = plan.about.get(n).and_then(|about| about.catalogue.as_ref()) {
                    div.faint { "catalogue: " (taken.name) }
                }
            }
            td data-label="promise" { (Percent { ppm: objective.target_ppm }) " " (objective.sli.describe()) }
            td data-label="over" { (window(objective)) }
            td data-label="counts" {
                @match objective.aggregate {
                    Aggregate::Reachability => "every run",
                    Aggregate::Uptime { quorum } => { "ticks, quorum " (quorum) }
                }
                div.faint { "coverage from " (Percent { ppm: objective.min_coverage_ppm }) }
            }
            td data-label="probes" {
                @for (n, member) in objective.members.iter().take(MAX).enumerate() {
                    @if n > 0 { ", " }
                    a href={ "#probe-" (member.probe) } { (member.probe) }
                }
            }
            td data-label="alerts" { (triggers(objective)) @for dropped in plan.about.get(n).iter().flat_map(|about| &about.dropped) {
                div.faint { "dropped: " (dropped.tier.name) ", " (dropped.why) }
            } }
            td.own data-label="passed on" {
                @if !objective.labels.is_empty() { div { "labels " (pairs(&objective.labels)) } }
                @if !objective.annotations.is_empty() { div { "annotations " (pairs(&objective.annotations)) } }
            }
        }
    };
    let columns = ["objective", "promise", "over", "counts", "probes", "alerts", "passed on"];
    html! {
        (table("Objectives", &columns, plan.objectives.iter().take(MAX).enumerate().map(row)))
        (more(plan.objectives.len(), MAX))
    }
}

fn window(objective: &Objective) -> String {
    match objective.window {
        Window::Rolling(length) => HumanDuration(length).to_string(),
        Window::Month(zone) => format!("the month ({})", zone.name()),
    }
}

fn triggers(objective: &Objective) -> Markup {
    match &objective.triggers {
        Triggers::AnyEvent(severity) => html! { "any bad event is a " (severity.as_str()) },
        Triggers::Burn(tiers) => html! {
            @for tier in tiers {
                div {
                    (tier.severity.as_str()) " at " (milli(tier.factor_milli)) " × over " (tier.name) " and "
                    (HumanDuration(tier.short))
                }
            }
            @if tiers.is_empty() { "no tier can fire" }
        },
    }
}
