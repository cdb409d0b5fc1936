//! What the shipped dashboards ask, and what a Prometheus answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::support::prometheus::Prometheus;
use crate::support::{repository, within};

/// The shipped files.
const FILES: [&str; 4] = ["executive.json", "on-call.json", "debug.json", "slo.json"];
/// How long data may take to come: busy machines, and windows that have to fill.
pub const SOON: Duration = Duration::from_secs(240);

/// One question of a panel or of an annotation.
#[derive(Debug)]
pub struct Target {
    /// `on-call.json: Rotations/B`: the file, the panel's title, `refId`. Of a second panel with that title: `Coverage 2/A`. Of
    /// an annotation: its name, `Anno`.
    pub name: String,
    /// As it stands, once for each objective if it asks for the one that is selected.
    asked: Vec<String>,
}

/// A series of an answer.
pub type Series = (Value, f64);

fn dashboards() -> impl Iterator<Item = (&'static str, Value)> {
    FILES.into_iter().map(|name| {
        let text = std::fs::read_to_string(repository().join("dashboards").join(name)).unwrap();
        (name, serde_json::from_str(&text).unwrap())
    })
}

/// Every question of every shipped panel and annotation, with the variables filled in as Grafana does: all jobs, providers,
/// probes and regions, and one objective after the other, since only one can be selected.
pub fn targets(objectives: &[&str]) -> Vec<Target> {
    let mut out = Vec::new();
    for (file, dashboard) in dashboards() {
        let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let title = panel["title"].as_str().unwrap();
            let count = titles.entry(title).or_default();
            *count += 1;
            let title = if *count == 1 { title.to_owned() } else { format!("{title} {count}") };
            let asked = panel["targets"].as_array().unwrap().iter();
            out.extend(asked.map(|target| read(file, &title, target, objectives)));
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            out.push(read(file, annotation["name"].as_str().unwrap(), &annotation["target"], objectives));
        }
    }
    let names: BTreeSet<&str> = out.iter().map(|target| &*target.name).collect();
    assert_eq!(names.len(), out.len(), "each has a name of its own");
    assert!(out.len() > 75, "{}", out.len());
    out
}

fn read(file: &str, title: &str, target: &Value, objectives: &[&str]) -> Target {
    let expression = target["expr"].as_str().unwrap();
    let one = |objective: &&str| filled(expression, objective);
    let asked = if expression.contains("$slo") { objectives.iter().map(one).collect() } else { vec![one(&"")] };
    Target { name: format!("{file}: {title}/{}", target["refId"].as_str().unwrap()), asked }
}

fn filled(expression: &str, objective: &str) -> String {
    let mut expression = expression.replace("$__rate_interval", "1m").replace("$slo", objective);
    for variable in ["$job", "$provider", "$probe", "$region"] {
        expression = expression.replace(variable, ".+");
    }
    assert!(!expression.contains('$'), "{expression}");
    expression
}

impl Target {
    /// The series that it shows now: those that are a number.
    pub fn answer(&self, prometheus: &Prometheus) -> Vec<Series> {
        let series = self.asked.iter().flat_map(|expression| prometheus.query(expression));
        series.filter(|(_, value)| !value.is_nan()).collect()
    }
}

/// Metrics that are asked for (`ALERTS` aside, which is Prometheus' own) and of which this Prometheus has never had a series.
pub fn metrics_without_series(prometheus: &Prometheus, targets: &[Target]) -> BTreeSet<String> {
    let known = prometheus.api("label/__name__/values");
    let known: BTreeSet<&str> = known.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let names = regex_lite::Regex::new(r"\b(authprobe_\w+|up)\{").unwrap();
    let asked = targets.iter().flat_map(|target| &target.asked).flat_map(|expression| names.captures_iter(expression));
    let asked: BTreeSet<String> = asked.map(|name| name[1].to_owned()).collect();
    assert!(asked.len() > 35, "{asked:?}");
    asked.into_iter().filter(|name| !known.contains(&**name)).collect()
}

/// What has no answer among the values that a reader can select, by variable.
pub fn variables_without_values(prometheus: &Prometheus, objectives: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, dashboard) in dashboards() {
        let all = dashboard["templating"]["list"].as_array().unwrap().iter();
        for variable in all.filter(|variable| variable["type"] == "query") {
            let asked = filled(variable["query"]["query"].as_str().unwrap(), objectives[0]);
            let (selector, label) =
                asked.strip_prefix("label_values(").and_then(|a| a.strip_suffix(')')?.rsplit_once(", ")).unwrap();
            let encoded = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect::<String>();
            let values = prometheus.api(&format!("label/{label}/values?match[]={encoded}"));
            if values.as_array().unwrap().is_empty() {
                found.push(format!("{file}: {}", variable["name"]));
            }
        }
    }
    found
}

/// What was seen so far, target by target, over all looks: faults come and go, and so does what shows them.
pub struct Seen<'a> {
    prometheus: &'a Prometheus,
    targets: &'a [Target],
    shown: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    /// Nothing yet.
    pub fn new(prometheus: &'a Prometheus, targets: &'a [Target]) -> Self {
        Self { prometheus, targets, shown: BTreeSet::new() }
    }

    /// Asks everything once: all answers, by target.
    pub fn look(&mut self) -> BTreeMap<&'a str, Vec<Series>> {
        let answers: BTreeMap<&str, Vec<Series>> =
            self.targets.iter().map(|target| (&*target.name, target.answer(self.prometheus))).collect();
        self.shown.extend(answers.iter().filter(|(_, series)| !series.is_empty()).map(|(name, _)| *name));
        answers
    }

    /// Looks until all of these have shown something, and fails with those that have not.
    pub fn until_shown(&mut self, must: &dyn Fn(&str) -> bool) {
        let all = within(SOON, || {
            self.look();
            self.missing(must).is_empty().then_some(())
        });
        assert!(all.is_some(), "no data within {SOON:?}: {:#?}", self.missing(must));
    }

    fn missing(&self, must: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
        let names = self.targets.iter().map(|target| &*target.name);
        names.filter(|name| must(name) && !self.shown.contains(name)).collect()
    }
}
