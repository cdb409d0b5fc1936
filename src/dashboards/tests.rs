//! The rules of Grafana's dashboard-linter, as far as they can be said of our dashboards, and what else must hold. Whether the
//! expressions find anything is seen in tests/real/dashboards, against Prometheus.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::on_call::AT_TOKEN;
use super::{File, files};
use crate::plan;
use crate::probe::{self, ParseContext, Probe};
use crate::sink::metrics::table::TABLE;

const CONFIG: &str = r#"
[[region]]
name = "eu"
[[region]]
name = "us"
[[provider]]
name = "main"
issuer = "https://login.example.com"
[[probe]]
name = "keys"
kind = "jwks"
provider = "main"
every = "30s"
[[slo]]
name = "keys"
probes = ["keys"]
sli = "availability"
objective = "99.9%"
window = "30d"
[[slo]]
name = "keys-month"
probes = ["keys"]
sli = "availability"
objective = "99%"
window = "month"
timezone = "Europe/Zurich"
tiers = [{ budget = "10%", within = "5h", severity = "page" }]
"#;

fn made() -> Vec<(File, Value)> {
    let plan = plan::from_str("test", CONFIG, Path::new(".")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let parsed = |file: File| {
        let value = serde_json::from_str(&file.text).unwrap();
        (file, value)
    };
    files(&plan).into_iter().map(parsed).collect()
}

/// Every panel that is no row: of which dashboard, and itself.
fn panels() -> Vec<(&'static str, Value)> {
    let of = |(file, value): (File, Value)| {
        let own = value["panels"].as_array().cloned().unwrap_or_default();
        own.into_iter().filter(|panel| panel["type"] != "row").map(move |panel| (file.name, panel))
    };
    made().into_iter().flat_map(of).collect()
}

fn expressions() -> Vec<(String, String)> {
    let of = |(name, panel): (&'static str, Value)| {
        let title = format!("{name}: {}", panel["title"].as_str().unwrap_or_default());
        let asked = panel["targets"].as_array().cloned().unwrap_or_default();
        asked.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap_or_default().to_owned()))
    };
    panels().into_iter().flat_map(of).collect()
}

#[test]
fn the_same_plan_gives_the_same_bytes_and_names_never_change() {
    let (one, other) = (made(), made());
    assert!(one.iter().zip(&other).all(|(a, b)| a.0 == b.0));
    let names: Vec<_> = one.iter().map(|(file, _)| (file.name, file.uid)).collect();
    assert_eq!(
        names,
        [
            ("executive.json", "authprobe-executive"),
            ("on-call.json", "authprobe-on-call"),
            ("debug.json", "authprobe-debug"),
            ("slo.json", "authprobe-slo")
        ]
    );
}

#[test]
fn no_dashboard_is_editable_and_each_links_to_the_others_with_selection_and_time() {
    for (file, value) in made() {
        assert_eq!(value["editable"], false, "{}", file.name);
        assert_eq!(value["uid"], file.uid);
        let link = &value["links"][0];
        assert_eq!(
            (&link["includeVars"], &link["keepTime"], &link["type"]),
            (&Value::Bool(true), &Value::Bool(true), &Value::String("dashboards".into()))
        );
        assert_eq!(link["tags"], value["tags"], "they find each other by this");
    }
}

/// template-datasource-rule, template-job-rule, template-label-promql-rule, template-on-time-change-reload-rule.
#[test]
fn the_data_source_and_the_selection_are_variables() {
    for (file, value) in made() {
        let variables = value["templating"]["list"].as_array().unwrap();
        assert_eq!(
            (&variables[0]["name"], &variables[0]["type"], &variables[0]["query"], &variables[0]["label"]),
            (&"datasource".into(), &"datasource".into(), &"prometheus".into(), &"Data source".into()),
            "{}",
            file.name
        );
        let job = variables.iter().find(|variable| variable["name"] == "job").expect("job");
        assert_eq!(
            (&job["label"], &job["multi"], &job["includeAll"], &job["allValue"]),
            (&"Job".into(), &true.into(), &true.into(), &".+".into())
        );
        for query in &variables[1..] {
            assert_eq!((&query["refresh"], &query["datasource"]["uid"]), (&2.into(), &"${datasource}".into()));
            assert!(query["query"]["query"].as_str().unwrap().starts_with("label_values(authprobe_"), "{query}");
        }
        let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
        let wanted: &[&str] = match file.name {
            "slo.json" => &["datasource", "job", "slo"],
            _ => &["datasource", "job", "provider", "probe", "region"],
        };
        assert_eq!(names, wanted, "{}", file.name);
    }
}

