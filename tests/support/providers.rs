//! Other people's providers: tests/providers.

use super::net;
use super::process::Process;
use super::{Folder, installed};

/// One that runs.
pub struct Provider {
    _process: Process,
    /// Its issuer.
    pub issuer: String,
    _folder: Folder,
}

impl Provider {
    /// Starts `tests/providers/NAME.py`.
    pub fn start(name: &str) -> Self {
        let python = installed(".authprobe-test/providers/bin/python");
        let script = installed(&format!("tests/providers/{name}.py"));
        let folder = Folder::new();
        let mut process = Process::start(python.to_str().unwrap(), |command| {
            command.arg(script).arg(net::free_port().to_string()).arg(folder.path());
        });
        let issuer = process.wait_for("ready", |line| line.strip_prefix("ready ").map(str::to_owned));
        Self { _process: process, issuer, _folder: folder }
    }
}
