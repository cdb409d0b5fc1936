//! A real browser, against what only it can see and a sample of the rest.

use crate::rows;

rows! {
    "" "" [] { "browser_login" => "good"; }
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
    "http_500" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_502_html" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "rate_limited" r#"{"endpoint": "authorization"}"# [] {
        "browser_login" => "bad rate_limited/provider at authorize";
    }
    "connection_reset" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad reset/network at authorize"; }
    "endpoint_unreachable" r#"{"which": "authorization_endpoint"}"# [] {
        "browser_login" => "bad connect/network at authorize";
    }
    "hang" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "bad timeout/network at authorize"; }
    "redirect_loop" "" [] { "browser_login" => "bad redirect/provider at authorize"; }
    "state_mangled" "" [] { "browser_login" => "bad state_mismatch/provider at login"; }
    "response_iss_wrong" "" [] { "browser_login" => "bad response_issuer/provider at login"; }
    "authorization_error" r#"{"error": "server_error"}"# [] { "browser_login" => "bad oauth_error/provider at login"; }
    "http_500" r#"{"endpoint": "token"}"# [] { "browser_login" => "bad http_status/provider at token"; }
    "bad_signature" "" [] { "browser_login" => "bad signature_invalid/provider at id_token"; }
    "userinfo_wrong_subject" "" [] { "browser_login" => "bad claim_subject/provider at userinfo"; }
}
