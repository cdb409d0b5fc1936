//! `registration`: a client registers itself, is read, updated and deleted, and must be gone then. Whatever happens, none
//! is left behind; where one cannot be taken away, no other is made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::own_keys::{self, problem};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::http::Response;
use crate::oidc::memory::CheckMemory;
use crate::oidc::metadata::Metadata;
use crate::oidc::registration::{self, Known, Left, Management, Registered};
use crate::oidc::relying::Relying;
use crate::outcome::Warning;
use crate::secret::SecretSource;

const DISCOVERY: StepName = "discovery";
/// A client is registered.
const CREATE: StepName = "create";
/// It is read.
const READ: StepName = "read";
/// Its name is changed.
const UPDATE: StepName = "update";
/// It says who it is at the token endpoint.
const AUTHENTICATE: StepName = "authenticate";
/// It is deleted; cleanup has the same name.
const DELETE: StepName = "delete";
/// It can neither be read nor say who it is any more.
const GONE: StepName = "gone";

/// How long cleanup waits for an answer that the run did not wait for.
const PATIENCE: Duration = Duration::from_secs(4);

/// For how long none is registered after the first attempt that may have left one behind, doubled with each further one.
const HOLD: Duration = Duration::from_secs(60);
/// At most for so long.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// See the module.
pub const KIND: Kind = Kind {
    name: "registration",
    summary: "Registers a client, reads, updates and deletes it, and sees that it is gone.",
    spec: "RFC 7591, RFC 7592",
    client: Need::Forbidden,
    user: Need::Forbidden,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// The token that lets clients be registered, where not everybody may (RFC 7591 §3).
    initial_access_token: Option<SecretSource>,
    /// Metadata of the client (RFC 7591 §2), on top of a confidential one with the redirect URI
    /// `http://127.0.0.1:8765/cb`.
    metadata: Map<String, Value>,
}

fn parse(table: toml::Table, context: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut settings: Settings = own_keys::read(table)?;
    let chosen_by_provider =
        ["client_id", "client_secret", "registration_access_token", "registration_client_uri"].into_iter();
    let problems: Vec<_> = chosen_by_provider
        .filter(|name| settings.metadata.contains_key(*name))
        .map(|name| problem(format!("metadata.{name}"), "the provider chooses it"))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(SecretSource::File(path)) = &mut settings.initial_access_token {
        *path = context.base.join(&*path);
    }
    Ok(Box::new(Registration { settings }))
}

struct Registration {
    settings: Settings,
}

/// What a check remembers: clients that could not be taken away.
#[derive(Clone, Debug, Default)]
struct Remembered {
    /// One whose deletion failed: tried again before another is made.
    left: Option<Left>,
    /// The provider lets none be deleted: no other is made.
    unmanaged: Option<String>,
    /// How many attempts in a row may each have left one behind that we know nothing of.
    unknown: u32,
    /// Until then no other is made.
    held_until: Option<Timestamp>,
}

impl Remembered {
    /// Holds back, the longer the more may have been left. Returns for how long.
    fn hold(&mut self, now: Timestamp) -> Duration {
        let hold = HOLD.saturating_mul(1 << self.unknown.min(10)).min(LONGEST_HOLD);
        self.unknown = self.unknown.saturating_add(1);
        self.held_until = Some(now + hold);
        hold
    }
}

/// What an attempt to register leaves behind.
#[derive(Debug)]
enum Trace {
    Nothing,
    Client(Left),
    /// Perhaps a client of which we know nothing.
    Unknown,
}

impl Trace {
    fn of(result: &Result<Response, Fault>) -> Self {
        match result {
            Ok(answer) if !answer.status.is_success() => Self::Nothing,
            Ok(answer) => Left::of(answer).map_or(Self::Unknown, Self::Client),
            // The request was under way, or may have been.
            Err(fault) => match fault.class {
                Class::Timeout | Class::Reset | Class::Malformed | Class::TooLarge => Self::Unknown,
                _ => Self::Nothing,
            },
        }
    }
}

/// What a run has made, or is about to.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Making>>);

