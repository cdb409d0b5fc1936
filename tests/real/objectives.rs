//! An objective in four lines, a provider that breaks, a real Alertmanager, and a daemon that is killed in the middle.

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Inbox};
use crate::support::authprobe::Daemon;
use crate::support::idp::Idp;
use crate::support::net;
use crate::support::scene::Scene;
use crate::support::{PATIENCE, eventually};

/// Budgets of an hour, so that minutes are enough.
const PROMISED: &str = r#"
[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
resource = ["urn:example:api"]
labels = { team = "identity" }

[[slo]]
name = "machines-get-tokens"
probes = ["machine"]
sli = "availability"
objective = "99%"
window = "1h"
labels = { service = "tokens" }
tiers = [{ budget = "50%", within = "1m", severity = "page" }]
"#;

fn stage(idp: &Idp, alertmanager: &Alertmanager) -> Scene {
    let mut scene = Scene::new(idp);
    scene.more = format!(
        "[store]\npath = \"ledger.db\"\n[alerting]\n[[alerting.alertmanager]]\nurl = \"{}\"\n",
        alertmanager.url
    );
    scene
}

/// The objective as the API tells it.
fn objective(daemon: &Daemon) -> Value {
    daemon.get("/api/v1/slos").json()["slos"][0].clone()
}

/// Every time that its alert fired.
fn history(daemon: &Daemon) -> Vec<Value> {
    let answer = daemon.get("/api/v1/alerts/history?slo=machines-get-tokens").json();
    answer["episodes"].as_array().unwrap().clone()
}

/// Waits until the ledger has it: what is killed before is not kept.
fn kept(scene: &Scene) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = Connection::open_with_flags(scene.folder.file("ledger.db"), flags).unwrap();
    let sql = "SELECT count(*) FROM episode WHERE slo = 'machines-get-tokens'";
    eventually("the episode in the ledger", || {
        (ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0) == 1).then_some(())
    });
}

fn burning(alertmanager: &Alertmanager) -> Option<Value> {
    alertmanager.find("AuthSLOBurn")
}

#[test]
fn an_outage_is_paged_by_alertmanager_survives_a_kill_and_ends() {
    let (idp, inbox) = (Idp::start(), Inbox::new());
    let alertmanager = Alertmanager::start(&inbox, "");
    let scene = stage(&idp, &alertmanager);
    let mut daemon = scene.daemon(PROMISED);
    daemon.until("authprobe_slo_events_total", &["machines-get-tokens"], |events| events >= 10.0);
    assert_eq!(daemon.sample("authprobe_slo_errors_total", &["machines-get-tokens"]), Some(0.0));
    eventually("a whole budget", || {
        (objective(&daemon)["budget"]["adjusted"]["remaining"].as_f64() == Some(1.0)).then_some(())
    });
    let marked = net::request(
        "POST",
        &format!("{}/api/v1/deployments", daemon.url),
        &["content-type: application/json"],
        &json!({ "service": "idp", "version": "26.4" }).to_string(),
    );
    assert_eq!(marked.unwrap().status, 201);

    idp.fail(json!({ "/token": { "status": 503 } }));
    let alert = eventually("the page", || burning(&alertmanager));
    for (label, value) in [
        ("evaluator", "authprobe"),
        ("provider", "main"),
        ("slo", "machines-get-tokens"),
        ("severity", "page"),
        ("burnrate_tier", "1m"),
        ("service", "tokens"),
    ] {
        assert_eq!(alert["labels"][label], value, "{alert}");
    }
    let description = alert["annotations"]["description"].as_str().unwrap();
    for part in ["http_status", "provider", "direct", "idp", "26.4"] {
        assert!(description.contains(part), "{part}: {description}");
    }
    assert_eq!(daemon.sample("authprobe_alert_state", &["AuthSLOBurn", "machines-get-tokens"]), Some(2.0));

    // Why it fired, in numbers: half of an hour's budget within a minute is 30 times as fast as allowed.
    let [fired] = &history(&daemon)[..] else { panic!("{:?}", history(&daemon)) };
    let (reading, numbers) = (&fired["reading"], ["burn_long", "burn_short", "burn_long_lower"]);
    assert_eq!((&reading["factor"], &reading["long_seconds"]), (&json!(30.0), &json!(60)), "{fired}");
    assert!(reading["bad"].as_u64() > Some(0) && reading["judged"].as_u64() >= reading["bad"].as_u64(), "{fired}");
    assert!(numbers.iter().all(|name| reading[name].as_f64() > Some(30.0)), "{fired}");
    assert!(fired["description"].as_str().unwrap().contains("which burns the error budget"), "{fired}");
    assert_eq!(fired["resolved_at"], Value::Null);
    kept(&scene);

    // Killed, it goes on where it was: counters, budget, and the alert with its first moment.
    let counted = ["authprobe_runs_total", "authprobe_slo_events_total", "authprobe_slo_errors_total"]
        .map(|name| (name, daemon.sample(name, &[]).unwrap()));
    let started = alert["startsAt"].clone();
    daemon.process.kill();
    let mut daemon = scene.daemon(PROMISED);
    for (name, before) in counted {
        let after = daemon.sample(name, &[]).unwrap();
        assert!(after >= before && before > 0.0, "{name}: {before} before, {after} after");
    }
    let again = eventually("the alert told again", || {
        burning(&alertmanager).filter(|now| now["updatedAt"] != alert["updatedAt"])
    });
    assert_eq!(again["startsAt"], started, "{again}");
    let budget = objective(&daemon);
    assert!(budget["budget"]["adjusted"]["bad"].as_f64() > Some(0.0), "{budget}");
    assert_eq!(history(&daemon), std::slice::from_ref(fired), "it is the same episode, with its first words");

    idp.fail(json!({}));
    let over = crate::support::within(3 * PATIENCE, || burning(&alertmanager).is_none().then_some(()));
    assert!(over.is_some(), "still firing: {:?}", burning(&alertmanager));
    let ended = eventually("the end of the episode", || {
        history(&daemon).into_iter().next().filter(|episode| episode["resolved_at"] != Value::Null)
    });
    assert_eq!((&ended["fired_at"], &ended["reading"]), (&fired["fired_at"], &fired["reading"]));
    assert_eq!(daemon.terminate(PATIENCE), 0);
}

