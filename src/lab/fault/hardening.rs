//! Weaknesses: attacks that are accepted. Nobody who logs in as they should notices any of them.

use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;

use super::{Fault, Hook, Kind, Parameter, Scope, Switch};
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
