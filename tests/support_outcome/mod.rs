//! Outcomes as a run would leave them.
#![allow(dead_code)]

use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::outcome::{CheckLabels, Id, Outcome, Phases, RequestRecord, StepRecord, StepState, Trigger, Verdict};

/// When every run here begins.
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The check of a login.
pub fn check(probe: &str, region: &str) -> CheckLabels {
    CheckLabels {
        probe: probe.into(),
        kind: "form_login",
        provider: "main".into(),
        client: "web".into(),
        region: region.into(),
    }
}

/// A good scheduled run of 750 ms with one step of one request.
pub fn outcome(check: &CheckLabels) -> Outcome {
    Outcome {
        check: check.clone(),
        labels: Default::default(),
        trace_id: Id([7; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: START,
        start: START,
        duration: Duration::from_millis(750),
        verdict: Verdict::Good,
        fault: None,
        warnings: vec![],
        steps: vec![step("token", vec![request("token", &check.region)])],
        observations: vec![],
        browser: None,
    }
}

/// A step of 200 ms that succeeded.
pub fn step(name: &'static str, requests: Vec<RequestRecord>) -> StepRecord {
    StepRecord {
        name,
        span_id: Id([2; 8]),
        state: StepState::Done,
        start: START,
        duration: Duration::from_millis(200),
        note: String::new(),
        cleanup: false,
        requests,
    }
}

/// A POST that was answered with 200 after 100 ms.
pub fn request(endpoint: &'static str, region: &str) -> RequestRecord {
    RequestRecord {
        span_id: Id([3; 8]),
        endpoint,
        region: region.into(),
        method: "POST",
        url: format!("https://login.example.com/{endpoint}"),
        host: "login.example.com".into(),
        port: 443,
        status: Some(200),
        resend: 0,
        start: START,
        duration: Duration::from_millis(100),
        phases: Phases { processing: Some(Duration::from_millis(80)), ..Phases::default() },
        body_bytes: 512,
        error: None,
        certificate_not_after: Some(Timestamp::from_secs(1_800_000_000)),
    }
}
