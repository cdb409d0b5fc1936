use std::time::Duration;

use super::*;
use crate::fault::Fault;
use crate::probe::Cost;
use crate::runner::testing::{Act, Planner, Script, client, engine, user};
use crate::smoke::report::{Judgement, MaxLatency, Sequential};

const ONCE: Conditions = Conditions { runs: 1, sequential: None, max_latency: Vec::new(), wait: None, deadline: None };
const TEST: Sequential = Sequential { accept: 0.99, reject: 0.90, confidence: 0.95 };

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn good() -> Act {
    Act::Take(secs(1))
}

fn fails(class: Class) -> Act {
    Act::Fail(secs(1), Fault::new(class, "as told"))
}

/// What was told, one word or two an event.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn tell(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::Selected(checks) => format!("selected {}", checks.len()),
            Event::Waiting { why, tries, .. } => format!("waiting {why} {tries}"),
            Event::Waited { ready, .. } => format!("waited {ready}"),
            Event::Started { check, run } => format!("started {check} {run}"),
            Event::Ran { outcome, slow } => format!("ran {} {slow}", outcome.verdict.as_str()),
            Event::Decided(report) => format!("decided {} {}", report.check, report.verdict.as_str()),
        });
    }
}

struct Stage {
    engine: Arc<Engine>,
    smoke: Smoke,
    heard: Arc<Heard>,
}

impl Stage {
    fn begin(planner: Planner, conditions: Conditions) -> Self {
        let (engine, _) = engine();
        let checks = planner.plan().checks.clone();
        let selected: Vec<_> = checks.into_iter().map(|check| Selected { check, named: false }).collect();
        let limits = Limits::resolve(&conditions.max_latency, &selected).unwrap();
        let settings = Settings { selected, conditions, limits, max_browsers: 2, screenshots: None };
        let heard = Arc::new(Heard::default());
        Self { smoke: Smoke::begin(engine.clone(), settings, heard.clone()), engine, heard }
    }

    /// Runs it to its end; the report, and how many seconds it took without cleanup, and with it.
    async fn over(mut self) -> (Report, u64, u64) {
        let begun = self.engine.clock.instant();
        let since = || self.engine.clock.instant().duration_since(begun).as_secs();
        self.smoke.decided().await;
        let (report, told) = (self.smoke.conclude(false), since());
        self.smoke.end().await;
        (report, told, since())
    }
}

async fn once(script: &Arc<Script>, conditions: Conditions) -> Report {
    Stage::begin(Planner::new(&["eu"]).probe("login", 60, script), conditions).over().await.0
}

#[tokio::test(start_paused = true)]
async fn all_checks_run_at_once_and_the_worst_decides() {
    let (well, ill) = (Script::of([good()]), Script::of([fails(Class::HttpStatus)]));
    let planner = Planner::new(&["eu", "us"]).probe("well", 60, &well).probe("ill", 60, &ill);
    let stage = Stage::begin(planner, ONCE);
    let heard = stage.heard.clone();
    let (report, took, _) = stage.over().await;
    assert_eq!((report.verdict, report.exit_code, took), (Judgement::Bad, 1, 1));
    assert_eq!(report.reason, "2 of 4 checks bad: ill@eu (http_status), ill@us (http_status)");
    let ids: Vec<_> = report.checks.iter().map(|check| check.check.to_string()).collect();
    assert_eq!(ids, ["well@eu", "well@us", "ill@eu", "ill@us"], "in the order of the plan");
    assert!(report.checks.iter().all(|check| check.runs[0].trigger == Trigger::Smoke));
    let heard = heard.0.lock().unwrap();
    assert_eq!((heard[0].as_str(), heard.len()), ("selected 4", 1 + 3 * 4));
    let of_one: Vec<_> = heard.iter().filter(|told| told.contains("ill@us")).collect();
    assert_eq!(of_one, ["started ill@us 1", "decided ill@us bad"]);
}

