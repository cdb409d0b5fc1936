//! One session from login to end: begun, refreshed, remembered between runs, thrown away.

use std::time::Duration;

use super::super::Context;
use super::super::{form_walk, login_flow as flow};
use super::{REFRESH, REUSE, Refresh, Rotation, check_rotation};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::fault::{Blame, Class, Fault};
use crate::journey::{Journey, Stopped};
use crate::oidc::grants::{self, Word};
use crate::oidc::jwks::KeySet;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::Warning;
use crate::secret::Secret;

/// A session and its latest refresh token.
#[derive(Clone, Debug)]
struct Family {
    token: Secret,
    /// Everything that the last answer brought, and the refresh token.
    tokens: Tokens,
    subject: Option<String>,
    nonce: Secret,
    born: Timestamp,
    /// Whether an answer to a refresh was lost: the provider may have rotated the token without our knowing the new one.
    uncertain: bool,
}

/// What a check remembers between its runs.
#[derive(Default)]
struct Kept(Option<Family>);

/// One run.
pub(super) struct Run<'a> {
    /// What is probed.
    pub(super) probe: &'a Refresh,
    /// Its surroundings.
    pub(super) cx: &'a Context,
    /// As whom.
    pub(super) relying: Relying,
}

/// What a refresh came to.
enum Refreshed {
    /// The family lives on.
    Alive(Box<(Family, Tokens)>),
    /// It is gone, and the answer that we lost may be the reason.
    Lost,
}

