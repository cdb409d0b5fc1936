//! What is asked about tokens, and what they are shown to.

use crate::rows;

rows! {
    // RFC 6750 §3, RFC 8725, RFC 9068 §4: one missing check at a time.
    // Any token will do, but there must be one.
    "resource_trusting" "" [] { "resource" => "bad attack_accepted/provider at tampered"; }
    "resource_trusting" r#"{"check": "token"}"# [] { "resource" => "bad attack_accepted/provider at without_token"; }
    "resource_trusting" r#"{"check": "signature"}"# [] { "resource" => "bad attack_accepted/provider at tampered"; }
    "resource_trusting" r#"{"check": "expiry"}"# [] { "resource" => "bad attack_accepted/provider at expired"; }
    "resource_trusting" r#"{"check": "algorithm"}"# [] { "resource" => "bad attack_accepted/provider at alg_none"; }
    "resource_trusting" r#"{"check": "audience"}"# [] {
        "resource" => "bad attack_accepted/provider at wrong_audience";
    }
    "resource_trusting" r#"{"check": "issuer"}"# [] { "resource" => "bad attack_accepted/provider at wrong_issuer"; }
    "resource_trusting" r#"{"check": "key"}"# [] { "resource" => "bad attack_accepted/provider at foreign_key"; }
    "resource_trusting" r#"{"check": "scope"}"# [] {
        "resource" => "bad attack_accepted/provider at insufficient_scope";
    }
    "resource_trusting" r#"{"check": "revocation"}"# [] {
        "resource" => "bad revocation_ineffective/provider at revoked";
    }
    // RFC 6750 §3: a refusal MUST come with WWW-Authenticate; it is a refusal all the same.
    "resource_no_challenge" "" [] { "resource" => "good challenge_missing"; }
    // A refusal is 401 or 403 (RFC 6750 §3.1): who breaks down over a bad token does not refuse it.
    "resource_error_500" "" [] { "resource" => "bad http_status/provider at without_token"; }
    // RFC 6750 §3.1: SHOULD be 401, and the token is refused all the same; what it is refused with says more.
    "resource_wrong_status" "" [] { "resource" => "good refusal_status"; }
    "resource_wrong_status" r#"{"status": 400}"# [] { "resource" => "good refusal_status"; }
    // Neither accepted nor refused: whether anything is there at all is not known.
    "resource_wrong_status" r#"{"status": 404}"# [] { "resource" => "bad http_status/provider at without_token"; }
    // Fetch §4.8: no page gets through.
    "cors_missing" "" [] { "resource" => "bad malformed/provider at preflight"; }
    "cors_wildcard_headers" "" [] { "resource" => "bad malformed/provider at preflight"; }
    // RFC 7662 §2.2.
    "introspection_always_active" "" [] {
        "introspection" => "bad attack_accepted/provider at unknown";
        "revocation" => "bad revocation_ineffective/provider at propagation";
    }
    "introspection_never_active" "" [] {
        "introspection" => "bad oauth_error/provider at active";
        "revocation" => "bad oauth_error/provider at alive";
    }
    // Whom it was issued to: the same as `azp`.
    "introspection_wrong_client" "" [] { "introspection" => "bad claim_audience/provider at active"; }
    "introspection_wrong_scope" "" [] { "introspection" => "bad claim_unexpected/provider at active"; }
    // The token itself says who it is about.
    "introspection_wrong_subject" "" [] { "introspection" => "bad claim_subject/provider at active"; }
    "introspection_active_string" "" [] {
        "introspection" => "bad malformed/provider at active";
        "revocation" => "bad malformed/provider at alive";
    }
    // "... the authorization server MUST return an introspection response with the `active` field set to `false`", no error.
    "introspection_error_for_unknown" "" [] {
        "introspection" => "bad oauth_error/provider at unknown";
        "revocation" => "bad oauth_error/provider at propagation";
    }
    // RFC 7662 §2.1: MUST require some authentication.
    "introspection_open" "" [] { "introspection" => "good introspection_open"; }
    // OIDC Core 5.3.2 allows it.
    "userinfo_signed" "" [] {}
    "userinfo_trusting" "" [] {
        "userinfo" => "bad attack_accepted/provider at bad_token";
        // Those of a code that came twice are among them.
        "hardening" => "good code_replay_keeps_tokens";
    }
    "userinfo_wrong_subject" "" [] { "USERINFOS" => "bad claim_subject/provider at userinfo"; }
    // OIDC Core 5.3: GET and POST; a client can do with one.
    "userinfo_no_post" "" [] { "userinfo" => "good userinfo_post"; }
}
