//! How clients prove who they are: assertions, possession of a key, pushed requests.

use crate::rows;

rows! {
    // RFC 6749 §5.2: our client is refused in the one way, and not in the other.
    "secret_refused" "" [] { "client_credentials.post" => "inconclusive credentials/configuration at token"; }
    "secret_refused" r#"{"method": "client_secret_basic"}"# [] {
        "client_credentials client_credentials.bound introspection resource jwt_bearer CODES hardening" =>
            "inconclusive credentials/configuration at token";
        "form_login.pushed" => "inconclusive credentials/configuration at authorize";
        "token_exchange" => "inconclusive credentials/configuration at subject_token";
    }
    // RFC 7521 §4.2.1: our client is refused.
    "assertion_refused" "" [] {
        "client_credentials.assertion client_credentials.keyed" => "inconclusive credentials/configuration at token";
    }
    // RFC 9449 §8: a nonce is asked for once, and taken then.
    "dpop_nonce" "" [] {}
    // The same error again, though with the nonce that was given.
    "dpop_nonce" r#"{"mode": "endless"}"# [] { "client_credentials.bound" => "bad oauth_error/provider at token"; }
    // An error that says no nonce is none of §8.
    "dpop_nonce" r#"{"mode": "absent"}"# [] { "client_credentials.bound" => "bad malformed/provider at token"; }
    // RFC 9449 §5: the type must be DPoP; a plain one is not what was asked for.
    "dpop_ignored" "" [] { "client_credentials.bound" => "bad malformed/provider at token"; }
    // RFC 9449 §6.1: `cnf.jkt` names the key.
    "dpop_unbound" "" [] { "client_credentials.bound" => "bad claim_missing/provider at access_token"; }
    "dpop_wrong_key" "" [] { "client_credentials.bound" => "bad claim_unexpected/provider at access_token"; }
    // RFC 9126 §5: the metadata says so, and every client can.
    "par_required" "" [] {}
    "par_refused" "" [] { "form_login.pushed" => "bad oauth_error/provider at authorize"; }
    // RFC 9126 §2.2: REQUIRED.
    "par_reference_missing" "" [] { "form_login.pushed" => "bad malformed/provider at authorize"; }
    "par_forgotten" "" [] { "form_login.pushed" => "bad http_status/provider at authorize"; }
    // RFC 8414 §2: what is not listed is not offered. An endpoint speaks for itself.
    "grants_not_offered" "" [] {
        "jwt_bearer" => "inconclusive unsupported/configuration at discovery";
        // OIDC Registration §2: what brings nothing but tokens is the grant `implicit`.
        "IMPLICITS" => "inconclusive unsupported/configuration at authorize";
    }
}
