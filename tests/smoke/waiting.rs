//! `--wait`: a provider that is still rolling.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::stage::{DOORS, Found, MACHINE, Stage};
use crate::support::authprobe::authprobe;
use crate::support::process::Process;
use crate::support::{PATIENCE, net};

const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");

#[test]
fn a_provider_that_comes_up_meanwhile_is_judged_then() {
    let stage = Stage::new();
    let (address, file) = (format!("127.0.0.1:{}", net::free_port()), stage.folder.file("found.json"));
    let mut smoke = Process::start(BINARY, |command| {
        command.args(["smoke", "--issuer", &format!("http://{address}"), "--wait", "50s"]);
        command.arg(format!("--output=json={}", file.display())).env_remove("RUST_LOG");
    });
    smoke.wait_for("that it waits", |line| line.contains("connect").then_some(()));
    let mut lab = Process::start(BINARY, |command| {
        command.args(["lab", "--listen", &address]);
    });
    assert_eq!(smoke.wait(PATIENCE).expect("an end").code(), Some(0), "{}", smoke.output());
    lab.kill();
    let found = Found::written(&file);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    let waited = &found.json["waited"][0];
    assert_eq!((&waited["ready"], &waited["why"]), (&json!(true), &json!("connect")), "{waited:#}");
    assert!(waited["tries"].as_u64().unwrap() >= 1, "{waited:#}");
    stage.end();
}

#[test]
fn what_a_gateway_says_in_its_place_is_waited_out_too() {
    let stage = Stage::new();
    stage.break_it("http_503", &json!({"retry_after": 0, "count": 3}));
    assert_eq!(stage.found(DOORS, &[]).code, 1, "nobody asked to wait");
    stage.break_it("http_503", &json!({"retry_after": 600, "count": 3}));
    let found = stage.found(DOORS, &["--wait", "40s"]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!(found.json["waited"][0]["why"], "503");
    stage.end();
}

#[test]
fn a_run_that_meets_what_is_still_rolling_is_repeated() {
    let stage = Stage::new();
    stage.break_it("http_502_html", &json!({"endpoint": "token", "count": 2}));
    let found = stage.found(MACHINE, &["--wait", "40s"]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!((found.count("machine", "repeated"), found.count("machine", "good")), (2, 1));
    assert_eq!(found.json["waited"][0]["why"], "502");
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let begun = Instant::now();
    let found = stage.found(MACHINE, &["--wait", "30s"]);
    assert_eq!((found.verdict(), found.count("machine", "repeated")), ((1, "bad"), 0), "that is no rollout");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    stage.end();
}

#[test]
fn what_is_not_there_in_time_is_judged_as_found() {
    let nobody = format!("http://127.0.0.1:{}", net::free_port());
    let begun = Instant::now();
    let found = Found::of(&authprobe(&["smoke", "--issuer", &nobody, "--wait", "3s", "--format", "json"], &[]));
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert!(begun.elapsed() >= Duration::from_secs(3));
    let waited = &found.json["waited"][0];
    assert_eq!(waited["ready"], false, "{waited:#}");
    assert!(waited["seconds"].as_f64().unwrap() >= 2.5, "{waited:#}");
}
