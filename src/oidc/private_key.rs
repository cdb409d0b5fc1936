//! Private keys of clients: PEM (PKCS #8, PKCS #1, SEC 1) or a JWK, read strictly (RFC 7517, RFC 7518 §6, RFC 8037). They
//! sign client assertions and DPoP proofs. Pure.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use crate::fault::{Class, Fault};
use crate::oidc::alg::{ALGS, Alg, Needs};
use crate::oidc::jwk;

/// A key that can sign.
#[derive(Clone, Debug)]
pub struct PrivateKey {
    public: Map<String, Value>,
    thumbprint: [u8; 32],
    encoding: EncodingKey,
    kid: Option<String>,
    alg: Option<&'static Alg>,
}

/// The curves of EC keys that can sign here.
static CURVES: [(&str, &EcdsaSigningAlgorithm); 2] =
    [("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING), ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)];

const NONE_OF_OURS: &str = "not a key that can sign here: RSA (2048 to 8192 bits), P-256, P-384 or Ed25519";

impl PrivateKey {
    /// Reads a key. The error says what is wrong, and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') { Self::from_jwk(text) } else { Self::from_pem(text) }
    }

    /// A fresh key on P-256, or Ed25519. Fault: `internal`.
    pub fn generate(alg: &Alg) -> Result<Self, Fault> {
        let failed = || Fault::new(Class::Internal, format!("cannot make a key for {}", alg.name));
        let made = match alg.needs {
            Needs::Ec(crv) => {
                let (crv, signing) = CURVES.iter().find(|(name, _)| *name == crv).ok_or_else(failed)?;
                Self::ec(crv, &EcdsaKeyPair::generate(signing).map_err(|_| failed())?)
            }
            Needs::Okp(_) => Self::ed25519(&Ed25519KeyPair::generate().map_err(|_| failed())?),
            _ => return Err(failed()),
        };
        made.map_err(|_| failed())
    }

    /// The key to sign with.
    pub fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    /// The public half as a JWK: only the members that make it up.
    pub fn public_jwk(&self) -> &Map<String, Value> {
        &self.public
    }

    /// The SHA-256 thumbprint of the public half in base64url (RFC 7638): `jkt`.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.thumbprint)
    }

    /// `kid`, if it was a JWK that has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it can sign with that algorithm.
    pub fn fits(&self, alg: &Alg) -> bool {
        let is = |member: &str, value: &str| self.public.get(member).is_some_and(|found| found == value);
        let material = match alg.needs {
            Needs::Rsa => is("kty", "RSA"),
            Needs::Ec(crv) => is("kty", "EC") && is("crv", crv),
            Needs::Okp(curves) => is("kty", "OKP") && curves.iter().any(|crv| is("crv", crv)),
            Needs::Secret => false,
        };
        material && alg.verify.is_some() && self.alg.is_none_or(|only| only.verify == alg.verify)
    }

    /// The algorithms that it can sign with, the customary one first: what a JWK says, else RS256, ES256, ES384, EdDSA.
    pub fn algs(&self) -> impl Iterator<Item = &'static Alg> {
        self.alg.into_iter().chain(ALGS.iter().filter(|alg| self.fits(alg)))
    }

    /// In words, for people.
    pub fn describe(&self) -> String {
        let member = |name: &str| self.public.get(name).and_then(Value::as_str).unwrap_or_default();
        match self.alg {
            Some(only) => format!("{} key for {}", member("kty"), only.name),
            None => format!("{} {}", member("kty"), member("crv")).trim_end().to_owned() + " key",
        }
    }

    fn from_pem(text: &str) -> Result<Self, String> {
        if text.contains("ENCRYPTED") {
            return Err("it is encrypted, and nobody here has the passphrase".to_owned());
        }
        match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(der)) => Self::from_pkcs8(der.secret_pkcs8_der(), text),
            Ok(PrivateKeyDer::Pkcs1(_)) => Self::rsa_from_pem(text),
            Ok(PrivateKeyDer::Sec1(der)) => {
                for (crv, alg) in &CURVES {
                    if let Ok(pair) = EcdsaKeyPair::from_private_key_der(alg, der.secret_sec1_der()) {
                        return Self::ec(crv, &pair);
                    }
                }
                Err(NONE_OF_OURS.to_owned())
            }
            Ok(_) => Err(NONE_OF_OURS.to_owned()),
            Err(_) if text.contains("-----BEGIN") => Err("there is no private key in its PEM".to_owned()),
            Err(_) => Err("neither PEM nor a JWK".to_owned()),
        }
    }

    fn from_pkcs8(der: &[u8], text: &str) -> Result<Self, String> {
        for (crv, alg) in &CURVES {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(alg, der) {
                return Self::ec(crv, &pair);
            }
        }
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Ok(pair) => Self::ed25519(&pair),
            Err(_) => Self::rsa_from_pem(text),
        }
    }

    fn rsa_from_pem(text: &str) -> Result<Self, String> {
        Self::rsa(EncodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| NONE_OF_OURS)?)
    }

    fn rsa(encoding: EncodingKey) -> Result<Self, String> {
        let pair = RsaKeyPair::from_der(encoding.as_bytes()).map_err(|_| NONE_OF_OURS)?;
        let bits = pair.public_modulus_len() * 8;
        if !(jwk::MIN_RSA_BITS..=jwk::MAX_RSA_BITS).contains(&bits) {
            return Err(format!("RSA with {bits} bits: {NONE_OF_OURS}"));
        }
        let n = URL_SAFE_NO_PAD.encode(pair.public_key().modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(pair.public_key().exponent().big_endian_without_leading_zero());
        Self::new(json!({"kty": "RSA", "n": n, "e": e}), encoding)
    }

    fn ec(crv: &str, pair: &EcdsaKeyPair) -> Result<Self, String> {
        let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len() / 2);
        let der = pair.to_pkcs8v1().map_err(|_| NONE_OF_OURS)?;
        let jwk = json!({"kty": "EC", "crv": crv, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        Self::new(jwk, EncodingKey::from_ec_der(der.as_ref()))
    }

    fn ed25519(pair: &Ed25519KeyPair) -> Result<Self, String> {
        let der = pair.to_pkcs8().map_err(|_| NONE_OF_OURS)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self::new(json!({"kty": "OKP", "crv": "Ed25519", "x": x}), EncodingKey::from_ed_der(der.as_ref()))
    }

    fn new(public: Value, encoding: EncodingKey) -> Result<Self, String> {
        let read = jwk::read("the key", &public, &mut Vec::new()).ok_or(NONE_OF_OURS)?;
        let Value::Object(public) = public else { return Err(NONE_OF_OURS.to_owned()) };
        Ok(Self { public, thumbprint: *read.thumbprint(), encoding, kid: None, alg: None })
    }

    fn from_jwk(text: &str) -> Result<Self, String> {
        let members: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "it begins as a JWK, but is no JSON object")?;
        let word = |name: &str| members.get(name).and_then(Value::as_str);
        let octets = |name: &str| {
            let text = word(name).ok_or_else(|| format!("the JWK has no `{name}`"))?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` of the JWK is not base64url"))
        };
        let mut key = match (word("kty"), word("crv")) {
            (Some("RSA"), _) => Self::rsa(EncodingKey::from_rsa_der(&pkcs1(&octets)?))?,
            (Some("EC"), Some(name)) => {
                let (crv, alg) = CURVES.iter().find(|(crv, _)| *crv == name).ok_or(NONE_OF_OURS)?;
                let point = [&[4][..], &octets("x")?, &octets("y")?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(alg, &octets("d")?, &point);
                Self::ec(crv, &pair.map_err(|_| "`d` of the JWK does not belong to `x` and `y`")?)?
            }
            (Some("OKP"), Some("Ed25519")) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&octets("d")?, &octets("x")?);
                Self::ed25519(&pair.map_err(|_| "`d` of the JWK does not belong to `x`")?)?
            }
            _ => return Err(NONE_OF_OURS.to_owned()),
        };
        key.kid = word("kid").map(str::to_owned);
        if let Some(name) = word("alg") {
            let alg = Alg::from_name(name).filter(|alg| key.fits(alg));
            key.alg = Some(alg.ok_or("`alg` of the JWK is none that its key can sign with")?);
        }
        Ok(key)
    }
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2) of a JWK with all of RFC 7518 §6.3.2.
fn pkcs1(octets: &impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    let mut body = integer(&[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        body.extend(integer(&octets(name)?));
    }
    Ok(tagged(0x30, &body))
}

/// A positive INTEGER (X.690 §8.3): a leading zero keeps it so.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|octet| **octet == 0).count().min(number.len().saturating_sub(1));
    let number = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if number.first().is_none_or(|octet| octet & 0x80 != 0) { &[0] } else { &[] };
    tagged(2, &[sign, number].concat())
}

/// Tag, length and value (X.690 §8.1).
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = length.get(length.iter().take_while(|octet| **octet == 0).count()..).unwrap_or_default();
    let mut out = vec![tag];
    match value.len() {
        0..0x80 => out.push(value.len() as u8),
        _ => {
            out.push(0x80 | length.len() as u8);
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests;
