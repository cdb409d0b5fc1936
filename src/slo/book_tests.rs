use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::outcome::{Observation, Verdict};
use crate::schedule::Timing;
use crate::slo::objective::{Aggregate, Severity, Triggers, Window};
use crate::slo::sli::Sli;
use crate::slo::testing::{DAY, MINUTE, WEDNESDAY, check, member, objective, outcome};

fn at(minutes: u64) -> Timestamp {
    WEDNESDAY + MINUTE * u32::try_from(minutes).unwrap()
}

fn counts(good: u64, bad: u64, inconclusive: u64, expected: u64) -> Counts {
    Counts { good, bad, inconclusive, expected }
}

fn counted(slo: &str, region: &str, counts: Counts) -> Counted {
    Counted { series: SeriesKey { slo: slo.into(), region: region.into() }, counts }
}

fn book(objectives: impl IntoIterator<Item = Objective>) -> Book {
    Book::new(&objectives.into_iter().map(Arc::new).collect::<Vec<_>>())
}

/// A run in both regions every minute, from the minute `from` up to but without `to`.
fn minutes(book: &mut Book, from: u64, to: u64, verdict: Verdict) {
    for minute in from..to {
        for region in ["eu", "us"] {
            book.outcome(&outcome("login", region, at(minute), verdict), false, at(minute));
        }
    }
}

fn judged(evaluation: &Evaluation) -> Counts {
    evaluation.budget.tally.raw
}

#[test]
fn only_scheduled_runs_of_known_checks_count_in_each_of_their_objectives() {
    let mut book = book([objective("a", 999_000), objective("b", 990_000)]);
    let run = outcome("login", "eu", at(0), Verdict::Good);
    let one = counts(1, 0, 0, 1);
    assert_eq!(book.outcome(&run, false, at(0)), [counted("a", "eu", one), counted("b", "eu", one)]);
    for trigger in [Trigger::Manual, Trigger::Confirmation, Trigger::Smoke] {
        assert_eq!(book.outcome(&Outcome { trigger, ..run.clone() }, false, at(0)), []);
    }
    assert_eq!(book.outcome(&outcome("keys", "eu", at(0), Verdict::Good), false, at(0)), []);
    assert_eq!(book.outcome(&outcome("login", "mars", at(0), Verdict::Good), false, at(0)), []);
    assert_eq!(book.missed(&check("login", "mars"), 1, false, at(0)), []);
    assert_eq!(judged(&book.evaluate(at(0))[0]), one);
}

#[test]
fn what_could_not_tell_or_was_missed_is_expected_and_lowers_the_coverage() {
    let mut book = book([objective("a", 999_000)]);
    book.outcome(&outcome("login", "eu", at(0), Verdict::Good), false, at(0));
    book.outcome(&outcome("login", "eu", at(1), Verdict::Inconclusive), false, at(1));
    let missed = book.missed(&check("login", "us"), 2, false, at(1));
    assert_eq!(missed, [counted("a", "us", counts(0, 0, 0, 2))]);
    let evaluation = &book.evaluate(at(1))[0];
    assert_eq!(judged(evaluation), counts(1, 0, 1, 4));
    assert_eq!(evaluation.budget.coverage, Some(0.25));
    assert!(evaluation.tiers.iter().all(|tier| tier.burns.is_none()), "too little is known");
}

#[test]
fn a_total_outage_burns_the_page_tiers_and_says_where_and_since_when() {
    let mut book = book([objective("a", 999_000)]);
    minutes(&mut book, 0, 600, Verdict::Good);
    assert_eq!(book.evaluate(at(599))[0].failing_since, None);
    minutes(&mut book, 600, 606, Verdict::Bad);
    let evaluation = &book.evaluate(at(605))[0];
    let burns: Vec<_> = evaluation.tiers.iter().map(|tier| tier.burns).collect();
    // 12 of 120 in an hour; 12 of 720 in six hours, of which Byar leaves 7; 12 of 1212 in a day, of which he leaves 5.7.
    assert_eq!(burns, [Some(true), Some(true), Some(true), Some(true)]);
    let first = &evaluation.tiers[0];
    assert_eq!((first.long.counts, first.short.counts), (counts(108, 12, 0, 120), counts(0, 10, 0, 10)));
    assert_eq!(evaluation.regions, [("eu".into(), counts(54, 6, 0, 60)), ("us".into(), counts(54, 6, 0, 60))]);
    assert_eq!(evaluation.failing_since, Some(at(600)));
    assert_eq!(evaluation.budget.tally.raw, counts(1200, 12, 0, 1212));
    let left = evaluation.budget.remaining.unwrap();
    assert!((left - (1.0 - 12.0 / (0.001 * 1212.0))).abs() < 1e-9, "{left}");
    // Over: the short window ends it.
    minutes(&mut book, 606, 611, Verdict::Good);
    assert_eq!(book.evaluate(at(610))[0].tiers[0].burns, Some(false));
    assert_eq!(book.evaluate(at(610))[0].failing_since, Some(at(600)));
    // Nothing at all is unknown, not good.
    assert_eq!(book.evaluate(at(700))[0].tiers[0].burns, None);
}

