//! What access tokens are good for: userinfo (OIDC Core 5.3) and a protected resource (RFC 6750).

use std::sync::Arc;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use super::World;
use super::accounts::bearer;
use super::endpoint::Endpoint;
use super::extras::named;
use super::reply::Reply;
use super::server::Call;
use super::store::Access;

/// The claims of who logged in.
pub fn userinfo(world: &World, call: &Call) -> Reply {
    let access = match authorized(world, call, "openid") {
        Ok(access) => access,
        Err(refused) => return refused,
    };
    let mut claims = access.grant.user.map(|user| user.claims(&access.scopes)).unwrap_or_default();
    claims.extend(access.grant.user.map(|user| named(user, &access.grant.extras.userinfo)).unwrap_or_default());
    Reply::json(StatusCode::OK, &world.document(Endpoint::Userinfo, Value::Object(claims))).no_store()
}

/// Something that wants a token.
pub fn resource(world: &World, call: &Call) -> Reply {
    let access = match authorized(world, call, "api") {
        Ok(access) => access,
        Err(refused) => return refused,
    };
    let document =
        json!({"sub": access.grant.subject, "client_id": access.grant.client.id, "scope": access.scopes.join(" ")});
    Reply::json(StatusCode::OK, &world.document(Endpoint::Resource, document)).no_store()
}

/// The living token of a request that has `scope`, or the refusal (RFC 6750 §3).
fn authorized(world: &World, call: &Call, scope: &str) -> Result<Arc<Access>, Reply> {
    let refused =
        |status: StatusCode, challenge: &str| Reply::new(status).header(WWW_AUTHENTICATE, challenge).no_store();
    let posted = call.form().ok().filter(|_| call.method == http::Method::POST);
    let token = bearer(&call.headers).or_else(|| posted.as_ref()?.get("access_token"));
    // Without any credentials, no error code (RFC 6750 §3.1).
    let token = token.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, r#"Bearer realm="lab""#))?;
    let access = world.store().access(world.known_since(call.moment.now), token).ok_or_else(|| {
        let challenge = r#"Bearer realm="lab", error="invalid_token", error_description="unknown, expired or revoked""#;
        refused(StatusCode::UNAUTHORIZED, challenge)
    })?;
    if !access.scopes.iter().any(|granted| granted == scope) {
        let challenge = format!(r#"Bearer realm="lab", error="insufficient_scope", scope="{scope}""#);
        return Err(refused(StatusCode::FORBIDDEN, &challenge));
    }
    Ok(access)
}
