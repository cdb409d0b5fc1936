//! That no alert of the shipped rules is without a scene.

use std::collections::BTreeSet;

use authprobe::alert::NAMES;

use super::conditions::CONDITIONS;
use crate::support::repository;

/// An alert as far as the shipped rules say: its name, `severity` (none: it comes from the expression), `burnrate_tier`.
type Key = (String, Option<String>, Option<String>);

/// Every alert rule of alerts/authprobe.rules.yml.
fn shipped() -> BTreeSet<Key> {
    let text = std::fs::read_to_string(repository().join("alerts/authprobe.rules.yml")).unwrap();
    let rules = text.split("\n      - ").filter_map(|rule| Some((rule.strip_prefix("alert: ")?.lines().next()?, rule)));
    let label = |rule: &str, name: &str| {
        let labels = rule.split_once("\n        labels:\n")?.1.split("\n        annotations:").next()?;
        let line = labels.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    rules.map(|(name, rule)| (name.to_owned(), label(rule, "severity"), label(rule, "burnrate_tier"))).collect()
}

#[test]
fn every_shipped_alert_has_a_scene() {
    let shipped = shipped();
    let names: BTreeSet<&str> = shipped.iter().map(|(name, ..)| &**name).collect();
    let known: BTreeSet<&str> = NAMES.iter().copied().chain(["AuthProberDown"]).collect();
    assert_eq!(names, known, "the example has every alert that exists");
    // The tiers of the example, among them those of the whole standard set.
    assert_eq!(shipped.iter().filter(|(name, ..)| name == "AuthSLOBurn").count(), 5, "{shipped:#?}");
    let staged = |(name, severity, tier): &&Key| {
        CONDITIONS.iter().flat_map(|condition| condition.alerts).any(|alert| {
            let of_tier = alert.labels.iter().find(|(label, _)| *label == "burnrate_tier").map(|(_, value)| *value);
            alert.name == name
                && severity.as_deref().is_none_or(|severity| severity == alert.severity)
                && tier.as_deref() == of_tier
        })
    };
    let missing: Vec<_> = shipped.iter().filter(|key| !staged(key)).collect();
    assert!(missing.is_empty(), "nobody brings these about: {missing:#?}");
}