impl Run<'_> {
    /// A login, a refresh, and the family is thrown away.
    pub(super) async fn once(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        mut keys: KeySet,
    ) -> Result<(), Stopped> {
        let (family, first) = self.begin(journey, metadata, &mut keys).await?;
        let (refreshed, tokens) = match self.refresh(journey, metadata, &mut keys, &family).await {
            Ok(Refreshed::Alive(alive)) => *alive,
            Ok(Refreshed::Lost) => return self.lost(journey).await,
            Err(stopped) => {
                flow::revoke_later(journey, &self.relying, metadata, &first);
                return Err(stopped);
            }
        };
        flow::revoke_later(journey, &self.relying, metadata, &Tokens { refresh_token: None, ..first });
        self.throw_away(journey, metadata, &family, &refreshed, &tokens).await
    }

    /// Refreshes the family that is remembered; begins one if there is none.
    pub(super) async fn keep_alive(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        mut keys: KeySet,
        age: Duration,
    ) -> Result<(), Stopped> {
        let family = match self.recall() {
            Some(family) => {
                let why = format!("a session of {} ago lives on", whole_seconds(self.age(&family)));
                for step in [flow::AUTHORIZE, flow::LOGIN, flow::TOKEN, flow::ID_TOKEN] {
                    journey.skip(step, &why);
                }
                family
            }
            None => self.begin_kept(journey, metadata, &mut keys).await?,
        };
        let (family, refreshed, tokens) = match self.refresh_kept(journey, metadata, &mut keys, &family).await? {
            Refreshed::Alive(alive) => (family, alive.0, alive.1),
            Refreshed::Lost => {
                let detail = "the session ended after an answer to a refresh was lost: a new one begins";
                self.relying.recorder.warn(Warning::new("session_lost", "RFC 9700 §4.14.2", detail));
                let next = self.begin_kept(journey, metadata, &mut keys).await?;
                match self.refresh_kept(journey, metadata, &mut keys, &next).await? {
                    Refreshed::Alive(alive) => (next, alive.0, alive.1),
                    Refreshed::Lost => return self.lost(journey).await,
                }
            }
        };
        if self.age(&family) < age {
            self.keep(metadata, &refreshed);
            let login = &self.probe.login;
            flow::ask_userinfo(journey, &self.relying, metadata, &tokens, family.subject.as_deref(), login).await?;
            if self.probe.rotation == Rotation::Required {
                journey.skip(REUSE, "done when the session has reached its age, since it ends it");
            }
            return Ok(());
        }
        // It has lived as long as it should: throw it away, the next run begins another.
        self.forget();
        self.throw_away(journey, metadata, &family, &refreshed, &tokens).await
    }

    fn age(&self, family: &Family) -> Duration {
        self.cx.clock.now().since(family.born)
    }

    fn recall(&self) -> Option<Family> {
        self.cx.memory.with(|kept: &mut Kept| kept.0.clone())
    }

    fn remember(&self, family: Option<Family>) {
        self.cx.memory.with(|kept: &mut Kept| kept.0 = family);
    }

    /// Remembers a family that is revoked if no other run follows.
    fn keep(&self, metadata: &Metadata, family: &Family) {
        self.remember(Some(family.clone()));
        if metadata.optional_endpoint("revocation_endpoint").is_some() {
            self.cx.memory.set_cleanup(flow::revocation(&self.relying, metadata, &family.tokens));
        }
    }

    /// The family goes: whoever forgets it sees to its end.
    fn forget(&self) {
        self.remember(None);
        drop(self.cx.memory.take_cleanup());
    }

    /// A new family, which this check now keeps.
    async fn begin_kept(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        keys: &mut KeySet,
    ) -> Result<Family, Stopped> {
        let family = self.begin(journey, metadata, keys).await?.0;
        self.keep(metadata, &family);
        Ok(family)
    }

    /// Cannot happen with a family that was just made; said rather than assumed.
    async fn lost(&self, journey: &mut Journey) -> Result<(), Stopped> {
        journey.step(REFRESH, async { Err(Fault::new(Class::OauthError, "invalid_grant for a new session")) }).await
    }

    /// Steps `authorize` to `id_token`.
    async fn begin(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        keys: &mut KeySet,
    ) -> Result<(Family, Tokens), Stopped> {
        let (relying, login) = (&self.relying, &self.probe.login);
        let authorized = form_walk::authorize_by_form(self.cx, journey, relying, metadata, login).await?;
        let tokens = flow::redeem(journey, relying, metadata, &authorized, login).await?;
        let nonce = authorized.pending.nonce;
        let known = flow::Known { nonce: Some(&nonce), ..flow::Known::default() };
        let claims = match flow::validate_id_token(journey, relying, metadata, keys, &tokens, login, known).await {
            Ok(claims) => claims,
            Err(stopped) => {
                flow::revoke_later(journey, relying, metadata, &tokens);
                return Err(stopped);
            }
        };
        let Some(token) = tokens.refresh_token.clone() else {
            flow::revoke_later(journey, relying, metadata, &tokens);
            return journey.step(REFRESH, async { Err(grants::no_refresh_token(metadata)) }).await;
        };
        let born = self.cx.clock.now();
        let subject = flow::subject(claims.as_ref());
        let family = Family { token, tokens: tokens.clone(), subject, nonce, born, uncertain: false };
        Ok((family, tokens))
    }

    /// Refreshes a family that is remembered, and remembers what is left of it if that fails.
    async fn refresh_kept(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        keys: &mut KeySet,
        family: &Family,
    ) -> Result<Refreshed, Stopped> {
        // Until the answer is here nobody knows whether this token is used up, whatever ends the run.
        self.remember(Some(Family { uncertain: true, ..family.clone() }));
        let result = self.refresh(journey, metadata, keys, family).await;
        match (&result, journey.fault()) {
            (Ok(Refreshed::Lost), _) => {
                // Whatever replaced the token went with the answer; where revoking ends the family, it ends with it.
                flow::revoke_later(journey, &self.relying, metadata, &family.tokens);
                self.forget();
            }
            // The request may have arrived, and the token been rotated: stays uncertain.
            (Err(_), Some(fault)) if fault.blame == Blame::Network || fault.class == Class::HttpStatus => {}
            // Never sent, or the client's own credentials refused: as before.
            (Err(_), Some(fault)) if !fault.blame.is_bad() => self.remember(Some(family.clone())),
            // Refused, or not as it should be: the next run begins another.
            (Err(_), _) => {
                flow::revoke_later(journey, &self.relying, metadata, &family.tokens);
                self.forget();
            }
            (Ok(Refreshed::Alive(_)), _) => {}
        }
        result
    }

    /// Step `refresh`: new tokens, valid, for the same user.
    async fn refresh(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        keys: &mut KeySet,
        family: &Family,
    ) -> Result<Refreshed, Stopped> {
        let mut issued = None;
        let work = async {
            let grant = Grant::Refresh { token: family.token.clone(), scopes: Vec::new() };
            let tokens = match self.relying.token(metadata, grant).await {
                Ok(tokens) => issued.insert(tokens).clone(),
                Err(fault) if refused(&fault) && family.uncertain => return Ok(Refreshed::Lost),
                Err(fault) if refused(&fault) => return Err(self.died(family, fault)),
                Err(fault) => return Err(grants::judged(metadata, "refresh_token", Word::Given, fault)),
            };
            let rotated = tokens.refresh_token.as_ref().is_some_and(|new| *new != family.token);
            check_rotation(self.probe.rotation, rotated)?;
            self.validate(metadata, keys, family, &tokens).await?;
            let token = tokens.refresh_token.clone().unwrap_or_else(|| family.token.clone());
            let held = Tokens { refresh_token: Some(token.clone()), ..tokens.clone() };
            let family = Family { token, tokens: held, uncertain: false, ..family.clone() };
            Ok(Refreshed::Alive(Box::new((family, tokens))))
        };
        let result = journey.step(REFRESH, work).await;
        if let (Err(_), Some(tokens)) = (&result, &issued) {
            flow::revoke_later(journey, &self.relying, metadata, tokens);
        }
        result
    }

    fn died(&self, family: &Family, mut fault: Fault) -> Fault {
        let lived = whole_seconds(self.age(family));
        let of = self.probe.age.map(|age| format!(" of {}", HumanDuration(age))).unwrap_or_default();
        fault.detail = format!("the session died after {lived}{of}: {}", fault.detail);
        fault
    }

    /// The tokens of a refresh: OIDC Core 12.2 for an ID token, if there is one; a JWT access token as always.
    async fn validate(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        family: &Family,
        tokens: &Tokens,
    ) -> Result<(), Fault> {
        self.relying.access_token(metadata, keys, tokens).await?;
        let Some(id_token) = &tokens.id_token else { return Ok(()) };
        let ask = IdTokenAsk {
            nonce: None,
            max_age: None,
            access_token: Some(tokens.access_token.expose()),
            code: None,
            subject: family.subject.as_deref(),
            expect: &self.probe.login.expect,
            userinfo_follows: flow::asks_userinfo(&self.relying, metadata),
            front_channel: false,
        };
        let claims = self.relying.id_token(metadata, keys, id_token, ask).await?;
        match claims.0.get("nonce") {
            Some(nonce) if nonce.as_str() != Some(family.nonce.expose()) => {
                let detail = "the refreshed ID token has a nonce that is not the login's (OIDC Core 12.2)";
                Err(Fault::new(Class::ClaimNonce, detail))
            }
            _ => Ok(()),
        }
    }

    /// Steps `userinfo` and `reuse` on a family that nobody needs any more.
    async fn throw_away(
        &self,
        journey: &mut Journey,
        metadata: &Metadata,
        used: &Family,
        latest: &Family,
        tokens: &Tokens,
    ) -> Result<(), Stopped> {
        let whole = Tokens { refresh_token: Some(latest.token.clone()), ..tokens.clone() };
        flow::revoke_later(journey, &self.relying, metadata, &whole);
        let login = &self.probe.login;
        flow::ask_userinfo(journey, &self.relying, metadata, tokens, used.subject.as_deref(), login).await?;
        if self.probe.rotation != Rotation::Required {
            return Ok(());
        }
        let mut issued = Vec::new();
        let work = async {
            flow::pause(&self.cx.clock, self.probe.reuse_grace).await;
            if let Some(tokens) = self.present(metadata, &used.token).await? {
                issued.push(tokens);
                let detail = "a refresh token that was used and rotated was accepted again (RFC 9700 §4.14.2)";
                return Err(Fault::new(Class::ReuseAccepted, detail));
            }
            // Whoever presents a used token may be a thief, so the whole family should be gone by now.
            if let Ok(Some(tokens)) = self.present(metadata, &latest.token).await {
                issued.push(tokens);
                let detail = "after a used refresh token was presented, the latest of its family still works";
                self.relying.recorder.warn(Warning::new("family_survives_reuse", "RFC 9700 §4.14.2", detail));
            }
            Ok(())
        };
        let result = journey.step(REUSE, work).await;
        issued.iter().for_each(|tokens| flow::revoke_later(journey, &self.relying, metadata, tokens));
        result
    }

    /// Presents a refresh token that should be refused: the tokens if it was not.
    async fn present(&self, metadata: &Metadata, token: &Secret) -> Result<Option<Tokens>, Fault> {
        let grant = Grant::Refresh { token: token.clone(), scopes: Vec::new() };
        match self.relying.token(metadata, grant).await {
            Ok(tokens) => Ok(Some(tokens)),
            Err(fault) if fault.class == Class::OauthError => {
                if !refused(&fault) {
                    let detail = format!("a used refresh token is refused with invalid_grant, not {}", fault.detail);
                    self.relying.recorder.warn(Warning::new("error_code", "RFC 6749 §5.2", detail));
                }
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }
}

/// RFC 6749 §5.2: the refresh token is invalid, expired or revoked.
fn refused(fault: &Fault) -> bool {
    fault.class == Class::OauthError && fault.detail.split(' ').next() == Some("invalid_grant")
}

fn whole_seconds(duration: Duration) -> HumanDuration {
    HumanDuration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_invalid_grant_says_that_a_token_is_dead() {
        let refusal = |class, detail: &str| refused(&Fault::new(class, detail));
        assert!(refusal(Class::OauthError, "invalid_grant (token expired)"));
        assert!(refusal(Class::OauthError, "invalid_grant"));
        assert!(!refusal(Class::OauthError, "server_error (invalid_grant)"));
        assert!(!refusal(Class::HttpStatus, "invalid_grant"));
    }
}
