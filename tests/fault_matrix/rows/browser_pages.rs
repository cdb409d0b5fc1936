//! A real browser on its way from page to page: what is late, cut short, garbled, too large or refused there. `after: 1` leaves
//! the first page alone: what fails then is the answer to the password, or the page that asks for consent.

use crate::rows;

rows! {
    // No answer in time: up to the first page it is the request that was not answered, then the login.
    "latency" r#"{"delay_ms": 60000, "endpoint": "authorization"}"# [Hasty] {
        "browser_login" => "bad timeout/network at authorize";
    }
    "latency" r#"{"delay_ms": 60000, "endpoint": "login_page"}"# [Hasty] {
        "browser_login" => "bad timeout/network at authorize";
    }
    "latency" r#"{"delay_ms": 60000, "endpoint": "login_page", "after": 1}"# [Hasty] {
        "browser_login" => "bad timeout/network at login";
    }
    "hang" r#"{"endpoint": "login_page"}"# [Hasty] { "browser_login" => "bad timeout/network at authorize"; }
    "hang" r#"{"endpoint": "login_page", "after": 1}"# [Hasty] { "browser_login" => "bad timeout/network at login"; }
    "slow_head" r#"{"delay_ms": 3000, "endpoint": "authorization"}"# [Hasty] {
        "browser_login" => "bad timeout/network at authorize";
    }
    "slow_head" r#"{"delay_ms": 3000, "endpoint": "login_page"}"# [Hasty] {
        "browser_login" => "bad timeout/network at authorize";
    }
    "slow_head" r#"{"delay_ms": 3000, "endpoint": "login_page", "after": 1}"# [Hasty] {
        "browser_login" => "bad timeout/network at login";
    }
    // Half a page is none: the form may still be missing a field.
    "slow_body" r#"{"delay_ms": 3000, "endpoint": "login_page"}"# [Hasty] {
        "browser_login" => "bad timeout/network at authorize";
    }
    "slow_body" r#"{"delay_ms": 3000, "endpoint": "login_page", "after": 1}"# [Hasty] {
        "browser_login" => "bad timeout/network at login";
    }
    // Late, but in time: what is there of a page before the rest of it is not acted on.
    "slow_body" r#"{"delay_ms": 100, "endpoint": "login_page"}"# [] { "browser_login" => "good"; }
    "slow_head" r#"{"delay_ms": 20, "endpoint": "login_page"}"# [] { "browser_login" => "good"; }
    // Cut short.
    "reset_mid_body" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad reset/network at authorize"; }
    "reset_mid_body" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "bad reset/network at login";
    }
    "connection_reset" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "bad reset/network at login";
    }
    // RFC 9110 §8.4: the coding says what the body is; it is not.
    "gzip_garbage" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad malformed/provider at authorize"; }
    "gzip_garbage" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "bad malformed/provider at login";
    }
    // RFC 9110 §15.4: what leads on in a redirect is `Location`. Its body is for people whose browser does not follow it.
    "slow_body" r#"{"delay_ms": 3000, "endpoint": "authorization"}"# [] { "browser_login" => "good"; }
    "reset_mid_body" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "good"; }
    "gzip_garbage" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "good"; }
    "oversize_body" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "good"; }
    "gzip_bomb" r#"{"endpoint": "authorization", "mebibytes": 16}"# [] { "browser_login" => "good"; }
    // A browser sets no limit to a page: users get in, and so do we. What we read of it ourselves is bounded (`look.js`).
    "oversize_body" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "good"; }
    "gzip_bomb" r#"{"endpoint": "login_page", "mebibytes": 16}"# [] { "browser_login" => "good"; }
    // They are HTML, or empty.
    "wrong_content_type" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "good"; }
    "wrong_content_type" r#"{"endpoint": "authorization"}"# [] { "browser_login" => "good"; }
    // Statuses of pages.
    "http_500" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_500" r#"{"endpoint": "login_page", "after": 1}"# [] { "browser_login" => "bad http_status/provider at login"; }
    "http_502_html" r#"{"endpoint": "authorization"}"# [] {
        "browser_login" => "bad http_status/provider at authorize";
    }
    "http_502_html" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "bad http_status/provider at login";
    }
    "http_503" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    "http_503" r#"{"endpoint": "login_page", "after": 1}"# [] { "browser_login" => "bad http_status/provider at login"; }
    "http_401_bare" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad http_status/provider at authorize"; }
    // RFC 9110 §15.5.2: credentials were refused, and these were the user's.
    "http_401_bare" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "inconclusive credentials/configuration at login";
    }
    "rate_limited" r#"{"endpoint": "login_page"}"# [] { "browser_login" => "bad rate_limited/provider at authorize"; }
    "rate_limited" r#"{"endpoint": "login_page", "retry_after": 0, "after": 1}"# [] {
        "browser_login" => "bad rate_limited/provider at login";
    }
    "redirect_loop" r#"{"endpoint": "login_page", "after": 1}"# [] {
        "browser_login" => "bad redirect/provider at login";
    }
}
