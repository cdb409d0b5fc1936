//! The daemon, the demo and `probe` through the binary, against the lab: signals, reloads, exit codes.

#![allow(clippy::disallowed_methods)] // The clock of the machine is right for the deadlines of tests.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use authprobe::lab::{Lab, LabHandle, Options};
use serde_json::{Value, json};

#[allow(dead_code)]
mod support;

use support::authprobe::{Daemon, authprobe, runs};
use support::process::Process;
use support::{Folder, PATIENCE, eventually, net, within};

const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");
const KEYS: &str = "[[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"lab\"\nevery = \"1s\"\n";
const MACHINE: &str = "[[probe]]\nname = \"machine\"\nkind = \"client_credentials\"\nclient = \"svc\"\nevery = \"1s\"\ntimeout = \"20s\"\n";
const LOGIN: &str =
    "[[probe]]\nname = \"login\"\nkind = \"form_login\"\nclient = \"web\"\nuser = \"alice\"\nevery = \"1s\"\n";

/// A lab, and a folder with a configuration over it.
struct Stage {
    lab: LabHandle,
    folder: Folder,
    listen: String,
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let lab = runtime.block_on(Lab::start(Options::default())).unwrap();
        let folder = Folder::new();
        folder.write("web.secret", "web-secret");
        folder.write("svc.secret", "svc-secret");
        folder.write("alice.password", "wonderland-7");
        Self { lab, folder, listen: format!("127.0.0.1:{}", net::free_port()), _runtime: runtime }
    }

    fn config(&self, probes: &str) -> PathBuf {
        let Self { lab: LabHandle { issuer, .. }, listen, .. } = self;
        let text = format!(
            r#"
[server]
listen = "{listen}"
[[region]]
name = "eu"
[[region]]
name = "us"
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
[[client]]
name = "svc"
provider = "lab"
client_id = "svc"
client_secret = {{ file = "svc.secret" }}
[[user]]
name = "alice"
username = "alice"
password = {{ file = "alice.password" }}
{probes}"#
        );
        self.folder.write("authprobe.toml", &text)
    }

    fn daemon(&self, probes: &str, arguments: &[&str]) -> Daemon {
        Daemon::with(&self.config(probes), &self.listen, &[], arguments)
    }

    fn break_it(&self, fault: &str, parameters: Value) {
        self.lab.set_fault(fault, &parameters).unwrap();
    }

    fn stats(&self) -> Value {
        net::get(&format!("http://{}/lab/stats", self.lab.address)).unwrap().json()
    }

    /// How many requests an endpoint has got.
    fn asked(&self, endpoint: &str) -> u64 {
        self.stats()["requests"][endpoint].as_u64().unwrap()
    }

    /// How many wrong passwords were tried.
    fn refused(&self) -> u64 {
        self.stats()["passwords_refused"].as_u64().unwrap()
    }

    fn command(&self, probes: &str, arguments: &[&str]) -> support::authprobe::Finished {
        let config = self.config(probes);
        authprobe(&[&arguments[..1], &["--config", config.to_str().unwrap()], &arguments[1..]].concat(), &[])
    }
}

