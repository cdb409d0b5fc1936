use std::sync::Arc;

use super::*;
use crate::clock::Timestamp;
use crate::fault::{Class, Finding};
use crate::outcome::{BrowserReport, CheckLabels, Evidence, Id, PageTiming, Phases, Trigger, Warning};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000) + millis(ms)
}

fn request(url: &str, start: u64, phases: [u64; 5], status: u16) -> RequestRecord {
    let [resolve, connect, tls, processing, transfer] = phases.map(|ms| Some(millis(ms)));
    RequestRecord {
        span_id: Id([1; 8]),
        endpoint: "token",
        region: "eu".into(),
        method: "POST",
        url: url.into(),
        host: "login.example.com".into(),
        port: 443,
        status: Some(status),
        resend: 0,
        start: at(start),
        duration: millis(phases.iter().sum()),
        phases: Phases { resolve, connect, tls, processing, transfer },
        body_bytes: 1000,
        error: None,
        certificate_not_after: None,
    }
}

fn step(name: &'static str, start: u64, took: u64, requests: Vec<RequestRecord>) -> StepRecord {
    StepRecord {
        name,
        span_id: Id([2; 8]),
        state: StepState::Done,
        start: at(start),
        duration: millis(took),
        note: String::new(),
        cleanup: false,
        requests,
    }
}

fn failed() -> Outcome {
    let mut fault = Fault::new(Class::ClaimNonce, "nonce is not the one sent \x1b[2J (and 1 more)");
    fault.step = "id_token";
    fault.findings = vec![
        Finding::new(Class::ClaimNonce, "OIDC Core 3.1.3.7-11", "expected the nonce sent, found another".repeat(4)),
        Finding::new(Class::ClaimAudience, "OIDC Core 3.1.3.7-3", "web is not in aud"),
    ];
    let mut bad = step("id_token", 400, 2, vec![]);
    bad.state = StepState::Failed;
    let mut revoke =
        step("revoke", 410, 90, vec![request("https://login.example.com/revoke", 411, [0, 5, 20, 60, 1], 503)]);
    (revoke.cleanup, revoke.state, revoke.note) = (true, StepState::Failed, "http_status (provider): 503".into());
    Outcome {
        check: CheckLabels {
            probe: "login".into(),
            kind: "form_login",
            provider: "main".into(),
            client: "web".into(),
            region: "eu".into(),
        },
        labels: Arc::default(),
        trace_id: Id([0xab; 16]),
        span_id: Id([3; 8]),
        trigger: Trigger::Manual,
        scheduled: at(0),
        start: at(0),
        duration: millis(402),
        verdict: Verdict::Bad,
        fault: Some(fault),
        warnings: vec![Warning::new("content_type", "RFC 6749 §5.1", "text/plain instead of application/json")],
        steps: vec![
            step("token", 0, 400, vec![request("https://login.example.com/token", 0, [20, 40, 80, 240, 20], 200)]),
            bad,
            revoke,
        ],
        browser: None,
        observations: vec![
            Observation::ClockSkew { seconds: -0.44, uncertainty: 0.5 },
            Observation::TokenLifetime { token: "access", seconds: 3600.0 },
            Observation::ClockSkew { seconds: 0.01, uncertainty: 0.05 },
            Observation::TokenLifetime { token: "access", seconds: 3600.0 },
        ],
    }
}

fn draw(outcome: &Outcome, width: usize, unicode: bool) -> Vec<String> {
    let terminal = Terminal { width, colour: false, unicode };
    super::outcome(outcome, &terminal).lines().map(str::to_owned).collect()
}

#[test]
fn everything_is_there_and_fits() {
    for width in [80, 133, 200] {
        let lines = draw(&failed(), width, true);
        let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} of {width}:\n{}", lines.join("\n"));
        let page = lines.join("\n");
        for part in [
            "✘ bad  login@eu  form_login in 402 ms",
            "trace abababababababababababababababab",
            "claim_nonce in step id_token; to blame: provider",
            "[OIDC Core 3.1.3.7-3]: web is not in aud",
            "Means:      `nonce` is missing or not the one sent.",
            "Causes:     sessions are mixed up between logins; an answer from a cache;",
            "Look first: A mixed-up session",
            "content_type [RFC 6749 §5.1]: text/plain",
            "access token lives 3600 s",
            "revoke (cleanup)",
            "503 POST /revoke",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(!page.contains('\x1b'));
    }
}

