//! The certificates that the lab shows: a good one, and one for each way to be refused. All are made at start, signed by
//! an authority that is made at start as well.

use std::sync::Arc;
use std::time::Duration;

use chrono::Datelike as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::fault::{Faults, Hook, Setting};
use crate::clock::Timestamp;

/// Whom the good certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a connection is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing is wrong with it.
    Good,
    /// It ended two days ago.
    Expired,
    /// It begins in two days.
    NotYetValid,
    /// It is for another name.
    WrongName,
    /// It signed itself.
    SelfSigned,
    /// Its authority is one that nobody knows.
    Untrusted,
    /// Its authority is known, but an intermediate one is left out.
    Incomplete,
    /// None: the handshake is refused.
    Nothing,
}

impl Shown {
    const ALL: [Self; 8] = [
        Self::Good,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::SelfSigned,
        Self::Untrusted,
        Self::Incomplete,
        Self::Nothing,
    ];
}

/// All of them.
pub struct Certificates {
    /// The authority's certificate (PEM): what a client must believe.
    pub authority: String,
    configs: Vec<(Shown, Arc<ServerConfig>)>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

/// Who signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

type Made<T> = Result<T, String>;

impl Certificates {
    /// Makes them, valid as of `now`.
    pub fn generate(now: Timestamp) -> Made<Self> {
        let authority = Authority::new("Lab authority", now, None)?;
        let stranger = Authority::new("Lab authority nobody knows", now, None)?;
        let middle = Authority::new("Lab intermediate authority", now, Some(&authority))?;
        let mut configs = Vec::new();
        for shown in Shown::ALL {
            let signer = match shown {
                Shown::SelfSigned => None,
                Shown::Untrusted => Some(&stranger),
                Shown::Incomplete => Some(&middle),
                _ => Some(&authority),
            };
            configs.push((shown, Arc::new(config(shown, signer, now)?)));
        }
        Ok(Self { authority: authority.pem, configs })
    }

    /// What a connection is shown under these faults.
    pub fn shown(&self, faults: &Faults) -> Arc<ServerConfig> {
        let pick = |hook: &'static Hook, _: &Setting| match hook {
            Hook::Certificate(shown) => Some(*shown),
            _ => None,
        };
        let shown = faults.take(pick).pop().map_or(Shown::Good, |(shown, _)| shown);
        let found = self.configs.iter().find(|(of, _)| *of == shown);
        Arc::clone(&found.expect("there is one for each").1)
    }
}

impl Authority {
    fn new(name: &str, now: Timestamp, above: Option<&Self>) -> Made<Self> {
        let mut params = params(name, &[], now, -30, 365)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key()?;
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer),
            None => params.self_signed(&key),
        };
        let pem = certificate.map_err(why)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }
}

fn config(shown: Shown, signer: Option<&Authority>, now: Timestamp) -> Made<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    if shown == Shown::Nothing {
        return Ok(builder.with_cert_resolver(Arc::new(Nobody)));
    }
    let (from, to) = match shown {
        Shown::Expired => (-30, -2),
        Shown::NotYetValid => (2, 30),
        _ => (-2, 90),
    };
    let names: &[&str] = if shown == Shown::WrongName { &["other.example.com"] } else { &NAMES };
    let params = params("lab", names, now, from, to)?;
    let key = key()?;
    let certificate = match signer {
        Some(signer) => params.signed_by(&key, &signer.issuer),
        None => params.self_signed(&key),
    };
    let chain: Vec<CertificateDer<'static>> = vec![certificate.map_err(why)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    builder.with_single_cert(chain, key).map_err(|error| error.to_string())
}

/// Valid from so many days after `now` to so many.
fn params(name: &str, names: &[&str], now: Timestamp, from: i64, to: i64) -> Made<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(why)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let date = |days: i64| {
        let shift = DAY * u32::try_from(days.unsigned_abs()).unwrap_or(u32::MAX);
        let at = if days < 0 { now - shift } else { now + shift }.to_utc();
        date_time_ymd(at.year(), u8::try_from(at.month()).unwrap_or(1), u8::try_from(at.day()).unwrap_or(1))
    };
    (params.not_before, params.not_after) = (date(from), date(to));
    Ok(params)
}

fn key() -> Made<KeyPair> {
    KeyPair::generate().map_err(why)
}

fn why(error: rcgen::Error) -> String {
    format!("cannot make a certificate: {error}")
}

/// Has no certificate for anybody.
#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}
