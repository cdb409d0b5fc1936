//! A lab, a daemon with two objectives over it, and gates.

use std::path::PathBuf;

use authprobe::lab::{Lab, LabHandle, Options};
use serde_json::{Value, json};

use crate::support::authprobe::{Daemon, Finished, authprobe};
use crate::support::process::Process;
use crate::support::{Folder, eventually, net};

pub const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");

/// `keys` are asked for every second, tokens too; each with an objective of 99 %.
const PROBES: &str = r#"
[[probe]]
name = "keys"
kind = "jwks"
provider = "lab"
every = "1s"
timeout = "20s"

[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
every = "1s"
timeout = "20s"

[[slo]]
name = "key-set"
probes = ["keys"]
objective = "99%"
min_coverage = "50%"             # machines that are busy with other tests miss runs

[[slo]]
name = "tokens"
probes = ["machine"]
objective = "99%"
min_coverage = "50%"             # machines that are busy with other tests miss runs
"#;

pub struct Stage {
    pub lab: LabHandle,
    pub folder: Folder,
    pub listen: String,
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let lab = runtime.block_on(Lab::start(Options::default())).unwrap();
        let folder = Folder::new();
        folder.write("svc.secret", "svc-secret");
        Self { lab, folder, listen: format!("127.0.0.1:{}", net::free_port()), _runtime: runtime }
    }

    /// With further lines of `[server]`, and further tables.
    pub fn config(&self, server: &str, more: &str) -> PathBuf {
        let Self { lab: LabHandle { issuer, .. }, listen, .. } = self;
        let text = format!(
            r#"
[server]
listen = "{listen}"
{server}
[[provider]]
name = "lab"
issuer = "{issuer}"
max_requests_per_minute = 600
[[client]]
name = "svc"
provider = "lab"
client_id = "svc"
client_secret = {{ file = "svc.secret" }}
{PROBES}
{more}"#
        );
        self.folder.write("authprobe.toml", &text)
    }

    /// A daemon that has judged something of both objectives.
    pub fn daemon(&self) -> Daemon {
        let daemon = Daemon::start(&self.config("", ""), &self.listen, &[]);
        judged(&daemon, "key-set");
        judged(&daemon, "tokens");
        daemon
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Tokens are not to be had any more.
    pub fn break_tokens(&self, parameters: Value) {
        let mut with = json!({ "endpoint": "token" });
        with.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        self.lab.set_fault("http_500", &with).unwrap();
    }

    /// A gate on this daemon, to its end; its JSON.
    pub fn gate(&self, arguments: &[&str]) -> Gate {
        gate(&[&["--server", &self.url()], arguments].concat())
    }
}

fn judged(daemon: &Daemon, slo: &str) {
    let label = format!("slo=\"{slo}\"");
    daemon.until("authprobe_slo_events_total", &[&label], |events| events >= 2.0);
    // The first evaluation is a second after the start.
    eventually("an evaluation", || {
        let slos = daemon.get("/api/v1/slos").json();
        slos["slos"].as_array().unwrap().iter().all(|slo| !slo["at"].is_null()).then_some(())
    });
}

/// A gate that has ended.
#[derive(Debug)]
pub struct Gate {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
}

impl Gate {
    /// The kinds of its reasons.
    pub fn whys(&self) -> Vec<&str> {
        self.report["reasons"].as_array().unwrap().iter().map(|reason| reason["why"].as_str().unwrap()).collect()
    }

    /// An objective by its name.
    pub fn slo(&self, name: &str) -> &Value {
        let mut slos = self.report["slos"].as_array().unwrap().iter();
        slos.find(|slo| slo["name"] == name).unwrap_or_else(|| panic!("no {name}: {}", self.report))
    }
}

/// Runs a gate to its end.
pub fn gate(arguments: &[&str]) -> Gate {
    let Finished { code, stdout, stderr } =
        authprobe(&[&["gate", "--format", "json"], arguments].concat(), &[("LC_ALL", "C.UTF-8")]);
    let report = serde_json::from_str(&stdout).unwrap_or(Value::Null);
    if code != 2 {
        assert_eq!(report["exit_code"], code, "{stdout}{stderr}");
    }
    Gate { code, report, stderr }
}

/// Starts one and lets it run.
pub fn started(arguments: &[&str]) -> Process {
    Process::start(BINARY, |command| {
        command.args(["gate", "--format", "json"]).args(arguments);
    })
}
