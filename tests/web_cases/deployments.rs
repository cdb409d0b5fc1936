use serde_json::{Value, json};

use super::mistakes;
use crate::web_support::standing::written;
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
