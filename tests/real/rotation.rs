//! Key rotation as OIDC Core 10.1.1 means it, and as it goes wrong.

use serde_json::{Value, json};

use crate::support::authprobe::Daemon;
use crate::support::idp::Idp;
use crate::support::net;
use crate::support::scene::{EVERY_KIND, Scene};
use crate::support::{PATIENCE, eventually};

const ROTATIONS: &str = "authprobe_jwks_rotations_total";
const UNSAFE: &str = "authprobe_jwks_unsafe_rotations_total";

fn probes(names: &[&str]) -> String {
    let named = |table: &&str| names.iter().any(|name| table.contains(&format!("name = \"{name}\"")));
    EVERY_KIND.split("\n\n").filter(named).collect::<Vec<_>>().join("\n\n")
}

/// Its keys, the latest published first.
fn keys(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/keys").json()["providers"][0]["keys"].as_array().unwrap().clone()
}

#[test]
fn with_overlap_it_is_good() {
    let mut idp = Idp::start();
    let scene = Scene::new(&idp);
    let daemon = scene.daemon(&probes(&["keys", "login"]));
    let login = &["probe=\"login\""];
    daemon.until("authprobe_runs_total", login, |runs| runs >= 1.0);
    assert_eq!((daemon.sample(ROTATIONS, &[]), daemon.sample(UNSAFE, &[])), (Some(0.0), Some(0.0)));

    idp.rotate("publish");
    daemon.until(ROTATIONS, &[], |rotations| rotations == 1.0);
    daemon.until("authprobe_jwks_keys", &["probe=\"keys\""], |keys| keys == 2.0);
    idp.rotate("promote");
    let before = daemon.sample("authprobe_runs_total", login).unwrap();
    daemon.until("authprobe_runs_total", login, |runs| runs >= before + 3.0);
    let [new, old] = &keys(&daemon)[..] else { panic!("{:?}", keys(&daemon)) };
    assert_eq!((&old["or_before"], &new["or_before"]), (&json!(true), &json!(false)));
    assert!(new["published_at"].as_str() < new["first_signed_at"].as_str(), "{new}");
    assert!(old["last_signed_at"].as_str() <= new["first_signed_at"].as_str(), "{old} {new}");
    for key in [old, new] {
        assert_eq!(
            (&key["regions"], &key["removed_at"], &key["flaws"]),
            (&json!(["direct"]), &json!(null), &json!([]))
        );
    }

    assert_eq!(daemon.sample(ROTATIONS, &[]), Some(1.0), "a key that begins to sign is no second rotation");
    assert_eq!(daemon.sample(UNSAFE, &[]), Some(0.0));
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0));
    assert_eq!(daemon.sample("authprobe_runs_inconclusive_total", &[]), Some(0.0));
}

#[test]
fn without_overlap_it_is_unsafe() {
    let mut idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.more = "[store]\npath = \"ledger.db\"\n".to_owned();
    let mut daemon = scene.daemon(&probes(&["keys", "login"]));
    // Tokens of five minutes have been seen: their key may not go.
    daemon.until("authprobe_runs_total", &["probe=\"login\""], |runs| runs >= 1.0);
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 1.0);
    idp.rotate("replace");
    daemon.until(UNSAFE, &[], |rotations| rotations == 1.0);
    assert_eq!(daemon.sample(ROTATIONS, &[]), Some(1.0));
    let flawed = |daemon: &Daemon| keys(daemon).into_iter().find(|key| key["flaws"] != json!([]));
    let key = eventually("the flaw", || flawed(&daemon));
    assert!(
        key["flaws"][0]["what"].as_str().unwrap().contains(" was removed; tokens that it signed live for "),
        "{key}"
    );
    assert_eq!((&key["removed_at"], &key["regions"]), (&key["flaws"][0]["at"], &json!([])));
    // The ledger has it at the end, and the next process tells of it.
    assert_eq!(daemon.terminate(PATIENCE), 0);
    let daemon = scene.daemon(&probes(&["keys"]));
    assert_eq!(flawed(&daemon), Some(key));
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 1.0);
    let published = keys(&daemon).into_iter().find(|key| key["removed_at"] == json!(null)).unwrap();
    assert_eq!(published["or_before"], json!(false), "it came while the process before looked: {published}");
}

#[test]
fn another_key_under_the_same_name_is_unsafe() {
    let mut idp = Idp::start();
    let scene = Scene::new(&idp);
    let daemon = scene.daemon(&probes(&["keys"]));
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 1.0);
    idp.rotate("reuse_kid");
    daemon.until(UNSAFE, &[], |rotations| rotations == 1.0);
}

#[test]
fn a_key_that_is_used_before_it_is_published_is_not_found() {
    let mut idp = Idp::start();
    let scene = Scene::new(&idp);
    // A cache in front of the key set that goes on serving what it has.
    let stale = net::get(&format!("{}/jwks", idp.issuer)).unwrap();
    let answer =
        json!({ "status": 200, "headers": { "content-type": "application/jwk-set+json" }, "body": stale.body });
    idp.fail(json!({ "/jwks": answer }));
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!((code, run.fault().as_str()), (0, ""));

    idp.rotate("replace");
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!(code, 1);
    assert!(run.fault().starts_with("key_not_found/provider at "), "{}", run.fault());
    // One fresh fetch before the verdict (OIDC Core 10.1.1).
    let fetches = run.requests().iter().filter(|request| request["endpoint"] == "jwks").count();
    assert_eq!(fetches, 2);
}
