//! What is handed over is there after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::conditions::{Deployment, Followed};
use authprobe::alert::{Alert, State};
use authprobe::clock::Timestamp;
use authprobe::outcome::{Id, Outcome, Trigger, Verdict};
use authprobe::slo::maintenance::Window;
use authprobe::slo::{Counts, Day, Tally};
use authprobe::store::{Batch, RunsQuery, Store};
use serde_json::{Value, json};

use crate::stage::{self, Folder, NOW, block, counter, detector, key, running, tally};
use crate::support_outcome::{START, check, failed_in_browser, outcome, step};

const DAY: i64 = NOW.as_secs() / 86_400;

fn alert(name: &str, fired: i64) -> Alert {
    Alert {
        labels: BTreeMap::from([("alertname".to_owned(), name.to_owned())]),
        annotations: BTreeMap::from([("summary".to_owned(), "It burns.".to_owned())]),
        state: State::Firing,
        active_nanos: fired - 1,
        fired_nanos: Some(fired),
        cleared_nanos: None,
    }
}

fn window(id: &str, to: Timestamp) -> Window {
    Window {
        id: id.to_owned(),
        from_nanos: to.as_nanos() - 1,
        to_nanos: to.as_nanos(),
        probes: vec!["*".to_owned()],
        comment: "upgrade".to_owned(),
        created_by: "ann".to_owned(),
    }
}

fn deployment(id: &str, at: Timestamp) -> Deployment {
    Deployment {
        id: id.to_owned(),
        at_nanos: at.as_nanos(),
        service: "idp".to_owned(),
        version: "2".to_owned(),
        provider: String::new(),
        comment: String::new(),
        ..Default::default()
    }
}

fn followed(deployment: Deployment) -> Deployment {
    let labels = [("alertname".to_owned(), "AuthOutage".to_owned())].into();
    let before = Some([("login".to_owned(), tally(3, 1))].into());
    Deployment { followed: vec![Followed { labels, fired_nanos: 7 }], before, ..deployment }
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let noon = DAY * 24 + 12;
    let maintained = Tally { excluded: Counts { good: 2, bad: 0, inconclusive: 0, expected: 3 }, ..tally(2, 1) };
    hand.keep(Batch {
        blocks: vec![
            block("a", noon, &[(0, tally(1, 0)), (1, maintained)]),
            block("b", noon - 13, &[(59, tally(0, 4))]),
        ],
        counters: vec![counter("x_total", "one", 7), counter("x_total", "two", 1)],
        alerts: Some(vec![alert("A", 99), alert("B", 100)]),
        detectors: Some(vec![detector("main", "token", "1"), detector("main", "jwks", "2")]),
        ..Batch::default()
    });
    // A minute more in an hour that is there, another counter, other alerts.
    hand.keep(Batch {
        blocks: vec![
            block("a", noon, &[(0, tally(1, 0)), (1, maintained), (2, tally(1, 0))]),
            block("a", noon + 1, &[(5, tally(3, 0))]),
        ],
        counters: vec![counter("x_total", "one", 8)],
        alerts: Some(vec![alert("B", 100)]),
        detectors: Some(vec![detector("other", "token", "3"), detector("main", "jwks", "4")]),
        ..Batch::default()
    });
    store.put_window(&window("w1", NOW + Duration::from_secs(60)), "begin", "ann").unwrap();
    store.put_window(&window("w1", NOW), "end", "bob").unwrap();
    store.put_window(&window("old", NOW - Duration::from_secs(36 * 86_400)), "begin", "ann").unwrap();
    store.put_deployment(&deployment("d1", NOW - Duration::from_secs(60))).unwrap();
    store.put_deployment(&deployment("d2", NOW)).unwrap();
    store.put_deployment(&deployment("d0", NOW - Duration::from_secs(8 * 86_400))).unwrap();
    // An alert has followed one of them.
    hand.keep(Batch { deployments: vec![followed(deployment("d2", NOW))], ..Batch::default() });
    stage::close(&store);

    let (store, mut opened) = stage::open(&folder.settings()).unwrap();
    opened.counters.sort_by(|a, b| a.labels.cmp(&b.labels));
    assert_eq!(opened.counters, [counter("x_total", "one", 8), counter("x_total", "two", 1)]);
    assert_eq!(opened.alerts, [alert("B", 100)]);
    assert_eq!(opened.detectors, [detector("main", "jwks", "4"), detector("other", "token", "3")]);
    assert_eq!(opened.windows, [window("w1", NOW)]);
    let deployed: Vec<_> = opened.deployments.iter().map(|deployment| &*deployment.id).collect();
    assert_eq!(deployed, ["d2", "d1"]);
    assert_eq!(opened.deployments[0], followed(deployment("d2", NOW)));
    assert_eq!(opened.last_written, Some(NOW));
    let mut of_a = tally(1, 0);
    of_a += maintained;
    of_a += tally(1, 0);
    assert_eq!(
        store.days(DAY - 1).unwrap(),
        [
            Day { series: key("b", "eu"), day: DAY - 1, hours: vec![(23, tally(0, 4))] },
            Day { series: key("a", "eu"), day: DAY, hours: vec![(12, of_a), (13, tally(3, 0))] },
        ]
    );
    assert_eq!(store.days(DAY).unwrap().len(), 1);
    assert_eq!(
        store.minutes(&[noon + 1, noon, noon, 5]).unwrap(),
        [
            block("a", noon, &[(0, tally(1, 0)), (1, maintained), (2, tally(1, 0))]),
            block("a", noon + 1, &[(5, tally(3, 0))]),
        ]
    );
    let who: String = stage::ask(&folder.file(), "SELECT group_concat(who || ' ' || what) FROM audit");
    assert_eq!(who, "ann begin,bob end,ann begin");
}

