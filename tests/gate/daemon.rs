use std::time::Duration;

use authprobe::clock::Clock;
use serde_json::json;

use crate::stage::{Stage, gate, started};
use crate::support::authprobe::{Daemon, authprobe};
use crate::support::{PATIENCE, eventually, net};

/// Longer than any test waits.
const LONG: [&str; 2] = ["--watch", "10m"];

#[test]
fn a_good_deployment_opens_it_when_the_watch_is_over() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    let clock = Clock::system();
    let begun = clock.instant();
    let gate = stage.gate(&["--watch", "5s"]);
    assert_eq!((gate.code, gate.whys()), (0, vec![]), "{gate:?}");
    let took = clock.instant().duration_since(begun);
    assert!(took >= Duration::from_secs(5), "{took:?}");
    assert_eq!(gate.report["verdict"], "open");
    for name in ["key-set", "tokens"] {
        let slo = gate.slo(name);
        assert_eq!((&slo["burn"], &slo["counts"]["bad"], &slo["objective"]), (&json!(0.0), &json!(0), &json!("99%")));
        let good = slo["counts"]["good"].as_u64().unwrap();
        assert!((2..=12).contains(&good), "what was judged before does not count: {good}");
    }
    assert!(gate.stderr.contains("gate 0:0"), "progress is on stderr: {}", gate.stderr);
}

#[test]
fn what_burns_closes_it_early_and_it_says_what_and_whose_fault() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    stage.break_tokens(json!({}));
    let gate = stage.gate(&[&LONG[..], &["--slo", "tok*"]].concat());
    assert_eq!(gate.code, 1, "{gate:?}");
    assert!(gate.whys().iter().all(|why| ["burn", "alert"].contains(why)), "{gate:?}");
    let slo = gate.slo("tokens");
    assert!(slo["counts"]["bad"].as_u64().unwrap() >= 1, "{slo}");
    let cause = &slo["cause"];
    assert_eq!(
        [&cause["class"], &cause["blame"], &cause["step"]],
        [&json!("http_status"), &json!("provider"), &json!("token")]
    );
    assert_eq!(gate.report["slos"].as_array().unwrap().len(), 1, "only what was chosen");
}

#[test]
fn one_failure_closes_nothing_and_two_burn() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    let mut gate = started(&["--server", &stage.url(), "--watch", "6s", "--slo", "tokens"]);
    gate.wait_for("a look", |line| line.contains("bad of").then_some(()));
    stage.break_tokens(json!({ "count": 1 }));
    assert_eq!(gate.wait(PATIENCE).expect("an end").code(), Some(0), "{}", gate.output());
    let counted = "\"bad\": 1";
    assert!(gate.output().contains(counted), "{}", gate.output());

    let mut gate = started(&["--server", &stage.url(), "--watch", "10m", "--slo", "tokens"]);
    gate.wait_for("a look", |line| line.contains("bad of").then_some(()));
    stage.break_tokens(json!({}));
    assert_eq!(gate.wait(PATIENCE).expect("an end").code(), Some(1), "{}", gate.output());
}

#[test]
fn an_outage_closes_it_at_once_and_one_from_before_keeps_it_from_opening() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    let mut first = started(&["--server", &stage.url(), LONG[0], LONG[1], "--slo", "key-set"]);
    first.wait_for("a look", |line| line.contains("bad of").then_some(()));
    stage.break_tokens(json!({}));
    assert_eq!(first.wait(PATIENCE).expect("an end").code(), Some(1), "{}", first.output());
    let output = first.output();
    assert!(output.contains("\"AuthOutage of lab fires since the beginning\""), "{output}");
    assert!(output.contains("http_status"), "the alert says what fails: {output}");
    daemon.until("authprobe_alert_state", &["AuthOutage"], |state| state == 2.0);

    let second = stage.gate(&["--watch", "3s", "--slo", "key-set"]);
    assert_eq!((second.code, second.whys()), (1, vec!["broken_before"]), "{second:?}");
    assert!(second.report["duration_seconds"].as_f64().unwrap() >= 2.5, "until then it could have ended");
}

