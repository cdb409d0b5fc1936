use super::*;
use crate::fault::{Class, Fault, Finding};
use crate::outcome::{CheckLabels, Evidence, Phases, Screenshot, Trigger, Warning};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn request(span: u8, region: &str, status: u16) -> RequestRecord {
    RequestRecord {
        span_id: Id([span; 8]),
        endpoint: "token",
        region: region.into(),
        method: "POST",
        url: "https://login.example.com:8443/token".into(),
        host: "login.example.com".into(),
        port: 8443,
        status: Some(status),
        resend: 0,
        start: START,
        duration: Duration::from_millis(100),
        phases: Phases { resolve: None, tls: Some(Duration::from_millis(20)), ..Phases::default() },
        body_bytes: 5,
        error: None,
        certificate_not_after: None,
    }
}

fn step(name: &'static str, span: u8, state: StepState, requests: Vec<RequestRecord>) -> StepRecord {
    StepRecord {
        name,
        span_id: Id([span; 8]),
        state,
        start: START,
        duration: Duration::from_millis(200),
        note: String::new(),
        cleanup: false,
        requests,
    }
}

fn outcome(steps: Vec<StepRecord>) -> Outcome {
    Outcome {
        check: CheckLabels {
            probe: "login".into(),
            kind: "form_login",
            provider: "main".into(),
            client: "web".into(),
            region: "eu".into(),
        },
        labels: Default::default(),
        trace_id: Id([7; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: START - Duration::from_millis(2),
        start: START,
        duration: Duration::from_millis(150),
        verdict: Verdict::Good,
        fault: None,
        warnings: vec![],
        steps,
        observations: vec![],
        browser: None,
    }
}

fn value(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
}

fn hex(bytes: [u8; 8]) -> String {
    Id(bytes).to_string()
}

#[test]
fn a_run_is_one_connected_trace() {
    let steps = vec![step("token", 2, StepState::Done, vec![request(3, "eu", 200), request(4, "us", 200)])];
    let spans = of(&outcome(steps));
    let eu: Vec<_> = spans["eu"].iter().map(|span| (span.name.as_ref(), span.parent_span_id.to_string())).collect();
    let none = "0000000000000000".to_owned();
    assert_eq!(
        eu,
        [("authprobe.probe form_login", none), ("token", hex([1; 8])), ("POST", hex([2; 8]))],
        "a root, a step below it, a request below that"
    );
    assert_eq!(spans["us"][0].parent_span_id.to_string(), hex([2; 8]), "a request from another region too");
    assert!(spans.values().flatten().all(|s| s.span_context.trace_id().to_string() == "07".repeat(16)));
    assert!(spans.values().flatten().all(|s| s.span_context.is_sampled()));
    assert_eq!(count(&outcome(vec![])), 1);
}

#[test]
fn a_request_is_a_client_span_of_the_http_conventions() {
    let steps = vec![step("token", 2, StepState::Done, vec![RequestRecord { resend: 2, ..request(3, "eu", 200) }])];
    let spans = of(&outcome(steps));
    let span = &spans["eu"][2];
    assert_eq!((span.span_kind.clone(), span.status.clone()), (SpanKind::Client, Status::Unset));
    for (key, expected) in [
        ("http.request.method", "POST"),
        ("server.address", "login.example.com"),
        ("server.port", "8443"),
        ("url.full", "https://login.example.com:8443/token"),
        ("http.response.status_code", "200"),
        ("http.request.resend_count", "2"),
        ("user_agent.synthetic.type", "test"),
        ("authprobe.http.phase.tls_seconds", "0.02"),
        ("authprobe.region", "eu"),
    ] {
        assert_eq!(value(span, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(value(span, "authprobe.http.phase.resolve_seconds"), None);
    assert_eq!(value(span, "error.type"), None);
    assert_eq!(span.end_time.duration_since(span.start_time).unwrap(), Duration::from_millis(100));
}

#[test]
fn errors_are_named_and_expected_refusals_are_none() {
    let of_request = |state, request| {
        let spans = of(&outcome(vec![step("token", 2, state, vec![request])]));
        let span = spans["eu"][2].clone();
        (value(&span, "error.type"), matches!(span.status, Status::Error { .. }))
    };
    assert_eq!(of_request(StepState::Failed, request(3, "eu", 400)), (Some("400".into()), true));
    assert_eq!(of_request(StepState::Done, request(3, "eu", 400)), (None, false));
    assert_eq!(of_request(StepState::Done, request(3, "eu", 503)), (Some("503".into()), true));
    let broken = RequestRecord { status: None, error: Some("timeout"), ..request(3, "eu", 200) };
    assert_eq!(of_request(StepState::Failed, broken), (Some("timeout".into()), true));
}

#[test]
fn a_fault_is_on_the_root_and_its_step() {
    let mut outcome =
        outcome(vec![step("token", 2, StepState::Failed, vec![]), step("x", 3, StepState::Skipped, vec![])]);
    let finding = Finding::new(Class::ClaimNonce, "OIDC Core 3.1.3.7-11", "absent");
    let mut fault = Fault::from_findings(vec![finding]).unwrap();
    fault.step = "token";
    (outcome.verdict, outcome.fault) = (Verdict::Bad, Some(fault));
    outcome.warnings = vec![Warning::new("content_type", "RFC 6749 §5.1", "text/html"); 200];
    let spans = of(&outcome);
    let [root, failed, skipped] = &spans["eu"][..] else { panic!("three spans") };
    let error = Status::Error { description: "claim_nonce (provider): absent".into() };
    assert_eq!((&root.status, &failed.status, &skipped.status), (&error, &error, &Status::Unset));
    for span in [root, failed] {
        assert_eq!(value(span, "error.type").as_deref(), Some("claim_nonce"));
    }
    assert_eq!(value(root, "authprobe.verdict").as_deref(), Some("bad"));
    assert_eq!(value(root, "authprobe.fault.blame").as_deref(), Some("provider"));
    assert_eq!(value(root, "authprobe.schedule.lateness_seconds").as_deref(), Some("0.002"));
    assert_eq!(value(skipped, "authprobe.step.state").as_deref(), Some("skipped"));
    assert_eq!((root.events.len(), root.events.dropped_count), (128, 73));
    assert_eq!(root.events[0].name, "authprobe.finding");
}

#[test]
fn the_root_outlasts_its_cleanup() {
    let mut cleanup = step("revoke", 2, StepState::Failed, vec![]);
    (cleanup.cleanup, cleanup.note) = (true, "no answer".into());
    cleanup.start = START + Duration::from_millis(150);
    let outcome = outcome(vec![cleanup]);
    let spans = of(&outcome);
    let [root, step] = &spans["eu"][..] else { panic!("two spans") };
    assert_eq!(root.end_time, step.end_time);
    assert_eq!(value(root, "authprobe.duration_seconds").as_deref(), Some("0.15"));
    assert_eq!((&root.status, value(step, "error.type")), (&Status::Unset, None));
    assert_eq!(step.status, Status::Error { description: "no answer".into() });
}

#[test]
fn a_page_is_a_span_below_the_step_in_which_it_began_to_load() {
    let ms = Duration::from_millis;
    let mut login = step("login", 3, StepState::Done, vec![]);
    login.start = START + ms(200);
    let mut cleanup = step("close_browser", 4, StepState::Done, vec![]);
    (cleanup.start, cleanup.cleanup) = (START + ms(400), true);
    let mut outcome = outcome(vec![step("authorize", 2, StepState::Done, vec![]), login, cleanup]);
    let page = |start: u64| PageTiming {
        start: START + ms(start),
        url: "https://login.example.com/auth?state=[redacted]".into(),
        redirects: 2,
        status: Some(200),
        ttfb: Some(ms(30)),
        dom_ready: Some(ms(90)),
        largest_paint: Some(ms(60)),
        resources: 4,
        foreign: 1,
        ..PageTiming::default()
    };
    let evidence =
        Evidence { title: "Sign in".into(), screenshot: Some(Screenshot(vec![0; 9].into())), ..Evidence::default() };
    let name = "chrome-headless-shell 156".to_owned();
    let pages = vec![page(10), page(250), page(500)];
    outcome.browser = Some(BrowserReport { name, pages, evidence: Some(evidence), ..BrowserReport::default() });
    let spans = of(&outcome);
    assert_eq!((spans["eu"].len(), count(&outcome)), (7, 7));
    let pages: Vec<_> = spans["eu"].iter().filter(|span| span.name == "authprobe.page").collect();
    let parents: Vec<_> = pages.iter().map(|span| span.parent_span_id.to_string()).collect();
    assert_eq!(parents, [hex([2; 8]), hex([3; 8]), hex([3; 8])], "cleanup loads no pages");
    let [first, second, _] = pages[..] else { panic!("three pages") };
    assert_ne!(first.span_context.span_id(), second.span_context.span_id());
    assert_eq!(of(&outcome)["eu"][4].span_context, spans["eu"][4].span_context, "the same each time");
    for (key, expected) in [
        ("url.full", "https://login.example.com/auth?state=[redacted]"),
        ("http.response.status_code", "200"),
        ("browser.name", "chrome-headless-shell 156"),
        ("authprobe.page.redirects", "2"),
        ("authprobe.page.resources", "4"),
        ("authprobe.page.resources.foreign", "1"),
        ("authprobe.page.largest_paint_seconds", "0.06"),
    ] {
        assert_eq!(value(first, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(value(first, "authprobe.page.loaded_seconds"), None);
    let events: Vec<_> = first
        .events
        .iter()
        .map(|event| (event.name.as_ref(), event.timestamp.duration_since(first.start_time).unwrap()))
        .collect();
    assert_eq!(
        events,
        [
            ("authprobe.page.ttfb", ms(30)),
            ("authprobe.page.largest_paint", ms(60)),
            ("authprobe.page.dom_ready", ms(90))
        ]
    );
    assert_eq!(first.end_time.duration_since(first.start_time).unwrap(), ms(90));
}
