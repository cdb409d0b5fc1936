//! For this crate's own tests: a keeper, driver and browser without the rest. No part of the interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::find::find;
use super::keeper::{Kept, Launcher};
use super::{Browsers, Settings};
use crate::clock::Clock;
use crate::fault::Fault;

/// A pool whose keeper is that program: an authprobe.
pub fn browsers(program: PathBuf, clock: Clock) -> Browsers {
    Browsers::kept_by(Launcher::with(program, Duration::from_secs(20)), clock)
}

/// A driver that is looked after, as the pool has it.
pub struct Held(Kept, PathBuf);

/// Launches drivers by a program of its own choice.
pub struct Keepers(Launcher);

impl Keepers {
    /// `program` is an authprobe; a driver has so long to listen.
    pub fn new(program: PathBuf, patience: Duration) -> Self {
        Self(Launcher::with(program, patience))
    }

    /// As [`Kept::launch`]. Fault: `browser`, if there is none or it does not start.
    pub async fn launch(&self, settings: &Settings, ca_file: Option<&Path>) -> Result<Held, Fault> {
        let found = find(settings)?;
        Ok(Held(Kept::launch(&self.0, &found, ca_file).await?, found.browser))
    }
}

impl Held {
    /// What a session is asked for with.
    pub fn capabilities(&self) -> serde_json::Value {
        let options = serde_json::json!({ "binary": self.1, "args": self.0.arguments() });
        serde_json::json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options, "webSocketUrl": true } } })
    }

    /// Where the driver listens.
    pub fn url(&self) -> Url {
        self.0.url()
    }

    /// Where all files are.
    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// The keeper's pid.
    pub fn keeper(&self) -> i32 {
        self.0.keeper().as_raw_pid()
    }

    /// The pids of driver, browser and what came of them.
    pub fn processes(&self) -> Vec<i32> {
        self.0.processes().into_iter().map(rustix::process::Pid::as_raw_pid).collect()
    }

    /// Whether the driver is there.
    pub fn alive(&self) -> bool {
        self.0.alive()
    }

    /// Until the driver is gone.
    pub async fn died(&self) {
        self.0.died().await;
    }

    /// Memory of all processes (bytes).
    pub async fn memory(&self) -> Option<u64> {
        self.0.memory().await
    }

    /// Ends everything and waits until it is gone.
    pub async fn end(self) {
        self.0.end().await;
    }
}
