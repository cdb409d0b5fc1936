use std::time::Duration;

use authprobe::outcome::{Id, Outcome, Verdict};
use serde_json::{Value, json};

use crate::support_outcome::{START, check, outcome};
use crate::web_support::{Engine, Ledger, Web};

/// A run so many minutes before the newest; its trace id is that number over and over.
fn run(minutes: u8, region: &str, verdict: Verdict) -> Outcome {
    Outcome {
        trace_id: Id([minutes; 16]),
        start: START - Duration::from_secs(60) * u32::from(minutes),
        verdict,
        ..outcome(&check("login", region))
    }
}

/// What a ledger keeps of it.
fn kept(outcome: &Outcome) -> Value {
    let mut json = serde_json::to_value(outcome).unwrap();
    json["from_ledger"] = json!(true);
    json
}

/// The newest three in memory and an old failure, which the ledger has as well; it has older ones besides.
async fn web() -> Web {
    let runs: Vec<_> = (0..=9)
        .map(|n| run(n, if n % 2 == 0 { "eu" } else { "us" }, if n == 7 { Verdict::Bad } else { Verdict::Good }))
        .collect();
    let ledger = Ledger { runs: runs[1..].iter().map(kept).collect(), failing: None };
    let web = Web::start(Engine { ledger: Some(ledger), ..Engine::default() }).await;
    for n in [7, 2, 1, 0] {
        web.engine.push(runs[n].clone());
    }
    web
}

async fn ids(web: &Web, query: &str) -> (Vec<u8>, Value) {
    let answer = web.get(&format!("/api/v1/probes/login/runs?{query}")).await;
    assert_eq!(answer.status, 200, "{query} {}", answer.body);
    let answer = answer.json();
    let id = |run: &Value| u8::from_str_radix(&run["trace_id"].as_str().unwrap()[..2], 16).unwrap();
    (answer["runs"].as_array().unwrap().iter().map(id).collect(), answer["next"].clone())
}

#[tokio::test]
async fn memory_and_ledger_are_one_list() {
    let web = web().await;
    assert_eq!(ids(&web, "").await, ((0..=9).collect(), Value::Null));
    assert_eq!(ids(&web, "verdict=bad").await.0, [7]);
    assert_eq!(ids(&web, "region=us").await.0, [1, 3, 5, 7, 9]);
    assert_eq!(ids(&web, "region=us&verdict=good&limit=2").await.0, [1, 3]);
    let all = web.get("/api/v1/probes/login/runs").await.json();
    let from_ledger: Vec<_> = all["runs"].as_array().unwrap().iter().map(|run| run["from_ledger"] == true).collect();
    let expected = [false, false, false, true, true, true, true, false, true, true];
    assert_eq!(from_ledger, expected, "what is in memory is whole");
    assert_eq!(all["ledger_error"], Value::Null);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_overlap() {
    let web = web().await;
    let (mut seen, mut before) = (vec![], String::new());
    for _ in 0..10 {
        let (ids, next) = ids(&web, &format!("limit=4{before}")).await;
        seen.extend(ids);
        match next.as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..=9).collect::<Vec<u8>>());
    let at = |zone: &str| format!("before=2023-11-14T{zone}");
    assert_eq!(ids(&web, &at("22:06:20Z")).await.0, [8, 9], "began before, not at");
    assert_eq!(ids(&web, &at("23:06:20%2B01:00")).await.0, [8, 9]);
    assert_eq!(ids(&web, &at("23:06:20+01:00")).await.0, [8, 9], "as people paste it");
}

#[tokio::test]
async fn runs_of_one_moment_come_together() {
    let together: Vec<_> = (1..=5).map(|n| Outcome { trace_id: Id([n; 16]), ..run(3, "eu", Verdict::Good) }).collect();
    let ledger =
        Ledger { runs: together.iter().chain([&run(9, "eu", Verdict::Good)]).map(kept).collect(), failing: None };
    let web = Web::start(Engine { ledger: Some(ledger), ..Engine::default() }).await;
    let (first, next) = ids(&web, "limit=2").await;
    assert_eq!(first, [1, 2, 3, 4, 5], "`before` could not tell them apart");
    assert_eq!(ids(&web, &format!("before={}", next.as_str().unwrap())).await, (vec![9], Value::Null));
}

#[tokio::test]
async fn one_run_is_found_in_memory_then_in_the_ledger() {
    let web = web().await;
    let get = async |id: String| web.get(&format!("/api/v1/runs/{id}")).await;
    assert_eq!(get("07".repeat(16)).await.json()["from_ledger"], Value::Null);
    let old = get("08".repeat(16)).await;
    assert_eq!((old.status, &old.json()["from_ledger"]), (200, &json!(true)));
    for id in ["99".repeat(16), "8".to_owned(), "zz".repeat(16), "08".repeat(17), "%00".to_owned()] {
        let none = get(id.clone()).await;
        assert_eq!((none.status, none.header("content-type")), (404, "application/problem+json"), "{id}");
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_takes_nothing_away() {
    let ledger = Ledger { failing: Some("the disk is gone".into()), ..Ledger::default() };
    let web = Web::start(Engine { ledger: Some(ledger), ..Engine::default() }).await;
    web.engine.push(run(1, "eu", Verdict::Good));
    let list = web.get("/api/v1/probes/login/runs").await;
    assert_eq!((list.status, &list.json()["ledger_error"]), (200, &json!("the disk is gone")));
    assert_eq!(ids(&web, "").await.0, [1]);
    assert_eq!(web.get(&format!("/api/v1/runs/{}", "01".repeat(16))).await.status, 200);
    let unknown = web.get(&format!("/api/v1/runs/{}", "08".repeat(16))).await;
    assert_eq!(unknown.status, 503, "it may be there");
}

#[tokio::test]
async fn both_mistakes_of_a_query_are_told() {
    let web = web().await;
    let answer = web.get("/api/v1/probes/login/runs?verdict=fine&before=noon").await;
    assert_eq!(answer.status, 400);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("verdict: one of good") && detail.contains("before: a time of RFC 3339"), "{detail}");
}
