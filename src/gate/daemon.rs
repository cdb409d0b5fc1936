//! A running daemon as a source: `GET /api/v1/slos?since=`, `/api/v1/alerts`, and for what failed the runs of a probe.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use super::report::Cause;
use super::source::{Asker, Known, Survey, Trouble};
use super::{Alert, Look, Slo, State};
use crate::alert::Words;
use crate::clock::Timestamp;
use crate::slo::Counts;
use crate::slo::objective::WHOLE;

/// Objectives are evaluated every ten seconds: what is older than this says nothing of now.
const STALE: Duration = Duration::from_secs(60);
/// How many probes of an objective are asked for their failures, and for how many each.
const CAUSES: (usize, usize) = (5, 20);
/// So long after the beginning the first look still shows what was before.
const FIRST_LOOK: Duration = Duration::from_secs(15);
const MINUTE_NANOS: i64 = 60_000_000_000;
/// Of objectives whose daemon does not say: the default of `[[slo]] alpha`.
pub const ALPHA_PPM: u32 = 50_000;

/// See the module.
#[derive(Debug)]
pub struct Daemon {
    asker: Asker,
    since: Timestamp,
    /// The minute from which on it counts, if it cannot count from the beginning itself.
    from: Timestamp,
    /// Whether it can, which it does from a deployment that was marked just then. `None`: not known yet.
    exact: Option<bool>,
    /// What was counted in the first minute before the beginning is to be taken off.
    takes_off: bool,
    counters: HashMap<String, Counter>,
}

/// Counts of an objective, which begin anew with a daemon that has no ledger.
#[derive(Debug, Default)]
struct Counter {
    base: Counts,
    last: Counts,
    /// Of before it began anew.
    lost: Counts,
}

impl Counter {
    /// What was counted since the beginning. `kept`: by a daemon with a ledger, which goes on after a crash where it was, or
    /// about a second before that.
    fn since(&mut self, now: Counts, kept: bool) -> Counts {
        if now.expected < self.last.expected || now.judged() < self.last.judged() {
            if kept {
                return self.lost + (self.last - self.base);
            }
            self.lost += self.last - self.base;
            self.base = Counts::default();
        }
        self.last = now;
        self.lost + (now - self.base)
    }
}

#[derive(Deserialize)]
struct Slos {
    now: Option<Timestamp3339>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    ledger: LedgerView,
    slos: Vec<SloView>,
}

#[derive(Default, Deserialize)]
struct LedgerView {
    #[serde(default)]
    configured: bool,
}

/// Of an objective; what is not known is absent.
#[derive(Deserialize)]
struct SloView {
    name: String,
    provider: Option<String>,
    #[serde(default)]
    probes: Vec<String>,
    #[serde(default)]
    objective: String,
    objective_ratio: f64,
    min_coverage: f64,
    alpha: Option<f64>,
    at: Option<Timestamp3339>,
    budget: Option<BudgetView>,
    since: Option<SinceView>,
}

#[derive(Deserialize)]
struct BudgetView {
    adjusted: Remaining,
}

#[derive(Deserialize)]
struct Remaining {
    remaining: Option<f64>,
}

#[derive(Deserialize)]
struct SinceView {
    from: Timestamp3339,
    raw: Counts,
    adjusted: Counts,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<AlertView>,
}

#[derive(Deserialize)]
struct AlertView {
    state: crate::alert::State,
    labels: Words,
    #[serde(default)]
    annotations: Words,
    fired_at: Option<Timestamp3339>,
}

#[derive(Deserialize)]
struct Runs {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    trace_id: String,
    start: Timestamp3339,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    class: String,
    blame: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    detail: String,
}

/// A time as the API writes it.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Timestamp3339(Timestamp);

impl TryFrom<String> for Timestamp3339 {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let at = chrono::DateTime::parse_from_rfc3339(&text).map_err(|error| error.to_string())?;
        Ok(Self(Timestamp::from_utc(at.to_utc())))
    }
}

impl Daemon {
    /// Asked by that.
    pub fn new(asker: Asker) -> Self {
        let never = Timestamp::default();
        Self { asker, since: never, from: never, exact: None, takes_off: false, counters: HashMap::new() }
    }

    /// Who asks.
    pub const fn asker(&self) -> &Asker {
        &self.asker
    }

