//! What a person meets at the prompt.

use super::{login, probe, scene};
use crate::support::authprobe::authprobe;
use crate::support::idp::Idp;
use crate::support::scene::Scene;

#[test]
fn check_and_schema_know_the_kind() {
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let check = stage.command(&login("page = \"oidc-provider\""), "check", &[]);
    assert_eq!(check.code, 0, "{check:?}");
    assert!(check.stdout.contains("login") && check.stdout.contains("browser_login"), "{}", check.stdout);

    for (wrong, hint) in [
        ("page = \"oidc-providr\"", "oidc-provider"),
        ("screenshot = true", "unknown key `screenshot`"),
        ("[[probe.step]]\nfill = \"##\"\nwith = \"password\"", "\"##\""),
        ("application = { url = \"ftp://a.example\", expect = \"text=x\" }", "application.url"),
    ] {
        let check = stage.command(&login(wrong), "check", &[]);
        assert_eq!(check.code, 2, "{check:?}");
        assert!(check.stderr.contains(hint), "no {hint}: {}", check.stderr);
    }

    let schema = authprobe(&["schema"], &[]);
    assert_eq!(schema.code, 0, "{schema:?}");
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    let text = schema.to_string();
    for part in ["browser_login", "\"application\"", "\"max_sessions\"", "\"runs_per_session\"", "\"webdriver\""] {
        assert!(text.contains(part), "no {part} in the schema");
    }
}

#[test]
fn a_failed_login_is_told_with_a_picture() {
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let picture = stage.folder.file("login.png");
    let probes = probe("login", &format!("page = \"oidc-provider\"\n{}", scene("renamed")));
    let shown = stage.command(&probes, "probe", &["login", "--screenshot", picture.to_str().unwrap()]);
    assert_eq!(shown.code, 1, "{shown:?}");
    for part in ["browser", "authorize", "login_page", "Welcome back", "Handle"] {
        assert!(shown.stdout.contains(part), "no {part}:\n{}", shown.stdout);
    }
    assert!(shown.stderr.contains("login.png"), "{}", shown.stderr);
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG\r\n"));
    let shown = stage.command(&probes, "probe", &["login"]);
    assert!(shown.stdout.contains("--screenshot"), "{}", shown.stdout);
}
