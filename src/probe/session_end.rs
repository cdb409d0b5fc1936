//! Ending a session at the provider, and seeing that it is gone: OIDC RP-Initiated Logout 1.0, over plain HTTP and forms.

use url::Url;

use super::form_walk as walk;
use super::login_flow as flow;
use crate::clock::Instant;
use crate::fault::{Class, Fault};
use crate::oidc::authorize::{self, Answer, Ask, Expected};
use crate::oidc::form::Page;
use crate::oidc::form::leave::{self, Wants};
use crate::oidc::form::looks::looks;
use crate::oidc::form::steps::Guide;
use crate::oidc::form::walker::Arrival;
use crate::oidc::http::Endpoint;
use crate::oidc::metadata::Metadata;
use crate::oidc::pkce;
use crate::oidc::relying::Relying;
use crate::oidc::settings::RedirectUri;
use crate::outcome::Warning;
use crate::secret::Secret;

/// How many requests more it takes where `prompt=none` fails: one, with its redirects.
pub const SECOND_LOOK: u32 = 3;

/// Ends the session (§2), by pressing the button where somebody has to confirm it. With `back` (§3) the provider must lead
/// there, with the `state` that was sent. Returns when the request that ended it was sent.
///
/// Faults besides those of the requests: `http_status`, `redirect` and `state_mismatch` (not back, or not as sent), `config`.
/// A page that asks for something else is a warning: [`session_is_gone`] tells whether it was a confirmation.
pub async fn end_session(
    relying: &Relying,
    endpoint: &Url,
    id_token: Option<&Secret>,
    back: Option<&RedirectUri>,
) -> Result<Instant, Fault> {
    let client = relying.client()?;
    let redirect_uri = match back {
        Some(back) => back,
        None => flow::redirect_uri(client)?,
    };
    let state = pkce::random();
    relying.recorder.protect(state.expose());
    let mut url = endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", &client.client_id);
    if let Some(id_token) = id_token {
        url.query_pairs_mut().append_pair("id_token_hint", id_token.expose());
    }
    if let Some(back) = back {
        url.query_pairs_mut()
            .append_pair("post_logout_redirect_uri", back.as_str())
            .append_pair("state", state.expose());
    }
    let walker = walk::walker(relying, redirect_uri, endpoint, Endpoint::EndSession);
    let mut sent = relying.clock.instant();
    let mut arrival = walker.open(url).await?;
    if let Arrival::Page(page) = &arrival {
        landed(relying, endpoint, page)?;
        match leave::wants(page)? {
            Wants::Nothing => {}
            Wants::Confirmation(confirmation) => {
                sent = relying.clock.instant();
                arrival = walker.press(page, confirmation).await?;
                if let Arrival::Page(after) = &arrival {
                    landed(relying, endpoint, after)?;
                }
            }
            Wants::Something => {
                let detail = "the logout page asks for something, and no button on it ends the session";
                relying.recorder.warn(Warning::new("logout_page", "OIDC RP-Initiated Logout 2", detail));
            }
        }
    }
    if back.is_some() {
        came_back(&arrival, state.expose())?;
    }
    Ok(sent)
}

/// §3: back to us, with our `state` unchanged.
fn came_back(arrival: &Arrival, state: &str) -> Result<(), Fault> {
    let params = match arrival {
        Arrival::Answer(params) => params,
        Arrival::Page(page) => {
            let detail = format!(
                "the logout ends at {} and does not lead to post_logout_redirect_uri (is it registered?)",
                page.url.path()
            );
            return Err(Fault::new(Class::Redirect, detail));
        }
    };
    let mut states = params.iter().filter(|(name, _)| name == "state").map(|(_, value)| value.as_str());
    let wrong = |what: &str| Err(Fault::new(Class::StateMismatch, format!("after the logout the state {what}")));
    match (states.next(), states.next()) {
        (Some(found), None) if found == state => Ok(()),
        (Some(_), None) => wrong("is not the one that was sent"),
        (None, _) => wrong("is missing"),
        (Some(_), Some(_)) => wrong("is there twice"),
    }
}

