//! How a region's traffic leaves this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

use crate::secret::Secret;

/// A region: a way out of this machine.
#[derive(Clone, Debug)]
pub struct Egress {
    /// Its name: the `probe_region` label.
    pub region: Arc<str>,
    /// The proxy that everything goes through.
    pub proxy: Option<Proxy>,
    /// Host names (lower case) with fixed addresses.
    pub resolve: BTreeMap<String, Vec<IpAddr>>,
    /// The local address that connections start from.
    pub source_address: Option<IpAddr>,
    /// Asked after a network fault: if these fail too, the fault is our egress.
    pub references: Vec<Url>,
}

/// An egress proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http`, `https`, `socks5` (we resolve) or `socks5h` (it resolves); without user information.
    pub url: Url,
    /// User name and password, if the URL had them.
    pub credentials: Option<(String, Secret)>,
}
