//! `logout`: after a login the session is ended (RP-initiated), the way leads back to us, and it is gone; with
//! `back_channel` a logout token must come to our own receiver in time, and be valid.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::maybe_done;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::watch;
use url::Url;

use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, form_walk, session_end};
use crate::clock::{Instant, Timestamp};
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::Ask;
use crate::oidc::clock_skew::Skew;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::Jwt;
use crate::oidc::logout_token::{self, About, Session};
use crate::oidc::mailbox::Waiting;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{Refused, Relying};
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::{Observation, Warning};

/// The session at the provider is ended, and the way leads back.
const LOGOUT: StepName = "logout";
/// The session is gone.
const SESSION: StepName = "session";
/// A valid logout token has come.
const BACKCHANNEL: StepName = "backchannel";

/// How long a logout token may take unless `bound` says otherwise.
const BOUND: HumanDuration = HumanDuration::from_secs(10);
/// The most key sets that are fetched in one run for logout tokens: anybody may send some.
const MAX_FETCHES: u32 = 8;
/// The most tokens without our `sid` that are kept until it is known when the session was ended; the oldest make room.
const MAX_UNNAMED: usize = 32;

/// See the module.
pub const KIND: Kind = Kind {
    name: "logout",
    summary: "Ends the session after a login, sees that it is gone, and waits for the logout token of the back channel.",
    spec: "OIDC RP-Initiated Logout 1.0, OIDC Back-Channel Logout 1.0",
    client: Need::Required,
    user: Need::Required,
    attacks: Vec::new,
    schema: Login::schema_with::<Settings>,
    parse,
};

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether a logout token must come to `{server.public_url}/backchannel-logout/{client}`, which must be registered as
    /// the client's `backchannel_logout_uri` (OIDC Back-Channel Logout 1.0 §2.2). Default: false.
    back_channel: bool,
    /// How long it may take. Default: "10s".
    bound: Option<HumanDuration>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    let bound = settings.bound.unwrap_or(BOUND).0;
    if bound < Duration::from_secs(1) || bound > Duration::from_secs(600) {
        problems.push(problem("bound", "between \"1s\" and \"10m\""));
    }
    if settings.bound.is_some() && !settings.back_channel {
        problems.push(problem("bound", "it bounds the wait for a logout token: `back_channel = true` is missing"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Box::new(Logout { login, back_channel: settings.back_channel, bound }))
}

struct Logout {
    login: Login,
    back_channel: bool,
    bound: Duration,
}

#[async_trait]
impl Probe for Logout {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![
            flow::DISCOVERY,
            flow::JWKS,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            LOGOUT,
            SESSION,
        ];
        if self.back_channel {
            steps.push(BACKCHANNEL);
        }
        steps
    }

    fn cost(&self) -> Cost {
        // Metadata twice where it hides an endpoint, keys, code, tokens; logout with its confirmation, two requests to see
        // that nothing is left, two revocations.
        let requests = 2 + 1 + flow::LOGIN_REQUESTS + 1 + 3 + 2 + 2;
        // Keys again for a logout token that is signed with another.
        let keys = if self.back_channel { MAX_FETCHES } else { 0 };
        let waits = if self.back_channel { self.bound } else { Duration::ZERO };
        let burst = requests + flow::LOGIN_DETOURS + session_end::SECOND_LOOK + keys;
        Cost { requests, burst, waits, ..Cost::default() }
    }

    fn receives_logouts(&self) -> bool {
        self.back_channel
    }

    fn confirms(&self) -> bool {
        false
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let (endpoint, metadata) = journey.step(flow::DISCOVERY, self.offers(cx, &relying)).await?;
        let mut keys = journey.step(flow::JWKS, relying.keys(&metadata)).await?;
        let authorized = form_walk::authorize_by_form(cx, journey, &relying, &metadata, &self.login).await?;
        let tokens = flow::exchange(journey, &relying, &metadata, &authorized, &self.login).await?;
        let known = flow::Known { nonce: Some(&authorized.pending.nonce), ..flow::Known::default() };
        let claims =
            flow::validate_id_token(journey, &relying, &metadata, &mut keys, &tokens, &self.login, known).await?;
        let session = claims.as_ref().map(Session::of).unwrap_or_default();
        let heard = Heard::default();
        // What came before cannot be about this logout.
        let waiting = match self.wait(cx, &relying) {
            Ok(waiting) => waiting,
            Err(fault) => return journey.step(LOGOUT, async { Err(fault) }).await,
        };
        let (ending, ended) = watch::channel(None);
        let listening = async {
            match waiting {
                Some(waiting) => heard.listen(waiting, ended, &relying, &metadata, keys, &session).await,
                None => std::future::pending().await,
            }
        };
        // Providers tell the back channel first and the browser afterwards, so we listen meanwhile.
        let mut listening = pin!(maybe_done(listening));
        let leave = async {
            let back = relying.client()?.post_logout_redirect_uri.clone();
            let mut leaving =
                pin!(session_end::end_session(&relying, &endpoint, tokens.id_token.as_ref(), back.as_ref()));
            poll_fn(|task| {
                let _ = listening.as_mut().poll(task);
                leaving.as_mut().poll(task)
            })
            .await
        };
        let sent = journey.step(LOGOUT, leave).await?;
        let ago = relying.clock.instant().saturating_duration_since(sent);
        ending.send_replace(Some(Ending { sent, time: relying.clock.now() - ago }));
        let gone = async {
            let mut looking = pin!(nothing_is_left(&relying, &metadata, &tokens, &self.login));
            poll_fn(|task| {
                let _ = listening.as_mut().poll(task);
                looking.as_mut().poll(task)
            })
            .await
        };
        let renewed = journey.step(SESSION, gone).await?;
        if let Some(renewed) = &renewed {
            flow::revoke_later(journey, &relying, &metadata, renewed);
        }
        if !self.back_channel {
            return Ok(());
        }
        let wait = async {
            let _ = tokio::time::timeout_at(sent + self.bound, listening.as_mut()).await;
            self.judge(&relying, listening.as_mut().take_output(), sent, &heard)
        };
        journey.step(BACKCHANNEL, wait).await
    }
}

