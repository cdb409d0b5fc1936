//! The configuration resolved: names looked up, defaults filled in, every mistake found at once. Immutable; a reload
//! makes another one and swaps it whole.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::alert::facts::{Thresholds, Watched};
use crate::alert::text::Runbooks;
use crate::config::{self, Diagnostics};
use crate::oidc::http::Egress;
use crate::oidc::mailbox;
use crate::oidc::settings::{Client, Provider, User};
use crate::outcome::CheckLabels;
use crate::probe::{Cost, Kind, Probe};
use crate::schedule::Timing;
use crate::secret::SecretSource;
use crate::slo::Objective;
use crate::slo::maintenance::Recurring;

mod alerting;
mod browser;
mod build;
pub mod catalogue;
mod clients;
mod desk;
mod detection;
mod due;
mod maintenance;
mod parties;
mod probes;
mod proofs;
mod providers;
mod quorum;
pub mod rate;
mod regions;
pub mod schema;
mod service;
mod sli;
mod slos;
mod store;
mod tiers;
pub mod trace_url;
mod typed;
mod watched;
mod words;

pub use build::{build, build_with};
pub use clients::PLACEHOLDER;
pub use regions::direct;
pub use slos::About;
pub use tiers::Dropped;

/// How many requests a run may have to repeat with a nonce: one at each place that wants them.
const NONCES: u32 = 3;

/// What a command wants of the plan besides the file.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Only these regions (`--region`); `None` or empty: all.
    pub regions: Option<Vec<String>>,
}

/// Reads the configuration at `path`, or where one is by default, and resolves it.
pub fn load(path: Option<&Path>, options: &BuildOptions) -> Result<Plan, Diagnostics> {
    build(&config::load(path)?, options)
}

/// Resolves a configuration that is not in a file: `name` stands for it in messages, its paths are relative to `base`.
pub fn from_str(name: &str, text: &str, base: &Path) -> Result<Plan, Diagnostics> {
    build(&config::from_str(name, text, base)?, &BuildOptions::default())
}

/// Everything that will be done.
pub struct Plan {
    /// Page, API and `/metrics`.
    pub server: Server,
    /// OTLP export, if configured.
    pub telemetry: Option<crate::sink::otlp::Settings>,
    /// Where people see the trace of a run, if somewhere.
    pub traces: Option<trace_url::TraceUrl>,
    /// Whether requests to providers carry W3C `traceparent` unless a provider says otherwise.
    pub propagate_traceparent: bool,
    /// How real browsers are run on this machine.
    pub browser: crate::browser::Settings,
    /// In configured order; at least one.
    pub regions: Vec<Arc<Egress>>,
    /// In configured order.
    pub providers: Vec<Arc<Provider>>,
    /// In configured order.
    pub clients: Vec<Arc<Client>>,
    /// In configured order.
    pub users: Vec<Arc<User>>,
    /// In configured order.
    pub probes: Vec<Arc<PlannedProbe>>,
    /// Probe × region, in order.
    pub checks: Vec<Arc<Check>>,
    /// What is promised, in configured order. One that cannot be judged by this process (`--region`) is left out.
    pub objectives: Vec<Arc<Objective>>,
    /// What people should know of them, in the same order.
    pub about: Vec<About>,
    /// The ledger; `None`: nothing is kept on disk, budgets begin anew with each start.
    pub store: Option<crate::store::Settings>,
    /// Who is told of what.
    pub alerting: Alerting,
    /// Every check, as far as alerts besides burn rates go.
    pub watched: Vec<Watched>,
    /// How outages are detected.
    pub detection: crate::detect::Settings,
    /// Who is watched for outages, and who can be asked for confirmation.
    pub roster: crate::detect::Roster,
    /// Maintenance that comes again and again.
    pub maintenance: Vec<Recurring>,
    /// The files it was made from: a change of any of them asks for a reload.
    pub files: Vec<PathBuf>,
    /// A hash of their contents: tells whether anything was changed, also where the plan looks the same (a login step).
    pub fingerprint: [u8; 32],
    /// Notes for a person who reads the plan: what is accepted but has no effect, what is unwise.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let checks: Vec<String> = self.checks.iter().map(|check| check.labels.to_string()).collect();
        f.debug_struct("Plan").field("server", &self.server).field("checks", &checks).finish_non_exhaustive()
    }
}

/// `[alerting]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// Whether authprobe evaluates burn rates and facts itself; `false`: Prometheus does, by the rules.
    pub evaluate: bool,
    /// Who is told.
    pub notify: crate::notify::Settings,
    /// From when on something is worth an alert.
    pub thresholds: Thresholds,
    /// Where `runbook_url` leads. Default: our own pages below `/runbook`.
    pub runbooks: Runbooks,
    /// The regions of this process, if it runs only some (`--region`): the `prober` label of its alerts, so that machines
    /// do not end each other's.
    pub prober: Option<String>,
}

