use super::*;
use crate::alert::text::Runbooks;
use crate::fault::{Account, Class, Fault, Finding};
use crate::outcome::{Id, Observation, RequestRecord, StepRecord, StepState, Trigger, Verdict};

mod carried;
mod measured;

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

fn logged_in(mut outcome: Outcome) -> Outcome {
    outcome.steps.push(StepRecord {
        name: "login",
        span_id: crate::outcome::Id([1; 8]),
        state: StepState::Done,
        start: outcome.start,
        duration: Duration::from_millis(5),
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    });
    outcome
}

fn observes(region: &str, secs: u64, observations: &[Observation]) -> Outcome {
    Outcome { observations: observations.to_vec(), ..good(region, secs) }
}

fn all(facts: &mut Facts, secs: u64) -> Vec<Condition> {
    facts.conditions(at(secs), &Context::default(), &[], &|_| false, None)
}

/// Goes on until then, as the daemon does.
fn watch(facts: &mut Facts, until: u64) {
    while let Some(next) = facts.looked.map(|looked| looked + Duration::from_secs(60)).filter(|next| *next < at(until))
    {
        facts.conditions(next, &Context::default(), &[], &|_| false, None);
    }
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
fn login(facts: &mut Facts, secs: u64, alert: &str) -> (Holds, String) {
    let condition = find(all(facts, secs), alert, usual(alert).unwrap_or(Severity::Ticket).as_str(), Some("login"));
    (condition.holds, condition.annotations.get("description").cloned().unwrap_or_default())
}

#[test]
fn every_alert_is_told_at_every_step_with_labels_of_its_own() {
    let mut facts = facts();
    let conditions = all(&mut facts, 0);
    // Ten of each probe, one of the provider, one of the process.
    assert_eq!(conditions.len(), 10 * 2 + 1 + 1);
    let identities: std::collections::BTreeSet<_> = conditions.iter().map(|condition| &condition.labels).collect();
    assert_eq!(identities.len(), conditions.len());
    let told: std::collections::BTreeSet<_> = conditions.iter().map(|c| c.labels["alertname"].as_str()).collect();
    let elsewhere = ["AuthSLOBurn", "AuthOutage", "AuthRegionDown"];
    let facts = super::super::NAMES.iter().copied().filter(|name| !elsewhere.contains(name));
    assert_eq!(told, facts.collect::<std::collections::BTreeSet<_>>());
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
        runbooks: Runbooks::At("https://docs.example/alerts".to_owned()),
        deployments: vec![],
    };
    let conditions = facts.conditions(at(60), &context, &[], &|_| false, Some("the disk is full"));
    let attack = find(conditions.clone(), "AuthAttackAccepted", "page", Some("login"));
    assert_eq!(attack.annotations["runbook_url"], "https://wiki.example.com/login");
    assert_eq!(attack.annotations["dashboard_url"], "https://a.example/probes/login");
    assert_eq!(attack.annotations["summary"], "The provider accepted an attack that it must refuse");
    let ledger = find(conditions, "AuthLedgerFailing", "ticket", None);
    assert_eq!(ledger.holds, Holds::Yes);
    assert_eq!(ledger.annotations["runbook_url"], "https://docs.example/alerts#authledgerfailing");
    assert_eq!(ledger.annotations["dashboard_url"], "https://a.example/");
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
    let (holds, text) = login(&mut facts, 60, "AuthAttackAccepted");
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("Seen from eu: alg none was accepted."), "{text}");
    for outcome in [
        fails("eu", 120, Fault::new(Class::Timeout, "the attack was never tried")),
        fails("eu", 120, Fault::new(Class::Browser, "nor here")),
        Outcome { trigger: Trigger::Manual, ..good("eu", 120) },
        good("us", 120),
    ] {
        facts.outcome(&outcome);
        assert_eq!(login(&mut facts, 120, "AuthAttackAccepted").0, Holds::Yes, "{:?}", outcome.fault);
    }
    facts.outcome(&good("eu", 180));
    assert_eq!(login(&mut facts, 180, "AuthAttackAccepted").0, Holds::No);
}

