//! Every expression of every shipped panel is asked of a real Prometheus that scrapes a real daemon: while all is well, and
//! while it is not. What is well and what is not is listed by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outage::lab::Lab;
use crate::support::authprobe::Daemon;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::net;
use crate::support::prometheus::Prometheus;
use crate::support::scene::{EVERY_KIND, Scene};
use crate::support::{Folder, repository, within};

/// What shows nothing as long as all is well.
const BAD_NEWS: &[&str] = &[
    "on-call.json: Firing",
    "on-call.json: Why: faults of the last 30 minutes",
    "on-call.json: Evidence of an outage",
    "on-call.json: Token endpoint errors",
    "on-call.json: Validation failures",
    "on-call.json: Top failing clients",
    "on-call.json: Credentials refused",
    "debug.json: Attacks accepted, 24 hours",
    "debug.json: Attacks accepted",
    "slo.json: Time to exhaustion",
];

/// What the healthy daemon has no probe, no receiver or no mark for: the other one has.
const ELSEWHERE: &[&str] = &[
    "executive.json: Last deployments",
    "on-call.json: Last deployments",
    "debug.json: Registration and devices",
    "debug.json: Back-channel logout, p95",
    "debug.json: Notifications",
];

/// How long data may take to come.
const SOON: Duration = Duration::from_secs(150);

/// Each panel's name and questions, with the variables filled in as Grafana does for a look at everything.
fn panels() -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    for name in ["executive.json", "on-call.json", "debug.json", "slo.json"] {
        let text = std::fs::read_to_string(repository().join("dashboards").join(name)).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let asked =
                panel["targets"].as_array().unwrap().iter().map(|target| filled(target["expr"].as_str().unwrap()));
            out.push((format!("{name}: {}", panel["title"].as_str().unwrap()), asked.collect()));
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            let expression = filled(annotation["target"]["expr"].as_str().unwrap());
            out.push((format!("{name}: annotation {}", annotation["name"].as_str().unwrap()), vec![expression]));
        }
    }
    assert!(out.len() > 55, "{}", out.len());
    out
}

fn filled(expression: &str) -> String {
    let mut expression = expression.replace("$__rate_interval", "1m");
    for variable in ["$job", "$provider", "$probe", "$region", "$slo"] {
        expression = expression.replace(variable, ".+");
    }
    assert!(!expression.contains('$'), "{expression}");
    expression
}

/// Whether any question has an answer that is a number.
fn shows(prometheus: &Prometheus, asked: &[String]) -> bool {
    asked.iter().any(|expression| prometheus.query(expression).iter().any(|(_, value)| !value.is_nan()))
}

/// The panels that show something, asked until those that must do.
fn shown(prometheus: &Prometheus, must: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let all = panels();
    let look = || all.iter().filter(|(_, asked)| shows(prometheus, asked)).map(|(name, _)| name.clone()).collect();
    let found = within(SOON, || {
        let found: BTreeSet<String> = look();
        all.iter().all(|(name, _)| !must(name) || found.contains(name)).then_some(found)
    });
    found.unwrap_or_else(|| {
        let found: BTreeSet<String> = look();
        let missing: Vec<_> =
            all.iter().map(|(name, _)| name).filter(|name| must(name) && !found.contains(*name)).collect();
        panic!("no data within {SOON:?}: {missing:#?}")
    })
}

/// Of the name of one of the shipped example, whose windows and thresholds the shipped dashboards have.
const PROMISES: &str = r#"
[[slo]]
name = "login-availability"
probes = ["machine"]
sli = "availability"
objective = "99%"
window = "7d"
"#;

