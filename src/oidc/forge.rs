//! Tokens that must be refused, made from one that is good (RFC 8725, RFC 9068 §4, RFC 6750 §3.1). Pure. A forgery keeps
//! everything of its original but what its name says, so that only a check that is missing can let it pass.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::oidc::jws::{self, Signer};
use crate::oidc::jwt::Jwt;
use crate::secret::Secret;

/// How long ago a forgery says that it expired (seconds): beyond every leeway.
const AGO: f64 = 3600.0;
/// Whom a forgery is for, and who issued it: nobody (RFC 2606).
const NOBODY: &str = "https://nobody.invalid";

/// A signed token to make forgeries from.
#[derive(Clone)]
pub struct Original {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    token: Secret,
}

impl Original {
    /// Takes a token apart; `None` if it is none that is signed (opaque, encrypted, malformed).
    pub fn read(token: &Secret) -> Option<Self> {
        let text = token.expose();
        Jwt::is_jwt(text).then_some(())?;
        let jwt = Jwt::decode(text, "token").ok()?;
        let header = URL_SAFE_NO_PAD.decode(text.split('.').next()?).ok()?;
        let Ok(Value::Object(header)) = serde_json::from_slice(&header) else { return None };
        Some(Self { header, claims: jwt.claims.0, token: token.clone() })
    }

    /// Its claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// With one claim changed, and the signature of the original: it no longer fits.
    pub fn with_claim(&self, name: &str, value: Value) -> Secret {
        let mut claims = self.claims.clone();
        claims.insert(name.to_owned(), value);
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let text = self.token.expose();
        let (header, signature) =
            (text.split('.').next().unwrap_or_default(), text.rsplit('.').next().unwrap_or_default());
        Secret::new(format!("{header}.{payload}.{signature}"))
    }

    /// Expired an hour before `now`, says the claim.
    pub fn expired(&self, now: Timestamp) -> Secret {
        self.with_claim("exp", json!((now.as_secs_f64() - AGO).trunc() as i64))
    }

    /// For somebody else, says the claim.
    pub fn for_another(&self) -> Secret {
        self.with_claim("aud", json!(NOBODY))
    }

    /// From somebody else, says the claim.
    pub fn from_another(&self) -> Secret {
        self.with_claim("iss", json!(NOBODY))
    }

    /// About somebody else, says the claim: what a forger is after.
    pub fn about_another(&self) -> Secret {
        self.with_claim("sub", json!("somebody-else"))
    }

    /// Unsigned: `alg` is `none` (RFC 8725 §3.2).
    pub fn unsigned(&self) -> Result<Secret, Fault> {
        let mut header = self.header.clone();
        header.remove("kid");
        jws::sign(header, &self.claims, &Signer::Unsigned)
    }

    /// Signed with a key of the forger's, which the header brings along under the `kid` of the original (RFC 8725 §3.10,
    /// RFC 7515 §4.1.3).
    pub fn with_own_key(&self, key: &ForgersKey) -> Result<Secret, Fault> {
        let mut header = self.header.clone();
        let mut jwk = key.jwk.clone();
        if let Some(kid) = header.get("kid") {
            jwk.insert("kid".to_owned(), kid.clone());
        }
        header.insert("jwk".to_owned(), Value::Object(jwk));
        jws::sign(header, &self.claims, &Signer::Key(key.alg, &key.key))
    }

    /// Signed with HMAC, the secret being what everybody knows: the verification key (RFC 8725 §2.1). `public`: its text
    /// as a careless verifier holds it, such as PEM.
    pub fn hmac_confused(&self, public: &[u8]) -> Result<Secret, Fault> {
        let alg = Alg::from_name("HS256").ok_or_else(|| Fault::new(Class::Internal, "HS256 is in the table"))?;
        jws::sign(self.header.clone(), &self.claims, &Signer::Key(alg, &EncodingKey::from_secret(public)))
    }
}

/// The same token with its signature (if it is opaque: its end) altered.
pub fn tampered(token: &Secret) -> Secret {
    let text = token.expose();
    // The last character of base64url may hold bits that nobody reads: the one in the middle of the last part always counts.
    let begin = text.rfind('.').map_or(text.len() / 2, |dot| dot + 1);
    let at = begin + (text.len() - begin) / 2;
    let altered = |c: char| if c == 'A' { 'B' } else { 'A' };
    if begin == text.len() {
        // Not signed at all: then it is now, by nobody.
        return Secret::new(format!("{text}AAAA"));
    }
    Secret::new(text.char_indices().map(|(i, c)| if i == at { altered(c) } else { c }).collect::<String>())
}

