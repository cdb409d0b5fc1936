//! The configuration resolved: names looked up, defaults filled in, every mistake found at once. Immutable; a reload
//! makes another one and swaps it whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::oidc::http::Egress;
use crate::oidc::settings::{Client, Provider, User};
use crate::outcome::CheckLabels;
use crate::probe::{Kind, Probe};
use crate::schedule::Timing;
use crate::secret::SecretSource;

/// Everything that will be done.
pub struct Plan {
    /// Page, API and `/metrics`.
    pub server: Server,
    /// OTLP export, if configured.
    pub telemetry: Option<crate::sink::otlp::Settings>,
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
    /// Notes for a person who reads the plan: what is accepted but has no effect, what is unwise.
    pub notes: Vec<String>,
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
    /// As which users: none, one for all regions, or one each region in order.
    pub users: Vec<Arc<User>>,
    /// When.
    pub timing: Timing,
    /// All steps together.
    pub timeout: Duration,
    /// From where.
    pub regions: Vec<Arc<Egress>>,
    /// Passed on to outcomes and alerts.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Passed on to alerts.
    pub annotations: BTreeMap<String, String>,
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
    /// Offset of its due times within the period, from a stable hash of its id.
    pub spread: Duration,
}

impl Plan {
    /// The check of that probe in that region.
    pub fn check(&self, probe: &str, region: &str) -> Option<&Arc<Check>> {
        self.checks.iter().find(|c| &*c.labels.probe == probe && &*c.labels.region == region)
    }
}
