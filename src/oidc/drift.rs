//! How a provider's metadata changed since it was last accepted, member by member. Pure.

use serde_json::{Map, Value};

use crate::oidc::json;
use crate::outcome::Warning;

/// Everything that changed, one warning a member. The order within a list means nothing.
pub fn compare(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut changed = |detail: String| warnings.push(Warning::new("metadata_drift", "OIDC Discovery §4.2", detail));
    for (name, old) in before {
        let shown = json::short(name, 60);
        match after.get(name) {
            None => changed(format!("{shown} is gone; it was {}", json::shown(old))),
            Some(new) => changed_member(&shown, old, new).into_iter().for_each(&mut changed),
        }
    }
    for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        changed(format!("{} is new: {}", json::short(name, 60), json::shown(new)));
    }
    warnings
}

fn changed_member(name: &str, old: &Value, new: &Value) -> Option<String> {
    if old == new {
        return None;
    }
    let (Value::Array(old), Value::Array(new)) = (old, new) else {
        return Some(format!("{name} was {}, is {}", json::shown(old), json::shown(new)));
    };
    let without = |these: &[Value], those: &[Value]| {
        let missing = these.iter().filter(|item| !those.contains(item));
        missing.map(|item| item.as_str().map_or_else(|| json::shown(item), |s| json::short(s, 60))).collect::<Vec<_>>()
    };
    let (gone, fresh) = (without(old, new), without(new, old));
    let list = |what: &str, items: Vec<String>| match items.is_empty() {
        true => None,
        false => Some(format!("{what} {}", items.join(" "))),
    };
    let parts: Vec<String> = [list("lost", gone), list("gained", fresh)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{name} {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drift(before: Value, after: Value) -> Vec<String> {
        let warnings = compare(before.as_object().unwrap(), after.as_object().unwrap());
        warnings.into_iter().map(|w| w.detail).collect()
    }

    #[test]
    fn each_member_is_told_once() {
        let before = json!({"a": "x", "b": true, "gone": 1, "same": [1], "list": ["p", "q"]});
        let after = json!({"a": "y", "b": true, "new": {"k": 1}, "same": [1], "list": ["q", "r"]});
        assert_eq!(
            drift(before, after),
            [r#"a was "x", is "y""#, "gone is gone; it was 1", "list lost p, gained r", r#"new is new: {"k":1}"#]
        );
    }

    #[test]
    fn order_means_nothing() {
        assert_eq!(drift(json!({"a": ["x", "y"]}), json!({"a": ["y", "x"]})), [""; 0]);
    }
}
