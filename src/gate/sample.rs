//! A closed gate for the tests of its formats.

use std::time::Duration;

use super::decide::{Reason, Why};
use super::mark::Mark;
use super::report::{AlertView, Cause, Looks, Report, SCHEMA_VERSION, SloView, SourceView, Verdict};
use super::{Alert, Slo, State};
use crate::clock::Timestamp;
use crate::slo::Counts;

const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

fn slo(name: &str, good: u64, bad: u64) -> SloView {
    let counts = Counts { good, bad, inconclusive: 0, expected: good + bad };
    SloView::from(&Slo {
        name: name.to_owned(),
        provider: Some("main".to_owned()),
        objective: "99.95%".to_owned(),
        allowed: 0.0005,
        alpha_ppm: 50_000,
        min_coverage: 0.8,
        counts,
        seen: 1.0,
        budget: Some(0.914),
        ..Slo::default()
    })
}

/// Logins fail after the release, keys do not; a hostile text here and there.
pub fn closed() -> Report {
    let cause = Cause {
        class: "http_status".to_owned(),
        blame: "provider".to_owned(),
        step: "token".to_owned(),
        detail: "token endpoint: status 503".to_owned(),
        count: 6,
        trace_id: Some("05050505050505050505050505050505".to_owned()),
    };
    let outage = Alert {
        name: "AuthOutage".to_owned(),
        severity: "page".to_owned(),
        provider: "main".to_owned(),
        state: State::Firing,
        fired_at: Some(BEGIN + Duration::from_secs(61)),
        description: "Since 22:14 every run fails at token from every region: http_status (provider). 100%\n::error::<b>|not mine"
            .to_owned(),
        ..Alert::default()
    };
    let reason = |why, slo: Option<&str>, alert: Option<&str>, text: &str| Reason {
        why,
        slo: slo.map(str::to_owned),
        alert: alert.map(str::to_owned),
        text: text.to_owned(),
    };
    let burns = "login-availability burns its budget 667 times as fast as allowed (at least 332; the limit is 2): 8 of 24 runs \
                 bad since the beginning";
    let fires = "AuthOutage of main fires since the beginning";
    Report {
        schema_version: SCHEMA_VERSION,
        version: "0.1.0",
        verdict: Verdict::Closed,
        exit_code: 1,
        reason: format!("{fires} (and 1 more)"),
        reasons: vec![
            reason(Why::Alert, None, Some("AuthOutage"), fires),
            reason(Why::Burn, Some("login-availability"), None, burns),
        ],
        warnings: vec!["keys: its error budget is spent already".to_owned()],
        source: SourceView { kind: "daemon", url: "https://authprobe.example.com/".to_owned() },
        deployment: Some(Mark { id: "keycloak 26.5.1".to_owned(), at: BEGIN, new: true }),
        since: BEGIN,
        until: BEGIN + Duration::from_secs(600),
        end: BEGIN + Duration::from_secs(72),
        duration: Duration::from_secs(72),
        max_burn: 2.0,
        slos: vec![
            SloView { cause: Some(cause), ..slo("login-availability", 16, 8) },
            SloView { budget_remaining: Some(-0.25), ..slo("keys", 24, 0) },
        ],
        alerts: vec![AlertView::from(&outage)],
        looks: Looks { answered: 15, failed: 1 },
    }
}

/// All was well.
pub fn open() -> Report {
    Report {
        verdict: Verdict::Open,
        exit_code: 0,
        reason: "nothing burns faster than allowed, and enough was measured".to_owned(),
        reasons: vec![],
        warnings: vec![],
        deployment: None,
        end: BEGIN + Duration::from_secs(600),
        duration: Duration::from_secs(600),
        slos: vec![slo("login-availability", 24, 0)],
        alerts: vec![],
        looks: Looks { answered: 120, failed: 0 },
        ..closed()
    }
}
