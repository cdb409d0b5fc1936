use super::*;
use crate::clock::Timestamp;
use crate::slo::Counts;

const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);
const WATCH: Duration = Duration::from_secs(600);

fn terms() -> Terms {
    Terms { since: BEGIN, until: BEGIN + WATCH, max_burn: 2.0, patience: Duration::from_secs(120) }
}

fn after(seconds: u64) -> Timestamp {
    BEGIN + Duration::from_secs(seconds)
}

/// 99.95 % of the runs of `login` at `main`; so many good and bad ones, so many expected besides.
fn slo(good: u64, bad: u64, missed: u64) -> Slo {
    Slo {
        name: "login".to_owned(),
        provider: Some("main".to_owned()),
        probes: vec!["login".to_owned()],
        objective: "99.95%".to_owned(),
        allowed: 0.0005,
        alpha_ppm: 50_000,
        min_coverage: 0.8,
        counts: Counts { good, bad, inconclusive: 0, expected: good + bad + missed },
        excluded: Counts::default(),
        seen: 1.0,
        budget: Some(0.9),
    }
}

fn alert(name: &str, severity: &str, before: bool) -> Alert {
    Alert {
        name: name.to_owned(),
        severity: severity.to_owned(),
        provider: "main".to_owned(),
        before,
        fired_at: Some(if before { after(0) - WATCH } else { after(30) }),
        ..Alert::default()
    }
}

/// The last look at that second, judged then.
fn judge(at: u64, slos: Vec<Slo>, alerts: Vec<Alert>) -> Judged {
    let look = Look { at: after(at), slos, alerts, notes: Vec::new() };
    decide(&terms(), &["login".to_owned()], Some(&look), after(at))
}

fn whys(judged: &Judged) -> (Decision, Vec<Why>) {
    (judged.decision, judged.reasons.iter().map(|reason| reason.why).collect())
}

#[test]
fn it_opens_when_the_whole_watch_has_passed_and_enough_was_measured() {
    assert_eq!(whys(&judge(599, vec![slo(20, 0, 0)], vec![])), (Decision::Watching, vec![]));
    assert_eq!(whys(&judge(600, vec![slo(20, 0, 0)], vec![])), (Decision::Open, vec![]));
    assert_eq!(
        whys(&judge(600, vec![slo(16, 0, 4)], vec![])),
        (Decision::Open, vec![]),
        "exactly as much as is needed"
    );
}

/// (good, bad) of 99.95 %, and what follows at once with a limit of 2.
#[test]
fn failures_close_it_as_far_as_they_are_too_many_for_chance() {
    for (good, bad, closed) in [
        // One failure of any number of runs is what a dropped packet makes.
        (0, 1, false),
        (9, 1, false),
        (19, 1, false),
        (5000, 1, false),
        // Two are a rate of at least 0.345 of so many.
        (8, 2, true),
        (0, 2, true),
        (300, 2, true),
        (400, 2, false),
        (10_000, 10, false),
        (10_000, 30, true),
        // Exactly the budget, and exactly the limit as a plain ratio.
        (19_990, 10, false),
        (9_990, 10, false),
    ] {
        let judged = judge(60, vec![slo(good, bad, 0)], vec![]);
        let expected = if closed { (Decision::Closed, vec![Why::Burn]) } else { (Decision::Watching, vec![]) };
        assert_eq!(whys(&judged), expected, "{bad} of {}: {:?}", good + bad, slo(good, bad, 0).burn());
    }
}

#[test]
fn it_says_how_fast_what_the_limit_is_and_how_many() {
    let judged = judge(60, vec![slo(16, 8, 0)], vec![]);
    let text = "login burns its budget 667 times as fast as allowed (at least 332; the limit is 2): 8 of 24 runs bad since \
                the beginning";
    assert_eq!(judged.reasons[0].text, text);
    assert_eq!(judged.reasons[0].slo.as_deref(), Some("login"));
}

#[test]
fn the_limit_is_of_the_burn_and_alpha_is_how_sure_it_must_be() {
    let slo = Slo { allowed: 0.05, ..slo(18, 2, 0) };
    assert_eq!(whys(&judge(60, vec![slo.clone()], vec![])).0, Decision::Watching, "10 % bad of 5 % allowed, 2 of 20");
    let sure =
        Slo { alpha_ppm: 500_000, ..Slo { counts: Counts { good: 16, bad: 4, inconclusive: 0, expected: 20 }, ..slo } };
    assert_eq!(whys(&judge(60, vec![sure.clone()], vec![])).0, Decision::Closed);
    let strict = Slo { alpha_ppm: 1000, ..sure };
    assert_eq!(whys(&judge(60, vec![strict], vec![])).0, Decision::Watching);
}

