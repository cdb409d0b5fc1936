//! The parameters of a fault that is switched on, and the two ways to write them: JSON, and `NAME=value` on the
//! command line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Fault;

/// What a fault can be told.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means, in a few words.
    pub about: &'static str,
    /// What it may be.
    pub kind: Kind,
}

/// What a parameter may be.
#[derive(Debug)]
pub enum Kind {
    /// A whole number.
    Whole { default: i64, min: i64, max: i64 },
    /// A share between 0 and 1.
    Share { default: f64 },
    /// One of a few words.
    Choice { default: &'static str, of: &'static [&'static str] },
    /// An IP address, or none.
    Address,
}

/// What every fault can be told.
pub const COMMON: &[Parameter] = &[
    Parameter { name: "rate", about: "share of opportunities it takes", kind: Kind::Share { default: 1.0 } },
    Parameter {
        name: "count",
        about: "switches itself off after so many; 0: never",
        kind: Kind::Whole { default: 0, min: 0, max: 1_000_000 },
    },
    Parameter {
        name: "seed",
        about: "which opportunities a `rate` takes",
        kind: Kind::Whole { default: 0, min: 0, max: 1_000_000 },
    },
    Parameter {
        name: "after",
        about: "leaves so many opportunities alone first",
        kind: Kind::Whole { default: 0, min: 0, max: 1_000_000 },
    },
    Parameter {
        name: "from",
        about: "only for requests from there, such as one region's `source_address`",
        kind: Kind::Address,
    },
];

/// A fault with its parameters.
#[derive(Clone, Debug)]
pub struct Setting {
    fault: &'static Fault,
    given: BTreeMap<&'static str, Given>,
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Whole(i64),
    Share(f64),
    Word(&'static str),
    Address(IpAddr),
}

impl Setting {
    /// From a JSON object; `null` and `{}` give the defaults. The error says what is allowed.
    pub fn from_json(fault: &'static Fault, value: &Value) -> Result<Self, String> {
        let empty = Map::new();
        let members = match value {
            Value::Null => &empty,
            Value::Object(members) => members,
            _ => return Err(format!("{}: parameters are a JSON object", fault.name)),
        };
        let mut given = BTreeMap::new();
        for (name, value) in members {
            let parameter = parameter(fault, name)?;
            given.insert(parameter.name, parameter.accept(value).map_err(|e| format!("{}: {e}", fault.name))?);
        }
        Ok(Self { fault, given })
    }

    /// From `value` (the fault's first own parameter, else `rate`) or `name:value,name:value`.
    pub fn from_text(fault: &'static Fault, text: &str) -> Result<Self, String> {
        let mut members = Map::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once(':') {
                Some((name, value)) => (parameter(fault, name.trim())?.name, value.trim()),
                None => (fault.parameters.first().unwrap_or(&COMMON[0]).name, part.trim()),
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            members.insert(name.to_owned(), value);
        }
        Self::from_json(fault, &Value::Object(members))
    }

    /// The fault.
    pub fn fault(&self) -> &'static Fault {
        self.fault
    }

    /// A whole number; 0 if the fault has no such parameter.
    pub fn whole(&self, name: &str) -> i64 {
        match (self.given.get(name), self.kind(name)) {
            (Some(Given::Whole(value)), _) => *value,
            (_, Some(Kind::Whole { default, .. })) => *default,
            _ => 0,
        }
    }

    /// A word; empty if the fault has no such parameter.
    pub fn text(&self, name: &str) -> &'static str {
        match (self.given.get(name), self.kind(name)) {
            (Some(Given::Word(value)), _) => value,
            (_, Some(Kind::Choice { default, .. })) => default,
            _ => "",
        }
    }

    /// The share of opportunities that the fault takes.
    pub fn rate(&self) -> f64 {
        match self.given.get("rate") {
            Some(Given::Share(rate)) => *rate,
            _ => 1.0,
        }
    }

    /// Whether it is for answers to that address.
    pub fn concerns(&self, peer: Option<IpAddr>) -> bool {
        match self.given.get("from") {
            Some(Given::Address(only)) => peer == Some(*only),
            _ => true,
        }
    }

    /// A parameter that counts seconds (negative ones count as 0).
    pub fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(u64::try_from(self.whole(name)).unwrap_or(0))
    }

