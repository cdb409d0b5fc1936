//! Runs as they are kept: good ones packed into what is worth keeping, others whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cells::{put, take};
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome, StepState, Trigger, Verdict};

/// How many runs of a check may begin in the same millisecond.
const SAME: i64 = 16;
/// The unit of packed durations (microseconds).
pub(super) const UNIT: u128 = 100;

/// A run on its way into the file.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub check: CheckLabels,
    pub labels: Arc<BTreeMap<String, String>>,
    /// [`at`] of its start.
    pub at: i64,
    pub trace: [u8; 16],
    pub body: Body,
}

/// What is kept of it.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Good {
        late_millis: i64,
        took_micros: i64,
        asked: i64,
        /// Names of its steps, how they ended, whether they were cleanup.
        shape: Vec<(&'static str, StepState, bool)>,
        /// Gap before and duration of each step.
        steps: Vec<u8>,
    },
    Whole {
        verdict: i64,
        json: String,
    },
}

impl Run {
    /// What is worth keeping. `None`: it cannot be written as JSON.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let body = match outcome.verdict {
            Verdict::Good => Body::Good {
                late_millis: (outcome.start.as_nanos() - outcome.scheduled.as_nanos()) / 1_000_000,
                took_micros: i64::try_from(outcome.duration.as_micros()).unwrap_or(i64::MAX),
                asked: number(outcome.trigger),
                shape: outcome.steps.iter().map(|step| (step.name, step.state, step.cleanup)).collect(),
                steps: pack(outcome),
            },
            Verdict::Bad | Verdict::Inconclusive => Body::Whole {
                verdict: if outcome.verdict == Verdict::Bad { 1 } else { 2 },
                json: serde_json::to_string(&outcome.without_screenshot()).ok()?,
            },
        };
        let (check, labels) = (outcome.check.clone(), outcome.labels.clone());
        Some(Self { check, labels, at: at(outcome.start), trace: outcome.trace_id.0, body })
    }

    /// About how much memory it takes (bytes).
    pub(super) fn size(&self) -> usize {
        match &self.body {
            Body::Good { shape, steps, .. } => 150 + shape.len() * 24 + steps.len(),
            Body::Whole { json, .. } => 150 + json.len(),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        matches!(self.body, Body::Good { .. })
    }
}

/// The first place for a run that began then.
pub(super) fn at(start: Timestamp) -> i64 {
    (start.as_nanos().div_euclid(1_000_000)).saturating_mul(SAME)
}

/// When the run in that place began, to the millisecond.
pub(super) fn began(at: i64) -> Timestamp {
    Timestamp::from_nanos(at.div_euclid(SAME).saturating_mul(1_000_000))
}

const TRIGGERS: [Trigger; 4] = [Trigger::Scheduled, Trigger::Confirmation, Trigger::Manual, Trigger::Smoke];

fn number(trigger: Trigger) -> i64 {
    TRIGGERS.iter().position(|other| *other == trigger).map_or(0, |place| place as i64)
}

/// Gaps and durations of the steps.
fn pack(outcome: &Outcome) -> Vec<u8> {
    let mut out = Vec::with_capacity(outcome.steps.len() * 3);
    let units = |took: Duration| u64::try_from((took.as_micros() + UNIT / 2) / UNIT).unwrap_or(u64::MAX);
    let mut before = outcome.start;
    for step in &outcome.steps {
        put(&mut out, units(step.start.since(before)));
        put(&mut out, units(step.duration));
        before = step.start + step.duration;
    }
    out
}

/// The steps of a shape, as they are written in its table.
pub(super) fn shape_text(shape: &[(&'static str, StepState, bool)]) -> String {
    let steps: Vec<Value> = shape.iter().map(|(name, state, cleanup)| json!([name, state, cleanup])).collect();
    Value::Array(steps).to_string()
}

/// A good run as it was read.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub at: i64,
    pub trace: Vec<u8>,
    pub late_millis: i64,
    pub took_micros: i64,
    pub asked: i64,
    pub shape: String,
    pub steps: Vec<u8>,
}

/// Whose run it is.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub probe: String,
    pub kind: String,
    pub provider: String,
    pub client: String,
    pub region: String,
    pub labels: String,
}

/// No span: the ids of spans are not kept.
const NO_SPAN: &str = "0000000000000000";

impl Summary {
    /// In the form in which the API writes a run. What is not kept is empty: requests, warnings, observations, notes of
    /// steps, ids of spans (zero).
    pub(super) fn json(&self, who: &Who) -> Value {
        let start = began(self.at);
        let mut run = json!({
            "probe": who.probe, "kind": who.kind, "provider": who.provider, "client": who.client,
            "probe_region": who.region,
            "trace_id": self.trace.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "span_id": NO_SPAN,
            "trigger": usize::try_from(self.asked).ok().and_then(|place| TRIGGERS.get(place)).map(|t| t.as_str()),
            "scheduled": Timestamp::from_nanos(start.as_nanos().saturating_sub(self.late_millis.saturating_mul(1_000_000))),
            "start": start,
            "duration_seconds": self.took_micros as f64 / 1e6,
            "verdict": Verdict::Good,
            "warnings": [],
            "steps": self.steps(start),
            "observations": [],
            "kept": "summary",
        });
        if let Ok(labels @ Value::Object(_)) = serde_json::from_str::<Value>(&who.labels)
            && labels != json!({})
        {
            run["labels"] = labels;
        }
        run
    }

    fn steps(&self, start: Timestamp) -> Vec<Value> {
        let shape: Vec<(String, String, bool)> = serde_json::from_str(&self.shape).unwrap_or_default();
        let mut bytes = self.steps.as_slice();
        let mut next = start;
        let mut steps = Vec::with_capacity(shape.len());
        for (name, state, cleanup) in shape {
            let mut took = || take(&mut bytes).map(|units| Duration::from_micros(units.saturating_mul(UNIT as u64)));
            let (Some(gap), Some(took)) = (took(), took()) else { break };
            let began = next + gap;
            next = began + took;
            steps.push(json!({
                "name": name, "span_id": NO_SPAN, "state": state, "start": began,
                "duration_seconds": took.as_secs_f64(), "cleanup": cleanup, "requests": [],
            }));
        }
        steps
    }
}
