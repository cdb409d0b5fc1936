//! Refreshing, revoking, logging out.

use crate::rows;

rows! {
    // RFC 9700 §4.14.2; the probe says that rotation is required.
    "no_rotation" "" [] { "refresh" => "bad refresh_not_rotated/provider at refresh"; }
    "reuse_accepted" "" [] { "refresh" => "bad reuse_accepted/provider at reuse"; }
    // The same clause: SHOULD revoke the whole family.
    "family_survives_reuse" "" [] { "refresh" => "good family_survives_reuse"; }
    // RFC 6749 §6: a session that was just begun can be refreshed.
    "refresh_dies_early" "" [] { "refresh" => "bad oauth_error/provider at refresh"; }
    // RFC 7009 §2.2.
    "revocation_ignored" "" [] {
        "revocation" => "bad revocation_ineffective/provider at propagation";
        "introspection" => "bad revocation_ineffective/provider at inactive";
        "resource" => "bad revocation_ineffective/provider at revoked";
    }
    // Within the bound of three seconds, and beyond.
    "slow_revocation" r#"{"seconds": 1}"# [] {}
    "slow_revocation" r#"{"seconds": 60}"# [] {
        "revocation" => "bad revocation_ineffective/provider at propagation";
        "introspection" => "bad revocation_ineffective/provider at inactive";
        "resource" => "bad revocation_ineffective/provider at revoked";
    }
    "stale_tokens" r#"{"seconds": 1}"# [] {}
    // Slow in one region: the one run that sees every region finds it, from wherever it was started.
    "stale_tokens" r#"{"seconds": 60, "from": "127.0.0.2"}"# [West] {
        "revocation" => "bad revocation_ineffective/provider at propagation";
        "introspection@west" => "bad revocation_ineffective/provider at inactive";
        "resource@west" => "bad revocation_ineffective/provider at revoked";
    }
    // OIDC RP-Initiated Logout §2.
    "logout_ignored" "" [] {
        "form_login" => "bad logout_ineffective/provider at logout";
        "logout" => "bad logout_ineffective/provider at session";
    }
    // One region alone.
    "http_500" r#"{"endpoint": "token", "from": "127.0.0.2"}"# [West] {
        "client_credentials@west client_credentials.bound@west client_credentials.assertion@west introspection@west resource@west jwt_bearer@west form_login@west form_login.steps@west form_login.pushed@west refresh@west userinfo@west" => "bad http_status/provider at token";
        "token_exchange@west" => "bad http_status/provider at subject_token";
        "device@west" => "bad http_status/provider at pending";
        "registration@west" => "bad http_status/provider at authenticate";
    }
}
