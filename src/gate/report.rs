//! What a gate found: the one record that every format is made from.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::decide::{Decision, Judged, Reason};
use super::mark::Mark;
use super::{Alert, Slo, State};
use crate::clock::Timestamp;
use crate::slo::Counts;

/// The version of the JSON schema: one more with each change that is not an addition.
pub const SCHEMA_VERSION: u32 = 1;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// 0.
    Open,
    /// 1.
    Closed,
    /// 3.
    Unknown,
    /// 130.
    Interrupted,
}

impl Verdict {
    /// The exit status that belongs to it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Closed => 1,
            Self::Unknown => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Open => Self::Open,
            Decision::Closed => Self::Closed,
            Decision::Unknown | Decision::Watching => Self::Unknown,
        }
    }
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Of authprobe.
    pub version: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// The exit status that belongs to it.
    pub exit_code: u8,
    /// Why, in one sentence.
    pub reason: String,
    /// Everything that led to it.
    pub reasons: Vec<Reason>,
    /// What decided nothing and is worth a look.
    pub warnings: Vec<String>,
    /// Who was asked.
    pub source: SourceView,
    /// The deployment that was marked.
    pub deployment: Option<Mark>,
    /// What counts happened since.
    pub since: Timestamp,
    /// When the watch is over.
    pub until: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Of this command.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    pub duration: Duration,
    /// The limit.
    pub max_burn: f64,
    /// In the order of the source.
    pub slos: Vec<SloView>,
    /// Those that concern them.
    pub alerts: Vec<AlertView>,
    /// How often the source was asked, and how often in vain.
    pub looks: Looks,
}

/// Who was asked.
#[derive(Clone, Debug, Serialize)]
pub struct SourceView {
    /// `daemon` or `prometheus`.
    pub kind: &'static str,
    /// Where it is.
    pub url: String,
}

/// How often the source was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Looks {
    /// And answered.
    pub answered: u64,
    /// In vain.
    pub failed: u64,
}

/// An objective at the last look.
#[derive(Clone, Debug, Serialize)]
pub struct SloView {
    /// Its name.
    pub name: String,
    /// `None`: several, or not known.
    pub provider: Option<String>,
    /// The promise.
    pub objective: String,
    /// The share that may be bad.
    pub allowed_ratio: f64,
    /// Counted since the beginning.
    pub counts: Counts,
    /// Bad ÷ judged; `None`: nothing was judged.
    pub error_ratio: Option<f64>,
    /// Error ratio ÷ allowed ratio; `None`: nothing was judged, or nothing is allowed.
    pub burn: Option<f64>,
    /// As much of it as the failures prove.
    pub burn_lower: Option<f64>,
    /// Judged ÷ expected; `None`: nothing was expected.
    pub coverage: Option<f64>,
    /// How much is needed.
    pub min_coverage: f64,
    /// Of the whole window; `None`: not known.
    pub budget_remaining: Option<f64>,
    /// What failed most; of objectives that closed the gate.
    pub cause: Option<Cause>,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The class of the fault.
    pub class: String,
    /// Whose fault.
    pub blame: String,
    /// In which step.
    pub step: String,
    /// Of the latest such run; redacted, perhaps empty.
    pub detail: String,
    /// So many of the runs that were looked at.
    pub count: u64,
    /// Of the latest such run.
    pub trace_id: Option<String>,
}

impl Cause {
    /// For people: `http_status (provider) at token: 503 from /token`.
    pub fn text(&self) -> String {
        let at = if self.step.is_empty() { String::new() } else { format!(" at {}", self.step) };
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{} ({}){at}{detail}", self.class, self.blame)
    }
}

/// An alert at the last look.
#[derive(Clone, Debug, Serialize)]
pub struct AlertView {
    /// `alertname`.
    pub name: String,
    /// `page` or `ticket`.
    pub severity: String,
    /// The objective, else the probe, else the provider, with the region.
    pub subject: String,
    /// Where it is.
    pub state: State,
    /// Whether it fired before the beginning.
    pub before: bool,
    /// When it fired.
    pub fired_at: Option<Timestamp>,
    /// What it says.
    pub description: String,
}

impl From<&Slo> for SloView {
    fn from(slo: &Slo) -> Self {
        let burn = slo.burn();
        Self {
            name: slo.name.clone(),
            provider: slo.provider.clone(),
            objective: slo.objective.clone(),
            allowed_ratio: slo.allowed,
            counts: slo.counts,
            error_ratio: slo.counts.error_ratio(),
            burn: burn.burn,
            burn_lower: burn.burn.map(|_| burn.lower),
            coverage: slo.coverage(),
            min_coverage: slo.min_coverage,
            budget_remaining: slo.budget,
            cause: None,
        }
    }
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            name: alert.name.clone(),
            severity: alert.severity.clone(),
            subject: alert.subject(),
            state: alert.state,
            before: alert.before,
            fired_at: alert.fired_at,
            description: alert.description.clone(),
        }
    }
}

/// A decision in one sentence.
pub fn sentence(verdict: Verdict, judged: &Judged) -> String {
    let rest = judged.reasons.len().saturating_sub(1);
    let more = if rest == 0 { String::new() } else { format!(" (and {rest} more)") };
    let first = judged.reasons.first().map_or("", |reason| reason.text.as_str());
    match verdict {
        Verdict::Open => "nothing burns faster than allowed, and enough was measured".to_owned(),
        Verdict::Interrupted => "interrupted before it was decided".to_owned(),
        Verdict::Closed | Verdict::Unknown => format!("{first}{more}"),
    }
}

/// As JSON, on several lines.
pub fn json(report: &Report) -> String {
    let text = serde_json::to_string_pretty(report);
    let text = text.unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")) + "\n";
    // What CI systems take for a command when it is printed; outside strings JSON knows no `#`.
    let commands = ["##[", "##vso[", "##teamcity["];
    commands.iter().fold(text, |text, command| text.replace(command, &command.replace('[', "\\u005b")))
}

fn seconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}
