//! How long an outage lasts, whether it comes and goes, and what a restart makes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::lab::Lab;
use super::stage::{OVER, PROBES, SOON, Stage, now};
use crate::support::eventually;

#[test]
fn what_is_short_does_not_page_if_so_asked() {
    const IGNORED: Duration = Duration::from_secs(20);
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    stage.detection = "ignore_shorter_than = \"20s\"";
    let watch = stage.watch(PROBES);
    let stopped = now();
    lab.stop();
    watch.first_bad(stopped, &[]);
    eventually("an outage that waits", || {
        let alerts = watch.daemon.get("/api/v1/alerts").json()["alerts"].clone();
        let waits = |alert: &Value| alert["labels"]["alertname"] == "AuthOutage" && alert["state"] == "pending";
        alerts.as_array().unwrap().iter().any(waits).then_some(())
    });
    std::thread::sleep(Duration::from_secs(8).saturating_sub(now().since(stopped)));
    lab.restart();
    eventually("the end of it", || watch.cases().is_empty().then_some(()));
    assert_eq!((watch.fired("AuthOutage"), stage.alertmanager.find("AuthOutage")), (0, None));

    let stopped = now();
    lab.stop();
    let (paged, _) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    let lasted = paged.since(first.start);
    assert!(lasted >= IGNORED && lasted <= IGNORED + SOON, "{lasted:?}");
    assert_eq!(watch.fired("AuthOutage"), 1);
}

#[test]
fn a_provider_that_flaps_pages_once() {
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    let watch = stage.watch(PROBES);
    let began = now();
    while now().since(began) < Duration::from_secs(150) {
        lab.fault("connection_reset", &json!({}));
        std::thread::sleep(Duration::from_secs(6));
        lab.mend();
        std::thread::sleep(Duration::from_secs(6));
    }
    assert_eq!(watch.fired("AuthOutage"), 1);
    let told = stage.inbox.alerts();
    let mut starts: Vec<_> = told
        .iter()
        .filter(|(status, name, _)| status == "firing" && name == "AuthOutage")
        .map(|(_, _, alert)| alert["startsAt"].to_string())
        .collect();
    starts.dedup();
    assert_eq!(starts.len(), 1, "{starts:?}");
}

#[test]
fn a_killed_daemon_goes_on_with_the_same_outage() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    let mut watch = stage.watch(PROBES);
    lab.stop();
    let (_, alert) = stage.page("AuthOutage");
    let since = eventually("the case", || watch.cases().first().map(|case| case["since"].clone()));
    // The ledger is written every second.
    std::thread::sleep(Duration::from_secs(3));
    watch.daemon.process.kill();
    let watch = stage.start(PROBES);
    let again = eventually("the alert told again", || {
        stage.alertmanager.find("AuthOutage").filter(|now| now["updatedAt"] != alert["updatedAt"])
    });
    assert_eq!(again["startsAt"], alert["startsAt"], "{again}");
    let case = watch.cases().remove(0);
    assert_eq!(case["since"], since, "{case:#}");
    stage_holds(&stage, Duration::from_secs(15));
    assert_eq!(watch.fired("AuthOutage"), 0, "it fired before");
    lab.restart();
    stage.over("AuthOutage", now(), OVER);
}

/// That the alert stays.
fn stage_holds(stage: &Stage, time: Duration) {
    let gone = crate::support::within(time, || stage.alertmanager.find("AuthOutage").is_none().then_some(()));
    assert_eq!(gone, None, "the alert went while the provider was out");
}
