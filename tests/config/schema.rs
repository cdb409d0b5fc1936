//! `authprobe schema`: what it is, and that every valid configuration of this repository fits it.

use std::path::Path;

use authprobe::config::tree::{self, Path as KeyPath};
use authprobe::config::walk::walk;
use authprobe::probe::KINDS;
use serde_json::Value;

use super::{authprobe, root, text};

fn schema() -> Value {
    let output = authprobe(root(), &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_str(&text(output.stdout)).unwrap()
}

#[test]
fn every_kind_is_a_branch_and_every_key_has_words() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["$id"].as_str().unwrap().ends_with("configuration.json"));
    let branches = schema["$defs"]["Probe"]["oneOf"].as_array().unwrap();
    assert_eq!(branches.len(), KINDS.len());
    for kind in KINDS {
        let branch = &schema["$defs"][format!("probe_{}", kind.name)];
        assert_eq!(branch["properties"]["kind"]["const"], kind.name);
        assert_eq!(branch["additionalProperties"], false);
        for (key, property) in branch["properties"].as_object().unwrap() {
            let said = property.get("description").or_else(|| {
                let target = property["$ref"].as_str()?.strip_prefix('#')?;
                schema.pointer(target)?.get("description")
            });
            assert!(said.is_some_and(|said| !said.as_str().unwrap().is_empty()), "{} {key}", kind.name);
        }
    }
    assert!(!schema.to_string().contains("\"null\""), "TOML has no null");
    every_reference_leads_somewhere(&schema, &schema);
}

fn every_reference_leads_somewhere(root: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                assert!(target.is_some(), "{reference}");
            }
            members.values().for_each(|member| every_reference_leads_somewhere(root, member));
        }
        Value::Array(items) => items.iter().for_each(|item| every_reference_leads_somewhere(root, item)),
        _ => {}
    }
}

fn fits(schema: &Value, name: &str, text: &str) {
    let tree = tree::parse(0, text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    let mistakes = walk(schema, &tree, &KeyPath::default());
    assert!(mistakes.is_empty(), "{name}: {mistakes:#?}");
}

#[test]
fn shipped_configurations_fit() {
    let schema = schema();
    for entry in std::fs::read_dir(root().join("probes")).unwrap() {
        let path = entry.unwrap().path();
        // The catalogue is no configuration.
        if path.extension().is_some_and(|extension| extension == "toml") && !path.ends_with("catalogue.toml") {
            fits(&schema, &path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        }
    }
    let documents =
        ["README.md", "docs/configuration.md", "docs/browser.md", "docs/kinds/form_login.md", "docs/slis.md"];
    for document in documents {
        for block in toml_blocks(&root().join(document)) {
            fits(&schema, document, &block);
        }
    }
    assert!(!toml_blocks(&root().join("README.md")).is_empty());
}

/// The contract's own words for what a configuration may hold, as far as this version has the kinds.
#[test]
fn the_contracts_configuration_fits() {
    fits(&schema(), "the contract", include_str!("contract.toml"));
}

pub(super) fn toml_blocks(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let parts: Vec<&str> = text.split("```toml\n").skip(1).collect();
    parts.into_iter().filter_map(|part| Some(part.split_once("```")?.0.to_owned())).collect()
}

/// The catalogue and what is written of it do not drift apart.
#[test]
fn the_documents_name_every_entry_of_the_catalogue() {
    let document = std::fs::read_to_string(root().join("docs/slis.md")).unwrap();
    let entries = authprobe::plan::catalogue::entries().unwrap();
    for entry in &entries {
        assert!(document.contains(&format!("`catalogue = \"{}\"`", entry.name)), "{}", entry.name);
    }
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| ")).collect();
    let measures = rows.iter().filter(|row| row.matches('|').count() == 7).count();
    assert_eq!(measures, 1 + 19 + 1, "a heading, nineteen measures, one of them with two targets");
}
