//! `form_login`: every OpenID Connect flow with `state` and `nonce`, and PKCE where a code comes; the login itself over plain
//! HTTP and HTML forms.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::form_walk as walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::silent::{self, Agent};
use super::whole_login as whole;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::{self, Answer, Ask, Expected};
use crate::oidc::form::walker::Arrival;
use crate::oidc::form::{Page, leave};
use crate::oidc::http::Endpoint;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::outcome::Warning;
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
        Cost { requests, burst: requests + flow::LOGIN_DETOURS, ..Cost::default() }
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
                let client = relying.client()?;
                let redirect_uri = flow::redirect_uri(client)?;
                let mut url = endpoint.clone();
                url.query_pairs_mut().append_pair("client_id", &client.client_id);
                if let Some(id_token) = id_token {
                    url.query_pairs_mut().append_pair("id_token_hint", id_token.expose());
                }
                let walker = walk::walker(relying, redirect_uri, &endpoint, Endpoint::EndSession);
                if let Arrival::Page(page) = walker.open(url).await? {
                    landed(relying, &endpoint, &page)?;
                    if let Some(confirmation) = leave::confirmation(&page)?
                        && let Arrival::Page(after) = walker.press(&page, confirmation).await?
                    {
                        landed(relying, &endpoint, &after)?;
                    }
                }
                self.session_is_gone(relying, metadata).await
            })
            .await
    }

    async fn session_is_gone(&self, relying: &Relying, metadata: &Metadata) -> Result<(), Fault> {
        let client = relying.client()?;
        let redirect_uri = flow::redirect_uri(client)?;
        let endpoint = metadata.endpoint("authorization_endpoint")?;
        let prompt = Some("none".to_owned());
        // As the login itself: the client may be registered for nothing else.
        let ask = Ask { scopes: client.scopes.clone(), prompt, ..self.login.ask(client) };
        let pending = authorize::request(&endpoint, &client.client_id, redirect_uri, &ask);
        pending.protect(&relying.recorder);
        let pending = relying.push(metadata, pending).await?;
        let walker = walk::walker(relying, redirect_uri, &endpoint, Endpoint::Authorization);
        match walker.open(pending.url).await? {
            Arrival::Answer(answer) => {
                answer.protect(&relying.recorder);
                // Whether errors carry a promised `iss` is not what is asked here.
                let expected = Expected {
                    state: &pending.state,
                    issuer: metadata.issuer(),
                    iss_promised: false,
                    response_type: pending.response_type,
                    response_mode: pending.response_mode,
                };
                judge_silence(&answer, expected)
            }
            Arrival::Page(page) if page.status >= 500 => {
                let detail = format!("after the logout a request with prompt=none ended with status {}", page.status);
                Err(Fault::new(Class::HttpStatus, detail))
            }
            Arrival::Page(_) => {
                let detail = "a request with prompt=none was answered with a page instead of login_required";
                relying.recorder.warn(Warning::new("prompt_none", "OIDC Core 3.1.2.6", detail));
                Ok(())
            }
        }
    }
}

/// What the answer to `prompt=none` says of the session (OIDC Core 3.1.2.6): a code needs one, and so does the question
/// which account or which consent it shall be.
fn judge_silence(answer: &Answer, expected: Expected<'_>) -> Result<(), Fault> {
    let ineffective = |what: &str| {
        let detail = format!("after the logout a request with prompt=none was answered with {what}");
        Err(Fault::new(Class::LogoutIneffective, detail))
    };
    match authorize::process(answer, expected) {
        Ok(_) => ineffective("what a session is needed for"),
        Err(fault) if fault.class == Class::OauthError => {
            match answer.iter().find(|(name, _)| name == "error").map(|(_, code)| code.as_str()) {
                Some("login_required" | "interaction_required") => Ok(()),
                Some(code @ ("consent_required" | "account_selection_required")) => ineffective(code),
                _ => Err(fault),
            }
        }
        Err(fault) => Err(fault),
    }
}

/// The logout endpoint must not fail. Where it sends the user afterwards is not its business, but a poor goodbye.
fn landed(relying: &Relying, endpoint: &Url, page: &Page) -> Result<(), Fault> {
    if page.status < 400 {
        return Ok(());
    }
    if page.status >= 500 || page.url.path() == endpoint.path() {
        return Err(Fault::new(Class::HttpStatus, format!("the logout ended with status {}", page.status)));
    }
    let detail = format!("the logout leads to a page with status {}: {}", page.status, page.url.path());
    relying.recorder.warn(Warning::new("logout_landing", "", detail));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorize::{ResponseMode, ResponseType};

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
    fn only_an_answer_without_session_shows_that_it_is_gone() {
        let judge = |query: &str| {
            let answer = Answer::of_url(&Url::parse(&format!("http://127.0.0.1:8765/cb?{query}")).unwrap());
            let expected = Expected {
                state: &Secret::new("xyz"),
                issuer: "https://a.example.com",
                iss_promised: false,
                response_type: ResponseType::default(),
                response_mode: ResponseMode::Query,
            };
            judge_silence(&answer, expected).map_err(|fault| fault.class)
        };
        assert_eq!(judge("error=login_required&state=xyz"), Ok(()));
        assert_eq!(judge("error=interaction_required&state=xyz"), Ok(()));
        for lives in ["code=1", "error=consent_required", "error=account_selection_required"] {
            assert_eq!(judge(&format!("{lives}&state=xyz")), Err(Class::LogoutIneffective), "{lives}");
        }
        assert_eq!(judge("error=server_error&state=xyz"), Err(Class::OauthError));
        assert_eq!(judge("error=login_required&state=abc"), Err(Class::StateMismatch));
        assert_eq!(judge("error=login_required"), Err(Class::StateMismatch));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let problems = parsed("logot = true").err().unwrap();
        assert!(problems[0].message.contains("logot"), "{problems:?}");
    }
}
