//! Faults in tokens.

use aws_lc_rs::hmac;
use serde_json::json;

use super::{Fault, Hook, Kind, Parameter, TOKEN};
use crate::lab::jws::Claims;

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "wrong_issuer",
        about: "`iss` is another issuer",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            claims.insert("iss".into(), json!("https://other.example.com"));
        })],
    },
    Fault {
        name: "wrong_audience",
        about: "`aud` is another client",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            claims.insert("aud".into(), json!("somebody-else"));
        })],
    },
    Fault {
        name: "wrong_nonce",
        about: "`nonce` is not the one sent",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            if claims.contains_key("nonce") {
                claims.insert("nonce".into(), json!("another-login"));
            }
        })],
    },
    Fault {
        name: "wrong_at_hash",
        about: "`at_hash` belongs to another access token",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            if claims.contains_key("at_hash") {
                claims.insert("at_hash".into(), json!("77QmUPtjPfzWtF2AnpK9RQ"));
            }
        })],
    },
    Fault {
        name: "expired_token",
        about: "tokens are expired when they arrive",
        parameters: &[seconds("for how long already"), TOKEN],
        hooks: &[Hook::Claims(|setting, claims| {
            let issued = claims.get("iat").and_then(serde_json::Value::as_i64).unwrap_or(0);
            let expired = issued - setting.whole("seconds");
            claims.insert("exp".into(), json!(expired));
            claims.insert("iat".into(), json!(expired - 300));
        })],
    },
    Fault {
        name: "missing_claim",
        about: "tokens lack a claim",
        parameters: &[
            Parameter { name: "claim", about: "which", kind: Kind::Choice { default: "exp", of: REQUIRED } },
            TOKEN,
        ],
        hooks: &[Hook::Claims(|setting, claims| {
            claims.remove(setting.text("claim"));
        })],
    },
    Fault {
        name: "wrong_subject",
        about: "`sub` is somebody else",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            claims.insert("sub".into(), json!("somebody-else"));
        })],
    },
    Fault {
        name: "wrong_azp",
        about: "`azp` is another client",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            claims.insert("azp".into(), json!("somebody-else"));
        })],
    },
    Fault {
        name: "several_audiences",
        about: "`aud` names another client as well",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            let own = claims.remove("aud").unwrap_or_default();
            claims.insert("aud".into(), json!([own, "somebody-else"]));
        })],
    },
    Fault {
        name: "wrong_c_hash",
        about: "`c_hash`, where there is one, belongs to another code",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            if claims.contains_key("c_hash") {
                claims.insert("c_hash".into(), json!("77QmUPtjPfzWtF2AnpK9RQ"));
            }
        })],
    },
    Fault {
        name: "wrong_acr",
        about: "`acr`, where there is one, is another context than was asked for",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            if claims.contains_key("acr") {
                claims.insert("acr".into(), json!("urn:authprobe:lab:nothing"));
            }
        })],
    },
    Fault {
        name: "future_iat",
        about: "tokens are issued in the future",
        parameters: &[seconds("how far"), TOKEN],
        hooks: &[Hook::Claims(|setting, claims| {
            shift(claims, "exp", setting.whole("seconds") + 300);
            shift(claims, "iat", setting.whole("seconds"));
        })],
    },
    Fault {
        name: "future_nbf",
        about: "tokens are not valid yet",
        parameters: &[seconds("for how long"), TOKEN],
        hooks: &[Hook::Claims(|setting, claims| {
            shift(claims, "nbf", setting.whole("seconds"));
        })],
    },
    Fault {
        name: "stale_auth_time",
        about: "`auth_time` is long ago, whatever `max_age` was asked for",
        parameters: &[seconds("how long"), TOKEN],
        hooks: &[Hook::Claims(|setting, claims| {
            if claims.contains_key("auth_time") {
                shift(claims, "auth_time", -setting.whole("seconds"));
            }
        })],
    },
    Fault {
        name: "bad_signature",
        about: "signatures do not verify",
        parameters: &[TOKEN],
        hooks: &[Hook::Jws(|_, jws| {
            if let Some(byte) = jws.signature.last_mut() {
                *byte ^= 1;
            }
        })],
    },
    Fault {
        name: "alg_none",
        about: "tokens are not signed: `alg` is `none`",
        parameters: &[TOKEN],
        hooks: &[Hook::Jws(|_, jws| {
            jws.header.insert("alg".into(), json!("none"));
            jws.header.remove("kid");
            jws.signature.clear();
        })],
    },
    Fault {
        name: "hmac_confusion",
        about: "tokens are signed with HS256, and the public key as the secret",
        parameters: &[TOKEN],
        hooks: &[Hook::Jws(|_, jws| {
            jws.header.insert("alg".into(), json!("HS256"));
            let key = hmac::Key::new(hmac::HMAC_SHA256, jws.public_key.as_bytes());
            jws.signature = hmac::sign(&key, jws.signing_input().as_bytes()).as_ref().to_vec();
        })],
    },
    Fault {
        name: "encrypted_token",
        about: "tokens are encrypted, for a key that nobody gave",
        parameters: &[TOKEN],
        hooks: &[Hook::Jws(|_, jws| jws.encrypted = true)],
    },
];

/// The claims that an ID token must have (OIDC Core 2), those that some requests make so (`nonce`, `auth_time`, `acr`, and
/// the hashes of what comes beside it: 3.2.2.10, 3.3.2.11), and what an access token must have besides (RFC 9068 §2.2).
const REQUIRED: &[&str] =
    &["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "at_hash", "c_hash", "client_id", "jti"];

const fn seconds(about: &'static str) -> Parameter {
    Parameter { name: "seconds", about, kind: Kind::Whole { default: 3600, min: 1, max: 31_536_000 } }
}

/// A claim moved by so many seconds from `iat`.
fn shift(claims: &mut Claims, name: &str, seconds: i64) {
    let issued = claims.get("iat").and_then(serde_json::Value::as_i64).unwrap_or(0);
    claims.insert(name.into(), json!(issued + seconds));
}
