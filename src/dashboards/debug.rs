//! For whoever looks for the cause: where the time goes, from where, in which step and phase, and everything else measured.

use super::model::{Dashboard, Row, row};
use super::on_call::quantile;
use super::panels::Panel;
use super::variables::{CHECK, PROCESS, PROVIDER, of_checks};

/// See the module.
pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "debug.json",
        uid: "authprobe-debug",
        title: "authprobe / Debug",
        description: "Where the time goes, and everything else that is measured.",
        since: "6h",
        variables: of_checks(),
        rows: vec![time(), distribution(), activity(), security(), machinery()],
    }
}

/// The mean of a histogram, by labels.
fn mean(by: &str, histogram: &str, matchers: &str) -> String {
    let rate = |part: &str| format!("sum by ({by}) (rate({histogram}_{part}{{{matchers}}}[$__rate_interval]))");
    format!("{}\n  / ({} > 0)", rate("sum"), rate("count"))
}

fn time() -> Row {
    row(
        "Where the time goes",
        vec![
            Panel::graph("Steps", "s", "The mean of each step, on each other: as long as the mean run.")
                .ask(
                    mean("probe, step, probe_region", "authprobe_step_duration_seconds", CHECK),
                    "{{probe}} {{step}} from {{probe_region}}",
                )
                .zero_based()
                .stacked()
                .sized(12, 10),
            Panel::graph(
                "HTTP phases",
                "s",
                "The mean of each phase of the requests to each endpoint: name resolution, TCP, TLS, waiting for the \
                 answer, reading it.",
            )
            .ask(
                mean("endpoint, phase, probe_region", "authprobe_http_phase_duration_seconds", PROVIDER),
                "{{endpoint}} {{phase}} from {{probe_region}}",
            )
            .zero_based()
            .sized(12, 10),
            Panel::graph("Runs, p50 and p95", "s", "From begin to verdict. Points lead to traces.")
                .ask(quantile("0.5", "probe", "authprobe_run_duration_seconds", CHECK), "{{probe}} p50")
                .ask(quantile("0.95", "probe", "authprobe_run_duration_seconds", CHECK), "{{probe}} p95")
                .zero_based()
                .with_exemplars(),
            Panel::graph(
                "Login pages, p75",
                "s",
                "What people wait for on the pages of a browser login: first byte, document, load, largest paint.",
            )
            .ask(quantile("0.75", "phase", "authprobe_browser_page_duration_seconds", CHECK), "{{phase}}")
            .when_empty("no data: no probe of kind browser_login, or nothing is measured")
            .zero_based(),
        ],
    )
}

fn distribution() -> Row {
    row(
        "How it is distributed",
        vec![
            Panel::heatmap("Durations of runs", "s", "How many runs took how long.").ask(
                format!("sum by (le) (increase(authprobe_run_duration_seconds_bucket{{{CHECK}}}[$__rate_interval]))"),
                "{{le}}",
            ),
            Panel::heatmap("Durations at the token endpoint", "s", "How many requests waited how long for an answer.")
                .ask(
                    format!(
                        "sum by (le) (increase(authprobe_http_phase_duration_seconds_bucket{{{PROVIDER}, \
                     endpoint=\"token\", phase=\"processing\"}}[$__rate_interval]))"
                    ),
                    "{{le}}",
                ),
        ],
    )
}

