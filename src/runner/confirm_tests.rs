//! Confirmation runs beside the schedule, under paused time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::testing::{Act, Notes, Planner, START, Script, client, engine, labels, pass, user};
use super::{CAPACITY, Missed, Runner};
use crate::fault::{Account, Class, Fault};
use crate::oidc::settings::User;
use crate::outcome::{CheckLabels, Outcome, StepState, Trigger, Verdict};
use crate::probe::{Cost, browser_login};
use crate::secret::SecretSource;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn start(planner: Planner) -> (Runner, Arc<Notes>) {
    let (engine, notes) = engine();
    let runner = Runner::new(engine, planner.plan());
    runner.start();
    (runner, notes)
}

fn login() -> CheckLabels {
    labels("login", "eu")
}

fn alice() -> Arc<User> {
    user("alice", Path::new("/dev/null"))
}

/// When scheduled runs were due, in seconds after the start.
fn scheduled(notes: &Notes) -> Vec<u64> {
    let outcomes = notes.outcomes.lock().unwrap();
    let scheduled = outcomes.iter().filter(|outcome| outcome.trigger == Trigger::Scheduled);
    scheduled.map(|outcome| outcome.scheduled.since(START).as_secs()).collect()
}

fn nothing_missed(notes: &Notes) {
    assert_eq!(*notes.missed.lock().unwrap(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn a_plain_thread_starts_a_run_that_is_marked_and_told() {
    let script = Script::of([Act::Take(secs(1))]);
    let (runner, notes) = start(Planner::new(&["eu", "us"]).probe("login", 60, &script));
    pass(5).await;
    let runner = Arc::new(runner);
    let asked = runner.clone();
    let answer = std::thread::spawn(move || asked.confirm(&labels("login", "us"))).join().unwrap();
    assert_eq!(answer, Ok(()));
    pass(2).await;
    let outcome = notes.last();
    assert_eq!((outcome.trigger, &*outcome.check.region), (Trigger::Confirmation, "us"));
    assert_eq!((outcome.start.since(START).as_secs(), outcome.verdict), (5, Verdict::Good));
    assert!(notes.lateness.lock().unwrap().is_empty(), "nothing was due");
    assert_eq!(runner.engine().history.recent("login").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_may_ask_for_the_next_one() {
    let script = Script::of([Act::Take(secs(1))]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 3600, &script));
    for n in 1..=20 {
        assert_eq!(runner.confirm(&login()), Ok(()), "{n}");
        assert_eq!(runner.confirm(&login()), Err(Missed::Overlap), "never two of one check");
        while notes.confirmations().len() < n {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(script.most.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn none_begins_before_the_start_while_paused_or_of_another_plan() {
    let script = Script::of([]);
    let (engine, notes) = engine();
    let runner = Runner::new(engine, Planner::new(&["eu"]).probe("login", 60, &script).plan());
    assert_eq!(runner.confirm(&login()), Err(Missed::Shutdown));
    runner.start();
    assert_eq!(runner.confirm(&labels("login", "mars")), Err(Missed::Late));
    let renamed = CheckLabels { client: "web".into(), ..login() };
    assert_eq!(runner.confirm(&renamed), Err(Missed::Late), "another client's is another check");
    runner.pause(true);
    assert_eq!(runner.confirm(&login()), Err(Missed::Paused));
    runner.pause(false);
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(1).await;
    assert_eq!(script.runs(), 1);
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn no_scheduled_run_is_lost_while_a_confirmation_hangs() {
    let script = Script::of([Act::Hang, Act::Take(secs(0))]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(5).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(20).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap));
    pass(11).await;
    assert_eq!((scheduled(&notes), script.most.load(SeqCst)), (vec![10, 20, 30], 2));
    let hung = &notes.confirmations()[0];
    assert_eq!((hung.verdict, hung.fault.as_ref().unwrap().class), (Verdict::Bad, Class::Timeout));
    assert_eq!((hung.duration, script.cleaned.load(SeqCst)), (secs(30), 4));
    assert!(hung.steps.iter().any(|step| step.cleanup && step.state == StepState::Done));
    assert_eq!(runner.confirm(&login()), Ok(()));
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn none_begins_while_the_schedules_run_or_a_persons_is_in_progress() {
    let script = Script::of([Act::Take(secs(5))]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 60, &script));
    pass(62).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap));
    pass(10).await;
    let runner = Arc::new(runner);
    let asked = runner.clone();
    let manual = tokio::spawn(async move { asked.run_now("login", None).await });
    pass(1).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap));
    manual.await.unwrap();
    assert_eq!(runner.confirm(&login()), Ok(()));
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_logs_somebody_in_is_over_before_its_next_is_due() {
    let script = Script::of([Act::Hang, Act::Take(secs(0))]);
    let mut planner = Planner::new(&["eu"]);
    planner.add("login", 120, &script, None, vec![alice()]);
    let (runner, notes) = start(planner);
    runner.run_now("login", None).await;
    pass(33).await;
    runner.run_now("login", None).await;
    assert_eq!(notes.last().verdict, Verdict::Good);
    // 120 s less 30 for the run and 5 for its cleanup.
    pass(23).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap), "it could last too long");
    pass(35).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap), "it may be just about to begin");
    pass(2).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(1).await;
    assert_eq!((scheduled(&notes), script.most.load(SeqCst)), (vec![120], 1));
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn a_run_over_all_regions_does_not_coincide_with_its_next() {
    let script = Script::costing(Cost { all_regions: true, ..Cost::default() }, []);
    let (runner, _notes) = start(Planner::new(&["eu", "us"]).probe("login", 60, &script));
    assert_eq!(runner.confirm(&labels("login", "us")), Err(Missed::Late), "it is the check of its first region");
    pass(24).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(2).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap));
}

