use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::schedule::Timing;
use authprobe::secret::SecretSource;
use authprobe::slo::maintenance::{Recurring, Window};
use serde_json::{Value, json};

use super::{mistakes, wrong};
use crate::folder::Folder;
use crate::web_support::standing::written;
use crate::web_support::{Engine, Ledger, NOW, Web};

const PATH: &str = "/api/v1/maintenance";
const MINUTE: Duration = Duration::from_secs(60);

fn window(id: &str, from: Timestamp, to: Timestamp) -> Window {
    Window {
        id: id.into(),
        from_nanos: from.as_nanos(),
        to_nanos: to.as_nanos(),
        probes: vec!["*".into()],
        comment: "release".into(),
        created_by: "alice".into(),
    }
}

#[tokio::test]
async fn configured_windows_tell_when_they_begin_next() {
    let web = Web::start(Engine::default()).await;
    // It is Tuesday, 2023-11-14, 23:13:20 UTC.
    for (name, cron) in [("nightly", "0 0 23 * * *"), ("weekly", "0 0 2 * * SUN")] {
        web.engine.maintenance.lock().unwrap().recurring.push(Recurring {
            name: name.into(),
            begins: Timing::cron(cron, "UTC").unwrap(),
            duration: Duration::from_secs(1800),
            probes: vec!["login".into()],
        });
    }
    let recurring = web.get(PATH).await.json()["recurring"].clone();
    let nightly = json!({ "name": "nightly", "state": "active", "until": "2023-11-14T23:30:00.000Z", "duration": "30m",
        "probes": ["login"],
        "next": ["2023-11-15T23:00:00.000Z", "2023-11-16T23:00:00.000Z", "2023-11-17T23:00:00.000Z"] });
    assert_eq!(recurring[0], nightly);
    assert_eq!((&recurring[1]["state"], &recurring[1]["until"]), (&json!("planned"), &Value::Null));
    assert_eq!(recurring[1]["next"][0], json!("2023-11-19T02:00:00.000Z"));
}

