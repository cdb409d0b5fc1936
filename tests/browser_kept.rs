//! A driver with its browser, looked after by a real keeper: whatever is killed, nothing stays behind.

#![allow(clippy::disallowed_methods)] // The clock of the machine is right for the deadlines of tests.

#[path = "browser_kept/actor.rs"]
mod actor;
#[path = "browser_kept/driver.rs"]
mod driver;
#[allow(dead_code)] // Each story uses its part.
mod support;
#[path = "browser_kept/system.rs"]
mod system;

use std::path::Path;
use std::time::{Duration, Instant};

use actor::{Actor, Part, act};
use authprobe::browser::Settings;
use authprobe::fault::{Class, Fault};
use driver::{Session, held, keepers};
use support::Folder;
use support::certs::certificate;
use system::{Traces, command_line, is_empty, kill, runs, script};

/// How long nothing may be left after anything has been killed.
const BOUND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_is_dropped_leaves_nothing() {
    let held = held().await;
    let session = Session::open(&held).await;
    session.go("data:text/html,<title>here</title>").await.unwrap();
    let traces = Traces::of(&held);
    let renderers = traces.count("--type=renderer");
    assert!(renderers > 0 && held.alive(), "{traces:?}");
    let memory = held.memory().await.unwrap();
    assert!((30 << 20..2 << 30).contains(&memory), "{memory}");
    drop(held);
    traces.gone_within(BOUND).await;
}

#[tokio::test]
async fn what_is_ended_is_gone_at_once() {
    let held = held().await;
    let session = Session::open(&held).await;
    // A page that keeps its process busy cannot hold it up either.
    session.hang();
    let traces = Traces::of(&held);
    held.end().await;
    traces.gone_within(Duration::ZERO).await;
}

#[tokio::test]
async fn a_session_that_is_deleted_leaves_its_driver_alone() {
    let held = held().await;
    let session = Session::open(&held).await;
    assert!(held.processes().len() > 1);
    session.delete().await;
    let driver = support::eventually("the browser's end", || {
        let left = held.processes();
        (left.len() == 1).then(|| left[0])
    });
    assert!(command_line(driver).contains("chromedriver"), "{}", command_line(driver));
    Session::open(&held).await.go("data:text/html,again").await.unwrap();
    held.end().await;
}

#[tokio::test]
async fn a_killed_driver_takes_its_browser_along() {
    let held = held().await;
    let _session = Session::open(&held).await;
    let traces = Traces::of(&held);
    kill("KILL", traces.one("chromedriver"));
    tokio::time::timeout(BOUND, held.died()).await.expect("word of its death");
    assert!(!held.alive());
    traces.gone_within(BOUND).await;
}

#[tokio::test]
async fn a_killed_browser_shows_in_its_session_only() {
    let held = held().await;
    let session = Session::open(&held).await;
    let traces = Traces::of(&held);
    kill("KILL", traces.browser());
    let error = session.go("data:text/html,gone").await.unwrap_err();
    assert!(error.contains("invalid session id") || error.contains("disconnected"), "{error}");
    assert!(held.alive());
    Session::open(&held).await.go("data:text/html,another").await.unwrap();
    let later = Traces::of(&held);
    held.end().await;
    traces.gone_within(Duration::ZERO).await;
    later.gone_within(Duration::ZERO).await;
}

#[tokio::test]
async fn a_killed_keeper_is_made_up_for() {
    let held = held().await;
    let _session = Session::open(&held).await;
    let traces = Traces::of(&held);
    kill("KILL", held.keeper());
    tokio::time::timeout(BOUND, held.died()).await.expect("word of its death");
    traces.gone_within(BOUND).await;
    assert!(!held.alive());
}

#[tokio::test]
async fn a_keeper_that_is_told_to_end_ends_everything() {
    for signal in ["TERM", "INT", "HUP"] {
        let held = held().await;
        let _session = Session::open(&held).await;
        let traces = Traces::of(&held);
        kill(signal, held.keeper());
        traces.gone_within(BOUND).await;
    }
}

#[tokio::test]
async fn a_keeper_that_hangs_is_killed() {
    let held = held().await;
    let _session = Session::open(&held).await;
    let traces = Traces::of(&held);
    kill("STOP", held.keeper());
    let started = Instant::now();
    held.end().await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    traces.gone_within(Duration::ZERO).await;
}

