//! `userinfo`: who the user is, asked in every way that must work, and in ways that must not (OIDC Core 5.3).

use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use http::{Method, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::form_walk as walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::bearer::{self, Bad};
use crate::oidc::forge::{self, Original};
use crate::oidc::http::Response;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::response;
use crate::oidc::token::Tokens;
use crate::outcome::{Observation, Warning};
use crate::secret::Secret;

/// The same question by POST.
const POST: StepName = "post";
/// Without a token nobody is told anything.
const WITHOUT_TOKEN: StepName = "without_token";
/// Tokens that are not the provider's are refused.
const BAD_TOKEN: StepName = "bad_token";

/// What the metadata of a provider lists that can sign its answer (OIDC Discovery §3).
const SIGNING: &str = "userinfo_signing_alg_values_supported";

/// See the module.
pub const KIND: Kind = Kind {
    name: "userinfo",
    summary: "Logs in by forms, asks userinfo by GET and POST, and sees that it refuses bad tokens.",
    spec: "OIDC Core 5.3, RFC 6750",
    client: Need::Required,
    user: Need::Required,
    attacks: || vec![WITHOUT_TOKEN, BAD_TOKEN],
    schema: Login::schema_with::<Settings>,
    parse,
};

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether the answer must be signed (the client's `userinfo_signed_response_alg`, OIDC Core 5.3.2). Absent: signed or
    /// not, as it comes.
    signed: Option<bool>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    if !login.resource().is_empty() {
        problems.push(problem("resource", "with it the access token is not for userinfo"));
    }
    if problems.is_empty() { Ok(Box::new(Userinfo { login, signed: settings.signed })) } else { Err(problems) }
}

struct Userinfo {
    login: Login,
    signed: Option<bool>,
}

#[async_trait]
impl Probe for Userinfo {
    fn steps(&self) -> Vec<StepName> {
        vec![
            flow::DISCOVERY,
            flow::JWKS,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            flow::USERINFO,
            POST,
            WITHOUT_TOKEN,
            BAD_TOKEN,
        ]
    }

    fn cost(&self) -> Cost {
        // Metadata twice where it hides an endpoint, keys, code, tokens; two questions (with keys, if signed), one without
        // a token, two with bad ones; two revocations.
        let signed = if self.signed == Some(false) { 0 } else { 2 };
        let requests = 2 + 1 + flow::LOGIN_REQUESTS + 1 + 2 + 3 + 2;
        Cost { requests: requests + signed, burst: requests + 2 + flow::LOGIN_DETOURS, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(flow::DISCOVERY, offers(&relying)).await?;
        let mut keys = journey.step(flow::JWKS, relying.keys(&metadata)).await?;
        let authorized = walk::authorize_by_form(cx, journey, &relying, &metadata, &self.login).await?;
        let tokens = flow::exchange(journey, &relying, &metadata, &authorized, &self.login).await?;
        let known = flow::Known { nonce: Some(&authorized.pending.nonce), ..flow::Known::default() };
        let claims =
            flow::validate_id_token(journey, &relying, &metadata, &mut keys, &tokens, &self.login, known).await?;
        let subject = flow::subject(claims.as_ref());
        journey.step(flow::USERINFO, self.by_get(&relying, &metadata, &tokens, subject.as_deref())).await?;
        journey.step(POST, self.by_post(&relying, &metadata, &tokens, subject.as_deref())).await?;
        // Without the cookies of the login: its session must not answer instead of the token.
        let stranger = Relying { http: cx.http(journey), ..relying };
        journey.step(WITHOUT_TOKEN, refused(&stranger, &metadata, Bad::NoToken, None)).await?;
        journey.step(BAD_TOKEN, bad_tokens(&stranger, &metadata, &tokens.access_token)).await
    }
}

async fn offers(relying: &Relying) -> Result<Metadata, Fault> {
    let metadata = relying.metadata_with(&["userinfo_endpoint"], &["revocation_endpoint"]).await?;
    metadata.endpoint("userinfo_endpoint")?;
    if !flow::asked_for_openid(relying) {
        let name = relying.client().map(|client| client.name.clone())?;
        let detail = format!("userinfo is for tokens with the scope openid, which client {name} does not ask for");
        return Err(Fault::new(Class::Config, detail));
    }
    Ok(metadata)
}

impl Userinfo {
    async fn by_get(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        tokens: &Tokens,
        subject: Option<&str>,
    ) -> Result<(), Fault> {
        let answer = relying.show_userinfo(metadata, Method::GET, Some(&tokens.access_token)).await?;
        let claims = self.claims(relying, metadata, &answer, subject).await?;
        Fault::from_findings(self.login.expect.check_claims(&claims)).map_or(Ok(()), Err)
    }

    /// OIDC Core 5.3: both methods must be supported. A client can do with one.
    async fn by_post(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        tokens: &Tokens,
        subject: Option<&str>,
    ) -> Result<(), Fault> {
        let answer = relying.show_userinfo(metadata, Method::POST, Some(&tokens.access_token)).await?;
        if answer.status.is_client_error() {
            let detail =
                format!("userinfo refuses POST: status {}; it must support GET and POST", answer.status.as_u16());
            relying.recorder.warn(Warning::new("userinfo_post", "OIDC Core 5.3", detail));
            return Ok(());
        }
        self.claims(relying, metadata, &answer, subject).await.map(drop)
    }

    async fn claims(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        answer: &Response,
        subject: Option<&str>,
    ) -> Result<Map<String, Value>, Fault> {
        let claims = relying
            .read_userinfo(metadata, answer, subject)
            .await?
            .map_err(|code| Fault::new(Class::OauthError, format!("userinfo refuses the access token: {code}")))?;
        let found = if is_signed(answer) { "signed" } else { "plain" };
        // What was signed once and is not any more was taken away, not left out.
        let (once, now) = (&relying.memory.signs_userinfo, is_signed(answer));
        let signs = once.fetch_or(now, Relaxed) || now;
        let expected = self.signed.map(|signed| if signed { "signed" } else { "plain" });
        match expected.filter(|expected| *expected != found) {
            None => Ok(claims),
            Some("signed") if !signs && metadata.document().is_some() && !metadata.has(SIGNING) => {
                let detail = format!("userinfo answers with plain claims, and the metadata has no {SIGNING}");
                Err(Fault::new(Class::Unsupported, detail))
            }
            Some(expected) => {
                let detail = format!("userinfo answers with {found} claims; expected {expected} ones (`signed`)");
                let finding = Finding::new(Class::Malformed, "OIDC Core 5.3.2", detail);
                Fault::from_findings(vec![finding]).map_or(Ok(claims), Err)
            }
        }
    }
}

fn is_signed(answer: &Response) -> bool {
    let value = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.map(response::media_type).as_deref() == Some("application/jwt")
}

/// RFC 6750 §3.1: a token that was altered, or was never signed, is refused.
async fn bad_tokens(relying: &Relying, metadata: &Metadata, token: &Secret) -> Result<(), Fault> {
    refused(relying, metadata, Bad::Invalid, Some(("an altered token", forge::tampered(token)))).await?;
    if let Some(original) = Original::read(token) {
        refused(relying, metadata, Bad::Invalid, Some(("a token with alg none", original.unsigned()?))).await?;
    }
    Ok(())
}

async fn refused(relying: &Relying, metadata: &Metadata, bad: Bad, shown: Option<(&str, Secret)>) -> Result<(), Fault> {
    let (what, token) = shown.map_or(("no token", None), |(what, token)| (what, Some(token)));
    token.as_ref().inspect(|token| relying.recorder.protect(token.expose()));
    let answer = relying.show_userinfo(metadata, Method::GET, token.as_ref()).await?;
    let mut warnings = Vec::new();
    let result = bearer::refused(&answer, bad, ("userinfo", what, "OIDC Core 5.3.3"), &mut warnings);
    relying.recorder.warn_all(warnings);
    let attack = if bad == Bad::NoToken { WITHOUT_TOKEN } else { BAD_TOKEN };
    let result = result.map_err(|fault| fault.of_attack(attack));
    let accepted = match &result {
        Ok(()) => Some(false),
        Err(fault) => (fault.class == Class::AttackAccepted).then_some(true),
    };
    relying.recorder.observe(Observation::Attack { attack, accepted });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::response::testing;

    fn parsed(text: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(text).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn signed_answers_cost_the_keys() {
        let cost = |text| parsed(text).ok().unwrap().cost();
        assert_eq!(cost("").requests, cost("signed = true").requests);
        assert_eq!(cost("signed = false").requests + 2, cost("signed = true").requests);
        assert_eq!(cost("signed = false").burst, cost("signed = true").burst);
        assert_eq!(parsed("singed = true\npage = 'x'").err().unwrap().len(), 2);
        assert_eq!(parsed("resource = ['urn:a']").err().unwrap()[0].key, "resource");
    }

    #[test]
    fn signed_answers_are_known_by_their_media_type() {
        let of = |kind| is_signed(&testing::response(200, &[("content-type", kind)], ""));
        assert!(of("application/jwt; charset=utf-8") && of("Application/JWT"));
        assert!(!of("application/json") && !is_signed(&testing::response(200, &[], "")));
    }
}
