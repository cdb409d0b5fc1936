//! Pushed authorization requests (RFC 9126).

use http::StatusCode;
use serde_json::json;

use super::World;
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::reply::Reply;
use super::server::Call;
use super::store::{PUSHED_LIFETIME, random};

/// What the reference begins with (RFC 9126 §2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// Takes a request and gives a reference to it.
pub fn push(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let client = match world.authenticate(call, &form) {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    let refused = |error: &str, why: &str| Reply::error(StatusCode::BAD_REQUEST, error, why);
    if form.get("request_uri").is_some() {
        return refused("invalid_request", "a pushed request does not refer to another");
    }
    if let Err(refused) = world.possession(call, None) {
        return refused;
    }
    if !client.may("authorization_code") {
        return refused("unauthorized_client", "this client may not log anybody in");
    }
    let request_uri = format!("{URN}{}", random());
    world.store().pushed.insert(call.moment.now, request_uri.clone(), (client, form));
    let document = json!({"request_uri": request_uri, "expires_in": PUSHED_LIFETIME.as_secs()});
    let document = world.document(Endpoint::PushedAuthorization, document);
    Reply::json(StatusCode::CREATED, &document).no_store()
}

/// The request that an authorization request stands for: itself, or the pushed one that it refers to, once. The error is
/// for a page.
pub fn resolve(world: &World, call: &Call, form: Form) -> Result<Form, &'static str> {
    let Some(reference) = form.get("request_uri").filter(|uri| uri.starts_with(URN)) else {
        let required = world.faults.switch(Switch::PushRequired).is_some();
        return if required { Err("requests must be pushed") } else { Ok(form) };
    };
    if world.faults.switch(Switch::PushedForgotten).is_some() {
        return Err("request_uri is not known");
    }
    let pushed = world.store().pushed.remove(call.moment.now, &reference.to_owned());
    let (client, pushed) = pushed.ok_or("request_uri is not known, or was used before")?;
    if form.get("client_id") != Some(client.id) {
        return Err("the request was pushed by another client");
    }
    Ok(pushed.with("client_id", client.id))
}