fn activity() -> Row {
    let runs = |title, description, kinds: &str| {
        let ask = |counter: &str| {
            format!("60 * sum by (probe) (rate({counter}{{{CHECK}, kind=~\"{kinds}\"}}[$__rate_interval]))")
        };
        Panel::graph(title, "short", description)
            .ask(ask("authprobe_runs_total"), "{{probe}}")
            .ask(ask("authprobe_run_failures_total"), "{{probe}} bad")
            .zero_based()
            .sized(8, 8)
    };
    row(
        "Activity",
        vec![
            runs(
                "Refresh and revocation",
                "Judged runs a minute of kinds refresh, revocation, introspection and logout.",
                "refresh|revocation|introspection|logout",
            )
            .when_empty("no data: no such probe, or nothing is measured"),
            runs(
                "Registration and devices",
                "Judged runs a minute of kinds registration and device.",
                "registration|device",
            )
            .when_empty("no data: no such probe, or nothing is measured"),
            Panel::graph("Clock skew", "s", "The provider's clock minus ours, corrected by half the round trip.")
                .ask(
                    format!("max by (provider, probe_region) (authprobe_clock_skew_seconds{{{CHECK}}})"),
                    "{{provider}} from {{probe_region}}",
                )
                .sized(8, 8),
            Panel::graph(
                "Back-channel logout, p95",
                "s",
                "From the request that ended the session to a valid logout token.",
            )
            .ask(
                format!(
                    "histogram_quantile(0.95, sum by (le, provider) \
                     (increase(authprobe_backchannel_logout_seconds_bucket{{{CHECK}}}[1h])))"
                ),
                "{{provider}}",
            )
            .when_empty("no data: no probe of kind logout, or nothing is measured")
            .zero_based()
            .sized(12, 8),
            Panel::states("Regions disagree", "Whether a region is given another document than most.")
                .ask(
                    format!("max by (provider, probe_region, document) (authprobe_regions_disagree{{{PROVIDER}}})"),
                    "{{provider}} {{document}} from {{probe_region}}",
                )
                .called(&[("0", "agree", "green"), ("1", "disagree", "red")])
                .when_empty("no data: not compared, or nothing is scraped")
                .sized(12, 8),
        ],
    )
}

fn security() -> Row {
    row(
        "Hardening",
        vec![
            Panel::table(
                "Attacks accepted, 24 hours",
                "short",
                "Runs of kind hardening in which an attack that must be refused was accepted, by attack.",
            )
            .ask(
                format!(
                    "sum by (provider, client, attack) (increase(authprobe_attacks_accepted_total{{{CHECK}}}[24h])) > 0"
                ),
                "Runs",
            )
            .when_empty("no data: none was accepted, or none was tried")
            .sorted_by("Runs"),
            Panel::graph("Attacks accepted", "short", "The same over time: runs an hour.")
                .ask(
                    format!(
                        "sum by (provider, attack) (increase(authprobe_attacks_accepted_total{{{CHECK}}}[1h])) > 0"
                    ),
                    "{{provider}} {{attack}}",
                )
                .when_empty("no data: none was accepted, or none was tried")
                .zero_based(),
        ],
    )
}

fn machinery() -> Row {
    row(
        "authprobe itself",
        vec![
            Panel::graph("Schedule lateness", "s", "How long after it was due a run began.")
                .ask(quantile("0.5", "", "authprobe_schedule_lateness_seconds", PROCESS), "p50")
                .ask(quantile("0.99", "", "authprobe_schedule_lateness_seconds", PROCESS), "p99")
                .zero_based()
                .sized(8, 8),
            Panel::graph("Dropped", "short", "Records a minute that a sink did not take in time, by sink.")
                .ask(
                    format!("60 * sum by (sink) (rate(authprobe_sink_dropped_total{{{PROCESS}}}[$__rate_interval]))"),
                    "{{sink}}",
                )
                .zero_based()
                .sized(8, 8),
            Panel::graph("Notifications", "short", "Messages a minute to each receiver, and what became of them.")
                .ask(
                    format!(
                        "60 * sum by (receiver, outcome) (rate(authprobe_notifications_total{{{PROCESS}}}[$__rate_interval]))"
                    ),
                    "{{receiver}} {{outcome}}",
                )
                .when_empty("no data: no receiver, or nothing is scraped")
                .zero_based()
                .sized(8, 8),
            Panel::graph("Browsers", "short", "Browsers that run on this machine.")
                .ask(format!("sum by (instance) (authprobe_browser_sessions{{{PROCESS}}})"), "{{instance}}")
                .zero_based()
                .sized(8, 8),
            Panel::graph("Memory of browsers", "bytes", "What they hold together.")
                .ask(format!("sum by (instance) (authprobe_browser_memory_bytes{{{PROCESS}}})"), "{{instance}}")
                .zero_based()
                .sized(8, 8),
            Panel::graph("Confirmation runs", "short", "Runs a minute that the detector of outages asked for.")
                .ask(
                    format!(
                        "60 * sum by (probe) (rate(authprobe_confirmation_runs_total{{{CHECK}}}[$__rate_interval]))"
                    ),
                    "{{probe}}",
                )
                .zero_based()
                .sized(8, 8),
        ],
    )
}
