use super::*;
use crate::fault::{Blame, Fault, Finding};
use crate::outcome::{Id, StepRecord};
use crate::slo::testing::{WEDNESDAY, outcome};

fn good() -> Outcome {
    outcome("login", "eu", WEDNESDAY, Verdict::Good)
}

fn failed(class: Class) -> Outcome {
    let verdict = if class.blame().is_bad() { Verdict::Bad } else { Verdict::Inconclusive };
    Outcome { fault: Some(Fault::new(class, "why")), ..outcome("login", "eu", WEDNESDAY, verdict) }
}

fn step(name: &'static str, state: StepState, millis: u64, cleanup: bool) -> StepRecord {
    StepRecord {
        name,
        span_id: Id([2; 8]),
        state,
        start: WEDNESDAY,
        duration: Duration::from_millis(millis),
        note: String::new(),
        cleanup,
        requests: Vec::new(),
    }
}

/// The one event, in the run's own region.
fn judge(sli: &Sli, outcome: &Outcome) -> Event {
    match sli.judge(outcome).as_slice() {
        [(region, event)] if **region == *"eu" => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn availability_is_the_verdict() {
    assert_eq!(judge(&Sli::Availability, &good()), Event::Good);
    assert_eq!(judge(&Sli::Availability, &failed(Class::Timeout)), Event::Bad);
    assert_eq!(judge(&Sli::Availability, &failed(Class::Credentials)), Event::Inconclusive);
    assert_eq!(judge(&Sli::Availability, &failed(Class::Browser)), Event::Inconclusive);
}

#[test]
fn a_run_is_fast_up_to_the_threshold_and_a_bad_one_never() {
    let run = |millis| Sli::Latency { step: None, threshold: Duration::from_millis(millis) };
    assert_eq!(judge(&run(100), &good()), Event::Good);
    assert_eq!(judge(&run(99), &good()), Event::Bad);
    assert_eq!(judge(&run(9999), &failed(Class::Dns)), Event::Bad);
    assert_eq!(judge(&run(9999), &failed(Class::Egress)), Event::Inconclusive);
}

#[test]
fn a_step_is_judged_only_if_it_was_done() {
    let token = Sli::Latency { step: Some("token".into()), threshold: Duration::from_millis(200) };
    let with = |steps| judge(&token, &Outcome { steps, ..good() });
    assert_eq!(with(vec![step("token", StepState::Done, 200, false)]), Event::Good);
    assert_eq!(with(vec![step("token", StepState::Done, 201, false)]), Event::Bad);
    assert_eq!(with(vec![step("token", StepState::Skipped, 0, false)]), Event::Inconclusive);
    assert_eq!(with(vec![step("token", StepState::Done, 1, true)]), Event::Inconclusive, "cleanup is no part of it");
    assert_eq!(with(vec![step("login", StepState::Done, 1, false)]), Event::Inconclusive);
    let quick = vec![step("token", StepState::Done, 1, false)];
    assert_eq!(judge(&token, &Outcome { steps: quick, ..failed(Class::ClaimNonce) }), Event::Bad);
}

#[test]
fn validation_is_bad_only_if_something_invalid_was_sent() {
    assert_eq!(judge(&Sli::Validation, &good()), Event::Good);
    let bad: Vec<&str> = Class::ALL
        .iter()
        .filter(|class| judge(&Sli::Validation, &failed(**class)) == Event::Bad)
        .map(|class| class.as_str())
        .collect();
    assert_eq!(
        bad.join(" "),
        "malformed issuer_mismatch metadata_invalid jwks_invalid key_not_found signature_invalid algorithm_forbidden \
         claim_issuer claim_audience claim_expired claim_not_yet_valid claim_nonce claim_hash claim_subject claim_auth \
         claim_missing claim_unexpected state_mismatch response_issuer"
    );
    let mut outcome = failed(Class::Timeout);
    assert_eq!(judge(&Sli::Validation, &outcome), Event::Inconclusive);
    let fault = outcome.fault.as_mut().unwrap();
    fault.findings = vec![Finding::new(Class::Timeout, "", "a"), Finding::new(Class::ClaimHash, "", "b")];
    assert_eq!(judge(&Sli::Validation, &outcome), Event::Bad, "found beside it");
    let mut ours = failed(Class::Malformed);
    ours.verdict = Verdict::Inconclusive;
    ours.fault.as_mut().unwrap().blame = Blame::Monitor;
    assert_eq!(judge(&Sli::Validation, &ours), Event::Inconclusive, "our proxy sent it");
}

#[test]
fn refused_is_bad_only_if_something_forbidden_was_accepted() {
    assert_eq!(judge(&Sli::Refused, &good()), Event::Good);
    let bad: Vec<&str> = Class::ALL
        .iter()
        .filter(|class| judge(&Sli::Refused, &failed(**class)) == Event::Bad)
        .map(|class| class.as_str())
        .collect();
    assert_eq!(bad.join(" "), "reuse_accepted revocation_ineffective logout_ineffective attack_accepted");
    assert_eq!(judge(&Sli::Refused, &failed(Class::Timeout)), Event::Inconclusive);
    assert_eq!(judge(&Sli::Refused, &failed(Class::Challenge)), Event::Inconclusive);
}

fn seen(region: &str, seconds: Option<f64>) -> Observation {
    Observation::RevocationPropagation { region: region.into(), seconds, interval: 0.1 }
}

fn events(outcome: &Outcome) -> Vec<(String, Event)> {
    let events = Sli::Propagation(Duration::from_secs(30)).judge(outcome);
    events.into_iter().map(|(region, event)| (region.to_string(), event)).collect()
}

fn named<const N: usize>(events: [(&str, Event); N]) -> Vec<(String, Event)> {
    events.into_iter().map(|(region, event)| (region.to_owned(), event)).collect()
}

#[test]
fn propagation_has_an_event_for_each_region_looked_from() {
    let observations = vec![seen("eu", Some(30.0)), seen("us", Some(30.5)), seen("asia", None)];
    let outcome = Outcome { observations, ..failed(Class::RevocationIneffective) };
    assert_eq!(events(&outcome), named([("eu", Event::Good), ("us", Event::Bad), ("asia", Event::Bad)]));
    // One region was blind: what the other saw still counts.
    let outcome = Outcome { observations: vec![seen("us", Some(1.0))], ..failed(Class::Egress) };
    assert_eq!(events(&outcome), named([("us", Event::Good)]));
}

#[test]
fn propagation_without_a_look_is_bad_only_if_the_token_still_works() {
    assert_eq!(events(&failed(Class::RevocationIneffective)), named([("eu", Event::Bad)]));
    assert_eq!(events(&failed(Class::Timeout)), named([("eu", Event::Inconclusive)]));
    assert_eq!(events(&failed(Class::Credentials)), named([("eu", Event::Inconclusive)]));
    assert_eq!(events(&good()), named([("eu", Event::Inconclusive)]), "a kind that does not look");
    // Introspection said it was dead everywhere; the token endpoint took it all the same.
    let observations = vec![seen("eu", Some(1.0)), seen("us", Some(1.0))];
    let outcome = Outcome { observations, ..failed(Class::RevocationIneffective) };
    assert_eq!(events(&outcome), named([("us", Event::Good), ("eu", Event::Bad)]));
}

#[test]
fn slis_describe_themselves() {
    let latency =
        |step: Option<&str>| Sli::Latency { step: step.map(Into::into), threshold: Duration::from_millis(200) };
    let slis = [
        (Sli::Availability, "availability"),
        (latency(None), "run within 200ms"),
        (latency(Some("token")), "step token within 200ms"),
        (Sli::Validation, "validation"),
        (Sli::Propagation(Duration::from_secs(30)), "revocation within 30s"),
        (Sli::Refused, "refused"),
    ];
    for (sli, words) in slis {
        assert_eq!(sli.describe(), words);
    }
}
