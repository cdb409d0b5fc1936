//! Objectives, evaluations and alerts as an engine would have them.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::{Alert, State, Words};
use authprobe::clock::Timestamp;
use authprobe::schedule::Timing;
use authprobe::slo::{
    Aggregate, Budget, Counts, Evaluation, Member, Objective, Reading, Severity, Sli, Tally, Tier, TierReading,
    Triggers, Window,
};

const NOW: Timestamp = crate::STANDING_NOW;

const HOUR: Duration = Duration::from_secs(3600);

/// 99.95 % of the runs of `login` over 30 days, with the first two of the standard tiers.
pub fn objective(name: &str) -> Objective {
    let tier = |name: &str, budget_ppm, hours: u32, factor_milli, severity| Tier {
        name: name.into(),
        budget_ppm,
        long: HOUR * hours,
        short: HOUR * hours / 12,
        factor_milli,
        severity,
    };
    let member = Member {
        probe: "login".into(),
        kind: "browser_login",
        timing: Timing::Every(Duration::from_secs(60)),
        timeout: Duration::from_secs(30),
        regions: vec!["eu".into(), "us".into()],
        spreads: vec![Duration::ZERO, Duration::from_secs(30)],
        covers: vec![],
    };
    Objective {
        name: name.into(),
        provider: "main".into(),
        members: vec![member],
        sli: Sli::Availability,
        target_ppm: 999_500,
        window: Window::Rolling(HOUR * 720),
        aggregate: Aggregate::Reachability,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers: Triggers::Burn(vec![
            tier("1h", 20_000, 1, 14_400, Severity::Page),
            tier("3d", 100_000, 72, 1000, Severity::Ticket),
        ]),
        labels: BTreeMap::from([("team".to_owned(), "identity".to_owned())]),
        annotations: BTreeMap::new(),
    }
}

/// So many good and bad ones; nothing missed.
pub fn counts(good: u64, bad: u64) -> Counts {
    Counts { good, bad, inconclusive: 0, expected: good + bad }
}

/// A tier's reading: burn rates of the long and the short window.
pub fn reading(long: Option<f64>, short: Option<f64>, burns: Option<bool>) -> TierReading {
    let window = |burn: Option<f64>| Reading { counts: burn.map_or(Counts::default(), |_| counts(100, 2)), burn };
    TierReading { long: window(long), short: window(short), guarded: long.unwrap_or(0.0) / 2.0, burns }
}

/// All is well: 4 of 86 400 runs were bad, nothing burns.
pub fn healthy(objective: &Arc<Objective>) -> Evaluation {
    let tally = Tally { raw: counts(86_396, 4), excluded: Counts::default() };
    let quiet = reading(Some(0.0), Some(0.0), Some(false));
    Evaluation {
        objective: objective.clone(),
        at: NOW,
        budget: Budget {
            since: NOW - HOUR * 720,
            tally,
            remaining: Some(1.0 - 4.0 / 43.2),
            remaining_raw: Some(1.0 - 4.0 / 43.2),
            coverage: Some(1.0),
            whole: 86_400.0,
        },
        tiers: objective.tiers().iter().map(|_| quiet).collect(),
        regions: vec![("eu".into(), counts(60, 0)), ("us".into(), counts(60, 0))],
        failing_since: None,
    }
}

/// Nothing was expected, nothing judged.
pub fn blank(objective: &Arc<Objective>) -> Evaluation {
    Evaluation {
        budget: Budget {
            tally: Tally::default(),
            remaining: None,
            remaining_raw: None,
            coverage: None,
            ..healthy(objective).budget
        },
        tiers: objective.tiers().iter().map(|_| reading(None, None, None)).collect(),
        regions: vec![("eu".into(), Counts::default())],
        ..healthy(objective)
    }
}

/// Every third run fails in `us`; an hour of maintenance before it had 30 failures.
pub fn burning(objective: &Arc<Objective>) -> Evaluation {
    let healthy = healthy(objective);
    let missed = |counts: Counts, times: u64| Counts { expected: counts.expected + times, ..counts };
    let tally = Tally { raw: missed(counts(85_000, 70), 2630), excluded: counts(30, 30) };
    let mut tiers = healthy.tiers;
    tiers[0] = reading(Some(333.3), Some(666.7), Some(true));
    Evaluation {
        budget: Budget {
            tally,
            remaining: Some(0.0589),
            remaining_raw: Some(-0.6457),
            coverage: Some(0.97),
            ..healthy.budget
        },
        tiers,
        regions: vec![("eu".into(), counts(60, 0)), ("us".into(), counts(40, 20))],
        failing_since: Some(NOW - HOUR / 3),
        ..healthy
    }
}

/// An alert since ten minutes.
pub fn alert(name: &str, severity: &str, state: State) -> Alert {
    let words = |words: &[(&str, &str)]| words.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Words>();
    let ago = |minutes: u64| (NOW - Duration::from_secs(minutes * 60)).as_nanos();
    Alert {
        labels: words(&[
            ("alertname", name),
            ("evaluator", "authprobe"),
            ("provider", "main"),
            ("severity", severity),
            ("slo", "login-availability"),
        ]),
        annotations: words(&[
            ("summary", "Logins burn their error budget"),
            ("description", "20 of 120 runs failed in us."),
            ("runbook_url", "https://runbooks.example.com/auth#authsloburn"),
        ]),
        state,
        active_nanos: ago(12),
        fired_nanos: (state != State::Pending).then(|| ago(10)),
        cleared_nanos: matches!(state, State::Resolving | State::Resolved).then(|| ago(2)),
    }
}

/// A point of time as the API writes it.
pub fn written(at: Timestamp) -> serde_json::Value {
    at.to_string().into()
}
