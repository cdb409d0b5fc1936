//! What comes back from the authorization endpoint.

use crate::rows;

rows! {
    // RFC 6749 §4.1.2 and §10.12.
    "state_mangled" "" [] { "form_login form_login.steps refresh revocation" => "bad state_mismatch/provider at login"; }
    "state_missing" "" [] { "form_login form_login.steps refresh revocation" => "bad state_mismatch/provider at login"; }
    // RFC 9207 §2.4.
    "response_iss_missing" "" [] {
        "form_login form_login.steps refresh revocation" => "bad response_issuer/provider at login";
    }
    "response_iss_wrong" "" [] {
        "form_login form_login.steps refresh revocation" => "bad response_issuer/provider at login";
    }
    // RFC 6749 §3.1: parameters MUST NOT be included more than once.
    "response_code_twice" "" [] { "form_login form_login.steps refresh revocation" => "bad malformed/provider at login"; }
    "response_code_missing" "" [] {
        "form_login form_login.steps refresh revocation" => "bad malformed/provider at login";
    }
    // RFC 6749 §4.1.2.1, one by one: the request is as it must be.
    "authorization_error" r#"{"error": "invalid_request"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    // Our client is not registered for it: the same as at the token endpoint.
    "authorization_error" r#"{"error": "unauthorized_client"}"# [] {
        "form_login form_login.steps refresh revocation" => "inconclusive config/configuration at login";
    }
    "authorization_error" r#"{"error": "access_denied"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "unsupported_response_type"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "invalid_scope"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "server_error"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "temporarily_unavailable"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    // OIDC Core 3.1.2.6: the user has done all that was asked.
    "authorization_error" r#"{"error": "login_required"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "consent_required"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "interaction_required"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "account_selection_required"}"# [] {
        "form_login form_login.steps refresh revocation" => "bad oauth_error/provider at login";
    }
}
