//! Hours of coming and going, in virtual time.

use std::time::Duration;

use authprobe::detect::Settings;

use super::world::{World, secs};

/// Ten good minutes, an hour of `down` and `up` in turn, and an hour and a half after it.
fn flapping(period: u64, down: u64, up: u64, shift: u64) -> World {
    let (from, to) = (secs(600) + secs(shift), secs(600 + 3600) + secs(shift));
    let is_down = move |at: Duration| at >= from && at < to && (at - from).as_secs() % (down + up) < down;
    let mut world = World::new(secs(period), Settings::default(), is_down);
    world.pass(secs(600 + 3600 + 5400));
    world
}

#[test]
fn an_hour_of_flapping_is_one_alert() {
    let mut wrong = Vec::new();
    for period in [10, 60] {
        for (down, up) in [(45, 45), (6, 6), (60, 30)] {
            for shift in [0, 7, 23, 41] {
                let world = flapping(period, down, up, shift);
                let (fired, resolved) = (world.fired("AuthOutage"), world.resolved("AuthOutage"));
                let over = resolved.last().map(|at| at.saturating_sub(secs(600 + 3600 + shift)));
                let what = format!(
                    "every {period} s, {down} s down, {up} s up, from {shift} s on: {fired:?}, {resolved:?}, over after {over:?}"
                );
                let regional = world.fired("AuthRegionDown");
                println!("{what}, {} confirmations, by region {regional:?}", world.confirmations);
                // The first time nobody knows that two good periods are not the end.
                let most = if up > 2 * period { 2 } else { 1 };
                let right = (1..=most).contains(&fired.len()) && fired.len() == resolved.len() && regional.is_empty();
                let over = over.is_some_and(|over| over <= secs(1800));
                if !(right && over) {
                    wrong.push(what);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_single_outage_is_over_soon() {
    for (period, soon) in [(10, 30), (60, 180)] {
        let mut world = World::new(secs(period), Settings::default(), |at| at >= secs(600) && at < secs(900));
        world.pass(secs(3600));
        let (fired, resolved) = (world.fired("AuthOutage"), world.resolved("AuthOutage"));
        assert_eq!((fired.len(), resolved.len()), (1, 1), "{fired:?}, {resolved:?}");
        assert!(fired[0] <= secs(600 + 22), "every {period} s: {fired:?}");
        let regional = world.fired("AuthRegionDown");
        assert!(regional.is_empty(), "every {period} s, at its end: {regional:?}, {resolved:?}");
        assert!(resolved[0] > secs(900) && resolved[0] <= secs(900 + soon), "every {period} s: {resolved:?}");
    }
}

/// The schedule then meets it from one region only; that the others were fine a minute ago says nothing.
#[test]
fn what_keeps_step_with_the_schedule_is_not_blamed_on_a_region() {
    for (down, up) in [(20, 40), (20, 41), (10, 110)] {
        let world = flapping(60, down, up, 0);
        let (fired, regional) = (world.fired("AuthOutage"), world.fired("AuthRegionDown"));
        assert!(
            !fired.is_empty() && regional.is_empty(),
            "{down} s down, {up} s up: {fired:?}, by region {regional:?}"
        );
    }
}

#[test]
fn two_outages_on_one_day_are_two_alerts() {
    let down = |at: Duration| {
        [(3600, 3900), (6 * 3600, 6 * 3600 + 300)].iter().any(|(from, to)| (*from..*to).contains(&at.as_secs()))
    };
    let mut world = World::new(secs(60), Settings::default(), down);
    world.pass(secs(8 * 3600));
    assert_eq!((world.fired("AuthOutage").len(), world.resolved("AuthOutage").len()), (2, 2));
}

/// However seldom, from one region or three, whether passwords are taken or not: nothing else shows it.
#[test]
fn logins_that_all_fail_are_an_outage_however_seldom_they_are() {
    let mut wrong = Vec::new();
    for regions in [&["north"][..], &["north", "south", "west"]] {
        for period in [30, 60, 120, 300, 900] {
            for step in ["login", "token"] {
                let began = secs(10 * period + 7);
                let mut world = World::of_logins(regions, secs(period), step, move |at| at >= began);
                world.pass(began + secs(12 * period));
                let fired = world.fired("AuthOutage");
                let after = fired.first().map(|at| at.saturating_sub(began));
                let what = format!("{} regions, every {period} s, {step}: {after:?}", regions.len());
                println!("{what}, {} confirmations", world.confirmations);
                // Three looks of the schedule, and what waits for a login.
                if fired.len() != 1 || after.is_none_or(|after| after > secs(3 * period + 120)) {
                    wrong.push(what);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `confirmations_per_hour = 0`, or a budget without room: later, but found all the same.
#[test]
fn the_schedule_alone_finds_a_total_outage() {
    let mut wrong = Vec::new();
    for regions in [&["north"][..], &["north", "south"], &["north", "south", "west"]] {
        for period in [10, 60, 120, 300] {
            let settings = Settings { confirmations_per_hour: 0, ..Settings::default() };
            let began = secs(10 * period + 7);
            let mut world = World::of_machines(regions, secs(period), settings, move |at| at >= began);
            world.pass(began + secs(20 * period));
            let after = world.fired("AuthOutage").first().map(|at| at.saturating_sub(began));
            let what = format!("{} regions, every {period} s: {after:?}", regions.len());
            println!("{what}");
            assert_eq!(world.confirmations, 0, "{what}");
            if after.is_none_or(|after| after > secs(5 * period + 60)) {
                wrong.push(what);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_outage_that_lasts_is_one_alert_for_hours() {
    let mut world = World::new(secs(60), Settings::default(), |at| at >= secs(600) && at < secs(6 * 3600));
    world.pass(secs(7 * 3600));
    let (fired, resolved) = (world.fired("AuthOutage"), world.resolved("AuthOutage"));
    assert_eq!((fired.len(), resolved.len()), (1, 1), "{fired:?}, {resolved:?}");
    assert!(resolved[0] > secs(6 * 3600), "{resolved:?}");
    assert!(world.fired("AuthRegionDown").is_empty());
    // The hourly bound holds over all of it; most of it is waiting.
    assert!(world.confirmations <= 7 * 240, "{}", world.confirmations);
    println!("{} confirmations", world.confirmations);
}