#[test]
fn a_taken_port_is_said_and_nothing_starts() {
    let stage = Stage::new();
    let taken = std::net::TcpListener::bind(&stage.listen).unwrap();
    let ended = stage.command(KEYS, &["run"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains(&format!("cannot listen on {}", stage.listen)), "{}", ended.stderr);
    assert_eq!(stage.asked("jwks"), 0);
    drop(taken);
}

#[test]
fn it_says_at_the_start_where_to_look() {
    let stage = Stage::new();
    let mut daemon = stage.daemon(KEYS, &[]);
    let output = daemon.process.output();
    assert!(output.contains("watching 1 provider: 1 probe, 2 checks over 2 regions"), "{output}");
    assert!(output.contains(&format!("http://{}/metrics", stage.listen)), "{output}");
    assert_eq!(daemon.terminate(PATIENCE), 0);
}

#[test]
fn sigterm_lets_a_running_journey_end_and_scrapes_work_until_then() {
    let stage = Stage::new();
    stage.break_it("latency", json!({"delay_ms": 3000, "endpoint": "token"}));
    let mut daemon = stage.daemon(MACHINE, &["--region", "eu"]);
    eventually("a request under way", || (stage.asked("token") > 0).then_some(()));
    daemon.process.signal("TERM");
    eventually("that it takes no more work", || (daemon.get("/-/ready").status == 503).then_some(()));
    assert_eq!(daemon.get("/metrics").status, 200);
    assert_eq!(daemon.process.wait(PATIENCE).expect("an end").code(), Some(0));
    let output = daemon.process.output();
    let (stopping, run) = (output.find("stopping: no more runs"), output.find("run good"));
    assert!(stopping.is_some() && stopping < run, "{output}");
    assert_eq!(stage.asked("token"), 1, "no run began after the signal");
}

#[test]
fn what_outlasts_the_grace_time_is_stopped() {
    let stage = Stage::new();
    stage.break_it("hang", json!({"endpoint": "token"}));
    let mut daemon = stage.daemon(MACHINE, &["--grace", "1"]);
    eventually("a request under way", || (stage.asked("token") > 0).then_some(()));
    let asked = Instant::now();
    assert_eq!(daemon.terminate(PATIENCE), 0);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(daemon.process.output().contains("grace time is over"), "{}", daemon.process.output());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let stage = Stage::new();
    stage.break_it("hang", json!({"endpoint": "token"}));
    let mut daemon = stage.daemon(MACHINE, &["--grace", "60"]);
    eventually("a request under way", || (stage.asked("token") > 0).then_some(()));
    daemon.process.signal("TERM");
    let ended = within(Duration::from_millis(500), || (!daemon.process.is_running()).then_some(()));
    assert!(ended.is_none(), "the first lets running journeys end");
    daemon.process.signal("INT");
    let status = daemon.process.wait(Duration::from_secs(5)).expect("an end at once");
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_reload_is_applied_whole_or_not_at_all() {
    let stage = Stage::new();
    let mut daemon = stage.daemon(KEYS, &[]);
    let ok = "authprobe_config_last_reload_successful";
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 2.0);

    stage.config(&KEYS.replace("jwks", "jwk"));
    daemon.process.signal("HUP");
    daemon.until(ok, &[], |ok| ok == 0.0);
    let before = daemon.sample("authprobe_runs_total", &["probe=\"keys\""]).unwrap();
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs > before);
    let output = daemon.process.output();
    assert!(output.contains("authprobe.toml:") && output.contains("the one before stays in force"), "{output}");

    stage.config(&format!("{KEYS}{MACHINE}"));
    daemon.process.signal("HUP");
    daemon.until(ok, &[], |ok| ok == 1.0);
    daemon.until("authprobe_runs_total", &["probe=\"machine\""], |runs| runs >= 1.0);
    assert!(daemon.sample("authprobe_runs_total", &["probe=\"keys\""]).unwrap() > before, "counters go on");

    std::fs::remove_file(stage.folder.file("authprobe.toml")).unwrap();
    assert!((400..600).contains(&daemon.post("/-/reload").status));
    stage.config(MACHINE);
    assert!((200..300).contains(&daemon.post("/-/reload").status));
    eventually("series that are gone", || {
        daemon.sample("authprobe_runs_total", &["probe=\"keys\""]).is_none().then_some(())
    });
    assert_eq!(daemon.terminate(PATIENCE), 0);
}

#[test]
fn a_session_that_is_kept_is_revoked_when_no_run_will_follow() {
    const SESSION: &str = "[[probe]]\nname = \"session\"\nkind = \"refresh\"\nclient = \"web\"\nuser = \"alice\"\nevery = \"1s\"\nage = \"1h\"\n";
    let stage = Stage::new();
    let probes = format!("{KEYS}{SESSION}");
    // Refresh token and access token of one session.
    let once = stage.command(&probes, &["probe", "session", "--region", "eu"]);
    assert_eq!((once.code, stage.asked("revocation")), (0, 2), "{once:?}");

    let kept = |daemon: &Daemon| {
        for region in ["eu", "us"] {
            let labels = ["probe=\"session\"", &format!("probe_region=\"{region}\"")];
            daemon.until("authprobe_runs_total", &labels, |runs| runs >= 2.0);
        }
    };
    let mut daemon = stage.daemon(&probes, &[]);
    kept(&daemon);
    assert_eq!(stage.asked("revocation"), 2, "they live on between runs");
    stage.config(KEYS);
    assert!((200..300).contains(&daemon.post("/-/reload").status));
    eventually("the end of both regions' sessions", || (stage.asked("revocation") == 2 + 4).then_some(()));
    stage.config(&probes);
    assert!((200..300).contains(&daemon.post("/-/reload").status));
    kept(&daemon);
    assert_eq!(stage.asked("revocation"), 2 + 4);
    assert_eq!(daemon.terminate(PATIENCE), 0);
    assert_eq!(stage.asked("revocation"), 2 + 4 + 4);
}

#[test]
fn a_refused_password_is_tried_once_until_it_changes() {
    let stage = Stage::new();
    stage.folder.write("alice.password", "looking-glass");
    let daemon = stage.daemon(LOGIN, &[]);
    let missed = "authprobe_runs_missed_total";
    daemon.until(missed, &["reason=\"account\""], |missed| missed >= 6.0);
    assert_eq!(stage.refused(), 1);
    // A reload of the same file is no reason to try it again.
    assert!((200..300).contains(&daemon.post("/-/reload").status));
    let before = daemon.sample(missed, &["reason=\"account\""]).unwrap();
    daemon.until(missed, &["reason=\"account\""], |missed| missed >= before + 4.0);
    assert_eq!(stage.refused(), 1);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "not the provider's fault");
    stage.folder.write("alice.password", "wonderland-7");
    daemon.until("authprobe_runs_total", &["probe=\"login\""], |good| good >= 2.0);
}

