//! Attacks that are accepted. Whoever logs in as one should sees nothing of them.

use crate::rows;

rows! {
    // RFC 9700 §4.1.3: compared character by character.
    "redirect_uri_loose" "" [] { "hardening" => "bad attack_accepted/provider at redirect_uri"; }
    "redirect_uri_loose" r#"{"match": "any"}"# [] { "hardening" => "bad attack_accepted/provider at redirect_uri"; }
    // RFC 6749 §4.1.2.1: unsupported_response_type.
    "response_type_unchecked" "" [] { "hardening" => "bad attack_accepted/provider at request"; }
    // OIDC Core 3.1.2.6: login_required. Whoever has logged out is told that he is logged in.
    "silent_login" "" [] {
        "hardening" => "bad attack_accepted/provider at request";
        "form_login" => "bad logout_ineffective/provider at logout";
        "logout" => "bad logout_ineffective/provider at session";
    }
    // RFC 9700 §2.6 and §4.16: told, no more.
    "authorization_cors" "" [] { "hardening" => "good authorization_cors"; }
    "login_page_framed" "" [] { "hardening" => "good login_page_framed"; }
    // RFC 7636 §4.6, RFC 9700 §2.1.1: for a client that requires it.
    "pkce_not_enforced" "" [] { "hardening" => "bad attack_accepted/provider at pkce"; }
    "pkce_plain_accepted" "" [] { "hardening" => "bad attack_accepted/provider at pkce"; }
    "pkce_verifier_ignored" "" [] { "hardening" => "bad attack_accepted/provider at pkce"; }
    // RFC 6749 §4.1.2: MUST NOT be used more than once; SHOULD revoke.
    "code_replay_accepted" "" [] { "hardening" => "bad attack_accepted/provider at replay"; }
    "code_replay_keeps_tokens" "" [] { "hardening" => "good code_replay_keeps_tokens"; }
    // RFC 6749 §4.1.3.
    "code_redirect_uri_unchecked" "" [] { "hardening" => "bad attack_accepted/provider at replay"; }
    // RFC 6749 §3.2: POST.
    "token_by_get" "" [] { "hardening" => "bad attack_accepted/provider at replay"; }
    // RFC 9700 §4.3.2: SHOULD NOT.
    "access_token_in_query" "" [] { "hardening" => "good access_token_in_query"; }
    // RFC 6749 §3.2.1, RFC 7523 §3.
    "client_unproven" "" [] { "hardening" => "bad attack_accepted/provider at client_auth"; }
    "assertion_unsigned_accepted" "" [] { "hardening" => "bad attack_accepted/provider at client_auth"; }
    "assertion_hmac_accepted" "" [] { "hardening" => "bad attack_accepted/provider at client_auth"; }
    "assertion_unverified" "" [] { "hardening" => "bad attack_accepted/provider at client_auth"; }
    // RFC 8414 §3, RFC 6749 §3.1 and §3.2: where there is https, nothing is to be had without.
    "plain_http_served" "" [Tls] { "hardening" => "bad attack_accepted/provider at transport"; }
    "plain_http_served" r#"{"endpoint": "discovery"}"# [Tls] {
        "hardening" => "bad attack_accepted/provider at transport";
    }
    "plain_http_served" r#"{"endpoint": "token"}"# [Tls] { "hardening" => "bad attack_accepted/provider at transport"; }
    // A key set is no secret, and no attack either.
    "plain_http_served" r#"{"endpoint": "jwks"}"# [Tls] {}
    // RFC 6797 §7.1 (SHOULD), §6.1.1: `max-age=0` says to forget it.
    "hsts_missing" "" [Tls] { "hardening" => "good hsts_missing"; }
    "hsts_missing" r#"{"header": "zero"}"# [Tls] { "hardening" => "good hsts_missing"; }
}
