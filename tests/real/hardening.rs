//! Attacks on a certified provider: all of them are refused.

use serde_json::Value;

use crate::support::idp::Idp;
use crate::support::scene::Scene;

const DOORS: &str = r#"
[[probe]]
name = "doors"
kind = "hardening"
client = "web"
user = "alice"
timeout = "2m"

[[probe]]
name = "public"
kind = "hardening"
client = "spa"
user = "alice"
timeout = "2m"

[[probe]]
name = "machine"
kind = "hardening"
client = "svc"
"#;

const SPA: &str = r#"
[[client]]
name = "spa"
provider = "main"
client_id = "spa"
auth_method = "none"
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "offline_access"]
"#;

/// Attacks of a run by what became of them.
pub fn attacks(run: &Value, wanted: &Value) -> Vec<String> {
    let all = run["observations"].as_array().expect("observations");
    let mine = all.iter().filter(|observation| observation["what"] == "attack" && observation["accepted"] == *wanted);
    mine.map(|observation| observation["attack"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_certified_provider_refuses_every_attack() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.more = SPA.to_owned();
    for (probe, least, among) in [
        ("doors", 30, &["redirect_host_suffix", "pkce_missing", "client_auth_missing", "code_replay"][..]),
        ("public", 26, &["pkce_plain", "pkce_wrong_verifier", "refresh_replay", "code_replay"]),
        ("machine", 3, &["client_auth_missing", "assertion_unsigned"]),
    ] {
        let (code, run) = scene.probe_once(DOORS, probe);
        assert_eq!((code, run.verdict()), (0, "good"), "{probe}: {}", run.0);
        let refused = attacks(&run.0, &Value::Bool(false));
        assert!(refused.len() >= least, "{probe}: {refused:?}");
        for attack in among {
            assert!(refused.iter().any(|name| name == attack), "{probe}: {attack} was not tried: {refused:?}");
        }
        assert_eq!(attacks(&run.0, &Value::Null), Vec::<String>::new(), "{probe}");
    }
}
