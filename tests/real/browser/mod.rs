//! `browser_login`: a real Chromium on the pages of tests/idp, whose README lists the scenes.
//!
//! All of it is in one test group (.config/nextest.toml): browsers are heavy, and two at once keep two cores busy.

mod answers;
mod canary;
mod commands;
mod headers;
mod isolation;
mod killed;
mod many;
mod pages;
mod passkeys;
mod picture;
mod processes;
mod refusals;
mod regions;
mod unreachable;

use serde_json::Value;

use crate::support::authprobe::{Daemon, Run};
use crate::support::idp::Idp;
use crate::support::scene::Scene;

/// What a login through a browser goes through.
const STEPS: [&str; 8] = ["discovery", "jwks", "browser", "authorize", "login", "token", "id_token", "userinfo"];

/// A probe called `name` with these further keys.
fn probe(name: &str, keys: &str) -> String {
    format!("[[probe]]\nname = \"{name}\"\nkind = \"browser_login\"\nclient = \"web\"\nuser = \"alice\"\n{keys}\n")
}

/// The probe `login` with these further keys.
fn login(keys: &str) -> String {
    probe("login", keys)
}

/// The key that asks for a scene of tests/idp.
fn scene(name: &str) -> String {
    format!("parameters = {{ scene = \"{name}\" }}")
}

/// Runs the probe `login` with these further keys once, in a browser of its own that leaves nothing behind.
fn once(stage: &Scene, keys: &str) -> (i32, Run) {
    let (code, run) = stage.probe_once(&login(keys), "login");
    processes::nothing_is_left(&stage.temporary);
    (code, run)
}

/// A daemon whose probes run when they are told to, all in one browser.
fn on_demand(stage: &mut Scene, probes: &[String]) -> Daemon {
    stage.every = "366d";
    if !stage.more.contains("[browser]") {
        stage.more.push_str("[browser]\nmax_sessions = 1\n");
    }
    stage.daemon(&probes.join("\n"))
}

/// Runs a probe of such a daemon now, in its one region.
fn now(daemon: &Daemon, probe: &str) -> Run {
    let answer = daemon.post(&format!("/api/v1/probes/{probe}/run"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut json = answer.json();
    let mut runs = json["runs"].as_array_mut().map(std::mem::take).unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    Run(runs.remove(0))
}

/// That a run was good, all of it.
fn assert_good(run: &Run, what: &str) {
    assert_eq!((run.verdict(), run.fault().as_str()), ("good", ""), "{what}: {:#}", run.0);
    let skipped = |step: &&Value| step["state"] == "skipped";
    assert_eq!(run.0["steps"].as_array().unwrap().iter().filter(skipped).count(), 0, "{what}: {:#}", run.0);
    assert_eq!(&run.steps()[..8], STEPS, "{what}");
    assert!(run.0["browser"]["evidence"].is_null(), "{what}: nothing needs to be proven");
}

/// The detail of a run's fault.
fn detail(run: &Run) -> &str {
    run.0.pointer("/fault/detail").and_then(Value::as_str).unwrap_or_default()
}

/// That the detail says all of that.
fn assert_says(run: &Run, parts: &[&str]) {
    let detail = detail(run);
    for part in parts {
        assert!(detail.contains(part), "the fault does not say {part:?}: {detail}");
    }
}

/// How many passwords, codes and consents somebody has sent with `act`.
fn forms_sent<T>(idp: &Idp, act: impl FnOnce() -> T) -> (u64, T) {
    let before = idp.forms_sent();
    let result = act();
    (idp.forms_sent() - before, result)
}
