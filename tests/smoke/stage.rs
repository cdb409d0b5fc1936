//! A lab with a configuration over it, and what smoke found.

use std::path::{Path, PathBuf};

use authprobe::lab::{Lab, LabHandle, Options};
use serde_json::Value;

use crate::support::authprobe::{Finished, Run, authprobe};
use crate::support::process::Process;
use crate::support::{Folder, net};

const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");

/// Nothing but metadata and keys.
pub const DOORS: &str = r#"
[[probe]]
name = "discovery"
kind = "discovery"
provider = "lab"
every = "1h"
[[probe]]
name = "keys"
kind = "jwks"
provider = "lab"
every = "1h"
"#;
/// A token for a machine.
pub const MACHINE: &str = r#"
[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
every = "1h"
timeout = "20s"
labels = { team = "payments" }
"#;
/// A session that lives on between runs.
pub const SESSION: &str = r#"
[[probe]]
name = "session"
kind = "refresh"
client = "web"
user = "alice"
every = "1h"
timeout = "20s"
age = "1h"
labels = { team = "identity" }
"#;
/// A login.
pub const LOGIN: &str = r#"
[[probe]]
name = "login"
kind = "form_login"
client = "web"
user = "alice"
every = "1h"
timeout = "20s"
labels = { team = "identity" }
"#;

/// See the module.
pub struct Stage {
    /// The provider.
    pub lab: LabHandle,
    /// With the configuration and what is written.
    pub folder: Folder,
    /// More keys of the provider.
    pub provider: String,
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// One region.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let lab = runtime.block_on(Lab::start(Options::default())).unwrap();
        let folder = Folder::new();
        folder.write("web.secret", "web-secret");
        folder.write("svc.secret", "svc-secret");
        folder.write("alice.password", "wonderland-7");
        Self { lab, folder, provider: String::new(), runtime }
    }

    /// The configuration with these probes.
    pub fn config(&self, probes: &str) -> PathBuf {
        let (issuer, provider) = (&self.lab.issuer, &self.provider);
        let text = format!(
            r#"
[[region]]
name = "eu"
[[region]]
name = "us"
[[provider]]
name = "lab"
issuer = "{issuer}"
{provider}
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

    /// `authprobe smoke ARGUMENTS…` from the region `eu` with these probes.
    pub fn smoke(&self, probes: &str, arguments: &[&str]) -> Finished {
        let config = self.config(probes);
        let ours = ["smoke", "--config", config.to_str().unwrap(), "--region", "eu"];
        authprobe(&[&ours, arguments].concat(), &[])
    }

    /// The same, with what it found.
    pub fn found(&self, probes: &str, arguments: &[&str]) -> Found {
        Found::of(&self.smoke(probes, &[arguments, &["--format", "json"]].concat()))
    }

    /// The same, left running; stdout and stderr are collected together.
    pub fn begin(&self, probes: &str, arguments: &[&str]) -> Process {
        let config = self.config(probes);
        Process::start(BINARY, |command| {
            command.args(["smoke", "--region", "eu", "--config"]).arg(&config).args(arguments).env_remove("RUST_LOG");
        })
    }

    /// Breaks the lab.
    pub fn break_it(&self, fault: &str, parameters: &Value) {
        self.lab.set_fault(fault, parameters).unwrap();
    }

    /// How many requests an endpoint has got.
    pub fn asked(&self, endpoint: &str) -> u64 {
        self.stats()["requests"][endpoint].as_u64().unwrap()
    }

    /// How many wrong passwords were tried.
    pub fn refused(&self) -> u64 {
        self.stats()["passwords_refused"].as_u64().unwrap()
    }

    fn stats(&self) -> Value {
        net::get(&format!("http://{}/lab/stats", self.lab.address)).unwrap().json()
    }

    /// Keeps the lab's runtime until here.
    pub fn end(self) {
        drop(self.runtime);
    }
}

/// What smoke found.
#[derive(Debug)]
pub struct Found {
    /// Its exit code, which the document repeats.
    pub code: i32,
    /// The document.
    pub json: Value,
}

impl Found {
    /// Reads what a finished command wrote.
    pub fn of(finished: &Finished) -> Self {
        let json: Value =
            serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
        assert_eq!(json["exit_code"], finished.code, "{json:#}");
        Self { code: finished.code, json }
    }

    /// Reads a result that was written to a file.
    pub fn written(file: &Path) -> Self {
        let json: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        Self { code: json["exit_code"].as_i64().unwrap().try_into().unwrap(), json }
    }

    /// Exit code and verdict.
    pub fn verdict(&self) -> (i32, &str) {
        (self.code, self.json["verdict"].as_str().unwrap())
    }

    /// Why, in a sentence.
    pub fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap()
    }

    /// The checks of a probe.
    pub fn checks(&self, probe: &str) -> Vec<&Value> {
        self.json["checks"].as_array().unwrap().iter().filter(|check| check["probe"] == probe).collect()
    }

    /// The one check of a probe.
    pub fn check(&self, probe: &str) -> &Value {
        let checks = self.checks(probe);
        assert_eq!(checks.len(), 1, "{:#}", self.json);
        checks[0]
    }

    /// `verdict class/blame at step` of a probe's check; without a fault the verdict alone.
    pub fn of_check(&self, probe: &str) -> String {
        let check = self.check(probe);
        let verdict = check["verdict"].as_str().unwrap();
        let fault = Run(check.clone()).fault();
        format!("{verdict} {fault}").trim_end().to_owned()
    }

    /// Its runs of one kind: `good`, `bad`, `inconclusive`, `slow`, `repeated`.
    pub fn count(&self, probe: &str, what: &str) -> u64 {
        self.check(probe)["counts"][what].as_u64().unwrap()
    }

    /// The names of the probes, in order.
    pub fn probes(&self) -> Vec<&str> {
        self.json["checks"].as_array().unwrap().iter().map(|check| check["probe"].as_str().unwrap()).collect()
    }
}
