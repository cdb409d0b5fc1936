//! Expectations from the contract: client credentials are tried again every 15 minutes, a refused password never on its
//! own, and two that worked within the hour and are refused together are the provider's fault.

use super::*;
use crate::clock::Clock;

const MINUTE: Duration = Duration::from_secs(60);

fn who(account: Account, provider: &str, identity: &str) -> Who {
    Who { account, provider: provider.into(), identity: identity.into() }
}

fn user(name: &str) -> Who {
    who(Account::User(name.into()), "main", name)
}

fn client(name: &str) -> Who {
    who(Account::Client(name.into()), "main", name)
}

fn refused(secret: u8) -> Shown {
    Shown::Refused { reason: "invalid_grant".into(), secret: Some([secret; 32]) }
}

fn worked(accounts: &mut Accounts, who: &Who, now: Instant) {
    let trial = accounts.ask(who, now) == Answer::Trial;
    assert!(!accounts.done(who, trial, Shown::Worked, now));
}

fn fresh() -> (Accounts, Instant) {
    (Accounts::default(), Clock::system().instant())
}

#[test]
fn a_refused_password_is_never_tried_again_on_its_own() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    assert_eq!(accounts.ask(&alice, now), Answer::Trial);
    assert!(!accounts.done(&alice, true, refused(1), now));
    for days in [0, 1, 400] {
        let later = now + MINUTE * 60 * 24 * days;
        assert_eq!(accounts.ask(&alice, later), Answer::Stopped);
        assert!(accounts.is_stopped(&alice.account, later));
    }
    assert!(!accounts.secret_reads(&alice.account, [1; 32]), "the same secret changes nothing");
    assert_eq!(accounts.ask(&alice, now), Answer::Stopped);
    assert!(accounts.secret_reads(&alice.account, [2; 32]));
    assert_eq!(accounts.ask(&alice, now), Answer::Trial);
}

#[test]
fn an_unknown_password_is_tried_by_one_run_at_a_time() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    assert_eq!(accounts.ask(&alice, now), Answer::Trial);
    assert_eq!(accounts.ask(&alice, now), Answer::Wait);
    accounts.done(&alice, true, Shown::Nothing, now);
    assert_eq!(accounts.ask(&alice, now), Answer::Trial, "a run that showed nothing leaves it unknown");
    accounts.done(&alice, true, Shown::Worked, now);
    assert_eq!((accounts.ask(&alice, now), accounts.ask(&alice, now)), (Answer::Go, Answer::Go));
}

#[test]
fn a_success_that_overtook_the_refusal_does_not_let_a_password_go_on() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    worked(&mut accounts, &alice, now);
    accounts.done(&alice, false, refused(1), now);
    accounts.done(&alice, false, Shown::Worked, now);
    assert_eq!(accounts.ask(&alice, now), Answer::Stopped);
}

#[test]
fn refused_client_credentials_are_tried_every_15_minutes_by_one_run() {
    let (mut accounts, now) = fresh();
    let web = client("web");
    assert_eq!((accounts.ask(&web, now), accounts.ask(&web, now)), (Answer::Go, Answer::Go));
    accounts.done(&web, false, refused(1), now);
    assert_eq!(accounts.ask(&web, now + MINUTE * 14), Answer::Stopped);
    let later = now + MINUTE * 15;
    assert!(!accounts.is_stopped(&web.account, later));
    assert_eq!(accounts.ask(&web, later), Answer::Trial);
    assert_eq!(accounts.ask(&web, later), Answer::Stopped);
    assert!(accounts.is_stopped(&web.account, later));
    accounts.done(&web, true, refused(1), later);
    assert_eq!(accounts.ask(&web, later + MINUTE * 14), Answer::Stopped);
    let again = later + MINUTE * 15;
    assert_eq!(accounts.ask(&web, again), Answer::Trial);
    accounts.done(&web, true, Shown::Worked, again);
    assert_eq!(accounts.ask(&web, again), Answer::Go);
}

