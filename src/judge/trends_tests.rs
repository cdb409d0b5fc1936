//! A judge with a real ledger, stopped and started again.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::fault::{Class, Fault};
use crate::folder::Folder;
use crate::judge::{Ears, Judge};
use crate::outcome::{Id, Outcome, StepRecord, StepState, Trigger, Verdict};
use crate::plan::{self, Plan};
use crate::runner::Missed;
use crate::sink::metrics::Metrics;
use crate::trend::{CheckStrip, ProbeTrend};

/// Monday, 2026-11-16, 10:20 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_794_824_400);
const MINUTE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
[[region]]
name = "eu"
[[region]]
name = "us"
[[provider]]
name = "main"
issuer = "https://login.example.com"
[[client]]
name = "web"
provider = "main"
client_id = "web"
client_secret = { file = "secret" }
redirect_uri = "http://127.0.0.1:8765/cb"
[[user]]
name = "alice"
username = "alice"
password = { file = "secret" }
[[probe]]
name = "keys"
kind = "jwks"
provider = "main"
every = "1m"
[[probe]]
name = "revocation"
kind = "revocation"
client = "web"
user = "alice"
every = "15m"
[[slo]]
name = "keys"
probes = ["keys"]
sli = "availability"
objective = "99%"
"#;

fn planned(folder: &Folder, more: &str) -> Plan {
    std::fs::write(folder.file("secret"), "wonderland-7").unwrap();
    plan::from_str("authprobe.toml", &format!("{CONFIG}{more}"), folder).unwrap_or_else(|why| panic!("{}", why.plain()))
}

const STORE: &str = "[store]\npath = \"authprobe.db\"\n";

fn start(plan: &Plan, clock: &Clock) -> Judge {
    let judge = Judge::open(plan, Metrics::new("test"), clock.clone(), None).unwrap();
    let ears = Ears {
        stopped: Box::new(Vec::new),
        paused: Box::new(|| false),
        ready: Box::new(|| true),
        confirm: Box::new(|_| false),
        keys: Box::new(Vec::new),
    };
    judge.start(ears).unwrap();
    judge
}

fn run(plan: &Plan, probe: &str, region: &str, due: Timestamp, verdict: Verdict) -> Arc<Outcome> {
    let state = if verdict == Verdict::Good { StepState::Done } else { StepState::Failed };
    let step = StepRecord {
        name: "jwks",
        span_id: Id([1; 8]),
        state,
        start: due,
        duration: Duration::from_millis(40),
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    };
    let fault = Fault { step: "jwks", ..Fault::new(Class::Timeout, "slow") };
    Arc::new(Outcome {
        check: plan.check(probe, region).unwrap().labels.clone(),
        labels: Arc::default(),
        trace_id: Id::random(),
        span_id: Id([0; 8]),
        trigger: Trigger::Scheduled,
        scheduled: due,
        start: due,
        duration: Duration::from_millis(60),
        verdict,
        fault: (verdict != Verdict::Good).then_some(fault),
        warnings: vec![],
        steps: vec![step],
        observations: vec![],
        browser: None,
    })
}

async fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..2000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain for {what}");
}

fn of<'a>(strips: &'a [CheckStrip], probe: &str, region: &str) -> &'a CheckStrip {
    strips.iter().find(|strip| *strip.probe == *probe && *strip.region == *region).unwrap()
}

/// Good, bad and missed of all cells.
fn all(strip: &CheckStrip) -> [u32; 3] {
    let total = strip.strip.total();
    [total.good, total.bad, total.missed]
}

