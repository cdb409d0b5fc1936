//! `device`: a device without a browser is authorized: codes, a poll too early, the approval through the login pages,
//! polls until there are tokens, all of them validated.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::device::{Device, Poll, SLOW_DOWN};
use crate::oidc::expect::Expect;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::steps::StepSettings;
use crate::oidc::form::walker::{Arrival, Walker};
use crate::oidc::grants::{self, Word};
use crate::oidc::http::Endpoint;
use crate::oidc::jwks::KeySet;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::{IdTokenAsk, Relying};
use crate::oidc::token::{DEVICE_CODE, Grant, Tokens};
use crate::outcome::Warning;

/// Device code and user code are asked for.
const DEVICE_AUTHORIZATION: StepName = "device_authorization";
/// A poll before anybody has approved.
const PENDING: StepName = "pending";

/// How long tokens may take after the approval unless `bound` says otherwise.
const BOUND: HumanDuration = HumanDuration::from_secs(30);
/// The shortest pause between two polls, whatever the provider says.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub const KIND: Kind = Kind {
    name: "device",
    summary: "Authorizes a device: user code, approval through the login pages, polls until there are tokens.",
    spec: "RFC 8628",
    client: Need::Required,
    user: Need::Required,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// A preset of login pages by name. Without one, and without steps, the obvious fields are filled in. The user code is
    /// typed by itself.
    #[serde(rename = "page")]
    _page: Option<String>,
    /// What to do on the login pages, in order.
    #[serde(rename = "step")]
    _step: Vec<StepSettings>,
    /// What the tokens must hold.
    #[serde(rename = "expect")]
    _expect: Expect,
    /// Whether to poll too quickly on purpose, and to warn unless that is answered with `slow_down` (RFC 8628 §3.5).
    /// Default: false.
    slow_down: bool,
    /// How long tokens may take once the login pages are done; the provider's `interval` is part of it. Default: "30s".
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
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Box::new(DeviceFlow { login, slow_down: settings.slow_down, bound }))
}

struct DeviceFlow {
    login: Login,
    slow_down: bool,
    bound: Duration,
}

#[async_trait]
impl Probe for DeviceFlow {
    fn steps(&self) -> Vec<StepName> {
        vec![
            flow::DISCOVERY,
            flow::JWKS,
            DEVICE_AUTHORIZATION,
            PENDING,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            flow::USERINFO,
        ]
    }

    fn cost(&self) -> Cost {
        // Metadata twice where it hides an endpoint, keys, codes, the pages and the one for the code, two polls, userinfo,
        // two revocations.
        let requests = 2 + 1 + 1 + flow::LOGIN_REQUESTS + 2 + 2 + 1 + 2 + u32::from(self.slow_down);
        let polls = u32::try_from(self.bound.as_secs()).unwrap_or(u32::MAX);
        let burst = (requests + flow::LOGIN_DETOURS).saturating_add(polls);
        Cost { requests, burst, waits: self.bound, ..Cost::default() }
    }

    fn confirms(&self) -> bool {
        false
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(flow::DISCOVERY, offers(&relying)).await?;
        let mut keys = keys(journey, &relying, &metadata).await?;
        let device = journey.step(DEVICE_AUTHORIZATION, relying.device(&metadata)).await?;
        let mut polls = Polls::of(&device);
        let mut early = None;
        let result = journey.step(PENDING, self.poll_early(&relying, &metadata, &mut polls, &mut early)).await;
        if let Some(tokens) = &early {
            flow::revoke_later(journey, &relying, &metadata, tokens);
        }
        result?;
        let end = journey.step(flow::LOGIN, self.approve(cx, &relying, &device)).await?;
        let tokens = self.redeem(journey, &relying, &metadata, &mut polls, end).await?;
        let claims = self.id_token(journey, &relying, &metadata, &mut keys, &tokens).await?;
        flow::ask_userinfo(journey, &relying, &metadata, &tokens, claims.as_deref(), &self.login).await
    }
}

/// The metadata; the endpoint must be there.
async fn offers(relying: &Relying) -> Result<Metadata, Fault> {
    let needed = ["device_authorization_endpoint", "token_endpoint"];
    let metadata = relying.metadata_with(&needed, &["revocation_endpoint"]).await?;
    metadata.endpoint("device_authorization_endpoint")?;
    Ok(metadata)
}

