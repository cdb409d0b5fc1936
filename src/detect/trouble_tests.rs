//! What reviewers found: each once went wrong.

use std::sync::Arc;
use std::time::Duration;

use super::ruling::{Level, Look, Ruling, Standing};
use super::testing::{START, World, out, outcome, roster, runs, three};
use super::{Detect, Runs, Settings};
use crate::fault::Class;
use crate::outcome::{CheckLabels, Id, RequestRecord, Trigger};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const QUICK: Duration = Duration::from_millis(400);
const ALL: &[&str] = &["eu", "us", "ap"];

fn world(settings: Settings) -> World {
    let mut world = World::new(three(), settings);
    world.run(10 * MINUTE);
    world
}

/// `class` in step `token` from these regions, and a dead way out of those.
fn mixed(world: &mut World, failing: &'static [&'static str], mute: &'static [&'static str]) {
    world.model = Box::new(move |check, _| {
        let is = |all: &[&str]| all.contains(&&*check.region);
        let fault = if is(mute) { Some(("discovery", Class::Egress)) } else { None };
        (fault.or(is(failing).then_some(("token", Class::HttpStatus))), QUICK)
    });
}

fn region(ruling: &Ruling, name: &str) -> Standing {
    ruling.regions.iter().find(|(region, _)| &**region == name).map(|(_, standing)| *standing).unwrap()
}

#[test]
fn a_region_that_cannot_be_measured_any_more_keeps_no_outage_open() {
    let mut world = world(Settings::default());
    world.fail(ALL, "token", Class::HttpStatus);
    world.until(MINUTE, out).unwrap();
    world.heal();
    world.run(3 * SECOND);
    mixed(&mut world, &[], &["eu"]);
    assert!(world.until(10 * MINUTE, |ruling| ruling.outage == Standing::Clear).is_some());
    let asked = world.asked.len();
    world.run(HOUR);
    assert!(world.asked.len() - asked < 70, "{}", world.asked.len() - asked);
}

#[test]
fn the_only_region_that_can_be_measured_decides_once_it_has_lasted() {
    let mut world = world(Settings::default());
    mixed(&mut world, &["eu"], &["us", "ap"]);
    let took = world.until(10 * MINUTE, out).unwrap();
    assert!((2 * MINUTE..=4 * MINUTE).contains(&took), "{took:?}");
    let case = world.ruling().cases.remove(0);
    assert_eq!(case.level, Level::Everywhere);
    assert_eq!(case.regions.iter().filter(|region| region.look == Look::Unknown).count(), 2);
}

#[test]
fn what_waits_when_maintenance_begins_is_dropped() {
    let mut world = world(Settings::default());
    world.fail(&["eu", "us"], "token", Class::HttpStatus);
    world.until(2 * MINUTE, |ruling| ruling.outage == Standing::Pending).unwrap();
    for _ in 0..600 {
        world.now = world.now + SECOND;
        world.detect.confirm(&|_| true, world.now, &mut |_| panic!("nobody asks"));
        assert_eq!(world.detect.rulings(world.now, &|_| true)[0].outage, Standing::Unknown);
    }
    world.heal();
    assert_eq!(world.until(10 * MINUTE, |ruling| ruling.outage != Standing::Clear), None);
}

#[test]
fn what_is_certain_stays_so_through_maintenance() {
    let mut world = world(Settings::default());
    world.fail(ALL, "token", Class::HttpStatus);
    world.until(MINUTE, out).unwrap();
    for _ in 0..600 {
        world.now = world.now + SECOND;
        world.detect.confirm(&|_| true, world.now, &mut |_| panic!("nobody asks"));
    }
    assert!(out(&world.ruling()));
    world.heal();
    assert!(world.until(5 * MINUTE, |ruling| !out(ruling)).is_some());
}

