//! Holds a document against a JSON Schema and finds everything that does not fit. Knows the part of draft 2020-12 that
//! schemars writes, and words of our own: `x-expects` (what a string must look like), `x-forbidden` (keys and why they
//! must not be there) and the name `SecretSource`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use regex_lite::Regex;
use serde_json::{Map, Value as Json};

use super::diagnostics::Mistake;
use super::nearest::{listed, nearest};
use super::tree::{Node, Path, Table, Value};

mod words;

use words::{accepts, article, discriminator, is, list, names_a_source, same, tag, types, unknown_value};

/// How deep references may lead: schemas are our own, but a cycle must not hang.
const MAX_REFS: usize = 16;

/// What a secret looks like.
const SECRET: &str = "write { env = \"NAME\" } or { file = \"path\" }";

/// Everything in `node` that does not fit `schema`; `$ref`s are looked up in `schema` itself. Paths start at `path`.
pub fn walk(schema: &Json, node: &Node, path: &Path) -> Vec<Mistake> {
    let patterns = Patterns::default();
    let mut walker = Walker { root: schema, patterns: &patterns, mistakes: Vec::new() };
    walker.check(schema, node, path);
    walker.mistakes
}

/// Patterns that were met, compiled once each; `None`: not a pattern that we know.
type Patterns<'a> = RefCell<HashMap<&'a str, Option<Regex>>>;

struct Walker<'a, 'p> {
    root: &'a Json,
    patterns: &'p Patterns<'a>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walker<'a, '_> {
    fn report(&mut self, node: &Node, path: &Path, message: impl Into<String>) {
        self.mistakes.push(Mistake::at(node.at, path.clone(), message));
    }

    /// The schema that a chain of `$ref`s ends at, and the last name on the way.
    fn resolve(&self, mut schema: &'a Json) -> (&'a Json, &'a str) {
        let mut name = "";
        for _ in 0..MAX_REFS {
            let Some(reference) = schema.get("$ref").and_then(Json::as_str) else { break };
            let Some(target) = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
                break;
            };
            name = reference.rsplit('/').next().unwrap_or_default();
            schema = target;
        }
        (schema, name)
    }

    fn fits(&self, schema: &'a Json, node: &Node, path: &Path) -> bool {
        let mut walker = Walker { root: self.root, patterns: self.patterns, mistakes: Vec::new() };
        walker.check(schema, node, path);
        walker.mistakes.is_empty()
    }