    /// See [`super::source::Source::survey`].
    pub async fn survey(&self) -> Result<Survey, Trouble> {
        let answer: Slos = self.asker.get(&["api", "v1", "slos"], &[]).await?;
        let slos = answer.slos.into_iter().map(|slo| Known { name: slo.name, provider: slo.provider });
        Ok(Survey { now: self.clock(answer.now)?, slos: slos.collect() })
    }

    fn clock(&self, now: Option<Timestamp3339>) -> Result<Timestamp, Trouble> {
        now.map(|now| now.0).ok_or_else(|| {
            Trouble::Refused(format!("{}: this authprobe is too old for a gate: it has no clock", self.asker.shown()))
        })
    }

    /// See [`super::source::Source::begin`]. The daemon counts by minutes, unless it begins with a deployment. Of the minute that is under way now, what was
    /// counted so far is taken off; of an earlier one nothing counts, since what came before the beginning cannot be told from
    /// what came after.
    pub fn begin(&mut self, since: Timestamp, now: Timestamp) {
        let minute = |at: Timestamp| at.as_nanos().div_euclid(MINUTE_NANOS);
        let whole = since.as_nanos().rem_euclid(MINUTE_NANOS) == 0;
        self.takes_off = minute(since) >= minute(now) && !whole;
        let first = minute(since) + i64::from(!whole && !self.takes_off);
        (self.since, self.from) = (since, Timestamp::from_nanos(first.saturating_mul(MINUTE_NANOS)));
        (self.exact, self.counters) = (None, HashMap::new());
    }

    /// The objectives with what was counted.
    async fn slos(&mut self) -> Result<Slos, Trouble> {
        let ask = async |asker: &Asker, since: Timestamp| {
            asker.get::<Slos>(&["api", "v1", "slos"], &[("since", since.to_string())]).await
        };
        if self.exact.is_none() {
            let answer = ask(&self.asker, self.since).await?;
            let same = |from: Timestamp| from.as_nanos().abs_diff(self.since.as_nanos()) < 1_000_000;
            let exact = answer.slos.iter().filter_map(|slo| slo.since.as_ref()).any(|since| same(since.from.0));
            self.exact = Some(exact);
            self.takes_off &= !exact;
            if exact {
                return Ok(answer);
            }
        }
        let answer = ask(&self.asker, if self.exact == Some(true) { self.since } else { self.from }).await?;
        let now = answer.now.map_or(self.since, |now| now.0);
        if self.takes_off && self.counters.is_empty() && now.since(self.since) > FIRST_LOOK {
            // What is to be taken off would hold what failed meanwhile.
            self.takes_off = false;
            self.from = Timestamp::from_nanos(self.from.as_nanos().saturating_add(MINUTE_NANOS));
            return ask(&self.asker, self.from).await;
        }
        Ok(answer)
    }

    /// See [`super::source::Source::look`].
    pub async fn look(&mut self, names: &[String]) -> Result<Look, Trouble> {
        let answer = self.slos().await?;
        let alerts: Alerts = self.asker.get(&["api", "v1", "alerts"], &[]).await?;
        let now = self.clock(answer.now)?;
        let mut slos = Vec::new();
        for slo in answer.slos.into_iter().filter(|slo| names.contains(&slo.name)) {
            let evaluated = slo.at.map(|at| now.since(at.0));
            match evaluated {
                Some(age) if age > STALE => {
                    let why =
                        format!("{}: {} was last evaluated {} s ago", self.asker.shown(), slo.name, age.as_secs());
                    return Err(Trouble::Away(why));
                }
                Some(_) => {}
                None => return Err(Trouble::Away(format!("{}: nothing is evaluated yet", self.asker.shown()))),
            }
            slos.push(self.slo(slo, answer.ledger.configured)?);
        }
        let alerts = alerts.alerts.into_iter().map(|alert| self.alert(alert)).collect();
        let notes = answer.paused.then(|| "scheduled runs are paused: nothing is measured".to_owned());
        Ok(Look { at: now, slos, alerts, notes: notes.into_iter().collect() })
    }

