//! Plans of made-up kinds: the real ones are tested through the binary.

use async_trait::async_trait;
use schemars::{Schema, SchemaGenerator, json_schema};
use std::path::Path;

use super::{BuildOptions, Plan, build_with};
use crate::config::{self, Diagnostics};
use crate::journey::{Journey, StepName, Stopped};
use crate::probe::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};

mod alerting;
mod detection;
mod objectives;

struct Fake(Cost);

#[async_trait]
impl Probe for Fake {
    fn steps(&self) -> Vec<StepName> {
        vec!["fetch", "token"]
    }
    fn cost(&self) -> Cost {
        self.0
    }
    async fn run(&self, _: &Context, _: &mut Journey) -> Result<(), Stopped> {
        Ok(())
    }
}

fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "token": { "enum": ["access", "refresh"] }, "depth": { "type": "integer", "minimum": 1 } },
        "additionalProperties": false,
    })
}

fn parse(own: toml::Table, cx: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    match own.get("depth").and_then(toml::Value::as_integer) {
        Some(depth) if depth > cx.regions as i64 => {
            Err(vec![Problem { key: "depth".to_owned(), message: "deeper than there are regions".to_owned() }])
        }
        _ => Ok(Box::new(Fake(Cost { requests: 2, burst: 2, ..Cost::default() }))),
    }
}

fn parse_wide(_: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    Ok(Box::new(Fake(Cost { requests: 10, burst: 60, all_regions: true, ..Cost::default() })))
}

static KEYS: Kind = Kind {
    name: "keys",
    summary: "Reads keys",
    spec: "RFC 7517",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema,
    parse,
};
static LOGIN_KIND: Kind = Kind { name: "login", client: Need::Required, user: Need::Required, ..KEYS };
static WIDE: Kind = Kind { name: "wide", client: Need::Required, user: Need::Optional, parse: parse_wide, ..KEYS };

const BASE: &str = r#"
[[region]]
name = "eu"
[[region]]
name = "us"
[[provider]]
name = "main"
issuer = "https://login.example.com"
[[client]]
name = "web"
provider = "main"
client_id = "web"
auth_method = "none"
redirect_uri = "http://127.0.0.1:8765/cb"
[[user]]
name = "alice"
username = "alice"
password = { env = "PATH" }
[[user]]
name = "bob"
username = "bob"
password = { env = "PATH" }
"#;

/// A probe of a login in both regions.
const LOGIN: &str = r#"
[[probe]]
name = "l"
kind = "login"
client = "web"
user = "alice"
every = "1m"
"#;

fn build(more: &str, options: &BuildOptions) -> Result<Plan, Diagnostics> {
    let loaded = config::from_str("test.toml", &format!("{BASE}{more}"), Path::new(""))?;
    build_with(&[&KEYS, &LOGIN_KIND, &WIDE], &loaded, options)
}

fn good(more: &str) -> Plan {
    build(more, &BuildOptions::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The mistakes without their places.
fn wrong(more: &str) -> Vec<String> {
    let errors = build(more, &BuildOptions::default()).expect_err("an invalid configuration");
    errors.plain().lines().map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest).to_owned()).collect()
}

#[test]
fn names_are_resolved_and_checks_are_probe_times_region() {
    let plan = good(
        r#"
[[probe]]
name = "k"
kind = "keys"
provider = "main"
every = "1m"
depth = 2
[[probe]]
name = "l"
kind = "login"
client = "web"
users = ["alice", "bob"]
every = "10s"
labels = { team = "identity" }
[[probe]]
name = "w"
kind = "wide"
client = "web"
cron = "0 */5 * * * *"
"#,
    );
    let ids: Vec<String> = plan.checks.iter().map(|check| check.labels.to_string()).collect();
    assert_eq!(ids, ["k@eu", "k@us", "l@eu", "l@us", "w@eu"]);
    let user = |id: &str| plan.check("l", id).unwrap().user.as_ref().unwrap().name.to_string();
    assert_eq!((user("eu").as_str(), user("us").as_str()), ("alice", "bob"));
    assert_eq!(plan.probes[0].timeout.as_secs(), 30);
    assert_eq!(plan.probes[1].timeout.as_secs(), 10, "the period, where that is shorter");
    assert_eq!(plan.probes[1].labels["team"], "identity");
    assert_eq!(plan.clients[0].scopes, ["openid"]);
    assert!(plan.checks.iter().all(|check| check.spread < std::time::Duration::from_secs(60)));
    assert_eq!(plan.notes, [] as [String; 0]);
}

