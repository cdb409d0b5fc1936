//! The logins of tests/idp over plain HTTP: what can be walked is, and what cannot is said for what it is.

use serde_json::{Value, json};

use crate::support::idp::Idp;
use crate::support::net;
use crate::support::scene::Scene;

/// A probe whose authorization request names the scene.
fn probe(scene: &str, user: &str, more: &str) -> String {
    format!(
        "[[probe]]\nname = \"login\"\nkind = \"form_login\"\nclient = \"web\"\nuser = \"{user}\"\n\
         parameters = {{ scene = \"{scene}\" }}\n{more}"
    )
}

fn with_users(idp: &Idp) -> Scene {
    let mut scene = Scene::new(idp);
    scene.folder.write("tess.totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    let user = |name: &str, more: &str| {
        format!(
            "[[user]]\nname = \"{name}\"\nusername = \"{name}\"\npassword = {{ file = \"alice.password\" }}\n{more}\n"
        )
    };
    scene.more = [user("tess", "totp = { file = \"tess.totp\" }"), user("lou", "")].concat();
    scene
}

#[test]
fn logins_without_scripts_are_walked_by_the_obvious_fields_and_by_preset() {
    let idp = Idp::start();
    let scene = with_users(&idp);
    for (name, user, more) in [
        ("two-step", "alice", ""),
        ("plain", "tess", ""),
        ("renamed", "alice", ""),
        ("plain", "alice", "page = \"oidc-provider\""),
        ("plain", "alice", "page = \"generic\""),
    ] {
        let (code, run) = scene.probe_once(&probe(name, user, more), "login");
        assert_eq!((code, run.fault().as_str()), (0, ""), "{name} {user} {more}");
    }
}

#[test]
fn what_cannot_be_walked_is_said_for_what_it_is() {
    let idp = Idp::start();
    let scene = with_users(&idp);
    for (name, user, more, expected) in [
        ("captcha", "alice", "", "challenge/configuration at login"),
        ("approve", "alice", "", "challenge/configuration at login"),
        ("sms", "alice", "", "challenge/configuration at login"),
        ("plain", "lou", "", "credentials/configuration at login"),
        ("renamed", "alice", "page = \"oidc-provider\"", "login_page/provider at login"),
        ("live", "alice", "", "unsupported/configuration at login"),
        ("live", "alice", "page = \"oidc-provider\"", "unsupported/configuration at login"),
        ("hang", "alice", "timeout = \"2s\"", "timeout/network at authorize"),
    ] {
        let (_, run) = scene.probe_once(&probe(name, user, more), "login");
        assert_eq!(run.fault(), expected, "{name} {user} {more}: {}", run.0["fault"]);
    }
    // For all logins from now on, whatever they ask for.
    idp.scene("captcha");
    let (_, run) = scene.probe_once(&probe("plain", "alice", ""), "login");
    assert_eq!(run.fault(), "challenge/configuration at login");
}

#[test]
fn a_preset_that_nobody_has_tried_is_pointed_out() {
    let scene = with_users(&Idp::start());
    let said = |page: &str| {
        let finished = scene.command(&probe("plain", "alice", &format!("page = \"{page}\"")), "check", &[]);
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.stdout + &finished.stderr
    };
    let keycloak = said("keycloak");
    assert!(keycloak.contains("page `keycloak` is untried") && keycloak.contains("Keycloak 26"), "{keycloak}");
    assert!(!said("canaille").contains("untried"));
}

/// What the stories of real browsers stand on.
#[test]
fn the_application_and_the_passkeys_of_the_provider_are_there() {
    let idp = Idp::start();
    assert!(net::get(&format!("{}/", idp.app)).unwrap().body.contains("Log in"));
    let passkey = idp.control("POST", "/passkeys", &json!({ "user": "alice" }));
    assert_eq!(passkey["rpId"], "127.0.0.1");
    assert_eq!(idp.control("GET", "/passkeys", &Value::Null), json!({ "alice": 0 }));
}
