//! `jwt_bearer` (RFC 7523).

use serde_json::{Value, json};

use crate::lab_stage::{Stage, cleanups, none, shown};
use crate::{machine, user};

const OWN: &str = "assertion = { file = 'token' }";

async fn with(stage: &Stage, claims: Value) -> String {
    stage.file("token", &format!("{}\n", stage.lab.assertion(&claims)));
    shown(&stage.run("jwt_bearer", OWN).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_read_anew_for_every_run_with_or_without_a_client() {
    let mut stage = machine().await;
    stage.file("token", &stage.lab.assertion(&Value::Null));
    let ended = stage.run("jwt_bearer", OWN).await;
    assert_eq!((shown(&ended).as_str(), cleanups(&ended)), ("good", vec![("revoke", String::new())]));
    stage.client = None;
    let ended = stage.run("jwt_bearer", OWN).await;
    assert_eq!((shown(&ended).as_str(), cleanups(&ended)), ("good", vec![]));
    let subject = "expect = { claims = { sub = 'system:serviceaccount:default:probe' } }";
    assert_eq!(shown(&stage.run("jwt_bearer", &format!("{OWN}\n{subject}")).await), "good");
    let scopes = "scopes = ['profile']\nexpect = { scopes = ['profile'] }";
    assert_eq!(shown(&stage.run("jwt_bearer", &format!("{OWN}\n{scopes}")).await), "good");
    // What a platform puts into the file next counts at once.
    assert_eq!(with(&stage, json!({"exp": 1_700_000_000})).await, "inconclusive config/configuration at assertion");
    assert_eq!(with(&stage, Value::Null).await, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_assertion_is_never_the_providers() {
    let mut stage = machine().await;
    stage.client = None;
    for claims in
        [json!({"exp": 1_700_000_000}), json!({"exp": null}), json!({"nbf": 4_000_000_000_u64}), json!({"sub": null})]
    {
        assert_eq!(with(&stage, claims.clone()).await, "inconclusive config/configuration at assertion", "{claims}");
    }
    stage.file("token", "not-a-jwt");
    assert_eq!(shown(&stage.run("jwt_bearer", OWN).await), "inconclusive config/configuration at assertion");
    assert_eq!(
        shown(&stage.run("jwt_bearer", "assertion = { file = 'absent' }").await),
        "inconclusive config/configuration at assertion"
    );
    let for_another = with(&stage, json!({"aud": "https://other.example.com"})).await;
    assert_eq!(for_another, "inconclusive config/configuration at token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_assertion_that_is_refused_is_the_providers() {
    let mut stage = machine().await;
    stage.client = None;
    assert_eq!(with(&stage, json!({"iss": "https://other.example.com"})).await, "bad oauth_error/provider at token");
    stage.file("token", &stage.lab.assertion(&Value::Null));
    for (fault, parameters, expected) in [
        ("http_500", json!({"endpoint": "token"}), "bad http_status/provider at token"),
        ("token_invalid_json", none(), "bad malformed/provider at token"),
        ("bad_signature", json!({"token": "access"}), "bad signature_invalid/provider at access_token"),
        ("wrong_issuer", json!({"token": "access"}), "bad claim_issuer/provider at access_token"),
    ] {
        assert_eq!(stage.under(fault, &parameters, "jwt_bearer", OWN).await, expected, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_wants_a_client_or_offers_no_such_grant() {
    let mut stage = user().await;
    stage.file("token", &stage.lab.assertion(&Value::Null));
    // `web` may not use the grant.
    assert_eq!(shown(&stage.run("jwt_bearer", OWN).await), "inconclusive config/configuration at token");
    stage.client = None;
    stage.fault("grants_not_offered", &none());
    let ended = stage.run("jwt_bearer", OWN).await;
    assert_eq!(shown(&ended), "inconclusive unsupported/configuration at discovery");
    assert!(ended.fault.unwrap().detail.contains("grant_types_supported"));
    // An endpoint that is configured counts as offered, whatever lists say.
    let token = format!("{}/token", stage.lab.issuer);
    stage.provider.endpoints.insert("token_endpoint".to_owned(), token.parse().unwrap());
    assert_eq!(shown(&stage.run("jwt_bearer", OWN).await), "good");
}
