//! `refresh`: what becomes of a session that is refreshed: rotation, reuse, and whether it lives as long as it should.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::login_flow::{self as flow, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::fault::{Blame, Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::jwks::KeySet;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::Warning;
use crate::secret::Secret;

/// The refresh token is used.
const REFRESH: StepName = "refresh";
/// The refresh token that was used is presented again.
const REUSE: StepName = "reuse";

/// See the module.
pub const KIND: Kind = Kind {
    name: "refresh",
    summary: "Refreshes tokens after a login in the same run, or keeps a session alive for hours; checks rotation and reuse.",
    spec: "RFC 6749 §6, RFC 9700 §4.14, OIDC Core 12",
    client: Need::Required,
    user: Need::Required,
    schema: Login::schema_with::<Settings>,
    parse,
};

/// Whether a refresh must bring a new refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rotation {
    /// It must, and the old one must be refused afterwards (RFC 9700 §4.14.2).
    Required,
    /// It must not.
    Forbidden,
    /// Both are fine.
    #[default]
    Either,
}

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether a refresh must bring a new refresh token; "required" also demands that the old one is refused afterwards.
    /// Default: "either".
    rotation: Rotation,
    /// How long the provider accepts a used refresh token on purpose (for clients that lost the answer). The old token
    /// is presented again only after that. Default: "0s".
    reuse_grace: HumanDuration,
    /// Keep one session in memory and refresh it at every run until it is that old: sessions that die early are the
    /// fault. Then the session is ended and the next one begins. Without it every run logs in anew.
    age: Option<HumanDuration>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take(&mut table, &mut problems);
    let settings: Settings = flow::read(table, &mut problems);
    if settings.rotation != Rotation::Required && !settings.reuse_grace.0.is_zero() {
        problems.push(problem("reuse_grace", "only with `rotation = \"required\"` is a token presented again"));
    }
    if settings.age.is_some_and(|age| age.0 < Duration::from_secs(60)) {
        problems.push(problem("age", "at least \"1m\": within one run every session is refreshed once anyway"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Box::new(Refresh {
        login,
        rotation: settings.rotation,
        reuse_grace: settings.reuse_grace.0,
        age: settings.age.map(Duration::from),
    }))
}

struct Refresh {
    login: Login,
    rotation: Rotation,
    reuse_grace: Duration,
    age: Option<Duration>,
}

/// A session and its latest refresh token.
#[derive(Clone, Debug)]
struct Family {
    token: Secret,
    subject: Option<String>,
    nonce: Secret,
    born: Timestamp,
    /// Whether an answer to a refresh was lost: the provider may have rotated the token without our knowing the new one.
    uncertain: bool,
}

/// What a check remembers between its runs.
#[derive(Default)]
struct Kept(Option<Family>);

#[async_trait]
impl Probe for Refresh {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![
            flow::DISCOVERY,
            flow::JWKS,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            REFRESH,
            flow::USERINFO,
        ];
        if self.rotation == Rotation::Required {
            steps.push(REUSE);
        }
        steps
    }

    fn cost(&self) -> Cost {
        let reuse = if self.rotation == Rotation::Required { 2 } else { 0 };
        let login = flow::LOGIN_REQUESTS + 1;
        // Metadata twice where it hides an endpoint, keys, refresh, userinfo, revocations.
        let refresh = 2 + 1 + 1 + 1;
        let whole = refresh + login + reuse + 4;
        let requests = if self.age.is_some() { refresh } else { whole };
        Cost { requests, burst: whole + flow::LOGIN_DETOURS, all_regions: false, waits: self.reuse_grace }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let run = Run { probe: self, cx, relying: cx.relying(journey) };
        let (metadata, keys) = flow::prepare(journey, &run.relying, &["revocation_endpoint"]).await?;
        match self.age {
            Some(age) => run.keep_alive(journey, &metadata, keys, age).await,
            None => run.once(journey, &metadata, keys).await,
        }
    }
}

