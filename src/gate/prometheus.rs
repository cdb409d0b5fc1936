//! A Prometheus as a source: the daemon's counters since the beginning, as `authprobe rules` counts them, and the alerts of
//! those rules. Prometheus knows of no maintenance: its counts are the raw ones.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::daemon::ALPHA_PPM;
use super::report::Cause;
use super::source::{Asker, Known, Survey, Trouble};
use super::{Alert, Look, Slo, State};
use crate::alert::Words;
use crate::clock::Timestamp;
use crate::sink::metrics::table;
use crate::slo::Counts;
use crate::slo::objective::WHOLE;

/// Says how many of an objective's regions are scraped: recorded by our rules, so that it says whether they are there.
const PRESENT: &str = "slo:authprobe_slo_present:ratio";
/// Rules are evaluated every 30 s: what is older than this says nothing of now.
const STALE: Duration = Duration::from_secs(120);
/// Of a daemon that does not say: the default of `[[slo]] min_coverage`.
const MIN_COVERAGE: f64 = 0.8;

/// See the module.
#[derive(Debug)]
pub struct Prometheus {
    asker: Asker,
    since: Timestamp,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Scalar {
    result: (f64, String),
}

#[derive(Deserialize)]
struct Sample {
    metric: Words,
    value: (f64, String),
}

impl Sample {
    fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    /// `None`: no number.
    fn number(&self) -> Option<f64> {
        self.value.1.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<AlertView>,
}

#[derive(Deserialize)]
struct AlertView {
    labels: Words,
    #[serde(default)]
    annotations: Words,
    state: String,
    #[serde(rename = "activeAt")]
    active_at: Option<String>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: Words,
}

/// Values by objective.
type BySlo = BTreeMap<String, f64>;

impl Prometheus {
    /// Asked by that.
    pub fn new(asker: Asker) -> Self {
        Self { asker, since: Timestamp::default() }
    }

    /// Who asks.
    pub const fn asker(&self) -> &Asker {
        &self.asker
    }

    /// See [`super::source::Source::survey`].
    pub async fn survey(&self) -> Result<Survey, Trouble> {
        let now = self.now().await?;
        let mut names = Vec::new();
        for sample in self.query(&lately(&table::SLO_INFO), now).await? {
            let name = sample.label("slo").to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            let why = "it knows no objective: does it scrape authprobe, and has that any?";
            return Err(Trouble::Away(format!("{}: {why}", self.asker.shown())));
        }
        let present = self.by_slo(PRESENT, now).await?;
        if !names.iter().any(|name| present.contains_key(name)) {
            let why = "the rules that `authprobe rules` writes are not loaded, or not evaluated yet";
            return Err(Trouble::Away(format!("{}: {why}", self.asker.shown())));
        }
        let mut providers = self.providers().await;
        let known = names.into_iter().map(|name| Known { provider: providers.remove(&name), name });
        Ok(Survey { now, slos: known.collect() })
    }

    /// See [`super::source::Source::begin`].
    pub const fn begin(&mut self, since: Timestamp) {
        self.since = since;
    }

