//! Who is watched, and what may be said of it.

use std::time::Duration;

use super::*;
use crate::detect::{Settings, Site};

const MINUTE: Duration = Duration::from_secs(60);

/// A check of a roster: id, requests, user, whether it goes through all regions, period.
type Told<'a> = (String, u32, Option<&'a str>, bool, Duration);

fn told(site: &Site) -> Vec<Told<'_>> {
    let runs = site.runs.iter();
    runs.map(|run| (run.check.to_string(), run.requests, run.user.as_deref(), run.all_regions, run.period)).collect()
}

#[test]
fn the_roster_has_every_provider_with_checks_and_each_check_once() {
    let plan = good(
        r#"
[[provider]]
name = "idle"
issuer = "https://idle.example.com"
[[provider]]
name = "other"
issuer = "https://other.example.com"
[[probe]]
name = "k"
kind = "keys"
provider = "main"
every = "1m"
labels = { team = "identity", tier = "1" }
annotations = { page = "x" }
[[probe]]
name = "l"
kind = "login"
client = "web"
users = ["alice", "bob"]
every = "10s"
labels = { team = "identity", tier = "2" }
annotations = { page = "x", more = "y" }
[[probe]]
name = "w"
kind = "wide"
client = "web"
cron = "0 8-18 * * MON-FRI"
timeout = "40s"
labels = { team = "identity" }
annotations = { page = "x" }
[[probe]]
name = "o"
kind = "keys"
provider = "other"
regions = ["us"]
every = "1m"
"#,
    );
    let [main, other] = plan.roster.sites.as_slice() else { panic!("{:?}", plan.roster) };
    assert_eq!((&*main.provider, &*other.provider), ("main", "other"), "in configured order, and not the idle one");
    assert_eq!(main.labels, [("team".to_owned(), "identity".to_owned())].into(), "what all of its probes say alike");
    assert_eq!(main.annotations, [("page".to_owned(), "x".to_owned())].into());
    let (second, weekend) = (Duration::from_secs(1), Duration::from_secs(62 * 3600));
    let wanted = [
        ("k@eu", 2, None, false, MINUTE),
        ("k@us", 2, None, false, MINUTE),
        ("l@eu", 2, Some("alice"), false, 10 * second),
        ("l@us", 2, Some("bob"), false, 10 * second),
        ("w@eu", 10, None, true, weekend),
    ];
    assert_eq!(told(main), wanted.map(|(id, n, user, all, period)| (id.to_owned(), n, user, all, period)));
    assert!(main.runs.iter().all(|run| run.steps == ["fetch", "token"]));
    assert_eq!(main.runs[4].timeout, 40 * second);
    assert_eq!((main.room, other.room), (None, None), "there is no limit");
    assert_eq!(told(other), [("o@us".to_owned(), 2, None, false, MINUTE)]);
}

/// A provider with a limit, and a probe that sends 4 requests a minute.
fn limited(limit: u32) -> Plan {
    good(&format!(
        r#"
[[provider]]
name = "small"
issuer = "https://small.example.com"
max_requests_per_minute = {limit}
[[probe]]
name = "k"
kind = "keys"
provider = "small"
every = "1m"
"#
    ))
}

#[test]
fn confirmation_has_what_the_busiest_minute_leaves() {
    assert_eq!(limited(10).roster.sites[0].room, Some(6));
    assert_eq!(limited(4).roster.sites[0].room, Some(0));
}

#[test]
fn a_cron_that_is_due_once_has_a_period_all_the_same() {
    let plan = good("[[probe]]\nname = \"k\"\nkind = \"keys\"\nprovider = \"main\"\ncron = \"0 0 29 2 *\"\n");
    let period = plan.roster.sites[0].runs[0].period;
    assert!(period >= Duration::from_secs(365 * 86_400), "{period:?}");
}

#[test]
fn detection_is_as_it_is_said_or_as_usual() {
    assert_eq!(good(LOGIN).detection, Settings::default());
    let said = |text: &str| good(&format!("[detection]\n{text}\n{LOGIN}")).detection;
    assert_eq!(said(""), Settings::default());
    let seconds = Duration::from_secs;
    let all = "ignore_shorter_than = \"45s\"\nseveral_after = \"10s\"\nconfirmations_per_hour = 3600";
    let wanted =
        Settings { ignore_shorter_than: seconds(45), several_after: seconds(10), confirmations_per_hour: 3600 };
    assert_eq!(said(all), wanted);
    assert_eq!(said("several_after = \"1h\"").several_after, seconds(3600));
}

#[test]
fn what_detection_cannot_be_is_named() {
    let said = wrong(&format!(
        "[detection]\nignore_shorter_than = \"61m\"\nseveral_after = \"9s\"\nconfirmations_per_hour = 3601\n{LOGIN}"
    ));
    let wanted = [
        "detection.ignore_shorter_than: 1h1m is out of range: from 0s to 1h",
        "detection.several_after: 9s is out of range: from 10s to 1h",
        "detection.confirmations_per_hour: 3601 is out of range: from 0 to 3600",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn a_provider_that_nothing_can_be_confirmed_of_is_noted() {
    let weak = |plan: &Plan| {
        let notes = plan.notes.iter().filter(|note| note.contains("scheduled runs alone"));
        notes.cloned().collect::<Vec<_>>()
    };
    let nothing = "provider small: the busiest minute leaves nothing of max_requests_per_minute for confirmation runs: \
                   outages are found by scheduled runs alone; probe less often, or raise the limit";
    assert_eq!(weak(&limited(4)), [nothing]);
    assert_eq!(weak(&limited(5)), [nothing.replace("nothing", "1 request (2 are needed)")], "a run sends two");
    assert_eq!(weak(&limited(6)), [] as [&str; 0]);
    let off = good(&format!("[detection]\nconfirmations_per_hour = 0\n{LOGIN}"));
    assert_eq!(weak(&off), ["detection: with confirmations_per_hour = 0 outages are found by scheduled runs alone"]);
}
