//! The metrics of the contract: made from outcomes, read by whoever scrapes, pushed by [`super::otlp`].
//!
//! Labels come from configured names and closed vocabularies only, and the number of series has a hard limit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use prometheus::Registry;
use prometheus::proto::MetricFamily;

use crate::clock::{Clock, Timestamp};
use crate::outcome::{CheckLabels, Observation, Outcome, StepState, Trigger, Verdict};

mod browser;
pub mod counters;
mod declared;
pub mod family;
mod judgement;
mod model;
pub mod table;
pub mod text;

use family::{Child, Exemplar, Family, Limit};
use table::Definition;

/// The most time series there may be; what would need another one is dropped and counted.
pub const MAX_SERIES: usize = 200_000;

/// Why a scheduled run may not take place: the `reason` label. Every check has each of them at 0.
pub const MISSED_REASONS: &[&str] =
    &["overlap", "late", "budget", "rate_limited", "account", "capacity", "paused", "shutdown"];

/// Who may drop: the `sink` label.
pub const SINKS: &[&str] = &[METRICS, TRACES, OTLP_METRICS, LEDGER, SLO];
/// Updates of series beyond [`MAX_SERIES`].
pub const METRICS: &str = "metrics";
/// Outcomes whose trace was not delivered.
pub const TRACES: &str = "traces";
/// Runs that the ledger does not hold, because it could not be written for long.
pub const LEDGER: &str = "ledger";
/// Outcomes that no objective saw, because too many came at once.
pub const SLO: &str = "slo";
/// Pushes of all metrics that were not delivered.
pub const OTLP_METRICS: &str = "otlp_metrics";

/// No token lives longer (seconds, about 300 years): a provider's absurd number must not drown a sum for ever.
const MAX_LIFETIME: f64 = 1e10;

/// How `/metrics` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The classic text format, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0, with exemplars.
    OpenMetrics,
}

impl Format {
    /// For `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => text::PROMETHEUS,
            Self::OpenMetrics => text::OPENMETRICS,
        }
    }
}

/// All series. Counting takes microseconds and waits for nobody who reads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: BTreeMap<&'static str, Family>,
    /// The checks of the plan in force: an outcome of another one must not bring its series back.
    declared: RwLock<HashSet<CheckLabels>>,
    /// Asked whenever somebody reads.
    browsers: browser::Watched,
    limit: Arc<Limit>,
}

impl Metrics {
    /// An empty set of series; `revision` is the commit that was built.
    pub fn new(revision: &str) -> Arc<Self> {
        Self::with(revision, Clock::system(), MAX_SERIES)
    }

    /// The same with another clock (it dates the beginning of series) and another limit.
    pub fn with(revision: &str, clock: Clock, max_series: usize) -> Arc<Self> {
        let registry = Registry::new();
        let limit = Arc::new(Limit::new(max_series));
        let mut families = BTreeMap::new();
        for definition in table::TABLE {
            let family = Family::new(definition, limit.clone(), clock.clone());
            registry.register(Box::new(family.clone())).expect("the table holds each name once");
            families.insert(definition.name, family);
        }
        let (declared, browsers) = (RwLock::default(), browser::Watched::default());
        let metrics = Self { registry, families, declared, browsers, limit };
        for sink in SINKS {
            metrics.touch(&table::DROPPED, &[sink]);
        }
        for definition in [&table::LATENESS_TIME, &table::BROWSERS, &table::BROWSER_STARTS, &table::BROWSER_MEMORY] {
            metrics.touch(definition, &[]);
        }
        if let Some(build) = metrics.series(&table::BUILD, &[env!("CARGO_PKG_VERSION"), revision]) {
            build.set(1.0);
        }
        Arc::new(metrics)
    }

    /// Counts a run. What it says about the provider counts whoever asked for it; runs, faults and durations count
    /// only if the schedule did: a detector that asks again and again where something failed would make all of them worse
    /// than they are. Its runs have a count of their own. Runs of checks that are not declared (any more) count nothing.
    pub fn outcome(&self, outcome: &Outcome) {
        // Held to the end, so that `declare` cannot remove series in between and see them return.
        let declared = self.declared.read().expect("declared checks");
        if !declared.contains(&outcome.check) {
            return;
        }
        self.facts(outcome);
        match outcome.trigger {
            Trigger::Scheduled => {
                self.judgement(outcome);
                self.durations(outcome);
                self.pages(outcome);
                self.measurements(outcome);
            }
            Trigger::Confirmation => self.add(&table::CONFIRMATIONS, &labels(&outcome.check), 1, None),
            Trigger::Manual | Trigger::Smoke => {}
        }
    }

