//! SLOs, alerts, notifications and the ledger as metrics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{LEDGER, Metrics, SLO, table};
use crate::alert::conditions::Deployment;
use crate::alert::{Alert, Condition};
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::duration::HumanDuration;
use crate::slo::objective::WHOLE;
use crate::slo::{Aggregate, Counted, Evaluation, Objective, Sli, Window};

/// What an alert's state is counted under: `alertname`, `provider`, `slo`, `severity`.
type AlertKey = [String; 4];

impl Metrics {
    /// Takes over the objectives of a configuration: their series exist from now on, those of others are gone.
    pub fn objectives(&self, objectives: &[Arc<Objective>]) {
        let names: HashSet<&str> = objectives.iter().map(|objective| &*objective.name).collect();
        let infos: HashMap<&str, [String; 4]> =
            objectives.iter().map(|objective| (&*objective.name, info(objective))).collect();
        let burns: HashSet<[&str; 2]> = objectives
            .iter()
            .flat_map(|objective| objective.tiers().iter().map(|tier| [&*objective.name, &*tier.name]))
            .collect();
        let series: HashSet<[&str; 2]> = objectives
            .iter()
            .flat_map(|objective| regions(objective).into_iter().map(|region| [&*objective.name, region]))
            .collect();
        for family in self.families.values().filter(|family| family.definition().scope == table::Scope::Slo) {
            let name = family.definition().name;
            family.retain(|values| match values {
                [slo] => names.contains(slo),
                [slo, second] if name == table::SLO_BURN.name => burns.contains(&[*slo, *second]),
                [slo, second] => series.contains(&[*slo, *second]),
                [slo, ..] => {
                    infos.get(slo).is_some_and(|own| own.iter().map(String::as_str).eq(values.iter().copied()))
                }
                [] => false,
            });
        }
        for [slo, region] in series {
            for definition in [&table::SLO_EVENTS, &table::SLO_ERRORS, &table::SLO_EXPECTED] {
                self.touch(definition, &[slo, region]);
            }
        }
        for (objective, info) in objectives.iter().filter_map(|o| Some((o, infos.get(&*o.name)?))) {
            self.set(&table::SLO_INFO, &info.each_ref().map(String::as_str), 1.0);
            for (definition, ppm) in [
                (&table::SLO_OBJECTIVE, objective.target_ppm),
                (&table::SLO_MIN_COVERAGE, objective.min_coverage_ppm),
                (&table::SLO_ALPHA, objective.alpha_ppm),
            ] {
                self.set(definition, &[&objective.name], f64::from(ppm) / f64::from(WHOLE));
            }
        }
    }

    /// Counts events: all of them, maintenance included.
    pub fn slo_counted(&self, counted: &[Counted]) {
        for Counted { series, counts } in counted {
            let labels = [&*series.slo, &*series.region];
            for (definition, by) in [
                (&table::SLO_EXPECTED, counts.expected),
                (&table::SLO_EVENTS, counts.judged()),
                (&table::SLO_ERRORS, counts.bad),
            ] {
                if by > 0 {
                    self.add(definition, &labels, by, None);
                }
            }
        }
    }

    /// Shows where objectives stand. What is unknown is NaN: never a number that somebody could take for good or bad.
    pub fn evaluations(&self, evaluations: &[Evaluation]) {
        for evaluation in evaluations {
            let slo = &*evaluation.objective.name;
            let budget = &evaluation.budget;
            self.set(&table::SLO_REMAINING, &[slo], budget.remaining.unwrap_or(f64::NAN));
            self.set(&table::SLO_REMAINING_RAW, &[slo], budget.remaining_raw.unwrap_or(f64::NAN));
            self.set(&table::SLO_COVERAGE, &[slo], budget.coverage.unwrap_or(f64::NAN));
            for (tier, reading) in evaluation.objective.tiers().iter().zip(&evaluation.tiers) {
                self.set(&table::SLO_BURN, &[slo, &tier.name], reading.long.burn.unwrap_or(f64::NAN));
            }
        }
    }

