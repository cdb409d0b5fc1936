//! The binary under test.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::net::{self, Answer};
use super::process::Process;
use super::{PATIENCE, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_authprobe");

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// What it wrote on stdout.
    pub stdout: String,
    /// What it wrote on stderr.
    pub stderr: String,
}

/// Runs one command to its end.
pub fn authprobe(arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let folder = super::Folder::new();
    let (out, err) = (folder.file("stdout"), folder.file("stderr"));
    let mut process = Process::start(BINARY, |command| {
        command.args(arguments).envs(environment.iter().copied()).env_remove("RUST_LOG");
        command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    });
    let status = process.wait(2 * PATIENCE).unwrap_or_else(|| panic!("authprobe {arguments:?} did not end"));
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let code = status.code().unwrap_or_else(|| panic!("authprobe {arguments:?}: {status}: {}", read(&err)));
    Finished { code, stdout: read(&out), stderr: read(&err) }
}

/// One run's record: what `--json` prints and the API serves.
#[derive(Clone, Debug)]
pub struct Run(pub Value);

impl Run {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `good`, `bad` or `inconclusive`.
    pub fn verdict(&self) -> &str {
        self.text("/verdict")
    }

    /// `class/blame at step`, as in the contract; empty when there is no fault.
    pub fn fault(&self) -> String {
        if self.0.get("fault").is_none_or(Value::is_null) {
            return String::new();
        }
        format!("{}/{} at {}", self.text("/fault/class"), self.text("/fault/blame"), self.text("/fault/step"))
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        self.text("/probe_region")
    }

    /// The trace id.
    pub fn trace(&self) -> &str {
        self.text("/trace_id")
    }

    /// The steps' names, in order.
    pub fn steps(&self) -> Vec<&str> {
        self.0["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect()
    }

    /// Every request, in order.
    pub fn requests(&self) -> Vec<&Value> {
        let steps = self.0["steps"].as_array().unwrap().iter();
        steps.flat_map(|step| step["requests"].as_array().unwrap()).collect()
    }
}

/// Reads the runs out of what a command or the API has written: one JSON value after the other, or an array.
pub fn runs(json: &str) -> Vec<Run> {
    let values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let values = values.map(|value| value.unwrap_or_else(|error| panic!("{error} in {json}")));
    let one_or_many = |value| match value {
        Value::Array(many) => many,
        one => vec![one],
    };
    values.flat_map(one_or_many).map(Run).collect()
}

/// `authprobe run`, ready.
pub struct Daemon {
    /// It.
    pub process: Process,
    /// Where it serves.
    pub url: String,
}

impl Daemon {
    /// Starts it and waits until it is ready; `listen` as in the configuration.
    pub fn start(config: &Path, listen: &str, environment: &[(&str, &str)]) -> Self {
        Self::with(config, listen, environment, &[])
    }

    /// Starts it with further arguments.
    pub fn with(config: &Path, listen: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let process = Process::start(BINARY, |command| {
            command.args(["run", "--config"]).arg(config).args(arguments);
            command.env("RUST_LOG", "info,authprobe=debug").envs(environment.iter().copied());
        });
        let mut daemon = Self { process, url: format!("http://{listen}") };
        eventually("a daemon that is ready", || {
            assert!(daemon.process.is_running(), "it ended: {}", daemon.process.output());
            net::get(&format!("{}/-/ready", daemon.url)).filter(|answer| answer.status == 200)
        });
        daemon
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Answer {
        net::get(&format!("{}{path}", self.url)).unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// POSTs nothing to a path.
    pub fn post(&self, path: &str) -> Answer {
        net::request("POST", &format!("{}{path}", self.url), &[], "").unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// `/metrics` in the Prometheus text format.
    pub fn metrics(&self) -> String {
        self.get("/metrics").body
    }

    /// The sum over the series of `/metrics` whose line contains all of `parts`; `None` without such a series.
    pub fn sample(&self, name: &str, parts: &[&str]) -> Option<f64> {
        let metrics = self.metrics();
        let fits = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && parts.iter().all(|p| line.contains(p))
        };
        metrics
            .lines()
            .filter(fits)
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .reduce(|a, b| a + b)
    }

    /// Waits until such a sum fits.
    pub fn until(&self, name: &str, parts: &[&str], fits: impl Fn(f64) -> bool) -> f64 {
        eventually(&format!("{name} {parts:?}"), || self.sample(name, parts).filter(|value| fits(*value)))
    }

    /// The recent runs of a probe, whole, newest first.
    pub fn runs(&self, probe: &str) -> Vec<Run> {
        let list = self.get(&format!("/api/v1/probes/{probe}/runs"));
        assert_eq!(list.status, 200, "{}", list.body);
        let list = list.json();
        let ids = list["runs"].as_array().unwrap().iter().map(|run| run["trace_id"].as_str().unwrap());
        // What has been pushed out meanwhile is gone.
        let whole = ids.map(|id| self.get(&format!("/api/v1/runs/{id}"))).filter(|answer| answer.status == 200);
        whole.map(|answer| Run(answer.json())).collect()
    }

    /// Ends it as a service manager does; its exit code.
    pub fn terminate(&mut self, time: Duration) -> i32 {
        self.process.signal("TERM");
        let status = self.process.wait(time).unwrap_or_else(|| panic!("still running {time:?} after SIGTERM"));
        status.code().unwrap_or_else(|| panic!("{status}"))
    }
}