#[tokio::test(start_paused = true)]
async fn one_time_codes_are_left_to_the_schedule() {
    for (totp, expected) in [(false, Ok(())), (true, Err(Missed::Overlap))] {
        let script = Script::of([]);
        let mut alice = User::clone(&alice());
        alice.totp = totp.then(|| SecretSource::File("/dev/null".into()));
        let alice = Arc::new(alice);
        let mut planner = Planner::new(&["eu"]);
        planner.add("login", 600, &script, None, vec![alice.clone()]);
        planner.add("refresh", 120, &script, None, vec![alice]);
        planner.add("bob", 120, &script, None, vec![user("bob", Path::new("/dev/null"))]);
        let (runner, notes) = start(planner);
        pass(123).await;
        assert_eq!(runner.confirm(&login()), Ok(()), "the next is due in 117 s");
        pass(57).await;
        assert_eq!(runner.confirm(&login()), expected, "due in 60 s, and a code may be used up until 65");
        assert_eq!(runner.confirm(&labels("bob", "eu")), Ok(()));
        pass(1).await;
        nothing_missed(&notes);
    }
}

#[tokio::test(start_paused = true)]
async fn browsers_are_left_to_the_schedule() {
    let script = Script::of([]);
    let mut planner = Planner::new(&["eu"]);
    planner.kind = browser_login::KIND.name;
    let (runner, _notes) = start(planner.probe("login", 600, &script).probe("a", 60, &script).probe("b", 120, &script));
    let login = CheckLabels { kind: browser_login::KIND.name, ..login() };
    pass(20).await;
    assert_eq!(runner.confirm(&login), Ok(()), "there are two browsers, and nothing is due");
    pass(10).await;
    assert_eq!(runner.confirm(&login), Ok(()), "one is due");
    pass(60).await;
    assert_eq!(runner.confirm(&login), Err(Missed::Overlap), "two are due");
}

