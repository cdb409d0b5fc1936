//! `userinfo` (OIDC Core 5.3).

use serde_json::json;

use crate::lab_stage::{Stage, cleanups, none, shown};
use crate::user;

#[tokio::test(flavor = "multi_thread")]
async fn plain_and_signed_answers_are_good() {
    let stage = user().await;
    let own = "expect = { claims = { email_verified = true } }";
    let ended = stage.run("userinfo", own).await;
    assert_eq!(shown(&ended), "good");
    assert!(!cleanups(&ended).is_empty());
    assert_eq!(stage.under("userinfo_signed", &none(), "userinfo", "signed = true").await, "good");
    assert_eq!(stage.under("userinfo_signed", &none(), "userinfo", own).await, "good");
    let not_signed = stage.under("", &none(), "userinfo", "signed = true").await;
    assert_eq!(not_signed, "bad malformed/provider at userinfo");
    let signed = stage.under("userinfo_signed", &none(), "userinfo", "signed = false").await;
    assert_eq!(signed, "bad malformed/provider at userinfo");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_has_its_class() {
    let stage = user().await;
    for (fault, parameters, expected) in [
        ("userinfo_wrong_subject", none(), "bad claim_subject/provider at userinfo"),
        ("userinfo_trusting", none(), "bad attack_accepted/provider at bad_token"),
        ("userinfo_no_post", none(), "good userinfo_post"),
        ("http_500", json!({"endpoint": "userinfo"}), "bad http_status/provider at userinfo"),
        ("http_502_html", json!({"endpoint": "userinfo"}), "bad http_status/provider at userinfo"),
        ("connection_reset", json!({"endpoint": "userinfo"}), "bad reset/network at userinfo"),
    ] {
        assert_eq!(stage.under(fault, &parameters, "userinfo", "").await, expected, "{fault}");
    }
    stage.lab.clear_faults();
    let expect = shown(&stage.run("userinfo", "expect = { claims = { email = 'bob@example.com' } }").await);
    // The ID token holds it as well, and comes first.
    assert_eq!(expect, "bad claim_unexpected/provider at id_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_openid_there_is_nothing_to_ask() {
    let stage = Stage::user("svc", &[]).await;
    let ended = stage.run("userinfo", "").await;
    assert_eq!(shown(&ended), "inconclusive config/configuration at discovery");
}
