//! A passkey as WebDriver's virtual authenticators have it (WebAuthn Level 3 §11.6), kept as a secret.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::secret::Secret;

/// The longest credential id (bytes; WebAuthn §5.8.3 with CTAP's limit).
const MAX_ID: usize = 1023;
/// The longest user handle (bytes; WebAuthn §5.4.3).
const MAX_HANDLE: usize = 64;
/// The longest host name (RFC 1035 §2.3.4).
const MAX_HOST: usize = 253;

/// A discoverable credential of one user at one relying party.
#[derive(Clone, PartialEq, Eq)]
pub struct Passkey {
    /// In base64url without padding.
    pub(super) credential_id: String,
    /// The relying party: a host name.
    pub(super) rp_id: String,
    /// PKCS #8 of a P-256 key, in base64url without padding.
    pub(super) private_key: Secret,
    /// In base64url without padding.
    pub(super) user_handle: String,
}

impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passkey").field("rp_id", &self.rp_id).finish_non_exhaustive()
    }
}

impl Passkey {
    /// Reads a JSON object with `credentialId`, `rpId`, `privateKey` (PKCS #8, P-256) and `userHandle`, all but `rpId` in
    /// base64url. Further members, such as those of an export (`signCount`), say nothing here. The error names the member
    /// and never a value.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let document: Value = serde_json::from_str(secret.expose()).map_err(|_| "not JSON".to_owned())?;
        let Value::Object(members) = document else { return Err("not a JSON object".to_owned()) };
        let (credential_id, _) = bytes(&members, "credentialId", 1..=MAX_ID)?;
        let (user_handle, _) = bytes(&members, "userHandle", 1..=MAX_HANDLE)?;
        let (private_key, key) = bytes(&members, "privateKey", 1..=4096)?;
        if EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key).is_err() {
            return Err("`privateKey` is not PKCS #8 of a P-256 key (ES256)".to_owned());
        }
        let rp_id = text(&members, "rpId")?;
        let host = url::Host::parse(rp_id).map_err(|_| no_host())?;
        if rp_id.len() > MAX_HOST || host.to_string() != rp_id || !matches!(host, url::Host::Domain(_)) {
            return Err(no_host());
        }
        Ok(Self { credential_id, rp_id: rp_id.to_owned(), private_key: Secret::new(private_key), user_handle })
    }

    /// What must never be shown of it, for a recorder.
    pub fn secret(&self) -> &str {
        self.private_key.expose()
    }
}

fn no_host() -> String {
    "`rpId` is not a host name in lower case, such as login.example.com (no scheme, no port)".to_owned()
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{name}` is not a string")),
        None => Err(format!("`{name}` is missing")),
    }
}

/// A member in base64url: written without padding, and decoded.
fn bytes(
    members: &Map<String, Value>,
    name: &str,
    length: std::ops::RangeInclusive<usize>,
) -> Result<(String, Vec<u8>), String> {
    let written = text(members, name)?.trim_end_matches('=');
    let decoded = URL_SAFE_NO_PAD.decode(written).map_err(|_| format!("`{name}` is not base64url"))?;
    if !length.contains(&decoded.len()) {
        return Err(format!("`{name}` has {} bytes: from {} to {}", decoded.len(), length.start(), length.end()));
    }
    Ok((written.to_owned(), decoded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> String {
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
        URL_SAFE_NO_PAD.encode(key.as_ref())
    }

    fn good() -> Value {
        json!({
            "credentialId": "dGVzdA==",
            "rpId": "login.example.com",
            "privateKey": key(&ECDSA_P256_SHA256_ASN1_SIGNING),
            "userHandle": "YWxpY2U",
            "signCount": 3,
            "isResidentCredential": true,
        })
    }

    fn parse(document: &Value) -> Result<Passkey, String> {
        Passkey::parse(&Secret::new(document.to_string()))
    }

    #[test]
    fn an_exported_credential_is_read_and_shows_no_key() {
        let document = good();
        let passkey = parse(&document).unwrap();
        assert_eq!((passkey.credential_id.as_str(), passkey.rp_id.as_str()), ("dGVzdA", "login.example.com"));
        assert_eq!(
            (passkey.user_handle.as_str(), passkey.secret()),
            ("YWxpY2U", document["privateKey"].as_str().unwrap())
        );
        let shown = format!("{passkey:?}");
        assert!(!shown.contains(passkey.secret()) && !shown.contains("YWxpY2U"), "{shown}");
    }

    /// As `openssl pkcs8 -topk8 -nocrypt -outform DER` writes it.
    #[test]
    fn keys_of_other_tools_are_read() {
        let mut document = good();
        let (head, tail) = (
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIuXvb0-Ekfk2XY4kJeYDzlMDvidBQ3hZTq6lyHHwqoeh",
            "RANCAAQ96jvJvg4AL-KScf4OeIc6VKVgtmOjQi_1L-BzGnOYc9-leDEyVJ5SNwGl4dPfpDBtBBoCyl8rYgyYYUArEkEw",
        );
        document["privateKey"] = json!([head, tail].concat());
        assert!(parse(&document).is_ok());
        document["privateKey"] = json!(head);
        assert!(parse(&document).unwrap_err().contains("`privateKey`"), "one that is cut off");
    }

    #[test]
    fn mistakes_name_the_member_and_no_value() {
        let other = key(&aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1_SIGNING);
        for (member, value) in [
            ("credentialId", json!("hunter2+/")),
            ("credentialId", json!("")),
            ("credentialId", json!(7)),
            ("userHandle", Value::Null),
            ("userHandle", json!("A".repeat(100))),
            ("privateKey", json!("aHVudGVyMg")),
            ("privateKey", json!(other)),
            ("rpId", json!("https://hunter2.example")),
            ("rpId", json!("HUNTER2.example")),
            ("rpId", json!("192.0.2.1")),
            ("rpId", json!("hunter2.example:443")),
        ] {
            let mut document = good();
            document[member] = value.clone();
            let error = parse(&document).unwrap_err();
            assert!(error.contains(&format!("`{member}`")), "{error}");
            assert!(!error.to_lowercase().contains("hunter2") && !error.contains("aHVu"), "{error}");
            document.as_object_mut().unwrap().remove(member);
            assert_eq!(parse(&document).unwrap_err(), format!("`{member}` is missing"));
        }
        for text in ["hunter2", "[\"hunter2\"]", "{\"hunter2\""] {
            let error = Passkey::parse(&Secret::new(text)).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
