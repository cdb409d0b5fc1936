//! What kinds that are issued an access token without a user have in common.

use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::expect::Expect;
use crate::oidc::grants::{self, Word};
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::Claims;
use crate::oidc::memory::CheckMemory;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::settings::Client;
use crate::outcome::Warning;
use crate::secret::Secret;

/// The provider's metadata is read.
pub const DISCOVERY: StepName = "discovery";
/// The provider's keys are read, before the tokens: we are a client that holds them already.
pub const JWKS: StepName = "jwks";
/// Cleanup: what was issued is revoked.
pub const REVOKE: StepName = "revoke";

/// The client's scopes, less those that only make sense for users.
pub fn machine_scopes(client: &Client) -> Vec<String> {
    client.scopes.iter().filter(|scope| !matches!(scope.as_str(), "openid" | "offline_access")).cloned().collect()
}

/// Whether the last token of this check was opaque, if there was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opacity(Option<bool>);

impl Opacity {
    /// Of a token that was just issued.
    pub fn seen(opaque: bool) -> Self {
        Self(Some(opaque))
    }

    /// As remembered.
    pub fn of(memory: &CheckMemory) -> Self {
        memory.look()
    }

    /// Remembers it for the next run.
    pub fn remember(memory: &CheckMemory, opaque: bool) {
        memory.with(|seen: &mut Self| seen.0 = Some(opaque));
    }
}

/// The step that reads the keys, if a JWT is to be expected. Without, the set is fetched once there is one.
pub async fn keys(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    opacity: Opacity,
) -> Result<KeySet, Stopped> {
    if opacity.0 == Some(true) {
        journey.skip(JWKS, "the last token was opaque");
        return Ok(KeySet::default());
    }
    if !metadata.has("jwks_uri") {
        journey.skip(JWKS, "the provider has no jwks_uri");
        return Ok(KeySet::default());
    }
    journey
        .step(JWKS, async {
            match relying.keys(metadata).await {
                // Whether keys are needed at all is not known yet: a JWT will ask for them again, and fail.
                Err(fault) if opacity.0.is_none() && fault.blame.is_bad() => {
                    relying.recorder.warn(Warning::new("jwks", "", fault.to_string()));
                    Ok(KeySet::default())
                }
                keys => keys,
            }
        })
        .await
}

/// Revokes `token` after the run, if the provider says where.
pub fn revoke_later(journey: &mut Journey, relying: &Relying, metadata: &Metadata, token: &Secret) {
    if !metadata.has("revocation_endpoint") {
        return;
    }
    let (relying, metadata, token) = (relying.for_cleanup(), metadata.clone(), token.clone());
    journey.defer(REVOKE, async move {
        match relying.revoke(&metadata, &token, "access_token").await {
            // RFC 7009 §2.2.1: many providers cannot revoke a JWT. Nothing is left undone then.
            Err(fault) if fault.detail.starts_with("unsupported_token_type") => Ok(()),
            result => result,
        }
    });
}

/// Expected claims of an access token, which must be a JWT to hold any.
pub fn check_claims(expect: &Expect, claims: Option<&Claims>) -> Vec<Finding> {
    match claims {
        Some(claims) => expect.check_claims(&claims.0),
        None if expect.claims.is_empty() => Vec::new(),
        None => {
            vec![Finding::new(Class::ClaimMissing, "expect.claims", "the access token is opaque: it holds no claims")]
        }
    }
}

/// The fault of a token request, where it may be that the provider does not offer the grant: see [`grants::judged`]. An
/// endpoint that is configured speaks for it, and so do tokens that it has brought before.
pub fn unsupported_grant(relying: &Relying, metadata: &Metadata, grant: &str, fault: Fault) -> Fault {
    let configured = relying.provider.endpoints.contains_key("token_endpoint");
    let word = if configured { Word::Given } else { relying.memory.unlisted.word(grant) };
    grants::judged(metadata, grant, word, fault)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn opaque_tokens_hold_no_claims() {
        let expect = Expect { claims: BTreeMap::from([("a".to_owned(), json!(1))]), ..Expect::default() };
        assert_eq!(check_claims(&expect, None)[0].class, Class::ClaimMissing);
        assert_eq!(check_claims(&Expect::default(), None), []);
    }
}
