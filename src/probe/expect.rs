//! What a probe demands of tokens; the type is [`crate::oidc::expect`]'s.

pub use crate::oidc::expect::Expect;
