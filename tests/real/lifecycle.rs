//! Signals: reload, drain, and the kind that cannot be caught.

use std::time::Duration;

use serde_json::json;

use crate::support::collector::Collector;
use crate::support::idp::Idp;
use crate::support::scene::{EVERY_KIND, Scene};
use crate::support::{PATIENCE, within};

const RELOADED: &str = "authprobe_config_last_reload_successful";
const KEYS: &str = "[[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"main\"\n";
const MACHINE: &str = "\n[[probe]]\nname = \"machine\"\nkind = \"client_credentials\"\nclient = \"svc\"\n";

#[test]
fn killed_at_any_moment_it_starts_again() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let mut moment = std::process::id();
    for _ in 0..6 {
        let mut daemon = scene.daemon(EVERY_KIND);
        daemon.until("authprobe_runs_total", &[], |runs| runs >= 1.0);
        moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let ended =
            within(Duration::from_millis(u64::from(moment >> 22)), || (!daemon.process.is_running()).then_some(()));
        assert!(ended.is_none(), "it ended by itself: {}", daemon.process.output());
        daemon.process.kill();
    }
    let daemon = scene.daemon(EVERY_KIND);
    daemon.until("authprobe_probe_success", &[], |good| good == 7.0);
}

#[test]
fn sigterm_lets_running_journeys_finish_and_flushes() {
    let (idp, collector) = (Idp::start(), Collector::start());
    idp.fail(json!({ "/token": { "delay": 2000 } }));
    let mut scene = Scene::new(&idp);
    scene.more = format!("[telemetry]\notlp_endpoint = \"{}\"\ninterval = \"1s\"\n", collector.url);
    scene.every = "3s";
    let mut daemon = scene.daemon(MACHINE);
    crate::support::eventually("a request under way", || idp.requests().get("POST /token").copied());
    assert_eq!(daemon.sample("authprobe_runs_total", &[]), Some(0.0), "the first run is still under way");
    assert_eq!(daemon.terminate(PATIENCE), 0);
    let root = collector.spans().into_iter().find(|span| span.name == "authprobe.probe client_credentials");
    let root = root.expect("the drained run's trace was flushed before the exit");
    assert!(root.parent.is_empty());
    assert!(!collector.output().contains("STATUS_CODE_ERROR"), "{}", collector.output());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let idp = Idp::start();
    idp.fail(json!({ "/token": { "delay": 20_000 } }));
    let scene = Scene::new(&idp);
    let mut daemon = scene.daemon(MACHINE);
    crate::support::eventually("a request under way", || idp.requests().get("POST /token").copied());
    daemon.process.signal("TERM");
    let ended = within(Duration::from_millis(500), || (!daemon.process.is_running()).then_some(()));
    assert!(ended.is_none(), "the first signal gives running journeys their time");
    daemon.process.signal("TERM");
    daemon.process.wait(Duration::from_secs(2)).expect("an end at once");
}

#[test]
fn a_reload_is_applied_whole_or_not_at_all() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    let mut daemon = scene.daemon(KEYS);
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 1.0);
    assert_eq!(daemon.sample(RELOADED, &[]), Some(1.0));

    // Not at all.
    scene.config(&format!("{KEYS}{MACHINE}colour = \"red\"\n"));
    daemon.process.signal("HUP");
    daemon.until(RELOADED, &[], |ok| ok == 0.0);
    assert_eq!(daemon.sample("authprobe_runs_total", &["probe=\"machine\""]), None);
    let before = daemon.sample("authprobe_runs_total", &["probe=\"keys\""]).unwrap();
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs > before);
    assert!(daemon.process.output().contains("colour"), "the log names the mistake");
    let answer = daemon.post("/-/reload");
    assert!((400..600).contains(&answer.status) && answer.body.contains("colour"), "{answer:?}");

    // Whole, by signal.
    scene.config(&format!("{KEYS}{MACHINE}"));
    daemon.process.signal("HUP");
    daemon.until(RELOADED, &[], |ok| ok == 1.0);
    daemon.until("authprobe_runs_total", &["probe=\"machine\""], |runs| runs >= 1.0);
    let kept = daemon.sample("authprobe_runs_total", &["probe=\"keys\""]).unwrap();
    assert!(kept > before, "counters go on over a reload");

    // And by a call; series of what is gone go too.
    scene.config(MACHINE);
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert_eq!(daemon.sample("authprobe_runs_total", &["probe=\"keys\""]), None);
    assert_eq!(daemon.terminate(PATIENCE), 0);
}
