use super::*;
use crate::fault::Class;
use crate::slo::testing::{MINUTE, WEDNESDAY, member};

use Event::{Bad, Good, Inconclusive};

const REGIONS: [&str; 3] = ["eu", "us", "asia"];

fn of(regions: &[&str], quorum: u32, timing: Timing) -> Ticks {
    Ticks::new(&member("login", timing), regions.iter().map(|region| (*region).into()).collect(), quorum)
}

fn three(quorum: u32) -> Ticks {
    of(&REGIONS, quorum, Timing::Every(MINUTE))
}

fn at(seconds: u64) -> Timestamp {
    WEDNESDAY + Duration::from_secs(seconds)
}

/// A run in that region, due then and over a second later.
fn run(ticks: &mut Ticks, region: &str, due: u64, event: Event) -> Vec<Counts> {
    only(ticks.event(at(due), &[(region.into(), event)], &why, false, at(due + 1)))
}

fn because(class: Class, step: &str) -> Cause {
    Cause { class: Some(class), blame: Some(class.blame()), step: step.into(), region: "".into() }
}

/// Regions fail of what they have most trouble with.
fn why(region: &str) -> Cause {
    because(if region == "asia" { Class::Timeout } else { Class::Dns }, "token")
}

fn only(closed: Vec<Closed>) -> Vec<Counts> {
    closed.into_iter().map(|closed| closed.counts).collect()
}

const ONE: Counts = Counts { good: 0, bad: 0, inconclusive: 0, expected: 1 };
const GOOD: Counts = Counts { good: 1, ..ONE };
const BAD: Counts = Counts { bad: 1, ..ONE };
const UNKNOWN: Counts = Counts { inconclusive: 1, ..ONE };
const MISSED: Counts = ONE;

#[test]
fn a_tick_is_good_as_soon_as_a_quorum_is_and_counts_once() {
    let mut ticks = three(2);
    assert_eq!(run(&mut ticks, "eu", 3, Good), []);
    assert_eq!(run(&mut ticks, "us", 40, Good), [GOOD], "another spread, the same minute");
    assert_eq!(run(&mut ticks, "asia", 59, Bad), []);
    assert_eq!(run(&mut ticks, "eu", 63, Good), []);
    assert_eq!(only(ticks.expire(at(150))), [], "until the timeout and a minute after its end");
    assert_eq!(only(ticks.expire(at(211))), [UNKNOWN], "the second tick had one region only");
    assert_eq!(only(ticks.expire(at(9999))), []);
}

#[test]
fn a_tick_is_bad_as_soon_as_a_quorum_cannot_be_reached() {
    let mut ticks = three(2);
    assert_eq!(run(&mut ticks, "eu", 3, Bad), []);
    assert_eq!(run(&mut ticks, "us", 4, Bad), [BAD]);
    assert_eq!(run(&mut ticks, "asia", 5, Good), []);
    let mut all = three(3);
    assert_eq!(run(&mut all, "asia", 5, Bad), [BAD]);
    let mut any = three(1);
    assert_eq!(run(&mut any, "asia", 5, Bad), []);
    assert_eq!(run(&mut any, "eu", 6, Bad), []);
    assert_eq!(run(&mut any, "us", 7, Bad), [BAD]);
}

#[test]
fn a_missing_region_is_missing_and_not_failed() {
    let mut ticks = three(2);
    run(&mut ticks, "eu", 3, Good);
    run(&mut ticks, "us", 4, Bad);
    assert_eq!(only(ticks.expire(at(150))), [], "asia may still come");
    assert_eq!(only(ticks.expire(at(151))), [UNKNOWN]);
    assert_eq!(run(&mut ticks, "asia", 59, Good), [], "too late");
}

#[test]
fn a_region_that_could_not_tell_is_neither() {
    let mut ticks = three(2);
    run(&mut ticks, "eu", 3, Good);
    run(&mut ticks, "us", 4, Inconclusive);
    assert_eq!(run(&mut ticks, "asia", 5, Bad), [UNKNOWN], "all were heard, no need to wait");
}

#[test]
fn runs_that_were_missed_make_a_tick_expected() {
    let mut ticks = three(2);
    let missed = |ticks: &mut Ticks, times, now| only(ticks.missed(Duration::from_secs(7), times, false, at(now)));
    assert_eq!(missed(&mut ticks, 1, 8), []);
    assert_eq!(missed(&mut ticks, 1, 9), [], "another region's of the same tick");
    assert_eq!(only(ticks.expire(at(151))), [MISSED], "once, and nobody ran");
    // One region misses, the others have a quorum.
    assert_eq!(missed(&mut ticks, 1, 187), []);
    run(&mut ticks, "us", 200, Good);
    assert_eq!(run(&mut ticks, "eu", 201, Good), [GOOD]);
    // A run that was counted as missed by mistake is evidence all the same.
    let mut alone = of(&["eu"], 1, Timing::Every(MINUTE));
    assert_eq!(missed(&mut alone, 1, 8), []);
    assert_eq!(run(&mut alone, "eu", 7, Good), [GOOD]);
}