#[tokio::test]
async fn a_killed_authprobe_leaves_nothing() {
    if act(Part::Holds).await {
        return;
    }
    let folder = Folder::new();
    let mut actor = Actor::start("a_killed_authprobe_leaves_nothing", folder.path(), &[("CANARY", "c4n4ry")]);
    let traces = actor.holds();
    // What may be a secret stays with authprobe.
    let environment = std::fs::read(format!("/proc/{}/environ", traces.one("chromedriver"))).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("TMPDIR=") && !environment.contains("c4n4ry"), "{environment}");
    // Nor does `pkill authprobe` hit the keeper, which is called otherwise when authprobe starts itself.
    actor.kill();
    traces.gone_within(BOUND).await;
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn what_authprobe_and_keeper_leave_when_both_are_killed_is_swept_away() {
    if act(Part::Holds).await {
        return;
    }
    let name = "what_authprobe_and_keeper_leave_when_both_are_killed_is_swept_away";
    let folder = Folder::new();
    let (mut first, mut other) = (Actor::start(name, folder.path(), &[]), Actor::start(name, folder.path(), &[]));
    let (left, kept) = (first.holds(), other.holds());
    let driver = left.one("chromedriver");
    first.freeze();
    kill("KILL", left.keeper());
    first.kill();
    system::within(BOUND, || !runs(driver)).await.expect("the kernel kills the driver");
    assert!(left.folder().exists(), "somebody else has cleared it");

    let mut next = Actor::start(name, folder.path(), &[]);
    let fresh = next.holds();
    left.gone_within(Duration::ZERO).await;
    assert!(kept.all_run() && fresh.all_run(), "what others hold is theirs");
    other.end();
    next.end();
    kept.gone_within(BOUND).await;
    fresh.gone_within(BOUND).await;
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn a_launch_that_nobody_waits_for_leaves_nothing() {
    if act(Part::Abandons).await {
        return;
    }
    let folder = Folder::new();
    let hanging = hanging(&folder);
    let temporary = folder.file("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let name = "a_launch_that_nobody_waits_for_leaves_nothing";
    let mut actor = Actor::start(name, &temporary, &[("DRIVER", hanging.to_str().unwrap())]);
    actor.says("abandoned");
    system::within(BOUND, || is_empty(&temporary)).await.expect("an empty folder");
    actor.end();
}

#[tokio::test]
async fn a_driver_that_does_not_start_is_our_fault() {
    let folder = Folder::new();
    let complains = script(&folder, "complains", "echo 'no display, no driver' >&2; exit 3");
    let talks = script(&folder, "talks", "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1");
    let lies =
        script(&folder, "lies", "echo 'folder /nowhere'; echo 'started successfully on port 0.'; exec sleep 600");
    let hangs = hanging(&folder);
    let cases = [
        ("/bin/false", "ended before it listened: it said nothing"),
        (complains.to_str().unwrap(), "ended before it listened: no display, no driver"),
        (talks.to_str().unwrap(), "ended before it listened: xxxx"),
        (lies.to_str().unwrap(), "did not listen within 2s: it said nothing"),
        (hangs.to_str().unwrap(), "did not listen within 2s: it said nothing"),
    ];
    for (driver, expected) in cases {
        let started = Instant::now();
        let fault = launch_fault(driver).await;
        assert_eq!(fault.class, Class::Browser);
        assert!(fault.detail.starts_with(&format!("the driver {driver} {expected}")), "{driver}: {}", fault.detail);
        assert!(fault.detail.len() < 400, "{}", fault.detail);
        assert!(started.elapsed() < BOUND, "{driver}: {:?}", started.elapsed());
    }
    let missing = launch_fault("/no/such/driver").await;
    assert!(missing.detail.starts_with("[browser] driver = /no/such/driver: "), "{}", missing.detail);
}

#[tokio::test]
async fn a_ca_file_is_believed_and_expiry_still_seen() {
    let folder = Folder::new();
    let good = certificate(&folder, "+0d", 30);
    let server = system::tls_server(&good).await;
    let authority = std::fs::read_to_string(&good.authority).unwrap();
    // With another before it: each of a file counts.
    let elsewhere = Folder::new();
    let other = std::fs::read_to_string(certificate(&elsewhere, "+0d", 30).cert).unwrap();
    let both = folder.write("both.pem", &format!("{other}{authority}"));

    let held = keepers().launch(&Settings::default(), Some(&both)).await.unwrap();
    let session = Session::open(&held).await;
    let shown = session.shown(&server).await;
    assert!(shown.contains("believed"), "{shown}");
    held.end().await;

    let held = keepers().launch(&Settings::default(), None).await.unwrap();
    let error = Session::open(&held).await.fails_at(&server).await;
    assert!(error.contains("ERR_CERT_AUTHORITY_INVALID"), "{error}");
    held.end().await;

    let old = certificate(&folder, "-40d", 30);
    let server = system::tls_server(&old).await;
    let held = keepers().launch(&Settings::default(), Some(&old.authority)).await.unwrap();
    let error = Session::open(&held).await.fails_at(&server).await;
    assert!(error.contains("ERR_CERT_DATE_INVALID"), "{error}");
    held.end().await;
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_read_is_the_configurations_fault() {
    let folder = Folder::new();
    let empty = folder.write("empty.pem", "nothing here\n");
    for (file, why) in [(empty.as_path(), "no certificate in it"), (Path::new("/no/such/file"), "No such file")] {
        let fault = keepers().launch(&Settings::default(), Some(file)).await.err().expect("a fault");
        assert_eq!(fault.class, Class::Config);
        assert!(fault.detail.contains(why), "{}", fault.detail);
    }
}

async fn launch_fault(driver: &str) -> Fault {
    let settings = Settings { driver: Some(driver.into()), ..Settings::default() };
    driver::impatient().launch(&settings, None).await.err().expect("a fault")
}

fn hanging(folder: &Folder) -> std::path::PathBuf {
    script(folder, "hangs", "exec sleep 600")
}
