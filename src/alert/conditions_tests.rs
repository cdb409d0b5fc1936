use std::collections::BTreeMap;

use super::*;
use crate::schedule::Timing;
use crate::slo::objective::Member;
use crate::slo::{Budget, Reading, Sli, Tally};

const HOUR: Duration = Duration::from_secs(3600);

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 / 60 * 60) + Duration::from_secs(minutes * 60)
}

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn tier(name: &str, long: Duration, factor_milli: u64, severity: Severity) -> Tier {
    Tier { name: name.into(), budget_ppm: 20_000, long, short: long / 12, factor_milli, severity }
}

fn member(probe: &str) -> Member {
    let timing = Timing::Every(Duration::from_secs(60));
    Member {
        probe: probe.into(),
        kind: "form_login",
        spreads: timing.spreads(probe, 1),
        timing,
        timeout: HOUR,
        regions: vec!["eu".into()],
        covers: vec![],
    }
}

fn objective() -> Objective {
    Objective {
        name: "login-availability".into(),
        provider: "main".into(),
        members: vec![member("login"), member("web")],
        sli: Sli::Availability,
        target_ppm: 999_500,
        window: Window::Rolling(HOUR * 24 * 30),
        aggregate: Aggregate::Reachability,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers: Triggers::Burn(vec![
            tier("1h", HOUR, 14_400, Severity::Page),
            tier("3d", HOUR * 72, 1000, Severity::Ticket),
        ]),
        labels: words(&[("team", "identity"), ("severity", "none")]),
        annotations: words(&[("escalation", "call Alice")]),
    }
}

fn counts(good: u64, bad: u64) -> Counts {
    Counts { good, bad, inconclusive: 0, expected: good + bad }
}

fn reading(good: u64, bad: u64, burns: Option<bool>) -> TierReading {
    let counts = counts(good, bad);
    let burn = counts.error_ratio().map(|ratio| ratio / 0.0005);
    TierReading { long: Reading { counts, burn }, short: Reading { counts, burn }, guarded: burn.unwrap_or(0.0), burns }
}

fn evaluation(objective: Objective, tiers: Vec<TierReading>) -> Evaluation {
    let budget = Budget {
        since: at(0),
        tally: Tally::default(),
        remaining: Some(0.4321),
        remaining_raw: Some(0.4),
        coverage: Some(1.0),
        whole: 86_400.0,
    };
    let regions = vec![("ap".into(), counts(60, 0)), ("eu".into(), counts(57, 3)), ("us".into(), counts(30, 30))];
    let failing_since = Some(at(50));
    Evaluation { objective: Arc::new(objective), at: at(60), budget, tiers, regions, failing_since }
}

fn deployment(minutes: u64, provider: &str, version: &str) -> Deployment {
    Deployment {
        id: "0a1b2c3d".into(),
        at_nanos: at(minutes).as_nanos(),
        service: "keycloak".into(),
        version: version.into(),
        provider: provider.into(),
        comment: String::new(),
        ..Default::default()
    }
}

fn context(deployments: Vec<Deployment>) -> Context {
    let public_url = Some(Url::parse("https://authprobe.example.com/").unwrap());
    Context { public_url, runbooks: Runbooks::At("https://example.com/alerts.md".into()), deployments }
}

fn tell(evaluation: Evaluation, context: &Context) -> Vec<Condition> {
    let cause = |_: &Evaluation| Some("timeout (network) at step token in us".to_owned());
    burns(&[evaluation], at(60), context, &|_| false, &cause)
}

fn description(evaluation: Evaluation, context: &Context) -> String {
    tell(evaluation, context)[0].annotations["description"].clone()
}

