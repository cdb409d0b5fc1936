//! Weaknesses that let attackers in: whoever logs in as they should notices none of them. What `hardening` makes of each is in
//! tests/hardening.rs.

use crate::rows;

rows! {
    "redirect_uri_loose" "" [] {}
    "redirect_uri_loose" r#"{"match": "any"}"# [] {}
    "response_type_unchecked" "" [] {}
    // OIDC Core 3.1.2.6: after the logout a code is the answer of a session that lives on.
    "silent_login" "" [] { "form_login" => "bad logout_ineffective/provider at logout"; }
    "authorization_cors" "" [] {}
    "login_page_framed" "" [] {}
    "pkce_not_enforced" "" [] {}
    "pkce_plain_accepted" "" [] {}
    "pkce_verifier_ignored" "" [] {}
    "code_replay_accepted" "" [] {}
    "code_replay_keeps_tokens" "" [] {}
    "code_redirect_uri_unchecked" "" [] {}
    "token_by_get" "" [] {}
    "access_token_in_query" "" [] {}
    "client_unproven" "" [] {}
    "assertion_unsigned_accepted" "" [] {}
    "assertion_hmac_accepted" "" [] {}
    "assertion_unverified" "" [] {}
}
