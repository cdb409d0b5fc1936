//! Which tables a schema has, where each is written in TOML, and what its chapter is called.

use serde_json::Value;

/// A table, or a choice between tables, that has a chapter of its own.
pub(super) struct Section<'a> {
    /// Its name among the definitions.
    name: &'a str,
    /// Its schema.
    pub definition: &'a Value,
    /// Where it is first written: `alerting.thresholds`.
    path: String,
    /// Whether there may be several: `[[probe.step]]`.
    array: bool,
    /// Whether it is written in several places.
    pub shared: bool,
    /// The heading of its chapter, in Markdown.
    pub title: String,
}

impl Section<'_> {
    /// Whether its chapter stands below that of another table.
    pub fn nested(&self) -> bool {
        !self.shared && self.path.contains('.')
    }

    /// What a type column calls it.
    pub fn called(&self) -> String {
        if self.shared { spaced(self.name) } else { "table".to_owned() }
    }
}

/// All of them, in the order of the schema.
pub(super) struct Sections<'a> {
    root: &'a Value,
    list: Vec<Section<'a>>,
}

impl<'a> Sections<'a> {
    /// Those that the properties of a schema lead to.
    pub fn of(root: &'a Value) -> Self {
        let mut sections = Self { root, list: Vec::new() };
        sections.inside(root, "");
        let mut taken = Vec::new();
        for section in &mut sections.list {
            section.title = title(section, &taken);
            taken.push(section.title.clone());
        }
        sections
    }

    /// As the chapters follow each other: what is written in several places comes last.
    pub fn in_order(&self) -> impl Iterator<Item = &Section<'a>> {
        let of = |shared| self.list.iter().filter(move |section| section.shared == shared);
        of(false).chain(of(true))
    }

    /// The chapter on what a schema refers to, if that has one.
    pub fn of_reference(&self, schema: &'a Value) -> Option<&Section<'a>> {
        let (name, _) = self.referred(schema)?;
        self.list.iter().find(|section| section.name == name)
    }

    /// Name and schema of what a schema refers to.
    pub fn referred(&self, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
        let name = schema["$ref"].as_str()?.strip_prefix("#/$defs/")?;
        self.root["$defs"].get(name).map(|definition| (name, definition))
    }

    /// The kinds of a table that has kinds: its schema is a choice between definitions, and nothing else.
    pub fn kinds(&self, definition: &'a Value) -> Vec<&'a Value> {
        let branches = definition["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kinds: Vec<_> = branches.iter().filter_map(|branch| self.referred(branch)).collect();
        if kinds.len() == branches.len() { kinds.into_iter().map(|(_, kind)| kind).collect() } else { Vec::new() }
    }

    fn has_chapter(&self, definition: &'a Value) -> bool {
        definition["properties"].is_object()
            || alternatives(definition).next().is_some()
            || !self.kinds(definition).is_empty()
    }

    fn visit(&mut self, schema: &'a Value, path: &str, array: bool) {
        if let Some((name, definition)) = self.referred(schema) {
            return self.visit_definition(name, definition, path, array);
        }
        for branch in branches(schema) {
            self.visit(branch, path, array);
        }
        if schema["items"].is_object() {
            self.visit(&schema["items"], path, true);
        }
        if schema["additionalProperties"].is_object() {
            self.visit(&schema["additionalProperties"], &format!("{path}.NAME"), false);
        }
        self.inside(schema, path);
    }

    fn visit_definition(&mut self, name: &'a str, definition: &'a Value, path: &str, array: bool) {
        if !self.has_chapter(definition) {
            return self.visit(definition, path, array);
        }
        if let Some(known) = self.list.iter_mut().find(|section| section.name == name) {
            known.shared |= known.path != path;
            return;
        }
        let path = path.to_owned();
        self.list.push(Section { name, definition, path: path.clone(), array, shared: false, title: String::new() });
        self.inside(definition, &path);
        for kind in self.kinds(definition) {
            self.inside(kind, &path);
        }
    }

    fn inside(&mut self, schema: &'a Value, path: &str) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.visit(value, &below, false);
        }
    }
}

/// What a schema chooses between.
pub(super) fn branches(schema: &Value) -> &[Value] {
    let either = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    either.map(Vec::as_slice).unwrap_or_default()
}

/// The tables of a choice between tables.
pub(super) fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    branches(schema).iter().filter(|branch| branch["properties"].is_object())
}

/// The anchor of a heading, as GitHub and mdBook make it.
pub(super) fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

/// A text without its line breaks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Its path as TOML writes it; two tables that may stand in one place say what they are as well.
fn title(section: &Section<'_>, taken: &[String]) -> String {
    if section.shared {
        return changed_first(&spaced(section.name), char::to_ascii_uppercase);
    }
    let path = &section.path;
    let title = if section.array { format!("`[[{path}]]`") } else { format!("`[{path}]`") };
    if !taken.contains(&title) {
        return title;
    }
    let about = one_line(section.definition["description"].as_str().unwrap_or_default());
    format!("{title}: {}", changed_first(about.trim_end_matches('.'), char::to_ascii_lowercase))
}

/// `SecretSource` as words.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn changed_first(text: &str, change: fn(&char) -> char) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| change(&first)).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        assert_eq!(anchor("`[[alerting.alertmanager]]`"), "alertingalertmanager");
        assert_eq!(anchor("Kind `client_credentials`"), "kind-client_credentials");
        assert_eq!(anchor("`[slo.sli]`: a run or a step"), "slosli-a-run-or-a-step");
    }

    #[test]
    fn tables_are_called_by_where_they_are_written_and_shared_ones_by_their_name() {
        let schema = json!({
            "properties": {
                "server": { "$ref": "#/$defs/Server" },
                "slo": { "type": "array", "items": { "$ref": "#/$defs/Slo" } },
            },
            "$defs": {
                "Server": { "properties": { "token": { "$ref": "#/$defs/SecretSource" } } },
                "SecretSource": { "oneOf": [{ "properties": { "env": {} } }, { "properties": { "file": {} } }] },
                "Slo": { "properties": {
                    "key": { "$ref": "#/$defs/SecretSource" },
                    "sli": { "anyOf": [{ "$ref": "#/$defs/Quick" }, { "$ref": "#/$defs/Soon" }] },
                    "severity": { "$ref": "#/$defs/Severity" },
                } },
                "Quick": { "properties": { "latency": {} } },
                "Soon": { "properties": { "propagation": {} }, "description": "A revocation\nin time." },
                "Severity": { "oneOf": [{ "const": "page" }] },
            },
        });
        let sections = Sections::of(&schema);
        let titles: Vec<_> = sections.in_order().map(|section| section.title.as_str()).collect();
        assert_eq!(
            titles,
            ["`[server]`", "`[[slo]]`", "`[slo.sli]`", "`[slo.sli]`: a revocation in time", "Secret source"]
        );
        let nested: Vec<_> = sections.in_order().map(Section::nested).collect();
        assert_eq!(nested, [false, false, true, true, false]);
    }
}
