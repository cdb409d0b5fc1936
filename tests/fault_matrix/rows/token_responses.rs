//! What the token endpoint answers.

use crate::rows;

rows! {
    "token_invalid_json" "" [] {
        "MACHINES CODES hardening" => "bad malformed/provider at token";
        "device" => "bad malformed/provider at pending";
        "registration" => "bad malformed/provider at authenticate";
        "token_exchange" => "bad malformed/provider at subject_token";
    }
    // RFC 6749 §5.1: REQUIRED.
    "access_token_missing" "" [] {
        "MACHINES CODES hardening device" => "bad malformed/provider at token";
        "token_exchange" => "bad malformed/provider at subject_token";
    }
    // REQUIRED as well, but every client takes it for Bearer.
    "token_type_missing" "" [] {
        "MACHINES token_exchange CODES device hardening" => "good token_type_missing";
        // RFC 9449 §5: who proved a key wants to read DPoP.
        "client_credentials.bound" => "bad malformed/provider at token";
    }
    // RFC 6749 §7.1: a client MUST NOT use a token of a type that it does not understand.
    "token_type_wrong" "" [] {
        "MACHINES CODES hardening device" => "bad malformed/provider at token";
        "token_exchange" => "bad malformed/provider at subject_token";
    }
    // RFC 6749 A.14: digits, and in JSON a number; clients read both.
    "expires_in_string" "" [] {
        "MACHINES token_exchange CODES device hardening" => "good expires_in_type";
    }
    // OIDC Core 3.1.3.3.
    "missing_id_token" "" [] {
        "CODES hardening" => "bad malformed/provider at token";
        // RFC 8628 speaks of no ID token.
        "device" => "good id_token_missing";
    }
    // RFC 6749 §5.2, one by one. The request is as it must be, and the grant is offered. A client that was registered is
    // known by invalid_grant for a code that never was, and a deleted one is not by invalid_client: any other error may come
    // before the client was looked at.
    "token_error" r#"{"error": "invalid_request"}"# [] {
        "MACHINES CODES hardening" => "bad oauth_error/provider at token";
        "device" => "bad oauth_error/provider at pending";
        "registration" => "good client_unproven";
        "token_exchange" => "bad oauth_error/provider at subject_token";
    }
    // Our client is refused.
    "token_error" r#"{"error": "invalid_client", "status": 401}"# [] {
        "MACHINES CODES hardening" => "inconclusive credentials/configuration at token";
        "device" => "inconclusive credentials/configuration at pending";
        // The client is the provider's own making.
        "registration" => "bad oauth_error/provider at authenticate";
        "token_exchange" => "inconclusive credentials/configuration at subject_token";
    }
    "token_error" r#"{"error": "invalid_grant"}"# [] {
        "MACHINES CODES hardening" => "bad oauth_error/provider at token";
        "device" => "bad oauth_error/provider at pending";
        "registration" => "bad revocation_ineffective/provider at gone";
        "token_exchange" => "bad oauth_error/provider at subject_token";
    }
    // Our client is not registered for it.
    "token_error" r#"{"error": "unauthorized_client"}"# [] {
        "MACHINES CODES hardening" => "inconclusive config/configuration at token";
        "device" => "inconclusive config/configuration at pending";
        "registration" => "good client_unproven";
        "token_exchange" => "inconclusive config/configuration at subject_token";
    }
    "token_error" r#"{"error": "unsupported_grant_type"}"# [] {
        "MACHINES CODES hardening" => "bad oauth_error/provider at token";
        "device" => "bad oauth_error/provider at pending";
        "registration" => "good client_unproven";
        "token_exchange" => "bad oauth_error/provider at subject_token";
    }
    "token_error" r#"{"error": "invalid_scope"}"# [] {
        "MACHINES CODES hardening" => "bad oauth_error/provider at token";
        "device" => "bad oauth_error/provider at pending";
        "registration" => "good client_unproven";
        "token_exchange" => "bad oauth_error/provider at subject_token";
    }
    // No error of the token endpoint: its status says what it is.
    "token_error" r#"{"error": "server_error", "status": 500}"# [] {
        "MACHINES CODES hardening" => "bad http_status/provider at token";
        "device" => "bad http_status/provider at pending";
        "registration" => "bad http_status/provider at authenticate";
        "token_exchange" => "bad http_status/provider at subject_token";
    }
    // An error with 200 is an error, and a wrong status besides.
    "token_error" r#"{"error": "invalid_grant", "status": 200}"# [] {
        "MACHINES CODES hardening" => "bad oauth_error/provider at token";
        "device" => "bad oauth_error/provider at pending";
        "registration" => "bad revocation_ineffective/provider at gone";
        "token_exchange" => "bad oauth_error/provider at subject_token";
    }
}
