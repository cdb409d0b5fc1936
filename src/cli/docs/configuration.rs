//! `authprobe docs configuration`: every table and key of the configuration, from its JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::sections::{Section, Sections, alternatives, anchor, one_line};
use super::words::{Words, default_in, literal, without_article};

const INTRODUCTION: &str = "\
# Configuration reference

<!-- Written by `authprobe docs configuration > docs/configuration-reference.md` from the schema: change the words in
src/config/model/ and in the settings of the kinds (src/probe/, src/oidc/). -->

Every table and key of the configuration, made from the JSON Schema that `authprobe schema` prints. What a schema cannot say,
with examples, is in [configuration.md](configuration.md). **needed** in place of a default: the key must be there. A key that
is not listed is an error that names the nearest one.
";

const HEAD: &str = "| key | type | default | meaning |\n|---|---|---|---|\n";

const SEVERAL: &str = "Keys that several kinds have";

/// `docs/configuration-reference.md` of a schema.
pub(super) fn reference(schema: &Value) -> String {
    let sections = Sections::of(schema);
    let words = Words::of(schema, &sections);
    let mut out = INTRODUCTION.to_owned();
    if !words.expected.is_empty() {
        out.push_str("\n| type | is written as |\n|---|---|\n");
        for (short, whole) in &words.expected {
            out.push_str(&format!("| {} | {} |\n", cell(without_article(short)), cell(whole)));
        }
    }
    out.push_str(&format!("\n## Top level\n\n{}", table(&words, schema)));
    for section in sections.in_order() {
        out.push_str(&chapter(&words, section));
    }
    out
}

fn chapter<'a>(words: &Words<'a>, section: &Section<'a>) -> String {
    let definition = section.definition;
    let level = if section.nested() { "###" } else { "##" };
    let about = one_line(definition["description"].as_str().unwrap_or_default());
    let kinds = words.sections.kinds(definition);
    let content = if definition["properties"].is_object() {
        table(words, definition)
    } else if kinds.is_empty() {
        choice(words, definition)
    } else {
        of_kinds(words, &kinds)
    };
    format!("\n{level} {}\n\n{about}\n\n{content}", section.title)
}

/// Whether a key must be there.
#[derive(Clone, Copy)]
enum Presence<'a> {
    Optional,
    Needed,
    /// Unless one of these is there.
    NeededWithout(&'a [&'a str]),
    OneOfThem,
}

fn row<'a>(words: &Words<'a>, key: &str, schema: &'a Value, presence: Presence<'_>, about: &'a str) -> String {
    let text = one_line(schema["description"].as_str().unwrap_or(about));
    let (stated, text) = default_in(&text);
    let default = match presence {
        Presence::Needed => "**needed**".to_owned(),
        Presence::NeededWithout(others) => format!("**needed** without {}", names(others, " or ")),
        Presence::OneOfThem => "one of them".to_owned(),
        Presence::Optional => stated.or_else(|| schema.get("default").map(literal)).unwrap_or_default(),
    };
    let meaning: Vec<_> = std::iter::once(text).chain(words.values(schema)).collect();
    let kind = cell(&words.kind(schema));
    format!("| `{key}` | {kind} | {} | {} |\n", cell(&default), cell(&meaning.join("<br>")))
}

/// The keys of one table: those that are needed first.
fn table<'a>(words: &Words<'a>, definition: &'a Value) -> String {
    let required = strings(&definition["required"]);
    let unless = strings(&definition["if"]["not"]["required"]);
    let then = strings(&definition["then"]["required"]);
    let mut out = HEAD.to_owned();
    for (key, schema) in needed_first(definition, &[required.as_slice(), then.as_slice()].concat()) {
        let presence = match key {
            key if required.contains(&key) => Presence::Needed,
            key if then.contains(&key) => Presence::NeededWithout(&unless),
            _ => Presence::Optional,
        };
        out.push_str(&row(words, key, schema, presence, ""));
    }
    out
}

/// Tables of which one is written, each with a single key.
fn choice<'a>(words: &Words<'a>, definition: &'a Value) -> String {
    let mut out = HEAD.to_owned();
    for one in alternatives(definition) {
        let about = one["description"].as_str().unwrap_or_default();
        for (key, schema) in properties(one) {
            out.push_str(&row(words, key, schema, Presence::OneOfThem, about));
        }
    }
    out
}

