//! A file of an older version is brought up to date when it is opened, with everything that is in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use authprobe::alert::{Alert, State};
use authprobe::fault::Class;
use authprobe::outcome::Verdict;
use authprobe::slo::{Cause, CauseCount, DayCause};
use authprobe::store::{Batch, RunsQuery, Store};
use rusqlite::Connection;

use crate::stage::{self, Folder, NOW, ask, block, counter, detector, open, running, tally};
use crate::support_outcome::{check, failed_in_browser, outcome};

/// The statements that made files of version 1, and what version 2 added.
const V1: &str = include_str!("../../src/store/v1.sql");
const V2: &str = include_str!("../../src/store/v2.sql");
/// "aprb".
const APPLICATION: &str = "PRAGMA application_id = 0x61707262";
/// What this version makes of any.
const NEWEST: i64 = 3;
const HOUR: i64 = NOW.as_secs() / 3600;

fn alert() -> Alert {
    Alert {
        labels: [("alertname".to_owned(), "AuthSilent".to_owned())].into(),
        annotations: Default::default(),
        state: State::Firing,
        active_nanos: 1,
        fired_nanos: Some(2),
        cleared_nanos: None,
    }
}

fn cause() -> DayCause {
    let class = Class::Timeout;
    let cause = Cause { class: Some(class), blame: Some(class.blame()), step: "token".into(), region: "eu".into() };
    DayCause { slo: "a".into(), day: HOUR / 24, count: CauseCount { cause, bad: 2, excluded: 1 } }
}

/// Something of every sort that older versions kept.
fn fill(path: &Path) {
    let (store, hand) = running(&stage::settings(path));
    for verdict in [Verdict::Good, Verdict::Bad] {
        let check = check("login", "eu");
        let mut run = if verdict == Verdict::Good { outcome(&check) } else { failed_in_browser(&check, "x") };
        run.verdict = verdict;
        store.outcome(&Arc::new(run));
    }
    hand.keep(Batch {
        blocks: vec![block("a", HOUR, &[(3, tally(5, 1))])],
        counters: vec![counter("x_total", "one", 7)],
        alerts: Some(vec![alert()]),
        detectors: Some(vec![detector("main", "token", "{}")]),
        ..Batch::default()
    });
    let window = authprobe::slo::maintenance::Window {
        id: "w".to_owned(),
        from_nanos: 1,
        to_nanos: NOW.as_nanos(),
        probes: vec!["*".to_owned()],
        comment: String::new(),
        created_by: "ann".to_owned(),
    };
    store.put_window(&window, "begin", "ann").unwrap();
    let deployment = authprobe::alert::conditions::Deployment {
        id: "d".to_owned(),
        at_nanos: NOW.as_nanos(),
        service: String::new(),
        version: "2".to_owned(),
        provider: String::new(),
        comment: String::new(),
        ..Default::default()
    };
    store.put_deployment(&deployment).unwrap();
    stage::close(&store);
}

/// Opens a file of an older version with the same rows; says how many tables it has.
fn made_by(version: i64, path: &Path, rows: &Path) -> (Connection, usize) {
    let file = Connection::open(path).unwrap();
    file.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    let mode: String = file.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let made = [V1, V2].into_iter().take(usize::try_from(version).unwrap());
    made.for_each(|step| file.execute_batch(step).unwrap());
    file.execute("ATTACH ?1 AS rows", [rows.to_str().unwrap()]).unwrap();
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let names = file.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>();
    let names: Vec<String> = names.unwrap();
    for name in &names {
        let copied = file.execute(&format!("INSERT INTO main.{name} SELECT * FROM rows.{name}"), []).unwrap();
        assert!(copied > 0, "{name} is empty");
    }
    file.execute_batch(&format!("DETACH rows; {APPLICATION}; PRAGMA user_version = {version};")).unwrap();
    (file, names.len())
}

fn everything_is_there(store: &Store, opened: &authprobe::store::Opened) {
    assert_eq!(opened.counters, [counter("x_total", "one", 7)]);
    assert_eq!(opened.alerts, [alert()]);
    assert_eq!((opened.windows.len(), opened.deployments.len()), (1, 1));
    assert_eq!(opened.last_written, Some(NOW));
    assert_eq!(store.minutes(&[HOUR]).unwrap(), [block("a", HOUR, &[(3, tally(5, 1))])]);
    assert_eq!(store.days(0).unwrap()[0].hours, [((HOUR % 24) as u8, tally(5, 1))]);
    let query = RunsQuery { probe: "login".to_owned(), region: None, verdict: None, before: None, limit: 9 };
    assert_eq!(store.runs(&query).unwrap().len(), 2);
}

/// All statements of a file, in order of name.
fn schema(path: &Path) -> String {
    ask(path, "SELECT group_concat(sql, ';' ORDER BY name) FROM sqlite_schema WHERE sql IS NOT NULL")
}

#[test]
fn a_file_of_an_older_version_is_brought_up_to_date_with_all_that_is_in_it() {
    // Version 2 added what is known of outages.
    for (version, tables, kept) in [(1, 13, vec![]), (2, 14, vec![detector("main", "token", "{}")])] {
        brought_up_to_date(version, tables, &kept);
    }
}

fn brought_up_to_date(version: i64, tables: usize, known: &[authprobe::detect::Kept]) {
    let (rows, closed, killed) = (Folder::new(), Folder::new(), Folder::new());
    fill(&rows.file());
    let (file, made) = made_by(version, &closed.file(), &rows.file());
    assert_eq!(made, tables);
    // As a kill leaves it: what came last is in the log only.
    for name in ["authprobe.db", "authprobe.db-wal"] {
        fs::copy(closed.file().with_file_name(name), killed.file().with_file_name(name)).unwrap();
    }
    assert!(killed.file().with_file_name("authprobe.db-wal").metadata().unwrap().len() > 0);
    drop(file);
    assert_eq!(ask::<i64>(&closed.file(), "PRAGMA user_version"), version);
    for folder in [closed, killed] {
        let (store, opened) = open(&folder.settings()).unwrap();
        everything_is_there(&store, &opened);
        assert_eq!(opened.detectors, known);
        assert_eq!(store.causes(0).unwrap(), [], "what was counted before is not known");
        stage::close(&store);
        assert_eq!(ask::<i64>(&folder.file(), "PRAGMA user_version"), NEWEST);
        assert_eq!(schema(&folder.file()), schema(&rows.file()), "as if it had been made so");
        let (store, hand) = running(&folder.settings());
        let kept = vec![detector("main", "token", "{}")];
        let causes = vec![cause()];
        hand.keep(Batch { detectors: Some(kept.clone()), causes: causes.clone(), ..Batch::default() });
        stage::close(&store);
        let (store, opened) = open(&folder.settings()).unwrap();
        everything_is_there(&store, &opened);
        assert_eq!(opened.detectors, kept);
        assert_eq!(store.causes(0).unwrap(), causes);
        assert_eq!(ask::<String>(&folder.file(), "PRAGMA integrity_check"), "ok");
        stage::close(&store);
    }
}
