use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::State;
use authprobe::slo::{Aggregate, Objective, Severity, Sli, Tally, Triggers, Window};
use serde_json::{Value, json};

use crate::web_support::standing::{alert, blank, burning, counts, healthy, objective, reading, written};
use crate::web_support::{Engine, Ledger, NOW, Web};

/// What the API says of these objectives and evaluations.
async fn told(objectives: Vec<Arc<Objective>>, evaluations: Vec<authprobe::slo::Evaluation>) -> Vec<Value> {
    let engine = Engine { objectives, evaluations: Arc::new(evaluations), ..Engine::default() };
    let web = Web::start(engine).await;
    web.get("/api/v1/slos").await.json()["slos"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_objective_is_told_whole() {
    let objective = Arc::new(objective("login-availability"));
    let slo = &told(vec![objective.clone()], vec![burning(&objective)]).await[0];
    let text = |key: &str| slo[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        ["name", "state", "provider", "sli"].map(text),
        ["login-availability", "burning", "main", "availability"]
    );
    assert_eq!(["objective", "window", "aggregate"].map(text), ["99.95%", "30d", "reachability"]);
    assert_eq!((&slo["objective_ratio"], &slo["min_coverage"]), (&json!(0.9995), &json!(0.8)));
    assert_eq!((&slo["probes"], &slo["labels"]), (&json!(["login"]), &json!({ "team": "identity" })));
    assert_eq!((&slo["coverage"], &slo["quorum"], &slo["timezone"]), (&json!(0.97), &Value::Null, &Value::Null));
    assert_eq!(slo["failing_since"], written(NOW - Duration::from_secs(1200)));
    let raw = json!({ "good": 85_000, "bad": 70, "inconclusive": 0, "expected": 87_700, "remaining": -0.6457,
                      "events_left": -27 });
    // 86 400 events are expected and allow 43 bad ones, 40 were.
    let adjusted = json!({ "good": 84_970, "bad": 40, "inconclusive": 0, "expected": 87_640, "remaining": 0.0589,
                           "events_left": 3 });
    let since = written(NOW - Duration::from_secs(30 * 86_400));
    assert_eq!(slo["budget"], json!({ "since": since, "expected_whole": 86_400, "raw": raw, "adjusted": adjusted }));
    let window = |seconds: u64, burn: f64| json!({ "seconds": seconds, "burn": burn, "counts": counts(100, 2) });
    let first = json!({ "name": "1h", "severity": "page", "factor": 14.4, "long": window(3600, 333.3),
                        "short": window(300, 666.7), "guarded": 333.3 / 2.0, "burns": true });
    assert_eq!((slo["tiers"].as_array().unwrap().len(), &slo["tiers"][0]), (2, &first));
    assert_eq!((&slo["tiers"][1]["severity"], &slo["tiers"][1]["burns"]), (&json!("ticket"), &json!(false)));
    let us = json!({ "region": "us", "good": 40, "bad": 20, "inconclusive": 0, "expected": 60,
                     "error_ratio": 20.0 / 60.0 });
    assert_eq!(slo["regions"][1], us);
}

#[tokio::test]
async fn counts_since_a_time_are_told_where_they_are_asked_for() {
    let slo = Arc::new(objective("login-availability"));
    let tally = Tally { raw: counts(20, 3), excluded: counts(2, 1) };
    let counted = vec![(NOW - Duration::from_secs(600), slo.name.clone(), tally)];
    let engine =
        Engine { objectives: vec![slo.clone()], evaluations: Arc::new(vec![healthy(&slo)]), counted, ..<_>::default() };
    let web = Web::start(engine).await;
    let whole = web.get("/api/v1/slos").await.json();
    assert_eq!((&whole["now"], &whole["paused"]), (&written(NOW), &json!(false)));
    assert_eq!((&whole["slos"][0]["since"], &whole["slos"][0]["alpha"]), (&Value::Null, &json!(0.05)));
    let since = web.get("/api/v1/slos?since=2023-11-14T23:00:45Z").await.json()["slos"][0]["since"].clone();
    let expected = json!({ "from": "2023-11-14T23:00:00.000Z", "raw": counts(20, 3), "adjusted": counts(18, 2) });
    assert_eq!(since, expected);
    for (query, status) in [("since=yesterday", 400), ("since=2023-11-14T23:20:00Z", 400), ("sinc=x", 400)] {
        assert_eq!(web.get(&format!("/api/v1/slos?{query}")).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_null() {
    let known = Arc::new(objective("nothing-judged"));
    let planned = Arc::new(Objective { provider: "".into(), ..objective("not-evaluated") });
    let slos = told(vec![known.clone(), planned], vec![blank(&known)]).await;
    for slo in &slos {
        let name = &slo["name"];
        assert_eq!(
            (&slo["state"], &slo["coverage"], &slo["failing_since"]),
            (&json!("unknown"), &Value::Null, &Value::Null)
        );
        for tier in slo["tiers"].as_array().unwrap() {
            let unknown = [&tier["long"]["burn"], &tier["short"]["burn"], &tier["guarded"], &tier["burns"]];
            assert_eq!(unknown, [&Value::Null; 4], "{name}: 0 would be a lie");
        }
    }
    for budget in [&slos[0]["budget"]["raw"], &slos[0]["budget"]["adjusted"]] {
        assert_eq!(
            (&budget["remaining"], &budget["events_left"], &budget["good"]),
            (&Value::Null, &Value::Null, &json!(0))
        );
    }
    assert_eq!(slos[0]["regions"][0]["error_ratio"], Value::Null);
    assert_eq!((&slos[1]["budget"], &slos[1]["at"], &slos[1]["provider"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&slos[1]["regions"], &slos[1]["tiers"][0]["long"]["counts"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn the_state_is_one_word() {
    let names = ["fine", "burns", "spent", "spent-and-burns", "now-unknown", "long-ago-unknown", "no-tier"];
    let mut objectives: Vec<_> = names.iter().map(|name| objective(name)).collect();
    objectives[6].triggers = Triggers::Burn(vec![]);
    let objectives: Vec<_> = objectives.into_iter().map(Arc::new).collect();
    let mut known: Vec<_> = objectives.iter().map(healthy).collect();
    known[1].tiers[1] = reading(Some(2.0), Some(2.0), Some(true));
    known[2].budget.remaining = Some(0.0);
    (known[3].budget.remaining, known[3].tiers[0].burns) = (Some(-3.0), Some(true));
    known[4].tiers[0] = reading(Some(90.0), None, None);
    known[5].tiers[1] = reading(None, None, None);
    // Evaluations are found by name, and one that left the configuration is not told.
    known.reverse();
    known.push(healthy(&Arc::new(objective("gone"))));
    let slos = told(objectives, known).await;
    let states: Vec<_> =
        slos.iter().map(|slo| (slo["name"].as_str().unwrap(), slo["state"].as_str().unwrap())).collect();
    let expected = ["ok", "burning", "spent", "burning", "unknown", "ok", "ok"];
    assert_eq!(states, names.into_iter().zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn objectives_of_a_month_of_ticks_and_of_no_failures_are_told() {
    let zurich = "Europe/Zurich".parse().unwrap();
    let month = Objective {
        window: Window::Month(zurich),
        aggregate: Aggregate::Uptime { quorum: 2 },
        sli: Sli::Latency { step: Some("token".into()), threshold: Duration::from_millis(200) },
        ..objective("month")
    };
    let strict =
        Objective { target_ppm: 1_000_000, triggers: Triggers::AnyEvent(Severity::Page), ..objective("strict") };
    let (month, strict) = (Arc::new(month), Arc::new(strict));
    let mut failed = healthy(&strict);
    failed.tiers = vec![authprobe::slo::TierReading { guarded: 0.0, ..reading(None, None, Some(true)) }];
    failed.tiers[0].long.counts = counts(59, 1);
    failed.budget.tally = Tally { raw: counts(100, 1), ..Tally::default() };
    (failed.budget.remaining, failed.budget.remaining_raw) = (Some(0.0), Some(0.0));
    let slos = told(vec![month, strict], vec![failed]).await;
    assert_eq!((&slos[0]["window"], &slos[0]["timezone"]), (&json!("month"), &json!("Europe/Zurich")));
    assert_eq!((&slos[0]["aggregate"], &slos[0]["quorum"]), (&json!("uptime"), &json!(2)));
    assert_eq!(slos[0]["sli"], json!("step token within 200ms"));
    let any = &slos[1]["tiers"][0];
    assert_eq!((&any["name"], &any["factor"], &any["burns"]), (&json!("any"), &Value::Null, &json!(true)));
    assert_eq!((&any["long"]["seconds"], &any["long"]["counts"]["bad"]), (&json!(3600), &json!(1)));
    assert_eq!((&slos[1]["objective"], &slos[1]["state"]), (&json!("100%"), &json!("burning")));
    assert_eq!(slos[1]["budget"]["adjusted"]["events_left"], json!(-1));
}

#[tokio::test]
async fn the_ledger_is_told_with_the_objectives() {
    let ledger = async |ledger: Option<Ledger>| {
        let web = Web::start(Engine { ledger, ..Engine::default() }).await;
        web.get("/api/v1/slos").await.json()["ledger"].clone()
    };
    assert_eq!(ledger(None).await, json!({ "configured": false, "failing": null }));
    assert_eq!(ledger(Some(Ledger::default())).await, json!({ "configured": true, "failing": null }));
    let full = Ledger { failing: Some("no space is left".into()), ..Ledger::default() };
    assert_eq!(ledger(Some(full)).await, json!({ "configured": true, "failing": "no space is left" }));
}

#[tokio::test]
async fn alerts_come_in_the_order_in_which_people_want_them() {
    let alerts = vec![
        alert("AuthClockSkew", "ticket", State::Resolved),
        alert("AuthProbeStale", "ticket", State::Pending),
        alert("AuthCertificateExpiring", "ticket", State::Firing),
        alert("AuthRevocationSlow", "page", State::Resolving),
        alert("AuthSLOBurn", "page", State::Firing),
    ];
    let web = Web::start(Engine { alerts: Arc::new(alerts), ..Engine::default() }).await;
    let answer = web.get("/api/v1/alerts").await.json();
    let alerts = answer["alerts"].as_array().unwrap();
    let order: Vec<_> =
        alerts.iter().map(|a| (a["labels"]["alertname"].as_str().unwrap(), a["state"].as_str().unwrap())).collect();
    let expected = [
        ("AuthSLOBurn", "firing"),
        ("AuthCertificateExpiring", "firing"),
        ("AuthRevocationSlow", "resolving"),
        ("AuthProbeStale", "pending"),
        ("AuthClockSkew", "resolved"),
    ];
    assert_eq!(order, expected);
    let times = |n: usize| ["active_at", "fired_at", "quiet_since", "resolved_at"].map(|key| alerts[n][key].clone());
    let ago = |minutes: u64| written(NOW - Duration::from_secs(minutes * 60));
    assert_eq!(times(0), [ago(12), ago(10), Value::Null, Value::Null]);
    assert_eq!(times(2), [ago(12), ago(10), ago(2), Value::Null]);
    assert_eq!(times(3), [ago(12), Value::Null, Value::Null, Value::Null]);
    assert_eq!(times(4), [ago(12), ago(10), Value::Null, ago(2)]);
    assert_eq!(alerts[0]["labels"]["evaluator"], json!("authprobe"));
    assert_eq!(alerts[0]["annotations"]["description"], json!("20 of 120 runs failed in us."));
    assert_eq!(answer["evaluate"], json!(true));
}

/// `docs/api.md` names every route, and none that is not there.
#[tokio::test]
async fn the_documented_routes_are_those_that_are_there() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (docs, source) = (read("docs/api.md"), read("src/web/mod.rs"));
    let named: Vec<_> = docs.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let paths: Vec<_> = source.split('"').filter(|text| text.starts_with('/') && !text.contains(' ')).collect();
    assert!(paths.len() > 15, "{paths:?}");
    for path in paths {
        assert!(named.iter().any(|route| route.ends_with(&format!(" {path}"))), "{path} is not in docs/api.md");
    }
    let web = Web::start(Engine::default()).await;
    for route in named {
        let (method, path) = route.split_once(' ').unwrap();
        // It goes on for a while: see events.rs.
        if path == "/api/v1/events" {
            continue;
        }
        let path = path.replace("{name}", "login").replace("{id}", &"0".repeat(32));
        let answer = web.ask(method, &path, &[]).await;
        let gone = answer.body.contains("there is nothing at") || answer.status == 405;
        assert!(!gone, "{route}: {} {}", answer.status, answer.body);
    }
}
