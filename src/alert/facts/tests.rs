use super::*;
use crate::fault::{Account, Class, Fault, Finding};
use crate::outcome::{Id, Observation, RequestRecord, StepRecord, StepState, Trigger, Verdict};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(secs: u64) -> Timestamp {
    START + Duration::from_secs(secs)
}

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn watched(probe: &str, region: &str) -> Watched {
    Watched {
        check: CheckLabels {
            probe: probe.into(),
            kind: "form_login",
            provider: "main".into(),
            client: "web".into(),
            region: region.into(),
        },
        labels: words(&[("team", "identity"), ("probe", "not mine"), ("tier", probe)]),
        annotations: words(&[("runbook_url", "https://wiki.example.com/login")]),
        stale_after: Duration::from_secs(600),
    }
}

/// `login` from two regions, and `keys` from one.
fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.replace(
        vec![watched("login", "eu"), watched("login", "us"), watched("keys", "eu")],
        Thresholds::default(),
        at(0),
    );
    facts
}

/// A run of `login` in that region that ended at that time.
fn run(region: &str, secs: u64, verdict: Verdict) -> Outcome {
    let duration = Duration::from_secs(1);
    Outcome {
        check: watched("login", region).check,
        labels: Arc::default(),
        trace_id: Id([7; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: at(secs) - duration,
        start: at(secs) - duration,
        duration,
        verdict,
        fault: None,
        warnings: vec![],
        steps: vec![],
        observations: vec![],
        browser: None,
    }
}

fn good(region: &str, secs: u64) -> Outcome {
    run(region, secs, Verdict::Good)
}

fn fails(region: &str, secs: u64, fault: Fault) -> Outcome {
    let verdict = if fault.blame.is_bad() { Verdict::Bad } else { Verdict::Inconclusive };
    Outcome { fault: Some(fault), ..run(region, secs, verdict) }
}

fn observes(region: &str, secs: u64, observations: &[Observation]) -> Outcome {
    Outcome { observations: observations.to_vec(), ..good(region, secs) }
}

fn all(facts: &Facts, secs: u64) -> Vec<Condition> {
    facts.conditions(at(secs), &Context::default(), &[], &|_| false, None)
}

fn find(conditions: Vec<Condition>, alert: &str, severity: &str, probe: Option<&str>) -> Condition {
    let is = |labels: &Words| {
        labels["alertname"] == alert
            && labels["severity"] == severity
            && labels.get("probe").map(String::as_str) == probe
    };
    let mut found: Vec<_> = conditions.into_iter().filter(|condition| is(&condition.labels)).collect();
    assert_eq!(found.len(), 1, "{alert} {severity} {probe:?}");
    found.remove(0)
}

/// How it stands with an alert of the probe `login`.
fn login(facts: &Facts, secs: u64, alert: &str) -> (Holds, String) {
    let condition = find(all(facts, secs), alert, usual(alert).unwrap_or(Severity::Ticket).as_str(), Some("login"));
    (condition.holds, condition.annotations.get("description").cloned().unwrap_or_default())
}

#[test]
fn every_alert_is_told_at_every_step_with_labels_of_its_own() {
    let facts = facts();
    let conditions = all(&facts, 0);
    // Ten of each probe, one of the provider, one of the process.
    assert_eq!(conditions.len(), 10 * 2 + 1 + 1);
    let identities: std::collections::BTreeSet<_> = conditions.iter().map(|condition| &condition.labels).collect();
    assert_eq!(identities.len(), conditions.len());
    let told: std::collections::BTreeSet<_> = conditions.iter().map(|c| c.labels["alertname"].as_str()).collect();
    assert!(told.iter().copied().eq(
        super::super::NAMES.iter().copied().filter(|n| *n != "AuthSLOBurn").collect::<std::collections::BTreeSet<_>>()
    ));
    let stale = find(conditions.clone(), "AuthProbeStale", "ticket", Some("login"));
    let expected = [
        ("alertname", "AuthProbeStale"),
        ("evaluator", "authprobe"),
        ("probe", "login"),
        ("provider", "main"),
        ("severity", "ticket"),
        ("team", "identity"),
        ("tier", "login"),
    ];
    assert_eq!(stale.labels, words(&expected));
    let page = find(conditions.clone(), "AuthProbeStale", "page", Some("not mine"));
    assert_eq!(page.labels["team"], "identity", "what all probes of the provider say alike");
    assert!(!page.labels.contains_key("tier"));
    let ledger = find(conditions.clone(), "AuthLedgerFailing", "ticket", None);
    assert!(!ledger.labels.contains_key("provider"));
    // Nothing is known yet, but for the ledger.
    assert!(conditions.iter().all(|c| c.holds == if c.labels == ledger.labels { Holds::No } else { Holds::Unknown }));
}

#[test]
fn words_that_are_passed_on_win_but_for_the_description() {
    let mut facts = facts();
    facts.outcome(&fails("eu", 60, Fault::new(Class::AttackAccepted, "alg none")));
    let context = Context {
        public_url: Some("https://a.example/".parse().unwrap()),
        runbook_base: "https://docs.example/alerts".to_owned(),
        deployments: vec![],
    };
    let conditions = facts.conditions(at(60), &context, &[], &|_| false, Some("the disk is full"));
    let attack = find(conditions.clone(), "AuthAttackAccepted", "page", Some("login"));
    assert_eq!(attack.annotations["runbook_url"], "https://wiki.example.com/login");
    assert_eq!(attack.annotations["dashboard_url"], "https://a.example/#probe-login");
    assert_eq!(attack.annotations["summary"], "The provider accepted an attack that it must refuse");
    let ledger = find(conditions, "AuthLedgerFailing", "ticket", None);
    assert_eq!(ledger.holds, Holds::Yes);
    assert_eq!(ledger.annotations["runbook_url"], "https://docs.example/alerts#authledgerfailing");
    assert_eq!(ledger.annotations["dashboard_url"], "https://a.example/#alerts");
    assert!(ledger.annotations["description"].starts_with("the disk is full. Probing"), "{:?}", ledger.annotations);
}

#[test]
fn an_attack_is_over_only_when_a_good_run_shows_it() {
    let mut facts = facts();
    let mut fault = Fault::new(Class::ClaimNonce, "nonce missing");
    fault.findings = vec![
        Finding::new(Class::ClaimNonce, "", "nonce missing"),
        Finding::new(Class::AttackAccepted, "", "alg none was accepted"),
    ];
    facts.outcome(&fails("eu", 60, fault));
    facts.outcome(&good("us", 60));
    let (holds, text) = login(&facts, 60, "AuthAttackAccepted");
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("Seen from eu: alg none was accepted."), "{text}");
    for outcome in [
        fails("eu", 120, Fault::new(Class::Timeout, "the attack was never tried")),
        fails("eu", 120, Fault::new(Class::Browser, "nor here")),
        Outcome { trigger: Trigger::Manual, ..good("eu", 120) },
        good("us", 120),
    ] {
        facts.outcome(&outcome);
        assert_eq!(login(&facts, 120, "AuthAttackAccepted").0, Holds::Yes, "{:?}", outcome.fault);
    }
    facts.outcome(&good("eu", 180));
    assert_eq!(login(&facts, 180, "AuthAttackAccepted").0, Holds::No);
}

#[test]
fn a_region_that_has_not_looked_yet_leaves_it_open() {
    let mut facts = facts();
    facts.outcome(&good("eu", 60));
    for alert in ["AuthAttackAccepted", "AuthRegionsDisagree", "AuthProbeCredentials"] {
        assert_eq!(login(&facts, 60, alert).0, Holds::Unknown, "{alert}");
    }
    facts.outcome(&good("us", 60));
    for alert in ["AuthAttackAccepted", "AuthRegionsDisagree", "AuthProbeCredentials", "AuthProbeStale"] {
        assert_eq!(login(&facts, 60, alert).0, Holds::No, "{alert}");
    }
    facts.outcome(&fails("us", 120, Fault::new(Class::RegionsDisagree, "jwks: us has another key")));
    assert_eq!(login(&facts, 120, "AuthRegionsDisagree").0, Holds::Yes);
}

#[test]
fn an_unsafe_rotation_alerts_for_an_hour() {
    let mut facts = facts();
    let rotation = |unsafe_rotations| Observation::KeyRotation { rotations: 1, unsafe_rotations };
    assert_eq!(login(&facts, 60, "AuthKeyRotationUnsafe").0, Holds::Unknown, "what was before the start is not known");
    facts.outcome(&observes("eu", 60, &[rotation(1)]));
    facts.outcome(&observes("eu", 120, &[rotation(0)]));
    let (holds, text) = login(&facts, 120, "AuthKeyRotationUnsafe");
    assert_eq!(holds, Holds::Yes);
    assert!(text.contains("Seen: 1 change at 2023-11-14 22:14 UTC from eu."), "{text}");
    assert_eq!(login(&facts, 60 + HOUR - 1, "AuthKeyRotationUnsafe").0, Holds::Yes);
    assert_eq!(login(&facts, 60 + HOUR, "AuthKeyRotationUnsafe").0, Holds::No);
}

#[test]
fn a_revocation_without_effect_alerts_until_one_is_measured_that_has() {
    let mut facts = facts();
    let seen = |seconds| Observation::RevocationPropagation { region: "us".into(), seconds, interval: 30.0 };
    facts.outcome(&good("us", 50));
    facts.outcome(&observes("us", 60, &[seen(Some(2.0))]));
    assert_eq!(login(&facts, 60, "AuthRevocationSlow").0, Holds::Unknown, "nothing from eu");
    facts.outcome(&observes("eu", 60, &[seen(Some(2.0))]));
    assert_eq!(login(&facts, 60, "AuthRevocationSlow").0, Holds::No);
    facts.outcome(&observes("eu", 120, &[seen(Some(2.0)), seen(None)]));
    let (holds, text) = login(&facts, 120, "AuthRevocationSlow");
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("Seen from eu: a revoked token still works in us (not within 30 s)."), "{text}");
    facts.outcome(&good("eu", 180));
    facts.outcome(&fails("eu", 180, Fault::new(Class::Timeout, "before it was measured")));
    assert_eq!(login(&facts, 180, "AuthRevocationSlow").0, Holds::Yes);
    facts.outcome(&observes("eu", 240, &[seen(Some(1.0))]));
    assert_eq!(login(&facts, 240, "AuthRevocationSlow").0, Holds::No);
    facts.outcome(&fails(
        "eu",
        300,
        Fault::new(Class::RevocationIneffective, "us: the revoked access token still works"),
    ));
    assert_eq!(login(&facts, 300, "AuthRevocationSlow").0, Holds::Yes);
}

