//! `userinfo` (OIDC Core 5.3).

use serde_json::json;

use crate::{Scene, cleanups, none, shown};

#[tokio::test(flavor = "multi_thread")]
async fn plain_and_signed_answers_are_good() {
    let scene = Scene::with_user().await;
    let own = "expect = { claims = { email_verified = true } }";
    let ended = scene.run("userinfo", own).await;
    assert_eq!(shown(&ended), "good");
    assert!(!cleanups(&ended).is_empty());
    assert_eq!(scene.under("userinfo_signed", &none(), "userinfo", "signed = true").await, "good");
    assert_eq!(scene.under("userinfo_signed", &none(), "userinfo", own).await, "good");
    let not_signed = scene.under("", &none(), "userinfo", "signed = true").await;
    assert_eq!(not_signed, "malformed/provider at userinfo");
    let signed = scene.under("userinfo_signed", &none(), "userinfo", "signed = false").await;
    assert_eq!(signed, "malformed/provider at userinfo");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_has_its_class() {
    let scene = Scene::with_user().await;
    for (fault, parameters, expected) in [
        ("userinfo_wrong_subject", none(), "claim_subject/provider at userinfo"),
        ("userinfo_trusting", none(), "attack_accepted/provider at bad_token"),
        ("userinfo_no_post", none(), "good userinfo_post"),
        ("http_500", json!({"endpoint": "userinfo"}), "http_status/provider at userinfo"),
        ("http_502_html", json!({"endpoint": "userinfo"}), "http_status/provider at userinfo"),
        ("connection_reset", json!({"endpoint": "userinfo"}), "reset/network at userinfo"),
    ] {
        assert_eq!(scene.under(fault, &parameters, "userinfo", "").await, expected, "{fault}");
    }
    scene.lab.clear_faults();
    let expect = shown(&scene.run("userinfo", "expect = { claims = { email = 'bob@example.com' } }").await);
    // The ID token holds it as well, and comes first.
    assert_eq!(expect, "claim_unexpected/provider at id_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_openid_there_is_nothing_to_ask() {
    let scene = Scene::new().await.log_in("svc");
    let ended = scene.run("userinfo", "").await;
    assert_eq!(shown(&ended), "config/configuration at discovery");
}
