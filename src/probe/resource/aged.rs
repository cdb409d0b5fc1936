//! A token that grows old: no forgery shows whether an API looks at `exp`, only a token that was good. One a check is kept
//! in memory until it has expired.

use crate::clock::Timestamp;
use crate::journey::{Journey, StepName};
use crate::oidc::id_token::LEEWAY;
use crate::oidc::memory::CheckMemory;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::Grant;
use crate::secret::Secret;

/// After the run: a token to grow old is asked for.
const AGING_TOKEN: StepName = "aging_token";

/// What a check keeps.
#[derive(Clone, Default)]
struct Kept(Option<Aging>);

#[derive(Clone)]
struct Aging {
    token: Secret,
    expires: Timestamp,
}

/// The token of an earlier run, once it has expired beyond every leeway; it is forgotten then.
pub(super) fn expired(memory: &CheckMemory, now: Timestamp) -> Option<Secret> {
    let token = memory.with(|kept: &mut Kept| {
        let over = kept.0.as_ref().is_some_and(|aging| aging.expires + LEEWAY <= now);
        over.then(|| kept.0.take().map(|aging| aging.token)).flatten()
    });
    if token.is_some() {
        // It has died of age: there is nothing to revoke.
        drop(memory.take_cleanup());
    }
    token
}

/// Whether a token is under way to its end.
pub(super) fn is_aging(memory: &CheckMemory) -> bool {
    memory.with(|kept: &mut Kept| kept.0.is_some())
}

/// Has a token issued after the run that nobody revokes, to be shown when it has expired. If the probe goes away, so does
/// the token.
pub(super) fn begin(journey: &mut Journey, memory: &CheckMemory, relying: &Relying, metadata: &Metadata, grant: Grant) {
    let (memory, relying, metadata) = (memory.clone(), relying.clone(), metadata.clone());
    journey.defer(AGING_TOKEN, async move {
        let tokens = relying.for_cleanup().token(&metadata, grant).await?;
        let Some(lifetime) = tokens.expires_in else {
            // Nobody knows when it will be old.
            return relying.for_cleanup().revoke(&metadata, &tokens.access_token, "access_token").await;
        };
        let (token, expires) = (tokens.access_token, tokens.received + lifetime);
        if metadata.has("revocation_endpoint") {
            let token = token.clone();
            memory.set_cleanup(async move { relying.for_cleanup().revoke(&metadata, &token, "access_token").await });
        }
        memory.with(|kept: &mut Kept| kept.0 = Some(Aging { token, expires }));
        Ok(())
    });
}
