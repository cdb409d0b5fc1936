//! The real provider of tests/idp.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::certs::Certificate;
use super::net;
use super::process::Process;
use super::{Folder, installed};

/// How to start it.
#[derive(Default)]
pub struct Options<'a> {
    /// Serves https.
    pub certificate: Option<&'a Certificate>,
    /// Its clock, as `faketime -f` reads it.
    pub clock: Option<&'a str>,
    /// The host in its issuer.
    pub name: Option<&'a str>,
    /// More of what server.mjs reads.
    pub environment: &'a [(&'a str, &'a str)],
}

/// A provider that runs.
pub struct Idp {
    process: Process,
    folder: Folder,
    keys: PathBuf,
    /// Its issuer.
    pub issuer: String,
    /// The application that logs its users in with it.
    pub app: String,
    control: String,
}

impl Idp {
    /// Starts one as it comes: http on 127.0.0.1.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// Starts one.
    pub fn with(options: &Options) -> Self {
        installed("tests/idp/node_modules");
        let folder = Folder::new();
        let server = installed("tests/idp/server.mjs");
        let keys = folder.file("keys.json");
        std::fs::create_dir(folder.file("clients")).unwrap();
        let program = if options.clock.is_some() { "faketime" } else { "node" };
        let mut process = Process::start(program, |command| {
            if let Some(clock) = options.clock {
                command.args(["-f", clock, "node"]);
            }
            command.arg(server).env("KEYS", &keys).env("SECRETS_LOG", folder.file("secrets"));
            command.env("CLIENT_KEYS", folder.file("clients"));
            if let Some(Certificate { cert, key, .. }) = options.certificate {
                command.env("CERT", cert).env("KEY", key);
            }
            if let Some(name) = options.name.or(options.certificate.map(|_| "localhost")) {
                command.env("NAME", name);
            }
            command.envs(options.environment.iter().copied());
        });
        let control = process.wait_for("control", |line| line.strip_prefix("control ").map(str::to_owned));
        let app = process.wait_for("app", |line| line.strip_prefix("app ").map(str::to_owned));
        let issuer = process.wait_for("ready", |line| line.strip_prefix("ready ").map(str::to_owned));
        Self { process, folder, keys, issuer, app, control }
    }

    /// The private key of a client with `private_key_jwt` (see tests/idp/clients.mjs).
    pub fn client_key(&self, client: &str) -> PathBuf {
        self.folder.file("clients").join(client)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.issuer.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Answers these paths so from now on (see tests/idp/server.mjs), the others as ever.
    pub fn fail(&self, faults: Value) {
        self.control("PUT", "/faults", &faults);
    }

    /// From now on every login looks so (see tests/idp/README.md); empty: as each asks.
    pub fn scene(&self, name: &str) {
        self.control("PUT", "/scene", &serde_json::json!({ "scene": name }));
    }

    /// Asks its control (see tests/idp/README.md).
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = net::request(method, &format!("{}{path}", self.control), &[], &body.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// How many requests it has had, by method and path; interactions without their id.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        serde_json::from_value(self.control("GET", "/requests", &Value::Null)).unwrap()
    }

    /// How often somebody has sent a password or a consent.
    pub fn forms_sent(&self) -> u64 {
        self.requests().get("POST /interaction").copied().unwrap_or(0)
    }

    /// Changes its keys, see `rotate` in tests/idp/keys.mjs, and waits until it signs accordingly.
    pub fn rotate(&mut self, how: &str) {
        let server = installed("tests/idp/server.mjs");
        let status = Command::new("node").arg(server).args(["rotate", how]).env("KEYS", &self.keys).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        let reloads = |output: &str| output.matches("keys reloaded").count();
        let before = reloads(&self.process.output());
        self.process.signal("HUP");
        super::eventually("keys reloaded", || (reloads(&self.process.output()) > before).then_some(()));
    }

    /// Every token, code, verifier and cookie that it has seen so far.
    pub fn secrets(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.file("secrets")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Sends its process a signal.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}
