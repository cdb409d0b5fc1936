//! One region alone: the other sees nothing of it.

use crate::rows;

rows! {
    // Slow in one region: the one run that sees every region finds it, from wherever it was started.
    "stale_tokens" r#"{"seconds": 60, "from": "127.0.0.2"}"# [West] {
        "revocation" => "bad revocation_ineffective/provider at propagation";
        "introspection@west" => "bad revocation_ineffective/provider at inactive";
        "hardening@west" => "good code_replay_keeps_tokens";
        "resource@west" => "bad revocation_ineffective/provider at revoked";
    }
    "http_500" r#"{"endpoint": "token", "from": "127.0.0.2"}"# [West] {
        "MACHINES@west CODES@west hardening@west" => "bad http_status/provider at token";
        "token_exchange@west" => "bad http_status/provider at subject_token";
        "device@west" => "bad http_status/provider at pending";
        "registration@west" => "bad http_status/provider at authenticate";
    }
    "connection_reset" r#"{"endpoint": "authorization", "from": "127.0.0.2"}"# [West] {
        "LOGINS@west hardening@west" => "bad reset/network at authorize";
    }
    // Who looks from every region sees it there.
    "rate_limited" r#"{"from": "127.0.0.2"}"# [West] {
        "*@west" => "bad rate_limited/provider at discovery";
        "revocation" => "bad rate_limited/provider at alive";
    }
    "tls_expired" r#"{"from": "127.0.0.2"}"# [Tls West] {
        "*@west" => "bad certificate/provider at discovery";
        "revocation" => "bad certificate/provider at alive";
    }
    "issuer_mismatch" r#"{"from": "127.0.0.2"}"# [West] { "*@west" => "bad issuer_mismatch/provider at discovery"; }
    "jwks_empty" r#"{"from": "127.0.0.2"}"# [West] {
        "jwks@west IDS@west" => "bad jwks_invalid/provider at jwks";
        "GRANTS@west" => "bad jwks_invalid/provider at access_token";
        "token_exchange@west" => "bad jwks_invalid/provider at issued_token";
    }
    "bad_signature" r#"{"from": "127.0.0.2"}"# [West] {
        "IDS@west" => "bad signature_invalid/provider at id_token";
        "HYBRIDS@west" => "bad signature_invalid/provider at front_id_token";
    }
    "token_invalid_json" r#"{"from": "127.0.0.2"}"# [West] {
        "MACHINES@west CODES@west hardening@west" => "bad malformed/provider at token";
        "token_exchange@west" => "bad malformed/provider at subject_token";
        "device@west" => "bad malformed/provider at pending";
        "registration@west" => "bad malformed/provider at authenticate";
    }
    "state_mangled" r#"{"from": "127.0.0.2"}"# [West] {
        "LOGINS@west" => "bad state_mismatch/provider at login";
        "hardening@west" => "bad attack_accepted/provider at response";
    }
    "login_page_maintenance" r#"{"from": "127.0.0.2"}"# [West] {
        "LOGINS@west device@west" => "bad login_page/provider at login";
        "hardening@west" => "bad login_page/provider at authorize";
    }
    "pkce_not_enforced" r#"{"from": "127.0.0.2"}"# [West] {
        "hardening@west" => "bad attack_accepted/provider at pkce";
    }
}