#[test]
fn failures_a_pause_apart_are_different_stretches() {
    let mut book = book([objective("a", 999_000)]);
    for minute in [10, 200, 260, 319, 380, 440] {
        book.outcome(
            &outcome("login", if minute % 3 == 0 { "eu" } else { "us" }, at(minute), Verdict::Bad),
            false,
            at(minute),
        );
    }
    let since = |book: &Book, minute| book.evaluate(at(minute))[0].failing_since;
    assert_eq!(since(&book, 320), Some(at(200)));
    assert_eq!(since(&book, 379), Some(at(200)));
    assert_eq!(since(&book, 500), Some(at(380)), "61 minutes are more than an hour");
    assert_eq!(since(&book, 5000), Some(at(380)), "the latest, also when it is over");
    assert_eq!(since(&book, 5), None, "not before it happened");
    assert_eq!(since(&book, 440 + 30 * 1440), None, "out of the window");
    let mut maintained = self::book([objective("a", 999_000)]);
    maintained.outcome(&outcome("login", "eu", at(1), Verdict::Bad), true, at(1));
    assert_eq!(since(&maintained, 2), None, "maintenance is no failure");
}

#[test]
fn maintenance_is_left_out_of_everything_but_the_raw_budget() {
    let mut book = book([objective("a", 999_000)]);
    minutes(&mut book, 0, 60, Verdict::Good);
    for minute in 60..120 {
        let run = outcome("login", "eu", at(minute), Verdict::Bad);
        assert_eq!(book.outcome(&run, true, at(minute)), [counted("a", "eu", counts(0, 1, 0, 1))], "counters count it");
        book.missed(&check("login", "us"), 1, true, at(minute));
    }
    let evaluation = &book.evaluate(at(119))[0];
    assert_eq!(evaluation.budget.tally.adjusted(), counts(120, 0, 0, 120));
    assert_eq!((evaluation.budget.remaining, evaluation.budget.coverage), (Some(1.0), Some(1.0)));
    assert!(evaluation.budget.remaining_raw.unwrap() < 0.0);
    assert_eq!(evaluation.tiers[0].burns, None, "nothing but maintenance within the hour");
    assert_eq!(evaluation.regions[0].1, Counts::default());
}

#[test]
fn an_objective_of_everything_alerts_for_an_hour_after_any_bad_event() {
    let mut book = book([objective("a", 1_000_000)]);
    minutes(&mut book, 0, 30, Verdict::Good);
    let burns =
        |book: &Book, minute| book.evaluate(at(minute))[0].tiers.iter().map(|tier| tier.burns).collect::<Vec<_>>();
    assert_eq!(burns(&book, 29), [Some(false)]);
    minutes(&mut book, 30, 31, Verdict::Bad);
    minutes(&mut book, 31, 120, Verdict::Good);
    assert_eq!(burns(&book, 30), [Some(true)]);
    assert_eq!(burns(&book, 89), [Some(true)]);
    assert_eq!(burns(&book, 90), [Some(false)]);
    assert_eq!(book.evaluate(at(119))[0].budget.remaining, Some(0.0));
}

#[test]
fn propagation_counts_every_region_that_a_run_looks_from() {
    let mut slo = objective("revoked", 999_000);
    slo.sli = Sli::Propagation(Duration::from_secs(30));
    slo.members[0].regions = vec!["eu".into()];
    slo.members[0].covers = ["eu", "us", "asia"].map(Into::into).to_vec();
    let mut book = book([slo]);
    let seen =
        |region: &str, seconds| Observation::RevocationPropagation { region: region.into(), seconds, interval: 0.1 };
    let observations = vec![seen("eu", Some(1.0)), seen("asia", None)];
    let run = Outcome { observations, ..outcome("login", "eu", at(0), Verdict::Bad) };
    let all = [
        counted("revoked", "eu", counts(1, 0, 0, 1)),
        counted("revoked", "us", counts(0, 0, 1, 1)),
        counted("revoked", "asia", counts(0, 1, 0, 1)),
    ];
    assert_eq!(book.outcome(&run, false, at(0)), all, "us was blind");
    let missed = book.missed(&check("login", "eu"), 1, false, at(0));
    assert_eq!(missed, ["eu", "us", "asia"].map(|region| counted("revoked", region, counts(0, 0, 0, 1))));
}