#[tokio::test(start_paused = true)]
async fn only_credentials_that_are_known_to_work_are_tried() {
    let refused = Fault::new(Class::Credentials, "invalid_grant").with_account(Account::User("alice".into()));
    let script = Script::of([Act::Take(secs(3)), Act::Fail(secs(0), refused)]);
    let mut planner = Planner::new(&["eu"]);
    planner.add("login", 300, &script, Some(client("web")), vec![alice()]);
    let (runner, notes) = start(planner);
    pass(100).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Account), "never tried");
    let runner = Arc::new(runner);
    runner.run_now("login", None).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(35).await;
    assert_eq!(notes.last().fault.as_ref().unwrap().class, Class::Credentials);
    assert_eq!(runner.confirm(&login()), Err(Missed::Account), "refused");
    assert_eq!(runner.engine().guard.stopped().len(), 1);
    assert_eq!(script.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn logins_of_one_user_are_half_a_minute_apart_and_others_as_asked() {
    let script = Script::of([]);
    let mut planner = Planner::new(&["eu", "us"]);
    planner.add("login", 3600, &script, None, vec![alice()]);
    planner.add("token", 3600, &script, Some(client("web")), Vec::new());
    let (runner, notes) = start(planner);
    runner.run_now("login", None).await;
    for _ in 0..120 {
        for check in [login(), labels("login", "us"), labels("token", "eu"), labels("token", "us")] {
            let _ = runner.confirm(&check);
        }
        pass(1).await;
    }
    let all = notes.confirmations();
    let began = |probe| all.iter().filter(move |run| &*run.check.probe == probe).map(|run| run.start.since(START));
    let logins: Vec<_> = began("login").collect();
    assert!(logins.windows(2).all(|pair| pair[1] - pair[0] >= secs(30)), "{logins:?}");
    assert_eq!((logins.len(), began("token").count()), (4, 240));
}

#[tokio::test(start_paused = true)]
async fn an_account_on_trial_is_left_alone_and_the_asker_does_not_wait() {
    let script = Script::of([Act::Take(secs(20))]);
    let mut planner = Planner::new(&["eu", "us"]);
    planner.add("login", 600, &script, None, vec![alice()]);
    let (runner, _notes) = start(planner);
    pass(5).await;
    let runner = Arc::new(runner);
    let asked = runner.clone();
    let manual = tokio::spawn(async move { asked.run_now("login", Some("us")).await });
    pass(1).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Account));
    assert_eq!(runner.capacity.available_permits(), CAPACITY - 1, "what was taken for it is given back");
    manual.await.unwrap();
    assert_eq!(runner.confirm(&login()), Ok(()));
}

fn limited(limit: u32, regions: &[&str]) -> Planner {
    let mut planner = Planner::new(regions);
    planner.provider.max_requests_per_minute = Some(limit);
    planner
}

