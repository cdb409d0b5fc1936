//! The runner as a whole, under paused time, with a probe that does as it is told.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::testing::{Act, Notes, Planner, START, Script, client, engine, pass, user};
use super::*;
use crate::fault::{Account, Blame, Class, Fault};
use crate::folder::Folder;
use crate::outcome::{StepState, Verdict};
use crate::probe::Cost;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn start(planner: Planner) -> (Runner, Arc<Notes>) {
    let (engine, notes) = engine();
    let runner = Runner::new(engine, planner.plan());
    runner.start();
    (runner, notes)
}

#[tokio::test(start_paused = true)]
async fn runs_come_when_they_are_due() {
    let script = Script::of([]);
    let (_runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(45).await;
    assert_eq!(notes.scheduled(), [10, 20, 30, 40]);
    assert!(notes.lateness.lock().unwrap().iter().all(|late| *late <= Duration::from_millis(2)));
    let last = notes.last();
    assert_eq!((last.verdict, &*last.check.probe, &*last.check.region), (Verdict::Good, "login", "eu"));
    assert!(last.start >= last.scheduled);
}

#[tokio::test(start_paused = true)]
async fn a_check_never_overlaps_itself_and_the_missed_are_counted() {
    let script = Script::of([Act::Take(secs(25))]);
    let (_runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(105).await;
    assert_eq!(notes.scheduled(), [10, 40, 70]);
    assert_eq!(script.most.load(SeqCst), 1);
    assert_eq!(notes.missed("login@eu", Missed::Overlap), 6);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_our_own_fault_and_the_next_run_comes() {
    let script = Script::of([Act::Panic, Act::Take(secs(0))]);
    let (_runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(15).await;
    let outcome = notes.last();
    let fault = outcome.fault.as_ref().unwrap();
    assert_eq!((outcome.verdict, fault.class, fault.step), (Verdict::Inconclusive, Class::Internal, "act"));
    assert!(!fault.detail.contains("as told"), "a panic's words may hold anything: {}", fault.detail);
    pass(10).await;
    assert_eq!(notes.last().verdict, Verdict::Good);
    assert_eq!(script.cleaned.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_ends_at_its_timeout_and_is_cleaned_up() {
    let script = Script::of([Act::Hang, Act::Take(secs(0))]);
    let (_runner, notes) = start(Planner::new(&["eu"]).probe("login", 60, &script));
    pass(91).await;
    let outcome = notes.last();
    assert_eq!((outcome.verdict, outcome.fault.as_ref().unwrap().class), (Verdict::Bad, Class::Timeout));
    assert_eq!((outcome.duration, script.cleaned.load(SeqCst)), (secs(30), 1));
    assert!(outcome.steps.iter().any(|step| step.cleanup && step.state == StepState::Done));
}

#[tokio::test(start_paused = true)]
async fn a_clock_put_forward_is_counted_and_never_bunched() {
    let script = Script::of([]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(15).await;
    runner.engine().clock.set(START + secs(3605));
    pass(10).await;
    assert_eq!(notes.scheduled(), [10, 3610]);
    // 20, 30, … 3600
    assert_eq!(notes.missed("login@eu", Missed::Late), 359);
}

#[tokio::test(start_paused = true)]
async fn a_clock_put_back_does_not_stop_the_runs() {
    let script = Script::of([]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    pass(15).await;
    runner.engine().clock.set(START - secs(3600));
    pass(35).await;
    assert_eq!(script.runs(), 1 + 3, "{:?}", notes.scheduled());
}

#[tokio::test(start_paused = true)]
async fn paused_runs_are_counted_and_manual_ones_still_work() {
    let script = Script::of([]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 10, &script));
    runner.pause(true);
    pass(35).await;
    assert_eq!((script.runs(), notes.missed("login@eu", Missed::Paused)), (0, 3));
    assert_eq!(runner.run_now("login", None).await.unwrap().len(), 1);
    runner.pause(false);
    pass(10).await;
    assert_eq!(script.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_left_alone_when_its_budget_is_low_or_it_asked_for_a_pause() {
    let script = Script::costing(Cost { requests: 4, burst: 4, ..Cost::default() }, []);
    let mut planner = Planner::new(&["eu"]);
    planner.provider.max_requests_per_minute = Some(10);
    let (runner, notes) = start(planner.probe("login", 10, &script));
    let engine = runner.engine();
    let memory = engine.memories.provider(&"main".into());
    pass(15).await;
    assert!(memory.budget.lock().unwrap().take(engine.clock.now(), 10, 7));
    pass(20).await;
    assert_eq!((script.runs(), notes.missed("login@eu", Missed::Budget)), (1, 2));
    pass(50).await;
    memory.budget.lock().unwrap().pause_until(engine.clock.now() + secs(20));
    let before = script.runs();
    pass(20).await;
    assert_eq!((script.runs() - before, notes.missed("login@eu", Missed::RateLimited)), (0, 2));
    pass(10).await;
    assert_eq!(script.runs() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn runs_in_progress_have_reserved_their_part_of_the_budget() {
    let cost = Cost { requests: 4, burst: 4, ..Cost::default() };
    let slow = Script::costing(cost, [Act::Take(secs(5))]);
    let mut planner = Planner::new(&["a", "b", "c"]);
    planner.provider.max_requests_per_minute = Some(10);
    let (_runner, notes) = start(planner.probe("login", 60, &slow));
    pass(61).await;
    assert_eq!(slow.runs(), 2, "a third would run out in the middle");
    let missed: u64 =
        ["a", "b", "c"].map(|region| notes.missed(&format!("login@{region}"), Missed::Budget)).iter().sum();
    assert_eq!(missed, 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_a_limit_to_runs_at_once() {
    let script = Script::of([Act::Take(secs(5))]);
    let names: Vec<_> = (0..CAPACITY + 10).map(|n| format!("p{n}")).collect();
    let planner = names.iter().fold(Planner::new(&["eu"]), |planner, name| planner.probe(name, 60, &script));
    let (_runner, notes) = start(planner);
    pass(61).await;
    assert_eq!(script.runs(), CAPACITY);
    let missed: u64 = names.iter().map(|name| notes.missed(&format!("{name}@eu"), Missed::Capacity)).sum();
    assert_eq!(missed, 10);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_covers_all_regions_runs_once() {
    let script = Script::costing(Cost { requests: 1, burst: 1, all_regions: true, ..Cost::default() }, []);
    let (runner, notes) = start(Planner::new(&["eu", "us"]).probe("revoke", 10, &script));
    pass(11).await;
    assert_eq!((script.runs(), &*notes.last().check.region), (1, "eu"));
    assert_eq!(runner.run_now("revoke", None).await.unwrap().len(), 1);
    let over = runner.run_now("revoke", Some("us")).await.unwrap();
    assert_eq!((over.len(), &*over[0].check.region), (1, "eu"), "the one run is that of every region");
    assert!(runner.run_now("revoke", Some("mars")).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_phase_and_memory_and_lets_runs_end() {
    let (old, new) = (Script::of([Act::Take(secs(15))]), Script::of([]));
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 20, &old).probe("gone", 20, &Script::of([])));
    pass(25).await;
    let memories = runner.engine().memories.clone();
    memories.check("login@eu").with(|seen: &mut u32| *seen = 7);
    memories.check("gone@eu").with(|seen: &mut u32| *seen = 7);
    runner.apply(Planner::new(&["eu"]).probe("login", 10, &new).plan());
    pass(20).await;
    // Due at 30 under the new plan while the old run lasts until 35.
    assert_eq!(notes.missed("login@eu", Missed::Overlap), 1);
    assert_eq!(notes.scheduled(), [20, 20, 40]);
    assert_eq!((old.runs(), new.runs()), (1, 1));
    assert_eq!(memories.check("login@eu").with(|seen: &mut u32| *seen), 7);
    assert_eq!(memories.check("gone@eu").with(|seen: &mut u32| *seen), 0);
    assert!(runner.engine().history.recent("gone").is_empty());
    assert_eq!(runner.engine().history.recent("login").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn people_can_run_a_probe_now() {
    let script = Script::of([Act::Take(secs(5))]);
    let (runner, notes) = start(Planner::new(&["eu", "us"]).probe("login", 60, &script));
    assert!(runner.run_now("nope", None).await.is_none());
    assert!(runner.run_now("login", Some("nope")).await.is_none());
    let all = runner.run_now("login", None).await.unwrap();
    assert_eq!(all.iter().map(|outcome| &*outcome.check.region).collect::<Vec<_>>(), ["eu", "us"]);
    assert!(all.iter().all(|outcome| outcome.trigger == crate::outcome::Trigger::Manual));
    pass(56).await;
    // Scheduled runs are in progress since 60: a manual one waits for its own.
    let one = runner.run_now("login", Some("us")).await.unwrap();
    assert_eq!(one[0].start.since(START).as_secs(), 65);
    assert_eq!(script.most.load(SeqCst), 2);
    let id = one[0].trace_id.to_string();
    assert!(Arc::ptr_eq(&runner.engine().history.find(&id).unwrap(), &one[0]));
    assert_eq!(notes.outcomes.lock().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_runs_and_counts_what_is_due_meanwhile() {
    let (slow, quick) = (Script::of([Act::Take(secs(8))]), Script::of([]));
    let (runner, notes) = start(Planner::new(&["eu"]).probe("slow", 60, &slow).probe("quick", 2, &quick));
    pass(61).await;
    let before = quick.runs();
    assert_eq!(runner.shutdown(secs(10)).await, 0);
    assert_eq!(quick.runs(), before);
    assert_eq!(notes.missed("quick@eu", Missed::Shutdown), 4);
    assert_eq!((notes.scheduled().last(), runner.ready()), (Some(&60), false));
    assert_eq!(&*notes.last().check.probe, "slow");
    assert!(runner.run_now("quick", None).await.unwrap().is_empty(), "nothing runs any more");
}

#[tokio::test(start_paused = true)]
async fn runs_that_outlast_the_grace_time_are_stopped_and_cleaned_up() {
    let script = Script::of([Act::Hang]);
    let (runner, notes) = start(Planner::new(&["eu"]).probe("login", 60, &script));
    pass(61).await;
    assert_eq!(runner.shutdown(secs(10)).await, 0);
    assert_eq!(script.cleaned.load(SeqCst), 1);
    assert_eq!(notes.missed("login@eu", Missed::Shutdown), 1);
    assert!(notes.outcomes.lock().unwrap().is_empty(), "a run that we stopped says nothing about the provider");
}

/// Answers every request on a port of its own with 204.
async fn reference() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    });
    url
}

/// What becomes of a refused connection in a region with that reference.
async fn blamed(reference: &str) -> (Verdict, Class, Blame) {
    let script = Script::of([Act::Fail(secs(0), Fault::new(Class::Connect, "refused"))]);
    let plan = Planner::new(&["eu"]).reference(reference).probe("login", 60, &script).plan();
    let notes = Arc::new(Notes::default());
    let engine = Engine::new(crate::clock::Clock::system(), notes.clone()).unwrap();
    let (_stopper, stop) = Stopper::new();
    let outcome = engine.run_now(&plan.checks[0], &Credentials::default(), stop).await.unwrap();
    let fault = outcome.fault.as_ref().unwrap();
    assert_eq!(fault.step, "act");
    (outcome.verdict, fault.class, fault.blame)
}

#[tokio::test]
async fn a_network_fault_is_ours_if_the_references_do_not_answer_either() {
    let alive = reference().await;
    assert_eq!(blamed(&alive).await, (Verdict::Bad, Class::Connect, Blame::Network));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    assert_eq!(blamed(&dead).await, (Verdict::Inconclusive, Class::Egress, Blame::Monitor));
}

fn refused(account: Account) -> Act {
    Act::Fail(secs(1), Fault::new(Class::Credentials, "invalid_grant").with_account(account))
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_stops_its_account_everywhere_until_it_changes() {
    let folder = Folder::new();
    let file = folder.write("password", "wrong");
    let alice = user("alice", &file);
    let script = Script::of([refused(Account::User("alice".into())), Act::Take(secs(0))]);
    let mut planner = Planner::new(&["eu", "us"]);
    planner.add("login", 10, &script, None, vec![alice.clone()]);
    planner.add("refresh", 10, &script, None, vec![alice]);
    let (runner, notes) = start(planner);
    pass(35).await;
    // Four checks were due at once: one tried, the others waited for what it showed.
    assert_eq!(script.runs(), 1);
    let missed: u64 = ["login@eu", "login@us", "refresh@eu", "refresh@us"]
        .map(|check| notes.missed(check, Missed::Account))
        .iter()
        .sum();
    assert_eq!(missed, 3 + 4 + 4);
    let outcome = notes.last();
    assert_eq!((outcome.verdict, outcome.fault.as_ref().unwrap().blame), (Verdict::Inconclusive, Blame::Configuration));
    let stopped = runner.engine().guard.stopped();
    assert_eq!(stopped[0].account, Account::User("alice".into()));

    let asked = runner.run_now("login", Some("us")).await.unwrap();
    assert_eq!((script.runs(), asked[0].fault.as_ref().unwrap().class), (1, Class::Credentials));
    assert!(asked[0].fault.as_ref().unwrap().detail.starts_with("not tried: user:alice was refused at"));

    tokio::task::spawn_blocking(move || std::fs::write(file, "right").unwrap()).await.unwrap();
    runner.engine().guard.reread();
    pass(10).await;
    assert_eq!(script.runs(), 1 + 4);
    assert!(runner.engine().guard.stopped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_is_tried_again_every_15_minutes_and_others_go_on() {
    let (web, other) = (Script::of([refused(Account::Client("web".into()))]), Script::of([]));
    let mut planner = Planner::new(&["eu"]);
    planner.add("web", 60, &web, Some(client("web")), Vec::new());
    planner.add("other", 60, &other, Some(client("other")), Vec::new());
    let (runner, notes) = start(planner);
    pass(3600 + 70).await;
    assert_eq!(other.runs(), 61);
    // At 1 min, 17, 33 and 49 (a refusal comes a second after its run began).
    assert_eq!(web.runs(), 4, "{:?}", notes.scheduled());
    assert!(runner.engine().guard.resume("web"));
    pass(60).await;
    assert_eq!(web.runs(), 5);
}

#[tokio::test(start_paused = true)]
async fn two_accounts_refused_together_are_the_providers_fault() {
    let good = Act::Take(secs(0));
    let folder = Folder::new();
    let (a, b) = (folder.write("a", "one"), folder.write("b", "two"));
    let alice = Script::of([good.clone(), refused(Account::User("alice".into()))]);
    let bob = Script::of([good.clone(), good, refused(Account::User("bob".into()))]);
    let mut planner = Planner::new(&["eu"]);
    planner.add("alice", 60, &alice, None, vec![user("alice", &a)]);
    planner.add("bob", 60, &bob, None, vec![user("bob", &b)]);
    let (_runner, notes) = start(planner);
    pass(122).await;
    assert_eq!((&*notes.last().check.probe, notes.last().verdict), ("alice", Verdict::Inconclusive));
    pass(60).await;
    let outcome = notes.last();
    let fault = outcome.fault.as_ref().unwrap();
    assert_eq!((&*outcome.check.probe, outcome.verdict), ("bob", Verdict::Bad));
    assert_eq!((fault.class, fault.blame), (Class::Credentials, Blame::Provider));
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_lets_refused_accounts_go_on() {
    let folder = Folder::new();
    let file = folder.write("password", "wrong");
    let script = Script::of([refused(Account::User("alice".into())), Act::Take(secs(0))]);
    let plan = |version| {
        let mut planner = Planner::new(&["eu"]);
        planner.fingerprint = [version; 32];
        planner.add("login", 10, &script, None, vec![user("alice", &file)]);
        planner.plan()
    };
    let (engine, _notes) = engine();
    let runner = Runner::new(engine, plan(1));
    runner.start();
    pass(35).await;
    runner.apply(plan(1));
    pass(10).await;
    assert_eq!(script.runs(), 1, "a reload of the same is no change");
    runner.apply(plan(2));
    pass(10).await;
    assert_eq!(script.runs(), 2);
}
