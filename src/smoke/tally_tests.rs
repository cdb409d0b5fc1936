use std::time::Duration;

use super::*;
use crate::fault::Fault;
use crate::outcome::{BrowserReport, Evidence, Screenshot};
use crate::runner::testing::{Planner, Script, outcome};
use crate::smoke::report::Sequential;
use crate::smoke::trial::Test;

fn tally(named: bool, most: u32) -> Tally {
    let check = Planner::new(&["eu"]).probe("login", 60, &Script::of([])).plan().checks[0].clone();
    Tally::new(Selected { check, named }, Trial::new(None, most))
}

fn failed(class: Class) -> Arc<Outcome> {
    let fault = Fault { step: "token", ..Fault::new(class, "as told") };
    let verdict = if fault.blame.is_bad() { Verdict::Bad } else { Verdict::Inconclusive };
    let mut run = Outcome::clone(&outcome("login", 2, verdict));
    run.fault = Some(fault);
    Arc::new(run)
}

#[allow(clippy::disallowed_methods)]
fn at(secs: u64) -> Instant {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGIN.get_or_init(Instant::now) + Duration::from_secs(secs)
}

/// Counts these runs, a second apart; the report after the last.
fn after(mut tally: Tally, runs: &[Arc<Outcome>]) -> CheckReport {
    tally.begin(at(0));
    let (last, before) = runs.split_last().unwrap();
    for run in before {
        assert!(tally.add(run, None, at(1)).is_none(), "decided too early");
    }
    tally.add(last, None, at(9)).expect("a decision").clone()
}

#[test]
fn one_good_run_is_good() {
    let report = after(tally(false, 1), &[outcome("login", 2, Verdict::Good)]);
    assert_eq!((report.verdict, report.reason.as_str()), (Judgement::Good, "good in 2.00 s"));
    assert_eq!((report.duration, report.median), (Duration::from_secs(9), Some(Duration::from_secs(2))));
    assert_eq!((report.counts.good, report.runs.len(), report.fault), (1, 1, None));
}

#[test]
fn a_bad_run_says_what_and_whose_fault() {
    let report = after(tally(false, 1), &[failed(Class::HttpStatus)]);
    assert_eq!(report.verdict, Judgement::Bad);
    assert_eq!(report.reason, "as told");
    assert_eq!(report.fault.unwrap().class, Class::HttpStatus);
    let good = outcome("login", 2, Verdict::Good);
    let report = after(tally(false, 9), &[good.clone(), good, failed(Class::Reset)]);
    assert_eq!(report.reason, "2 of 3 runs good, 1 bad; first: as told");
    assert_eq!(report.runs.len(), 2, "the bad one, and the last good one");
}

#[test]
fn our_own_faults_are_never_bad() {
    for class in [Class::Browser, Class::Egress, Class::Internal, Class::Credentials, Class::Challenge, Class::Config] {
        let report = after(tally(false, 1), &[failed(class)]);
        assert_eq!(report.verdict, Judgement::Inconclusive, "{class}");
        assert_eq!(report.fault.unwrap().class, class);
    }
    let bad = after(tally(false, 3), &[failed(Class::Browser), failed(Class::Connect)]);
    assert_eq!(bad.verdict, Judgement::Bad);
    assert_eq!(bad.fault.unwrap().class, Class::Connect, "the bad run stands for it");
    // A refused password is not tried again, however many runs are left.
    assert_eq!(after(tally(false, 9), &[failed(Class::Credentials)]).counts.inconclusive, 1);
}

#[test]
fn what_is_not_offered_is_skipped_unless_it_was_named() {
    let report = after(tally(false, 3), &[failed(Class::Unsupported)]);
    assert_eq!(report.verdict, Judgement::Skipped);
    assert_eq!(report.reason, "the provider does not offer it: as told");
    assert_eq!(after(tally(true, 3), &[failed(Class::Unsupported)]).verdict, Judgement::Inconclusive);
}

#[test]
fn a_slow_run_is_bad_and_says_by_how_much() {
    let mut tally = tally(false, 1);
    let slow = Slow {
        name: "login".into(),
        what: "the run".into(),
        took: Duration::from_millis(2350),
        limit: Duration::from_secs(2),
    };
    let report = tally.add(&outcome("login", 2, Verdict::Good), Some(slow), at(1)).unwrap();
    assert_eq!((report.verdict, report.counts.bad, report.counts.slow), (Judgement::Bad, 1, 1));
    assert_eq!(report.reason, "slow: the run took 2.35 s, and --max-latency login allows 2s");
    assert_eq!((&report.fault, report.median), (&None, None));
}

