use std::time::Duration;

use super::ruling::{Level, Look, Standing};
use super::testing::{World, out, runs, three};
use super::{Detect, Settings};
use crate::fault::Class;

const MINUTE: Duration = Duration::from_secs(60);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn world() -> World {
    let mut world = World::new(three(), Settings::default());
    world.run(10 * MINUTE);
    assert!(world.asked.is_empty(), "nobody asks while all is well");
    world
}

#[test]
fn a_total_outage_is_certain_after_three_failures() {
    let mut world = world();
    world.fail(&["eu", "us", "ap"], "token", Class::HttpStatus);
    let took = world.until(MINUTE, out).unwrap();
    assert!(took <= secs(23), "{took:?}");
    let case = world.ruling().cases.remove(0);
    assert_eq!((&*case.step, case.level, case.class), ("token", Level::Everywhere, Some(Class::HttpStatus)));
    assert_eq!((case.bad(), case.runs(), case.scheduled, case.confirmations), (3, 3, 1, 2));
    assert_eq!(case.clean, [("discovery".into(), 3)]);
    assert!(case.regions.iter().all(|region| region.look == Look::Failing), "{case:?}");
    let asked = world.asked.len();
    world.run(5 * MINUTE);
    assert!(out(&world.ruling()));
    assert!(world.asked.len() <= asked + 1, "while it fails the schedule is enough: {}", world.asked.len() - asked);
    world.heal();
    let took = world.until(5 * MINUTE, |ruling| ruling.outage == Standing::Clear).unwrap();
    assert!(took <= secs(121), "{took:?}");
    assert!(world.ruling().regions.iter().all(|(_, standing)| *standing == Standing::Clear));
}

#[test]
fn one_failure_is_looked_into_and_forgotten() {
    let mut world = world();
    let mut left = 1;
    world.model = Box::new(move |_, _| {
        let failed = (left > 0).then_some(("token", Class::Reset));
        left = 0;
        (failed, Duration::from_millis(400))
    });
    world.run(10 * MINUTE);
    assert!((8..=12).contains(&world.asked.len()), "{}", world.asked.len());
    assert_eq!(world.ruling().outage, Standing::Clear);
    assert!(world.ruling().cases.is_empty(), "{:?}", world.ruling().cases);
}

#[test]
fn one_region_of_three_is_no_outage() {
    let mut world = world();
    world.fail(&["us"], "token", Class::Connect);
    let us = |ruling: &super::Ruling| ruling.regions.iter().any(|(name, at)| &**name == "us" && *at == Standing::Holds);
    let took = world.until(5 * MINUTE, us).unwrap();
    assert!((secs(118)..=secs(190)).contains(&took), "{took:?}");
    world.run(10 * MINUTE);
    assert_eq!(world.ruling().outage, Standing::Clear);
    assert!(world.asked.len() < 60, "{}", world.asked.len());
    world.heal();
    assert!(world.until(5 * MINUTE, |ruling| !us(ruling)).is_some());
}

#[test]
fn two_regions_of_three_are_one_once_it_has_lasted() {
    let mut world = world();
    world.fail(&["us", "ap"], "token", Class::Connect);
    let took = world.until(5 * MINUTE, out).unwrap();
    assert!((secs(118)..=secs(162)).contains(&took), "{took:?}");
    assert_eq!(world.ruling().cases[0].level, Level::Several);
}

#[test]
fn the_only_region_decides() {
    let mut world = World::new(vec![runs("machine", "client_credentials", "eu", &["token"], 1)], Settings::default());
    world.run(10 * MINUTE);
    world.fail(&["eu"], "token", Class::Connect);
    let took = world.until(3 * MINUTE, out).unwrap();
    assert!(took <= secs(65), "{took:?}");
    assert!(world.ruling().regions.is_empty());
}

#[test]
fn what_hangs_is_noticed_before_it_ends() {
    let mut world = world();
    world.model = Box::new(|_, _| (Some(("token", Class::Timeout)), secs(10)));
    let took = world.until(MINUTE, out).unwrap();
    assert!(took <= secs(32), "{took:?}");
}

#[test]
fn a_region_that_measures_nothing_delays_nothing() {
    let mut world = world();
    world.model = Box::new(|check, _| {
        let class = if &*check.region == "ap" { Class::Egress } else { Class::Connect };
        (Some(("token", class)), Duration::from_millis(400))
    });
    let took = world.until(2 * MINUTE, out).unwrap();
    assert!(took <= secs(50), "{took:?}");
    assert_eq!(world.ruling().cases[0].regions[2].look, Look::Unknown);
}

#[test]
fn restored_it_goes_on() {
    let mut world = world();
    world.fail(&["eu", "us", "ap"], "token", Class::HttpStatus);
    world.until(MINUTE, out).unwrap();
    let kept = world.detect.changed().unwrap();
    assert_eq!(world.detect.changed(), None);
    let mut other = Detect::new(super::testing::roster(three()), Settings::default());
    other.restore(kept);
    let told = |detect: &Detect| {
        let mut ruling = detect.rulings(world.now, &|_| false).remove(0);
        // The hourly bound begins anew.
        ruling.cases[0].confirmations_left = 0;
        ruling
    };
    assert_eq!(told(&other), told(&world.detect));
}