/// Only an ID token needs keys.
async fn keys(journey: &mut Journey, relying: &Relying, metadata: &Metadata) -> Result<KeySet, Stopped> {
    if flow::asked_for_openid(relying) {
        return journey.step(flow::JWKS, relying.keys(metadata)).await;
    }
    journey.skip(flow::JWKS, "`openid` is not among the scopes: there is no ID token");
    Ok(KeySet::default())
}

/// The polls of one device code (RFC 8628 §3.5).
struct Polls<'d> {
    device: &'d Device,
    interval: Duration,
    last: Option<Instant>,
}

impl<'d> Polls<'d> {
    fn of(device: &'d Device) -> Self {
        Self { device, interval: device.interval.max(LEAST_PAUSE), last: None }
    }

    /// When the next one may be sent.
    fn next(&self) -> Option<Instant> {
        self.last.map(|last| last + self.interval)
    }

    /// Polls now. `Ok(Err(_))`: an answer that only devices get.
    async fn poll(&mut self, relying: &Relying, metadata: &Metadata) -> Result<Result<Tokens, Poll>, Fault> {
        let grant = Grant::Device { code: self.device.device_code.clone() };
        let result = relying.token(metadata, grant).await;
        self.last = Some(relying.clock.instant());
        match result {
            Ok(tokens) => Ok(Ok(tokens)),
            Err(fault) => match Poll::of(&fault) {
                Some(Poll::Denied) => {
                    let detail = format!("{}, and nobody said no", fault.detail);
                    Err(Fault { detail, ..fault })
                }
                Some(Poll::Expired) => {
                    let age = relying.clock.now().since(self.device.received).as_secs();
                    let lifetime = self.device.expires_in.as_secs();
                    let detail = format!("{} after {age} s of {lifetime} s", fault.detail);
                    Err(Fault { detail, ..fault })
                }
                Some(poll) => {
                    if poll == Poll::SlowDown {
                        self.interval += SLOW_DOWN;
                    }
                    Ok(Err(poll))
                }
                // The endpoint that gave the codes speaks for the grant.
                None => Err(grants::judged(metadata, DEVICE_CODE, Word::Given, fault)),
            },
        }
    }
}

impl DeviceFlow {
    /// Before anybody has approved there must be no tokens.
    async fn poll_early(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        polls: &mut Polls<'_>,
        early: &mut Option<Tokens>,
    ) -> Result<(), Fault> {
        let accepted = |tokens: Tokens, early: &mut Option<Tokens>| {
            *early = Some(tokens);
            let detail = "tokens are issued for a device code that nobody has approved (RFC 8628 §3.5)";
            Err(Fault::new(Class::AttackAccepted, detail))
        };
        match polls.poll(relying, metadata).await? {
            Ok(tokens) => return accepted(tokens, early),
            Err(Poll::SlowDown) => {
                let detail = "the very first poll was answered with slow_down";
                relying.recorder.warn(Warning::new("slow_down", "RFC 8628 §3.5", detail));
            }
            Err(_) => {}
        }
        if !self.slow_down {
            return Ok(());
        }
        match polls.poll(relying, metadata).await? {
            Ok(tokens) => accepted(tokens, early),
            Err(Poll::SlowDown) => Ok(()),
            Err(_) => {
                let detail = "a poll right after another was not answered with slow_down";
                relying.recorder.warn(Warning::new("slow_down_missing", "RFC 8628 §3.5", detail));
                Ok(())
            }
        }
    }

    /// The user opens the address, types the code if it is not in there, logs in and agrees. Returns what would be wrong
    /// with the last page if it was in vain.
    async fn approve(&self, cx: &Context, relying: &Relying, device: &Device) -> Result<Fault, Fault> {
        let user = cx.user.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a user"))?;
        let answers = Answers::of(user, relying.memory.clone(), &relying.recorder)?;
        // Nothing leads back to a device.
        let nowhere = Url::parse("urn:ietf:params:oauth:grant-type:device_code")
            .map_err(|error| Fault::new(Class::Internal, error.to_string()))?;
        let address = device.verification_uri_complete.as_ref().unwrap_or(&device.verification_uri);
        let walker = Walker {
            http: &relying.http,
            recorder: &relying.recorder,
            clock: &relying.clock,
            redirect_uri: &nowhere,
            endpoint: (&device.verification_uri, Endpoint::LoginPage),
        };
        match walker.open(address.clone()).await? {
            Arrival::Page(first) => walker.approve(first, &device.user_code, &self.login.guide, &answers).await,
            Arrival::Answer(_) => Err(Fault::new(Class::Redirect, "the verification address leads to no page")),
        }
    }

