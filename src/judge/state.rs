//! Everything that is judged with: no I/O but the ledger's at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::CountedSince;
use crate::alert::causes::Causes;
use crate::alert::conditions::{Context, Deployment, burns};
use crate::alert::episodes::Episodes;
use crate::alert::facts::Facts;
use crate::alert::machine::Change;
use crate::alert::outage;
use crate::alert::{Alert, Condition, Machine};
use crate::clock::Timestamp;
use crate::detect::{Detect, Ruling};
use crate::outcome::{CheckLabels, Outcome};
use crate::plan::Plan;
use crate::sink::metrics::Metrics;
use crate::sink::metrics::counters::Kept;
use crate::slo::maintenance::Window;
use crate::slo::{Book, Counted, Evaluation, Maintenance, Tally};
use crate::store::{CounterValue, Opened, RunsQuery, Store};

/// How long windows that are over are shown.
const PAST_WINDOWS: Duration = Duration::from_secs(30 * 86_400);
/// How many hours of minutes are read at once: bounds the memory that this takes.
pub const HOURS: usize = 2;
/// How many failures of a probe are read at the start.
const FAILURES: usize = 50;
/// The most deployments at hand.
const DEPLOYMENTS: usize = 100;

/// See the module.
pub struct State {
    pub book: Book,
    pub maintenance: Maintenance,
    pub deployments: Vec<Deployment>,
    /// The ids of those that the ledger has not seen yet as they are.
    attributed: BTreeSet<String>,
    pub detect: Detect,
    facts: Facts,
    causes: Causes,
    machine: Machine,
    pub episodes: Episodes,
    evaluate: bool,
    prober: Option<String>,
    context: Context,
    /// A run was bad for an objective since the last evaluation: an alert may begin.
    hurry: bool,
    /// Alerts as they were last handed to the ledger.
    handed: Option<Vec<Alert>>,
}

/// What an evaluation found.
pub struct Judged {
    pub counted: Vec<Counted>,
    pub evaluations: Vec<Evaluation>,
    pub rulings: Vec<Ruling>,
    pub possible: Vec<Condition>,
    pub changes: Vec<Change>,
    pub alerts: Vec<Alert>,
}

impl State {
    /// From a plan and what its ledger held. Error: the ledger cannot be read.
    pub fn new(
        plan: &Plan,
        store: Option<&Store>,
        opened: Option<Opened>,
        metrics: &Metrics,
        now: Timestamp,
    ) -> Result<Self, String> {
        let Opened { counters, alerts, windows, detectors, deployments, episodes, last_written } =
            opened.unwrap_or_default();
        metrics.restore_counters(counters.into_iter().map(|CounterValue { name, labels, value, since_nanos }| Kept {
            name,
            labels,
            value,
            since: Timestamp::from_nanos(since_nanos),
        }));
        let mut book = Book::new(&plan.objectives);
        if let Some(store) = store {
            read(&mut book, store, now)?;
        }
        let maintenance = Maintenance { recurring: plan.maintenance.clone(), windows };
        if let Some(from) = last_written {
            let excluded = |probe: &str, at: Timestamp| maintenance.covers(probe, at, at);
            metrics.slo_counted(&book.absent(from, now, &excluded));
        }
        let mut causes = Causes::default();
        if let Some(store) = store.filter(|_| alerts.iter().any(Alert::is_firing)) {
            remember(&mut causes, store, plan)?;
        }
        let mut detect = Detect::new(plan.roster.clone(), plan.detection.clone());
        detect.restore(detectors);
        let episodes = store.map(|_| Episodes::restore(episodes, &alerts, now)).unwrap_or_default();
        let machine = Machine::restore(alerts);
        let mut facts = Facts::default();
        facts.replace(plan.watched.clone(), plan.alerting.thresholds.clone(), now);
        Ok(Self {
            book,
            maintenance,
            deployments,
            attributed: BTreeSet::new(),
            detect,
            facts,
            causes,
            machine,
            episodes,
            evaluate: plan.alerting.evaluate,
            prober: plan.alerting.prober.clone(),
            context: context(plan),
            hurry: false,
            handed: None,
        })
    }

    /// Goes on with another plan.
    pub fn replace(&mut self, plan: &Plan, now: Timestamp) -> Vec<Counted> {
        let counted = self.book.replace(&plan.objectives);
        self.causes.retain(&plan.objectives);
        self.facts.replace(plan.watched.clone(), plan.alerting.thresholds.clone(), now);
        self.detect.replace(plan.roster.clone(), plan.detection.clone());
        self.maintenance.recurring.clone_from(&plan.maintenance);
        self.evaluate = plan.alerting.evaluate;
        self.prober.clone_from(&plan.alerting.prober);
        self.context = context(plan);
        counted
    }

