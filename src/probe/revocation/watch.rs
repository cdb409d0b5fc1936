//! Watching a token die: the same token shown again and again, from every region at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderValue, header};

use super::super::propagation::{Sample, Seen, Watch};
use super::{Context, Poll, Revocation, Which};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Blame, Class, Fault, Finding};
use crate::oidc::http::{Egress, Endpoint, Request, verify_egress};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::{Observation, Warning};
use crate::secret::Secret;

/// How long one try may take: one that hangs must not hide what the next would see.
const TRY: Duration = Duration::from_secs(5);

/// A token under watch.
pub(super) struct Watched {
    /// What is shown.
    pub(super) token: Secret,
    /// Where.
    pub(super) poll: Poll,
    /// One a region.
    pub(super) from: Vec<Relying>,
}

impl Revocation {
    /// What a refusal at that place means, in words.
    pub(super) fn refusal(&self, watched: &Watched) -> String {
        match watched.poll {
            Poll::Introspection => format!("introspection calls the {} token inactive", self.kind_of(watched)),
            Poll::Userinfo => "userinfo refuses the access token".to_owned(),
            Poll::Resource => "the resource refuses the access token".to_owned(),
        }
    }

    /// Which token is shown: `access` or `refresh`.
    pub(super) fn kind_of(&self, watched: &Watched) -> &'static str {
        match (self.settings.token, watched.poll) {
            (Which::Refresh, Poll::Introspection) => "refresh",
            _ => "access",
        }
    }

    /// Whether the token works, seen from there.
    pub(super) async fn works(&self, relying: &Relying, metadata: &Metadata, watched: &Watched) -> Result<bool, Fault> {
        let relying = relying.with_deadline(relying.clock.instant() + TRY);
        match watched.poll {
            Poll::Introspection => relying.introspect(metadata, &watched.token).await,
            Poll::Userinfo => Ok(relying.ask_userinfo(metadata, &watched.token, None).await?.is_ok()),
            Poll::Resource => self.ask_resource(&relying, &watched.token).await,
        }
    }

    /// RFC 6750 §3.1: a token that is expired, revoked or invalid is refused with 401.
    async fn ask_resource(&self, relying: &Relying, token: &Secret) -> Result<bool, Fault> {
        let url = self.settings.resource.clone();
        let url = url.ok_or_else(|| Fault::new(Class::Config, "`poll = \"resource\"` needs `resource`"))?;
        let mut request = Request::get(Endpoint::Resource, url);
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| Fault::new(Class::Malformed, "the access token is no header value (RFC 6750 §2.1)"))?;
        bearer.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, bearer);
        match relying.http.send(request).await?.status.as_u16() {
            200..300 => Ok(true),
            401 => Ok(false),
            status => Err(Fault::new(Class::HttpStatus, format!("the resource answers {status}, neither 2xx nor 401"))),
        }
    }

    /// Watches from every region until the token is dead everywhere, or the bound is over.
    pub(super) async fn watch(
        &self,
        cx: &Context,
        watched: &Watched,
        acknowledged: Instant,
        relying: &Relying,
        metadata: &Metadata,
        tokens: &Tokens,
    ) -> Result<(), Fault> {
        let watches = watched.from.iter().zip(&cx.regions).map(|(from, region)| async move {
            match self.watch_from(from, metadata, watched, acknowledged).await {
                (Seen::Unknown, Some(fault)) => (Seen::Unknown, Some(of_region(cx, region, fault).await)),
                seen => seen,
            }
        });
        let seen = join_all(watches).await;
        let (mut findings, mut blind) = (Vec::new(), Vec::new());
        for (from, (seen, trouble)) in watched.from.iter().zip(seen) {
            let region: Arc<str> = from.region.clone();
            match seen {
                Seen::Dead { after, interval } => from.recorder.observe(Observation::RevocationPropagation {
                    region,
                    seconds: Some(after.as_secs_f64()),
                    interval: interval.as_secs_f64(),
                }),
                Seen::StillWorks => {
                    let interval = self.bound.as_secs_f64();
                    from.recorder.observe(Observation::RevocationPropagation {
                        region: region.clone(),
                        seconds: None,
                        interval,
                    });
                    let bound = HumanDuration(self.bound);
                    let (clause, what) = match (self.settings.token, watched.poll) {
                        (Which::Access, _) => ("RFC 7009 §2.2", "the revoked access token"),
                        (Which::Refresh, Poll::Introspection) => ("RFC 7009 §2.2", "the revoked refresh token"),
                        (Which::Refresh, _) => ("RFC 7009 §2.1", "the access token of the revoked refresh token"),
                    };
                    let detail = format!("{region}: {what} still works {bound} after the revocation");
                    findings.push(Finding::new(Class::RevocationIneffective, clause, detail));
                }
                Seen::Unknown => blind.extend(trouble),
            }
        }
        if let Some(fault) = Fault::from_findings(findings) {
            return Err(fault);
        }
        if let Some(fault) = gravest(blind) {
            return Err(fault);
        }
        self.last_word(relying, metadata, tokens, watched).await
    }

    /// Tries until the token was refused three times in a row, or the bound is over.
    async fn watch_from(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        watched: &Watched,
        acknowledged: Instant,
    ) -> (Seen, Option<Fault>) {
        let mut watch = Watch::new(self.bound);
        let mut trouble = None;
        while let Some(due) = watch.next() {
            tokio::time::sleep_until(acknowledged + due).await;
            let sent = relying.clock.instant().duration_since(acknowledged);
            let works = self.works(relying, metadata, watched).await;
            let received = relying.clock.instant().duration_since(acknowledged);
            match works {
                Ok(works) => watch.add(Sample { sent, received, works: Some(works) }),
                Err(fault) => {
                    let over = ends_polling(&fault);
                    watch.add(Sample { sent, received, works: None });
                    trouble = Some(fault);
                    if over {
                        break;
                    }
                }
            }
        }
        let seen = watch.seen();
        if let (Some(fault), true) = (&trouble, !matches!(seen, Seen::Unknown)) {
            let detail = format!("{}: a try went wrong ({}): {}", relying.region, fault.class, fault.detail);
            relying.recorder.warn(Warning::new("try_failed", "", detail));
        }
        (seen, trouble)
    }

    /// A refresh token that is called inactive must be refused where it counts.
    async fn last_word(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        tokens: &Tokens,
        watched: &Watched,
    ) -> Result<(), Fault> {
        if self.kind_of(watched) != "refresh" {
            return Ok(());
        }
        let grant = Grant::Refresh { token: self.revoked(metadata, tokens)?.clone(), scopes: Vec::new() };
        match relying.token(metadata, grant).await {
            Err(fault) if refuses_token(&fault) => Ok(()),
            Err(fault) => Err(fault),
            Ok(issued) => {
                let _ = relying.revoke(metadata, &issued.access_token, "access_token").await;
                let detail =
                    "the token endpoint accepts the revoked refresh token, though introspection calls it inactive";
                Err(Fault::new(Class::RevocationIneffective, detail))
            }
        }
    }
}

