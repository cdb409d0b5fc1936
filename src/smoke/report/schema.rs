//! The JSON Schema of a report: `docs/smoke.schema.json`, which `authprobe schema --of smoke` prints.

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::{Report, SCHEMA_VERSION};

/// The schema (draft 2020-12) of what `--format json` writes. Members may be added without a new version: readers look for
/// those that they know.
pub fn document() -> Json {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut document = generator.into_root_schema_for::<Report>().to_value();
    if let Some(root) = document.as_object_mut() {
        root.insert("$id".to_owned(), json!("https://authprobe.invalid/schema/smoke.json"));
        root.insert("title".to_owned(), json!(format!("authprobe smoke, version {SCHEMA_VERSION}")));
    }
    if let Some(version) = document.pointer_mut("/properties/schema_version") {
        version["const"] = json!(SCHEMA_VERSION);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a reader meets is explained.
    #[test]
    fn every_member_has_words() {
        fn look(path: &str, value: &Json, silent: &mut Vec<String>) {
            let Some(members) = value.as_object() else { return };
            if let Some(properties) = members.get("properties").and_then(Json::as_object) {
                for (name, property) in properties {
                    let tag = property.get("const").is_some();
                    // What stands beside the tag of a pair is explained with the pair.
                    let paired = path.contains("/Account/");
                    if !tag && !paired && property.get("description").is_none() {
                        silent.push(format!("{path}/{name}"));
                    }
                }
            }
            for (key, member) in members {
                match member {
                    Json::Array(items) => items.iter().for_each(|item| look(&format!("{path}/{key}"), item, silent)),
                    member => look(&format!("{path}/{key}"), member, silent),
                }
            }
        }
        let mut silent = Vec::new();
        let document = document();
        look("#", &document, &mut silent);
        assert_eq!(silent, Vec::<String>::new());
        assert_eq!(document["properties"]["schema_version"]["const"], SCHEMA_VERSION);
        assert_eq!(document["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