    /// Shows the state of everything that may alert: 0 where nothing does. Series of what may no longer alert are gone.
    pub fn alert_states(&self, possible: &[Condition], alerts: &[Alert]) {
        let mut states: BTreeMap<AlertKey, f64> = BTreeMap::new();
        for condition in possible {
            states.entry(key(&condition.labels)).or_insert(0.0);
        }
        for alert in alerts {
            let state: f64 = match alert.state {
                crate::alert::State::Firing | crate::alert::State::Resolving => 2.0,
                crate::alert::State::Pending => 1.0,
                crate::alert::State::Resolved => continue,
            };
            let highest = states.entry(key(&alert.labels)).or_insert(0.0);
            *highest = state.max(*highest);
        }
        if let Some(family) = self.families.get(table::ALERT_STATE.name) {
            let wanted = |values: &[&str]| {
                states.contains_key(
                    &<AlertKey>::try_from(values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>())
                        .unwrap_or_default(),
                )
            };
            family.retain(wanted);
        }
        for (key, state) in &states {
            self.set(&table::ALERT_STATE, &key.each_ref().map(String::as_str), *state);
        }
    }

    /// Shows what the detectors look into. Series of evidence exist while there is any to look at.
    pub fn detection(&self, rulings: &[Ruling]) {
        let providers: HashSet<&str> = rulings.iter().map(|ruling| &*ruling.provider).collect();
        let mut evidence: HashMap<[&str; 3], f64> = HashMap::new();
        for ruling in rulings {
            for case in &ruling.cases {
                for seen in &case.regions {
                    evidence.insert([&ruling.provider, &case.step, &seen.region], seen.evidence);
                }
            }
        }
        if let Some(family) = self.families.get(table::DETECTION_CASES.name) {
            family.retain(|values| matches!(values, [provider] if providers.contains(provider)));
        }
        if let Some(family) = self.families.get(table::DETECTION_EVIDENCE.name) {
            family.retain(|values| <[&str; 3]>::try_from(values).is_ok_and(|values| evidence.contains_key(&values)));
        }
        for ruling in rulings {
            self.set(&table::DETECTION_CASES, &[&ruling.provider], ruling.cases.len() as f64);
        }
        for (labels, ratio) in &evidence {
            self.set(&table::DETECTION_EVIDENCE, labels, *ratio);
        }
    }

    /// The receivers of a configuration and how messages to them may go: their counters exist from now on.
    pub fn receivers(&self, names: &[String], outcomes: &[&str]) {
        for name in names {
            for outcome in outcomes {
                self.touch(&table::NOTIFICATIONS, &[name, outcome]);
            }
        }
    }

    /// Counts a message to a receiver.
    pub fn notified(&self, receiver: &str, outcome: &str) {
        self.add(&table::NOTIFICATIONS, &[receiver, outcome], 1, None);
    }

    /// Shows how the ledger is: whether it fails, its size, and how many runs it has dropped since the start.
    pub fn ledger(&self, failing: bool, bytes: u64, dropped: u64) {
        self.set(&table::LEDGER_FAILING, &[], if failing { 1.0 } else { 0.0 });
        self.set(&table::LEDGER_SIZE, &[], bytes as f64);
        if let Some(child) = self.series(&table::DROPPED, &[LEDGER]) {
            child.catch_up(dropped);
        }
    }

    /// Shows when each provider was last deployed. Those that are no longer remembered are gone.
    pub fn deployments(&self, deployments: &[Deployment]) {
        let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
        for deployment in deployments {
            let at = latest.entry(&deployment.provider).or_insert(deployment.at_nanos);
            *at = deployment.at_nanos.max(*at);
        }
        if let Some(family) = self.families.get(table::DEPLOYMENT.name) {
            family.retain(|values| matches!(values, [provider] if latest.contains_key(provider)));
        }
        for (provider, nanos) in latest {
            self.set(&table::DEPLOYMENT, &[provider], Timestamp::from_nanos(nanos).as_secs_f64());
        }
    }

