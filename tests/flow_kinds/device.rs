//! RFC 8628.

use serde_json::json;

use super::lab_stage::{Stage, done, none, shown};

const OPENID: &[&str] = &["openid", "profile", "offline_access"];
const EVERY_STEP: [&str; 8] =
    ["discovery", "jwks", "device_authorization", "pending", "login", "token", "id_token", "userinfo"];

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_authorized_and_its_tokens_are_revoked() {
    let stage = Stage::user("tv", OPENID).await;
    let ended = stage.run("device", "").await;
    assert_eq!(shown(&ended), "good");
    let mut expected = EVERY_STEP.to_vec();
    expected.push("revoke");
    assert_eq!(done(&ended), expected);
    assert_eq!(stage.remembered("devices").await, 0);
    let polls = stage.stats().await["requests"]["token"].as_u64().unwrap();
    assert_eq!(polls, 2, "one before the approval, one after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_openid_gets_no_id_token() {
    let stage = Stage::user("tv", &["api"]).await;
    let ended = stage.run("device", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(done(&ended), ["discovery", "device_authorization", "pending", "login", "token", "revoke"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_devices_have_their_classes_and_steps() {
    let stage = Stage::user("tv", OPENID).await;
    for (fault, parameters, own, expected) in [
        // §3.5: each answer of the token endpoint to a device.
        ("device_denied", none(), "", "bad oauth_error/provider at token"),
        ("device_never_approved", none(), "bound = \"3s\"", "bad oauth_error/provider at token"),
        ("device_expires", none(), "", "bad oauth_error/provider at pending"),
        ("device_slow_down", json!({"count": 1}), "", "good slow_down"),
        // §5.4, RFC 9700: nobody has approved.
        ("device_unapproved", none(), "", "bad attack_accepted/provider at pending"),
        (
            "http_500",
            json!({"endpoint": "device_authorization"}),
            "",
            "bad http_status/provider at device_authorization",
        ),
        ("http_500", json!({"endpoint": "device"}), "", "bad http_status/provider at login"),
        ("wrong_password_page", none(), "", "inconclusive credentials/configuration at login"),
        ("login_page_captcha", none(), "", "inconclusive challenge/configuration at login"),
        ("bad_signature", none(), "", "bad signature_invalid/provider at id_token"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("device", own).await;
        assert_eq!(shown(&ended), expected, "{fault} {parameters}: {:?}", ended.fault);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_too_quickly_is_told_and_then_honoured() {
    let mut stage = Stage::user("tv", OPENID).await;
    stage.timeout = std::time::Duration::from_secs(30);
    let begun = std::time::Duration::from_secs(5);
    let ended = stage.run("device", "slow_down = true").await;
    assert_eq!(shown(&ended), "good");
    assert!(ended.duration > begun, "slow_down adds five seconds: {:?}", ended.duration);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_unsupported_unless_it_is_configured() {
    let mut stage = Stage::user("tv", OPENID).await;
    stage.fault("device_not_offered", &none());
    let ended = stage.run("device", "").await;
    assert_eq!(shown(&ended), "inconclusive unsupported/configuration at discovery");
    assert!(ended.fault.unwrap().detail.contains("device_authorization_endpoint"));
    let endpoint = format!("{}/device_authorization", stage.lab.issuer);
    stage.provider.endpoints.insert("device_authorization_endpoint".to_owned(), endpoint.parse().unwrap());
    assert_eq!(shown(&stage.run("device", "").await), "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_no_device_is_a_matter_of_configuration() {
    let stage = Stage::user("web", OPENID).await;
    assert_eq!(shown(&stage.run("device", "").await), "inconclusive config/configuration at device_authorization");
}

/// Codes are as good as tokens.
#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_seen_in_the_record() {
    let stage = Stage::user("tv", OPENID).await;
    stage.fault("device_never_approved", &none());
    let ended = stage.run("device", "bound = \"2s\"").await;
    let urls: Vec<_> = ended.steps.iter().flat_map(|step| &step.requests).map(|request| &request.url).collect();
    let with_code: Vec<_> = urls.iter().filter(|url| url.contains("user_code")).collect();
    assert!(!with_code.is_empty() && with_code.iter().all(|url| url.ends_with("user_code=[redacted]")), "{urls:?}");
}
