//! Reports as `smoke` would leave them, by hand.

use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::fault::{Account, Class, Fault, Finding};
use authprobe::outcome::{
    CheckLabels, Id, Observation, Outcome, Phases, RequestRecord, StepRecord, StepState, Trigger, Verdict, Warning,
};
use authprobe::smoke::report::{
    Against, CheckReport, Conditions, Counts, Judgement, MaxLatency, Report, SCHEMA_VERSION, Sequential, Waited,
};

/// When every report begins.
pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);

/// Names, details and answers as an enemy would choose them.
pub const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7} ]]> --> &amp; \"'<img src=x onerror=alert(1)> ::error::x ##[error]y \
                           %0A::stop-commands::z `a` ```b``` |c| [d](https://evil.example) ![e](//f) @octocat #1 \
                           \u{202e}txt.exe\u{2066}\u{200b}\u{feff} \u{fffe}\u{0}\u{9b}31m\r\n::warning::g\n##vso[x]h";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn labels(probe: &str, kind: &'static str, region: &str) -> CheckLabels {
    let client = if matches!(kind, "jwks" | "discovery") { "" } else { "web" };
    CheckLabels { probe: probe.into(), kind, provider: "main".into(), client: client.into(), region: region.into() }
}

fn request(method: &'static str, path: &str, at: u64, took: u64, status: u16, region: &str) -> RequestRecord {
    let phase = |share: u64| Some(Duration::from_micros(took * 1000 * share / 100));
    RequestRecord {
        span_id: Id([1; 8]),
        endpoint: "token",
        region: region.into(),
        method,
        url: format!("https://login.example.com{path}"),
        host: "login.example.com".into(),
        port: 443,
        status: Some(status),
        resend: 0,
        start: START + ms(at),
        duration: ms(took),
        phases: Phases {
            resolve: phase(4),
            connect: phase(11),
            tls: phase(25),
            processing: phase(50),
            transfer: phase(10),
        },
        body_bytes: 812,
        error: None,
        certificate_not_after: Some(START + Duration::from_secs(86_400 * 60)),
    }
}

fn step(name: &'static str, at: u64, took: u64, state: StepState, requests: Vec<RequestRecord>) -> StepRecord {
    StepRecord {
        name,
        span_id: Id([2; 8]),
        state,
        start: START + ms(at),
        duration: ms(took),
        note: String::new(),
        cleanup: false,
        requests,
    }
}

/// A run of that check which took so long and ended with that fault, if any.
pub fn run(check: &CheckLabels, took: u64, fault: Option<Fault>) -> Arc<Outcome> {
    let region = &*check.region;
    let verdict = match &fault {
        None => Verdict::Good,
        Some(fault) if fault.blame.is_bad() => Verdict::Bad,
        Some(_) => Verdict::Inconclusive,
    };
    let found = step(
        "discovery",
        0,
        60,
        StepState::Done,
        vec![request("GET", "/.well-known/openid-configuration", 1, 58, 200, region)],
    );
    let (state, status) = match fault.as_ref().map(|fault| fault.class) {
        None => (StepState::Done, 200),
        Some(Class::HttpStatus) => (StepState::Failed, 500),
        Some(_) => (StepState::Failed, 401),
    };
    let last = fault.as_ref().map_or("token", |fault| fault.step);
    let asked = step(last, 61, took - 61, state, vec![request("POST", "/token", 62, took - 63, status, region)]);
    Arc::new(Outcome {
        check: check.clone(),
        labels: Arc::default(),
        trace_id: Id([0xab; 16]),
        span_id: Id([3; 8]),
        trigger: Trigger::Smoke,
        scheduled: START,
        start: START,
        duration: ms(took),
        verdict,
        fault,
        warnings: vec![Warning::new("cache_control", "RFC 6749 §5.1", "no `Cache-Control: no-store`")],
        steps: vec![found, asked],
        observations: vec![Observation::TokenLifetime { token: "access", seconds: 300.0 }],
        browser: None,
    })
}

