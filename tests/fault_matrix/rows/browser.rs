//! A real browser, against what only it can see and one of each kind of the rest. What is read before the browser starts
//! (metadata, keys) and after it has gone (tokens) is read by the same code as everywhere; the way between is its own.

use crate::rows;

rows! {
    "" "" [] {
        "browser_login browser_login.hybrid browser_login.form_post browser_login.silent" => "good";
    }
    "" "" [Tls] { "browser_login" => "good"; }
    // A browser finds the fields whatever they are called and whoever makes them.
    "login_page_changed" "" [] { "browser_login" => "good"; }
    "login_page_two_steps" "" [] { "browser_login" => "good"; }
    "login_page_script" "" [] { "browser_login" => "good"; }
    // What no probe without scripts can see.
    "login_page_button_dead" "" [] { "browser_login" => "bad login_page/provider at login"; }
    "login_page_script_error" "" [] { "browser_login" => "bad login_page/provider at login"; }
    "login_page_blank" "" [] { "browser_login" => "bad login_page/provider at login"; }
    "login_page_spinner" "" [] { "browser_login" => "bad login_page/provider at login"; }
    "login_page_captcha" "" [] { "browser_login" => "inconclusive challenge/configuration at login"; }
    "login_page_second_factor" "" [] { "browser_login" => "inconclusive challenge/configuration at login"; }
    "login_page_maintenance" "" [] { "browser_login" => "bad login_page/provider at login"; }
    "login_page_maintenance" r#"{"status": 503}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "wrong_password_page" "" [] { "browser_login" => "inconclusive credentials/configuration at login"; }
    // Before it starts.
    "issuer_mismatch" "" [] { "browser_login" => "bad issuer_mismatch/provider at discovery"; }
    "discovery_garbage" "" [] { "browser_login" => "bad malformed/provider at discovery"; }
    "jwks_empty" "" [] { "browser_login" => "bad jwks_invalid/provider at jwks"; }
    "tls_expired" "" [Tls] { "browser_login" => "bad certificate/provider at discovery"; }
    // The way to the page: what a connection is shown. Metadata and keys are two connections.
    "tls_expired" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_not_yet_valid" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_wrong_name" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_self_signed" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_untrusted" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_incomplete_chain" r#"{"after": 2}"# [Tls] { "browser_login" => "bad certificate/provider at authorize"; }
    "tls_refused" r#"{"after": 2}"# [Tls] { "browser_login" => "bad tls/network at authorize"; }
    // What is answered there.
    "http_500" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_502_html" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_503" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_401_bare" r#"{"endpoint": "authorization"}"# [] {
        "browser_login" => "bad http_status/provider at authorize";
    }
    "rate_limited" r#"{"endpoint": "authorization"}"# [] {
        "browser_login" => "bad rate_limited/provider at authorize";
    }
    "connection_reset" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad reset/network at authorize"; }
    "connection_reset" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad reset/network at authorize"; }
    "endpoint_unreachable" r#"{"which": "authorization_endpoint"}"# [] {
        "browser_login" => "bad connect/network at authorize";
    }
    "hang" r#"{"endpoint": "authorization"}"# [Hasty] { "browser_login" => "bad timeout/network at authorize"; }
    "redirect_loop" "" [] { "browser_login" => "bad redirect/provider at authorize"; }
    // Late, but in time.
    "latency" r#"{"delay_ms": 1500, "endpoint": "login_page"}"# [] { "browser_login" => "good"; }
    // The way back.
    "state_mangled" "" [] {
        "browser_login browser_login.hybrid browser_login.form_post" => "bad state_mismatch/provider at login";
    }
    "state_missing" "" [] { "browser_login" => "bad state_mismatch/provider at login"; }
    "response_iss_wrong" "" [] { "browser_login" => "bad response_issuer/provider at login"; }
    "response_code_missing" "" [] { "browser_login" => "bad malformed/provider at login"; }
    "authorization_error" r#"{"error": "server_error"}"# [] {
        "browser_login browser_login.form_post" => "bad oauth_error/provider at login";
    }
    "session_forgotten" "" [] { "browser_login.silent" => "bad oauth_error/provider at silent"; }
    // After it.
    "http_500" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad http_status/provider at token"; }
    "http_502_html" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad http_status/provider at token"; }
    "rate_limited" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad rate_limited/provider at token"; }
    "connection_reset" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad reset/network at token"; }
    "token_error" r#"{"error": "invalid_client", "status": 401}"# [] {
        "browser_login" => "inconclusive credentials/configuration at token";
    }
    "missing_id_token" "" [] { "browser_login" => "bad malformed/provider at token"; }
    "bad_signature" "" [] { "browser_login" => "bad signature_invalid/provider at id_token"; }
    "unknown_kid" "" [] { "browser_login" => "bad key_not_found/provider at id_token"; }
    "expired_token" "" [] { "browser_login" => "bad claim_expired/provider at id_token"; }
    "wrong_nonce" "" [] { "browser_login" => "bad claim_nonce/provider at id_token"; }
    "wrong_c_hash" "" [] { "browser_login.hybrid" => "bad claim_hash/provider at front_id_token"; }
    "http_500" r#"{"endpoint": "userinfo"}"# [] { "browser_login" => "bad http_status/provider at userinfo"; }
    "userinfo_wrong_subject" "" [] { "browser_login" => "bad claim_subject/provider at userinfo"; }
}
