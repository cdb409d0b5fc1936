use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::slo::objective::{Aggregate, Triggers, WHOLE};
use crate::slo::{Budget, Counts, Objective, Reading, Severity, Sli, Tally, Tier, TierReading, Window};

const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: i64) -> i64 {
    Timestamp::from_secs(seconds).as_nanos()
}

fn labels(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn alert(name: &str, fired: i64, over: Option<i64>) -> Alert {
    Alert {
        labels: labels(&[("alertname", name), ("provider", "main")]),
        annotations: labels(&[("description", "first words"), ("summary", "x")]),
        state: if over.is_some() { State::Resolved } else { State::Firing },
        active_nanos: at(fired),
        fired_nanos: Some(at(fired)),
        cleared_nanos: over.map(at),
    }
}

fn tracked() -> Episodes {
    Episodes::restore(Vec::new(), &[], Timestamp::from_secs(0))
}

fn all(episodes: &Episodes) -> Vec<Episode> {
    episodes.select(&EpisodesQuery { limit: usize::MAX, ..Default::default() }).0
}

#[test]
fn an_episode_keeps_the_words_with_which_it_fired() {
    let mut episodes = tracked();
    episodes.step(&[Change::Fired(alert("A", 10, None))], &[]);
    let [fired] = &episodes.changed()[..] else { panic!("one") };
    assert_eq!((fired.fired_nanos, fired.resolved_nanos, &*fired.description), (at(10), None, "first words"));
    assert_eq!(episodes.changed(), [], "told once");
    let mut over = alert("A", 10, Some(70));
    over.annotations.insert("description".to_owned(), "last words".to_owned());
    episodes.step(&[Change::Resolved(over)], &[]);
    let changed = episodes.changed();
    assert_eq!((changed[0].resolved_nanos, &*changed[0].description), (Some(at(70)), "first words"));
    // The same alert again is another episode, and is listed first.
    episodes.step(&[Change::Fired(alert("A", 100, None))], &[]);
    let fired: Vec<_> = all(&episodes).iter().map(|episode| episode.fired_nanos).collect();
    assert_eq!(fired, [at(100), at(10)]);
}

#[test]
fn a_restart_goes_on_with_what_fires_and_ends_what_does_not() {
    let mut before = tracked();
    let fired = |name: &str, at: i64| Change::Fired(alert(name, at, None));
    before.step(&[fired("Fires", 10), fired("Gone", 20), fired("Ended", 30)], &[]);
    let kept = before.changed();
    // The ledger's alerts: one fires still, one was over just then, one is older than episodes are.
    let alerts = [alert("Fires", 10, None), alert("Ended", 30, Some(40)), alert("Older", 5, None)];
    let mut after = Episodes::restore(kept, &alerts, Timestamp::from_secs(500));
    let ends: Vec<_> =
        all(&after).iter().map(|one| (one.labels["alertname"].clone(), one.fired_nanos, one.resolved_nanos)).collect();
    let expected = [("Ended", 30, Some(40)), ("Gone", 20, Some(500)), ("Fires", 10, None), ("Older", 5, None)];
    assert_eq!(ends, expected.map(|(name, fired, over)| (name.to_owned(), at(fired), over.map(at))));
    let mut changed: Vec<_> = after.changed().iter().map(|one| one.labels["alertname"].clone()).collect();
    changed.sort();
    assert_eq!(changed, ["Ended", "Gone", "Older"], "what goes on is on file as it is");
    // It ends in the episode in which it fired.
    after.step(&[Change::Resolved(alert("Fires", 10, Some(600)))], &[]);
    assert_eq!(all(&after).len(), 4);
    assert_eq!(after.changed()[0].resolved_nanos, Some(at(600)));
}

#[test]
fn labels_choose() {
    let mut episodes = Episodes::default();
    for (n, (slo, probe, provider)) in [("a", "", "main"), ("b", "", "main"), ("", "p", "other")].iter().enumerate() {
        let mut alert = alert("A", n as i64, None);
        alert.labels = labels(&[("slo", slo), ("probe", probe), ("provider", provider)]);
        alert.labels.retain(|_, value| !value.is_empty());
        episodes.step(&[Change::Fired(alert)], &[]);
    }
    let found = |slo: &str, probe: &str, provider: &str, limit| {
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let query = EpisodesQuery { slo: some(slo), probe: some(probe), provider: some(provider), limit };
        let (found, whole) = episodes.select(&query);
        assert!(whole);
        found.iter().map(|episode| episode.fired_nanos / 1_000_000_000).collect::<Vec<_>>()
    };
    assert_eq!(found("", "", "", 9), [2, 1, 0]);
    assert_eq!(found("", "", "", 2), [2, 1]);
    assert_eq!(found("a", "", "", 9), [0]);
    assert_eq!(found("", "", "main", 9), [1, 0]);
    assert_eq!(found("", "p", "other", 9), [2]);
    assert!(found("a", "p", "", 9).is_empty());
    assert_eq!(episodes.changed.as_ref().map(BTreeSet::len), None, "without a ledger nobody asks");
}

#[test]
fn what_is_at_hand_is_bounded_and_says_when_the_ledger_knows_more() {
    let mut episodes = tracked();
    episodes.step(&[Change::Fired(alert("Long", 0, None))], &[]);
    let many = i64::try_from(AT_HAND).unwrap() + 10;
    for n in 1..=many {
        episodes.step(&[Change::Fired(alert("A", n, None))], &[]);
        episodes.step(&[Change::Resolved(alert("A", n, Some(n)))], &[]);
    }
    assert_eq!(all(&episodes).len(), AT_HAND + 11, "nothing goes before the ledger has it");
    assert_eq!(episodes.changed().len(), AT_HAND + 11);
    episodes.step(&[], &[]);
    assert_eq!(all(&episodes).len(), AT_HAND + 1, "what fires stays");
    let whole = |limit| episodes.select(&EpisodesQuery { limit, ..Default::default() }).1;
    assert!(whole(AT_HAND) && !whole(AT_HAND + 1), "the one that fires is older than some that are not at hand");
    let none = EpisodesQuery { slo: Some("x".to_owned()), limit: 5, ..Default::default() };
    assert!(!episodes.select(&none).1, "the ledger may know some");
    // A disk that hangs asks for nothing.
    let past = (1..=i64::try_from(WAITING).unwrap() + 1).map(|n| alert("A", many + n, Some(many + n)));
    episodes.step(&past.map(Change::Resolved).collect::<Vec<_>>(), &[]);
    assert!(all(&episodes).len() <= WAITING + 1, "{}", all(&episodes).len());
}

fn evaluation(triggers: Triggers, tiers: Vec<TierReading>) -> Evaluation {
    let objective = Objective {
        name: "login".into(),
        provider: "main".into(),
        members: Vec::new(),
        sli: Sli::Availability,
        target_ppm: if matches!(triggers, Triggers::Burn(_)) { 999_000 } else { WHOLE },
        window: Window::Rolling(24 * 30 * HOUR),
        aggregate: Aggregate::Reachability,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers,
        labels: Words::new(),
        annotations: Words::new(),
    };
    let budget = Budget {
        since: Timestamp::from_secs(0),
        tally: Tally::default(),
        remaining: None,
        remaining_raw: None,
        coverage: None,
        whole: 1.0,
    };
    let at = Timestamp::from_secs(9);
    Evaluation { objective: Arc::new(objective), at, budget, tiers, regions: Vec::new(), failing_since: None }
}

/// 30 of 600 bad in the hour, 10 of 50 in its last five minutes, of an objective of 99.9 %: 5 % and 20 %, 50 and 200 times
/// as fast as allowed. Byar's lower bound of 30 at 5 % is 21.594, 35.99 times as fast.
#[test]
fn a_burn_alert_keeps_the_numbers_with_which_it_fired() {
    let tier = |name: &str, long: Duration, factor_milli| Tier {
        name: name.into(),
        budget_ppm: 20_000,
        long,
        short: long / 12,
        factor_milli,
        severity: Severity::Page,
    };
    let counts = |bad, judged| Counts { good: judged - bad, bad, inconclusive: 0, expected: judged };
    let (hour, six) = (tier("1h", HOUR, 14_400), tier("6h", 6 * HOUR, 6000));
    let burning = evaluation(Triggers::Burn(vec![six.clone(), hour.clone()]), Vec::new());
    let read = |tier: &Tier, bad, judged| burning.objective.tier_reading(tier, counts(bad, judged), counts(10, 50));
    let tiers = vec![read(&six, 31, 3600), read(&hour, 30, 600)];
    let burning = Evaluation { tiers, ..burning.clone() };
    let mut fired = alert("AuthSLOBurn", 10, None);
    fired.labels = labels(&[("alertname", "AuthSLOBurn"), ("slo", "login"), ("burnrate_tier", "1h")]);
    let mut episodes = tracked();
    episodes.step(&[Change::Fired(fired.clone())], &[burning]);
    let reading = all(&episodes)[0].reading.clone().unwrap();
    assert_eq!((reading.seconds, reading.bad, reading.judged, reading.factor), ((3600, 300), 30, 600, 14.4));
    assert!((reading.burn.0 - 50.0).abs() < 1e-9 && (reading.burn.1 - 200.0).abs() < 1e-9, "{reading:?}");
    assert!((reading.guarded - 35.99).abs() < 0.01, "{reading:?}");
    // An objective that allows nothing has no burn rate, and no tier of that name.
    fired.labels.insert("burnrate_tier".to_owned(), "any".to_owned());
    let reading = TierReading {
        long: Reading { counts: counts(1, 9), burn: None },
        short: Reading { counts: counts(1, 9), burn: None },
        guarded: 0.0,
        burns: Some(true),
    };
    fired.fired_nanos = Some(at(20));
    episodes.step(&[Change::Fired(fired)], &[evaluation(Triggers::AnyEvent(Severity::Page), vec![reading])]);
    assert_eq!(all(&episodes)[0].reading, None);
}