#[test]
fn uptime_counts_ticks_in_one_series_without_a_region() {
    let mut slo = objective("up", 999_000);
    slo.aggregate = Aggregate::Uptime { quorum: 1 };
    let mut book = book([slo]);
    let run = |book: &mut Book, region, minute, verdict| {
        book.outcome(&outcome("login", region, at(minute), verdict), false, at(minute))
    };
    assert_eq!(run(&mut book, "eu", 0, Verdict::Bad), []);
    assert_eq!(run(&mut book, "us", 0, Verdict::Good), [counted("up", "", counts(1, 0, 0, 1))]);
    assert_eq!(run(&mut book, "eu", 1, Verdict::Bad), []);
    assert_eq!(run(&mut book, "us", 1, Verdict::Bad), [counted("up", "", counts(0, 1, 0, 1))]);
    assert_eq!(run(&mut book, "eu", 2, Verdict::Bad), []);
    assert_eq!(book.tick(at(4)), []);
    assert_eq!(book.tick(at(5)), [counted("up", "", counts(0, 0, 1, 1))]);
    run(&mut book, "mars", 6, Verdict::Good);
    book.missed(&check("login", "eu"), 1, false, at(7));
    book.missed(&check("login", "us"), 1, false, at(7));
    assert_eq!(book.tick(at(10)), [counted("up", "", counts(0, 0, 0, 1))]);
    assert_eq!(judged(&book.evaluate(at(10))[0]), counts(1, 1, 1, 4));
}

#[test]
fn a_month_begins_anew_in_its_zone() {
    let mut slo = objective("a", 999_000);
    slo.window = Window::Month(chrono_tz::Europe::Zurich);
    let mut book = book([slo]);
    let end = Timestamp::from_utc("2026-10-31T23:00:00Z".parse().unwrap());
    for (before, verdict) in [(31 * 24 * 60 + 60, Verdict::Good), (31 * 24 * 60 + 61, Verdict::Bad), (1, Verdict::Bad)]
    {
        let now = end - MINUTE * before;
        book.outcome(&outcome("login", "eu", now, verdict), false, now);
    }
    let evaluation = |now| book.evaluate(now).remove(0);
    let october = evaluation(end - Duration::from_secs(1));
    assert_eq!(october.budget.since, Timestamp::from_utc("2026-09-30T22:00:00Z".parse().unwrap()));
    assert_eq!(judged(&october), counts(1, 1, 0, 2), "the first minute of October is in, the last of September is not");
    assert_eq!(judged(&evaluation(end)), Counts::default());
    assert_eq!(evaluation(end).budget.remaining, None);
}

#[test]
fn a_clock_that_goes_back_loses_no_count() {
    let mut book = book([objective("a", 999_000)]);
    minutes(&mut book, 1000, 1060, Verdict::Good);
    book.tick(at(1059));
    minutes(&mut book, 100, 160, Verdict::Bad);
    book.tick(at(159));
    book.tick(at(1_000_000));
    book.tick(at(160));
    assert_eq!(judged(&book.evaluate(at(160))[0]), counts(0, 120, 0, 120), "what lies ahead waits");
    assert_eq!(judged(&book.evaluate(at(1100))[0]), counts(120, 120, 0, 240));
    book.evaluate(Timestamp::from_nanos(i64::MIN));
    book.evaluate(Timestamp::from_nanos(i64::MAX));
    book.outcome(&outcome("login", "eu", at(0), Verdict::Good), false, Timestamp::from_nanos(i64::MAX));
    book.outcome(&outcome("login", "eu", at(0), Verdict::Good), false, Timestamp::from_nanos(i64::MIN));
    book.hours_wanted(at(160));
}