impl Logout {
    /// The endpoint and the metadata; and whether logout tokens can arrive: before anybody is logged in.
    async fn offers(&self, cx: &Context, relying: &Relying) -> Result<(Url, Metadata), Fault> {
        let metadata = relying.metadata_with(&["end_session_endpoint"], &["revocation_endpoint"]).await?;
        let endpoint = metadata.endpoint("end_session_endpoint")?;
        if !self.back_channel {
            return Ok((endpoint, metadata));
        }
        if metadata.flag("backchannel_logout_supported") != Some(true) {
            let detail = "the provider's backchannel_logout_supported is not true";
            return Err(Fault::new(Class::Unsupported, detail));
        }
        if !flow::asked_for_openid(relying) {
            let detail = "without `openid` among the client's scopes no ID token says whose logout token is ours";
            return Err(Fault::new(Class::Config, detail));
        }
        self.wait(cx, relying)?;
        Ok((endpoint, metadata))
    }

    /// A place where logout tokens arrive, if one must come.
    fn wait(&self, cx: &Context, relying: &Relying) -> Result<Option<Waiting>, Fault> {
        if !self.back_channel {
            return Ok(None);
        }
        let waiting = cx.mailbox.wait_at(&relying.client()?.name);
        waiting.map(Some).map_err(|why| Fault::new(Class::Config, format!("logout tokens cannot come: {why}")))
    }

    fn judge(&self, relying: &Relying, came: Option<Instant>, sent: Instant, heard: &Heard) -> Result<(), Fault> {
        let seconds = came.map(|came| came.saturating_duration_since(sent).as_secs_f64());
        let in_time = seconds.filter(|seconds| *seconds <= self.bound.as_secs_f64());
        relying.recorder.observe(Observation::BackchannelLogout { seconds: in_time });
        if in_time.is_some() {
            return Ok(());
        }
        let heard = heard.0.lock().expect("heard");
        if let Some(fault) = &heard.refused {
            return Err(fault.clone());
        }
        let besides = heard.besides();
        let detail = format!("no logout token within {} of the logout{besides}", HumanDuration(self.bound));
        Err(Fault::new(Class::LogoutIneffective, detail))
    }
}