#[derive(Default)]
struct Making {
    /// The request that makes a client: it goes on though nobody waits for it.
    asked: Option<Shared<BoxFuture<'static, Result<Response, Fault>>>>,
    /// What must be taken away.
    left: Option<Left>,
}

impl Made {
    fn with<R>(&self, work: impl FnOnce(&mut Making) -> R) -> R {
        work(&mut self.0.lock().expect("made"))
    }

    /// It has another address or token now.
    fn managed_at(&self, management: Option<&Management>) {
        self.with(|making| {
            if let (Some(left), Some(management)) = (&mut making.left, management) {
                left.management = Some(management.clone());
            }
        });
    }
}

#[async_trait]
impl Probe for Registration {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, CREATE, READ, UPDATE, AUTHENTICATE, DELETE, GONE]
    }

    fn cost(&self) -> Cost {
        // Metadata, one request a step, and two to see that it is gone.
        let requests = 1 + 5 + 2;
        // Metadata twice where it hides the endpoint; what an earlier run left; a second try to delete.
        Cost { requests, burst: requests + 3, ..Cost::default() }
    }

    fn confirms(&self) -> bool {
        false
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let offers = async {
            let metadata = relying.metadata_for(&["registration_endpoint"]).await?;
            Ok((metadata.endpoint("registration_endpoint")?, metadata))
        };
        let (endpoint, metadata) = journey.step(DISCOVERY, offers).await?;
        settle(cx, journey, &relying).await?;
        let made = Made::default();
        journey.defer(DELETE, take_away(relying.clone(), cx.memory.clone(), made.clone()));
        let client = journey.step(CREATE, self.create(cx, &relying, endpoint, &made)).await?;
        let Some(management) = client.management.clone() else {
            let detail = "the provider does not let clients be managed (RFC 7592): no registration_client_uri";
            return journey.step(READ, async { Err(Fault::new(Class::Unsupported, detail)) }).await;
        };
        let client = journey.step(READ, relying.read_client(&client, &management)).await?;
        made.managed_at(client.management.as_ref());
        let management = client.management.clone().unwrap_or(management);
        let client = journey.step(UPDATE, relying.update_client(&client, &management)).await?;
        made.managed_at(client.management.as_ref());
        let management = client.management.clone().unwrap_or(management);
        let secret = authenticate(journey, &relying, &metadata, &client).await?;
        journey.step(DELETE, relying.delete_client(&management)).await?;
        let deleted = made.with(|making| making.left.take());
        let gone = async {
            relying.client_is_gone(&management).await?;
            match &secret {
                Some(secret) if relying.knows_client(&metadata, &client, secret).await? == Known::Yes => {
                    let detail = "the token endpoint still knows the deleted client";
                    Err(Fault::new(Class::RevocationIneffective, detail))
                }
                _ => Ok(()),
            }
        };
        let result = journey.step(GONE, gone).await;
        if let (Some(left), true) = (deleted, survived(journey)) {
            let detail = format!("client {} lives on though its deletion was acknowledged", left.shown());
            relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592 §2.3", detail));
            cx.memory.with(|memory: &mut Remembered| memory.left = Some(left));
        }
        result
    }
}

/// Whether the fault on record is that the deletion had no effect.
fn survived(journey: &Journey) -> bool {
    journey.fault().is_some_and(|fault| fault.class == Class::RevocationIneffective)
}

impl Registration {
    /// Registers a client. The request is not given up with the run: whatever it makes is to be taken away.
    async fn create(&self, cx: &Context, relying: &Relying, endpoint: Url, made: &Made) -> Result<Registered, Fault> {
        let read = |source: &SecretSource| {
            source.read().map_err(|why| Fault::new(Class::Config, format!("initial_access_token: {why}")))
        };
        let initial = self.settings.initial_access_token.as_ref().map(read).transpose()?;
        let (invited, document) = (initial.is_some(), registration::document(&self.settings.metadata));
        let (patient, sent) = (relying.for_cleanup(), document.clone());
        let request = tokio::spawn(async move { patient.register(endpoint, sent, initial.as_ref()).await });
        let panicked = |_| Err(Fault::new(Class::Internal, "the registration panicked"));
        let asked = request.map(move |done| done.unwrap_or_else(panicked)).boxed().shared();
        made.with(|making| making.asked = Some(asked.clone()));
        let answer = asked.await;
        made.with(|making| making.asked = None);
        take_note(relying, &cx.memory, made, &answer);
        let answer = answer?;
        relying.registered(|warnings| registration::created(&answer, &document, invited, warnings))
    }
}

