//! `revocation`: how long a revoked token still works, seen from every region in one run.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::form_walk;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::propagation::{Pace, Watch};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, issued};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::grants;
use crate::oidc::metadata::{self, Metadata};
use crate::oidc::relying::Relying;
use crate::oidc::token::{Grant, Tokens};
use crate::secret::Secret;

mod watch;

use watch::{Watched, gravest, of_region};

/// The token is shown to work, from every region.
const ALIVE: StepName = "alive";
/// The token is revoked (RFC 7009).
const REVOCATION: StepName = "revocation";
/// The token is tried until it is refused, from every region.
const PROPAGATION: StepName = "propagation";

/// How long a token is tried unless `bound` says otherwise.
const BOUND: HumanDuration = HumanDuration::from_secs(30);

/// See the module.
pub const KIND: Kind = Kind {
    name: "revocation",
    summary: "Revokes a token and measures, from every region in one run, how long it still works.",
    spec: "RFC 7009, RFC 7662, RFC 6750 §3.1",
    client: Need::Required,
    user: Need::Optional,
    attacks: Vec::new,
    schema: Login::schema_with::<Settings>,
    parse,
};

/// Which token is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    /// The access token.
    #[default]
    Access,
    /// The refresh token.
    Refresh,
}

/// How the token is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Obtain {
    /// The user logs in.
    Login,
    /// By client credentials.
    ClientCredentials,
}

/// Where the token is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Poll {
    /// At the introspection endpoint (RFC 7662): the revoked token itself.
    Introspection,
    /// At the userinfo endpoint: the access token.
    Userinfo,
    /// At `resource`: the access token.
    Resource,
}

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Which token is revoked. Default: "access".
    token: Which,
    /// How the token is obtained. Default: "login" if there is a user, else "client_credentials".
    grant: Option<Obtain>,
    /// Where the token is tried. Introspection tries the revoked token itself; userinfo and resource try the access token,
    /// which should die with the refresh token of its grant (RFC 7009 §2.1). Default: "resource" if there is one, else
    /// "introspection" if the provider offers it, else "userinfo" for an access token of a login.
    poll: Option<Poll>,
    /// The URL of a protected resource that answers a GET with a good bearer token by 2xx and refuses a dead one by 401.
    #[schemars(with = "Option<String>")]
    resource: Option<Url>,
    /// How long the token may still work. Default: "30s".
    bound: Option<HumanDuration>,
}