    /// Shows whether scheduled runs are paused by hand.
    pub fn paused(&self, paused: bool) {
        self.set(&table::PAUSED, &[], if paused { 1.0 } else { 0.0 });
    }

    /// Counts outcomes that no objective saw.
    pub fn unjudged(&self, n: u64) {
        self.dropped(SLO, n);
    }
}

/// The regions of an objective's series.
fn regions(objective: &Objective) -> Vec<&str> {
    if matches!(objective.aggregate, Aggregate::Uptime { .. }) {
        return vec![""];
    }
    let spread = matches!(objective.sli, Sli::Propagation(_));
    let mut all: Vec<&str> = Vec::new();
    for member in &objective.members {
        let own = if spread && !member.covers.is_empty() { &member.covers } else { &member.regions };
        for region in own {
            if !all.contains(&&**region) {
                all.push(region);
            }
        }
    }
    all
}

fn info(objective: &Objective) -> [String; 4] {
    let window = match objective.window {
        Window::Rolling(window) => HumanDuration(window).to_string(),
        Window::Month(_) => "month".to_owned(),
    };
    let target = crate::config::values::Percent { ppm: objective.target_ppm }.to_string();
    [objective.name.to_string(), target, window, objective.sli.describe()]
}

fn key(labels: &crate::alert::Words) -> AlertKey {
    ["alertname", "provider", "slo", "severity"].map(|name| labels.get(name).cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::Timestamp;
    use crate::detect::Standing;
    use crate::detect::ruling::{Case, Level, Look, RegionCase};
    use crate::sink::metrics::Format;

    fn case(step: &str, evidence: f64) -> Case {
        let region = |name: &str, evidence| RegionCase {
            region: name.into(),
            look: Look::Suspected,
            evidence,
            since: None,
            last_bad: 1,
            last_good: 0,
            bad: 1,
            runs: 1,
        };
        Case {
            step: step.into(),
            level: Level::Suspected,
            since: Timestamp::from_secs(0),
            certain_at: None,
            class: None,
            blame: None,
            upstream: None,
            of_class: 1,
            regions: vec![region("eu", evidence), region("us", 0.0)],
            probes: BTreeSet::new(),
            passed: BTreeSet::new(),
            ends_at: None,
            relapses: 0,
            scheduled: 1,
            confirmations: 0,
            clean: vec![],
            confirmations_left: 0,
        }
    }

    /// The lines of the detectors after these cases of `main` were shown, one after the other.
    fn shown(metrics: &Metrics, provider: &str, cases: Vec<Case>) -> Vec<String> {
        metrics.detection(&[Ruling {
            provider: provider.into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            outage: Standing::Clear,
            regions: vec![],
            cases,
        }]);
        let text = String::from_utf8(metrics.render(Format::Prometheus)).unwrap();
        text.lines().filter(|line| line.starts_with("authprobe_detection")).map(str::to_owned).collect()
    }

    #[test]
    fn evidence_is_there_while_something_is_looked_into() {
        let metrics = Metrics::new("r");
        let one = "authprobe_detection_cases{provider=\"main\"} 1";
        let evidence = |region: &str, ratio: &str| {
            format!(
                "authprobe_detection_evidence_ratio{{provider=\"main\",step=\"token\",probe_region=\"{region}\"}} {ratio}"
            )
        };
        let none = ["authprobe_detection_cases{provider=\"main\"} 0"];
        assert_eq!(shown(&metrics, "main", vec![]), none);
        assert_eq!(
            shown(&metrics, "main", vec![case("token", 0.25)]),
            [one, &evidence("eu", "0.25"), &evidence("us", "0")]
        );
        assert_eq!(
            shown(&metrics, "main", vec![case("token", 0.5)]),
            [one, &evidence("eu", "0.5"), &evidence("us", "0")]
        );
        assert_eq!(shown(&metrics, "main", vec![]), none, "no evidence of what is over");
        assert_eq!(shown(&metrics, "other", vec![]), ["authprobe_detection_cases{provider=\"other\"} 0"]);
    }
}
