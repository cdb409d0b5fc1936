//! What follows the login pages, whatever response type was asked for and however the pages were walked: every token that
//! came is validated and used.

use super::login_flow::{self as flow, Authorized, Known};
use super::login_settings::Login;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::FrontToken;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::Claims;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::token::Tokens;
use crate::secret::Secret;

/// The ID token that came with a code is validated, before the code is used (hybrid flow, OIDC Core 3.3.2.8).
pub const FRONT_ID_TOKEN: StepName = "front_id_token";
/// The access token is for the resource that was asked for (RFC 8707).
pub const ACCESS_TOKEN: StepName = "access_token";

/// The steps that follow `login`, as the settings ask for them.
pub fn steps(login: &Login) -> Vec<StepName> {
    let asked = login.response_type();
    let mut steps = Vec::new();
    if asked.code && asked.id_token {
        steps.push(FRONT_ID_TOKEN);
    }
    if asked.code {
        steps.push(flow::TOKEN);
    }
    steps.push(flow::ID_TOKEN);
    if !login.resource().is_empty() {
        steps.push(ACCESS_TOKEN);
    }
    if login.asks_userinfo() {
        steps.push(flow::USERINFO);
    }
    steps
}

/// How many requests they send, revocations included.
pub fn requests(login: &Login) -> u32 {
    let asked = login.response_type();
    let userinfo = u32::from(login.asks_userinfo());
    // The code; refresh and access token are revoked.
    let code = if asked.code { 1 + 2 } else { 0 };
    // An access token from the authorization endpoint is used and revoked as well.
    let front = if asked.token { 1 + userinfo * u32::from(asked.code) } else { 0 };
    code + front + userinfo
}

/// What a login brought.
pub struct Concluded {
    /// The ID token of the login.
    pub id_token: Option<Secret>,
    /// Whom it is about.
    pub subject: Option<String>,
}

/// Takes [`steps`]. Whatever is issued is revoked when the run is over.
pub async fn conclude(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    authorized: &Authorized,
    login: &Login,
) -> Result<Concluded, Stopped> {
    let front = front_tokens(relying, authorized);
    if let Some(front) = &front {
        flow::revoke_later(journey, relying, metadata, front);
    }
    let asked = authorized.pending.response_type;
    let front_claims = validate_front(journey, relying, metadata, keys, authorized, login).await?;
    let mut subject = flow::subject(front_claims.as_ref());
    let mut id_token = authorized.granted.id_token.clone();
    let tokens = if asked.code {
        let tokens = flow::exchange(journey, relying, metadata, authorized, login).await?;
        let code = authorized.granted.code.as_ref().filter(|_| asked.id_token);
        let known = Known {
            nonce: Some(&authorized.pending.nonce),
            code: code.map(Secret::expose),
            subject: subject.as_deref(),
        };
        let claims = flow::validate_id_token(journey, relying, metadata, keys, &tokens, login, known).await?;
        subject = flow::subject(claims.as_ref()).or(subject);
        id_token = tokens.id_token.clone().or(id_token);
        Some(tokens)
    } else {
        front.clone()
    };
    if let Some(tokens) = &tokens {
        if !login.resource().is_empty() {
            journey.step(ACCESS_TOKEN, audience(relying, metadata, keys, tokens, login.resource())).await?;
        }
        if login.asks_userinfo() {
            let other = front.as_ref().filter(|front| asked.code && front.access_token != tokens.access_token);
            use_front(journey, relying, metadata, tokens, other, subject.as_deref(), login).await?;
        }
    }
    Ok(Concluded { id_token, subject })
}

/// The access token of the authorization endpoint, as the token endpoint would have given it.
pub fn front_tokens(relying: &Relying, authorized: &Authorized) -> Option<Tokens> {
    let FrontToken { token, token_type, expires_in, scope } = authorized.granted.access.clone()?;
    Some(Tokens {
        access_token: token,
        token_type,
        expires_in,
        refresh_token: None,
        refresh_expires_in: None,
        id_token: authorized.granted.id_token.clone(),
        scope,
        issued_token_type: None,
        received: relying.clock.now(),
    })
}

/// The ID token of the authorization endpoint, if one was asked for (OIDC Core 3.2.2.11, 3.3.2.12).
async fn validate_front(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    authorized: &Authorized,
    login: &Login,
) -> Result<Option<Claims>, Stopped> {
    let granted = &authorized.granted;
    let (Some(id_token), hybrid) = (&granted.id_token, granted.code.is_some()) else { return Ok(None) };
    let work = async {
        let claims = front_id_token(relying, metadata, keys, authorized, id_token, login, None).await?;
        // Beside a code the other ID token may say more (OIDC Core 3.3.3.6).
        let mut findings = if hybrid { Vec::new() } else { login.claims().check_id_token(&claims.0) };
        if let (false, Some(access)) = (hybrid, &granted.access) {
            findings.extend(login.expect.check_scopes(access.scope.as_deref(), &relying.client()?.scopes));
        }
        Fault::from_findings(findings).map_or(Ok(claims), Err)
    };
    journey.step(if hybrid { FRONT_ID_TOKEN } else { flow::ID_TOKEN }, work).await.map(Some)
}