fn tried(secs: u64, attacks: &[(&'static str, Option<bool>)], verdict: Verdict) -> Outcome {
    let mut fault = Fault::new(Class::AttackAccepted, "accepted");
    fault.findings = (attacks.iter())
        .filter(|(_, accepted)| *accepted == Some(true))
        .map(|(name, _)| {
            Finding::new(Class::AttackAccepted, "RFC 9700 §2.1", format!("{name}: it got in")).of_attack(name)
        })
        .collect();
    let observations =
        attacks.iter().map(|(attack, accepted)| Observation::Attack { attack, accepted: *accepted }).collect();
    Outcome { fault: (verdict != Verdict::Good).then_some(fault), observations, ..run("eu", secs, verdict) }
}

#[test]
fn attacks_are_named_with_their_clauses_and_each_lasts_until_it_is_refused() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    let (yes, no) = (Some(true), Some(false));
    facts.outcome(&tried(60, &[("pkce_missing", yes), ("code_replay", yes), ("redirect_query", no)], Verdict::Bad));
    let (holds, text) = login(&mut facts, 60, "AuthAttackAccepted");
    assert_eq!(holds, Holds::Yes);
    let both = "eu: code_replay: it got in (RFC 9700 §2.1), pkce_missing: it got in (RFC 9700 §2.1)";
    assert!(text.contains(both), "{text}");
    // What could not be judged is as it was, however the run ended.
    facts.outcome(&tried(120, &[("pkce_missing", None), ("code_replay", no), ("redirect_query", no)], Verdict::Good));
    let (holds, text) = login(&mut facts, 120, "AuthAttackAccepted");
    assert_eq!(holds, Holds::Yes);
    assert!(text.contains("pkce_missing") && !text.contains("code_replay"), "{text}");
    facts.outcome(&fails("eu", 180, Fault::new(Class::HttpStatus, "the control failed")));
    assert_eq!(login(&mut facts, 180, "AuthAttackAccepted").0, Holds::Yes);
    facts.outcome(&tried(240, &[("pkce_missing", no), ("code_replay", no)], Verdict::Good));
    assert_eq!(login(&mut facts, 240, "AuthAttackAccepted").0, Holds::No);
}

#[test]
fn an_attack_that_is_no_longer_tried_is_nobodys_word() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    facts.outcome(&tried(60, &[("pkce_plain", Some(true)), ("code_replay", Some(false))], Verdict::Bad));
    facts.outcome(&tried(120, &[("code_replay", Some(false))], Verdict::Good));
    assert_eq!(login(&mut facts, 120, "AuthAttackAccepted").0, Holds::No);
}

#[test]
fn a_region_that_has_not_looked_yet_leaves_it_open() {
    let mut facts = facts();
    facts.outcome(&good("eu", 60));
    for alert in ["AuthAttackAccepted", "AuthRegionsDisagree", "AuthProbeCredentials"] {
        assert_eq!(login(&mut facts, 60, alert).0, Holds::Unknown, "{alert}");
    }
    facts.outcome(&good("us", 60));
    for alert in ["AuthAttackAccepted", "AuthRegionsDisagree", "AuthProbeCredentials", "AuthProbeStale"] {
        assert_eq!(login(&mut facts, 60, alert).0, Holds::No, "{alert}");
    }
    facts.outcome(&fails("us", 120, Fault::new(Class::RegionsDisagree, "jwks: us has another key")));
    assert_eq!(login(&mut facts, 120, "AuthRegionsDisagree").0, Holds::Yes);
}

