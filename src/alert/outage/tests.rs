use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::alert::conditions::Deployment;
use crate::alert::machine::Change;
use crate::alert::{Machine, State};
use crate::detect::ruling::{Level, RegionCase};
use crate::fault::{Blame, Class};

/// 18:05:12 on some day.
const BEGAN: Timestamp = Timestamp::from_secs(1_795_284_312);

fn after(secs: u64) -> Timestamp {
    BEGAN + Duration::from_secs(secs)
}

fn seen(region: &str, look: Look, bad: u64, runs: u64) -> RegionCase {
    let evidence = if look == Look::Failing { 0.5 } else { 0.0 };
    let since = (bad > 0).then_some(BEGAN);
    RegionCase { region: region.into(), look, evidence, since, last_bad: 0, last_good: 0, bad, runs }
}

/// Every run of the token step fails, from everywhere.
fn case() -> Case {
    Case {
        step: "token".into(),
        level: Level::Everywhere,
        since: BEGAN,
        certain_at: Some(after(3)),
        class: Some(Class::HttpStatus),
        blame: Some(Blame::Provider),
        upstream: None,
        of_class: 9,
        regions: ["eu", "us", "ap"].map(|region| seen(region, Look::Failing, 3, 3)).into(),
        probes: BTreeSet::from(["login".into(), "machine".into()]),
        passed: BTreeSet::new(),
        ends_at: None,
        relapses: 0,
        scheduled: 3,
        confirmations: 6,
        clean: vec![("jwks".into(), 6), ("discovery".into(), 9)],
        confirmations_left: 234,
    }
}

fn ruling(outage: Standing, regions: &[(&str, Standing)], cases: Vec<Case>) -> Ruling {
    Ruling {
        provider: "main".into(),
        labels: BTreeMap::from([("team".to_owned(), "identity".to_owned())]),
        annotations: BTreeMap::from([("escalation".to_owned(), "call Alice".to_owned())]),
        outage,
        regions: regions.iter().map(|(region, standing)| (Arc::from(*region), *standing)).collect(),
        cases,
    }
}

fn description(outage: Standing, cases: Vec<Case>, now: Timestamp) -> String {
    told(&ruling(outage, &[], cases), now, &Context::default())
}

fn told(ruling: &Ruling, now: Timestamp, context: &Context) -> String {
    let last = conditions(std::slice::from_ref(ruling), now, context).pop().unwrap();
    last.annotations["description"].clone()
}

fn over(ruling: &Ruling, now: Timestamp) -> String {
    let last = conditions(std::slice::from_ref(ruling), now, &Context::default()).pop().unwrap();
    last.afterwards["description"].clone()
}

/// A region that failed and is good again.
fn well(region: &str, look: Look, (bad, runs): (u64, u64), last_good: u64) -> RegionCase {
    RegionCase { last_good, ..seen(region, look, bad, runs) }
}

#[test]
fn one_condition_a_provider_and_one_a_region_with_labels_of_its_own() {
    let regions = [("eu", Standing::Holds), ("us", Standing::Clear)];
    let all = conditions(&[ruling(Standing::Unknown, &regions, vec![case()])], after(14), &Context::default());
    let labels = |pairs: &[(&str, &str)]| {
        let own = [("evaluator", "authprobe"), ("provider", "main"), ("team", "identity")];
        own.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Words>()
    };
    let down = |region| labels(&[("alertname", "AuthRegionDown"), ("severity", "ticket"), ("probe_region", region)]);
    assert_eq!(all[0].labels, labels(&[("alertname", "AuthOutage"), ("severity", "page")]));
    assert_eq!([&all[1].labels, &all[2].labels], [&down("eu"), &down("us")]);
    let holds: Vec<_> = all.iter().map(|condition| condition.holds).collect();
    assert_eq!((all.len(), holds), (3, vec![Holds::Unknown, Holds::Yes, Holds::No]));
    assert_eq!(all[1].annotations["escalation"], "call Alice");
    assert_eq!(all[1].annotations["summary"], "The provider is failing as seen from one region");
    assert!(all[0].annotations.is_empty() && all[2].annotations.is_empty());
}