/// Validates an ID token of the authorization endpoint; `subject`: whom it must be about.
pub async fn front_id_token(
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    authorized: &Authorized,
    id_token: &Secret,
    login: &Login,
    subject: Option<&str>,
) -> Result<Claims, Fault> {
    let granted = &authorized.granted;
    let more_follows = login.asks_userinfo() && flow::asks_userinfo(relying, metadata);
    let ask = IdTokenAsk {
        nonce: Some(authorized.pending.nonce.expose()),
        max_age: login.max_age(),
        access_token: granted.access.as_ref().map(|access| access.token.expose()),
        code: granted.code.as_ref().map(Secret::expose),
        subject,
        expect: &login.expect,
        userinfo_follows: more_follows || granted.code.is_some(),
        front_channel: true,
    };
    relying.id_token(metadata, keys, id_token, ask).await
}

/// RFC 8707 §2: an access token that says whom it is for names what was asked for. An opaque one does not say.
async fn audience(
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    tokens: &Tokens,
    resource: &[String],
) -> Result<(), Fault> {
    let Some(claims) = relying.verify_access_token(metadata, keys, tokens).await? else { return Ok(()) };
    Fault::from_findings(missing_audience(&claims, resource)).map_or(Ok(()), Err)
}

fn missing_audience(claims: &Claims, resource: &[String]) -> Vec<Finding> {
    let found = claims.audience();
    let missing = resource.iter().filter(|resource| !found.contains(&resource.as_str()));
    let told = |resource: &String| {
        let found = crate::oidc::json::short(&found.join(" "), 200);
        let detail = format!("the access token's aud lacks the resource {resource}; found {found}");
        Finding::new(Class::ClaimAudience, "RFC 8707 §2", detail)
    };
    missing.map(told).collect()
}

/// Step `userinfo`, with the access token of the authorization endpoint as well, if that is another one (OIDC Core 3.3.3.8).
async fn use_front(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
    front: Option<&Tokens>,
    subject: Option<&str>,
    login: &Login,
) -> Result<(), Stopped> {
    let Some(front) = front else {
        return flow::ask_userinfo(journey, relying, metadata, tokens, subject, login).await;
    };
    if metadata.optional_endpoint("userinfo_endpoint").is_none() || !flow::asked_for_openid(relying) {
        return flow::ask_userinfo(journey, relying, metadata, tokens, subject, login).await;
    }
    let work = async {
        flow::check_userinfo(relying, metadata, tokens, subject, login).await?;
        relying.userinfo(metadata, &front.access_token, subject).await.map(drop).map_err(|mut fault| {
            fault.detail = format!("with the access token of the authorization endpoint: {}", fault.detail);
            fault
        })
    };
    journey.step(flow::USERINFO, work).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn login(toml: &str) -> Login {
        let mut problems = Vec::new();
        let login = Login::take_whole(&mut toml::from_str(toml).unwrap(), &mut problems);
        assert_eq!(problems, []);
        login
    }

    #[test]
    fn the_steps_are_those_of_the_response_type() {
        for (toml, expected, sends) in [
            ("", &["token", "id_token", "userinfo"][..], 4),
            ("response_type = \"id_token\"", &["id_token"], 0),
            ("response_type = \"id_token token\"", &["id_token", "userinfo"], 2),
            ("response_type = \"code id_token\"", &["front_id_token", "token", "id_token", "userinfo"], 4),
            ("response_type = \"code token\"", &["token", "id_token", "userinfo"], 6),
            ("response_type = \"code id_token token\"", &["front_id_token", "token", "id_token", "userinfo"], 6),
            ("resource = [\"urn:a\"]", &["token", "id_token", "access_token"], 3),
        ] {
            let login = login(toml);
            assert_eq!((steps(&login).as_slice(), requests(&login)), (expected, sends), "{toml}");
        }
    }

    #[test]
    fn every_resource_is_in_the_audience() {
        let claims = |aud| Claims(json!({"aud": aud}).as_object().unwrap().clone());
        let asked = ["https://api.example.com".to_owned(), "urn:b".to_owned()];
        assert_eq!(missing_audience(&claims(json!(["urn:b", "https://api.example.com"])), &asked), []);
        let findings = missing_audience(&claims(json!("https://api.example.com/")), &asked);
        assert_eq!(findings.iter().map(|f| f.class).collect::<Vec<_>>(), [Class::ClaimAudience; 2]);
        assert!(findings[0].detail.contains("lacks the resource https://api.example.com;"), "{}", findings[0].detail);
        assert_eq!(missing_audience(&Claims(serde_json::Map::new()), &asked[1..]).len(), 1);
    }
}