#[test]
fn a_clock_is_wrong_after_three_runs_beyond_its_uncertainty() {
    let mut facts = facts();
    let skew = |seconds, uncertainty| [Observation::ClockSkew { seconds, uncertainty }];
    let mut step = |secs, seconds, uncertainty| {
        facts.outcome(&observes("eu", secs, &skew(seconds, uncertainty)));
        facts.outcome(&observes("us", secs, &skew(0.1, 0.5)));
        login(&facts, secs, "AuthClockSkew")
    };
    use Holds::{No, Unknown, Yes};
    // Whether it was wrong before the start is not known until it was right once, or wrong often enough.
    assert_eq!(step(1, 31.0, 0.5).0, Unknown);
    assert_eq!(step(2, 31.0, 0.5).0, Unknown);
    let (holds, text) = step(3, -31.2, 0.5);
    assert_eq!(holds, Yes);
    assert!(text.contains("more than 30s in 3 runs in a row") && text.contains("eu 31.2 s ± 0.5 s behind."), "{text}");
    assert_eq!(step(4, 30.5, 0.5).0, No, "30 s is not more than 30 s");
    assert_eq!(step(5, 40.0, 1.0).0, No);
    assert_eq!(step(6, 40.0, 20.0).0, No, "it may be right");
    assert_eq!(step(7, 40.0, 1.0).0, No);
    assert_eq!(step(8, 40.0, 1.0).0, No);
    assert_eq!(step(9, 40.0, 1.0).0, Yes);
}