#[test]
fn it_fires_when_the_detector_says_so_and_ends_at_once() {
    let mut machine = Machine::default();
    let mut step = |secs: u64, standing: Standing| {
        let changes =
            machine.step(after(secs), conditions(&[ruling(standing, &[], vec![case()])], after(secs), &<_>::default()));
        let what = changes.first().map(|change| matches!(change, Change::Fired(_)));
        (what, machine.alerts().first().map(|alert| alert.state))
    };
    assert_eq!(step(0, Standing::Clear), (None, None));
    assert_eq!(step(1, Standing::Pending), (None, Some(State::Pending)));
    assert_eq!(step(90_000_000, Standing::Pending), (None, Some(State::Pending)), "for as long as it takes");
    assert_eq!(step(90_000_001, Standing::Holds), (Some(true), Some(State::Firing)));
    assert_eq!(step(90_000_002, Standing::Pending), (None, Some(State::Firing)), "what fires does not go back");
    assert_eq!(step(90_000_003, Standing::Unknown), (None, Some(State::Firing)));
    assert_eq!(step(90_000_004, Standing::Clear), (Some(false), Some(State::Resolved)));
}

#[test]
fn it_says_who_what_where_since_when_whose_fault_and_how_sure() {
    let deployment = |before: i64, provider: &str| Deployment {
        id: "0a1b2c3d".into(),
        at_nanos: BEGAN.as_nanos() - before * 1_000_000_000,
        service: "keycloak".into(),
        version: "26.5".into(),
        provider: provider.into(),
        comment: String::new(),
        ..Default::default()
    };
    let context = Context { deployments: vec![deployment(60, "other"), deployment(130, "main")], ..Context::default() };
    assert_eq!(
        told(&ruling(Standing::Holds, &[], vec![case()]), after(14), &context),
        "main: step token fails everywhere since 18:05:12 UTC: http_status (blame: provider), 9 of 9 runs. \
         eu 3 of 3, us 3 of 3, ap 3 of 3. \
         Certain since 18:05:15 UTC by 3 scheduled and 6 confirmation runs; probes that fail: login and machine. \
         Clean meanwhile: jwks (6 runs), discovery (9 runs). \
         It began 2 min after the deployment of keycloak 26.5 (marked 2026-11-21 18:03 UTC)."
    );
    // A run that fails began a moment before the deployment was marked.
    let late = Context { deployments: vec![deployment(-5, "")], ..Context::default() };
    assert!(told(&ruling(Standing::Holds, &[], vec![case()]), after(14), &late).contains("It began 0 s after"));
    let later = Context { deployments: vec![deployment(-40, "")], ..Context::default() };
    assert!(!told(&ruling(Standing::Holds, &[], vec![case()]), after(50), &later).contains("deployment"));
}

/// A broker's users meet it as an outage of its own; whoever is paged must not look there in vain.
#[test]
fn what_fails_at_an_upstream_provider_says_so() {
    let case = Case { step: "login".into(), upstream: Some("idp.partner.example".into()), ..case() };
    let other = Case { step: "authorize".into(), ..case.clone() };
    let text = description(Standing::Holds, vec![case, other], after(14));
    assert!(
        text.starts_with(
            "main: step login fails everywhere since 18:05:12 UTC: http_status (blame: provider) at upstream host \
             idp.partner.example, not main's own pages, 9 of 9 runs."
        ),
        "{text}"
    );
    assert!(
        text.ends_with("Also: step authorize (http_status at upstream host idp.partner.example, everywhere)."),
        "{text}"
    );
}

#[test]
fn what_is_over_is_told_in_the_past_tense() {
    let regions =
        vec![well("eu", Look::Clean, (3, 8), 5), well("us", Look::Failing, (3, 7), 4), seen("ap", Look::Unknown, 0, 0)];
    let ended =
        Case { regions, of_class: 6, ends_at: Some(after(130)), passed: BTreeSet::from(["x".into()]), ..case() };
    let text = over(&ruling(Standing::Holds, &[], vec![ended.clone()]), after(126));
    assert_eq!(
        text,
        "main: step token failed in every region that could be measured from 18:05:12 UTC on: http_status (blame: provider), \
         6 of 15 runs. Unknown: ap (nothing could be measured from there); eu: 3 of 8 failed, the last 5 were good; \
         us: 3 of 7 failed, the last 4 were good. x passed this step: it may have been what only login and machine do. \
         Known from 3 scheduled and 6 confirmation runs; probes that failed: login and machine. \
         Clean meanwhile: jwks (6 runs), discovery (9 runs)."
    );
    for level in [Level::Suspected, Level::Region, Level::Partial, Level::Several, Level::Everywhere] {
        let cases = vec![Case { level, ..case() }];
        let both = ruling(Standing::Holds, &[("eu", Standing::Holds)], cases);
        for condition in conditions(&[both], after(14), &Context::default()) {
            let text = &condition.afterwards["description"];
            assert!(text.starts_with("main: step token failed"), "{text}");
            for now in ["fails", "ailing", "Certain", " is "] {
                assert!(!text.contains(now), "{now}: {text}");
            }
        }
    }
    let text = over(&ruling(Standing::Holds, &[], vec![]), after(14));
    assert_eq!(text, "main: it was found to fail.");
}

