//! The nodes behind a name, asked one by one, and what each place was told.

use std::net::IpAddr;
use std::time::Duration;

use url::Url;

use super::Relying;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::oidc::agreement::{Document, Opinion, Place, View};
use crate::oidc::metadata::Metadata;

/// How long one of several nodes may take to answer.
const NODE: Duration = Duration::from_secs(5);

impl Relying {
    /// The addresses that `resolve` lists for the host of `url`, if there are several.
    pub fn nodes(&self, url: &Url) -> Vec<IpAddr> {
        self.http.nodes(url.host_str().unwrap_or_default())
    }

    /// The same, asking that address wherever the host of `url` is meant. Name and certificate stay the host's.
    #[must_use]
    pub fn at(&self, url: &Url, node: IpAddr) -> Self {
        let http = self.http.pinned(url.host_str().unwrap_or_default(), node).with_timeout(NODE);
        Self { http, ..self.clone() }
    }

    /// The document as it is now, made to be compared. Faults: those of reading it.
    pub async fn view(&self, document: Document, metadata: &Metadata) -> Result<(View, Timestamp), Fault> {
        match document {
            Document::Discovery => {
                let fresh = self.fetch_metadata(&[]).await?;
                Ok((View::of_metadata(fresh.members(), fresh.max_age()), self.clock.now()))
            }
            Document::Jwks => {
                let read = self.read_keys(metadata).await?;
                Ok((View::of_keys(&read.keys, read.max_age), read.received))
            }
        }
    }

    /// Remembers what a place was told. Without `node` the place is the region, unless several nodes are told apart there.
    pub fn saw(&self, document: Document, url: &Url, node: Option<IpAddr>, view: View, at: Timestamp) {
        if node.is_some() || self.nodes(url).is_empty() {
            let place = Place { region: self.region.clone(), node };
            self.memory.agreement.lock().expect("agreement").saw(document, place, view, at);
        }
    }

    /// What this region's run is to make of what every place was told.
    pub fn opinion(&self, document: Document, grace: Duration) -> Opinion {
        let memory = self.memory.agreement.lock().expect("agreement");
        memory.judge(document, &self.region, grace, self.clock.now())
    }
}
