//! Login pages that are known by name: `page = "…"`. One TOML file each in `probes/pages/`, built into the binary.

use serde::Deserialize;

use super::steps::{Guide, StepSettings, Target};

/// Every preset: its name and its file.
const PRESETS: [(&str, &str); 4] = [
    ("canaille", include_str!("../../../probes/pages/canaille.toml")),
    ("django", include_str!("../../../probes/pages/django.toml")),
    ("generic", include_str!("../../../probes/pages/generic.toml")),
    ("oidc-provider", include_str!("../../../probes/pages/oidc-provider.toml")),
];

/// The file of a preset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// One sentence for people.
    summary: String,
    /// An element that is there when name or password were refused.
    refused: Option<String>,
    /// An element that is there when something is asked for that we cannot answer.
    challenge: Option<String>,
    /// What to do, in order; none: by the obvious fields.
    #[serde(default)]
    step: Vec<StepSettings>,
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// What a preset is for, in one sentence.
pub fn summary(name: &str) -> Option<String> {
    read(name)?.ok().map(|(summary, _)| summary)
}

/// The preset of that name.
pub fn guide(name: &str) -> Option<Guide> {
    read(name)?.ok().map(|(_, guide)| guide)
}

fn read(name: &str) -> Option<Result<(String, Guide), String>> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(parse(text))
}

fn parse(text: &str) -> Result<(String, Guide), String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let target = |text: Option<String>| text.as_deref().map(Target::parse).transpose();
    let steps = file.step.iter().map(StepSettings::resolve).collect::<Result<_, _>>();
    Ok((
        file.summary,
        Guide {
            steps: steps.map_err(|(key, message)| format!("{key}: {message}"))?,
            refused: target(file.refused)?,
            challenge: target(file.challenge)?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_read_and_there_is_one_for_every_file() {
        for name in names() {
            let (summary, _) = read(name).unwrap().unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(summary.len() > 10 && summary.ends_with('.'), "{name}: {summary:?}");
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("probes/pages");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, names().collect::<Vec<_>>());
    }
}
