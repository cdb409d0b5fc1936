//! What may be configured: TOML's tables as Rust types. The doc comments are the schema's descriptions.

use schemars::JsonSchema;
use serde::Deserialize;

mod judge;
mod service;
mod target;

pub use judge::{Aggregate, LatencySli, Maintenance, NamedSli, PropagationSli, Severity, Sli, Slo, SloWindow, Tier};
pub use service::{
    Alerting, Alertmanager, BasicAuth, Browser, Detection, Screenshots, Server, Store, Telemetry, Thresholds, Tls,
    Webhook,
};
pub use target::{AssertionAudience, AuthMethod, COMMON_KEYS, Client, Metadata, Probe, Provider, Region, User};

/// The configuration of authprobe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "authprobe configuration")]
pub struct Config {
    /// Further files, relative to this one; `*` and `?` stand for any letters of a file or folder name. Arrays of
    /// tables ([[probe]], …) go together, everything else may be set in one file only.
    pub include: Option<Vec<String>>,
    /// Page, API and /metrics.
    pub server: Option<Server>,
    /// The ledger: what was counted, and which runs are kept. Without it nothing is on disk.
    pub store: Option<Store>,
    /// OpenTelemetry export.
    pub telemetry: Option<Telemetry>,
    /// Real browsers on this machine.
    pub browser: Option<Browser>,
    /// Where alerts go.
    pub alerting: Option<Alerting>,
    /// How outages are detected.
    pub detection: Option<Detection>,
    /// From where probes look. Default: one region, `local`, straight from this machine.
    pub region: Option<Vec<Region>>,
    /// Whom they look at.
    pub provider: Option<Vec<Provider>>,
    /// Registered OAuth clients.
    pub client: Option<Vec<Client>>,
    /// Synthetic user accounts.
    pub user: Option<Vec<User>>,
    /// What is done, and when.
    pub probe: Option<Vec<Probe>>,
    /// Service level objectives.
    pub slo: Option<Vec<Slo>>,
    /// Planned maintenance, in which nothing counts.
    pub maintenance: Option<Vec<Maintenance>>,
}
