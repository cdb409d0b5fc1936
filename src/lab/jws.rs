//! Signed tokens: JWS compact serialization (RFC 7515 §7.1) and the claims inside.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::keys::Signer;

/// Which token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An ID token (OIDC Core 2).
    Id,
    /// A JWT access token (RFC 9068).
    Access,
    /// A logout token (OIDC Back-Channel Logout 1.0 §2.4).
    Logout,
    /// A signed answer of userinfo (OIDC Core 5.3.2).
    Userinfo,
    /// A signed answer of introspection (RFC 9701).
    Introspection,
    /// An assertion of the lab's own workload (RFC 7523).
    Assertion,
}

impl TokenKind {
    /// The name in parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Access => "access",
            Self::Logout => "logout",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Assertion => "assertion",
        }
    }

    /// `typ` of the header (RFC 9068 §2.1 for access tokens, RFC 9701 §5).
    const fn typ(self) -> &'static str {
        match self {
            Self::Id | Self::Userinfo | Self::Assertion => "JWT",
            Self::Access => "at+jwt",
            Self::Logout => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }
}

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// A token in its three parts.
#[derive(Clone, Debug)]
pub struct Jws {
    /// The JOSE header.
    pub header: Map<String, Value>,
    /// The claims, serialized.
    pub payload: Vec<u8>,
    /// The signature over both.
    pub signature: Vec<u8>,
    /// The signer's public key (PEM), as anybody can have it.
    pub public_key: String,
    /// Whether it goes out encrypted (RFC 7516), for a key that nobody has.
    pub encrypted: bool,
}

impl Jws {
    /// Signs.
    pub fn sign(kind: TokenKind, claims: &Claims, signer: &Signer) -> Self {
        let mut header = Map::new();
        header.insert("alg".into(), json!("RS256"));
        header.insert("typ".into(), json!(kind.typ()));
        if !signer.kid.is_empty() {
            header.insert("kid".into(), json!(signer.kid));
        }
        let mut jws = Self {
            header,
            payload: Value::Object(claims.clone()).to_string().into(),
            signature: Vec::new(),
            public_key: signer.key.public_pem(),
            encrypted: false,
        };
        jws.signature = signer.key.sign(jws.signing_input().as_bytes());
        jws
    }

    /// Header and claims, as they are signed (RFC 7515 §5.1).
    pub fn signing_input(&self) -> String {
        let header = Value::Object(self.header.clone()).to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&self.payload))
    }

    /// The compact serialization.
    pub fn compact(&self) -> String {
        if self.encrypted {
            return encrypted();
        }
        format!("{}.{}", self.signing_input(), URL_SAFE_NO_PAD.encode(&self.signature))
    }
}

/// Five parts that look like an encrypted token (RFC 7516 §7.1) to all who lack the key.
fn encrypted() -> String {
    let header = json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}).to_string();
    let parts = [256, 12, 600, 16].map(|size| {
        let mut part = vec![0; size];
        aws_lc_rs::rand::fill(&mut part).expect("the system gives random bytes");
        URL_SAFE_NO_PAD.encode(part)
    });
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), parts.join("."))
}

/// The claims of a compact JWS, if `verifies` likes its signature. Only for the lab's own tokens: the algorithm is known.
pub fn read(token: &str, verifies: impl FnOnce(&[u8], &[u8]) -> bool) -> Option<Claims> {
    let (message, signature) = token.rsplit_once('.')?;
    let (_, payload) = message.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    verifies(message.as_bytes(), &signature).then_some(())?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// `at_hash` of an access token or `c_hash` of a code under RS256: the left half of its SHA-256 (OIDC Core 3.1.3.6,
/// 3.3.2.11).
pub fn half_hash(of: &str) -> String {
    let hash = digest(&SHA256, of.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// `code_challenge` of a verifier under S256 (RFC 7636 §4.2).
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specifications_come_out() {
        // RFC 7636 Appendix B.
        assert_eq!(s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        // OIDC Core A.3: the access token and at_hash of its example.
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        // OIDC Core A.4: its code and c_hash.
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(half_hash(code), "LDktKdoQak3Pk0cnXxCltA");
    }
}
