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
    // Faults that others fail of are weaknesses as well.
    "reuse_accepted" "" [] {
        "refresh" => "bad reuse_accepted/provider at reuse";
        "hardening" => "bad attack_accepted/provider at replay";
    }
    "state_missing" "" [] {
        "LOGINS" => "bad state_mismatch/provider at login";
        "hardening" => "bad attack_accepted/provider at response";
    }
    "response_iss_missing" "" [] {
        "LOGINS" => "bad response_issuer/provider at login";
        "hardening" => "bad attack_accepted/provider at response";
    }
    "missing_claim" r#"{"claim": "nonce"}"# [] {
        "IDS" => "bad claim_nonce/provider at id_token";
        "device" => "good";
        "hardening" => "bad attack_accepted/provider at response";
    }
    // A provider that is down accepts nothing: no attack is called accepted.
    "http_500" r#"{"endpoint": "authorization"}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize";
    }
    "wrong_password_page" "" [] {
        "LOGINS device hardening" => "inconclusive credentials/configuration at login";
    }
    "" "" [] { "hardening" => "good"; }
}