#[test]
fn a_test_that_is_left_open_says_so() {
    let test = Test::new(&Sequential { accept: 0.99, reject: 0.90, confidence: 0.95 }, 1);
    let mut tally = tally(false, 1);
    tally.trial = Trial::new(Some(test), 33);
    tally.begin(at(0));
    assert!(tally.add(&failed(Class::HttpStatus), None, at(1)).is_none());
    let mut runs = (0..40).map(|_| outcome("login", 1, Verdict::Good));
    let report = runs.find_map(|run| tally.add(&run, None, at(1)).cloned()).unwrap();
    assert_eq!(report.verdict, Judgement::Inconclusive);
    assert!(
        report.reason.starts_with("neither to be accepted nor to be rejected within 33 runs: "),
        "{}",
        report.reason
    );
    assert!(report.fault.is_some(), "what failed is worth a look");
}

#[test]
fn what_was_cut_off_says_how_far_it_got() {
    let mut none = tally(false, 3);
    let reason = |report: &CheckReport| (report.verdict, report.reason.clone());
    let told = |text: &str| (Judgement::Inconclusive, text.to_owned());
    assert_eq!(reason(none.cut_off(&CutOff::Interrupted, at(1))), told("interrupted: no run began"));
    let mut begun = tally(false, 3);
    begun.begin(at(0));
    let deadline = CutOff::Deadline(Duration::from_secs(90));
    assert_eq!(reason(begun.cut_off(&deadline, at(1))), told("--deadline 1m30s came first: no run came to its end"));
    let mut some = tally(false, 3);
    some.begin(at(0));
    some.add(&outcome("login", 1, Verdict::Good), None, at(1));
    let expected = "interrupted: 1 run of at most 3 done (1 of 1 run good)";
    assert_eq!(reason(some.cut_off(&CutOff::Interrupted, at(1))), told(expected));
    assert!(tally(false, 1).cut_off(&CutOff::Lost, at(1)).reason.starts_with("an internal error"));
    let left = CutOff::LeftAlone(Duration::from_secs(300));
    let expected = "provider main asked to be left alone for another 300 s: no run began";
    assert_eq!(reason(tally(false, 1).cut_off(&left, at(1))), told(expected));
}

#[test]
fn of_many_runs_few_are_kept() {
    let mut tally = tally(false, 1);
    tally.trial =
        Trial::new(Some(Test::new(&Sequential { accept: 0.99, reject: 0.9, confidence: 0.95 }, 10_000_000)), 500);
    tally.begin(at(0));
    let mut runs = 0;
    for turn in 0.. {
        let run = if turn % 3 == 2 { failed(Class::Reset) } else { outcome("login", turn % 7, Verdict::Good) };
        runs += 1;
        if tally.add(&run, None, at(turn)).is_some() {
            break;
        }
    }
    let report = tally.decided().unwrap();
    assert_eq!(report.verdict, Judgement::Bad);
    assert!(report.counts.bad >= 4 && runs > 9, "{runs}");
    let bad = report.runs.iter().filter(|run| run.verdict == Verdict::Bad).count();
    assert!(report.runs.len() <= KEPT && bad >= 3 && report.runs.len() - bad == 1, "{bad} of {}", report.runs.len());
}

#[test]
fn the_first_picture_is_the_one_to_look_at() {
    let mut tally = tally(false, 1);
    let mut run = Outcome::clone(&failed(Class::LoginPage));
    let evidence = Evidence { screenshot: Some(Screenshot(b"png"[..].into())), ..Evidence::default() };
    run.browser = Some(BrowserReport { evidence: Some(evidence), ..BrowserReport::default() });
    tally.begin(at(0));
    assert!(tally.pictured().is_none());
    tally.add(&Arc::new(run), None, at(1)).unwrap();
    assert_eq!(&*tally.pictured().unwrap().screenshot().unwrap().0, b"png");
    tally.written("shots/login-eu.png".into());
    assert_eq!(tally.decided().unwrap().screenshot.as_deref(), Some("shots/login-eu.png"));
}

#[test]
fn the_median_is_the_middle_one() {
    let secs = |list: &[u64]| median(&list.iter().map(|n| Duration::from_secs(*n)).collect::<Vec<_>>());
    assert_eq!(secs(&[]), None);
    assert_eq!(secs(&[4]), Some(Duration::from_secs(4)));
    assert_eq!(secs(&[9, 1]), Some(Duration::from_secs(1)));
    assert_eq!(secs(&[9, 1, 3]), Some(Duration::from_secs(3)));
}
