use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::{Alert, State};
use authprobe::detect::ruling::{Case, Level, Look, RegionCase, Ruling, Standing};
use authprobe::fault::{Blame, Class};
use serde_json::{Value, json};

use super::page::{shown, words};
use crate::web_support::standing::{alert, written};
use crate::web_support::{Engine, NOW, Web};

const BEGAN: Duration = Duration::from_secs(14);

fn seen(region: &str, look: Look, bad: u64) -> RegionCase {
    let (evidence, since) = if bad > 0 { (0.5, Some(NOW - BEGAN)) } else { (0.0, None) };
    RegionCase { region: region.into(), look, evidence, since, last_bad: 0, last_good: 0, bad, runs: 3 }
}

/// The token step fails from `eu`, not from `us`; of `ap` nothing is known.
fn case(level: Level) -> Case {
    Case {
        step: "token".into(),
        level,
        since: NOW - BEGAN,
        certain_at: (level > Level::Region).then(|| NOW - Duration::from_secs(11)),
        class: Some(Class::HttpStatus),
        blame: Some(Blame::Provider),
        upstream: None,
        of_class: 3,
        regions: vec![seen("eu", Look::Failing, 3), seen("us", Look::Clean, 0), seen("ap", Look::Unknown, 0)],
        probes: BTreeSet::from(["login".into()]),
        passed: BTreeSet::new(),
        ends_at: None,
        relapses: 0,
        scheduled: 3,
        confirmations: 6,
        clean: vec![("jwks".into(), 6)],
        confirmations_left: 234,
    }
}