#[test]
fn refused_credentials_alert_until_a_run_is_judged() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    let refused = Fault::new(Class::Credentials, "invalid_grant").with_account(Account::User("alice".to_owned()));
    facts.outcome(&fails("eu", 60, refused.clone()));
    let (holds, text) = login(&mut facts, 60, "AuthProbeCredentials");
    assert_eq!(holds, Holds::Yes);
    assert!(text.contains("eu: credentials: invalid_grant."), "{text}");
    facts.outcome(&fails("eu", 120, Fault::new(Class::Browser, "no browser")));
    assert_eq!(login(&mut facts, 120, "AuthProbeCredentials").0, Holds::Yes, "nothing was shown of the account");
    facts.outcome(&fails("eu", 150, Fault::new(Class::Dns, "no such name")));
    assert_eq!(login(&mut facts, 150, "AuthProbeCredentials").0, Holds::Yes, "it did not get that far");
    facts.outcome(&logged_in(fails("eu", 180, Fault::new(Class::Timeout, "the token endpoint hangs"))));
    assert_eq!(login(&mut facts, 180, "AuthProbeCredentials").0, Holds::No, "it logged in");
    facts.outcome(&fails("eu", 240, Fault::new(Class::Challenge, "a CAPTCHA")));
    assert_eq!(login(&mut facts, 240, "AuthProbeCredentials").0, Holds::Yes);
    facts.outcome(&good("eu", 300));
    assert_eq!(login(&mut facts, 300, "AuthProbeCredentials").0, Holds::No);

    let with = |facts: &mut Facts, stopped: &[(&str, &str)]| {
        let stopped: Vec<_> = stopped.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let conditions = facts.conditions(at(300), &Context::default(), &stopped, &|_| false, None);
        find(conditions, "AuthProbeCredentials", "ticket", Some("login"))
    };
    assert_eq!(with(&mut facts, &[("user:alice", "locked")]).holds, Holds::No, "somebody else's since the good run");
    assert_eq!(with(&mut facts, &[("client:web", "wrong secret")]).holds, Holds::Yes, "the client of this probe");
    // Refused in a run that somebody asked for: the account is stopped for scheduled ones as well.
    facts.outcome(&Outcome { trigger: Trigger::Manual, ..fails("eu", 310, refused) });
    let stopped = with(&mut facts, &[("user:alice", "locked; not tried again until it is resumed")]);
    assert_eq!(stopped.holds, Holds::Yes);
    let text = &stopped.annotations["description"];
    assert!(text.contains("eu: user:alice: locked; not tried again until it is resumed."), "{text}");
}

#[test]
fn a_probe_that_measures_nothing_is_stale() {
    let mut facts = facts();
    facts.outcome(&good("us", 60));
    let stale = |facts: &mut Facts, secs| {
        watch(facts, secs);
        login(facts, secs, "AuthProbeStale")
    };
    assert_eq!(stale(&mut facts, 600).0, Holds::Unknown, "eu has been watched for ten minutes");
    facts.outcome(&good("us", 600));
    let (holds, text) = stale(&mut facts, 601);
    assert_eq!(holds, Holds::Yes);
    assert!(text.ends_with("nothing is known of it. eu for 10 min (no run took place)."), "{text}");
    facts.outcome(&fails("eu", 610, Fault::new(Class::Egress, "the proxy does not answer")));
    let (_, text) = stale(&mut facts, 700);
    assert!(
        text.contains("eu for 11 min (the last run could not tell: egress, monitor: the proxy does not answer)"),
        "{text}"
    );
    facts.outcome(&fails("eu", 720, Fault::new(Class::Timeout, "bad is judged")));
    assert_eq!(stale(&mut facts, 720).0, Holds::No);
    assert_eq!(stale(&mut facts, 1200).0, Holds::No);
    assert_eq!(stale(&mut facts, 1201).0, Holds::Yes, "us");
}

