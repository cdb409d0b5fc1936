//! Inhibition and an example route. It depends on nothing configured: alerts are told apart by labels that all have.

/// The file.
pub const TEXT: &str = include_str!("alertmanager.yml");

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::alert::NAMES;

    #[test]
    fn every_alert_that_is_named_exists() {
        let known: Vec<&str> = NAMES.iter().copied().chain(["AuthProberDown"]).collect();
        let mut named = 0;
        for line in TEXT.lines().filter(|line| line.contains("alertname=")) {
            for word in line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.starts_with("Auth")) {
                assert!(known.contains(&word), "{word} in {line}");
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    }

    /// No silence between evaluators, and no page hidden by what only says that we see less.
    #[test]
    fn every_rule_joins_on_the_evaluator_and_hides_no_page_wrongly() {
        let rules: Vec<&str> = TEXT.split("  - source_matchers:").skip(1).collect();
        assert_eq!(rules.len(), 6);
        for rule in rules {
            let line = |key: &str| rule.lines().find(|line| line.contains(key)).unwrap_or_default();
            assert!(line("equal:").contains("evaluator"), "{rule}");
            let source = rule.lines().next().unwrap_or_default();
            let blind = ["AuthProbeCredentials", "AuthProbeStale", "AuthProberDown"];
            if blind.iter().any(|name| source.contains(name)) {
                assert!(line("target_matchers").contains("alertname=\"AuthProbeStale\""), "{rule}");
            } else {
                assert!(line("equal:").contains("provider"), "{rule}");
            }
        }
    }
}
