//! The service's own tables: `[server]`, `[store]`, `[telemetry]`, `[alerting]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{ByteSize, TextOrSecret, WebUrl};
use crate::duration::HumanDuration;
use crate::secret::SecretSource;

/// Page, API and /metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port: `127.0.0.1:9464` (default), `[::1]:9464`, `0.0.0.0:9464` for all interfaces.
    #[schemars(extend("default" = "127.0.0.1:9464", "x-expects" = "an address and port such as \"127.0.0.1:9464\""))]
    pub listen: Option<String>,
    /// Serve HTTPS with this certificate. Default: plain HTTP.
    pub tls: Option<Tls>,
    /// Who may read: sent as `Authorization: Bearer …`. Without any token all who reach the address may.
    pub read_token: Option<SecretSource>,
    /// Who may also write (run, pause, resume, reload). Without any token that is loopback only; with one, loopback is
    /// no exemption.
    pub admin_token: Option<SecretSource>,
    /// Where people reach this server, for links: an http or https URL.
    pub public_url: Option<WebUrl>,
    /// Names by which this server is reached besides, such as `["authprobe.example.com"]`. Over plain HTTP without
    /// `read_token` it answers to its addresses, to names that nobody can register publicly, and to these. Default: none.
    pub hosts: Option<Vec<String>>,
}

/// A certificate and its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// The ledger: what was counted, and which runs are kept. Without it nothing is on disk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The database file. Default: `authprobe.db`.
    pub path: Option<PathBuf>,
    /// How long every run is kept. Default: 7d.
    pub keep_runs: Option<HumanDuration>,
    /// How long failed runs are kept: at least as long as every run. Default: 90d.
    pub keep_failures: Option<HumanDuration>,
    /// The largest the database may become, such as `2GiB` (default): then the oldest runs go, never counts.
    pub max_size: Option<ByteSize>,
    /// How screenshots of failed logins in a real browser are kept. Default: `masked`.
    pub screenshots: Option<Screenshots>,
}

/// Real browsers on this machine, for browser_login.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Browser {
    /// The browser's own executable, no script around it. Default: Chromium from the usual places,
    /// `chromium-headless-shell` first.
    pub path: Option<PathBuf>,
    /// Its driver. Default: `chromedriver` from the usual places.
    pub driver: Option<PathBuf>,
    /// Further arguments of every browser, such as `["--lang=de"]`. Default: none.
    pub arguments: Option<Vec<String>>,
    /// The most browsers at once; each does one login at a time. Default: 2.
    #[schemars(range(min = 1, max = 32))]
    pub max_sessions: Option<u32>,
    /// After how many logins a browser is replaced. Default: 50.
    #[schemars(range(min = 1, max = 10_000))]
    pub runs_per_session: Option<u32>,
    /// Above how much memory a browser is replaced once its login is over, all its processes together: at least 128MiB.
    /// Default: 1GiB.
    pub max_memory: Option<ByteSize>,
}

/// How screenshots of failed logins are kept.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Screenshots {
    /// With every input covered, and the user's name wherever it stands.
    Masked,
    /// As the page was.
    Full,
    /// Not at all.
    Off,
}

/// OpenTelemetry export over OTLP/HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are
    /// appended. Absent: no export.
    pub otlp_endpoint: Option<WebUrl>,
    /// Sent with each export; values are secrets' sources.
    pub headers: Option<BTreeMap<String, SecretSource>>,
    /// PEM file with certificates that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How often metrics are pushed: from 1s to 1h. Default: 60s.
    pub interval: Option<HumanDuration>,
    /// Whether requests to providers carry W3C `traceparent`. Default: false.
    pub propagate_traceparent: Option<bool>,
    /// Where people see a trace: the page of a run links to it, with the run's trace id in place of `{trace_id}`. Such as
    /// `https://jaeger.example.com/trace/{trace_id}`. Default: no link.
    #[schemars(extend("x-expects" = "an http or https URL with {trace_id} in it"))]
    pub trace_url: Option<String>,
}

/// Where alerts go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerting {
    /// Whether authprobe evaluates alerts itself. `false`: Prometheus evaluates the rules; the detector still runs.
    /// Default: true.
    pub evaluate: Option<bool>,
    /// A URL that is called every minute while authprobe is healthy (a dead man's switch).
    pub heartbeat_url: Option<TextOrSecret>,
    /// Every Alertmanager peer, never a load balancer before them.
    pub alertmanager: Option<Vec<Alertmanager>>,
    /// Receivers of plain JSON.
    pub webhook: Option<Vec<Webhook>>,
    /// Where runbooks are: `runbook_url` of an alert is this, `#` and its name in small letters. Absent:
    /// pages below `/runbook` of this server.
    pub runbook_url: Option<WebUrl>,
    /// From when on something is worth an alert.
    pub thresholds: Option<Thresholds>,
}

/// From when on something is worth an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// How long before it expires a certificate is a ticket. Default: 14d.
    pub certificate_ticket: Option<HumanDuration>,
    /// How long before it expires a certificate is a page. Default: 3d.
    pub certificate_page: Option<HumanDuration>,
    /// How far the provider's clock may be from ours, beyond what is uncertain. Default: 30s.
    pub clock_skew: Option<HumanDuration>,
    /// How long access and ID tokens may live. Default: 1d.
    pub token_lifetime: Option<HumanDuration>,
    /// How long a probe may measure nothing, on top of three periods and its timeout. Default: 5m.
    pub stale: Option<HumanDuration>,
}

/// How outages are detected.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// How long an outage must last, from its first failed run on, before it alerts: from 0s to 1h. Default: 0s, as soon
    /// as it is certain.
    pub ignore_shorter_than: Option<HumanDuration>,
    /// How long some regions, but not all, must fail before that is an outage, or one of several before that region is
    /// down: from 10s to 1h. Default: 2m.
    pub several_after: Option<HumanDuration>,
    /// The most confirmation runs within an hour, for each provider. 0: none, scheduled runs alone must do. Default: 240.
    #[schemars(range(min = 0, max = 3600))]
    pub confirmations_per_hour: Option<u32>,
}

/// An Alertmanager.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Its base URL, such as `http://127.0.0.1:9093`.
    pub url: WebUrl,
    /// Sent as `Authorization: Bearer …`.
    pub bearer_token: Option<SecretSource>,
    /// Sent as `Authorization: Basic …`.
    pub basic_auth: Option<BasicAuth>,
    /// PEM file with certificates that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A user name and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user name.
    #[schemars(length(min = 1))]
    pub username: String,
    /// Its password.
    pub password: SecretSource,
}

/// A receiver of plain JSON.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where alerts are posted: an http or https URL; `{ env = … }` or `{ file = … }` if it holds a key.
    pub url: TextOrSecret,
    /// Sent with each alert; `{ env = … }` or `{ file = … }` for what is secret.
    pub headers: Option<BTreeMap<String, TextOrSecret>>,
    /// PEM file with certificates that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
}
