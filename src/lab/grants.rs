//! The token endpoint: RFC 6749 §3.2, one function a grant type.

use std::sync::Arc;

use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::accounts::{Client, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE, WORKLOAD};
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::jws::s256;
use super::metadata::SCOPES;
use super::reply::Reply;
use super::server::Call;
use super::store::{Death, Grant, token_key};
use super::tokens::Wanted;
use super::{Moment, World, device, exchange, proofs, registration, weakness, workload};

/// What a grant is asked.
pub struct Asked<'a> {
    /// When.
    pub moment: Moment,
    /// By whom.
    pub client: &'static Client,
    /// What.
    pub form: &'a Form,
    /// The thumbprint of the key that it holds.
    pub key: Option<String>,
}

/// An OAuth error: code and description.
pub type OauthError = (&'static str, &'static str);

type GrantType = fn(&World, &Asked) -> Result<Value, OauthError>;

static GRANT_TYPES: &[(&str, GrantType)] = &[
    ("authorization_code", authorization_code),
    ("refresh_token", refresh_token),
    ("client_credentials", client_credentials),
    (TOKEN_EXCHANGE, exchange::token_exchange),
    (DEVICE_CODE, device::device_code),
    (JWT_BEARER, workload::jwt_bearer),
];

/// Answers a token request.
pub fn token(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => world.heard(form),
        Err(refused) => return refused,
    };
    if let Some(told) = registration::token(world, call, &form) {
        return told;
    }
    // RFC 7523 §2.1: an assertion is enough.
    let nobody = form.get("client_id").is_none() && !call.headers.contains_key(AUTHORIZATION);
    let workload = Client::find(WORKLOAD).filter(|_| nobody && form.get("grant_type") == Some(JWT_BEARER));
    let client = match workload.map_or_else(|| world.authenticate(call, &form), Ok) {
        Ok(client) => client,
        Err(refused) => match weakness::unproven(world, &form) {
            Some(client) => client,
            None => return refused,
        },
    };
    let refused = |(error, why): OauthError| Reply::error(StatusCode::BAD_REQUEST, error, why);
    let Some(wanted) = form.get("grant_type") else {
        return refused(("invalid_request", "grant_type is missing"));
    };
    let Some((name, grant)) = GRANT_TYPES.iter().find(|(name, _)| *name == wanted) else {
        return refused(("unsupported_grant_type", "see grant_types_supported"));
    };
    if !client.may(name) {
        return refused(("unauthorized_client", "this client may not use this grant type"));
    }
    let key = match world.possession(call, None) {
        Ok(None) if proofs::must_possess(client) && world.faults.switch(Switch::ProofIgnored).is_none() => {
            return refused(("invalid_dpop_proof", "this client's tokens are bound to a key"));
        }
        Ok(key) => key,
        Err(refused) => return refused,
    };
    match grant(world, &Asked { moment: call.moment, client, form: &form, key }) {
        Ok(response) => Reply::json(StatusCode::OK, &world.document(Endpoint::Token, response)).no_store(),
        Err(error) => refused(error),
    }
}

/// RFC 6749 §4.1.3, RFC 7636 §4.6.
fn authorization_code(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let now = asked.moment.now;
    let code = asked.form.get("code").ok_or(("invalid_request", "code is missing"))?;
    let verifier = asked.form.get("code_verifier").unwrap_or_default();
    let grant = {
        let mut store = world.store();
        let stored = store.codes.get(now, &code.to_owned()).ok_or(("invalid_grant", "unknown or expired code"))?;
        if stored.grant.client.id != asked.client.id {
            return Err(("invalid_grant", "the code is another client's"));
        }
        if stored.used && world.faults.switch(Switch::CodeReplayed).is_none() {
            // RFC 6749 §4.1.2: what came from it is revoked.
            if world.faults.switch(Switch::ReplayForgiven).is_none() {
                stored.grant.death.set(now);
            }
            return Err(("invalid_grant", "the code was used before"));
        }
        if asked.form.get("redirect_uri") != Some(stored.redirect_uri.as_str())
            && world.faults.switch(Switch::RedirectUnchecked).is_none()
        {
            return Err(("invalid_grant", "redirect_uri is not the one of the authorization request"));
        }
        // Without a challenge there is nothing to prove: a code that was asked for without one is a weakness already.
        let proven = stored.challenge.is_empty() || s256(verifier) == stored.challenge;
        if !proven && world.faults.switch(Switch::VerifierUnchecked).is_none() {
            return Err(("invalid_grant", "code_verifier does not fit"));
        }
        stored.used = true;
        Arc::clone(&stored.grant)
    };
    login_tokens(world, asked, &grant, true)
}

