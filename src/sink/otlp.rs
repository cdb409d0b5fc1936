//! OTLP/HTTP export of traces and metrics.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::secret::SecretSource;

/// Where traces and metrics are pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The base URL of an OTLP/HTTP receiver; `/v1/traces` and `/v1/metrics` are appended.
    pub endpoint: Url,
    /// Sent with each export.
    pub headers: Vec<(String, SecretSource)>,
    /// A PEM file believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How often metrics are pushed.
    pub interval: Duration,
}