#[test]
fn two_that_worked_within_the_hour_and_are_refused_together_are_the_providers_fault() {
    let (mut accounts, now) = fresh();
    let (alice, web) = (user("alice"), client("web"));
    worked(&mut accounts, &alice, now);
    worked(&mut accounts, &web, now);
    let later = now + MINUTE * 30;
    assert!(!accounts.done(&alice, false, refused(1), later), "one alone is the account's");
    assert!(accounts.done(&web, false, refused(2), later + MINUTE));
    let retry = later + MINUTE * 16;
    assert_eq!(accounts.ask(&web, retry), Answer::Trial);
    assert!(accounts.done(&web, true, refused(2), retry), "still refused, still together");
    let retry = retry + MINUTE * 60;
    assert_eq!(accounts.ask(&web, retry), Answer::Trial);
    assert!(accounts.done(&web, true, refused(2), retry), "the same event, however long it lasts");
}

#[test]
fn what_never_worked_or_long_ago_or_elsewhere_or_is_the_same_identity_does_not_count() {
    let (mut accounts, now) = fresh();
    let (alice, bob) = (user("alice"), user("bob"));
    worked(&mut accounts, &alice, now);
    accounts.ask(&bob, now);
    assert!(!accounts.done(&alice, false, refused(1), now));
    assert!(!accounts.done(&bob, true, refused(2), now), "bob never worked");

    let (mut accounts, now) = fresh();
    worked(&mut accounts, &alice, now);
    worked(&mut accounts, &bob, now);
    let later = now + MINUTE * 61;
    assert!(!accounts.done(&alice, false, refused(1), later));
    assert!(!accounts.done(&bob, false, refused(2), later), "both worked more than an hour ago");

    let (mut accounts, now) = fresh();
    let elsewhere = who(Account::User("carol".into()), "other", "carol");
    let twin = who(Account::User("alice-again".into()), "main", "alice");
    for who in [&alice, &elsewhere, &twin] {
        worked(&mut accounts, who, now);
    }
    assert!(!accounts.done(&alice, false, refused(1), now));
    assert!(!accounts.done(&elsewhere, false, refused(2), now), "another provider");
    assert!(!accounts.done(&twin, false, refused(1), now), "the same identity under another name");
}

#[test]
fn refusals_far_apart_are_not_one_event() {
    let (mut accounts, now) = fresh();
    let (alice, bob) = (user("alice"), user("bob"));
    worked(&mut accounts, &alice, now);
    assert!(!accounts.done(&alice, false, refused(1), now));
    worked(&mut accounts, &bob, now + MINUTE * 20);
    assert!(!accounts.done(&bob, false, refused(2), now + MINUTE * 21));
}

#[test]
fn people_resume_by_name_and_a_changed_configuration_resumes_all() {
    let (mut accounts, now) = fresh();
    let (alice, web) = (user("alice"), client("web"));
    for who in [&alice, &web] {
        let trial = accounts.ask(who, now) == Answer::Trial;
        accounts.done(who, trial, refused(1), now);
    }
    let names: Vec<_> = accounts.stopped().iter().map(|stopped| stopped.account.to_string()).collect();
    assert_eq!(names, ["client:web", "user:alice"]);
    assert!(accounts.stopped()[1].reason.starts_with("invalid_grant; not tried again until"));
    assert!(!accounts.resume("bob"));
    assert!(!accounts.resume("client:alice"));
    assert!(accounts.resume("user:alice"));
    assert!(!accounts.resume("alice"), "it is not stopped any more");
    accounts.configuration_changed(|_| true);
    assert_eq!(accounts.stopped(), []);
    assert_eq!(accounts.ask(&web, now), Answer::Go);
}

/// Whether a confirmation run may begin; then it has.
fn confirms(accounts: &mut Accounts, who: &Who, now: Instant) -> bool {
    accounts.confirm([who].into_iter(), now)
}

fn confirmed(accounts: &mut Accounts, who: &Who, shown: Shown, now: Instant) {
    accounts.confirmed(who);
    accounts.done(who, false, shown, now);
}

const UNANSWERED: Shown = Shown::Failed { answered: false };

