//! Where a login ends: every way in which an answer comes back, and an application that takes it itself.

use serde_json::json;

use super::{assert_good, assert_says, now, on_demand, probe};
use crate::support::idp::Idp;
use crate::support::scene::Scene;

const NATIVE: &str = r#"
[[client]]
name = "native"
provider = "main"
client_id = "native"
auth_method = "none"
redirect_uri = "com.example.app:/cb"
scopes = ["openid", "profile"]
require_pkce = true
"#;

#[test]
fn every_way_back_is_caught() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.more = NATIVE.into();
    let native = probe("native", "").replace("client = \"web\"", "client = \"native\"");
    let names = ["query", "form-post", "fragment"];
    let mut probes = vec![native];
    probes.extend(names.map(|name| probe(name, &format!("response_mode = \"{}\"", name.replace('-', "_")))));
    // Were the answer delivered, somebody would get it.
    let listener = std::net::TcpListener::bind("127.0.0.1:8765").ok();
    if let Some(listener) = &listener {
        listener.set_nonblocking(true).unwrap();
    }
    let daemon = on_demand(&mut stage, &probes);
    for name in ["native", "query", "form-post", "fragment"] {
        assert_good(&now(&daemon, name), name);
    }
    if let Some(listener) = listener {
        assert!(listener.accept().is_err(), "somebody came for the redirect URI");
    }
}

fn application(name: &str, at: &str, keys: &str) -> String {
    let table = format!("application = {{ url = \"{at}\", expect = \"text=Welcome alice\" }}\n{keys}");
    probe(name, &table).replace("client = \"web\"", "provider = \"main\"")
}

#[test]
fn an_application_finishes_its_own_login() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let steps = concat!(
        "[[probe.step]]\nclick = \"text=Log in\"\n",
        "[[probe.step]]\nfill = \"#username\"\nwith = \"username\"\n",
        "[[probe.step]]\nfill = \"#password\"\nwith = \"password\"\n",
        "[[probe.step]]\nclick = \"#submit\"\n",
        "[[probe.step]]\nclick = \"#allow\"",
    );
    let probes = [
        application("login", &format!("{}/login", idp.app), ""),
        application("live", &format!("{}/login?scene=live-two-step", idp.app), ""),
        application("front", &format!("{}/", idp.app), steps),
        application("hurried", &format!("{}/login", idp.app), "timeout = \"12s\""),
    ];
    let daemon = on_demand(&mut stage, &probes);
    for name in ["login", "live", "front"] {
        let run = now(&daemon, name);
        assert_eq!((run.verdict(), run.fault().as_str()), ("good", ""), "{name}: {:#}", run.0);
        assert_eq!(idp.requests().get("POST /token"), idp.requests().get("GET /me"), "{name}: the application's own");
        let steps = run.0["steps"].as_array().unwrap();
        let skipped = |name: &str| steps.iter().any(|s| s["name"] == name && s["state"] == "skipped");
        assert!(["token", "id_token", "userinfo"].iter().all(|name| skipped(name)), "{:#}", run.0);
    }

    // It is logged in, and its page breaks: what was there instead is said.
    idp.fail(json!({ "app:/api/me": { "status": 500 } }));
    let run = now(&daemon, "hurried");
    assert_eq!((run.verdict(), run.fault().as_str()), ("bad", "login_page/provider at login"));
    // The name is not for everybody to read.
    assert_says(&run, &["text=Welcome", "Something went wrong"]);
}
