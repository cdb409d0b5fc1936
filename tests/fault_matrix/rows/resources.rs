//! Where tokens are looked at and used.

use crate::rows;

rows! {
    // RFC 7662 §2.2: what is said of a token that was just issued.
    "introspection_never_active" "" [] {
        "introspection" => "bad oauth_error/provider at active";
        "revocation" => "bad oauth_error/provider at alive";
    }
    "introspection_wrong_client" "" [] { "introspection" => "bad claim_audience/provider at active"; }
    "introspection_wrong_scope" "" [] { "introspection" => "bad claim_unexpected/provider at active"; }
    "introspection_wrong_subject" "" [] { "introspection" => "bad claim_subject/provider at active"; }
    "introspection_active_string" "" [] {
        "introspection" => "bad malformed/provider at active";
        "revocation" => "bad malformed/provider at alive";
    }
    // The same clause: a token that does not exist is not active, and that is no error.
    "introspection_always_active" "" [] {
        "introspection" => "bad attack_accepted/provider at unknown";
        "revocation" => "bad revocation_ineffective/provider at propagation";
    }
    "introspection_error_for_unknown" "" [] {
        "introspection" => "bad oauth_error/provider at unknown";
        "revocation" => "bad oauth_error/provider at propagation";
    }
    // RFC 7662 §2.1 and §4.
    "introspection_open" "" [] { "introspection" => "good introspection_open"; }
    // OIDC Core 5.3.2.
    "userinfo_signed" "" [] {}
    "userinfo_wrong_subject" "" [] {
        "form_login form_login.steps refresh" => "bad claim_subject/provider at userinfo";
    }
    // What a login does not try: see tests/token_kinds/userinfo.rs.
    "userinfo_trusting" "" [] {}
    "userinfo_no_post" "" [] {}
    // What only the kind `resource` goes to: see tests/token_kinds/resource.rs.
    "resource_trusting" "" [] {}
    "resource_no_challenge" "" [] {}
    "resource_error_500" "" [] {}
    "cors_missing" "" [] {}
    "cors_wildcard_headers" "" [] {}
    // RFC 8414 §2. Who has a grant that works need not find it in a list, but for the kind `jwt_bearer`.
    "grants_not_offered" "" [] {}
}
