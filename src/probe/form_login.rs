//! `form_login`: authorization code with PKCE, `state` and `nonce`; the login itself over plain HTTP and HTML forms.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::form_walk as walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, session_end};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::Tokens;

/// The session at the provider is ended, and is gone.
const LOGOUT: StepName = "logout";

/// See the module.
pub const KIND: Kind = Kind {
    name: "form_login",
    summary: "Logs in with authorization code and PKCE over plain HTTP and HTML forms, and validates all tokens.",
    spec: "OIDC Core 3.1, RFC 6749 §4.1, RFC 7636, RFC 9207",
    client: Need::Required,
    user: Need::Required,
    schema: Login::schema_with::<Settings>,
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
    let login = Login::take(&mut table, &mut problems);
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
        let mut steps = vec![
            flow::DISCOVERY,
            flow::JWKS,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            flow::USERINFO,
        ];
        if self.logout {
            steps.push(LOGOUT);
        }
        steps
    }

    fn cost(&self) -> Cost {
        // Metadata twice where it hides an endpoint, keys, code, tokens, userinfo, two revocations.
        let requests = 2 + 1 + flow::LOGIN_REQUESTS + 1 + 1 + 2 + if self.logout { 4 } else { 0 };
        Cost { requests, burst: requests + flow::LOGIN_DETOURS, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let (metadata, mut keys) = flow::prepare(journey, &relying, &["revocation_endpoint"]).await?;
        let authorized = walk::authorize_by_form(cx, journey, &relying, &metadata, &self.login).await?;
        let tokens = flow::exchange(journey, &relying, &metadata, &authorized, &self.login).await?;
        let nonce = &authorized.pending.nonce;
        let claims =
            flow::validate_id_token(journey, &relying, &metadata, &mut keys, &tokens, nonce, &self.login).await?;
        let subject = flow::subject(claims.as_ref());
        flow::ask_userinfo(journey, &relying, &metadata, &tokens, subject.as_deref(), &self.login.expect).await?;
        if self.logout {
            self.end_session(journey, &relying, &metadata, &tokens).await?;
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
        tokens: &Tokens,
    ) -> Result<(), Stopped> {
        let Some(endpoint) = metadata.optional_endpoint("end_session_endpoint") else {
            journey.skip(LOGOUT, "the provider has no end_session_endpoint");
            return Ok(());
        };
        journey
            .step(LOGOUT, async {
                session_end::end_session(relying, &endpoint, tokens, None).await?;
                session_end::session_is_gone(relying, metadata).await
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
    }

    #[test]
    fn unknown_keys_are_refused() {
        let problems = parsed("logot = true").err().unwrap();
        assert!(problems[0].message.contains("logot"), "{problems:?}");
    }
}