#[test]
fn a_burn_is_one_alert_a_tier_with_stable_labels() {
    let conditions = tell(
        evaluation(objective(), vec![reading(147, 33, Some(true)), reading(9000, 33, Some(false))]),
        &context(vec![]),
    );
    let expected = |severity, tier| {
        words(&[
            ("alertname", "AuthSLOBurn"),
            ("burnrate_tier", tier),
            ("evaluator", "authprobe"),
            ("provider", "main"),
            ("severity", severity),
            ("slo", "login-availability"),
            ("team", "identity"),
        ])
    };
    assert_eq!(conditions[0].labels, expected("page", "1h"));
    assert_eq!(conditions[1].labels, expected("ticket", "3d"));
    assert_eq!((conditions[0].holds, conditions[1].holds), (Holds::Yes, Holds::No));
    for condition in &conditions {
        assert_eq!((condition.pending_for, condition.resolving_for), (Duration::ZERO, Duration::ZERO));
    }
    let told: Vec<_> = conditions[0].annotations.iter().filter(|(name, _)| *name != "description").collect();
    let expected = words(&[
        ("dashboard_url", "https://authprobe.example.com/slos/login-availability"),
        ("escalation", "call Alice"),
        ("runbook_url", "https://example.com/alerts.md#authsloburn"),
        ("summary", "An objective's error budget burns too fast"),
    ]);
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
}

#[test]
fn the_description_says_what_where_whose_fault_how_much_and_since_when() {
    let burning = evaluation(objective(), vec![reading(147, 33, Some(true)), reading(9000, 33, Some(true))]);
    let conditions = tell(burning, &context(vec![deployment(46, "main", "26.1")]));
    assert_eq!(
        conditions[0].annotations["description"],
        "login-availability: 18.3 % of 180 runs in the last 1h were bad (availability, objective 99.95 % over 30d), which \
         burns the error budget 367 times as fast as allowed; the alert begins at 14.4. 43.2 % of the budget is left and is \
         gone in 50 min at this rate. Bad by region, last 1h: us 50 %, eu 5 %; none in 1 other region. Most failures: timeout \
         (network) at step token in us. Failing since 2023-11-14 23:03 UTC (10 min ago). It began 4 min after the deployment \
         of keycloak 26.1 (marked 2023-11-14 22:59 UTC)."
    );
    let slow = &conditions[1].annotations["description"];
    assert!(slow.starts_with("login-availability: 0.37 % of 9033 runs in the last 3d were bad"), "{slow}");
    assert!(slow.contains("7.3 times as fast as allowed; the alert begins at 1."), "{slow}");
    assert!(slow.contains("left and is gone in 1 d 18 h at this rate."), "{slow}");
}

#[test]
fn a_budget_that_is_gone_or_outlasts_the_window_says_so() {
    let with = |remaining, good| {
        let mut evaluation = evaluation(objective(), vec![reading(good, 1, Some(true))]);
        evaluation.budget.remaining = remaining;
        description(evaluation, &context(vec![]))
    };
    assert!(with(Some(-0.5), 10).contains(" The budget is spent 1.5 times. Bad by"));
    assert!(with(Some(0.0), 10).contains(" The budget is used up. Bad by"));
    assert!(with(Some(0.9), 99_999).contains(" 90 % of the budget is left. Bad by"), "{}", with(Some(0.9), 99_999));
    assert!(with(None, 10).contains("begins at 14.4. Bad by"), "nothing is known of it");
}

#[test]
fn a_budget_that_still_fills_is_told_with_what_it_is_reckoned_from() {
    let with = |good, bad, remaining| {
        let mut evaluation = evaluation(objective(), vec![reading(good, bad, Some(true))]);
        evaluation.budget.tally.raw = counts(good, bad);
        evaluation.budget.remaining = Some(remaining);
        description(evaluation, &context(vec![]))
    };
    // 43 of 86 400 may fail, 5 did: 38.2 of 43.2 are left, and a twelfth of what comes is bad: burning 122 times as fast.
    let young = with(77, 5, 1.0 - 5.0 / 0.041);
    assert!(
        young.contains(
            " Of the 82 runs so far 5 were bad: the budget is spent 122 times; that of all 30d is gone in 5 h 13 min at this \
             rate. Bad by"
        ),
        "{young}"
    );
    let spent = with(10_000, 50, 1.0 - 50.0 / 5.025);
    assert!(spent.contains(" Of the 10050 runs so far 50 were bad: the budget is spent 10 times. Bad by"), "{spent}");
    let full = with(86_390, 10, 0.77);
    assert!(full.contains(" 77 % of the budget is left. Bad by"), "{full}");
}