fn parse(mut table: toml::Table, context: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    // Its own: the URL of a resource, not what a login asks for.
    let resource = table.remove("resource");
    let login = Login::take(&mut table, &mut problems);
    table.extend(resource.map(|url| ("resource".to_owned(), url)));
    let settings: Settings = login_settings::read(table, &mut problems);
    let mut wrong = |key: &str, message: &str| problems.push(problem(key, message));
    match (&settings.resource, settings.poll) {
        (None, Some(Poll::Resource)) => wrong("resource", "`poll = \"resource\"` needs the URL of one"),
        (Some(_), Some(Poll::Introspection | Poll::Userinfo)) => {
            wrong("resource", "it is not asked: `poll` names another place");
        }
        _ => {}
    }
    if let Some(url) = &settings.resource
        && !(url.scheme() == "https" || url.scheme() == "http" && metadata::is_loopback(url))
    {
        wrong("resource", "a token is only sent over https (http on loopback)");
    }
    if settings.grant == Some(Obtain::ClientCredentials) {
        if settings.token == Which::Refresh {
            wrong("token", "client credentials bring no refresh token (RFC 6749 §4.4.3)");
        }
        if settings.poll == Some(Poll::Userinfo) {
            wrong("poll", "userinfo needs the access token of a user");
        }
    }
    let bound = settings.bound.unwrap_or(BOUND).0;
    if bound < Duration::from_secs(1) || bound > Duration::from_secs(3600) {
        wrong("bound", "between \"1s\" and \"1h\"");
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let regions = u32::try_from(context.regions.max(1)).unwrap_or(u32::MAX);
    Ok(Box::new(Revocation { login, settings, bound, regions }))
}

struct Revocation {
    login: Login,
    settings: Settings,
    bound: Duration,
    regions: u32,
}

impl Revocation {
    /// The grant; `has_user` is only known when the probe runs.
    fn obtain(&self, has_user: bool) -> Obtain {
        self.settings.grant.unwrap_or(if has_user { Obtain::Login } else { Obtain::ClientCredentials })
    }

    fn poll(&self, metadata: &Metadata, obtain: Obtain) -> Result<Poll, Fault> {
        let offers = |endpoint: &str| metadata.optional_endpoint(endpoint).is_some();
        let userinfo = self.settings.token == Which::Access && obtain == Obtain::Login && offers("userinfo_endpoint");
        match self.settings.poll {
            Some(poll) => Ok(poll),
            None if self.settings.resource.is_some() => Ok(Poll::Resource),
            None if offers("introspection_endpoint") => Ok(Poll::Introspection),
            None if userinfo => Ok(Poll::Userinfo),
            None => {
                let detail = "nothing tells whether the token still works: the provider offers no introspection_endpoint; \
                              set `resource`, or `poll = \"userinfo\"` to watch the access token of the grant";
                Err(Fault::new(Class::Unsupported, detail))
            }
        }
    }
}

#[async_trait]
impl Probe for Revocation {
    fn steps(&self) -> Vec<StepName> {
        vec![flow::DISCOVERY, flow::AUTHORIZE, flow::LOGIN, flow::TOKEN, ALIVE, REVOCATION, PROPAGATION]
    }

    fn cost(&self) -> Cost {
        let logs_in = self.settings.grant != Some(Obtain::ClientCredentials);
        let (login, detours) = if logs_in { (flow::LOGIN_REQUESTS, flow::LOGIN_DETOURS) } else { (0, 0) };
        // Metadata twice where it hides an endpoint, the token, its revocation, cleanup; with a refresh token the last word
        // of the token endpoint.
        let fixed = 2 + login + 1 + 1 + 2 + u32::from(self.settings.token == Which::Refresh);
        let at_once = self.regions.saturating_mul(1 + Watch::CONFIRMATIONS);
        let at_most = self.regions.saturating_mul(1 + Pace::tries(self.bound) + Watch::CONFIRMATIONS);
        Cost {
            requests: fixed + at_once,
            burst: (fixed + detours).saturating_add(at_most),
            all_regions: true,
            waits: self.bound,
        }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(flow::DISCOVERY, self.offers(cx, &relying)).await?;
        let tokens = self.obtain_tokens(cx, journey, &relying, &metadata).await?;
        let from: Vec<Relying> = cx.regions.iter().map(|region| cx.relying_from(region, journey)).collect();
        let watched = journey.step(ALIVE, self.prove_alive(cx, from, &metadata, &tokens)).await?;
        let acknowledged = journey.step(REVOCATION, self.revoke(&relying, &metadata, &tokens)).await?;
        journey.step(PROPAGATION, self.watch(cx, &watched, acknowledged, &relying, &metadata, &tokens)).await
    }
}

impl Revocation {
    /// The metadata; what this run needs must be there.
    async fn offers(&self, cx: &Context, relying: &Relying) -> Result<Metadata, Fault> {
        let elsewhere =
            self.settings.resource.is_some() || matches!(self.settings.poll, Some(Poll::Userinfo | Poll::Resource));
        let needed: &[&'static str] =
            if elsewhere { &["revocation_endpoint"] } else { &["revocation_endpoint", "introspection_endpoint"] };
        let metadata = relying.metadata_for(needed).await?;
        if metadata.optional_endpoint("revocation_endpoint").is_none() {
            let detail = "the provider has no revocation_endpoint; if it hides one, name it under `endpoints`";
            return Err(Fault::new(Class::Unsupported, detail));
        }
        self.poll(&metadata, self.obtain(cx.user.is_some()))?;
        Ok(metadata)
    }

    async fn obtain_tokens(
        &self,
        cx: &Context,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
    ) -> Result<Tokens, Stopped> {
        let tokens = match self.obtain(cx.user.is_some()) {
            Obtain::Login => {
                let authorized = form_walk::authorize_by_form(cx, journey, relying, metadata, &self.login).await?;
                flow::redeem(journey, relying, metadata, &authorized, &self.login).await?
            }
            Obtain::ClientCredentials => {
                journey.skip(flow::AUTHORIZE, "the token is obtained by client credentials");
                journey.skip(flow::LOGIN, "the token is obtained by client credentials");
                let work = async {
                    let grant =
                        Grant::ClientCredentials { scopes: relying.client()?.scopes.clone(), extra: Vec::new() };
                    let result = relying.token(metadata, grant).await;
                    result.map_err(|fault| issued::unsupported_grant(relying, metadata, "client_credentials", fault))
                };
                journey.step(flow::TOKEN, work).await?
            }
        };
        flow::revoke_later(journey, relying, metadata, &tokens);
        Ok(tokens)
    }

    /// RFC 7009 answers 200 to unknown tokens as well, so a token must be seen to work before it is revoked: in every
    /// region, by the means that will see it die.
    async fn prove_alive(
        &self,
        cx: &Context,
        from: Vec<Relying>,
        metadata: &Metadata,
        tokens: &Tokens,
    ) -> Result<Watched, Fault> {
        let poll = self.poll(metadata, self.obtain(cx.user.is_some()))?;
        let token = match (self.settings.token, poll) {
            (Which::Refresh, Poll::Introspection) => self.revoked(metadata, tokens)?,
            _ => &tokens.access_token,
        };
        let watched = Watched { token: token.clone(), poll, from };
        let asked = watched.from.iter().zip(&cx.regions).map(|(relying, region)| {
            let works = self.works(relying, metadata, &watched);
            async move {
                match works.await {
                    Err(fault) => Err(of_region(cx, region, fault).await),
                    works => works,
                }
            }
        });
        let (mut tries, mut faults) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(works) => tries.push(works),
                Err(fault) => faults.push(fault),
            }
        }
        if let Some(fault) = gravest(faults) {
            return Err(fault);
        }
        if self.kind_of(&watched) == "refresh" && !tries.contains(&true) {
            let detail = "introspection does not know refresh tokens (RFC 7662 §2.2 leaves that open): set `poll = \"userinfo\"` \
                          to watch the access token of the grant";
            return Err(Fault::new(Class::Unsupported, detail));
        }
        let mut findings = Vec::new();
        for (relying, works) in watched.from.iter().zip(tries) {
            if !works {
                let detail = format!("{}: {} before it was revoked", relying.region, self.refusal(&watched));
                findings.push(Finding::new(Class::OauthError, "RFC 7009 §2.2", detail));
            }
        }
        Fault::from_findings(findings).map_or(Ok(watched), Err)
    }

    fn revoked<'t>(&self, metadata: &Metadata, tokens: &'t Tokens) -> Result<&'t Secret, Fault> {
        match self.settings.token {
            Which::Access => Ok(&tokens.access_token),
            Which::Refresh => tokens.refresh_token.as_ref().ok_or_else(|| grants::no_refresh_token(metadata)),
        }
    }

    /// When the revocation was acknowledged.
    async fn revoke(&self, relying: &Relying, metadata: &Metadata, tokens: &Tokens) -> Result<Instant, Fault> {
        let hint = match self.settings.token {
            Which::Access => "access_token",
            Which::Refresh => "refresh_token",
        };
        let result = relying.revoke(metadata, self.revoked(metadata, tokens)?, hint).await;
        result.map_err(|fault| promised(self.settings.token, fault))?;
        Ok(relying.clock.instant())
    }
}

