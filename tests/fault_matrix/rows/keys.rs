//! The key set, and which key signs.

use crate::rows;

rows! {
    // RFC 7517 §5.1: `keys` MUST be there.
    "jwks_keys_missing" "" [] {
        "jwks IDS" => "bad jwks_invalid/provider at jwks";
        "GRANTS" => "bad jwks_invalid/provider at access_token";
        "token_exchange" => "bad jwks_invalid/provider at issued_token";
    }
    "jwks_empty" "" [] {
        "jwks IDS" => "bad jwks_invalid/provider at jwks";
        "GRANTS" => "bad jwks_invalid/provider at access_token";
        "token_exchange" => "bad jwks_invalid/provider at issued_token";
    }
    "jwks_garbage" "" [] {
        "jwks IDS" => "bad malformed/provider at jwks";
        "GRANTS" => "bad malformed/provider at access_token";
        "token_exchange" => "bad malformed/provider at issued_token";
    }
    // RFC 7517 §5: a client ignores keys that it cannot use; a strict reader does not.
    "jwks_malformed_key" "" [] {
        "jwks" => "bad jwks_invalid/provider at jwks";
        "IDS GRANTS token_exchange" => "good jwks";
    }
    // RFC 7518 §3.3: 2048 bits or more.
    "jwks_weak_key" "" [] {
        "jwks" => "bad jwks_invalid/provider at jwks";
        "IDS GRANTS token_exchange" => "good jwks";
    }
    // OIDC Discovery §3: no private key in the set.
    "jwks_private_key" "" [] {
        "jwks" => "bad jwks_invalid/provider at jwks";
        "IDS GRANTS token_exchange" => "good jwks";
    }
    // RFC 7517 §4.5: keys within a set SHOULD have distinct identifiers.
    "jwks_duplicate_kid" "" [] {
        "jwks" => "bad jwks_invalid/provider at jwks";
        "IDS GRANTS token_exchange" => "good jwks";
    }
    // RFC 7517 §4.2: a key for encryption verifies nothing, so no key is left.
    "jwks_wrong_use" "" [] {
        "jwks IDS" => "bad jwks_invalid/provider at jwks";
        "GRANTS" => "bad jwks_invalid/provider at access_token";
        "token_exchange" => "bad jwks_invalid/provider at issued_token";
    }
    // OIDC Core 10.1: with several keys a `kid` MUST be given; a client that tries them all survives.
    "jwks_kid_absent" "" [] {
        "jwks IDS GRANTS token_exchange" => "good kid_missing";
    }
    "unknown_kid" "" [] {
        "IDS" => "bad key_not_found/provider at id_token";
        "HYBRIDS" => "bad key_not_found/provider at front_id_token";
        "GRANTS" => "bad key_not_found/provider at access_token";
        "token_exchange" => "bad key_not_found/provider at issued_token";
    }
    "jwks_stale" "" [] {
        "IDS" => "bad key_not_found/provider at id_token";
        "HYBRIDS" => "bad key_not_found/provider at front_id_token";
        "GRANTS" => "bad key_not_found/provider at access_token";
        "token_exchange" => "bad key_not_found/provider at issued_token";
    }
    "unsafe_rotation" "" [] {
        "IDS" => "bad key_not_found/provider at id_token";
        "HYBRIDS" => "bad key_not_found/provider at front_id_token";
        "GRANTS" => "bad key_not_found/provider at access_token";
        "token_exchange" => "bad key_not_found/provider at issued_token";
    }
    // Who has not seen the old key misses nothing.
    "abrupt_rotation" "" [] {}
    "early_removal" "" [] {}
    "same_kid_new_key" "" [] {}
    // OIDC Core 10.1.1: whoever saw the old key sign knows that its tokens live still. One who only reads key sets cannot
    // tell whether it signed at all.
    "abrupt_rotation" "" [After] {
        "IDS GRANTS token_exchange" => "good unsafe_rotation";
    }
    "early_removal" "" [AfterRotation] {
        "IDS GRANTS token_exchange" => "good unsafe_rotation";
    }
    // RFC 7517 §4.5: a `kid` matches one specific key; a client that holds the old set refuses what the new key signs.
    "same_kid_new_key" "" [After] {
        "jwks IDS GRANTS token_exchange" => "good unsafe_rotation";
    }
}
