//! A detector goes on over a restart, however long it took, whatever the ledger gives back, and whatever the clock does.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::testing::{START, World, out, roster, runs, three};
use super::{Detect, Kept, Ruling, Settings, Standing};
use crate::clock::Timestamp;
use crate::fault::Class;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const GAPS: [Duration; 4] = [SECOND, MINUTE, HOUR, DAY];
const ALL: &[&str] = &["eu", "us", "ap"];
/// The longest that an end may take once all is well: the first look, which ends the time that nobody saw, the longest quiet
/// time, and a little.
const END: Duration = Duration::from_secs(150);

fn world() -> World {
    let mut world = World::new(three(), Settings::default());
    world.run(5 * MINUTE);
    world
}

/// A single failure, of which nothing has come yet.
fn suspected() -> World {
    let mut world = world();
    let mut left = 1;
    world.model = Box::new(move |_, _| {
        let failed = (left > 0).then_some(("token", Class::Reset));
        left = 0;
        (failed, Duration::from_millis(400))
    });
    world.until(2 * MINUTE, |ruling| !ruling.cases.is_empty()).unwrap();
    world
}

fn convicted() -> World {
    let mut world = world();
    world.fail(ALL, "token", Class::HttpStatus);
    world.until(2 * MINUTE, out).unwrap();
    world.run(2 * MINUTE);
    world
}

/// Out, and the first runs are good again.
fn recovering() -> World {
    let mut world = convicted();
    world.heal();
    let good = |ruling: &Ruling| ruling.cases[0].runs() > ruling.cases[0].bad();
    world.until(2 * MINUTE, good).unwrap();
    assert!(out(&world.ruling()));
    world
}

fn kept(world: &mut World) -> Vec<Kept> {
    world.detect.changed().expect("something happened")
}

/// Killed, and started again so much later. Whoever runs goes on as before.
fn restarted(mut before: World, gap: Duration) -> World {
    let mut after = World::new(three(), Settings::default());
    after.now = before.now + gap;
    after.detect.restore(kept(&mut before));
    after.model = before.model;
    after
}

fn restored(kept: Vec<Kept>) -> Detect {
    let mut detect = Detect::new(roster(three()), Settings::default());
    detect.restore(kept);
    detect
}

fn ruling(detect: &Detect, now: Timestamp) -> Ruling {
    detect.rulings(now, &|_| false).remove(0)
}

/// Nobody runs anything for so long, while the thread looks in now and then.
fn idle(world: &mut World, long: Duration) {
    for _ in 0..100 {
        world.now = world.now + long / 100;
        world.detect.confirm(&|_| false, world.now, &mut |_| false);
    }
}

#[test]
fn suspicion_is_worth_what_time_has_left_of_it() {
    for gap in GAPS {
        let world = restarted(suspected(), gap);
        let case = world.ruling().cases.remove(0);
        // One failure: 3.9 of 11.5, half of it after a minute; and 3.2, half of it after 20.
        let left = |of: f64, half_life: f64| of * (-gap.as_secs_f64() / half_life).exp2() / 11.513;
        let expected = left(3.912, 60.0).max(left(3.219, 1200.0));
        let evidence: f64 = case.regions.iter().map(|region| region.evidence).sum();
        assert!((evidence - expected).abs() < 0.005, "{gap:?}: {evidence}, not {expected}");
        assert_eq!((case.bad(), case.runs()), (1, 1));
    }
}

#[test]
fn suspicion_alone_comes_to_nothing_after_a_restart() {
    for gap in GAPS {
        let mut world = restarted(suspected(), gap);
        world.heal();
        let told =
            |ruling: &Ruling| out(ruling) || ruling.regions.iter().any(|(_, standing)| *standing == Standing::Holds);
        assert_eq!(world.until(10 * MINUTE, told), None, "{gap:?}");
        assert!(world.ruling().cases.is_empty(), "{gap:?}: {:?}", world.ruling().cases);
        assert!(world.asked.len() <= 12, "{gap:?}: {}", world.asked.len());
    }
}

