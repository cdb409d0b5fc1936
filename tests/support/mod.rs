//! Runs the binary and the real programs around it: everything in a process group of its own that ends with the test.

#![allow(clippy::disallowed_methods)] // The clock of the machine is right for the deadlines of tests.

pub mod alertmanager;
pub mod authprobe;
pub mod certs;
pub mod collector;
#[path = "../folder/mod.rs"]
pub mod folder;
pub mod idp;
pub mod net;
pub mod process;
pub mod prometheus;
pub mod providers;
pub mod proxies;
pub mod scene;

pub use folder::Folder;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once; long, for busy machines.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, or fails the test.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, ask).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// Asks until there is an answer, or `time` is over.
pub fn within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What ci/setup.sh has installed for tests; says so when it has not.
pub fn installed(path: &str) -> PathBuf {
    let path = repository().join(path);
    assert!(path.exists(), "{} is missing: run ci/setup.sh (make test does)", path.display());
    path
}
