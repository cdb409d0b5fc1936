//! The keys of kinds that log somebody in, read and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Problem;
use super::own_keys::{self, problem};
use crate::duration::HumanDuration;
use crate::oidc::authorize::{self, Ask, ResponseMode, ResponseType};
use crate::oidc::claims_request::ClaimsRequest;
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
    /// `prompt` of the authorization request, such as "login" or "consent" (OIDC Core 3.1.2.1). "none" means `silent`.
    pub prompt: Option<String>,
    /// `max_age` of the authorization request; `auth_time` is then required and checked (OIDC Core 3.1.2.1).
    pub max_age: Option<HumanDuration>,
    /// `acr_values` of the authorization request, in order of preference (OIDC Core 3.1.2.1).
    pub acr_values: Vec<String>,
    /// `claims` of the authorization request: claims wanted one by one in the ID token and from userinfo; those that are
    /// `essential` must come (OIDC Core 5.5).
    pub claims: ClaimsRequest,
    /// `resource` of authorization and token request, once each: absolute URIs of what the access token is for. A JWT must
    /// name them in `aud`; userinfo is not asked then (RFC 8707).
    pub resource: Vec<String>,
    /// Further parameters of the authorization request, such as `audience`.
    pub parameters: BTreeMap<String, String>,
    /// What the tokens must hold.
    pub expect: Expect,
}

/// The names of those keys.
const LOGIN_KEYS: [&str; 9] =
    ["page", "step", "prompt", "max_age", "acr_values", "claims", "resource", "parameters", "expect"];

/// The keys of kinds that are all about the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseSettings {
    /// What the authorization endpoint is asked for: "code" (default), "id_token" or "id_token token" (implicit flow),
    /// "code id_token", "code token" or "code id_token token" (hybrid flow; OIDC Core 3.2, 3.3).
    pub response_type: Option<String>,
    /// How its answer comes back. Default: "query" for a code alone, "fragment" for everything else, which must not be in
    /// a query (OAuth 2.0 Multiple Response Types §5).
    pub response_mode: Option<ResponseMode>,
    /// Whether the login is renewed at the end without the user, as single-page applications do: a second authorization
    /// request of the same session with `prompt=none`, which must be answered without any page. `prompt = "none"` means
    /// the same. Default: false.
    pub silent: Option<bool>,
}

/// The names of those keys.
const RESPONSE_KEYS: [&str; 3] = ["response_type", "response_mode", "silent"];

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
    claims: ClaimsRequest,
    resource: Vec<String>,
    parameters: BTreeMap<String, String>,
    response_type: ResponseType,
    response_mode: Option<ResponseMode>,
    silent: bool,
}

impl Login {
    /// Takes the keys of the login and those of its answer out of a kind's table and checks them.
    pub fn take_whole(table: &mut toml::Table, problems: &mut Vec<Problem>) -> Self {
        let own = RESPONSE_KEYS.iter().filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?))).collect();
        let settings: ResponseSettings = read(own, problems);
        let silent = match table.get("prompt").and_then(toml::Value::as_str) {
            Some("none") => {
                table.remove("prompt");
                if settings.silent == Some(false) {
                    problems.push(problem(
                        "silent",
                        "`prompt = \"none\"` asks for a silent renewal: leave one of both out",
                    ));
                }
                true
            }
            _ => settings.silent.unwrap_or(false),
        };
        let mut login = Self::take(table, problems);
        match settings.response_type.as_deref().map(ResponseType::parse) {
            Some(Err(why)) => problems.push(problem("response_type", why)),
            Some(Ok(response_type)) => login.response_type = response_type,
            None => {}
        }
        (login.response_mode, login.silent) = (settings.response_mode, silent);
        login.contradictions(problems);
        login
    }

    /// What cannot be had together.
    fn contradictions(&self, problems: &mut Vec<Problem>) {
        let (response_type, brings_access) = (self.response_type, self.response_type.code || self.response_type.token);
        if self.response_mode == Some(ResponseMode::Query) && response_type.brings_tokens() {
            let message = format!(
                "the answer to response_type {response_type:?} must not travel in a query: \"fragment\" or \"form_post\" \
                 (OAuth 2.0 Multiple Response Types §5)",
                response_type = response_type.as_str()
            );
            problems.push(problem("response_mode", message));
        }
        if !brings_access {
            let why = "`response_type = \"id_token\"` brings no access token";
            if !self.claims.userinfo.is_empty() {
                problems.push(problem("claims.userinfo", format!("{why}: userinfo cannot be asked (OIDC Core 5.5)")));
            }
            if !self.resource.is_empty() {
                problems.push(problem("resource", format!("{why} that could be for a resource")));
            }
            if !self.expect.scopes.is_empty() {
                problems.push(problem("expect.scopes", format!("{why}, and so nothing says what was granted")));
            }
        }
        if self.silent && self.max_age.is_some_and(|age| age.as_secs() == 0) {
            let message = "with `max_age = \"0s\"` every request asks for a login: none is silent";
            problems.push(problem("silent", message));
        }
    }

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
        let mistakes = settings.claims.mistakes().into_iter();
        problems.extend(mistakes.map(|(key, message)| problem(format!("claims.{key}"), message)));
        for (number, resource) in settings.resource.iter().enumerate() {
            // RFC 8707 §2: an absolute URI without a fragment.
            if !Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
                let message = format!("{resource:?} is no absolute URI without a fragment (RFC 8707 §2)");
                problems.push(problem(format!("resource.{number}"), message));
            }
        }
        if !settings.resource.is_empty() && !settings.claims.userinfo.is_empty() {
            let message = "with `resource` the access token is not for userinfo, which is not asked then";
            problems.push(problem("claims.userinfo", message));
        }
        Self {
            guide,
            expect: settings.expect,
            prompt: settings.prompt,
            max_age: settings.max_age.map(Duration::from),
            acr_values: settings.acr_values,
            claims: settings.claims,
            resource: settings.resource,
            parameters: settings.parameters,
            ..Self::default()
        }
    }

    /// The JSON Schema of a kind's own keys `T` and those of the login.
    pub fn schema_with<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        let schema = T::json_schema(generator);
        extended(schema, LoginSettings::json_schema(generator))
    }

    /// The JSON Schema of a kind's own keys `T`, those of the login and those of its answer.
    pub fn whole_schema_with<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        let schema = Self::schema_with::<T>(generator);
        extended(schema, ResponseSettings::json_schema(generator))
    }

    /// What the authorization endpoint is asked for.
    pub fn response_type(&self) -> ResponseType {
        self.response_type
    }

    /// Whether the login is renewed at the end without the user.
    pub fn silent(&self) -> bool {
        self.silent
    }

    /// Claims asked for one by one.
    pub fn claims(&self) -> &ClaimsRequest {
        &self.claims
    }

    /// What the access token is for, if that is asked for.
    pub fn resource(&self) -> &[String] {
        &self.resource
    }

    /// Whether there will be an access token that userinfo takes.
    pub fn asks_userinfo(&self) -> bool {
        self.resource.is_empty() && (self.response_type.code || self.response_type.token)
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
            response_type: self.response_type,
            response_mode: self.response_mode,
            scopes: client.scopes.clone(),
            prompt: self.prompt.clone(),
            max_age: self.max_age.map(|age| age.as_secs()),
            acr_values: self.acr_values.clone(),
            claims: self.claims.to_json(),
            resource: self.resource.clone(),
            id_token_hint: None,
            parameters: self.parameters.clone(),
        }
    }
}

