//! Where links lead that several views have.

use super::words::encoded;
use crate::alert::text;
use crate::plan::Plan;

/// What to do about that alert: as configured, or our own page.
pub fn runbook(plan: &Plan, alert: &str) -> String {
    let own = format!("{}/runbook", plan.server.url().as_str().trim_end_matches('/'));
    let base = Some(&*plan.alerting.runbook_base).filter(|base| !base.is_empty() && *base != own);
    text::runbook(base.unwrap_or("/runbook"), alert).unwrap_or_default()
}

/// The page of a probe.
pub fn probe(name: &str) -> String {
    format!("/probes/{}", encoded(name))
}

/// The page of an objective.
pub fn slo(name: &str) -> String {
    format!("/slos/{}", encoded(name))
}
