//! A daemon with an Alertmanager, and what can be seen of both.

use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use serde_json::Value;

use crate::support::alertmanager::{Alertmanager, Inbox};
use crate::support::authprobe::{Daemon, Run};
use crate::support::scene::Scene;
use crate::support::{Folder, PATIENCE, eventually, net, within};

/// How soon after the end of the first failed run an Alertmanager holds a total outage.
pub const SOON: Duration = Duration::from_secs(6);
/// How soon after the provider is back an Alertmanager knows that it is over.
pub const OVER: Duration = Duration::from_secs(30);
/// Three regions of this machine.
pub const THREE: &str =
    "[[region]]\nname = \"north\"\n\n[[region]]\nname = \"south\"\n\n[[region]]\nname = \"west\"\n\n";
/// What needs no login, cheapest first.
pub const PROBES: &str = r#"
[[probe]]
name = "discovery"
kind = "discovery"
provider = "main"

[[probe]]
name = "keys"
kind = "jwks"
provider = "main"

[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
"#;

/// The time.
pub fn now() -> Timestamp {
    Clock::system().now()
}

fn time(json: &Value) -> Timestamp {
    Timestamp::from_utc(json.as_str().unwrap_or_else(|| panic!("no time: {json}")).parse().unwrap())
}

/// A configuration, and an Alertmanager that is told.
pub struct Stage {
    pub alertmanager: Alertmanager,
    pub inbox: Inbox,
    pub scene: Scene,
    /// Keys of `[alerting]`.
    pub alerting: &'static str,
    /// Keys of `[detection]`.
    pub detection: &'static str,
}

impl Stage {
    /// Three regions, every probe as often as that, each run within four seconds.
    pub fn new(issuer: &str, every: &'static str) -> Self {
        let folder = Folder::new();
        folder.write("alice.password", "wonderland-7\n");
        let temporary = folder.file("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let inbox = Inbox::new();
        Self {
            alertmanager: Alertmanager::start(&inbox, ""),
            inbox,
            scene: Scene {
                temporary: temporary.to_str().unwrap().to_owned(),
                folder,
                listen: format!("127.0.0.1:{}", net::free_port()),
                issuer: issuer.to_owned(),
                regions: THREE.to_owned(),
                provider: String::new(),
                more: String::new(),
                every,
                web_secret: "web-secret".to_owned(),
                svc_secret: "svc-secret".to_owned(),
            },
            alerting: "",
            detection: "",
        }
    }

    /// Starts a daemon with these probes.
    pub fn start(&mut self, probes: &str) -> Watch {
        if !self.scene.more.contains("[store]") {
            let (alerting, peer) = (self.alerting, &self.alertmanager.url);
            let tables = format!(
                "[store]\npath = \"ledger.db\"\n[alerting]\n{alerting}\n[[alerting.alertmanager]]\nurl = \"{peer}\"\n"
            );
            self.scene.more.push_str(&tables);
            if !self.detection.is_empty() {
                self.scene.more.push_str(&format!("[detection]\n{}\n", self.detection));
            }
        }
        let timed = probes.replace("[[probe]]", "[[probe]]\ntimeout = \"4s\"");
        let names = probes.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let names = names.map(str::to_owned).collect();
        Watch { daemon: self.scene.daemon(&timed), probes: names }
    }

    /// The same, once every check has had a good run.
    pub fn watch(&mut self, probes: &str) -> Watch {
        let watch = self.start(probes);
        watch.settled();
        watch
    }

    /// Waits for an alert at Alertmanager: when it was there, and what it says.
    pub fn page(&self, name: &str) -> (Timestamp, Value) {
        let alert = eventually(&format!("{name} at Alertmanager"), || self.alertmanager.find(name));
        (now(), alert)
    }

    /// Waits for the end of an alert at Alertmanager, so long after `from` at most.
    pub fn over(&self, name: &str, from: Timestamp, time: Duration) {
        let left = time.saturating_sub(now().since(from));
        let gone = within(left, || self.alertmanager.find(name).is_none().then_some(()));
        assert!(gone.is_some(), "{time:?} later: {:?}", self.alertmanager.find(name));
        println!("{name} was over {:?} after the end", now().since(from));
    }

    /// That none of these alerts comes for so long.
    pub fn quiet(&self, names: &[&str], time: Duration) {
        let found = within(time, || names.iter().find_map(|name| self.alertmanager.find(name)));
        assert_eq!(found, None, "{names:?} within {time:?}");
    }
}

/// A daemon under watch.
pub struct Watch {
    pub daemon: Daemon,
    probes: Vec<String>,
}

/// A run that was.
#[derive(Clone, Debug)]
pub struct Seen {
    pub probe: String,
    pub kind: String,
    pub region: String,
    pub trigger: String,
    pub verdict: String,
    /// `class/blame at step`; empty: none.
    pub fault: String,
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Seen {
    fn of(run: &Value) -> Self {
        let text = |name: &str| run[name].as_str().unwrap_or_else(|| panic!("{name}: {run}")).to_owned();
        let start = time(&run["start"]);
        Self {
            probe: text("probe"),
            kind: text("kind"),
            region: text("probe_region"),
            trigger: text("trigger"),
            verdict: text("verdict"),
            fault: Run(run.clone()).fault(),
            start,
            end: start + Duration::from_secs_f64(run["duration_seconds"].as_f64().unwrap()),
        }
    }

    /// Whether the detector asked for it.
    pub fn is_confirmation(&self) -> bool {
        self.trigger == "confirmation"
    }
}

impl Watch {
    /// Waits until every check has had a judged run; they were good.
    pub fn settled(&self) {
        eventually("a run of every check", || {
            let metrics = self.daemon.metrics();
            let counts = metrics.lines().filter(|line| line.starts_with("authprobe_runs_total{"));
            let counts: Vec<f64> = counts.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
            (!counts.is_empty() && counts.iter().all(|count| *count >= 1.0)).then_some(())
        });
        assert_eq!(self.daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "it began well");
    }

    /// Every run since then, oldest first.
    pub fn runs(&self, since: Timestamp) -> Vec<Seen> {
        let of_probe = |probe: &String| {
            let answer = self.daemon.get(&format!("/api/v1/probes/{probe}/runs?limit=500"));
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()["runs"].as_array().unwrap().iter().map(Seen::of).collect::<Vec<_>>()
        };
        let mut runs: Vec<Seen> = self.probes.iter().flat_map(of_probe).filter(|run| run.start >= since).collect();
        runs.sort_by_key(|run| run.start);
        runs
    }

    /// Those of them that the detector asked for.
    pub fn confirmations(&self, since: Timestamp) -> Vec<Seen> {
        self.runs(since).into_iter().filter(Seen::is_confirmation).collect()
    }

    /// The first scheduled run to end badly after then, in these regions (none: in any).
    pub fn first_bad(&self, since: Timestamp, regions: &[&str]) -> Seen {
        let wanted = |run: &Seen| {
            run.verdict == "bad"
                && run.trigger == "scheduled"
                && run.end >= since
                && (regions.is_empty() || regions.contains(&&*run.region))
        };
        eventually("a run that fails", || {
            self.runs(since - PATIENCE).into_iter().filter(wanted).min_by_key(|run| run.end)
        })
    }

    /// What the detectors say, whole.
    pub fn detection(&self) -> Value {
        let answer = self.daemon.get("/api/v1/detection");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Every open detector.
    pub fn cases(&self) -> Vec<Value> {
        let mut found = Vec::new();
        collect(&self.detection(), &mut found);
        found
    }

    /// How often an alert of that name has begun to fire.
    pub fn fired(&self, name: &str) -> usize {
        let output = self.daemon.process.output();
        output.lines().filter(|line| line.contains("alert fires") && line.contains(name)).count()
    }
}

/// Cases, wherever they are in it.
fn collect(json: &Value, found: &mut Vec<Value>) {
    match json {
        Value::Object(members) if ["step", "level", "since"].iter().all(|name| members.contains_key(*name)) => {
            found.push(json.clone());
        }
        Value::Object(members) => members.values().for_each(|value| collect(value, found)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// That people were told so soon after the end of the first failed run.
pub fn soon(told: Timestamp, first: &Seen, time: Duration) {
    let took = told.since(first.end);
    println!("told {took:?} after the first failed run");
    assert!(took <= time, "{took:?} after {first:?}");
}

/// An alert's description.
pub fn description(alert: &Value) -> &str {
    alert["annotations"]["description"].as_str().unwrap_or_else(|| panic!("no description: {alert}"))
}

/// That the description has all of these.
pub fn says(alert: &Value, parts: &[&str]) {
    let text = description(alert).to_lowercase();
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}