#[tokio::test(start_paused = true)]
async fn runs_of_one_check_follow_each_other_until_one_is_bad() {
    let script = Script::of([good(), good(), fails(Class::Reset)]);
    let report = once(&script, Conditions { runs: 9, ..ONCE }).await;
    assert_eq!(
        (report.verdict, script.runs(), script.most.load(std::sync::atomic::Ordering::SeqCst)),
        (Judgement::Bad, 3, 1)
    );
    let script = Script::of([good()]);
    let report = once(&script, Conditions { runs: 9, ..ONCE }).await;
    assert_eq!((report.verdict, script.runs()), (Judgement::Good, 9));
    assert_eq!(report.checks[0].reason, "9 of 9 runs good");
}

#[tokio::test(start_paused = true)]
async fn with_a_test_one_failure_closes_no_gate_and_it_stops_when_it_knows() {
    let conditions = || Conditions { runs: 100, sequential: Some(TEST), ..ONCE };
    let script = Script::of([good()]);
    assert_eq!((once(&script, conditions()).await.verdict, script.runs()), (Judgement::Good, 32));
    let script = Script::of([fails(Class::HttpStatus), good()]);
    assert_eq!((once(&script, conditions()).await.verdict, script.runs()), (Judgement::Good, 57));
    let script = Script::of([good(), fails(Class::HttpStatus)]);
    assert_eq!((once(&script, conditions()).await.verdict, script.runs()), (Judgement::Bad, 3));
}

#[tokio::test(start_paused = true)]
async fn runs_that_take_too_long_are_bad() {
    let limit = |of, millis| vec![MaxLatency { name: String::from(of), limit: Duration::from_millis(millis) }];
    for name in ["login", "act", "login/act"] {
        let report = once(&Script::of([good()]), Conditions { max_latency: limit(name, 900), ..ONCE }).await;
        assert_eq!((report.verdict, report.checks[0].counts.slow), (Judgement::Bad, 1), "{name}");
        assert!(report.checks[0].reason.contains("took 1.00 s, and --max-latency"), "{}", report.checks[0].reason);
        let report = once(&Script::of([good()]), Conditions { max_latency: limit(name, 1100), ..ONCE }).await;
        assert_eq!(report.verdict, Judgement::Good, "{name}");
    }
}

