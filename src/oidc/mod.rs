//! OAuth 2.0 and OpenID Connect as a client speaks them. Each operation is two functions: one makes the request, a pure
//! one processes the response. [`relying`] ties them to the network; [`http`] is the only module that touches it.

pub mod access_token;
pub mod alg;
pub mod assertion;
pub mod authorize;
pub mod bearer;
pub mod claims_request;
pub mod client_auth;
pub mod clock_skew;
pub mod device;
pub mod drift;
pub mod expect;
pub mod forge;
pub mod form;
pub mod http;
pub mod id_token;
pub mod introspection;
pub mod json;
pub mod jwk;
pub mod jwks;
pub mod jws;
pub mod jwt;
pub mod key_history;
pub mod memory;
pub mod metadata;
pub mod pkce;
pub mod relying;
pub mod response;
pub mod revocation;
pub mod settings;
pub mod token;
pub mod totp;
pub mod userinfo;
