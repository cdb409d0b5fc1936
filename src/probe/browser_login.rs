//! `browser_login`: the same as `form_login`, with a real browser on the provider's pages; or an application's own login,
//! judged by what its page shows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::login_flow::{self as flow, Authorized};
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::silent::{self, Agent};
use super::whole_login as whole;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::browser::{Ask, Opened, Passkey, Seat, Until};
use crate::clock::{Clock, Instant};
use crate::config::values::WebUrl;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, Recorder, StepName, Stopped};
use crate::oidc::authorize::Pending;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::steps::Target;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::settings::User;
use crate::oidc::upstream::Hosts;

/// A browser and an isolated window are ready: our own time, not the provider's.
pub const BROWSER: StepName = "browser";
/// Cleanup: evidence is taken, the window closed.
const CLOSE: StepName = "close_browser";

/// What the pages of an ordinary login load besides themselves: styles, scripts, a logo.
const RESOURCES: u32 = 8;
/// What heavy pages load more; none of it is cached from run to run.
const MORE_RESOURCES: u32 = 80;

/// Members of the metadata whose origins are the provider's.
const ENDPOINTS: [&str; 5] =
    ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint", "jwks_uri"];

/// See the module.
pub const KIND: Kind = Kind {
    name: "browser_login",
    summary: "Logs in with a real browser, by code or any other response type, and validates all tokens; or logs in to an application.",
    spec: "OIDC Core 3, RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 8707, W3C WebDriver and WebDriver BiDi",
    client: Need::Optional,
    user: Need::Required,
    attacks: Vec::new,
    schema: Login::whole_schema_with::<Settings>,
    parse,
};

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// An application that finishes its own login: the walk starts there, no code is caught, and no client is needed.
    application: Option<ApplicationSettings>,
}

/// An application that sends its users to the provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApplicationSettings {
    /// Where somebody who is not logged in begins: an http or https URL.
    url: String,
    /// What is on its page only for somebody who is logged in: a CSS selector, or `text=` and what is written there.
    expect: String,
}

struct Application {
    url: Url,
    expect: Target,
}

/// Keys of what only a client of our own can ask for.
const ASKED: [&str; 10] = [
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "resource",
    "parameters",
    "expect",
    "response_type",
    "response_mode",
    "silent",
];

