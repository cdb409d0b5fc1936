//! Second factors and passkeys that we have.

use serde_json::{Value, json};

use super::{assert_good, forms_sent, login, now, on_demand, once, probe, scene};
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// With a user who has a seed.
fn tess(idp: &Idp) -> Scene {
    let mut stage = Scene::new(idp);
    stage.folder.write("tess.totp", SEED);
    stage.more = "[[user]]\nname = \"tess\"\nusername = \"tess\"\npassword = { file = \"alice.password\" }\n\
                  totp = { file = \"tess.totp\" }\n"
        .into();
    stage
}

#[test]
fn two_regions_use_a_code_each_of_one_user() {
    let idp = Idp::start();
    let mut stage = tess(&idp);
    stage.regions = "[[region]]\nname = \"north\"\n\n[[region]]\nname = \"south\"\n".into();
    // A code is good once in its half minute (RFC 6238 §5.2): the second login waits for the next.
    let probes = login("timeout = \"90s\"").replace("\"alice\"", "\"tess\"");
    let (sent, (code, runs)) = forms_sent(&idp, || stage.probe(&probes, "login"));
    assert_eq!(runs.len(), 2);
    for run in &runs {
        assert_good(run, run.region());
    }
    // Password, code and consent, none of it twice.
    assert_eq!((code, sent), (0, 6));
    super::processes::nothing_is_left(&stage.temporary);
}

#[test]
fn a_passkey_logs_in_again_and_again() {
    let idp = Idp::with(&Options { name: Some("localhost"), ..Options::default() });
    let mut stage = Scene::new(&idp);
    stage.more = "[[user]]\nname = \"keyed\"\nusername = \"alice\"\npassword = { file = \"alice.password\" }\n\
                  passkey = { file = \"alice.passkey\" }\n"
        .into();
    let passkey = idp.control("POST", "/passkeys", &json!({ "user": "alice" }));
    stage.folder.write("alice.passkey", &passkey.to_string());
    let counter = || idp.control("GET", "/passkeys", &Value::Null)["alice"].as_u64().unwrap();
    let names = ["passkey", "passkey-second"];
    let probes = names.map(|name| probe(name, &scene(name)).replace("\"alice\"", "\"keyed\""));
    let mut last = counter();
    {
        let daemon = on_demand(&mut stage, &probes);
        for name in ["passkey", "passkey-second", "passkey"] {
            assert_good(&now(&daemon, name), name);
            let counted = counter();
            // One that does not grow is a clone's (WebAuthn §6.1.1).
            assert!(counted > last, "{name}: {counted} after {last}");
            last = counted;
        }
    }
    // Of another process, which remembers nothing.
    let (code, run) = stage.probe_once(&probes[0], "passkey");
    assert_good(&run, "another process");
    assert_eq!(code, 0);
    assert!(counter() > last);

    // Who has none cannot go on: that is ours to mend.
    let (code, run) = once(&stage, &scene("passkey"));
    assert_eq!((code, run.fault().as_str()), (3, "challenge/configuration at login"), "{}", super::detail(&run));
    super::assert_says(&run, &["passkey"]);
}