#[tokio::test]
async fn a_window_is_asked_for_looked_at_and_ended() {
    let web = Web::start(Engine::default()).await;
    let body = json!({ "probes": ["log*"], "duration": "1h", "comment": "release 26.5", "created_by": "alice" });
    let answer = web.send("POST", PATH, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let made = answer.json();
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(answer.header("location"), format!("{PATH}/{id}"));
    let expected = json!({ "id": id, "state": "active", "from": written(NOW), "to": written(NOW + MINUTE * 60),
        "probes": ["log*"], "comment": "release 26.5", "created_by": "alice" });
    assert_eq!(made, expected);
    assert_eq!(web.get(&format!("{PATH}/{id}")).await.json(), expected);
    assert_eq!(web.get(PATH).await.json()["windows"], json!([expected]));

    web.engine.clock.set(NOW + MINUTE * 10);
    let ended = web.ask("DELETE", &format!("{PATH}/{id}"), &[]).await;
    assert_eq!((ended.status, &ended.json()["state"]), (200, &json!("over")));
    let kept = web.get(PATH).await.json()["windows"][0].clone();
    assert_eq!((&kept["from"], &kept["to"]), (&written(NOW), &written(NOW + MINUTE * 10)), "what was covered stays");
    web.engine.clock.set(NOW + MINUTE * 20);
    let again = web.ask("DELETE", &format!("{PATH}?id={id}"), &[]).await;
    assert_eq!((again.status, &again.json()["to"]), (200, &written(NOW + MINUTE * 10)), "it ends once");
    let audit = web.engine.audit.lock().unwrap().clone();
    let by = |name: &str| format!("no token, 127.0.0.1{name}");
    assert_eq!(audit, [("create", by(" (alice)")), ("end", by(""))]);
}

#[tokio::test]
async fn a_window_that_has_not_begun_can_be_called_off() {
    let web = Web::start(Engine::default()).await;
    let body = json!({ "probes": ["login"], "from": "2023-11-15T02:00:00+01:00", "to": "2023-11-15T03:00:00+01:00",
                       "comment": "release" });
    let made = web.send("POST", PATH, &body).await.json();
    assert_eq!((&made["state"], &made["from"]), (&json!("planned"), &json!("2023-11-15T01:00:00.000Z")));
    let ended = web.ask("DELETE", &format!("{PATH}?id={}", made["id"].as_str().unwrap()), &[]).await.json();
    assert_eq!((&ended["state"], &ended["from"], &ended["to"]), (&json!("over"), &written(NOW), &written(NOW)));
    assert_eq!(web.get(PATH).await.json()["windows"].as_array().unwrap().len(), 1, "nothing is erased");
}

#[tokio::test]
async fn every_mistake_in_a_window_is_told_at_once() {
    let web = Web::start(Engine::default()).await;
    let body = json!({ "probes": ["logn", "x*", 7], "form": "now", "from": "yesterday", "duration": "1 hour",
                       "comment": "", "created_by": "a\nb" });
    let answer = web.send("POST", PATH, &body).await;
    let expected = [
        ("#/form", "unknown: did you mean `from`?"),
        ("#/probes/2", "must be a string"),
        ("#/probes/0", "no probe fits \"logn\"; did you mean `login`?"),
        ("#/probes/1", "no probe fits \"x*\"; there are `login`"),
        ("#/from", "must be a time of RFC 3339 such as \"2026-01-31T02:00:00Z\""),
        ("#/duration", "\"1 hour\" is not a duration: write a number with a unit (ms, s, m, h, d, w), such as \"90s\""),
        ("#/comment", "must not be empty"),
        ("#/created_by", "must be one line without control characters"),
    ];
    let found = mistakes(&answer);
    for (pointer, detail) in expected {
        assert!(found.contains(&(pointer.into(), detail.into())), "{pointer}: {detail}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("#/comment: must not be empty"));
    assert!(web.engine.maintenance.lock().unwrap().windows.is_empty());
    assert!(web.engine.audit.lock().unwrap().is_empty());
}

#[tokio::test]
async fn windows_have_an_end_and_keep_to_their_bounds() {
    let web = Web::start(Engine::default()).await;
    let at = |offset: i64| json!(Timestamp::from_secs(NOW.as_secs() + offset).to_string());
    for (times, expected) in [
        (json!({}), &["#/duration"][..]),
        (json!({ "to": at(60), "duration": "1h" }), &["#/duration"]),
        (json!({ "from": at(-59), "duration": "1h" }), &[]),
        (json!({ "from": at(-61), "duration": "1h" }), &["#/from"]),
        (json!({ "from": at(-30), "to": at(-10) }), &["#/to"]),
        (json!({ "from": at(600), "to": at(599) }), &["#/to"]),
        (json!({ "from": at(600), "to": at(601) }), &[]),
        (json!({ "duration": "0s" }), &["#/duration"]),
        (json!({ "duration": "31d" }), &[]),
        (json!({ "duration": "31d1ms" }), &["#/duration"]),
        (json!({ "to": at(32 * 86_400) }), &["#/to"]),
        (json!({ "from": at(367 * 86_400), "duration": "1h" }), &["#/from"]),
        (json!({ "to": "9999-12-31T23:59:59Z" }), &["#/to"]),
    ] {
        let mut body = json!({ "probes": ["*"], "comment": "c" });
        body.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let answer = web.send("POST", PATH, &body).await;
        match expected {
            [] => assert_eq!(answer.status, 201, "{times} {}", answer.body),
            expected => assert_eq!(wrong(&answer), expected, "{times}"),
        }
    }
    for probes in [json!([]), json!("*"), json!(vec!["*"; 101]), json!(null), json!(["l".repeat(201)])] {
        let answer = web.send("POST", PATH, &json!({ "probes": probes, "duration": "1h", "comment": "c" })).await;
        assert!(wrong(&answer)[0].starts_with("#/probes"), "{probes}");
    }
    for body in ["", "{", "[]", "\"x\""] {
        let answer = web.send_as("POST", PATH, "", body).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"), "{body}");
    }
}

#[tokio::test]
async fn there_are_only_so_many_windows() {
    let web = Web::start(Engine::default()).await;
    let body = json!({ "probes": ["*"], "duration": "1h", "comment": "c" });
    let fill = |over: usize, ahead: usize| {
        let past = (0..over).map(|n| window(&format!("{n:08x}"), NOW - MINUTE * 9, NOW - MINUTE));
        let coming = (0..ahead).map(|n| window(&format!("f{n:07x}"), NOW + MINUTE, NOW + MINUTE * 9));
        web.engine.maintenance.lock().unwrap().windows = past.chain(coming).collect();
    };
    for (over, ahead, status) in [(4000, 999, 201), (0, 1000, 409), (5000, 0, 409)] {
        fill(over, ahead);
        assert_eq!(web.send("POST", PATH, &body).await.status, status, "{over} {ahead}");
    }
    let ended = web.ask("DELETE", &format!("{PATH}/00000000"), &[]).await;
    assert_eq!(ended.status, 200, "ending one is always possible");
}

#[tokio::test]
async fn a_window_that_cannot_be_kept_is_no_success() {
    let ledger = Some(Ledger { failing: Some("no space is left".into()), ..Ledger::default() });
    let web = Web::start(Engine { ledger, ..Engine::default() }).await;
    let answer = web.send("POST", PATH, &json!({ "probes": ["*"], "duration": "1h", "comment": "c" })).await;
    assert_eq!((answer.status, &answer.json()["detail"]), (503, &json!("not kept: no space is left")));
    web.engine.maintenance.lock().unwrap().windows.push(window("00000001", NOW, NOW + MINUTE));
    assert_eq!(web.ask("DELETE", &format!("{PATH}/00000001"), &[]).await.status, 503);
}

#[tokio::test]
async fn only_what_is_there_can_be_ended() {
    let web = Web::start(Engine::default()).await;
    for (method, path, status) in [
        ("DELETE", format!("{PATH}/nothing"), 404),
        ("DELETE", format!("{PATH}?id=00000000"), 404),
        ("DELETE", PATH.to_owned(), 400),
        ("DELETE", format!("{PATH}?di=1"), 400),
        ("GET", format!("{PATH}/00000000"), 404),
        ("PUT", PATH.to_owned(), 405),
    ] {
        let answer = web.ask(method, &path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn maintenance_and_deployments_need_the_right_to_write() {
    let folder = Folder::new();
    let token = |name: &str| Some(SecretSource::File(folder.write(name, &format!("{name}-secret\n"))));
    let mut engine = Engine::default();
    (engine.server.read_token, engine.server.admin_token) = (token("read"), token("admin"));
    let web = Web::start(engine).await;
    let window = json!({ "probes": ["*"], "duration": "1h", "comment": "c", "created_by": "bob" }).to_string();
    let deploy = json!({ "service": "keycloak", "version": "26.5" }).to_string();
    for (method, path, body, done) in [
        ("POST", PATH, &window, 201),
        ("DELETE", "/api/v1/maintenance?id=none", &String::new(), 404),
        ("DELETE", "/api/v1/maintenance/none", &String::new(), 404),
        ("POST", "/api/v1/deployments", &deploy, 201),
    ] {
        for (token, status) in [("", 401), ("wrong", 401), ("read-secret", 403), ("admin-secret", done)] {
            let answer = web.send_as(method, path, token, body).await;
            assert_eq!(answer.status, status, "{method} {path} {token}");
        }
    }
    assert_eq!(*web.engine.audit.lock().unwrap(), [("create", "admin token, 127.0.0.1 (bob)".to_owned())]);
    for path in ["/api/v1/slos", "/api/v1/alerts", PATH, "/api/v1/deployments"] {
        assert_eq!(web.get(path).await.status, 401, "{path}");
        assert_eq!(web.send_as("GET", path, "read-secret", "").await.status, 200, "{path}");
    }

    let web = Web::start(Engine::default()).await;
    for path in [PATH, "/api/v1/deployments"] {
        let answer = web.ask("POST", path, &[("Origin", "http://evil.example")]).await;
        assert_eq!(answer.status, 403, "another origin's page: {path}");
    }
    assert!(web.engine.audit.lock().unwrap().is_empty());
}
