//! Against the real provider of tests/idp.

use serde_json::json;

use crate::stage::Found;
use crate::support::authprobe::authprobe;
use crate::support::idp::Idp;
use crate::support::net;
use crate::support::scene::{EVERY_KIND, Scene};

fn smoke(scene: &Scene, arguments: &[&str]) -> Found {
    Found::of(&scene.command(EVERY_KIND, "smoke", &[arguments, &["--format", "json"]].concat()))
}

#[test]
fn a_good_deploy_is_good() {
    let idp = Idp::start();
    let found = smoke(&Scene::new(&idp), &[]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!(found.probes().len(), 7);
}

#[test]
fn a_bad_deploy_is_bad_with_its_class() {
    let mut idp = Idp::start();
    let scene = Scene::new(&idp);
    idp.fail(json!({ "/token": { "status": 500 } }));
    let found = smoke(&scene, &[]);
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    for probe in ["machine", "login", "refresh"] {
        assert_eq!(found.of_check(probe), "bad http_status/provider at token", "{probe}");
    }
    assert_eq!(found.of_check("exchange"), "bad http_status/provider at subject_token");
    assert_eq!((found.of_check("discovery"), found.of_check("keys")), ("good".into(), "good".into()));

    // The signing key is swapped while a cache goes on serving the old key set.
    idp.fail(json!({}));
    let stale = net::get(&format!("{}/jwks", idp.issuer)).unwrap().body;
    let headers = json!({ "content-type": "application/jwk-set+json" });
    idp.fail(json!({ "/jwks": { "status": 200, "headers": headers, "body": stale } }));
    assert_eq!(smoke(&scene, &["--probe", "login"]).code, 0);
    idp.rotate("replace");
    let found = smoke(&scene, &["--probe", "login", "--probe", "keys"]);
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert!(found.of_check("login").starts_with("bad key_not_found/provider at "), "{}", found.of_check("login"));

    idp.stop();
    let found = smoke(&scene, &["--probe", "discovery"]);
    assert_eq!((found.code, found.of_check("discovery")), (1, "bad connect/network at discovery".into()));
}

#[test]
fn our_own_mistakes_are_never_bad() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.svc_secret = "not-the-secret".into();
    let found = smoke(&scene, &["--probe", "machine", "--probe", "keys"]);
    assert_eq!(found.verdict(), (3, "inconclusive"), "{:#}", found.json);
    assert_eq!(found.of_check("machine"), "inconclusive credentials/configuration at token");
    assert_eq!(found.check("machine")["fault"]["account"]["name"], "svc");
    let arguments =
        ["smoke", "--issuer", &idp.issuer, "--client-id", "svc", "--client-secret-env", "OURS", "--format", "json"];
    let finished = authprobe(&arguments, &[("OURS", "not-the-secret")]);
    assert_eq!(Found::of(&finished).of_check("token"), "inconclusive credentials/configuration at token");
    let finished = authprobe(&arguments, &[("OURS", "svc-secret")]);
    assert_eq!(finished.code, 0, "{finished:?}");
}

/// Each code is good once, and there are two a minute.
#[test]
fn one_time_codes_are_never_used_twice() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.folder.write("tess.totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    scene.more = "[[user]]\nname = \"tess\"\nusername = \"tess\"\npassword = { file = \"alice.password\" }\n\
                  totp = { file = \"tess.totp\" }\n"
        .into();
    let probe = |name: &str| {
        format!("[[probe]]\nname = \"{name}\"\nkind = \"form_login\"\nclient = \"web\"\nuser = \"tess\"\n\n")
    };
    let probes = [probe("one"), probe("two")].concat();
    let finished = scene.command(&probes, "smoke", &["--format", "json"]);
    let found = Found::of(&finished);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    let took = |probe: &str| found.check(probe)["runs"][0]["duration_seconds"].as_f64().unwrap();
    assert!(took("one") < 20.0 && took("two") < 20.0, "the wait for a code is no part of a run");
    let short = scene.command(&probes, "smoke", &["--runs", "3", "--deadline", "1m"]);
    assert_eq!(short.code, 2, "{short:?}");
    assert!(short.stderr.contains("user tess logs in 6 times"), "{}", short.stderr);
}