#[test]
fn what_may_be_over_says_when_it_ends() {
    let regions = ["eu", "us"].map(|region| well(region, Look::Failing, (3, 8), 5)).into();
    let ends = Case { regions, of_class: 6, ends_at: Some(after(130)), relapses: 2, ..case() };
    let text = description(Standing::Holds, vec![ends.clone()], after(100));
    assert!(
        text.starts_with(
            "main: step token does not fail any more; this alert ends at 18:07:22 UTC unless it fails again (it came back \
             twice within the hour). It failed everywhere from 18:05:12 UTC on: http_status (blame: provider), 6 of 16 \
             runs. eu: 3 of 8 failed, the last 5 good; us: 3 of 8 failed, the last 5 good. "
        ),
        "{text}"
    );
    let fails_no_more = ends.clone();
    // What fails now comes first, and the alert ends with the last of those that may be over.
    let fails = Case { step: "jwks".into(), level: Level::Several, ..case() };
    let text = description(Standing::Holds, vec![ends.clone(), fails], after(100));
    assert!(text.starts_with("main: step jwks fails in 3 of 3 regions"), "{text}");
    assert!(text.ends_with("Also: step token (http_status, good again)."), "{text}");
    let later = Case { step: "jwks".into(), ends_at: Some(after(150)), ..ends.clone() };
    let text = description(Standing::Holds, vec![Case { relapses: 0, ..ends }, later], after(100));
    assert!(text.contains("this alert ends at 18:07:42 UTC unless it fails again. It failed"), "{text}");
    assert!(
        headline("main", &fails_no_more, after(131)).contains("this alert ends unless it fails again (it came back")
    );
}

/// What is found clean loses its count of good runs.
#[test]
fn what_was_everywhere_stays_so_when_regions_recover() {
    let regions = vec![well("eu", Look::Failing, (9, 12), 3), well("us", Look::Clean, (9, 15), 1)];
    let recovers = Case { regions, of_class: 18, ..case() };
    let text = description(Standing::Holds, vec![recovers.clone()], after(100));
    assert!(text.contains(" fails in 1 of 2 regions, in all at first, since"), "{text}");
    assert!(text.contains(" eu: 9 of 12 failed, the last 3 good; us: 9 of 15 failed, good again. "), "{text}");
    let text = over(&ruling(Standing::Holds, &[], vec![recovers]), after(100));
    assert!(text.starts_with("main: step token failed everywhere from 18:05:12 UTC on: "), "{text}");
    assert!(text.contains(" the last 3 were good; us: 9 of 15 failed, good again at last. "), "{text}");
}

#[test]
fn one_region_alone_is_said_to_decide() {
    let regions = vec![seen("local", Look::Failing, 4, 4)];
    let alone = Case { regions, of_class: 3, clean: vec![], confirmations: 0, scheduled: 1, ..case() };
    assert_eq!(
        description(Standing::Holds, vec![alone], after(75)),
        "main: step token fails since 18:05:12 UTC: mostly http_status (blame: provider), 4 of 4 runs. \
         It is seen from one region only (local), which decides: it may be that region's uplink. \
         Certain since 18:05:15 UTC by 1 scheduled run; probes that fail: login and machine."
    );
    let regions =
        vec![seen("eu", Look::Failing, 9, 9), seen("us", Look::Unknown, 0, 0), seen("ap", Look::Unknown, 0, 0)];
    let text = description(Standing::Holds, vec![Case { regions, ..case() }], after(75));
    let head = "main: step token fails as seen from eu, the only region that can be measured, since 18:05:12 UTC: http_status \
                (blame: provider), 9 of 9 runs. Failing: eu 9 of 9; unknown: us, ap (nothing could be measured from there). \
                It may be that region's uplink. ";
    assert!(text.starts_with(head), "{text}");
}

