//! A real Alertmanager is told of alerts, keeps their start over restarts of ours, and tells people when they are over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::alert::{Condition, Holds, Machine, Words};
use authprobe::clock::{Clock, Timestamp};
use authprobe::notify::{Credentials, Notifier, Peer, Sent, Settings};
use authprobe::secret::SecretSource;
use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Inbox, PASSWORD, USER};
use crate::support::authprobe::authprobe;
use crate::support::certs::certificate;
use crate::support::{Folder, eventually, net, repository};

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn condition(name: &str, holds: Holds) -> Condition {
    Condition {
        labels: words(&[("alertname", name), ("evaluator", "authprobe"), ("provider", "main"), ("severity", "page")]),
        annotations: words(&[("summary", "A test"), ("description", "Words with \"quotes\", ümläuts and\nlines.")]),
        afterwards: Words::new(),
        holds,
        pending_for: Duration::ZERO,
        resolving_for: Duration::ZERO,
    }
}

/// Who is told, and how it went.
struct Teller {
    notifier: Notifier,
    counts: Arc<Mutex<Vec<(String, Sent)>>>,
}

impl Teller {
    fn new(settings: &Settings) -> Self {
        let counts = Arc::<Mutex<Vec<_>>>::default();
        let to = counts.clone();
        let count = move |receiver: &str, sent| to.lock().unwrap().push((receiver.to_owned(), sent));
        Self { notifier: Notifier::start(settings, Arc::new(count), Clock::system()).unwrap(), counts }
    }

    fn sent(&self, how: Sent) -> usize {
        self.counts.lock().unwrap().iter().filter(|(_, sent)| *sent == how).count()
    }
}

fn peer(url: &str) -> Peer {
    Peer { url: url.parse().unwrap(), credentials: None, ca_file: None }
}

fn settings(peers: Vec<Peer>) -> Settings {
    let public_url = Some("https://authprobe.example.com/".parse().unwrap());
    Settings { alertmanagers: peers, public_url, ..Settings::default() }
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn time(json: &Value) -> i64 {
    Timestamp::from_utc(json.as_str().unwrap().parse().unwrap()).as_nanos()
}

/// Alertmanager keeps milliseconds in its API.
fn millis(nanos: i64) -> i64 {
    nanos / 1_000_000
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn an_alert_reaches_people_keeps_its_start_over_a_restart_and_is_over() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let inbox = Inbox::new();
    let alertmanager = Alertmanager::start(&inbox, "");
    let settings = settings(vec![peer(&alertmanager.url)]);
    let mut machine = Machine::default();
    // It had fired for an hour when this process came to tell.
    machine.step(now() - Duration::from_secs(3600), vec![condition("AuthTest", Holds::Yes)]);
    let fired = machine.alerts()[0].fired_nanos.unwrap();
    let teller = Teller::new(&settings);
    teller.notifier.update(Arc::new(machine.alerts()));
    let seen = eventually("the alert", || alertmanager.find("AuthTest"));
    assert_eq!(millis(time(&seen["startsAt"])), millis(fired));
    assert_eq!(seen["generatorURL"], "https://authprobe.example.com/");
    assert_eq!(seen["annotations"]["description"], "Words with \"quotes\", ümläuts and\nlines.");
    let ahead = Timestamp::from_nanos(time(&seen["endsAt"])).since(now());
    assert!(ahead > Duration::from_secs(200) && ahead <= Duration::from_secs(240), "{ahead:?}");
    let told = inbox.eventually("firing", "AuthTest");
    assert_eq!(millis(time(&told["startsAt"])), millis(fired));

    // A restart: what the ledger kept goes on, though nothing is known yet.
    runtime.block_on(teller.notifier.shutdown(Duration::from_secs(5)));
    let mut machine = Machine::restore(machine.alerts());
    assert_eq!(machine.step(now(), vec![condition("AuthTest", Holds::Unknown)]), []);
    let teller = Teller::new(&settings);
    teller.notifier.update(Arc::new(machine.alerts()));
    let again = eventually("the alert, told again", || {
        alertmanager.find("AuthTest").filter(|alert| time(&alert["endsAt"]) > time(&seen["endsAt"]))
    });
    assert_eq!(again["startsAt"], seen["startsAt"], "it is the same alert");
    assert_eq!(again["fingerprint"], seen["fingerprint"]);

    let changes = machine.step(now(), vec![condition("AuthTest", Holds::No)]);
    assert_eq!(changes.len(), 1);
    teller.notifier.update(Arc::new(machine.alerts()));
    let over = inbox.eventually("resolved", "AuthTest");
    assert_eq!(millis(time(&over["startsAt"])), millis(fired));
    assert_eq!(millis(time(&over["endsAt"])), millis(machine.alerts()[0].cleared_nanos.unwrap()));
    eventually("no alert any more", || alertmanager.firing().is_empty().then_some(()));

    // It fires anew: that is another alert.
    machine.step(now(), vec![condition("AuthTest", Holds::Yes)]);
    teller.notifier.update(Arc::new(machine.alerts()));
    let anew = eventually("another alert", || alertmanager.find("AuthTest"));
    assert!(millis(time(&anew["startsAt"])) >= millis(time(&over["endsAt"])), "{anew}");
    assert_eq!((teller.sent(Sent::Rejected), teller.sent(Sent::Failed)), (0, 0));
    assert!(!alertmanager.output().contains("level=error"), "{}", alertmanager.output());
}

#[test]
fn an_alert_that_alertmanager_refuses_takes_no_other_along() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let inbox = Inbox::new();
    let alertmanager = Alertmanager::start(&inbox, "");
    let mut bad = condition("AuthBad", Holds::Yes);
    // Not a label's name to this version.
    bad.labels.insert("not-a-name".to_owned(), "x".to_owned());
    let mut machine = Machine::default();
    machine.step(now(), vec![condition("AuthOne", Holds::Yes), bad, condition("AuthTwo", Holds::Yes)]);
    let teller = Teller::new(&settings(vec![peer(&alertmanager.url)]));
    teller.notifier.update(Arc::new(machine.alerts()));
    inbox.eventually("firing", "AuthOne");
    inbox.eventually("firing", "AuthTwo");
    eventually("counts", || (teller.sent(Sent::Delivered) == 2 && teller.sent(Sent::Rejected) == 1).then_some(()));
    assert!(alertmanager.find("AuthBad").is_none());
    assert_eq!(teller.sent(Sent::Failed), 0);
}

