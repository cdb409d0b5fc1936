//! The folder that a driver and its browser write to, all of it. Whoever holds its lock owns it; without one it is stale.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, fstat, open};
use rustix::process::geteuid;

use super::proc;
use crate::outcome::Id;

/// What the names of all such folders start with.
const PREFIX: &str = "authprobe-browser-";
/// How often a new one is tried; another process that sweeps may take one away before it is locked.
const TRIES: usize = 8;
/// How often what names a folder is ended before it is left to the next sweep.
const PASSES: usize = 20;
/// How often a folder that another authprobe is clearing is looked at.
const OTHERS: Duration = Duration::from_millis(100);
/// How long one process may take to end once it was told to.
const ENDING: Duration = Duration::from_secs(1);

/// A folder and its lock. Removed, with all that is in it, when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The folder itself, open: the lock is on it, so there is no moment in which a folder has no lock to look at.
    _lock: File,
}

impl Folder {
    /// A new one that nobody else may enter, beside all temporary files.
    pub(super) fn make() -> io::Result<Self> {
        let base = base()?;
        for _ in 0..TRIES {
            let path = base.join(format!("{PREFIX}{}", Id::<8>::random()));
            DirBuilder::new().mode(0o700).create(&path)?;
            match Self::claim(&path) {
                // A sweep may have been quicker than the lock.
                Some(folder) if path.exists() => {
                    for inside in [folder.home(), folder.temporary(), folder.runtime()] {
                        DirBuilder::new().mode(0o700).create(inside)?;
                    }
                    return Ok(folder);
                }
                _ => {}
            }
        }
        Err(io::Error::other(format!("no folder could be kept in {}", base.display())))
    }

    /// Takes over a folder of our own user that nobody holds.
    fn claim(path: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = open(path, flags, Mode::empty()).ok()?;
        if fstat(&lock).ok()?.st_uid != geteuid().as_raw() {
            return None;
        }
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { path: path.to_owned(), _lock: lock.into() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `HOME` of what runs here.
    pub(super) fn home(&self) -> PathBuf {
        home(&self.path)
    }

    /// `TMPDIR`.
    pub(super) fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// `XDG_RUNTIME_DIR`.
    pub(super) fn runtime(&self) -> PathBuf {
        self.path.join("run")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `HOME` of what runs in a folder.
pub(super) fn home(folder: &Path) -> PathBuf {
    folder.join("home")
}

fn base() -> io::Result<PathBuf> {
    fs::canonicalize(std::env::temp_dir())
}

/// Removes all folders that are stale, and ends what still runs in them. Blocks.
pub(super) fn sweep() {
    let Ok(entries) = base().and_then(fs::read_dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            clear(&entry.path());
        }
    }
}

/// Clears a folder whose keeper is known to be gone, or waits for another authprobe that does so already. Blocks.
pub(super) fn clear_own(path: &Path) {
    for _ in 0..PASSES {
        match Folder::claim(path) {
            Some(folder) => return empty(folder),
            None if !path.exists() => return,
            // A lock says nothing when it is given back; the other one needs some milliseconds.
            None => std::thread::sleep(OTHERS),
        }
    }
}

/// Ends what runs in a folder and removes it, if it is stale. Blocks.
fn clear(path: &Path) {
    if let Some(folder) = Folder::claim(path) {
        empty(folder);
    }
}

/// Ends what runs in a folder before it is removed.
fn empty(folder: Folder) {
    // Once more after each round: what was being started in the meantime.
    if !(0..PASSES).any(|_| proc::end_inside(folder.path(), ENDING)) {
        tracing::warn!(folder = %folder.path().display(), "processes of an ended browser cannot be ended");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_ones_own_while_it_is_held() {
        let folder = Folder::make().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(folder.temporary().join("file"), "x").unwrap();
        clear(&path);
        assert!(path.exists() && Folder::claim(&path).is_none());
        drop(folder);
        assert!(!path.exists());
    }

    /// As a killed keeper leaves it.
    fn left() -> PathBuf {
        let path = base().unwrap().join(format!("{PREFIX}{}", Id::<8>::random()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn links_are_not_followed() {
        let base = base().unwrap();
        let (target, link) =
            (base.join(Id::<8>::random().to_string()), base.join(format!("{PREFIX}{}", Id::<8>::random())));
        fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        clear(&link);
        assert!(target.exists());
        fs::remove_file(&link).unwrap();
        fs::remove_dir(&target).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_runs_in_a_stale_folder_is_ended() {
        use std::os::unix::process::ExitStatusExt as _;
        use std::process::{Command, Stdio};

        let path = left();
        let mut shell = Command::new("sh");
        // A child that does not name the folder itself, as those of a browser.
        shell.arg("-c").arg("env -i sleep 600 & echo; wait").arg(path.join("profile")).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = [0];
        io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut line).unwrap();
        clear_own(&path);
        assert_eq!(shell.wait().unwrap().signal(), Some(9));
        assert!(!path.exists());
        // Its child held the pipe.
        assert_eq!(io::Read::read(shell.stdout.as_mut().unwrap(), &mut line).unwrap(), 0);
    }
}
