//! Assertions of workloads (RFC 7523): the lab is their issuer too, as a cluster or a CI service would be, and trusts
//! nobody else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use super::endpoint::Endpoint;
use super::grants::{Asked, OauthError};
use super::jws::{self, Claims, TokenKind};
use super::metadata::SCOPES;
use super::store::{Death, Grant, random};
use super::tokens::Wanted;

/// How long an assertion lives unless it is told otherwise.
const LIFETIME: Duration = Duration::from_secs(600);

impl World {
    /// The issuer of the assertions.
    fn workloads(&self) -> String {
        format!("{}/workloads", self.issuer.base)
    }

    /// An assertion for this lab; `claims` (an object, or null) replace what it would say, null takes a claim out.
    pub fn assertion(&self, claims: &Value) -> String {
        let now = self.clock.now();
        let mut all = Claims::new();
        all.insert("iss".into(), json!(self.workloads()));
        all.insert("sub".into(), json!("system:serviceaccount:default:probe"));
        all.insert("aud".into(), json!(self.issuer.text));
        all.insert("iat".into(), json!(now.as_secs()));
        all.insert("exp".into(), json!((now + LIFETIME).as_secs()));
        all.insert("jti".into(), json!(random()));
        for (name, value) in claims.as_object().into_iter().flatten() {
            match value {
                Value::Null => drop(all.remove(name)),
                value => drop(all.insert(name.clone(), value.clone())),
            }
        }
        self.sign(now, TokenKind::Assertion, all)
    }
}

/// An access token for an assertion (RFC 7523 §2.1): about its subject, for the client that asks or none.
pub fn jwt_bearer(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let assertion = asked.form.get("assertion").ok_or(("invalid_request", "assertion is missing"))?;
    let refused = |why| ("invalid_grant", why);
    // §3-8 to -10, and -1: who issued it, and whether it is his.
    let claims = jws::read(assertion, |message, signature| world.keys().made(message, signature))
        .ok_or(refused("the assertion is not signed by anybody who is trusted"))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(world.workloads().as_str()) {
        return Err(refused("the issuer of the assertion is not trusted"));
    }
    // §3-2 to -5.
    let subject = text("sub").filter(|sub| !sub.is_empty()).ok_or(refused("the assertion has no sub"))?;
    let ours = [world.issuer.text.clone(), world.issuer.url(Endpoint::Token)];
    let for_us = |audience: &Value| audience.as_str().is_some_and(|aud| ours.iter().any(|our| our == aud));
    let audience = claims.get("aud").ok_or(refused("the assertion has no aud"))?;
    if !for_us(audience) && !audience.as_array().is_some_and(|all| all.iter().any(for_us)) {
        return Err(refused("the assertion is for somebody else"));
    }
    let told = asked.moment.told.as_secs_f64();
    let date = |name: &str| claims.get(name).and_then(Value::as_f64);
    if date("exp").is_none_or(|exp| exp <= told) || date("nbf").is_some_and(|nbf| nbf > told) {
        return Err(refused("the assertion has expired, or is not valid yet"));
    }
    let of_users = ["openid", "offline_access"];
    let scopes = asked.form.words("scope");
    if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str()) && !of_users.contains(&scope.as_str())) {
        return Err(("invalid_scope", "unknown, or for users only"));
    }
    let scopes = if scopes.is_empty() { vec!["api".to_owned()] } else { scopes };
    let grant = Arc::new(Grant {
        client: asked.client,
        user: None,
        subject: subject.to_owned(),
        scopes: scopes.clone(),
        auth_time: None,
        session: None,
        nonce: None,
        extras: Arc::default(),
        made: asked.moment.now,
        death: Death::default(),
    });
    Ok(world.token_response(asked.moment, &grant, Wanted::scopes(&scopes)))
}
