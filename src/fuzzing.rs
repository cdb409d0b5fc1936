//! Entry points for fuzzing: one function a reader of foreign bytes, used by `fuzz/` (cargo-fuzz) and by `tests/fuzz.rs`
//! alike. Each panics when something that must hold does not: any bytes end in a value or in a class.
//!
//! An answer is written as people write one down: a status, headers, an empty line, the body. What has no empty line is the
//! body of a 200.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

use crate::clock::{Clock, Timestamp};
use crate::fault::{Class, Fault};
use crate::journey::{Ended, Journey, Recorder};
use crate::oidc::http::{MAX_BODY, Response};
use crate::outcome::Warning;

mod endpoints;
mod targets;

pub use targets::TARGETS;

/// A secret of ours, as a client's or a user's: inputs may hold it, as a provider may send back what it was sent. It must
/// never leave a run.
pub const CANARY: &str = "canary-5b1c9e7d42f0";
/// The issuer of all inputs.
pub const ISSUER: &str = "https://login.example.com";
/// The longest detail that leaves a run (characters): what the journey keeps, and its mark.
const MAX_DETAIL: usize = 501;
/// More findings, warnings or bytes of them than that, and an answer could fill the ledger.
const MAX_LIST: usize = 3000;

/// A reader of foreign bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its cargo-fuzz target and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads; panics if anything that must hold does not.
    pub run: fn(&[u8]),
}

/// Tuesday, 14 November 2023, 22:13:20 UTC.
fn now() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

/// See the module.
fn answer(data: &[u8]) -> Response {
    let blank = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = blank.map_or((&b""[..], data), |at| (&data[..at], &data[at + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let body = &body[..body.len().min(MAX_BODY)];
    let url = Url::parse(ISSUER).and_then(|url| url.join("/endpoint")).expect("a constant");
    let round_trip = Duration::from_millis(20);
    Response { status, headers, body: body.to_vec().into(), url, received: now(), round_trip }
}

/// A run that has protected our secret.
fn journey() -> Journey {
    let journey = Journey::new(Clock::manual(now()), Duration::from_secs(1), vec!["read"]);
    journey.recorder().protect(CANARY);
    journey
}

/// Lets what was found leave a run as it always does, and looks at what came out.
fn leave<T>(result: Result<T, Fault>, warnings: Vec<Warning>) {
    let journey = journey();
    journey.recorder().warn_all(warnings);
    leave_from(journey, result);
}

/// The same, from a run that has recorded more.
fn leave_from<T>(mut journey: Journey, result: Result<T, Fault>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ended = runtime.block_on(async move {
        // What became of it is on record.
        let _ = journey.step("read", async { result }).await;
        journey.finish(Duration::ZERO).await
    });
    hold(&ended);
}

/// What must hold of every run.
fn hold(ended: &Ended) {
    let mut texts: Vec<&str> = Vec::new();
    if let Some(fault) = &ended.fault {
        assert_ne!(fault.class, Class::Internal, "{fault}");
        assert_eq!(fault.step, "read");
        texts.push(&fault.detail);
        texts.extend(fault.findings.iter().map(|finding| finding.detail.as_str()));
    }
    texts.extend(ended.warnings.iter().map(|warning| warning.detail.as_str()));
    assert!(texts.len() <= MAX_LIST, "{} findings and warnings", texts.len());
    for text in texts {
        assert!(text.chars().count() <= MAX_DETAIL, "{} characters: {text}", text.chars().count());
        assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
        assert!(!text.contains(CANARY), "our secret in {text:?}");
    }
}

/// A recorder that knows our secret, and the run it belongs to.
fn recording() -> (Journey, Recorder) {
    let journey = journey();
    let recorder = journey.recorder().clone();
    (journey, recorder)
}
