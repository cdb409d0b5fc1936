//! `logout`: after a login the session is ended (RP-initiated), the way leads back to us, and it is gone; with
//! `back_channel` a logout token must come to our own receiver in time, and be valid.

use std::future::poll_fn;
use std::pin::pin;
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
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::authorize::Ask;
use crate::oidc::logout_token::Session;
use crate::oidc::mailbox::Waiting;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, Tokens};
use crate::outcome::{Observation, Warning};

mod heard;

use heard::{Ending, Heard};

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

    #[test]
    fn settings_are_checked() {
        for toml in ["bound = \"20s\"", "back_channel = true\nbound = \"11m\""] {
            assert_eq!(parsed(toml).err().unwrap()[0].key, "bound", "{toml}");
        }
        assert!(parsed("backchannel = true").err().unwrap()[0].message.contains("backchannel"));
    }
}
