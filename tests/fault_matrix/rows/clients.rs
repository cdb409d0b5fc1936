//! How clients prove who they are: assertions, possession of a key, pushed requests.

use crate::rows;

rows! {
    // RFC 7521 §4.2.1: our client is refused.
    "assertion_refused" "" [] { "client_credentials.assertion" => "inconclusive credentials/configuration at token"; }
    // RFC 9449 §8: a nonce is asked for once, and taken then.
    "dpop_nonce" "" [] {}
    // The same demand again, or one that says no nonce, leads nowhere.
    "dpop_nonce" r#"{"mode": "endless"}"# [] { "client_credentials.bound" => "bad malformed/provider at token"; }
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
    "grants_not_offered" "" [] { "jwt_bearer" => "inconclusive unsupported/configuration at discovery"; }
}