/// What is to be taken away after the attempt; what cannot be is remembered, and a warning.
fn take_note(relying: &Relying, memory: &CheckMemory, made: &Made, result: &Result<Response, Fault>) {
    let warn = |detail: String| relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592", detail));
    match Trace::of(result) {
        Trace::Nothing => {}
        Trace::Client(left) => {
            memory.with(|memory: &mut Remembered| memory.unknown = 0);
            if left.management.is_none() {
                memory.with(|memory: &mut Remembered| memory.unmanaged = Some(left.shown()));
                let shown = left.shown();
                warn(format!("client {shown} cannot be deleted by us and was left behind: delete it by hand"));
            }
            made.with(|making| making.left = Some(left));
        }
        Trace::Unknown => hold_back(relying, memory, "the answer to the registration tells of no client"),
    }
}

/// Nobody knows whether a client was made: the next attempt has to wait.
fn hold_back(relying: &Relying, memory: &CheckMemory, why: &str) {
    let hold = HumanDuration(memory.with(|memory: &mut Remembered| memory.hold(relying.clock.now())));
    let detail = format!("{why}: if one was made it is left behind; no other is registered for {hold}");
    relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592", detail));
}

/// What an earlier run could not take away: as long as it is there, no other client is made.
async fn settle(cx: &Context, journey: &mut Journey, relying: &Relying) -> Result<(), Stopped> {
    let remembered: Remembered = cx.memory.look();
    if let Some(client) = remembered.unmanaged {
        let detail = format!(
            "the provider does not let clients be deleted (RFC 7592), so no other is registered; client {client} of an \
             earlier run is still there"
        );
        return journey.step(CREATE, async { Err(Fault::new(Class::Unsupported, detail)) }).await;
    }
    if let Some(until) = remembered.held_until.filter(|until| relying.clock.now() < *until) {
        let detail = format!(
            "no client is registered before {until}: the last attempt may have left one behind that we know nothing of"
        );
        return journey.step(CREATE, async { Err(Fault::new(Class::Budget, detail)) }).await;
    }
    let Some(left) = remembered.left else { return Ok(()) };
    let shown = left.shown();
    let delete = async {
        let result = match (remove(relying, &left).await, &left.management) {
            (Ok(()), Some(management)) => relying.client_is_gone(management).await,
            (result, _) => result,
        };
        result.map_err(|fault| {
            let still = format!("client {shown} of an earlier run is still there, so no other is registered");
            Fault { detail: format!("{}; {still}", fault.detail), ..fault }
        })
    };
    journey.step(DELETE, delete).await?;
    cx.memory.with(|memory: &mut Remembered| memory.left = None);
    drop(cx.memory.take_cleanup());
    Ok(())
}

/// Cleanup: takes away what the run has made, once it is known.
async fn take_away(relying: Relying, memory: CheckMemory, made: Made) -> Result<(), Fault> {
    let relying = relying.for_cleanup();
    if let Some(asked) = made.with(|making| making.asked.take()) {
        match tokio::time::timeout(PATIENCE, asked.clone()).await {
            Ok(answer) => take_note(&relying, &memory, &made, &answer),
            Err(_) => {
                hold_back(&relying, &memory, "the registration was not answered in time");
                // The last try, as long as the request lives.
                tokio::spawn(async move {
                    let Trace::Client(left) = Trace::of(&asked.await) else { return };
                    if left.management.is_none() {
                        memory.with(|memory: &mut Remembered| memory.unmanaged = Some(left.shown()));
                    } else if remove(&relying, &left).await.is_err() {
                        memory.with(|memory: &mut Remembered| memory.left = Some(left));
                    }
                });
                return Ok(());
            }
        }
    }
    let Some(left) = made.with(|making| making.left.take()) else { return Ok(()) };
    if left.management.is_none() {
        // On record since its answer came.
        return Ok(());
    }
    let Err(fault) = remove(&relying, &left).await else { return Ok(()) };
    let detail = format!("client {} could not be deleted and was left behind: {}", left.shown(), fault.detail);
    relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592 §2.3", detail));
    let again = left.clone();
    memory.with(|memory: &mut Remembered| memory.left = Some(left));
    memory.set_cleanup(async move { remove(&relying.for_cleanup(), &again).await });
    Err(fault)
}

