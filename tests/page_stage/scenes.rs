//! What is in the scenes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::alert::conditions::{Deployment, Followed};
use authprobe::alert::episode::{Episode, FiredReading};
use authprobe::alert::{Alert, State, Words};
use authprobe::clock::Timestamp;
use authprobe::fault::{Blame, Class, Fault};
use authprobe::oidc::key_history::{KeyLife, ProviderKeys};
use authprobe::outcome::{
    CheckLabels, Id, Observation, Outcome, Phases, RequestRecord, StepRecord, StepState, Trigger, Verdict, Warning,
};
use authprobe::plan::Plan;
use authprobe::slo::maintenance::Window;
use authprobe::slo::{Cause, CauseCount, Counts, Maintenance, Spending, Tally};
use authprobe::trend::{Cell, CheckStrip, ProbeTrend, Strip};
use authprobe::web::Reload;

use super::pieces::{cleanup, picture};
use super::{NOW, Scene, Stage, noise, planned, took};
use crate::folder::Folder;
use crate::support_outcome::report;
use crate::web_standing::{blank, burning, healthy};

const HOUR: Duration = Duration::from_secs(3600);

/// Seven probes from three regions, four objectives.
pub const CONFIG: &str = include_str!("config.toml");

/// See [`Stage::of`].
pub fn stage(scene: Scene, text: &str) -> Stage {
    let folder = Folder::new();
    let plan = planned(text, &folder);
    let evaluations = plan.objectives.iter().enumerate().map(|(n, objective)| match scene {
        Scene::Unknown => blank(objective),
        Scene::Failing if n % 3 == 0 => burning(objective),
        _ => healthy(objective),
    });
    let evaluations = if scene == Scene::Empty { vec![] } else { evaluations.collect() };
    let (filled, failing) = (scene != Scene::Empty, scene == Scene::Failing);
    Stage {
        outcomes: Mutex::new(if filled { outcomes(&plan, scene) } else { vec![] }),
        evaluations: Arc::new(evaluations),
        rulings: Arc::default(),
        alerts: Arc::new(if failing { alerts() } else { vec![] }),
        maintenance: Maintenance { recurring: vec![], windows: if failing { windows() } else { vec![] } },
        deployments: if filled { deployments(failing) } else { vec![] },
        strips: Arc::new(if filled { strips(&plan, scene) } else { vec![] }),
        trends: plan.probes.iter().map(|probe| (probe.name.to_string(), trend(&plan, &probe.name, scene))).collect(),
        spending: (plan.objectives.iter().enumerate())
            .map(|(n, o)| (o.name.to_string(), spending(scene, scene == Scene::Failing && n % 3 == 0)))
            .collect(),
        causes: plan.objectives.iter().map(|o| (o.name.to_string(), if failing { causes() } else { vec![] })).collect(),
        episodes: if failing { episodes() } else { vec![] },
        keys: if filled { keys(failing) } else { vec![] },
        kept: None,
        reload: Reload {
            at: NOW - HOUR * 5,
            mistakes: if failing {
                vec!["authprobe.toml:42: probe.every: 5 is no duration; did you mean \"5s\"?".into()]
            } else {
                vec![]
            },
        },
        stopped: if scene == Scene::Unknown {
            vec![("user:alice".into(), "the password was refused".into())]
        } else {
            vec![]
        },
        ready: filled,
        newsroom: Default::default(),
        plan,
        folder,
    }
}

/// See [`Stage::large`].
pub fn large(probes: usize) -> Stage {
    let more: String = (0..probes)
        .map(|n| format!("[[probe]]\nname = \"keys-{n:03}\"\nkind = \"jwks\"\nprovider = \"main\"\nevery = \"1m\"\n"))
        .collect();
    stage(Scene::Healthy, &format!("{CONFIG}\n{more}"))
}

fn checks(plan: &Plan) -> Vec<CheckLabels> {
    plan.checks.iter().map(|check| check.labels.clone()).collect()
}

/// In the failing scene everything that asks for tokens fails in one region.
fn fails(check: &CheckLabels, scene: Scene) -> bool {
    scene == Scene::Failing && &*check.region == "us-east-1" && !matches!(check.kind, "jwks" | "discovery")
}

fn outcomes(plan: &Plan, scene: Scene) -> Vec<Arc<Outcome>> {
    let mut all = vec![];
    for (c, check) in checks(plan).into_iter().enumerate() {
        for n in 0..if plan.checks.len() > 100 { 3 } else { 12u64 } {
            all.push(Arc::new(outcome(check.clone(), c as u64, n, scene)));
        }
    }
    all.sort_by_key(|outcome| std::cmp::Reverse(outcome.start));
    all
}

