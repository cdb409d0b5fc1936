//! Faults in tokens and in the keys that sign them.

use std::sync::Arc;

use serde_json::json;

use super::{Fault, Hook, Kind, Parameter, TOKEN};
use crate::lab::keys::Published;

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
        name: "missing_subject",
        about: "tokens have no `sub`",
        parameters: &[TOKEN],
        hooks: &[Hook::Claims(|_, claims| {
            claims.remove("sub");
        })],
    },
    Fault {
        name: "expired_token",
        about: "tokens are expired when they arrive",
        parameters: &[
            Parameter {
                name: "seconds",
                about: "for how long already",
                kind: Kind::Whole { default: 3600, min: 1, max: 31_536_000 },
            },
            TOKEN,
        ],
        hooks: &[Hook::Claims(|setting, claims| {
            let issued = claims.get("iat").and_then(serde_json::Value::as_i64).unwrap_or(0);
            let expired = issued - setting.whole("seconds");
            claims.insert("exp".into(), json!(expired));
            claims.insert("iat".into(), json!(expired - 300));
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
        name: "unsafe_rotation",
        about: "a new key signs before it is published",
        parameters: &[],
        hooks: &[Hook::Signer(|_, keyring, signer| {
            *signer = Published { kid: keyring.spare.kid.clone(), key: Arc::clone(&keyring.spare) };
        })],
    },
    Fault {
        name: "same_kid_new_key",
        about: "another key signs and is published, under the `kid` of the old one",
        parameters: &[],
        hooks: &[
            Hook::Signer(|_, keyring, signer| signer.key = Arc::clone(&keyring.spare)),
            Hook::KeySet(|_, keyring, published| {
                for entry in published.iter_mut().filter(|entry| entry.kid == keyring.current.kid) {
                    entry.key = Arc::clone(&keyring.spare);
                }
            }),
        ],
    },
];
