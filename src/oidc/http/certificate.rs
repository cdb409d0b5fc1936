//! Certificates as servers show them: judged, remembered even if the handshake fails, and explained.

use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::phases::Marks;
use crate::clock::{Clock, Timestamp};

/// Who is believed: a chain up to a root, or one of the certificates in the `ca_file` itself, as OpenSSL does. (Many a
/// test provider serves a self-signed certificate, which is no proper authority.)
#[derive(Debug)]
pub(super) struct Believed {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) own: Vec<CertificateDer<'static>>,
}

impl Believed {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.own.iter().any(|own| own == leaf) {
            return self.verifier.verify_server_cert(leaf, intermediates, name, ocsp, now);
        }
        let (not_before, not_after) = validity(leaf).ok_or(CertificateError::BadEncoding)?;
        if now.as_secs() < not_before {
            return Err(CertificateError::NotValidYetContext {
                time: now,
                not_before: UnixTime::since_unix_epoch(std::time::Duration::from_secs(not_before)),
            }
            .into());
        }
        if now.as_secs() > not_after {
            return Err(CertificateError::ExpiredContext {
                time: now,
                not_after: UnixTime::since_unix_epoch(std::time::Duration::from_secs(not_after)),
            }
            .into());
        }
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

fn validity(leaf: &CertificateDer<'_>) -> Option<(u64, u64)> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let at = |time: i64| u64::try_from(time).unwrap_or(0);
    Some((at(parsed.validity().not_before.timestamp()), at(parsed.validity().not_after.timestamp())))
}

/// What the target's certificate said.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// When it expires.
    pub(super) not_after: Option<Timestamp>,
    /// Whether subject and issuer are the same.
    self_issued: bool,
    /// Who issued it; only if it was refused.
    issuer: String,
}

/// Judges like [`Believed`], by our own clock, and remembers what the target showed.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) believed: Arc<Believed>,
    pub(super) marks: Arc<Marks>,
    pub(super) shown: Arc<Mutex<Shown>>,
    pub(super) clock: Clock,
}

impl Recording {
    fn remember(&self, leaf: &CertificateDer<'_>, refused: bool) {
        if self.marks.in_proxy_handshake() {
            return;
        }
        let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return };
        let mut shown = self.shown.lock().expect("certificate");
        shown.not_after = Some(Timestamp::from_secs(parsed.validity().not_after.timestamp()));
        if refused {
            shown.self_issued = parsed.subject().as_raw() == parsed.issuer().as_raw();
            shown.issuer = clean(&parsed.issuer().to_string());
        }
    }
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let since = self.clock.now().since(Timestamp::default());
        let result = self.believed.verify(leaf, intermediates, name, ocsp, UnixTime::since_unix_epoch(since));
        self.remember(leaf, result.is_err());
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.believed.verifier.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.believed.verifier.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.believed.verifier.supported_verify_schemes()
    }
}

/// Stands where no TLS is expected.
#[derive(Debug)]
pub(super) struct RefuseAll(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for RefuseAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Why a certificate is not acceptable, in words.
pub(super) fn explain(error: &CertificateError, shown: &Shown, host: &str) -> String {
    let at = |time: &UnixTime| Timestamp::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)).to_string();
    let expires = || shown.not_after.map(|at| format!(" (it expires at {at})")).unwrap_or_default();
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("a certificate of {host} expired at {}", at(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("a certificate of {host} is not valid before {}", at(not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().take(8).map(|name| clean(name)).collect();
            let more = if presented.len() > 8 { ", …" } else { "" };
            format!("the certificate is for {}{more}, not for {host}{}", names.join(", "), expires())
        }
        CertificateError::NotValidForName => format!("the certificate is not for {host}{}", expires()),
        // A self-signed authority that serves as a server's certificate is refused for being one.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if shown.self_issued => {
            format!("the certificate of {host} is self-signed and not in the ca_file{}", expires())
        }
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} is issued by \"{}\", which is not believed{}: is an intermediate missing?",
            shown.issuer,
            expires()
        ),
        other => format!("the certificate of {host} is refused: {}", clean(&other.to_string())),
    }
}

/// Foreign text, made printable and short.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_words_of_its_own() {
        let at = |secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        let shown = Shown { not_after: Some(Timestamp::from_secs(1_800_000_000)), ..Shown::default() };
        let expired = CertificateError::ExpiredContext { time: at(1_700_000_001), not_after: at(1_700_000_000) };
        assert_eq!(
            explain(&expired, &shown, "a.example"),
            "a certificate of a.example expired at 2023-11-14T22:13:20.000Z"
        );
        let name = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: vec!["DnsName(\"b.example\")".into()],
        };
        assert_eq!(
            explain(&name, &shown, "a.example"),
            "the certificate is for DnsName(\"b.example\"), not for a.example (it expires at 2027-01-15T08:00:00.000Z)"
        );
        let own = Shown { self_issued: true, ..Shown::default() };
        assert_eq!(
            explain(&CertificateError::UnknownIssuer, &own, "a.example"),
            "the certificate of a.example is self-signed and not in the ca_file"
        );
    }

    #[test]
    fn foreign_names_are_made_printable_and_short() {
        assert_eq!(clean("CN=a\u{1b}[31m\nb"), "CN=a[31mb");
        assert_eq!(clean(&"x".repeat(500)).len(), 100);
    }
}
