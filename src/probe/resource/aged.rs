//! A token that grows old: no forgery shows whether an API looks at `exp`, only a token that was good. One a check is kept
//! in memory until it has expired.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::journey::{Journey, StepName};
use crate::oidc::memory::CheckMemory;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::Grant;
use crate::secret::Secret;

/// The leeway that any API may give a token (RFC 7519 §4.1.4: a few minutes; .NET's bearer handler gives five): what is older
/// must be refused by all.
const EVERY_LEEWAY: Duration = Duration::from_secs(600);

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
        let over = kept.0.as_ref().is_some_and(|aging| aging.expires + EVERY_LEEWAY <= now);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_once_it_is_older_than_any_leeway() {
        let (memory, expires) = (CheckMemory::default(), Timestamp::from_secs(1_700_000_000));
        memory.with(|kept: &mut Kept| kept.0 = Some(Aging { token: Secret::new("old"), expires }));
        // .NET's default leeway, and a little more.
        assert!(expired(&memory, expires + Duration::from_secs(360)).is_none() && is_aging(&memory));
        assert!(expired(&memory, expires + Duration::from_secs(600)).is_some() && !is_aging(&memory));
    }
}