/// A fault that one region saw, under its name. When a run is over only its own region's way out is looked into, so that of
/// the others is here.
pub(super) async fn of_region(cx: &Context, region: &Arc<Egress>, fault: Fault) -> Fault {
    let verified = match fault.blame {
        Blame::Network => verify_egress(region, &cx.provider_memory, &cx.clock).await,
        _ => Ok(()),
    };
    named(&region.region, fault, verified)
}

fn named(region: &str, mut fault: Fault, verified: Result<(), String>) -> Fault {
    if let Err(why) = verified {
        fault = Fault::new(Class::Egress, format!("{why} (seen as {}: {})", fault.class, fault.detail));
    }
    fault.detail = format!("{region}: {}", fault.detail);
    fault
}

/// The fault that counts: our own dead uplink in one region does not hide what another has seen.
pub(super) fn gravest(mut faults: Vec<Fault>) -> Option<Fault> {
    let first = faults.iter().position(|fault| fault.blame.is_bad()).unwrap_or(0);
    (!faults.is_empty()).then(|| faults.swap_remove(first))
}

/// Whether further tries are of no use (ours cannot be sent) or no good: who answers 429 is not asked on every 100 ms.
fn ends_polling(fault: &Fault) -> bool {
    fault.blame == Blame::Monitor || fault.class == Class::RateLimited
}

/// Whether the token endpoint refuses the token itself (RFC 6749 §5.2), rather than the request or everybody.
fn refuses_token(fault: &Fault) -> bool {
    let code = fault.detail.split(' ').next().unwrap_or_default();
    fault.class == Class::OauthError && matches!(code, "invalid_grant" | "invalid_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_token_is_the_last_word() {
        let refuses = |detail: &str| refuses_token(&Fault::new(Class::OauthError, detail));
        assert!(refuses("invalid_grant (Token is not active)") && refuses("invalid_token"));
        for code in ["temporarily_unavailable", "server_error", "invalid_request", "invalid_grants"] {
            assert!(!refuses(code), "{code}");
        }
        assert!(!refuses_token(&Fault::new(Class::HttpStatus, "invalid_grant")));
    }

    #[test]
    fn polling_ends_when_the_provider_asks_for_it() {
        let ends = |class| ends_polling(&Fault::new(class, ""));
        assert!(ends(Class::RateLimited) && ends(Class::Budget));
        assert!(!ends(Class::HttpStatus) && !ends(Class::Timeout));
    }

    #[test]
    fn a_dead_uplink_of_one_region_is_ours() {
        let fault = || Fault::new(Class::Connect, "refused");
        let ours = named("b", fault(), Err("no reference answers".to_owned()));
        assert_eq!((ours.class, ours.blame), (Class::Egress, Blame::Monitor));
        assert_eq!(ours.detail, "b: no reference answers (seen as connect: refused)");
        let theirs = named("b", fault(), Ok(()));
        assert_eq!((theirs.class, theirs.detail.as_str()), (Class::Connect, "b: refused"));
        assert_eq!(gravest(vec![ours.clone(), theirs.clone()]), Some(theirs));
        assert_eq!(gravest(vec![ours.clone()]), Some(ours));
        assert_eq!(gravest(vec![]), None);
    }
}
