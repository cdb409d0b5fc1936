//! How kinds that show an access token about come by it: by client credentials, or by a login.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::{self, problem};
use super::{Context, Problem, form_walk, issued};
use crate::fault::Fault;
use crate::journey::{Journey, Stopped};
use crate::oidc::jwt::Jwt;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, Tokens};

/// How the token is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Obtain {
    /// The user logs in.
    Login,
    /// By client credentials.
    ClientCredentials,
}

/// The keys of every kind that obtains a token in one way or the other, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// How the token is obtained. Default: "login" if there is a user, else "client_credentials".
    grant: Option<Obtain>,
    /// What client credentials ask for. Absent: the client's scopes, less those that only make sense for users. (A login
    /// asks for the client's scopes.)
    scopes: Option<Vec<String>>,
    /// With client credentials, `audience`, once each, where the provider wants it so.
    audience: Vec<String>,
}

const KEYS: [&str; 3] = ["grant", "scopes", "audience"];
/// What the probe makes itself.
const MADE: [&str; 2] = ["grant_type", "client_secret"];

/// How to come by a token, checked.
#[derive(Clone, Debug, Default)]
pub struct Access {
    settings: AccessSettings,
    /// How to log in, if it comes to that.
    pub login: Login,
}

/// A token, and what is known of it.
pub struct Obtained {
    /// What the token endpoint answered.
    pub tokens: Tokens,
    /// What was asked for.
    pub asked: Vec<String>,
    /// How it was obtained.
    pub by: Obtain,
    /// Who logged in, as the ID token says (it is read, not verified).
    pub subject: Option<String>,
}

impl Access {
    /// Takes these keys and those of the login out of a kind's table and checks them.
    pub fn take(table: &mut toml::Table, problems: &mut Vec<Problem>) -> Self {
        let own = KEYS.iter().filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?))).collect();
        let settings: AccessSettings = login_settings::read(own, problems);
        let login = Login::take(table, problems);
        problems.extend(own_keys::reserved(login.parameters().keys(), &MADE));
        if settings.grant == Some(Obtain::Login) {
            for (key, given) in [("scopes", settings.scopes.is_some()), ("audience", !settings.audience.is_empty())] {
                if given {
                    problems.push(problem(key, "only client credentials ask for it; a login has the client's scopes"));
                }
            }
        }
        Self { settings, login }
    }

    /// The JSON Schema of a kind's own keys `T`, these, and those of the login.
    pub fn schema_with<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Login::schema_with::<T>(generator);
        let more = AccessSettings::json_schema(generator);
        let more = more.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(own) = schema.ensure_object().get_mut("properties").and_then(Value::as_object_mut) {
            own.extend(more);
        }
        schema
    }

    /// The grant, if the settings say; else it depends on whether there is a user, which only a run knows.
    pub fn grant(&self) -> Option<Obtain> {
        self.settings.grant
    }

    /// How a run with or without a user obtains it.
    pub fn obtain_by(&self, has_user: bool) -> Obtain {
        self.settings.grant.unwrap_or(if has_user { Obtain::Login } else { Obtain::ClientCredentials })
    }

    /// How many requests it takes up to the token, redirects included, and how many more at most.
    pub fn requests(&self) -> (u32, u32) {
        match self.settings.grant {
            Some(Obtain::ClientCredentials) => (1, 0),
            _ => (1 + flow::LOGIN_REQUESTS, flow::LOGIN_DETOURS),
        }
    }

    /// The token request of client credentials, with these scopes and resources instead of the settings'.
    pub fn client_credentials(&self, scopes: &[String], resource: &[String], audience: &[String]) -> Grant {
        let pair = |name: &str, value: &String| (name.to_owned(), value.clone());
        let extra = (resource.iter().map(|value| pair("resource", value)))
            .chain(audience.iter().map(|value| pair("audience", value)))
            .chain(self.login.parameters().iter().map(|(name, value)| pair(name, value)))
            .collect();
        Grant::ClientCredentials { scopes: scopes.to_vec(), extra }
    }

    /// The resources that the token is asked for, by a login and by client credentials alike.
    pub fn resource(&self) -> &[String] {
        self.login.resource()
    }

    /// The audiences that the token is asked for.
    pub fn audience(&self) -> &[String] {
        &self.settings.audience
    }

    /// What client credentials ask for.
    pub fn scopes(&self, relying: &Relying) -> Result<Vec<String>, Fault> {
        let own = self.settings.scopes.clone();
        own.map_or_else(|| Ok(issued::machine_scopes(relying.client()?)), Ok)
    }

    /// Steps `authorize`, `login` and `token`. What is issued is revoked when the run is over, if the provider can.
    pub async fn obtain(
        &self,
        cx: &Context,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
    ) -> Result<Obtained, Stopped> {
        match self.obtain_by(cx.user.is_some()) {
            Obtain::Login => {
                let authorized = form_walk::authorize_by_form(cx, journey, relying, metadata, &self.login).await?;
                let tokens = flow::redeem(journey, relying, metadata, &authorized, &self.login).await?;
                revoke_later(journey, relying, metadata, &tokens);
                let id_token = tokens.id_token.as_ref().and_then(|token| Jwt::decode(token.expose(), "ID token").ok());
                let subject = flow::subject(id_token.as_ref().map(|token| &token.claims));
                let asked = relying.client.as_ref().map(|client| client.scopes.clone()).unwrap_or_default();
                Ok(Obtained { tokens, asked, by: Obtain::Login, subject })
            }
            Obtain::ClientCredentials => {
                for step in [flow::AUTHORIZE, flow::LOGIN] {
                    journey.skip(step, "the token is obtained by client credentials");
                }
                let (tokens, asked) = journey.step(flow::TOKEN, self.ask(relying, metadata)).await?;
                issued::revoke_later(journey, relying, metadata, &tokens.access_token);
                Ok(Obtained { tokens, asked, by: Obtain::ClientCredentials, subject: None })
            }
        }
    }

    async fn ask(&self, relying: &Relying, metadata: &Metadata) -> Result<(Tokens, Vec<String>), Fault> {
        let scopes = self.scopes(relying)?;
        let grant = self.client_credentials(&scopes, self.login.resource(), &self.settings.audience);
        let result = relying.token(metadata, grant).await;
        let tokens =
            result.map_err(|fault| issued::unsupported_grant(relying, metadata, "client_credentials", fault))?;
        let missing = self.login.expect.check_scopes(tokens.scope.as_deref(), &scopes);
        match Fault::from_findings(missing) {
            None => Ok((tokens, scopes)),
            Some(fault) => {
                // Nobody else knows of it. What cannot be taken back expires by itself.
                let _ = relying.for_cleanup().revoke(metadata, &tokens.access_token, "access_token").await;
                Err(fault)
            }
        }
    }
}

