//! An outcome as one trace: spans built after the fact, with the ids and times that it carries already. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use opentelemetry::trace::{Event, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::clock::Timestamp;
use crate::outcome::{
    BrowserReport, Id, Outcome, PageTiming, RequestRecord, SpanId, StepRecord, StepState, TraceId, Verdict,
};

/// The most events of a span; further ones are counted as dropped.
const MAX_EVENTS: usize = 128;

/// The spans of a run, by the region that they were made in: most in the check's own, requests where they were sent.
pub fn of(outcome: &Outcome) -> BTreeMap<Arc<str>, Vec<SpanData>> {
    let mut spans: BTreeMap<Arc<str>, Vec<SpanData>> = BTreeMap::new();
    spans.entry(outcome.check.region.clone()).or_default().push(root(outcome));
    for step in &outcome.steps {
        spans.entry(outcome.check.region.clone()).or_default().push(step_span(outcome, step));
        for request in &step.requests {
            spans.entry(request.region.clone()).or_default().push(request_span(outcome, step, request));
        }
    }
    if let Some(report) = &outcome.browser {
        let pages = report.pages.iter().enumerate().map(|(n, page)| page_span(outcome, report, n, page));
        spans.entry(outcome.check.region.clone()).or_default().extend(pages);
    }
    spans
}

/// How many spans [`of`] makes.
pub fn count(outcome: &Outcome) -> usize {
    let pages = outcome.browser.as_ref().map_or(0, |report| report.pages.len());
    1 + outcome.steps.iter().map(|step| 1 + step.requests.len()).sum::<usize>() + pages
}

fn root(outcome: &Outcome) -> SpanData {
    let check = &outcome.check;
    let mut attributes = vec![
        text("authprobe.probe", check.probe.clone()),
        text("authprobe.kind", check.kind),
        text("authprobe.provider", check.provider.clone()),
        text("authprobe.region", check.region.clone()),
        text("authprobe.trigger", outcome.trigger.as_str()),
        text("authprobe.verdict", outcome.verdict.as_str()),
        seconds("authprobe.duration_seconds", outcome.duration),
        seconds("authprobe.schedule.lateness_seconds", outcome.start.since(outcome.scheduled)),
    ];
    if !check.client.is_empty() {
        attributes.push(text("authprobe.client", check.client.clone()));
    }
    let status = match &outcome.fault {
        Some(fault) => {
            attributes.extend([
                text("error.type", fault.class.as_str()),
                text("authprobe.fault.class", fault.class.as_str()),
                text("authprobe.fault.blame", fault.blame.as_str()),
                text("authprobe.fault.step", fault.step),
                text("authprobe.fault.detail", fault.detail.clone()),
            ]);
            attributes.extend(fault.upstream.as_ref().map(|host| text("authprobe.fault.upstream", host.to_string())));
            error(fault.to_string())
        }
        None if outcome.verdict == Verdict::Good => Status::Unset,
        None => error(outcome.verdict.as_str()),
    };
    // Cleanup goes on after the verdict, and a root that ends before its children confuses whoever draws it.
    let end = outcome.steps.iter().map(|step| step.start + step.duration).max().unwrap_or(outcome.start);
    let end = end.max(outcome.start + outcome.duration);
    SpanData {
        name: format!("authprobe.probe {}", check.kind).into(),
        attributes,
        events: events(outcome, end),
        status,
        ..blank(outcome.trace_id, outcome.span_id, None, outcome.start, end)
    }
}

/// Warnings and findings have no time of their own: they are known when the run is over.
fn events(outcome: &Outcome, at: Timestamp) -> SpanEvents {
    let warnings = outcome.warnings.iter().map(|warning| {
        let attributes = vec![
            text("authprobe.warning.code", warning.code),
            text("authprobe.warning.clause", warning.clause),
            text("authprobe.warning.detail", warning.detail.clone()),
        ];
        Event::new("authprobe.warning", at.to_system_time(), attributes, 0)
    });
    let findings = outcome.fault.iter().flat_map(|fault| &fault.findings).map(|finding| {
        let attributes = vec![
            text("authprobe.finding.class", finding.class.as_str()),
            text("authprobe.finding.clause", finding.clause),
            text("authprobe.finding.detail", finding.detail.clone()),
        ];
        Event::new("authprobe.finding", at.to_system_time(), attributes, 0)
    });
    let mut events = SpanEvents::default();
    events.events = findings.chain(warnings).take(MAX_EVENTS).collect();
    let all = outcome.warnings.len() + outcome.fault.as_ref().map_or(0, |fault| fault.findings.len());
    events.dropped_count = u32::try_from(all.saturating_sub(MAX_EVENTS)).unwrap_or(u32::MAX);
    events
}