    /// What was learnt about the provider.
    fn facts(&self, outcome: &Outcome) {
        let (provider, labels) = (&*outcome.check.provider, labels(&outcome.check));
        let mut expiry: HashMap<(&str, &str), Timestamp> = HashMap::new();
        // An upstream provider's certificate is not this one's to renew.
        for request in outcome.requests().filter(|request| request.is_providers() && !request.is_upstream()) {
            if let Some(at) = request.certificate_not_after {
                let earliest = expiry.entry((&request.region, request.endpoint)).or_insert(at);
                *earliest = at.min(*earliest);
            }
        }
        for ((region, endpoint), at) in expiry {
            self.set(&table::CERTIFICATE, &[provider, region, endpoint], at.as_secs_f64());
        }
        for observation in &outcome.observations {
            match observation {
                Observation::ClockSkew { seconds, .. } => self.set(&table::CLOCK_SKEW, &labels, *seconds),
                Observation::KeySet { keys } => {
                    self.set(&table::KEYS, &labels, *keys as f64);
                    self.set(&table::KEYS_LAST_SUCCESS, &labels, ended(outcome).as_secs_f64());
                }
                Observation::KeyRotation { rotations, unsafe_rotations } => {
                    self.add(&table::ROTATIONS, &labels, *rotations, None);
                    self.add(&table::UNSAFE_ROTATIONS, &labels, *unsafe_rotations, None);
                }
                Observation::Agreement { document, agree } => {
                    let labels = [provider, &*outcome.check.region, document];
                    self.set(&table::DISAGREE, &labels, if *agree { 0.0 } else { 1.0 });
                }
                Observation::TokenLifetime { .. }
                | Observation::HostTime { .. }
                | Observation::RevocationPropagation { .. }
                | Observation::Attack { .. }
                | Observation::BackchannelLogout { .. } => {}
            }
        }
    }

    /// Good, bad or neither, and why.
    fn judgement(&self, outcome: &Outcome) {
        let labels = labels(&outcome.check);
        let exemplar = Some(exemplar(outcome, 1.0));
        if outcome.verdict == Verdict::Inconclusive {
            self.add(&table::INCONCLUSIVE, &labels, 1, exemplar);
        } else {
            let bad = outcome.verdict == Verdict::Bad;
            self.add(&table::RUNS, &labels, 1, None);
            if bad {
                self.add(&table::FAILURES, &labels, 1, exemplar);
            }
            self.set(&table::SUCCESS, &labels, if bad { 0.0 } else { 1.0 });
            self.set(&table::LAST_RUN, &labels, ended(outcome).as_secs_f64());
        }
        if let Some(accepted) = outcome.credentials_accepted() {
            self.set(&table::CREDENTIALS_REFUSED, &labels, if accepted { 0.0 } else { 1.0 });
        }
        if let Some(fault) = &outcome.fault {
            let why = [fault.class.as_str(), fault.blame.as_str(), fault.step];
            self.add(&table::FAULTS, &join(&labels, why), 1, exemplar);
        }
    }

    /// How long things took.
    fn durations(&self, outcome: &Outcome) {
        let labels = labels(&outcome.check);
        if outcome.verdict != Verdict::Inconclusive {
            self.observe(&table::RUN_DURATION, &labels, outcome.duration, outcome);
            let taken = |step: &&crate::outcome::StepRecord| !step.cleanup && step.state != StepState::Skipped;
            for step in outcome.steps.iter().filter(taken) {
                self.observe(&table::STEP_DURATION, &join(&labels, [step.name]), step.duration, outcome);
            }
        }
        for request in outcome.requests().filter(|request| request.is_providers()) {
            for (phase, took) in request.phases.iter() {
                let labels = [&*outcome.check.provider, &*request.region, request.endpoint, phase];
                self.observe(&table::PHASE_DURATION, &labels, took, outcome);
            }
        }
    }

