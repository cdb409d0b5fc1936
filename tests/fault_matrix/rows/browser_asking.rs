//! A real browser's login that asks for more than a code: other response types, pushed requests, bound tokens, a recent login,
//! a context, claims, a resource.

use crate::rows;

rows! {
    "" "" [] {
        "browser_login.code_id_token browser_login.id_token browser_login.implicit browser_login.max_age" => "good";
    }
    "" "" [] { "browser_login.acr browser_login.claims browser_login.resource" => "good"; }
    "" "" [] { "browser_login.pushed browser_login.bound browser_login.keyed" => "good"; }
    // Pushed requests (RFC 9126 §2.2, §2.3, §4, §5).
    "par_required" "" [] { "browser_login browser_login.pushed browser_login.id_token" => "good"; }
    "par_refused" "" [] { "browser_login.pushed" => "bad oauth_error/provider at authorize"; "browser_login" => "good"; }
    "par_reference_missing" "" [] { "browser_login.pushed" => "bad malformed/provider at authorize"; }
    "par_forgotten" "" [] { "browser_login.pushed" => "bad http_status/provider at authorize"; }
    "http_500" r#"{"endpoint": "pushed_authorization"}"# [] {
        "browser_login.pushed" => "bad http_status/provider at authorize"; "browser_login" => "good";
    }
    "rate_limited" r#"{"endpoint": "pushed_authorization"}"# [] {
        "browser_login.pushed" => "bad rate_limited/provider at authorize";
    }
    "connection_reset" r#"{"endpoint": "pushed_authorization"}"# [] {
        "browser_login.pushed" => "bad reset/network at authorize";
    }
    "hang" r#"{"endpoint": "pushed_authorization"}"# [Hasty] {
        "browser_login.pushed" => "bad timeout/network at authorize";
    }
    "gzip_garbage" r#"{"endpoint": "pushed_authorization"}"# [] {
        "browser_login.pushed" => "bad malformed/provider at authorize";
    }
    // RFC 6749 §5.2, RFC 9126 §2.3, RFC 7521 §4.2.1: our client is refused, by whom it shows itself to first.
    "secret_refused" r#"{"method": "client_secret_basic"}"# [] {
        "browser_login browser_login.code_id_token" => "inconclusive credentials/configuration at token";
        "browser_login.pushed" => "inconclusive credentials/configuration at authorize";
        "browser_login.id_token browser_login.keyed" => "good";
    }
    "assertion_refused" "" [] {
        "browser_login.keyed" => "inconclusive credentials/configuration at token"; "browser_login" => "good";
    }
    // RFC 9449 §8, §5 and §6.1.
    "dpop_nonce" "" [] { "browser_login.bound" => "good"; }
    "dpop_nonce" r#"{"mode": "endless"}"# [] { "browser_login.bound" => "bad oauth_error/provider at token"; }
    "dpop_nonce" r#"{"mode": "absent"}"# [] { "browser_login.bound" => "bad malformed/provider at token"; }
    "dpop_ignored" "" [] { "browser_login.bound" => "bad malformed/provider at token"; }
    "dpop_unbound" "" [] { "browser_login.bound" => "bad claim_missing/provider at access_token"; }
    "dpop_wrong_key" "" [] { "browser_login.bound" => "bad claim_unexpected/provider at access_token"; }
    // RFC 7523 §3 and RFC 9449 §4.3: assertions and proofs have times too, and this provider refuses ours.
    "skewed_clock" r#"{"seconds": 300}"# [] {
        "browser_login.bound" => "bad oauth_error/provider at token";
        "browser_login.keyed" => "inconclusive credentials/configuration at token";
        "browser_login.id_token" => "bad claim_not_yet_valid/provider at id_token";
        "browser_login.code_id_token" => "bad claim_not_yet_valid/provider at front_id_token";
    }
    // ID tokens from the authorization endpoint (OIDC Core 3.2.2.11, 3.3.2.12): alone they are the login's, beside a code the
    // first of two.
    "bad_signature" "" [] {
        "browser_login.id_token browser_login.implicit" => "bad signature_invalid/provider at id_token";
        "browser_login.code_id_token browser_login.hybrid" => "bad signature_invalid/provider at front_id_token";
    }
    "alg_none" "" [] {
        "browser_login.id_token" => "bad algorithm_forbidden/provider at id_token";
        "browser_login.code_id_token" => "bad algorithm_forbidden/provider at front_id_token";
    }
    "hmac_confusion" "" [] {
        "browser_login.id_token" => "bad algorithm_forbidden/provider at id_token";
        "browser_login.code_id_token" => "bad algorithm_forbidden/provider at front_id_token";
    }
    "encrypted_token" "" [] {
        "browser_login.id_token" => "inconclusive unsupported/configuration at id_token";
        "browser_login.code_id_token" => "inconclusive unsupported/configuration at front_id_token";
    }
    "unknown_kid" "" [] {
        "browser_login.id_token" => "bad key_not_found/provider at id_token";
        "browser_login.code_id_token" => "bad key_not_found/provider at front_id_token";
    }
    "wrong_issuer" "" [] {
        "browser_login.id_token" => "bad claim_issuer/provider at id_token";
        "browser_login.code_id_token" => "bad claim_issuer/provider at front_id_token";
    }
    "wrong_audience" "" [] {
        "browser_login.id_token" => "bad claim_audience/provider at id_token";
        "browser_login.code_id_token" => "bad claim_audience/provider at front_id_token";
    }
    "expired_token" "" [] {
        "browser_login.id_token" => "bad claim_expired/provider at id_token";
        "browser_login.code_id_token" => "bad claim_expired/provider at front_id_token";
    }
    "wrong_nonce" "" [] {
        "browser_login.id_token" => "bad claim_nonce/provider at id_token";
        "browser_login.code_id_token" => "bad claim_nonce/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "nonce"}"# [] {
        "browser_login.id_token" => "bad claim_nonce/provider at id_token";
        "browser_login.code_id_token" => "bad claim_nonce/provider at front_id_token";
    }
    // The hashes of what comes beside it: REQUIRED there (3.2.2.10, 3.3.2.11), OPTIONAL from the token endpoint (3.1.3.6).
    "wrong_at_hash" "" [] {
        "browser_login.implicit browser_login.code_id_token" => "bad claim_hash/provider at id_token";
        "browser_login.hybrid" => "bad claim_hash/provider at front_id_token";
        "browser_login.id_token" => "good";
    }
    "wrong_c_hash" "" [] {
        "browser_login.code_id_token" => "bad claim_hash/provider at front_id_token";
        "browser_login.id_token" => "good";
    }
    "missing_claim" r#"{"claim": "at_hash"}"# [] {
        "browser_login.implicit" => "bad claim_missing/provider at id_token";
        "browser_login.hybrid" => "bad claim_missing/provider at front_id_token";
        "browser_login browser_login.code_id_token" => "good";
    }
    "missing_claim" r#"{"claim": "c_hash"}"# [] {
        "browser_login.hybrid browser_login.code_id_token" => "bad claim_missing/provider at front_id_token";
    }
    // 5.3.2: only userinfo shows it.
    "wrong_subject" "" [] {
        "browser_login.implicit" => "bad claim_subject/provider at userinfo";
        "browser_login.id_token browser_login.resource" => "good";
    }
    // The answer in the fragment: RFC 6749 §10.12, RFC 9207 §4 (the ID token says as well who answered), §3.1, §4.1.2.1.
    "state_mangled" "" [] {
        "browser_login.id_token browser_login.code_id_token" => "bad state_mismatch/provider at login";
    }
    "response_iss_missing" "" [] {
        "browser_login.id_token browser_login.code_id_token" => "good response_issuer";
    }
    "response_iss_wrong" "" [] { "browser_login.id_token" => "bad response_issuer/provider at login"; }
    "response_code_missing" "" [] {
        "browser_login.code_id_token" => "bad malformed/provider at login"; "browser_login.id_token" => "good";
    }
    "response_code_twice" "" [] { "browser_login.code_id_token" => "bad malformed/provider at login"; }
    "authorization_error" r#"{"error": "access_denied"}"# [] {
        "browser_login.id_token browser_login.code_id_token" => "bad oauth_error/provider at login";
    }
    // Who gets no code never asks the token endpoint; who gets no access token that is for it never asks userinfo.
    "http_500" r#"{"endpoint": "token"}"# [] {
        "browser_login.code_id_token" => "bad http_status/provider at token";
        "browser_login.id_token browser_login.implicit" => "good";
    }
    "http_500" r#"{"endpoint": "userinfo"}"# [] {
        "browser_login.implicit browser_login.code_id_token" => "bad http_status/provider at userinfo";
        "browser_login.id_token browser_login.resource" => "good";
    }
    // OIDC Discovery §3: REQUIRED, though nobody asks there.
    "metadata_member_missing" r#"{"which": "token_endpoint"}"# [] { "browser_login.id_token" => "good metadata"; }
    // OIDC Registration §2: what brings nothing but tokens is the grant `implicit`, which is not offered.
    "grants_not_offered" "" [] {
        "browser_login.id_token browser_login.implicit" => "inconclusive unsupported/configuration at authorize";
        "browser_login browser_login.code_id_token" => "good";
    }
    // 3.1.2.1, 3.1.3.7-13: `auth_time` is REQUIRED where `max_age` was asked for, and not older.
    "stale_auth_time" "" [] { "browser_login.max_age" => "bad claim_auth/provider at id_token"; "browser_login" => "good"; }
    "stale_auth_time" r#"{"seconds": 300}"# [] { "browser_login.max_age" => "good"; }
    // 5.5.1, and 2: where it is essential as well.
    "missing_claim" r#"{"claim": "auth_time"}"# [] {
        "browser_login.max_age" => "bad claim_auth/provider at id_token";
        "browser_login.claims" => "bad claim_missing/provider at id_token";
        "browser_login" => "good";
    }
    // 3.1.3.7-12: whoever makes a demand of it.
    "wrong_acr" "" [] { "browser_login.acr" => "bad claim_auth/provider at id_token"; "browser_login" => "good"; }
    "missing_claim" r#"{"claim": "acr"}"# [] { "browser_login.acr" => "bad claim_auth/provider at id_token"; }
    "request_parameter_ignored" "" [] { "browser_login.acr" => "bad claim_auth/provider at id_token"; }
    // 5.5: what is essential comes from userinfo, or the login is of no use.
    "request_parameter_ignored" r#"{"which": "claims"}"# [] {
        "browser_login.claims" => "bad claim_missing/provider at userinfo"; "browser_login.acr" => "good";
    }
    // RFC 8707 §2: the token is for what was named. It is looked into, where it is otherwise the API's affair.
    "request_parameter_ignored" r#"{"which": "resource"}"# [] {
        "browser_login.resource" => "bad claim_audience/provider at access_token"; "browser_login" => "good";
    }
    "wrong_audience" r#"{"token": "access"}"# [] {
        "browser_login.resource" => "bad claim_audience/provider at access_token"; "browser_login" => "good";
    }
    "bad_signature" r#"{"token": "access"}"# [] {
        "browser_login.resource" => "bad signature_invalid/provider at access_token"; "browser_login" => "good";
    }
    "alg_none" r#"{"token": "access"}"# [] {
        "browser_login.resource" => "bad algorithm_forbidden/provider at access_token";
    }
    "hmac_confusion" r#"{"token": "access"}"# [] { "browser_login.resource" => "good access_token_hmac"; }
    "wrong_issuer" r#"{"token": "access"}"# [] {
        "browser_login.resource" => "bad claim_issuer/provider at access_token";
    }
    "expired_token" r#"{"token": "access", "seconds": 7200}"# [] {
        "browser_login.resource" => "bad claim_expired/provider at access_token";
    }
    "missing_claim" r#"{"claim": "aud", "token": "access"}"# [] {
        "browser_login.resource" => "bad claim_missing/provider at access_token";
    }
    "missing_claim" r#"{"claim": "jti", "token": "access"}"# [] {
        "browser_login.resource" => "bad claim_missing/provider at access_token";
    }
}