#[test]
fn suspicion_that_was_right_is_confirmed_after_a_restart() {
    for gap in GAPS {
        let mut world = restarted(suspected(), gap);
        world.fail(ALL, "token", Class::Reset);
        let took = world.until(5 * MINUTE, out).unwrap();
        assert!(took <= Duration::from_secs(45), "{gap:?}: {took:?}");
    }
}

#[test]
fn a_conviction_stays_without_a_gap_until_the_opposite_test() {
    for gap in GAPS {
        let before = convicted();
        let case = before.ruling().cases.remove(0);
        let mut world = restarted(before, gap);
        let again = world.ruling().cases.remove(0);
        assert!(out(&world.ruling()), "{gap:?}: at once, before anything runs");
        assert_eq!((again.since, again.certain_at, again.bad()), (case.since, case.certain_at, case.bad()), "{gap:?}");
        assert_eq!(world.until(5 * MINUTE, |ruling| !out(ruling)), None, "{gap:?}");
        world.heal();
        let took = world.until(5 * MINUTE, |ruling| ruling.outage == Standing::Clear).unwrap();
        assert!(took <= END, "{gap:?}: {took:?}");
    }
}

#[test]
fn what_got_well_meanwhile_is_found_well_by_runs_not_by_time() {
    for gap in GAPS {
        for before in [convicted, recovering] {
            let mut world = restarted(before(), gap);
            idle(&mut world, DAY);
            assert!(out(&world.ruling()), "{gap:?}");
            world.heal();
            let took = world.until(10 * MINUTE, |ruling| !out(ruling)).unwrap();
            assert!(took > 2 * SECOND && took <= END, "{gap:?}: {took:?}");
            assert!(world.asked.len() >= 2, "{gap:?}: {}", world.asked.len());
        }
    }
}

#[test]
fn what_fails_again_after_a_restart_is_the_same_outage() {
    for gap in GAPS {
        let mut world = restarted(recovering(), gap);
        world.fail(ALL, "token", Class::HttpStatus);
        assert_eq!(world.until(10 * MINUTE, |ruling| !out(ruling)), None, "{gap:?}");
        world.heal();
        let took = world.until(10 * MINUTE, |ruling| !out(ruling)).unwrap();
        assert!(took <= END, "{gap:?}: {took:?}");
    }
}

#[test]
fn a_region_that_is_down_stays_down_over_a_restart() {
    let us = |ruling: &Ruling| ruling.regions.iter().any(|(name, at)| &**name == "us" && *at == Standing::Holds);
    for gap in GAPS {
        let mut before = world();
        before.fail(&["us"], "token", Class::Connect);
        before.until(5 * MINUTE, us).unwrap();
        let mut world = restarted(before, gap);
        assert!(us(&world.ruling()), "{gap:?}");
        assert_eq!(world.until(5 * MINUTE, |ruling| !us(ruling) || out(ruling)), None, "{gap:?}");
        world.heal();
        assert!(world.until(5 * MINUTE, |ruling| !us(ruling)).is_some(), "{gap:?}");
    }
}

#[test]
fn restored_twice_is_restored_once() {
    for before in [suspected, convicted, recovering] {
        let mut before = before();
        let kept = kept(&mut before);
        let (mut once, mut twice) = (restored(kept.clone()), restored(kept.clone()));
        twice.restore(kept);
        for age in [0, 1, 60, 3600] {
            let now = before.now + SECOND * age;
            assert_eq!(ruling(&once, now), ruling(&twice, now));
            let mut asked = [Vec::new(), Vec::new()];
            for (detect, asked) in [&mut once, &mut twice].into_iter().zip(&mut asked) {
                detect.confirm(&|_| false, now, &mut |check| {
                    asked.push(check.clone());
                    false
                });
            }
            assert_eq!(asked[0], asked[1]);
            assert_eq!(once.next(), twice.next());
        }
        assert_eq!(once.changed(), twice.changed());
    }
}

