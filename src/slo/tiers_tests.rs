use super::*;
use crate::slo::objective::{Triggers, Window};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn standard(period: Duration, expected_per_hour: f64) -> Vec<Tier> {
    STANDARD.iter().map(|&(ppm, long, severity)| tier(ppm, long, severity, period, expected_per_hour)).collect()
}

/// The SRE Workbook's table for 30 days: 14.4, 6, 3, 1.
#[test]
fn the_standard_tiers_are_the_workbooks() {
    let tiers = standard(30 * DAY, 60.0);
    let shown: Vec<_> = tiers.iter().map(|t| (&*t.name, milli(t.factor_milli), t.short.as_secs() / 60)).collect();
    let expected = [("1h", "14.4", 5), ("6h", "6", 30), ("1d", "3", 120), ("3d", "1", 360)];
    assert_eq!(shown, expected.map(|(name, factor, short)| (name, factor.to_owned(), short)));
    assert!((tiers[0].threshold(500) - 0.0072).abs() < 1e-12);
}

#[test]
fn a_short_window_holds_four_evaluations_and_four_events_and_is_no_longer_than_the_long_one() {
    let minutes = |long: u64, per_hour| short_window(Duration::from_secs(long * 60), per_hour).as_secs() / 60;
    assert_eq!(minutes(60, 60.0), 5, "a twelfth");
    assert_eq!(minutes(5, 600.0), 2, "four evaluations");
    assert_eq!(minutes(60, 12.0), 20, "four events");
    assert_eq!(minutes(60, 4.0), 60, "four events fill it");
    assert_eq!(minutes(60, 0.1), 60, "at most the long one");
    assert_eq!(minutes(60, 0.0), 60, "nothing is expected");
    assert_eq!(minutes(90, 120.0), 8, "rounded up");
    assert_eq!(minutes(1, 1e9), 1);
    assert_eq!(minutes(360, 9.6), 30, "25 minutes for four events");
}

#[test]
fn a_tier_that_cannot_fire_says_why() {
    let fires = |objective_ppm: u32, period, per_hour, alpha_ppm| -> Vec<Option<String>> {
        let allowed = WHOLE - objective_ppm;
        standard(period, per_hour).iter().map(|t| cannot_fire(t, allowed, alpha_ppm, period, per_hour)).collect()
    };
    assert_eq!(fires(999_500, 30 * DAY, 60.0, 50_000), [None, None, None, None]);
    let none = fires(900_000, 30 * DAY, 60.0, 50_000);
    assert_eq!(none[0].as_deref(), Some("even when everything fails the budget burns only 10 times as fast"));
    assert_eq!(none[1..], [None, None, None]);
    let none = fires(999_000, 2 * DAY, 60.0, 50_000);
    assert_eq!(none[..3], [None, None, None]);
    assert_eq!(none[3].as_deref(), Some("no shorter than the objective's window of 2d"));
    // One run in 6 h at 96 %: the threshold of 1 h is 0.576, of 6 h 0.24; Byar's bound of one event is 0.0355.
    let none = fires(960_000, 30 * DAY, 1.0 / 6.0, 50_000);
    let expected = "even if the event expected within 6h failed, that is too few to tell from chance (alpha 5%)";
    assert_eq!(none[1].as_deref(), Some(expected));
    // 4 in a day: 1.36 of them at least, 0.34 against 0.12.
    assert_eq!(none[2..], [None, None]);
    // Without the guard a single event says 0.7.
    assert_eq!(fires(960_000, 30 * DAY, 1.0 / 6.0, 500_000)[1], None);
    assert_eq!(fires(960_000, 30 * DAY, 0.0, 50_000)[0].as_deref(), Some("nothing is expected within 1h"));
}

#[test]
fn thousandths_are_shown_without_needless_zeros() {
    assert_eq!([14_400, 6000, 66, 1, 0].map(milli), ["14.4", "6", "0.066", "0.001", "0"]);
}

fn objective(timing: Timing, aggregate: Aggregate, sli: Sli) -> Objective {
    let member = |covers: &[&str]| Member {
        probe: "p".into(),
        kind: "jwks",
        timing: timing.clone(),
        timeout: Duration::from_secs(10),
        regions: vec!["a".into(), "b".into()],
        spreads: timing.spreads("p", 2),
        covers: covers.iter().map(|r| (*r).into()).collect(),
    };
    Objective {
        name: "o".into(),
        provider: "main".into(),
        members: vec![member(&[]), member(&["a", "b", "c"])],
        sli,
        target_ppm: 999_000,
        window: Window::Rolling(30 * DAY),
        aggregate,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers: Triggers::Burn(Vec::new()),
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
    }
}

#[test]
fn what_is_expected_follows_from_timings_regions_and_what_an_event_is() {
    let expected = |timing, aggregate, sli| objective(timing, aggregate, sli).expected_per(HOUR);
    let minute = || Timing::Every(Duration::from_secs(60));
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    near(expected(minute(), Aggregate::Reachability, Sli::Availability), 240.0);
    near(expected(minute(), Aggregate::Uptime { quorum: 2 }, Sli::Availability), 120.0);
    near(expected(minute(), Aggregate::Reachability, Sli::Propagation(HOUR)), 60.0 * (2.0 + 6.0));
    let cron = |expression: &str| Timing::cron(expression, "Europe/Zurich").unwrap();
    near(expected(cron("*/5 * * * *"), Aggregate::Reachability, Sli::Availability), 48.0);
    near(expected(cron("*/10 * * * * *"), Aggregate::Reachability, Sli::Availability), 1440.0);
    // Five Mondays in the sample of 31 days.
    near(expected(cron("0 4 * * MON"), Aggregate::Uptime { quorum: 1 }, Sli::Availability), 2.0 * 5.0 / (31.0 * 24.0));
    // The 29th of February is in the long sample once.
    let yearly = expected(cron("0 4 29 2 *"), Aggregate::Uptime { quorum: 1 }, Sli::Availability);
    near(yearly, 2.0 / (4.0 * 366.0 * 24.0));
}
