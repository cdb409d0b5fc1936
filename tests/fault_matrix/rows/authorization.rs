//! What comes back from the authorization endpoint.

use crate::rows;

rows! {
    // RFC 6749 §4.1.2 and §10.12. What a login cannot survive is a weakness as well.
    "state_mangled" "" [] {
        "LOGINS" => "bad state_mismatch/provider at login";
        "hardening" => "bad attack_accepted/provider at response";
    }
    "state_missing" "" [] {
        "LOGINS" => "bad state_mismatch/provider at login";
        "hardening" => "bad attack_accepted/provider at response";
    }
    // RFC 9207 §2.4; §4: an ID token in the same answer says as well who answered, though the metadata promised more.
    "response_iss_missing" "" [] {
        "LOGINS" => "bad response_issuer/provider at login";
        "HYBRIDS IMPLICITS" => "good response_issuer";
        "hardening" => "bad attack_accepted/provider at response";
    }
    "response_iss_wrong" "" [] {
        "LOGINS" => "bad response_issuer/provider at login";
        "hardening" => "bad attack_accepted/provider at response";
    }
    // RFC 6749 §3.1: parameters MUST NOT be included more than once.
    "response_code_twice" "" [] { "CODES" => "bad malformed/provider at login"; }
    "response_code_missing" "" [] { "CODES hardening" => "bad malformed/provider at login"; }
    // RFC 6749 §4.1.2.1, one by one: the request is as it must be.
    "authorization_error" r#"{"error": "invalid_request"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    // Our client is not registered for it: the same as at the token endpoint.
    "authorization_error" r#"{"error": "unauthorized_client"}"# [] {
        "LOGINS hardening" => "inconclusive config/configuration at login";
    }
    "authorization_error" r#"{"error": "access_denied"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "unsupported_response_type"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "invalid_scope"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "server_error"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "temporarily_unavailable"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    // OIDC Core 3.1.2.6: the user has done all that was asked.
    "authorization_error" r#"{"error": "login_required"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "consent_required"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "interaction_required"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
    "authorization_error" r#"{"error": "account_selection_required"}"# [] {
        "LOGINS hardening" => "bad oauth_error/provider at login";
    }
}
