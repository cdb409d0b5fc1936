//! Whose certificates are believed, and the TLS settings made of that: expensive, so made once and shared.
//!
//! They live in the provider's memory ([`crate::oidc::memory::ProviderMemory`]), not in its settings: a reload makes
//! new settings, and must not make every provider's next run pay for reading some 150 certificates again. The system's
//! roots are read once for all providers: [`crate::oidc::memory::Memories`] hands the same [`SystemRoots`] to each.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::{Believed, RefuseAll};
use crate::fault::{Class, Fault};

/// The largest `ca_file` that is read (bytes).
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// The most settings that one cache keeps.
const MAX_MADE: usize = 4;

/// The system's roots, and more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A PEM file whose certificates are believed besides the system's. Read again when it changes.
    pub ca_file: Option<PathBuf>,
}

/// The system's root certificates, read at first use. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SystemRoots(Arc<tokio::sync::OnceCell<Vec<CertificateDer<'static>>>>);

impl SystemRoots {
    async fn get(&self) -> &[CertificateDer<'static>] {
        let load = || async {
            // Files that cannot be read are skipped, as OpenSSL does; having none at all is an error of its own later.
            tokio::task::spawn_blocking(|| rustls_native_certs::load_native_certs().certs).await.unwrap_or_default()
        };
        self.0.get_or_init(load).await
    }
}

/// TLS settings by trust. One lives as long as the provider does.
#[derive(Debug)]
pub struct TlsCache {
    provider: Arc<CryptoProvider>,
    /// For plain http: holds no roots and believes nobody.
    bare: TlsBase,
    roots: SystemRoots,
    /// By trust: the provider's, what it was before a reload, and that of references.
    made: Mutex<Vec<Made>>,
    making: tokio::sync::Mutex<()>,
}

/// What connections are made from.
#[derive(Clone, Debug)]
pub(super) struct TlsBase {
    pub(super) config: ClientConfig,
    pub(super) believed: Option<Arc<Believed>>,
}

#[derive(Clone, Debug)]
struct Made {
    trust: Trust,
    file: Option<FileState>,
    base: TlsBase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FileState {
    modified: Option<SystemTime>,
    len: u64,
}

impl Default for TlsCache {
    fn default() -> Self {
        Self::new(SystemRoots::default())
    }
}

impl TlsCache {
    /// With roots that other caches use too.
    pub fn new(roots: SystemRoots) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let bare = TlsBase { config: config(&provider), believed: None };
        Self { provider, bare, roots, made: Mutex::default(), making: tokio::sync::Mutex::default() }
    }

    /// For connections without TLS: nothing is read.
    pub(super) fn bare(&self) -> TlsBase {
        self.bare.clone()
    }

    /// For connections with TLS. Costs a `stat` of the `ca_file` unless something changed. Fault: `config`, if the
    /// file cannot be read or there is no root at all.
    pub(super) async fn base(&self, trust: &Trust) -> Result<TlsBase, Fault> {
        let file = trust.ca_file.as_deref().map(state_of).transpose()?;
        if let Some(base) = self.made_for(trust, file.as_ref()) {
            return Ok(base);
        }
        // One at a time: the others find it made.
        let _making = self.making.lock().await;
        if let Some(base) = self.made_for(trust, file.as_ref()) {
            return Ok(base);
        }
        let system = self.roots.get().await.to_vec();
        let (provider, wanted) = (self.provider.clone(), trust.clone());
        let base = tokio::task::spawn_blocking(move || make(&provider, system, wanted.ca_file.as_deref()))
            .await
            .map_err(|_| Fault::new(Class::Internal, "the TLS settings could not be made"))??;
        let mut made = self.made.lock().expect("TLS cache");
        made.retain(|m| m.trust != *trust);
        if made.len() >= MAX_MADE {
            made.remove(0);
        }
        made.push(Made { trust: trust.clone(), file, base: base.clone() });
        drop(made);
        Ok(base)
    }

    fn made_for(&self, trust: &Trust, file: Option<&FileState>) -> Option<TlsBase> {
        let made = self.made.lock().expect("TLS cache");
        made.iter().find(|m| m.trust == *trust && m.file.as_ref() == file).map(|m| m.base.clone())
    }
}

fn state_of(path: &Path) -> Result<FileState, Fault> {
    let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e.to_string()))?;
    Ok(FileState { modified: meta.modified().ok(), len: meta.len() })
}

fn unreadable(path: &Path, why: &str) -> Fault {
    Fault::new(Class::Config, format!("ca_file {}: {why}", path.display()))
}

fn make(
    provider: &Arc<CryptoProvider>,
    system: Vec<CertificateDer<'static>>,
    ca_file: Option<&Path>,
) -> Result<TlsBase, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system);
    let own = ca_file.map(read_ca_file).transpose()?.unwrap_or_default();
    for certificate in &own {
        // One that is no anchor (a server's own certificate) is believed as it is: see `Believed`.
        let _ = roots.add(certificate.clone());
    }
    if roots.is_empty() {
        let none = "this machine has no root certificates, and no ca_file names any";
        return Err(Fault::new(Class::Config, none));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| Fault::new(Class::Internal, format!("TLS settings: {e}")))?;
    Ok(TlsBase { config: config(provider), believed: Some(Arc::new(Believed { verifier, own })) })
}

fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    if state_of(path)?.len > MAX_CA_FILE {
        return Err(unreadable(path, &format!("larger than {MAX_CA_FILE} bytes")));
    }
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(path, &e.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(path, "no certificate in it"));
    }
    Ok(certificates)
}

/// Settings that each request completes with its own verifier and session store.
fn config(provider: &Arc<CryptoProvider>) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(RefuseAll(provider.signature_verification_algorithms)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
