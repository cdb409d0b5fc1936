//! Why an outage is one: the evidence by region, under its alert; and what is being looked into without one.

use maud::{Markup, html};

use crate::alert::outage::{OUTAGE, REGION_DOWN, headline, how};
use crate::alert::{Alert, State as Phase};
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::detect::ruling::{Case, Look, RegionCase};
use crate::web::page::draw::{Tone, bar};
use crate::web::page::words::ago;

/// How many cases, regions, clean steps are shown.
const MAX_CASES: usize = 3;
const MAX_REGIONS: usize = 30;
const MAX_STEPS: usize = 8;

/// What is being looked into at providers without an alert of that kind; nothing if all is well.
pub fn suspected(alerts: &[Alert], rulings: &[Ruling], now: Timestamp) -> Markup {
    let told = |provider: &str| {
        let mine = |alert: &&Alert| alert.labels.get("provider").is_some_and(|name| name == provider);
        let all = alerts.iter().filter(|alert| alert.state != Phase::Resolved);
        all.filter(mine).any(|alert| [OUTAGE, REGION_DOWN].contains(&alert.name()))
    };
    html! {
        @for ruling in rulings.iter().filter(|ruling| !told(&ruling.provider)) {
            @for case in ruling.cases.iter().take(MAX_CASES) {
                p.notice role="status" { b { "Being looked into" } ": " (headline(&ruling.provider, case, now)) }
            }
        }
    }
}

/// What an alert rests on, the gravest first.
pub fn cases(cases: &[&Case], now: Timestamp) -> Markup {
    html! {
        @for case in cases.iter().take(MAX_CASES) { (table(case, now)) }
        @if cases.len() > MAX_CASES {
            p { (cases.len() - MAX_CASES) " more are in " a href="/api/v1/detection" { "/api/v1/detection" } "." }
        }
    }
}

fn table(case: &Case, now: Timestamp) -> Markup {
    html! {
        div.wide role="group" aria-label={"Evidence at step " (case.step)} tabindex="0" {
            table.evidence {
                caption {
                    "Step " b { (case.step) } ": " (how(case))
                    @if let Some(class) = case.class { ", " (class.as_str()) }
                    @if let Some(blame) = case.blame { " (blame: " (blame.as_str()) ")" }
                    @if let Some(host) = &case.upstream { " at upstream host " (host) }
                }
                thead {
                    tr { @for column in ["region", "looks", "failed", "evidence", "since"] { th scope="col" { (column) } } }
                }
                tbody { @for seen in case.regions.iter().take(MAX_REGIONS) { (region(seen, most(case), now)) } }
            }
        }
        @if case.regions.len() > MAX_REGIONS { p { (case.regions.len() - MAX_REGIONS) " more regions" } }
        (beside(case))
    }
}

fn region(seen: &RegionCase, most: f64, now: Timestamp) -> Markup {
    let (class, looks) = match seen.look {
        Look::Failing => ("bad", "failing"),
        Look::Suspected => ("warn", "suspected"),
        Look::Clean => ("good", "clean"),
        Look::Waiting => ("", "not measured yet"),
        Look::Unknown => ("", "unknown"),
    };
    html! {
        tr {
            th scope="row" { (seen.region) }
            td { span class={"badge " (class)} { (looks) } }
            td.num { (seen.bad) " of " (seen.runs) }
            td { (measure(seen.look, seen.evidence, most)) }
            td { @if let Some(since) = seen.since { (ago(since, now)) } }
        }
    }
}

/// The most that a region's evidence can be, as a share of what an outage needs: one of several decides nothing alone.
fn most(case: &Case) -> f64 {
    if case.regions.len() > 1 { 0.5 } else { 1.0 }
}

/// The full width is the most that a region can give. The number stands beside it.
fn measure(look: Look, evidence: f64, most: f64) -> Markup {
    let share = (evidence / most).clamp(0.0, 1.0);
    let percent = (share * 100.0).round();
    let of = if most < 1.0 { "one region can give" } else { "an outage needs" };
    html! {
        (bar(share, if look == Look::Failing { Tone::Bad } else { Tone::Warn }))
        @if percent >= 100.0 { "all that " (of) } @else { (percent) "% of what " (of) }
    }
}

/// From what it is known, and what else was measured.
fn beside(case: &Case) -> Markup {
    html! {
        p.small {
            (case.scheduled) " scheduled and " (case.confirmations) " confirmation run"
            @if case.confirmations != 1 { "s" }
            "; up to " (case.confirmations_left) " more may be asked for within this hour."
            @for (n, (step, runs)) in case.clean.iter().take(MAX_STEPS).enumerate() {
                @if n == 0 { " Clean meanwhile: " } @else { ", " }
                b { (step) } " (" (runs) ")"
            }
            @if case.clean.len() > MAX_STEPS { " and " (case.clean.len() - MAX_STEPS) " more" }
            @if !case.clean.is_empty() { "." }
        }
    }
}