/// Deletes a client; one that is not there is fine.
async fn remove(relying: &Relying, left: &Left) -> Result<(), Fault> {
    let Some(management) = &left.management else { return Ok(()) };
    match relying.delete_client(management).await {
        Ok(()) => Ok(()),
        Err(fault) => match relying.client_is_gone(management).await {
            Ok(()) => Ok(()),
            Err(_) => Err(fault),
        },
    }
}

/// Before it is deleted the client must be known, or that it is not afterwards says nothing. Returns the secret that it
/// was known by; none: nothing told whether it was.
async fn authenticate(
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    client: &Registered,
) -> Result<Option<crate::secret::Secret>, Stopped> {
    let Some(secret) = client.secret.clone().filter(|_| client.by_secret_basic()) else {
        journey.skip(AUTHENTICATE, "the client does not authenticate with client_secret_basic");
        return Ok(None);
    };
    if !metadata.has("token_endpoint") {
        journey.skip(AUTHENTICATE, "the provider has no token_endpoint");
        return Ok(None);
    }
    let work = async {
        match relying.knows_client(metadata, client, &secret).await? {
            Known::Yes => Ok(Some(secret)),
            Known::No => {
                Err(Fault::new(Class::OauthError, "invalid_client: the token endpoint does not know the client"))
            }
            Known::Unclear(error) => {
                let detail = format!(
                    "a code that never was is answered with {error}, not invalid_grant: whether the token endpoint knows \
                     the client cannot be told"
                );
                relying.recorder.warn(Warning::new("client_unproven", "RFC 6749 §5.2", detail));
                Ok(None)
            }
        }
    };
    journey.step(AUTHENTICATE, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_tells_of_no_client_may_have_made_one() {
        use crate::oidc::response::testing;
        let of = |status, body| match Trace::of(&Ok(testing::response(status, &[], body))) {
            Trace::Nothing => "nothing",
            Trace::Client(_) => "client",
            Trace::Unknown => "unknown",
        };
        assert_eq!((of(201, "{\"client_id\": \"x\"}"), of(400, "{}"), of(503, "")), ("client", "nothing", "nothing"));
        assert_eq!((of(201, "{\"client_id\": "), of(201, "{}"), of(200, "<html>")), ("unknown", "unknown", "unknown"));
        let failed = |class| matches!(Trace::of(&Err(Fault::new(class, "x"))), Trace::Unknown);
        assert!(failed(Class::Timeout) && failed(Class::Reset));
        assert!(!failed(Class::Connect) && !failed(Class::Dns) && !failed(Class::RateLimited));
    }

    #[test]
    fn each_further_attempt_waits_longer() {
        let (mut memory, now) = (Remembered::default(), Timestamp::from_secs(0));
        let holds: Vec<_> = (0..8).map(|_| memory.hold(now).as_secs() / 60).collect();
        assert_eq!(holds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(memory.held_until, Some(Timestamp::from_secs(3600)));
        memory.unknown = u32::MAX - 1;
        assert_eq!(memory.hold(now), LONGEST_HOLD);
    }

    #[test]
    fn what_the_provider_chooses_cannot_be_set() {
        let context = ParseContext { regions: 1, base: "/etc".into(), client: false };
        let parsed = |toml: &str| parse(toml::from_str(toml).unwrap(), &context);
        let problems = parsed("metadata = { client_id = \"x\", client_name = \"y\" }").err().unwrap();
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["metadata.client_id"]);
        assert!(parsed("initial_access_token = { file = \"token\" }").is_ok());
    }
}
