//! What kinds that log somebody in have in common: their keys, the steps from metadata to tokens, and cleaning up.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::own_keys::{self, problem};
use super::{Context, Problem};
use crate::clock::Clock;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::{self, Ask, Expected, Pending};
use crate::oidc::expect::Expect;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::page;
use crate::oidc::form::steps::{Guide, StepSettings};
use crate::oidc::form::walker::{Arrival, Walker};
use crate::oidc::form::{Page, presets};
use crate::oidc::http::Endpoint;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Claims, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::settings::{Client, RedirectUri};
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::Warning;
use crate::secret::Secret;

/// The provider's metadata is read.
pub const DISCOVERY: StepName = "discovery";
/// The provider's keys are read.
pub const JWKS: StepName = "jwks";
/// The authorization request, up to the first page.
pub const AUTHORIZE: StepName = "authorize";
/// The login pages, consent included, up to the redirect to us.
pub const LOGIN: StepName = "login";
/// The code is exchanged.
pub const TOKEN: StepName = "token";
/// The ID token is validated.
pub const ID_TOKEN: StepName = "id_token";
/// The user is asked for with the access token.
pub const USERINFO: StepName = "userinfo";
/// Cleanup: what was issued is revoked.
pub const REVOKE: StepName = "revoke";

/// How many requests an ordinary login with consent sends up to the code, redirects included.
pub const LOGIN_REQUESTS: u32 = 7;
/// How many more a login with a page for everything sends; what goes beyond is a fault soon.
pub const LOGIN_DETOURS: u32 = 8;

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

    fn ask(&self, client: &Client) -> Ask {
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

/// Steps `discovery` and `jwks`. `welcome`: members of the metadata that the run can do without, such as for cleanup.
pub async fn prepare(
    journey: &mut Journey,
    relying: &Relying,
    welcome: &[&'static str],
) -> Result<(Metadata, KeySet), Stopped> {
    let metadata = journey.step(DISCOVERY, relying.metadata_with(&[], welcome)).await?;
    let keys = journey.step(JWKS, relying.keys(&metadata)).await?;
    Ok((metadata, keys))
}

/// A code, and the request that it answers.
pub struct Authorized {
    /// The authorization code.
    pub code: Secret,
    /// What was sent for it.
    pub pending: Pending,
}

/// Steps `authorize` and `login`: over plain HTTP, by forms.
pub async fn authorize_by_form(
    cx: &Context,
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    login: &Login,
) -> Result<Authorized, Stopped> {
    let (pending, first) = journey.step(AUTHORIZE, first_page(relying, metadata, login)).await?;
    let code = journey
        .step(LOGIN, async {
            let user = cx.user.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a user"))?;
            let answers = Answers::of(user, relying.memory.clone(), &relying.recorder)?;
            let endpoint = metadata.endpoint("authorization_endpoint")?;
            let walker = walker(relying, &pending.redirect_uri, &endpoint, Endpoint::Authorization);
            let params = walker.sign_in(first, &login.guide, &answers).await?;
            answer(relying, metadata, &pending, &params)
        })
        .await?;
    Ok(Authorized { code, pending })
}

/// A walker of that run.
pub fn walker<'a>(
    relying: &'a Relying,
    redirect_uri: &'a RedirectUri,
    endpoint: &'a url::Url,
    label: Endpoint,
) -> Walker<'a> {
    let (http, recorder, clock) = (&relying.http, &relying.recorder, &relying.clock);
    Walker { http, recorder, clock, redirect_uri: redirect_uri.url(), endpoint: (endpoint, label) }
}

async fn first_page(relying: &Relying, metadata: &Metadata, login: &Login) -> Result<(Pending, Page), Fault> {
    let client = relying.client()?;
    let redirect_uri = redirect_uri(client)?;
    let endpoint = metadata.endpoint("authorization_endpoint")?;
    if let Some(methods) = metadata.list("code_challenge_methods_supported")
        && !methods.contains(&"S256")
    {
        let detail = "code_challenge_methods_supported does not list S256";
        relying.recorder.warn(Warning::new("pkce", "RFC 9700 §2.1.1", detail));
    }
    let pending = authorize::request(&endpoint, &client.client_id, redirect_uri, &login.ask(client));
    pending.protect(&relying.recorder);
    let walker = walker(relying, redirect_uri, &endpoint, Endpoint::Authorization);
    match walker.open(pending.url.clone()).await? {
        Arrival::Page(first) => {
            page::first(&first)?;
            Ok((pending, first))
        }
        Arrival::Answer(params) => {
            answer(relying, metadata, &pending, &params)?;
            let detail = "the provider answered with a code without asking anybody to log in";
            Err(Fault::new(Class::LoginPage, detail))
        }
    }
}

/// Where the client's answers go. Fault: `config`.
pub fn redirect_uri(client: &Client) -> Result<&RedirectUri, Fault> {
    let missing = || Fault::new(Class::Config, format!("client {} has no `redirect_uri`", client.name));
    client.redirect_uri.as_ref().ok_or_else(missing)
}

fn answer(
    relying: &Relying,
    metadata: &Metadata,
    pending: &Pending,
    params: &[(String, String)],
) -> Result<Secret, Fault> {
    // Masked before anything is said about it.
    params.iter().filter(|(name, _)| name == "code").for_each(|(_, code)| relying.recorder.protect(code));
    let expected = Expected {
        state: &pending.state,
        issuer: metadata.issuer(),
        iss_promised: metadata.flag("authorization_response_iss_parameter_supported") == Some(true),
    };
    let (code, warnings) = authorize::process(params, expected)?;
    relying.recorder.warn_all(warnings);
    Ok(code)
}