    fn slo(&mut self, view: SloView, kept: bool) -> Result<Slo, Trouble> {
        let Some(since) = view.since else {
            let why =
                format!("{}: this authprobe is too old for a gate: it cannot count since a time", self.asker.shown());
            return Err(Trouble::Refused(why));
        };
        let takes_off = self.takes_off;
        let counter = self.counters.entry(view.name.clone()).or_insert_with(|| {
            let base = if takes_off { since.adjusted } else { Counts::default() };
            Counter { base, last: base, lost: Counts::default() }
        });
        let ppm = |share: f64| (share * f64::from(WHOLE)).round().clamp(0.0, f64::from(WHOLE)) as u32;
        // By way of whole parts per million: 1 − 0.9995 is not quite 0.0005.
        let allowed = f64::from(WHOLE - ppm(view.objective_ratio)) / f64::from(WHOLE);
        Ok(Slo {
            counts: counter.since(since.adjusted, kept),
            excluded: since.raw - since.adjusted,
            name: view.name,
            provider: view.provider,
            probes: view.probes,
            objective: view.objective,
            allowed,
            alpha_ppm: view.alpha.map_or(ALPHA_PPM, ppm),
            min_coverage: view.min_coverage,
            seen: 1.0,
            budget: view.budget.and_then(|budget| budget.adjusted.remaining),
        })
    }

    fn alert(&self, view: AlertView) -> Alert {
        let label = |name: &str| view.labels.get(name).cloned().unwrap_or_default();
        let fired_at = view.fired_at.map(|at| at.0);
        Alert {
            name: label("alertname"),
            severity: label("severity"),
            provider: label("provider"),
            slo: label("slo"),
            probe: label("probe"),
            region: label("probe_region"),
            state: match view.state {
                crate::alert::State::Pending => State::Pending,
                crate::alert::State::Firing | crate::alert::State::Resolving => State::Firing,
                crate::alert::State::Resolved => State::Resolved,
            },
            before: fired_at.is_some_and(|at| at < self.since),
            fired_at,
            description: view.annotations.get("description").cloned().unwrap_or_default(),
        }
    }

    /// See [`super::source::Source::cause`].
    pub async fn cause(&self, slo: &Slo) -> Option<Cause> {
        let query = [("verdict", "bad".to_owned()), ("limit", CAUSES.1.to_string())];
        let mut causes: Vec<Cause> = Vec::new();
        for probe in slo.probes.iter().take(CAUSES.0) {
            let Ok(answer) = self.asker.get::<Runs>(&["api", "v1", "probes", probe, "runs"], &query).await else {
                continue;
            };
            for run in answer.runs.into_iter().filter(|run| run.start.0 >= self.since) {
                let Some(Fault { class, blame, step, detail }) = run.fault else { continue };
                match causes.iter_mut().find(|own| (&own.class, &own.step) == (&class, &step)) {
                    Some(own) => own.count += 1,
                    None => causes.push(Cause { class, blame, step, detail, count: 1, trace_id: Some(run.trace_id) }),
                }
            }
        }
        causes.into_iter().max_by_key(|cause| cause.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(good: u64, bad: u64) -> Counts {
        Counts { good, bad, inconclusive: 0, expected: good + bad }
    }

    #[test]
    fn what_was_before_is_taken_off_and_a_daemon_that_begins_anew_loses_nothing() {
        let mut counter = Counter { base: counts(5, 2), last: counts(5, 2), lost: Counts::default() };
        assert_eq!(counter.since(counts(5, 2), false), counts(0, 0));
        assert_eq!(counter.since(counts(8, 3), false), counts(3, 1));
        assert_eq!(counter.since(counts(1, 0), false), counts(4, 1), "it began anew");
        assert_eq!(counter.since(counts(2, 2), false), counts(5, 3));
    }

    #[test]
    fn a_daemon_with_a_ledger_that_comes_back_a_second_behind_doubles_nothing() {
        let mut counter = Counter::default();
        assert_eq!(counter.since(counts(99, 1), true), counts(99, 1));
        assert_eq!(counter.since(counts(98, 1), true), counts(99, 1), "it comes back");
        assert_eq!(counter.since(counts(100, 1), true), counts(100, 1));
    }

    #[test]
    fn counting_begins_with_the_minute_under_way_or_the_first_whole_one() {
        let client = Asker::new("http://127.0.0.1:1".parse().unwrap(), None, "--token-file", None, STALE).unwrap();
        let mut daemon = Daemon::new(client);
        for (since, now, from, takes_off) in [
            (119, 119, 60, true),
            (60, 65, 60, false),
            (61, 121, 120, false),
            (65, 119, 60, true),
            (60, 600, 60, false),
        ] {
            daemon.begin(Timestamp::from_secs(since), Timestamp::from_secs(now));
            assert_eq!((daemon.from, daemon.takes_off), (Timestamp::from_secs(from), takes_off), "{since} {now}");
        }
    }
}