pub fn fault(class: Class, step: &'static str, detail: &str) -> Fault {
    let mut fault = Fault::new(class, detail);
    fault.step = step;
    fault
}

/// A check of one run.
pub fn check(labels: CheckLabels, took: u64, fault: Option<Fault>) -> CheckReport {
    let run = run(&labels, took, fault.clone());
    let (verdict, counts) = match (run.verdict, &fault) {
        (Verdict::Good, _) => (Judgement::Good, Counts { good: 1, ..Counts::default() }),
        (Verdict::Bad, _) => (Judgement::Bad, Counts { bad: 1, ..Counts::default() }),
        (_, Some(fault)) if fault.class == Class::Unsupported => (Judgement::Skipped, Counts::default()),
        (Verdict::Inconclusive, _) => (Judgement::Inconclusive, Counts { inconclusive: 1, ..Counts::default() }),
    };
    let reason = match &fault {
        None => "its run was good".to_owned(),
        Some(fault) if verdict == Judgement::Skipped => format!("the provider does not offer it: {}", fault.detail),
        Some(fault) => fault.detail.clone(),
    };
    CheckReport {
        check: labels,
        labels: Arc::new([("team".to_owned(), "identity".to_owned())].into()),
        verdict,
        reason,
        counts,
        duration: ms(took),
        median: (verdict == Judgement::Good).then_some(ms(took)),
        fault,
        runs: vec![run],
        screenshot: None,
    }
}

/// What those checks add up to.
pub fn report(checks: Vec<CheckReport>) -> Report {
    let any = |verdict| checks.iter().any(|check| check.verdict == verdict);
    let (verdict, exit_code) = match () {
        () if any(Judgement::Bad) => (Judgement::Bad, 1),
        () if any(Judgement::Inconclusive) => (Judgement::Inconclusive, 3),
        () => (Judgement::Good, 0),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        version: "0.1.0",
        verdict,
        exit_code,
        reason: "what the checks say".to_owned(),
        start: START,
        duration: ms(1890),
        interrupted: false,
        conditions: Conditions { runs: 1, sequential: None, max_latency: Vec::new(), wait: None, deadline: None },
        waited: Vec::new(),
        against: None,
        checks,
    }
}

fn http_500() -> Option<Fault> {
    Some(fault(Class::HttpStatus, "token", "500 where 200 was expected (POST /token)"))
}

fn credentials() -> Option<Fault> {
    let refused = fault(Class::Credentials, "token", "invalid_client: client `web` is refused");
    Some(refused.with_account(Account::Client("web".to_owned())))
}

/// Two regions, all good, one skipped.
pub fn good() -> Report {
    let unsupported = fault(Class::Unsupported, "device", "no `device_authorization_endpoint` in its metadata");
    report(vec![
        check(labels("login", "form_login", "eu-west-1"), 742, None),
        check(labels("login", "form_login", "us-east-1"), 918, None),
        check(labels("keys", "jwks", "eu-west-1"), 84, None),
        check(labels("keys", "jwks", "us-east-1"), 121, None),
        check(labels("device", "device", "eu-west-1"), 64, Some(unsupported)),
    ])
}

