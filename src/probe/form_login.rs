//! `form_login`: authorization code with PKCE, `state` and `nonce`; the login itself over plain HTTP and HTML forms.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::form_walk as walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::{self, Ask, Expected};
use crate::oidc::form::walker::Arrival;
use crate::oidc::form::{Page, leave};
use crate::oidc::http::Endpoint;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::Tokens;
use crate::outcome::Warning;

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
                let client = relying.client()?;
                let redirect_uri = flow::redirect_uri(client)?;
                let mut url = endpoint.clone();
                url.query_pairs_mut().append_pair("client_id", &client.client_id);
                if let Some(id_token) = &tokens.id_token {
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
        let ask = Ask { scopes: client.scopes.clone(), prompt: Some("none".to_owned()), ..Ask::default() };
        let pending = authorize::request(&endpoint, &client.client_id, redirect_uri, &ask);
        pending.protect(&relying.recorder);
        let pending = relying.push(metadata, pending).await?;
        let walker = walk::walker(relying, redirect_uri, &endpoint, Endpoint::Authorization);
        match walker.open(pending.url).await? {
            Arrival::Answer(params) => {
                params.iter().filter(|(name, _)| name == "code").for_each(|(_, code)| relying.recorder.protect(code));
                // Whether errors carry a promised `iss` is not what is asked here.
                let expected = Expected { state: &pending.state, issuer: metadata.issuer(), iss_promised: false };
                judge_silence(&params, expected)
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
fn judge_silence(params: &[(String, String)], expected: Expected<'_>) -> Result<(), Fault> {
    let ineffective = |what: &str| {
        let detail = format!("after the logout a request with prompt=none was answered with {what}");
        Err(Fault::new(Class::LogoutIneffective, detail))
    };
    match authorize::process(params, expected) {
        Ok(_) => ineffective("a code"),
        Err(fault) if fault.class == Class::OauthError => {
            match params.iter().find(|(name, _)| name == "error").map(|(_, code)| code.as_str()) {
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
    use crate::secret::Secret;

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
    fn only_an_answer_without_session_shows_that_it_is_gone() {
        let judge = |query: &str| {
            let params: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let state = Secret::new("xyz");
            let expected = Expected { state: &state, issuer: "https://a.example.com", iss_promised: false };
            judge_silence(&params, expected).map_err(|fault| fault.class)
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
