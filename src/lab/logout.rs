//! RP-Initiated Logout 1.0.

use http::header::SET_COOKIE;
use http::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::World;
use super::accounts::{Client, audience, on_loopback};
use super::authorize::SESSION_COOKIE;
use super::backchannel;
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::jws::{self, Claims, s256};
use super::pages;
use super::reply::Reply;
use super::server::Call;

/// Ends the session: at once for who brings an ID token of it, after a question otherwise.
pub fn end_session(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let hint = form.get("id_token_hint").and_then(|token| own_id_token(world, token));
    if form.get("id_token_hint").is_some() && hint.is_none() {
        return pages::message(StatusCode::BAD_REQUEST, "Not signed out", "id_token_hint is no ID token of ours.");
    }
    let confirmed = call.method == Method::POST && call.cookie(SESSION_COOKIE).map(s256).as_deref() == form.get("csrf");
    if hint.is_none() && call.cookie(SESSION_COOKIE).is_some() && !confirmed {
        // The hidden field is the cookie's digest: only this browser knows it.
        let csrf = call.cookie(SESSION_COOKIE).map(s256).unwrap_or_default();
        return pages::confirm_logout(&format!("{}{}", world.issuer.path, Endpoint::EndSession.path()), &csrf);
    }
    let back = match way_back(&form, hint.as_ref()) {
        Ok(back) => back,
        Err(why) => return pages::message(StatusCode::BAD_REQUEST, "Not signed out", why),
    };
    let ignored = world.faults.switch(Switch::LogoutIgnored).is_some();
    if !ignored {
        let mut store = world.store();
        if let Some(cookie) = call.cookie(SESSION_COOKIE) {
            store.sessions.remove(call.moment.now, &cookie.to_owned());
        }
        if let Some(session) = hint.as_ref().and_then(|claims| claims.get("sid")).and_then(Value::as_str) {
            store.end_session(session);
        }
        drop(store);
        if let Some(hint) = &hint {
            backchannel::tell(world, call.moment, hint);
        }
    }
    let gone = format!("{}; Max-Age=0", world.cookie(SESSION_COOKIE, "", world.root_path()));
    let reply = match back {
        Some(url) => Reply::see_other(url.as_str()),
        None => pages::message(StatusCode::OK, "Signed out", "You can close this page."),
    };
    // A provider that forgets to end the session forgets the cookie too.
    if ignored { reply } else { reply.header(SET_COOKIE, &gone) }
}

/// The claims of an ID token that the lab issued, expired or not (§2: "SHOULD accept ID Tokens … even after expiry").
fn own_id_token(world: &World, token: &str) -> Option<Claims> {
    let claims = jws::read(token, |message, signature| world.keys().made(message, signature))?;
    (claims.get("iss").and_then(Value::as_str) == Some(world.issuer.text.as_str())).then_some(claims)
}

/// Where the browser goes afterwards.
fn way_back(form: &Form, hint: Option<&Claims>) -> Result<Option<Url>, &'static str> {
    let Some(uri) = form.get("post_logout_redirect_uri") else { return Ok(None) };
    let hinted = hint
        .and_then(|claims| claims.get("aud"))
        .and_then(|aud| audience(aud).map(|client| client.id).or(aud.as_str()));
    let named = form.get("client_id");
    if named.is_some() && hinted.is_some() && named != hinted {
        return Err("client_id is not the one of id_token_hint.");
    }
    if hinted.or(named).and_then(Client::find).is_none() || !on_loopback(uri) {
        return Err("post_logout_redirect_uri is registered for no client that was named.");
    }
    let mut url = Url::parse(uri).map_err(|_| "post_logout_redirect_uri is no URL.")?;
    if let Some(state) = form.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(url))
}
