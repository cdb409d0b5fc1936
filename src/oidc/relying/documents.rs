//! What a provider says of itself: metadata and keys.

use std::time::Duration;

use super::Relying;
use crate::clock::Timestamp;
use crate::fault::{Class, Fault, Finding};
use crate::oidc::agreement::Document::Jwks;
use crate::oidc::agreement::View;
use crate::oidc::http::{Endpoint, Response};
use crate::oidc::jwks::KeySet;
use crate::oidc::metadata::{Document, Metadata};
use crate::oidc::response;
use crate::oidc::settings::MetadataSource;
use crate::outcome::{Observation, Warning};

/// How long a document that nobody needs to have may take.
const OPTIONAL: Duration = Duration::from_secs(3);

impl Relying {
    /// The provider's metadata as an ordinary client reads it: what it survives becomes warnings.
    pub async fn metadata(&self) -> Result<Metadata, Fault> {
        self.metadata_for(&[]).await
    }

    /// The same, for a run that needs these members: if one is missing, the RFC 8414 document is asked as well, which may
    /// list what OIDC discovery hides. Its failure (5xx, network) is the run's if it leaves a member missing.
    pub async fn metadata_for(&self, needed: &[&'static str]) -> Result<Metadata, Fault> {
        self.metadata_with(needed, &[]).await
    }

    /// The same, for a run that can do without the `welcome` members (such as for cleanup): where only these are missing,
    /// the RFC 8414 document is asked for three seconds, and its failure becomes a warning.
    pub async fn metadata_with(&self, needed: &[&'static str], welcome: &[&'static str]) -> Result<Metadata, Fault> {
        let metadata = self.read_metadata(needed, welcome).await?;
        self.warn_of("metadata", metadata.findings());
        Ok(metadata)
    }

    /// The same as [`Self::metadata_for`] for a strict reader, who judges [`Metadata::findings`] himself.
    pub async fn fetch_metadata(&self, needed: &[&'static str]) -> Result<Metadata, Fault> {
        self.read_metadata(needed, &[]).await
    }

    async fn read_metadata(&self, needed: &[&'static str], welcome: &[&'static str]) -> Result<Metadata, Fault> {
        let provider = &self.provider;
        let mut metadata = match provider.metadata {
            MetadataSource::None => return Ok(Metadata::configured(&provider.issuer, &provider.endpoints)),
            MetadataSource::Oidc => self.read_document(Document::Oidc, &self.ask_document(Document::Oidc).await?)?,
            MetadataSource::Oauth => self.read_document(Document::Oauth, &self.ask_document(Document::Oauth).await?)?,
            MetadataSource::Auto => self.find_document().await?,
        };
        if provider.metadata == MetadataSource::Auto {
            let lacks = |members: &[&'static str]| members.iter().any(|member| !metadata.has(member));
            if lacks(needed) {
                self.complete(&mut metadata).await?;
            } else if lacks(welcome) {
                let hasty = Self { http: self.http.with_timeout(OPTIONAL), ..self.clone() };
                if let Err(fault) = hasty.complete(&mut metadata).await {
                    self.recorder.warn(Warning::new("rfc8414_document", "RFC 8414 §3", fault.detail));
                }
            }
        }
        if let Some(skew) = self.timing.skew() {
            self.recorder.observe(skew.observation());
        }
        self.http.learn(&metadata);
        Ok(metadata)
    }

    async fn ask_document(&self, document: Document) -> Result<Response, Fault> {
        self.get(Endpoint::Discovery, document.url(&self.provider.issuer)?).await
    }

    fn read_document(&self, document: Document, answer: &Response) -> Result<Metadata, Fault> {
        let mut warnings = Vec::new();
        let metadata =
            Metadata::process(answer, document, &self.provider.issuer, &self.provider.endpoints, &mut warnings);
        self.recorder.warn_all(warnings);
        metadata
    }

    async fn find_document(&self) -> Result<Metadata, Fault> {
        let answer = self.ask_document(Document::Oidc).await?;
        if answer.status != 404 {
            return self.read_document(Document::Oidc, &answer);
        }
        let other = self.ask_document(Document::Oauth).await?;
        if other.status == 404 {
            let detail = format!("neither {} nor {} exists: both answer 404", answer.url.path(), other.url.path());
            return Err(Fault::new(Class::HttpStatus, detail));
        }
        self.read_document(Document::Oauth, &other)
    }

    /// Adds what only the RFC 8414 document lists. Its absence is none of our business: what is missing stays missing.
    /// Faults: those of the request, `http_status` for 5xx.
    async fn complete(&self, metadata: &mut Metadata) -> Result<(), Fault> {
        if metadata.document() == Some(Document::Oauth) {
            return Ok(());
        }
        let answer = self.ask_document(Document::Oauth).await?;
        match answer.status.as_u16() {
            200 => match self.read_document(Document::Oauth, &answer) {
                Ok(other) => metadata.complete_from(other),
                // Many servers answer 200 with a page to whatever they do not know.
                Err(fault) => self.recorder.warn(Warning::new("rfc8414_document", "RFC 8414 §3", fault.detail)),
            },
            500.. => return Err(response::status_fault(&answer, Document::Oauth.as_str())),
            _ => {}
        }
        Ok(())
    }

    /// The provider's keys as an ordinary client reads them: malformed ones become warnings. Fault besides those of the
    /// request: `jwks_invalid` if no key can verify a signature.
    pub async fn keys(&self, metadata: &Metadata) -> Result<KeySet, Fault> {
        let (keys, findings) = self.fetch_keys(metadata).await?;
        let symmetric =
            self.client.as_ref().and_then(|c| c.id_token_alg.as_deref()).is_some_and(|a| a.starts_with("HS"));
        if !symmetric
            && !keys.keys().iter().any(|key| key.verifies())
            && let Some(fault) = Fault::from_findings(findings.clone())
        {
            return Err(fault);
        }
        self.warn_of("jwks", &findings);
        Ok(keys)
    }

    /// The same for a strict reader, who judges the findings himself.
    pub async fn fetch_keys(&self, metadata: &Metadata) -> Result<(KeySet, Vec<Finding>), Fault> {
        let Read { keys, findings, max_age, received } = self.read_keys(metadata).await?;
        self.rotated(|history, _| history.saw_set(&self.region, &keys, received));
        self.saw(Jwks, &metadata.endpoint("jwks_uri")?, None, View::of_keys(&keys, max_age), received);
        self.recorder.observe(Observation::KeySet { keys: keys.len() as u64 });
        Ok((keys, findings))
    }

    /// The key set, and nothing made of it yet.
    pub(super) async fn read_keys(&self, metadata: &Metadata) -> Result<Read, Fault> {
        let answer = self.get(Endpoint::Jwks, metadata.endpoint("jwks_uri")?).await?;
        let mut warnings = Vec::new();
        let result = KeySet::process(&answer, &mut warnings);
        self.recorder.warn_all(warnings);
        let (keys, findings) = result?;
        Ok(Read { keys, findings, max_age: response::max_age(&answer.headers), received: answer.received })
    }
}

/// A key set as it arrived.
pub(super) struct Read {
    pub keys: KeySet,
    pub findings: Vec<Finding>,
    /// How long caches may keep it.
    pub max_age: Duration,
    /// When.
    pub received: Timestamp,
}
