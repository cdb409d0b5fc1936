//! Faults in what JSON documents say.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Fault, Hook, Kind, Parameter, Scope};
use crate::lab::endpoint::Endpoint;
use crate::lab::reply::{Action, Reply};

/// The members of the metadata that are addresses.
const ADDRESSES: &[&str] = &[
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
];

/// The members of the metadata that can be left out.
const MEMBERS: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "device_authorization_endpoint",
    "registration_endpoint",
    "pushed_authorization_request_endpoint",
    "grant_types_supported",
    "response_modes_supported",
    "claims_parameter_supported",
    "backchannel_logout_supported",
    "dpop_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
];

const fn member(about: &'static str, default: &'static str, of: &'static [&'static str]) -> Parameter {
    Parameter { name: "which", about, kind: Kind::Choice { default, of } }
}

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
        about: "the metadata names an endpoint where nothing is",
        parameters: &[member("which member", "token_endpoint", ADDRESSES)],
        hooks: &[Hook::Document(Endpoint::Discovery, |setting, metadata| {
            let member = setting.text("which");
            metadata[member] = json!(format!("{}/moved", metadata[member].as_str().unwrap_or_default()));
        })],
    },
    Fault {
        name: "endpoint_http",
        about: "the metadata names an endpoint of plain http on another host",
        parameters: &[member("which member", "token_endpoint", ADDRESSES)],
        hooks: &[Hook::Document(Endpoint::Discovery, |setting, metadata| {
            metadata[setting.text("which")] = json!("http://login.example.com/plain");
        })],
    },
    Fault {
        name: "endpoint_unreachable",
        about: "the metadata names an endpoint at a port where nobody listens",
        parameters: &[member("which member", "token_endpoint", ADDRESSES)],
        hooks: &[Hook::Document(Endpoint::Discovery, |setting, metadata| {
            // RFC 1700: tcpmux, which nothing serves today.
            metadata[setting.text("which")] = json!("http://127.0.0.1:1/gone");
        })],
    },
    Fault {
        name: "metadata_member_missing",
        about: "the metadata lacks a member",
        parameters: &[member("which member", "token_endpoint", MEMBERS)],
        hooks: &[Hook::Document(Endpoint::Discovery, |setting, metadata| remove(metadata, setting.text("which")))],
    },
    Fault {
        name: "discovery_garbage",
        about: "the metadata is not JSON",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Discovery), |_, mut reply| {
            reply.body = "issuer = http://127.0.0.1".into();
            reply
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
        name: "token_error",
        about: "the token endpoint refuses everything with an OAuth error",
        parameters: &[
            Parameter {
                name: "error",
                about: "its code (RFC 6749 §5.2)",
                kind: Kind::Choice {
                    default: "invalid_request",
                    of: &[
                        "invalid_request",
                        "invalid_client",
                        "invalid_grant",
                        "unauthorized_client",
                        "unsupported_grant_type",
                        "invalid_scope",
                        "server_error",
                    ],
                },
            },
            Parameter {
                name: "status",
                about: "the status it comes with",
                kind: Kind::Whole { default: 400, min: 200, max: 599 },
            },
        ],
        hooks: &[Hook::Request(Scope::At(Endpoint::Token), |setting, _| {
            let status = u16::try_from(setting.whole("status")).ok().and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            Action::Answer(Reply::error(status, setting.text("error"), "the lab was told to refuse"))
        })],
    },
    Fault {
        name: "token_refusal_500",
        about: "the token endpoint breaks down over requests that it must refuse",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Token), |_, reply| match reply.status.is_client_error() {
            true => Reply::new(StatusCode::INTERNAL_SERVER_ERROR),
            false => reply,
        })],
    },
    Fault {
        name: "grant_refused_403",
        about: "a bad code or refresh token is refused with 403, not 400",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Token), |_, mut reply| {
            if reply.status == StatusCode::BAD_REQUEST && reply.says("invalid_grant") {
                reply.status = StatusCode::FORBIDDEN;
            }
            reply
        })],
    },
    Fault {
        name: "token_type_wrong",
        about: "`token_type` of the token response is one that nobody knows",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Token, |_, response| response["token_type"] = json!("Carrier-Pigeon"))],
    },
    Fault {
        name: "access_token_missing",
        about: "the token response has no `access_token`",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Token, |_, response| remove(response, "access_token"))],
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
];

fn remove(document: &mut Value, member: &str) {
    if let Some(members) = document.as_object_mut() {
        members.remove(member);
    }
}