fn parse(mut table: toml::Table, context: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    if table.contains_key("application") {
        for key in ASKED {
            if table.contains_key(key) {
                let why = "has no effect with `application`: it asks for the login and keeps the tokens itself";
                problems.push(problem(key, format!("`{key}` {why}")));
            }
        }
    } else if !context.client {
        let message = "kind `browser_login` needs a `client`, unless an `application` finishes its own login";
        problems.push(problem("", message));
    }
    let login = Login::take_whole(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    let application = settings.application.and_then(|application| resolve(&application, &mut problems));
    if problems.is_empty() { Ok(Box::new(BrowserLogin { login, application })) } else { Err(problems) }
}

fn resolve(written: &ApplicationSettings, problems: &mut Vec<Problem>) -> Option<Application> {
    let url = WebUrl::parse(&written.url).map_err(|why| problems.push(problem("application.url", why)));
    let expect = Target::parse(&written.expect).map_err(|why| problems.push(problem("application.expect", why)));
    Some(Application { url: url.ok()?.0, expect: expect.ok()? })
}

struct BrowserLogin {
    login: Login,
    application: Option<Application>,
}

#[async_trait]
impl Probe for BrowserLogin {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![flow::DISCOVERY, flow::JWKS, BROWSER, flow::AUTHORIZE, flow::LOGIN];
        steps.extend(whole::steps(&self.login));
        if self.login.silent() {
            steps.push(silent::SILENT);
        }
        steps
    }

    fn cost(&self) -> Cost {
        // Metadata twice where it hides an endpoint, keys, the login with what its pages load.
        let login = 2 + 1 + flow::LOGIN_REQUESTS + RESOURCES;
        let renewal = if self.login.silent() { silent::REQUESTS } else { 0 };
        let requests = login + if self.application.is_none() { whole::requests(&self.login) + renewal } else { 0 };
        Cost { requests, burst: requests + flow::LOGIN_DETOURS + MORE_RESOURCES, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let (metadata, mut keys) = flow::prepare(journey, &relying, &["revocation_endpoint"]).await?;
        let deadline = journey.deadline();
        let seat = journey.step(BROWSER, self.seat(cx, &relying, &metadata, deadline)).await?;
        let seat = Arc::new(seat);
        journey.defer(CLOSE, seat.clone().leave());
        let authorized = match &self.application {
            Some(application) => return self.enter(cx, journey, &relying, &seat, application).await,
            None => self.authorize(cx, journey, &relying, &metadata, &seat).await?,
        };
        let done = whole::conclude(journey, &relying, &metadata, &mut keys, &authorized, &self.login).await?;
        if self.login.silent() {
            let (agent, keys) = (Agent::Browser(&seat), &mut keys);
            silent::renew(journey, &relying, &metadata, keys, &self.login, &done, agent).await?;
        }
        Ok(())
    }
}

impl BrowserLogin {
    async fn seat(
        &self,
        cx: &Context,
        relying: &Relying,
        metadata: &Metadata,
        deadline: Instant,
    ) -> Result<Seat, Fault> {
        let redirect_uri = match &self.application {
            Some(_) => None,
            None => Some(flow::redirect_uri(relying.client()?)?.url()),
        };
        let ask = Ask {
            region: &cx.region,
            provider: &cx.provider,
            memory: &cx.provider_memory,
            recorder: &relying.recorder,
            clock: &cx.clock,
            deadline,
            redirect_uri,
            authorization: metadata.optional_endpoint("authorization_endpoint"),
            origins: origins(metadata),
            hosts: self.hosts(relying),
            passkey: passkey(user(cx)?, &relying.recorder)?,
        };
        in_time(&cx.clock, deadline, cx.browsers.seat(ask)).await
    }

    /// The application that a walk begins at is no upstream provider.
    fn hosts(&self, relying: &Relying) -> Hosts {
        let mut hosts = relying.http.hosts();
        hosts.add(self.application.iter().map(|application| &application.url));
        hosts
    }

    /// Steps `authorize` and `login`, up to the code.
    async fn authorize(
        &self,
        cx: &Context,
        journey: &mut Journey,
        relying: &Relying,
        metadata: &Metadata,
        seat: &Seat,
    ) -> Result<Authorized, Stopped> {
        let pending = journey.step(flow::AUTHORIZE, self.first_page(relying, metadata, seat)).await?;
        let granted = journey
            .step(flow::LOGIN, async {
                let answers = Answers::of(user(cx)?, relying.memory.clone(), &relying.recorder)?;
                let answer = seat.sign_in(&self.login.guide, &answers, Until::Answer).await;
                let answer = answer.map_err(|fault| flow::promised(relying, metadata, fault))?;
                flow::processed(relying, metadata, &pending, &answer)
            })
            .await?;
        Ok(Authorized { granted, pending })
    }

    async fn first_page(&self, relying: &Relying, metadata: &Metadata, seat: &Seat) -> Result<Pending, Fault> {
        let pending = relying.push(metadata, flow::request(relying, metadata, &self.login)?).await?;
        match seat.open(&pending.url).await? {
            Opened::Page => Ok(pending),
            Opened::Answer(answer) => match flow::nobody_asked(relying, metadata, &pending, &answer)? {},
        }
    }

    /// Steps `authorize` and `login` of an application that does the rest itself.
    async fn enter(
        &self,
        cx: &Context,
        journey: &mut Journey,
        relying: &Relying,
        seat: &Seat,
        application: &Application,
    ) -> Result<(), Stopped> {
        journey
            .step(flow::AUTHORIZE, async {
                match seat.open(&application.url).await? {
                    Opened::Page => Ok(()),
                    Opened::Answer(_) => Err(Fault::new(Class::Internal, "an answer was caught that nobody asked for")),
                }
            })
            .await?;
        journey
            .step(flow::LOGIN, async {
                let answers = Answers::of(user(cx)?, relying.memory.clone(), &relying.recorder)?;
                seat.sign_in(&self.login.guide, &answers, Until::Shows(&application.expect)).await.map(drop)
            })
            .await?;
        for step in [flow::TOKEN, flow::ID_TOKEN, flow::USERINFO] {
            journey.skip(step, "the application finishes its own login");
        }
        Ok(())
    }
}

/// Waiting for a browser may take half of what is left of the run: else a login would run out of time through no fault of
/// the provider's, and be blamed on it. Fault: `browser`.
async fn in_time<T>(
    clock: &Clock,
    deadline: Instant,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let now = clock.instant();
    let most = deadline.duration_since(now) / 2;
    match tokio::time::timeout_at(now + most, work).await {
        Ok(result) => result,
        Err(_) => {
            let most = HumanDuration(Duration::from_millis(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)));
            let detail = format!("no browser was ready within {most}, half of the time that was left for the login");
            Err(Fault::new(Class::Browser, detail))
        }
    }
}

fn user(cx: &Context) -> Result<&Arc<User>, Fault> {
    cx.user.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a user"))
}