    /// Counts a run.
    pub fn outcome(&mut self, outcome: &Outcome, now: Timestamp) -> Vec<Counted> {
        self.facts.outcome(outcome);
        self.causes.outcome(outcome);
        let end = outcome.start + outcome.duration;
        let excluded = self.maintenance.covers(&outcome.check.probe, outcome.start, end);
        self.detect.outcome(outcome, excluded, now);
        let counted = self.book.outcome(outcome, excluded, now);
        self.hurry |= counted.iter().any(|counted| counted.counts.bad > 0);
        counted
    }

    /// Counts runs that did not take place.
    pub fn missed(&mut self, check: &CheckLabels, times: u64, now: Timestamp) -> Vec<Counted> {
        let excluded = self.maintenance.covers(&check.probe, now, now);
        self.book.missed(check, times, excluded, now)
    }

    /// Whether an alert may begin since the last evaluation, because of a bad run.
    pub fn hurries(&self) -> bool {
        self.hurry
    }

    /// Lets the detectors ask for runs, of no probe that is in maintenance or paused. Says whether they have news.
    pub fn confirm(&mut self, paused: bool, now: Timestamp, run: &mut dyn FnMut(&CheckLabels) -> bool) -> bool {
        let Self { detect, maintenance, .. } = self;
        detect.confirm(&|probe| paused || maintenance.covers(probe, now, now), now, run);
        detect.take_news()
    }

    /// Evaluates everything.
    pub fn evaluate(
        &mut self,
        now: Timestamp,
        stopped: &[(String, String)],
        paused: bool,
        ledger: Option<&str>,
    ) -> Judged {
        self.hurry = false;
        let counted = self.book.tick(now);
        let evaluations = self.book.evaluate(now);
        self.context.deployments.clone_from(&self.deployments);
        let maintained = |probe: &str| self.maintenance.covers(probe, now, now);
        // What is paused measures nothing, and nothing follows from that.
        let silent = |probe: &str| paused || maintained(probe);
        let rulings = self.detect.rulings(now, &silent);
        // Prometheus cannot say these itself: its rules read their states.
        let mut possible = outage::conditions(&rulings, now, &self.context);
        if self.evaluate {
            let cause = |evaluation: &Evaluation| self.causes.of(evaluation);
            possible.extend(burns(&evaluations, now, &self.context, &maintained, &cause));
            possible.extend(self.facts.conditions(now, &self.context, stopped, &silent, ledger));
        }
        if let Some(prober) = &self.prober {
            for condition in &mut possible {
                condition.labels.insert("prober".to_owned(), prober.clone());
            }
        }
        let changes = self.machine.step(now, possible.clone());
        self.attribute(&changes);
        self.episodes.step(&changes, &evaluations);
        Judged { counted, evaluations, rulings, possible, changes, alerts: self.machine.alerts() }
    }

    /// What was counted since; see [`super::Judge::counted_since`].
    pub fn counted_since(&self, since: Timestamp, now: Timestamp) -> CountedSince {
        let mut tallies = self.book.since(since, now);
        // Callers know times to the millisecond.
        let millis = |nanos: i64| nanos.div_euclid(1_000_000);
        let known =
            self.deployments.iter().filter(|deployment| millis(deployment.at_nanos) == millis(since.as_nanos()));
        let Some(before) = known.filter_map(|deployment| deployment.before.as_ref()).next() else {
            return CountedSince { from: Timestamp::from_secs(since.as_secs().div_euclid(60) * 60), tallies };
        };
        for (slo, tally) in &mut tallies {
            *tally = *tally - before.get(&**slo).copied().unwrap_or_default();
        }
        CountedSince { from: since, tallies }
    }

    /// What the minute under way has counted of each objective.
    pub fn counted_in_minute(&self, now: Timestamp) -> BTreeMap<String, Tally> {
        self.book.since(now, now).into_iter().map(|(slo, tally)| (slo.to_string(), tally)).collect()
    }

    /// Notes which deployments alerts followed that fire now.
    fn attribute(&mut self, changes: &[Change]) {
        for change in changes {
            let Change::Fired(alert) = change else { continue };
            for deployment in &mut self.deployments {
                if deployment.attribute(alert) {
                    self.attributed.insert(deployment.id.clone());
                }
            }
        }
    }