/// RFC 7009 §2: refresh tokens MUST be revocable, access tokens only SHOULD. Who cannot revoke those says so (§2.2.1).
fn promised(which: Which, fault: Fault) -> Fault {
    let cannot = fault.class == Class::OauthError && fault.detail.starts_with("unsupported_token_type");
    match which {
        Which::Access if cannot => {
            let detail = format!("the provider does not revoke such access tokens: {}", fault.detail);
            Fault::new(Class::Unsupported, detail)
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str, regions: usize) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions, base: ".".into(), client: true })
    }

    #[test]
    fn the_burst_grows_with_regions_and_bound() {
        let burst = |toml, regions| parsed(toml, regions).ok().unwrap().cost().burst;
        assert!(burst("", 3) > burst("", 1));
        assert!(burst("bound = \"10m\"", 1) > burst("bound = \"1s\"", 1));
        let cost = parsed("grant = \"client_credentials\"\nbound = \"1s\"", 2).ok().unwrap().cost();
        // Metadata (twice), token, revocation, cleanup (two); each region once alive, 11 tries and 3 to confirm.
        assert_eq!((cost.burst, cost.all_regions), (6 + 2 * 15, true));
    }

    /// RFC 7009 §2 and §2.2.1.
    #[test]
    fn only_refresh_tokens_must_be_revocable() {
        let class = |which, class, detail: &str| promised(which, Fault::new(class, detail)).class;
        assert_eq!(class(Which::Access, Class::OauthError, "unsupported_token_type (jwt)"), Class::Unsupported);
        assert_eq!(class(Which::Refresh, Class::OauthError, "unsupported_token_type"), Class::OauthError);
        assert_eq!(class(Which::Access, Class::OauthError, "invalid_request"), Class::OauthError);
        assert_eq!(class(Which::Access, Class::HttpStatus, "unsupported_token_type"), Class::HttpStatus);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (toml, key) in [
            ("poll = \"resource\"", "resource"),
            ("poll = \"userinfo\"\nresource = \"https://api.example.com\"", "resource"),
            ("resource = \"http://api.example.com\"", "resource"),
            ("grant = \"client_credentials\"\ntoken = \"refresh\"", "token"),
            ("grant = \"client_credentials\"\npoll = \"userinfo\"", "poll"),
            ("bound = \"2h\"", "bound"),
        ] {
            assert_eq!(parsed(toml, 1).err().unwrap()[0].key, key, "{toml}");
        }
        assert!(parsed("resource = \"http://127.0.0.1:1/api\"\ntoken = \"refresh\"", 1).is_ok());
    }
}