/// panel-datasource-rule, panel-title-description-rule, panel-units-rule, panel-no-targets-rule.
#[test]
fn every_panel_has_a_source_a_title_a_description_a_unit_and_a_question() {
    let all = panels();
    assert!(all.len() > 50, "{}", all.len());
    for (name, panel) in all {
        let at = format!("{name}: {panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{at}");
        assert!(panel["title"].as_str().is_some_and(|title| title.len() > 3), "{at}");
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20 && text.ends_with('.')), "{at}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].as_str().is_some_and(|unit| !unit.is_empty()), "{at}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{at}");
        let letters: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(letters.len(), targets.len(), "{at}");
    }
}

/// target-job-rule, target-counter-agg-rule, target-rate-interval-rule. Exceptions (see docs/dashboards.md): target-instance-rule
/// and template-instance-rule, since what authprobe measures belongs to a region and not to a process; fixed windows where
/// the window is the question (`24h`, `1h`, `30m`).
#[test]
fn every_expression_selects_its_job_and_takes_counters_as_rates() {
    let all = expressions();
    for (at, expr) in &all {
        assert_eq!(
            expr.matches("authprobe_").count() + expr.matches("up{").count(),
            expr.matches("job=~\"$job\"").count(),
            "{at}: {expr}"
        );
        // Counters of faults begin with the first occurrence: a difference sees it, a rate does not.
        let counters = TABLE.iter().filter(|d| d.name.ends_with("_total") && d.name != "authprobe_run_faults_total");
        for definition in counters {
            for (found, _) in expr.match_indices(definition.name) {
                let before = &expr[..found];
                assert!(before.ends_with("rate(") || before.ends_with("increase("), "{at}: {expr}");
            }
        }
        for rate in expr.split("rate(").skip(1) {
            assert!(rate.contains("[$__rate_interval]"), "{at}: {expr}");
        }
        for window in expr.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
            assert!(["$__rate_interval", "30m", "1h", "24h", "7d", "30d"].contains(&window), "{at}: {expr}");
        }
    }
}

