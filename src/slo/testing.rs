//! What the tests of this module share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::objective::{Aggregate, Member, Objective, STANDARD, Severity, Triggers, WHOLE, Window, tier};
use super::sli::Sli;
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Id, Outcome, Trigger, Verdict};
use crate::schedule::Timing;

/// A minute.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// A day.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// Some Wednesday: 2026-05-06T00:00:00Z.
pub(super) const WEDNESDAY: Timestamp = Timestamp::from_secs(1_778_025_600);

/// Availability of the probe `login` in regions `eu` and `us`, every minute, over 30 days.
pub(super) fn objective(name: &str, target_ppm: u32) -> Objective {
    let triggers = match target_ppm {
        WHOLE => Triggers::AnyEvent(Severity::Page),
        _ => Triggers::Burn(
            STANDARD.iter().map(|&(ppm, long, severity)| tier(ppm, long, severity, DAY * 30, 120.0)).collect(),
        ),
    };
    Objective {
        name: name.into(),
        provider: "main".into(),
        members: vec![member("login", Timing::Every(MINUTE))],
        sli: Sli::Availability,
        target_ppm,
        window: Window::Rolling(DAY * 30),
        aggregate: Aggregate::Reachability,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

/// A probe in `eu` and `us`, with a timeout of 30 s.
pub(super) fn member(probe: &str, timing: Timing) -> Member {
    Member {
        spreads: timing.spreads(probe, 2),
        probe: probe.into(),
        kind: "form_login",
        timing,
        timeout: Duration::from_secs(30),
        regions: vec!["eu".into(), "us".into()],
        covers: Vec::new(),
    }
}

/// Who ran.
pub(super) fn check(probe: &str, region: &str) -> CheckLabels {
    CheckLabels {
        probe: probe.into(),
        kind: "form_login",
        provider: "main".into(),
        client: "web".into(),
        region: region.into(),
    }
}

/// A scheduled run that took a tenth of a second.
pub(super) fn outcome(probe: &str, region: &str, scheduled: Timestamp, verdict: Verdict) -> Outcome {
    Outcome {
        check: check(probe, region),
        labels: Arc::default(),
        trace_id: Id([1; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled,
        start: scheduled,
        duration: Duration::from_millis(100),
        verdict,
        fault: None,
        warnings: Vec::new(),
        steps: Vec::new(),
        observations: Vec::new(),
        browser: None,
    }
}
