//! `introspection` (RFC 7662, RFC 9701).

use serde_json::json;

use crate::{Scene, cleanups, none, shown, skipped};

#[tokio::test(flavor = "multi_thread")]
async fn opaque_and_jwt_tokens_of_machines_and_users_are_introspected() {
    let mut scene = Scene::new().await;
    for (client, user) in [("svc", false), ("opaque", false), ("web", true), ("opaque", true)] {
        (scene.client, scene.user) = (Some(client), user);
        let ended = scene.run("introspection", if user { "" } else { "scopes = ['api']" }).await;
        assert_eq!(shown(&ended), "good", "{client}");
        let logs_in = !skipped(&ended).contains_key("login");
        assert_eq!(logs_in, user, "{client}");
        assert!(!cleanups(&ended).is_empty() && cleanups(&ended).iter().all(|(_, note)| note.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_answers_are_verified() {
    let scene = Scene::new().await;
    assert_eq!(scene.under("", &none(), "introspection", "signed = true").await, "good");
    for (fault, expected) in [
        ("bad_signature", "signature_invalid/provider at active"),
        ("alg_none", "algorithm_forbidden/provider at active"),
        ("wrong_issuer", "claim_issuer/provider at active"),
        ("wrong_audience", "claim_audience/provider at active"),
    ] {
        // The token itself is of no interest here.
        let own = "signed = true\ngrant = 'client_credentials'";
        let ended = scene.under(fault, &json!({"token": "all"}), "introspection", own).await;
        assert_eq!(ended, expected, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_have_their_classes() {
    let scene = Scene::new().await;
    for (fault, parameters, expected) in [
        ("introspection_wrong_client", none(), "claim_audience/provider at active"),
        ("introspection_wrong_scope", none(), "claim_unexpected/provider at active"),
        ("introspection_wrong_subject", none(), "claim_subject/provider at active"),
        ("introspection_never_active", none(), "oauth_error/provider at active"),
        ("introspection_active_string", none(), "malformed/provider at active"),
        ("introspection_always_active", none(), "attack_accepted/provider at unknown"),
        ("introspection_error_for_unknown", none(), "oauth_error/provider at unknown"),
        ("introspection_open", none(), "good introspection_open"),
        ("revocation_ignored", none(), "revocation_ineffective/provider at inactive"),
        ("slow_revocation", json!({"seconds": 1}), "good"),
        ("http_500", json!({"endpoint": "introspection"}), "http_status/provider at active"),
        ("http_503", json!({"endpoint": "revocation"}), "http_status/provider at revocation"),
        ("connection_reset", json!({"endpoint": "introspection"}), "reset/network at active"),
    ] {
        let ended = scene.under(fault, &parameters, "introspection", "bound = '3s'\nscopes = ['api']").await;
        assert_eq!(ended, expected, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_made_up_tokens_are_named() {
    let scene = Scene::new().await;
    scene.fault("introspection_always_active", &none());
    let fault = scene.run("introspection", "").await.fault.unwrap();
    let details: Vec<_> = fault.findings.iter().map(|finding| finding.detail.as_str()).collect();
    let expected = [
        "introspection calls a token that nobody issued active",
        "introspection calls a token whose signature was altered active",
    ];
    assert_eq!(details, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_unsupported_or_skipped() {
    let mut scene = Scene::new().await;
    let endpoint = |name: &str| format!("{}/{name}", scene.lab.issuer).parse().unwrap();
    let (token, introspect) = (endpoint("token"), endpoint("introspect"));
    scene.provider.metadata = authprobe::oidc::settings::MetadataSource::None;
    scene.provider.endpoints.insert("token_endpoint".to_owned(), token);
    let ended = scene.run("introspection", "").await;
    assert_eq!(shown(&ended), "unsupported/configuration at discovery");
    assert!(ended.fault.unwrap().detail.contains("introspection_endpoint"));
    scene.provider.endpoints.insert("introspection_endpoint".to_owned(), introspect);
    let ended = scene.run("introspection", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(skipped(&ended)["inactive"], "the provider has no revocation_endpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_that_may_not_introspect_is_a_matter_of_configuration() {
    let scene = Scene::new().await.log_in("spa");
    let ended = scene.run("introspection", "").await;
    assert_eq!(shown(&ended), "config/configuration at active");
    assert_eq!(ended.fault.unwrap().account, None, "there is no secret that could be wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_expects_of_the_answer_is_demanded() {
    let scene = Scene::new().await;
    let run = async |own: &str| shown(&scene.run("introspection", own).await);
    assert_eq!(run("expect = { claims = { token_type = 'Bearer' } }").await, "good");
    assert_eq!(run("expect = { claims = { tenant = 'a' } }").await, "claim_missing/provider at active");
    assert_eq!(run("scopes = ['api']\nexpect = { scopes = ['never'] }").await, "claim_missing/provider at token");
}