    /// Step `token`; whatever is issued is revoked when the run is over.
    async fn redeem(
        &self,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
        polls: &mut Polls<'_>,
        end: Fault,
    ) -> Result<Tokens, Stopped> {
        let mut issued = None;
        let work = async {
            let tokens = issued.insert(self.poll_until_issued(relying, metadata, polls, end).await?).clone();
            let asked = &relying.client()?.scopes;
            let findings = self.login.expect.check_scopes(tokens.scope.as_deref(), asked);
            Fault::from_findings(findings).map_or(Ok(tokens), Err)
        };
        let result = journey.step(flow::TOKEN, work).await;
        if let Some(tokens) = &issued {
            flow::revoke_later(journey, relying, metadata, tokens);
        }
        result
    }

    async fn poll_until_issued(
        &self,
        relying: &Relying,
        metadata: &Metadata,
        polls: &mut Polls<'_>,
        end: Fault,
    ) -> Result<Tokens, Fault> {
        let approved = relying.clock.instant();
        loop {
            if let Some(next) = polls.next() {
                if next > approved + self.bound {
                    return Err(never(self.bound, end));
                }
                tokio::time::sleep_until(next).await;
            }
            let kept = polls.interval;
            match polls.poll(relying, metadata).await? {
                Ok(tokens) => return Ok(tokens),
                Err(Poll::SlowDown) => {
                    let detail = format!("slow_down though polls were {} s apart", kept.as_secs());
                    relying.recorder.warn(Warning::new("slow_down", "RFC 8628 §3.5", detail));
                }
                Err(_) => {}
            }
        }
    }

    /// No specification of devices speaks of ID tokens, but who asks for `openid` mostly gets one: then it must be right.
    /// Returns `sub`.
    async fn id_token(
        &self,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
        keys: &mut KeySet,
        tokens: &Tokens,
    ) -> Result<Option<String>, Stopped> {
        let Some(id_token) = &tokens.id_token else {
            if flow::asked_for_openid(relying) {
                let detail = "openid was asked for, and no ID token came";
                relying.recorder.warn(Warning::new("id_token_missing", "OIDC Core 3.1.3.3", detail));
            }
            journey.skip(flow::ID_TOKEN, "no ID token was issued");
            return Ok(None);
        };
        let ask = IdTokenAsk {
            nonce: None,
            max_age: None,
            access_token: Some(tokens.access_token.expose()),
            code: None,
            subject: None,
            expect: &self.login.expect,
            userinfo_follows: flow::asks_userinfo(relying, metadata),
            front_channel: false,
        };
        let claims = journey.step(flow::ID_TOKEN, relying.id_token(metadata, keys, id_token, ask)).await?;
        Ok(flow::subject(Some(&claims)))
    }
}

/// The pages were done, and the token endpoint does not know of it: the last page may say why.
fn never(bound: Duration, end: Fault) -> Fault {
    if end.class == Class::Challenge {
        return end;
    }
    let (bound, page) = (HumanDuration(bound), end.detail);
    let detail = format!("still not approved {bound} after the login pages came to their end; the last page: {page}");
    Fault::new(Class::OauthError, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn settings_are_checked() {
        assert!(parsed("page = \"generic\"\nslow_down = true\nbound = \"1m\"").is_ok());
        for (toml, key) in [("page = \"nowhere\"", "page"), ("bound = \"11m\"", "bound"), ("bound = \"0s\"", "bound")] {
            assert_eq!(parsed(toml).err().unwrap()[0].key, key, "{toml}");
        }
    }

    #[test]
    fn what_waits_for_the_approval_is_counted() {
        let cost = parsed("bound = \"1m\"").ok().unwrap().cost();
        assert_eq!(cost.waits, Duration::from_secs(60));
        assert!(cost.burst >= cost.requests + 60);
    }

    #[test]
    fn an_approval_in_vain_is_the_providers_unless_we_had_no_answer() {
        let of = |class| never(Duration::from_secs(30), Fault::new(class, "found title \"Sorry\"")).class;
        assert_eq!((of(Class::LoginPage), of(Class::Challenge)), (Class::OauthError, Class::Challenge));
    }
}
