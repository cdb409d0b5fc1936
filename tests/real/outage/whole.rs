//! The whole provider is out, or one step of it, as seen from everywhere.

use std::time::Duration;

use serde_json::json;

use super::lab::Lab;
use super::stage::{OVER, PROBES, SOON, Seen, Stage, description, now, says, soon};
use crate::support::idp::Idp;
use crate::support::{eventually, within};

const ONE: &str = "[[region]]\nname = \"only\"\n\n";

#[test]
fn a_stopped_provider_pages_within_six_seconds_once_and_is_over_thirty_after_it_is_back() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    let watch = stage.watch(PROBES);
    let stopped = now();
    lab.stop();
    let (paged, alert) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    soon(paged, &first, SOON);
    for (label, value) in [("severity", "page"), ("provider", "main"), ("evaluator", "authprobe")] {
        assert_eq!(alert["labels"][label], value, "{alert}");
    }
    says(&alert, &["discovery", "connect", "network", "north", "south", "west"]);
    // Every kind meets it at the same step: there is one of everything.
    stage.quiet(&["AuthRegionDown"], Duration::from_secs(12));
    let cases = watch.cases();
    assert_eq!(cases.len(), 1, "{cases:#?}");
    assert_eq!(cases[0]["step"], "discovery", "{cases:#?}");
    let of_name = |name: &str| stage.alertmanager.firing().iter().filter(|a| a["labels"]["alertname"] == name).count();
    assert_eq!(of_name("AuthOutage"), 1);

    lab.restart();
    stage.over("AuthOutage", now(), OVER);
    stage.inbox.eventually("resolved", "AuthOutage");
    assert_eq!(watch.fired("AuthOutage"), 1);
    assert_eq!(watch.fired("AuthRegionDown"), 0);
    eventually("no case any more", || watch.cases().is_empty().then_some(()));
}

#[test]
fn ten_probes_that_fail_together_have_one_detector_one_page_and_one_confirmation_a_second() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    let table = |(number, kind): (usize, &&str)| {
        let whose = if *kind == "client_credentials" { "client = \"svc\"" } else { "provider = \"main\"" };
        format!("[[probe]]\nname = \"probe-{number}\"\nkind = \"{kind}\"\n{whose}\n\n")
    };
    let mut probes: String =
        ["discovery", "jwks", "client_credentials"].iter().cycle().enumerate().take(9).map(table).collect();
    probes.push_str("[[probe]]\nname = \"login\"\nkind = \"form_login\"\nclient = \"web\"\nuser = \"alice\"\n\n");
    stage.scene.more.push_str(
        "[[slo]]\nname = \"all\"\nprobes = [\"*\"]\nsli = \"availability\"\nobjective = \"99%\"\nwindow = \"1d\"\n\n",
    );
    let watch = stage.watch(&probes);
    let stopped = now();
    lab.stop();
    let (paged, _) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    soon(paged, &first, SOON);
    let several = within(Duration::from_secs(25), || Some(watch.cases()).filter(|cases| cases.len() != 1));
    assert_eq!(several, None, "one detector all the time");
    assert_eq!(watch.fired("AuthOutage"), 1);

    // Paused, nothing changes any more.
    assert_eq!(watch.daemon.post("/api/v1/pause").status / 100, 2);
    std::thread::sleep(Duration::from_secs(2));
    let runs = watch.runs(stopped - Duration::from_secs(3600));
    let (confirmations, scheduled): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.is_confirmation());
    assert!(!confirmations.is_empty(), "the schedule alone");
    assert!(scheduled.iter().all(|run| run.trigger == "scheduled"), "{scheduled:#?}");
    for run in &confirmations {
        assert!(matches!(&*run.kind, "discovery" | "jwks"), "not the cheapest: {run:?}");
        let close = |other: &&&Seen| other.start >= run.start && other.start.since(run.start).as_secs() < 10;
        let within_ten = confirmations.iter().filter(close).count();
        assert!(within_ten <= 11, "{within_ten} in ten seconds from {run:?}");
    }
    let counted = |name| watch.daemon.sample(name, &[]).unwrap() as usize;
    assert_eq!(counted("authprobe_runs_total"), scheduled.len());
    assert_eq!(counted("authprobe_slo_events_total"), scheduled.len());
}

#[test]
fn one_step_that_fails_is_named_with_what_is_clean() {
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    let watch = stage.watch(PROBES);
    let broken = now();
    lab.fault("http_500", &json!({ "endpoint": "token" }));
    let (paged, alert) = stage.page("AuthOutage");
    let first = watch.first_bad(broken, &[]);
    assert_eq!(first.fault, "http_status/provider at token");
    soon(paged, &first, SOON);
    says(&alert, &["token", "http_status", "provider", "jwks"]);
    let case = watch.cases().remove(0);
    assert_eq!(
        (&case["step"], &case["class"], &case["blame"]),
        (&json!("token"), &json!("http_status"), &json!("provider"))
    );
    let clean = case["clean"].to_string();
    assert!(clean.contains("jwks") && clean.contains("discovery"), "{case:#}");
    assert!(!clean.contains("\"token\""), "{case:#}");
    assert_eq!(case["probes"], json!(["machine"]), "{case:#}");
    let kinds = watch.confirmations(broken);
    assert!(kinds.iter().all(|run| run.kind == "client_credentials"), "only that has the step: {kinds:#?}");
    lab.mend();
    stage.over("AuthOutage", now(), OVER);
}

#[test]
fn the_only_region_decides_alone_and_says_so() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    stage.scene.regions = ONE.to_owned();
    let watch = stage.watch(PROBES);
    let stopped = now();
    lab.stop();
    let (paged, alert) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    soon(paged, &first, SOON);
    let text = description(&alert).to_lowercase();
    assert!(text.contains("one region") || text.contains("only region"), "{text}");
    assert_eq!(watch.fired("AuthRegionDown"), 0);
    lab.restart();
    stage.over("AuthOutage", now(), OVER);
}

#[test]
fn a_hanging_provider_costs_one_timeout_more() {
    let idp = Idp::start();
    let mut stage = Stage::new(&idp.issuer, "10s");
    let watch = stage.watch(PROBES);
    let stopped = now();
    idp.signal("STOP");
    let (paged, alert) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    assert!(first.fault.starts_with("timeout/"), "{first:?}");
    // Its own timeout is over by then: one more for those that confirm it.
    soon(paged, &first, SOON + Duration::from_secs(4));
    says(&alert, &["timeout"]);
    idp.signal("CONT");
    stage.over("AuthOutage", now(), OVER);
    assert_eq!(watch.fired("AuthOutage"), 1);
}

#[test]
fn the_detector_works_for_prometheus_as_well() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    stage.alerting = "evaluate = false";
    let watch = stage.watch(PROBES);
    lab.stop();
    watch.daemon.until("authprobe_alert_state", &["alertname=\"AuthOutage\""], |state| state == 2.0);
    lab.restart();
    watch.daemon.until("authprobe_alert_state", &["alertname=\"AuthOutage\""], |state| state == 0.0);
}