/// The `n`th run before now of the check with that number.
pub fn outcome(check: CheckLabels, c: u64, n: u64, scene: Scene) -> Outcome {
    let start = NOW - Duration::from_secs(60 * n + 5 + c % 50);
    let failed = fails(&check, scene);
    let names: &[&'static str] = match check.kind {
        "jwks" => &["discovery", "jwks"],
        "discovery" => &["discovery"],
        "client_credentials" => &["discovery", "token", "validate"],
        _ => &["discovery", "authorize", "login", "token", "validate"],
    };
    let (mut steps, mut at) = (vec![], start);
    for (s, name) in names.iter().enumerate() {
        let length = took(if *name == "login" { 320.0 } else { 45.0 }, c * 100 + n, s as u64);
        let broken = failed && *name == "token";
        let request = RequestRecord {
            span_id: Id([s as u8 + 1; 8]),
            endpoint: if *name == "jwks" {
                "jwks"
            } else if *name == "token" {
                "token"
            } else {
                "authorization"
            },
            region: check.region.clone(),
            method: if *name == "token" { "POST" } else { "GET" },
            url: format!("https://login.example.com/{name}?state=[redacted]"),
            host: "login.example.com".into(),
            port: 443,
            status: Some(if broken { 503 } else { 200 }),
            resend: 0,
            start: at,
            duration: length.mul_f64(0.9),
            phases: Phases {
                resolve: (s == 0).then(|| length.mul_f64(0.1)),
                connect: (s == 0).then(|| length.mul_f64(0.1)),
                tls: (s == 0).then(|| length.mul_f64(0.2)),
                processing: Some(length.mul_f64(0.4)),
                transfer: Some(length.mul_f64(0.1)),
            },
            body_bytes: 1400,
            error: None,
            certificate_not_after: Some(NOW + HOUR * 24 * 40),
        };
        steps.push(StepRecord {
            name,
            span_id: Id([s as u8 + 100; 8]),
            state: if broken { StepState::Failed } else { StepState::Done },
            start: at,
            duration: length,
            note: String::new(),
            cleanup: false,
            requests: vec![request],
        });
        at = at + length;
        if broken {
            break;
        }
    }
    let duration = at.since(start);
    if check.kind.contains("login") && !failed {
        steps.push(cleanup(&check, at + Duration::from_millis(3), c));
    }
    let unknown = scene == Scene::Unknown;
    let fault = |class: Class, detail: &str, step| {
        let mut fault = Fault::new(class, detail);
        fault.step = step;
        fault
    };
    let fault = match (failed, unknown) {
        (true, _) => Some(fault(Class::HttpStatus, "expected 200, found 503 Service Unavailable", "token")),
        (_, true) => Some(fault(Class::Unsupported, "the metadata has no revocation_endpoint", names[names.len() - 1])),
        _ => None,
    };
    let mut id = [0u8; 16];
    id[..8].copy_from_slice(&(c + 1).to_be_bytes());
    id[8..].copy_from_slice(&(n + 1).to_be_bytes());
    let browser = (check.kind == "browser_login" && failed).then(|| {
        let mut report = report("as usual");
        if let Some(evidence) = &mut report.evidence {
            evidence.screenshot = Some(picture());
        }
        report
    });
    Outcome {
        labels: Arc::default(),
        trace_id: Id(id),
        span_id: Id([9; 8]),
        trigger: Trigger::Scheduled,
        scheduled: start,
        start,
        duration,
        verdict: if failed {
            Verdict::Bad
        } else if unknown {
            Verdict::Inconclusive
        } else {
            Verdict::Good
        },
        fault,
        warnings: if c % 4 == 1 {
            vec![Warning::new("content_type", "RFC 7517 §8.5", "expected application/jwk-set+json")]
        } else {
            vec![]
        },
        steps,
        observations: vec![
            Observation::ClockSkew { seconds: 0.42, uncertainty: 0.02 },
            Observation::TokenLifetime { token: "access", seconds: 300.0 },
            Observation::KeySet { keys: 2 },
        ],
        browser,
        check,
    }
}

fn cell(check: &CheckLabels, seed: u64, at: u64, runs: u32, scene: Scene, lately: bool) -> Cell {
    let mut cell = Cell::default();
    // A gap: nothing ran for a while, two thirds of the way back.
    if at % 48 == 15 || scene == Scene::Empty {
        return cell;
    }
    if scene == Scene::Unknown {
        cell.inconclusive = runs;
        return cell;
    }
    let failed = fails(check, scene) && lately || noise(seed, at * 7) > 0.985;
    cell.bad = if failed { runs / 2 + 1 } else { 0 };
    cell.good = runs - cell.bad.min(runs);
    let middle = if check.kind.contains("login") { 460.0 } else { 90.0 };
    (0..cell.good).for_each(|n| {
        cell.latencies.add(took(middle * (1.0 + 0.3 * ((at as f64) / 4.0).sin()), seed * 97 + at, u64::from(n)))
    });
    cell
}

