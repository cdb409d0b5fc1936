//! `labels` and `annotations` of probes and objectives: they become those of alerts.

use super::desk::Desk;
use super::typed::Item;
use crate::config::tree::Node;

/// Labels that alerts have themselves.
const OWN: [&str; 9] =
    ["alertname", "burnrate_tier", "evaluator", "probe", "probe_region", "prober", "provider", "severity", "slo"];
/// Annotations that alerts have themselves. A team may have a summary, a runbook and a dashboard of its own.
const OWN_ANNOTATIONS: [&str; 1] = ["description"];

/// Checks the names of both.
pub fn check<T>(desk: &mut Desk<'_>, item: &Item<'_, T>) {
    for (key, own) in [("labels", &OWN[..]), ("annotations", &OWN_ANNOTATIONS[..])] {
        let entries = item.node.get(key).and_then(Node::as_table).map_or(&[][..], |table| &table.0);
        for name in entries.iter().map(|entry| &*entry.name) {
            if own.contains(&name) {
                desk.wrong(item.mistake_at_key(key, name, format!("alerts say `{name}` themselves")));
            } else if !is_name(name) {
                let message = format!("{name:?} cannot be passed on to alerts");
                let help = "letters, digits and `_`, not beginning with a digit or `__`, as Prometheus names labels";
                desk.wrong(item.mistake_at_key(key, name, message).help(help));
            }
        }
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, and no `__` before it, which Prometheus keeps for itself.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(plain) && !name.starts_with("__") && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_those_of_prometheus() {
        for (name, good) in [
            ("team", true),
            ("_team2", true),
            ("", false),
            ("2nd", false),
            ("a-b", false),
            ("__a", false),
            ("ü", false),
        ] {
            assert_eq!(is_name(name), good, "{name:?}");
        }
    }
}
