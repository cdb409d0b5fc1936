//! For whoever was paged: what fires, what broke, where, whose fault it is; and whether we can be believed.

use super::executive::VALIDATION;
use super::model::{Dashboard, Row, row};
use super::panels::Panel;
use super::variables::{CHECK, PROCESS, PROVIDER, WHOLE_PROVIDER, alerts, of_checks};

/// Over which faults of the last while are counted.
const LATELY: &str = "30m";
/// The steps of all kinds that ask the token endpoint.
pub const AT_TOKEN: &str = "token|refresh|reuse|subject_token|actor_token|pending|authenticate";

/// See the module.
pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "on-call.json",
        uid: "authprobe-on-call",
        title: "authprobe / On call",
        description: "What is firing and why: class, blame, step, region.",
        since: "3h",
        variables: of_checks(),
        rows: vec![firing(), token_endpoint(), keys(), expiry(), prober()],
    }
}

/// A quantile of a histogram, by labels.
pub fn quantile(q: &str, by: &str, buckets: &str, matchers: &str) -> String {
    let by = if by.is_empty() { "le".to_owned() } else { format!("le, {by}") };
    format!("histogram_quantile({q}, sum by ({by}) (rate({buckets}_bucket{{{matchers}}}[$__rate_interval])))")
}

/// Runs with a fault within a window, by labels. The counter of a fault begins with its first occurrence, which increase()
/// would not see.
pub fn faults(by: &str, matchers: &str, window: &str) -> String {
    let counter = format!("authprobe_run_faults_total{{{matchers}}}");
    format!("sum by ({by}) ({counter} - ({counter} offset {window} or 0 * {counter}) >= 0)")
}

fn firing() -> Row {
    row(
        "What is firing, and why",
        vec![
            Panel::table(
                "Firing",
                "short",
                "Alerts that fire now, evaluated by authprobe or by Prometheus. The alert itself says in words what, where and \
                 whose fault; the numbers are beside and below.",
            )
            .ask(
                format!("{} == 2", alerts("alertname, provider, slo, severity", &[WHOLE_PROVIDER])),
                "State",
            )
            .called(&[("2", "firing", "red")])
            .when_empty("no data: nothing fires, or nothing is scraped")
            .sized(10, 8),
            Panel::table(
                "Why: faults of the last 30 minutes",
                "short",
                "What runs failed of: its class, whose fault that is, the step, the probe and the region, most frequent \
                 first.",
            )
            .ask(
                format!("topk(20, {} > 0)", faults("provider, probe, class, blame, step, probe_region", CHECK, LATELY)),
                "Runs",
            )
            .when_empty("no data: no fault, or nothing is measured")
            .sorted_by("Runs")
            .sized(14, 8),
            Panel::states("Last run", "Whether the last judged run of each check was good.")
                .ask(
                    format!("min by (probe, probe_region) (authprobe_probe_success{{{CHECK}}})"),
                    "{{probe}} from {{probe_region}}",
                )
                .called(&[("0", "bad", "red"), ("1", "good", "green")])
                .sized(12, 8),
            Panel::graph(
                "Evidence of an outage",
                "percentunit",
                "What the detector of outages has against a step, as a share of what a page needs. With several regions \
                 each gives at most half.",
            )
            .ask(
                format!(
                    "max by (provider, step, probe_region) (authprobe_detection_evidence_ratio{{{PROVIDER}}})"
                ),
                "{{provider}} {{step}} from {{probe_region}}",
            )
            .between(0.0, 1.0)
            .when_empty("no data: nothing is suspected, or nothing is measured"),
        ],
    )
}

fn token_endpoint() -> Row {
    let step = r#"step="token""#;
    let mut latency = Panel::graph(
        "Token endpoint latency",
        "s",
        "The step `token`, from the request to a validated answer. Points lead to traces.",
    )
    .zero_based()
    .with_exemplars();
    for (q, name) in [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")] {
        let matchers = format!("{CHECK}, {step}");
        latency = latency.ask(quantile(q, "", "authprobe_step_duration_seconds", &matchers), name);
    }
    row(
        "Token endpoint",
        vec![
            Panel::graph(
                "Token endpoint errors",
                "short",
                "Runs that failed in a step at the token endpoint, by class and region: in each step of the graph.",
            )
            .ask(
                faults(
                    "class, probe_region",
                    &format!("{CHECK}, step=~\"{AT_TOKEN}\""),
                    "$__rate_interval",
                ),
                "{{class}} from {{probe_region}}",
            )
            .when_empty("no data: no error, or nothing is measured")
            .zero_based()
            .stacked(),
            latency,
            Panel::graph(
                "Validation failures",
                "short",
                "Runs in which a token, key set or authorization response was wrong, by class and region: in each step of the graph.",
            )
            .ask(
                faults("class, probe_region", &format!("{CHECK}, {VALIDATION}"), "$__rate_interval"),
                "{{class}} from {{probe_region}}",
            )
            .when_empty("no data: no failure, or nothing is measured")
            .zero_based()
            .stacked(),
            Panel::bars("Top failing clients", "short", "Bad runs of the last hour, by client.")
                .ask(
                    format!(
                        "topk(10, sum by (client) (increase(authprobe_run_failures_total{{{CHECK}, client!=\"\"}}[1h])) > 0)"
                    ),
                    "{{client}}",
                )
                .when_empty("no data: none fails, or nothing is measured")
                .coloured("orange", &[])
                .sized(12, 8),
        ],
    )
}

