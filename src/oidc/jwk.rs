//! One key of a set, read strictly (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). Pure.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::fault::{Class, Finding};
use crate::oidc::alg::{self, Alg, Needs};
use crate::oidc::json;

/// The largest RSA modulus that can verify (bits): a limit of the crypto library.
pub const MAX_RSA_BITS: usize = 8192;
/// The smallest RSA modulus that may sign (bits, RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;

/// What a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { crv: &'static str, x: Vec<u8>, y: Vec<u8> },
    Okp { crv: &'static str, x: Vec<u8> },
}

/// A public key that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `kid`.
    pub kid: Option<String>,
    /// `alg`: the only one it is meant for.
    pub alg: Option<String>,
    /// `use`.
    pub usage: Option<String>,
    /// `key_ops`.
    pub operations: Option<Vec<String>>,
    material: Material,
    thumbprint: [u8; 32],
}

impl Key {
    /// `kty`.
    pub fn kty(&self) -> &'static str {
        match self.material {
            Material::Rsa { .. } => "RSA",
            Material::Ec { .. } => "EC",
            Material::Okp { .. } => "OKP",
        }
    }

    /// `crv`, but for RSA.
    pub fn crv(&self) -> Option<&'static str> {
        match self.material {
            Material::Rsa { .. } => None,
            Material::Ec { crv, .. } | Material::Okp { crv, .. } => Some(crv),
        }
    }

    /// The length of an RSA modulus in bits.
    pub fn rsa_bits(&self) -> Option<usize> {
        match &self.material {
            Material::Rsa { n, .. } => Some(bits(n)),
            _ => None,
        }
    }

    /// The SHA-256 thumbprint (RFC 7638): the same for the same key whatever else is said of it.
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Whether it is meant to verify signatures (RFC 7517 §4.2 and §4.3).
    pub fn verifies(&self) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.operations.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
            && !matches!(self.crv(), Some("X25519" | "X448"))
    }

    /// Whether a signature of that algorithm could be verified with it.
    pub fn fits(&self, alg: &Alg) -> bool {
        let material = match (alg.needs, &self.material) {
            (Needs::Rsa, Material::Rsa { .. }) => true,
            (Needs::Ec(needed), Material::Ec { crv, .. }) => needed == *crv,
            (Needs::Okp(needed), Material::Okp { crv, .. }) => needed.contains(crv),
            _ => false,
        };
        // EdDSA and Ed25519 are two names of one algorithm (RFC 9864).
        let same = |name: &str| {
            name == alg.name || alg.verify.is_some() && Alg::from_name(name).is_some_and(|a| a.verify == alg.verify)
        };
        material && self.verifies() && self.alg.as_deref().is_none_or(same)
    }

    /// For the verifier; `None` for curves that it does not have.
    pub fn decoding_key(&self) -> Option<DecodingKey> {
        match &self.material {
            Material::Rsa { n, e } => Some(DecodingKey::from_rsa_raw_components(n, e)),
            Material::Ec { crv: "P-256" | "P-384", x, y } => Some(DecodingKey::from_ec_der(&point(x, y))),
            Material::Okp { crv: "Ed25519", x } => Some(DecodingKey::from_ed_der(x)),
            _ => None,
        }
    }
}

/// Reads `value`, which `name` names in findings. `None` if it is of a type that we do not know (no finding, RFC 7517
/// §5), or not usable (with findings).
pub fn read(name: &str, value: &Value, findings: &mut Vec<Finding>) -> Option<Key> {
    let Some(members) = value.as_object() else {
        findings.push(finding("RFC 7517 §5.1", format!("{name} is {}, not an object", json::kind(value))));
        return None;
    };
    let mut reader = Reader { name, members, findings };
    let kty = match members.get("kty") {
        Some(Value::String(kty)) => kty.as_str(),
        Some(other) => {
            reader.wrong("RFC 7517 §4.1", format!("kty is {}, not a string", json::kind(other)));
            return None;
        }
        None => {
            reader.wrong("RFC 7517 §4.1", "kty is missing");
            return None;
        }
    };
    let material = match kty {
        "RSA" => reader.rsa(),
        "EC" => reader.ec(),
        "OKP" => reader.okp(),
        "oct" => {
            reader.wrong("OIDC Discovery §3", "a symmetric key is published: whoever reads it can sign");
            None
        }
        _ => return None,
    };
    reader.private_members(kty);
    let kid = reader.string("kid", "RFC 7517 §4.5");
    let alg = reader.string("alg", "RFC 7517 §4.4");
    let usage = reader.string("use", "RFC 7517 §4.2");
    let operations = reader.operations();
    reader.contradictions(kty, alg.as_deref(), usage.as_deref(), operations.as_deref());
    let material = material??;
    let thumbprint = thumbprint(&material);
    Some(Key { kid, alg, usage, operations, material, thumbprint })
}

