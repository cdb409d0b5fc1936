//! OAuth 2.0 and OpenID Connect as a client speaks them. Each operation is two functions: one makes the request, a pure
//! one processes the response. [`relying`] ties them to the network; [`http`] is the only module that touches it.

pub mod authorize;
pub mod form;
pub mod http;
pub mod memory;
pub mod pkce;
pub mod relying;
pub mod settings;
pub mod totp;
