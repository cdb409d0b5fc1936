//! The record of a request: written however it ends, even if nobody waits for it any more.

use std::sync::{Arc, Mutex};

use super::Request;
use super::certificate::Shown;
use super::phases::Marks;
use super::redact::redact_url;
use crate::clock::{Clock, Timestamp};
use crate::fault::Class;
use crate::journey::Recorder;
use crate::outcome::{RequestRecord, SpanId};

/// A request under way. Dropped before its end was told, as the run's deadline does, it goes on record as a timeout.
pub(super) struct InFlight<'a> {
    pub(super) span_id: SpanId,
    pub(super) marks: Arc<Marks>,
    pub(super) shown: Arc<Mutex<Shown>>,
    request: &'a Request,
    recorder: &'a Recorder,
    region: Arc<str>,
    start: Timestamp,
    resend: u32,
    status: Option<u16>,
    body_bytes: u64,
    error: Option<Class>,
}

impl<'a> InFlight<'a> {
    pub(super) fn begin(
        request: &'a Request,
        recorder: &'a Recorder,
        region: Arc<str>,
        clock: &Clock,
        marks: Arc<Marks>,
        resend: u32,
    ) -> Self {
        Self {
            span_id: SpanId::random(),
            marks,
            shown: Arc::default(),
            request,
            recorder,
            region,
            start: clock.now(),
            resend,
            status: None,
            body_bytes: 0,
            error: Some(Class::Timeout),
        }
    }

    pub(super) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.body_bytes = bytes as u64;
    }

    /// It is over: with an answer, or with the class of a transport fault.
    pub(super) fn over(mut self, error: Option<Class>) {
        self.error = error;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.marks.end();
        let url = &self.request.url;
        self.recorder.request(RequestRecord {
            span_id: self.span_id,
            endpoint: self.request.endpoint.as_str(),
            region: self.region.clone(),
            method: method_name(self.request.method.as_str()),
            url: redact_url(url),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(0),
            status: self.status,
            resend: self.resend,
            start: self.start,
            duration: self.marks.total(),
            phases: self.marks.phases(),
            body_bytes: self.body_bytes,
            error: self.error.map(Class::as_str),
            certificate_not_after: self.shown.lock().ok().and_then(|shown| shown.not_after),
        });
    }
}

/// Label values are a closed set: what is not known is `_OTHER`, as OpenTelemetry has it.
pub fn method_name(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}