/// Everything that a state may have become on a bad disk, or in the hands of another version.
fn damages(json: &str) -> Vec<String> {
    let mut all: Vec<String> =
        ["", " ", "null", "[]", "{}", "7", "\"x\"", "{\"regions\":null}"].map(str::to_owned).into();
    all.extend((0..json.len()).step_by(7).filter(|at| json.is_char_boundary(*at)).map(|at| json[..at].to_owned()));
    let whole: Value = serde_json::from_str(json).unwrap();
    for key in whole.as_object().unwrap().keys() {
        for other in [Value::from("x"), Value::from(-1.5), serde_json::json!([{}]), serde_json::json!({ "x": 0 })] {
            let mut changed = whole.clone();
            changed[key] = other;
            all.push(changed.to_string());
        }
    }
    all
}

#[test]
fn what_is_damaged_is_left_out_and_nothing_else() {
    let mut before = convicted();
    let kept = kept(&mut before);
    let other = Kept { step: "discovery".to_owned(), ..kept[0].clone() };
    for json in damages(&kept[0].json) {
        let detect = restored(vec![Kept { json: json.clone(), ..kept[0].clone() }, other.clone()]);
        let ruling = ruling(&detect, before.now);
        let steps: Vec<_> = ruling.cases.iter().map(|case| &*case.step).collect();
        assert_eq!((steps, ruling.outage), (vec!["discovery"], Standing::Holds), "{json}");
    }
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_says_what_was_left_out() {
    let (mut before, log) = (convicted(), Log::default());
    let kept = kept(&mut before).remove(0);
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
    let lines = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        restored(vec![kept.clone(), Kept { provider: "gone".to_owned(), ..kept.clone() }]);
        assert_eq!(lines(), "", "who left the roster is no trouble");
        restored(vec![Kept { json: "{ broken".to_owned(), ..kept.clone() }, kept.clone()]);
    });
    assert_eq!(lines().lines().count(), 1, "{}", lines());
    for part in ["WARN", "provider=\"main\"", "step=\"token\"", "cannot be read"] {
        assert!(lines().contains(part), "{part}: {}", lines());
    }
}

#[test]
fn whatever_can_be_read_can_be_gone_on_with() {
    let mut before = convicted();
    let kept = kept(&mut before).remove(0);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..300 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // A digit that is another.
        let mut json = kept.json.clone().into_bytes();
        let digits: Vec<usize> = (0..json.len()).filter(|at| json[*at].is_ascii_digit()).collect();
        json[digits[seed as usize % digits.len()]] = b'0' + (seed >> 32) as u8 % 10;
        let mut world = World::new(three(), Settings::default());
        world.now = before.now;
        world.detect.restore(vec![Kept { json: String::from_utf8(json).unwrap(), ..kept.clone() }]);
        world.run(MINUTE);
        assert_eq!(world.ruling().provider.as_ref(), "main");
    }
}

#[test]
fn who_left_the_roster_is_dropped() {
    let mut before = convicted();
    let kept = kept(&mut before).remove(0);
    let (now, nobody) = (before.now, Detect::new(roster(three()), Settings::default()));
    for gone in [
        Kept { provider: "gone".to_owned(), ..kept.clone() },
        Kept { provider: String::new(), ..kept.clone() },
        Kept { step: "logout".to_owned(), ..kept.clone() },
        Kept { step: "\0'".to_owned(), ..kept.clone() },
    ] {
        assert_eq!(ruling(&restored(vec![gone.clone()]), now), ruling(&nobody, now), "{gone:?}");
        assert_eq!(restored(vec![gone]).changed(), Some(vec![]), "it goes from the ledger as well");
    }
    let of = |regions: &[&str]| {
        let all =
            regions.iter().map(|region| runs("machine", "client_credentials", region, &["discovery", "token"], 3));
        let mut detect = Detect::new(roster(all.collect()), Settings::default());
        detect.restore(vec![kept.clone()]);
        detect.confirm(&|_| false, now, &mut |_| false);
        let ruling = ruling(&detect, now);
        let named =
            |case: &super::Case| case.regions.iter().map(|region| region.region.to_string()).collect::<Vec<_>>();
        (ruling.outage, ruling.cases.first().map(named).unwrap_or_default())
    };
    assert_eq!(of(&["eu", "ap"]), (Standing::Holds, vec!["eu".to_owned(), "ap".to_owned()]));
    assert_eq!(of(&["ap"]), (Standing::Holds, vec!["ap".to_owned()]));
    let four = ["us", "ap", "sa", "eu"];
    assert_eq!(of(&four), (Standing::Holds, four.map(str::to_owned).to_vec()), "one more, which nothing is known of");
    assert_eq!(of(&["sa"]).1, [""; 0], "all that failed are gone");
    assert_ne!(of(&["sa"]).0, Standing::Holds);
}

