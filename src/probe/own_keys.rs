//! Reading a kind's own keys.

use serde::de::DeserializeOwned;

use super::Problem;

/// Reads a kind's table, which fits its schema already: what is wrong then has no better place than the probe itself.
pub fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, Vec<Problem>> {
    toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| vec![problem("", error.message())])
}

/// A mistake at `key`.
pub fn problem(key: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { key: key.into(), message: message.into() }
}

/// Names of request parameters that the probe makes itself.
pub fn reserved<'n>(names: impl Iterator<Item = &'n String>, made: &[&str]) -> Vec<Problem> {
    names
        .filter(|name| made.contains(&name.as_str()))
        .map(|name| problem(format!("parameters.{name}"), "this parameter is made by the probe itself"))
        .collect()
}
