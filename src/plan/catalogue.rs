//! Objectives to start from (`probes/catalogue.toml`, built in): `catalogue = "login-success"` in `[[slo]]`.

use serde::Deserialize;

use crate::config::model::{Aggregate, Severity, Sli, Slo, SloWindow, Tier};
use crate::config::nearest;
use crate::config::values::Percent;

const TEXT: &str = include_str!("../../probes/catalogue.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    entry: Vec<Entry>,
}

/// An objective to start from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is called by people.
    pub title: String,
    /// The kinds of probes it fits.
    pub kinds: Vec<String>,
    /// What is good.
    pub sli: Sli,
    /// The share that must be.
    pub objective: Percent,
    /// Over which time.
    pub window: SloWindow,
    /// What is counted.
    pub aggregate: Option<Aggregate>,
    /// Its burn alerts.
    pub tiers: Option<Vec<Tier>>,
    /// How loud any bad event is.
    pub severity: Option<Severity>,
    /// What is counted, in a sentence.
    pub measures: String,
    /// What synthetic traffic does not see, and what it sees instead.
    pub instead: Option<String>,
}

/// All entries. The error is ours: the file is built in.
pub fn entries() -> Result<Vec<Entry>, String> {
    toml::from_str::<Document>(TEXT).map(|document| document.entry).map_err(|e| format!("built-in catalogue: {e}"))
}

/// Which of an objective's keys came from the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The entry.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The keys.
    pub keys: Vec<&'static str>,
    /// See [`Entry::measures`].
    pub measures: String,
    /// See [`Entry::instead`].
    pub instead: Option<String>,
}

/// Fills in what is not written.
pub fn fill(written: &mut Slo, entry: &Entry) -> Taken {
    let mut keys = Vec::new();
    if written.sli.is_none() {
        written.sli = Some(entry.sli.clone());
        keys.push("sli");
    }
    if written.objective.is_none() {
        written.objective = Some(entry.objective);
        keys.push("objective");
    }
    if written.window.is_none() {
        written.window = Some(entry.window.clone());
        keys.push("window");
    }
    if written.aggregate.is_none()
        && let Some(aggregate) = entry.aggregate
    {
        written.aggregate = Some(aggregate);
        keys.push("aggregate");
    }
    // Either belongs to one half of all targets only, and the target may be the writer's own.
    let any_event = written.objective == Some(Percent { ppm: 1_000_000 });
    if !any_event && written.tiers.is_none() && entry.tiers.is_some() {
        written.tiers.clone_from(&entry.tiers);
        keys.push("tiers");
    }
    if any_event && written.severity.is_none() && entry.severity.is_some() {
        written.severity = entry.severity;
        keys.push("severity");
    }
    let Entry { name, title, measures, instead, .. } = entry.clone();
    Taken { name, title, keys, measures, instead }
}

/// The names of the entries that fit a probe of that kind, as a sentence's end.
pub fn fitting(entries: &[Entry], kind: &str) -> String {
    let fitting: Vec<&str> =
        entries.iter().filter(|entry| entry.kinds.iter().any(|k| k == kind)).map(|entry| &*entry.name).collect();
    match fitting.is_empty() {
        true => format!("no entry fits kind `{kind}`"),
        false => format!("kind `{kind}` fits {}", nearest::listed(fitting)),
    }
}