#[test]
fn every_panel_shows_what_is_there_while_all_is_well() {
    let folder = Folder::new();
    let made = certificate(&folder, "+0d", 30);
    let idp = Idp::with(&Options { certificate: Some(&made), ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{}\"", made.authority.display());
    scene.regions = "[[region]]\nname = \"east\"\n[[region]]\nname = \"west\"\n".into();
    scene.more = format!("{PROMISES}\n[store]\npath = \"ledger.db\"\n");
    scene.every = "2s";
    let browser = "\n[[probe]]\nname = \"browser\"\nkind = \"browser_login\"\nclient = \"web\"\nuser = \"alice\"\nregions = [\"east\"]\n";
    let _daemon = scene.daemon(&format!("{EVERY_KIND}{browser}"));
    let prometheus = Prometheus::scraping(&scene.listen);
    let quiet = |name: &str| BAD_NEWS.contains(&name) || name.contains(": annotation ");
    let must = |name: &str| !quiet(name) && !ELSEWHERE.contains(&name);
    let found = shown(&prometheus, &must);
    let alarms: Vec<_> = found.iter().filter(|name| quiet(name)).collect();
    assert!(alarms.is_empty(), "nothing is wrong: {alarms:#?}");
}

/// Everything in which something can go wrong, over the lab.
fn troubled(folder: &Folder, listen: &str, lab: &Lab) -> std::path::PathBuf {
    for (name, secret) in [
        ("web.secret", "web-secret"),
        ("svc.secret", "svc-secret"),
        ("alice.password", "wonderland-7"),
        ("bob.password", "builder-7"),
    ] {
        folder.write(name, secret);
    }
    let webhook = net::free_port();
    let issuer = &lab.issuer;
    folder.write(
        "authprobe.toml",
        &format!(
            r#"
[server]
listen = "{listen}"
[alerting]
[[alerting.webhook]]
url = "http://127.0.0.1:{webhook}/"
[[region]]
name = "east"
[[provider]]
name = "lab"
issuer = "{issuer}"
[[client]]
name = "web"
provider = "lab"
client_id = "web"
client_secret = {{ file = "web.secret" }}
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "email", "offline_access"]
require_pkce = true
[[client]]
name = "svc"
provider = "lab"
client_id = "svc"
client_secret = {{ file = "svc.secret" }}
[[client]]
name = "stranger"
provider = "lab"
client_id = "stranger"
client_secret = {{ file = "svc.secret" }}
[[user]]
name = "alice"
username = "alice"
password = {{ file = "alice.password" }}
[[user]]
name = "bob"
username = "bob"
password = {{ file = "bob.password" }}
[[probe]]
name = "login"
kind = "form_login"
client = "web"
user = "alice"
every = "2s"
timeout = "20s"
[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
every = "1s"
timeout = "20s"
[[probe]]
name = "refused"
kind = "client_credentials"
client = "stranger"
every = "5s"
timeout = "20s"
[[probe]]
name = "logout"
kind = "logout"
client = "web"
user = "bob"
back_channel = true
every = "5s"
timeout = "30s"
[[probe]]
name = "registration"
kind = "registration"
provider = "lab"
every = "5s"
timeout = "30s"
[[probe]]
name = "hardening"
kind = "hardening"
client = "web"
user = "bob"
every = "20s"
timeout = "60s"
{PROMISES}"#
        ),
    )
}

#[test]
fn every_panel_of_bad_news_shows_it_when_it_comes() {
    let (folder, listen) = (Folder::new(), format!("127.0.0.1:{}", net::free_port()));
    let lab = Lab::start("127.0.0.1");
    lab.fault("pkce_not_enforced", &json!({}));
    lab.tells("web", &format!("http://{listen}/backchannel-logout/web"));
    let daemon = Daemon::start(&troubled(&folder, &listen, &lab), &listen, &[]);
    let prometheus = Prometheus::scraping(&listen);
    let mark = json!({ "service": "idp", "version": "2.0" }).to_string();
    let marked = net::request("POST", &format!("{}/api/v1/deployments", daemon.url), &[], &mark).expect("an answer");
    assert_eq!(marked.status, 201, "{}", marked.body);
    // Prometheus counts from its first sample on, which may be after the first run.
    prometheus.eventually("increase(authprobe_attacks_accepted_total[1h])");
    prometheus.eventually("increase(authprobe_backchannel_logout_seconds_count[1h])");
    // A token that does not validate, then an endpoint that does not answer: both are in the counters afterwards.
    lab.fault("wrong_nonce", &json!({}));
    prometheus.eventually("authprobe_run_faults_total{class=\"claim_nonce\"} > 2");
    lab.fault("http_500", &json!({ "endpoint": "token" }));
    let must = |name: &str| BAD_NEWS.contains(&name) || ELSEWHERE.contains(&name) || name.contains(": annotation ");
    shown(&prometheus, &must);
}
