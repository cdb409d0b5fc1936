//! Why a run did not end well: what was found, what it means, where to look, and which alert tells of it.

use maud::{Markup, html};

use super::view::{FaultView, RunView, WarningView};
use super::waterfall::cut;
use crate::alert::{Alert, carriers};
use crate::duration::HumanDuration;
use crate::fault::Class;
use crate::plan::Plan;
use crate::web::page::leads;

/// How many findings and warnings are shown, and how long each may be (characters).
const MAX_FINDINGS: usize = 50;
const MAX_WARNINGS: usize = 50;
const MAX_DETAIL: usize = 2000;

/// The section; nothing if there is no fault.
pub fn section(run: &RunView, plan: &Plan, all: &[Alert]) -> Markup {
    let Some(fault) = &run.fault else { return html! {} };
    let class = Class::from_name(&fault.class);
    let heading = if run.verdict == "bad" { "What went wrong" } else { "Why it could not tell" };
    html! {
        section aria-labelledby="fault" {
            h2 #fault { (heading) }
            div.card.fault {
                p.what {
                    span.badge.bad[run.verdict == "bad"].warn[run.verdict != "bad"] { (fault.class) }
                    @if !fault.step.is_empty() { " in step " b { (fault.step) } }
                    ", to blame: " b { (fault.blame) }
                }
                (found(fault))
                @if let Some(class) = class { (explained(class)) }
                (facts(fault))
                @if let Some(class) = class { (alerts(class, plan, &firing(run, all))) }
            }
        }
    }
}

/// Expected and found, and by which clause.
fn found(fault: &FaultView) -> Markup {
    // A single finding says the same, and its clause.
    let said_below = matches!(&fault.findings[..], [only] if only.detail == fault.detail);
    html! {
        @if !said_below { p.detail { (cut(&fault.detail, MAX_DETAIL)) } }
        @if !fault.findings.is_empty() {
            ul.findings {
                @for finding in fault.findings.iter().take(MAX_FINDINGS) {
                    li {
                        (cut(&finding.detail, MAX_DETAIL))
                        span.faint {
                            " — " (finding.class)
                            @if !finding.clause.is_empty() { ", " (finding.clause) }
                            @if let Some(attack) = &finding.attack { ", attack " code { (attack) } }
                        }
                    }
                }
            }
        }
        @if fault.findings.len() > MAX_FINDINGS {
            p.faint { (fault.findings.len() - MAX_FINDINGS) " more are in the run's JSON." }
        }
    }
}

fn explained(class: Class) -> Markup {
    html! {
        dl.facts {
            dt { "It means" }
            dd { (class.meaning()) }
            dt { "Look first" }
            dd { (class.hint()) }
            dt { "Likely causes" }
            dd { ul { @for cause in class.causes() { li { (cause) } } } }
        }
    }
}

fn facts(fault: &FaultView) -> Markup {
    html! {
        @if fault.account.is_some() || fault.upstream.is_some() || fault.retry_after.is_some() {
            dl.facts {
                @if let Some(account) = &fault.account {
                    dt { "Credentials of" }
                    dd { (account.kind) " " b { (account.name) } ": its runs stop until somebody lets them go on" }
                }
                @if let Some(host) = &fault.upstream {
                    dt { "Where" }
                    dd { "at upstream host " b { (host) } ", not at the provider's own pages" }
                }
                @if let Some(wait) = fault.retry_after {
                    dt { "Asked to wait" }
                    dd { (HumanDuration(wait)) }
                }
            }
        }
    }
}

/// The names of alerts that fire now about that run's provider.
fn firing<'a>(run: &RunView, all: &'a [Alert]) -> Vec<&'a str> {
    let of_provider = |alert: &&Alert| alert.labels.get("provider").is_some_and(|name| *name == run.provider);
    all.iter().filter(|alert| alert.is_firing()).filter(of_provider).map(Alert::name).collect()
}

/// Which alerts such runs lead to, each with what to do about it.
fn alerts(class: Class, plan: &Plan, firing: &[&str]) -> Markup {
    let link = |alert: &str| {
        html! {
            a href=(leads::runbook(plan, alert)) { (alert) }
            @if firing.contains(&alert) { " " span.badge.bad { "firing now" } }
        }
    };
    let beside: Vec<&str> = carriers::beside(class).collect();
    html! {
        h3 { "Runbooks" }
        ul.carriers {
            @for carrier in carriers::carriers(class) {
                li { (link(carrier.alert)) span.faint { " " (carrier.when) } }
            }
            @for alert in beside {
                li { (link(alert)) span.faint { " may fire beside: it looks at another sign of the same cause" } }
            }
        }
    }
}

/// What a strict reader minds; nothing if there is nothing.
pub fn warnings(warnings: &[WarningView]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            section aria-labelledby="warnings" {
                h2 #warnings { "Warnings" }
                div.card {
                    p.faint { "What a strict reader minds and an ordinary client survives." }
                    ul.findings {
                        @for warning in warnings.iter().take(MAX_WARNINGS) {
                            li {
                                span.badge.warn { (warning.code) } " " (cut(&warning.detail, MAX_DETAIL))
                                @if !warning.clause.is_empty() { span.faint { " — " (warning.clause) } }
                            }
                        }
                    }
                    @if warnings.len() > MAX_WARNINGS {
                        p.faint { (warnings.len() - MAX_WARNINGS) " more are in the run's JSON." }
                    }
                }
            }
        }
    }
}
