//! With a real Chromium.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use crate::processes::{descendants, folders, gone_within, nothing_is_left, of_browsers};
use crate::stage::{DOORS, Found, LOGIN, Stage};
use crate::support::idp::Idp;
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{PATIENCE, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");
/// How long what is left of a browser may live.
const END: Duration = Duration::from_secs(5);

fn login(keys: &str) -> String {
    format!("[[probe]]\nname = \"login\"\nkind = \"browser_login\"\nclient = \"web\"\nuser = \"alice\"\n{keys}\n")
}

#[test]
fn logins_through_a_browser_are_judged_and_it_is_gone() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let found = Found::of(&scene.command(&login(""), "smoke", &["--runs", "2", "--format", "json"]));
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    nothing_is_left(&scene.temporary);
}

#[test]
fn a_failed_login_has_its_picture_where_the_report_says() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let folder = scene.folder.file("pictures");
    let probes = login("page = \"oidc-provider\"\nparameters = { scene = \"renamed\" }");
    let shown = scene.command(&probes, "smoke", &["--screenshots", folder.to_str().unwrap()]);
    assert_eq!(shown.code, 1, "{shown:?}");
    let file = folder.join("login-direct.png");
    assert!(std::fs::read(&file).unwrap().starts_with(b"\x89PNG\r\n"));
    assert!(shown.stdout.contains("login-direct.png"), "{}", shown.stdout);
    let found = Found::of(&scene.command(&probes, "smoke", &["--format", "json"]));
    assert!(found.of_check("login").starts_with("bad login_page/provider at "), "{}", found.of_check("login"));
    assert!(found.check("login").get("screenshot").is_none(), "nobody asked for one");
    nothing_is_left(&scene.temporary);
}

/// What the configuration names must be there when it is read; it is gone when the browser is to start, or ends at once.
#[test]
fn a_missing_driver_is_our_own_fault() {
    let stage = Stage::new();
    let driver = stage.folder.write("chromedriver", "#!/bin/sh\nexit 1\n");
    std::fs::set_permissions(&driver, std::fs::Permissions::from_mode(0o700)).unwrap();
    let browser = format!("[browser]\ndriver = \"{}\"\n", driver.display());
    let probes = format!("{browser}{DOORS}{}", LOGIN.replace("form_login", "browser_login"));
    let found = stage.found(&probes, &[]);
    assert_eq!(found.verdict(), (3, "inconclusive"), "{:#}", found.json);
    assert_eq!(found.of_check("login"), "inconclusive browser/monitor at browser");
    assert_eq!(found.of_check("keys"), "good");

    stage.break_it("http_503", &json!({"endpoint": "discovery"}));
    let file = stage.folder.file("found.json");
    let mut smoke = stage.begin(&probes, &["--wait", "50s", &format!("--output=json={}", file.display())]);
    smoke.wait_for("that it waits", |line| line.contains("503").then_some(()));
    std::fs::remove_file(&driver).unwrap();
    stage.lab.clear_faults();
    assert_eq!(smoke.wait(PATIENCE).expect("an end").code(), Some(3), "{}", smoke.output());
    let found = Found::written(&file);
    assert_eq!(found.of_check("login"), "inconclusive browser/monitor at browser");
    let detail = found.check("login")["fault"]["detail"].as_str().unwrap();
    assert!(detail.contains("chromedriver"), "{detail}");
    stage.end();
}

#[test]
fn interrupted_in_the_middle_of_a_login_it_leaves_no_browser() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let config = scene.config(&login("timeout = \"50s\"\nparameters = { scene = \"hang\" }"));
    let mut smoke = Process::start(BINARY, |command| {
        command.args(["smoke", "--config"]).arg(&config).envs(scene.environment()).env_remove("RUST_LOG");
    });
    eventually("a login under way", || (idp.requests().get("GET /interaction").copied() > Some(0)).then_some(()));
    let (running, named) = (descendants(smoke.id()), folders(&scene.temporary));
    assert!(named.len() == 1 && !of_browsers(&scene.temporary).is_empty(), "{named:?} {running:#?}");
    smoke.signal("INT");
    assert_eq!(smoke.wait(Duration::from_secs(20)).expect("an end").code(), Some(130), "{}", smoke.output());
    let took = gone_within(END, &running, &scene.temporary, &named);
    println!("{} processes gone {took:.1?} after the end", running.len());
    nothing_is_left(&scene.temporary);
}
