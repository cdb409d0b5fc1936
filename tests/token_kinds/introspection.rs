//! `introspection` (RFC 7662, RFC 9701).

use serde_json::json;

use crate::lab_stage::{Stage, cleanups, none, shown, skipped};
use crate::{SCOPES, machine};

#[tokio::test(flavor = "multi_thread")]
async fn opaque_and_jwt_tokens_of_machines_and_users_are_introspected() {
    let mut stage = machine().await;
    for (client, user) in [("svc", false), ("opaque", false), ("web", true), ("opaque", true)] {
        stage.log_in(client, if user { SCOPES } else { &[] });
        stage.user = user;
        let ended = stage.run("introspection", if user { "" } else { "scopes = ['api']" }).await;
        assert_eq!(shown(&ended), "good", "{client}");
        let logs_in = !skipped(&ended).contains_key("login");
        assert_eq!(logs_in, user, "{client}");
        assert!(!cleanups(&ended).is_empty() && cleanups(&ended).iter().all(|(_, note)| note.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_answers_are_verified() {
    let stage = machine().await;
    assert_eq!(stage.under("", &none(), "introspection", "signed = true").await, "good");
    for (fault, expected) in [
        ("bad_signature", "bad signature_invalid/provider at active"),
        ("alg_none", "bad algorithm_forbidden/provider at active"),
        ("wrong_issuer", "bad claim_issuer/provider at active"),
        ("wrong_audience", "bad claim_audience/provider at active"),
    ] {
        // The token itself is of no interest here.
        let own = "signed = true\ngrant = 'client_credentials'";
        let ended = stage.under(fault, &json!({"token": "all"}), "introspection", own).await;
        assert_eq!(ended, expected, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_have_their_classes() {
    let stage = machine().await;
    for (fault, parameters, expected) in [
        ("introspection_wrong_client", none(), "bad claim_audience/provider at active"),
        ("introspection_wrong_scope", none(), "bad claim_unexpected/provider at active"),
        ("introspection_wrong_subject", none(), "bad claim_subject/provider at active"),
        ("introspection_never_active", none(), "bad oauth_error/provider at active"),
        ("introspection_active_string", none(), "bad malformed/provider at active"),
        ("introspection_always_active", none(), "bad attack_accepted/provider at unknown"),
        ("introspection_error_for_unknown", none(), "bad oauth_error/provider at unknown"),
        ("introspection_open", none(), "good introspection_open"),
        ("revocation_ignored", none(), "bad revocation_ineffective/provider at inactive"),
        ("slow_revocation", json!({"seconds": 1}), "good"),
        ("http_500", json!({"endpoint": "introspection"}), "bad http_status/provider at active"),
        ("http_503", json!({"endpoint": "revocation"}), "bad http_status/provider at revocation"),
        ("connection_reset", json!({"endpoint": "introspection"}), "bad reset/network at active"),
    ] {
        let ended = stage.under(fault, &parameters, "introspection", "bound = '3s'\nscopes = ['api']").await;
        assert_eq!(ended, expected, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_made_up_tokens_are_named() {
    let stage = machine().await;
    stage.fault("introspection_always_active", &none());
    let fault = stage.run("introspection", "").await.fault.unwrap();
    let details: Vec<_> = fault.findings.iter().map(|finding| finding.detail.as_str()).collect();
    let expected = [
        "introspection calls a token that nobody issued active",
        "introspection calls a token whose signature was altered active",
    ];
    assert_eq!(details, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_unsupported_or_skipped() {
    let mut stage = machine().await;
    let endpoint = |name: &str| format!("{}/{name}", stage.lab.issuer).parse().unwrap();
    let (token, introspect) = (endpoint("token"), endpoint("introspect"));
    stage.provider.metadata = authprobe::oidc::settings::MetadataSource::None;
    stage.provider.endpoints.insert("token_endpoint".to_owned(), token);
    let ended = stage.run("introspection", "").await;
    assert_eq!(shown(&ended), "inconclusive unsupported/configuration at discovery");
    assert!(ended.fault.unwrap().detail.contains("introspection_endpoint"));
    stage.provider.endpoints.insert("introspection_endpoint".to_owned(), introspect);
    let ended = stage.run("introspection", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(skipped(&ended)["inactive"], "the provider has no revocation_endpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_that_may_not_introspect_is_a_matter_of_configuration() {
    let stage = Stage::user("spa", SCOPES).await;
    let ended = stage.run("introspection", "").await;
    assert_eq!(shown(&ended), "inconclusive config/configuration at active");
    assert_eq!(ended.fault.unwrap().account, None, "there is no secret that could be wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_expects_of_the_answer_is_demanded() {
    let stage = machine().await;
    let run = async |own: &str| shown(&stage.run("introspection", own).await);
    assert_eq!(run("expect = { claims = { token_type = 'Bearer' } }").await, "good");
    assert_eq!(run("expect = { claims = { tenant = 'a' } }").await, "bad claim_missing/provider at active");
    assert_eq!(run("scopes = ['api']\nexpect = { scopes = ['never'] }").await, "bad claim_missing/provider at token");
}