#[test]
fn every_peer_is_told_over_tls_with_a_password_and_a_dead_one_delays_nobody() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (inbox, folder) = (Inbox::new(), Folder::new());
    let made = certificate(&folder, "+0d", 30);
    let guarded = Alertmanager::guarded(&inbox, &made);
    let (good, bad) = (folder.write("good", PASSWORD), folder.write("bad", "wrong"));
    let with = |file: &std::path::Path, ca: bool| Peer {
        credentials: Some(Credentials::Basic(USER.to_owned(), SecretSource::File(file.to_owned()))),
        ca_file: ca.then(|| made.authority.clone()),
        ..peer(&guarded.url)
    };
    let dead = peer(&format!("http://127.0.0.1:{}", net::free_port()));
    let all = settings(vec![dead, with(&bad, true), with(&good, false), with(&good, true)]);
    let mut machine = Machine::default();
    machine.step(now(), vec![condition("AuthTest", Holds::Yes)]);
    let teller = Teller::new(&all);
    teller.notifier.update(Arc::new(machine.alerts()));
    inbox.eventually("firing", "AuthTest");
    let of = |name: &str| {
        let counts = teller.counts.lock().unwrap();
        counts.iter().find(|(receiver, _)| receiver == name).map(|(_, sent)| *sent)
    };
    for (name, sent) in [
        ("alertmanager 1", Sent::Failed),
        ("alertmanager 2", Sent::Rejected),
        ("alertmanager 3", Sent::Failed),
        ("alertmanager 4", Sent::Delivered),
    ] {
        assert_eq!(eventually(name, || of(name)), sent, "{name}");
    }
    let answers = runtime.block_on(authprobe::notify::test(&all, &Clock::system()));
    let said: Vec<_> = answers.iter().map(|answer| answer.result.clone().unwrap_or_else(|error| error)).collect();
    assert!(said[0].contains("refused"), "{said:?}");
    assert!(said[1].starts_with("401"), "{said:?}");
    assert!(said[2].contains("UnknownIssuer"), "{said:?}");
    assert_eq!(said[3], "200 OK");
}

