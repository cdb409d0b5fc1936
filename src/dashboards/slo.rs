//! One objective: its budget over time, what burns it, every window with its threshold.

use std::collections::BTreeMap;

use super::model::{Dashboard, Row, row};
use super::panels::Panel;
use super::variables::{SLO, alerts, job, slo};
use crate::plan::Plan;

/// See the module. The plan knows the thresholds of each objective's tiers.
pub fn dashboard(plan: &Plan) -> Dashboard {
    Dashboard {
        name: "slo.json",
        uid: "authprobe-slo",
        title: "authprobe / SLO detail",
        description: "One objective: its budget, what burns it, every window with its threshold.",
        since: "24h",
        variables: vec![job(), slo()],
        rows: vec![standing(plan), burn(plan), events()],
    }
}

fn standing(plan: &Plan) -> Row {
    let budget = [(0.0, "orange"), (0.25, "yellow"), (0.5, "green")];
    row(
        "Where it stands",
        vec![
            Panel::table("Objective", "short", "What is promised, over which window, of which SLI.")
                .ask(format!("authprobe_slo_info{{{SLO}}}"), "Info")
                .without(&["Info", "Value"])
                .sized(8, 4),
            Panel::stat("Promised", "percentunit", "The share of events that must be good.")
                .ask(format!("max(authprobe_slo_objective_ratio{{{SLO}}})"), "objective")
                .sized(4, 4),
            Panel::stat(
                "Budget left",
                "percentunit",
                "Share of the error budget that is left over the window, maintenance left out. Below 0 it is overspent.",
            )
            .ask(format!("max(authprobe_slo_error_budget_remaining_ratio{{{SLO}}})"), "left")
            .coloured("red", &budget)
            .sized(4, 4),
            Panel::stat(
                "Time to exhaustion",
                "s",
                "When nothing is left, if it goes on as over the window that burns fastest: empty while none burns faster \
                 than 1.",
            )
            .ask(exhaustion(plan), "exhausted in")
            .when_empty("no data: not in sight, or not known")
            .coloured("red", &[(86_400.0, "orange"), (604_800.0, "green")])
            .sized(4, 4),
            Panel::stat(
                "Coverage",
                "percentunit",
                "Judged events ÷ those that should have been: little of it means that little is known.",
            )
            .ask(format!("max(authprobe_slo_coverage_ratio{{{SLO}}})"), "coverage")
            .coloured("red", &[(0.8, "green")])
            .sized(4, 4),
            Panel::graph(
                "Burn-down",
                "percentunit",
                "What is left of the budget: without maintenance, as our alerts see it, and with it, as Prometheus does.",
            )
            .ask(format!("max(authprobe_slo_error_budget_remaining_ratio{{{SLO}}})"), "adjusted")
            .ask(format!("max(authprobe_slo_error_budget_remaining_raw_ratio{{{SLO}}})"), "raw")
            .sized(24, 9),
        ],
    )
}

/// Budget left ÷ how fast it goes: at a burn rate of 1 the whole of it lasts for one window.
fn exhaustion(plan: &Plan) -> String {
    let mut windows: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for objective in &plan.objectives {
        windows.entry(objective.window.period().as_secs()).or_default().push(&objective.name);
    }
    let lengths: Vec<String> =
        windows.iter().map(|(seconds, slos)| of(&seconds.to_string(), &slos.join("|"))).collect();
    let length = if lengths.is_empty() { "vector(NaN)".to_owned() } else { lengths.join("\n    or ") };
    let left = format!("clamp_min(max(authprobe_slo_error_budget_remaining_ratio{{{SLO}}}), 0)");
    format!("{left}\n  * ({length})\n  / (max(authprobe_slo_burn_rate{{{SLO}}}) > 1)")
}

/// A number, for those objectives only.
fn of(number: &str, slos: &str) -> String {
    format!(r#"{number} * max(authprobe_slo_info{{{SLO}, slo=~"{slos}"}})"#)
}

fn burn(plan: &Plan) -> Row {
    let mut panel = Panel::graph(
        "Burn rate by window, with thresholds",
        "short",
        "How many times as fast as allowed the budget burns, over each tier's long window. The dashed lines are the tiers' \
         factors: above, and with the short window above too, its alert fires.",
    )
    .ask(format!("max by (long_window) (authprobe_slo_burn_rate{{{SLO}}})"), "{{long_window}}")
    .zero_based()
    .sized(24, 10);
    for ((tier, milli), slos) in thresholds(plan) {
        let factor = milli as f64 / 1000.0;
        let legend = format!("threshold {tier}: {factor}");
        panel = panel.ask(of(&factor.to_string(), &slos.join("|")), legend.clone()).limit(&legend, "dark-red");
    }
    row("What burns it", vec![panel])
}

/// The factors of all objectives' tiers (in thousandths), and whose they are.
fn thresholds(plan: &Plan) -> BTreeMap<(String, u64), Vec<String>> {
    let mut found: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
    for objective in &plan.objectives {
        for tier in objective.tiers() {
            found.entry((tier.name.to_string(), tier.factor_milli)).or_default().push(objective.name.to_string());
        }
    }
    found
}

fn events() -> Row {
    let per_minute = |counter: &str| format!("60 * sum by (probe_region) (rate({counter}{{{SLO}}}[$__rate_interval]))");
    row(
        "Events",
        vec![
            Panel::graph(
                "Share of errors",
                "percentunit",
                "Bad events ÷ judged ones over an hour, by region; dashed what is allowed.",
            )
            .ask(
                format!(
                    "sum by (probe_region) (increase(authprobe_slo_errors_total{{{SLO}}}[1h]))\n  / \
                     (sum by (probe_region) (increase(authprobe_slo_events_total{{{SLO}}}[1h])) > 0)"
                ),
                "{{probe_region}}",
            )
            .ask(format!("1 - max(authprobe_slo_objective_ratio{{{SLO}}})"), "allowed")
            .limit("allowed", "dark-red")
            .zero_based(),
            Panel::graph("Events", "short", "Judged events a minute, by region, and the bad ones.")
                .ask(per_minute("authprobe_slo_events_total"), "{{probe_region}}")
                .ask(per_minute("authprobe_slo_errors_total"), "{{probe_region}} bad")
                .zero_based(),
            Panel::graph(
                "Coverage",
                "percentunit",
                "Judged ÷ expected events over an hour. Below the least coverage, dashed, its alert freezes.",
            )
            .ask(
                format!(
                    "sum(increase(authprobe_slo_events_total{{{SLO}}}[1h]))\n  / \
                     (sum(increase(authprobe_slo_expected_total{{{SLO}}}[1h])) > 0)"
                ),
                "coverage",
            )
            .ask(format!("max(authprobe_slo_min_coverage_ratio{{{SLO}}})"), "least")
            .limit("least", "dark-red")
            .between(0.0, 1.0),
            Panel::states(
                "Its alerts",
                "When which alert of this objective was pending or fired, whoever evaluates it.",
            )
            .ask(alerts("alertname, severity", &[r#"slo=~"$slo""#]), "{{alertname}} {{severity}}")
            .called(&[("0", "quiet", "transparent"), ("1", "pending", "yellow"), ("2", "firing", "red")])
            .sized(12, 8),
        ],
    )
}
