//! Clients that register themselves: RFC 7591, and their management: RFC 7592.

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::World;
use super::accounts::{basic_credentials, bearer, redirect_allowed};
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::reply::Reply;
use super::server::Call;
use super::store::{random, token_key};

/// What every identifier of a registered client begins with.
const PREFIX: &str = "dynamic-";
/// The members that a client cannot choose (RFC 7592 §2.2).
const OURS: [&str; 5] =
    ["client_id", "client_secret", "registration_access_token", "registration_client_uri", "client_id_issued_at"];

/// A client that registered itself.
#[derive(Debug)]
pub struct Registered {
    secret: String,
    token: String,
    metadata: Map<String, Value>,
    issued: i64,
}

/// Registers a client (RFC 7591 §3). Anybody may: all of it is gone within the hour.
pub fn register(world: &World, call: &Call) -> Reply {
    let metadata = match metadata(call) {
        Ok(metadata) => metadata,
        Err(refused) => return refused,
    };
    let id = format!("{PREFIX}{}", random());
    let issued = call.moment.told.as_secs();
    let client = Registered { secret: random(), token: random(), metadata, issued };
    let document = described(world, &id, &client);
    world.store().clients.insert(call.moment.now, id, client);
    Reply::json(StatusCode::CREATED, &world.document(Endpoint::Registration, document)).no_store()
}

/// Reads, updates or deletes one (RFC 7592 §2).
pub fn manage(world: &World, call: &Call) -> Reply {
    let refused = || {
        let challenge = r#"Bearer error="invalid_token""#;
        Reply::new(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge).no_store()
    };
    let given = bearer(&call.headers).map(token_key);
    let known = {
        let mut store = world.store();
        let client = store.clients.get(call.moment.now, &call.id);
        client.is_some_and(|client| Some(token_key(&client.token)) == given)
    };
    if !known {
        return refused();
    }
    match call.method {
        Method::DELETE => delete(world, call),
        Method::PUT => update(world, call),
        _ => read(world, call).unwrap_or_else(refused),
    }
}

fn read(world: &World, call: &Call) -> Option<Reply> {
    let document =
        world.store().clients.get(call.moment.now, &call.id).map(|client| described(world, &call.id, client))?;
    Some(Reply::json(StatusCode::OK, &document).no_store())
}

fn update(world: &World, call: &Call) -> Reply {
    let metadata = match metadata(call) {
        Ok(metadata) => metadata,
        Err(refused) => return refused,
    };
    if let Some(client) = world.store().clients.get(call.moment.now, &call.id) {
        client.metadata = metadata;
    }
    read(world, call).unwrap_or_else(|| Reply::new(StatusCode::UNAUTHORIZED))
}

fn delete(world: &World, call: &Call) -> Reply {
    if world.faults.switch(Switch::RegistrationDeleteFails).is_some() {
        return Reply::new(StatusCode::INTERNAL_SERVER_ERROR);
    }
    if world.faults.switch(Switch::RegistrationSurvives).is_none() {
        world.store().clients.remove(call.moment.now, &call.id);
    }
    Reply::new(StatusCode::NO_CONTENT).no_store()
}

/// What a registered client is told at the token endpoint; `None`: it is none. It never gets anything.
pub fn token(world: &World, call: &Call, form: &Form) -> Option<Reply> {
    let basic = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(basic_credentials);
    let (id, secret) = match basic {
        Some((id, secret)) => (id, Some(secret)),
        None => (form.get("client_id")?.to_owned(), form.get("client_secret").map(str::to_owned)),
    };
    if !id.starts_with(PREFIX) {
        return None;
    }
    let alive = {
        let mut store = world.store();
        let client = store.clients.get(call.moment.now, &id);
        client.is_some_and(|client| secret.as_deref().map(token_key) == Some(token_key(&client.secret)))
    };
    Some(if alive {
        Reply::error(StatusCode::BAD_REQUEST, "invalid_grant", "unknown code")
    } else {
        Reply::error(StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed")
    })
}

/// What the client asks to be (RFC 7591 §2), as far as the lab looks.
fn metadata(call: &Call) -> Result<Map<String, Value>, Reply> {
    let refused = |error: &str, why: &str| Reply::error(StatusCode::BAD_REQUEST, error, why);
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(refused("invalid_client_metadata", "the body must be application/json"));
    }
    let Ok(Value::Object(mut metadata)) = serde_json::from_slice(&call.body) else {
        return Err(refused("invalid_client_metadata", "the body must be a JSON object"));
    };
    let uris = metadata.get("redirect_uris").and_then(Value::as_array).cloned().unwrap_or_default();
    if !uris.iter().all(|uri| uri.as_str().is_some_and(redirect_allowed)) {
        return Err(refused("invalid_redirect_uri", "only loopback addresses"));
    }
    metadata.retain(|name, _| !OURS.contains(&name.as_str()) && name != "client_secret_expires_at");
    Ok(metadata)
}

fn described(world: &World, id: &str, client: &Registered) -> Value {
    let mut document = client.metadata.clone();
    document.insert("client_id".into(), json!(id));
    document.insert("client_id_issued_at".into(), json!(client.issued));
    document.insert("client_secret".into(), json!(client.secret));
    document.insert("client_secret_expires_at".into(), json!(0));
    if world.faults.switch(Switch::RegistrationUnmanaged).is_none() {
        let uri = format!("{}/{id}", world.issuer.url(Endpoint::ClientConfiguration));
        document.insert("registration_access_token".into(), json!(client.token));
        document.insert("registration_client_uri".into(), json!(uri));
    }
    Value::Object(document)
}