/// The tokens of a login: an ID token and a refresh token, if they were asked for and the client may.
pub fn login_tokens(world: &World, asked: &Asked, grant: &Arc<Grant>, with_nonce: bool) -> Result<Value, OauthError> {
    let has = |scope: &str| grant.scopes.iter().any(|granted| granted == scope);
    let refreshes = has("offline_access") && asked.client.may("refresh_token");
    let audience = grant.extras.audience(asked.form)?;
    let wanted = Wanted { audience, ..Wanted::scopes(&grant.scopes) }.bound(&asked.key);
    let mut response = world.token_response(asked.moment, grant, wanted);
    if has("openid") {
        add_id_token(world, asked.moment, grant, &mut response, with_nonce);
    }
    if refreshes {
        response["refresh_token"] = json!(world.refresh_token(asked.moment, grant));
    }
    Ok(response)
}

fn add_id_token(world: &World, moment: Moment, grant: &Grant, response: &mut Value, with_nonce: bool) {
    let access_token = response["access_token"].as_str().unwrap_or_default();
    response["id_token"] = json!(world.id_token(moment, grant, access_token, with_nonce));
}

/// RFC 6749 §6, with rotation and reuse detection (RFC 9700 §4.14.2).
fn refresh_token(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let now = asked.moment.now;
    let token = asked.form.get("refresh_token").ok_or(("invalid_request", "refresh_token is missing"))?;
    let rotates = world.faults.switch(Switch::NoRotation).is_none();
    let (grant, scopes) = {
        let mut store = world.store();
        let unknown = ("invalid_grant", "unknown, expired or revoked refresh token");
        let stored = store.refresh.get(now, &token_key(token)).ok_or(unknown)?;
        if stored.grant.client.id != asked.client.id || stored.grant.death.has_come(now) {
            return Err(unknown);
        }
        let early = world.faults.switch(Switch::RefreshDiesEarly);
        if early.is_some_and(|setting| stored.grant.made + setting.seconds("seconds") <= now) {
            return Err(unknown);
        }
        if stored.used && world.faults.switch(Switch::ReuseAccepted).is_none() {
            if world.faults.switch(Switch::FamilySurvives).is_none() {
                stored.grant.death.set(now);
            }
            return Err(("invalid_grant", "the refresh token was used before: all of its family is revoked"));
        }
        let scopes = narrowed(&stored.grant.scopes, asked.form)?;
        stored.used |= rotates;
        (Arc::clone(&stored.grant), scopes)
    };
    let audience = grant.extras.audience(asked.form)?;
    let wanted = Wanted { audience, ..Wanted::scopes(&scopes) }.bound(&asked.key);
    let mut response = world.token_response(asked.moment, &grant, wanted);
    if grant.scopes.iter().any(|scope| scope == "openid") {
        add_id_token(world, asked.moment, &grant, &mut response, false);
    }
    if rotates {
        response["refresh_token"] = json!(world.refresh_token(asked.moment, &grant));
    }
    Ok(response)
}

/// The scopes asked for, which must be among those granted; all of them when none is asked for.
pub fn narrowed(granted: &[String], form: &Form) -> Result<Vec<String>, OauthError> {
    let wanted = form.words("scope");
    match wanted.iter().all(|scope| granted.contains(scope)) {
        _ if wanted.is_empty() => Ok(granted.to_vec()),
        true => Ok(wanted),
        false => Err(("invalid_scope", "more than was granted")),
    }
}

/// RFC 6749 §4.4.
fn client_credentials(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let of_users = ["openid", "offline_access"];
    let scopes = asked.form.words("scope");
    if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str()) && !of_users.contains(&scope.as_str())) {
        return Err(("invalid_scope", "unknown, or for users only"));
    }
    let scopes = if scopes.is_empty() { vec!["api".to_owned()] } else { scopes };
    let grant = Arc::new(Grant {
        client: asked.client,
        user: None,
        subject: asked.client.id.to_owned(),
        scopes: scopes.clone(),
        auth_time: None,
        session: None,
        nonce: None,
        extras: Arc::default(),
        made: asked.moment.now,
        death: Death::default(),
    });
    let wanted =
        Wanted { audience: exchange::audience(world, asked.form)?, ..Wanted::scopes(&scopes).bound(&asked.key) };
    Ok(world.token_response(asked.moment, &grant, wanted))
}
