//! A daemon that is killed again and again while the provider is out: one outage, without a gap, until it is over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use authprobe::clock::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::lab::Lab;
use super::stage::{OVER, PROBES, Stage, Watch, now};
use crate::support::{PATIENCE, eventually};

/// The outage as the API tells it, once it does.
fn told(watch: &Watch) -> Value {
    eventually("the outage in the API", || {
        let alerts = watch.daemon.get("/api/v1/alerts").json()["alerts"].clone();
        alerts.as_array().unwrap().iter().find(|alert| alert["labels"]["alertname"] == "AuthOutage").cloned()
    })
}

/// Waits until the ledger has it: what is killed before is not kept.
fn kept(stage: &Stage) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = Connection::open_with_flags(stage.scene.folder.file("ledger.db"), flags).unwrap();
    let sql = "SELECT (SELECT count(*) FROM detector WHERE provider = 'main' AND json <> '')
                   * (SELECT count(*) FROM alert WHERE labels LIKE '%AuthOutage%' AND json LIKE '%firing%')";
    eventually("the outage in the ledger", || {
        (ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0) == 1).then_some(())
    });
}

/// Alertmanager's API keeps milliseconds, what it sends has more.
fn millis(time: &Value) -> i64 {
    Timestamp::from_utc(time.as_str().unwrap().parse().unwrap()).as_nanos() / 1_000_000
}

/// Killed, and started again as it was.
fn again(watch: &mut Watch, stage: &Stage, meanwhile: impl FnOnce()) {
    watch.daemon.process.kill();
    meanwhile();
    watch.daemon = stage.scene.daemon(&PROBES.replace("[[probe]]", "[[probe]]\ntimeout = \"4s\""));
}

/// Says so when it goes, in whatever way.
struct Gone<'a>(&'a AtomicBool);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn an_outage_is_one_through_many_kills_and_ends_by_what_is_measured_afterwards() {
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    let mut watch = stage.watch(PROBES);
    lab.fault("http_503", &json!({ "endpoint": "token" }));
    let (_, page) = stage.page("AuthOutage");
    kept(&stage);
    let before = told(&watch);
    assert_eq!(before["state"], "firing", "{before}");

    let (over, looks, gaps) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _over = Gone(&over);
        // Somebody looks at Alertmanager all the time.
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let seen = stage.alertmanager.find("AuthOutage");
                let same = seen.is_some_and(|seen| seen["startsAt"] == page["startsAt"]);
                gaps.fetch_add(u64::from(!same), Ordering::AcqRel);
                looks.fetch_add(1, Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        for seconds in [1, 4, 7] {
            again(&mut watch, &stage, || {});
            for _ in 0..seconds {
                let now = told(&watch);
                assert_eq!((&now["fired_at"], &now["state"]), (&before["fired_at"], &before["state"]), "{now}");
                assert_eq!(now["labels"], before["labels"]);
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        // It gets well while nobody measures: that is no reason to say so.
        again(&mut watch, &stage, || {
            lab.mend();
            std::thread::sleep(Duration::from_secs(5));
        });
        assert_eq!(told(&watch)["fired_at"], before["fired_at"]);
    });
    let (looks, gaps) = (looks.load(Ordering::Acquire), gaps.load(Ordering::Acquire));
    assert!(looks > 100 && gaps == 0, "{gaps} of {looks} times it was not there, or another");
    let started = now();
    stage.over("AuthOutage", started, OVER);
    stage.inbox.eventually("resolved", "AuthOutage");
    let told = stage.inbox.alerts();
    let of_outage = || told.iter().filter(|(_, name, _)| name == "AuthOutage");
    let same = |alert: &Value| {
        alert["fingerprint"] == page["fingerprint"] && millis(&alert["startsAt"]) == millis(&page["startsAt"])
    };
    assert!(of_outage().all(|(_, _, alert)| same(alert)), "{page:#} {told:#?}");
    assert_eq!(of_outage().filter(|(status, ..)| status == "resolved").count(), 1, "{told:#?}");
    assert_eq!(watch.fired("AuthOutage"), 0, "it fired before");
    let good =
        watch.runs(started - PATIENCE).iter().filter(|run| run.verdict == "good" && run.probe == "machine").count();
    assert!(good >= 6, "measured, not guessed: {good} good runs");
}
