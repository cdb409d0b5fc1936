//! What a probe demands of the user's claims, at a provider that keeps to OIDC Core 5.4: with a code flow, `email` and
//! `profile` are answered by userinfo, not by the ID token.

use crate::support::idp::Idp;
use crate::support::scene::{EVERY_KIND, Scene};

#[test]
fn claims_may_come_from_userinfo() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let demanding = |claims: &str| {
        let expect = format!("kind = \"form_login\"\nexpect = {{ claims = {{ {claims} }} }}");
        let (code, run) = scene.probe_once(&EVERY_KIND.replace("kind = \"form_login\"", &expect), "login");
        (code, run.fault())
    };
    assert_eq!(demanding("email_verified = true, sub = \"alice\""), (0, String::new()));
    assert_eq!(demanding("email = \"bob@example.test\""), (1, "claim_unexpected/provider at userinfo".into()));
    assert_eq!(demanding("phone_number = \"1\""), (1, "claim_missing/provider at userinfo".into()));
    // What the ID token has is judged there.
    assert_eq!(demanding("sub = \"bob\""), (1, "claim_unexpected/provider at id_token".into()));
}
