use std::time::Duration;

use super::*;
use crate::outcome::Id;
use crate::runner::testing::{START, outcome};

fn after(verdict: Verdict, steps: &[(&'static str, StepState)]) -> Outcome {
    let record = |(name, state): &(&'static str, StepState)| StepRecord {
        name,
        span_id: Id::random(),
        state: *state,
        start: START,
        duration: Duration::ZERO,
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    };
    let steps = steps.iter().map(record).collect();
    Outcome { steps, ..(*outcome("login", 1, verdict)).clone() }
}

fn of(account: Account, proven_by: &'static [&'static str]) -> Credential {
    let who = Who { account, provider: "main".into(), identity: "x".into() };
    Credential { who, secrets: Vec::new(), proven_by }
}

fn alice() -> Credential {
    of(Account::User("alice".into()), BY_USER)
}

fn web() -> Credential {
    of(Account::Client("web".into()), BY_CLIENT)
}

fn failing(class: Class, status: Option<u16>) -> Outcome {
    let mut outcome = after(Verdict::Bad, &[("authorize", StepState::Done), ("login", StepState::Failed)]);
    outcome.fault = Some(crate::fault::Fault::new(class, "as told"));
    outcome.steps[1].requests = status.into_iter().map(answer).collect();
    outcome
}

fn answer(status: u16) -> crate::outcome::RequestRecord {
    crate::outcome::RequestRecord {
        span_id: Id::random(),
        endpoint: "login",
        region: "eu".into(),
        method: "POST",
        url: String::new(),
        host: "login.example.com".to_owned(),
        port: 443,
        status: Some(status),
        resend: 0,
        start: START,
        duration: Duration::ZERO,
        phases: crate::outcome::Phases::default(),
        body_bytes: 0,
        error: None,
        certificate_not_after: None,
    }
}

#[test]
fn a_failed_login_counts_and_one_that_was_answered_more() {
    for (class, status, answered) in [
        (Class::Timeout, None, false),
        (Class::HttpStatus, Some(503), false),
        (Class::Browser, None, false),
        (Class::HttpStatus, Some(403), true),
        (Class::RateLimited, Some(429), true),
        (Class::LoginPage, Some(200), true),
        (Class::Challenge, Some(200), true),
    ] {
        let outcome = failing(class, status);
        assert_eq!(shown(&alice(), &outcome), Shown::Failed { answered }, "{class} {status:?}");
        assert_eq!(shown(&web(), &outcome), Shown::Nothing);
    }
    use StepState::{Done, Failed, Skipped};
    let of = |verdict, steps: &[_]| shown(&alice(), &after(verdict, steps));
    assert_eq!(of(Verdict::Bad, &[("authorize", Failed), ("login", Skipped)]), Shown::Nothing);
    assert_eq!(of(Verdict::Good, &[("login", Skipped), ("refresh", Done)]), Shown::Untried);
    assert_eq!(of(Verdict::Good, &[("login", Done), ("refresh", Done)]), Shown::Worked);
}

#[test]
fn a_confirmation_run_that_was_stopped_may_have_tried_the_password() {
    let guard = Arc::new(Guard::new(Clock::manual(START)).unwrap());
    let credentials = Credentials(vec![alice()]);
    let who = alice().who;
    assert!(guard.confirm(&credentials).is_none());
    let now = guard.clock.instant();
    guard.accounts().done(&who, false, Shown::Worked, now);
    drop(guard.confirm(&credentials).unwrap());
    for _ in 0..2 {
        guard.accounts().done(&who, false, Shown::Failed { answered: false }, now);
    }
    let later = now + Duration::from_secs(3600);
    assert!(!guard.accounts().confirm([&who].into_iter(), later), "it was one of three");
    guard.accounts().done(&who, false, Shown::Worked, later);
    assert!(guard.accounts().confirm([&who].into_iter(), later), "and it is over");
}

#[test]
fn credentials_worked_once_their_own_step_is_done() {
    use StepState::{Done, Failed, Skipped};
    let shown = |verdict, steps: &[(&'static str, StepState)]| {
        let outcome = after(verdict, steps);
        (worked(&alice(), &outcome), worked(&web(), &outcome))
    };
    let broken_userinfo = [("login", Done), ("token", Done), ("userinfo", Failed)];
    assert_eq!(shown(Verdict::Bad, &broken_userinfo), (true, true));
    assert_eq!(shown(Verdict::Bad, &[("login", Done), ("token", Failed)]), (true, false));
    assert_eq!(shown(Verdict::Inconclusive, &[("login", Failed)]), (false, false));
    assert_eq!(shown(Verdict::Bad, &[("login", Skipped), ("token", Skipped), ("refresh", Failed)]), (false, false));
    assert_eq!(shown(Verdict::Good, &[("act", Done)]), (true, true));
    // One that asks besides: the token is issued to another.
    let api = of(Account::Client("api".into()), &[]);
    assert!(!worked(&api, &after(Verdict::Bad, &[("token", Done), ("active", Failed)])));
    assert!(worked(&api, &after(Verdict::Good, &[("token", Done), ("active", Done)])));
}