/// The token endpoint answers 500 in both regions, and one probe's client is refused.
pub fn bad() -> Report {
    let unsupported = fault(Class::Unsupported, "device", "no `device_authorization_endpoint` in its metadata");
    let mut login = check(labels("login", "browser_login", "us-east-1"), 1312, http_500());
    login.screenshot = Some("smoke-screens/login@us-east-1.png".to_owned());
    let mut report = report(vec![
        check(labels("keys", "jwks", "eu-west-1"), 84, None),
        check(labels("login", "browser_login", "eu-west-1"), 1340, http_500()),
        login,
        check(labels("api", "resource", "eu-west-1"), 233, credentials()),
        check(labels("device", "device", "eu-west-1"), 64, Some(unsupported)),
        check(labels("renewal", "refresh", "us-east-1"), 911, http_500()),
    ]);
    report.against = Some(Against {
        file: "last.json".to_owned(),
        start: "2026-09-20T13:33:20.000Z".to_owned(),
        newly_bad: vec!["login@eu-west-1".to_owned(), "login@us-east-1".to_owned()],
        bad_before: vec!["renewal@us-east-1".to_owned()],
        mended: vec!["keys@eu-west-1".to_owned()],
        ..Against::default()
    });
    report
}

/// One check, refused: nobody's outage.
pub fn inconclusive() -> Report {
    report(vec![check(labels("machine", "client_credentials", "local"), 180, credentials())])
}

/// Several findings in one token.
pub fn token() -> Report {
    let mut wrong = Fault::from_findings(vec![
        Finding::new(
            Class::SignatureInvalid,
            "OIDC Core 3.1.3.7-6",
            "no key of the set verifies the signature (RS256)",
        ),
        Finding::new(Class::ClaimAudience, "OIDC Core 3.1.3.7-3", "`aud` is [\"other\"], expected `web`"),
    ])
    .unwrap();
    wrong.step = "id_token";
    report(vec![
        check(labels("login", "form_login", "local"), 640, Some(wrong)),
        check(labels("keys", "jwks", "local"), 84, None),
    ])
}

/// Sixty-four checks in eight regions: two regions broken, one unreachable, one check slow.
pub fn many() -> Report {
    let probes = [
        ("discovery", "discovery"),
        ("keys", "jwks"),
        ("login", "form_login"),
        ("login-with-a-rather-long-name-of-its-own", "browser_login"),
        ("machine", "client_credentials"),
        ("renewal", "refresh"),
        ("who", "userinfo"),
        ("api", "resource"),
    ];
    let regions = ["af-1", "ap-1", "ap-2", "eu-1", "eu-2", "sa-1", "us-1", "us-2"];
    let mut checks = Vec::new();
    for (n, (probe, kind)) in probes.into_iter().enumerate() {
        for (m, region) in regions.into_iter().enumerate() {
            let took = 90 + (n * 131 + m * 47) as u64;
            let broken = match (kind, region) {
                (_, "sa-1") => Some(fault(Class::Connect, "discovery", "connection refused by 192.0.2.7:443")),
                ("form_login" | "browser_login" | "client_credentials" | "refresh", "eu-1" | "eu-2") => http_500(),
                _ => None,
            };
            checks.push(check(labels(probe, kind, region), took, broken));
        }
    }
    let mut report = report(checks);
    report.duration = ms(9420);
    report
}

/// Decided by many runs, and by how long they take; a provider was waited for.
pub fn trial() -> Report {
    let judged = |probe, kind, verdict, counts: Counts, reason: &str, fault: Option<Fault>| {
        let mut judged = check(labels(probe, kind, "local"), 310, fault);
        (judged.verdict, judged.counts, judged.reason) = (verdict, counts, reason.to_owned());
        judged.duration = ms(42_300);
        judged.median = (counts.good > 0).then_some(ms(310));
        judged
    };
    let count = |good, bad, slow, inconclusive| Counts { good, bad, slow, inconclusive, ..Counts::default() };
    let mut report = report(vec![
        judged("keys", "jwks", Judgement::Good, count(32, 0, 0, 0), "32 of 32 runs are good", None),
        judged(
            "login",
            "form_login",
            Judgement::Bad,
            count(29, 5, 0, 0),
            "5 of 34 runs are bad: no more than 90 % are good",
            http_500(),
        ),
        judged(
            "machine",
            "client_credentials",
            Judgement::Bad,
            count(1, 4, 4, 0),
            "4 of 5 runs took longer than 200 ms",
            None,
        ),
        judged(
            "renewal",
            "refresh",
            Judgement::Inconclusive,
            count(55, 5, 0, 0),
            "60 runs, 5 of them bad: neither decided",
            http_500(),
        ),
    ]);
    report.conditions = Conditions {
        runs: 60,
        sequential: Some(Sequential { accept: 0.99, reject: 0.9, confidence: 0.95 }),
        max_latency: vec![MaxLatency { name: "machine".to_owned(), limit: ms(200) }],
        wait: Some(Duration::from_secs(120)),
        deadline: Some(Duration::from_secs(300)),
    };
    report.waited = vec![
        Waited { provider: "main".into(), took: ms(12_400), tries: 6, why: "503".to_owned(), ready: true },
        Waited { provider: "other".into(), took: ms(120_000), tries: 31, why: "connect".to_owned(), ready: false },
    ];
    report.duration = ms(54_900);
    report
}

