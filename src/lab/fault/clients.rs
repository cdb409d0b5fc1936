//! Faults in how clients prove themselves: assertions, possession of a key, pushed requests.

use http::StatusCode;
use serde_json::json;

use super::{Fault, Hook, Kind, Parameter, Scope, Switch};
use crate::lab::endpoint::Endpoint;
use crate::lab::reply::{Action, Reply};

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "secret_refused",
        about: "no client secret is accepted that comes in one of the two ways",
        parameters: &[Parameter {
            name: "method",
            about: "which",
            kind: Kind::Choice { default: "client_secret_post", of: &["client_secret_post", "client_secret_basic"] },
        }],
        hooks: &[Hook::Switch(Switch::SecretsRefused)],
    },
    Fault {
        name: "assertion_refused",
        about: "no client assertion is accepted",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::AssertionsRefused)],
    },
    Fault {
        name: "dpop_nonce",
        about: "proofs of possession need a nonce",
        parameters: &[Parameter {
            name: "mode",
            about: "whether it is given and then taken, never taken, or not even given",
            kind: Kind::Choice { default: "once", of: &["once", "endless", "absent"] },
        }],
        hooks: &[Hook::Switch(Switch::ProofNonce)],
    },
    Fault {
        name: "dpop_ignored",
        about: "proofs of possession are not looked at: tokens are plain ones",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::ProofIgnored)],
    },
    Fault {
        name: "dpop_unbound",
        about: "tokens that are called DPoP do not name their key",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            claims.remove("cnf");
        })],
    },
    Fault {
        name: "dpop_wrong_key",
        about: "tokens name another key than the one that was proved",
        parameters: &[],
        hooks: &[Hook::Claims(|_, claims| {
            if claims.contains_key("cnf") {
                claims.insert("cnf".into(), json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}));
            }
        })],
    },
    Fault {
        name: "par_required",
        about: "only pushed authorization requests are taken, as the metadata says",
        parameters: &[],
        hooks: &[
            Hook::Switch(Switch::PushRequired),
            Hook::Document(Endpoint::Discovery, |_, document| {
                document["require_pushed_authorization_requests"] = json!(true);
            }),
        ],
    },
    Fault {
        name: "par_refused",
        about: "no pushed authorization request is taken",
        parameters: &[],
        hooks: &[Hook::Request(Scope::At(Endpoint::PushedAuthorization), |_, _| {
            Action::Answer(Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "something is wrong with it"))
        })],
    },
    Fault {
        name: "par_reference_missing",
        about: "the answer to a pushed authorization request has no `request_uri`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::PushedAuthorization, |_, document| {
            document.as_object_mut().map(|members| members.remove("request_uri"));
        })],
    },
    Fault {
        name: "par_forgotten",
        about: "the references to pushed authorization requests lead nowhere",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::PushedForgotten)],
    },
];
