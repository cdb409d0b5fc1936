//! The certificate that we show in a TLS handshake (RFC 8705).

use std::sync::Arc;

use ::aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::phases::Marks;

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    thumbprint: String,
}

impl Identity {
    /// From PEM: the certificate, with its intermediates behind it, and the key. The error says what is wrong, and quotes
    /// nothing of it.
    pub fn parse(certificates: &str, key: &str) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificate is not PEM: {error}"))?;
        let leaf = chain.first().ok_or("there is no certificate in its PEM")?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, leaf));
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| "there is no private key in the PEM of the certificate's key".to_owned())?;
        let certified =
            CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|why| match why {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    "the key does not belong to the certificate".to_owned()
                }
                Error::InvalidCertificate(_) => "the certificate cannot be read".to_owned(),
                _ => "the certificate's key is none that can sign here".to_owned(),
            })?;
        Ok(Self { certified: Arc::new(certified), thumbprint })
    }

    /// The SHA-256 thumbprint of the certificate in base64url (RFC 8705 §3.1): `x5t#S256`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// Shows it to the target; an egress proxy that asks sees nothing.
#[derive(Debug)]
pub(super) struct Showing {
    pub(super) identity: SingleCertAndKey,
    pub(super) marks: Arc<Marks>,
}

impl Showing {
    pub(super) fn new(identity: &Identity, marks: Arc<Marks>) -> Self {
        Self { identity: SingleCertAndKey::from(identity.certified.clone()), marks }
    }
}

impl ResolvesClientCert for Showing {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        if self.marks.in_proxy_handshake() {
            return None;
        }
        self.identity.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        true
    }
}
