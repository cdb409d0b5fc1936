//! JSON Web Signatures that we make ourselves (RFC 7515 §7.1): client assertions, DPoP proofs, and forgeries that must be
//! refused. Pure; the signature alone is `jsonwebtoken`'s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};

use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::secret::Secret;

/// What signs.
pub enum Signer<'k> {
    /// A private key, or a shared secret, that fits the algorithm.
    Key(&'static Alg, &'k EncodingKey),
    /// Nothing: `alg` is `none` and the signature empty (RFC 7515 appendix A.5). Only for what must be refused.
    Unsigned,
}

/// Signs claims. `header` has what goes into the header besides `alg`: `typ`, `kid`, `jwk`. Fault: `config`, if the key is
/// none for the algorithm.
pub fn sign(header: Map<String, Value>, claims: &Map<String, Value>, signer: &Signer<'_>) -> Result<Secret, Fault> {
    let mut header = header;
    let alg = match signer {
        Signer::Key(alg, _) => alg.name,
        Signer::Unsigned => "none",
    };
    header.insert("alg".to_owned(), json!(alg));
    let part = |value: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(value.clone()).to_string());
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = match signer {
        Signer::Unsigned => String::new(),
        Signer::Key(alg, key) => {
            let unfit =
                |why: String| Fault::new(Class::Config, format!("the key cannot sign with {}: {why}", alg.name));
            let algorithm = alg.verify.ok_or_else(|| unfit("authprobe does not know how".to_owned()))?;
            jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).map_err(|error| unfit(error.to_string()))?
        }
    };
    Ok(Secret::new(format!("{message}.{signature}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::jwt::Jwt;

    fn claims() -> Map<String, Value> {
        json!({"sub": "web"}).as_object().cloned().unwrap()
    }

    #[test]
    fn what_is_signed_can_be_read_and_verified() {
        let key = EncodingKey::from_secret(b"a shared secret of thirty-two oct");
        let alg = Alg::from_name("HS256").unwrap();
        let header = json!({"typ": "JWT"}).as_object().cloned().unwrap();
        let token = sign(header, &claims(), &Signer::Key(alg, &key)).unwrap();
        let jwt = Jwt::decode(token.expose(), "assertion").unwrap();
        assert_eq!((jwt.header.alg.as_str(), jwt.header.typ.as_deref()), ("HS256", Some("JWT")));
        assert_eq!(jwt.claims.string("sub"), Some("web"));
        let (message, signature) = token.expose().rsplit_once('.').unwrap();
        let verify = |secret: &[u8]| {
            let key = jsonwebtoken::DecodingKey::from_secret(secret);
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap()
        };
        assert!(verify(b"a shared secret of thirty-two oct") && !verify(b"another"));
    }

    /// RFC 7515 appendix A.5.
    #[test]
    fn what_is_not_signed_ends_with_a_dot() {
        let token = sign(Map::new(), &claims(), &Signer::Unsigned).unwrap();
        assert!(token.expose().starts_with("eyJhbGciOiJub25lIn0.") && token.expose().ends_with('.'));
    }

    #[test]
    fn a_key_of_another_kind_is_a_matter_of_configuration() {
        let key = EncodingKey::from_secret(b"secret");
        let fault = sign(Map::new(), &claims(), &Signer::Key(Alg::from_name("RS256").unwrap(), &key)).unwrap_err();
        assert_eq!(fault.class, Class::Config);
    }
}
