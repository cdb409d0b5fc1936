//! What access tokens are good for: userinfo (OIDC Core 5.3) and a protected resource (RFC 6750) that pages of other
//! origins may use (CORS).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ORIGIN, VARY, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::World;
use super::accounts::bearer;
use super::endpoint::Endpoint;
use super::extras::named;
use super::fault::{Setting, Switch};
use super::jws::{Claims, TokenKind};
use super::proofs::possessed;
use super::reply::Reply;
use super::server::Call;
use super::store::{Access, token_key};

/// The claims of who logged in.
pub fn userinfo(world: &World, call: &Call) -> Reply {
    let access = match authorized(world, call, "openid") {
        Ok(access) => access,
        Err(_) if token(world, call).is_some() && world.faults.switch(Switch::UserinfoTrusting).is_some() => {
            return Reply::json(StatusCode::OK, &json!({"sub": "somebody"})).no_store();
        }
        Err(refused) => return refused,
    };
    let mut claims = access.grant.user.map(|user| user.claims(&access.scopes)).unwrap_or_default();
    claims.extend(access.grant.user.map(|user| named(user, &access.grant.extras.userinfo)).unwrap_or_default());
    let document = world.document(Endpoint::Userinfo, Value::Object(claims));
    if world.faults.switch(Switch::UserinfoSigned).is_some() {
        let mut claims = document.as_object().cloned().unwrap_or_default();
        claims.insert("iss".into(), json!(world.issuer.text));
        claims.insert("aud".into(), json!(access.grant.client.id));
        let signed = world.sign(call.moment.now, TokenKind::Userinfo, claims);
        return Reply::new(StatusCode::OK).body("application/jwt", signed).no_store();
    }
    Reply::json(StatusCode::OK, &document).no_store()
}

/// Something that wants a token.
pub fn resource(world: &World, call: &Call) -> Reply {
    let reply = if call.method == Method::OPTIONS {
        // Fetch §4.8: what a page may send.
        Reply::new(StatusCode::NO_CONTENT)
            .header(ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST")
            .header(ACCESS_CONTROL_ALLOW_HEADERS, "authorization")
            .header(ACCESS_CONTROL_MAX_AGE, "60")
    } else {
        protected(world, call)
    };
    match call.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) {
        Some(origin) => reply.header(ACCESS_CONTROL_ALLOW_ORIGIN, origin).header(VARY, "Origin"),
        None => reply,
    }
}

fn protected(world: &World, call: &Call) -> Reply {
    let authorized = authorized(world, call, "api").and_then(|access| {
        // RFC 9068 §4, RFC 8707 §2.
        let ours = access.audience.contains(&world.issuer.url(Endpoint::Resource));
        let challenge = r#"Bearer realm="lab", error="invalid_token", error_description="for another audience""#;
        let other = || Reply::new(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge).no_store();
        if ours { Ok(access) } else { Err(other()) }
    });
    let access = match authorized {
        Ok(access) => access,
        Err(_) if world.faults.switch(Switch::ResourceTrusting).is_some_and(|to| trusts(world, call, &to)) => {
            return Reply::json(StatusCode::OK, &json!({"sub": "whoever it was"})).no_store();
        }
        Err(refused) => return refused,
    };
    let document =
        json!({"sub": access.grant.subject, "client_id": access.grant.client.id, "scope": access.scopes.join(" ")});
    Reply::json(StatusCode::OK, &world.document(Endpoint::Resource, document)).no_store()
}

/// The token of a request, in its header or its form (RFC 6750 §2).
fn token(world: &World, call: &Call) -> Option<String> {
    let in_query = world.faults.switch(Switch::TokenInQuery).is_some();
    let posted = call.form().ok().filter(|_| call.method == Method::POST || in_query);
    let shown = bearer(&call.headers).or_else(|| possessed(&call.headers));
    shown.or_else(|| posted.as_ref()?.get("access_token")).map(str::to_owned)
}

/// The living token of a request that has `scope`, or the refusal (RFC 6750 §3).
fn authorized(world: &World, call: &Call, scope: &str) -> Result<Arc<Access>, Reply> {
    let refused =
        |status: StatusCode, challenge: &str| Reply::new(status).header(WWW_AUTHENTICATE, challenge).no_store();
    // Without any credentials, no error code (RFC 6750 §3.1).
    let token = token(world, call).ok_or_else(|| refused(StatusCode::UNAUTHORIZED, r#"Bearer realm="lab""#))?;
    let access = world.store().access(world.known_since(call.moment.now), &token).ok_or_else(|| {
        let challenge = r#"Bearer realm="lab", error="invalid_token", error_description="unknown, expired or revoked""#;
        refused(StatusCode::UNAUTHORIZED, challenge)
    })?;
    world.check_possession(call, &access, &token)?;
    if !access.scopes.iter().any(|granted| granted == scope) {
        let challenge = format!(r#"Bearer realm="lab", error="insufficient_scope", scope="{scope}""#);
        return Err(refused(StatusCode::FORBIDDEN, &challenge));
    }
    Ok(access)
}

/// Whether a resource that lacks one check lets a request pass that it must refuse.
fn trusts(world: &World, call: &Call, setting: &Setting) -> bool {
    let lacks = setting.text("check");
    let Some(token) = token(world, call) else { return lacks == "token" };
    if lacks == "everything" {
        return true;
    }
    let known = world.store().access.get(call.moment.now, &token_key(&token)).map(|access| Arc::clone(access));
    match lacks {
        "revocation" => return known.is_some_and(|access| access.scopes.iter().any(|scope| scope == "api")),
        "scope" => return known.is_some_and(|access| access.alive(call.moment.now)),
        _ => {}
    }
    let Some((header, claims, signed)) = taken_apart(world, &token) else { return false };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let unsigned = header.get("alg") == Some(&json!("none"));
    let issuer = text("iss") == Some(world.issuer.text.as_str());
    let audience = text("aud") == Some(world.issuer.url(Endpoint::Resource).as_str());
    let fresh = claims.get("exp").and_then(Value::as_f64).is_some_and(|exp| exp > call.moment.told.as_secs_f64());
    let whole = !signed && !unsigned;
    match lacks {
        "algorithm" => unsigned && issuer && audience && fresh,
        "key" => header.contains_key("jwk") && issuer && audience && fresh,
        "signature" => whole && !header.contains_key("jwk") && issuer && audience && fresh,
        // Whoever does not look at the signature either falls for a forgery.
        "expiry" => !unsigned && issuer && audience && !fresh,
        "age" => signed && issuer && audience && !fresh,
        "audience" => !unsigned && issuer && !audience && fresh,
        "issuer" => whole && !issuer && audience && fresh,
        _ => false,
    }
}

/// Header and claims of a JWT, and whether one of the lab's keys signed it.
fn taken_apart(world: &World, token: &str) -> Option<(Claims, Claims, bool)> {
    let mut parts = token.split('.');
    let mut object = || -> Option<Claims> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok() };
    let (header, claims) = (object()?, object()?);
    let (message, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let signed = world.keys().made(message.as_bytes(), &signature);
    Some((header, claims, signed))
}
