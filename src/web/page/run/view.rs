//! A run as its page shows it: of an outcome in memory, or of what the ledger kept. Plain values, read and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::measured::Measured;
use crate::clock::Timestamp;
use crate::outcome::{BrowserReport, Outcome, PageTiming, Phases, RequestRecord, StepRecord};
use crate::web::body::rfc3339;

/// From where a run is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// Whole, from memory.
    #[default]
    Whole,
    /// From the ledger, whole but for the picture.
    InLedger,
    /// From the ledger, where of good runs only the steps and their durations are kept.
    Summary,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunView {
    pub probe: String,
    pub kind: String,
    pub provider: String,
    #[serde(default)]
    pub client: String,
    #[serde(rename = "probe_region")]
    pub region: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub trace_id: String,
    #[serde(default)]
    pub trigger: Option<String>,
    #[serde(deserialize_with = "time")]
    pub scheduled: Timestamp,
    #[serde(deserialize_with = "time")]
    pub start: Timestamp,
    #[serde(rename = "duration_seconds", deserialize_with = "seconds")]
    pub duration: Duration,
    pub verdict: String,
    #[serde(default)]
    pub fault: Option<FaultView>,
    #[serde(default)]
    pub warnings: Vec<WarningView>,
    #[serde(default)]
    pub steps: Vec<StepView>,
    /// What this program does not know (a ledger of a newer one) is left out.
    #[serde(default, deserialize_with = "measured")]
    pub observations: Vec<Measured>,
    #[serde(default)]
    pub browser: Option<BrowserView>,
    #[serde(skip)]
    pub kept: Kept,
}

/// Why it did not end well.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FaultView {
    pub class: String,
    pub blame: String,
    #[serde(default)]
    pub step: String,
    pub detail: String,
    #[serde(default)]
    pub findings: Vec<FindingView>,
    #[serde(default)]
    pub account: Option<AccountView>,
    #[serde(default)]
    pub upstream: Option<String>,
    /// Known in memory only.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// Something found wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FindingView {
    pub class: String,
    pub clause: String,
    pub detail: String,
    #[serde(default)]
    pub attack: Option<String>,
}

/// Whose credentials were refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AccountView {
    pub kind: String,
    pub name: String,
}

/// What a strict reader minds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct WarningView {
    pub code: String,
    #[serde(default)]
    pub clause: String,
    pub detail: String,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StepView {
    pub name: String,
    pub state: String,
    #[serde(deserialize_with = "time")]
    pub start: Timestamp,
    #[serde(rename = "duration_seconds", deserialize_with = "seconds")]
    pub duration: Duration,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub cleanup: bool,
    #[serde(default)]
    pub requests: Vec<RequestView>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RequestView {
    pub endpoint: String,
    #[serde(default)]
    pub region: String,
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub resend: u32,
    #[serde(deserialize_with = "time")]
    pub start: Timestamp,
    #[serde(rename = "duration_seconds", deserialize_with = "seconds")]
    pub duration: Duration,
    #[serde(default, rename = "phases_seconds")]
    pub phases: PhasesView,
    #[serde(default)]
    pub body_bytes: u64,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default, deserialize_with = "opt_time")]
    pub certificate_not_after: Option<Timestamp>,
}

/// How the time of a request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct PhasesView {
    #[serde(default, deserialize_with = "opt_seconds")]
    pub resolve: Option<Duration>,
    #[serde(default, deserialize_with = "opt_seconds")]
    pub connect: Option<Duration>,
    #[serde(default, deserialize_with = "opt_seconds")]
    pub tls: Option<Duration>,
    #[serde(default, deserialize_with = "opt_seconds")]
    pub processing: Option<Duration>,
    #[serde(default, deserialize_with = "opt_seconds")]
    pub transfer: Option<Duration>,
}

impl PhasesView {
    /// All of them in order; `None`: it did not happen.
    pub const fn all(&self) -> [(&'static str, Option<Duration>); 5] {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ]
    }
}

/// What a real browser saw.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BrowserView {
    pub name: String,
    #[serde(rename = "overhead_seconds", deserialize_with = "seconds")]
    pub overhead: Duration,
    #[serde(default)]
    pub pages: Vec<PageView>,
    #[serde(default)]
    pub evidence: Option<EvidenceView>,
}

/// A document that it loaded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PageView {
    pub url: String,
    #[serde(default)]
    pub redirects: u32,
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default, rename = "ttfb_seconds", deserialize_with = "opt_seconds")]
    pub ttfb: Option<Duration>,
    #[serde(default, rename = "dom_ready_seconds", deserialize_with = "opt_seconds")]
    pub dom_ready: Option<Duration>,
    #[serde(default, rename = "loaded_seconds", deserialize_with = "opt_seconds")]
    pub loaded: Option<Duration>,
    #[serde(default, rename = "largest_paint_seconds", deserialize_with = "opt_seconds")]
    pub largest_paint: Option<Duration>,
    #[serde(default)]
    pub resources: u32,
    #[serde(default)]
    pub foreign: u32,
}

/// What was on the page when a login failed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EvidenceView {
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub outline: String,
    #[serde(default)]
    pub console: Vec<String>,
    /// Width and height of the picture, if one is in memory.
    #[serde(skip)]
    pub picture: Option<(u32, u32)>,
}

impl RunView {
    /// What the ledger kept; `None`: it cannot be read.
    pub fn kept(json: &Value) -> Option<Self> {
        let mut run = Self::deserialize(json).ok()?;
        run.kept = if json["kept"] == "summary" { Kept::Summary } else { Kept::InLedger };
        Some(run)
    }