fn keys() -> Row {
    row(
        "Keys and revocation",
        vec![
            Panel::graph(
                "Keys published",
                "short",
                "Usable keys in the provider's key set. 0: nothing can be verified.",
            )
            .ask(
                format!("min by (provider, probe_region) (authprobe_jwks_keys{{{CHECK}}})"),
                "{{provider}} from {{probe_region}}",
            )
            .zero_based()
            .sized(6, 8),
            Panel::stat("Since the last good fetch of keys", "s", "Seconds since a key set was last fetched and read, by region.")
                .ask(
                    format!(
                        "time() - max by (provider, probe_region) (authprobe_jwks_last_success_timestamp_seconds{{{CHECK}}})"
                    ),
                    "{{provider}} from {{probe_region}}",
                )
                .coloured("green", &[(300.0, "yellow"), (900.0, "red")])
                .sized(6, 8),
            Panel::graph(
                "Rotations",
                "short",
                "Changes of the key set, and those of them that broke a promise to clients, over an hour.",
            )
            .ask(
                format!("sum by (provider) (increase(authprobe_jwks_rotations_total{{{CHECK}}}[1h]))"),
                "{{provider}} rotations",
            )
            .ask(
                format!("sum by (provider) (increase(authprobe_jwks_unsafe_rotations_total{{{CHECK}}}[1h]))"),
                "{{provider}} unsafe",
            )
            .zero_based()
            .sized(6, 8),
            Panel::graph(
                "Revocation propagation, p95",
                "s",
                "From the acknowledgement to the last region that still accepted the token. A run in which it never \
                 propagated is in the highest bucket.",
            )
            .ask(
                format!(
                    "histogram_quantile(0.95, sum by (le, provider, probe_region) \
                     (increase(authprobe_revocation_propagation_seconds_bucket{{{CHECK}}}[1h])))"
                ),
                "{{provider}} from {{probe_region}}",
            )
            .when_empty("no data: no probe of kind revocation, or nothing is measured")
            .zero_based()
            .sized(6, 8),
        ],
    )
}

fn expiry() -> Row {
    row(
        "What runs out, what was changed",
        vec![
            Panel::table(
                "Certificates",
                "s",
                "Time until the certificate of each endpoint expires, soonest first.",
            )
            .ask(
                format!(
                    "min by (provider, endpoint) (authprobe_tls_certificate_not_after_timestamp_seconds{{{PROVIDER}}}) \
                     - time()"
                ),
                "Expires in",
            )
            .when_empty("no data: no https, or nothing is scraped")
            .sorted_from_least("Expires in")
            .sized(8, 8),
            Panel::table(
                "Credentials refused",
                "short",
                "Probes whose account or client was refused when last tried: they measure nothing until somebody acts.",
            )
            .ask(format!("authprobe_probe_credentials_refused{{{CHECK}}} == 1"), "Refused")
            .when_empty("no data: none, or nothing is scraped")
            .without(&["kind"])
            .sized(8, 8),
            Panel::table(
                "Last deployments",
                "dateTimeFromNow",
                "When a deployment was last marked, for each provider that was named; without a provider: any.",
            )
            .ask(
                r#"max by (provider) (authprobe_deployment_timestamp_seconds{job=~"$job", provider=~"$provider|"}) * 1000"#,
                "Deployed",
            )
            .when_empty("no data: none was marked, or nothing is scraped")
            .sized(8, 8),
        ],
    )
}

fn prober() -> Row {
    let health = [
        (
            "Scraped",
            "min(up{job=~\"$job\"} and on (job, instance) last_over_time(authprobe_build_info{job=~\"$job\"}[24h]))",
            [("0", "down", "red"), ("1", "up", "green")],
        ),
        (
            "Configuration",
            "min(authprobe_config_last_reload_successful{job=~\"$job\"})",
            [("0", "last reload failed", "red"), ("1", "loaded", "green")],
        ),
        ("Ledger", "max(authprobe_ledger_failing{job=~\"$job\"})", [("0", "kept", "green"), ("1", "failing", "red")]),
        ("Schedule", "max(authprobe_paused{job=~\"$job\"})", [("0", "running", "green"), ("1", "paused", "orange")]),
    ];
    let mut panels: Vec<Panel> = health
        .into_iter()
        .map(|(title, expr, names)| {
            Panel::stat(title, "short", "Whether authprobe itself is well: what it says counts only then.")
                .ask(expr, title)
                .called(&names)
                .sized(3, 4)
        })
        .collect();
    panels.push(
        Panel::graph(
            "Runs not made, not told",
            "short",
            "Runs a minute that were missed, and records that were dropped.",
        )
        .ask(
            format!("60 * sum by (reason) (rate(authprobe_runs_missed_total{{{CHECK}}}[$__rate_interval]))"),
            "missed: {{reason}}",
        )
        .ask(
            format!("60 * sum by (sink) (rate(authprobe_sink_dropped_total{{{PROCESS}}}[$__rate_interval]))"),
            "dropped: {{sink}}",
        )
        .zero_based()
        .sized(12, 8),
    );
    row("Can we be believed?", panels)
}
