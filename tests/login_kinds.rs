//! Logins against the lab: every response type and the way it comes back, claims, resources, silent renewals, and logins
//! that go through an upstream provider.

mod folder;
mod lab_stage;

use authprobe::journey::Ended;
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::outcome::{Observation, RequestRecord};
use lab_stage::{Stage, detail, done, shown};
use serde_json::json;

const SCOPES: &[&str] = &["openid", "profile", "offline_access"];
const ACR: &str = "urn:authprobe:lab:password";
const API: &str = "urn:authprobe:lab:api";

fn requests(ended: &Ended) -> impl Iterator<Item = &RequestRecord> {
    ended.steps.iter().flat_map(|step| &step.requests)
}

/// OIDC Core 3.1, 3.2, 3.3; OAuth 2.0 Multiple Response Types §5; Form Post Response Mode.
#[tokio::test]
async fn every_response_type_is_good_in_every_mode_that_fits() {
    let stage = Stage::user("web", SCOPES).await;
    let front = ["discovery", "jwks", "authorize", "login"];
    for (response_type, modes, after) in [
        ("code", &["query", "fragment", "form_post"][..], &["token", "id_token", "userinfo"][..]),
        ("id_token", &["fragment", "form_post"], &["id_token"]),
        ("id_token token", &["fragment", "form_post"], &["id_token", "userinfo"]),
        ("code id_token", &["fragment", "form_post"], &["front_id_token", "token", "id_token", "userinfo"]),
        ("code token", &["fragment"], &["token", "id_token", "userinfo"]),
        ("token id_token code", &["fragment", "form_post"], &["front_id_token", "token", "id_token", "userinfo"]),
    ] {
        for mode in modes {
            let own = format!("response_type = \"{response_type}\"\nresponse_mode = \"{mode}\"");
            let ended = stage.run("form_login", &own).await;
            assert_eq!(shown(&ended), "good", "{own}: {}", detail(&ended));
            let done = done(&ended);
            let expected: Vec<&str> = front.iter().chain(after).copied().collect();
            assert_eq!(done.iter().filter(|step| **step != "revoke").copied().collect::<Vec<_>>(), expected, "{own}");
            let revoked = done.iter().filter(|step| **step == "revoke").count();
            let issued = response_type.split(' ').filter(|word| matches!(*word, "code" | "token")).count();
            assert_eq!(revoked, issued, "{own}: what is issued is revoked");
            let shown = format!("{ended:?}");
            assert!(!shown.contains("eyJ"), "{own}: a token is on record");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_in_a_fragment_is_found_as_in_a_query() {
    let stage = Stage::user("web", SCOPES).await;
    let hybrid = "response_type = \"code id_token token\"";
    for (fault, parameters, expected) in [
        ("state_mangled", json!({}), "bad state_mismatch/provider at login"),
        ("state_missing", json!({}), "bad state_mismatch/provider at login"),
        ("response_iss_wrong", json!({}), "bad response_issuer/provider at login"),
        // RFC 9207 §4: the ID token says who answered.
        ("response_iss_missing", json!({}), "good response_issuer"),
        ("response_code_missing", json!({}), "bad malformed/provider at login"),
        ("response_code_twice", json!({}), "bad malformed/provider at login"),
        ("authorization_error", json!({"error": "access_denied"}), "bad oauth_error/provider at login"),
        ("wrong_nonce", json!({}), "bad claim_nonce/provider at front_id_token"),
        ("wrong_at_hash", json!({}), "bad claim_hash/provider at front_id_token"),
        ("wrong_audience", json!({}), "bad claim_audience/provider at front_id_token"),
        ("expired_token", json!({}), "bad claim_expired/provider at front_id_token"),
        // The second ID token is of somebody else (OIDC Core 3.3.3.6).
        ("wrong_subject", json!({"after": 1}), "bad claim_subject/provider at id_token"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("form_login", hybrid).await;
        assert_eq!(shown(&ended), expected, "{fault}: {}", detail(&ended));
    }
}

/// OIDC Core 5.5; §3.1.2.1 `acr_values`, `max_age`.
#[tokio::test]
async fn claims_are_asked_for_one_by_one_and_the_essential_ones_must_come() {
    let stage = Stage::user("web", &["openid"]).await;
    let acr = format!("acr_values = [\"{ACR}\"]\nmax_age = \"5m\"\nexpect = {{ acr = \"{ACR}\" }}");
    let wanted = format!(
        "[claims.id_token]\nemail = {{ essential = true }}\nacr = {{ essential = true, values = [\"{ACR}\"] }}\n\
         [claims.userinfo]\nname = {{ essential = true, value = \"Alice Liddell\" }}\nnickname = {{}}"
    );
    for (own, expected) in [
        (acr.as_str(), "good"),
        (wanted.as_str(), "good"),
        ("expect = { acr = \"gold\" }", "bad claim_auth/provider at id_token"),
        ("acr_values = [\"gold\"]", "inconclusive unsupported/configuration at authorize"),
        ("[claims.id_token]\nacr = { essential = true, value = \"gold\" }", "bad oauth_error/provider at authorize"),
        ("[claims.id_token]\ngroups = { essential = true }", "bad claim_missing/provider at id_token"),
        ("[claims.userinfo]\ngroups = { essential = true }", "bad claim_missing/provider at userinfo"),
        (
            "[claims.userinfo]\nname = { essential = true, value = \"Bob\" }",
            "bad claim_unexpected/provider at userinfo",
        ),
        (
            "response_type = \"id_token\"\n[claims.id_token]\ngroups = { essential = true }",
            "bad claim_missing/provider at id_token",
        ),
    ] {
        let ended = stage.run("form_login", own).await;
        assert_eq!(shown(&ended), expected, "{own}: {}", detail(&ended));
    }
}

/// RFC 8707.
#[tokio::test]
async fn an_access_token_is_for_the_resource_that_was_asked_for() {
    let stage = Stage::user("web", SCOPES).await;
    let one = format!("resource = [\"{API}\"]");
    let both = format!("response_type = \"code token\"\nresource = [\"{API}\", \"{}/resource\"]", stage.lab.issuer);
    for own in [&one, &both] {
        let ended = stage.run("form_login", own).await;
        assert_eq!(shown(&ended), "good", "{own}: {}", detail(&ended));
        assert!(done(&ended).contains(&"access_token") && !done(&ended).contains(&"userinfo"), "{own}");
    }
    let ended = stage.run("form_login", "resource = [\"urn:unknown\"]").await;
    assert_eq!(shown(&ended), "bad oauth_error/provider at authorize");
    assert!(detail(&ended).contains("invalid_target: a `resource` is unknown"), "{}", detail(&ended));
    stage.fault("wrong_audience", &json!({"token": "access"}));
    let ended = stage.run("form_login", &one).await;
    assert_eq!(shown(&ended), "bad claim_audience/provider at access_token", "{}", detail(&ended));
}

/// OIDC Core 3.1.2.1 and 3.1.2.6, `prompt=none`.
#[tokio::test]
async fn a_login_is_renewed_without_the_user() {
    let stage = Stage::user("web", SCOPES).await;
    for own in [
        "prompt = \"none\"",
        "silent = true\nresponse_type = \"id_token token\"",
        "silent = true\nresponse_type = \"code id_token\"\nresponse_mode = \"form_post\"",
        "silent = true\nlogout = true",
    ] {
        let ended = stage.run("form_login", own).await;
        assert_eq!(shown(&ended), "good", "{own}: {}", detail(&ended));
        assert!(done(&ended).contains(&"silent"), "{own}");
    }
    for (fault, parameters, expected) in [
        ("authorization_error", json!({"error": "login_required", "after": 1}), "bad oauth_error/provider at silent"),
        ("authorization_error", json!({"error": "consent_required", "after": 1}), "bad oauth_error/provider at silent"),
        ("state_mangled", json!({"after": 1}), "bad state_mismatch/provider at silent"),
        ("wrong_subject", json!({"after": 1}), "bad claim_subject/provider at silent"),
        ("token_error", json!({"error": "invalid_grant", "after": 1}), "bad oauth_error/provider at silent"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("form_login", "silent = true").await;
        assert_eq!(shown(&ended), expected, "{fault}: {}", detail(&ended));
        assert!(done(&ended).contains(&"revoke"), "{fault}: what was issued is revoked");
    }
}

/// A broker on 127.0.0.1 whose users log in at a lab on 127.0.0.2, which has these faults from the start.
async fn broker(faults: &[&str]) -> (Stage, LabHandle) {
    let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
    let listen = ([127, 0, 0, 2], 0).into();
    let upstream = Lab::start(Options { listen, faults, ..Options::default() }).await.expect("the upstream lab starts");
    let options = Options { upstream: Some((upstream.issuer.clone(), "spa".to_owned())), ..Options::default() };
    let mut stage = Stage::before(options).await;
    stage.log_in("web", SCOPES);
    (stage, upstream)
}

fn hosts(ended: &Ended) -> Vec<(String, bool)> {
    let told = |observation: &Observation| match observation {
        Observation::HostTime { host, upstream, requests, seconds } => {
            assert!(*requests > 0 && *seconds > 0.0);
            Some((host.to_string(), *upstream))
        }
        _ => None,
    };
    ended.observations.iter().filter_map(told).collect()
}

#[tokio::test]
async fn a_login_goes_through_an_upstream_provider_and_back() {
    let (mut stage, _upstream) = broker(&[]).await;
    stage.provider.headers.insert("x-synthetic", "authprobe".parse().unwrap());
    for own in ["", "response_type = \"code id_token\"\nsilent = true"] {
        let ended = stage.run("form_login", own).await;
        assert_eq!(shown(&ended), "good", "{own}: {}", detail(&ended));
        assert_eq!(hosts(&ended), [("127.0.0.1".to_owned(), false), ("127.0.0.2".to_owned(), true)]);
        let theirs: Vec<_> = requests(&ended).filter(|request| request.host == "127.0.0.2").collect();
        assert!(theirs.len() >= 3 && theirs.iter().all(|request| request.endpoint == "upstream"), "{theirs:?}");
        assert!(requests(&ended).all(|request| request.host == "127.0.0.2" || request.endpoint != "upstream"));
    }
    // A list says whose pages are told apart; an empty one: nobody's.
    stage.provider.upstream = Some(vec![]);
    let ended = stage.run("form_login", "").await;
    assert_eq!((shown(&ended).as_str(), hosts(&ended)), ("good", vec![]));
    stage.provider.upstream = Some(vec!["127.0.0.2".to_owned()]);
    assert_eq!(hosts(&stage.run("form_login", "").await).len(), 2);
}

#[tokio::test]
async fn a_broken_upstream_provider_is_named_and_not_taken_for_the_probed_one() {
    for (faults, expected) in [
        (&["http_500=login_page"][..], "bad http_status/provider at authorize"),
        (&["connection_reset=authorization"], "bad reset/network at authorize"),
        (&["login_page_captcha"], "inconclusive challenge/configuration at login"),
        (&["login_page_maintenance"], "bad login_page/provider at login"),
        (&["wrong_password_page"], "inconclusive credentials/configuration at login"),
        (&["endpoint_http=authorization_endpoint"], "bad dns/network at authorize"),
    ] {
        let (stage, upstream) = broker(faults).await;
        let ended = stage.run("form_login", "").await;
        assert_eq!(shown(&ended), expected, "{faults:?}: {}", detail(&ended));
        let host = if expected.contains("dns") { "login.example.com" } else { "127.0.0.2" };
        let says = format!("at the upstream provider {host}, which is not the probed provider's own host: ");
        assert!(detail(&ended).starts_with(&says), "{faults:?}: {}", detail(&ended));
        drop(upstream);
    }
    // What the broker itself makes of it is its own page.
    let (stage, upstream) = broker(&["token_error"]).await;
    let ended = stage.run("form_login", "").await;
    assert_eq!(shown(&ended), "bad http_status/provider at login");
    assert!(!detail(&ended).contains("upstream provider 127"), "{}", detail(&ended));
    drop(upstream);
}