/// Four checks, ten runs each, ten requests a run: 400 requests at 100 a minute.
#[tokio::test(start_paused = true)]
async fn our_own_request_budget_is_waited_for_and_never_a_fault() {
    let cost = Cost { requests: 10, burst: 10, ..Cost::default() };
    let mut script = Arc::into_inner(Script::costing(cost, [good()])).unwrap();
    script.spends = true;
    let script = Arc::new(script);
    let mut planner = Planner::new(&["eu", "us"]);
    planner.provider.max_requests_per_minute = Some(100);
    let planner = planner.probe("a", 60, &script).probe("b", 60, &script);
    let (report, took, _) = Stage::begin(planner, Conditions { runs: 10, ..ONCE }).over().await;
    assert_eq!((report.verdict, script.runs()), (Judgement::Good, 40), "{}", report.reason);
    assert!((180..200).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finds_the_budget_spent_is_repeated_with_more_room() {
    let script = Script::of([fails(Class::Budget), good()]);
    let report = once(&script, ONCE).await;
    assert_eq!((report.verdict, script.runs(), report.checks[0].counts.repeated), (Judgement::Good, 2, 1));
    let script = Script::of([fails(Class::Budget)]);
    let report = once(&script, ONCE).await;
    assert_eq!((report.verdict, report.exit_code, script.runs()), (Judgement::Inconclusive, 3, 4), "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_tried_once_by_all_checks_together() {
    let fault = Fault::new(Class::Credentials, "refused").with_account(crate::fault::Account::User("alice".into()));
    let script = Script::of([Act::Fail(secs(1), fault)]);
    let mut planner = Planner::new(&["eu", "us"]);
    let alice = user("alice", std::path::Path::new("none"));
    planner.add("login", 60, &script, Some(client("web")), vec![alice.clone()]);
    planner.add("refresh", 60, &script, Some(client("web")), vec![alice]);
    let (report, _, _) = Stage::begin(planner, Conditions { runs: 5, ..ONCE }).over().await;
    assert_eq!((report.verdict, report.exit_code, script.runs()), (Judgement::Inconclusive, 3, 1));
    assert!(report.checks.iter().all(|check| check.fault.as_ref().unwrap().class == Class::Credentials));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_looks_like_a_rolling_provider_is_repeated_while_there_is_time() {
    let wait = |secs| Conditions { wait: Some(Duration::from_secs(secs)), ..ONCE };
    // The provider's own address answers nobody here, so that the first wait is over when its time is.
    let script = Script::of([fails(Class::Connect), fails(Class::Reset), good()]);
    let shared = Shared::new(engine().0, settings(&script, wait(30)), Arc::new(Heard::default()), Stopper::new().1);
    let shared = Arc::new(shared);
    of_check(shared.clone(), 0).await;
    let report = shared.tally(0).decided().unwrap().clone();
    assert_eq!((report.verdict, report.counts.repeated, script.runs()), (Judgement::Good, 2, 3));
    let waited = shared.waiting.report();
    assert_eq!((waited[0].tries, waited[0].why.as_str(), waited[0].ready), (2, "reset", true));

    let script = Script::of([fails(Class::Connect)]);
    let shared = Shared::new(engine().0, settings(&script, wait(10)), Arc::new(Heard::default()), Stopper::new().1);
    let shared = Arc::new(shared);
    of_check(shared.clone(), 0).await;
    let report = shared.tally(0).decided().unwrap().clone();
    assert_eq!(report.verdict, Judgement::Bad, "what is not there in time is judged as found");
    assert!((3..8).contains(&script.runs()) && !shared.waiting.report()[0].ready, "{}", script.runs());

    let script = Script::of([fails(Class::Connect), good()]);
    assert_eq!(once(&script, ONCE).await.verdict, Judgement::Bad, "nobody asked to wait");
}

fn settings(script: &Arc<Script>, conditions: Conditions) -> Settings {
    let check = Planner::new(&["eu"]).probe("login", 60, script).plan().checks[0].clone();
    let selected = vec![Selected { check, named: false }];
    Settings { selected, conditions, limits: Limits::default(), max_browsers: 2, screenshots: None }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_everything_and_runs_clean_up_before_it() {
    let (hangs, well) = (Script::of([Act::Hang]), Script::of([good()]));
    let planner = Planner::new(&["eu"]).probe("hangs", 60, &hangs).probe("well", 60, &well);
    let conditions = Conditions { runs: 3, deadline: Some(secs(20)), ..ONCE };
    let (report, told, ended) = Stage::begin(planner, conditions).over().await;
    assert_eq!((report.verdict, report.exit_code), (Judgement::Inconclusive, 3));
    assert_eq!((told, hangs.cleaned.load(std::sync::atomic::Ordering::SeqCst)), (16, 1), "time is left for cleanup");
    assert!(ended <= 20, "{ended}");
    assert_eq!(report.checks[0].reason, "--deadline 20s came first: no run came to its end");
    assert_eq!(report.checks[1].verdict, Judgement::Good, "what is decided is decided");
}

#[tokio::test(start_paused = true)]
async fn interrupted_it_tells_at_once_what_it_knows_and_cleans_up() {
    let (hangs, ill) = (Script::of([Act::Hang]), Script::of([fails(Class::Connect)]));
    let planner = Planner::new(&["eu"]).probe("hangs", 60, &hangs).probe("ill", 60, &ill);
    let mut stage = Stage::begin(planner, ONCE);
    assert!(tokio::time::timeout(secs(5), stage.smoke.decided()).await.is_err());
    let report = stage.smoke.conclude(true);
    assert_eq!((report.interrupted, report.exit_code, report.verdict), (true, 130, Judgement::Bad));
    assert_eq!(report.reason, "interrupted; 1 of 2 checks bad: ill@eu (connect)");
    assert_eq!(report.checks[0].reason, "interrupted: no run came to its end");
    let told = stage.heard.0.lock().unwrap().len();
    stage.smoke.end().await;
    assert_eq!(hangs.cleaned.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(stage.heard.0.lock().unwrap().len(), told, "nobody hears of what comes after the report");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_ours_is_never_the_providers_fault() {
    let report = once(&Script::of([Act::Panic]), ONCE).await;
    assert_eq!((report.verdict, report.exit_code), (Judgement::Inconclusive, 3));
    assert_eq!(report.checks[0].fault.as_ref().unwrap().class, Class::Internal);
}
