//! The silent renewal: a second authorization request of the same session that nobody sees (OIDC Core 3.1.2.1,
//! `prompt=none`).

use super::form_walk as walk;
use super::login_flow::{self as flow, Authorized};
use super::login_settings::Login;
use super::whole_login::{self as whole, Concluded};
use crate::browser::Seat;
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::{Answer, Ask, Pending};
use crate::oidc::form::walker::Arrival;
use crate::oidc::form::{Next, page};
use crate::oidc::http::Endpoint;
use crate::oidc::jwks::KeySet;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::token::Tokens;
use crate::secret::Secret;

/// The login is renewed without the user.
pub const SILENT: StepName = "silent";

/// How many requests it sends: the authorization endpoint with a redirect, the code, two revocations.
pub const REQUESTS: u32 = 2 + 1 + 2;

/// Who holds the session.
pub enum Agent<'a> {
    /// The cookies of the HTTP client.
    Forms,
    /// A browser.
    Browser(&'a Seat),
}

/// Step `silent`, after a login that brought `before`: the answer must come without any page, and what it brings must be
/// good and about the same user. Whatever is issued is revoked when the run is over.
///
/// Faults besides those of the login's own steps: `oauth_error` (`login_required`, `interaction_required`,
/// `consent_required`, …), `login_page` if a page comes instead.
pub async fn renew(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    login: &Login,
    before: &Concluded,
    agent: Agent<'_>,
) -> Result<(), Stopped> {
    let (mut front, mut issued) = (None, None);
    let work = async {
        let ask = Ask {
            prompt: Some("none".to_owned()),
            id_token_hint: before.id_token.clone(),
            ..login.ask(relying.client()?)
        };
        let pending = relying.push(metadata, flow::request_for(relying, metadata, &ask)?).await?;
        let answer = match agent {
            Agent::Forms => by_form(relying, metadata, &pending).await?,
            Agent::Browser(seat) => seat.silently(&pending.url).await?,
        };
        let granted = flow::processed(relying, metadata, &pending, &answer)?;
        let authorized = Authorized { granted, pending };
        front = whole::front_tokens(relying, &authorized);
        let subject = before.subject.as_deref();
        if let Some(id_token) = &authorized.granted.id_token {
            whole::front_id_token(relying, metadata, keys, &authorized, id_token, login, subject).await?;
        }
        if authorized.granted.code.is_some() {
            let tokens = issued.insert(relying.token(metadata, flow::grant(&authorized, login)?).await?);
            same_user(relying, metadata, keys, &authorized, tokens, login, subject).await?;
        }
        Ok(())
    };
    let result = journey.step(SILENT, work).await;
    for tokens in [front, issued].into_iter().flatten() {
        flow::revoke_later(journey, relying, metadata, &tokens);
    }
    result
}

/// The token endpoint's ID token, if one came.
async fn same_user(
    relying: &Relying,
    metadata: &Metadata,
    keys: &mut KeySet,
    authorized: &Authorized,
    tokens: &Tokens,
    login: &Login,
    subject: Option<&str>,
) -> Result<(), Fault> {
    let Some(id_token) = &tokens.id_token else { return Ok(()) };
    let hybrid = authorized.pending.response_type.id_token;
    let ask = IdTokenAsk {
        nonce: Some(authorized.pending.nonce.expose()),
        max_age: login.max_age(),
        access_token: Some(tokens.access_token.expose()),
        code: authorized.granted.code.as_ref().filter(|_| hybrid).map(Secret::expose),
        subject,
        expect: &login.expect,
        // What userinfo says of this user was asked already.
        userinfo_follows: login.asks_userinfo() && flow::asks_userinfo(relying, metadata),
        front_channel: false,
    };
    relying.id_token(metadata, keys, id_token, ask).await.map(drop)
}

async fn by_form(relying: &Relying, metadata: &Metadata, pending: &Pending) -> Result<Answer, Fault> {
    let endpoint = metadata.endpoint("authorization_endpoint")?;
    let walker = walk::walker(relying, &pending.redirect_uri, &endpoint, Endpoint::Authorization);
    match walker.open(pending.url.clone()).await? {
        Arrival::Answer(answer) => Ok(answer),
        Arrival::Page(shown) => match page::sends_itself(&shown, pending.redirect_uri.url())? {
            Some(Next::Answer(answer)) => Ok(answer),
            _ => {
                let fault = page::first(&shown).err().unwrap_or_else(|| page::unasked(&shown));
                Err(walker.told(fault, &shown.url))
            }
        },
    }
}