fn strips(plan: &Plan, scene: Scene) -> Vec<CheckStrip> {
    let strip = |(c, check): (usize, CheckLabels)| CheckStrip {
        strip: Strip {
            begin: Timestamp::from_secs((NOW.as_secs() / 1800 - 47) * 1800),
            cell: HOUR / 2,
            cells: (0..48).map(|at| cell(&check, c as u64, at, 30, scene, at > 46)).collect(),
        },
        probe: check.probe,
        region: check.region,
    };
    checks(plan).into_iter().enumerate().map(strip).collect()
}

fn trend(plan: &Plan, probe: &str, scene: Scene) -> ProbeTrend {
    let own: Vec<_> = checks(plan).into_iter().filter(|check| &*check.probe == probe).collect();
    let strip = |check: &CheckLabels, seed: u64| Strip {
        begin: Timestamp::from_secs((NOW.as_secs() / 3600 - 167) * 3600),
        cell: HOUR,
        cells: (0..168).map(|at| cell(check, seed, at, 60, scene, at > 166)).collect(),
    };
    let steps = ["discovery", "authorize", "login", "token", "validate"];
    ProbeTrend {
        regions: own.iter().enumerate().map(|(n, check)| (check.region.clone(), strip(check, n as u64))).collect(),
        steps: steps.iter().enumerate().map(|(n, step)| ((*step).into(), strip(&own[0], 50 + n as u64))).collect(),
    }
}

fn counts(good: u64, bad: u64) -> Counts {
    Counts { good, bad, inconclusive: 0, expected: good + bad }
}

/// What fits the evaluations: 4 bad of 86 400, or 40 and 30 more in maintenance, or nothing.
fn spending(scene: Scene, burns: bool) -> Spending {
    let cell = |at: u64| {
        let gap = at == 40 || matches!(scene, Scene::Empty | Scene::Unknown);
        let bad = match at {
            119 if burns => 20,
            _ if burns => 2 * u64::from(at % 12 == 7),
            _ => u64::from(at % 30 == 7),
        };
        let excluded = if burns && at == 117 { counts(30, 30) } else { Counts::default() };
        let raw = if gap { Counts::default() } else { counts(720 - bad, bad + excluded.bad) };
        Tally { raw, excluded }
    };
    Spending { begin: NOW - HOUR * 720, cell: HOUR * 6, cells: (0..120).map(cell).collect() }
}

fn causes() -> Vec<CauseCount> {
    let cause = |class: Option<Class>, blame, step: &str, region: &str, bad, excluded| CauseCount {
        cause: Cause { class, blame, step: step.into(), region: region.into() },
        bad,
        excluded,
    };
    vec![
        cause(Some(Class::HttpStatus), Some(Blame::Provider), "token", "us-east-1", 41, 20),
        cause(Some(Class::Timeout), Some(Blame::Network), "login", "eu-west-1", 17, 10),
        cause(None, None, "", "ap-south-1", 9, 0),
        cause(Some(Class::LoginPage), Some(Blame::Provider), "login", "us-east-1", 3, 0),
    ]
}