/// The user's passkey, read anew and masked. Fault: `config`.
fn passkey(user: &User, recorder: &Recorder) -> Result<Option<Passkey>, Fault> {
    let Some(source) = &user.passkey else { return Ok(None) };
    let wrong = |why: String| Fault::new(Class::Config, format!("user {}: passkey: {why}", user.name));
    let passkey = Passkey::parse(&source.read().map_err(wrong)?).map_err(wrong)?;
    recorder.protect(passkey.secret());
    Ok(Some(passkey))
}

/// Where the provider is, as far as its metadata tells: each origin once.
fn origins(metadata: &Metadata) -> Vec<url::Origin> {
    let issuer = Url::parse(metadata.issuer()).ok();
    let endpoints = ENDPOINTS.iter().filter_map(|member| metadata.optional_endpoint(member));
    let mut origins = Vec::new();
    for origin in issuer.into_iter().chain(endpoints).map(|url| url.origin()) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;

    fn parsed(toml: &str, client: bool) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client })
    }

    fn keys(toml: &str, client: bool) -> Vec<String> {
        parsed(toml, client).err().unwrap_or_default().into_iter().map(|problem| problem.key).collect()
    }

    const APPLICATION: &str = "application = { url = \"https://app.example.com/\", expect = \"text=Welcome\" }\n";

    #[test]
    fn a_login_has_the_steps_of_form_login_and_a_browser() {
        let plain = parsed("page = \"generic\"", true).ok().unwrap();
        let steps = ["discovery", "jwks", "browser", "authorize", "login", "token", "id_token", "userinfo"];
        assert_eq!(plain.steps(), steps);
        let application = parsed(APPLICATION, false).ok().unwrap();
        assert_eq!(application.steps(), steps, "what does not apply is skipped with its reason");
        assert!(application.cost().requests < plain.cost().requests);
        assert!(plain.cost().burst > plain.cost().requests);
    }

    #[test]
    fn a_client_is_needed_unless_an_application_is_there() {
        assert_eq!(keys("", false), [""]);
        assert_eq!(keys("", true), [""; 0]);
        assert_eq!(keys(APPLICATION, false), [""; 0]);
        assert_eq!(keys(APPLICATION, true), [""; 0], "it may be named: its runs carry the label");
    }

    #[test]
    fn every_mistake_about_an_application_is_found_at_once() {
        let wrong = "application = { url = \"ftp://app\", expect = \"##\" }\nprompt = \"login\"\n\
                     [parameters]\naudience = \"x\"\n[expect]\nacr = \"x\"";
        assert_eq!(keys(wrong, false), ["prompt", "parameters", "expect", "application.url", "application.expect"]);
        let problems = parsed("application = { url = \"https://app\" }", false).err().unwrap();
        assert!(problems[0].message.contains("expect"), "{problems:?}");
        assert_eq!(keys("logout = true", true).len(), 1, "not yet");
    }

    /// Every browser is busy, or one hangs: that says nothing about the provider.
    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_browser_never_becomes_the_providers_fault() {
        let clock = Clock::following(crate::clock::Timestamp::from_secs(0));
        let mut journey = Journey::new(clock.clone(), Duration::from_secs(30), vec![BROWSER]);
        let seat = in_time(&clock, journey.deadline(), std::future::pending::<Result<(), Fault>>());
        journey.step(BROWSER, seat).await.unwrap_err();
        let ended = journey.finish(Duration::ZERO).await;
        let fault = ended.fault.unwrap();
        assert_eq!((ended.verdict, fault.class, ended.duration.as_secs()), (Verdict::Inconclusive, Class::Browser, 15));
        assert!(fault.detail.starts_with("no browser was ready within 15s,"), "{}", fault.detail);
        let deadline = clock.instant() + Duration::from_secs(1);
        assert_eq!(in_time(&clock, deadline, async { Ok(7) }).await, Ok(7));
    }

    #[test]
    fn the_providers_origins_are_those_of_its_metadata() {
        let overrides = [
            ("authorization_endpoint", "https://login.example.com/auth"),
            ("token_endpoint", "https://api.example.com:8443/token"),
            ("jwks_uri", "https://login.example.com/jwks"),
        ];
        let overrides = overrides.map(|(name, url)| (name.to_owned(), Url::parse(url).unwrap())).into();
        let metadata = Metadata::configured("https://login.example.com/realms/main", &overrides);
        let found: Vec<String> = origins(&metadata).iter().map(url::Origin::ascii_serialization).collect();
        assert_eq!(found, ["https://login.example.com", "https://api.example.com:8443"]);
    }
}
