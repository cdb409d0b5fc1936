//! What a schema says of one key, in words: its type, its default, the values that it may have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::sections::{Sections, anchor, branches, one_line};

/// The words of one schema.
pub(super) struct Words<'a> {
    pub sections: &'a Sections<'a>,
    /// Short names of what keys expect ("a duration"), each with the whole of it.
    pub expected: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    pub fn of(root: &'a Value, sections: &'a Sections<'a>) -> Self {
        let mut counts = BTreeMap::new();
        count(root, &mut counts);
        let mut expected: Vec<(&str, &str)> = Vec::new();
        for whole in counts.keys().copied() {
            let short = shortened(whole);
            match expected.iter_mut().find(|(known, _)| *known == short) {
                _ if short == whole => {}
                Some((_, other)) if counts.get(*other) < counts.get(whole) => *other = whole,
                Some(_) => {}
                None => expected.push((short, whole)),
            }
        }
        Self { sections, expected }
    }

    /// The type of a value, in Markdown.
    pub fn kind(&self, schema: &'a Value) -> String {
        if let Some(section) = self.sections.of_reference(schema) {
            return format!("[{}](#{})", section.called(), anchor(&section.title));
        }
        if let Some((_, definition)) = self.sections.referred(schema) {
            return self.kind(definition);
        }
        if let Some(whole) = schema["x-expects"].as_str() {
            return self.expects(whole).to_owned();
        }
        if let Some(value) = schema.get("const") {
            return literal(value);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(literal).collect::<Vec<_>>().join(", ");
        }
        if branches(schema).is_empty() { self.plain(schema) } else { self.choice(branches(schema)) }
    }

    fn choice(&self, branches: &'a [Value]) -> String {
        let mut kinds: Vec<String> = Vec::new();
        for kind in branches.iter().map(|branch| self.kind(branch)) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let literals = branches.iter().all(|branch| branch.get("const").or(branch.get("enum")).is_some());
        kinds.join(if literals { ", " } else { " or " })
    }

    fn plain(&self, schema: &'a Value) -> String {
        let of = |schema: &'a Value| if schema.is_object() { self.kind(schema) } else { "anything".to_owned() };
        match schema["type"].as_str() {
            Some("string") => match schema["pattern"].as_str() {
                Some(pattern) => format!("string of the form `{pattern}`"),
                None => "string".to_owned(),
            },
            Some(number @ ("integer" | "number")) => {
                bounded(schema, "minimum", "maximum").map_or(number.to_owned(), |bounds| format!("{number}, {bounds}"))
            }
            Some("array") => {
                let bounds = bounded(schema, "minItems", "maxItems").map(|bounds| format!(" ({bounds})"));
                format!("array of {}{}", of(&schema["items"]), bounds.unwrap_or_default())
            }
            Some("object") => format!("table of {}", of(&schema["additionalProperties"])),
            Some("boolean") => "boolean".to_owned(),
            _ => "anything".to_owned(),
        }
    }

    /// The values that a schema lists and explains.
    pub fn values(&self, schema: &'a Value) -> Vec<String> {
        if self.sections.of_reference(schema).is_some() {
            return Vec::new();
        }
        if let Some((_, definition)) = self.sections.referred(schema) {
            return self.values(definition);
        }
        if let (Some(value), Some(meaning)) = (schema.get("const"), schema["description"].as_str()) {
            return vec![format!("{}: {}", literal(value), one_line(meaning))];
        }
        let items = Some(&schema["items"]).filter(|items| items.is_object());
        branches(schema).iter().chain(items).flat_map(|below| self.values(below)).collect()
    }

    /// Short, if the whole of it is said elsewhere.
    fn expects(&self, whole: &'a str) -> &'a str {
        let short = self.expected.iter().find(|(_, other)| *other == whole).map(|(short, _)| *short);
        without_article(short.unwrap_or(whole))
    }
}

