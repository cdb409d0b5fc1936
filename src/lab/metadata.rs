//! Discovery and the key set.

use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::World;
use super::accounts::{DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE};
use super::endpoint::Endpoint;
use super::extras::ACR;
use super::fault::{Hook, Setting};
use super::keys::{Published, Signer};
use super::reply::Reply;
use super::response;
use super::server::Call;

/// Scopes that a user can grant. `api` is the lab's own resource.
pub const SCOPES: &[&str] = &["openid", "profile", "email", "offline_access", "api"];

/// The metadata, the same for OIDC Discovery 1.0 §3 and RFC 8414 §2.
pub fn discovery(world: &World, _: &Call) -> Reply {
    let url = |endpoint| world.issuer.url(endpoint);
    let document = json!({
        "issuer": world.issuer.text,
        "authorization_endpoint": url(Endpoint::Authorization),
        "token_endpoint": url(Endpoint::Token),
        "userinfo_endpoint": url(Endpoint::Userinfo),
        "jwks_uri": url(Endpoint::Jwks),
        "introspection_endpoint": url(Endpoint::Introspection),
        "revocation_endpoint": url(Endpoint::Revocation),
        "end_session_endpoint": url(Endpoint::EndSession),
        "device_authorization_endpoint": url(Endpoint::DeviceAuthorization),
        "registration_endpoint": url(Endpoint::Registration),
        "pushed_authorization_request_endpoint": url(Endpoint::PushedAuthorization),
        "dpop_signing_alg_values_supported": ["ES256"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "scopes_supported": SCOPES,
        "response_types_supported": response::TYPES,
        "response_modes_supported": response::MODES,
        "grant_types_supported": [
            "authorization_code", "implicit", "refresh_token", "client_credentials", TOKEN_EXCHANGE, JWT_BEARER,
            DEVICE_CODE,
        ],
        "acr_values_supported": [ACR],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["HS256", "ES256"],
        "userinfo_signing_alg_values_supported": ["RS256"],
        "introspection_signing_alg_values_supported": ["RS256"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "at_hash", "c_hash", "azp", "sid", "amr", "name",
            "given_name", "family_name", "preferred_username", "email", "email_verified",
        ],
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    });
    let document = world.document(Endpoint::Discovery, document);
    Reply::json(StatusCode::OK, &document).header(CACHE_CONTROL, "public, max-age=60")
}

/// The key set (RFC 7517 §5).
pub fn jwks(world: &World, call: &Call) -> Reply {
    let keys: Vec<Value> = world.published_keys(call).iter().map(Published::jwk).collect();
    let document = world.document(Endpoint::Jwks, json!({"keys": keys}));
    Reply::json(StatusCode::OK, &document).header(CACHE_CONTROL, "public, max-age=60")
}

impl World {
    fn published_keys(&self, call: &Call) -> Vec<Published> {
        let mut keys = self.keys();
        let mut published = keys.published(call.moment.now);
        let pick = |hook: &'static Hook, _: &Setting| match hook {
            Hook::KeySet(change) => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(pick) {
            change(&setting, &keys, &mut published);
        }
        published
    }

    /// The key that signs, faults included.
    pub fn signer(&self, now: crate::clock::Timestamp) -> Signer {
        let mut keys = self.keys();
        let mut signer = keys.signer(now);
        let pick = |hook: &'static Hook, _: &Setting| match hook {
            Hook::Signer(change) => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(pick) {
            change(&setting, &keys, &mut signer);
        }
        signer
    }
}