    /// See [`super::source::Source::look`].
    pub async fn look(&mut self, names: &[String]) -> Result<Look, Trouble> {
        let now = self.now().await?;
        let window = window(self.since, now);
        let evaluated = self.by_slo(&format!("timestamp({PRESENT})"), now).await?;
        self.fresh(names, &evaluated, now)?;
        let present = self.by_slo(PRESENT, now).await?;
        let seen = self.by_slo(&format!("avg_over_time({PRESENT}[{window}])"), now).await?;
        let count = async |counter: &str| self.by_slo(&increase(counter, &window), now).await;
        let events = count(table::SLO_EVENTS.name).await?;
        let errors = count(table::SLO_ERRORS.name).await?;
        let expected = count(table::SLO_EXPECTED.name).await?;
        let promised = self.by_slo(&lately(&table::SLO_OBJECTIVE), now).await?;
        let coverage = self.by_slo(&lately(&table::SLO_MIN_COVERAGE), now).await?;
        let alpha = self.by_slo(&lately(&table::SLO_ALPHA), now).await?;
        let budget = self.by_slo(&lately(&table::SLO_REMAINING_RAW), now).await?;
        let mut objectives: BTreeMap<String, String> = BTreeMap::new();
        for sample in self.query(&lately(&table::SLO_INFO), now).await? {
            objectives.insert(sample.label("slo").to_owned(), sample.label("objective").to_owned());
        }
        let mut providers = self.providers().await;
        let slo = |name: &String| {
            let promised = *promised.get(name)?;
            let of = |counts: &BySlo| counts.get(name).map_or(0, |count| count.round().max(0.0) as u64);
            let ppm = |share: f64| (share * f64::from(WHOLE)).round().clamp(0.0, f64::from(WHOLE)) as u32;
            let (judged, bad) = (of(&events), of(&errors));
            Some(Slo {
                provider: providers.remove(name),
                probes: Vec::new(),
                objective: objectives.get(name).cloned().unwrap_or_default(),
                allowed: f64::from(WHOLE - ppm(promised)) / f64::from(WHOLE),
                alpha_ppm: alpha.get(name).map_or(ALPHA_PPM, |alpha| ppm(*alpha)),
                min_coverage: coverage.get(name).copied().unwrap_or(MIN_COVERAGE),
                counts: Counts { good: judged.saturating_sub(bad), bad, inconclusive: 0, expected: of(&expected) },
                excluded: Counts::default(),
                // At first no evaluation may lie in the window yet.
                seen: seen.get(name).or_else(|| present.get(name)).copied().unwrap_or(0.0).clamp(0.0, 1.0),
                budget: budget.get(name).copied(),
                name: name.clone(),
            })
        };
        let slos = names.iter().filter_map(slo).collect();
        Ok(Look { at: now, slos, alerts: self.alerts(now, &window).await?, notes: Vec::new() })
    }

    /// That our rules are evaluated.
    fn fresh(&self, names: &[String], evaluated: &BySlo, now: Timestamp) -> Result<(), Trouble> {
        for name in names {
            let age = evaluated.get(name).map(|at| now.as_secs_f64() - at);
            if age.is_none_or(|age| age > STALE.as_secs_f64()) {
                let age = age.map_or_else(String::new, |age| format!(" for {age:.0} s"));
                let why = format!("{}: the rules of {name} were not evaluated{age}", self.asker.shown());
                return Err(Trouble::Away(why));
            }
        }
        Ok(())
    }

    /// Alerts as Prometheus has them now, and those that fired within the window and are over.
    async fn alerts(&self, now: Timestamp, window: &str) -> Result<Vec<Alert>, Trouble> {
        let current: Data<Alerts> = self.asker.get(&["api", "v1", "alerts"], &[]).await?;
        let ours = |labels: &Words| labels.get("alertname").is_some_and(|name| name.starts_with("Auth"));
        let current: Vec<AlertView> = current.data.alerts.into_iter().filter(|alert| ours(&alert.labels)).collect();
        let mut alerts: Vec<Alert> = current.iter().map(|view| self.alert(view)).collect();
        let firing = "ALERTS{alertname=~\"Auth.+\", alertstate=\"firing\"}";
        let before = self.query(firing, self.since).await?;
        for sample in self.query(&format!("last_over_time({firing}[{window}])"), now).await? {
            let is_current = current.iter().any(|view| view.state == "firing" && same(&view.labels, &sample.metric));
            if is_current {
                continue;
            }
            let before = before.iter().any(|known| same(&known.metric, &sample.metric));
            alerts.push(Alert { before, state: State::Resolved, ..named(&sample.metric) });
        }
        Ok(alerts)
    }

    fn alert(&self, view: &AlertView) -> Alert {
        let active = view.active_at.as_deref().and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
        let active = active.map(|at| Timestamp::from_utc(at.to_utc()));
        Alert {
            state: if view.state == "firing" { State::Firing } else { State::Pending },
            before: active.is_some_and(|at| at < self.since),
            fired_at: active.filter(|_| view.state == "firing"),
            description: view.annotations.get("description").cloned().unwrap_or_default(),
            ..named(&view.labels)
        }
    }

    /// What failed most at the provider of an objective.
    pub async fn cause(&self, slo: &Slo) -> Option<Cause> {
        let (provider, now) = (slo.provider.as_ref()?, self.now().await.ok()?);
        let faults = format!("{}{{provider={provider:?}}}", table::FAULTS.name);
        let window = window(self.since, now);
        // A series begins with its first failure: what is not there yet was zero.
        let grown = format!("({faults} - ({faults} offset {window} or 0 * {faults})) > 0");
        let query = format!("topk(1, sum by (class, blame, step) ({grown}))");
        let samples = self.query(&query, now).await.ok()?;
        let worst = samples.first()?;
        let of = |label: &str| worst.label(label).to_owned();
        let count = worst.number()?.round() as u64;
        let (class, blame, step) = (of("class"), of("blame"), of("step"));
        Some(Cause { class, blame, step, detail: String::new(), count, trace_id: None })
    }