/// When the session was ended: the request was sent.
#[derive(Clone, Copy, Debug)]
struct Ending {
    sent: Instant,
    time: Timestamp,
}

/// A valid token without our `sid`: it may be about another session of the user, which another region ended.
#[derive(Clone, Copy, Debug)]
struct Unnamed {
    received: Instant,
    /// `iat`.
    issued: Option<f64>,
}

impl Unnamed {
    /// Whether it can be about the session that was ended then.
    fn follows(&self, ending: Ending, skew: Option<Skew>) -> bool {
        self.received >= ending.sent && self.issued.is_none_or(|iat| !logout_token::precedes(iat, ending.time, skew))
    }
}

/// What came besides the token that was waited for.
#[derive(Default)]
struct Heard(Mutex<Aside>);

#[derive(Default)]
struct Aside {
    /// What was wrong with the last one that was, or may have been, ours: one that the provider has signed, or that names
    /// our session, which nobody else knows.
    refused: Option<Fault>,
    /// How many were about other sessions of the same user.
    siblings: u32,
    /// How many anybody may have sent.
    unproven: u32,
}

impl Aside {
    fn refuse(&mut self, refused: Refused, named: bool) {
        match refused {
            Refused { signed: true, fault } => self.refused = Some(fault),
            Refused { fault, .. } if named && self.refused.is_none() => self.refused = Some(fault),
            Refused { .. } => self.unproven += 1,
        }
    }

    /// For people.
    fn besides(&self) -> String {
        let siblings = match self.siblings {
            0 => String::new(),
            1 => "; one came for another session of this user".to_owned(),
            many => format!("; {many} came for other sessions of this user"),
        };
        match self.unproven {
            0 => siblings,
            1 => format!("{siblings}; one came that is not signed with the provider's keys"),
            many => format!("{siblings}; {many} came that are not signed with the provider's keys"),
        }
    }
}

impl Heard {
    /// Until a valid logout token of that session has come: when. One that is not valid may be anybody's, so that the wait
    /// goes on. One that does not name the session counts once it is known when that was `ended`.
    async fn listen(
        &self,
        mut waiting: Waiting,
        mut ended: watch::Receiver<Option<Ending>>,
        relying: &Relying,
        metadata: &Metadata,
        mut keys: KeySet,
        session: &Session,
    ) -> Instant {
        let (mut fetches, mut unnamed) = (MAX_FETCHES, VecDeque::<Unnamed>::new());
        loop {
            let ending = *ended.borrow_and_update();
            if let Some(ending) = ending {
                let skew = relying.timing.skew();
                let ours = unnamed.drain(..).find(|token| token.follows(ending, skew));
                if let Some(token) = ours {
                    return token.received;
                }
            }
            let letter = tokio::select! {
                letter = waiting.next() => letter,
                Ok(()) = ended.changed() => continue,
            };
            relying.recorder.protect(letter.token.expose());
            let Ok(jwt) = Jwt::decode(letter.token.expose(), "logout token") else {
                letter.answer(false);
                self.with(|aside| aside.unproven += 1);
                continue;
            };
            match logout_token::about(&jwt.claims, session) {
                About::Ours | About::Nobody => {}
                other => {
                    letter.pass();
                    self.with(|aside| aside.siblings += u32::from(other == About::Sibling));
                    continue;
                }
            }
            let named = logout_token::names(&jwt.claims, session);
            let result = relying.logout_token(metadata, &mut keys, &jwt, session, &mut fetches).await;
            letter.answer(result.is_ok());
            match result {
                Ok(()) if named => return letter.received,
                Ok(()) => {
                    if unnamed.len() == MAX_UNNAMED {
                        unnamed.pop_front();
                    }
                    let issued = jwt.claims.date("iat").ok().flatten();
                    unnamed.push_back(Unnamed { received: letter.received, issued });
                }
                Err(refused) => self.with(|aside| aside.refuse(refused, named)),
            }
        }
    }

