use super::*;
use crate::slo::objective::Severity;
use crate::slo::testing::objective;

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// For k = 1: (1 − 1/9 − 1.644854/3)³ = (0.8888889 − 0.5482845)³ = 0.3406044³ = 0.039514; the others likewise, by hand.
#[test]
fn byars_bound_is_the_table_computed_by_hand() {
    let z = 1.644_853_627;
    let table = [
        (0, 0.0),
        (1, 0.039_514_0),
        (2, 0.345_149_9),
        (3, 0.810_302_0),
        (5, 1.965_760_9),
        (10, 5.423_524_8),
        (100, 84.139_396_1),
    ];
    for (k, expected) in table {
        near(byar_lower(k, z), expected, 1e-6 * f64::max(1.0, expected));
    }
    // Without a guard: nearly the median. With a very strict one: zero, never below.
    near(byar_lower(1, 0.0), 0.702_332, 1e-6);
    assert_eq!(byar_lower(1, 3.8), 0.0);
    near(byar_lower(1_000_000_000_000, z), 1e12 - z * 1e6, 1.0);
}

/// From printed tables of the normal distribution.
#[test]
fn quantiles_are_those_of_the_tables() {
    for (alpha_ppm, z) in [
        (500_000, 0.0),
        (400_000, 0.253_347_103),
        (250_000, 0.674_489_750),
        (100_000, 1.281_551_566),
        (50_000, 1.644_853_627),
        (25_000, 1.959_963_985),
        (24_250, 1.972_961_023),
        (10_000, 2.326_347_874),
        (1000, 3.090_232_306),
        (100, 3.719_016_485),
        (1, 4.753_424_309),
    ] {
        near(quantile(alpha_ppm), z, 1e-7);
        if alpha_ppm > 1 {
            near(quantile(WHOLE - alpha_ppm), -z, 1e-7);
        }
    }
    assert_eq!(quantile(500_000), 0.0);
    assert_eq!((quantile(0), quantile(u32::MAX)), (quantile(1), quantile(999_999)), "clamped, never infinite");
}

fn counts(good: u64, bad: u64, expected: u64) -> Counts {
    Counts { good, bad, inconclusive: 0, expected }
}

#[test]
fn a_budget_is_bad_of_what_is_allowed_of_the_judged() {
    let objective = objective("o", 999_000);
    let excluded = counts(0, 3, 10);
    let budget = objective.budget(Timestamp::from_secs(60), Tally { raw: counts(9000, 8, 10_010), excluded }, 10_000.0);
    near(budget.remaining.unwrap(), 1.0 - 5.0 / (0.001 * 9005.0), 1e-12);
    near(budget.remaining_raw.unwrap(), 1.0 - 8.0 / (0.001 * 9008.0), 1e-12);
    near(budget.coverage.unwrap(), 0.9005, 1e-12);
    let none = objective.budget(Timestamp::from_secs(60), Tally { raw: counts(0, 0, 7), ..Tally::default() }, 1.0);
    assert_eq!((none.remaining, none.remaining_raw, none.coverage), (None, None, Some(0.0)));
    assert_eq!(objective.budget(Timestamp::from_secs(60), Tally::default(), 1.0).coverage, None);
    assert!(objective.remaining(counts(10, 10, 20)).unwrap() < -400.0, "overspent");
}

#[test]
fn what_more_may_fail_is_of_the_whole_window_while_it_fills() {
    let objective = objective("o", 990_000);
    let left = |good, bad, whole| objective.events_left(counts(good, bad, good + bad), whole);
    assert_eq!(left(10, 0, 10_000.0), Some(100), "not none of ten");
    assert_eq!(left(77, 5, 10_000.0), Some(95), "although by the runs so far it is overspent");
    assert_eq!(left(10, 0, 99.999_999_9), Some(1), "an average of 100");
    assert_eq!(left(9_900, 300, 10_000.0), Some(-198), "102 of those that were");
    assert_eq!(left(0, 0, 10_000.0), None);
    let filling = |judged| objective.is_filling(counts(judged, 0, judged), 10_000.0);
    assert_eq!([0, 1, 7999, 8000].map(filling), [false, true, true, false]);
}

#[test]
fn an_objective_of_everything_has_all_of_its_budget_or_nothing() {
    let objective = objective("o", 1_000_000);
    assert_eq!(objective.remaining(counts(10, 0, 10)), Some(1.0));
    assert_eq!(objective.remaining(counts(10_000, 1, 10_001)), Some(0.0));
    assert_eq!(objective.remaining(counts(0, 0, 1)), None);
    assert_eq!(objective.reading(counts(1, 1, 2)).burn, None);
    let burns = |c| objective.any_event_reading(c).burns;
    assert_eq!(burns(counts(10, 0, 10)), Some(false));
    assert_eq!(burns(counts(10, 1, 11)), Some(true));
    assert_eq!(burns(counts(0, 1, 10)), None, "too little coverage");
    assert_eq!(burns(counts(0, 0, 0)), None);
}

fn tier(factor_milli: u64) -> Tier {
    let [long, short] = [3600, 300].map(std::time::Duration::from_secs);
    Tier { name: "1h".into(), budget_ppm: 20_000, long, short, factor_milli, severity: Severity::Page }
}

#[test]
fn a_tier_burns_strictly_above_its_factor_in_both_windows() {
    let mut objective = objective("o", 999_000);
    let burns = |objective: &Objective, long, short| objective.tier_reading(&tier(14_400), long, short).burns;
    // 5 % one-sided: 5 of 60 are at least 1.96 of 60.
    assert_eq!(burns(&objective, counts(55, 5, 60), counts(4, 1, 5)), Some(true));
    assert_eq!(burns(&objective, counts(55, 5, 60), counts(5, 0, 5)), Some(false), "over already");
    assert_eq!(burns(&objective, counts(59, 1, 60), counts(4, 1, 5)), Some(false), "one is chance");
    let reading = objective.tier_reading(&tier(14_400), counts(55, 5, 60), counts(4, 1, 5));
    near(reading.long.burn.unwrap(), 5.0 / 60.0 / 0.001, 1e-9);
    near(reading.short.burn.unwrap(), 200.0, 1e-9);
    near(reading.guarded, 1.965_760_9 / 60.0 / 0.001, 1e-4);
    // Exactly the threshold, which no float holds: 36 of 2500 are 0.0144.
    objective.alpha_ppm = 1;
    let at = counts(2464, 36, 2500);
    assert_eq!(burns(&objective, counts(0, 2500, 2500), at), Some(false));
    assert_eq!(burns(&objective, counts(0, 2500, 2500), counts(2463, 37, 2500)), Some(true));
}

#[test]
fn too_little_known_of_either_window_is_neither_burning_nor_not() {
    let objective = objective("o", 999_000);
    let (known, burns) = (counts(55, 5, 60), |long, short| objective.tier_reading(&tier(14_400), long, short).burns);
    assert_eq!(burns(known, counts(0, 0, 0)), None, "nothing expected");
    assert_eq!(burns(known, counts(0, 0, 5)), None, "nothing judged");
    assert_eq!(burns(known, counts(0, 7, 9)), None, "77 %");
    assert_eq!(burns(known, counts(0, 8, 10)), Some(true), "exactly 80 %");
    assert_eq!(burns(counts(55, 5, 76), counts(0, 8, 10)), None);
}