#[test]
fn a_selection_of_regions_keeps_each_its_user_and_says_what_it_costs() {
    let probe = r#"
[[probe]]
name = "l"
kind = "login"
client = "web"
users = ["alice", "bob"]
every = "10s"
[[probe]]
name = "k"
kind = "keys"
provider = "main"
every = "1m"
regions = ["eu"]
[[slo]]
name = "up"
probes = ["l"]
sli = "availability"
objective = "99.9%"
window = "30d"
aggregate = "uptime"
quorum = 2
"#;
    let plan = build(probe, &BuildOptions { regions: Some(vec!["us".to_owned()]) }).unwrap();
    assert_eq!(plan.checks.len(), 1);
    assert_eq!(plan.checks[0].user.as_ref().unwrap().name.as_ref(), "bob");
    let notes = plan.notes.join("\n");
    for expected in [
        "probe k: none of its regions is selected",
        "slo up: this process runs 1 of 2 regions of probe l: alone it cannot reach the quorum of 2",
        "--region: eu left to other machines",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
    let errors = build(probe, &BuildOptions { regions: Some(vec!["uss".to_owned()]) }).err().unwrap();
    assert_eq!(errors.plain(), "--region: unknown region `uss`: did you mean `us`?");
}

#[test]
fn what_does_not_belong_to_a_kind_is_said_by_the_kind() {
    let probe = |rest: &str| format!("[[probe]]\nname = \"p\"\nevery = \"1m\"\n{rest}");
    for (rest, expected) in [
        (
            "kind = \"keys\"\nclient = \"web\"",
            "probe \"p\": `provider` is missing|probe \"p\".client: kind `keys` acts as no client: name its `provider`",
        ),
        (
            "kind = \"login\"\nclient = \"web\"",
            "probe \"p\": kind `login` logs somebody in: `user` (or `users`) is missing",
        ),
        (
            "kind = \"keys\"\nprovider = \"main\"\ntoken = \"acess\"\nevrey = 1",
            "probe \"p\".token: unknown value \"acess\": did you mean `access`?|\
             probe \"p\".evrey: unknown key `evrey`: did you mean `every`?",
        ),
        ("kind = \"keys\"\nprovider = \"main\"\ndepth = 3", "probe \"p\".depth: deeper than there are regions"),
        ("kind = \"keys\"\nprovider = \"main\"\ndepth = 0", "probe \"p\".depth: 0 is out of range: at least 1"),
        ("kind = \"jwt_bearer\"", "probe \"p\".kind: unknown value \"jwt_bearer\""),
        ("kind = \"login\"\nclient = \"web\"\nusers = [\"alice\"]", "probe \"p\".users: 1 user for 2 regions"),
        (
            "kind = \"wide\"\nclient = \"web\"\nusers = [\"alice\", \"bob\"]",
            "probe \"p\".users: one run of kind `wide` covers all regions: name one `user`",
        ),
    ] {
        assert_eq!(wrong(&probe(rest)).join("|"), expected, "{rest}");
    }
}

#[test]
fn a_plan_beyond_the_limit_shows_the_numbers() {
    let loaded = config::from_str(
        "test.toml",
        r#"
[[provider]]
name = "main"
issuer = "https://login.example.com"
max_requests_per_minute = 100
[[probe]]
name = "fast"
kind = "keys"
provider = "main"
every = "1s"
[[probe]]
name = "slow"
kind = "keys"
provider = "main"
every = "1m"
"#,
        Path::new(""),
    )
    .unwrap();
    let errors = build_with(&[&KEYS], &loaded, &BuildOptions::default()).err().unwrap();
    assert_eq!(
        errors.plain(),
        "test.toml:5:27: provider \"main\".max_requests_per_minute: the plan needs 122 requests a minute, and \
         max_requests_per_minute is 100"
    );
    assert!(errors.render(false).contains("fast 120 (60 × 2), slow 2 (1 × 2)"));
}

#[test]
fn due_times_that_meet_are_seen_beforehand() {
    let probe = |name: &str| {
        format!("[[probe]]\nname = \"{name}\"\nkind = \"keys\"\nprovider = \"main\"\ncron = \"0 2 * * *\"\n")
    };
    let text = format!(
        "[[provider]]\nname = \"main\"\nissuer = \"https://login.example.com\"\nmax_requests_per_minute = 5\n{}{}{}",
        probe("a"),
        probe("b"),
        probe("c")
    );
    let loaded = config::from_str("test.toml", &text, Path::new("")).unwrap();
    let plan = build_with(&[&KEYS], &loaded, &BuildOptions::default()).unwrap();
    assert_eq!(super::rate::busiest_minute(plan.checks.iter()), 6, "three runs of two requests at two o'clock");
    assert!(plan.notes[0].contains("in the busiest minute up to 6 requests are due"), "{:?}", plan.notes);
    // One run alone is more than the limit.
    let loaded = config::from_str("test.toml", &text.replace("= 5", "= 1"), Path::new("")).unwrap();
    let errors = build_with(&[&KEYS], &loaded, &BuildOptions::default()).err().unwrap().plain();
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(errors.contains("one run of probe `a` sends 2 requests, and max_requests_per_minute is 1"), "{errors}");
}

#[test]
fn the_busiest_minute_has_the_burst_of_a_run_that_covers_all_regions() {
    let plan = good(
        "[[probe]]\nname = \"w\"\nkind = \"wide\"\nclient = \"web\"\ncron = \"0 2 * * *\"\n\
         [[probe]]\nname = \"k\"\nkind = \"keys\"\nprovider = \"main\"\ncron = \"0 2 * * *\"\n",
    );
    // 60 at once, and 2 from each of 2 regions; the average knows ordinary runs only: 10 and 4 a day.
    assert_eq!(super::rate::busiest_minute(plan.checks.iter()), 64);
    let a_day: f64 = plan.probes.iter().map(|probe| super::rate::of_probe(probe)).sum::<f64>() * 1440.0;
    assert!((a_day - 14.0).abs() < 1e-9, "{a_day}");
}
