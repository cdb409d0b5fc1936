//! The deadline, and Ctrl-C: bounded, cleaned up, and what is known is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{DOORS, LOGIN, MACHINE, SESSION, Stage};
use crate::support::eventually;
use crate::support::process::Process;

#[test]
fn the_deadline_bounds_everything() {
    let stage = Stage::new();
    stage.break_it("hang", &json!({"endpoint": "token"}));
    let begun = Instant::now();
    let found = stage.found(&[DOORS, MACHINE].concat(), &["--deadline", "6s"]);
    let took = begun.elapsed();
    assert_eq!(found.verdict(), (3, "inconclusive"), "{:#}", found.json);
    assert_eq!(found.of_check("machine"), "inconclusive");
    assert_eq!(found.check("machine")["reason"], "--deadline 6s came first: no run came to its end");
    assert_eq!(found.of_check("keys"), "good");
    // It starts and ends a process besides.
    assert!((Duration::from_secs(4)..Duration::from_secs(12)).contains(&took), "{took:?}");
    // What is bad is bad, whatever else is left open.
    stage.break_it("jwks_empty", &json!({}));
    assert_eq!(stage.found(&[DOORS, MACHINE].concat(), &["--deadline", "6s"]).verdict(), (1, "bad"));
    stage.end();
}

#[test]
fn interrupted_it_revokes_tells_and_ends_with_130() {
    for signal in ["INT", "TERM"] {
        let stage = Stage::new();
        // The login has its tokens, and hangs where it shows them; the other check keeps a session.
        stage.break_it("hang", &json!({"endpoint": "userinfo", "count": 0}));
        let file = stage.folder.file("partial.json");
        let output = format!("json={}", file.display());
        let mut smoke = stage.begin(&[DOORS, LOGIN].concat(), &["--output", &output]);
        eventually("a login that has its tokens", || (stage.asked("userinfo") > 0).then_some(()));
        assert_eq!(stage.asked("revocation"), 0);
        smoke.signal(signal);
        let status = smoke.wait(Duration::from_secs(20)).expect("an end");
        assert_eq!(status.code(), Some(130), "{}", smoke.output());
        assert!(stage.asked("revocation") >= 1, "the tokens are revoked");
        let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&written["exit_code"], &written["interrupted"]), (&json!(130), &json!(true)));
        let verdict = |probe: &str| {
            let checks = written["checks"].as_array().unwrap();
            checks.iter().find(|check| check["probe"] == probe).unwrap()["verdict"].clone()
        };
        assert_eq!((verdict("keys"), verdict("login")), (json!("good"), json!("inconclusive")));
        assert!(smoke.output().contains("interrupted"), "{}", smoke.output());
        stage.end();
    }
}

#[test]
fn sessions_that_are_kept_between_runs_are_revoked_at_the_end() {
    let stage = Stage::new();
    let found = stage.found(SESSION, &["--runs", "3"]);
    assert_eq!(found.verdict(), (0, "good"), "{:#}", found.json);
    assert_eq!((stage.asked("revocation"), found.count("session", "good")), (2, 3), "refresh and access token, once");
    stage.end();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let stage = Stage::new();
    stage.break_it("hang", &json!({"endpoint": "userinfo"}));
    let mut smoke = stage.begin(LOGIN, &[]);
    eventually("a login that has its tokens", || (stage.asked("userinfo") > 0).then_some(()));
    stage.break_it("hang", &json!({"endpoint": "all"}));
    smoke.signal("INT");
    told(&mut smoke);
    let begun = Instant::now();
    smoke.signal("INT");
    assert_eq!(smoke.wait(Duration::from_secs(4)).expect("an end").code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    stage.end();
}

/// Waits until the report is there: before the cleanup, which may hang.
fn told(smoke: &mut Process) {
    smoke.wait_for("the report", |line| line.contains("interrupted").then_some(()));
}