/// A token that nobody issued: 256 random bits, as opaque tokens often are. Fault: `internal`, without random numbers.
pub fn made_up() -> Result<Secret, Fault> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::new(Class::Internal, "the system gives no random bytes"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// A key pair that nobody trusts.
pub struct ForgersKey {
    alg: &'static Alg,
    key: EncodingKey,
    jwk: Map<String, Value>,
}

impl ForgersKey {
    /// Makes one, for ES256: quick, unlike RSA. Fault: `internal`.
    pub fn generate() -> Result<Self, Fault> {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
        let failed = || Fault::new(Class::Internal, "no key could be made");
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).map_err(|_| failed())?;
        let pair = EcdsaKeyPair::from_pkcs8(curve, document.as_ref()).map_err(|_| failed())?;
        // Uncompressed (SEC 1 §2.3.3): 4, x, y.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).ok_or_else(failed)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let Value::Object(jwk) = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig"})
        else {
            return Err(failed());
        };
        let alg = Alg::from_name("ES256").ok_or_else(failed)?;
        Ok(Self { alg, key: EncodingKey::from_ec_der(document.as_ref()), jwk })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey};

    use super::*;

    const SECRET: &[u8] = b"a shared secret of thirty-two oct";

    fn original() -> (Secret, Original) {
        let claims = json!({
            "iss": "https://login.example.com", "aud": "api", "exp": 2_000_000_000, "sub": "svc", "scope": "a b",
        });
        let header = json!({"typ": "at+jwt", "kid": "k1"}).as_object().cloned().unwrap();
        let key = EncodingKey::from_secret(SECRET);
        let signer = Signer::Key(Alg::from_name("HS256").unwrap(), &key);
        let token = jws::sign(header, claims.as_object().unwrap(), &signer).unwrap();
        let original = Original::read(&token).unwrap();
        (token, original)
    }

    fn verifies(token: &Secret) -> bool {
        let (message, signature) = token.expose().rsplit_once('.').unwrap();
        let key = DecodingKey::from_secret(SECRET);
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::HS256).unwrap_or(false)
    }

    /// What differs in the claims: name, before and after.
    fn changed(forged: &Secret) -> Vec<(String, Value)> {
        let (_, original) = original();
        let jwt = Jwt::decode(forged.expose(), "forgery").unwrap();
        assert_eq!((jwt.header.typ.as_deref(), jwt.claims.0.len()), (Some("at+jwt"), original.claims.len()));
        jwt.claims.0.into_iter().filter(|(name, value)| original.claims.get(name) != Some(value)).collect()
    }

    #[test]
    fn a_forgery_differs_in_what_its_name_says_and_in_nothing_else() {
        let (token, original) = original();
        assert!(verifies(&token));
        let now = Timestamp::from_secs(1_700_003_600);
        for (forged, name, value) in [
            (original.expired(now), "exp", json!(1_700_000_000)),
            (original.for_another(), "aud", json!(NOBODY)),
            (original.from_another(), "iss", json!(NOBODY)),
            (original.about_another(), "sub", json!("somebody-else")),
        ] {
            assert_eq!(changed(&forged), [(name.to_owned(), value)]);
            assert!(!verifies(&forged), "{name}: the signature must not fit");
            let kid = Jwt::decode(forged.expose(), "forgery").unwrap().header.kid;
            assert_eq!(kid.as_deref(), Some("k1"));
        }
    }

    #[test]
    fn an_altered_signature_never_verifies_wherever_its_last_bits_are() {
        for _ in 0..50 {
            let (token, _) = original();
            let forged = tampered(&token);
            assert_eq!(changed(&forged), []);
            assert!(forged.expose() != token.expose() && !verifies(&forged));
        }
        let opaque = Secret::new("AAAAAAAA");
        assert_eq!(tampered(&opaque).expose(), "AAAAAABA");
        assert_eq!(tampered(&Secret::new("é")).expose().chars().count(), 1);
    }

    #[test]
    fn what_is_not_signed_has_alg_none_and_no_key() {
        let forged = original().1.unsigned().unwrap();
        let jwt = Jwt::decode(forged.expose(), "forgery").unwrap();
        assert_eq!((jwt.header.alg.as_str(), jwt.header.kid), ("none", None));
        assert_eq!(changed(&forged), []);
        assert!(forged.expose().ends_with('.'));
    }

    #[test]
    fn the_forgers_key_is_in_the_header_and_fits() {
        let key = ForgersKey::generate().unwrap();
        let forged = original().1.with_own_key(&key).unwrap();
        assert_eq!(changed(&forged), []);
        let header = URL_SAFE_NO_PAD.decode(forged.expose().split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(
            (&header["alg"], &header["kid"], &header["jwk"]["kid"]),
            (&json!("ES256"), &json!("k1"), &json!("k1"))
        );
        let part = |name: &str| header["jwk"][name].as_str().unwrap();
        let public = DecodingKey::from_ec_components(part("x"), part("y")).unwrap();
        let (message, signature) = forged.expose().rsplit_once('.').unwrap();
        assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &public, Algorithm::ES256).unwrap());
    }

    #[test]
    fn hmac_takes_the_public_key_for_a_secret() {
        let forged = original().1.hmac_confused(SECRET).unwrap();
        assert!(verifies(&forged));
        assert_eq!(changed(&forged), []);
    }

    #[test]
    fn only_signed_tokens_can_be_forged() {
        for text in ["opaque", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.bm90IGpzb24.AAAA", "eyJhbGciOiJkaXIifQ....", ""] {
            assert!(Original::read(&Secret::new(text)).is_none(), "{text}");
        }
        assert_ne!(made_up().unwrap().expose(), made_up().unwrap().expose());
    }
}
