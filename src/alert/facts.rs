//! What is known of each check besides its SLOs: the last faults, certificates, clocks, lifetimes, rotations.

use std::time::Duration;

use super::Condition;
use super::conditions::Context;
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};

/// From when on something is worth an alert (`[alerting.thresholds]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// `AuthCertificateExpiring` as a ticket, before the certificate expires. Default: 14 d.
    pub certificate_ticket: Duration,
    /// The same as a page. Default: 3 d.
    pub certificate_page: Duration,
    /// `AuthClockSkew`: beyond its uncertainty. Default: 30 s.
    pub clock_skew: Duration,
    /// `AuthTokenLifetimeLong`: of access and ID tokens. Default: 1 d.
    pub token_lifetime: Duration,
    /// `AuthProbeStale`: without any judged run, on top of three periods and the timeout. Default: 5 min.
    pub stale: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            certificate_ticket: Duration::from_secs(14 * DAY),
            certificate_page: Duration::from_secs(3 * DAY),
            clock_skew: Duration::from_secs(30),
            token_lifetime: Duration::from_secs(DAY),
            stale: Duration::from_secs(300),
        }
    }
}

/// A check that may alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Which.
    pub check: CheckLabels,
    /// Passed on from its probe.
    pub labels: super::Words,
    /// Passed on from its probe.
    pub annotations: super::Words,
    /// Without a judged run for so long it is stale: three periods (or the longest gap of its cron expression), the
    /// timeout, and [`Thresholds::stale`].
    pub stale_after: Duration,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Facts {}

impl Facts {
    /// Takes over the checks of a configuration; what is known of those that stay is kept. A check that is new counts as
    /// judged at `now`.
    pub fn replace(&mut self, watched: Vec<Watched>, thresholds: Thresholds, now: Timestamp) {
        let _ = (watched, thresholds, now);
        todo!("alert")
    }

    /// Takes in a run.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let _ = outcome;
        todo!("alert")
    }

    /// What may alert. `stopped`: accounts whose credentials are refused, with the reason. `maintained`: whether a probe is
    /// in maintenance (then unknown). `ledger`: why the ledger cannot be written, if so.
    pub fn conditions(
        &self,
        now: Timestamp,
        context: &Context,
        stopped: &[(String, String)],
        maintained: &dyn Fn(&str) -> bool,
        ledger: Option<&str>,
    ) -> Vec<Condition> {
        let _ = (now, context, stopped, maintained, ledger);
        todo!("alert")
    }
}