#[test]
fn only_a_password_that_is_known_to_work_is_tried_for_confirmation() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    assert!(!confirms(&mut accounts, &alice, now), "never seen");
    assert_eq!(accounts.ask(&alice, now), Answer::Trial);
    assert!(!confirms(&mut accounts, &alice, now), "on trial");
    accounts.done(&alice, true, Shown::Nothing, now);
    assert!(!confirms(&mut accounts, &alice, now), "never seen to work");
    worked(&mut accounts, &alice, now);
    accounts.done(&alice, false, Shown::Failed { answered: true }, now);
    assert!(!confirms(&mut accounts, &alice, now), "answered otherwise since");
    accounts.done(&alice, false, Shown::Untried, now);
    assert!(!confirms(&mut accounts, &alice, now), "a session that lives on proves no password");
    worked(&mut accounts, &alice, now);
    assert!(confirms(&mut accounts, &alice, now));
    confirmed(&mut accounts, &alice, refused(1), now);
    let later = now + MINUTE * 60;
    assert!(!confirms(&mut accounts, &alice, later), "refused");
    assert!(accounts.resume("alice"));
    assert!(!confirms(&mut accounts, &alice, later), "resumed, and not seen to work yet");
}

#[test]
fn logins_for_confirmation_are_paced_and_end_before_the_account_is_locked() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    worked(&mut accounts, &alice, now);
    let at = |secs| now + Duration::from_secs(secs);
    assert!(confirms(&mut accounts, &alice, at(0)));
    assert!(!confirms(&mut accounts, &alice, at(40)), "one at a time, however long it takes");
    confirmed(&mut accounts, &alice, UNANSWERED, at(40));
    assert!(confirms(&mut accounts, &alice, at(40)));
    confirmed(&mut accounts, &alice, Shown::Nothing, at(41));
    assert!(!confirms(&mut accounts, &alice, at(69)), "also after one that tried nothing");
    // The second and third failure; one of them is the schedule's.
    accounts.done(&alice, false, UNANSWERED, at(69));
    assert!(confirms(&mut accounts, &alice, at(70)));
    confirmed(&mut accounts, &alice, UNANSWERED, at(71));
    for secs in [101, 1000, 100_000] {
        assert!(!confirms(&mut accounts, &alice, at(secs)), "three have failed");
    }
    worked(&mut accounts, &alice, at(100_000));
    assert!(confirms(&mut accounts, &alice, at(100_000)));
}

#[test]
fn no_more_than_three_logins_fail_for_confirmation_whatever_is_asked() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    worked(&mut accounts, &alice, now);
    let mut begun = Vec::new();
    for secs in 0..3600 {
        let now = now + Duration::from_secs(secs);
        if confirms(&mut accounts, &alice, now) {
            begun.push(secs);
            confirmed(&mut accounts, &alice, UNANSWERED, now);
        }
    }
    assert_eq!(begun, [0, 30, 60]);
}

#[test]
fn names_of_one_identity_share_what_is_risked() {
    let (mut accounts, now) = fresh();
    let (alice, other) = (user("alice"), who(Account::User("alice".into()), "other", "alice"));
    let twin = who(Account::User("alice-again".into()), "main", "alice");
    for who in [&alice, &twin] {
        worked(&mut accounts, who, now);
    }
    assert!(confirms(&mut accounts, &alice, now));
    assert!(!confirms(&mut accounts, &twin, now));
    confirmed(&mut accounts, &alice, Shown::Worked, now);
    assert!(!confirms(&mut accounts, &twin, now + CONFIRM_EVERY - Duration::from_secs(1)));
    accounts.done(&alice, false, refused(1), now);
    assert!(!confirms(&mut accounts, &twin, now + CONFIRM_EVERY), "the one identity is refused");
    assert!(!confirms(&mut accounts, &other, now + CONFIRM_EVERY), "and so is that name anywhere");
}

#[test]
fn clients_are_confirmed_as_often_as_asked_unless_they_are_refused() {
    let (mut accounts, now) = fresh();
    let (web, alice) = (client("web"), user("alice"));
    assert!(confirms(&mut accounts, &web, now) && confirms(&mut accounts, &web, now));
    assert!(!accounts.confirm([&web, &alice].into_iter(), now), "all of a check's");
    worked(&mut accounts, &alice, now);
    assert!(accounts.confirm([&web, &alice].into_iter(), now));
    confirmed(&mut accounts, &web, refused(1), now);
    assert!(!confirms(&mut accounts, &web, now + MINUTE * 20), "whether it works again is for the schedule to try");
}

#[test]
fn an_account_out_of_use_is_forgotten() {
    let (mut accounts, now) = fresh();
    let alice = user("alice");
    worked(&mut accounts, &alice, now);
    accounts.configuration_changed(|_| false);
    assert_eq!(accounts.ask(&alice, now), Answer::Trial);
}
