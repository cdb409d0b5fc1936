//! What is good, bad, or cannot be told: exit codes and reasons, against the lab.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::stage::{DOORS, Found, LOGIN, MACHINE, SESSION, Stage};
use crate::support::authprobe::authprobe;
use crate::support::net;

fn all() -> String {
    [DOORS, MACHINE, LOGIN].concat()
}

#[test]
fn a_good_deploy_is_good_at_once() {
    let stage = Stage::new();
    let found = stage.found(&all(), &[]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!(found.probes(), ["discovery", "keys", "machine", "login"]);
    assert_eq!(found.reason(), "all 4 checks are good");
    assert_eq!(found.check("login")["runs"][0]["trigger"], "smoke");
    let people = stage.smoke(&all(), &[]);
    assert_eq!(people.code, 0);
    assert!(people.stdout.contains("login") && people.stdout.contains("good"), "{}", people.stdout);
    stage.end();
}

#[test]
fn a_failing_token_endpoint_is_bad_and_says_so_within_a_second() {
    let stage = Stage::new();
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let begun = Instant::now();
    let found = stage.found(&all(), &[]);
    let took = begun.elapsed();
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert_eq!(found.of_check("machine"), "bad http_status/provider at token");
    assert_eq!(found.of_check("login"), "bad http_status/provider at token");
    assert_eq!(found.of_check("keys"), "good");
    let told = found.json["duration_seconds"].as_f64().unwrap();
    println!("told after {told:.3} s, over after {took:.3?}");
    // Far less on a machine with nothing else to do.
    assert!(told < 5.0 && took < Duration::from_secs(15), "{told} {took:?}");
    let people = stage.smoke(&all(), &[]);
    for part in ["http_status", "provider", "machine", "login"] {
        assert!(people.stdout.contains(part), "no {part}:\n{}", people.stdout);
    }
    stage.end();
}

#[test]
fn a_swapped_signing_key_is_bad_with_its_class() {
    let stage = Stage::new();
    // It signs before it is published.
    stage.break_it("unsafe_rotation", &json!({}));
    let found = stage.found(&all(), &[]);
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert!(found.of_check("login").starts_with("bad key_not_found/provider at "), "{}", found.of_check("login"));
    stage.end();
}

#[test]
fn refused_credentials_are_ours_and_tried_once() {
    let stage = Stage::new();
    stage.folder.write("svc.secret", "not-the-secret");
    stage.folder.write("alice.password", "looking-glass");
    let probes = format!("{}{SESSION}", all());
    let found = stage.found(&probes, &["--runs", "5"]);
    assert_eq!(found.verdict(), (3, "inconclusive"), "{:#}", found.json);
    assert_eq!(found.of_check("machine"), "inconclusive credentials/configuration at token");
    for probe in ["login", "session"] {
        assert!(
            found.of_check(probe).starts_with("inconclusive credentials/configuration"),
            "{}",
            found.of_check(probe)
        );
    }
    assert_eq!(stage.refused(), 1, "one wrong password, however many checks and runs");
    assert_eq!(found.count("machine", "inconclusive"), 1);
    stage.end();
}

#[test]
fn nobody_at_home_is_bad() {
    let nobody = format!("http://127.0.0.1:{}", net::free_port());
    let finished = authprobe(&["smoke", "--issuer", &nobody, "--format", "json"], &[]);
    let found = Found::of(&finished);
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert_eq!(found.of_check("discovery"), "bad connect/network at discovery");
}

#[test]
fn an_issuer_and_a_client_are_enough() {
    let stage = Stage::new();
    let issuer = ["smoke", "--issuer", &stage.lab.issuer, "--format", "json"];
    let found = Found::of(&authprobe(&issuer, &[]));
    assert_eq!((found.verdict(), found.probes()), ((0, "good"), vec!["discovery", "keys"]));
    let client = [&issuer[..], &["--client-id", "svc", "--client-secret-env", "A_SECRET"]].concat();
    let found = Found::of(&authprobe(&client, &[("A_SECRET", "svc-secret")]));
    assert_eq!((found.verdict(), found.probes()), ((0, "good"), vec!["discovery", "keys", "token"]));
    let found = Found::of(&authprobe(&client, &[("A_SECRET", "not-the-secret")]));
    assert_eq!(found.verdict(), (3, "inconclusive"), "{:#}", found.json);
    assert_eq!(found.of_check("token"), "inconclusive credentials/configuration at token");
    let file = stage.folder.file("svc.secret");
    let client = [&issuer[..], &["--client-id", "svc", "--client-secret-file", file.to_str().unwrap()]].concat();
    assert_eq!(authprobe(&client, &[]).code, 0);
    stage.end();
}

/// Every tenth token request fails: bad at 90 %; a single failure is nothing.
#[test]
fn one_in_ten_is_decided_by_what_is_asked_for() {
    let stage = Stage::new();
    let gate = ["--accept", "99%", "--reject", "90%", "--confidence", "95%"];
    let found = stage.found(MACHINE, &gate);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!((found.count("machine", "good"), found.count("machine", "bad")), (32, 0), "as soon as it knows");
    stage.break_it("http_500", &json!({"endpoint": "token", "count": 1}));
    let found = stage.found(MACHINE, &gate);
    assert_eq!(found.verdict(), (0, "good"), "one failure closes no gate: {:#}", found.json);
    assert_eq!((found.count("machine", "good"), found.count("machine", "bad")), (56, 1));
    stage.break_it("http_500", &json!({"endpoint": "token", "rate": 0.1}));
    let found = stage.found(MACHINE, &gate);
    assert_eq!(found.verdict(), (1, "bad"), "{:#}", found.json);
    assert!((2..8).contains(&found.count("machine", "bad")), "{:#}", found.json["checks"]);
    let reason = found.check("machine")["reason"].as_str().unwrap();
    assert!(reason.contains("first: token endpoint: status 500"), "{reason}");
    // For those who look for no more than half, that is good.
    let found = stage.found(MACHINE, &["--accept", "85%", "--reject", "50%"]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    // Without a test a single bad run is enough.
    assert_eq!(stage.found(MACHINE, &["--runs", "30"]).verdict(), (1, "bad"));
    stage.end();
}

#[test]
fn a_good_run_that_takes_too_long_is_bad() {
    let stage = Stage::new();
    stage.break_it("latency", &json!({"delay_ms": 700, "endpoint": "token"}));
    for name in ["machine", "token", "machine/token"] {
        let found = stage.found(MACHINE, &["--max-latency", &format!("{name}=600ms")]);
        assert_eq!(found.verdict(), (1, "bad"), "{name}: {:#}", found.json);
        assert_eq!((found.count("machine", "bad"), found.count("machine", "slow")), (1, 1));
        let reason = found.check("machine")["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("slow: ") && reason.contains(&format!("--max-latency {name} allows 600ms")),
            "{reason}"
        );
        assert_eq!(stage.found(MACHINE, &["--max-latency", &format!("{name}=15s")]).code, 0, "{name}");
    }
    stage.end();
}

#[test]
fn what_is_not_offered_is_skipped_unless_it_was_named() {
    let stage = Stage::new();
    stage.break_it("device_not_offered", &json!({}));
    let device = "[[probe]]\nname = \"device\"\nkind = \"device\"\nclient = \"tv\"\nuser = \"alice\"\nevery = \"1h\"\n";
    let tv = "[[client]]\nname = \"tv\"\nprovider = \"lab\"\nclient_id = \"tv\"\nauth_method = \"none\"\n";
    let probes = format!("{tv}{DOORS}{device}");
    let found = stage.found(&probes, &[]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!(found.check("device")["verdict"], "skipped");
    assert!(found.reason().contains("1 skipped: device@eu (unsupported)"), "{}", found.reason());
    let people = stage.smoke(&probes, &["--probe", "dev*", "--probe", "keys"]);
    assert_eq!(people.code, 0, "a pattern names nobody: {people:?}");
    assert!(people.stdout.contains("skipped"), "{}", people.stdout);
    let named = stage.found(&probes, &["--probe", "device", "--probe", "keys"]);
    assert_eq!(named.verdict(), (3, "inconclusive"), "{:#}", named.json);
    assert_eq!(stage.smoke(&probes, &["--kind", "device"]).code, 3, "nothing was made");
    stage.end();
}

/// 2 checks × 3 runs × some 4 requests, at 12 a minute.
#[test]
fn the_request_budget_is_waited_for() {
    let mut stage = Stage::new();
    stage.provider = "max_requests_per_minute = 12".into();
    let begun = Instant::now();
    let found = stage.found(MACHINE, &["--runs", "4"]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert!(begun.elapsed() > Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!((found.count("machine", "good"), found.count("machine", "inconclusive")), (4, 0));
    stage.end();
}

#[test]
fn an_earlier_result_tells_what_is_new() {
    let stage = Stage::new();
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let file = stage.folder.file("before.json");
    let output = format!("json={}", file.display());
    let before = stage.smoke(&[DOORS, MACHINE].concat(), &["--output", &output]);
    assert_eq!(before.code, 1, "{before:?}");
    stage.lab.clear_faults();
    stage.break_it("jwks_empty", &json!({}));
    // The file may be the one that is written.
    let arguments = ["--against", file.to_str().unwrap(), "--output", &output];
    let found = stage.found(&[DOORS, MACHINE].concat(), &arguments);
    assert_eq!(found.code, 1);
    let against = &found.json["against"];
    assert_eq!(against["newly_bad"], json!(["keys@eu"]), "{against:#}");
    assert!(against["bad_before"].as_array().unwrap().is_empty() || against["bad_before"] == json!(["machine@eu"]));
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["against"]["newly_bad"], json!(["keys@eu"]));
    stage.end();
}
