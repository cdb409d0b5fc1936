//! A real Prometheus scrapes the daemon; what it stored is asked back through its API.

use std::collections::BTreeSet;

use crate::support::authprobe::Run;
use crate::support::eventually;
use crate::support::idp::Idp;
use crate::support::prometheus::Prometheus;
use crate::support::scene::{EVERY_KIND, Scene};

#[test]
fn prometheus_stores_every_kind_and_the_exemplars() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let daemon = scene.daemon(EVERY_KIND);
    let prometheus = Prometheus::scraping(&scene.listen);

    for probe in ["discovery", "keys", "machine", "login", "refresh", "revocation", "exchange"] {
        let result = prometheus.eventually(&format!("authprobe_runs_total{{probe=\"{probe}\"}} > 1"));
        let labels = result[0].0.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>();
        let contract = ["__name__", "client", "instance", "job", "kind", "probe", "probe_region", "provider"];
        // Prometheus leaves out labels without a value: kinds without a client have none.
        assert!(labels.is_subset(&BTreeSet::from(contract)), "{labels:?}");
        assert!(labels.is_superset(&BTreeSet::from(["kind", "probe", "probe_region", "provider"])), "{labels:?}");
    }
    let total = |expression: &str| prometheus.query(expression).iter().map(|(_, value)| value).sum::<f64>();
    assert_eq!(total("count(authprobe_run_failures_total)"), 7.0, "at zero before the first");
    assert_eq!(total("sum(authprobe_run_failures_total)"), 0.0, "{:?}", daemon.runs("revocation").first());
    assert_eq!(total("sum(authprobe_runs_inconclusive_total)"), 0.0);
    assert_eq!(total("sum(authprobe_probe_success)"), 7.0);
    assert_eq!(total("authprobe_config_last_reload_successful"), 1.0);
    assert_eq!(total("count(authprobe_build_info)"), 1.0);

    let login = prometheus
        .eventually("histogram_quantile(0.9, sum by (le) (authprobe_run_duration_seconds_bucket{probe=\"login\"}))")[0]
        .1;
    assert!(login > 0.0 && login < 10.0, "{login} s for a login");
    for phase in ["connect", "processing", "transfer"] {
        prometheus.eventually(&format!(
            "authprobe_http_phase_duration_seconds_count{{phase=\"{phase}\",endpoint=\"token\"}}"
        ));
    }
    prometheus.eventually("authprobe_step_duration_seconds_count{probe=\"login\",step=\"token\"}");
    prometheus.eventually("authprobe_token_lifetime_seconds_count{token=\"id\"}");
    prometheus.eventually("authprobe_jwks_keys == 1");
    prometheus.eventually("authprobe_revocation_propagation_seconds_count");
    prometheus.eventually("authprobe_schedule_lateness_seconds_count");
    let age = total("time() - max(authprobe_probe_last_run_timestamp_seconds)");
    assert!(age.abs() < 30.0, "{age} s since the last run");

    let exemplar = eventually("an exemplar", || {
        let range = "start=0&end=99999999999";
        let data = prometheus.api(&format!("query_exemplars?query=authprobe_run_duration_seconds_bucket&{range}"));
        Some(data.pointer("/0/exemplars/0/labels/trace_id")?.as_str()?.to_owned())
    });
    let run = Run(daemon.get(&format!("/api/v1/runs/{exemplar}")).json());
    assert_eq!(run.trace(), exemplar, "the exemplar leads to its run");
    assert!(!prometheus.output().contains("level=warn component=\"scrape manager\""), "{}", prometheus.output());
}

#[test]
fn promtool_finds_nothing_to_mend() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let daemon = scene.daemon(EVERY_KIND);
    daemon.until("authprobe_runs_total", &["probe=\"login\""], |runs| runs >= 1.0);
    let file = scene.folder.write("metrics", &daemon.metrics());
    let mut promtool = std::process::Command::new("promtool");
    let output = promtool.args(["check", "metrics"]).stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
