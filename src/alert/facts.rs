//! What is known of each check besides its SLOs: the last faults, certificates, clocks, lifetimes, rotations.
//!
//! What no run has shown since the start is unknown, so that an alert of before a restart stays until a run shows that its
//! reason is gone. Alerts are one a probe, or one a provider where they concern it as a whole; regions are in the
//! description.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::conditions::Context;
use super::text::{KINDS, Subject};
use super::{Condition, Holds, Words};
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};
use crate::slo::Severity;

mod known;
mod tell;

use known::Known;

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
pub struct Facts {
    thresholds: Thresholds,
    /// By probe and region.
    checks: BTreeMap<(Arc<str>, Arc<str>), Known>,
    /// When conditions were last asked for.
    looked: Option<Timestamp>,
}

/// Who asks this seldom has slept meanwhile, and its probes with it.
const SLEPT: Duration = Duration::from_secs(120);

impl Facts {
    /// Takes over the checks of a configuration; what is known of those that stay is kept. A check that is new counts as
    /// judged at `now`.
    pub fn replace(&mut self, watched: Vec<Watched>, thresholds: Thresholds, now: Timestamp) {
        self.thresholds = thresholds;
        let mut before = std::mem::take(&mut self.checks);
        for watched in watched {
            let key = (watched.check.probe.clone(), watched.check.region.clone());
            let known = match before.remove(&key) {
                Some(known) if known.watched.check == watched.check => {
                    // Silence is measured anew by another measure.
                    let same = known.watched.stale_after == watched.stale_after;
                    Known { watched, quiet: if same { known.quiet } else { now }, ..known }
                }
                _ => Known::new(watched, now),
            };
            self.checks.insert(key, known);
        }
    }

    /// Takes in a run. Only scheduled ones count, as in every SLI and metric; of others it is only remembered whose
    /// credentials were refused.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let key = (outcome.check.probe.clone(), outcome.check.region.clone());
        if let Some(known) = self.checks.get_mut(&key) {
            known.outcome(outcome, self.thresholds.clock_skew);
        }
    }

    /// What may alert. `stopped`: accounts whose credentials are refused, with the reason. `maintained`: whether a probe is
    /// in maintenance or paused (then unknown). `ledger`: why the ledger cannot be written, if so.
    ///
    /// Nobody expects runs of a probe that is maintained, or while this process slept (it was not asked for two minutes):
    /// a probe is stale only when it was silent for long enough after that.
    pub fn conditions(
        &mut self,
        now: Timestamp,
        context: &Context,
        stopped: &[(String, String)],
        maintained: &dyn Fn(&str) -> bool,
        ledger: Option<&str>,
    ) -> Vec<Condition> {
        let slept = self.looked.replace(now).is_some_and(|looked| now.since(looked) > SLEPT);
        for ((probe, _), known) in &mut self.checks {
            if slept || maintained(probe) {
                known.quiet = now;
            }
        }
        let view = View { now, context, stopped, thresholds: &self.thresholds };
        let mut conditions = Vec::new();
        let mut probes: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
        let mut providers: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
        for ((probe, _), known) in &self.checks {
            probes.entry(probe).or_default().push(known);
            let watched = providers.entry(&known.watched.check.provider).or_default();
            if !maintained(probe) {
                watched.push(known);
            }
        }
        for (probe, checks) in &probes {
            let quiet = maintained(probe);
            let Some(first) = checks.first().map(|known| &known.watched) else { continue };
            let subject = Subject {
                key: "probe",
                name: probe,
                provider: &first.check.provider,
                labels: &first.labels,
                annotations: &first.annotations,
            };
            for (alert, severity, judge) in tell::OF_PROBES {
                let severity = severity.or_else(|| usual(alert)).unwrap_or(Severity::Ticket);
                let fact = if quiet { Fact::Unknown } else { judge(&view, checks, severity) };
                conditions.push(view.condition(&subject, alert, severity, fact));
            }
        }
        for (provider, checks) in &providers {
            let all = || {
                self.checks.values().map(|known| &known.watched).filter(|watched| *watched.check.provider == **provider)
            };
            let (labels, annotations) = (shared(all().map(|w| &w.labels)), shared(all().map(|w| &w.annotations)));
            let subject = Subject { key: "", name: "", provider, labels: &labels, annotations: &annotations };
            let fact = tell::nothing_measured(&view, checks);
            conditions.push(view.condition(&subject, "AuthProbeStale", Severity::Page, fact));
        }
        let none = Words::new();
        let own = Subject { key: "", name: "", provider: "", labels: &none, annotations: &none };
        let fact = ledger.map_or(Fact::No, tell::ledger);
        conditions.push(view.condition(&own, "AuthLedgerFailing", Severity::Ticket, fact));
        conditions
    }
}

/// What a description is made from.
struct View<'a> {
    now: Timestamp,
    context: &'a Context,
    stopped: &'a [(String, String)],
    thresholds: &'a Thresholds,
}

impl View<'_> {
    fn condition(&self, subject: &Subject<'_>, alert: &str, severity: Severity, fact: Fact) -> Condition {
        let (holds, annotations) = match fact {
            Fact::Yes(description) => (Holds::Yes, subject.tell(alert, description, self.context)),
            Fact::No => (Holds::No, Words::new()),
            Fact::Unknown => (Holds::Unknown, Words::new()),
        };
        Condition {
            labels: subject.identity(alert, severity),
            annotations,
            afterwards: Words::new(),
            holds,
            pending_for: Duration::ZERO,
            resolving_for: Duration::ZERO,
        }
    }
}

/// Whether something is so; `Yes` with the description.
#[derive(Clone, Debug, PartialEq)]
enum Fact {
    Yes(String),
    No,
    Unknown,
}

/// What all of them say alike: that much can be passed on from several probes.
pub fn shared<'a>(mut all: impl Iterator<Item = &'a Words>) -> Words {
    let mut shared = all.next().cloned().unwrap_or_default();
    for words in all {
        shared.retain(|name, value| words.get(name) == Some(value));
    }
    shared
}

fn usual(alert: &str) -> Option<Severity> {
    KINDS.iter().find(|kind| kind.name == alert)?.severity
}

#[cfg(test)]
mod tests;
