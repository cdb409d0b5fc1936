//! Every file under `tests/invalid` has the mistake that its name says, and `authprobe check` must say so in the words
//! beside it. `UPDATE_EXPECTED=1 cargo test --test config_invalid` writes those down anew: read the difference.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands for a secret in the fixtures: it must be echoed nowhere.
const CANARY: &str = "hunter2";

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_authprobe"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("AUTHPROBE_TEST_SECRET", "not-a-seed!")
        .arg("check")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn every_mistake_is_named() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    let files = fixtures();
    assert!(files.len() >= 30, "{} fixtures", files.len());
    for file in files {
        let relative = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        let output = check(&["--config", relative.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        let shown = relative.display();
        if output.status.code() != Some(2) || !output.stdout.is_empty() {
            wrong.push(format!(
                "{shown}: status {:?}, standard output {:?}",
                output.status.code(),
                output.stdout.len()
            ));
        }
        if said.contains(CANARY) {
            wrong.push(format!("{shown}: echoes a secret:\n{said}"));
        }
        let expected = file.with_extension("stderr");
        if update {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{shown}: says otherwise than {}:\n{said}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn six_mistakes_are_six_errors() {
    let output = check(&["--config", "tests/invalid/six_mistakes.toml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let count = said.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(count, 7, "six and a summary:\n{said}");
    assert!(said.ends_with("error: 6 errors in the configuration\n"), "{said}");
    let lines: Vec<usize> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--> tests/invalid/six_mistakes.toml:"))
        .map(|place| place.split(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(lines, [2, 6, 12, 18, 23, 25]);
}

#[test]
fn no_configuration_is_a_usage_error() {
    for arguments in [&["--config", "does/not/exist.toml"][..], &["--config", "tests"], &["--region"]] {
        assert_eq!(check(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