fn ruling(outage: Standing, cases: Vec<Case>) -> Ruling {
    Ruling {
        provider: "main".into(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        outage,
        regions: vec![("eu".into(), Standing::Pending), ("us".into(), Standing::Clear)],
        cases,
    }
}

fn down(state: State, region: &str) -> Alert {
    let mut alert = alert("AuthRegionDown", "ticket", state);
    alert.labels.insert("probe_region".to_owned(), region.to_owned());
    alert
}

async fn web(alerts: Vec<Alert>, ruling: Ruling) -> Web {
    Web::start(Engine { alerts: Arc::new(alerts), rulings: Arc::new(vec![ruling]), ..Engine::default() }).await
}

#[tokio::test]
async fn every_provider_is_told_with_its_cases_and_the_settings() {
    let web = web(vec![], ruling(Standing::Holds, vec![case(Level::Everywhere)])).await;
    let answer = web.get("/api/v1/detection").await.json();
    let settings = json!({ "ignore_shorter_than_seconds": 0.0, "several_after_seconds": 120.0,
                           "confirmations_per_hour": 240 });
    assert_eq!(answer["settings"], settings);
    let provider = &answer["providers"][0];
    assert_eq!((&provider["provider"], &provider["outage"]), (&json!("main"), &json!("holds")));
    assert_eq!(provider["regions"], json!({ "eu": "pending", "us": "clear" }));
    let since = written(NOW - BEGAN);
    let eu = json!({ "region": "eu", "look": "failing", "evidence": 0.5, "since": since,
                     "last_bad": 0, "last_good": 0, "bad": 3, "runs": 3 });
    let us = json!({ "region": "us", "look": "clean", "evidence": 0.0, "since": null,
                     "last_bad": 0, "last_good": 0, "bad": 0, "runs": 3 });
    let case = &provider["cases"][0];
    assert_eq!((&case["regions"][0], &case["regions"][1]), (&eu, &us));
    let told = ["step", "level", "class", "blame"].map(|key| case[key].as_str().unwrap());
    assert_eq!(told, ["token", "everywhere", "http_status", "provider"]);
    assert_eq!((&case["since"], &case["clean"]), (&since, &json!([["jwks", 6]])));
    let runs = ["of_class", "scheduled", "confirmations", "confirmations_left"].map(|key| case[key].as_u64().unwrap());
    assert_eq!((runs, &case["probes"]), ([3, 3, 6, 234], &json!(["login"])));
}

#[tokio::test]
async fn alerts_of_the_detector_carry_their_evidence_and_no_others() {
    let alerts = vec![
        alert("AuthOutage", "page", State::Firing),
        down(State::Firing, "eu"),
        down(State::Pending, "us"),
        down(State::Resolved, "eu"),
        alert("AuthSLOBurn", "page", State::Firing),
    ];
    let web = web(alerts, ruling(Standing::Holds, vec![case(Level::Several)])).await;
    let answer = web.get("/api/v1/alerts").await.json();
    let steps = |alert: &Value| {
        let cases = alert["evidence"].as_array()?.iter();
        Some(cases.map(|case| case["step"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let mut told: Vec<_> = answer["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            (label("alertname"), label("probe_region"), alert["state"].as_str().unwrap().to_owned(), steps(alert))
        })
        .collect();
    told.sort();
    let one = |name: &str, region: &str, state: &str, steps: Option<&[&str]>| {
        let steps = steps.map(|steps| steps.iter().map(|step| (*step).to_owned()).collect());
        (name.to_owned(), region.to_owned(), state.to_owned(), steps)
    };
    let expected = [
        one("AuthOutage", "", "firing", Some(&["token"])),
        one("AuthRegionDown", "eu", "firing", Some(&["token"])),
        one("AuthRegionDown", "eu", "resolved", Some(&[])),
        one("AuthRegionDown", "us", "pending", Some(&[])),
        one("AuthSLOBurn", "", "firing", None),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_page_shows_the_evidence_under_its_alert() {
    let alerts = vec![alert("AuthOutage", "page", State::Firing)];
    let web = web(alerts, ruling(Standing::Holds, vec![case(Level::Everywhere)])).await;
    let page = web.get("/").await.body;
    let shown = shown(&page, "AuthOutage");
    let told = words(&shown);
    for text in [
        "Step token : fails in 1 of 3 regions, in all at first, http_status (blame: provider)",
        "region looks failed evidence since",
        "eu failing 3 of 3 all that one region can give 14s ago",
        "us clean 0 of 3 0% of what one region can give",
        "ap unknown 0 of 3",
        "3 scheduled and 6 confirmation runs; up to 234 more may be asked for within this hour. Clean meanwhile: jwks (6).",
    ] {
        assert!(told.contains(text), "{text}\n{told}");
    }
    for text in ["class=\"f-bad\" width=\"100\"", "class=\"f-warn\" width=\"0\"", "class=\"badge bad\">failing<"] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    for absent in [" style=", "Being looked into"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn what_is_looked_into_without_an_alert_is_a_line() {
    let hostile = Case { step: "<b>".into(), class: None, ..case(Level::Suspected) };
    let web = web(vec![alert("AuthOutage", "page", State::Resolved)], ruling(Standing::Clear, vec![hostile])).await;
    let page = web.get("/").await.body;
    let line = "<b>Being looked into</b>: main: step &lt;b&gt; may be failing since 23:13:06 UTC: 3 of 9 runs.";
    assert!(page.contains(line), "{page}");
    assert!(!page.contains("confirmation run"), "what is over has no evidence");
}

#[tokio::test]
async fn an_outage_stands_above_what_it_causes() {
    let mut burn = alert("AuthSLOBurn", "page", State::Firing);
    let mut outage = alert("AuthOutage", "page", State::Firing);
    outage.active_nanos = burn.active_nanos - 60_000_000_000;
    burn.labels.insert("slo".to_owned(), "logins".to_owned());
    let ticket = alert("AuthSLOBurn", "ticket", State::Firing);
    let alerts = vec![burn, ticket, down(State::Firing, "eu"), outage];
    let web = web(alerts, ruling(Standing::Holds, vec![case(Level::Several)])).await;
    let answer = web.get("/api/v1/alerts").await.json();
    let told: Vec<_> = answer["alerts"].as_array().unwrap().iter().map(|alert| &alert["labels"]).collect();
    let told: Vec<_> = told
        .iter()
        .map(|of| format!("{} {}", of["alertname"].as_str().unwrap(), of["severity"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["AuthOutage page", "AuthSLOBurn page", "AuthRegionDown ticket", "AuthSLOBurn ticket"]);
}

#[tokio::test]
async fn an_only_region_is_measured_by_what_an_outage_needs() {
    let alone = Case { regions: vec![seen("eu", Look::Suspected, 1)], confirmations: 1, ..case(Level::Suspected) };
    let web = web(vec![alert("AuthOutage", "page", State::Pending)], ruling(Standing::Pending, vec![alone])).await;
    let page = web.get("/").await.body;
    let shown = shown(&page, "AuthOutage");
    assert!(shown.contains("class=\"f-warn\" width=\"50\""), "{shown}");
    assert!(words(&shown).contains("50% of what an outage needs"), "{shown}");
    assert!(words(&shown).contains("3 scheduled and 1 confirmation run; up to 234 more"), "{shown}");
}