#[test]
fn only_a_deployment_shortly_before_is_named() {
    // Failing since minute 50.
    for (deployments, named) in [
        (vec![deployment(50, "main", "1")], Some("0 s after the deployment of keycloak 1 ")),
        (vec![deployment(35, "main", "1")], Some("15 min after")),
        (vec![deployment(34, "main", "1")], None),
        (vec![deployment(51, "main", "1")], None),
        (vec![deployment(45, "other", "1")], None),
        (vec![deployment(45, "", "1")], Some("5 min after")),
        (
            vec![deployment(48, "main", "2"), deployment(45, "main", "1")],
            Some("2 min after the deployment of keycloak 2 "),
        ),
        (
            vec![deployment(55, "main", "2"), deployment(45, "main", "1")],
            Some("5 min after the deployment of keycloak 1 "),
        ),
    ] {
        let text = description(evaluation(objective(), vec![reading(1, 1, Some(true))]), &context(deployments.clone()));
        match named {
            Some(named) => assert!(text.contains(named), "{named:?} in {text}"),
            None => assert!(!text.contains("deployment"), "{deployments:?}: {text}"),
        }
    }
    // In the minute in which the failures began: they may have come after.
    let mut within = deployment(50, "main", "1");
    within.at_nanos += 40_000_000_000;
    let text = description(evaluation(objective(), vec![reading(1, 1, Some(true))]), &context(vec![within]));
    assert!(text.contains("It began 0 s after the deployment"), "{text}");
}

#[test]
fn where_nothing_is_allowed_any_event_is_told() {
    let mut none = objective();
    none.target_ppm = 1_000_000;
    none.triggers = Triggers::AnyEvent(Severity::Page);
    let mut evaluation = evaluation(none, vec![reading(118, 2, Some(true))]);
    evaluation.budget.remaining = Some(0.0);
    let conditions = tell(evaluation, &context(vec![]));
    assert_eq!(conditions.len(), 1);
    assert_eq!(
        (conditions[0].labels["burnrate_tier"].as_str(), conditions[0].labels["severity"].as_str()),
        ("any", "page")
    );
    let text = &conditions[0].annotations["description"];
    assert!(
        text.starts_with(
            "login-availability: 2 of 120 runs in the last 1h were bad (availability); the objective of 100 % over 30d allows \
             none. The alert ends an hour after the last. Bad by region"
        ),
        "{text}"
    );
}

#[test]
fn what_is_unknown_or_wholly_in_maintenance_freezes() {
    let holds = |burning, maintained: &dyn Fn(&str) -> bool| {
        let evaluation = evaluation(objective(), vec![reading(1, 1, burning), reading(1, 1, Some(false))]);
        let conditions = burns(&[evaluation], at(60), &context(vec![]), maintained, &|_| None);
        conditions.iter().map(|condition| condition.holds).collect::<Vec<_>>()
    };
    use Holds::{No, Unknown, Yes};
    assert_eq!(holds(Some(true), &|_| false), [Yes, No]);
    assert_eq!(holds(None, &|_| false), [Unknown, No]);
    assert_eq!(holds(Some(true), &|probe| probe == "login"), [Yes, No], "the other probe goes on");
    assert_eq!(holds(Some(true), &|_| true), [Unknown, Unknown]);
    let evaluation = evaluation(objective(), vec![]);
    let conditions = burns(&[evaluation], at(60), &context(vec![]), &|_| false, &|_| None);
    assert_eq!(
        conditions.iter().map(|condition| condition.holds).collect::<Vec<_>>(),
        [Unknown, Unknown],
        "never evaluated"
    );
}

#[test]
fn several_providers_and_ticks_of_all_regions_read_well() {
    let mut uptime = objective();
    uptime.provider = "".into();
    uptime.aggregate = Aggregate::Uptime { quorum: 2 };
    uptime.window = Window::Month(chrono_tz::Europe::Zurich);
    let mut evaluation = evaluation(uptime, vec![reading(1, 1, Some(true)), reading(1, 1, Some(true))]);
    evaluation.regions = vec![("".into(), counts(1, 1))];
    let conditions = tell(evaluation, &context(vec![deployment(45, "other", "1")]));
    assert!(!conditions[0].labels.contains_key("provider"), "an empty label is none");
    let text = &conditions[0].annotations["description"];
    assert!(text.contains("50 % of 2 ticks"), "{text}");
    assert!(text.contains("objective 99.95 % in a calendar month of Europe/Zurich"), "{text}");
    assert!(!text.contains("by region"), "{text}");
    assert!(text.contains("after the deployment of keycloak 1"), "it may be one of them: {text}");
}
