//! Client assertions: JWTs with which a client proves who it is (RFC 7523 §2.2 and §3, OIDC Core §9). Pure.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::oidc::jws::{self, Signer};
use crate::secret::Secret;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good: it is made for one request.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// What an assertion says: `client_id` is both who speaks and who is meant (RFC 7523 §3), `audience` who is to believe it,
/// and `jti` makes it good once.
pub fn claims(client_id: &str, audience: &str, jti: &str, now: Timestamp) -> Map<String, Value> {
    let issued = now.as_secs();
    let expires = (now + LIFETIME).as_secs();
    let members = [
        ("iss", json!(client_id)),
        ("sub", json!(client_id)),
        ("aud", json!(audience)),
        ("jti", json!(jti)),
        ("iat", json!(issued)),
        ("exp", json!(expires)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Signs claims as an assertion; `key_id` is the header's `kid`. Fault: `config`, if the key cannot sign.
pub fn sign(claims: &Map<String, Value>, key_id: Option<&str>, signer: &Signer<'_>) -> Result<Secret, Fault> {
    let mut header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
    header.extend(key_id.map(|id| ("kid".to_owned(), json!(id))));
    jws::sign(header, claims, signer)
}

/// What an assertion adds to a form (RFC 7523 §2.2). `client_id` is optional beside it and then the assertion's subject
/// (RFC 7521 §4.2); some providers look for it before they read the assertion.
pub fn parameters(client_id: &str, assertion: &Secret) -> [(String, String); 3] {
    [
        ("client_id".to_owned(), client_id.to_owned()),
        ("client_assertion_type".to_owned(), TYPE.to_owned()),
        ("client_assertion".to_owned(), assertion.expose().to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;

    use super::*;
    use crate::oidc::alg::Alg;
    use crate::oidc::jwt::Jwt;

    /// OIDC Core §9 lists the claims; all but `iat` are required.
    #[test]
    fn it_says_who_to_whom_once_and_for_a_minute() {
        let claims = claims("s6BhdRkqt3", "https://as.example.com/token", "id-1", Timestamp::from_secs(1_700_000_000));
        assert_eq!(
            Value::Object(claims),
            json!({
                "iss": "s6BhdRkqt3", "sub": "s6BhdRkqt3", "aud": "https://as.example.com/token", "jti": "id-1",
                "iat": 1_700_000_000, "exp": 1_700_000_060,
            })
        );
    }

    #[test]
    fn the_header_names_algorithm_and_key() {
        let claims = claims("web", "https://as.example.com", "id", Timestamp::from_secs(0));
        let key = EncodingKey::from_secret(b"a shared secret of thirty-two oct");
        let signer = Signer::Key(Alg::from_name("HS256").unwrap(), &key);
        let jwt = Jwt::decode(sign(&claims, Some("k1"), &signer).unwrap().expose(), "assertion").unwrap();
        assert_eq!((jwt.header.alg.as_str(), jwt.header.kid.as_deref()), ("HS256", Some("k1")));
        assert_eq!(jwt.claims.0, claims);
    }

    /// The example of RFC 7521 §4.2, whose assertion is cut.
    #[test]
    fn it_travels_as_in_the_rfc() {
        let pairs = parameters("s6BhdRkqt3", &Secret::new("eyJhbGciOiJSUzI1NiIsImtpZCI6IjIyIn0."));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        assert_eq!(
            form,
            "client_id=s6BhdRkqt3\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
             &client_assertion=eyJhbGciOiJSUzI1NiIsImtpZCI6IjIyIn0."
        );
    }
}