fn names(trend: &ProbeTrend) -> Vec<&str> {
    trend.regions.iter().map(|(region, _)| &**region).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_leaves_no_empty_page() {
    let folder = Folder::new();
    let (plan, clock) = (planned(&folder, STORE), Clock::manual(NOW));
    let judge = start(&plan, &clock);
    for (back, verdict) in [(2, Verdict::Good), (65, Verdict::Bad), (66, Verdict::Bad), (67, Verdict::Good)] {
        judge.outcome(&run(&plan, "keys", "eu", NOW - MINUTE * back, verdict));
    }
    judge.outcome(&run(&plan, "revocation", "eu", NOW - MINUTE, Verdict::Good));
    judge.missed(&plan.check("keys", "us").unwrap().labels, Missed::Paused, 3);
    judge.missed(&plan.check("keys", "us").unwrap().labels, Missed::Overlap, 3);
    until("what was missed to be counted", || all(of(&judge.strips(), "keys", "us")) == [0, 0, 3]).await;
    let strips = judge.strips();
    let order: Vec<_> = strips.iter().map(|strip| (&*strip.probe, &*strip.region)).collect();
    assert_eq!(order, [("keys", "eu"), ("keys", "us"), ("revocation", "eu"), ("revocation", "us")]);
    assert_eq!((all(of(&strips, "keys", "eu")), all(of(&strips, "revocation", "us"))), ([2, 2, 0], [1, 0, 0]));
    assert!(Arc::ptr_eq(&strips, &judge.strips()), "what did not change is not drawn again");
    let causes = judge.causes("keys").unwrap();
    assert_eq!((causes.len(), causes[0].bad, &*causes[0].cause.step), (1, 2, "jwks"));
    judge.shutdown().await;

    // Ten minutes later; the restart itself was not measured.
    clock.set(NOW + MINUTE * 10);
    let judge = start(&plan, &clock);
    until("the ledger to be read", || all(of(&judge.strips(), "keys", "eu")) == [2, 2, 0]).await;
    judge.outcome(&run(&plan, "keys", "eu", NOW + MINUTE * 10, Verdict::Bad));
    until("a run", || all(of(&judge.strips(), "keys", "eu")) == [2, 3, 0]).await;
    until("one that looks from all regions", || all(of(&judge.strips(), "revocation", "us")) == [1, 0, 0]).await;
    assert!(of(&judge.strips(), "keys", "us").strip.cells.iter().all(|cell| cell.is_gap()));
    assert_eq!(judge.causes("keys").unwrap()[0].bad, 3);
    let spent: u64 = judge.spending("keys", 120).unwrap().cells.iter().map(|cell| cell.raw.bad).sum();
    assert_eq!((spent, judge.spending("other", 120), judge.causes("other")), (3, None, None));
    // The writer takes a second.
    let bad = |judge: &Judge| judge.trend(&plan, "keys").unwrap().unwrap().regions[0].1.total().bad;
    until("the run to be kept", || bad(&judge) == 3).await;
    let trend = judge.trend(&plan, "keys").unwrap().unwrap();
    assert_eq!(names(&trend), ["eu", "us"]);
    let cell = |back: usize| &trend.regions[0].1.cells[167 - back];
    let now = (cell(0).good, cell(0).bad, cell(0).missed);
    assert_eq!((now, cell(1).good, cell(1).bad), ((1, 1, 0), 1, 2));
    let step = trend.steps.iter().find(|(name, _)| &**name == "jwks").unwrap();
    assert_eq!((step.1.total().good, step.1.total().bad, step.1.total().latencies.count()), (2, 3, 2));
    assert_eq!(names(&judge.trend(&plan, "revocation").unwrap().unwrap()), ["eu", "us"]);
    assert!(judge.trend(&plan, "other").is_none());
    judge.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_follows_what_is_planned_and_asks_the_ledger_for_what_is_new() {
    let folder = Folder::new();
    let (plan, clock) = (planned(&folder, STORE), Clock::manual(NOW));
    let more = format!(
        "{STORE}[[probe]]\nname = \"more\"\nkind = \"jwks\"\nprovider = \"main\"\nevery = \"1m\"\n\
         [[slo]]\nname = \"more\"\nprobes = [\"more\"]\nsli = \"availability\"\nobjective = \"99%\"\n"
    );
    let wider = planned(&folder, &more);
    let judge = start(&wider, &clock);
    judge.outcome(&run(&wider, "more", "us", NOW - MINUTE, Verdict::Bad));
    until("a run", || all(of(&judge.strips(), "more", "us")) == [0, 1, 0]).await;
    judge.shutdown().await;
    let judge = start(&plan, &clock);
    assert!(judge.strips().iter().all(|strip| &*strip.probe != "more"));
    judge.outcome(&run(&plan, "keys", "us", NOW, Verdict::Good));
    until("a run", || all(of(&judge.strips(), "keys", "us")) == [1, 0, 0]).await;
    clock.set(NOW + MINUTE);
    judge.apply(&wider, judge.prepare(&wider).unwrap()).await;
    until("the ledger to be read", || all(of(&judge.strips(), "more", "us")) == [0, 1, 0]).await;
    until("causes to be read", || judge.causes("more").unwrap().len() == 1).await;
    assert_eq!(all(of(&judge.strips(), "keys", "us")), [1, 0, 0], "what stays is kept");
    judge.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ledger_a_trend_is_what_was_counted() {
    let folder = Folder::new();
    let (plan, clock) = (planned(&folder, ""), Clock::manual(NOW));
    let judge = start(&plan, &clock);
    judge.outcome(&run(&plan, "keys", "eu", NOW, Verdict::Good));
    until("a run", || all(of(&judge.strips(), "keys", "eu")) == [1, 0, 0]).await;
    let trend = judge.trend(&plan, "keys").unwrap().unwrap();
    assert_eq!((names(&trend), trend.regions[0].1.cells[167].good), (vec!["eu", "us"], 1));
    let step = trend.steps.iter().find(|(name, _)| &**name == "jwks").unwrap();
    assert_eq!(step.1.cells[167].latencies.count(), 1);
    assert!(judge.trend(&plan, "other").is_none());
    judge.shutdown().await;
}
