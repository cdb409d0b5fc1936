//! For those who ask once a week: did login work, how much budget is left, what happened.

use super::model::{Dashboard, Row, row};
use super::on_call::faults;
use super::panels::Panel;
use super::variables::{CHECK, PAGES, PROCESS, WHOLE_PROVIDER, alerts, of_checks};

/// Kinds that log a user in as users do.
pub const LOGINS: &str = r#"kind=~"form_login|browser_login""#;
/// Classes of what is wrong with a token or with the keys that it is checked against.
pub const VALIDATION: &str =
    r#"class=~"jwks_invalid|key_not_found|signature_invalid|algorithm_forbidden|claim_.+|response_issuer""#;
/// Green from three nines on.
const NINES: [(f64, &str); 2] = [(0.99, "yellow"), (0.999, "green")];

/// See the module.
pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "executive.json",
        uid: "authprobe-executive",
        title: "authprobe / Executive",
        description: "Whether people can log in, what is left of what was promised, and what happened.",
        since: "7d",
        variables: of_checks(),
        rows: vec![logins(), promises(), providers(), incidents()],
    }
}

/// The share of good runs. Without any run there is no share: never 100 %.
pub fn success(matchers: &str, window: &str, by: &str) -> String {
    format!(
        "1 - sum{by} (increase(authprobe_run_failures_total{{{matchers}}}[{window}]))\n  / (sum{by} \
         (increase(authprobe_runs_total{{{matchers}}}[{window}])) > 0)"
    )
}

fn logins() -> Row {
    let share = |title, window| {
        Panel::stat(
            title,
            "percentunit",
            "Share of good logins, of all that could be judged: runs of kind form_login and browser_login. What could not \
             be measured is in neither number.",
        )
        .ask(success(&format!("{CHECK}, {LOGINS}"), window, ""), "login success")
        .coloured("red", &NINES)
        .now()
    };
    let validation = format!(
        "1 - ({} or vector(0))\n  / (sum(increase(authprobe_runs_total{{{CHECK}}}[24h])) > 0)",
        faults("", &format!("{CHECK}, {VALIDATION}"), "24h")
    );
    row(
        "Can people log in?",
        vec![
            share("Login success, 24 hours", "24h"),
            share("Login success, 7 days", "7d"),
            share("Login success, 30 days", "30d"),
            Panel::stat(
                "Token validation success, 24 hours",
                "percentunit",
                "Share of runs in which no token, key set or authorization response was wrong: signature, algorithm, \
                 issuer, audience, times, nonce, hashes.",
            )
            .ask(validation, "validated")
            .coloured("red", &NINES)
            .now(),
            Panel::stat(
                "Pages firing",
                "short",
                "Alerts of severity page that fire now, evaluated by authprobe or by Prometheus. None: 0. No data: authprobe is \
                 not scraped.",
            )
            .ask(
                format!("sum({} == bool 2)", alerts("alertname, provider, slo", &[WHOLE_PROVIDER, PAGES])),
                "pages",
            )
            .coloured("green", &[(1.0, "red")]),
            Panel::stat(
                "Could not be measured, 24 hours",
                "percentunit",
                "Share of runs that could not tell: our own browser, egress, budget or credentials. Much of it means that \
                 the other numbers know little.",
            )
            .ask(
                format!(
                    "sum(increase(authprobe_runs_inconclusive_total{{{CHECK}}}[24h]))\n  / \
                     (sum(increase(authprobe_runs_inconclusive_total{{{CHECK}}}[24h])) + \
                     sum(increase(authprobe_runs_total{{{CHECK}}}[24h])) > 0)"
                ),
                "not measured",
            )
            .coloured("green", &[(0.05, "yellow"), (0.2, "red")])
            .now(),
        ],
    )
}

fn promises() -> Row {
    row(
        "What was promised",
        vec![
            Panel::bars(
                "Error budget left",
                "percentunit",
                "Of each objective over its window, maintenance left out: 100 % is all of it, below 0 it is overspent.",
            )
            .ask(format!("sort_desc(max by (slo) (authprobe_slo_error_budget_remaining_ratio{{{PROCESS}}}))"), "{{slo}}")
            .between(0.0, 1.0)
            .coloured("red", &[(0.0, "orange"), (0.25, "yellow"), (0.5, "green")]),
            Panel::graph(
                "Burn rate",
                "short",
                "How many times as fast as allowed each objective burns its budget, over its shortest long window and the \
                 others. 1 is exactly the budget.",
            )
            .ask(format!("max by (slo, long_window) (authprobe_slo_burn_rate{{{PROCESS}}})"), "{{slo}} {{long_window}}")
            .zero_based()
            .sized(16, 8),
        ],
    )
}

fn providers() -> Row {
    row(
        "Providers",
        vec![
            Panel::graph(
                "Availability by region",
                "percentunit",
                "Share of good runs of all probes of a provider, over an hour, as each region sees it.",
            )
            .ask(success(CHECK, "1h", " by (provider, probe_region)"), "{{provider}} from {{probe_region}}"),
            Panel::graph(
                "Token lifetime exposure",
                "s",
                "How long a stolen token stays good: the lifetime that 99 of 100 tokens stay under, as the provider states \
                 it.",
            )
            .ask(
                format!(
                    "histogram_quantile(0.99, sum by (le, provider, token) \
                     (increase(authprobe_token_lifetime_seconds_bucket{{{CHECK}}}[1h])))"
                ),
                "{{provider}} {{token}} token",
            )
            .zero_based(),
        ],
    )
}

fn incidents() -> Row {
    row(
        "Incidents and deployments",
        vec![
            Panel::states(
                "Alerts",
                "When which alert fired, whoever evaluates it. Deployments are the blue lines across every graph: what follows \
                 one closely is worth a question.",
            )
            .ask(alerts("alertname, provider, slo", &[WHOLE_PROVIDER]), "{{alertname}} {{provider}} {{slo}}")
            .called(&[("0", "quiet", "transparent"), ("1", "pending", "yellow"), ("2", "firing", "red")])
            .sized(16, 10),
            Panel::table(
                "Last deployments",
                "dateTimeFromNow",
                "When a deployment was last marked (POST /api/v1/deployments, authprobe gate --deployment), for each \
                 provider that was named; without a provider: any.",
            )
            .ask(
                r#"max by (provider) (authprobe_deployment_timestamp_seconds{job=~"$job", provider=~"$provider|"}) * 1000"#,
                "Deployed",
            )
            .when_empty("no data: none was marked, or nothing is scraped")
            .sized(8, 10),
        ],
    )
}