/// Keys by how many kinds have them alike.
struct Common<'a> {
    /// All of them.
    everywhere: BTreeMap<&'a str, &'a Value>,
    /// Several: what most of them say.
    several: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Common<'a> {
    fn of(kinds: &[&'a Value]) -> Self {
        let mut common = Self { everywhere: BTreeMap::new(), several: BTreeMap::new() };
        let keys: BTreeSet<&str> = kinds.iter().copied().flat_map(properties).map(|(key, _)| key).collect();
        for key in keys.into_iter().filter(|key| *key != "kind") {
            let written: Vec<&Value> = kinds.iter().copied().filter_map(|kind| kind["properties"].get(key)).collect();
            let alike = |schema: &Value| written.iter().filter(|other| **other == schema).count();
            // Of those that are written equally often the first.
            let Some(most) = written.iter().copied().rev().max_by_key(|schema| alike(schema)) else { continue };
            let alike = alike(most);
            if alike == kinds.len() {
                common.everywhere.insert(key, most);
            } else if alike > 1 {
                common.several.insert(key, most);
            }
        }
        common
    }

    fn is_own(&self, key: &str, schema: &Value) -> bool {
        key != "kind" && !self.everywhere.contains_key(key) && !self.is_shared(key, schema)
    }

    fn is_shared(&self, key: &str, schema: &Value) -> bool {
        self.several.get(key).is_some_and(|shared| *shared == schema)
    }
}

fn of_kinds<'a>(words: &Words<'a>, kinds: &[&'a Value]) -> String {
    let common = Common::of(kinds);
    let links: Vec<_> = kinds.iter().map(|kind| format!("[`{0}`](#{1})", name(kind), anchor(&heading(kind)))).collect();
    let mut out = HEAD.to_owned();
    let what = "What it does, and which other keys there are.";
    out.push_str(&format!("| `kind` | {} | **needed** | {what} |\n", cell(&links.join(", "))));
    let needed = |key: &str| kinds.iter().all(|kind| strings(&kind["required"]).contains(&key));
    let (first, then): (Vec<_>, Vec<_>) = common.everywhere.iter().partition(|(key, _)| needed(key));
    for (key, schema) in first {
        out.push_str(&row(words, key, schema, Presence::Needed, ""));
    }
    for (key, schema) in then {
        out.push_str(&row(words, key, schema, Presence::Optional, ""));
    }
    out.push_str(&format!("\n### {SEVERAL}\n\nEach kind says which of them it has.\n\n{HEAD}"));
    for (key, schema) in &common.several {
        out.push_str(&row(words, key, schema, Presence::Optional, ""));
    }
    for kind in kinds {
        out.push_str(&of_kind(words, kind, &common));
    }
    out
}

fn of_kind<'a>(words: &Words<'a>, kind: &'a Value, common: &Common<'a>) -> String {
    let required = strings(&kind["required"]);
    let about = one_line(kind["properties"]["kind"]["description"].as_str().unwrap_or_default());
    let mut out = format!("\n### {}\n\n{about}\n", heading(kind));
    let needed: Vec<_> = required.iter().copied().filter(|key| !matches!(*key, "name" | "kind")).collect();
    if !needed.is_empty() {
        out.push_str(&format!("\nNeeded: {}.\n", names(&needed, ", ")));
    }
    let shared: Vec<_> =
        properties(kind).filter(|(key, schema)| common.is_shared(key, schema)).map(|(key, _)| key).collect();
    if !shared.is_empty() {
        let link = anchor(SEVERAL);
        out.push_str(&format!("\nOf the keys [that several kinds have](#{link}): {}.\n", names(&shared, ", ")));
    }
    for (why, keys) in forbidden(kind) {
        out.push_str(&format!("\nNot {}: {why}.\n", names(&keys, ", ")));
    }
    let own: Vec<_> = needed_first(kind, &required).filter(|(key, schema)| common.is_own(key, schema)).collect();
    if !own.is_empty() {
        out.push_str(&format!("\n{HEAD}"));
    }
    for (key, schema) in own {
        let presence = if required.contains(&key) { Presence::Needed } else { Presence::Optional };
        out.push_str(&row(words, key, schema, presence, ""));
    }
    out
}

/// Keys that other kinds have and this one must not, by the reason.
fn forbidden(kind: &Value) -> Vec<(&str, Vec<&str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, why) in kind["x-forbidden"].as_object().into_iter().flatten() {
        let why = why.as_str().unwrap_or_default();
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, keys)) => keys.push(key),
            None => reasons.push((why, vec![key])),
        }
    }
    reasons
}

fn name(kind: &Value) -> &str {
    kind["title"].as_str().unwrap_or_default()
}

fn heading(kind: &Value) -> String {
    format!("Kind `{}`", name(kind))
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, schema)| (key.as_str(), schema))
}

