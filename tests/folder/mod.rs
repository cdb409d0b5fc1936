//! A folder of a test's own.

#![allow(dead_code)] // Each test uses its part of it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

/// How the name of every one begins; then come the process and a number.
const PREFIX: &str = "authprobe-test-";
/// Not to be looked at if it was touched since: its process may be one that cannot be seen from here.
const FRESH: Duration = Duration::from_secs(600);

/// A folder that goes with the value, whether the test fails or not; `KEEP_TEST_FOLDERS=1` keeps it and says where it is.
/// What a killed test left is removed by the next one that wants a folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one.
    pub fn new() -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let (base, process) = (std::env::temp_dir(), std::process::id());
        let mut number = 0_u32;
        // Tests of one process run side by side.
        loop {
            let path = base.join(format!("{PREFIX}{process}-{number}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in it, with the folders on the way.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("KEEP_TEST_FOLDERS").is_some() {
            eprintln!("kept: {}", self.0.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Removes those of processes that are gone: a test that is killed, or a value that is never dropped, leaves them.
fn sweep() {
    let processes = Path::new("/proc");
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    if !processes.join("self").exists() {
        return;
    }
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        let gone = process.is_some_and(|process| !processes.join(process).exists());
        let touched = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        if gone && touched.and_then(|at| at.elapsed().ok()).is_some_and(|ago| ago > FRESH) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
