//! Weaknesses: attacks that are accepted. Nobody who logs in as they should notices any of them.

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, STRICT_TRANSPORT_SECURITY};

use super::{ENDPOINT, Fault, Hook, Kind, Parameter, Scope, Switch};
use crate::lab::endpoint::Endpoint;

macro_rules! switches {
    ($($name:literal $about:literal $switch:ident;)*) => {
        [$(Fault {
            name: $name,
            about: $about,
            parameters: &[],
            hooks: &[Hook::Switch(Switch::$switch)],
        },)*]
    };
}

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "redirect_uri_loose",
        about: "answers go to redirect URIs that are not registered; of several the last counts",
        parameters: &[Parameter {
            name: "match",
            about: "which: those that begin like the registered one, or any",
            kind: Kind::Choice { default: "prefix", of: &["prefix", "any"] },
        }],
        hooks: &[Hook::Switch(Switch::LooseRedirect)],
    },
    Fault {
        name: "plain_http_served",
        about: "whoever comes by plain http is answered as by https (`--tls`)",
        parameters: &[ENDPOINT],
        hooks: &[Hook::InTheClear(Scope::Chosen)],
    },
    Fault {
        name: "hsts_missing",
        about: "browsers are not told to come back by https only (`--tls`)",
        parameters: &[Parameter {
            name: "header",
            about: "Strict-Transport-Security: not there, or one that takes back what was said (max-age=0)",
            kind: Kind::Choice { default: "absent", of: &["absent", "zero"] },
        }],
        hooks: &[Hook::Response(Scope::All, |setting, mut reply| {
            let was_there = reply.headers.remove(STRICT_TRANSPORT_SECURITY).is_some();
            match setting.text("header") {
                "zero" if was_there => reply.header(STRICT_TRANSPORT_SECURITY, "max-age=0"),
                _ => reply,
            }
        })],
    },
    Fault {
        name: "authorization_cors",
        about: "scripts of any site may read the authorization endpoint",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::Authorization), |_, reply| {
            reply.header(ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        })],
    },
    Fault {
        name: "login_page_framed",
        about: "pages may be shown inside those of any site",
        parameters: &[],
        hooks: &[Hook::Response(Scope::At(Endpoint::LoginPage), |_, mut reply| {
            reply.headers.remove(http::header::CONTENT_SECURITY_POLICY);
            reply
        })],
    },
];

pub(super) static SWITCHES: &[Fault] = &switches! {
    "response_type_unchecked" "response types that nobody knows are taken for `code`" AnyResponseType;
    "silent_login" "whoever asks with `prompt=none` gets a code, logged in or not" SilentLogin;
    "pkce_not_enforced" "codes are given without a code challenge, and exchanged without a verifier" NoChallenge;
    "pkce_plain_accepted" "a code challenge may be the verifier itself (method `plain`)" PlainChallenge;
    "pkce_verifier_ignored" "any verifier, or none, fits a code challenge" VerifierUnchecked;
    "code_replay_accepted" "a code can be exchanged again and again" CodeReplayed;
    "code_replay_keeps_tokens" "a code that comes twice is refused, but its tokens live on" ReplayForgiven;
    "code_redirect_uri_unchecked" "a code can be exchanged with any redirect URI" RedirectUnchecked;
    "token_by_get" "the token endpoint answers GET" TokenByGet;
    "access_token_in_query" "userinfo takes access tokens from the URL" TokenInQuery;
    "client_unproven" "confidential clients need only say who they are" ClientUnproven;
    "assertion_unsigned_accepted" "client assertions without a signature are believed" AssertionUnsigned;
    "assertion_hmac_accepted" "client assertions are verified with the client's name as HMAC key" AssertionKeyedWithName;
    "assertion_unverified" "the signature of client assertions is not looked at" AssertionUnverified;
};