    /// What was measured besides durations.
    fn measurements(&self, outcome: &Outcome) {
        let labels = labels(&outcome.check);
        for observation in &outcome.observations {
            match observation {
                Observation::TokenLifetime { token, seconds } => {
                    if let Some(child) = self.series(&table::TOKEN_LIFETIME, &join(&labels, [token])) {
                        child.observe(seconds.clamp(0.0, MAX_LIFETIME), None);
                    }
                }
                Observation::RevocationPropagation { region, seconds, .. } => {
                    let mut labels = labels.to_vec();
                    labels[4] = region;
                    let Some(child) = self.series(&table::PROPAGATION_TIME, &labels) else { continue };
                    match seconds {
                        Some(seconds) => child.observe(seconds.max(0.0), Some(exemplar(outcome, *seconds))),
                        None => child.observe_never(),
                    }
                }
                Observation::Attack { attack, accepted: Some(true) } => {
                    let labels = join(&labels, [attack]);
                    self.add(&table::ATTACKS, &labels, 1, Some(exemplar(outcome, 1.0)));
                }
                Observation::BackchannelLogout { seconds } => {
                    let Some(child) = self.series(&table::BACKCHANNEL_TIME, &labels) else { continue };
                    match seconds {
                        Some(seconds) => child.observe(seconds.max(0.0), Some(exemplar(outcome, *seconds))),
                        None => child.observe_never(),
                    }
                }
                Observation::ClockSkew { .. }
                | Observation::KeySet { .. }
                | Observation::KeyRotation { .. }
                | Observation::Agreement { .. }
                | Observation::HostTime { .. }
                | Observation::Attack { .. } => {}
            }
        }
    }

    /// Counts a scheduled run that did not take place; `reason` is one of [`MISSED_REASONS`].
    pub fn missed(&self, check: &CheckLabels, reason: &'static str) {
        self.missed_times(check, reason, 1);
    }

    /// Counts several of them.
    pub fn missed_times(&self, check: &CheckLabels, reason: &'static str, times: u64) {
        let declared = self.declared.read().expect("declared checks");
        if declared.contains(check) {
            self.add(&table::MISSED, &join(&labels(check), [reason]), times, None);
        }
    }

    /// Observes how much later than due a scheduled run began.
    pub fn lateness(&self, late: Duration) {
        if let Some(child) = self.series(&table::LATENESS_TIME, &[]) {
            child.observe(late.as_secs_f64(), None);
        }
    }

    /// Records that the configuration was read: in force (`ok`), or refused.
    pub fn reloaded(&self, ok: bool, at: Timestamp) {
        self.set(&table::RELOAD_OK, &[], if ok { 1.0 } else { 0.0 });
        if ok {
            self.set(&table::RELOAD_TIME, &[], at.as_secs_f64());
        }
    }

    /// Counts what a sink (one of [`SINKS`]) had to drop.
    pub fn dropped(&self, sink: &'static str, n: u64) {
        self.add(&table::DROPPED, &[sink], n, None);
    }

    /// All series in the model of the `prometheus` crate. Our own writers take one family at a time instead: with many
    /// series that is faster and needs far less memory.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.look_up();
        self.registry.gather()
    }

    /// All metrics by name, those without series too.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        self.look_up();
        self.families.values()
    }

    /// All series as text. Takes a while with many: not on an async thread.
    pub fn render(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * 1024);
        self.families().for_each(|family| text::family(&mut out, family, format));
        if format == Format::OpenMetrics {
            text::end(&mut out);
        }
        out
    }

    /// The series, or `None` (and that is counted) beyond the limit.
    fn series(&self, definition: &Definition, values: &[&str]) -> Option<Arc<Child>> {
        let child = self.families.get(definition.name)?.with(values);
        // The series that counts drops is made before any other, so it is there to count.
        if child.is_none() && definition.name != table::DROPPED.name {
            self.dropped(METRICS, 1);
        }
        child
    }

    fn touch(&self, definition: &Definition, values: &[&str]) {
        let _ = self.series(definition, values);
    }

    fn add(&self, definition: &Definition, values: &[&str], by: u64, exemplar: Option<Exemplar>) {
        if let Some(child) = self.series(definition, values) {
            child.add(by, exemplar);
        }
    }

    fn set(&self, definition: &Definition, values: &[&str], to: f64) {
        if let Some(child) = self.series(definition, values) {
            child.set(to);
        }
    }

    fn observe(&self, definition: &Definition, values: &[&str], took: Duration, outcome: &Outcome) {
        if let Some(child) = self.series(definition, values) {
            let seconds = took.as_secs_f64();
            child.observe(seconds, Some(exemplar(outcome, seconds)));
        }
    }
}

fn labels(check: &CheckLabels) -> [&str; 5] {
    [&check.probe, check.kind, &check.provider, &check.client, &check.region]
}

fn join<'a, const N: usize>(labels: &[&'a str; 5], more: [&'a str; N]) -> Vec<&'a str> {
    labels.iter().copied().chain(more).collect()
}

fn ended(outcome: &Outcome) -> Timestamp {
    outcome.start + outcome.duration
}

fn exemplar(outcome: &Outcome, value: f64) -> Exemplar {
    Exemplar { trace_id: outcome.trace_id, span_id: outcome.span_id, value, at: ended(outcome) }
}