    /// All requests of all steps.
    pub fn requests(&self) -> usize {
        self.steps.iter().map(|step| step.requests.len()).sum()
    }

    /// The regions that its requests left from, each once, its own first.
    pub fn regions(&self) -> Vec<&str> {
        let mut all = vec![&*self.region];
        for request in self.steps.iter().flat_map(|step| &step.requests) {
            if !request.region.is_empty() && !all.contains(&&*request.region) {
                all.push(&request.region);
            }
        }
        all
    }
}

impl From<&Outcome> for RunView {
    fn from(outcome: &Outcome) -> Self {
        let warning = |warning: &crate::outcome::Warning| WarningView {
            code: warning.code.to_owned(),
            clause: warning.clause.to_owned(),
            detail: warning.detail.clone(),
        };
        Self {
            probe: outcome.check.probe.to_string(),
            kind: outcome.check.kind.to_owned(),
            provider: outcome.check.provider.to_string(),
            client: outcome.check.client.to_string(),
            region: outcome.check.region.to_string(),
            labels: (*outcome.labels).clone(),
            trace_id: outcome.trace_id.to_string(),
            trigger: Some(outcome.trigger.as_str().to_owned()),
            scheduled: outcome.scheduled,
            start: outcome.start,
            duration: outcome.duration,
            verdict: outcome.verdict.as_str().to_owned(),
            fault: outcome.fault.as_ref().map(FaultView::from),
            warnings: outcome.warnings.iter().map(warning).collect(),
            steps: outcome.steps.iter().map(StepView::from).collect(),
            observations: outcome.observations.iter().map(Measured::from).collect(),
            browser: outcome.browser.as_ref().map(BrowserView::from),
            kept: Kept::Whole,
        }
    }
}

impl From<&crate::fault::Fault> for FaultView {
    fn from(fault: &crate::fault::Fault) -> Self {
        use crate::fault::Account;
        let finding = |finding: &crate::fault::Finding| FindingView {
            class: finding.class.as_str().to_owned(),
            clause: finding.clause.to_owned(),
            detail: finding.detail.clone(),
            attack: finding.attack.map(str::to_owned),
        };
        let account = |account: &Account| match account {
            Account::User(name) => AccountView { kind: "user".to_owned(), name: name.clone() },
            Account::Client(name) => AccountView { kind: "client".to_owned(), name: name.clone() },
        };
        Self {
            class: fault.class.as_str().to_owned(),
            blame: fault.blame.as_str().to_owned(),
            step: fault.step.to_owned(),
            detail: fault.detail.clone(),
            findings: fault.findings.iter().map(finding).collect(),
            account: fault.account.as_deref().map(account),
            upstream: fault.upstream.as_ref().map(ToString::to_string),
            retry_after: fault.retry_after,
        }
    }
}

impl From<&StepRecord> for StepView {
    fn from(step: &StepRecord) -> Self {
        use crate::outcome::StepState;
        let state = match step.state {
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Skipped => "skipped",
        };
        Self {
            name: step.name.to_owned(),
            state: state.to_owned(),
            start: step.start,
            duration: step.duration,
            note: step.note.clone(),
            cleanup: step.cleanup,
            requests: step.requests.iter().map(RequestView::from).collect(),
        }
    }
}

impl From<&RequestRecord> for RequestView {
    fn from(request: &RequestRecord) -> Self {
        let Phases { resolve, connect, tls, processing, transfer } = request.phases;
        Self {
            endpoint: request.endpoint.to_owned(),
            region: request.region.to_string(),
            method: request.method.to_owned(),
            url: request.url.clone(),
            status: request.status,
            resend: request.resend,
            start: request.start,
            duration: request.duration,
            phases: PhasesView { resolve, connect, tls, processing, transfer },
            body_bytes: request.body_bytes,
            error: request.error.map(str::to_owned),
            certificate_not_after: request.certificate_not_after,
        }
    }
}

impl From<&BrowserReport> for BrowserView {
    fn from(report: &BrowserReport) -> Self {
        let page = |page: &PageTiming| PageView {
            url: page.url.clone(),
            redirects: page.redirects,
            status: page.status,
            ttfb: page.ttfb,
            dom_ready: page.dom_ready,
            loaded: page.loaded,
            largest_paint: page.largest_paint,
            resources: page.resources,
            foreign: page.foreign,
        };
        let evidence = |evidence: &crate::outcome::Evidence| EvidenceView {
            url: evidence.url.clone(),
            title: evidence.title.clone(),
            outline: evidence.outline.clone(),
            console: evidence.console.clone(),
            picture: evidence.screenshot.as_ref().map(|picture| super::browser::size(&picture.0)),
        };
        Self {
            name: report.name.clone(),
            overhead: report.overhead,
            pages: report.pages.iter().map(page).collect(),
            evidence: report.evidence.as_ref().map(evidence),
        }
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    rfc3339(&text).ok_or_else(|| serde::de::Error::custom("no time of RFC 3339"))
}

fn opt_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(rfc3339))
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(Duration::try_from_secs_f64(f64::deserialize(from)?).unwrap_or_default())
}

fn opt_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}

fn measured<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Measured>, D::Error> {
    let all = Vec::<Value>::deserialize(from)?;
    Ok(all.iter().filter_map(|one| Measured::deserialize(one).ok()).collect())
}