#[test]
fn where_nothing_is_allowed_any_failure_closes_it() {
    let strict = Slo { allowed: 0.0, ..slo(19, 1, 0) };
    let judged = judge(60, vec![strict.clone()], vec![]);
    assert_eq!(whys(&judged), (Decision::Closed, vec![Why::AnyEvent]));
    assert_eq!(
        judged.reasons[0].text,
        "login: 1 of 20 runs bad since the beginning, and an objective of 100% allows none"
    );
    assert_eq!(strict.burn(), Burn { burn: None, lower: 0.0 });
    let clean = Slo { allowed: 0.0, ..slo(20, 0, 0) };
    assert_eq!(whys(&judge(600, vec![clean], vec![])), (Decision::Open, vec![]));
}

#[test]
fn failures_close_it_however_little_was_measured() {
    assert_eq!(whys(&judge(60, vec![slo(0, 3, 97)], vec![])), (Decision::Closed, vec![Why::Burn]));
}

#[test]
fn alerts_close_it_by_what_they_are() {
    let burn =
        |severity: &str, slo: &str, before| Alert { slo: slo.to_owned(), ..alert("AuthSLOBurn", severity, before) };
    let of = |provider: &str, alert: Alert| Alert { provider: provider.to_owned(), ..alert };
    let (open, closed) = ((Decision::Open, vec![]), |why| (Decision::Closed, vec![why]));
    for (alert, expected, warned) in [
        (alert("AuthOutage", "page", false), closed(Why::Alert), false),
        (alert("AuthRegionDown", "ticket", false), closed(Why::Alert), false),
        (alert("AuthAttackAccepted", "page", false), closed(Why::Alert), false),
        // Nothing has failed since: its windows hold what was before.
        (burn("page", "login", false), open.clone(), true),
        (burn("ticket", "login", false), open.clone(), true),
        (burn("page", "other", false), open.clone(), false),
        (alert("AuthClockSkew", "ticket", false), open.clone(), true),
        (alert("AuthProbeCredentials", "ticket", false), open.clone(), true),
        // Of another provider.
        (of("other", alert("AuthOutage", "page", false)), open.clone(), false),
        (of("other", alert("AuthClockSkew", "ticket", false)), open.clone(), false),
        // It fired before, and does still.
        (alert("AuthOutage", "page", true), closed(Why::BrokenBefore), false),
        (alert("AuthRegionDown", "ticket", true), closed(Why::BrokenBefore), false),
        (alert("AuthAttackAccepted", "page", true), closed(Why::BrokenBefore), false),
        // Its windows look back beyond the beginning: what failed since decides.
        (burn("page", "login", true), open.clone(), true),
        // It is over.
        (Alert { state: State::Resolved, ..alert("AuthOutage", "page", false) }, closed(Why::Alert), false),
        (Alert { state: State::Resolved, ..alert("AuthOutage", "page", true) }, open.clone(), false),
        (Alert { state: State::Pending, fired_at: None, ..alert("AuthOutage", "page", false) }, open.clone(), false),
    ] {
        let judged = judge(600, vec![slo(20, 0, 0)], vec![alert.clone()]);
        assert_eq!((whys(&judged), !judged.warnings.is_empty()), (expected, warned), "{alert:?}: {judged:?}");
    }
}

/// (good, bad) since the beginning, and whether a burn alert of the objective that fired since closes it.
#[test]
fn a_burn_alert_closes_it_if_enough_failed_since() {
    let burn = Alert { slo: "login".to_owned(), ..alert("AuthSLOBurn", "page", false) };
    for (slo, closed) in [
        (slo(400, 0, 0), false),
        (slo(400, 1, 0), false),
        // Too few for chance by themselves, and what the alert is of.
        (slo(400, 2, 0), true),
        (Slo { allowed: 0.0, ..slo(400, 0, 0) }, false),
    ] {
        let judged = judge(60, vec![slo.clone()], vec![burn.clone()]);
        let expected = if closed { (Decision::Closed, vec![Why::Alert]) } else { (Decision::Watching, vec![]) };
        assert_eq!((whys(&judged), judged.warnings.is_empty()), (expected, closed), "{slo:?}");
    }
}