    /// The provider of each objective, as our rules have it; empty if they cannot be read.
    async fn providers(&self) -> BTreeMap<String, String> {
        let query = [("type", "alert".to_owned()), ("rule_name[]", "AuthSLOBurn".to_owned())];
        let Ok(answer) = self.asker.get::<Data<Groups>>(&["api", "v1", "rules"], &query).await else {
            return BTreeMap::new();
        };
        let rules = answer.data.groups.into_iter().flat_map(|group| group.rules);
        let burns = rules.filter(|rule| rule.name == "AuthSLOBurn");
        burns.filter_map(|rule| Some((rule.labels.get("slo")?.clone(), rule.labels.get("provider")?.clone()))).collect()
    }

    async fn now(&self) -> Result<Timestamp, Trouble> {
        let answer: Data<Scalar> = self.asker.get(&["api", "v1", "query"], &[("query", "time()".to_owned())]).await?;
        let seconds = answer.data.result.1.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        let seconds = seconds.ok_or_else(|| Trouble::Away(format!("{}: it has no time", self.asker.shown())))?;
        Ok(Timestamp::from_nanos((seconds * 1e9) as i64))
    }

    async fn query(&self, query: &str, at: Timestamp) -> Result<Vec<Sample>, Trouble> {
        let query = [("query", query.to_owned()), ("time", format!("{:.3}", at.as_secs_f64()))];
        let answer: Data<Vector> = self.asker.get(&["api", "v1", "query"], &query).await?;
        Ok(answer.data.result)
    }

    async fn by_slo(&self, query: &str, at: Timestamp) -> Result<BySlo, Trouble> {
        let samples = self.query(query, at).await?;
        Ok(samples.iter().filter_map(|sample| Some((sample.label("slo").to_owned(), sample.number()?))).collect())
    }
}

/// What was scraped last: a scrape that fails ends a series until the next.
fn lately(metric: &table::Definition) -> String {
    format!("last_over_time({}[5m])", metric.name)
}

/// From the beginning to now, as PromQL writes it; at least a second.
fn window(since: Timestamp, now: Timestamp) -> String {
    format!("{}ms", now.since(since).as_millis().max(1000))
}

/// As in our rules (`src/rules/header.txt`): exact, unless the counter was reset or is gone. A scrape that failed is no end.
fn increase(counter: &str, window: &str) -> String {
    format!(
        "sum by (slo) (((last_over_time({counter}[{window}]) - ({counter} offset {window} or \
         min_over_time({counter}[{window}]))) >= 0 and resets({counter}[{window}]) == 0) or increase({counter}[{window}]))"
    )
}

fn named(labels: &Words) -> Alert {
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    Alert {
        name: label("alertname"),
        severity: label("severity"),
        provider: label("provider"),
        slo: label("slo"),
        probe: label("probe"),
        region: label("probe_region"),
        ..Alert::default()
    }
}

/// Whether these are the labels of the same alert, but for those that `ALERTS` adds.
fn same(one: &Words, other: &Words) -> bool {
    let own = |labels: &Words| -> BTreeMap<String, String> {
        let added = |name: &str| name == "__name__" || name == "alertstate";
        labels.iter().filter(|(name, _)| !added(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    own(one) == own(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_prometheus_adds_make_no_other_alert() {
        let words = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Words>();
        let alert = words(&[("alertname", "AuthOutage"), ("provider", "main")]);
        let series = words(&[
            ("__name__", "ALERTS"),
            ("alertname", "AuthOutage"),
            ("alertstate", "firing"),
            ("provider", "main"),
        ]);
        assert!(same(&alert, &series));
        assert!(!same(&alert, &words(&[("alertname", "AuthOutage"), ("provider", "other")])));
    }

    #[test]
    fn a_window_is_at_least_a_second() {
        let at = Timestamp::from_secs(100);
        assert_eq!(window(at, at), "1000ms");
        assert_eq!(window(at, at + Duration::from_millis(2500)), "2500ms");
    }
}
