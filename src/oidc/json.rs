//! JSON as a strict reader sees it: the value an ordinary client gets (the last of equal names wins), and which names
//! came twice (RFC 8259 §4).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most duplicate names that are listed.
const MAX_DUPLICATES: usize = 20;

/// A JSON text, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What an ordinary client gets.
    pub value: Value,
    /// Names that came twice in one object, as paths (`keys.0.kid`), at most 20.
    pub duplicates: Vec<String>,
    /// Whether it began with a byte order mark (RFC 8259 §8.1 forbids that).
    pub bom: bool,
}

/// Reads a whole JSON text. Never panics; nesting is bounded (128). The error says what and where, and quotes nothing.
pub fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let (bytes, bom) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let duplicates = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Seed { duplicates: &duplicates, path: Path::Root }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|e| explain(bytes, &e))?;
    Ok(Parsed { value, duplicates: duplicates.into_inner(), bom })
}

fn explain(bytes: &[u8], error: &serde_json::Error) -> String {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    match first {
        None => "an empty body".to_owned(),
        Some(b'<') => "markup (an HTML or XML page)".to_owned(),
        // RFC 8259 §8.1; nothing of it could be quoted.
        Some(_) if std::str::from_utf8(bytes).is_err() => "bytes that are no UTF-8".to_owned(),
        Some(_) => {
            let what = match error.classify() {
                serde_json::error::Category::Eof => "cut off",
                _ => "no JSON",
            };
            format!("{what} at line {} column {}", error.line(), error.column())
        }
    }
}

/// The way to a member, kept on the stack: nothing is allocated unless a duplicate is found.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, dot) = match self {
            Self::Root => return Ok(()),
            Self::Member(parent, _) | Self::Item(parent, _) => {
                (parent, if matches!(parent, Self::Root) { "" } else { "." })
            }
        };
        write!(f, "{parent}{dot}")?;
        match self {
            // A name is foreign text: only its beginning is of interest.
            Self::Member(_, name) => name.chars().take(40).try_for_each(|c| write!(f, "{}", c.escape_debug())),
            Self::Item(_, index) => write!(f, "{index}"),
            Self::Root => Ok(()),
        }
    }
}

struct Seed<'d, 'p> {
    duplicates: &'d RefCell<Vec<String>>,
    path: Path<'p>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) =
            items.next_element_seed(Seed { duplicates: self.duplicates, path: Path::Item(&self.path, array.len()) })?
        {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = Path::Member(&self.path, &name);
            let value = members.next_value_seed(Seed { duplicates: self.duplicates, path })?;
            if object.contains_key(&name) {
                let mut duplicates = self.duplicates.borrow_mut();
                if duplicates.len() < MAX_DUPLICATES {
                    duplicates.push(path.to_string());
                }
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// What kind of value this is, with its article: for details that must not quote it.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value for a detail: cut to 80 characters, control characters escaped.
pub fn shown(value: &Value) -> String {
    short(&value.to_string(), 80)
}

/// Foreign text for a detail: cut, control characters escaped.
pub fn short(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == max {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_out_as_serde_json_reads_them() {
        let text = br#" {"a":[1,-2,3.5,"x\u00e9",true,null],"b":{"c":{}}} "#;
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.value, serde_json::from_slice::<Value>(text).unwrap());
        assert!(parsed.duplicates.is_empty() && !parsed.bom);
    }

    #[test]
    fn the_last_of_equal_names_wins_and_is_named() {
        let parsed = parse(br#"{"iss":"a","keys":[{"kid":"1","kid":"2"}],"iss":"b"}"#).unwrap();
        assert_eq!(parsed.value, json!({"iss": "b", "keys": [{"kid": "2"}]}));
        assert_eq!(parsed.duplicates, ["keys.0.kid", "iss"]);
    }

    #[test]
    fn what_is_not_json_is_explained_without_quoting_it() {
        for (body, why) in [
            (&b""[..], "an empty body"),
            (b" \n", "an empty body"),
            (b"<!doctype html>", "markup (an HTML or XML page)"),
            (b"{\"a\":", "cut off at line 1 column 5"),
            (b"{} x", "no JSON at line 1 column 4"),
            (b"\"\xff\"", "bytes that are no UTF-8"),
            (b"{\"a\":\"caf\xe9\"}", "bytes that are no UTF-8"),
            (b"\xff\xfe{\0}\0", "bytes that are no UTF-8"),
            (b"{\"a\":\"\\ud800\"}", "no JSON at line 1 column 13"),
            (b"{\"a\":1e999}", "no JSON at line 1 column 10"),
            (b"NaN", "no JSON at line 1 column 1"),
        ] {
            assert_eq!(parse(body).unwrap_err(), why);
        }
    }

    #[test]
    fn hostile_nesting_and_lists_of_duplicates_are_bounded() {
        assert!(parse(&b"[".repeat(100_000)).is_err());
        let many = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(1000));
        assert_eq!(parse(many.as_bytes()).unwrap().duplicates.len(), MAX_DUPLICATES);
    }

    #[test]
    fn a_byte_order_mark_is_forgiven_and_told() {
        assert!(parse(b"\xef\xbb\xbf{}").unwrap().bom);
    }
}