#[test]
fn an_outage_closes_it_at_once_and_one_from_before_may_end_until_the_watch_is_over() {
    let judged = judge(5, vec![slo(0, 0, 0)], vec![alert("AuthOutage", "page", false)]);
    assert_eq!(whys(&judged), (Decision::Closed, vec![Why::Alert]));
    assert_eq!(judged.reasons[0].text, "AuthOutage of main fires since the beginning");
    let judged = judge(5, vec![slo(2, 0, 0)], vec![alert("AuthOutage", "page", true)]);
    assert_eq!(whys(&judged), (Decision::Watching, vec![Why::BrokenBefore]), "a deployment may be the cure");
}

#[test]
fn an_objective_of_several_providers_is_of_any() {
    let several = Slo { provider: None, ..slo(20, 0, 0) };
    let elsewhere = Alert { provider: "other".to_owned(), ..alert("AuthOutage", "page", false) };
    assert_eq!(whys(&judge(60, vec![several], vec![elsewhere])).0, Decision::Closed);
}

#[test]
fn too_little_measured_is_neither_good_nor_bad() {
    let inconclusive = Counts { good: 2, bad: 0, inconclusive: 6, expected: 10 };
    let maintained = Slo { excluded: Counts { good: 5, bad: 5, inconclusive: 0, expected: 10 }, ..slo(0, 0, 0) };
    for (slo, text) in [
        (
            slo(7, 0, 3),
            "login: too little was measured: 7 of 10 runs judged, coverage 70% where 80% are needed; 3 did not take place",
        ),
        (slo(0, 0, 0), "login: nothing was measured: no run was due; watch for longer than its probes' period"),
        (maintained, "login: all of the watch lies in maintenance"),
        (
            Slo { counts: inconclusive, ..slo(0, 0, 0) },
            "login: too little was measured: 2 of 10 runs judged, coverage 20% where 80% are needed; 6 inconclusive, 2 did \
             not take place",
        ),
        (
            Slo { seen: 0.5, ..slo(10, 0, 0) },
            "login: too little was measured: 10 of 10 runs judged, coverage 50% where 80% are needed; 50% of the time was seen",
        ),
    ] {
        assert_eq!(whys(&judge(599, vec![slo.clone()], vec![])), (Decision::Watching, vec![Why::Coverage]), "{text}");
        let judged = judge(600, vec![slo], vec![]);
        assert_eq!(whys(&judged), (Decision::Unknown, vec![Why::Coverage]), "{text}");
        assert_eq!(judged.reasons[0].text, text);
    }
}

#[test]
fn a_source_out_of_reach_is_waited_for_within_bounds() {
    let look = |at| Look { at: after(at), slos: vec![slo(20, 0, 0)], ..Look::default() };
    let names = ["login".to_owned()];
    for (last, now, expected) in [
        (100, 220, Decision::Watching),
        (100, 221, Decision::Unknown),
        // The watch is over, and the last look was before its end.
        (599, 600, Decision::Watching),
        (599, 615, Decision::Watching),
        (599, 616, Decision::Unknown),
        (600, 700, Decision::Open),
    ] {
        let judged = decide(&terms(), &names, Some(&look(last)), after(now));
        assert_eq!(judged.decision, expected, "{last} {now}");
    }
    let never = |now| decide(&terms(), &names, None, after(now)).decision;
    assert_eq!((never(120), never(121)), (Decision::Watching, Decision::Unknown));
}

#[test]
fn an_objective_that_is_gone_cannot_be_told() {
    let look = Look { at: after(600), slos: vec![slo(20, 0, 0)], ..Look::default() };
    let names = ["login".to_owned(), "keys".to_owned()];
    let judged = decide(&terms(), &names, Some(&look), after(600));
    assert_eq!(whys(&judged), (Decision::Unknown, vec![Why::Gone]));
    assert_eq!(judged.reasons[0].text, "keys is not there any more");
}

#[test]
fn a_budget_that_is_spent_already_is_told_and_decides_nothing() {
    let spent = Slo { budget: Some(-0.2), ..slo(20, 0, 0) };
    let judged = judge(600, vec![spent], vec![]);
    assert_eq!(
        (judged.decision, judged.warnings.as_slice()),
        (Decision::Open, ["login: its error budget is spent already".to_owned()].as_slice())
    );
}

#[test]
fn rates_and_shares_are_written_as_people_read_them() {
    assert_eq!([0.0, 0.123, 2.0, 7.95, 21.26, 331.4].map(three), ["0", "0.12", "2", "7.95", "21.3", "331"]);
    assert_eq!([1.0, 0.9996, 0.8, 0.29, 0.0].map(percent), ["100%", "99.9%", "80%", "29%", "0%"]);
}
