//! Token exchange: RFC 8693.

use std::sync::Arc;

use serde_json::{Value, json};

use super::World;
use super::accounts::{CLIENTS, USERS, User};
use super::endpoint::Endpoint;
use super::form::Form;
use super::grants::{Asked, OauthError, narrowed};
use super::jws;
use super::store::{Death, Grant};
use super::tokens::Wanted;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Who a token speaks of.
struct Party {
    subject: String,
    user: Option<&'static User>,
    scopes: Vec<String>,
    actor: Option<Value>,
}

/// Exchanges a subject token, perhaps with an actor token, for an access token.
pub fn token_exchange(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let form = asked.form;
    let subject = party(world, asked, "subject_token", "subject_token_type")?
        .ok_or(("invalid_request", "subject_token is missing"))?;
    let actor = party(world, asked, "actor_token", "actor_token_type")?;
    let issued_type = match form.get("requested_token_type") {
        None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
        Some(JWT) => JWT,
        Some(_) => return Err(("invalid_request", "requested_token_type is access_token or jwt")),
    };
    let audience = audience(world, form)?;
    let scopes = narrowed(&subject.scopes, form)?;
    let grant = Arc::new(Grant {
        client: asked.client,
        user: subject.user,
        subject: subject.subject,
        scopes: scopes.clone(),
        auth_time: None,
        session: None,
        nonce: None,
        extras: Arc::default(),
        made: asked.moment.now,
        death: Death::default(),
    });
    // Who acts now stands outside, who acted before inside (RFC 8693 §4.1).
    let actor = match (actor, subject.actor) {
        (Some(now), Some(before)) => Some(json!({"sub": now.subject, "act": before})),
        (Some(now), None) => Some(json!({"sub": now.subject})),
        (None, before) => before,
    };
    let mut response =
        world.token_response(asked.moment, &grant, Wanted { scopes, audience, actor, key: asked.key.clone() });
    response["issued_token_type"] = json!(issued_type);
    Ok(response)
}

/// Whom a token is wanted for (RFC 8693 §2.1, RFC 8707 §2).
pub fn audience(world: &World, form: &Form) -> Result<Vec<String>, OauthError> {
    let mut audience = Vec::new();
    for wanted in form.all("audience").iter().chain(form.all("resource")) {
        let known = CLIENTS.iter().any(|client| client.id == wanted) || *wanted == world.issuer.url(Endpoint::Resource);
        if !known {
            return Err(("invalid_target", "audience is a client, or the lab's resource"));
        }
        audience.push(wanted.clone());
    }
    Ok(audience)
}

/// Whom the token in a parameter speaks of; `None` when there is none.
fn party(world: &World, asked: &Asked, token: &str, token_type: &str) -> Result<Option<Party>, OauthError> {
    let (token, token_type) = match (asked.form.get(token), asked.form.get(token_type)) {
        (None, None) => return Ok(None),
        (Some(token), Some(token_type)) => (token, token_type),
        _ => return Err(("invalid_request", "a token needs its type, and a type its token (RFC 8693 §2.1)")),
    };
    let party = match token_type {
        ACCESS_TOKEN => of_access_token(world, asked, token),
        ID_TOKEN => of_id_token(world, asked, token),
        JWT => of_access_token(world, asked, token).or_else(|| of_id_token(world, asked, token)),
        _ => return Err(("invalid_request", "only access_token, id_token and jwt are understood")),
    };
    // RFC 8693 §2.2.2: whatever is wrong with a token is `invalid_request`.
    party.map(Some).ok_or(("invalid_request", "the token is unknown, expired or revoked"))
}

fn of_access_token(world: &World, asked: &Asked, token: &str) -> Option<Party> {
    let access = world.store().access(asked.moment.now, token)?;
    let scopes = access.scopes.iter().filter(|scope| *scope != "openid" && *scope != "offline_access");
    Some(Party {
        subject: access.grant.subject.clone(),
        user: access.grant.user,
        scopes: scopes.cloned().collect(),
        actor: access.actor.clone(),
    })
}

fn of_id_token(world: &World, asked: &Asked, token: &str) -> Option<Party> {
    let claims = jws::read(token, |message, signature| world.keys().made(message, signature))?;
    let live = claims.get("exp")?.as_i64()? > asked.moment.told.as_secs();
    let ours = claims.get("iss")?.as_str()? == world.issuer.text && claims.get("at_hash").is_some();
    let user = USERS.iter().find(|user| claims.get("sub").and_then(Value::as_str) == Some(user.sub))?;
    (live && ours).then(|| Party {
        subject: user.sub.to_owned(),
        user: Some(user),
        scopes: ["profile", "email", "api"].map(str::to_owned).to_vec(),
        actor: None,
    })
}
