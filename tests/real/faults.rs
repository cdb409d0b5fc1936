//! The provider breaks in one place after the other: class, blame and step are right each time.

use serde_json::json;

use crate::support::Folder;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::scene::{EVERY_KIND, Scene};

/// Runs a probe once and says what was wrong, with the exit code.
fn fault(scene: &Scene, probe: &str) -> (i32, String) {
    let (code, run) = scene.probe_once(EVERY_KIND, probe);
    (code, run.fault())
}

#[test]
fn a_stopped_provider_refuses_the_connection() {
    let mut idp = Idp::start();
    let scene = Scene::new(&idp);
    idp.stop();
    for probe in ["discovery", "keys", "machine", "login", "refresh", "revocation", "exchange"] {
        assert_eq!(fault(&scene, probe), (1, "connect/network at discovery".into()), "{probe}");
    }
}

#[test]
fn a_broken_endpoint_is_found_at_its_step() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);

    idp.fail(json!({ "/jwks": { "status": 503 } }));
    assert_eq!(fault(&scene, "keys"), (1, "http_status/provider at jwks".into()));
    assert_eq!(fault(&scene, "login"), (1, "http_status/provider at jwks".into()));

    idp.fail(json!({ "/token": { "status": 500 } }));
    assert_eq!(fault(&scene, "machine"), (1, "http_status/provider at token".into()));
    assert_eq!(fault(&scene, "login"), (1, "http_status/provider at token".into()));

    // RFC 6585 §4
    idp.fail(json!({ "/token": { "status": 429, "headers": { "retry-after": "7" } } }));
    assert_eq!(fault(&scene, "machine"), (1, "rate_limited/provider at token".into()));

    // RFC 6749 §5.1: an answer of 200 is JSON.
    idp.fail(
        json!({ "/token": { "status": 200, "headers": { "content-type": "text/html" }, "body": "<html>busy</html>" } }),
    );
    assert_eq!(fault(&scene, "machine"), (1, "malformed/provider at token".into()));

    // OIDC Discovery 1.0 §4.3: the issuer must be identical.
    let other = json!({ "issuer": "http://127.0.0.1:1", "jwks_uri": format!("{}/jwks", idp.issuer) }).to_string();
    idp.fail(json!({ "/.well-known/openid-configuration": {
        "status": 200, "headers": { "content-type": "application/json" }, "body": other } }));
    assert_eq!(fault(&scene, "discovery"), (1, "issuer_mismatch/provider at discovery".into()));
    assert_eq!(fault(&scene, "login"), (1, "issuer_mismatch/provider at discovery".into()));

    // OIDC Core 5.3.2: userinfo must name the subject of the ID token.
    idp.fail(json!({ "/me": {
        "status": 200, "headers": { "content-type": "application/json" }, "body": r#"{"sub":"mallory"}"# } }));
    assert_eq!(fault(&scene, "login"), (1, "claim_subject/provider at userinfo".into()));

    idp.fail(json!({}));
    assert_eq!(fault(&scene, "login"), (0, String::new()));
}

#[test]
fn a_late_answer_is_a_timeout() {
    let idp = Idp::start();
    idp.fail(json!({ "/token": { "delay": 60_000 } }));
    let scene = Scene::new(&idp);
    let probes = EVERY_KIND.replace("kind = \"client_credentials\"", "kind = \"client_credentials\"\ntimeout = \"1s\"");
    let (code, run) = scene.probe_once(&probes, "machine");
    assert_eq!((code, run.fault().as_str()), (1, "timeout/network at token"));
    let took = run.0["duration_seconds"].as_f64().unwrap();
    // The last of it is kept for the record.
    assert!((0.9..3.0).contains(&took), "took {took} s");
}

#[test]
fn certificates_are_judged_as_clients_do() {
    let folder = Folder::new();
    let expired = certificate(&folder, "-400d", 30);
    let idp = Idp::with(&Options { certificate: Some(&expired), ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{}\"", expired.authority.display());
    for probe in ["discovery", "login"] {
        assert_eq!(fault(&scene, probe), (1, "certificate/provider at discovery".into()), "expired, {probe}");
    }

    let folder = Folder::new();
    let good = certificate(&folder, "+0d", 30);
    let idp = Idp::with(&Options { certificate: Some(&good), ..Options::default() });
    let mut scene = Scene::new(&idp);
    assert_eq!(fault(&scene, "keys"), (1, "certificate/provider at discovery".into()), "unknown authority");
    scene.provider = format!("ca_file = \"{}\"", good.authority.display());
    assert_eq!(fault(&scene, "keys"), (0, String::new()));

    let idp =
        Idp::with(&Options { certificate: Some(&good), name: Some("localhost.localdomain"), ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{}\"", good.authority.display());
    scene.regions.push_str("resolve = { \"localhost.localdomain\" = \"127.0.0.1\" }\n");
    assert_eq!(fault(&scene, "keys"), (1, "certificate/provider at discovery".into()), "another name");
}
