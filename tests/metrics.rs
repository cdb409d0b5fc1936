//! `/metrics` as it is read: both formats, byte for byte, and what counts as what.

mod support_outcome;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::browser::Stats;
use authprobe::clock::{Clock, Timestamp};
use authprobe::fault::{Class, Fault};
use authprobe::outcome::{CheckLabels, Observation, Outcome, Trigger, Verdict};
use authprobe::probe::KINDS;
use authprobe::sink::metrics::{Format, Metrics};
use prometheus::TextEncoder;
use support_outcome::{check, failed_in_browser, outcome, request, step};

fn metrics() -> Arc<Metrics> {
    Metrics::with("abc123", Clock::manual(Timestamp::from_secs(1_700_000_000)), 200_000)
}

fn text(metrics: &Metrics, format: Format) -> String {
    String::from_utf8(metrics.render(format)).unwrap()
}

/// The value of the series written exactly so.
fn value(metrics: &Metrics, series: &str) -> Option<String> {
    text(metrics, Format::Prometheus)
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

fn run(metrics: &Metrics, change: impl FnOnce(&mut Outcome)) {
    let mut outcome = outcome(&check("login", "eu"));
    change(&mut outcome);
    metrics.outcome(&outcome);
}

fn fail(class: Class, verdict: Verdict) -> impl FnOnce(&mut Outcome) {
    move |outcome| {
        let mut fault = Fault::new(class, "why");
        fault.step = "token";
        (outcome.verdict, outcome.fault) = (verdict, Some(fault));
    }
}

const LOGIN_EU: &str = r#"{probe="login",kind="form_login",provider="main",client="web",probe_region="eu"}"#;

#[test]
fn every_attack_of_a_hardening_check_counts_from_zero() {
    let metrics = metrics();
    let labels = CheckLabels { kind: "hardening", ..check("doors", "eu") };
    metrics.declare(&[labels.clone(), check("login", "eu")]);
    let series = |probe: &str, kind: &str, attack: &str| {
        format!(
            "authprobe_attacks_accepted_total{{probe=\"{probe}\",kind=\"{kind}\",provider=\"main\",client=\"web\",\
             probe_region=\"eu\",attack=\"{attack}\"}}"
        )
    };
    for attack in authprobe::probe::hardening::attack::labels() {
        assert_eq!(value(&metrics, &series("doors", "hardening", attack)).as_deref(), Some("0"), "{attack}");
    }
    assert_eq!(value(&metrics, &series("login", "form_login", "pkce_missing")), None, "only where it is tried");
    let observations = [("pkce_missing", Some(true)), ("code_replay", Some(false)), ("nonce_missing", None)];
    let observations = observations.map(|(attack, accepted)| Observation::Attack { attack, accepted }).to_vec();
    for trigger in [Trigger::Scheduled, Trigger::Manual] {
        let mut outcome = outcome(&labels);
        (outcome.trigger, outcome.observations) = (trigger, observations.clone());
        metrics.outcome(&outcome);
    }
    for (attack, times) in [("pkce_missing", "1"), ("code_replay", "0"), ("nonce_missing", "0")] {
        assert_eq!(value(&metrics, &series("doors", "hardening", attack)).as_deref(), Some(times), "{attack}");
    }
}

/// Kinds that show bad tokens about, as well: the names are their steps.
#[test]
fn the_attacks_of_every_kind_count_from_zero() {
    let metrics = metrics();
    let labels: Vec<CheckLabels> =
        KINDS.iter().map(|kind| CheckLabels { kind: kind.name, ..check(kind.name, "eu") }).collect();
    metrics.declare(&labels);
    let series = |kind: &str| {
        let (start, of) = ("authprobe_attacks_accepted_total{", format!("kind=\"{kind}\""));
        let text = text(&metrics, Format::Prometheus);
        let mine: Vec<String> =
            text.lines().filter(|line| line.starts_with(start) && line.contains(&of)).map(str::to_owned).collect();
        assert!(mine.iter().all(|line| line.ends_with("} 0")), "{mine:?}");
        let attack = |line: &String| line.split("attack=\"").nth(1)?.split('"').next().map(str::to_owned);
        mine.iter().map(|line| attack(line).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(series("introspection"), ["unknown"]);
    assert_eq!(series("userinfo"), ["bad_token", "without_token"]);
    let resource = [
        "alg_none",
        "expired",
        "foreign_key",
        "insufficient_scope",
        "tampered",
        "without_token",
        "wrong_audience",
        "wrong_issuer",
    ];
    assert_eq!(series("resource"), resource);
    assert!(series("hardening").len() >= 30, "{:?}", series("hardening"));
    let others =
        KINDS.iter().filter(|kind| !["introspection", "userinfo", "resource", "hardening"].contains(&kind.name));
    others.for_each(|kind| assert!(series(kind.name).is_empty(), "{}", kind.name));
}

#[test]
fn counters_exist_at_zero_before_the_first_run() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    for name in ["runs_total", "run_failures_total", "runs_inconclusive_total", "run_duration_seconds_count"] {
        assert_eq!(value(&metrics, &format!("authprobe_{name}{LOGIN_EU}")).as_deref(), Some("0"), "{name}");
    }
    for name in ["confirmation_runs_total", "jwks_rotations_total", "jwks_unsafe_rotations_total"] {
        let series = format!("authprobe_{name}{LOGIN_EU}");
        assert_eq!(value(&metrics, &series).as_deref(), Some("0"), "{name}");
    }
    assert_eq!(value(&metrics, &format!("authprobe_probe_success{LOGIN_EU}")), None, "nothing is known yet");
    assert_eq!(value(&metrics, r#"authprobe_sink_dropped_total{sink="traces"}"#).as_deref(), Some("0"));
}

#[test]
fn verdicts_count_as_the_contract_says() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    run(&metrics, |_| {});
    run(&metrics, fail(Class::HttpStatus, Verdict::Bad));
    run(&metrics, fail(Class::Egress, Verdict::Inconclusive));
    let read = |name: &str| value(&metrics, &format!("authprobe_{name}{LOGIN_EU}"));
    assert_eq!(read("runs_total").as_deref(), Some("2"));
    assert_eq!(read("run_failures_total").as_deref(), Some("1"));
    assert_eq!(read("runs_inconclusive_total").as_deref(), Some("1"));
    assert_eq!(read("run_duration_seconds_count").as_deref(), Some("2"));
    assert_eq!(read("probe_success").as_deref(), Some("0"), "an inconclusive run leaves the last judgement");
    assert_eq!(read("probe_last_run_timestamp_seconds").as_deref(), Some("1700000000.75"));
    for fault in [r#"class="http_status",blame="provider""#, r#"class="egress",blame="monitor""#] {
        let labels = LOGIN_EU.replace('}', &format!(r#",{fault},step="token"}}"#));
        assert_eq!(value(&metrics, &format!("authprobe_run_faults_total{labels}")).as_deref(), Some("1"));
    }
}

#[test]
fn only_the_schedule_enters_an_sli_but_facts_are_facts() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    for trigger in [Trigger::Manual, Trigger::Confirmation, Trigger::Smoke] {
        run(&metrics, |outcome| {
            fail(Class::HttpStatus, Verdict::Bad)(outcome);
            outcome.trigger = trigger;
            outcome.observations = vec![
                Observation::KeySet { keys: 3 },
                Observation::KeyRotation { rotations: 1, unsafe_rotations: 1 },
                Observation::ClockSkew { seconds: -0.5, uncertainty: 0.01 },
                Observation::TokenLifetime { token: "access", seconds: 60.0 },
            ];
        });
    }
    let all = text(&metrics, Format::Prometheus);
    for name in ["runs_total", "run_failures_total", "run_duration_seconds_count"] {
        assert_eq!(value(&metrics, &format!("authprobe_{name}{LOGIN_EU}")).as_deref(), Some("0"), "{name}");
    }
    for absent in ["probe_success{", "run_faults_total{", "step_duration", "http_phase", "token_lifetime"] {
        assert!(!all.contains(&format!("\nauthprobe_{absent}")), "{absent}");
    }
    for (name, expected) in [
        ("jwks_keys", "3"),
        ("jwks_last_success_timestamp_seconds", "1700000000.75"),
        ("jwks_rotations_total", "3"),
        ("jwks_unsafe_rotations_total", "3"),
        ("clock_skew_seconds", "-0.5"),
    ] {
        assert_eq!(value(&metrics, &format!("authprobe_{name}{LOGIN_EU}")).as_deref(), Some(expected), "{name}");
    }
    let certificate =
        r#"authprobe_tls_certificate_not_after_timestamp_seconds{provider="main",probe_region="eu",endpoint="token"}"#;
    assert_eq!(value(&metrics, certificate).as_deref(), Some("1800000000"));
}

#[test]
fn cleanup_skipped_steps_and_references_are_not_the_providers_time() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    run(&metrics, |outcome| {
        let mut cleanup = step("revoke", vec![request("revocation", "eu")]);
        cleanup.cleanup = true;
        let mut skipped = step("logout", vec![]);
        skipped.state = authprobe::outcome::StepState::Skipped;
        let reference = step("userinfo", vec![request("reference", "eu"), request("userinfo", "us")]);
        outcome.steps.extend([cleanup, skipped, reference]);
    });
    let all = text(&metrics, Format::Prometheus);
    let steps: Vec<_> = all.lines().filter(|l| l.starts_with("authprobe_step_duration_seconds_count")).collect();
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(!all.contains(r#"endpoint="reference""#));
    assert!(all.contains(r#"provider="main",probe_region="us",endpoint="userinfo",phase="processing""#));
    assert!(all.contains(r#"endpoint="revocation",phase="processing""#), "its requests did go to the provider");
}

#[test]
fn what_never_propagated_counts_in_infinity_only() {
    let metrics = metrics();
    let revocation = CheckLabels { kind: "revocation", ..check("out", "eu") };
    metrics.declare(&[revocation.clone(), check("login", "us")]);
    let mut outcome = outcome(&revocation);
    let seen =
        |region: &str, seconds| Observation::RevocationPropagation { region: region.into(), seconds, interval: 0.1 };
    outcome.observations = vec![seen("eu", Some(0.75)), seen("us", None)];
    metrics.outcome(&outcome);
    let series = |region: &str, suffix: &str, le: &str| {
        let labels = format!(r#"probe="out",kind="revocation",provider="main",client="web",probe_region="{region}""#);
        value(&metrics, &format!("authprobe_revocation_propagation_seconds_{suffix}{{{labels}{le}}}")).unwrap()
    };
    assert_eq!(series("eu", "bucket", r#",le="1""#), "1");
    assert_eq!(series("eu", "sum", ""), "0.75");
    assert_eq!(series("us", "bucket", r#",le="300""#), "0");
    assert_eq!(series("us", "bucket", r#",le="+Inf""#), "1");
    assert_eq!((series("us", "sum", ""), series("us", "count", "")), ("0".into(), "1".into()));
    // A reload keeps what is still planned: this region is another check's too.
    metrics.declare(&[revocation, check("login", "us")]);
    assert_eq!(series("us", "count", ""), "1");
}

#[test]
fn a_reload_removes_what_is_gone_and_keeps_the_rest() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu"), check("login", "us")]);
    let gone = outcome(&check("login", "us"));
    metrics.outcome(&gone);
    run(&metrics, |_| {});
    metrics.declare(&[check("login", "eu")]);
    // A run that was under way ends after the reload.
    metrics.outcome(&gone);
    metrics.missed(&gone.check, "late");
    let all = text(&metrics, Format::Prometheus);
    assert!(!all.contains(r#"probe_region="us""#), "{all}");
    assert_eq!(value(&metrics, &format!("authprobe_runs_total{LOGIN_EU}")).as_deref(), Some("1"));
    assert!(all.contains(r#"authprobe_tls_certificate_not_after_timestamp_seconds{provider="main",probe_region="eu""#));
}

#[test]
fn beyond_the_limit_updates_are_dropped_and_counted() {
    let metrics = Metrics::with("r", Clock::system(), 60);
    metrics.declare(&[check("login", "eu")]);
    let dropped =
        || value(&metrics, r#"authprobe_sink_dropped_total{sink="metrics"}"#).unwrap().parse::<u64>().unwrap();
    let before = dropped();
    run(&metrics, |_| {});
    assert!(dropped() > before);
    let lines = text(&metrics, Format::Prometheus).lines().filter(|line| !line.starts_with('#')).count();
    assert!(lines <= 60, "{lines}");
    assert_eq!(value(&metrics, &format!("authprobe_runs_total{LOGIN_EU}")).as_deref(), Some("1"));
}

#[test]
fn confirmation_runs_count_by_themselves_and_nowhere_else() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    run(&metrics, |_| {});
    let before = text(&metrics, Format::Prometheus);
    for change in [fail(Class::Timeout, Verdict::Bad), fail(Class::Browser, Verdict::Inconclusive)] {
        run(&metrics, |outcome| {
            change(outcome);
            outcome.trigger = Trigger::Confirmation;
        });
    }
    let after = text(&metrics, Format::Prometheus);
    let changed: Vec<_> = after.lines().filter(|line| !before.lines().any(|other| other == *line)).collect();
    assert_eq!(changed, [format!("authprobe_confirmation_runs_total{LOGIN_EU} 2")]);
}

#[test]
fn missed_lateness_and_reloads() {
    let metrics = metrics();
    metrics.declare(&[check("login", "eu")]);
    metrics.missed(&check("login", "eu"), "overlap");
    metrics.lateness(Duration::from_millis(3));
    metrics.reloaded(true, Timestamp::from_secs(1_700_000_001));
    metrics.reloaded(false, Timestamp::from_secs(1_700_000_002));
    let missed = LOGIN_EU.replace('}', r#",reason="overlap"}"#);
    assert_eq!(value(&metrics, &format!("authprobe_runs_missed_total{missed}")).as_deref(), Some("1"));
    assert_eq!(value(&metrics, r#"authprobe_schedule_lateness_seconds_bucket{le="0.002"}"#).as_deref(), Some("0"));
    assert_eq!(value(&metrics, r#"authprobe_schedule_lateness_seconds_bucket{le="0.005"}"#).as_deref(), Some("1"));
    assert_eq!(value(&metrics, "authprobe_config_last_reload_successful").as_deref(), Some("0"));
    let at = value(&metrics, "authprobe_config_last_reload_success_timestamp_seconds");
    assert_eq!(at.as_deref(), Some("1700000001"));
}

#[test]
fn pages_are_timed_whatever_became_of_the_login_and_nobody_elses_are() {
    let metrics = metrics();
    let check = CheckLabels { kind: "browser_login", ..check("login", "eu") };
    metrics.declare(std::slice::from_ref(&check));
    assert!(!text(&metrics, Format::Prometheus).contains("page_duration_seconds_count"), "from first use");
    let mut failed = failed_in_browser(&check, "");
    metrics.outcome(&failed);
    failed.verdict = Verdict::Inconclusive;
    metrics.outcome(&failed);
    failed.trigger = Trigger::Manual;
    metrics.outcome(&failed);
    let read = |what: &str, phase: &str| {
        let labels = LOGIN_EU.replace("form_login", "browser_login").replace('}', &format!(",phase=\"{phase}\"}}"));
        value(&metrics, &format!("authprobe_browser_page_duration_seconds_{what}{labels}"))
    };
    assert_eq!(read("count", "ttfb").as_deref(), Some("4"), "two pages of two scheduled runs");
    assert_eq!(read("count", "largest_paint").as_deref(), Some("2"));
    assert_eq!(read("sum", "loaded").as_deref(), Some("0.18"));
    assert_eq!(read("count", "dom_ready").as_deref(), Some("2"));
}

#[test]
fn browsers_are_looked_up_when_somebody_reads() {
    let metrics = metrics();
    let read = |name: &str| value(&metrics, &format!("authprobe_browser_{name}"));
    for name in ["sessions", "starts_total", "memory_bytes"] {
        assert_eq!(read(name).as_deref(), Some("0"), "{name} is there before any browser");
    }
    let stats = Arc::new(Mutex::new(Stats { sessions: 2, started_total: 5, memory_bytes: 1 << 28 }));
    let shown = stats.clone();
    metrics.watch_browsers(move || *shown.lock().unwrap());
    let all = || ["sessions", "starts_total", "memory_bytes"].map(|name| read(name).unwrap());
    assert_eq!(all(), ["2", "5", "268435456"]);
    *stats.lock().unwrap() = Stats { sessions: 0, started_total: 6, memory_bytes: 0 };
    assert_eq!(all(), ["0", "6", "0"]);
    let open = text(&metrics, Format::OpenMetrics);
    assert!(open.contains("# UNIT authprobe_browser_memory_bytes bytes\n"), "{open}");
    assert!(open.contains("# TYPE authprobe_browser_starts counter\n") && open.contains("_starts_total 6\n"), "{open}");
}

/// The `prometheus` crate's own encoder is the judge.
#[test]
fn the_classic_format_is_what_the_prometheus_crate_writes() {
    let metrics = metrics();
    let revocation = CheckLabels { kind: "revocation", ..check("out \\ \"x\"\n", "eu") };
    metrics.declare(&[check("login", "eu"), revocation.clone()]);
    run(&metrics, |outcome| outcome.duration = Duration::from_nanos(123_456_789));
    run(&metrics, fail(Class::HttpStatus, Verdict::Bad));
    let mut outcome = outcome(&revocation);
    let never = Observation::RevocationPropagation { region: "eu".into(), seconds: None, interval: 0.0 };
    let skew = Observation::ClockSkew { seconds: -0.125, uncertainty: 0.0 };
    outcome.observations = vec![never, skew, Observation::TokenLifetime { token: "access", seconds: 3600.5 }];
    metrics.outcome(&outcome);
    metrics.reloaded(true, Timestamp::from_nanos(1_700_000_001_500_000_000));
    let judge = TextEncoder::new().encode_to_string(&metrics.gather()).unwrap();
    assert!(judge.len() > 10_000);
    assert_eq!(text(&metrics, Format::Prometheus), judge);
}

#[test]
fn openmetrics_is_written_to_the_letter() {
    let metrics = metrics();
    metrics.declare(&[CheckLabels { probe: "a\"b\\c\nd".into(), ..check("", "eu") }]);
    let mut outcome = outcome(&CheckLabels { probe: "a\"b\\c\nd".into(), ..check("", "eu") });
    fail(Class::HttpStatus, Verdict::Bad)(&mut outcome);
    outcome.steps.clear();
    metrics.outcome(&outcome);
    metrics.reloaded(true, Timestamp::from_nanos(1_700_000_001_500_000_000));
    let version = env!("CARGO_PKG_VERSION");
    let all = text(&metrics, Format::OpenMetrics);
    let labels = r#"probe="a\"b\\c\nd",kind="form_login",provider="main",client="web",probe_region="eu""#;
    let trace = "07070707070707070707070707070707";
    for expected in [
        format!(
            "# HELP authprobe_run_failures Scheduled runs that were judged bad.\n\
             # TYPE authprobe_run_failures counter\n\
             authprobe_run_failures_total{{{labels}}} 1 # {{trace_id=\"{trace}\"}} 1 1700000000.750\n# HELP "
        ),
        format!(
            "# HELP authprobe_run_duration_seconds How long judged scheduled runs took, cleanup not included.\n\
             # TYPE authprobe_run_duration_seconds histogram\n# UNIT authprobe_run_duration_seconds seconds\n\
             authprobe_run_duration_seconds_bucket{{{labels},le=\"0.005\"}} 0\n"
        ),
        format!(
            "authprobe_run_duration_seconds_bucket{{{labels},le=\"0.4\"}} 0\n\
             authprobe_run_duration_seconds_bucket{{{labels},le=\"0.8\"}} 1 # {{trace_id=\"{trace}\"}} 0.75 1700000000.750\n\
             authprobe_run_duration_seconds_bucket{{{labels},le=\"1.5\"}} 1\n\
             authprobe_run_duration_seconds_bucket{{{labels},le=\"3.0\"}} 1\n"
        ),
        format!(
            "authprobe_run_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 1\n\
             authprobe_run_duration_seconds_sum{{{labels}}} 0.75\n\
             authprobe_run_duration_seconds_count{{{labels}}} 1\n# HELP "
        ),
        format!("authprobe_build_info{{version=\"{version}\",revision=\"abc123\"}} 1\n"),
        "# UNIT authprobe_config_last_reload_success_timestamp_seconds seconds\n".to_owned(),
        "\nauthprobe_config_last_reload_success_timestamp_seconds 1700000001.5\n".to_owned(),
        "\nauthprobe_schedule_lateness_seconds_bucket{le=\"0.0001\"} 0\n".to_owned(),
    ] {
        assert!(all.contains(&expected), "{expected}\n-- is not in --\n{all}");
    }
    assert!(all.ends_with("\n# EOF\n"));
    assert_eq!(all.matches("# EOF").count(), 1);
    assert!(!all.contains("_created"));
}

#[test]
fn a_scrape_of_many_series_delays_nobody_who_counts() {
    let metrics = metrics();
    let checks: Vec<_> = (0..1000).map(|i| check(&format!("probe-{i}"), "eu")).collect();
    metrics.declare(&checks);
    let outcome = outcome(&checks[500]);
    let clock = Clock::system();
    std::thread::scope(|scope| {
        let render = scope.spawn(|| metrics.render(Format::OpenMetrics));
        let mut times = vec![];
        while !render.is_finished() {
            let begun = clock.instant();
            metrics.outcome(&outcome);
            times.push(clock.instant().duration_since(begun));
        }
        assert!(render.join().unwrap().len() > 1_000_000);
        times.sort_unstable();
        // The median, since a busy machine may put any one aside.
        assert!(times.len() > 10 && times[times.len() / 2] < Duration::from_millis(5), "{times:?}");
    });
}
