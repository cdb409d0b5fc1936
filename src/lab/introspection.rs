//! Introspection (RFC 7662) and revocation (RFC 7009).

use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::World;
use super::accounts::Client;
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::jws::TokenKind;
use super::reply::Reply;
use super::server::Call;
use super::store::token_key;

/// The media type of a signed answer (RFC 9701 §4).
const SIGNED: &str = "application/token-introspection+jwt";

/// Says whether a token is alive, and what it is.
pub fn introspect(world: &World, call: &Call) -> Reply {
    let open = world.faults.switch(Switch::IntrospectionOpen).is_some();
    let (form, client) = match authenticated(world, call) {
        Ok((form, client)) => (form, Some(client)),
        Err(refused) => match call.form() {
            Ok(form) if open => (form, None),
            _ => return refused,
        },
    };
    if client.is_some_and(|client| client.secret.is_none()) {
        // RFC 7662 §2.1: no scanning for tokens by just anybody.
        return Reply::error(StatusCode::UNAUTHORIZED, "invalid_client", "public clients may not introspect")
            .header(WWW_AUTHENTICATE, r#"Basic realm="lab""#);
    }
    let Some(token) = form.get("token") else {
        return Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "token is missing");
    };
    let document = describe(world, call, token).unwrap_or_else(|| json!({"active": false}));
    let document = world.document(Endpoint::Introspection, document);
    let accepts = call.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let (true, Some(client)) = (accepts.contains(SIGNED), client) {
        // RFC 9701 §5.
        let claims = json!({
            "iss": world.issuer.text, "aud": client.id, "iat": call.moment.told.as_secs(),
            "token_introspection": document,
        });
        let claims = claims.as_object().cloned().unwrap_or_default();
        let signed = world.sign(call.moment.now, TokenKind::Introspection, claims);
        return Reply::new(StatusCode::OK).body(SIGNED, signed).no_store();
    }
    Reply::json(StatusCode::OK, &document).no_store()
}

fn authenticated(world: &World, call: &Call) -> Result<(Form, &'static Client), Reply> {
    let form = call.form()?;
    let client = world.authenticate(call, &form)?;
    Ok((form, client))
}

fn describe(world: &World, call: &Call, token: &str) -> Option<Value> {
    let now = world.known_since(call.moment.now);
    let mut store = world.store();
    if let Some(access) = store.access(now, token) {
        let mut claims = world.access_claims(&access);
        claims.insert("active".into(), json!(true));
        claims.insert("token_type".into(), json!("Bearer"));
        if let Some(user) = access.grant.user {
            claims.insert("username".into(), json!(user.name));
        }
        return Some(Value::Object(claims));
    }
    let refresh = store.refresh.get(now, &token_key(token))?;
    let alive = !refresh.used && !refresh.grant.death.has_come(now);
    alive.then(|| {
        json!({
            "active": true,
            "iss": world.issuer.text,
            "sub": refresh.grant.subject,
            "client_id": refresh.grant.client.id,
            "scope": refresh.grant.scopes.join(" "),
            "exp": refresh.told_until.as_secs(),
        })
    })
}

/// Revokes a token: an access token alone, a refresh token with all that came from its grant (RFC 7009 §2.1). A token
/// that is not known is fine (§2.2).
pub fn revoke(world: &World, call: &Call) -> Reply {
    let (form, client) = match authenticated(world, call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let Some(token) = form.get("token") else {
        return Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "token is missing");
    };
    let mut store = world.store();
    let now = call.moment.now;
    let access = store.access(now, token);
    let refresh = store.refresh.get(now, &token_key(token)).map(|refresh| refresh.grant.clone());
    let owner = access.as_ref().map(|access| &access.grant).or(refresh.as_ref()).map(|grant| grant.client.id);
    if owner.is_some_and(|owner| owner != client.id) {
        return Reply::error(StatusCode::BAD_REQUEST, "invalid_grant", "the token is another client's");
    }
    if owner.is_some() && world.faults.switch(Switch::RevocationIgnored).is_none() {
        let slow = world.faults.switch(Switch::SlowRevocation);
        let at = now + slow.map_or(Duration::ZERO, |setting| setting.seconds("seconds"));
        if let Some(access) = access {
            access.death.set(at);
        }
        if let Some(grant) = refresh {
            grant.death.set(at);
        }
    }
    Reply::new(StatusCode::OK).no_store()
}