/// `schema` with the properties of `more`.
fn extended(mut schema: Schema, more: Schema) -> Schema {
    let more = more.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let own = schema.ensure_object().entry("properties").or_insert_with(|| Value::Object(Default::default()));
    if let Some(own) = own.as_object_mut() {
        // A kind's own key wins: what is called `resource` may be another thing there.
        for (name, key) in more {
            own.entry(name).or_insert(key);
        }
    }
    schema
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

    fn take_whole(toml: &str) -> (Login, Vec<String>) {
        let mut problems = Vec::new();
        let mut table: toml::Table = toml::from_str(toml).unwrap();
        let login = Login::take_whole(&mut table, &mut problems);
        assert!(table.is_empty());
        (login, problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn no_prompt_at_all_means_a_silent_renewal_where_the_login_is_the_point() {
        let (login, problems) = take_whole("prompt = \"none\"");
        assert!(login.silent() && login.prompt.is_none() && problems.is_empty());
        assert!(take_whole("silent = true\nprompt = \"consent\"").0.silent());
        assert_eq!(take_whole("silent = false\nprompt = \"none\"").1, ["silent"]);
        assert_eq!(take_whole("prompt = \"none login\"").1, ["prompt"]);
        assert_eq!(take_whole("prompt = \"none\"\nmax_age = \"0s\"").1, ["silent"]);
        let (_, problems) = take("prompt = \"none\"");
        assert_eq!(problems[0].key, "prompt", "elsewhere nobody could log in");
    }

    /// OAuth 2.0 Multiple Response Types §5, OIDC Core 5.5, RFC 8707 §2.
    #[test]
    fn what_cannot_be_had_together_is_said() {
        for (toml, keys) in [
            ("response_type = \"code token id_token\"\nresponse_mode = \"form_post\"", &[][..]),
            ("response_type = \"code\"\nresponse_mode = \"query\"", &[]),
            ("response_type = \"token\"", &["response_type"]),
            ("response_type = \"id_token\"\nresponse_mode = \"query\"", &["response_mode"]),
            ("response_type = \"code id_token\"\nresponse_mode = \"query\"", &["response_mode"]),
            ("response_mode = \"jwt\"", &[""]),
            ("response_type = \"id_token\"\nclaims.userinfo.email = {}", &["claims.userinfo"]),
            (
                "response_type = \"id_token\"\nresource = [\"urn:a\"]\nexpect.scopes = [\"a\"]",
                &["resource", "expect.scopes"],
            ),
            ("resource = [\"urn:a\", \"api\", \"https://a.example/#b\"]", &["resource.1", "resource.2"]),
            ("resource = [\"urn:a\"]\nclaims.userinfo.email = {}", &["claims.userinfo"]),
            ("claims.id_token.acr = { value = \"a\", values = [\"b\"] }", &["claims.id_token.acr"]),
            ("parameters = { response_mode = \"form_post\" }", &["parameters.response_mode"]),
        ] {
            assert_eq!(take_whole(toml).1, keys, "{toml}");
        }
    }

    #[test]
    fn the_rest_of_the_table_is_left_to_the_kind() {
        let mut problems = Vec::new();
        let mut table: toml::Table = toml::from_str("logout = true\nmax_age = \"5m\"\npage = \"generic\"").unwrap();
        let login = Login::take(&mut table, &mut problems);
        assert_eq!((table.len(), problems.len(), login.max_age()), (1, 0, Some(Duration::from_secs(300))));
    }
}
