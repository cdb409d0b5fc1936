//! Expectations from the calendar: Europe/Zurich changes at 01:00 UTC on 2026-03-29 (02:00 → 03:00) and 2026-10-25
//! (03:00 → 02:00); Australia/Lord_Howe by half an hour at 15:00 UTC on 2026-04-04 (02:00 → 01:30) and 15:30 UTC on
//! 2026-10-03 (02:00 → 02:30).

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(DateTime::parse_from_rfc3339(text).unwrap().to_utc())
}

/// The first `count` times after `from`, in UTC.
fn times(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(expression, zone).unwrap();
    let mut now = at(from);
    let mut found = Vec::new();
    for _ in 0..count {
        now = cron.next_after(now).unwrap();
        found.push(now.to_utc().format("%m-%dT%H:%M:%S").to_string());
    }
    found
}

#[test]
fn five_fields_are_minutes_and_six_are_seconds() {
    assert_eq!(times("*/5 * * * *", "UTC", "2026-05-01T12:03:00Z", 2), ["05-01T12:05:00", "05-01T12:10:00"]);
    assert_eq!(times("30 */5 * * * *", "UTC", "2026-05-01T12:05:30Z", 2), ["05-01T12:10:30", "05-01T12:15:30"]);
    assert_eq!(times("0 9 * * MON-FRI", "UTC", "2026-05-01T12:00:00Z", 2), ["05-04T09:00:00", "05-05T09:00:00"]);
    assert_eq!(times("0 2 1-7 * SUN", "UTC", "2026-05-04T00:00:00Z", 2), ["06-07T02:00:00", "07-05T02:00:00"]);
}

#[test]
fn fractions_of_a_second_are_after_it() {
    assert_eq!(times("* * * * * *", "UTC", "2026-05-01T12:00:00.25Z", 1), ["05-01T12:00:01"]);
    assert_eq!(times("* * * * * *", "UTC", "2026-05-01T12:00:00Z", 1), ["05-01T12:00:01"]);
}

#[test]
fn a_time_in_the_gap_runs_at_its_end() {
    let spring = "2026-03-28T12:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Zurich", spring, 2), ["03-29T01:00:00", "03-30T00:30:00"]);
    // 02:10, 02:20 and 02:30 all fall into the gap: one run at its end, not three.
    assert_eq!(times("10,20,30 2 * * *", "Europe/Zurich", spring, 2), ["03-29T01:00:00", "03-30T00:10:00"]);
    let lord_howe = times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2);
    assert_eq!(lord_howe, ["10-03T15:30:00", "10-04T15:15:00"]);
}

#[test]
fn a_time_of_day_in_the_overlap_runs_once() {
    let autumn = "2026-10-24T12:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Zurich", autumn, 2), ["10-25T00:30:00", "10-26T01:30:00"]);
    assert_eq!(times("30 2 * * *", "Europe/Zurich", "2026-10-25T01:10:00Z", 1), ["10-26T01:30:00"], "second pass");
    let lord_howe = times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2);
    assert_eq!(lord_howe, ["04-04T14:45:00", "04-05T15:15:00"]);
}

#[test]
fn a_cadence_loses_nothing_when_the_clocks_change() {
    let autumn = times("0 * * * *", "Europe/Zurich", "2026-10-24T23:00:00Z", 4);
    assert_eq!(autumn, ["10-25T00:00:00", "10-25T01:00:00", "10-25T02:00:00", "10-25T03:00:00"]);
    let spring = times("0 * * * *", "Europe/Zurich", "2026-03-28T23:00:00Z", 4);
    assert_eq!(spring, ["03-29T00:00:00", "03-29T01:00:00", "03-29T02:00:00", "03-29T03:00:00"]);
    let howe = times("0,30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", 4);
    assert_eq!(howe, ["04-04T14:30:00", "04-04T15:00:00", "04-04T15:30:00", "04-04T16:00:00"]);
}

#[test]
fn every_five_minutes_stays_so_across_every_change() {
    for (zone, from) in [
        ("Europe/Zurich", "2026-03-28T22:00:00Z"),
        ("Europe/Zurich", "2026-10-24T22:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z"),
        ("Asia/Kathmandu", "2026-11-01T04:00:00Z"),
    ] {
        let cron = Cron::parse("*/5 * * * *", zone).unwrap();
        let mut now = at(from);
        for _ in 0..96 {
            let next = cron.next_after(now).unwrap();
            assert_eq!(next.since(now).as_secs(), 300, "{zone} after {now}");
            now = next;
        }
    }
}