#[test]
fn runs_of_a_check_that_is_gone_teach_nothing() {
    let mut world = world(Settings::default());
    world.fail(ALL, "token", Class::HttpStatus);
    world.detect.replace(roster(renamed()), Settings::default());
    world.run(5 * MINUTE);
    assert!(world.ruling().cases.is_empty(), "the old checks' runs: {:?}", world.ruling().cases);
}

fn renamed() -> Vec<Runs> {
    let mut all = three();
    all.iter_mut().for_each(|runs| runs.check.probe = "machine2".into());
    all
}

#[test]
fn an_outage_outlives_the_name_of_its_probe() {
    let mut before = world(Settings::default());
    before.fail(ALL, "token", Class::HttpStatus);
    before.until(MINUTE, out).unwrap();
    let mut after = World::new(renamed(), Settings::default());
    after.now = before.now;
    after.detect = std::mem::take(&mut before.detect);
    after.detect.replace(roster(renamed()), Settings::default());
    assert!(out(&after.ruling()));
    after.fail(ALL, "token", Class::HttpStatus);
    assert_eq!(after.until(3 * MINUTE, |ruling| !out(ruling)), None);
    after.heal();
    assert!(after.until(5 * MINUTE, |ruling| !out(ruling)).is_some());
    // The same, and it is over by the time of the reload.
    let mut healed = world(Settings::default());
    healed.fail(ALL, "token", Class::HttpStatus);
    healed.until(MINUTE, out).unwrap();
    let mut after = World::new(renamed(), Settings::default());
    after.now = healed.now;
    after.detect = std::mem::take(&mut healed.detect);
    after.detect.replace(roster(renamed()), Settings::default());
    assert!(after.until(5 * MINUTE, |ruling| !out(ruling)).is_some());
}

#[test]
fn all_of_it_is_seen_as_soon_while_a_region_is_down() {
    for phase in [0, 17, 31, 49] {
        let mut world = world(Settings::default());
        world.fail(&["eu"], "token", Class::HttpStatus);
        world.until(5 * MINUTE, |ruling| region(ruling, "eu") == Standing::Holds).unwrap();
        world.run(20 * MINUTE + phase * SECOND);
        world.fail(ALL, "token", Class::HttpStatus);
        // The next run of another region comes within 40 seconds: eu's own say nothing new.
        let took = world.until(3 * MINUTE, out).unwrap();
        assert!(took <= 43 * SECOND, "{phase}: {took:?}");
    }
}

#[test]
fn what_is_to_be_ignored_is_measured_from_when_all_fails() {
    let settings = Settings { ignore_shorter_than: 2 * MINUTE, ..Settings::default() };
    let mut world = world(settings);
    world.fail(&["eu"], "token", Class::HttpStatus);
    world.run(20 * MINUTE);
    world.fail(ALL, "token", Class::HttpStatus);
    world.run(70 * SECOND);
    assert!(!out(&world.ruling()));
    world.fail(&["eu"], "token", Class::HttpStatus);
    assert_eq!(world.until(10 * MINUTE, out), None, "the others were away for 70 seconds");
}

#[test]
fn who_leaves_the_step_out_confirms_nothing() {
    let steps = &["discovery", "login"];
    let logins = ["eu", "us", "ap"]
        .map(|region| Runs { user: Some(Arc::from(region)), ..runs("login", "form_login", region, steps, 8) });
    let cheap = runs("revocation", "revocation", "eu", steps, 3);
    let mut world = World::new(logins.into_iter().chain([cheap]).collect(), Settings::default());
    world.run(10 * MINUTE);
    world.skips = Some(("revocation", "login"));
    world.model =
        Box::new(|check: &CheckLabels, _| ((check.kind == "form_login").then_some(("login", Class::LoginPage)), QUICK));
    world.until(5 * MINUTE, out).unwrap();
    let cheap = world.asked.iter().filter(|(_, check)| check.kind == "revocation").count();
    assert!(cheap <= 1, "{cheap}");
}