#[test]
fn killed_it_starts_again() {
    let stage = Stage::new();
    for _ in 0..3 {
        let mut daemon = stage.daemon(KEYS, &[]);
        daemon.until("authprobe_runs_total", &[], |runs| runs >= 1.0);
        daemon.process.kill();
    }
    let mut daemon = stage.daemon(KEYS, &[]);
    daemon.until("authprobe_probe_success", &[], |good| good == 2.0);
    assert_eq!(daemon.terminate(PATIENCE), 0);
}

#[test]
fn probe_says_how_it_went_by_its_exit_status() {
    let stage = Stage::new();
    let probes = format!("{KEYS}{MACHINE}{LOGIN}");
    let good = stage.command(&probes, &["probe", "login", "--region", "us"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("login@us") && !good.stdout.contains("login@eu"), "{}", good.stdout);

    let json = stage.command(&probes, &["probe", "keys", "--json"]);
    let found = runs(&json.stdout);
    assert_eq!((json.code, found.len(), json.stdout.lines().count()), (0, 2, 2), "{json:?}");
    assert_eq!((found[0].region(), found[1].region(), found[0].verdict()), ("eu", "us", "good"));
    assert_eq!(found[0].0["trigger"], "manual");

    stage.break_it("http_500", json!({"endpoint": "token"}));
    let bad = stage.command(&probes, &["probe", "machine"]);
    assert_eq!(bad.code, 1, "{bad:?}");
    for part in ["http_status in step token; to blame: provider", "Look first:", "2 runs: 2 bad", "trace "] {
        assert!(bad.stdout.contains(part), "{part} is missing in\n{}", bad.stdout);
    }
    assert!(bad.stdout.lines().all(|line| line.chars().count() <= 80), "{}", bad.stdout);
    stage.lab.clear_faults();

    stage.folder.write("alice.password", "looking-glass");
    let unknown = stage.command(&probes, &["probe", "login"]);
    assert_eq!(unknown.code, 3, "{unknown:?}");
    assert!(unknown.stdout.contains("not tried: user:alice was refused"), "{}", unknown.stdout);
    assert_eq!(stage.refused(), 1, "one try for both regions");
}

#[test]
fn probe_names_what_there_is() {
    let stage = Stage::new();
    let probes = format!("{KEYS}{MACHINE}");
    let wrong = stage.command(&probes, &["probe", "machin"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""));
    assert!(wrong.stderr.contains("did you mean `machine`?"), "{}", wrong.stderr);
    let wrong = stage.command(&probes, &["probe", "keys", "--region", "uk"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("did you mean `us`?"), "{}", wrong.stderr);
    assert_eq!(stage.asked("jwks"), 0, "nothing was probed");
}

#[test]
fn an_interrupted_probe_ends_with_130() {
    let stage = Stage::new();
    stage.break_it("hang", json!({"endpoint": "token"}));
    let config = stage.config(MACHINE);
    let mut probe = Process::start(BINARY, |command| {
        command.args(["probe", "machine", "--config"]).arg(&config);
    });
    eventually("a request under way", || (stage.asked("token") > 0).then_some(()));
    probe.signal("INT");
    assert_eq!(probe.wait(Duration::from_secs(10)).expect("an end").code(), Some(130));
}

#[test]
fn the_demo_shows_what_a_fault_does() {
    let listen = format!("127.0.0.1:{}", net::free_port());
    let mut demo = Process::start(BINARY, |command| {
        command.args(["demo", "--listen", &listen]);
    });
    let provider = demo.wait_for("the provider's address", |line| {
        let rest = line.split_once("provider  ")?.1;
        rest.split_whitespace().next().map(str::to_owned)
    });
    demo.wait_for("a good login", |line| (line.contains("login@") && line.contains("good")).then_some(()));
    let broken = net::request("PUT", &format!("{provider}/lab/faults/jwks_empty"), &[], "{}").unwrap();
    assert!((200..300).contains(&broken.status), "{broken:?}");
    demo.wait_for("a failing key set", |line| (line.contains("keys@") && line.contains("jwks_invalid")).then_some(()));
    assert_eq!(net::get(&format!("http://{listen}/")).unwrap().status, 200);
    demo.signal("INT");
    assert_eq!(demo.wait(PATIENCE).expect("an end").code(), Some(0), "{}", demo.output());
}
