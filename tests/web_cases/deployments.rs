use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::State;
use authprobe::alert::conditions::Deployment;
use serde_json::{Value, json};

use super::{mistakes, wrong};
use crate::web_support::standing::{alert, written};
use crate::web_support::{Engine, Ledger, NOW, Web};

const PATH: &str = "/api/v1/deployments";

#[tokio::test]
async fn a_deployment_is_marked_and_listed() {
    let web = Web::start(Engine::default()).await;
    let first = web.send("POST", PATH, &json!({ "service": "keycloak", "version": "26.5.1" })).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let first = first.json();
    assert_eq!((&first["at"], &first["provider"], &first["comment"]), (&written(NOW), &Value::Null, &json!("")));
    let body = json!({ "service": "gateway", "version": "7", "provider": "main", "at": "2023-11-14T23:00:00Z",
                       "comment": "canary" });
    let second = web.send("POST", PATH, &body).await.json();
    for key in ["service", "version", "provider", "comment"] {
        assert_eq!(second[key], body[key], "{key}");
    }
    assert_eq!(second["at"], json!("2023-11-14T23:00:00.000Z"));
    assert_ne!(first["id"], second["id"]);
    assert_eq!(web.get(PATH).await.json(), json!({ "deployments": [second, first] }));
    assert!(web.engine.maintenance.lock().unwrap().windows.is_empty(), "it suppresses nothing");
}

#[tokio::test]
async fn an_id_makes_a_deployment_one_however_often_it_is_marked() {
    let web = Web::start(Engine::default()).await;
    let first = web.send("POST", PATH, &json!({ "id": "build 77", "watch": "10m", "provider": "main" })).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let first = first.json();
    assert_eq!(
        (&first["id"], &first["service"], &first["version"]),
        (&json!("build 77"), &json!("build 77"), &json!(""))
    );
    assert_eq!((&first["watched_until"], &first["followed"]), (&written(NOW + Duration::from_secs(600)), &json!([])));
    let again = json!({ "id": "build 77", "service": "other", "version": "2", "at": "2023-11-14T23:00:00Z" });
    let again = web.send("POST", PATH, &again).await;
    assert_eq!((again.status, again.json()), (200, first.clone()), "as it was marked first");
    assert_eq!(web.get(PATH).await.json(), json!({ "deployments": [first] }));
    for (body, expected) in [
        (json!({ "id": "" }), "#/id"),
        (json!({ "id": "x".repeat(101) }), "#/id"),
        (json!({ "id": "a", "watch": "0s" }), "#/watch"),
        (json!({ "id": "a", "watch": "8d" }), "#/watch"),
    ] {
        assert_eq!(wrong(&web.send("POST", PATH, &body).await), [expected], "{body}");
    }
}

#[tokio::test]
async fn a_deployment_says_which_alerts_followed_and_how_they_are() {
    let fired = |name: &str, state| alert(name, "page", state);
    let alerts = vec![fired("AuthOutage", State::Firing), fired("AuthSLOBurn", State::Resolved)];
    let at = |minutes: u64| (NOW - Duration::from_secs(minutes * 60)).as_nanos();
    let mut deployment =
        Deployment { id: "d".into(), at_nanos: at(11), watch_nanos: 120_000_000_000, ..<_>::default() };
    // Both fired ten minutes ago; of an alert that is forgotten it is known that it is over.
    let followed: Vec<bool> = alerts.iter().map(|alert| deployment.attribute(alert)).collect();
    assert_eq!((followed, deployment.attribute(&fired("AuthClockSkew", State::Pending))), (vec![true, true], false));
    assert!(deployment.attribute(&fired("AuthRegionDown", State::Firing)));
    let mut early = Deployment { id: "e".into(), at_nanos: at(30), watch_nanos: 60_000_000_000, ..<_>::default() };
    assert!(!early.attribute(&alerts[0]), "its time was over");
    let mut other = Deployment { provider: "other".into(), ..Deployment { followed: vec![], ..deployment.clone() } };
    assert!(!other.attribute(&alerts[0]), "it concerns another provider");
    let web = Web::start(Engine { alerts: Arc::new(alerts), ..Engine::default() }).await;
    web.engine.deployments.lock().unwrap().push(deployment);
    let told = web.get(PATH).await.json()["deployments"][0].clone();
    assert_eq!(told["watched_until"], written(NOW - Duration::from_secs(540)));
    let told: Vec<_> =
        told["followed"].as_array().unwrap().iter().map(|a| (&a["labels"]["alertname"], &a["state"])).collect();
    let expected = [("AuthOutage", "firing"), ("AuthSLOBurn", "resolved"), ("AuthRegionDown", "resolved")];
    assert_eq!(
        told,
        expected.map(|(name, state)| (json!(name), json!(state))).iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
    );
    assert!(web.get("/").await.body.contains("followed by AuthOutage, AuthRegionDown, AuthSLOBurn"));
}

#[tokio::test]
async fn every_mistake_in_a_deployment_is_told_at_once() {
    let web = Web::start(Engine::default()).await;
    let body = json!({ "version": "x".repeat(201), "provider": "mian", "at": "2023-11-14T23:15:00Z", "coment": 1 });
    let expected = [
        ("#/coment", "unknown: did you mean `comment`?"),
        ("#/service", "is needed"),
        ("#/version", "must be no longer than 200 characters"),
        ("#/provider", "no provider \"mian\"; did you mean `main`?"),
        ("#/at", "must not be in the future"),
    ];
    let expected = expected.map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()));
    assert_eq!(mistakes(&web.send("POST", PATH, &body).await), expected);
    let old = json!({ "service": "a", "version": "1", "provider": "elsewhere", "at": "2023-11-01T00:00:00Z" });
    let expected = [
        ("#/provider".to_owned(), "no provider \"elsewhere\"; there are `main`".to_owned()),
        ("#/at".to_owned(), "must not be more than 7d ago".to_owned()),
    ];
    assert_eq!(mistakes(&web.send("POST", PATH, &old).await), expected);
    assert_eq!(web.send_as("POST", PATH, "", "service=a").await.status, 400);
    assert!(web.engine.deployments.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_deployment_that_cannot_be_kept_is_no_success() {
    let ledger = Some(Ledger { failing: Some("no space is left".into()), ..Ledger::default() });
    let web = Web::start(Engine { ledger, ..Engine::default() }).await;
    let answer = web.send("POST", PATH, &json!({ "service": "a", "version": "1" })).await;
    assert_eq!((answer.status, &answer.json()["detail"]), (503, &json!("not kept: no space is left")));
}