/// From any moment, `next_after` is the smallest of the times that walking finds.
#[test]
fn the_next_time_is_strictly_after_and_none_is_left_out() {
    for expression in ["*/7 * * * *", "13,47 1-3 * * *", "0 0 2 * * *", "*/20 1,2 * * *", "59 59 * * * SUN"] {
        for (zone, from) in [
            ("Europe/Zurich", "2026-03-28T21:00:00Z"),
            ("Europe/Zurich", "2026-10-24T21:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T09:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T09:00:00Z"),
            ("Pacific/Apia", "2011-12-29T00:00:00Z"),
        ] {
            let cron = Cron::parse(expression, zone).unwrap();
            let mut due = cron.next_after(at(from)).unwrap();
            for seconds in (0..40_000).step_by(37) {
                let now = at(from) + std::time::Duration::from_secs(seconds);
                while due <= now {
                    due = cron.next_after(due).unwrap();
                }
                assert_eq!(cron.next_after(now), Some(due), "{expression} {zone} after {now}");
            }
        }
    }
}

#[test]
fn a_day_that_was_skipped_runs_at_its_end() {
    // Samoa went from the 29th to the 31st of December 2011, at 10:00 UTC.
    assert_eq!(times("0 12 * * *", "Pacific/Apia", "2011-12-29T22:30:00Z", 2), ["12-30T10:00:00", "12-30T22:00:00"]);
}

#[test]
fn rare_days_come_and_the_calendar_ends() {
    assert_eq!(times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["02-29T00:00:00"]);
    let cron = Cron::parse("0 0 * * *", "Europe/Zurich").unwrap();
    assert_eq!(cron.next_after(at("2101-01-01T00:00:00Z")), None);
    assert_eq!(cron.next_after(Timestamp::from_nanos(i64::MAX)), None);
    let before_time = cron.next_after(Timestamp::from_nanos(i64::MIN));
    assert!(before_time.is_none_or(|at| at < Timestamp::from_secs(86_400)));
}

#[test]
fn mistakes_are_named() {
    let wrong = |expression: &str| Cron::parse(expression, "UTC").unwrap_err();
    assert!(wrong("* * * *").contains("has 4 fields"));
    assert!(wrong("0 0 0 * * * 2026").contains("has 7 fields"));
    assert!(wrong("@daily").contains("has 1 fields"));
    assert!(wrong("61 * * * *").starts_with("cron minute \"61\": allowed are 0 to 59"));
    assert!(wrong("0 24 * * *").starts_with("cron hour \"24\""));
    assert!(wrong("0 0 * FOO *").starts_with("cron month \"FOO\""));
    assert!(wrong("*/0 * * * *").starts_with("cron minute \"*/0\""));
    assert!(wrong("0 0 30 2 *").contains("never comes"));
    for digits in ["0 0 * * 1", "0 0 * * 1-5", "0 0 * * */2", "0 0 * * MON/2"] {
        assert!(wrong(digits).contains("numbers mean different days"), "{digits}");
    }
    assert!(wrong("0 0 * * MOO").starts_with("cron day of week \"MOO\""));
}

#[test]
fn garbage_is_an_error_and_no_panic() {
    for text in
        ["", "     ", "* * * * * *\u{0}", "/ / / / /", "- - - - -", "9999999999999 * * * *", "5-1 * * * *", "é * * * *"]
    {
        assert!(Cron::parse(text, "UTC").is_err(), "{text:?}");
    }
    assert!(Cron::parse(&format!("{} * * * *", "1,".repeat(400)), "UTC").is_err());
}

#[test]
fn zones_are_suggested() {
    let wrong = |zone: &str| Cron::parse("0 0 * * *", zone).unwrap_err();
    assert_eq!(wrong("Europe/Zürich"), "unknown time zone \"Europe/Zürich\"; did you mean \"Europe/Zurich\"?");
    assert!(wrong("zurich").ends_with("did you mean \"Europe/Zurich\"?"));
    assert!(wrong("America/NewYork").ends_with("did you mean \"America/New_York\"?"));
    assert!(wrong("utc").contains("did you mean \"UTC\"?") || wrong("utc").contains("UTC"));
    assert!(wrong("").contains("is needed"));
}
