//! Outcomes as a run would leave them.
#![allow(dead_code)]

use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::fault::{Class, Fault};
use authprobe::outcome::{
    BrowserReport, CheckLabels, Evidence, Id, Outcome, PageTiming, Phases, RequestRecord, Screenshot, StepRecord,
    StepState, Trigger, Verdict,
};

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

/// A browser_login that failed on a page with that text on it: two pages, a picture.
pub fn failed_in_browser(check: &CheckLabels, written: &str) -> Outcome {
    let mut fault = Fault::new(Class::LoginPage, "no element #password");
    fault.step = "login";
    let mut login = step("login", vec![request("authorization", &check.region)]);
    login.state = StepState::Failed;
    Outcome {
        check: CheckLabels { kind: "browser_login", ..check.clone() },
        verdict: Verdict::Bad,
        fault: Some(fault),
        steps: vec![login],
        browser: Some(report(written)),
        ..outcome(check)
    }
}

/// What a browser has to say of two pages, the last with that text wherever a text may be.
pub fn report(written: &str) -> BrowserReport {
    let ms = |n| Some(Duration::from_millis(n));
    let first = PageTiming {
        start: START + Duration::from_millis(10),
        url: "https://login.example.com/auth?state=[redacted]".into(),
        redirects: 1,
        status: Some(200),
        ttfb: ms(30),
        dom_ready: ms(60),
        loaded: ms(90),
        largest_paint: ms(70),
        resources: 4,
        foreign: 1,
    };
    let last = PageTiming {
        start: START + Duration::from_millis(120),
        url: format!("https://login.example.com/consent?x={written}"),
        ttfb: ms(40),
        ..PageTiming::default()
    };
    let evidence = Evidence {
        url: last.url.clone(),
        title: format!("Sign in {written}"),
        outline: format!("heading: Sign in\nfield: {written}"),
        console: vec![format!("error: {written}")],
        screenshot: Some(Screenshot(PICTURE.into())),
    };
    BrowserReport {
        name: "chrome-headless-shell 156.0.8078.79".into(),
        overhead: Duration::from_millis(123),
        pages: vec![first, last],
        evidence: Some(evidence),
    }
}

/// A picture, as far as anybody here looks.
pub const PICTURE: &[u8] = b"PNG of a login page";

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