#[test]
fn good_runs_of_before_are_no_reason_to_wait_longer() {
    let mut world = world(Settings::default());
    world.fail(&["us"], "token", Class::HttpStatus);
    world.run(30 * MINUTE);
    world.fail(ALL, "token", Class::HttpStatus);
    world.until(3 * MINUTE, out).unwrap();
    world.run(2 * MINUTE);
    world.heal();
    let asked = world.asked.len();
    let took = world.until(5 * MINUTE, |ruling| ruling.outage == Standing::Clear).unwrap();
    assert!(took <= 150 * SECOND, "{took:?}");
    assert!(world.asked.len() - asked <= 12, "{}", world.asked.len() - asked);
}

#[test]
fn what_is_only_waited_for_says_when_it_ends() {
    let mut world = world(Settings::default());
    world.fail(ALL, "token", Class::HttpStatus);
    world.until(MINUTE, out).unwrap();
    assert_eq!(world.ruling().cases[0].ends_at, None);
    world.heal();
    world.until(MINUTE, |ruling| ruling.cases[0].ends_at.is_some()).unwrap();
    let ends = world.ruling().cases[0].ends_at.unwrap();
    world.until(5 * MINUTE, |ruling| !out(ruling)).unwrap();
    assert!(world.now.since(ends) <= SECOND && ends.since(world.now) <= SECOND, "{ends}, {}", world.now);
}

#[test]
fn a_quarter_of_the_hour_is_kept_for_other_cases() {
    let settings = Settings { confirmations_per_hour: 40, ..Settings::default() };
    let mut world = world(settings);
    // Half of what one region sees fails: neither certain soon, nor well.
    let mut n = 0_u32;
    world.model = Box::new(move |check, _| {
        let us = &*check.region == "us";
        n += u32::from(us);
        ((us && n.is_multiple_of(2)).then_some(("token", Class::Reset)), QUICK)
    });
    world.run(30 * MINUTE);
    let asked = world.asked.len();
    assert!((20..=30).contains(&asked), "{asked}");
    world.fail(ALL, "discovery", Class::HttpStatus);
    let took = world.until(MINUTE, out).unwrap();
    assert!(took <= 23 * SECOND && world.asked.len() > asked, "{took:?}");
}

/// An answer to a request from a region.
fn answer(region: &str, status: u16) -> RequestRecord {
    RequestRecord {
        span_id: Id([0; 8]),
        endpoint: "introspection",
        region: region.into(),
        method: "POST",
        url: "https://login.example.com/introspect".into(),
        host: "login.example.com".into(),
        port: 443,
        status: Some(status),
        resend: 0,
        start: START,
        duration: QUICK,
        phases: Default::default(),
        body_bytes: 0,
        error: None,
        certificate_not_after: None,
    }
}

/// It was booked on `eu`, and paged for an outage as if everything had failed there.
#[test]
fn a_run_over_several_regions_that_failed_from_another_is_no_evidence_against_its_own() {
    let all = Runs { all_regions: true, ..runs("out", "revocation", "eu", &["discovery", "alive"], 9) };
    let other = runs("machine", "client_credentials", "us", &["discovery", "token"], 3);
    let outage = |eu: u16, us: u16| {
        let mut detect = Detect::new(roster(vec![all.clone(), other.clone()]), Settings::default());
        let mut now = START;
        for _ in 0..60 {
            now = now + 5 * SECOND;
            let failed = (Some(("alive", Class::HttpStatus)), QUICK);
            let (_, mut run) = outcome(&all, Trigger::Scheduled, now, failed, None);
            run.steps[1].requests = vec![answer("eu", eu), answer("us", us)];
            detect.outcome(&run, false, now);
            detect.confirm(&|_| false, now, &mut |_| false);
        }
        detect.rulings(now, &|_| false).remove(0).outage
    };
    assert_eq!(outage(200, 503), Standing::Clear);
    assert_eq!(outage(503, 503), Standing::Holds);
}
