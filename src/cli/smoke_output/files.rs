//! `--format`, and `--output FORMAT=FILE`: results written to files, whole or not at all.

use std::path::PathBuf;
use std::str::FromStr;

use super::{github, human, json, junit};
use crate::cli::results;
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

/// See [`results::check`].
pub fn check_outputs(outputs: &[Output]) -> Result<(), Vec<String>> {
    let outputs: Vec<_> = outputs.iter().map(|output| (output.format.as_str(), &*output.file)).collect();
    results::check(&outputs)
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
        results::put(file, text.as_bytes()).map_err(complain).err()
    };
    let wrong: Vec<_> = outputs.iter().filter_map(write).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
