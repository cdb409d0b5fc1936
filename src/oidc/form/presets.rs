//! Login pages that are known by name: `page = "…"`. One TOML file each in `probes/pages/`, built into the binary.

use serde::Deserialize;

use super::steps::{Guide, StepSettings, Target};

/// Names and files.
macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../probes/pages/", $name, ".toml")))),*]
    };
}

/// Every preset: its name and its file, by name.
const PRESETS: [(&str, &str); 12] = presets![
    "auth0",
    "authentik",
    "canaille",
    "cognito",
    "django",
    "entra-id",
    "generic",
    "keycloak",
    "oidc-provider",
    "okta",
    "ping",
    "zitadel",
];

/// The file of a preset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// One sentence for people.
    summary: String,
    /// Product and version that logins were seen going through, and when.
    tried: Option<String>,
    /// Product and version whose public templates or documentation it was written from, and no login was seen yet.
    untried: Option<String>,
    /// An element that is there when name or password were refused.
    refused: Option<String>,
    /// An element that is there when something is asked for that we cannot answer.
    challenge: Option<String>,
    /// What to do, in order; none: by the obvious fields.
    #[serde(default)]
    step: Vec<StepSettings>,
}

/// What a preset was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Logins were seen going through these products and versions.
    Tried(String),
    /// It was written from the public templates or documentation of these products and versions.
    Untried(String),
}

/// What is known of a preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub summary: String,
    /// How far to rely on it.
    pub standing: Standing,
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// What is known of every preset, by name.
pub fn all() -> impl Iterator<Item = About> {
    names().filter_map(about)
}

/// What is known of the preset of that name.
pub fn about(name: &str) -> Option<About> {
    read(name)?.ok().map(|(about, _)| about)
}

/// The preset of that name.
pub fn guide(name: &str) -> Option<Guide> {
    read(name)?.ok().map(|(_, guide)| guide)
}

fn read(name: &str) -> Option<Result<(About, Guide), String>> {
    let (name, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(parse(name, text))
}

fn parse(name: &'static str, text: &str) -> Result<(About, Guide), String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let standing = match (file.tried, file.untried) {
        (Some(what), None) => Standing::Tried(what),
        (None, Some(what)) => Standing::Untried(what),
        _ => return Err("exactly one of `tried` and `untried` says what it was written for".to_owned()),
    };
    let target = |text: Option<String>| text.as_deref().map(Target::parse).transpose();
    let steps = file.step.iter().map(StepSettings::resolve).collect::<Result<_, _>>();
    let guide = Guide {
        steps: steps.map_err(|(key, message)| format!("{key}: {message}"))?,
        refused: target(file.refused)?,
        challenge: target(file.challenge)?,
    };
    Ok((About { name, summary: file.summary, standing }, guide))
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_read_and_there_is_one_for_every_file() {
        for name in names() {
            let (about, _) = read(name).unwrap().unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(about.summary.len() > 10 && about.summary.ends_with('.'), "{name}: {:?}", about.summary);
            let (Standing::Tried(what) | Standing::Untried(what)) = about.standing;
            assert!(what.chars().any(|c| c.is_ascii_digit()), "{name}: {what:?} names no version");
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("probes/pages");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, names().collect::<Vec<_>>());
        assert_eq!(all().count(), files.len());
    }

    #[test]
    fn a_preset_says_whether_it_was_tried() {
        let of = |keys: &str| parse("a", &format!("summary = 'A page.'\n{keys}"));
        assert_eq!(of("tried = 'X 1, 2026-11'").unwrap().0.standing, Standing::Tried("X 1, 2026-11".into()));
        assert_eq!(of("untried = 'X 1'").unwrap().0.standing, Standing::Untried("X 1".into()));
        for keys in ["", "tried = 'X 1'\nuntried = 'X 2'"] {
            assert!(of(keys).unwrap_err().contains("exactly one"), "{keys}");
        }
    }
}
