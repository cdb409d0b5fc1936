//! Refreshing, revoking, logging out.

use crate::rows;

rows! {
    // RFC 9700 §4.14.2; the probe says that rotation is required.
    "no_rotation" "" [] { "refresh" => "bad refresh_not_rotated/provider at refresh"; }
    "reuse_accepted" "" [] {
        "refresh" => "bad reuse_accepted/provider at reuse";
        "hardening" => "bad attack_accepted/provider at replay";
    }
    // The same clause: SHOULD revoke the whole family.
    "family_survives_reuse" "" [] { "refresh" => "good family_survives_reuse"; }
    // RFC 6749 §6: a session that was just begun can be refreshed.
    "refresh_dies_early" "" [] {
        "refresh" => "bad oauth_error/provider at refresh";
        // What cannot be used once cannot be used twice.
        "hardening" => "good attack_unjudged";
    }
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
    // OIDC Core 3.1.2.6: login_required, though the user has just logged in. Who needs several codes of one session gets no
    // more than two without asking for the password again and again.
    "session_forgotten" "" [] {
        "form_login.silent" => "bad oauth_error/provider at silent";
        "hardening" => "good attack_unjudged";
    }
    // OIDC RP-Initiated Logout §2.
    "logout_ignored" "" [] {
        "form_login" => "bad logout_ineffective/provider at logout";
        "logout" => "bad logout_ineffective/provider at session";
    }
}
