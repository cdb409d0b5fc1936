//! Bodies of requests, member by member: every mistake is found, not only the first.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::DateTime;
use serde_json::{Map, Value};

use super::problem::{Mistake, Problem};
use crate::clock::Timestamp;
use crate::config::nearest::{listed, nearest};
use crate::duration::HumanDuration;

/// How many mistakes are told at once.
const MAX_MISTAKES: usize = 20;

/// The members of a JSON object. Ask for each of those allowed, then [`Fields::end`].
pub struct Fields {
    given: Map<String, Value>,
    mistakes: Vec<Mistake>,
}

impl Fields {
    /// Of a body in which only `allowed` members may be. The error: it is no JSON object at all.
    pub fn of(body: &[u8], allowed: &[&str]) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let given = match serde_json::from_slice(body) {
            Ok(Value::Object(given)) => given,
            Ok(_) => return Err(bad(format!("the body must be a JSON object of {}", listed(allowed.iter().copied())))),
            Err(error) => return Err(bad(format!("the body is not JSON: {error}"))),
        };
        let mut fields = Self { given, mistakes: vec![] };
        let unknown: Vec<_> = fields.given.keys().filter(|key| !allowed.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            let help = match nearest(&key, allowed.iter().copied()) {
                Some(near) => format!("unknown: did you mean `{near}`?"),
                None => format!("unknown: allowed are {}", listed(allowed.iter().copied())),
            };
            fields.mistake(&pointer(&key), help);
        }
        Ok(fields)
    }

    /// Notes what is wrong with a member (a name, or a path such as `probes/0`): the first that is found of each.
    pub fn mistake(&mut self, member: &str, detail: impl Into<String>) {
        let pointer = format!("#/{member}");
        if self.mistakes.iter().all(|known| known.pointer != pointer) {
            self.mistakes.push(Mistake { pointer, detail: detail.into() });
        }
    }

    /// Whether a member is there, right or wrong; `null` is not.
    pub fn has(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(|value| !value.is_null())
    }

    /// A line of at most so many characters; empty if it is absent.
    pub fn text(&mut self, name: &str, longest: usize) -> String {
        let Some(value) = self.take(name) else { return String::new() };
        self.line(name, value, longest)
    }

    /// The same, which must be there.
    pub fn needed(&mut self, name: &str, longest: usize) -> String {
        let Some(value) = self.take(name) else {
            self.mistake(name, "is needed");
            return String::new();
        };
        let wrong = self.mistakes.len();
        let text = self.line(name, value, longest);
        if text.is_empty() && self.mistakes.len() == wrong {
            self.mistake(name, "must not be empty");
        }
        text
    }

    /// From one to `most` lines.
    pub fn lines(&mut self, name: &str, most: usize, longest: usize) -> Vec<String> {
        match self.take(name) {
            None => self.mistake(name, "is needed"),
            Some(Value::Array(values)) if values.is_empty() => self.mistake(name, "must not be empty"),
            Some(Value::Array(values)) if values.len() > most => self.mistake(name, format!("at most {most}")),
            Some(Value::Array(values)) => {
                let values = values.into_iter().enumerate();
                return values.map(|(n, value)| self.line(&format!("{name}/{n}"), value, longest)).collect();
            }
            Some(_) => self.mistake(name, "must be an array of strings"),
        }
        vec![]
    }

    /// A point of time.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let value = self.take(name)?;
        let read = value.as_str().and_then(rfc3339);
        if read.is_none() {
            self.mistake(name, "must be a time of RFC 3339 such as \"2026-01-31T02:00:00Z\"");
        }
        read
    }

    /// A duration.
    pub fn duration(&mut self, name: &str) -> Option<Duration> {
        let value = self.take(name)?;
        match value.as_str().map(str::parse::<HumanDuration>) {
            Some(Ok(read)) => return Some(read.0),
            Some(Err(error)) => self.mistake(name, error.to_string()),
            None => self.mistake(name, "must be a duration such as \"1h\""),
        }
        None
    }

    /// All mistakes, if there are any.
    pub fn end(mut self) -> Result<(), Problem> {
        self.mistakes.truncate(MAX_MISTAKES);
        if self.mistakes.is_empty() { Ok(()) } else { Err(Problem::of_body(self.mistakes)) }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.given.remove(name).filter(|value| !value.is_null())
    }

    fn line(&mut self, member: &str, value: Value, longest: usize) -> String {
        let Value::String(text) = value else {
            self.mistake(member, "must be a string");
            return String::new();
        };
        let text = text.trim();
        if text.chars().count() > longest {
            self.mistake(member, format!("must be no longer than {longest} characters"));
        } else if text.chars().any(char::is_control) {
            self.mistake(member, "must be one line without control characters");
        } else {
            return text.to_owned();
        }
        String::new()
    }
}

/// A time as RFC 3339 writes it, in any zone.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| Timestamp::from_utc(at.to_utc()))
}

/// A name as part of a JSON pointer, cut to what people read.
fn pointer(name: &str) -> String {
    name.chars().take(60).collect::<String>().replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_found_and_named() {
        let body = br#"{"name":7,"lst":[],"at":"tomorrow","for":"1x","many":["a",2,"c\nd"],"a/b":1}"#;
        let mut fields = Fields::of(body, &["name", "list", "at", "for", "many", "other"]).unwrap();
        assert_eq!(fields.needed("name", 5), "");
        assert_eq!(fields.needed("other", 5), "");
        assert!(fields.lines("list", 2, 5).is_empty());
        assert_eq!((fields.time("at"), fields.duration("for")), (None, None));
        assert_eq!(fields.lines("many", 3, 5), ["a", "", ""]);
        let said: Vec<_> = fields.mistakes.iter().map(|m| format!("{} {}", m.pointer, m.detail)).collect();
        let expected = [
            "#/a~1b unknown: allowed are `name`, `list`, `at`, `for`, `many`, `other`",
            "#/lst unknown: did you mean `list`?",
            "#/name must be a string",
            "#/other is needed",
            "#/list is needed",
            "#/at must be a time of RFC 3339 such as \"2026-01-31T02:00:00Z\"",
            "#/for \"1x\" is not a duration: write a number with a unit (ms, s, m, h, d, w), such as \"90s\"",
            "#/many/1 must be a string",
            "#/many/2 must be one line without control characters",
        ];
        assert_eq!(said, expected);
        assert!(fields.end().is_err());
    }

    #[test]
    fn what_is_right_comes_out() {
        let body = r#"{"name":" Ä ","at":"2026-01-31T03:00:00.5+01:00","for":"1h30m","gone":null}"#.as_bytes();
        let mut fields = Fields::of(body, &["name", "at", "for", "gone"]).unwrap();
        assert!(fields.has("at") && !fields.has("gone"));
        assert_eq!((fields.needed("name", 1).as_str(), fields.text("gone", 1).as_str()), ("Ä", ""));
        assert_eq!(fields.time("at").unwrap().to_string(), "2026-01-31T02:00:00.500Z");
        assert_eq!(fields.duration("for"), Some(Duration::from_secs(5400)));
        fields.end().unwrap();
    }

    #[test]
    fn what_is_no_object_is_refused_at_once() {
        for body in ["", "[]", "7", "{", "{\"a\":}"] {
            assert!(Fields::of(body.as_bytes(), &["a"]).is_err(), "{body}");
        }
    }
}
