//! A real browser's login, and everything that happens beside the browser: what is read before it starts and after it has gone is
//! read by the same code as everywhere, and here it is seen to be.

use crate::rows;

rows! {
    // Connections, before and after the browser.
    "connection_refused" r#"{"seconds": 0}"# [] { "browser_login" => "bad connect/network at discovery"; }
    "connection_reset" "" [] { "browser_login" => "bad reset/network at discovery"; }
    "reset_mid_body" "" [] { "browser_login" => "bad reset/network at discovery"; }
    "reset_mid_body" r#"{"endpoint": "jwks"}"# [] { "browser_login" => "bad reset/network at jwks"; }
    "reset_mid_body" r#"{"endpoint": "userinfo"}"# [] { "browser_login" => "bad reset/network at userinfo"; }
    "oversize_body" "" [] { "browser_login" => "bad too_large/provider at discovery"; }
    "oversize_body" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad too_large/provider at token"; }
    "gzip_bomb" "" [] { "browser_login" => "bad too_large/provider at discovery"; }
    "gzip_bomb" r#"{"endpoint": "jwks"}"# [] { "browser_login" => "bad too_large/provider at jwks"; }
    "gzip_garbage" "" [] { "browser_login" => "bad malformed/provider at discovery"; }
    "redirect_loop" r#"{"endpoint": "discovery"}"# [] { "browser_login" => "bad redirect/provider at discovery"; }
    "redirect_loop" r#"{"endpoint": "jwks"}"# [] { "browser_login" => "bad redirect/provider at jwks"; }
    "redirect_loop" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad redirect/provider at token"; }
    "redirect_loop" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad redirect/provider at authorize"; }
    "endpoint_unreachable" r#"{"which": "jwks_uri"}"# [] { "browser_login" => "bad connect/network at jwks"; }
    "endpoint_unreachable" r#"{"which": "token_endpoint"}"# [] { "browser_login" => "bad connect/network at token"; }
    "endpoint_unreachable" r#"{"which": "userinfo_endpoint"}"# [] { "browser_login" => "bad connect/network at userinfo"; }
    "tls_not_yet_valid" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    "tls_wrong_name" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    "tls_self_signed" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    "tls_untrusted" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    "tls_incomplete_chain" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    "tls_refused" "" [Tls] { "browser_login" => "bad tls/network at discovery"; }
    // The metadata.
    "wrong_content_type" r#"{"endpoint": "discovery"}"# [] { "browser_login" => "good content_type"; }
    "wrong_content_type" r#"{"endpoint": "jwks"}"# [] { "browser_login" => "good content_type"; }
    "wrong_content_type" r#"{"endpoint": "token"}"# [] { "browser_login" => "good content_type"; }
    "wrong_content_type" r#"{"endpoint": "userinfo"}"# [] { "browser_login" => "good content_type"; }
    "metadata_member_missing" r#"{"which": "issuer"}"# [] { "browser_login" => "bad metadata_invalid/provider at discovery"; }
    "metadata_member_missing" r#"{"which": "authorization_endpoint"}"# [] { "browser_login" => "bad metadata_invalid/provider at authorize"; }
    "metadata_member_missing" r#"{"which": "token_endpoint"}"# [] { "browser_login" => "bad metadata_invalid/provider at token"; }
    "metadata_member_missing" r#"{"which": "jwks_uri"}"# [] { "browser_login" => "bad metadata_invalid/provider at jwks"; }
    "metadata_member_missing" r#"{"which": "response_types_supported"}"# [] { "browser_login" => "good metadata"; }
    "endpoint_moved" "" [] { "browser_login" => "bad http_status/provider at token"; }
    "endpoint_moved" r#"{"which": "authorization_endpoint"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "endpoint_moved" r#"{"which": "userinfo_endpoint"}"# [] { "browser_login" => "bad http_status/provider at userinfo"; }
    "endpoint_http" "" [] { "browser_login" => "bad metadata_invalid/provider at token"; }
    "endpoint_http" r#"{"which": "authorization_endpoint"}"# [] { "browser_login" => "bad metadata_invalid/provider at authorize"; }
    "endpoint_http" r#"{"which": "jwks_uri"}"# [] { "browser_login" => "bad metadata_invalid/provider at jwks"; }
    // The keys.
    "jwks_keys_missing" "" [] { "browser_login" => "bad jwks_invalid/provider at jwks"; }
    "jwks_garbage" "" [] { "browser_login" => "bad malformed/provider at jwks"; }
    "jwks_malformed_key" "" [] { "browser_login" => "good jwks"; }
    "jwks_weak_key" "" [] { "browser_login" => "good jwks"; }
    "jwks_private_key" "" [] { "browser_login" => "good jwks"; }
    "jwks_duplicate_kid" "" [] { "browser_login" => "good jwks"; }
    "jwks_wrong_use" "" [] { "browser_login" => "bad jwks_invalid/provider at jwks"; }
    "jwks_kid_absent" "" [] { "browser_login" => "good kid_missing"; }
    "jwks_stale" "" [] { "browser_login" => "bad key_not_found/provider at id_token"; }
    "unsafe_rotation" "" [] { "browser_login" => "bad key_not_found/provider at id_token"; }
    // The answer at the redirect URI: RFC 9207 §2.4, RFC 6749 §3.1 and §4.1.2.1, one by one.
    "response_iss_missing" "" [] { "browser_login" => "bad response_issuer/provider at login"; }
    "response_code_twice" "" [] { "browser_login" => "bad malformed/provider at login"; }
    "authorization_error" r#"{"error": "invalid_request"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "access_denied"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "unsupported_response_type"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "invalid_scope"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "temporarily_unavailable"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "login_required"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "consent_required"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "interaction_required"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "account_selection_required"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "authorization_error" r#"{"error": "unauthorized_client"}"# [] { "browser_login" => "inconclusive config/configuration at login"; }
    // What the token endpoint answers.
    "token_invalid_json" "" [] { "browser_login" => "bad malformed/provider at token"; }
    "access_token_missing" "" [] { "browser_login" => "bad malformed/provider at token"; }
    "token_type_missing" "" [] { "browser_login" => "good token_type_missing"; }
    "token_type_wrong" "" [] { "browser_login" => "bad malformed/provider at token"; }
    "expires_in_string" "" [] { "browser_login" => "good expires_in_type"; }
    "token_error" r#"{"error": "invalid_request"}"# [] { "browser_login" => "bad oauth_error/provider at token"; }
    "token_error" r#"{"error": "invalid_grant"}"# [] { "browser_login" => "bad oauth_error/provider at token"; }
    "token_error" r#"{"error": "unsupported_grant_type"}"# [] { "browser_login" => "bad oauth_error/provider at token"; }
    "token_error" r#"{"error": "invalid_scope"}"# [] { "browser_login" => "bad oauth_error/provider at token"; }
    "token_error" r#"{"error": "unauthorized_client"}"# [] { "browser_login" => "inconclusive config/configuration at token"; }
    "http_503" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad http_status/provider at token"; }
    // RFC 6750 §3.1: 401 says that the token is no good, which the provider issued a moment ago.
    "http_401_bare" r#"{"endpoint": "userinfo"}"# [] { "browser_login" => "bad oauth_error/provider at userinfo"; }
    // The ID token.
    "alg_none" "" [] { "browser_login" => "bad algorithm_forbidden/provider at id_token"; }
    "hmac_confusion" "" [] { "browser_login" => "bad algorithm_forbidden/provider at id_token"; }
    "encrypted_token" "" [] { "browser_login" => "inconclusive unsupported/configuration at id_token"; }
    "wrong_issuer" "" [] { "browser_login" => "bad claim_issuer/provider at id_token"; }
    "wrong_audience" "" [] { "browser_login" => "bad claim_audience/provider at id_token"; }
    "several_audiences" "" [] { "browser_login" => "good additional_audience"; }
    "wrong_azp" "" [] { "browser_login" => "bad claim_audience/provider at id_token"; }
    "wrong_at_hash" "" [] { "browser_login" => "bad claim_hash/provider at id_token"; }
    "wrong_subject" "" [] { "browser_login" => "bad claim_subject/provider at userinfo"; }
    "future_iat" "" [] { "browser_login" => "bad claim_not_yet_valid/provider at id_token"; }
    "future_nbf" "" [] { "browser_login" => "bad claim_not_yet_valid/provider at id_token"; }
    "missing_claim" r#"{"claim": "sub"}"# [] { "browser_login" => "bad claim_subject/provider at id_token"; }
    "missing_claim" r#"{"claim": "iss"}"# [] { "browser_login" => "bad claim_missing/provider at id_token"; }
    "missing_claim" r#"{"claim": "aud"}"# [] { "browser_login" => "bad claim_missing/provider at id_token"; }
    "missing_claim" r#"{"claim": "exp"}"# [] { "browser_login" => "bad claim_missing/provider at id_token"; }
    "missing_claim" r#"{"claim": "iat"}"# [] { "browser_login" => "bad claim_missing/provider at id_token"; }
    "missing_claim" r#"{"claim": "nonce"}"# [] { "browser_login" => "bad claim_nonce/provider at id_token"; }
    "skewed_clock" r#"{"seconds": 300}"# [] { "browser_login" => "bad claim_not_yet_valid/provider at id_token"; }
    "skewed_clock" r#"{"seconds": -3600}"# [] { "browser_login" => "bad claim_expired/provider at id_token"; }
    "skewed_clock" r#"{"seconds": 20}"# [] { "browser_login" => "good"; }
    // Late, and by whom.
    "hang" "" [Hasty] { "browser_login" => "bad timeout/network at discovery"; }
    "hang" r#"{"endpoint": "token"}"# [Hasty] { "browser_login" => "bad timeout/network at token"; }
    "latency" r#"{"delay_ms": 60000, "endpoint": "userinfo"}"# [Hasty] { "browser_login" => "bad timeout/network at userinfo"; }
    "slow_head" r#"{"delay_ms": 3000, "endpoint": "jwks"}"# [Hasty] { "browser_login" => "bad timeout/network at jwks"; }
    "slow_body" r#"{"delay_ms": 3000, "endpoint": "token"}"# [Hasty] { "browser_login" => "bad timeout/network at token"; }
    // What else is answered there.
    "http_500" "" [] { "browser_login" => "bad http_status/provider at discovery"; }
    "http_500" r#"{"endpoint": "jwks"}"# [] { "browser_login" => "bad http_status/provider at jwks"; }
    "rate_limited" "" [] { "browser_login" => "bad rate_limited/provider at discovery"; }
    "rate_limited" r#"{"endpoint": "userinfo"}"# [] { "browser_login" => "bad rate_limited/provider at userinfo"; }
    "http_401_bare" r#"{"endpoint": "discovery"}"# [] { "browser_login" => "bad http_status/provider at discovery"; }
    // RFC 6749 §5.2: a refusal has an error object.
    "http_401_bare" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad malformed/provider at token"; }
    "token_error" r#"{"error": "server_error", "status": 500}"# [] { "browser_login" => "bad http_status/provider at token"; }
    "token_error" r#"{"error": "invalid_grant", "status": 200}"# [] { "browser_login" => "bad oauth_error/provider at token"; }
    "metadata_member_missing" r#"{"which": "subject_types_supported"}"# [] { "browser_login" => "good metadata"; }
    "metadata_member_missing" r#"{"which": "id_token_signing_alg_values_supported"}"# [] { "browser_login" => "good metadata"; }
    // OPTIONAL: the step is skipped; nothing can be revoked.
    "metadata_member_missing" r#"{"which": "userinfo_endpoint"}"# [] { "browser_login" => "good"; }
    "metadata_member_missing" r#"{"which": "revocation_endpoint"}"# [] { "browser_login" => "good"; }
    // OIDC Core 5.3.2: a client takes either form.
    "userinfo_signed" "" [] { "browser_login" => "good"; }
    // RFC 6749 §2.3.1: this client's secret comes in the other way.
    "secret_refused" "" [] { "browser_login" => "good"; }
    // To a client every access token is opaque (RFC 6749 §1.4).
    "encrypted_token" r#"{"token": "access"}"# [] { "browser_login" => "good"; }
    "missing_claim" r#"{"claim": "jti", "token": "access"}"# [] { "browser_login" => "good"; }
    // One run that has not seen the old key misses nothing.
    "abrupt_rotation" "" [] { "browser_login" => "good"; }
    "early_removal" "" [] { "browser_login" => "good"; }
    "same_kid_new_key" "" [] { "browser_login" => "good"; }
    // OIDC Core 10.1.1: in the middle of it, an unfamiliar `kid` has the client read the keys anew, and so it survives; but that
    // key signed before it was published (docs/kinds/jwks.md): a promise broken. RFC 7517 §4.5: a familiar `kid` is the
    // key that it was.
    "abrupt_rotation" r#"{"after": 1}"# [] { "browser_login" => "good key_not_published unsafe_rotation"; }
    "same_kid_new_key" r#"{"after": 1}"# [] { "browser_login" => "bad signature_invalid/provider at id_token"; }
}