#[test]
fn a_reload_keeps_the_counts_of_what_stays() {
    let mut before = objective("up", 999_000);
    before.aggregate = Aggregate::Uptime { quorum: 2 };
    let mut book = book([objective("a", 999_000), objective("gone", 999_000), before.clone()]);
    minutes(&mut book, 0, 10, Verdict::Good);
    book.outcome(&outcome("login", "eu", at(10), Verdict::Good), false, at(10));
    let mut a = objective("a", 990_000);
    a.members = vec![member("other", Timing::Every(MINUTE))];
    a.members[0].regions = vec!["us".into(), "asia".into()];
    let objectives = [a, objective("new", 999_000), before].map(Arc::new);
    book.replace(&objectives);
    let all: Vec<_> = book.evaluate(at(10)).iter().map(judged).collect();
    assert_eq!(all, [counts(10, 0, 0, 10), Counts::default(), counts(10, 0, 0, 10)]);
    let up = book.outcome(&outcome("login", "us", at(10), Verdict::Good), false, at(10));
    let one = counts(1, 0, 0, 1);
    assert_eq!(up, [counted("new", "us", one), counted("up", "", one)], "its open tick went on");
    // What was not saved of those that are gone still is.
    let changed = book.changed();
    let of = |slo: &str, region: &str| {
        let blocks = changed.iter().filter(|block| *block.series.slo == *slo && *block.series.region == *region);
        blocks.map(|block| block.minutes.len()).sum::<usize>()
    };
    assert_eq!((of("a", "us"), of("a", "eu"), of("gone", "us"), of("gone", "eu")), (10, 11, 10, 11));
    assert_eq!(book.changed(), []);
}

#[test]
fn windows_as_long_as_allowed_and_objectives_without_tiers_are_evaluated() {
    let mut year = objective("year", 999_000);
    (year.window, year.triggers) = (Window::Rolling(DAY * 366), Triggers::Burn(Vec::new()));
    let mut any = objective("any", 1_000_000);
    any.triggers = Triggers::AnyEvent(Severity::Ticket);
    let mut book = book([year, any]);
    minutes(&mut book, 0, 3, Verdict::Bad);
    for now in [at(2), at(366 * 1440), at(366 * 1440 + 2)] {
        let evaluation = &book.evaluate(now)[0];
        assert_eq!((evaluation.tiers.len(), evaluation.regions.len()), (0, 2));
    }
    assert_eq!(judged(&book.evaluate(at(366 * 1440))[0]), counts(0, 4, 0, 4));
    assert_eq!(book.first_day(at(0)), 1_778_025_600 / 86_400 - 366);
    assert_eq!(Book::new(&[]).first_day(at(0)), 1_778_025_600 / 86_400);
}

/// What the semantics say, from a list of events: a window holds the minutes after floor((now − W) ÷ 60 s).
fn naive(events: &[(u64, bool)], window: u64, now: u64) -> Counts {
    let begin = (now * 60 + 17).checked_sub(window).map_or(-1, |at| i64::try_from(at / 60).unwrap());
    let inside = events.iter().filter(|(minute, _)| i64::try_from(*minute).unwrap() > begin && *minute <= now);
    inside.map(|(_, bad)| counts(u64::from(!bad), u64::from(*bad), 0, 1)).sum()
}

#[test]
fn windows_and_burn_rates_are_those_of_a_list_of_events() {
    let mut seed: u64 = 7;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let mut slo = objective("a", 995_000);
    slo.window = Window::Rolling(DAY * 4);
    let tiers = slo.tiers().to_vec();
    let mut book = book([slo]);
    let (mut events, mut now) = (Vec::new(), 0);
    for _ in 0..6000 {
        now += random() % 3;
        let bad = random().is_multiple_of(60);
        let verdict = if bad { Verdict::Bad } else { Verdict::Good };
        let moment = at(now) + Duration::from_secs(17);
        book.outcome(&outcome("login", if bad { "eu" } else { "us" }, moment, verdict), false, moment);
        book.tick(moment);
        events.push((now, bad));
        if !random().is_multiple_of(150) {
            continue;
        }
        let evaluation = &book.evaluate(moment)[0];
        // The hour in which the budget's window begins may count by its share: there is no ledger here.
        if now < 3 * 1440 {
            assert_eq!(judged(evaluation), naive(&events, 4 * 86_400, now));
        }
        for (tier, reading) in tiers.iter().zip(&evaluation.tiers) {
            let [long, short] = [tier.long, tier.short].map(|window| naive(&events, window.as_secs(), now));
            assert_eq!((reading.long.counts, reading.short.counts), (long, short), "{} at {now}", tier.name);
            let ratio = |counts: Counts| counts.bad as f64 / counts.judged() as f64 / 0.005;
            let factor = tier.factor_milli as f64 / 1000.0;
            let k = long.bad as f64;
            let lower =
                if long.bad > 0 { k * (1.0 - 1.0 / (9.0 * k) - 1.644_854 / (3.0 * k.sqrt())).powi(3) } else { 0.0 };
            let guarded = lower / long.judged() as f64 / 0.005;
            if (guarded / factor - 1.0).abs() > 1e-3 && (ratio(short) / factor - 1.0).abs() > 1e-3 {
                assert_eq!(reading.burns, Some(guarded > factor && ratio(short) > factor), "{} at {now}", tier.name);
            }
        }
    }
    assert!(now > 4 * 1440, "{now}");
}