#[test]
fn maintenance_counts_in_the_raw_budget_only_and_pages_nobody() {
    let (idp, inbox) = (Idp::start(), Inbox::new());
    let alertmanager = Alertmanager::start(&inbox, "");
    let scene = stage(&idp, &alertmanager);
    let daemon = scene.daemon(PROMISED);
    daemon.until("authprobe_slo_events_total", &[], |events| events >= 5.0);
    let asked = net::request(
        "POST",
        &format!("{}/api/v1/maintenance", daemon.url),
        &["content-type: application/json"],
        &json!({ "probes": ["machine"], "duration": "10m", "comment": "release" }).to_string(),
    );
    assert_eq!(asked.unwrap().status, 201);
    idp.fail(json!({ "/token": { "status": 503 } }));
    daemon.until("authprobe_slo_errors_total", &[], |errors| errors >= 20.0);
    let budget = eventually("an evaluation of both budgets", || {
        let budget = objective(&daemon)["budget"].clone();
        (budget["raw"]["bad"].as_f64() >= Some(10.0)).then_some(budget)
    });
    assert_eq!(budget["adjusted"]["bad"], 0, "{budget}");
    assert!(budget["raw"]["remaining"].as_f64() < Some(0.0), "{budget}");
    assert_eq!(budget["adjusted"]["remaining"], 1.0, "{budget}");
    assert_eq!(burning(&alertmanager), None);
}

#[test]
fn a_ledger_that_cannot_be_written_alerts_and_stops_no_probe() {
    let (idp, inbox) = (Idp::start(), Inbox::new());
    let alertmanager = Alertmanager::start(&inbox, "");
    let scene = stage(&idp, &alertmanager);
    let daemon = scene.daemon(PROMISED);
    daemon.until("authprobe_slo_events_total", &[], |events| events >= 3.0);
    // Somebody holds the file, as a careless backup would.
    let somebody = rusqlite::Connection::open(scene.folder.file("ledger.db")).unwrap();
    somebody.busy_timeout(crate::support::PATIENCE).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.until("authprobe_ledger_failing", &[], |failing| failing == 1.0);
    let before = daemon.sample("authprobe_runs_total", &[]).unwrap();
    daemon.until("authprobe_runs_total", &[], |runs| runs >= before + 5.0);
    let failing = eventually("the alert", || alertmanager.find("AuthLedgerFailing"));
    assert_eq!(failing["labels"]["severity"], "ticket");
    somebody.execute_batch("ROLLBACK").unwrap();
    daemon.until("authprobe_ledger_failing", &[], |failing| failing == 0.0);
    assert_eq!(daemon.sample("authprobe_sink_dropped_total", &["ledger"]), Some(0.0), "nothing was lost");
}
