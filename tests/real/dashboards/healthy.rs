//! All is well: everything shows data but what is excepted by hand, and nothing alerts.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::exceptions::{BAD_NEWS, ELSEWHERE, METRICS_OF_TROUBLE, is_in};
use super::panels::{Seen, metrics_without_series, targets, variables_without_values};
use crate::support::Folder;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::prometheus::Prometheus;
use crate::support::scene::{EVERY_KIND, Scene};

/// Of the names of two of the shipped example, whose windows and thresholds the shipped dashboards have.
const PROMISES: &str = r#"
[[slo]]
name = "login-availability"
probes = ["login", "browser"]
sli = "availability"
objective = "99%"
window = "7d"

[[slo]]
name = "service-tokens"
probes = ["machine"]
sli = "availability"
objective = "99.9%"
window = "30d"
tiers = [{ budget = "10%", within = "1h", severity = "page" }, { budget = "25%", within = "1d", severity = "ticket" }]
"#;
const OBJECTIVES: [&str; 2] = ["login-availability", "service-tokens"];
const BROWSER: &str = r#"
[[probe]]
name = "browser"
kind = "browser_login"
client = "web"
user = "alice"
regions = ["east"]
"#;
/// How long it is to be well (seconds): an hour, if somebody wants to know.
const FOR: &str = "AUTHPROBE_HEALTHY_SECONDS";

/// What the numbers must be while all is well.
const NUMBERS: &[(&str, f64)] = &[
    ("executive.json: Login success, 24 hours/A", 1.0),
    ("executive.json: Login success, 7 days/A", 1.0),
    ("executive.json: Login success, 30 days/A", 1.0),
    ("executive.json: Token validation success, 24 hours/A", 1.0),
    ("executive.json: Pages firing/A", 0.0),
    ("executive.json: Could not be measured, 24 hours/A", 0.0),
    ("executive.json: Error budget left/A", 1.0),
    ("executive.json: Burn rate/A", 0.0),
    ("executive.json: Availability by region/A", 1.0),
    ("executive.json: Alerts/A", 0.0),
    ("on-call.json: Last run/A", 1.0),
    ("on-call.json: Rotations/A", 0.0),
    ("on-call.json: Rotations/B", 0.0),
    ("on-call.json: Scraped/A", 1.0),
    ("on-call.json: Configuration/A", 1.0),
    ("on-call.json: Ledger/A", 0.0),
    ("on-call.json: Schedule/A", 0.0),
    ("debug.json: Refresh and revocation/B", 0.0),
    ("debug.json: Regions disagree/A", 0.0),
    ("slo.json: Budget left/A", 1.0),
    ("slo.json: Burn-down/A", 1.0),
    ("slo.json: Burn-down/B", 1.0),
    ("slo.json: Share of errors/A", 0.0),
    ("slo.json: Events/B", 0.0),
    ("slo.json: Its alerts/A", 0.0),
];

#[test]
fn every_question_has_an_answer_while_all_is_well_and_nothing_alerts() {
    let folder = Folder::new();
    let made = certificate(&folder, "+0d", 30);
    let idp = Idp::with(&Options { certificate: Some(&made), ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{}\"", made.authority.display());
    scene.regions = "[[region]]\nname = \"east\"\n[[region]]\nname = \"west\"\n".into();
    scene.more = format!("{PROMISES}\n[store]\npath = \"ledger.db\"\n");
    scene.every = "10s";
    // A machine that is busy with other tests is slow, which is no fault of the provider's.
    let probes = format!("{EVERY_KIND}{BROWSER}").replace("[[probe]]", "[[probe]]\ntimeout = \"60s\"");
    let _daemon = scene.daemon(&probes);
    let config = scene.folder.file("authprobe.toml");
    let prometheus = Prometheus::with_rules_of(&config, &scene.environment(), &scene.listen);

    let targets = targets(&OBJECTIVES);
    let mut seen = Seen::new(&prometheus, &targets);
    seen.until_shown(&|name| !is_in(BAD_NEWS, name) && !is_in(ELSEWHERE, name));
    if let Ok(seconds) = std::env::var(FOR) {
        std::thread::sleep(Duration::from_secs(seconds.parse().expect("seconds")));
    }

    nothing_alerted(&prometheus);
    let answers = seen.look();
    let excepted: BTreeSet<&str> = BAD_NEWS.iter().chain(ELSEWHERE).map(|(name, _)| *name).collect();
    let alarms: Vec<_> = excepted.iter().map(|name| (name, &answers[name])).filter(|(_, a)| !a.is_empty()).collect();
    assert!(alarms.is_empty(), "nothing is wrong: {alarms:#?}");
    let empty: BTreeSet<&str> = answers.iter().filter(|(_, series)| series.is_empty()).map(|(name, _)| *name).collect();
    assert_eq!(empty, excepted, "what has no answer is what is said to have none");
    for (name, wanted) in NUMBERS {
        let wrong: Vec<_> = answers[name].iter().filter(|(_, value)| (value - wanted).abs() > 1e-9).collect();
        assert!(wrong.is_empty(), "{name} is not {wanted}: {wrong:?}");
    }
    let missing = metrics_without_series(&prometheus, &targets);
    assert_eq!(missing, METRICS_OF_TROUBLE.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(variables_without_values(&prometheus, &OBJECTIVES), Vec::<String>::new());
}

/// Neither by the rules nor by authprobe itself, at any time; and the rules were evaluated, again and again.
fn nothing_alerted(prometheus: &Prometheus) {
    prometheus.eventually("count_over_time(slo:authprobe_slo_present:ratio{slo=\"login-availability\"}[2h]) > 15");
    let rules = prometheus.api("rules");
    let rules: Vec<_> =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    let alerts = rules.iter().filter(|rule| rule["type"] == "alerting").count();
    assert!(alerts > 50, "{alerts} of {}", rules.len());
    // Those of budgets come every five minutes only.
    let unwell = |rule: &&&Value| rule["health"] != "ok" && (rule["type"] == "alerting" || rule["health"] != "unknown");
    let unwell: Vec<_> = rules.iter().filter(unwell).collect();
    assert!(unwell.is_empty(), "{unwell:#?}");
    for alarm in [
        // Before the first scrape nothing was there, and a busy machine may be late for one: that is pending for a moment.
        "last_over_time(ALERTS{alertname!=\"AuthProberDown\"}[2h])",
        "last_over_time(ALERTS{alertstate=\"firing\"}[2h])",
        "max_over_time(authprobe_alert_state[2h]) > 0",
    ] {
        assert_eq!(prometheus.query(alarm), [], "{alarm}");
    }
}
