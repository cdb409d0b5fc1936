//! Probe kinds: one file a kind, one line in [`KINDS`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::{Schema, SchemaGenerator};

use crate::browser::Browsers;
use crate::clock::Clock;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::clock_skew::Timing;
use crate::oidc::dpop::Nonces;
use crate::oidc::http::{Egress, Http};
use crate::oidc::mailbox::Mailbox;
use crate::oidc::memory::{CheckMemory, ProviderMemory};
use crate::oidc::relying::Relying;
use crate::oidc::settings::{Client, Provider, User};

mod access;
pub mod agreement;
pub mod browser_login;
pub mod client_credentials;
pub mod device;
pub mod discovery;
pub mod expect;
pub mod form_login;
pub mod form_walk;
pub mod hardening;
pub mod introspection;
mod issued;
pub mod jwks;
pub mod jwt_bearer;
pub mod login_flow;
pub mod login_settings;
pub mod logout;
mod own_keys;
mod propagation;
pub mod refresh;
pub mod registration;
pub mod resource;
pub mod revocation;
mod session_end;
mod silent;
pub mod token_exchange;
pub mod userinfo;
mod whole_login;

/// Every kind. `check`, documents, schema and the metric series are made from this table.
pub const KINDS: &[&Kind] = &[
    &discovery::KIND,
    &jwks::KIND,
    &client_credentials::KIND,
    &form_login::KIND,
    &browser_login::KIND,
    &refresh::KIND,
    &revocation::KIND,
    &token_exchange::KIND,
    &introspection::KIND,
    &userinfo::KIND,
    &jwt_bearer::KIND,
    &resource::KIND,
    &device::KIND,
    &hardening::KIND,
    &registration::KIND,
    &logout::KIND,
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

/// A kind of probe, declared.
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// The specification it walks.
    pub spec: &'static str,
    /// Whether `client` must be named, must not (then `provider` is), or may.
    pub client: Need,
    /// Whether `user` must be named, must not, or may.
    pub user: Need,
    /// The attacks that its runs may find accepted: the values of the label `attack`, each at 0 before the first run.
    pub attacks: fn() -> Vec<&'static str>,
    /// The JSON Schema of its own keys (an object with `additionalProperties: false`).
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Reads its own keys, which fit the schema already. Pure; finds everything wrong at once.
    pub parse: fn(toml::Table, &ParseContext) -> Parsed,
}

impl Kind {
    /// Whether whoever logs in comes back to the client's `redirect_uri`: not to a device (RFC 8628).
    pub fn comes_back(&self) -> bool {
        self.name != device::KIND.name
    }
}

/// A probe, or everything wrong with its keys.
pub type Parsed = Result<Box<dyn Probe>, Vec<Problem>>;

/// Whether something belongs to a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Must be there.
    Required,
    /// May be there.
    Optional,
    /// Must not.
    Forbidden,
}

/// What a kind may know of its surroundings while it reads its keys.
pub struct ParseContext {
    /// How many regions the probe runs in.
    pub regions: usize,
    /// The folder that paths are relative to.
    pub base: std::path::PathBuf,
    /// Whether the probe names a client.
    pub client: bool,
}

/// A mistake in a kind's own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, relative to the probe: `expect.claims`, `resource`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// What a run costs the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests of an ordinary run, cleanup included.
    pub requests: u32,
    /// The most it may send.
    pub burst: u32,
    /// Whether one run covers all regions (its check is then one, not one a region).
    pub all_regions: bool,
    /// How long a run may wait on purpose, for a bound or a grace time: its timeout must be longer.
    pub waits: Duration,
}

/// A configured probe, ready to run: immutable, shared by its checks.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The steps that must be on record for a run to be good.
    fn steps(&self) -> Vec<StepName>;

    /// What a run costs.
    fn cost(&self) -> Cost;

    /// What a run costs from a region whose `resolve` lists up to so many addresses for one name (0: none lists several).
    fn cost_over(&self, nodes: u32) -> Cost {
        let _ = nodes;
        self.cost()
    }

    /// Another client of the same provider as which it asks besides: the key that names it, and its name.
    fn second_client(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// Whether logout tokens must be able to reach us while it runs, at its client's address (see
    /// [`crate::oidc::mailbox`]).
    fn receives_logouts(&self) -> bool {
        false
    }

    /// Whether the outage detector may ask for runs of it, up to one a second, to confirm what another run found: not where
    /// a run leaves its mark on the provider.
    fn confirms(&self) -> bool {
        true
    }

    /// Walks once. Everything it finds goes through `journey`.
    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped>;
}

/// All that a run may use.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Clock,
    /// The region it runs in.
    pub region: Arc<Egress>,
    /// All regions of the probe, its own included.
    pub regions: Vec<Arc<Egress>>,
    /// Whom it asks.
    pub provider: Arc<Provider>,
    /// As which client; there if the kind requires one.
    pub client: Option<Arc<Client>>,
    /// As which client besides: see [`Probe::second_client`].
    pub second_client: Option<Arc<Client>>,
    /// As which user; there if the kind requires one.
    pub user: Option<Arc<User>>,
    /// What is known of the provider.
    pub provider_memory: Arc<ProviderMemory>,
    /// What this check remembers.
    pub memory: CheckMemory,
    /// Real browsers, for kinds that need one.
    pub browsers: Arc<Browsers>,
    /// Where logout tokens arrive.
    pub mailbox: Arc<Mailbox>,
}

impl Context {
    /// An HTTP client for this run, out of this check's region.
    pub fn http(&self, journey: &Journey) -> Http {
        self.http_from(&self.region, journey)
    }

    /// An HTTP client for this run, out of another region.
    pub fn http_from(&self, region: &Arc<Egress>, journey: &Journey) -> Http {
        Http::new(
            region.clone(),
            self.provider.clone(),
            self.provider_memory.clone(),
            journey.recorder().clone(),
            self.clock.clone(),
            journey.deadline(),
        )
    }

    /// The relying party of this run, out of this check's region.
    pub fn relying(&self, journey: &Journey) -> Relying {
        self.relying_from(&self.region, journey)
    }

    /// The relying party of this run, out of another region.
    pub fn relying_from(&self, region: &Arc<Egress>, journey: &Journey) -> Relying {
        Relying {
            http: self.http_from(region, journey),
            region: region.region.clone(),
            provider: self.provider.clone(),
            client: self.client.clone(),
            memory: self.provider_memory.clone(),
            recorder: journey.recorder().clone(),
            clock: self.clock.clone(),
            timing: Timing::default(),
            nonces: Nonces::default(),
        }
    }
}