/// To a moment at which nothing is under way: ten seconds after a minute.
fn pause(world: &mut World) {
    let past = world.now.since(START).as_millis() as u64 % 60_000;
    world.run(Duration::from_millis(70_000 - past));
}

/// The clock is set.
fn steps() -> [fn(Timestamp) -> Timestamp; 4] {
    [|now| now + 5 * HOUR, |now| now + DAY, |now| now - 5 * HOUR, |now| now - DAY]
}

#[test]
fn a_clock_that_is_set_pages_nobody() {
    for step in steps() {
        for mut world in [world(), suspected()] {
            world.heal();
            world.now = step(world.now);
            let told = |ruling: &Ruling| ruling.outage != Standing::Clear;
            assert_eq!(world.until(30 * MINUTE, told), None);
        }
        // Pending since a minute: that the clock says an hour makes it no longer.
        let mut world = world();
        world.fail(&["us", "ap"], "token", Class::Connect);
        world.until(2 * MINUTE, |ruling| ruling.outage == Standing::Pending).unwrap();
        world.now = step(world.now);
        world.detect.confirm(&|_| false, world.now, &mut |_| false);
        assert!(!out(&world.ruling()));
    }
}

#[test]
fn a_clock_that_is_set_ends_no_outage() {
    for step in steps() {
        let mut world = convicted();
        pause(&mut world);
        world.now = step(world.now);
        assert_eq!(world.until(5 * MINUTE, |ruling| !out(ruling)), None);
        let mut world = recovering();
        world.now = step(world.now);
        world.detect.confirm(&|_| false, world.now, &mut |_| false);
        assert!(out(&world.ruling()));
    }
}

/// How long it takes until an outage is over that ends so long after the clock was set.
fn ends_after(step: fn(Timestamp) -> Timestamp, later: Duration) -> Option<Duration> {
    let mut world = convicted();
    pause(&mut world);
    world.now = step(world.now);
    world.run(later);
    world.heal();
    world.until(HOUR, |ruling| !out(ruling))
}

#[test]
fn an_outage_ends_by_runs_after_the_clock_was_set() {
    for (n, step) in steps().into_iter().enumerate() {
        let took = ends_after(step, 3 * MINUTE);
        assert!(took.is_some_and(|took| took <= END), "step {n}: {took:?}");
    }
}

#[test]
fn an_outage_ends_as_soon_after_the_clock_was_set_back() {
    for later in [SECOND, 3 * MINUTE] {
        for step in steps() {
            let took = ends_after(step, later);
            assert!(took.is_some_and(|took| took <= END), "{later:?}: {took:?}");
        }
    }
}

#[test]
fn time_that_nobody_measured_in_is_no_quiet_time() {
    let mut before = convicted();
    before.heal();
    // Enough good runs by now; it is only waited for whether that lasts.
    before.until(2 * MINUTE, |ruling| ruling.cases[0].runs() >= ruling.cases[0].bad() + 9).unwrap();
    before.run(20 * SECOND);
    assert!(out(&before.ruling()));
    let mut world = restarted(before, HOUR);
    world.detect.confirm(&|_| false, world.now, &mut |_| false);
    assert!(out(&world.ruling()));
}
