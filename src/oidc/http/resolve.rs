//! Names to addresses: the region's own first, then the system's resolver.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::egress::Egress;
use super::phases::Marks;

/// Resolves for one request; the target's name is a phase, the proxy's is part of connecting.
pub(super) struct Resolver {
    pub(super) egress: Arc<Egress>,
    pub(super) target: String,
    pub(super) marks: Arc<Marks>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.egress.clone();
        let name = name.as_str().to_ascii_lowercase();
        let marks = (name == self.target).then(|| self.marks.clone());
        Box::pin(async move {
            if let Some(marks) = &marks {
                marks.resolving();
            }
            let addresses = lookup(&egress, &name).await?;
            if let Some(marks) = &marks {
                marks.resolved();
            }
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// A name without addresses.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) name: String,
    pub(super) why: String,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not resolve: {}", self.name, self.why)
    }
}

impl std::error::Error for Unresolved {}

/// The addresses of `name` (lower case) as `egress` sees it; at least one.
pub(super) async fn lookup(egress: &Egress, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
    let unresolved = |why: String| Unresolved { name: name.to_owned(), why };
    let addresses = match egress.fixed(name) {
        Some(fixed) => fixed.to_vec(),
        None => match tokio::net::lookup_host((name, 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(error) => {
                let text = error.to_string();
                let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                return Err(unresolved(why.to_owned()));
            }
        },
    };
    if addresses.is_empty() {
        return Err(unresolved("no addresses".to_owned()));
    }
    Ok(addresses)
}