impl Default for Alerting {
    fn default() -> Self {
        let (notify, thresholds) = Default::default();
        Self { evaluate: true, notify, thresholds, runbooks: Runbooks::default(), prober: None }
    }
}

/// Where the daemon listens and who may do what.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Certificate chain and key (PEM), for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// For reading; with none all who reach it may.
    pub read_token: Option<SecretSource>,
    /// For writing; with neither token, loopback only.
    pub admin_token: Option<SecretSource>,
    /// For links.
    pub public_url: Option<Url>,
    /// Names by which it is reached besides: small letters, no port.
    pub hosts: Vec<String>,
}

impl Server {
    /// One that listens there; nothing else is configured.
    pub const fn at(listen: SocketAddr) -> Self {
        Self { listen, tls: None, read_token: None, admin_token: None, public_url: None, hosts: Vec::new() }
    }

    /// Where people reach it: as configured, or as it listens.
    pub fn url(&self) -> Url {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = match self.listen.ip() {
            any if any.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let own = || Url::parse(&format!("{scheme}://{host}:{}/", self.listen.port()));
        // An address and a port always make a URL.
        self.public_url.clone().unwrap_or_else(|| own().expect("a URL"))
    }

    /// Where the provider must send the logout tokens of a probe's client (`backchannel_logout_uri`), if it waits for any.
    pub fn logout_address(&self, probe: &PlannedProbe) -> Option<String> {
        let client = probe.client.as_ref().filter(|_| probe.probe.receives_logouts())?;
        Some(format!("{}{}{}", self.url().as_str().trim_end_matches('/'), mailbox::PATH, client.name))
    }
}

/// A probe, resolved.
pub struct PlannedProbe {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static Kind,
    /// What it does.
    pub probe: Box<dyn Probe>,
    /// Whom it asks.
    pub provider: Arc<Provider>,
    /// As which client.
    pub client: Option<Arc<Client>>,
    /// As which client besides: see [`Probe::second_client`].
    pub second_client: Option<Arc<Client>>,
    /// As which users: none, one for all regions, or one each region in order.
    pub users: Vec<Arc<User>>,
    /// When.
    pub timing: Timing,
    /// All steps together.
    pub timeout: Duration,
    /// From where: those of its regions that this process runs.
    pub regions: Vec<Arc<Egress>>,
    /// Where in its period it is due in each of `regions`. They lie evenly among all that it is configured for, so that
    /// machines that run one each take turns.
    pub spreads: Vec<Duration>,
    /// How many regions it is configured for; more than `regions` when `--region` selects some.
    pub configured_regions: usize,
    /// The keys of its kind, as they are written; what is not there is as the kind has it by default.
    pub own: Arc<toml::Table>,
    /// Passed on to outcomes and alerts.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Passed on to alerts.
    pub annotations: BTreeMap<String, String>,
}

impl PlannedProbe {
    /// What a run costs from the region that costs most, its client's proofs included: a login whose request is pushed
    /// first (RFC 9126), and nonces that are learned by being refused (RFC 9449 §8).
    pub fn cost(&self) -> Cost {
        let nodes = self.regions.iter().map(|region| region.most_nodes()).max().unwrap_or(0);
        let mut cost = self.probe.cost_over(nodes);
        if let Some(client) = &self.client {
            let pushed = u32::from(client.par == Some(true) && !self.users.is_empty());
            let refused = if client.proof.dpop { NONCES } else { 0 };
            cost.requests = cost.requests.saturating_add(pushed);
            cost.burst = cost.burst.saturating_add(pushed + refused);
        }
        cost
    }

    /// Whether a run that was made in the region `of` is one of `region` as well: one run may cover all regions.
    pub fn covers(&self, of: &str, region: &str) -> bool {
        of == region || (self.probe.cost().all_regions && self.regions.iter().any(|own| &*own.region == region))
    }
}

/// A probe in a region: what is scheduled.
pub struct Check {
    /// The labels of its series; `Display` gives its id, `probe@region`.
    pub labels: CheckLabels,
    /// What is run.
    pub probe: Arc<PlannedProbe>,
    /// Where.
    pub region: Arc<Egress>,
    /// As which user.
    pub user: Option<Arc<User>>,
    /// Offset of its due times within the period: see [`Timing::spreads`].
    pub spread: Duration,
}

impl Plan {
    /// The check of that probe in that region.
    pub fn check(&self, probe: &str, region: &str) -> Option<&Arc<Check>> {
        self.checks.iter().find(|c| &*c.labels.probe == probe && &*c.labels.region == region)
    }
}

#[cfg(test)]
mod tests;