    /// Deployments that alerts have followed since the last call.
    pub fn changed_deployments(&mut self) -> Vec<Deployment> {
        let changed = std::mem::take(&mut self.attributed);
        self.deployments.iter().filter(|deployment| changed.contains(&deployment.id)).cloned().collect()
    }

    /// All alerts, if they are others than those that were handed over last.
    pub fn changed_alerts(&mut self) -> Option<Vec<Alert>> {
        let alerts = self.machine.alerts();
        let same = self.handed.as_ref().is_some_and(|handed| {
            handed.len() == alerts.len() && handed.iter().zip(&alerts).all(|(one, other)| is_same(one, other))
        });
        if same {
            return None;
        }
        self.handed = Some(alerts.clone());
        Some(alerts)
    }

    /// Adds a window or replaces that of its id.
    pub fn put_window(&mut self, window: Window, now: Timestamp) {
        let windows = &mut self.maintenance.windows;
        windows.retain(|own| own.id != window.id && now.since(Timestamp::from_nanos(own.to_nanos)) < PAST_WINDOWS);
        windows.push(window);
    }

    /// Adds a deployment. Alerts that have followed it already are noted: it may be marked late.
    pub fn put_deployment(&mut self, mut deployment: Deployment) {
        let mut fired = self.machine.alerts();
        fired.sort_by_key(|alert| alert.fired_nanos);
        let known = |deployment: &Deployment, alert: &Alert| {
            deployment
                .followed
                .iter()
                .any(|own| own.labels == alert.labels && Some(own.fired_nanos) == alert.fired_nanos)
        };
        for alert in &fired {
            if !known(&deployment, alert) && deployment.attribute(alert) {
                self.attributed.insert(deployment.id.clone());
            }
        }
        self.deployments.retain(|own| own.id != deployment.id);
        self.deployments.push(deployment);
        self.deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.at_nanos));
        self.deployments.truncate(DEPLOYMENTS);
    }
}

/// Why the probes of objectives failed before the start: what fires goes on with the cause that it had.
fn remember(causes: &mut Causes, store: &Store, plan: &Plan) -> Result<(), String> {
    let mut probes: Vec<&str> = plan.objectives.iter().flat_map(|o| &o.members).map(|member| &*member.probe).collect();
    probes.sort_unstable();
    probes.dedup();
    for probe in probes {
        let (probe, verdict) = (probe.to_owned(), Some("bad".to_owned()));
        let query = RunsQuery { probe, region: None, verdict, before: None, limit: FAILURES };
        let mut runs = store.runs(&query)?;
        runs.reverse();
        runs.iter().for_each(|run| causes.restore(&run.json));
    }
    Ok(())
}

/// Reads the past of these objectives. Error: the ledger cannot be read.
fn read(book: &mut Book, store: &Store, now: Timestamp) -> Result<(), String> {
    for day in book.first_day(now)..=now.as_secs().div_euclid(86_400) {
        book.restore(store.days_of(day..=day)?, Vec::new());
    }
    for hours in book.hours_wanted(now).chunks(HOURS) {
        book.restore(Vec::new(), store.minutes(hours)?);
    }
    let first = book.first_day(now);
    book.restore_causes(first, store.causes(first)?);
    Ok(())
}

/// Descriptions change with every evaluation: that is not worth a write.
fn is_same(one: &Alert, other: &Alert) -> bool {
    let times = |alert: &Alert| (alert.state, alert.active_nanos, alert.fired_nanos, alert.cleared_nanos);
    one.labels == other.labels && times(one) == times(other)
}

fn context(plan: &Plan) -> Context {
    Context { public_url: Some(plan.server.url()), runbooks: plan.alerting.runbooks.clone(), deployments: Vec::new() }
}

/// One line a change.
pub fn log(change: &Change) {
    let (alert, fired) = match change {
        Change::Fired(alert) => (alert, true),
        Change::Resolved(alert) => (alert, false),
    };
    let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
    let description = alert.annotations.get("description").map_or("", String::as_str);
    let (severity, provider, slo, probe) = (label("severity"), label("provider"), label("slo"), label("probe"));
    let region = label(outage::REGION);
    if fired {
        tracing::warn!(alertname = alert.name(), severity, provider, region, slo, probe, description, "alert fires");
    } else {
        tracing::info!(alertname = alert.name(), severity, provider, region, slo, probe, "alert is over");
    }
}