#[test]
fn a_new_ledger_holds_nothing_and_only_we_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let (store, opened) = stage::open(&folder.settings()).unwrap();
    assert!(
        opened.counters.is_empty()
            && opened.alerts.is_empty()
            && opened.detectors.is_empty()
            && opened.last_written.is_none()
    );
    assert_eq!((store.days(0).unwrap(), store.minutes(&[1]).unwrap()), (vec![], vec![]));
    for name in ["authprobe.db", "authprobe.db-wal", "authprobe.db-lock"] {
        let mode = folder.file().with_file_name(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn detectors_come_back_byte_for_byte_whatever_they_are_called() {
    let folder = Folder::new();
    let names = [
        "",
        "main",
        "main ",
        " main",
        "MAIN",
        "mäin",
        "ma\u{308}in",
        "a/b",
        "'; DROP TABLE detector; --",
        "\0",
        "a\0b",
    ];
    let more = ["\n", "\"", "\\", "%_", "🚪", "\u{202e}niam", "\u{feff}", "NULL", "0", "x'00'"];
    let long = "p".repeat(10_000);
    let names: Vec<&str> = names.into_iter().chain(more).chain([&*long]).collect();
    // What they hold is theirs: it need not even be JSON.
    let large = format!(r#"{{"why":"{}"}}"#, "🔥\\u0000".repeat(20_000));
    let held = ["{}", "", "null", r#"{"a":[1e308,-0.0,18446744073709551615]}"#, "{ broken", "\0", &large];
    let mut all = Vec::new();
    for (n, provider) in names.iter().enumerate() {
        for (m, step) in names.iter().enumerate() {
            all.push(detector(provider, step, held[(n + m) % held.len()]));
        }
    }
    let (store, hand) = running(&folder.settings());
    hand.keep(Batch { detectors: Some(all.clone()), ..Batch::default() });
    // A batch without any says nothing of them.
    hand.keep(Batch { counters: vec![counter("x_total", "one", 1)], ..Batch::default() });
    stage::close(&store);
    all.sort_by(|a, b| (&a.provider, &a.step).cmp(&(&b.provider, &b.step)));
    for _ in 0..2 {
        let (store, opened) = stage::open(&folder.settings()).unwrap();
        assert!(opened.detectors == all, "{} of {}", opened.detectors.len(), all.len());
        stage::close(&store);
    }
    let (store, hand) = running(&folder.settings());
    let twice = vec![detector("main", "token", "1"), detector("main", "token", "2")];
    hand.keep(Batch { detectors: Some(twice), ..Batch::default() });
    stage::close(&store);
    let (store, opened) = stage::open(&folder.settings()).unwrap();
    assert_eq!(opened.detectors, [detector("main", "token", "2")], "the last word counts");
    stage::close(&store);
    let (store, hand) = running(&folder.settings());
    hand.keep(Batch { detectors: Some(Vec::new()), ..Batch::default() });
    stage::close(&store);
    assert!(stage::open(&folder.settings()).unwrap().1.detectors.is_empty());
}

fn query(store: &Store, region: Option<&str>, verdict: Option<&str>, before: Option<Timestamp>) -> Vec<Value> {
    let (region, verdict) = (region.map(str::to_owned), verdict.map(str::to_owned));
    let query = RunsQuery { probe: "login".to_owned(), region, verdict, before, limit: 3 };
    store.runs(&query).unwrap().into_iter().map(|run| run.json).collect()
}

/// A run that began so many seconds after the others.
fn run(region: &str, second: u64, verdict: Verdict) -> Arc<Outcome> {
    let check = check("login", region);
    let mut run = if verdict == Verdict::Good { outcome(&check) } else { failed_in_browser(&check, "x") };
    run.verdict = verdict;
    run.start = START + Duration::from_secs(second);
    run.trace_id = Id([second as u8; 16]);
    Arc::new(run)
}

#[test]
fn runs_are_found_by_probe_region_verdict_time_and_trace() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    for (region, second, verdict) in [
        ("eu", 1, Verdict::Good),
        ("us", 2, Verdict::Bad),
        ("eu", 4, Verdict::Inconclusive),
        ("us", 3, Verdict::Good),
        ("eu", 5, Verdict::Good),
    ] {
        store.outcome(&run(region, second, verdict));
    }
    hand.settle();
    let seconds = |region, verdict, before: Option<u64>| {
        let before = before.map(|second| START + Duration::from_secs(second));
        let of = |run: &Value| u8::from_str_radix(&run["trace_id"].as_str().unwrap()[..2], 16).unwrap();
        query(&store, region, verdict, before).iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(seconds(None, None, None), [5, 4, 3]);
    assert_eq!(seconds(None, None, Some(3)), [2, 1]);
    assert_eq!(seconds(Some("eu"), None, None), [5, 4, 1]);
    assert_eq!(seconds(None, Some("good"), None), [5, 3, 1]);
    assert_eq!(seconds(None, Some("bad"), None), [2]);
    assert_eq!(seconds(Some("us"), Some("inconclusive"), None), [0; 0]);
    assert_eq!(store.run(&"05".repeat(16)).unwrap().unwrap().json["probe_region"], "eu");
    assert_eq!(store.run(&"02".repeat(16)).unwrap().unwrap().json["verdict"], "bad");
    for unknown in ["09".repeat(16), "5".to_owned(), "zz".repeat(16), String::new()] {
        assert!(store.run(&unknown).unwrap().is_none(), "{unknown}");
    }
}

#[test]
fn a_failure_is_kept_whole_but_for_its_picture() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let failed = run("eu", 1, Verdict::Bad);
    store.outcome(&failed);
    hand.settle();
    let kept = query(&store, None, None, None).remove(0);
    assert_eq!(kept, serde_json::to_value(failed.without_screenshot()).unwrap());
    assert_eq!(kept["browser"]["evidence"].get("screenshot_bytes"), None);
}

#[test]
fn a_good_run_is_kept_in_the_form_of_the_api() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let mut good = outcome(&check("login", "eu"));
    good.start = START + Duration::from_millis(12);
    good.trigger = Trigger::Manual;
    good.labels = Arc::new(BTreeMap::from([("team".to_owned(), "identity".to_owned())]));
    let at = |millis, cleanup| {
        let mut step = step(if cleanup { "logout" } else { "token" }, vec![]);
        step.start = START + Duration::from_millis(millis);
        step.cleanup = cleanup;
        step
    };
    good.steps = vec![at(15, false), at(400, true)];
    let whole = serde_json::to_value(&good).unwrap();
    store.outcome(&Arc::new(good));
    hand.settle();
    let mut expected = whole.clone();
    expected["kept"] = json!("summary");
    expected["span_id"] = json!("0000000000000000");
    for step in expected["steps"].as_array_mut().unwrap() {
        step["span_id"] = json!("0000000000000000");
    }
    assert_eq!(query(&store, None, None, None), [expected]);
}

#[test]
fn runs_of_one_check_that_begin_together_are_all_kept() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    for n in 0..40 {
        let mut run = outcome(&check("login", "eu"));
        run.trace_id = Id([n; 16]);
        store.outcome(&Arc::new(run));
    }
    hand.settle();
    assert_eq!(stage::ask::<i64>(&folder.file(), "SELECT count(DISTINCT trace) FROM run"), 40);
    assert_eq!(store.dropped(), 0);
}
