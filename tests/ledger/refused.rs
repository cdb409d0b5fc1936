//! What cannot be opened is refused with a sentence, and stays as it is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::stage::{self, Folder, ask, counter, open, running};

/// What is in the file and in its log.
fn bytes(path: &Path) -> [Option<Vec<u8>>; 2] {
    [path.to_owned(), path.with_file_name("authprobe.db-wal")].map(|path| fs::read(path).ok())
}

fn refused(folder: &Folder) -> String {
    open(&folder.settings()).expect_err("opened")
}

#[test]
fn a_newer_file_is_refused_untouched() {
    let folder = Folder::new();
    drop(open(&folder.settings()).unwrap());
    ask::<i64>(&folder.file(), "PRAGMA user_version");
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = bytes(&folder.file());
    let why = refused(&folder);
    assert!(why.contains("written by a newer authprobe (version 99"), "{why}");
    assert!(bytes(&folder.file()) == before);
}

#[test]
fn a_newer_file_that_was_killed_is_refused_with_its_log_untouched() {
    let (original, copy) = (Folder::new(), Folder::new());
    drop(open(&original.settings()).unwrap());
    let newer = Connection::open(original.file()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    // As a kill would leave it: the version is in the log only.
    for name in ["authprobe.db", "authprobe.db-wal"] {
        fs::copy(original.file().with_file_name(name), copy.file().with_file_name(name)).unwrap();
    }
    let before = bytes(&copy.file());
    assert!(before[1].as_ref().is_some_and(|log| !log.is_empty()));
    let why = refused(&copy);
    assert!(why.contains("version 99"), "{why}");
    assert!(bytes(&copy.file()) == before);
}

#[test]
fn what_is_no_ledger_is_refused_untouched() {
    for (what, make) in [
        ("text", (|path| fs::write(path, "Dear diary, today nobody could log in. ".repeat(100)).unwrap()) as fn(&Path)),
        ("a short text", |path| fs::write(path, "x").unwrap()),
        ("another database", |path| {
            Connection::open(path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        }),
        ("another application's", |path| {
            Connection::open(path).unwrap().pragma_update(None, "application_id", 7).unwrap();
        }),
    ] {
        let folder = Folder::new();
        make(&folder.file());
        let before = bytes(&folder.file());
        let why = refused(&folder);
        assert!(why.contains("is no ledger of authprobe"), "{what}: {why}");
        assert!(bytes(&folder.file()) == before, "{what}");
    }
}

#[test]
fn an_empty_file_becomes_a_ledger() {
    let folder = Folder::new();
    fs::write(folder.file(), "").unwrap();
    assert!(open(&folder.settings()).unwrap().1.last_written.is_none());
}

#[test]
fn a_folder_that_is_missing_is_not_made() {
    let folder = Folder::new();
    let missing = folder.file().with_file_name("missing");
    let why = open(&stage::settings(&missing.join("authprobe.db"))).unwrap_err();
    assert!(why.contains("mount the disk that it belongs to"), "{why}");
    assert!(!missing.exists());
    let why = open(&stage::settings(folder.file().parent().unwrap())).unwrap_err();
    assert!(why.ends_with("is no file"), "{why}");
}

#[test]
fn a_second_process_is_told_who_has_it() {
    let folder = Folder::new();
    let (store, _) = open(&folder.settings()).unwrap();
    let us = format!("another authprobe (process {}) uses the ledger", std::process::id());
    let why = refused(&folder);
    assert!(why.starts_with(&us), "{why}");
    // The same file by another name.
    let link = folder.file().with_file_name("link.db");
    std::os::unix::fs::symlink(folder.file(), &link).unwrap();
    let why = open(&stage::settings(&link)).unwrap_err();
    assert!(why.starts_with(&us), "{why}");
    store.shutdown(Duration::from_secs(5));
    open(&folder.settings()).expect("closed, it is free again");
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    hand.keep(authprobe::store::Batch {
        counters: (0..3000).map(|n| counter("x_total", &n.to_string(), n)).collect(),
        ..Default::default()
    });
    stage::close(&store);
    let mut bytes = fs::read(folder.file()).unwrap();
    bytes[4096..].fill(0x5a);
    fs::write(folder.file(), bytes).unwrap();
    let why = refused(&folder);
    assert!(why.contains("it is damaged") && why.contains("restore a copy, or move it away"), "{why}");
}