#[test]
fn bars_are_to_scale() {
    let lines = draw(&failed(), 110, true);
    let token = lines.iter().find(|line| line.contains("POST /token")).unwrap();
    let count = |c| token.chars().filter(|found| *found == c).count();
    // 55 columns for 500 ms: 20 ms are 2, 40 ms 4 or 5, 80 ms 9, 240 ms 26.
    assert_eq!((count('░'), count('▒'), count('▓'), count('█'), count('▄')), (2, 5, 8, 27, 2), "{token}");
}

#[test]
fn ascii_where_the_locale_knows_no_more() {
    for line in draw(&failed(), 80, false) {
        assert!(line.is_ascii(), "{line}");
    }
}

#[test]
fn what_was_measured_is_said_once() {
    let lines = draw(&failed(), 80, true);
    let measured: Vec<_> =
        lines.iter().skip_while(|line| *line != "Measured").skip(1).map(|line| line.trim()).collect();
    assert_eq!(
        measured,
        ["• the provider's clock is +0.01 s from ours (within 0.05 s)", "• access token lives 3600 s"]
    );
}

#[test]
fn a_single_finding_is_not_said_twice() {
    let mut outcome = failed();
    outcome.fault =
        Fault::from_findings(vec![Finding::new(Class::ClaimNonce, "OIDC Core 3.1.3.7-11", "another nonce")]);
    let said = draw(&outcome, 80, true).iter().filter(|line| line.contains("another nonce")).count();
    assert_eq!(said, 1);
}

#[test]
fn long_polls_are_shortened() {
    let mut outcome = failed();
    let polls = (0..300).map(|n| request("https://login.example.com/introspect", n, [0, 0, 0, 1, 0], 200)).collect();
    outcome.steps = vec![step("propagation", 0, 400, polls)];
    let lines = draw(&outcome, 80, true);
    assert!(lines.iter().any(|line| line.trim() == "… 288 more"));
    assert_eq!(lines.iter().filter(|line| line.contains("/introspect")).count(), 12);
}

#[test]
fn an_outcome_without_steps_or_time_is_drawn() {
    let mut outcome = failed();
    (outcome.steps, outcome.duration) = (vec![step("token", 0, 0, vec![])], Duration::ZERO);
    assert!(draw(&outcome, 80, true).len() > 3);
    outcome.steps.clear();
    assert!(draw(&outcome, 80, true).len() > 3);
}

#[test]
fn durations_are_short() {
    let shown =
        [0.4, 9.96, 142.4, 999.7, 1234.0, 30_000.0, 120_000.0].map(|ms| short(Duration::from_secs_f64(ms / 1e3)));
    assert_eq!(shown, ["0.4 ms", "10 ms", "142 ms", "1.00 s", "1.23 s", "30.0 s", "120 s"]);
}

#[test]
fn several_runs_are_summed_up() {
    let (bad, mut good) = (failed(), failed());
    good.verdict = Verdict::Good;
    assert_eq!(summary([&bad, &good, &good].into_iter()), "3 runs: 2 good, 1 bad");
}

#[test]
fn what_a_browser_saw_follows_the_waterfall_and_evidence_the_fault() {
    let page = PageTiming {
        url: "https://login.example.com/auth".into(),
        status: Some(200),
        ttfb: Some(millis(34)),
        ..PageTiming::default()
    };
    let evidence = Evidence { title: "Sign in".into(), outline: "field: Username".into(), ..Evidence::default() };
    let report =
        BrowserReport { name: "chrome".into(), overhead: millis(123), pages: vec![page], evidence: Some(evidence) };
    let failed = Outcome { browser: Some(report), ..failed() };
    for (width, unicode) in [(80, true), (80, false), (200, true)] {
        let lines = draw(&failed, width, unicode);
        assert!(lines.iter().all(|line| line.chars().count() <= width && (unicode || line.is_ascii())), "{lines:#?}");
        let at = |wanted: &str| lines.iter().position(|line| line.contains(wanted)).expect(wanted);
        let places = [
            at("POST /token"),
            at("Pages"),
            at("200 login.example.com/auth"),
            at("chrome; WebDriver overhead 123 ms"),
            at("claim_nonce in step"),
            at("On the page when it failed"),
            at("field: Username"),
        ];
        assert!(places.is_sorted(), "{places:?}\n{}", lines.join("\n"));
    }
}