#[test]
fn what_is_not_failing_is_said_too() {
    let looks = [Look::Failing, Look::Unknown, Look::Failing, Look::Waiting, Look::Clean, Look::Suspected];
    let regions: Vec<_> = looks
        .iter()
        .enumerate()
        .map(|(n, look)| seen(&format!("r{n}"), *look, if n == 4 { 0 } else { 5 }, 5))
        .collect();
    let several = Case { level: Level::Several, regions: regions.clone(), ..case() };
    let text = description(Standing::Holds, vec![several], after(14));
    assert!(
        text.starts_with("main: step token fails in 2 of 6 regions since 18:05:12 UTC: mostly http_status"),
        "{text}"
    );
    let places = " runs. Failing: r0 5 of 5, r2 5 of 5; suspected: r5 5 of 5; clean: r4 0 of 5 failed; not measured yet: r3; \
                  unknown: r1 (nothing could be measured from there). ";
    assert!(text.contains(places), "{text}");
    let blind = Case { regions: vec![regions[0].clone(), regions[1].clone(), regions[2].clone()], ..case() };
    let text = description(Standing::Holds, vec![blind], after(14));
    assert!(text.starts_with("main: step token fails in every region that can be measured since"), "{text}");
    let recovering = Case { regions: vec![regions[0].clone(), regions[2].clone(), regions[4].clone()], ..case() };
    let text = headline("main", &recovering, after(14));
    assert!(
        text.starts_with("main: step token fails in 2 of 3 regions, in all at first, since 18:05:12 UTC:"),
        "{text}"
    );
    let many: Vec<_> = (0..9).map(|n| seen(&format!("r{n}"), Look::Failing, 1, 1)).collect();
    let text = description(Standing::Holds, vec![Case { regions: many, ..case() }], after(14));
    assert!(text.contains("r5 1 of 1 and 3 more."), "{text}");
}

#[test]
fn what_passes_the_step_is_said_to_narrow_it_down() {
    let text = |passed: &[&str], probes: &[&str]| {
        let of = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        description(Standing::Holds, vec![Case { passed: of(passed), probes: of(probes), ..case() }], after(14))
    };
    let one = text(&["login", "machine"], &["odd"]);
    assert!(one.contains(". login and machine pass this step: it may be what only odd does. Certain"), "{one}");
    assert!(one.contains("(blame: provider)"), "whose fault it is stays");
    let two = text(&["login"], &["odd", "rare"]);
    assert!(two.contains(". login passes this step: it may be what only odd and rare do. "), "{two}");
    assert!(!text(&[], &["odd"]).contains("this step") && !text(&["login"], &[]).contains("this step"));
}

#[test]
fn a_small_failure_says_its_share() {
    let regions = ["eu", "us"].map(|region| seen(region, Look::Suspected, 14, 150)).into();
    let partial = Case { level: Level::Partial, regions, of_class: 28, scheduled: 240, confirmations: 60, ..case() };
    let text = description(Standing::Holds, vec![partial.clone()], after(1800));
    let head = "main: step token fails for 9 % of the runs, from every region, since 18:05:12 UTC: http_status (blame: \
                provider), 9 % of at least 300 runs. Suspected: eu 9 % of at least 100, us 9 % of at least 100. ";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("by at least 200 scheduled and at least 60 confirmation runs"), "{text}");
    // Certain in every region, and still no outage of every run.
    let rare = Case { level: Level::Everywhere, ..partial };
    assert!(headline("main", &rare, after(60)).contains(" fails for 9 % of the runs, from every region, since"));
    let waits = description(Standing::Pending, vec![Case { level: Level::Suspected, ..rare }], after(60));
    assert!(waits.starts_with("main: step token fails for 9 % of the runs, from every region, since"), "{waits}");
    // Good runs at the end are no share.
    let regions = ["eu", "us"].map(|region| well(region, Look::Failing, (9, 12), 3)).into();
    let text = headline("main", &Case { regions, ..case() }, after(60));
    assert!(text.contains(" fails everywhere since") && text.contains("75 % of at least 20 runs"), "{text}");
}

#[test]
fn a_region_is_told_from_its_own_numbers() {
    let regions = vec![seen("eu", Look::Clean, 0, 5), seen("us", Look::Failing, 4, 5), seen("ap", Look::Clean, 0, 4)];
    let down =
        Case { level: Level::Region, certain_at: None, regions, of_class: 4, class: Some(Class::Timeout), ..case() };
    let down = Case { blame: Some(Blame::Network), clean: vec![], scheduled: 3, confirmations: 1, ..down };
    let elsewhere = Case { step: "jwks".into(), regions: vec![seen("eu", Look::Suspected, 1, 2)], ..case() };
    let mut ruling = ruling(Standing::Clear, &[("us", Standing::Holds)], vec![elsewhere, down]);
    assert_eq!(
        told(&ruling, after(180), &Context::default()),
        "main: step token fails as seen from us since 18:05:12 UTC: timeout (blame: network), 4 of 5 runs. \
         Clean: eu 0 of 5, ap 0 of 4 failed. \
         Certain by 3 scheduled and 1 confirmation run; probes that fail: login and machine."
    );
    assert!(
        headline("main", &ruling.cases[1], after(180)).starts_with("main: step token fails as seen from us only since")
    );
    ruling.regions = vec![("us".into(), Standing::Pending)];
    let text = told(&ruling, after(60), &Context::default());
    assert!(
        text.contains(
            "Certain enough by 3 scheduled and 1 confirmation run; probes that fail: login and machine; it \
                           fires if it lasts (several_after)."
        ),
        "{text}"
    );
}