    fn check(&mut self, schema: &'a Json, node: &Node, path: &Path) {
        let (schema, name) = self.resolve(schema);
        let Some(schema) = schema.as_object() else {
            if schema == &Json::Bool(false) {
                self.report(node, path, "nothing is allowed here");
            }
            return;
        };
        if name == "SecretSource" && node.as_table().is_none() {
            let message = match &node.value {
                Value::String(_) => "a secret must not stand in the configuration itself".to_owned(),
                _ => format!("expected a secret's source, found {}", node.type_name()),
            };
            self.mistakes.push(Mistake::at(node.at, path.clone(), message).help(SECRET).mask(node.at));
            return;
        }
        if name == "SecretSource" && node.get("env").is_some() && node.get("file").is_some() {
            self.report(node, path, "a secret has one source: either `env` or `file`");
            return;
        }
        if !self.check_type(schema, node, path) || !self.check_values(schema, node, path) {
            return;
        }
        for part in list(schema, "allOf") {
            self.check(part, node, path);
        }
        for keyword in ["oneOf", "anyOf"] {
            if schema.contains_key(keyword) {
                self.check_union(list(schema, keyword), schema, node, path);
            }
        }
        match &node.value {
            Value::String(text) => self.check_string(schema, text, node, path),
            Value::Integer(number) => self.check_number(schema, *number as f64, node, path),
            Value::Float(number) => self.check_number(schema, *number, node, path),
            Value::Array(items) => self.check_array(schema, items, node, path),
            Value::Table(table) => self.check_table(schema, table, node, path),
            Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }

    fn check_type(&mut self, schema: &Map<String, Json>, node: &Node, path: &Path) -> bool {
        let allowed = types(schema);
        if allowed.is_empty() || allowed.iter().any(|name| is(node, name)) {
            return true;
        }
        let wanted = match schema.get("x-expects").and_then(Json::as_str) {
            Some(expects) => expects.to_owned(),
            None => allowed.iter().map(|name| article(name)).collect::<Vec<_>>().join(" or "),
        };
        self.report(node, path, format!("expected {wanted}, found {}", node.type_name()));
        false
    }

    fn check_values(&mut self, schema: &Map<String, Json>, node: &Node, path: &Path) -> bool {
        let allowed: Vec<&Json> = match (schema.get("enum"), schema.get("const")) {
            (Some(Json::Array(values)), _) => values.iter().collect(),
            (_, Some(value)) => vec![value],
            _ => return true,
        };
        if allowed.iter().any(|value| same(value, node)) {
            return true;
        }
        let names: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
        self.mistakes.push(unknown_value(&names, node, path));
        false
    }

    /// One of several schemas must fit. Complains about the one that was meant.
    fn check_union(&mut self, branches: &'a [Json], schema: &Map<String, Json>, node: &Node, path: &Path) {
        let resolved: Vec<(&'a Json, &'a str)> = branches.iter().map(|branch| self.resolve(branch)).collect();
        if let Some(key) = discriminator(&resolved) {
            return self.check_tagged(&resolved, key, node, path);
        }
        if branches.iter().any(|branch| self.fits(branch, node, path)) {
            return;
        }
        let constants = self.constants(branches, 0);
        if node.as_str().is_some() && !constants.is_empty() {
            let mistake = unknown_value(&constants, node, path);
            let others = self.wanted(&resolved, &[]);
            self.mistakes.push(if others.is_empty() { mistake } else { mistake.help(format!("or {others}")) });
            return;
        }
        let meant: Vec<&'a Json> = branches
            .iter()
            .zip(&resolved)
            .filter(|(_, (target, _))| target.as_object().is_some_and(|o| accepts(o, node)))
            .map(|(branch, _)| branch)
            .collect();
        if let Some(branch) = closest(self, &meant, node) {
            return self.check(branch, node, path);
        }
        let secret = resolved.iter().any(|(schema, name)| *name == "SecretSource" || names_a_source(schema));
        let wanted = match schema.get("x-expects").and_then(Json::as_str) {
            Some(expects) => expects.to_owned(),
            None => self.wanted(&resolved, &constants),
        };
        let mistake = Mistake::at(node.at, path.clone(), format!("expected {wanted}, found {}", node.type_name()));
        self.mistakes.push(if secret { mistake.help(SECRET).mask(node.at) } else { mistake });
    }

    /// The strings that a union knows by name.
    fn constants(&self, branches: &'a [Json], depth: usize) -> Vec<&'a str> {
        let mut names = Vec::new();
        for branch in branches {
            let schema = self.resolve(branch).0;
            match (schema.get("const"), schema.get("enum"), schema.get("oneOf").and_then(Json::as_array)) {
                (Some(Json::String(name)), _, _) => names.push(name.as_str()),
                (_, Some(Json::Array(values)), _) => names.extend(values.iter().filter_map(Json::as_str)),
                (_, _, Some(inner)) if depth < MAX_REFS => names.extend(self.constants(inner, depth + 1)),
                _ => {}
            }
        }
        names
    }

    /// What a union takes, in words.
    fn wanted(&self, branches: &[(&'a Json, &'a str)], constants: &[&str]) -> String {
        let mut words: Vec<String> =
            if constants.is_empty() { vec![] } else { vec![listed(constants.iter().copied())] };
        for (schema, _) in branches {
            let Some(schema) = schema.as_object() else { continue };
            let keys: Vec<&str> = list(schema, "required").iter().filter_map(Json::as_str).collect();
            let word = match schema.get("x-expects").and_then(Json::as_str) {
                Some(expects) => expects.to_owned(),
                None if schema.contains_key("const") || schema.contains_key("enum") => continue,
                None if !keys.is_empty() => format!("{{ {} = … }}", keys.join(" = …, ")),
                None => types(schema).iter().map(|name| article(name)).collect::<Vec<_>>().join(" or "),
            };
            if !word.is_empty() && !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(" or ")
    }

    /// Tables that differ by the value of one key.
    fn check_tagged(&mut self, branches: &[(&'a Json, &'a str)], key: &str, node: &Node, path: &Path) {
        let Some(table) = node.as_table() else {
            return self.report(node, path, format!("expected a table, found {}", node.type_name()));
        };
        let names: Vec<&str> = branches.iter().filter_map(|(branch, _)| tag(branch, key)).collect();
        let Some(value) = table.get(key) else {
            let mistake = Mistake::at(node.at, path.clone(), format!("`{key}` is missing"));
            self.mistakes.push(mistake.help(format!("one of {}", listed(names))));
            return;
        };
        match branches.iter().find(|(branch, _)| value.as_str().is_some() && tag(branch, key) == value.as_str()) {
            Some((branch, _)) => self.check(branch, node, path),
            None => self.mistakes.push(unknown_value(&names, value, &path.join(key))),
        }
    }

    fn matches(&self, pattern: &'a str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let regex = patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    fn check_string(&mut self, schema: &'a Map<String, Json>, text: &str, node: &Node, path: &Path) {
        let pattern = schema.get("pattern").and_then(Json::as_str);
        let length = text.chars().count() as u64;
        let bound = |key: &str| schema.get(key).and_then(Json::as_u64);
        let expects = schema.get("x-expects").and_then(Json::as_str);
        if pattern.is_some_and(|pattern| !self.matches(pattern, text)) {
            let shown: String = text.chars().take(40).collect();
            let wanted = expects.map_or_else(|| format!("what fits {}", pattern.unwrap_or_default()), str::to_owned);
            self.report(node, path, format!("expected {wanted}, found {shown:?}"));
        } else if bound("minLength").is_some_and(|least| length < least) {
            self.report(node, path, if text.is_empty() { "must not be empty" } else { "too short" });
        } else if let Some(most) = bound("maxLength").filter(|most| length > *most) {
            self.report(node, path, format!("longer than {most} characters"));
        }
    }

    fn check_number(&mut self, schema: &Map<String, Json>, number: f64, node: &Node, path: &Path) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("from {least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (_, most) => format!("at most {}", most.unwrap_or_default()),
            };
            self.report(node, path, format!("{number} is out of range: {range}"));
        } else if let Some(least) = bound("exclusiveMinimum").filter(|least| number <= *least) {
            self.report(node, path, format!("{number} is out of range: more than {least}"));
        } else if let Some(most) = bound("exclusiveMaximum").filter(|most| number >= *most) {
            self.report(node, path, format!("{number} is out of range: less than {most}"));
        }
    }

    fn check_array(&mut self, schema: &'a Map<String, Json>, items: &[Node], node: &Node, path: &Path) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_u64);
        let count = items.len() as u64;
        if bound("minItems").is_some_and(|least| count < least) {
            self.report(node, path, if items.is_empty() { "must not be empty" } else { "too few elements" });
        } else if let Some(most) = bound("maxItems").filter(|most| count > *most) {
            self.report(node, path, format!("more than {most} elements"));
        }
        if schema.get("uniqueItems") == Some(&Json::Bool(true)) {
            let mut seen = BTreeSet::new();
            for (i, item) in items.iter().enumerate() {
                if !seen.insert(item.to_toml().to_string()) {
                    self.report(item, &path.join(i), "is there already");
                }
            }
        }
        if let Some(schema) = schema.get("items") {
            for (i, item) in items.iter().enumerate() {
                self.check(schema, item, &path.join(i));
            }
        }
    }

    fn check_table(&mut self, schema: &'a Map<String, Json>, table: &Table, node: &Node, path: &Path) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let rest = schema.get("additionalProperties");
        let allowed = || properties.into_iter().flat_map(|p| p.keys()).map(String::as_str);
        let mut meant = Vec::new();
        for entry in &table.0 {
            let path = path.join(entry.name.as_str());
            if let Some(schema) = properties.and_then(|p| p.get(&entry.name)) {
                self.check(schema, &entry.node, &path);
            } else if let Some(why) = schema.get("x-forbidden").and_then(|f| f.get(&entry.name)).and_then(Json::as_str)
            {
                self.mistakes.push(Mistake::at(entry.at, path, why));
                continue;
            } else if rest == Some(&Json::Bool(false)) {
                let mut message = format!("unknown key `{}`", entry.name);
                if let Some(near) = nearest(&entry.name, allowed()) {
                    meant.push(near);
                    message.push_str(&format!(": did you mean `{near}`?"));
                }
                let mut mistake = Mistake::at(entry.at, path, message);
                // It may be a secret under a misspelt name. A `[table]` stands where its key does.
                if entry.node.at.start >= entry.at.end {
                    mistake = mistake.mask(entry.node.at);
                }
                if self.root.pointer("/properties").and_then(|p| p.get(&entry.name)).is_some() {
                    mistake = mistake.help(format!("`{}` belongs before the first [table] of the file", entry.name));
                }
                self.mistakes.push(mistake.help(format!("allowed: {}", listed(allowed()))));
            } else if let Some(schema) = rest {
                self.check(schema, &entry.node, &path);
            }
            if let Some(names) = schema.get("propertyNames") {
                let name = Node { at: entry.at, value: Value::String(entry.name.clone()) };
                self.check(names, &name, &Path::default().join(entry.name.as_str()));
            }
        }
        for key in list(schema, "required").iter().filter_map(Json::as_str) {
            if table.entry(key).is_none() && !meant.contains(&key) {
                self.report(node, path, format!("`{key}` is missing"));
            }
        }
    }
}

/// Of several schemas of the right type the one with the fewest complaints; none if there is none.
fn closest<'a>(walker: &Walker<'a, '_>, branches: &[&'a Json], node: &Node) -> Option<&'a Json> {
    branches
        .iter()
        .min_by_key(|branch| {
            let mut trial = Walker { root: walker.root, patterns: walker.patterns, mistakes: Vec::new() };
            trial.check(branch, node, &Path::default());
            trial.mistakes.len()
        })
        .copied()
}