#[test]
fn what_failed_before_is_not_the_deployments() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    stage.break_tokens(json!({ "count": 12 }));
    daemon.until("authprobe_slo_errors_total", &["slo=\"tokens\""], |errors| errors >= 2.0);
    eventually("the end of it", || {
        daemon.sample("authprobe_probe_success", &["probe=\"machine\""]).filter(|good| *good == 1.0)
    });
    eventually("the end of the outage", || {
        let state = daemon.sample("authprobe_alert_state", &["AuthOutage"]);
        state.filter(|state| *state == 0.0)
    });
    let gate = stage.gate(&["--watch", "4s", "--slo", "tokens"]);
    assert_eq!(gate.code, 0, "{gate:?}");
    let before = stage.gate(&["--since", "2m", "--watch", "3m", "--slo", "tokens"]);
    assert_eq!(before.code, 1, "{before:?}");
}

#[test]
fn too_little_measured_cannot_be_told() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    assert_eq!(daemon.post("/api/v1/pause").status, 200);
    let gate = stage.gate(&["--watch", "3s"]);
    assert_eq!((gate.code, gate.whys()), (3, vec!["coverage", "coverage"]), "{gate:?}");
    assert!(gate.report["warnings"].to_string().contains("paused"), "{gate:?}");
}

#[test]
fn a_server_that_is_off_cannot_be_told() {
    let url = format!("http://127.0.0.1:{}", net::free_port());
    let gate = gate(&["--server", &url, "--watch", "2s"]);
    assert_eq!((gate.code, gate.whys()), (3, vec!["out_of_reach"]), "{gate:?}");
    assert!(gate.report["reason"].as_str().unwrap().contains("connection refused"), "{gate:?}");
}

#[test]
fn a_daemon_that_comes_back_is_waited_for_and_one_that_does_not_ends_it() {
    let stage = Stage::new();
    let mut daemon = stage.daemon();
    let url = stage.url();
    let mut patient = started(&["--server", &url, "--watch", "10s", "--patience", "1m"]);
    let mut hasty = started(&["--server", &url, "--watch", "10m", "--patience", "1s"]);
    for gate in [&mut patient, &mut hasty] {
        gate.wait_for("a look", |line| line.contains("bad of").then_some(()));
    }
    daemon.process.kill();
    assert_eq!(hasty.wait(PATIENCE).expect("an end").code(), Some(3), "{}", hasty.output());
    patient.wait_for("trouble", |line| line.contains("retrying: ").then_some(()));
    let _again = Daemon::start(&stage.folder.file("authprobe.toml"), &stage.listen, &[]);
    assert_eq!(patient.wait(PATIENCE).expect("an end").code(), Some(0), "{}", patient.output());
}

#[test]
fn a_wrong_token_is_a_mistake_and_no_token_is_ever_shown() {
    let stage = Stage::new();
    stage.folder.write("read", "right-read-token");
    let config = stage.config("read_token = { file = \"read\" }", "");
    let _daemon = Daemon::start(&config, &stage.listen, &[]);
    let path = |name: &str| stage.folder.file(name).to_str().unwrap().to_owned();
    let none = stage.gate(&["--watch", "3s"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("401") && none.stderr.contains("--token-file"), "{}", none.stderr);
    let wrong = stage.folder.write("wrong", "canary-wrong-token\n");
    let refused = stage.gate(&["--watch", "3s", "--token-file", wrong.to_str().unwrap()]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("it does not take the token of file"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("canary"), "{}", refused.stderr);
    let missing = stage.gate(&["--token-file", &path("none")]);
    assert!(missing.code == 2 && missing.stderr.contains("No such file"), "{missing:?}");
    let verbose = [("RUST_LOG", "trace")];
    let right = ["gate", "--server", &stage.url(), "--watch", "2s", "--token-file", &path("read"), "--format", "json"];
    let ended = authprobe(&right, &verbose);
    assert!([0, 3].contains(&ended.code), "{ended:?}");
    assert!(!format!("{ended:?}").contains("right-read-token"), "{ended:?}");
}

#[test]
fn ctrl_c_ends_it_with_130_and_says_how_it_stood() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    let mut gate = started(&["--server", &stage.url(), LONG[0], LONG[1]]);
    gate.wait_for("a look", |line| line.contains("bad of").then_some(()));
    gate.signal("INT");
    assert_eq!(gate.wait(Duration::from_secs(10)).expect("an end").code(), Some(130));
    eventually("its last line", || gate.output().contains("\"interrupted\"").then_some(()));
}

#[test]
fn mistakes_are_told_all_at_once_and_before_anything_is_asked() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    let nearest = stage.gate(&["--slo", "token", "--slo", "keyset*", "--watch", "2s"]);
    assert_eq!(nearest.code, 2);
    for part in
        ["--slo token: fits no objective", "did you mean `tokens`?", "--slo keyset*: fits", "did you mean `key-set`?"]
    {
        assert!(nearest.stderr.contains(part), "{part}: {}", nearest.stderr);
    }
    let many = gate(&[
        "--prometheus",
        "http://user:hidden@localhost",
        "--since",
        "yesterday",
        "--max-burn",
        "0",
        "--watch",
        "1ms",
        "--deployment",
        "x",
    ]);
    assert_eq!(many.code, 2);
    for part in [
        "--prometheus: no credentials in addresses",
        "--since: \"yesterday\" is neither a time",
        "--max-burn: must be above 0",
        "--watch: must be at least 1s",
        "--deployment: Prometheus cannot be marked",
    ] {
        assert!(many.stderr.contains(part), "{part}: {}", many.stderr);
    }
    assert!(!many.stderr.contains("hidden"), "{}", many.stderr);
    let future = stage.gate(&["--since", "2100-01-01T00:00:00Z"]);
    assert!(future.code == 2 && future.stderr.contains("must not be in the future"), "{future:?}");
    let neither = gate(&[]);
    assert!(neither.code == 2 && neither.stderr.contains("--server"), "{neither:?}");
}

