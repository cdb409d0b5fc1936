//! `form_login`: every OpenID Connect flow with `state` and `nonce`, and PKCE where a code comes; the login itself over plain
//! HTTP and HTML forms.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::form_walk as walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::silent::{self, Agent};
use super::whole_login as whole;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, session_end};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::secret::Secret;

/// The session at the provider is ended, and is gone.
const LOGOUT: StepName = "logout";

/// See the module.
pub const KIND: Kind = Kind {
    name: "form_login",
    summary: "Logs in over plain HTTP and HTML forms, by code with PKCE or any other response type, and validates all tokens.",
    spec: "OIDC Core 3, RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 8707",
    client: Need::Required,
    user: Need::Required,
    attacks: Vec::new,
    schema: Login::whole_schema_with::<Settings>,
    parse,
};

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether the session is ended at the end (OIDC RP-Initiated Logout 1.0) and must be gone then. Default: false.
    logout: bool,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take_whole(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    if problems.is_empty() { Ok(Box::new(FormLogin { login, logout: settings.logout })) } else { Err(problems) }
}

struct FormLogin {
    login: Login,
    logout: bool,
}

#[async_trait]
impl Probe for FormLogin {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![flow::DISCOVERY, flow::JWKS, flow::AUTHORIZE, flow::LOGIN];
        steps.extend(whole::steps(&self.login));
        if self.login.silent() {
            steps.push(silent::SILENT);
        }
        if self.logout {
            steps.push(LOGOUT);
        }
        steps
    }

    fn cost(&self) -> Cost {
        let after = whole::requests(&self.login) + if self.login.silent() { silent::REQUESTS } else { 0 };
        // Metadata twice where it hides an endpoint, keys, the login.
        let requests = 2 + 1 + flow::LOGIN_REQUESTS + after + if self.logout { 4 } else { 0 };
        let detours = flow::LOGIN_DETOURS + if self.logout { session_end::SECOND_LOOK } else { 0 };
        Cost { requests, burst: requests + detours, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let (metadata, mut keys) = flow::prepare(journey, &relying, &["revocation_endpoint"]).await?;
        let authorized = walk::authorize_by_form(cx, journey, &relying, &metadata, &self.login).await?;
        let done = whole::conclude(journey, &relying, &metadata, &mut keys, &authorized, &self.login).await?;
        if self.login.silent() {
            let (agent, keys) = (Agent::Forms, &mut keys);
            silent::renew(journey, &relying, &metadata, keys, &self.login, &done, agent).await?;
        }
        if self.logout {
            self.end_session(journey, &relying, &metadata, done.id_token.as_ref()).await?;
        }
        Ok(())
    }
}

impl FormLogin {
    /// OIDC RP-Initiated Logout 1.0 §2; then a request with `prompt=none` must not be answered with a code.
    async fn end_session(
        &self,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
        id_token: Option<&Secret>,
    ) -> Result<(), Stopped> {
        let Some(endpoint) = metadata.optional_endpoint("end_session_endpoint") else {
            journey.skip(LOGOUT, "the provider has no end_session_endpoint");
            return Ok(());
        };
        journey
            .step(LOGOUT, async {
                session_end::end_session(relying, &endpoint, id_token, None).await?;
                // As the login itself asks: the client may be registered for nothing else.
                session_end::session_is_gone(relying, metadata, self.login.ask(relying.client()?), &self.login.guide)
                    .await
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn declared_steps_reflect_the_settings() {
        let plain = parsed("").ok().unwrap();
        assert_eq!(plain.steps(), ["discovery", "jwks", "authorize", "login", "token", "id_token", "userinfo"]);
        let logout = parsed("logout = true\npage = \"generic\"").ok().unwrap();
        assert_eq!(logout.steps().last(), Some(&"logout"));
        assert!(logout.cost().requests > plain.cost().requests);
        let hybrid = parsed("response_type = \"code id_token\"\nprompt = \"none\"").ok().unwrap();
        assert_eq!(hybrid.steps()[4..], ["front_id_token", "token", "id_token", "userinfo", "silent"]);
        let implicit = parsed("response_type = \"id_token\"").ok().unwrap();
        assert_eq!(implicit.steps(), ["discovery", "jwks", "authorize", "login", "id_token"]);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let problems = parsed("logot = true").err().unwrap();
        assert!(problems[0].message.contains("logot"), "{problems:?}");
    }
}