fn step_span(outcome: &Outcome, step: &StepRecord) -> SpanData {
    let state = match step.state {
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Skipped => "skipped",
    };
    let mut attributes = vec![
        text("authprobe.step", step.name),
        text("authprobe.step.state", state),
        KeyValue::new("authprobe.step.cleanup", step.cleanup),
        text("authprobe.region", outcome.check.region.clone()),
    ];
    if !step.note.is_empty() {
        attributes.push(text("authprobe.step.note", step.note.clone()));
    }
    let status = if step.state == StepState::Failed {
        match outcome.fault.as_ref().filter(|fault| fault.step == step.name && !step.cleanup) {
            Some(fault) => {
                attributes.push(text("error.type", fault.class.as_str()));
                error(fault.to_string())
            }
            None => error(step.note.clone()),
        }
    } else {
        Status::Unset
    };
    SpanData {
        name: step.name.into(),
        attributes,
        status,
        ..blank(outcome.trace_id, step.span_id, Some(outcome.span_id), step.start, step.start + step.duration)
    }
}

/// An HTTP client span of the OpenTelemetry semantic conventions. A 4xx is an error, except in a step that succeeded:
/// there it is the refusal that the step wanted to see.
fn request_span(outcome: &Outcome, step: &StepRecord, request: &RequestRecord) -> SpanData {
    let mut attributes = vec![
        text("http.request.method", request.method),
        text("server.address", request.host.clone()),
        KeyValue::new("server.port", i64::from(request.port)),
        text("url.full", request.url.clone()),
        text("user_agent.synthetic.type", "test"),
        text("authprobe.endpoint", request.endpoint),
        text("authprobe.region", request.region.clone()),
        KeyValue::new("authprobe.http.body_bytes", i64::try_from(request.body_bytes).unwrap_or(i64::MAX)),
    ];
    if let Some(code) = request.status {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(code)));
    }
    if request.resend > 0 {
        attributes.push(KeyValue::new("http.request.resend_count", i64::from(request.resend)));
    }
    for (phase, took) in request.phases.iter() {
        attributes.push(seconds(format!("authprobe.http.phase.{phase}_seconds"), took));
    }
    let wanted = |code: u16| code < 400 || code < 500 && step.state == StepState::Done;
    let status = match (request.error, request.status) {
        (Some(class), _) => {
            attributes.push(text("error.type", class));
            error(class)
        }
        (None, Some(code)) if !wanted(code) => {
            attributes.push(text("error.type", code.to_string()));
            error("")
        }
        (None, _) => Status::Unset,
    };
    SpanData {
        span_kind: SpanKind::Client,
        name: request.method.into(),
        attributes,
        status,
        ..blank(outcome.trace_id, request.span_id, Some(step.span_id), request.start, request.start + request.duration)
    }
}

/// A page as somebody at the browser had it: below the step in which it began to load, with an event for each moment
/// that they could have noticed.
fn page_span(outcome: &Outcome, report: &BrowserReport, number: usize, page: &PageTiming) -> SpanData {
    let within = |step: &&StepRecord| !step.cleanup && step.start <= page.start;
    let parent = outcome.steps.iter().rev().find(within).map_or(outcome.span_id, |step| step.span_id);
    let mut attributes = vec![
        text("url.full", page.url.clone()),
        text("user_agent.synthetic.type", "test"),
        text("browser.name", report.name.clone()),
        KeyValue::new("authprobe.page.redirects", i64::from(page.redirects)),
        KeyValue::new("authprobe.page.resources", i64::from(page.resources)),
        KeyValue::new("authprobe.page.resources.foreign", i64::from(page.foreign)),
        text("authprobe.region", outcome.check.region.clone()),
    ];
    if let Some(code) = page.status {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(code)));
    }
    let mut events = SpanEvents::default();
    for (phase, took) in page.phases() {
        attributes.push(seconds(format!("authprobe.page.{phase}_seconds"), took));
        let at = (page.start + took).to_system_time();
        events.events.push(Event::new(format!("authprobe.page.{phase}"), at, vec![], 0));
    }
    events.events.sort_by_key(|event| event.timestamp);
    let id = page_id(outcome.trace_id, number);
    SpanData {
        name: "authprobe.page".into(),
        attributes,
        events,
        ..blank(outcome.trace_id, id, Some(parent), page.start, page.start + page.duration())
    }
}

/// Pages carry no ids of their own; the same page of the same run always has the same.
fn page_id(trace: TraceId, number: usize) -> SpanId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&trace.0);
    context.update(&(number as u64).to_be_bytes());
    let mut id = [0; 8];
    id.copy_from_slice(&context.finish().as_ref()[..8]);
    Id(id)
}

fn blank(trace: TraceId, span: SpanId, parent: Option<SpanId>, start: Timestamp, end: Timestamp) -> SpanData {
    let id = |span: SpanId| opentelemetry::trace::SpanId::from_bytes(span.0);
    SpanData {
        span_context: SpanContext::new(
            opentelemetry::trace::TraceId::from_bytes(trace.0),
            id(span),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(opentelemetry::trace::SpanId::INVALID, id),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "".into(),
        start_time: start.to_system_time(),
        end_time: end.to_system_time(),
        attributes: vec![],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("authprobe")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn text(key: &'static str, value: impl Into<StringValue>) -> KeyValue {
    KeyValue::new(key, Value::String(value.into()))
}

fn seconds(key: impl Into<opentelemetry::Key>, took: Duration) -> KeyValue {
    KeyValue::new(key, took.as_secs_f64())
}

fn error(description: impl Into<std::borrow::Cow<'static, str>>) -> Status {
    Status::Error { description: description.into() }
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
