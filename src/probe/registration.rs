//! `registration`: a client registers itself, is read, updated and deleted, and must be gone then. Whatever happens, none
//! is left behind; where one cannot be taken away, no other is made.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::own_keys::{self, problem};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::metadata::Metadata;
use crate::oidc::registration::{self, Known, Registered};
use crate::oidc::relying::Relying;
use crate::outcome::Warning;
use crate::secret::SecretSource;

mod left;

use left::{Made, Remembered, settle, take_away, take_note};

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

/// See the module.
pub const KIND: Kind = Kind {
    name: "registration",
    summary: "Registers a client, reads, updates and deletes it, and sees that it is gone.",
    spec: "RFC 7591, RFC 7592",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
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
    fn what_the_provider_chooses_cannot_be_set() {
        let context = ParseContext { regions: 1, base: "/etc".into(), client: false };
        let parsed = |toml: &str| parse(toml::from_str(toml).unwrap(), &context);
        let problems = parsed("metadata = { client_id = \"x\", client_name = \"y\" }").err().unwrap();
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["metadata.client_id"]);
        assert!(parsed("initial_access_token = { file = \"token\" }").is_ok());
    }
}