/// Those keys in the order that is given, then the others in that of the schema.
fn needed_first<'a>(schema: &'a Value, needed: &[&'a str]) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let first: Vec<_> = needed.iter().filter_map(|key| Some((*key, schema["properties"].get(key)?))).collect();
    let others: Vec<_> = properties(schema).filter(|(key, _)| !needed.contains(key)).collect();
    first.into_iter().chain(others)
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn names(keys: &[&str], between: &str) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(between)
}

/// A cell of a table: one line, and no bar that would end it.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::schema;
    use crate::probe::KINDS;

    #[test]
    fn the_reference_of_the_configuration_is_made_from_the_schema() {
        let shipped = include_str!("../../../docs/configuration-reference.md");
        let made = reference(&schema::document());
        assert!(shipped == made, "write it anew: authprobe docs configuration > docs/configuration-reference.md");
    }

    #[test]
    fn every_table_key_and_kind_of_the_configuration_is_in_it() {
        let text = reference(&schema::document());
        for kind in KINDS {
            assert!(text.contains(&format!("\n### Kind `{}`\n", kind.name)), "{}", kind.name);
        }
        let mut keys = 0;
        for (name, definition) in schema::document()["$defs"].as_object().unwrap() {
            for (key, _) in properties(definition) {
                keys += 1;
                assert!(text.contains(&format!("\n| `{key}` | ")), "{key} of {name}");
            }
        }
        assert!(keys > 200, "{keys}");
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let bars = row.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 5, "{row}");
        }
    }

    #[test]
    fn a_row_has_type_default_and_meaning() {
        let schema = json!({
            "required": ["issuer"],
            "if": { "not": { "required": ["catalogue"] } },
            "then": { "required": ["objective"] },
            "properties": {
                "catalogue": { "type": "string", "description": "An entry." },
                "issuer": { "type": "string", "description": "Its issuer,\nexactly." },
                "listen": { "type": "string", "default": "127.0.0.1:9464", "description": "Where." },
                "most": { "type": "integer", "minimum": 1, "description": "The most. Default: no limit." },
                "objective": { "type": "string", "pattern": "^(a|b)$", "description": "The share." },
            },
        });
        let text = reference(&schema);
        let rows: Vec<_> = text.lines().skip_while(|line| *line != "## Top level").skip(4).collect();
        assert_eq!(
            rows,
            [
                "| `issuer` | string | **needed** | Its issuer, exactly. |",
                "| `objective` | string of the form `^(a\\|b)$` | **needed** without `catalogue` | The share. |",
                "| `catalogue` | string |  | An entry. |",
                "| `listen` | string | `\"127.0.0.1:9464\"` | Where. |",
                "| `most` | integer, at least 1 | no limit | The most. |",
            ]
        );
    }

    #[test]
    fn what_several_kinds_have_is_said_once() {
        let kind = |name: &str, page: &str, own: &str| {
            json!({
                "title": name,
                "required": ["name", "kind", own],
                "x-forbidden": { "user": "nobody logs in", "users": "nobody logs in" },
                "properties": {
                    "kind": { "const": name, "description": format!("Does {name}.") },
                    "name": { "type": "string", "description": "Its name." },
                    "page": { "type": "string", "description": page },
                    own: { "type": "boolean", "description": "Its own." },
                },
            })
        };
        let schema = json!({
            "properties": { "probe": { "type": "array", "items": { "$ref": "#/$defs/Probe" } } },
            "$defs": {
                "Probe": { "oneOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }, { "$ref": "#/$defs/c" }] },
                "a": kind("a", "A page.", "x"),
                "b": kind("b", "Another page.", "y"),
                "c": kind("c", "A page.", "z"),
            },
        });
        let text = reference(&schema);
        let chapter = |name: &str| {
            let chapter = text.split("\n### ").find(|chapter| chapter.starts_with(&format!("Kind `{name}`\n")));
            chapter.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
        };
        assert!(text.contains("| `probe` | array of [table](#probe) |"), "{text}");
        assert!(text.contains("| `kind` | [`a`](#kind-a), [`b`](#kind-b), [`c`](#kind-c) | **needed** |"), "{text}");
        assert_eq!(text.matches("| `name` | string | **needed** | Its name. |").count(), 1);
        assert_eq!(text.matches("| `page` | string |  | A page. |").count(), 1);
        assert!(chapter("a").contains("Of the keys [that several kinds have](#keys-that-several-kinds-have): `page`."));
        assert!(chapter("a").contains("Not `user`, `users`: nobody logs in."));
        assert!(chapter("b").contains("| `page` | string |  | Another page. |"), "{}", chapter("b"));
        assert!(!chapter("b").contains("Of the keys"), "{}", chapter("b"));
        assert!(chapter("c").contains("Needed: `z`.") && chapter("c").contains("| `z` | boolean | **needed** |"));
    }
}
