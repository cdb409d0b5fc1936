//! Connections, TLS, time, size.

use crate::rows;

rows! {
    "connection_refused" r#"{"seconds": 0}"# [] { "*" => "bad connect/network at discovery"; }
    "endpoint_unreachable" r#"{"which": "token_endpoint"}"# [] {
        "MACHINES CODES hardening" => "bad connect/network at token";
        "device" => "bad connect/network at pending";
        "registration" => "bad connect/network at authenticate";
        "token_exchange" => "bad connect/network at subject_token";
    }
    "endpoint_unreachable" r#"{"which": "jwks_uri"}"# [] {
        "jwks IDS" => "bad connect/network at jwks";
        // Whether keys are needed shows with the token (RFC 6749 §1.4: it may be opaque).
        "GRANTS" => "bad connect/network at access_token";
        "token_exchange" => "bad connect/network at issued_token";
    }
    "endpoint_unreachable" r#"{"which": "authorization_endpoint"}"# [] {
        "LOGINS hardening" => "bad connect/network at authorize";
    }
    "endpoint_unreachable" r#"{"which": "userinfo_endpoint"}"# [] {
        "USERINFOS" => "bad connect/network at userinfo";
        "hardening" => "good attack_unjudged";
    }
    "endpoint_unreachable" r#"{"which": "end_session_endpoint"}"# [] {
        "form_login logout" => "bad connect/network at logout";
    }
    "connection_reset" "" [] { "*" => "bad reset/network at discovery"; }
    "connection_reset" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad reset/network at token";
        "device" => "bad reset/network at pending";
        "registration" => "bad reset/network at authenticate";
        "token_exchange" => "bad reset/network at subject_token";
    }
    "connection_reset" r#"{"endpoint": "login_page"}"# [] {
        "LOGINS hardening" => "bad reset/network at authorize"; "device" => "bad reset/network at login";
    }
    "reset_mid_body" "" [] { "*" => "bad reset/network at discovery"; }
    "reset_mid_body" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS" => "bad reset/network at jwks";
        "GRANTS" => "bad reset/network at access_token";
        "token_exchange" => "bad reset/network at issued_token";
    }
    "reset_mid_body" r#"{"endpoint": "userinfo"}"# [] {
        "USERINFOS" => "bad reset/network at userinfo";
        "hardening" => "good attack_unjudged";
    }
    // Late, but in time.
    "latency" r#"{"delay_ms": 50}"# [] {}
    "latency" r#"{"delay_ms": 60000, "endpoint": "userinfo"}"# [Hasty] {
        "USERINFOS" => "bad timeout/network at userinfo";
        "hardening" => "bad timeout/network at replay";
    }
    "hang" "" [Hasty] { "*" => "bad timeout/network at discovery"; }
    "hang" r#"{"endpoint": "token"}"# [Hasty] {
        "MACHINES CODES hardening" => "bad timeout/network at token";
        "device" => "bad timeout/network at pending";
        "registration" => "bad timeout/network at authenticate";
        "token_exchange" => "bad timeout/network at subject_token";
    }
    "slow_head" r#"{"delay_ms": 3000}"# [Hasty] { "*" => "bad timeout/network at discovery"; }
    "slow_head" r#"{"delay_ms": 3000, "endpoint": "userinfo"}"# [Hasty] {
        "USERINFOS" => "bad timeout/network at userinfo";
        "hardening" => "bad timeout/network at replay";
    }
    "slow_body" r#"{"delay_ms": 3000}"# [Hasty] { "*" => "bad timeout/network at discovery"; }
    "slow_body" r#"{"delay_ms": 3000, "endpoint": "userinfo"}"# [Hasty] {
        "USERINFOS" => "bad timeout/network at userinfo";
        "hardening" => "bad timeout/network at replay";
    }
    "oversize_body" "" [] { "*" => "bad too_large/provider at discovery"; }
    "oversize_body" r#"{"endpoint": "login_page"}"# [] {
        "LOGINS hardening" => "bad too_large/provider at authorize"; "device" => "bad too_large/provider at login";
    }
    "oversize_body" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad too_large/provider at token";
        "device" => "bad too_large/provider at pending";
        "registration" => "bad too_large/provider at authenticate";
        "token_exchange" => "bad too_large/provider at subject_token";
    }
    "gzip_bomb" "" [] { "*" => "bad too_large/provider at discovery"; }
    "gzip_bomb" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS" => "bad too_large/provider at jwks";
        "GRANTS" => "bad too_large/provider at access_token";
        "token_exchange" => "bad too_large/provider at issued_token";
    }
    // RFC 9110 §8.4: the content coding says what the body is; it is not.
    "gzip_garbage" "" [] { "*" => "bad malformed/provider at discovery"; }
    "gzip_garbage" r#"{"endpoint": "introspection"}"# [] {
        "introspection" => "bad malformed/provider at active";
        "revocation" => "bad malformed/provider at alive";
    }
    "redirect_loop" "" [] {
        "LOGINS hardening" => "bad redirect/provider at authorize";
    }
    // OIDC Discovery §4.2, RFC 7517, RFC 6749 §5: an answer of these endpoints is no redirect.
    "redirect_loop" r#"{"endpoint": "discovery"}"# [] { "*" => "bad redirect/provider at discovery"; }
    "redirect_loop" r#"{"endpoint": "jwks"}"# [] {
        "jwks IDS" => "bad redirect/provider at jwks";
        "GRANTS" => "bad redirect/provider at access_token";
        "token_exchange" => "bad redirect/provider at issued_token";
    }
    "redirect_loop" r#"{"endpoint": "token"}"# [] {
        "MACHINES CODES hardening" => "bad redirect/provider at token";
        "device" => "bad redirect/provider at pending";
        "registration" => "bad redirect/provider at authenticate";
        "token_exchange" => "bad redirect/provider at subject_token";
    }
    "redirect_loop" r#"{"endpoint": "login_page"}"# [] {
        "LOGINS hardening" => "bad redirect/provider at authorize"; "device" => "bad redirect/provider at login";
    }
    // RFC 5280 §4.1.2.5, RFC 6125 §6, RFC 5280 §6.1.
    "tls_expired" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    "tls_not_yet_valid" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    "tls_wrong_name" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    "tls_self_signed" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    "tls_untrusted" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    "tls_incomplete_chain" "" [Tls] { "*" => "bad certificate/provider at discovery"; }
    // No certificate at all: the handshake itself fails.
    "tls_refused" "" [Tls] { "*" => "bad tls/network at discovery"; }
    // Without TLS there is nothing to show.
    "tls_expired" "" [] {}
    // OIDC Core 3.1.3.7-9 and -10 leave a few minutes of skew to the client; five are too many for `iat`.
    "skewed_clock" r#"{"seconds": 300}"# [] {
        // RFC 7523 §3 and RFC 9449 §4.3: assertions and proofs have times too, and this provider refuses ours.
        "client_credentials.assertion client_credentials.keyed" => "inconclusive credentials/configuration at token";
        "client_credentials.bound" => "bad oauth_error/provider at token";
        "IDS" => "bad claim_not_yet_valid/provider at id_token";
        "HYBRIDS" => "bad claim_not_yet_valid/provider at front_id_token";
        "GRANTS" => "bad claim_not_yet_valid/provider at access_token";
        "token_exchange" => "bad claim_not_yet_valid/provider at issued_token";
        "introspection" => "bad claim_not_yet_valid/provider at active";
    }
    "skewed_clock" r#"{"seconds": -3600}"# [] {
        // RFC 7523 §3 and RFC 9449 §4.3: assertions and proofs have times too, and this provider refuses ours.
        "client_credentials.assertion client_credentials.keyed" => "inconclusive credentials/configuration at token";
        "client_credentials.bound" => "bad oauth_error/provider at token";
        "IDS" => "bad claim_expired/provider at id_token";
        "HYBRIDS" => "bad claim_expired/provider at front_id_token";
        "GRANTS" => "bad claim_expired/provider at access_token";
        "token_exchange" => "bad claim_expired/provider at issued_token";
        "introspection" => "bad claim_expired/provider at active";
    }
    "skewed_clock" r#"{"seconds": 20}"# [] {}
    "skewed_clock" r#"{"seconds": -20}"# [] {}
}