#[test]
fn redirects_are_not_followed_and_other_servers_are_no_daemons() {
    let stage = Stage::new();
    // The lab answers 404 to what it does not know.
    let lab = format!("http://{}", stage.lab.address);
    let gate = gate(&["--server", &lab, "--watch", "2s"]);
    assert!(gate.code == 2 && gate.stderr.contains("404"), "{gate:?}");
}

#[test]
fn over_tls_a_ca_file_is_believed() {
    let stage = Stage::new();
    let tls = crate::support::repository().join("tests/web_tls");
    let pem = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    let server = format!("tls = {{ cert = \"{}\", key = \"{}\" }}", pem("cert.pem"), pem("key.pem"));
    let config = stage.config(&server, "");
    let mut daemon = crate::support::process::Process::start(crate::stage::BINARY, |command| {
        command.args(["run", "--config"]).arg(&config);
    });
    daemon.wait_for("that it listens", |line| line.contains("/metrics").then_some(()));
    let url = format!("https://{}", stage.listen);
    let unknown = gate(&["--server", &url, "--watch", "2s"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    for part in ["the certificate ", "--ca-file"] {
        assert!(unknown.stderr.contains(part), "{unknown:?}");
    }
    let known = gate(&["--server", &url, "--watch", "6s", "--ca-file", &pem("cert.pem")]);
    assert_eq!(known.code, 0, "{known:?}");
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let stage = Stage::new();
    let _daemon = stage.daemon();
    stage.break_tokens(json!({}));
    let summary = stage.folder.write("summary.md", "before\n");
    let file = stage.folder.file("gate.json");
    let output = format!("json={}", file.display());
    let arguments = [
        "gate",
        "--server",
        &stage.url(),
        LONG[0],
        LONG[1],
        "--format",
        "github",
        "--output",
        &output,
        "--slo",
        "tokens",
    ];
    let ended = authprobe(&arguments, &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.starts_with("::error title=authprobe gate%3A closed::"), "{}", ended.stdout);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("before\n## authprobe gate: ❌ closed\n"), "{summary}");
    assert!(summary.contains("| tokens | "), "{summary}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["verdict"], "closed");
}

#[test]
fn where_the_result_could_not_be_written_nothing_is_watched() {
    let folder = crate::support::Folder::new();
    let (missing, fine) = (folder.file("none/gate.json"), folder.file("gate.txt"));
    let outputs = [format!("json={}", missing.display()), format!("human={}", fine.display())];
    // Nobody listens there: whoever looked would wait for as long as `--patience`.
    let server =
        ["--server", "http://127.0.0.1:9", "--patience", "10m", "--output", &outputs[0], "--output", &outputs[1]];
    let gate = gate(&[&server[..], &LONG].concat());
    assert_eq!(gate.code, 2, "{gate:?}");
    let said = gate.stderr.lines().filter(|line| line.starts_with("error: --output json=")).count();
    assert!(said == 1 && gate.stderr.contains("none cannot be used"), "{}", gate.stderr);
    assert!(!fine.exists());
}
