//! The condition of every alert, brought about: the rules say so, authprobe says so, and the panels show it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::conditions::{Alert, CONDITIONS, Condition, Shown, When};
use super::exceptions::{BAD_NEWS, ELSEWHERE, METRICS_OF_TROUBLE, is_in};
use super::panels::{SOON, Seen, Series, metrics_without_series, targets};
use super::stage::Stage;
use crate::support::prometheus::Prometheus;
use crate::support::within;

/// As in troubles.toml.
const OBJECTIVES: [&str; 3] = ["login-availability", "service-tokens", "key-set"];

#[test]
fn every_alerts_condition_is_alerted_and_shown() {
    let mut stage = Stage::start();
    // Which dashboard asks what is the same throughout; what it is told changes.
    let targets = targets(&OBJECTIVES);
    let unknown: Vec<_> = CONDITIONS
        .iter()
        .flat_map(|condition| condition.shown)
        .map(|shown| shown.target)
        .chain(BAD_NEWS.iter().chain(ELSEWHERE).map(|(name, _)| *name))
        .filter(|name| targets.iter().all(|target| target.name != *name))
        .collect();
    assert!(unknown.is_empty(), "no dashboard asks this: {unknown:#?}");

    stage.break_down();
    let mut seen = Seen::new(&stage.prometheus, &targets);
    hold(&mut seen, &stage.prometheus, When::Broken);
    seen.until_shown(&|name| is_in(BAD_NEWS, name) || is_in(ELSEWHERE, name));
    let missing = metrics_without_series(&stage.prometheus, &targets);
    let missing: Vec<_> = missing.iter().filter(|name| METRICS_OF_TROUBLE.contains(&&***name)).collect();
    assert!(missing.is_empty(), "no series in any scene: {missing:?}");
    stage.hinder();
    hold(&mut Seen::new(&stage.prometheus, &targets), &stage.prometheus, When::Hindered);
    stage.kill();
    hold(&mut Seen::new(&stage.prometheus, &targets), &stage.prometheus, When::Gone);
}

/// Waits until everything that these conditions promise was seen; not all of it at the same moment.
fn hold(seen: &mut Seen<'_>, prometheus: &Prometheus, when: When) {
    let mine = || CONDITIONS.iter().filter(|condition| condition.when == when);
    let mut open: Vec<Promise> = mine().flat_map(Promise::all).collect();
    assert!(!open.is_empty());
    let kept = within(SOON, || {
        let answers = seen.look();
        open.retain(|promise| !promise.is_kept(prometheus, &answers));
        open.is_empty().then_some(())
    });
    if kept.is_none() {
        let answers = seen.look();
        let wrong = open.iter().fold(String::new(), |mut text, promise| {
            write!(text, "\n{}", promise.broken(prometheus, &answers)).unwrap();
            text
        });
        panic!("not within {SOON:?}:{wrong}");
    }
}

/// One thing that must be seen in a condition.
enum Promise {
    /// In `ALERTS`, pending or firing.
    Rules(&'static Condition, &'static Alert),
    /// In authprobe's own state, firing.
    Own(&'static Condition, &'static Alert),
    /// In a panel.
    Panel(&'static Condition, &'static Shown),
}

type Answers<'a> = BTreeMap<&'a str, Vec<Series>>;

impl Promise {
    fn all(condition: &'static Condition) -> impl Iterator<Item = Self> {
        let rules = condition.alerts.iter().map(move |alert| Self::Rules(condition, alert));
        let own = condition.alerts.iter().filter(|alert| alert.own).map(move |alert| Self::Own(condition, alert));
        let panels = condition.shown.iter().map(move |shown| Self::Panel(condition, shown));
        rules.chain(own).chain(panels)
    }

    /// What is asked of Prometheus besides the panels.
    fn question(&self) -> Option<String> {
        let matchers = |alert: &Alert, known: &dyn Fn(&str) -> bool| {
            let (name, severity) = (alert.name, alert.severity);
            let more = alert.labels.iter().filter(|(label, _)| known(label));
            let more: String = more.map(|(label, value)| format!(", {label}=\"{value}\"")).collect();
            format!("alertname=\"{name}\", severity=\"{severity}\"{more}")
        };
        match self {
            Self::Rules(_, alert) => Some(format!("ALERTS{{{}}} == 1", matchers(alert, &|_| true))),
            // Its series has no label for a probe or a tier.
            Self::Own(_, alert) => {
                let known = |label: &str| ["provider", "slo"].contains(&label);
                Some(format!("authprobe_alert_state{{{}}} == 2", matchers(alert, &known)))
            }
            Self::Panel(..) => None,
        }
    }

    fn is_kept(&self, prometheus: &Prometheus, answers: &Answers<'_>) -> bool {
        match (self, self.question()) {
            (Self::Panel(_, shown), _) => answers[shown.target].iter().any(|(metric, value)| {
                shown.labels.iter().all(|(label, wanted)| metric[label] == *wanted) && (shown.value)(*value)
            }),
            (_, Some(question)) => !prometheus.query(&question).is_empty(),
            (_, None) => false,
        }
    }

    /// What to say when it was not kept.
    fn broken(&self, prometheus: &Prometheus, answers: &Answers<'_>) -> String {
        let (Self::Rules(condition, _) | Self::Own(condition, _) | Self::Panel(condition, _)) = self;
        let what = match self {
            Self::Panel(_, shown) => {
                format!("{} with {:?}: {:?}", shown.target, shown.labels, answers[shown.target])
            }
            Self::Rules(_, alert) | Self::Own(_, alert) => {
                let all = format!("{{__name__=~\"ALERTS|authprobe_alert_state\", alertname=\"{}\"}}", alert.name);
                format!("{}: {:?}", self.question().unwrap_or_default(), prometheus.query(&all))
            }
        };
        format!("- {}\n  {what}", condition.what)
    }
}
