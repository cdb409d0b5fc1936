//! Where links lead that several views have.

use super::words::encoded;
use crate::alert::text::Runbooks;
use crate::plan::Plan;

/// What to do about that alert: as configured, or our own page; empty: nowhere.
pub fn runbook(plan: &Plan, alert: &str) -> String {
    let found = match &plan.alerting.runbooks {
        // By path alone: whoever reads this is here, whatever name they came by.
        Runbooks::Own(_) => Runbooks::Own("/runbook".to_owned()).of(alert),
        elsewhere => elsewhere.of(alert),
    };
    found.unwrap_or_default()
}

/// The page of a probe.
pub fn probe(name: &str) -> String {
    format!("/probes/{}", encoded(name))
}

/// The page of an objective.
pub fn slo(name: &str) -> String {
    format!("/slos/{}", encoded(name))
}
