//! Statuses that the protocol does not have there.

use crate::rows;

rows! {
    "http_500" "" [] { "*" => "bad http_status/provider at discovery"; }
    "http_500" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS" => "bad http_status/provider at jwks";
        "GRANTS" => "bad http_status/provider at access_token";
        "token_exchange" => "bad http_status/provider at issued_token";
    }
    "http_500" r#"{"endpoint": "authorization"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize";
    }
    "http_500" r#"{"endpoint": "login_page"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize"; "device" => "bad http_status/provider at login";
    }
    "http_500" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad http_status/provider at token";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "token_exchange" => "bad http_status/provider at subject_token";
    }
    "http_500" r#"{"endpoint": "userinfo"}"# [] {
        "USERINFOS" => "bad http_status/provider at userinfo";
        // What only userinfo could show is a SHOULD.
        "hardening" => "good attack_unjudged";
    }
    "http_500" r#"{"endpoint": "introspection"}"# [] {
        "introspection" => "bad http_status/provider at active";
        "revocation" => "bad http_status/provider at alive";
    }
    "http_500" r#"{"endpoint": "end_session"}"# [] { "form_login logout" => "bad http_status/provider at logout"; }
    // RFC 9126 §2.3, RFC 7009 §2.2, RFC 7592 §2, and the resource itself: no answer of theirs is a 500.
    "http_500" r#"{"endpoint": "pushed_authorization"}"# [] {
        "form_login.pushed" => "bad http_status/provider at authorize";
    }
    "http_500" r#"{"endpoint": "revocation"}"# [] {
        "introspection resource revocation" => "bad http_status/provider at revocation";
    }
    "http_500" r#"{"endpoint": "client_configuration"}"# [] { "registration" => "bad http_status/provider at read"; }
    "http_500" r#"{"endpoint": "device"}"# [] { "device" => "bad http_status/provider at login"; }
    "http_500" r#"{"endpoint": "resource"}"# [] { "resource" => "bad http_status/provider at access"; }
    "http_502_html" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad http_status/provider at token";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "token_exchange" => "bad http_status/provider at subject_token";
    }
    "http_502_html" r#"{"endpoint": "login_page"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize"; "device" => "bad http_status/provider at login";
    }
    "http_503" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS" => "bad http_status/provider at jwks";
        "GRANTS" => "bad http_status/provider at access_token";
        "token_exchange" => "bad http_status/provider at issued_token";
    }
    // RFC 6585 §4: with and without Retry-After.
    "rate_limited" "" [] { "*" => "bad rate_limited/provider at discovery"; }
    "rate_limited" r#"{"retry_after": 0, "endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad rate_limited/provider at token";
        "device" => "bad rate_limited/provider at pending";
        "registration" => "bad rate_limited/provider at authenticate";
        "token_exchange" => "bad rate_limited/provider at subject_token";
    }
    "rate_limited" r#"{"retry_after": 30, "endpoint": "userinfo"}"# [] {
        "USERINFOS" => "bad rate_limited/provider at userinfo";
        // Who is told to go slower asks no more: codes and tokens are not tried out any further.
        "hardening" => "bad rate_limited/provider at replay";
    }
    "rate_limited" r#"{"retry_after": 0, "endpoint": "authorization"}"# [] {
        "LOGINS hardening" => "bad rate_limited/provider at authorize";
    }
    "http_401_bare" r#"{"endpoint": "discovery"}"# [] { "*" => "bad http_status/provider at discovery"; }
    // RFC 6749 §5.2: a refusal of the client has an error object; without it nobody knows what is refused.
    "http_401_bare" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad malformed/provider at token";
        "device" => "bad malformed/provider at pending";
        // All that is asked is whether it is known: 401 says no.
        "registration" => "bad oauth_error/provider at authenticate";
        "token_exchange" => "bad malformed/provider at subject_token";
    }
    // RFC 7662 §2.3 and RFC 7009 §2.2.1 refer to the same.
    "http_401_bare" r#"{"endpoint": "introspection"}"# [] {
        "introspection" => "bad malformed/provider at active";
        "revocation" => "bad malformed/provider at alive";
    }
    "http_401_bare" r#"{"endpoint": "revocation"}"# [] {
        "introspection resource revocation" => "bad malformed/provider at revocation";
    }
    // RFC 6750 §3.1: 401 refuses the token, whatever its challenge says.
    "http_401_bare" r#"{"endpoint": "userinfo"}"# [] {
        "USERINFOS" => "bad oauth_error/provider at userinfo";
        // Nobody is refused for where the token is. RFC 6750 §3: a refusal MUST come with WWW-Authenticate.
        "hardening" => "good attack_unjudged challenge_missing";
    }
    "http_401_bare" r#"{"endpoint": "authorization"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize";
    }
    // RFC 6749 §5.2, RFC 8628 §3.5: a refusal is an answer. Only who is to be refused sees that it is none; and to attacks it
    // is neither yes nor no, while good requests are served.
    "token_refusal_500" "" [] {
        "refresh" => "bad http_status/provider at reuse";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "hardening" => "inconclusive unsupported/configuration at client_auth";
    }
    // RFC 6749 §5.2: invalid_grant comes with 400. Only the one who shows a used token meets it, and is refused all the same.
    "grant_refused_403" "" [] { "refresh" => "good error_status"; }
}
