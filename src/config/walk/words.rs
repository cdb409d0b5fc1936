//! Single questions to a schema or a value.

use serde_json::{Map, Value as Json};

use crate::config::diagnostics::Mistake;
use crate::config::nearest::{listed, nearest};
use crate::config::tree::{Node, Path, Value};

pub(super) fn list<'a>(schema: &'a Map<String, Json>, keyword: &str) -> &'a [Json] {
    schema.get(keyword).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn types(schema: &Map<String, Json>) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn is(node: &Node, name: &str) -> bool {
    matches!(
        (&node.value, name),
        (Value::String(_), "string")
            | (Value::Integer(_), "integer" | "number")
            | (Value::Float(_), "number")
            | (Value::Boolean(_), "boolean")
            | (Value::Array(_), "array")
            | (Value::Table(_), "object")
    )
}

pub(super) fn article(name: &str) -> &'static str {
    match name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "an array",
        "object" => "a table",
        _ => "nothing",
    }
}

pub(super) fn same(value: &Json, node: &Node) -> bool {
    match (value, &node.value) {
        (Json::String(a), Value::String(b)) => a == b,
        (Json::Bool(a), Value::Boolean(b)) => a == b,
        (Json::Number(a), Value::Integer(b)) => a.as_i64() == Some(*b),
        (Json::Number(a), Value::Float(b)) => a.as_f64() == Some(*b),
        _ => false,
    }
}

/// Whether the type alone would let the node through.
pub(super) fn accepts(schema: &Map<String, Json>, node: &Node) -> bool {
    let types = types(schema);
    if types.is_empty() { node.as_table().is_some() } else { types.iter().any(|name| is(node, name)) }
}

/// Whether it is the part of a union that says where a secret is kept.
pub(super) fn names_a_source(schema: &Json) -> bool {
    schema.get("properties").and_then(Json::as_object).is_some_and(|p| p.len() == 1 && p.contains_key("env"))
}

pub(super) fn tag<'a>(schema: &'a Json, key: &str) -> Option<&'a str> {
    schema.get("properties")?.get(key)?.get("const")?.as_str()
}

/// The key that every branch fixes to a value of its own.
pub(super) fn discriminator<'a>(branches: &[(&'a Json, &str)]) -> Option<&'a str> {
    let (first, rest) = branches.split_first()?;
    let properties = first.0.get("properties")?.as_object()?;
    properties
        .keys()
        .map(String::as_str)
        .find(|key| tag(first.0, key).is_some() && rest.iter().all(|(branch, _)| tag(branch, key).is_some()))
}

pub(super) fn unknown_value(names: &[&str], node: &Node, path: &Path) -> Mistake {
    let allowed = match names {
        [one] => format!("allowed: {}", listed([*one])),
        _ => format!("one of {}", listed(names.iter().copied())),
    };
    let mut message = match &node.value {
        Value::String(text) => format!("unknown value {:?}", text.chars().take(60).collect::<String>()),
        _ => format!("expected a string, found {}", node.type_name()),
    };
    if let Some(text) = node.as_str()
        && let Some(near) = nearest(text, names.iter().copied())
    {
        message.push_str(&format!(": did you mean `{near}`?"));
    }
    Mistake::at(node.at, path.clone(), message).help(allowed)
}