fn spending(requests: u32, acts: impl IntoIterator<Item = Act>) -> Arc<Script> {
    let mut script = Script::costing(Cost { requests, burst: requests, ..Cost::default() }, acts);
    Arc::get_mut(&mut script).unwrap().spends = true;
    script
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_the_schedules_first() {
    // Twelve lie within a minute and the moment of its end. A run of four is reserved and sent: eight.
    for (limit, runs) in [(19, 0), (20, 6)] {
        let script = spending(4, []);
        let (runner, notes) = start(limited(limit, &["eu"]).probe("login", 30, &script));
        pass(95).await;
        for _ in 0..300 {
            let _ = runner.confirm(&login());
            pass(1).await;
        }
        nothing_missed(&notes);
        assert_eq!(notes.confirmations().len(), runs, "of {limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asked_for_a_pause_is_left_alone() {
    let script = spending(1, []);
    let (runner, _notes) = start(limited(100, &["eu"]).probe("login", 60, &script));
    let engine = runner.engine();
    let memory = engine.memories.provider(&"main".into());
    memory.budget.lock().unwrap().pause_until(engine.clock.now() + secs(20));
    assert_eq!(runner.confirm(&login()), Err(Missed::RateLimited));
    pass(20).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn half_of_the_capacity_is_the_schedules() {
    let hang = Script::of([Act::Hang]);
    let names: Vec<_> = (0..CAPACITY / 2).map(|n| format!("p{n}")).collect();
    let planner = names.iter().fold(Planner::new(&["eu"]), |planner, name| planner.probe(name, 60, &hang));
    let (runner, notes) = start(planner.probe("login", 3600, &Script::of([])));
    pass(59).await;
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(2).await;
    assert_eq!(runner.confirm(&login()), Err(Missed::Capacity));
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_confirmations_and_begins_none() {
    let script = Script::of([Act::Take(secs(8))]);
    let (runner, notes) = start(Planner::new(&["eu", "us"]).probe("login", 3600, &script));
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(1).await;
    let runner = Arc::new(runner);
    let stopping = runner.clone();
    let stopped = tokio::spawn(async move { stopping.shutdown(secs(10)).await });
    pass(1).await;
    assert_eq!(runner.confirm(&labels("login", "us")), Err(Missed::Shutdown));
    assert_eq!((stopped.await.unwrap(), notes.confirmations().len(), script.runs()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn confirmations_that_outlast_the_grace_time_are_stopped_and_cleaned_up() {
    let script = Script::of([Act::Hang]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 3600, &script));
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(1).await;
    assert_eq!(runner.shutdown(secs(10)).await, 0);
    assert_eq!(script.cleaned.load(SeqCst), 1);
    assert!(notes.outcomes.lock().unwrap().is_empty());
    nothing_missed(&notes);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_confirmations_apart() {
    let script = Script::of([Act::Take(secs(20))]);
    let plan = |name: &str| Planner::new(&["eu"]).probe(name, 3600, &script).plan();
    let (engine, notes) = engine();
    let runner = Runner::new(engine, plan("login"));
    runner.start();
    assert_eq!(runner.confirm(&login()), Ok(()));
    pass(1).await;
    runner.apply(plan("login"));
    assert_eq!(runner.confirm(&login()), Err(Missed::Overlap), "the one in progress is still its own");
    runner.apply(plan("other"));
    assert_eq!(runner.confirm(&login()), Err(Missed::Late));
    assert_eq!(runner.confirm(&labels("other", "eu")), Ok(()));
    pass(30).await;
    assert_eq!(notes.confirmations().len(), 2, "runs end under the old plan");
}

#[tokio::test(start_paused = true)]
async fn what_the_schedules_runs_remember_is_not_touched() {
    let mut script = Script::of([]);
    Arc::get_mut(&mut script).unwrap().remembers = true;
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 60, &script));
    pass(61).await;
    let memory = runner.engine().memories.check("login@eu");
    for _ in 0..3 {
        assert_eq!(runner.confirm(&login()), Ok(()));
        pass(1).await;
    }
    assert_eq!((notes.confirmations().len(), memory.look::<u32>()), (3, 1));
    pass(60).await;
    assert_eq!(memory.look::<u32>(), 2);
}

/// Half an hour in which everything is asked for all the time, while a provider hangs, fails, and answers by turns.
#[tokio::test(start_paused = true)]
async fn whatever_is_asked_for_the_schedule_runs_as_if_nothing_were() {
    let run = async |asks: bool| {
        let fault = || Fault::new(Class::Connect, "refused");
        let acts = || {
            (0..2000).map(|n| match n % 7 {
                0 | 3 => Act::Hang,
                1 => Act::Fail(secs(1), fault()),
                n => Act::Take(Duration::from_millis(100 * n)),
            })
        };
        let mut planner = limited(300, &["a", "b", "c"]);
        // Those of the schedule are quick, so that none of its own overlap.
        let quick = |requests| spending(requests, []);
        let scripts = [quick(2), quick(3), quick(15)];
        let hanging = spending(1, acts());
        planner.add("discovery", 20, &scripts[0], None, Vec::new());
        planner.add("token", 30, &scripts[1], Some(client("web")), Vec::new());
        planner.add("login", 60, &scripts[2], Some(client("web")), vec![alice()]);
        planner.add("hanging", 60, &hanging, None, Vec::new());
        let (runner, notes) = start(planner);
        let answers: Mutex<BTreeMap<&str, usize>> = Mutex::default();
        for _ in 0..1800 {
            for probe in ["hanging", "login", "token", "discovery"].into_iter().filter(|_| asks) {
                for region in ["a", "b", "c"] {
                    let answer = runner.confirm(&labels(probe, region)).map_or_else(Missed::as_str, |()| "began");
                    *answers.lock().unwrap().entry(answer).or_default() += 1;
                }
            }
            pass(1).await;
        }
        let mut due: Vec<_> = notes.outcomes.lock().unwrap().clone();
        due.retain(|run| run.trigger == Trigger::Scheduled);
        let mut due: Vec<_> = due.iter().map(|run| (run.check.to_string(), run.scheduled)).collect();
        due.sort();
        nothing_missed(&notes);
        let ours = |run: &Arc<Outcome>| run.fault.as_ref().is_some_and(|fault| fault.class == Class::Internal);
        assert!(!notes.outcomes.lock().unwrap().iter().any(ours), "a run found the budget empty");
        (due, notes.confirmations().len(), answers.into_inner().unwrap())
    };
    let (alone, none, _) = run(false).await;
    let (beside, some, answers) = run(true).await;
    assert_eq!(none, 0);
    assert!(some > 300 && answers["overlap"] > 0 && answers["budget"] > 0 && answers["account"] > 0, "{answers:?}");
    // The last few may still be under way in either.
    let settled = |due: &[(String, crate::clock::Timestamp)]| {
        due.iter().filter(|(_, at)| *at < START + secs(1700)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(settled(&beside), settled(&alone));
}