/// As [`flow::revoke_later`]; that a provider cannot revoke a JWT leaves nothing undone (RFC 7009 §2.2.1).
fn revoke_later(journey: &mut Journey, relying: &Relying, metadata: &Metadata, tokens: &Tokens) {
    if metadata.optional_endpoint("revocation_endpoint").is_none() {
        return;
    }
    let work = flow::revocation(relying, metadata, tokens);
    journey.defer(flow::REVOKE, async move {
        match work.await {
            Err(fault) if fault.detail.starts_with("unsupported_token_type") => Ok(()),
            result => result,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> (Access, Vec<String>, toml::Table) {
        let mut problems = Vec::new();
        let mut table: toml::Table = toml::from_str(text).unwrap();
        let access = Access::take(&mut table, &mut problems);
        (access, problems.into_iter().map(|problem| problem.key).collect(), table)
    }

    #[test]
    fn the_user_decides_unless_the_settings_do() {
        let (access, problems, rest) = take("url = 'https://api.example.com'\npage = 'generic'");
        assert_eq!((problems.len(), rest.len()), (0, 1));
        assert_eq!((access.obtain_by(true), access.obtain_by(false)), (Obtain::Login, Obtain::ClientCredentials));
        let (access, ..) = take("grant = 'client_credentials'");
        assert_eq!((access.obtain_by(true), access.requests()), (Obtain::ClientCredentials, (1, 0)));
    }

    #[test]
    fn a_token_request_has_what_it_is_given() {
        let (access, ..) = take("resource = ['urn:a']\naudience = ['b']\nparameters = { tenant = 'c' }");
        let grant = access.client_credentials(&["x".to_owned()], access.resource(), access.audience());
        let form: Vec<_> = grant.form().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(form, ["grant_type=client_credentials", "scope=x", "resource=urn:a", "audience=b", "tenant=c"]);
        assert_eq!(access.login.resource(), ["urn:a"], "a login asks for it as well");
    }

    #[test]
    fn what_a_login_cannot_ask_for_is_refused() {
        let (_, problems, _) =
            take("grant = 'login'\nscopes = ['a']\naudience = ['b']\nparameters = { grant_type = 'x' }");
        assert_eq!(problems, ["parameters.grant_type", "scopes", "audience"]);
    }
}
