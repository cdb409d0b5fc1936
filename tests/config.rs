//! Valid configurations through the binary: the plan that `check` prints, the schema and what it allows, the packs in
//! `probes/` and on the pages of kinds, and what `init` writes from a provider's metadata.

#[path = "config/check.rs"]
mod check;
#[path = "config/init.rs"]
mod init;
#[path = "config/kind_pages.rs"]
mod kind_pages;
#[path = "config/objectives.rs"]
mod objectives;
#[path = "config/schema.rs"]
mod schema;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The variables that the shipped configurations ask for.
const SECRETS: [(&str, &str); 3] = [
    ("AUTHPROBE_CLIENT_SECRET", "s3cret-of-the-client"),
    ("AUTHPROBE_USER_PASSWORD", "s3cret-of-the-user"),
    ("WEB_SECRET", "s3cret-of-the-readme"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the binary in a terminal-less, UTF-8, otherwise empty environment.
fn authprobe(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authprobe"));
    command.current_dir(folder).env_clear().env("LC_ALL", "C.UTF-8").envs(SECRETS).args(arguments);
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A fresh folder, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("authprobe-config-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        name.to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