#[test]
fn only_metrics_that_exist_are_asked_for_and_all_that_matter_are() {
    let suffixes = |name: &str| ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"));
    let known: BTreeSet<String> =
        TABLE.iter().flat_map(|d| suffixes(d.name).into_iter().chain([d.name.to_owned()])).collect();
    let mut asked = BTreeSet::new();
    for (at, expr) in expressions() {
        for (found, _) in expr.match_indices("authprobe_") {
            let name: String = expr[found..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(known.contains(&name), "{at}: {name}");
            asked.insert(name);
        }
    }
    let plain = |name: &str| asked.iter().any(|asked| asked == name || suffixes(name).contains(asked));
    let unused: Vec<_> = TABLE.iter().map(|d| d.name).filter(|name| !plain(name)).collect();
    assert_eq!(
        unused,
        [
            // How old a last run is says the alert; how often browsers start and how large the ledger is, docs/metrics.md.
            "authprobe_probe_last_run_timestamp_seconds",
            "authprobe_browser_starts_total",
            // How sure an alert is before it fires: for `authprobe gate`.
            "authprobe_slo_alpha_ratio",
            "authprobe_detection_cases",
            "authprobe_ledger_size_bytes",
            "authprobe_config_last_reload_success_timestamp_seconds",
        ]
    );
}

/// With `alerting.evaluate = false` our own states are those of outages only.
#[test]
fn alerts_that_prometheus_evaluates_are_shown_beside_our_own_and_counted_once() {
    let asks = |expr: &str| expr.contains("authprobe_alert_state");
    let both = |at: &str, expr: &str| {
        let rules = r#"ALERTS{alertname=~"Auth.+", evaluator="prometheus", job=~"$job|""#;
        assert!(expr.matches(rules).count() == 2 && expr.contains("max by (alertname, "), "{at}: {expr}");
        for state in [r#"alertstate="firing"}"#, r#"alertstate="pending"}"#] {
            assert!(expr.contains(state), "{at}: {expr}");
        }
        // What selects our own selects theirs.
        for matcher in [r#"provider=~"$provider|""#, r#"severity="page""#, r#"slo=~"$slo""#] {
            assert!([0, 3].contains(&expr.matches(matcher).count()), "{at}: {expr}");
        }
    };
    let all = expressions();
    let found: Vec<_> = all.iter().filter(|(_, expr)| asks(expr)).collect();
    for (at, expr) in &found {
        both(at, expr);
    }
    let names: Vec<&str> = found.iter().map(|(at, _)| &**at).collect();
    assert_eq!(
        names,
        ["executive.json: Pages firing", "executive.json: Alerts", "on-call.json: Firing", "slo.json: Its alerts"]
    );
    for (file, value) in made() {
        let list = value["annotations"]["list"].as_array().unwrap();
        let expr = list.iter().filter_map(|one| one["target"]["expr"].as_str()).find(|expr| asks(expr));
        both(file.name, expr.expect("pages"));
    }
}

#[test]
fn steps_at_the_token_endpoint_are_called_as_kinds_call_them() {
    let steps = |(kind, own): (&str, &str)| {
        let cx = ParseContext { regions: 1, base: ".".into(), client: true };
        let parsed = (probe::kind(kind).unwrap().parse)(toml::from_str(own).unwrap(), &cx);
        Probe::steps(&*parsed.unwrap_or_else(|problems| panic!("{kind}: {problems:?}")))
    };
    let kinds = [
        ("refresh", r#"rotation = "required""#),
        ("token_exchange", r#"actor = { grant = "client_credentials" }"#),
        ("device", ""),
        ("registration", ""),
    ];
    let known: BTreeSet<&str> = kinds.into_iter().flat_map(steps).collect();
    for step in AT_TOKEN.split('|') {
        assert!(known.contains(step), "{step}: {known:?}");
    }
}

/// Nothing fires, or nothing is scraped: a panel without data cannot tell.
#[test]
fn no_data_is_no_good_news() {
    for (name, panel) in panels() {
        let text = panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap();
        assert!(text == "no data" || text.starts_with("no data: "), "{name}: {}: {text}", panel["title"]);
    }
}

#[test]
fn what_runs_out_first_stands_first() {
    let (_, panel) = panels().into_iter().find(|(_, panel)| panel["title"] == "Certificates").unwrap();
    assert_eq!(panel["options"]["sortBy"][0], serde_json::json!({ "displayName": "Expires in", "desc": false }));
}

#[test]
fn panels_fill_the_grid_without_covering_each_other() {
    for (file, value) in made() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in value["panels"].as_array().unwrap() {
            let number = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            let (x, y, w, h) = (number("x"), number("y"), number("w"), number("h"));
            assert!(x + w <= 24 && h > 0, "{}: {panel}", file.name);
            assert!(ids.insert(panel["id"].as_u64().unwrap()));
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{}: {} covers another at {cell:?}", file.name, panel["title"]);
            }
        }
    }
}

#[test]
fn thresholds_and_windows_are_those_of_the_objectives() {
    let of = |title: &str| -> Vec<String> {
        let wanted = format!("slo.json: {title}");
        expressions().into_iter().filter(|(at, _)| *at == wanted).map(|(_, expr)| expr).collect()
    };
    let burn = of("Burn rate by window, with thresholds");
    let line = |factor: &str, slos: &str| {
        format!(r#"{factor} * max(authprobe_slo_info{{job=~"$job", slo=~"$slo", slo=~"{slos}"}})"#)
    };
    assert!(burn.contains(&line("14.4", "keys")), "{burn:?}");
    // A tenth of 30 days' budget within 5 hours: 0.1 × 720 h ÷ 5 h.
    assert!(burn.contains(&line("14.4", "keys-month")), "{burn:?}");
    let [exhaustion] = &of("Time to exhaustion")[..] else { panic!() };
    assert!(exhaustion.contains(&line("2592000", "keys|keys-month")), "{exhaustion}");
}

#[test]
fn without_objectives_there_is_still_a_dashboard_for_them() {
    let without = CONFIG.split("[[slo]]").next().unwrap();
    let plan = plan::from_str("test", without, Path::new(".")).unwrap();
    let slo = files(&plan).pop().unwrap();
    assert!(slo.text.contains("vector(NaN)") && serde_json::from_str::<Value>(&slo.text).is_ok());
}