/// A request such as `ask` with `prompt=none` must not be answered with a code any more (OIDC Core 3.1.2.6). Faults besides those of the
/// request: `logout_ineffective`; those of the answer.
///
/// Where `prompt=none` itself fails, an ordinary request is looked at instead: it must lead to the login page, which
/// `guide` knows.
pub async fn session_is_gone(relying: &Relying, metadata: &Metadata, ask: Ask, guide: &Guide) -> Result<(), Fault> {
    let warn = |detail: String| {
        relying.recorder.warn(Warning::new("prompt_none", "OIDC Core 3.1.2.6", detail));
        Ok(())
    };
    let silently = Ask { prompt: Some("none".to_owned()), ..ask.clone() };
    let page = match look(relying, metadata, &silently, "with prompt=none ").await? {
        Some(page) => page,
        None => return Ok(()),
    };
    if page.status < 500 {
        return warn("a request with prompt=none was answered with a page instead of login_required".to_owned());
    }
    let failed = format!("after the logout a request with prompt=none ended with status {}", page.status);
    match look(relying, metadata, &Ask { prompt: None, ..ask }, "").await {
        Ok(Some(page)) if page.status < 400 && looks(&page, guide).asks => {
            warn(format!("{failed}; that the session is gone is known from the login page, which comes without it"))
        }
        Ok(None) => warn(failed),
        Err(fault) if fault.class == Class::LogoutIneffective => Err(fault),
        Ok(Some(_)) | Err(_) => Err(Fault::new(Class::HttpStatus, failed)),
    }
}

/// Sends the request: the page that it leads to; `None`: an answer that says that nobody is logged in.
async fn look(relying: &Relying, metadata: &Metadata, ask: &Ask, how: &str) -> Result<Option<Page>, Fault> {
    let client = relying.client()?;
    let redirect_uri = flow::redirect_uri(client)?;
    let endpoint = metadata.endpoint("authorization_endpoint")?;
    let pending = authorize::request(&endpoint, &client.client_id, redirect_uri, ask);
    pending.protect(&relying.recorder);
    let pending = relying.push(metadata, pending).await?;
    let walker = walk::walker(relying, redirect_uri, &endpoint, Endpoint::Authorization);
    let answer = match walker.open(pending.url).await? {
        Arrival::Page(page) => return Ok(Some(page)),
        Arrival::Answer(answer) => answer,
    };
    answer.protect(&relying.recorder);
    // Whether errors carry a promised `iss` is not what is asked here.
    let expected = Expected {
        state: &pending.state,
        issuer: metadata.issuer(),
        iss_promised: false,
        response_type: pending.response_type,
        response_mode: pending.response_mode,
    };
    judge_silence(&answer, expected, how).map(|()| None)
}

/// What an answer that nobody was asked for says of the session (OIDC Core 3.1.2.6): a code needs one, and so does the
/// question which account or which consent it shall be.
fn judge_silence(answer: &Answer, expected: Expected<'_>, how: &str) -> Result<(), Fault> {
    let ineffective = |what: &str| {
        let detail = format!("after the logout a request {how}was answered with {what}");
        Err(Fault::new(Class::LogoutIneffective, detail))
    };
    match authorize::process(answer, expected) {
        Ok(granted) if granted.code.is_none() => ineffective("tokens"),
        Ok(_) => ineffective("a code"),
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

    fn params(query: &str) -> Answer {
        Answer::of_url(&Url::parse(&format!("http://127.0.0.1:8765/cb?{query}")).unwrap())
    }

    #[test]
    fn only_an_answer_without_session_shows_that_it_is_gone() {
        let judge = |query: &str| {
            let state = Secret::new("xyz");
            let expected = Expected {
                state: &state,
                issuer: "https://a.example.com",
                iss_promised: false,
                response_type: ResponseType::default(),
                response_mode: ResponseMode::Query,
            };
            judge_silence(&params(query), expected, "with prompt=none ").map_err(|fault| fault.class)
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
    fn one_comes_back_with_the_state_that_was_sent() {
        let back = |query: &str| came_back(&Arrival::Answer(params(query)), "xyz").map_err(|fault| fault.class);
        assert_eq!((back("state=xyz"), back("state=xyz&lang=de")), (Ok(()), Ok(())));
        for query in ["", "state=abc", "state=xyz&state=xyz"] {
            assert_eq!(back(query), Err(Class::StateMismatch), "{query:?}");
        }
    }
}
