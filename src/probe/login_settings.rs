//! The keys of kinds that log somebody in, read and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Problem;
use super::own_keys::{self, problem};
use crate::duration::HumanDuration;
use crate::oidc::authorize::{self, Ask};
use crate::oidc::expect::Expect;
use crate::oidc::form::presets;
use crate::oidc::form::steps::{Guide, StepSettings};
use crate::oidc::settings::Client;

/// The keys of every kind that logs somebody in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginSettings {
    /// A preset of login pages by name. Without one, and without steps, the obvious fields are filled in.
    pub page: Option<String>,
    /// What to do on the login pages, in order.
    pub step: Vec<StepSettings>,
    /// `prompt` of the authorization request, such as "login" or "consent" (OIDC Core 3.1.2.1).
    pub prompt: Option<String>,
    /// `max_age` of the authorization request; `auth_time` is then required and checked (OIDC Core 3.1.2.1).
    pub max_age: Option<HumanDuration>,
    /// `acr_values` of the authorization request, in order of preference (OIDC Core 3.1.2.1).
    pub acr_values: Vec<String>,
    /// Further parameters of the authorization request, such as `audience`.
    pub parameters: BTreeMap<String, String>,
    /// What the tokens must hold.
    pub expect: Expect,
}

/// The names of those keys.
const LOGIN_KEYS: [&str; 7] = ["page", "step", "prompt", "max_age", "acr_values", "parameters", "expect"];

/// How to log in, checked.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// What to do on the pages.
    pub guide: Guide,
    /// What the tokens must hold.
    pub expect: Expect,
    prompt: Option<String>,
    max_age: Option<Duration>,
    acr_values: Vec<String>,
    parameters: BTreeMap<String, String>,
}

impl Login {
    /// Takes the keys of the login out of a kind's table and checks them. Everything wrong goes to `problems`.
    pub fn take(table: &mut toml::Table, problems: &mut Vec<Problem>) -> Self {
        let own = LOGIN_KEYS.iter().filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?))).collect();
        let settings: LoginSettings = read(own, problems);
        let mut guide = Guide::default();
        for (number, step) in settings.step.iter().enumerate() {
            match step.resolve() {
                Ok(step) => guide.steps.push(step),
                Err((key, message)) => {
                    let dot = if key.is_empty() { "" } else { "." };
                    problems.push(Problem { key: format!("step.{number}{dot}{key}"), message: message.into_owned() });
                }
            }
        }
        if let Some(name) = &settings.page {
            match presets::guide(name) {
                _ if !settings.step.is_empty() => {
                    problems.push(problem("page", "either `page` or steps of your own, not both"));
                }
                Some(preset) => guide = preset,
                None => problems.push(problem("page", unknown_page(name))),
            }
        }
        problems.extend(own_keys::reserved(settings.parameters.keys(), &authorize::RESERVED));
        if settings.prompt.as_deref().is_some_and(|prompt| prompt.split(' ').any(|value| value == "none")) {
            problems.push(problem("prompt", "nobody can log in with `prompt=none`"));
        }
        Self {
            guide,
            expect: settings.expect,
            prompt: settings.prompt,
            max_age: settings.max_age.map(Duration::from),
            acr_values: settings.acr_values,
            parameters: settings.parameters,
        }
    }

    /// The JSON Schema of a kind's own keys `T` and those of the login.
    pub fn schema_with<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let login = LoginSettings::json_schema(generator);
        let more = login.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let own = schema.ensure_object().entry("properties").or_insert_with(|| Value::Object(Default::default()));
        if let Some(own) = own.as_object_mut() {
            own.extend(more);
        }
        schema
    }

    /// `max_age` that is asked for.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Further parameters of the request.
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        &self.parameters
    }

    /// The authorization request that a client sends for it.
    pub fn ask(&self, client: &Client) -> Ask {
        Ask {
            scopes: client.scopes.clone(),
            prompt: self.prompt.clone(),
            max_age: self.max_age.map(|age| age.as_secs()),
            acr_values: self.acr_values.clone(),
            parameters: self.parameters.clone(),
        }
    }
}

/// Reads a kind's table; what is wrong goes to `problems`, and defaults take its place.
pub fn read<T: DeserializeOwned + Default>(table: toml::Table, problems: &mut Vec<Problem>) -> T {
    match toml::Value::Table(table).try_into() {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(problem("", error.message()));
            T::default()
        }
    }
}

fn unknown_page(name: &str) -> String {
    let known = || presets::names();
    let nearest = known().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    let hint = nearest.filter(|(distance, _)| *distance <= 3).map(|(_, near)| format!("; did you mean {near:?}?"));
    let names = known().collect::<Vec<_>>().join(", ");
    format!("no login page is known as {name:?} (known: {names}){}", hint.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(toml: &str) -> (Login, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut table: toml::Table = toml::from_str(toml).unwrap();
        let login = Login::take(&mut table, &mut problems);
        (login, problems)
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let (_, problems) =
            take("page = \"canaile\"\nprompt = \"login none\"\n[parameters]\nstate = \"x\"\naudience = \"y\"");
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["page", "parameters.state", "prompt"]);
        assert!(problems[0].message.ends_with("did you mean \"canaille\"?"), "{}", problems[0].message);
        let (_, problems) = take("page = \"django\"\n[[step]]\nfill = \"#a\"\n[[step]]\nclick = \"#b\"");
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["step.0.with", "page"]);
    }

    #[test]
    fn the_rest_of_the_table_is_left_to_the_kind() {
        let mut problems = Vec::new();
        let mut table: toml::Table = toml::from_str("logout = true\nmax_age = \"5m\"\npage = \"generic\"").unwrap();
        let login = Login::take(&mut table, &mut problems);
        assert_eq!((table.len(), problems.len(), login.max_age()), (1, 0, Some(Duration::from_secs(300))));
    }
}