/// One run.
struct Run<'a> {
    probe: &'a Refresh,
    cx: &'a Context,
    relying: Relying,
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
    async fn once(&self, journey: &mut Journey, metadata: &Metadata, mut keys: KeySet) -> Result<(), Stopped> {
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
    async fn keep_alive(
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
            None => self.begin(journey, metadata, &mut keys).await?.0,
        };
        let (family, refreshed, tokens) = match self.refresh_kept(journey, metadata, &mut keys, &family).await? {
            Refreshed::Alive(alive) => (family, alive.0, alive.1),
            Refreshed::Lost => {
                let detail = "the session ended after an answer to a refresh was lost: a new one begins";
                self.relying.recorder.warn(Warning::new("session_lost", "RFC 9700 §4.14.2", detail));
                let next = self.begin(journey, metadata, &mut keys).await?.0;
                match self.refresh_kept(journey, metadata, &mut keys, &next).await? {
                    Refreshed::Alive(alive) => (next, alive.0, alive.1),
                    Refreshed::Lost => return self.lost(journey).await,
                }
            }
        };
        if self.age(&family) < age {
            self.remember(Some(refreshed));
            flow::ask_userinfo(journey, &self.relying, metadata, &tokens, family.subject.as_deref()).await?;
            if self.probe.rotation == Rotation::Required {
                journey.skip(REUSE, "done when the session has reached its age, since it ends it");
            }
            return Ok(());
        }
        // It has lived as long as it should: throw it away, the next run begins another.
        self.remember(None);
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
        let authorized = flow::authorize_by_form(self.cx, journey, relying, metadata, login).await?;
        let tokens = flow::redeem(journey, relying, metadata, &authorized, login).await?;
        let nonce = authorized.pending.nonce;
        let claims = match flow::validate_id_token(journey, relying, metadata, keys, &tokens, &nonce, login).await {
            Ok(claims) => claims,
            Err(stopped) => {
                flow::revoke_later(journey, relying, metadata, &tokens);
                return Err(stopped);
            }
        };
        let Some(token) = tokens.refresh_token.clone() else {
            flow::revoke_later(journey, relying, metadata, &tokens);
            let detail = "the login brought no refresh token: is `offline_access` asked for, and the grant allowed?";
            return journey.step(REFRESH, async { Err(Fault::new(Class::Unsupported, detail)) }).await;
        };
        let born = self.cx.clock.now();
        let family = Family { token, subject: flow::subject(claims.as_ref()), nonce, born, uncertain: false };
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
            (Ok(Refreshed::Lost), _) => self.remember(None),
            // The request may have arrived, and the token been rotated: stays uncertain.
            (Err(_), Some(fault)) if fault.blame == Blame::Network || fault.class == Class::HttpStatus => {}
            // Never sent, or the client's own credentials refused: as before.
            (Err(_), Some(fault)) if !fault.blame.is_bad() => self.remember(Some(family.clone())),
            // Refused, or not as it should be: the next run begins another.
            (Err(_), _) => self.remember(None),
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
                Err(fault) => return Err(fault),
            };
            let rotated = tokens.refresh_token.as_ref().is_some_and(|new| *new != family.token);
            check_rotation(self.probe.rotation, rotated)?;
            self.validate(metadata, keys, family, &tokens).await?;
            let token = tokens.refresh_token.clone().unwrap_or_else(|| family.token.clone());
            let family = Family { token, uncertain: false, ..family.clone() };
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
        flow::ask_userinfo(journey, &self.relying, metadata, tokens, used.subject.as_deref()).await?;
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

fn check_rotation(wanted: Rotation, rotated: bool) -> Result<(), Fault> {
    let detail = match (wanted, rotated) {
        (Rotation::Required, false) => "the refresh brought no new refresh token, though rotation is required",
        (Rotation::Forbidden, true) => "the refresh brought a new refresh token, though rotation is forbidden",
        _ => return Ok(()),
    };
    Err(Fault::new(Class::RefreshNotRotated, detail))
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

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into() })
    }

    #[test]
    fn reuse_is_a_step_only_where_rotation_is_required() {
        let steps = ["discovery", "jwks", "authorize", "login", "token", "id_token", "refresh", "userinfo"];
        assert_eq!(parsed("").ok().unwrap().steps(), steps);
        let required = parsed("rotation = \"required\"\nreuse_grace = \"10s\"").ok().unwrap();
        assert_eq!(required.steps().last(), Some(&"reuse"));
        let kept = parsed("age = \"8h\"").ok().unwrap();
        assert!(kept.cost().requests < kept.cost().burst);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (toml, key) in [
            ("reuse_grace = \"5s\"", "reuse_grace"),
            ("age = \"10s\"", "age"),
            ("rotation = \"sometimes\"", ""),
            ("page = \"nowhere\"", "page"),
        ] {
            assert_eq!(parsed(toml).err().unwrap()[0].key, key, "{toml}");
        }
    }

    #[test]
    fn rotation_is_judged_both_ways() {
        assert!(check_rotation(Rotation::Either, true).is_ok() && check_rotation(Rotation::Either, false).is_ok());
        assert!(check_rotation(Rotation::Required, true).is_ok() && check_rotation(Rotation::Forbidden, false).is_ok());
        for (wanted, rotated) in [(Rotation::Required, false), (Rotation::Forbidden, true)] {
            assert_eq!(check_rotation(wanted, rotated).unwrap_err().class, Class::RefreshNotRotated);
        }
    }

    #[test]
    fn only_invalid_grant_says_that_a_token_is_dead() {
        let refusal = |class, detail: &str| refused(&Fault::new(class, detail));
        assert!(refusal(Class::OauthError, "invalid_grant (token expired)"));
        assert!(refusal(Class::OauthError, "invalid_grant"));
        assert!(!refusal(Class::OauthError, "server_error (invalid_grant)"));
        assert!(!refusal(Class::HttpStatus, "invalid_grant"));
    }
}
