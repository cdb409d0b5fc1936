//! Issuing tokens.

use std::sync::Arc;

use serde_json::{Value, json};

use super::extras::{ACR, named};
use super::fault::{Hook, Setting};
use super::jws::{Claims, Jws, TokenKind, half_hash};
use super::store::{Access, Death, Grant, REFRESH_LIFETIME, Refresh, TOKEN_LIFETIME, random, token_key};
use super::{Moment, World};
use crate::clock::Timestamp;

/// What an access token is to say, besides what its grant does.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `scope`.
    pub scopes: Vec<String>,
    /// `aud`; empty: the lab's own resource.
    pub audience: Vec<String>,
    /// `act` (RFC 8693 §4.1).
    pub actor: Option<Value>,
    /// The thumbprint of the key that it is bound to (RFC 9449 §6).
    pub key: Option<String>,
}

impl Wanted {
    /// Only scopes.
    pub fn scopes(scopes: &[String]) -> Self {
        Self { scopes: scopes.to_vec(), audience: Vec::new(), actor: None, key: None }
    }

    /// Bound to a key.
    #[must_use]
    pub fn bound(self, key: &Option<String>) -> Self {
        Self { key: key.clone(), ..self }
    }
}

impl World {
    /// A successful answer of the token endpoint with a new access token (RFC 6749 §5.1).
    pub fn token_response(&self, moment: Moment, grant: &Arc<Grant>, wanted: Wanted) -> Value {
        let scope = wanted.scopes.join(" ");
        let token_type = if wanted.key.is_some() { "DPoP" } else { "Bearer" };
        let mut response = json!({
            "access_token": self.access_token(moment, grant, wanted),
            "token_type": token_type,
            "expires_in": TOKEN_LIFETIME.as_secs(),
        });
        if !scope.is_empty() {
            response["scope"] = json!(scope);
        }
        response
    }

    fn access_token(&self, moment: Moment, grant: &Arc<Grant>, mut wanted: Wanted) -> String {
        if wanted.audience.is_empty() {
            wanted.audience.push(self.issuer.url(super::endpoint::Endpoint::Resource));
        }
        let access = Access {
            grant: Arc::clone(grant),
            scopes: wanted.scopes,
            audience: wanted.audience,
            actor: wanted.actor,
            key: wanted.key,
            id: random(),
            told: (moment.told, moment.told + TOKEN_LIFETIME),
            death: Death::default(),
        };
        let token = if grant.client.jwt_access_tokens {
            self.sign(moment.now, TokenKind::Access, self.access_claims(&access))
        } else {
            random()
        };
        self.store().access.insert(moment.now, token_key(&token), Arc::new(access));
        token
    }

    /// The claims of a JWT access token (RFC 9068 §2.2); introspection answers with them as well (RFC 7662 §2.2).
    pub fn access_claims(&self, access: &Access) -> Claims {
        let grant = &access.grant;
        let (issued, expires) = access.told;
        let mut claims = Claims::new();
        claims.insert("iss".into(), json!(self.issuer.text));
        claims.insert("sub".into(), json!(grant.subject));
        claims.insert("aud".into(), one_or_many(&access.audience));
        claims.insert("client_id".into(), json!(grant.client.id));
        claims.insert("iat".into(), json!(issued.as_secs()));
        claims.insert("exp".into(), json!(expires.as_secs()));
        claims.insert("jti".into(), json!(access.id));
        if !access.scopes.is_empty() {
            claims.insert("scope".into(), json!(access.scopes.join(" ")));
        }
        if let Some(at) = grant.auth_time {
            claims.insert("auth_time".into(), json!(at.as_secs()));
        }
        if let Some(key) = &access.key {
            claims.insert("cnf".into(), json!({"jkt": key}));
        }
        if let Some(actor) = &access.actor {
            claims.insert("act".into(), actor.clone());
        }
        claims
    }

    /// An ID token (OIDC Core 2 and 3.1.3.6); `nonce` only where the login itself is answered (OIDC Core 12.2).
    pub fn id_token(&self, moment: Moment, grant: &Grant, access_token: &str, with_nonce: bool) -> String {
        self.make_id_token(moment, grant, [("at_hash", Some(access_token)), ("c_hash", None)], with_nonce)
    }

    /// An ID token of the authorization endpoint, with the hashes of what comes with it (OIDC Core 3.2.2.10, 3.3.2.11).
    pub fn front_id_token(&self, moment: Moment, grant: &Grant, access: Option<&str>, code: Option<&str>) -> String {
        self.make_id_token(moment, grant, [("at_hash", access), ("c_hash", code)], true)
    }

    fn make_id_token(
        &self,
        moment: Moment,
        grant: &Grant,
        hashes: [(&str, Option<&str>); 2],
        with_nonce: bool,
    ) -> String {
        let mut claims = grant.user.map(|user| user.claims(&grant.scopes)).unwrap_or_default();
        claims.extend(grant.user.map(|user| named(user, &grant.extras.id_token)).unwrap_or_default());
        claims.insert("iss".into(), json!(self.issuer.text));
        claims.insert("sub".into(), json!(grant.subject));
        claims.insert("aud".into(), json!(grant.client.id));
        claims.insert("azp".into(), json!(grant.client.id));
        claims.insert("iat".into(), json!(moment.told.as_secs()));
        claims.insert("exp".into(), json!((moment.told + TOKEN_LIFETIME).as_secs()));
        for (name, of) in hashes {
            claims.extend(of.map(|of| (name.to_owned(), json!(half_hash(of)))));
        }
        if grant.extras.acr {
            claims.insert("acr".into(), json!(ACR));
        }
        claims.insert("amr".into(), json!(["pwd"]));
        if let Some(at) = grant.auth_time {
            claims.insert("auth_time".into(), json!(at.as_secs()));
        }
        if let Some(session) = &grant.session {
            claims.insert("sid".into(), json!(session));
        }
        if let Some(nonce) = grant.nonce.as_ref().filter(|_| with_nonce) {
            claims.insert("nonce".into(), json!(nonce));
        }
        self.sign(moment.now, TokenKind::Id, claims)
    }

    /// A refresh token of a grant.
    pub fn refresh_token(&self, moment: Moment, grant: &Arc<Grant>) -> String {
        let token = random();
        let refresh = Refresh { grant: Arc::clone(grant), used: false, told_until: moment.told + REFRESH_LIFETIME };
        self.store().refresh.insert(moment.now, token_key(&token), refresh);
        token
    }

    /// A signed token, faults included.
    pub fn sign(&self, now: Timestamp, kind: TokenKind, mut claims: Claims) -> String {
        let on_claims = |hook: &'static Hook, setting: &Setting| match hook {
            Hook::Claims(change) if Hook::covers(setting, kind) => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(on_claims) {
            change(&setting, &mut claims);
        }
        let mut jws = Jws::sign(kind, &claims, &self.signer(now));
        let on_jws = |hook: &'static Hook, setting: &Setting| match hook {
            Hook::Jws(change) if Hook::covers(setting, kind) => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(on_jws) {
            change(&setting, &mut jws);
        }
        jws.compact()
    }
}

fn one_or_many(values: &[String]) -> Value {
    match values {
        [one] => json!(one),
        many => json!(many),
    }
}