#[test]
fn a_provider_of_which_nothing_is_measured_pages() {
    let mut daily = watched("daily", "eu");
    daily.stale_after = Duration::from_secs(3 * DAY);
    let mut facts = Facts::default();
    facts.replace(vec![watched("login", "eu"), daily.clone()], Thresholds::default(), at(0));
    let page = |facts: &mut Facts, secs| {
        watch(facts, secs);
        find(all(facts, secs), "AuthProbeStale", "page", Some("not mine"))
    };
    assert_eq!(page(&mut facts, 600).holds, Holds::Unknown);
    assert_eq!(page(&mut facts, 601).holds, Holds::Yes, "the daily one has nothing to say for long");
    facts.outcome(&good("eu", 610));
    assert_eq!(page(&mut facts, 610).holds, Holds::No);
    facts.outcome(&Outcome { check: daily.check.clone(), ..good("eu", 1000) });
    assert_eq!(page(&mut facts, 1600).holds, Holds::No, "the daily one did measure something");
    let found = page(&mut facts, 1601);
    assert_eq!(found.holds, Holds::Yes);
    assert_eq!(
        found.annotations["description"],
        "No probe of this provider has measured anything for 10 min (no run took place): an outage would not be seen."
    );
}

#[test]
fn after_a_pause_or_a_sleep_a_probe_has_time_to_be_judged_again() {
    let mut facts = facts();
    let step = |facts: &mut Facts, secs, paused: bool| {
        let conditions = facts.conditions(at(secs), &Context::default(), &[], &|_| paused, None);
        let of = |severity, probe| find(conditions.clone(), "AuthProbeStale", severity, Some(probe)).holds;
        (of("ticket", "login"), of("page", "not mine"))
    };
    use Holds::{No, Unknown, Yes};
    facts.outcome(&good("eu", 60));
    facts.outcome(&good("us", 60));
    assert_eq!(step(&mut facts, 60, false), (No, No));
    for secs in (120..=3600).step_by(60) {
        assert_eq!(step(&mut facts, secs, true), (Unknown, Unknown), "paused");
    }
    assert_eq!(step(&mut facts, 3660, false), (Unknown, Unknown), "a run may come any moment");
    watch(&mut facts, 4200);
    assert_eq!(step(&mut facts, 4200, false), (Unknown, Unknown));
    assert_eq!(step(&mut facts, 4201, false), (Yes, Yes), "none came within ten minutes");
    // The machine sleeps for a day: what fired before does so until something is known.
    assert_eq!(step(&mut facts, 4201 + DAY, false), (Unknown, Unknown));
    facts.outcome(&good("eu", 4210 + DAY));
    assert_eq!(step(&mut facts, 4220 + DAY, false), (Unknown, No), "us has not been heard of");
    facts.outcome(&good("us", 4230 + DAY));
    assert_eq!(step(&mut facts, 4240 + DAY, false), (No, No));
}

#[test]
fn maintenance_is_unknown_for_its_probes_only() {
    let mut facts = facts();
    facts.outcome(&fails("eu", 60, Fault::new(Class::AttackAccepted, "x")));
    let conditions = facts.conditions(at(100_000), &Context::default(), &[], &|probe| probe == "login", None);
    for condition in &conditions {
        if condition.labels.get("tier").is_some_and(|tier| tier == "login") {
            assert_eq!(condition.holds, Holds::Unknown, "{:?}", condition.labels);
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
    let attack = find(all(&mut facts, 100), "AuthAttackAccepted", "page", Some("login"));
    assert_eq!((attack.holds, attack.labels["team"].as_str()), (Holds::Yes, "other"));
    assert!(
        all(&mut facts, 100).iter().all(|condition| condition.labels.get("probe").is_none_or(|probe| probe == "login"))
    );
    let mut moved = relabelled;
    moved.check.provider = "elsewhere".into();
    facts.replace(vec![moved], thresholds, at(200));
    assert_eq!(
        find(all(&mut facts, 200), "AuthAttackAccepted", "page", Some("login")).holds,
        Holds::Unknown,
        "another check"
    );
    facts.outcome(&good("nowhere", 60));
}