#[test]
fn several_steps_are_told_the_gravest_first() {
    let other = |step: &str, level: Level| Case { step: step.into(), level, ..case() };
    let narrow = Case { probes: BTreeSet::from(["exchange".into()]), ..other("subject_token", Level::Everywhere) };
    let text = description(Standing::Holds, vec![narrow, case()], after(14));
    assert!(text.starts_with("main: step token fails everywhere"), "more probes meet it: {text}");
    assert!(text.ends_with("Also: step subject_token (http_status, everywhere)."), "{text}");
    let cases = vec![
        case(),
        other("userinfo", Level::Several),
        other("jwks", Level::Suspected),
        other("refresh", Level::Region),
        other("revoke", Level::Suspected),
    ];
    let text = description(Standing::Holds, cases, after(14));
    let also = "Also: step userinfo (http_status, several regions), step jwks (http_status, suspected), step refresh \
                (http_status, one region) and 1 more.";
    assert!(text.starts_with("main: step token fails everywhere") && text.ends_with(also), "{text}");
}

#[test]
fn what_is_pending_is_certain_enough_and_what_is_suspected_is_not() {
    let regions = vec![seen("eu", Look::Failing, 2, 2), seen("us", Look::Waiting, 0, 0)];
    let suspected = Case {
        level: Level::Suspected,
        certain_at: None,
        regions,
        of_class: 2,
        confirmations: 0,
        scheduled: 1,
        ..case()
    };
    let text = headline("main", &suspected, after(4));
    assert_eq!(text, "main: step token may be failing since 18:05:12 UTC: http_status (blame: provider), 2 of 2 runs.");
    let text = description(Standing::Pending, vec![suspected], after(4));
    assert!(text.starts_with("main: step token fails in 1 of 2 regions since 18:05:12 UTC"), "{text}");
    let why = "Certain enough by 1 scheduled run; probes that fail: login and machine; it fires if it lasts (several_after or \
               ignore_shorter_than).";
    assert!(text.contains(why), "{text}");
    let everywhere = Case { level: Level::Suspected, certain_at: None, ..case() };
    let text = description(Standing::Pending, vec![everywhere], after(4));
    assert!(text.starts_with("main: step token fails everywhere since"), "{text}");
}

/// Receivers are told of changes: as many runs more are none, nor is the time that passes.
#[test]
fn words_stay_while_little_changes() {
    let at = |runs: u64, secs: u64| {
        let regions = ["eu", "us", "ap"].map(|region| seen(region, Look::Failing, runs, runs)).into();
        let grown = Case { regions, of_class: 3 * runs, scheduled: 30, confirmations: 3 * runs, ..case() };
        description(Standing::Holds, vec![grown], after(secs))
    };
    assert_eq!(at(22, 126), at(23, 200));
    assert_ne!(at(22, 126), at(31, 126));
    // A day later the date is needed.
    assert!(at(22, 90_000).contains("since 2026-11-21 18:05 UTC:"), "{}", at(22, 90_000));
}

#[test]
fn evidence_is_found_by_labels() {
    let regions = vec![seen("eu", Look::Clean, 0, 5), seen("us", Look::Failing, 4, 5)];
    let down = Case { step: "jwks".into(), regions, ..case() };
    let rulings = [ruling(Standing::Holds, &[], vec![case(), down])];
    let find = |pairs: &[(&str, &str)]| {
        let labels: Words = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Some(evidence(&labels, &rulings)?.iter().map(|case| case.step.to_string()).collect::<Vec<_>>())
    };
    let steps = |steps: &[&str]| Some(steps.iter().map(|step| (*step).to_owned()).collect());
    assert_eq!(find(&[("alertname", "AuthOutage"), ("provider", "main")]), steps(&["token", "jwks"]));
    assert_eq!(find(&[("alertname", "AuthOutage"), ("provider", "other")]), steps(&[]));
    assert_eq!(find(&[("alertname", "AuthSLOBurn"), ("provider", "main")]), None);
    let down = |region| [("alertname", "AuthRegionDown"), ("provider", "main"), ("probe_region", region)];
    assert_eq!(find(&down("us")), steps(&["token", "jwks"]));
    assert_eq!(find(&down("eu")), steps(&["token"]), "the other step is clean there");
}
