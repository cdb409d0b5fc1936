//! What one run found: the single record that store, metrics, traces, page and terminal are made from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::fault::{Class, Fault};

mod observation;
mod page;

pub use observation::Observation;
pub use page::{BrowserReport, Evidence, PageTiming, Screenshot};

/// The judgement of a run. `Inconclusive` enters no SLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every declared step was done and nothing was wrong.
    Good,
    /// The network's or the provider's fault.
    Bad,
    /// The configuration's or our own fault, or not everything was measured.
    Inconclusive,
}

impl Verdict {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Why a run took place. Only scheduled runs enter an SLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The schedule asked for it.
    Scheduled,
    /// The detector asked for more evidence.
    Confirmation,
    /// A person asked for it.
    Manual,
    /// A deploy gate asked for it.
    Smoke,
}

impl Trigger {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Confirmation => "confirmation",
            Self::Manual => "manual",
            Self::Smoke => "smoke",
        }
    }
}

/// Who ran: the labels of every series of a check. Names come from the configuration only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct CheckLabels {
    /// The probe's name.
    pub probe: Arc<str>,
    /// The probe's kind.
    pub kind: &'static str,
    /// The provider's name.
    pub provider: Arc<str>,
    /// The client's name; empty for kinds that need none.
    pub client: Arc<str>,
    /// The region's name.
    #[serde(rename = "probe_region")]
    pub region: Arc<str>,
}

impl std::fmt::Display for CheckLabels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.probe, self.region)
    }
}

/// The W3C trace id of a run, or the id of a span in it: hexadecimal wherever it is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<const N: usize>(pub [u8; N]);

/// Of a run.
pub type TraceId = Id<16>;
/// Of a step or a request.
pub type SpanId = Id<8>;

impl<const N: usize> Id<N> {
    /// A fresh random one.
    pub fn random() -> Self {
        let mut bytes = [0; N];
        aws_lc_rs::rand::fill(&mut bytes).expect("the system's random numbers");
        Self(bytes)
    }
}

impl<const N: usize> std::fmt::Display for Id<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> std::fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> JsonSchema for Id<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Id{N}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", 2 * N) })
    }
}

impl<const N: usize> Serialize for Id<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something a strict reader minds and an ordinary client survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Warning {
    /// A short stable name such as `content_type`.
    pub code: &'static str,
    /// Where it is written; empty for plain good sense.
    pub clause: &'static str,
    /// In words, redacted.
    pub detail: String,
}

impl Warning {
    /// One warning.
    pub fn new(code: &'static str, clause: &'static str, detail: impl Into<String>) -> Self {
        Self { code, clause, detail: detail.into() }
    }
}

/// How the time of a request went: what did not happen (a second resolution, TLS on plain http) is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Phases {
    /// Name resolution.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub resolve: Option<Duration>,
    /// TCP connection, the egress proxy's handshake included.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub connect: Option<Duration>,
    /// TLS handshake.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub tls: Option<Duration>,
    /// From the request being sent to the head of the answer.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub processing: Option<Duration>,
    /// From the head of the answer to its last byte.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub transfer: Option<Duration>,
}

impl Phases {
    /// The phases that happened, in order, with the names of the metric's `phase` label.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ]
        .into_iter()
        .filter_map(|(name, took)| Some((name, took?)))
    }
}

/// One HTTP request of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RequestRecord {
    /// Its span.
    pub span_id: SpanId,
    /// Which of the provider's endpoints: a closed set, see [`crate::oidc::http::Endpoint`].
    pub endpoint: &'static str,
    /// From which region it was sent.
    pub region: Arc<str>,
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The URL with everything secret in its query masked.
    pub url: String,
    /// The host that was asked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The status, if an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often this was a repetition of the same request.
    pub resend: u32,
    /// When it began.
    pub start: Timestamp,
    /// From begin to end.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// How the time went.
    #[serde(rename = "phases_seconds")]
    pub phases: Phases,
    /// Bytes of the (decoded) body.
    pub body_bytes: u64,
    /// The class name of the transport fault, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// When the server's certificate expires, if it showed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_not_after: Option<Timestamp>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// It succeeded.
    Done,
    /// It ended the run.
    Failed,
    /// It did not apply; the reason is beside it.
    Skipped,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StepRecord {
    /// Its name: one of those that the kind declared, or a cleanup's.
    pub name: &'static str,
    /// Its span.
    pub span_id: SpanId,
    /// How it ended.
    pub state: StepState,
    /// When it began.
    pub start: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// Why it was skipped, what it left out or, for cleanup, what went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Whether it only cleaned up: never part of the verdict.
    pub cleanup: bool,
    /// Its requests.
    pub requests: Vec<RequestRecord>,
}

/// One run, whole.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outcome {
    /// Which check.
    #[serde(flatten)]
    pub check: CheckLabels,
    /// The probe's own labels, passed on to alerts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Arc<BTreeMap<String, String>>,
    /// Its trace, also its id.
    pub trace_id: TraceId,
    /// The root span.
    pub span_id: SpanId,
    /// Why it ran.
    pub trigger: Trigger,
    /// When it was due.
    pub scheduled: Timestamp,
    /// When it began.
    pub start: Timestamp,
    /// From begin to verdict, cleanup not included.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// The judgement.
    pub verdict: Verdict,
    /// Present unless the run was good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What a strict reader minds.
    pub warnings: Vec<Warning>,
    /// The steps in order.
    pub steps: Vec<StepRecord>,
    /// Measured values.
    pub observations: Vec<Observation>,
    /// What a real browser has to say, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserReport>,
}

/// The endpoint of requests that test our own uplink.
pub const REFERENCE: &str = "reference";
/// The endpoint of pages of another identity provider that a broker sends its users on to.
pub const UPSTREAM: &str = "upstream";
/// Steps that succeed only with the right credentials.
const PROVING: [&str; 3] = ["login", "token", "refresh"];

impl RequestRecord {
    /// Whether it says something about the provider: a region's reference is somebody else's.
    pub fn is_providers(&self) -> bool {
        self.endpoint != REFERENCE
    }

    /// Whether it was a page of another identity provider that the probed one sent us on to.
    pub fn is_upstream(&self) -> bool {
        self.endpoint == UPSTREAM
    }
}

impl Outcome {
    /// Whether it showed that the credentials of its account or client are accepted, or that they are not; `None`: it did
    /// not get so far, or ended for another reason.
    pub fn credentials_accepted(&self) -> Option<bool> {
        let refused = |fault: &Fault| matches!(fault.class, Class::Credentials | Class::Challenge);
        if self.fault.as_ref().is_some_and(refused) {
            return Some(false);
        }
        let proves =
            |step: &&StepRecord| PROVING.contains(&step.name) && step.state == StepState::Done && !step.cleanup;
        (self.verdict == Verdict::Good || self.steps.iter().any(|step| proves(&step))).then_some(true)
    }

    /// All requests, in order.
    pub fn requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.steps.iter().flat_map(|step| &step.requests)
    }

    /// The picture of the page on which a login failed, if one was taken and is still kept.
    pub fn screenshot(&self) -> Option<&Screenshot> {
        self.browser.as_ref()?.screenshot()
    }

    /// The same run without its picture: for whoever holds many runs.
    #[must_use]
    pub fn without_screenshot(&self) -> Self {
        let mut outcome = self.clone();
        if let Some(evidence) = outcome.browser.as_mut().and_then(|browser| browser.evidence.as_mut()) {
            evidence.screenshot = None;
        }
        outcome
    }
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