#[test]
fn a_long_sleep_is_counted_once_whatever_the_number_of_regions() {
    let (spread, hours) = (Duration::from_secs(7), 600);
    for times in [30, 2000, 36_000] {
        let mut ticks = three(2);
        let now = at(hours * 3600 + 30);
        let mut expected: u64 = 0;
        for _ in REGIONS {
            expected += only(ticks.missed(spread, times, false, now)).iter().map(|counts| counts.expected).sum::<u64>();
        }
        expected +=
            only(ticks.expire(now + Duration::from_secs(600))).iter().map(|counts| counts.expected).sum::<u64>();
        assert_eq!(expected, times);
    }
}

#[test]
fn ticks_that_were_open_before_a_long_sleep_are_not_counted_again() {
    let mut ticks = three(2);
    run(&mut ticks, "eu", 3, Good);
    let mut closed = only(ticks.missed(Duration::from_secs(7), 2000, false, at(2000 * 60 - 30)));
    closed.extend(only(ticks.expire(at(2000 * 60 + 600))));
    assert_eq!(closed.iter().map(|counts| counts.expected).sum::<u64>(), 2000);
    assert_eq!(closed.iter().filter(|counts| **counts == UNKNOWN).count(), 1, "{:?}", &closed[..3]);
}

#[test]
fn ticks_of_cron_are_its_due_times() {
    let mut ticks = of(&["eu", "us"], 2, Timing::cron("*/10 * * * *", "Europe/Zurich").unwrap());
    assert_eq!(run(&mut ticks, "eu", 600, Good), []);
    assert_eq!(run(&mut ticks, "us", 1200, Good), [UNKNOWN], "the next is another, and the one before over");
    let mut ticks = of(&["eu", "us"], 2, Timing::cron("0 4 * * *", "Europe/Zurich").unwrap());
    let now = at(10 * 86_400);
    let closed = ticks.missed(Duration::ZERO, 3, false, now);
    assert_eq!(only(closed), [MISSED; 3]);
    assert_eq!(only(ticks.missed(Duration::ZERO, 3, false, now)), [], "the other region's");
}

#[test]
fn fewer_regions_than_the_quorum_tell_nothing() {
    let mut ticks = of(&["eu"], 2, Timing::Every(MINUTE));
    assert_eq!(run(&mut ticks, "eu", 3, Good), [UNKNOWN]);
    assert_eq!(run(&mut ticks, "eu", 63, Bad), [UNKNOWN]);
}

#[test]
fn a_clock_that_was_put_back_loses_nothing() {
    let mut ticks = three(2);
    run(&mut ticks, "eu", 3600, Good);
    assert_eq!(run(&mut ticks, "us", 3601, Good), [GOOD]);
    assert_eq!(run(&mut ticks, "eu", 3660, Good), []);
    assert_eq!(run(&mut ticks, "eu", 1800, Good), [UNKNOWN], "what was open is closed as it stands");
    assert_eq!(run(&mut ticks, "us", 1801, Good), [GOOD]);
    run(&mut ticks, "eu", 3600, Good);
    assert_eq!(run(&mut ticks, "us", 3601, Good), [GOOD], "that hour comes again");
}

#[test]
fn maintenance_of_any_run_is_the_ticks() {
    let mut ticks = three(2);
    let events = |region: &str| [(region.into(), Good)];
    assert_eq!(ticks.event(at(3), &events("eu"), &why, true, at(4)), []);
    let closed = ticks.event(at(5), &events("us"), &why, false, at(6));
    assert_eq!(closed, [Closed { counts: GOOD, excluded: true }]);
    assert_eq!(ticks.event(at(65), &events("mars"), &why, false, at(66)), [], "no region of its");
}

#[test]
fn open_ticks_are_bounded() {
    let mut ticks = of(&["eu", "us"], 2, Timing::Every(Duration::from_millis(1)));
    let mut closed = 0;
    for n in 0..5000 {
        let due = WEDNESDAY + Duration::from_millis(n);
        closed += ticks.event(due, &[("eu".into(), Good)], &why, false, due).len();
    }
    assert_eq!((closed, ticks.held.len()), (5000 - MOST, MOST));
    assert_eq!(ticks.close_all().len(), MOST);
}

#[test]
fn a_bad_tick_has_the_cause_of_most_of_its_runs() {
    let mut ticks = three(1);
    for region in ["asia", "eu", "us"] {
        run(&mut ticks, region, 3, Bad);
    }
    let causes = |ticks: &mut Ticks| ticks.take_causes().collect::<Vec<_>>();
    assert_eq!(causes(&mut ticks), [(because(Class::Dns, "token"), false)]);
    run(&mut ticks, "asia", 63, Bad);
    run(&mut ticks, "eu", 63, Good);
    run(&mut ticks, "us", 63, Bad);
    assert_eq!(causes(&mut ticks), [], "a good tick has none");
    // Decided with two of three, in maintenance; the third changes nothing.
    let mut ticks = three(2);
    run(&mut ticks, "asia", 123, Bad);
    ticks.event(at(124), &[("asia".into(), Bad), ("eu".into(), Bad)], &why, true, at(125));
    run(&mut ticks, "us", 123, Bad);
    assert_eq!(causes(&mut ticks), [(because(Class::Dns, "token"), true)], "of two that are as frequent always one");
    assert_eq!(causes(&mut ticks), []);
}