fn finding(clause: &'static str, detail: String) -> Finding {
    Finding::new(Class::JwksInvalid, clause, detail)
}

struct Reader<'r> {
    name: &'r str,
    members: &'r Map<String, Value>,
    findings: &'r mut Vec<Finding>,
}

/// Outer `None`: malformed, with findings; inner: a curve that we do not know.
type Read = Option<Option<Material>>;

impl Reader<'_> {
    fn wrong(&mut self, clause: &'static str, what: impl std::fmt::Display) {
        self.findings.push(finding(clause, format!("{}: {what}", self.name)));
    }

    fn string(&mut self, member: &str, clause: &'static str) -> Option<String> {
        match self.members.get(member)? {
            Value::String(value) => Some(value.clone()),
            other => {
                self.wrong(clause, format_args!("{member} is {}, not a string", json::kind(other)));
                None
            }
        }
    }

    /// Base64url without padding (RFC 7515 §2). What a lenient decoder takes is still used, with a finding.
    fn octets(&mut self, member: &str, clause: &'static str) -> Option<Vec<u8>> {
        let Some(value) = self.members.get(member) else {
            self.wrong(clause, format_args!("{member} is missing"));
            return None;
        };
        let Some(text) = value.as_str() else {
            self.wrong(clause, format_args!("{member} is {}, not a string", json::kind(value)));
            return None;
        };
        if let Ok(octets) = URL_SAFE_NO_PAD.decode(text) {
            return Some(octets);
        }
        let lenient = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let octets = URL_SAFE_NO_PAD.decode(lenient).ok();
        let note = if octets.is_some() { "" } else { ", and not even base64" };
        self.wrong("RFC 7515 §2", format_args!("{member} is not base64url without padding{note}"));
        octets
    }

    /// A positive integer in as few octets as it needs (RFC 7518 §2).
    fn integer(&mut self, member: &str, clause: &'static str) -> Option<Vec<u8>> {
        let octets = self.octets(member, clause)?;
        let zeros = octets.iter().take_while(|b| **b == 0).count();
        if zeros == octets.len() {
            self.wrong(clause, format_args!("{member} is zero"));
            return None;
        }
        if zeros > 0 {
            self.wrong("RFC 7518 §2", format_args!("{member} has {zeros} leading zero octets"));
        }
        Some(octets.get(zeros..).unwrap_or_default().to_vec())
    }

    fn rsa(&mut self) -> Read {
        let n = self.integer("n", "RFC 7518 §6.3.1.1");
        let e = self.integer("e", "RFC 7518 §6.3.1.2");
        let (n, e) = (n?, e?);
        let size = bits(&n);
        if size < MIN_RSA_BITS {
            self.wrong("RFC 7518 §3.3", format_args!("RSA with {size} bits; at least {MIN_RSA_BITS} are required"));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
        if !odd(&n) || !odd(&e) || e == [1] {
            self.wrong(
                "RFC 8017 §3.1",
                "no RSA key: modulus and exponent must be odd, and the exponent greater than 1",
            );
            return None;
        }
        Some(Some(Material::Rsa { n, e }))
    }

    fn coordinate(&mut self, member: &str, clause: &'static str, size: usize) -> Option<Vec<u8>> {
        let octets = self.octets(member, clause)?;
        if octets.len() != size {
            self.wrong(clause, format_args!("{member} has {} octets; its curve needs {size}", octets.len()));
            return None;
        }
        Some(octets)
    }

    fn ec(&mut self) -> Read {
        let crv = self.curve("RFC 7518 §6.2.1.1")?;
        let (crv, size) = match crv.as_str() {
            "P-256" => ("P-256", 32),
            "P-384" => ("P-384", 48),
            "P-521" => ("P-521", 66),
            _ => return Some(None),
        };
        let x = self.coordinate("x", "RFC 7518 §6.2.1.2", size);
        let y = self.coordinate("y", "RFC 7518 §6.2.1.3", size);
        let (x, y) = (x?, y?);
        let parsed = match crv {
            "P-256" => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(&x, &y)),
            "P-384" => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point(&x, &y)),
            _ => ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point(&x, &y)),
        };
        if parsed.is_err() {
            self.wrong("RFC 7518 §6.2.1", format_args!("x and y are no point of {crv}"));
            return None;
        }
        Some(Some(Material::Ec { crv, x, y }))
    }

    fn okp(&mut self) -> Read {
        let crv = self.curve("RFC 8037 §2")?;
        let (crv, size) = match crv.as_str() {
            "Ed25519" => ("Ed25519", 32),
            "Ed448" => ("Ed448", 57),
            "X25519" => ("X25519", 32),
            "X448" => ("X448", 56),
            _ => return Some(None),
        };
        let x = self.coordinate("x", "RFC 8037 §2", size)?;
        Some(Some(Material::Okp { crv, x }))
    }

    fn curve(&mut self, clause: &'static str) -> Option<String> {
        if !self.members.contains_key("crv") {
            self.wrong(clause, "crv is missing");
        }
        self.string("crv", clause)
    }

    /// What only the signer may know (OIDC Discovery §3: the set MUST NOT contain private values).
    fn private_members(&mut self, kty: &str) {
        let private: &[&str] = match kty {
            "RSA" => &["d", "p", "q", "dp", "dq", "qi", "oth"],
            "EC" | "OKP" => &["d"],
            _ => return,
        };
        let leaked: Vec<&str> = private.iter().copied().filter(|m| self.members.contains_key(*m)).collect();
        if !leaked.is_empty() {
            let list = leaked.join(", ");
            self.wrong("OIDC Discovery §3", format_args!("the private key is published: {list}"));
        }
    }

    fn operations(&mut self) -> Option<Vec<String>> {
        let clause = "RFC 7517 §4.3";
        let value = self.members.get("key_ops")?;
        let list = value.as_array().filter(|items| items.iter().all(Value::is_string));
        let Some(list) = list else {
            self.wrong(clause, "key_ops is not a list of strings");
            return None;
        };
        let list: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if list.iter().enumerate().any(|(n, op)| list.iter().skip(n + 1).any(|other| other == op)) {
            self.wrong(clause, "key_ops names an operation twice");
        }
        Some(list)
    }

    fn contradictions(&mut self, kty: &str, alg: Option<&str>, usage: Option<&str>, ops: Option<&[String]>) {
        let signs = |op: &String| op == "sign" || op == "verify";
        match (usage, ops) {
            (Some("sig"), Some(ops)) if !ops.iter().all(signs) => {
                self.wrong("RFC 7517 §4.3", "use is sig, but key_ops names other operations");
            }
            (Some("enc"), Some(ops)) if ops.iter().any(signs) => {
                self.wrong("RFC 7517 §4.3", "use is enc, but key_ops names signatures");
            }
            _ => {}
        }
        let Some(alg) = alg else { return };
        let crv = self.members.get("crv").and_then(Value::as_str).unwrap_or_default();
        let (fits, wrong_use) = match (Alg::from_name(alg), alg::encryption_needs(alg)) {
            (Some(known), _) => {
                let fits = match known.needs {
                    Needs::Rsa => kty == "RSA",
                    Needs::Ec(needed) => kty == "EC" && crv == needed,
                    Needs::Okp(needed) => kty == "OKP" && needed.contains(&crv),
                    Needs::Secret => kty == "oct",
                };
                (fits, "enc")
            }
            (None, Some(types)) => (types.contains(&kty), "sig"),
            (None, None) => return,
        };
        if !fits {
            self.wrong("RFC 7517 §4.4", format_args!("alg {alg} does not work with a key of kty {kty} {crv}"));
        }
        if usage == Some(wrong_use) {
            self.wrong("RFC 7517 §4.4", format_args!("alg {alg} contradicts use {wrong_use}"));
        }
    }
}

fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn bits(number: &[u8]) -> usize {
    match number.first() {
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

fn thumbprint(material: &Material) -> [u8; 32] {
    let b64 = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    // The required members in lexicographic order without white space (RFC 7638 §3).
    let text = match material {
        Material::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n)),
        Material::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y)),
        Material::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{}"}}"#, b64(x)),
    };
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    out
}