/// Step `token`: whatever is issued is revoked when the run is over.
pub async fn exchange(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    authorized: &Authorized,
    login: &Login,
) -> Result<Tokens, Stopped> {
    let tokens = redeem(journey, relying, metadata, authorized, login).await?;
    revoke_later(journey, relying, metadata, &tokens);
    Ok(tokens)
}

/// Step `token`, where the caller sees to the tokens; if the step fails they are revoked.
pub async fn redeem(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    authorized: &Authorized,
    login: &Login,
) -> Result<Tokens, Stopped> {
    let grant = Grant::AuthorizationCode {
        code: authorized.code.clone(),
        redirect_uri: authorized.pending.redirect_uri.as_str().to_owned(),
        verifier: authorized.pending.verifier.clone(),
    };
    let mut issued = None;
    let work = async {
        let tokens = issued.insert(relying.token(metadata, grant).await?).clone();
        let asked = &relying.client()?.scopes;
        match Fault::from_findings(login.expect.check_scopes(tokens.scope.as_deref(), asked)) {
            Some(fault) => Err(fault),
            None => Ok(tokens),
        }
    };
    let result = journey.step(TOKEN, work).await;
    if let (Err(_), Some(tokens)) = (&result, &issued) {
        revoke_later(journey, relying, metadata, tokens);
    }
    result
}

/// Step `id_token`: the claims; `None` if none was issued because `openid` was not asked for.
pub async fn validate_id_token(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    tokens: &Tokens,
    nonce: &Secret,
    login: &Login,
) -> Result<Option<Claims>, Stopped> {
    let Some(id_token) = &tokens.id_token else {
        if asked_for_openid(relying) {
            // Whatever scopes were granted instead: no OpenID client can log in with that.
            let detail = "id_token is missing though openid was asked for";
            let finding = Finding::new(Class::Malformed, "OIDC Core 3.1.3.3", detail);
            let fault = Fault::from_findings(vec![finding]).map_or(Ok(None), Err);
            return journey.step(ID_TOKEN, async { fault }).await;
        }
        journey.skip(ID_TOKEN, "no ID token was issued: `openid` is not among the scopes");
        return Ok(None);
    };
    let ask = IdTokenAsk {
        nonce: Some(nonce.expose()),
        max_age: login.max_age(),
        access_token: Some(tokens.access_token.expose()),
        code: None,
        subject: None,
        expect: &login.expect,
        userinfo_follows: asks_userinfo(relying, metadata),
    };
    journey.step(ID_TOKEN, relying.id_token(metadata, keys, id_token, ask)).await.map(Some)
}

/// Whether a login ends with a question to userinfo.
pub fn asks_userinfo(relying: &Relying, metadata: &Metadata) -> bool {
    metadata.optional_endpoint("userinfo_endpoint").is_some() && asked_for_openid(relying)
}

/// Step `userinfo`: with `sub` compared, and what the probe demands.
pub async fn ask_userinfo(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
    subject: Option<&str>,
    expect: &Expect,
) -> Result<(), Stopped> {
    if metadata.optional_endpoint("userinfo_endpoint").is_none() {
        journey.skip(USERINFO, "the provider has no userinfo_endpoint");
        return Ok(());
    }
    if !asked_for_openid(relying) {
        journey.skip(USERINFO, "`openid` is not among the scopes");
        return Ok(());
    }
    let work = async {
        let userinfo = relying.userinfo(metadata, &tokens.access_token, subject).await?;
        // What userinfo does not repeat, the ID token may have said.
        let id_token = tokens.id_token.as_ref().and_then(|token| Jwt::decode(token.expose(), "ID token").ok());
        let findings = match id_token {
            Some(Jwt { claims: Claims(mut claims), .. }) => {
                claims.extend(userinfo);
                expect.check_claims(&claims)
            }
            // A refresh may bring none; the login's was complete.
            None => expect.check_present(&userinfo),
        };
        Fault::from_findings(findings).map_or(Ok(()), Err)
    };
    journey.step(USERINFO, work).await
}

/// Whether the client asks for an ID token.
pub fn asked_for_openid(relying: &Relying) -> bool {
    relying.client.as_ref().is_some_and(|client| client.scopes.iter().any(|scope| scope == "openid"))
}

/// `sub` of an ID token.
pub fn subject(claims: Option<&Claims>) -> Option<String> {
    claims?.0.get("sub")?.as_str().map(str::to_owned)
}

/// Has what was issued revoked when the run is over, if the provider can do that: the refresh token first, which should
/// take the access tokens of its grant along (RFC 7009 §2.1), then the access token all the same.
pub fn revoke_later(journey: &mut Journey, relying: &Relying, metadata: &Metadata, tokens: &Tokens) {
    if metadata.optional_endpoint("revocation_endpoint").is_none() {
        return;
    }
    journey.defer(REVOKE, revocation(relying, metadata, tokens));
}

/// Revokes tokens, whenever it is polled first (RFC 7009 §2.1).
pub fn revocation(
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
    let (relying, metadata, tokens) = (relying.clone(), metadata.clone(), tokens.clone());
    async move {
        // Only now: the time for it counts from here.
        let refresh = match &tokens.refresh_token {
            Some(token) => relying.for_cleanup().revoke(&metadata, token, "refresh_token").await,
            None => Ok(()),
        };
        relying.for_cleanup().revoke(&metadata, &tokens.access_token, "access_token").await.and(refresh)
    }
}

/// Waits; the journey's deadline still holds.
pub async fn pause(clock: &Clock, wait: Duration) {
    tokio::time::sleep_until(clock.instant() + wait).await;
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
