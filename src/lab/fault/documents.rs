//! Faults in what JSON documents say.

use serde_json::{Value, json};

use super::{Fault, Hook, Scope};
use crate::lab::endpoint::Endpoint;

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "issuer_mismatch",
        about: "the metadata names another issuer",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, metadata| {
            metadata["issuer"] = json!("https://other.example.com");
        })],
    },
    Fault {
        name: "endpoint_moved",
        about: "the metadata names a token endpoint where nothing is",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, metadata| {
            let moved = format!("{}/moved", metadata["token_endpoint"].as_str().unwrap_or_default());
            metadata["token_endpoint"] = json!(moved);
        })],
    },
    Fault {
        name: "jwks_uri_missing",
        about: "the metadata has no `jwks_uri`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, metadata| remove(metadata, "jwks_uri"))],
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
        name: "token_invalid_json",
        about: "the token response is cut short",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Token), |_, mut reply| {
            reply.body.truncate(reply.body.len() / 2);
            reply
        })],
    },
    Fault {
        name: "token_type_missing",
        about: "the token response has no `token_type`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Token, |_, response| remove(response, "token_type"))],
    },
    Fault {
        name: "expires_in_string",
        about: "`expires_in` of the token response is a string",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Token, |_, response| {
            response["expires_in"] = json!(response["expires_in"].to_string());
        })],
    },
    Fault {
        name: "missing_id_token",
        about: "the token response has no `id_token`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Token, |_, response| remove(response, "id_token"))],
    },
    Fault {
        name: "userinfo_wrong_sub",
        about: "userinfo speaks of somebody else",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Userinfo, |_, claims| claims["sub"] = json!("somebody-else"))],
    },
    Fault {
        name: "introspection_inactive",
        about: "introspection calls every token inactive",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, answer| *answer = json!({"active": false}))],
    },
];

fn remove(document: &mut Value, member: &str) {
    if let Some(members) = document.as_object_mut() {
        members.remove(member);
    }
}

fn push_key(set: &mut Value, key: Value) {
    if let Some(keys) = set["keys"].as_array_mut() {
        keys.push(key);
    }
}
