//! A token that grows old: no forgery shows whether an API looks at `exp`, only a token that was good. One a check is kept
//! in memory until it has expired.

use super::asked::Api;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::oidc::id_token::LEEWAY;
use crate::oidc::memory::CheckMemory;
use crate::secret::Secret;

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
    memory.with(|kept: &mut Kept| {
        let over = kept.0.as_ref().is_some_and(|aging| aging.expires + LEEWAY <= now);
        // It has died of age: there is nothing to revoke.
        over.then(|| kept.0.take().map(|aging| aging.token)).flatten()
    })
}

/// Whether a token is under way to its end.
pub(super) fn is_aging(memory: &CheckMemory) -> bool {
    memory.with(|kept: &mut Kept| kept.0.is_some())
}

/// Has a token issued that nobody revokes, to be shown when it has expired. If the probe goes away, so does the token.
pub(super) async fn begin(api: &Api<'_>, memory: &CheckMemory) -> Result<(), Fault> {
    let tokens = api.another(None, api.access.resource(), api.access.audience()).await?;
    let Some(lifetime) = tokens.expires_in else { return Ok(()) };
    let expires = tokens.received + lifetime;
    let token = tokens.access_token;
    let (relying, metadata, revoked) = (api.relying.clone(), api.metadata.clone(), token.clone());
    if metadata.has("revocation_endpoint") {
        memory.set_cleanup(async move { relying.for_cleanup().revoke(&metadata, &revoked, "access_token").await });
    }
    memory.with(|kept: &mut Kept| kept.0 = Some(Aging { token, expires }));
    Ok(())
}
