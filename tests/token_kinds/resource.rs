//! `resource` (RFC 6750, CORS).

use std::time::Duration;

use authprobe::outcome::Observation;
use serde_json::json;

use crate::{Scene, cleanups, clock, none, shown, skipped};

const FORGED: [&str; 5] = ["expired", "alg_none", "wrong_audience", "wrong_issuer", "foreign_key"];

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_its_duty_is_good() {
    let mut scene = Scene::new().await;
    let all = format!(
        "url = '{}'\norigin = 'https://app.example.com'\nrevoked = true\ntoo_few_scopes = ['profile']\n\
         other_audience = {{ audience = ['web'] }}\nexpect_status = 200",
        scene.resource()
    );
    let ended = scene.run("resource", &all).await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(skipped(&ended).into_keys().collect::<Vec<_>>(), ["authorize", "login"]);
    assert!(cleanups(&ended).iter().all(|(_, note)| note.is_empty()), "{:?}", cleanups(&ended));
    for method in ["HEAD", "POST"] {
        let own = format!("url = '{}'\nmethod = '{method}'", scene.resource());
        assert_eq!(shown(&scene.run("resource", &own).await), "good", "{method}");
    }
    (scene.client, scene.user) = (Some("web"), true);
    let own = format!("url = '{}'\nrevoked = true", scene.resource());
    assert_eq!(shown(&scene.run("resource", &own).await), "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_opaque_token_nothing_is_forged() {
    let scene = Scene::new().await.machine(Some("opaque"));
    let ended = scene.run("resource", &format!("url = '{}'\nscopes = ['api']", scene.resource())).await;
    assert_eq!(shown(&ended), "good");
    for step in FORGED {
        assert_eq!(skipped(&ended)[step], "the token is opaque: there is nothing to forge", "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_check_is_found_at_its_step() {
    let scene = Scene::new().await;
    let own = format!(
        "url = '{}'\nrevoked = true\nbound = '1s'\ntoo_few_scopes = ['profile']\norigin = 'https://app.example.com'",
        scene.resource()
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
        let ended = scene.under("resource_trusting", &json!({"check": check}), "resource", &own).await;
        assert_eq!(ended, format!("attack_accepted/provider at {step}"), "{check}");
    }
    let ended = scene.under("resource_trusting", &json!({"check": "revocation"}), "resource", &own).await;
    assert_eq!(ended, "revocation_ineffective/provider at revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_that_is_accepted_is_told() {
    let scene = Scene::new().await;
    scene.fault("resource_trusting", &none());
    let ended = scene.run("resource", &format!("url = '{}'", scene.resource())).await;
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
    let (clock, now) = clock();
    let scene = Scene::at(clock).await;
    let own = format!("url = '{}'", scene.resource());
    // A resource that knows every forgery, but looks at no clock.
    scene.fault("resource_trusting", &json!({"check": "age"}));
    let shows = |ended: &authprobe::journey::Ended| {
        ended.steps.iter().find(|step| step.name == "expired").unwrap().requests.len()
    };
    let ended = scene.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("good", 1));
    assert!(cleanups(&ended).contains(&("aging_token", String::new())));
    // Its five minutes are over, but not by the ten that some allow for clocks that differ.
    scene.clock.set(now + Duration::from_secs(310));
    let ended = scene.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("good", 1));
    scene.clock.set(now + Duration::from_secs(910));
    let ended = scene.run("resource", &own).await;
    assert_eq!((shown(&ended).as_str(), shows(&ended)), ("attack_accepted/provider at expired", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_other_ways_are_told_apart() {
    let scene = Scene::new().await;
    let own = format!("url = '{}'\norigin = 'https://app.example.com'", scene.resource());
    let no_challenge = scene.under("resource_no_challenge", &none(), "resource", &own).await;
    assert_eq!(no_challenge, format!("good{}", " challenge_missing".repeat(7)));
    for (fault, parameters, expected) in [
        ("resource_error_500", none(), "http_status/provider at without_token"),
        ("cors_missing", none(), "malformed/provider at preflight"),
        ("cors_wildcard_headers", none(), "malformed/provider at preflight"),
        ("http_503", json!({"endpoint": "resource"}), "http_status/provider at access"),
        ("connection_reset", json!({"endpoint": "resource"}), "reset/network at access"),
        ("redirect_loop", json!({"endpoint": "resource"}), "redirect/provider at access"),
    ] {
        assert_eq!(scene.under(fault, &parameters, "resource", &own).await, expected, "{fault}");
    }
    scene.lab.clear_faults();
    let refused = format!("url = '{}'\nscopes = ['profile']", scene.resource());
    let ended = scene.run("resource", &refused).await;
    assert_eq!(shown(&ended), "oauth_error/provider at access");
    assert!(ended.fault.unwrap().detail.contains("insufficient_scope"));
    let status = format!("url = '{}'\nexpect_status = 201", scene.resource());
    assert_eq!(shown(&scene.run("resource", &status).await), "http_status/provider at access");
}

/// Another server than the provider's: what it answers, and which headers it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_elsewhere_is_named_and_gets_nothing_of_the_providers() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut scene = Scene::new().await;
    scene.provider.headers.insert("x-synthetic", "authprobe".parse().unwrap());
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
    let ended = scene.run("resource", &format!("url = 'http://{address}/me'")).await;
    assert_eq!(shown(&ended), "http_status/provider at without_token");
    assert!(ended.fault.unwrap().detail.starts_with("127.0.0.2"), "the detail names the API's host");
    let heard = heard.await.unwrap();
    assert!(heard[0].contains("authorization: bearer ") && !heard[1].contains("authorization"));
    assert!(heard.iter().all(|request| !request.contains("x-synthetic") && !request.contains("cookie")));
    // Nobody listens any more.
    let ended = scene.run("resource", &format!("url = 'http://{address}/me'")).await;
    assert_eq!(shown(&ended), "connect/network at access");
    assert!(ended.fault.unwrap().detail.contains("127.0.0.2"));
}
