//! Logins at a real provider by browsers of a driver elsewhere: with WebDriver BiDi, and without.

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod driver;

use std::time::Duration;

use driver::{Driver, Front, Manner};
use support::authprobe::Run;
use support::idp::Idp;
use support::process::Process;
use support::scene::Scene;
use support::{eventually, net};

/// A login with what the scene of the login page needs.
fn login(parameters: &str) -> String {
    format!(
        "[[probe]]\nname = \"login\"\nkind = \"browser_login\"\nclient = \"web\"\nuser = \"alice\"\ntimeout = \"45s\"\n\
         {parameters}\n"
    )
}

/// A configuration whose one region has its browsers there.
fn scene(idp: &Idp, webdriver: &str) -> Scene {
    let mut scene = Scene::new(idp);
    scene.folder.write("webdriver", webdriver);
    scene.regions = "[[region]]\nname = \"far\"\nwebdriver = { file = \"webdriver\" }\n".into();
    // Chromium's sandbox refuses to be root's.
    if rustix::process::geteuid().is_root() {
        scene.more = "[browser]\narguments = [\"--no-sandbox\"]\n".into();
    }
    scene
}

fn warnings(run: &Run) -> Vec<&str> {
    let warnings = run.0["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

fn no_bidi() -> Manner {
    Manner { classic: true, ..Manner::default() }
}

#[test]
fn with_bidi_a_login_is_as_on_this_machine() {
    let (idp, driver) = (Idp::start(), Driver::start());
    let scene = scene(&idp, &driver.url());
    let (code, run) = scene.probe_once(&login(""), "login");
    assert_eq!((code, run.verdict(), run.fault()), (0, "good", String::new()), "{run:?}");
    assert!(!warnings(&run).contains(&"no_bidi"), "{run:?}");
    assert!(run.requests().iter().any(|request| request["endpoint"] == "login_page"), "{run:?}");
    assert!(run.0["browser"]["name"].as_str().unwrap().starts_with("chrome"), "{run:?}");
    assert_eq!(driver.sessions(), [] as [serde_json::Value; 0]);
}

#[test]
fn without_bidi_a_session_serves_one_login_and_is_ended() {
    let (idp, driver) = (Idp::start(), Driver::start());
    let front = Front::of(&driver, no_bidi());
    let scene = scene(&idp, &front.url(""));
    for parameters in ["", "parameters = { scene = \"live-two-step\" }", "response_mode = \"fragment\""] {
        let (code, run) = scene.probe_once(&login(parameters), "login");
        assert_eq!((code, run.verdict(), run.fault()), (0, "good", String::new()), "{parameters}: {run:?}");
        assert_eq!(warnings(&run).iter().filter(|code| **code == "no_bidi").count(), 1, "{run:?}");
        assert!(!run.0["browser"]["pages"].as_array().unwrap().is_empty(), "{run:?}");
    }
    assert_eq!(front.made_and_ended(), (3, 3), "{:?}", front.seen());
    assert_eq!(driver.sessions(), [] as [serde_json::Value; 0]);
}

#[test]
fn without_bidi_faults_have_the_classes_they_have_elsewhere() {
    let (idp, driver) = (Idp::start(), Driver::start());
    let front = Front::of(&driver, no_bidi());
    let mut scene = scene(&idp, &front.url(""));

    let (code, run) = scene.probe_once(&login("parameters = { scene = \"form-post\" }"), "login");
    assert_eq!((code, run.fault().as_str()), (3, "unsupported/configuration at login"), "{run:?}");

    scene.provider = format!("endpoints = {{ authorization_endpoint = \"http://127.0.0.1:{}/\" }}", net::free_port());
    let (code, run) = scene.probe_once(&login(""), "login");
    assert_eq!((code, run.fault().as_str()), (1, "connect/network at authorize"), "{run:?}");
    scene.provider = String::new();

    let slow = login("parameters = { scene = \"hang\" }").replace("45s", "12s");
    let (code, run) = scene.probe_once(&slow, "login");
    assert_eq!((code, run.fault().as_str()), (1, "timeout/network at authorize"), "{run:?}");

    scene.folder.write("alice.password", "wrong-one\n");
    let (code, run) = scene.probe_once(&login(""), "login");
    assert_eq!((code, run.fault().as_str()), (3, "credentials/configuration at login"), "{run:?}");
    assert!(!run.0.to_string().contains("wrong-one"), "{run:?}");
    assert!(run.0["browser"]["evidence"]["screenshot_bytes"].as_u64() > Some(0), "{run:?}");

    let (made, ended) = front.made_and_ended();
    assert_eq!(made, ended, "{:?}", front.seen());
    assert_eq!(driver.sessions(), [] as [serde_json::Value; 0]);
}

#[test]
fn a_driver_that_is_gone_says_nothing_about_the_provider() {
    let (idp, mut driver) = (Idp::start(), Driver::start());
    let scene = scene(&idp, &driver.url());
    driver.kill();
    let (code, run) = scene.probe_once(&login(""), "login");
    assert_eq!(
        (code, run.verdict(), run.fault().as_str()),
        (3, "inconclusive", "browser/monitor at browser"),
        "{run:?}"
    );
}

#[test]
fn user_name_and_password_of_a_grid_are_sent_with_every_command() {
    let (idp, driver) = (Idp::start(), Driver::start());
    // RFC 7617 §2.
    let manner = Manner { classic: true, authorization: Some("Basic cHJvYmVyOm9wZW4vc2VzYW1lPTE=") };
    let front = Front::of(&driver, manner);
    let (code, run) = scene(&idp, &front.url("prober:open%2Fsesame%3D1@")).probe_once(&login(""), "login");
    assert_eq!((code, run.verdict()), (0, "good"), "{run:?}");
    assert_eq!(front.made_and_ended(), (1, 1), "{:?}", front.seen());

    let (code, run) = scene(&idp, &front.url("prober:wrong-word@")).probe_once(&login(""), "login");
    assert_eq!((code, run.fault().as_str()), (3, "browser/monitor at browser"), "{run:?}");
    assert!(!run.0.to_string().contains("wrong-word"), "{run:?}");
    assert_eq!(driver.sessions(), [] as [serde_json::Value; 0]);
}

#[test]
fn a_session_is_ended_when_the_run_is_told_to_stop() {
    let (idp, driver) = (Idp::start(), Driver::start());
    let front = Front::of(&driver, no_bidi());
    let scene = scene(&idp, &front.url(""));
    let config = scene.config(&login("parameters = { scene = \"hang\" }"));
    let mut run = Process::start(env!("CARGO_BIN_EXE_authprobe"), |command| {
        command.args(["probe", "login", "--config"]).arg(config).envs(scene.environment());
    });
    let navigates = |line: &String| line.starts_with("POST /session/") && line.ends_with("/url");
    eventually("the login has begun", || front.seen().iter().any(navigates).then_some(()));
    run.signal("TERM");
    let status = run.wait(Duration::from_secs(20)).expect("it ends");
    assert_eq!(status.code(), Some(130), "{}", run.output());
    assert_eq!(front.made_and_ended(), (1, 1), "{:?}", front.seen());
    assert_eq!(driver.sessions(), [] as [serde_json::Value; 0]);
}
