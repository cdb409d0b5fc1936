//! The sentence: what is broken, where, whose fault it is.

use authprobe::fault::{Blame, Class};
use authprobe::smoke::report::words::{causes, headline};
use authprobe::smoke::report::{CheckReport, Judgement, Report};

use super::reports::{self, check, fault, labels, report};

fn said(report: &Report) -> String {
    headline(report, &|name| name.to_owned())
}

fn broken(probe: &str, region: &str, class: Class) -> CheckReport {
    check(labels(probe, "form_login", region), 300, Some(fault(class, "token", "detail")))
}

fn fine(probe: &str, region: &str) -> CheckReport {
    check(labels(probe, "jwks", region), 300, None)
}

#[test]
fn a_failure_names_probes_regions_blame_and_step() {
    let one = report(vec![broken("login", "eu", Class::HttpStatus)]);
    assert_eq!(
        said(&one),
        "login is broken: the provider's fault, http_status in step token",
        "there is one region only"
    );
    let two = report(vec![broken("login", "eu", Class::Timeout), fine("login", "us")]);
    assert_eq!(said(&two), "login is broken in eu: the network's fault, timeout in step token");
    let both = report(vec![broken("login", "eu", Class::HttpStatus), broken("login", "us", Class::HttpStatus)]);
    assert_eq!(said(&both), "login is broken in eu and us: the provider's fault, http_status in step token");
    let ours = report(vec![broken("login", "eu", Class::Browser), fine("keys", "us")]);
    assert_eq!(said(&ours), "login could not be judged in eu: authprobe's own fault, browser in step token");
}

#[test]
fn checks_that_fail_for_one_cause_are_one_sentence() {
    let regions = ["a", "b", "c", "d"];
    let probes = ["one", "two", "three", "four", "five"];
    let every = probes.iter().flat_map(|probe| regions.map(|region| broken(probe, region, Class::HttpStatus)));
    let all = report(every.collect());
    assert_eq!(causes(&all).len(), 1);
    assert_eq!(
        said(&all),
        "one, two, three and 2 more are broken in all 4 regions: the provider's fault, http_status in step token"
    );
    let mut more = all.checks;
    more.truncate(3);
    more.extend([fine("one", "d"), broken("who", "d", Class::Connect), broken("api", "d", Class::Credentials)]);
    let more = report(more);
    assert_eq!(
        said(&more),
        "one is broken in a, b and c: the provider's fault, http_status in step token; and 2 more causes"
    );
    let verdicts: Vec<_> = causes(&more).iter().map(|cause| cause.verdict).collect();
    assert_eq!(verdicts, [Judgement::Bad, Judgement::Bad, Judgement::Inconclusive], "the bad ones first");
}

/// The same class elsewhere is another cause: another provider, another step, another to blame.
#[test]
fn causes_are_told_apart() {
    let mut other = broken("b", "eu", Class::Credentials);
    other.check.provider = "other".into();
    let mut blamed = broken("c", "eu", Class::Credentials);
    blamed.fault.as_mut().unwrap().blame = Blame::Provider;
    blamed.verdict = Judgement::Bad;
    let step = check(labels("d", "refresh", "eu"), 300, Some(fault(Class::Credentials, "refresh", "x")));
    let report = report(vec![broken("a", "eu", Class::Credentials), other, blamed, step]);
    let names: Vec<_> = causes(&report).iter().map(|cause| cause.names(9, &|name| name.to_owned())).collect();
    assert_eq!(names, ["c@eu", "a@eu", "b@eu", "d@eu"]);
}

#[test]
fn what_is_slow_is_not_called_broken() {
    let trial = reports::trial();
    let sentences: Vec<_> =
        causes(&trial).iter().map(|cause| cause.sentence(&trial, &|name| name.to_owned())).collect();
    assert_eq!(sentences[1], "machine is too slow: 4 of 5 runs took longer than 200 ms");
    // What is undecided is nobody's fault yet.
    assert_eq!(sentences[2], "renewal could not be judged: 60 runs, 5 of them bad: neither decided");
}

#[test]
fn good_says_how_much() {
    assert_eq!(said(&report(vec![fine("keys", "eu")])), "keys@eu is good");
    assert_eq!(said(&report(vec![fine("keys", "eu"), fine("keys", "us")])), "all 2 checks are good");
    assert_eq!(said(&reports::good()), "4 checks are good; 1 skipped: the provider does not offer it");
    assert_eq!(said(&report(vec![])), "nothing was checked");
}
