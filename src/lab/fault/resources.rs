//! Faults where tokens are used and looked at: the protected resource, userinfo, introspection.

use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Fault, Hook, Kind, Parameter, Scope, Switch};
use crate::lab::endpoint::Endpoint;
use crate::lab::reply::{Action, Reply};

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "resource_trusting",
        about: "the resource does not check something",
        parameters: &[Parameter {
            name: "check",
            about: "what",
            kind: Kind::Choice {
                default: "everything",
                of: &[
                    "everything",
                    "token",
                    "signature",
                    "expiry",
                    "age",
                    "algorithm",
                    "audience",
                    "issuer",
                    "key",
                    "scope",
                    "revocation",
                ],
            },
        }],
        hooks: &[Hook::Switch(Switch::ResourceTrusting)],
    },
    Fault {
        name: "resource_no_challenge",
        about: "the resource refuses without WWW-Authenticate",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Resource), |_, mut reply| {
            reply.headers.remove(WWW_AUTHENTICATE);
            reply
        })],
    },
    Fault {
        name: "resource_error_500",
        about: "the resource breaks down over tokens that it must refuse",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Resource), |_, reply| match reply.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Reply::new(StatusCode::INTERNAL_SERVER_ERROR),
            _ => reply,
        })],
    },
    Fault {
        name: "resource_wrong_status",
        about: "the resource refuses tokens that are no good with another status than 401",
        parameters: &[Parameter {
            name: "status",
            about: "which",
            kind: Kind::Whole { default: 403, min: 400, max: 499 },
        }],
        hooks: &[Hook::Response(Scope::At(Endpoint::Resource), |setting, mut reply| {
            if reply.status == StatusCode::UNAUTHORIZED {
                let status =
                    u16::try_from(setting.whole("status")).ok().and_then(|code| StatusCode::from_u16(code).ok());
                reply.status = status.unwrap_or(StatusCode::FORBIDDEN);
            }
            reply
        })],
    },
    Fault {
        name: "cors_missing",
        about: "the resource lets no page of another origin in",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Resource), |_, mut reply| {
            reply.headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
            reply
        })],
    },
    Fault {
        name: "cors_wildcard_headers",
        about: "the resource lets pages send `*`, which does not stand for Authorization",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Resource), |_, mut reply| {
            if reply.headers.remove(ACCESS_CONTROL_ALLOW_HEADERS).is_some() {
                return reply.header(ACCESS_CONTROL_ALLOW_HEADERS, "*");
            }
            reply
        })],
    },
    Fault {
        name: "introspection_always_active",
        about: "introspection calls every token active",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| document["active"] = json!(true))],
    },
    Fault {
        name: "introspection_never_active",
        about: "introspection calls every token inactive",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| *document = json!({"active": false}))],
    },
    Fault {
        name: "introspection_wrong_client",
        about: "introspection names another client",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| {
            replace(document, "client_id", "somebody-else")
        })],
    },
    Fault {
        name: "introspection_wrong_scope",
        about: "introspection names another scope",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| replace(document, "scope", "admin"))],
    },
    Fault {
        name: "introspection_wrong_subject",
        about: "introspection names another subject",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| replace(document, "sub", "mallory"))],
    },
    Fault {
        name: "introspection_active_string",
        about: "introspection writes `active` as a string",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Introspection, |_, document| {
            document["active"] = json!(document["active"].to_string());
        })],
    },
    Fault {
        name: "introspection_error_for_unknown",
        about: "introspection answers an error to tokens that are not active",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Introspection), |_, reply| {
            let inactive = serde_json::from_slice::<Value>(&reply.body).is_ok_and(|body| body["active"] == false);
            match inactive {
                true => Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "unknown token"),
                false => reply,
            }
        })],
    },
    Fault {
        name: "introspection_open",
        about: "introspection answers whoever asks",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::IntrospectionOpen)],
    },
    Fault {
        name: "userinfo_signed",
        about: "userinfo answers with a signed JWT",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::UserinfoSigned)],
    },
    Fault {
        name: "userinfo_trusting",
        about: "userinfo answers to any token",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::UserinfoTrusting)],
    },
    Fault {
        name: "userinfo_wrong_subject",
        about: "userinfo names another subject than the ID token",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Userinfo, |_, document| replace(document, "sub", "mallory"))],
    },
    Fault {
        name: "userinfo_no_post",
        about: "userinfo knows no POST",
        parameters: &[],
        hooks: &[Hook::Request(Scope::At(Endpoint::Userinfo), |_, asked| match asked.method {
            Method::POST => Action::Answer(Reply::new(StatusCode::METHOD_NOT_ALLOWED)),
            _ => Action::Wait(std::time::Duration::ZERO),
        })],
    },
    Fault {
        name: "grants_not_offered",
        about: "the metadata lists no grant but authorization_code",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, document| {
            document["grant_types_supported"] = json!(["authorization_code"]);
        })],
    },
];

/// Of what is said; nothing is added.
fn replace(document: &mut Value, name: &str, value: &str) {
    if let Some(member) = document.get_mut(name) {
        *member = json!(value);
    }
}
