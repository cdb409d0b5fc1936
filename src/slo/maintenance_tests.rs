use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse().unwrap())
}

fn recurring(expression: &str, zone: &str, hours: u64) -> Maintenance {
    let window = Recurring {
        name: "idp release".into(),
        begins: Timing::cron(expression, zone).unwrap(),
        duration: Duration::from_secs(hours * 3600),
        probes: vec!["login".into(), "keys".into()],
    };
    Maintenance { recurring: vec![window], windows: Vec::new() }
}

fn covers(maintenance: &Maintenance, probe: &str, moment: &str) -> bool {
    maintenance.covers(probe, at(moment), at(moment))
}

#[test]
fn a_recurring_window_covers_its_probes_from_its_begin_until_before_its_end() {
    let weekly = recurring("0 0 2 * * SUN", "UTC", 1);
    assert!(!covers(&weekly, "login", "2026-05-10T01:59:59.999Z"));
    assert!(covers(&weekly, "login", "2026-05-10T02:00:00Z"));
    assert!(covers(&weekly, "keys", "2026-05-10T02:59:59.999Z"));
    assert!(!covers(&weekly, "login", "2026-05-10T03:00:00Z"));
    assert!(!covers(&weekly, "login", "2026-05-11T02:30:00Z"), "a Monday");
    assert!(!covers(&weekly, "logins", "2026-05-10T02:30:00Z"));
}

#[test]
fn a_run_that_overlaps_a_window_is_covered() {
    let weekly = recurring("0 0 2 * * SUN", "UTC", 1);
    let run = |from, to| weekly.covers("login", at(from), at(to));
    assert!(run("2026-05-10T01:59:30Z", "2026-05-10T02:00:00Z"));
    assert!(run("2026-05-10T02:59:59Z", "2026-05-10T03:00:20Z"));
    assert!(run("2026-05-10T01:00:00Z", "2026-05-10T04:00:00Z"), "the whole of it");
    assert!(!run("2026-05-10T01:00:00Z", "2026-05-10T01:59:59Z"));
}

#[test]
fn windows_longer_than_their_period_and_changes_of_the_clock_leave_no_gap() {
    let always = recurring("0 0 * * * *", "UTC", 2);
    assert!(covers(&always, "login", "2026-05-10T02:59:59Z"));
    // 02:30 does not exist on 29 March 2026: it begins at 03:00 (01:00 UTC). On 25 October it comes twice: the first counts.
    let nightly = recurring("0 30 2 * * *", "Europe/Zurich", 1);
    assert!(!covers(&nightly, "login", "2026-03-29T00:59:59Z"));
    assert!(covers(&nightly, "login", "2026-03-29T01:00:00Z"));
    assert!(covers(&nightly, "login", "2026-03-29T01:59:59Z"));
    assert!(!covers(&nightly, "login", "2026-03-29T02:00:00Z"));
    assert!(covers(&nightly, "login", "2026-10-25T00:30:00Z"));
    assert!(covers(&nightly, "login", "2026-10-25T01:29:59Z"));
    assert!(!covers(&nightly, "login", "2026-10-25T01:30:00Z"), "an hour has passed, whatever the wall shows");
    assert!(covers(&nightly, "login", "2026-10-26T01:30:00Z"));
}

fn asked_for(from: &str, to: &str, probes: &[&str]) -> Maintenance {
    let window = Window {
        id: "0a1b2c3d".to_owned(),
        from_nanos: at(from).as_nanos(),
        to_nanos: at(to).as_nanos(),
        probes: probes.iter().map(|pattern| (*pattern).to_owned()).collect(),
        comment: String::new(),
        created_by: "me".to_owned(),
    };
    Maintenance { recurring: Vec::new(), windows: vec![window] }
}

#[test]
fn a_window_of_the_api_covers_what_its_patterns_fit() {
    let window = asked_for("2026-05-10T02:00:00Z", "2026-05-10T03:00:00Z", &["log?n", "eu-*"]);
    assert!(covers(&window, "login", "2026-05-10T02:00:00Z"));
    assert!(covers(&window, "eu-keys", "2026-05-10T02:59:59Z"));
    assert!(!covers(&window, "us-keys", "2026-05-10T02:30:00Z"));
    assert!(!covers(&window, "login", "2026-05-10T03:00:00Z"));
    assert!(!covers(&window, "login", "2026-05-10T01:59:59Z"));
    assert!(window.covers("login", at("2026-05-10T01:00:00Z"), at("2026-05-10T04:00:00Z")));
}

#[test]
fn a_window_that_was_ended_before_it_began_covers_nothing() {
    let never = asked_for("2026-05-10T02:00:00Z", "2026-05-10T01:00:00Z", &["*"]);
    assert!(!never.covers("login", at("2026-05-10T00:00:00Z"), at("2026-05-10T04:00:00Z")));
    let empty = asked_for("2026-05-10T02:00:00Z", "2026-05-10T02:00:00Z", &["*"]);
    assert!(!empty.covers("login", at("2026-05-10T00:00:00Z"), at("2026-05-10T04:00:00Z")));
    assert!(!Maintenance::default().covers("login", at("2026-05-10T02:00:00Z"), at("2026-05-10T02:00:00Z")));
}