fn words(words: &[(&str, &str)]) -> Words {
    words.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const BURNS: &str = "20 of 60 runs of login failed in us-east-1 within 1h: http_status (blame: provider) at step token in us-east-1, \
                     all 20 failures. The budget burns 333 times as fast as allowed; 5.8% of it is left, gone in 2h10m at this rate.";

fn burn_labels() -> Words {
    words(&[
        ("alertname", "AuthSLOBurn"),
        ("evaluator", "authprobe"),
        ("provider", "main"),
        ("severity", "page"),
        ("burnrate_tier", "1h"),
        ("slo", "login-availability"),
    ])
}

fn alerts() -> Vec<Alert> {
    let alert = |labels: Words, summary: &str, description: &str, state, minutes: u64| {
        let ago = |minutes: u64| (NOW - Duration::from_secs(minutes * 60)).as_nanos();
        Alert {
            labels,
            annotations: words(&[
                ("summary", summary),
                ("description", description),
                ("runbook_url", "http://127.0.0.1:9464/runbook/slo-burn"),
            ]),
            state,
            active_nanos: ago(minutes + 1),
            fired_nanos: (state != State::Pending).then(|| ago(minutes)),
            cleared_nanos: None,
        }
    };
    let region = words(&[
        ("alertname", "AuthRegionDown"),
        ("evaluator", "authprobe"),
        ("provider", "main"),
        ("probe_region", "us-east-1"),
        ("severity", "page"),
    ]);
    let certificate = words(&[
        ("alertname", "AuthCertificateExpiring"),
        ("evaluator", "authprobe"),
        ("provider", "partner"),
        ("severity", "ticket"),
    ]);
    vec![
        alert(burn_labels(), "Logins burn their error budget", BURNS, State::Firing, 14),
        alert(
            region,
            "A provider does not work from one region",
            "main fails at step token in us-east-1 since 10:42, http_status (blame: provider): 31 of 33 runs. Clean elsewhere.",
            State::Firing,
            18,
        ),
        alert(
            certificate,
            "A certificate expires",
            "The certificate of login.partner.example expires in 9d.",
            State::Pending,
            3,
        ),
    ]
}

fn episodes() -> Vec<Episode> {
    let episode = |hours: u64, minutes: Option<u64>, burn: f64| Episode {
        labels: burn_labels(),
        fired_nanos: (NOW - HOUR * hours as u32 - Duration::from_secs(840)).as_nanos(),
        resolved_nanos: minutes
            .map(|m| (NOW - HOUR * hours as u32 - Duration::from_secs(840) + Duration::from_secs(60 * m)).as_nanos()),
        description: BURNS.to_owned(),
        reading: Some(FiredReading {
            seconds: (3600, 300),
            burn: (burn, burn * 2.0),
            guarded: burn / 2.0,
            factor: 14.4,
            bad: 20,
            judged: 60,
        }),
    };
    vec![episode(0, None, 333.3), episode(75, Some(42), 28.8), episode(400, Some(11), 16.1)]
}

fn deployments(failing: bool) -> Vec<Deployment> {
    let deployment = |id: &str, minutes: u64, version: &str, followed: Vec<Followed>| Deployment {
        id: id.into(),
        at_nanos: (NOW - Duration::from_secs(60 * minutes)).as_nanos(),
        service: "idp".into(),
        version: version.into(),
        provider: "main".into(),
        comment: String::new(),
        watch_nanos: HOUR.as_nanos() as i64,
        followed,
        ..Deployment::default()
    };
    let fired_nanos = (NOW - Duration::from_secs(840)).as_nanos();
    let followed = if failing { vec![Followed { labels: burn_labels(), fired_nanos }] } else { vec![] };
    vec![deployment("d2", 22, "v2.14.1", followed), deployment("d1", 700, "v2.14.0", vec![])]
}

fn windows() -> Vec<Window> {
    let from = NOW - HOUR * 9;
    vec![Window {
        id: "w1".into(),
        probes: vec!["login".into(), "forms".into()],
        from_nanos: from.as_nanos(),
        to_nanos: (from + HOUR).as_nanos(),
        comment: "database upgrade".into(),
        created_by: "admin token, 192.0.2.7".into(),
    }]
}

fn keys(failing: bool) -> Vec<ProviderKeys> {
    let days = |days: f64| (NOW - Duration::from_secs_f64(days * 86_400.0)).as_nanos();
    let key =
        |kid: &str, published: f64, signed: Option<(f64, f64)>, removed: Option<f64>, flaws: Vec<(i64, String)>| {
            KeyLife {
                kid: Some(kid.into()),
                kty: "RSA".into(),
                alg: Some("RS256".into()),
                thumbprint: format!("{:064x}", (noise(kid.len() as u64, published as u64) * 1e18) as u64),
                published_nanos: days(published),
                or_before: published > 85.0,
                signed_nanos: signed.map(|(first, last)| (days(first), days(last))),
                removed_nanos: removed.map(days),
                regions: if removed.is_none() {
                    vec!["eu-west-1".into(), "us-east-1".into(), "ap-south-1".into()]
                } else {
                    vec![]
                },
                flaws,
            }
        };
    let flaw = || {
        vec![(
            days(2.0),
            "the RSA key with kid 2027-01 was removed; tokens that it signed live for 47 min more".to_owned(),
        )]
    };
    vec![
        ProviderKeys {
            provider: "main".into(),
            longest: HOUR,
            keys: vec![
                key("2027-02", 3.0, Some((2.0, 0.0)), None, vec![]),
                key(
                    "2027-01",
                    33.0,
                    Some((32.0, 2.0)),
                    Some(if failing { 2.0 } else { 1.5 }),
                    if failing { flaw() } else { vec![] },
                ),
                key("2026-12", 90.0, Some((90.0, 32.0)), Some(31.0), vec![]),
            ],
        },
        ProviderKeys { provider: "partner".into(), longest: HOUR, keys: vec![key("only", 90.0, None, None, vec![])] },
    ]
}

#[allow(unused)]
type Labels = BTreeMap<String, String>;