/// Interrupted before anything was found.
pub fn interrupted() -> Report {
    let mut check = check(labels("login", "form_login", "local"), 100, None);
    check.verdict = Judgement::Inconclusive;
    check.reason = "interrupted before it was decided".to_owned();
    (check.counts, check.median) = (Counts::default(), None);
    check.runs.clear();
    Report { interrupted: true, exit_code: 130, ..report(vec![check]) }
}

/// Everything that can hold foreign text holds [`HOSTILE`].
pub fn hostile() -> Report {
    let mut labels = labels("x", "form_login", "x");
    (labels.probe, labels.provider, labels.client) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    labels.region = HOSTILE.into();
    let mut bad = fault(Class::Malformed, "token", HOSTILE);
    bad.findings = vec![Finding::new(Class::ClaimIssuer, "OIDC Core 3.1.3.7-2", HOSTILE)];
    let mut first = check(labels.clone(), 500, Some(bad));
    first.reason = HOSTILE.to_owned();
    first.screenshot = Some(HOSTILE.to_owned());
    first.labels = Arc::new([(HOSTILE.to_owned(), HOSTILE.to_owned())].into());
    let mut run = Outcome::clone(&first.runs[0]);
    run.warnings = vec![Warning::new("x", "y", HOSTILE)];
    run.steps[0].note = HOSTILE.to_owned();
    run.steps[0].requests[0].url = format!("https://x/{HOSTILE}");
    run.steps[0].requests[0].host = HOSTILE.to_owned();
    first.runs = vec![Arc::new(run)];
    labels.region = "eu".into();
    let mut second = check(labels.clone(), 500, None);
    (second.verdict, second.reason) = (Judgement::Inconclusive, HOSTILE.to_owned());
    labels.region = "us".into();
    let mut third = check(labels, 500, None);
    (third.verdict, third.reason) = (Judgement::Skipped, HOSTILE.to_owned());
    let names = || vec![HOSTILE.to_owned()];
    let mut report = report(vec![first, second, third]);
    report.reason = HOSTILE.to_owned();
    report.against = Some(Against {
        file: HOSTILE.to_owned(),
        start: HOSTILE.to_owned(),
        newly_bad: names(),
        bad_before: names(),
        mended: names(),
        unknown: names(),
        bad_since_unknown: names(),
        new_checks: names(),
        gone: names(),
    });
    let waited = |ready| Waited { provider: HOSTILE.into(), took: ms(9), tries: 1, why: HOSTILE.to_owned(), ready };
    report.waited = vec![waited(true), waited(false)];
    report.conditions.max_latency = vec![MaxLatency { name: HOSTILE.to_owned(), limit: ms(1) }];
    report
}

/// Each, by name.
pub fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("good", good()),
        ("bad", bad()),
        ("inconclusive", inconclusive()),
        ("token", token()),
        ("many", many()),
        ("trial", trial()),
        ("interrupted", interrupted()),
        ("hostile", hostile()),
    ]
}