    fn with(&self, work: impl FnOnce(&mut Aside)) {
        work(&mut self.0.lock().expect("heard"));
    }
}

/// The session must be gone; what could be refreshed should be, too. Returns tokens that came of that.
async fn nothing_is_left(
    relying: &Relying,
    metadata: &Metadata,
    tokens: &Tokens,
    login: &Login,
) -> Result<Option<Tokens>, Fault> {
    let ask = Ask { scopes: relying.client()?.scopes.clone(), ..Ask::default() };
    session_end::session_is_gone(relying, metadata, ask, &login.guide).await?;
    let granted = tokens.scope.as_ref().unwrap_or(&relying.client()?.scopes);
    // Back-Channel Logout §2.7: those of offline_access are to live on.
    let Some(token) = tokens.refresh_token.as_ref().filter(|_| !granted.iter().any(|s| s == "offline_access")) else {
        return Ok(None);
    };
    let grant = Grant::Refresh { token: token.clone(), scopes: Vec::new() };
    match relying.token(metadata, grant).await {
        Ok(renewed) => {
            let detail = "the refresh token still works after the logout, and offline_access was not granted";
            relying.recorder.warn(Warning::new("refresh_after_logout", "OIDC Back-Channel Logout 2.7", detail));
            Ok(Some(renewed))
        }
        Err(fault) if fault.class == Class::OauthError => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn only_the_back_channel_waits_and_receives() {
        let plain = parsed("").ok().unwrap();
        assert_eq!((plain.cost().waits, plain.receives_logouts()), (Duration::ZERO, false));
        let both = parsed("back_channel = true\nbound = \"20s\"").ok().unwrap();
        assert_eq!((both.cost().waits, both.receives_logouts()), (Duration::from_secs(20), true));
        assert_eq!(both.steps().last(), Some(&"backchannel"));
    }

    /// Another region's logout of the same user is not ours.
    #[tokio::test(start_paused = true)]
    async fn a_token_without_our_session_counts_from_the_logout_on() {
        let (sent, time) = (crate::clock::Clock::system().instant(), Timestamp::from_secs(1_700_000_000));
        let ending = Ending { sent, time };
        let follows = |received, issued| Unnamed { received, issued }.follows(ending, None);
        let (second, now) = (Duration::from_secs(1), Some(1_700_000_000.0));
        assert!(follows(sent, now) && follows(sent + second, now) && follows(sent, None));
        assert!(!follows(sent - second, now), "it came before");
        assert!(!follows(sent + second, Some(1_699_999_000.0)), "it was issued long before");
    }

    #[test]
    fn what_anybody_can_send_does_not_decide() {
        let fault = |class| Fault::new(class, "x");
        let class = |aside: &Aside| aside.refused.as_ref().map(|fault| fault.class);
        let mut aside = Aside::default();
        aside.refuse(fault(Class::SignatureInvalid).into(), false);
        assert_eq!((class(&aside), aside.unproven), (None, 1));
        assert!(aside.besides().contains("one came that is not signed"));
        aside.refuse(fault(Class::SignatureInvalid).into(), true);
        assert_eq!(class(&aside), Some(Class::SignatureInvalid));
        aside.refuse(Refused { signed: true, fault: fault(Class::ClaimAudience) }, false);
        aside.refuse(fault(Class::SignatureInvalid).into(), true);
        assert_eq!(class(&aside), Some(Class::ClaimAudience), "what the provider signed tells more");
    }

    #[test]
    fn settings_are_checked() {
        for toml in ["bound = \"20s\"", "back_channel = true\nbound = \"11m\""] {
            assert_eq!(parsed(toml).err().unwrap()[0].key, "bound", "{toml}");
        }
        assert!(parsed("backchannel = true").err().unwrap()[0].message.contains("backchannel"));
    }
}
