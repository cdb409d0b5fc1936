//! Durations as people write them: `100ms`, `90s`, `5m`, `8h`, `30d`, or several together, such as `1h30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The units, largest first, and how long each is (milliseconds).
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// What a duration looks like, as a regular expression for the schema.
const PATTERN: &str = "^([0-9]+(w|d|h|ms|m|s))+$";

/// A duration in whole milliseconds that reads and shows itself as people write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// Of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

/// Why a text is no duration; `Display` says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotADuration {
    /// It is not written as one.
    Syntax(String),
    /// Units must become smaller from left to right, each at most once.
    Order(String),
    /// It is longer than 10 000 years.
    TooLong(String),
}

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(f, "{text:?} is not a duration: write a number with a unit (ms, s, m, h, d, w), such as \"90s\"")
            }
            Self::Order(text) => write!(f, "{text:?} is not a duration: units go from large to small, as in \"1h30m\""),
            Self::TooLong(text) => write!(f, "{text:?} is too long"),
        }
    }
}

impl std::error::Error for NotADuration {}

impl FromStr for HumanDuration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        /// 10 000 years: beyond any use, far from overflow in nanoseconds of other types' making.
        const LONGEST: u64 = 10_000 * 366 * 86_400_000;
        let syntax = || NotADuration::Syntax(text.chars().take(40).collect());
        let too_long = || NotADuration::TooLong(text.chars().take(40).collect());
        let mut rest = text;
        let mut total: u64 = 0;
        let mut smallest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let millis = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis).ok_or_else(syntax)?;
            if number.is_empty() {
                return Err(syntax());
            }
            if millis >= smallest {
                return Err(NotADuration::Order(text.chars().take(40).collect()));
            }
            // Only digits are left in `number`, so what fails to parse is too large.
            let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(millis)).ok_or_else(too_long)?;
            total = total.checked_add(part).filter(|total| *total <= LONGEST).ok_or_else(too_long)?;
            smallest = millis;
            rest = after;
        }
        if text.is_empty() {
            return Err(syntax());
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

/// The shortest form without weeks that says the same: `1h30m`, `90s` as `1m30s`, `30d`.
impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS.iter().skip(1) {
            if left >= *millis {
                write!(f, "{}{unit}", left / millis)?;
                left %= millis;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "x-expects": "a duration such as \"90s\", \"5m\" or \"30d\"",
            "description": "A duration such as \"100ms\", \"90s\", \"5m\", \"8h\", \"30d\" or \"1h30m\"."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Result<u128, NotADuration> {
        text.parse::<HumanDuration>().map(|d| d.0.as_millis())
    }

    #[test]
    fn reads_what_people_write() {
        for (text, expected) in [
            ("100ms", 100),
            ("90s", 90_000),
            ("5m", 300_000),
            ("8h", 28_800_000),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
            ("1h30m", 5_400_000),
            ("1m1ms", 60_001),
            ("0s", 0),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "90", "s", "1.5h", "-1s", "90 s", " 90s", "1y", "1M", "1H", "5m!", "ß", "1é"] {
            assert!(matches!(millis(text), Err(NotADuration::Syntax(_))), "{text}: {:?}", millis(text));
        }
        for text in ["30m1h", "1s1s", "5ms1s"] {
            assert!(matches!(millis(text), Err(NotADuration::Order(_))), "{text}");
        }
        for text in ["99999999999999999999s", "18446744073709551615w", "4000000d"] {
            assert!(matches!(millis(text), Err(NotADuration::TooLong(_))), "{text}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for (text, shown) in
            [("90s", "1m30s"), ("8h", "8h"), ("30d", "30d"), ("1500ms", "1s500ms"), ("0ms", "0s"), ("1w", "7d")]
        {
            let read: HumanDuration = text.parse().unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn is_a_string_in_toml() {
        #[derive(Deserialize)]
        struct Has {
            every: HumanDuration,
        }
        assert_eq!(toml::from_str::<Has>("every = \"1m\"").unwrap().every, HumanDuration::from_secs(60));
        assert!(toml::from_str::<Has>("every = 60").is_err());
        let message = toml::from_str::<Has>("every = \"60\"").err().unwrap().to_string();
        assert!(message.contains("such as \"90s\""), "{message}");
    }
}