/// How often each expectation is written.
fn count<'a>(schema: &'a Value, counts: &mut BTreeMap<&'a str, usize>) {
    match schema {
        Value::Object(members) => {
            if let Some(expects) = schema["x-expects"].as_str() {
                *counts.entry(expects).or_default() += 1;
            }
            members.values().for_each(|below| count(below, counts));
        }
        Value::Array(items) => items.iter().for_each(|below| count(below, counts)),
        _ => {}
    }
}

/// What stands before its examples and details.
fn shortened(expects: &str) -> &str {
    let cut = [" such as ", " of letters"].iter().filter_map(|mark| expects.find(mark)).min();
    &expects[..cut.unwrap_or(expects.len())]
}

/// Without "a" and "an".
pub(super) fn without_article(text: &str) -> &str {
    text.strip_prefix("an ").or_else(|| text.strip_prefix("a ")).unwrap_or(text)
}

/// A value as TOML writes it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

fn bounded(schema: &Value, least: &str, most: &str) -> Option<String> {
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// The default that a description states ("Default: 30s.", "Absent: no export."), and the description without it.
pub(super) fn default_in(text: &str) -> (Option<String>, String) {
    for mark in ["Default: ", "Absent: "] {
        let Some((before, after)) =
            text.split_once(mark).filter(|(before, _)| before.is_empty() || before.ends_with(' '))
        else {
            continue;
        };
        let end = after.find(". ").unwrap_or(after.trim_end_matches('.').len());
        let rest = after[end..].trim_start_matches('.').trim_start();
        return (Some(after[..end].to_owned()), format!("{} {rest}", before.trim_end()).trim().to_owned());
    }
    (None, text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_leaves_its_description_for_a_column_of_its_own() {
        let split = |text| {
            let (default, rest) = default_in(text);
            (default.unwrap_or_default(), rest)
        };
        assert_eq!(split("How late. Default: 1.5s."), ("1.5s".to_owned(), "How late.".to_owned()));
        assert_eq!(
            split("How. Default: `basic`. A public client says `none`."),
            ("`basic`".to_owned(), "How. A public client says `none`.".to_owned())
        );
        assert_eq!(split("Where to. Absent: no export."), ("no export".to_owned(), "Where to.".to_owned()));
        assert_eq!(split("Nothing of the kind."), (String::new(), "Nothing of the kind.".to_owned()));
    }

    #[test]
    fn types_say_what_may_be_written() {
        let schema = json!({
            "properties": {
                "every": { "type": "string", "x-expects": "a duration such as \"90s\"" },
                "often": { "type": "string", "x-expects": "a duration such as \"90s\"" },
                "window": { "type": "string", "x-expects": "a duration such as \"30d\", or \"month\"" },
                "most": { "type": "integer", "minimum": 1, "maximum": 32 },
                "names": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "severity": { "$ref": "#/$defs/Severity" },
                "url": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/SecretSource" }] },
            },
            "$defs": {
                "Severity": { "oneOf": [
                    { "const": "page", "description": "Wakes\nsomeone." },
                    { "const": "ticket", "description": "Waits." },
                ] },
                "SecretSource": { "oneOf": [{ "properties": { "env": {} } }] },
            },
        });
        let sections = Sections::of(&schema);
        let words = Words::of(&schema, &sections);
        for (key, kind) in [
            ("every", "duration"),
            ("window", "duration such as \"30d\", or \"month\""),
            ("most", "integer, 1 to 32"),
            ("names", "array of string (at least 1)"),
            ("labels", "table of string"),
            ("severity", "`\"page\"`, `\"ticket\"`"),
            ("url", "string or [table](#url)"),
        ] {
            assert_eq!(words.kind(&schema["properties"][key]), kind, "{key}");
        }
        assert_eq!(words.expected, [("a duration", "a duration such as \"90s\"")]);
        let values = words.values(&schema["properties"]["severity"]);
        assert_eq!(values, ["`\"page\"`: Wakes someone.", "`\"ticket\"`: Waits."]);
    }
}