#[test]
fn test_alert_says_what_each_receiver_answered() {
    let inbox = Inbox::new();
    let (alertmanager, other) = (Alertmanager::start(&inbox, ""), Inbox::new());
    let folder = Folder::new();
    let file = |alerting: &str| {
        let probe = "[[provider]]\nname = \"main\"\nissuer = \"https://login.example.com\"\n\
                     [[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"main\"\nevery = \"1m\"\n";
        folder.write("authprobe.toml", &format!("{probe}{alerting}")).display().to_string()
    };
    let receivers = format!(
        "[[alerting.alertmanager]]\nurl = \"{}\"\n[[alerting.webhook]]\nurl = {{ env = \"HOOK\" }}\n",
        alertmanager.url
    );
    let config = file(&receivers);
    let run = |hook: &str| authprobe(&["test-alert", "-c", &config], &[("HOOK", hook)]);
    let good = run(&other.url);
    assert_eq!((good.code, good.stderr.as_str()), (0, ""), "{good:?}");
    assert_eq!(good.stdout, "alertmanager 1  delivered  200 OK\nwebhook 1       delivered  200 OK\n");
    let told = inbox.eventually("firing", "AuthTestAlert");
    assert_eq!(told["labels"]["evaluator"], "authprobe");
    assert_eq!(other.eventually("firing", "AuthTestAlert")["labels"]["severity"], "ticket");

    let secret = format!("http://127.0.0.1:{}/hook/canary7fQ9zXk2", net::free_port());
    let bad = run(&secret);
    assert_eq!(bad.code, 1, "{bad:?}");
    assert_eq!(bad.stdout, "alertmanager 1  delivered  200 OK\nwebhook 1       failed     connection refused\n");
    assert!(!format!("{bad:?}").contains("canary"));
    let config = file("");
    let nobody = authprobe(&["test-alert", "-c", &config], &[]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (2, ""));
    assert!(nobody.stderr.contains("[[alerting.alertmanager]]"), "{}", nobody.stderr);
}

/// One root cause does not page five times: the shipped rules, in a real Alertmanager.
#[test]
fn the_shipped_inhibition_leaves_one_page() {
    let shipped = std::fs::read_to_string(repository().join("alerts/alertmanager.yml")).unwrap();
    let (_, rules) = shipped.split_once("\ninhibit_rules:\n").expect("inhibition is shipped");
    // Up to the next key at the margin.
    let rules: Vec<&str> = rules.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#'])).collect();
    let inbox = Inbox::new();
    let alertmanager = Alertmanager::start(&inbox, &format!("inhibit_rules:\n{}\n", rules.join("\n")));
    let alert = |name: &str, severity: &str, more: &[(&str, &str)]| {
        let mut labels =
            json!({ "alertname": name, "severity": severity, "provider": "main", "evaluator": "authprobe" });
        for (label, value) in more {
            labels[*label] = json!(value);
        }
        json!({ "labels": labels })
    };
    let burn = |severity: &str, tier: &str, slo: &str| {
        alert("AuthSLOBurn", severity, &[("burnrate_tier", tier), ("slo", slo)])
    };
    let alerts = json!([
        burn("page", "1h", "login"),
        burn("ticket", "1d", "login"),
        burn("ticket", "3d", "tokens"),
        alert("AuthSLOBurn", "ticket", &[("burnrate_tier", "3d"), ("slo", "login"), ("evaluator", "prometheus")]),
    ]);
    let posted = net::request(
        "POST",
        &format!("{}/api/v2/alerts", alertmanager.url),
        &["content-type: application/json"],
        &alerts.to_string(),
    );
    assert_eq!(posted.unwrap().status, 200);
    let state = |tier: &str, slo: &str, evaluator: &str| {
        let fits = |alert: &&Value| {
            let labels = &alert["labels"];
            labels["burnrate_tier"] == tier && labels["slo"] == slo && labels["evaluator"] == evaluator
        };
        let firing = alertmanager.firing();
        let found = firing.iter().find(fits);
        found.and_then(|alert| alert["status"]["state"].as_str()).unwrap_or_default().to_owned()
    };
    eventually("the ticket behind the page", || (state("1d", "login", "authprobe") == "suppressed").then_some(()));
    assert_eq!(state("1h", "login", "authprobe"), "active");
    assert_eq!(state("3d", "tokens", "authprobe"), "active", "another objective");
    assert_eq!(state("3d", "login", "prometheus"), "active", "another evaluator");
}
