//! `resource` (RFC 6750, CORS).

use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::lab::Options;
use authprobe::outcome::Observation;
use serde_json::json;

use crate::lab_stage::{Stage, cleanups, none, shown, skipped};
use crate::{SCOPES, machine};

const FORGED: [&str; 5] = ["expired", "alg_none", "wrong_audience", "wrong_issuer", "foreign_key"];

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_its_duty_is_good() {
    let mut stage = machine().await;
    let all = format!(
        "url = '{}'\norigin = 'https://app.example.com'\nrevoked = true\ntoo_few_scopes = ['profile']\n\
         other_audience = {{ audience = ['web'] }}\nexpect_status = 200",
        stage.resource()
    );
    let ended = stage.run("resource", &all).await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(skipped(&ended).into_keys().collect::<Vec<_>>(), ["authorize", "login"]);
    assert!(cleanups(&ended).iter().all(|(_, note)| note.is_empty()), "{:?}", cleanups(&ended));
    for method in ["HEAD", "POST"] {
        let own = format!("url = '{}'\nmethod = '{method}'", stage.resource());
        assert_eq!(shown(&stage.run("resource", &own).await), "good", "{method}");
    }
    stage.log_in("web", SCOPES);
    let own = format!("url = '{}'\nrevoked = true", stage.resource());
    assert_eq!(shown(&stage.run("resource", &own).await), "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_opaque_token_nothing_is_forged() {
    let stage = Stage::machine("opaque").await;
    let ended = stage.run("resource", &format!("url = '{}'\nscopes = ['api']", stage.resource())).await;
    assert_eq!(shown(&ended), "good");
    for step in FORGED {
        assert_eq!(skipped(&ended)[step], "the token is opaque: there is nothing to forge", "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_check_is_found_at_its_step() {
    let stage = machine().await;
    let own = format!(
        "url = '{}'\nrevoked = true\nbound = '1s'\ntoo_few_scopes = ['profile']\norigin = 'https://app.example.com'",
        stage.resource()
    );
    for (check, step) in [
        ("token", "without_token"),
        ("signature", "tampered"),
        ("expiry", "expired"),
        ("algorithm", "alg_none"),
        ("audience", "wrong_audience"),
        ("issuer", "wrong_issuer"),
        ("key", "foreign_key"),
        ("scope", "insufficient_scope"),
    ] {
        let ended = stage.under("resource_trusting", &json!({"check": check}), "resource", &own).await;
        assert_eq!(ended, format!("bad attack_accepted/provider at {step}"), "{check}");
    }
    let ended = stage.under("resource_trusting", &json!({"check": "revocation"}), "resource", &own).await;
    assert_eq!(ended, "bad revocation_ineffective/provider at revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_that_is_accepted_is_told() {
    let stage = machine().await;
    stage.fault("resource_trusting", &none());
    let ended = stage.run("resource", &format!("url = '{}'", stage.resource())).await;
    let fault = ended.fault.as_ref().unwrap();
    assert_eq!((fault.step, fault.class.as_str()), ("tampered", "attack_accepted"));
    let told: Vec<_> = fault.findings.iter().map(|finding| finding.clause).collect();
    let clauses = ["RFC 7515 §5.2", "RFC 7519 §4.1.4", "RFC 8725 §3.2", "RFC 9068 §4", "RFC 9068 §4", "RFC 8725 §3.10"];
    assert_eq!(told, clauses);
    let accepted = ended.observations.iter().filter_map(|observation| match observation {
        Observation::Attack { attack, accepted: Some(true) } => Some(*attack),
        _ => None,
    });
    let attacks = ["tampered", "expired", "alg_none", "wrong_audience", "wrong_issuer", "foreign_key"];
    assert_eq!(accepted.collect::<Vec<_>>(), attacks);
    assert!(fault.detail.starts_with("127.0.0.1 accepts"), "{}", fault.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_grew_old_is_refused_as_well() {
    // It runs on from now, and can be set.
    let now = Clock::system().now();
    let mut stage = Stage::before(Options { clock: Clock::following(now), ..Options::default() }).await;
    stage.client = Some(stage.client_of("svc"));
    let own = format!("url = '{}'", stage.resource());
    // A resource that knows every forgery, but looks at no clock.
    stage.fault("resource_trusting", &json!({"check": "age"}));
    let shows = |ended: &authprobe::journey::Ended| {
        ended.steps.iter().find(|step| step.name == "expired").unwrap().requests.len()
    };
    let ended = stage.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("good", 1));
    assert!(cleanups(&ended).contains(&("aging_token", String::new())));
    // Its five minutes are over, but not by the ten that some allow for clocks that differ.
    stage.clock.set(now + Duration::from_secs(310));
    let ended = stage.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("good", 1));
    stage.clock.set(now + Duration::from_secs(910));
    let ended = stage.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("bad attack_accepted/provider at expired", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_other_ways_are_told_apart() {
    let stage = machine().await;
    let own = format!("url = '{}'\norigin = 'https://app.example.com'", stage.resource());
    stage.fault("resource_no_challenge", &none());
    let ended = stage.run("resource", &own).await;
    assert_eq!(shown(&ended), "good challenge_missing");
    assert_eq!(ended.warnings.len(), 7, "once for each refusal");
    for (fault, parameters, expected) in [
        ("resource_error_500", none(), "bad http_status/provider at without_token"),
        ("cors_missing", none(), "bad malformed/provider at preflight"),
        ("cors_wildcard_headers", none(), "bad malformed/provider at preflight"),
        ("http_503", json!({"endpoint": "resource"}), "bad http_status/provider at access"),
        ("connection_reset", json!({"endpoint": "resource"}), "bad reset/network at access"),
        ("redirect_loop", json!({"endpoint": "resource"}), "bad redirect/provider at access"),
    ] {
        assert_eq!(stage.under(fault, &parameters, "resource", &own).await, expected, "{fault}");
    }
    stage.lab.clear_faults();
    let refused = format!("url = '{}'\nscopes = ['profile']", stage.resource());
    let ended = stage.run("resource", &refused).await;
    assert_eq!(shown(&ended), "bad oauth_error/provider at access");
    assert!(ended.fault.unwrap().detail.contains("insufficient_scope"));
    let status = format!("url = '{}'\nexpect_status = 201", stage.resource());
    assert_eq!(shown(&stage.run("resource", &status).await), "bad http_status/provider at access");
}

/// Another server than the provider's: what it answers, and which headers it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_elsewhere_is_named_and_gets_nothing_of_the_providers() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stage = machine().await;
    stage.provider.headers.insert("x-synthetic", "authprobe".parse().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        // The good token, then none.
        for status in ["200 OK", "500 Internal Server Error"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 16 * 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            heard.push(String::from_utf8_lossy(&buffer[..read]).to_lowercase());
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heard
    });
    let ended = stage.run("resource", &format!("url = 'http://{address}/me'")).await;
    assert_eq!(shown(&ended), "bad http_status/provider at without_token");
    assert!(ended.fault.unwrap().detail.starts_with("127.0.0.2"), "the detail names the API's host");
    let heard = heard.await.unwrap();
    assert!(heard[0].contains("authorization: bearer ") && !heard[1].contains("authorization"));
    assert!(heard.iter().all(|request| !request.contains("x-synthetic") && !request.contains("cookie")));
    // Nobody listens any more.
    let ended = stage.run("resource", &format!("url = 'http://{address}/me'")).await;
    assert_eq!(shown(&ended), "bad connect/network at access");
    assert!(ended.fault.unwrap().detail.contains("127.0.0.2"));
}
