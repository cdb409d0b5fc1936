//! The JSON Schema of the configuration: the tables of [`crate::config::model`], and of each kind of probe.

use serde_json::{Map, Value as Json, json};

use schemars::generate::SchemaSettings;

use crate::config::model::Config;
use crate::probe::{KINDS, Kind, Need};

/// The schema of a whole configuration (draft 2020-12).
pub fn document() -> Json {
    document_of(KINDS)
}

/// The same with other kinds.
pub fn document_of(kinds: &[&Kind]) -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<Config>();
    let own: Vec<Json> = kinds.iter().map(|kind| (kind.schema)(&mut generator).to_value()).collect();
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(drop_null);
    let common = definitions.get("Probe").cloned().unwrap_or_default();
    let mut branches = Vec::new();
    for (kind, own) in kinds.iter().zip(own) {
        let own = resolved(own, &definitions);
        let name = format!("probe_{}", kind.name);
        branches.push(json!({ "$ref": format!("#/$defs/{name}") }));
        definitions.insert(name, probe(kind, &common, own));
    }
    definitions.insert(
        "Probe".to_owned(),
        json!({
            "type": "object",
            "description": "What is done, and when. `kind` says which keys there are.",
            "oneOf": branches,
        }),
    );
    let mut root = match definitions.remove("Config") {
        Some(Json::Object(root)) => root,
        _ => Map::new(),
    };
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("$id".to_owned(), json!("https://authprobe.invalid/schema/configuration.json"));
    root.insert("$defs".to_owned(), Json::Object(definitions));
    Json::Object(root)
}

/// What all probes share, as far as the kind has it, and its own keys.
fn probe(kind: &Kind, common: &Json, mut own: Json) -> Json {
    drop_null(&mut own);
    let mut properties = common.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut required = vec![json!("name"), json!("kind")];
    let mut forbidden = Map::new();
    match kind.client {
        Need::Required => required.push(json!("client")),
        Need::Optional => {}
        Need::Forbidden => {
            required.push(json!("provider"));
            properties.remove("client");
            let why = format!("kind `{}` acts as no client: name its `provider`", kind.name);
            forbidden.insert("client".to_owned(), json!(why));
        }
    }
    if kind.user == Need::Forbidden {
        for key in ["user", "users"] {
            properties.remove(key);
            forbidden.insert(key.to_owned(), json!(format!("kind `{}` logs nobody in", kind.name)));
        }
    }
    properties.insert(
        "kind".to_owned(),
        json!({ "const": kind.name, "description": format!("{} ({})", kind.summary, kind.spec) }),
    );
    if let Some(own) = own.get("properties").and_then(Json::as_object) {
        properties.extend(own.clone());
    }
    required.extend(own.get("required").and_then(Json::as_array).cloned().unwrap_or_default());
    json!({
        "type": "object",
        "title": kind.name,
        "description": kind.summary,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "x-forbidden": forbidden,
    })
}

fn resolved(schema: Json, definitions: &Map<String, Json>) -> Json {
    let name = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
    name.and_then(|name| definitions.get(name)).cloned().unwrap_or(schema)
}

/// TOML has no null: what may be absent is absent.
fn drop_null(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            if let Some(Json::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            if object.get("default") == Some(&Json::Null) {
                object.remove("default");
            }
            if let Some(Json::Array(branches)) = object.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type") != Some(&json!("null")));
                if let [one] = branches.as_slice() {
                    let one = one.clone();
                    object.remove("anyOf");
                    for (key, value) in one.as_object().cloned().unwrap_or_default() {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            if let Some(Json::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            object.values_mut().for_each(drop_null);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_null),
        _ => {}
    }
}
