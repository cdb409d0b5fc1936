//! Algorithms of JSON Web Signatures and the keys they need (RFC 7518 §3.1, RFC 8037, RFC 9864). Pure.

use aws_lc_rs::digest;
use jsonwebtoken::Algorithm;

/// The key an algorithm works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// `kty` RSA.
    Rsa,
    /// `kty` EC with that `crv`.
    Ec(&'static str),
    /// `kty` OKP with one of these `crv`.
    Okp(&'static [&'static str]),
    /// A shared secret.
    Secret,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Alg {
    /// Its name in `alg`.
    pub name: &'static str,
    /// Its key.
    pub needs: Needs,
    /// What `at_hash` and `c_hash` are made with (OIDC Core 3.1.3.6: the hash of the algorithm).
    pub hash: Option<&'static digest::Algorithm>,
    /// How we verify it; `None`: we cannot.
    pub verify: Option<Algorithm>,
}

macro_rules! algs {
    ($($name:literal $needs:expr, $hash:expr, $verify:expr;)*) => {
        &[$(Alg { name: $name, needs: $needs, hash: $hash, verify: $verify },)*]
    };
}

/// Every registered signature algorithm but `none`.
pub static ALGS: &[Alg] = algs! {
    "RS256" Needs::Rsa, Some(&digest::SHA256), Some(Algorithm::RS256);
    "RS384" Needs::Rsa, Some(&digest::SHA384), Some(Algorithm::RS384);
    "RS512" Needs::Rsa, Some(&digest::SHA512), Some(Algorithm::RS512);
    "PS256" Needs::Rsa, Some(&digest::SHA256), Some(Algorithm::PS256);
    "PS384" Needs::Rsa, Some(&digest::SHA384), Some(Algorithm::PS384);
    "PS512" Needs::Rsa, Some(&digest::SHA512), Some(Algorithm::PS512);
    "ES256" Needs::Ec("P-256"), Some(&digest::SHA256), Some(Algorithm::ES256);
    "ES384" Needs::Ec("P-384"), Some(&digest::SHA384), Some(Algorithm::ES384);
    "ES512" Needs::Ec("P-521"), Some(&digest::SHA512), None;
    "ES256K" Needs::Ec("secp256k1"), Some(&digest::SHA256), None;
    // Ed25519 hashes with SHA-512; Ed448 with SHAKE256, which we do not have.
    "EdDSA" Needs::Okp(&["Ed25519", "Ed448"]), Some(&digest::SHA512), Some(Algorithm::EdDSA);
    "Ed25519" Needs::Okp(&["Ed25519"]), Some(&digest::SHA512), Some(Algorithm::EdDSA);
    "Ed448" Needs::Okp(&["Ed448"]), None, None;
    "HS256" Needs::Secret, Some(&digest::SHA256), Some(Algorithm::HS256);
    "HS384" Needs::Secret, Some(&digest::SHA384), Some(Algorithm::HS384);
    "HS512" Needs::Secret, Some(&digest::SHA512), Some(Algorithm::HS512);
};

impl Alg {
    /// The algorithm of that name (case-sensitive, RFC 7515 §4.1.1).
    pub fn from_name(name: &str) -> Option<&'static Self> {
        ALGS.iter().find(|alg| alg.name == name)
    }

    /// Whether a shared secret both signs and verifies.
    pub fn is_symmetric(&self) -> bool {
        self.needs == Needs::Secret
    }
}

/// What an encryption algorithm's key is: `kty` values; `None` if it is not one that we know (RFC 7518 §4.1).
pub fn encryption_needs(alg: &str) -> Option<&'static [&'static str]> {
    match alg {
        "RSA1_5" | "RSA-OAEP" | "RSA-OAEP-256" | "RSA-OAEP-384" | "RSA-OAEP-512" => Some(&["RSA"]),
        "ECDH-ES" | "ECDH-ES+A128KW" | "ECDH-ES+A192KW" | "ECDH-ES+A256KW" => Some(&["EC", "OKP"]),
        "dir" | "A128KW" | "A192KW" | "A256KW" | "A128GCMKW" | "A192GCMKW" | "A256GCMKW" => Some(&["oct"]),
        _ => None,
    }
}
