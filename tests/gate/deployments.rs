use serde_json::{Value, json};

use crate::stage::{Stage, started};
use crate::support::authprobe::Daemon;
use crate::support::{PATIENCE, eventually, net};

fn marks(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/deployments").json()["deployments"].as_array().unwrap().clone()
}

/// What the mark says of an alert that followed it.
fn followed(mark: &Value, alert: &str) -> Option<Value> {
    mark["followed"].as_array().unwrap().iter().find(|followed| followed["labels"]["alertname"] == alert).cloned()
}

#[test]
fn a_deployment_is_marked_once_and_what_follows_is_attributed_to_it() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    let arguments = ["--deployment", "keycloak 26.5.1", "--watch", "6s"];
    let first = stage.gate(&arguments);
    assert_eq!((first.code, &first.report["deployment"]["new"]), (0, &json!(true)), "{first:?}");
    let mark = &marks(&daemon)[0];
    assert_eq!(
        (&mark["id"], &mark["service"], &mark["provider"]),
        (&json!("keycloak 26.5.1"), &json!("keycloak 26.5.1"), &json!("lab"))
    );
    assert_eq!((&first.report["since"], &mark["followed"]), (&mark["at"], &json!([])));

    // A pipeline that is run again: the same mark, as long as there is anything left to watch.
    let over = stage.gate(&arguments);
    assert!(over.code == 2 && over.stderr.contains("was marked") && over.stderr.contains("already"), "{over:?}");
    let second = stage.gate(&["--deployment", "keycloak 26.5.1", "--watch", "25s"]);
    assert_eq!((second.code, &second.report["deployment"]["new"]), (0, &json!(false)), "{second:?}");
    let judged = |gate: &crate::stage::Gate| gate.slo("tokens")["counts"]["good"].as_u64().unwrap();
    assert!(judged(&second) > judged(&first), "everything since the mark counts: {second:?}");
    assert_eq!(second.report["since"], first.report["since"]);
    assert_eq!(marks(&daemon).len(), 1);

    let mut bad = started(&["--server", &stage.url(), "--deployment", "bad", "--watch", "10m", "--slo", "key-set"]);
    bad.wait_for("a look", |line| line.contains("bad of").then_some(()));
    stage.break_tokens(json!({}));
    assert_eq!(bad.wait(PATIENCE).expect("an end").code(), Some(1), "{}", bad.output());
    let mark = eventually("what followed", || {
        marks(&daemon).into_iter().find(|mark| mark["id"] == "bad" && followed(mark, "AuthOutage").is_some())
    });
    assert_eq!(followed(&mark, "AuthOutage").unwrap()["state"], "firing");
    assert!(daemon.get("/").body.contains("followed by AuthOutage"));
    let other = marks(&daemon).into_iter().find(|mark| mark["id"] == "keycloak 26.5.1").unwrap();
    assert_eq!(other["followed"], json!([]), "its watch was over");
}

#[test]
fn a_wrong_choice_of_objectives_marks_nothing() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    let gate = stage.gate(&["--deployment", "x", "--slo", "nonsense"]);
    assert_eq!((gate.code, marks(&daemon)), (2, vec![]));
}

#[test]
fn reading_is_not_enough_to_mark() {
    let stage = Stage::new();
    let read = stage.folder.write("read", "the-read-token");
    stage.folder.write("admin", "the-admin-token");
    let config = stage.config("read_token = { file = \"read\" }\nadmin_token = { file = \"admin\" }", "");
    let _daemon = Daemon::start(&config, &stage.listen, &[]);
    let gate = stage.gate(&["--deployment", "x", "--token-file", read.to_str().unwrap()]);
    assert_eq!(gate.code, 2, "{gate:?}");
    assert!(gate.stderr.contains("403") && gate.stderr.contains("this token may only read"), "{}", gate.stderr);
    let bearer = ["Authorization: Bearer the-read-token"];
    let list = net::request("GET", &format!("{}/api/v1/deployments", stage.url()), &bearer, "").unwrap();
    assert_eq!(list.json(), json!({ "deployments": [] }));
}

#[test]
fn what_followed_outlives_a_restart() {
    let stage = Stage::new();
    let config = stage.config("", "[store]\npath = \"ledger.db\"\n");
    let mut daemon = Daemon::start(&config, &stage.listen, &[]);
    daemon.until("authprobe_slo_events_total", &["slo=\"tokens\""], |events| events >= 2.0);
    let body = json!({ "id": "release-7", "watch": "10m" }).to_string();
    let marked = net::request("POST", &format!("{}/api/v1/deployments", stage.url()), &[], &body).unwrap();
    assert_eq!(marked.status, 201, "{}", marked.body);
    stage.break_tokens(json!({}));
    let followed = |daemon: &Daemon| followed(&marks(daemon)[0], "AuthOutage").is_some();
    eventually("what followed", || followed(&daemon).then_some(()));
    assert_eq!(daemon.terminate(PATIENCE), 0);
    let again = Daemon::start(&config, &stage.listen, &[]);
    assert!(followed(&again), "{:?}", marks(&again));
    let marked = net::request("POST", &format!("{}/api/v1/deployments", stage.url()), &[], &body).unwrap();
    assert_eq!((marked.status, marked.json()["id"].as_str()), (200, Some("release-7")));
}