fn showing(region: &str, secs: u64, certificates: &[(&'static str, &str, Timestamp)]) -> Outcome {
    let requests = certificates.iter().map(|(endpoint, host, not_after)| RequestRecord {
        span_id: Id([2; 8]),
        endpoint,
        region: region.into(),
        method: "GET",
        url: format!("https://{host}/"),
        host: (*host).to_owned(),
        port: 443,
        status: Some(200),
        resend: 0,
        start: at(secs),
        duration: Duration::from_millis(10),
        phases: Default::default(),
        body_bytes: 10,
        error: None,
        certificate_not_after: Some(*not_after),
    });
    let step = StepRecord {
        name: "token",
        span_id: Id([3; 8]),
        state: StepState::Done,
        start: at(secs),
        duration: Duration::from_millis(10),
        note: String::new(),
        cleanup: false,
        requests: requests.collect(),
    };
    Outcome { steps: vec![step], ..good(region, secs) }
}

#[test]
fn the_earliest_certificate_alerts_as_a_ticket_and_then_as_a_page() {
    let mut facts = facts();
    let early = at(20 * DAY);
    facts.outcome(&showing("eu", 60, &[("token", "late.example", at(90 * DAY)), ("jwks", "early.example", early)]));
    let both = |facts: &Facts, secs| {
        let of = |severity| find(all(facts, secs), "AuthCertificateExpiring", severity, Some("login")).holds;
        (of("ticket"), of("page"))
    };
    use Holds::{No, Unknown, Yes};
    assert_eq!(both(&facts, 60), (Unknown, Unknown), "us may see an older one");
    facts.outcome(&showing("us", 60, &[("token", "late.example", at(90 * DAY))]));
    assert_eq!(both(&facts, 60), (No, No));
    assert_eq!(both(&facts, 6 * DAY), (No, No));
    assert_eq!(both(&facts, 6 * DAY + 1), (Yes, No));
    assert_eq!(both(&facts, 17 * DAY + 1), (Yes, Yes));
    let text =
        find(all(&facts, 17 * DAY + 1), "AuthCertificateExpiring", "page", Some("login")).annotations["description"]
            .clone();
    assert_eq!(
        text,
        "The certificate that early.example shows at the jwks endpoint expires in 2 d 23 h, at 2023-12-04 22:13 UTC (seen from \
         eu). It is the earliest of those that this probe sees; the alert begins 3d before."
    );
    assert!(
        find(all(&facts, 20 * DAY), "AuthCertificateExpiring", "page", Some("login")).annotations["description"]
            .contains("expired at 2023-12-04 22:13 UTC: every client refuses it")
    );
    // Renewed; the other server of that endpoint shows the old one still.
    let renewed = at(200 * DAY);
    let half = [("jwks", "early.example", renewed), ("jwks", "early.example", early)];
    facts.outcome(&showing("eu", 18 * DAY, &half));
    assert_eq!(both(&facts, 18 * DAY).1, Yes);
    facts.outcome(&showing("eu", 18 * DAY + 60, &half[..1]));
    assert_eq!(both(&facts, 18 * DAY + 60), (No, No));
}

#[test]
fn a_certificate_that_nobody_shows_any_more_is_forgotten_after_a_day() {
    let mut facts = facts();
    let expiring = at(2 * DAY);
    let of = |facts: &Facts, secs| find(all(facts, secs), "AuthCertificateExpiring", "ticket", Some("login")).holds;
    facts.outcome(&showing("eu", 60, &[("jwks", "old.example", expiring)]));
    facts.outcome(&showing("us", 60, &[("jwks", "new.example", at(90 * DAY))]));
    assert_eq!(of(&facts, 60), Holds::Yes);
    facts.outcome(&showing("eu", 60 + DAY, &[("token", "new.example", at(90 * DAY))]));
    assert_eq!(of(&facts, 60 + DAY), Holds::Yes, "key sets may come from a cache");
    facts.outcome(&Outcome { verdict: Verdict::Bad, ..showing("eu", 61 + DAY, &[]) });
    assert_eq!(of(&facts, 61 + DAY), Holds::Yes, "a run that failed may not have come to it");
    facts.outcome(&showing("eu", 61 + DAY, &[("token", "new.example", at(90 * DAY))]));
    assert_eq!(of(&facts, 61 + DAY), Holds::No);
}

#[test]
fn tokens_that_live_long_alert_and_refresh_tokens_may() {
    let mut facts = facts();
    let lives = |token, seconds| Observation::TokenLifetime { token, seconds };
    facts.outcome(&observes("us", 60, &[lives("access", DAY as f64), lives("refresh", 30.0 * DAY as f64)]));
    assert_eq!(login(&facts, 60, "AuthTokenLifetimeLong").0, Holds::Unknown);
    facts.outcome(&good("eu", 60));
    assert_eq!(login(&facts, 60, "AuthTokenLifetimeLong").0, Holds::No, "a day is not more than a day");
    facts.outcome(&observes("us", 120, &[lives("id", DAY as f64 + 3600.0)]));
    let (holds, text) = login(&facts, 120, "AuthTokenLifetimeLong");
    assert_eq!(holds, Holds::Yes);
    assert!(
        text.ends_with("live longer than 1d: a stolen one can be used for as long. id token 1 d 1 h from us."),
        "{text}"
    );
    facts.outcome(&observes("us", 180, &[lives("id", 3600.0)]));
    assert_eq!(login(&facts, 180, "AuthTokenLifetimeLong").0, Holds::No);
}

#[test]
fn refused_credentials_alert_until_a_run_is_judged() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    let refused = Fault::new(Class::Credentials, "invalid_grant").with_account(Account::User("alice".to_owned()));
    facts.outcome(&fails("eu", 60, refused.clone()));
    let (holds, text) = login(&facts, 60, "AuthProbeCredentials");
    assert_eq!(holds, Holds::Yes);
    assert!(text.contains("eu: credentials: invalid_grant."), "{text}");
    facts.outcome(&fails("eu", 120, Fault::new(Class::Browser, "no browser")));
    assert_eq!(login(&facts, 120, "AuthProbeCredentials").0, Holds::Yes, "nothing was shown of the account");
    facts.outcome(&fails("eu", 180, Fault::new(Class::Timeout, "the token endpoint hangs")));
    assert_eq!(login(&facts, 180, "AuthProbeCredentials").0, Holds::No, "it logged in");
    facts.outcome(&fails("eu", 240, Fault::new(Class::Challenge, "a CAPTCHA")));
    assert_eq!(login(&facts, 240, "AuthProbeCredentials").0, Holds::Yes);
    facts.outcome(&good("eu", 300));
    assert_eq!(login(&facts, 300, "AuthProbeCredentials").0, Holds::No);

    let with = |facts: &Facts, stopped: &[(&str, &str)]| {
        let stopped: Vec<_> = stopped.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let conditions = facts.conditions(at(300), &Context::default(), &stopped, &|_| false, None);
        find(conditions, "AuthProbeCredentials", "ticket", Some("login"))
    };
    assert_eq!(with(&facts, &[("user:alice", "locked")]).holds, Holds::No, "somebody else's since the good run");
    assert_eq!(with(&facts, &[("client:web", "wrong secret")]).holds, Holds::Yes, "the client of this probe");
    // Refused in a run that somebody asked for: the account is stopped for scheduled ones as well.
    facts.outcome(&Outcome { trigger: Trigger::Manual, ..fails("eu", 310, refused) });
    let stopped = with(&facts, &[("user:alice", "locked; not tried again until it is resumed")]);
    assert_eq!(stopped.holds, Holds::Yes);
    let text = &stopped.annotations["description"];
    assert!(text.contains("eu: user:alice: locked; not tried again until it is resumed."), "{text}");
}

#[test]
fn a_probe_that_measures_nothing_is_stale() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    let stale = |facts: &Facts, secs| login(facts, secs, "AuthProbeStale");
    assert_eq!(stale(&facts, 600).0, Holds::Unknown, "eu has been watched for ten minutes");
    facts.outcome(&good("us", 600));
    let (holds, text) = stale(&facts, 601);
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("nothing is known of it. eu for 10 min (no run took place)."), "{text}");
    facts.outcome(&fails("eu", 610, Fault::new(Class::Egress, "the proxy does not answer")));
    let (_, text) = stale(&facts, 700);
    assert!(
        text.contains("eu for 11 min (the last run could not tell: egress, monitor: the proxy does not answer)"),
        "{text}"
    );
    facts.outcome(&fails("eu", 720, Fault::new(Class::Timeout, "bad is judged")));
    assert_eq!(stale(&facts, 720).0, Holds::No);
    assert_eq!(stale(&facts, 1200).0, Holds::No);
    assert_eq!(stale(&facts, 1201).0, Holds::Yes, "us");
}

