//! ID tokens and JWT access tokens. A client validates the former (OIDC Core 3.1.3.7) when it logs in and when it
//! refreshes; the latter are looked into where they are what was asked for. Whoever only passes tokens on sees nothing.

use crate::rows;

rows! {
    "bad_signature" "" [] {
        "IDS" => "bad signature_invalid/provider at id_token";
        "HYBRIDS" => "bad signature_invalid/provider at front_id_token";
    }
    "bad_signature" r#"{"token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad signature_invalid/provider at access_token";
        "token_exchange" => "bad signature_invalid/provider at issued_token";
        "refresh" => "bad signature_invalid/provider at refresh";
    }
    // RFC 8725 §3.2; OIDC Core 2: `none` only where no ID token comes from the authorization endpoint and the client asked
    // for it at registration.
    "alg_none" "" [] {
        "IDS" => "bad algorithm_forbidden/provider at id_token";
        "HYBRIDS" => "bad algorithm_forbidden/provider at front_id_token";
    }
    "alg_none" r#"{"token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad algorithm_forbidden/provider at access_token";
        "token_exchange" => "bad algorithm_forbidden/provider at issued_token";
        "refresh" => "bad algorithm_forbidden/provider at refresh";
        // Userinfo and the API take what the provider issues, so they accept a token that nobody signed.
        "userinfo" => "bad attack_accepted/provider at bad_token";
        "resource" => "bad attack_accepted/provider at alg_none";
    }
    // RFC 8725 §3.1: the metadata offers RS256.
    "hmac_confusion" "" [] {
        "IDS" => "bad algorithm_forbidden/provider at id_token";
        "HYBRIDS" => "bad algorithm_forbidden/provider at front_id_token";
    }
    // RFC 9068 §2.1 allows any algorithm for an access token, though only the resource can verify this one.
    "hmac_confusion" r#"{"token": "access"}"# [] {
        "GRANTS form_login.asking token_exchange refresh" => "good access_token_hmac";
    }
    // OIDC Core 10.2: to encrypt, a provider needs a key or a method that the client registered. So this is how the client
    // is registered, and authprobe has no key for it: nothing that counts against the provider.
    "encrypted_token" "" [] {
        "IDS" => "inconclusive unsupported/configuration at id_token";
        "HYBRIDS" => "inconclusive unsupported/configuration at front_id_token";
        // Whether the `nonce` is in it cannot be seen either.
        "hardening" => "good attack_unjudged";
    }
    // To a client every access token is opaque (RFC 6749 §1.4).
    "encrypted_token" r#"{"token": "access"}"# [] {}
    // 3.1.3.7-2.
    "wrong_issuer" "" [] {
        "IDS" => "bad claim_issuer/provider at id_token";
        "HYBRIDS" => "bad claim_issuer/provider at front_id_token";
    }
    "wrong_issuer" r#"{"token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_issuer/provider at access_token";
        "token_exchange" => "bad claim_issuer/provider at issued_token";
        "refresh" => "bad claim_issuer/provider at refresh";
    }
    // 3.1.3.7-3. An access token's audience is the resource (RFC 9068 §2.2), which a client cannot know.
    "wrong_audience" "" [] {
        "IDS" => "bad claim_audience/provider at id_token";
        "HYBRIDS" => "bad claim_audience/provider at front_id_token";
    }
    // RFC 7662 §2.2: introspection says whom the token is for; here the token says otherwise. RFC 8707 §2: who named the
    // resource knows.
    "wrong_audience" r#"{"token": "access"}"# [] {
        "introspection" => "bad claim_audience/provider at active";
        "form_login.asking" => "bad claim_audience/provider at access_token";
    }
    // Untrusted others are refused by 3.1.3.7-3 as well; clients are lenient, so they are told. `azp` is there (-4).
    "several_audiences" "" [] { "IDS" => "good additional_audience"; }
    // 3.1.3.7-5.
    "wrong_azp" "" [] {
        "IDS" => "bad claim_audience/provider at id_token";
        "HYBRIDS" => "bad claim_audience/provider at front_id_token";
    }
    // The same in the token that comes from the authorization endpoint (3.3.2.12).
    "wrong_audience" r#"{"token": "all"}"# [] {
        "GRANTS" => "good";
        "HYBRIDS" => "bad claim_audience/provider at front_id_token";
        "IDS" => "bad claim_audience/provider at id_token";
        "introspection" => "bad claim_audience/provider at active";
    }
    // 3.1.3.7-11.
    "wrong_nonce" "" [] {
        // A device sends none.
        "device" => "good";
        "IDS" => "bad claim_nonce/provider at id_token";
        "HYBRIDS" => "bad claim_nonce/provider at front_id_token";
        "hardening" => "bad attack_accepted/provider at response";
    }
    // 3.1.3.8; without an access token beside it there is none.
    "wrong_at_hash" "" [] {
        "IDS" => "bad claim_hash/provider at id_token";
        "form_login.hybrid" => "bad claim_hash/provider at front_id_token";
        "form_login.id_token" => "good";
    }
    // 3.3.2.11: where a code comes beside the token.
    "wrong_c_hash" "" [] { "HYBRIDS" => "bad claim_hash/provider at front_id_token"; }
    // 5.3.2: it is userinfo that shows it.
    "wrong_subject" "" [] { "USERINFOS" => "bad claim_subject/provider at userinfo"; }
    // 3.1.3.7-9.
    "expired_token" "" [] {
        "IDS" => "bad claim_expired/provider at id_token";
        "HYBRIDS" => "bad claim_expired/provider at front_id_token";
    }
    // RFC 7662 §2.2: introspection calls it active, and says another time than the token.
    "expired_token" r#"{"token": "access", "seconds": 7200}"# [] {
        "introspection" => "bad claim_unexpected/provider at active";
        "GRANTS form_login.asking" => "bad claim_expired/provider at access_token";
        "token_exchange" => "bad claim_expired/provider at issued_token";
        "refresh" => "bad claim_expired/provider at refresh";
    }
    // 3.1.3.7-10, RFC 7519 §4.1.5 and §4.1.6.
    "future_iat" "" [] {
        "IDS" => "bad claim_not_yet_valid/provider at id_token";
        "HYBRIDS" => "bad claim_not_yet_valid/provider at front_id_token";
    }
    "future_iat" r#"{"token": "access"}"# [] {
        "introspection" => "bad claim_unexpected/provider at active";
        "GRANTS form_login.asking" => "bad claim_not_yet_valid/provider at access_token";
        "token_exchange" => "bad claim_not_yet_valid/provider at issued_token";
        "refresh" => "bad claim_not_yet_valid/provider at refresh";
    }
    "future_nbf" "" [] {
        "IDS" => "bad claim_not_yet_valid/provider at id_token";
        "HYBRIDS" => "bad claim_not_yet_valid/provider at front_id_token";
    }
    "future_nbf" r#"{"token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_not_yet_valid/provider at access_token";
        "token_exchange" => "bad claim_not_yet_valid/provider at issued_token";
        "refresh" => "bad claim_not_yet_valid/provider at refresh";
    }
    // 3.1.3.7-13: who asked for `max_age` minds.
    "stale_auth_time" "" [] { "form_login" => "bad claim_auth/provider at id_token"; }
    // 3.1.3.7-12: who asked for one.
    "wrong_acr" "" [] { "form_login.asking" => "bad claim_auth/provider at id_token"; }
    // OIDC Core 3.1.2.1: `acr_values` and 5.5: `claims` are wishes; whoever makes a demand of one misses it. RFC 8707 §2: a
    // token for another resource is of no use.
    "request_parameter_ignored" "" [] { "form_login.asking" => "bad claim_auth/provider at id_token"; }
    "request_parameter_ignored" r#"{"which": "claims"}"# [] {
        "form_login.asking" => "bad claim_missing/provider at id_token";
    }
    "request_parameter_ignored" r#"{"which": "resource"}"# [] {
        "form_login.asking" => "bad claim_audience/provider at access_token";
    }
    // OIDC Core 2, one by one. `sub` has a class of its own.
    "missing_claim" r#"{"claim": "sub"}"# [] {
        "IDS" => "bad claim_subject/provider at id_token";
        "HYBRIDS" => "bad claim_subject/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "iss"}"# [] {
        "IDS" => "bad claim_missing/provider at id_token";
        "HYBRIDS" => "bad claim_missing/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "aud"}"# [] {
        "IDS" => "bad claim_missing/provider at id_token";
        "HYBRIDS" => "bad claim_missing/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "exp"}"# [] {
        "IDS" => "bad claim_missing/provider at id_token";
        "HYBRIDS" => "bad claim_missing/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "iat"}"# [] {
        "IDS" => "bad claim_missing/provider at id_token";
        "HYBRIDS" => "bad claim_missing/provider at front_id_token";
    }
    "missing_claim" r#"{"claim": "nonce"}"# [] {
        // A device sends none.
        "device" => "good";
        "IDS" => "bad claim_nonce/provider at id_token";
        "HYBRIDS" => "bad claim_nonce/provider at front_id_token";
        "hardening" => "bad attack_accepted/provider at response";
    }
    // Required where `max_age` was asked for (2), and where a context was (3.1.3.7-12).
    "missing_claim" r#"{"claim": "auth_time"}"# [] { "form_login" => "bad claim_auth/provider at id_token"; }
    "missing_claim" r#"{"claim": "acr"}"# [] { "form_login.asking" => "bad claim_auth/provider at id_token"; }
    // 3.2.2.10 and 3.3.2.11: REQUIRED beside an access token that comes from the authorization endpoint; from the token
    // endpoint OPTIONAL (3.1.3.6).
    "missing_claim" r#"{"claim": "at_hash"}"# [] {
        "form_login.implicit" => "bad claim_missing/provider at id_token";
        "form_login.hybrid" => "bad claim_missing/provider at front_id_token";
    }
    // 3.3.2.11: REQUIRED beside a code.
    "missing_claim" r#"{"claim": "c_hash"}"# [] { "HYBRIDS" => "bad claim_missing/provider at front_id_token"; }
    // RFC 9068 §2.2: REQUIRED of an access token of that type.
    "missing_claim" r#"{"claim": "exp", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    "missing_claim" r#"{"claim": "aud", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    "missing_claim" r#"{"claim": "sub", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    "missing_claim" r#"{"claim": "iss", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    "missing_claim" r#"{"claim": "iat", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    "missing_claim" r#"{"claim": "client_id", "token": "access"}"# [] {
        "GRANTS form_login.asking" => "bad claim_missing/provider at access_token";
        "token_exchange" => "bad claim_missing/provider at issued_token";
        "refresh" => "bad claim_missing/provider at refresh";
    }
    // `jti` is required as well: `browser_asking` has it. Here tokens of one second would be one and the same.
}
