//! What a reader selects, the matchers that follow from it, and alerts by them.

use serde_json::{Value, json};

use crate::alert::PROMETHEUS;

/// Series of a check.
pub const CHECK: &str = r#"job=~"$job", provider=~"$provider", probe=~"$probe", probe_region=~"$region""#;
/// Series of a provider in a region.
pub const PROVIDER: &str = r#"job=~"$job", provider=~"$provider", probe_region=~"$region""#;
/// Alerts of a provider, or of several at once: those have none.
pub const WHOLE_PROVIDER: &str = r#"provider=~"$provider|""#;
/// Alerts that wake somebody.
pub const PAGES: &str = r#"severity="page""#;
/// Series of the process.
pub const PROCESS: &str = r#"job=~"$job""#;
/// Series of the selected objective.
pub const SLO: &str = r#"job=~"$job", slo=~"$slo""#;

/// The states of alerts by labels, 0 to 2, whoever evaluates them: authprobe (outages only, where `alerting.evaluate` is false)
/// or Prometheus by our rules. What both evaluate is one alert. `whose`: matchers of labels that both have.
pub fn alerts(by: &str, whose: &[&str]) -> String {
    let own = [&[PROCESS][..], whose].concat().join(", ");
    let evaluator = format!(r#"evaluator="{PROMETHEUS}""#);
    // Only what says that authprobe itself is gone has a job.
    let rules = [&[r#"alertname=~"Auth.+""#, &*evaluator, r#"job=~"$job|""#][..], whose].concat().join(", ");
    format!(
        "max by ({by}) (\n  authprobe_alert_state{{{own}}}\n  or 2 * ALERTS{{{rules}, alertstate=\"firing\"}}\n  or \
         ALERTS{{{rules}, alertstate=\"pending\"}}\n)"
    )
}

/// The data source that every panel asks.
pub fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// Which Prometheus.
pub fn datasource() -> Value {
    json!({
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes authprobe",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "refresh": 1,
        "includeAll": false,
        "multi": false,
        "options": [],
    })
}

/// The jobs, providers, probes and regions of what was measured.
pub fn of_checks() -> Vec<Value> {
    vec![job(), provider(), probe(), region()]
}

/// Under which job authprobe is scraped.
pub fn job() -> Value {
    query("job", "Job", "label_values(authprobe_build_info, job)", true)
}

/// Whom it asks.
pub fn provider() -> Value {
    query("provider", "Provider", r#"label_values(authprobe_runs_total{job=~"$job"}, provider)"#, true)
}

fn probe() -> Value {
    query("probe", "Probe", r#"label_values(authprobe_runs_total{job=~"$job", provider=~"$provider"}, probe)"#, true)
}

fn region() -> Value {
    let query_text = r#"label_values(authprobe_runs_total{job=~"$job", provider=~"$provider"}, probe_region)"#;
    query("region", "Region", query_text, true)
}

/// One objective.
pub fn slo() -> Value {
    query("slo", "SLO", r#"label_values(authprobe_slo_info{job=~"$job"}, slo)"#, false)
}

fn query(name: &str, label: &str, text: &str, several: bool) -> Value {
    let mut variable = json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": data_source(),
        // What Grafana's editor of variables writes.
        "query": { "query": text, "refId": format!("Variable-{name}") },
        "regex": "",
        "hide": 0,
        // With the time range, so that what is new appears.
        "refresh": 2,
        "sort": 1,
        "includeAll": several,
        "multi": several,
        "options": [],
    });
    if several {
        // `.+` also where a name has characters that Grafana would escape.
        variable["allValue"] = json!(".+");
        variable["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
    }
    variable
}
