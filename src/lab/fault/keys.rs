//! Faults in the key set, and in which key signs.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Fault, Hook, Scope};
use crate::lab::endpoint::Endpoint;
use crate::lab::keys::Published;

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "jwks_keys_missing",
        about: "the key set has no member `keys`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| *set = json!({"kty": "RSA"}))],
    },
    Fault {
        name: "jwks_empty",
        about: "the key set holds no key",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| set["keys"] = json!([]))],
    },
    Fault {
        name: "jwks_stale",
        about: "the key set is that of before the last rotation",
        parameters: &[],
        hooks: &[Hook::KeySet(|_, keyring, published| published.clone_from(&keyring.stale))],
    },
    Fault {
        name: "jwks_garbage",
        about: "the key set is not JSON",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Jwks), |_, mut reply| {
            reply.body = "\u{fffd}{keys: <?xml version=\"1.0\"?>".into();
            reply
        })],
    },
    Fault {
        name: "jwks_malformed_key",
        about: "the key set holds one more key, whose modulus is not base64url",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| {
            push_key(set, json!({"kty": "RSA", "use": "sig", "kid": "malformed", "n": "not/base64url!", "e": "AQAB"}));
        })],
    },
    Fault {
        name: "jwks_weak_key",
        about: "the key set holds one more RSA key, of 1024 bits",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| {
            // 171 letters are 128 bytes; the first has its highest bit set.
            let modulus = format!("{}E", "w".repeat(170));
            push_key(
                set,
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "weak", "n": modulus, "e": "AQAB"}),
            );
        })],
    },
    Fault {
        name: "jwks_private_key",
        about: "the key set shows private members",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| {
            // Not the real one, of course: any value is a leak for who looks at names.
            set["keys"][0]["d"] = json!("w".repeat(342));
        })],
    },
    Fault {
        name: "jwks_duplicate_kid",
        about: "the key set holds two keys of the same type under one `kid`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| {
            let mut twin = set["keys"][0].clone();
            // 342 letters are 256 bytes; the last is odd, as a modulus must be.
            twin["n"] = json!(format!("{}Q", "w".repeat(341)));
            push_key(set, twin);
        })],
    },
    Fault {
        name: "jwks_wrong_use",
        about: "the keys are published for encryption, not for signatures",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Jwks, |_, set| {
            if let Some(keys) = set["keys"].as_array_mut() {
                for key in keys {
                    key["use"] = json!("enc");
                    key["alg"] = json!("RSA-OAEP-256");
                }
            }
        })],
    },
    Fault {
        name: "jwks_kid_absent",
        about: "two keys are published, and neither they nor the tokens have a `kid`",
        parameters: &[],
        hooks: &[
            Hook::Signer(|_, _, signer| signer.kid.clear()),
            Hook::KeySet(|_, keyring, published| {
                published.insert(0, Published { kid: String::new(), key: Arc::clone(&keyring.spare) });
                published.iter_mut().for_each(|entry| entry.kid.clear());
            }),
        ],
    },
    Fault {
        name: "unknown_kid",
        about: "tokens name a `kid` that no key has",
        parameters: &[],
        hooks: &[Hook::Signer(|_, _, signer| "nobody".clone_into(&mut signer.kid))],
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
        name: "abrupt_rotation",
        about: "another key signs and is published, and the old one is gone at once",
        parameters: &[],
        hooks: &[
            Hook::Signer(|_, keyring, signer| {
                *signer = Published { kid: keyring.spare.kid.clone(), key: Arc::clone(&keyring.spare) };
            }),
            Hook::KeySet(|_, keyring, published| {
                *published = vec![Published { kid: keyring.spare.kid.clone(), key: Arc::clone(&keyring.spare) }];
            }),
        ],
    },
    Fault {
        name: "early_removal",
        about: "only the key that signs is published: a retired one is gone while its tokens live",
        parameters: &[],
        hooks: &[Hook::KeySet(|_, keyring, published| {
            published.retain(|entry| entry.kid == keyring.current.kid);
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

fn push_key(set: &mut Value, key: Value) {
    if let Some(keys) = set["keys"].as_array_mut() {
        keys.push(key);
    }
}
