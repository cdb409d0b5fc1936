use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::detect::Standing;
use crate::detect::ruling::{Case, RegionCase};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const TOKEN: Cause = Cause { class: Class::HttpStatus, blame: Blame::Provider, step: "token" };
const OURS: Cause = Cause { class: Class::Credentials, blame: Blame::Configuration, step: "login" };
const EGRESS: Cause = Cause { class: Class::Egress, blame: Blame::Monitor, step: "discovery" };
const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// A probe of `main` in three regions.
fn probe<'a>(probe: &'a str, subject: Subject, lasts: [Last<'a>; 3]) -> Vec<Check<'a>> {
    let check =
        |(region, last)| Check { provider: "main", probe, region, subject, last, beyond: None, maintained: false };
    REGIONS.into_iter().zip(lasts).map(check).collect()
}

fn login(lasts: [Last<'_>; 3]) -> Vec<Check<'_>> {
    probe("login", Subject::Login, lasts)
}

fn at<'a>(provider: &'a str, mut checks: Vec<Check<'a>>) -> Vec<Check<'a>> {
    checks.iter_mut().for_each(|check| check.provider = provider);
    checks
}

fn situation<'a>(checks: &'a [Check<'a>]) -> Situation<'a> {
    Situation { checks, rulings: &[], paused: false, newest: Some(NOW - std::time::Duration::from_secs(120)), now: NOW }
}

fn told(checks: &[Vec<Check>]) -> (Tone, String) {
    let Verdict { tone, sentence, more } = verdict(&situation(&checks.concat()));
    (tone, std::iter::once(sentence).chain(more).collect::<Vec<_>>().join(" | "))
}

const GOOD: Last = Last::Good;
const BAD: Last = Last::Bad(TOKEN, 4);
const ONCE: Last = Last::Bad(TOKEN, 1);
const NEVER: Last = Last::Never;
const STALE: Last = Last::Stale(Timestamp::from_secs(1_800_000_000 - 3600));

#[test]
fn what_works_is_said_to_work_and_nothing_else() {
    let keys = |provider| at(provider, probe("keys", Subject::Other, [GOOD; 3]));
    for (checks, expected) in [
        (vec![login([GOOD; 3])], "Login works at main, from all 3 regions."),
        (vec![login([GOOD; 3])[..1].to_vec()], "Login works at main, from eu."),
        (vec![login([GOOD; 3]), at("b", login([GOOD; 3]))], "Login works at both providers, from all 3 regions."),
        (
            vec![login([GOOD; 3]), at("b", login([GOOD; 3])[..1].to_vec())],
            "Login works at both providers, from every region that probes them.",
        ),
        (vec![keys("main")], "What is probed works at main, from all 3 regions."),
        (
            vec![login([GOOD; 3]), keys("b")],
            "Login works at main, from all 3 regions. | What is probed works at b, from all 3 regions; logging in is not \
             probed there.",
        ),
        (
            vec![probe("machine", Subject::Tokens, [GOOD; 3]), keys("main")],
            "Getting tokens works at main, from all 3 regions.",
        ),
    ] {
        assert_eq!(told(&checks), (Tone::Good, expected.to_owned()));
    }
}

#[test]
fn where_it_fails_and_whose_fault_that_is() {
    for (checks, tone, expected) in [
        (
            vec![login([GOOD, BAD, GOOD])],
            Tone::Bad,
            "Login fails at main from us (http_status at step token, the provider's fault); it works from eu and ap.",
        ),
        (
            vec![login([BAD; 3])],
            Tone::Bad,
            "Login fails at main from all 3 regions (http_status at step token, the provider's fault).",
        ),
        (
            vec![login([BAD, BAD, NEVER])],
            Tone::Bad,
            "Login fails at main from eu and us (http_status at step token, the provider's fault); not known from ap.",
        ),
        (
            vec![login([GOOD; 3]), probe("forms", Subject::Login, [BAD; 3])],
            Tone::Bad,
            "Login fails at main with forms from all 3 regions (http_status at step token, the provider's fault); it works \
             with login.",
        ),
        (
            vec![login([GOOD, BAD, GOOD]), probe("forms", Subject::Login, [BAD, GOOD, GOOD])],
            Tone::Bad,
            "Login fails at main with login and forms from us and eu (http_status at step token, the provider's fault); it \
             works from ap.",
        ),
        (
            vec![login([GOOD, BAD, GOOD]), probe("forms", Subject::Login, [GOOD; 3])],
            Tone::Bad,
            "Login fails at main with login from us (http_status at step token, the provider's fault); it works from eu and \
             ap.",
        ),
        (
            vec![login([BAD, GOOD, BAD]), probe("forms", Subject::Login, [GOOD, BAD, BAD])],
            Tone::Bad,
            "Login fails at main in part: with login and forms, from all 3 regions (http_status at step token, the \
             provider's fault).",
        ),
        (
            vec![login([Last::Again(Some(TOKEN)); 3])],
            Tone::Bad,
            "Login fails at main now and then from all 3 regions (http_status at step token, the provider's fault).",
        ),
        (
            vec![
                at("a", login([GOOD; 3])),
                at("b", login([BAD; 3])),
                at("c", login([GOOD; 3])),
                at("d", login([GOOD; 3])),
            ],
            Tone::Bad,
            "Login fails at b from all 3 regions (http_status at step token, the provider's fault); it works at the other 3 \
             providers.",
        ),
        (
            vec![at("a", login([BAD; 3])), at("b", login([BAD, GOOD, GOOD])), at("c", login([GOOD; 3]))],
            Tone::Bad,
            "Login fails at a and b; it works at c. | Login fails at a from all 3 regions (http_status at step token, the \
             provider's fault). | Login fails at b from eu (http_status at step token, the provider's fault); it works from \
             us and ap.",
        ),
    ] {
        assert_eq!(told(&checks), (tone, expected.to_owned()));
    }
}

#[test]
fn one_failed_run_is_a_suspicion_and_two_are_not() {
    let one = "Login may be failing at main from us (http_status at step token, the provider's fault); it works from eu and ap.";
    assert_eq!(told(&[login([GOOD, ONCE, GOOD])]), (Tone::Warn, one.to_owned()));
    let (tone, sentence) = told(&[login([GOOD, ONCE, ONCE])]);
    assert!(tone == Tone::Bad && sentence.starts_with("Login fails at main from us and ap"), "{sentence}");
    // The detector may be certain by runs that the newest ones are not.
    let checks = login([GOOD, ONCE, GOOD]);
    let rulings = [ruling(Level::Everywhere)];
    let certain = verdict(&Situation { rulings: &rulings, ..situation(&checks) });
    assert!(certain.tone == Tone::Bad && certain.sentence.starts_with("Login fails"), "{certain:?}");
    let rulings = [ruling(Level::Suspected)];
    assert_eq!(verdict(&Situation { rulings: &rulings, ..situation(&checks) }).tone, Tone::Warn);
}

#[test]
fn what_is_ours_or_old_or_not_there_is_not_known() {
    let told_nothing = |cause| Last::Inconclusive(Some(cause));
    for (checks, tone, expected) in [
        (
            vec![login([told_nothing(OURS); 3])],
            Tone::Unknown,
            "Not known whether login works at main: its runs tell nothing (credentials at step login, our configuration's fault).",
        ),
        (
            vec![login([told_nothing(EGRESS), GOOD, GOOD])],
            Tone::Warn,
            "Login works at main, from us and ap; not known from eu: its runs tell nothing (egress at step discovery, \
             authprobe's own fault).",
        ),
        (vec![login([STALE; 3])], Tone::Unknown, "Not known whether login works at main: its last run was 1h ago."),
        (vec![login([NEVER; 3])], Tone::Unknown, "Not known whether login works at main: nothing has run yet."),
        (vec![], Tone::Unknown, "Not known: nothing is probed."),
        (
            vec![login([GOOD; 3]), at("b", login([NEVER; 3]))],
            Tone::Warn,
            "Not known whether login works at b: nothing has run yet; it works at main.",
        ),
        (
            vec![login([GOOD; 3]), probe("forms", Subject::Login, [told_nothing(OURS); 3])],
            Tone::Warn,
            "Login works at main, from all 3 regions; not known with forms: its runs tell nothing (credentials at step login, \
             our configuration's fault).",
        ),
    ] {
        assert_eq!(told(&checks), (tone, expected.to_owned()));
    }
}

#[test]
fn while_paused_what_was_good_is_past() {
    let checks = login([GOOD; 3]);
    let paused = verdict(&Situation { paused: true, ..situation(&checks) });
    let expected =
        "Not known: scheduled runs are paused. As of the last run, 2m ago: Login works at main, from all 3 regions.";
    assert_eq!((paused.tone, paused.sentence.as_str()), (Tone::Unknown, expected));
    let checks = login([BAD; 3]);
    let failing = verdict(&Situation { paused: true, ..situation(&checks) });
    assert_eq!(failing.tone, Tone::Bad, "what fails stays so until it is seen to work");
}

#[test]
fn maintenance_is_no_failure() {
    let mut checks = login([BAD; 3]);
    checks.iter_mut().for_each(|check| check.maintained = true);
    let planned = "In planned maintenance login fails: that is not judged.";
    let all = format!("Planned maintenance at main: login is not judged. | {planned}");
    assert_eq!(told(&[checks.clone()]), (Tone::Unknown, all));
    let beside = at("b", login([GOOD; 3]));
    let (tone, sentence) = told(&[checks.clone(), beside]);
    assert_eq!(tone, Tone::Warn);
    assert!(sentence.starts_with("Planned maintenance at main: login is not judged; it works at b. | "), "{sentence}");
    // Another probe of the same provider still tells.
    let (tone, sentence) = told(&[checks, probe("forms", Subject::Login, [GOOD; 3])]);
    assert_eq!((tone, sentence), (Tone::Good, format!("Login works at main, from all 3 regions. | {planned}")));
}

#[test]
fn what_fails_beside_logins_is_told_beside() {
    let mut refresh = probe("refresh", Subject::Login, [GOOD; 3]);
    refresh[1].beyond = Some(Cause { class: Class::RefreshNotRotated, blame: Blame::Provider, step: "refresh" });
    let keys = probe("keys", Subject::Other, [BAD; 3]);
    let (tone, sentence) = told(&[login([GOOD; 3]), refresh, keys]);
    let expected = "Login works at main, from all 3 regions. | Also failing: refresh at main from us (refresh_not_rotated at \
                    step refresh, the provider's fault). | Also failing: keys at main from all 3 regions (http_status at step \
                    token, the provider's fault).";
    assert_eq!((tone, sentence.as_str()), (Tone::Warn, expected));
}

#[test]
fn many_providers_make_one_sentence() {
    let names: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
    let checks: Vec<_> = names.iter().map(|name| at(name, login([BAD; 3]))).collect();
    let Verdict { sentence, more, .. } = verdict(&situation(&checks.concat()));
    assert_eq!((sentence.as_str(), more.len()), ("Login fails at all 20 providers.", MORE));
}

#[test]
fn a_probe_tells_about_logins_as_far_as_its_failed_step_is_one_of_a_login() {
    let form = ["discovery", "jwks", "authorize", "login", "token", "id_token", "logout"];
    let machine = ["discovery", "token", "validate"];
    let keys = ["discovery", "jwks"];
    assert_eq!([&form[..], &machine, &keys].map(Subject::of), [Subject::Login, Subject::Tokens, Subject::Other]);
    for (subject, steps, step, expected) in [
        (Subject::Login, &form[..], "discovery", true),
        (Subject::Login, &form, "id_token", true),
        (Subject::Login, &form, "logout", false),
        (Subject::Login, &form, "", true),
        (Subject::Tokens, &machine, "token", true),
        (Subject::Tokens, &machine, "validate", false),
        (Subject::Other, &keys, "jwks", true),
    ] {
        assert_eq!(subject.concerns(steps, step), expected, "{subject:?} {step}");
    }
}

#[test]
fn a_certain_case_counts_though_the_newest_run_was_good() {
    let ruling = |level| ruling(level);
    assert_eq!(again(&ruling(Level::Several), "login", "us"), Some(TOKEN));
    assert_eq!(again(&ruling(Level::Several), "login", "eu"), None, "clean there");
    assert_eq!(again(&ruling(Level::Several), "keys", "us"), None, "another probe");
    assert_eq!(again(&ruling(Level::Suspected), "login", "us"), None, "not certain");
    let mut over = ruling(Level::Several);
    over.cases[0].ends_at = Some(NOW);
    assert_eq!(again(&over, "login", "us"), None, "it does not fail any more");
}

/// The token step fails from `us`.
fn ruling(level: Level) -> Ruling {
    let seen = |region: &str, look, bad| RegionCase {
        region: region.into(),
        look,
        evidence: 0.5,
        since: None,
        last_bad: 0,
        last_good: 0,
        bad,
        runs: 9,
    };
    let case = Case {
        step: "token".into(),
        level,
        since: NOW,
        certain_at: None,
        class: Some(Class::HttpStatus),
        blame: Some(Blame::Provider),
        upstream: None,
        of_class: 3,
        regions: vec![seen("eu", Look::Clean, 0), seen("us", Look::Failing, 3)],
        probes: BTreeSet::from(["login".into()]),
        passed: BTreeSet::new(),
        ends_at: None,
        relapses: 0,
        scheduled: 3,
        confirmations: 6,
        clean: vec![],
        confirmations_left: 234,
    };
    Ruling {
        provider: "main".into(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        outage: Standing::Clear,
        regions: vec![],
        cases: vec![case],
    }
}
