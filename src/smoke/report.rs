//! What a smoke run found: the one record that terminal, JSON, JUnit and GitHub's formats are made from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::outcome::{CheckLabels, Outcome};

pub mod schema;
pub mod words;

/// The version of the JSON schema: one more with each change that is not an addition.
pub const SCHEMA_VERSION: u32 = 1;
/// Outcomes that a check keeps of many runs: the first bad ones, the first inconclusive ones, the last good one.
pub const KEPT: usize = 5;

/// The judgement of a check or of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// The provider does what it must.
    Good,
    /// The provider does not offer it, and nobody named that probe: it decides nothing.
    Skipped,
    /// Could not tell: our own or the configuration's fault, or too little evidence.
    Inconclusive,
    /// The provider is bad.
    Bad,
}

impl Judgement {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Skipped => "skipped",
            Self::Inconclusive => "inconclusive",
            Self::Bad => "bad",
        }
    }
}

/// Everything.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Of authprobe.
    pub version: &'static str,
    /// Any bad → bad, else any inconclusive → inconclusive, else good; never `skipped`.
    pub verdict: Judgement,
    /// The exit status that belongs to it: 0, 1, 3 or 130.
    pub exit_code: u8,
    /// Why, in one sentence; redacted.
    pub reason: String,
    /// When it began.
    pub start: Timestamp,
    /// How long it took, waiting included, cleanup not.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// Whether somebody interrupted it: what was not decided by then is inconclusive.
    pub interrupted: bool,
    /// What it was to decide by.
    pub conditions: Conditions,
    /// Providers that were waited for (`--wait`).
    pub waited: Vec<Waited>,
    /// What it was compared with (`--against`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// In the order of the plan.
    pub checks: Vec<CheckReport>,
}

/// How it compares with an earlier result. For people: it changes no verdict. Checks are named by their id, `probe@region`,
/// in the order of the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Against {
    /// The file, as it was named.
    pub file: String,
    /// When the earlier one began (RFC 3339), as it says.
    pub start: String,
    /// Bad now, and good or skipped then.
    pub newly_bad: Vec<String>,
    /// Bad then and now.
    pub bad_before: Vec<String>,
    /// Bad now; then it could not be told, or the check was not in it.
    pub bad_since_unknown: Vec<String>,
    /// Bad then, good now.
    pub mended: Vec<String>,
    /// Bad then; now it could not be told, or the check is not among those that were selected.
    pub unknown: Vec<String>,
    /// Not in the earlier one, however they ended.
    pub new_checks: Vec<String>,
    /// In the earlier one, however they ended, and not among those that were selected now.
    pub gone: Vec<String>,
}

/// What is to decide.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Conditions {
    /// The most runs of a check.
    pub runs: u32,
    /// `None`: a single bad run is bad.
    pub sequential: Option<Sequential>,
    /// A run that takes longer is bad.
    pub max_latency: Vec<MaxLatency>,
    /// How long providers that are still rolling are waited for (`--wait`).
    #[serde(serialize_with = "opt_seconds", rename = "wait_seconds")]
    #[schemars(with = "Option<f64>")]
    pub wait: Option<Duration>,
    /// For everything together (`--deadline`).
    #[serde(serialize_with = "opt_seconds", rename = "deadline_seconds")]
    #[schemars(with = "Option<f64>")]
    pub deadline: Option<Duration>,
}

/// Wald's sequential probability ratio test (Wald 1945).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Sequential {
    /// A share of good runs that is good (`--accept`): above `reject`, below 1.
    pub accept: f64,
    /// A share of good runs that is bad (`--reject`): above 0.
    pub reject: f64,
    /// How sure each decision must be (`--confidence`): above 0.5, below 1.
    pub confidence: f64,
}

/// `--max-latency NAME=DURATION`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MaxLatency {
    /// A probe's name or pattern: its whole run; `PROBE/STEP`: that step of it; or the name of a step, of any probe.
    pub name: String,
    /// How long it may take.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    #[schemars(with = "f64")]
    pub limit: Duration,
}

/// A provider that was waited for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Waited {
    /// Which.
    pub provider: Arc<str>,
    /// How long.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    #[schemars(with = "f64")]
    pub took: Duration,
    /// How often it was tried.
    pub tries: u32,
    /// What it answered before it was ready: `503`, `connect`.
    pub why: String,
    /// Whether it answered in time.
    pub ready: bool,
}

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Good, and fast enough.
    pub good: u32,
    /// Bad, or too slow.
    pub bad: u32,
    /// Of the bad ones: those that were good but for their latency.
    pub slow: u32,
    /// Neither.
    pub inconclusive: u32,
    /// Not judged and none of the above: repeated, because the provider was still rolling (`--wait`) or its request budget
    /// was spent in the middle.
    pub repeated: u32,
}

/// One check.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckReport {
    /// Which.
    #[serde(flatten)]
    pub check: CheckLabels,
    /// The probe's own labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Arc<BTreeMap<String, String>>,
    /// How it ended.
    pub verdict: Judgement,
    /// Why, in one sentence that does not repeat what `fault` says of class, step and blame; redacted.
    pub reason: String,
    /// Its runs.
    pub counts: Counts,
    /// From its first run to its decision.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// Of its good runs: the middle one.
    #[serde(serialize_with = "opt_seconds", rename = "median_seconds")]
    #[schemars(with = "Option<f64>")]
    pub median: Option<Duration>,
    /// The fault that stands for it: the first bad run's, else the first inconclusive one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The runs that are worth a look, at most [`KEPT`], in order.
    pub runs: Vec<Arc<Outcome>>,
    /// The file with the picture of the page on which a login failed, if one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<String>,
}

fn seconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

fn opt_seconds<S: Serializer>(took: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match took {
        Some(took) => serializer.serialize_some(&took.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
