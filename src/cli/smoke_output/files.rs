//! `--format`, and `--output FORMAT=FILE`: results written to files, whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{github, human, json, junit};
use crate::config::nearest::nearest;
use crate::smoke::report::Report;
use crate::terminal::Terminal;

/// A form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One document, see docs/smoke.schema.json
    Json,
    /// JUnit XML: a test case a check
    Junit,
    /// Annotations and, in $GITHUB_STEP_SUMMARY, a summary
    Github,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Human, Self::Json, Self::Junit, Self::Github];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Github => "github",
        }
    }
}

/// `--output FORMAT=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// In which form.
    pub format: Format,
    /// Where to; relative to the working directory.
    pub file: PathBuf,
}

/// What is wrong is said with what is allowed.
impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Format::ALL.map(Format::as_str);
        let allowed = format!("expected FORMAT=FILE, such as `junit=smoke.xml`; formats: {}", names.join(", "));
        let (name, file) = text.split_once('=').ok_or_else(|| allowed.clone())?;
        let Some(format) = Format::ALL.into_iter().find(|format| format.as_str() == name) else {
            let meant = nearest(name, names).map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
            return Err(format!("unknown format `{name}`{meant}; {allowed}"));
        };
        match file {
            "" => Err(format!("no file is named; {allowed}")),
            "-" => Err("standard output has the format that `--format` says; name a file here".to_owned()),
            file => Ok(Self { format, file: file.into() }),
        }
    }
}

/// What can be known to fail before anything is probed: two results in one file, folders that are not there or not to be
/// written, files that are folders. Every mistake at once, each naming the option.
pub fn check_outputs(outputs: &[Output]) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    for (n, Output { format, file }) in outputs.iter().enumerate() {
        let mut complain = |why: &str| {
            wrong.push(format!("--output {}={}: {why}", format.as_str(), file.display()));
        };
        let earlier = outputs[..n].iter().find(|other| same(&other.file, file));
        if let Some(earlier) = earlier {
            complain(&format!("`--output {}=…` goes to the same file", earlier.format.as_str()));
        }
        match std::fs::metadata(folder(file)) {
            Err(error) => complain(&format!("the folder {} cannot be used: {error}", folder(file).display())),
            Ok(found) if !found.is_dir() => complain(&format!("{} is not a folder", folder(file).display())),
            Ok(_) if file.is_dir() => complain("is a folder; name a file"),
            Ok(_) => {
                let target = target(file);
                let writable = if replaced(&target) { folder(&target) } else { &target };
                if let Err(error) = rustix::fs::access(writable, rustix::fs::Access::WRITE_OK) {
                    complain(&format!("{} cannot be written: {error}", writable.display()));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Whether two names are one regular file.
fn same(one: &Path, other: &Path) -> bool {
    let whole = |file: &Path| {
        let file = target(file);
        let folder = std::fs::canonicalize(folder(&file)).unwrap_or_else(|_| folder(&file).to_owned());
        (replaced(&file), folder.join(file.file_name().unwrap_or_default()))
    };
    let (one, other) = (whole(one), whole(other));
    // A device or a pipe takes several.
    one.0 && one == other
}

/// The result in that form, as a file holds it. `human` is 120 columns wide and without colours; `github` is the summary:
/// annotations mean something on standard output only.
pub fn document(format: Format, report: &Report) -> String {
    match format {
        Format::Human => human(report, &Terminal { width: 120, colour: false, unicode: true }),
        Format::Json => json(report),
        Format::Junit => junit(report),
        Format::Github => github(report).summary,
    }
}

/// Writes each, whole or not at all. All are tried; each error names the option.
pub fn write_outputs(outputs: &[Output], report: &Report) -> Result<(), Vec<String>> {
    let write = |Output { format, file }: &Output| {
        let text = document(*format, report);
        let complain = |error| format!("--output {}={}: cannot write it: {error}", format.as_str(), file.display());
        put(file, text.as_bytes()).map_err(complain).err()
    };
    let wrong: Vec<_> = outputs.iter().filter_map(write).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Beside it, then in its place: whoever reads the file sees the whole result or the one before. Devices and pipes
/// (`/dev/stderr`) are written as they are.
fn put(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = target(file);
    if !replaced(&file) {
        return std::fs::OpenOptions::new().write(true).open(&file)?.write_all(bytes);
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", crate::outcome::SpanId::random()));
    let beside = folder(&file).join(name);
    let write = || {
        // Never somebody else's file or link.
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        if let Ok(before) = std::fs::metadata(&file) {
            let _ = out.set_permissions(before.permissions());
        }
        out.write_all(bytes)?;
        out.sync_all()?;
        std::fs::rename(&beside, &file)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

/// Where a link leads; links to nothing and all else as they are.
fn target(file: &Path) -> PathBuf {
    match std::fs::symlink_metadata(file) {
        Ok(found) if found.is_symlink() => std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()),
        _ => file.to_owned(),
    }
}

/// Whether it is a file that another can take the place of, or none yet.
fn replaced(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |found| found.is_file())
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