#[test]
fn a_provider_of_which_nothing_is_measured_pages() {
    let mut daily = watched("daily", "eu");
    daily.stale_after = Duration::from_secs(3 * DAY);
    let mut facts = Facts::default();
    facts.replace(vec![watched("login", "eu"), daily.clone()], Thresholds::default(), at(0));
    let page = |facts: &Facts, secs| find(all(facts, secs), "AuthProbeStale", "page", Some("not mine"));
    assert_eq!(page(&facts, 600).holds, Holds::Unknown);
    assert_eq!(page(&facts, 601).holds, Holds::Yes, "the daily one has nothing to say for long");
    facts.outcome(&good("eu", 610));
    assert_eq!(page(&facts, 610).holds, Holds::No);
    facts.outcome(&Outcome { check: daily.check.clone(), ..good("eu", 1000) });
    assert_eq!(page(&facts, 1600).holds, Holds::No, "the daily one did measure something");
    let found = page(&facts, 1601);
    assert_eq!(found.holds, Holds::Yes);
    assert_eq!(
        found.annotations["description"],
        "No probe of this provider has measured anything for 10 min (no run took place): an outage would not be seen."
    );
}

#[test]
fn maintenance_is_unknown_for_its_probes_only() {
    let mut facts = facts();
    facts.outcome(&fails("eu", 60, Fault::new(Class::AttackAccepted, "x")));
    let conditions = facts.conditions(at(100_000), &Context::default(), &[], &|probe| probe == "login", None);
    for condition in &conditions {
        match condition.labels.get("tier").map(String::as_str) {
            Some("login") => assert_eq!(condition.holds, Holds::Unknown, "{:?}", condition.labels),
            _ => {}
        }
    }
    assert_eq!(find(conditions.clone(), "AuthProbeStale", "ticket", Some("keys")).holds, Holds::Yes);
    assert_eq!(find(conditions, "AuthProbeStale", "page", Some("not mine")).holds, Holds::Yes, "of those that should");
    let quiet = facts.conditions(at(100_000), &Context::default(), &[], &|_| true, None);
    assert!(quiet.iter().all(|c| c.holds == Holds::Unknown || c.labels["alertname"] == "AuthLedgerFailing"));
}

#[test]
fn a_new_configuration_keeps_what_is_known_of_checks_that_stay() {
    let mut facts = facts();
    facts.outcome(&fails("eu", 60, Fault::new(Class::AttackAccepted, "x")));
    facts.outcome(&good("us", 60));
    let mut relabelled = watched("login", "eu");
    relabelled.labels = words(&[("team", "other")]);
    let thresholds = Thresholds { stale: Duration::from_secs(1), ..Thresholds::default() };
    facts.replace(vec![relabelled.clone()], thresholds.clone(), at(100));
    let attack = find(all(&facts, 100), "AuthAttackAccepted", "page", Some("login"));
    assert_eq!((attack.holds, attack.labels["team"].as_str()), (Holds::Yes, "other"));
    assert!(
        all(&facts, 100).iter().all(|condition| condition.labels.get("probe").is_none_or(|probe| probe == "login"))
    );
    let mut moved = relabelled;
    moved.check.provider = "elsewhere".into();
    facts.replace(vec![moved], thresholds, at(200));
    assert_eq!(
        find(all(&facts, 200), "AuthAttackAccepted", "page", Some("login")).holds,
        Holds::Unknown,
        "another check"
    );
    facts.outcome(&good("nowhere", 60));
}