    /// A parameter that counts milliseconds (negative ones count as 0).
    pub fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.whole(name)).unwrap_or(0))
    }

    /// What was given, as JSON.
    pub fn to_json(&self) -> Value {
        let members = self.given.iter().map(|(name, value)| {
            let value = match value {
                Given::Whole(value) => json!(value),
                Given::Share(value) => json!(value),
                Given::Word(value) => json!(value),
                Given::Address(value) => json!(value),
            };
            ((*name).to_owned(), value)
        });
        Value::Object(members.collect())
    }

    fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.fault.parameters.iter().chain(COMMON).find(|p| p.name == name).map(|p| &p.kind)
    }
}

fn parameter(fault: &'static Fault, name: &str) -> Result<&'static Parameter, String> {
    let mut known = fault.parameters.iter().chain(COMMON);
    known.clone().find(|p| p.name == name).ok_or_else(|| {
        let names: Vec<_> = known.by_ref().map(|p| p.name).collect();
        format!("{} has no parameter `{name}`; it has {}", fault.name, names.join(", "))
    })
}

impl Parameter {
    fn accept(&self, value: &Value) -> Result<Given, String> {
        let accepted = match self.kind {
            Kind::Whole { min, max, .. } => value.as_i64().filter(|v| (min..=max).contains(v)).map(Given::Whole),
            Kind::Share { .. } => value.as_f64().filter(|v| (0.0..=1.0).contains(v)).map(Given::Share),
            Kind::Choice { of, .. } => of.iter().copied().find(|o| value.as_str() == Some(o)).map(Given::Word),
            Kind::Address => value.as_str().and_then(|text| text.parse().ok()).map(Given::Address),
        };
        accepted.ok_or_else(|| format!("`{}` is {}", self.name, self.kind.allowed()))
    }
}

impl Kind {
    /// What may be given, in words.
    pub fn allowed(&self) -> String {
        match self {
            Self::Whole { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Share { .. } => "a number from 0 to 1".to_owned(),
            Self::Choice { of, .. } => format!("one of {}", of.join(", ")),
            Self::Address => "an IP address".to_owned(),
        }
    }

    /// What holds when nothing is given.
    pub fn default(&self) -> Value {
        match self {
            Self::Whole { default, .. } => json!(default),
            Self::Share { default } => json!(default),
            Self::Choice { default, .. } => json!(default),
            Self::Address => json!("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn both_ways_of_writing_mean_the_same() {
        let latency = find("latency").unwrap();
        let json = Setting::from_json(latency, &json!({"delay_ms": 800, "endpoint": "token"})).unwrap();
        let text = Setting::from_text(latency, "800,endpoint:token").unwrap();
        assert_eq!(json.to_json(), text.to_json());
        assert_eq!(text.millis("delay_ms"), Duration::from_millis(800));
        assert_eq!(text.text("endpoint"), "token");
        assert!((text.rate() - 1.0).abs() < f64::EPSILON);
        let bare = Setting::from_text(find("no_rotation").unwrap(), "0.5").unwrap();
        assert!((bare.rate() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let latency = find("latency").unwrap();
        let error = |value| Setting::from_json(latency, &value).unwrap_err();
        assert_eq!(error(json!({"rate": 1.5})), "latency: `rate` is a number from 0 to 1");
        assert!(error(json!({"delay": 5})).starts_with("latency has no parameter `delay`; it has delay_ms, endpoint"));
        assert!(error(json!({"endpoint": "tokens"})).starts_with("latency: `endpoint` is one of all, discovery"));
        assert_eq!(error(json!({"from": "here"})), "latency: `from` is an IP address");
        assert!(error(json!([1])).contains("JSON object"));
        assert!(Setting::from_text(latency, "soon").unwrap_err().contains("whole number"));
    }
}
