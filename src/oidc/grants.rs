//! Which grants a provider offers, as far as its metadata tells (`grant_types_supported`, RFC 8414 §2). Pure, but for what
//! is remembered.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::fault::{Class, Fault};
use crate::oidc::metadata::Metadata;

/// The member that lists them.
pub const MEMBER: &str = "grant_types_supported";
/// What holds where it is absent (RFC 8414 §2).
pub const DEFAULT: &[&str] = &["authorization_code", "implicit"];

/// What else than its metadata speaks for a grant of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing.
    None,
    /// Something that weighs as much as a list: an endpoint that is only there for this grant, or is configured; a code or
    /// refresh token that was issued for it; tokens that it has brought.
    Given,
}

/// The fault of a token request: `unsupported`, naming the member and the error, where the metadata says that the grant is
/// not offered and the provider refuses it. Everything else stays what it is: an answer of 5xx and a client that is not
/// known (`invalid_client`) say nothing of the grant.
///
/// A list without the grant is taken at its word: whatever it is refused with (some look at client or scope first), nothing
/// was promised. Where there is no list, or a `word` against it, only `unsupported_grant_type` is taken so. The default of
/// a list that is absent leaves out what many who have none do offer (Microsoft's, for one), and their outage must not pass
/// for a lack.
pub fn judged(metadata: &Metadata, grant: &str, word: Word, fault: Fault) -> Fault {
    // Without a document there is no member that says anything.
    if metadata.document().is_none() {
        return fault;
    }
    let Err(absent) = metadata.offers(MEMBER, grant, DEFAULT) else { return fault };
    let at_its_word = word == Word::None && metadata.list(MEMBER).is_some();
    if is_unknown(&fault) || at_its_word && is_refusal(&fault) {
        return Fault::new(Class::Unsupported, format!("{}: {}", absent.detail, fault.detail));
    }
    fault
}

fn is_unknown(fault: &Fault) -> bool {
    fault.class == Class::OauthError && code(fault) == "unsupported_grant_type"
}

/// Whether the provider has said no (RFC 6749 §5.2, RFC 8693 §2.2.2), not that it cannot, wants the request otherwise, or
/// something of its own making, which may be an outage.
fn is_refusal(fault: &Fault) -> bool {
    const REFUSALS: &[&str] = &[
        "invalid_request",
        "invalid_grant",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "unauthorized_client",
    ];
    match fault.class {
        Class::OauthError => REFUSALS.contains(&code(fault)),
        // The client may not use the grant (RFC 6749 §5.2): ours to mend, if there were such a grant.
        Class::Config => fault.detail.contains("unauthorized_client"),
        _ => false,
    }
}

/// The error's code, with which the detail begins.
fn code(fault: &Fault) -> &str {
    fault.detail.split([' ', ':']).next().unwrap_or_default()
}

/// The fault of a login that brought no refresh token: the provider's right (RFC 6749 §1.5), and mostly a matter of scopes
/// and of the client's registration, unless the metadata says that there are none.
pub fn no_refresh_token(metadata: &Metadata) -> Fault {
    let detail = "the login brought no refresh token";
    let detail = match (metadata.list(MEMBER).is_some(), metadata.offers(MEMBER, "refresh_token", DEFAULT)) {
        (true, Err(absent)) => format!("{}: {detail}", absent.detail),
        _ => format!("{detail}: is `offline_access` asked for, and the grant allowed?"),
    };
    Fault::new(Class::Unsupported, detail)
}

/// Grants of a provider that have worked though its metadata does not list them: of these it is known that the list forgets
/// them.
#[derive(Debug, Default)]
pub struct Unlisted(Mutex<HashSet<&'static str>>);

impl Unlisted {
    /// That grant has brought tokens.
    pub fn worked(&self, metadata: &Metadata, grant: &'static str) {
        if metadata.document().is_some() && metadata.offers(MEMBER, grant, DEFAULT).is_err() {
            self.0.lock().expect("grants").insert(grant);
        }
    }

    /// What this says for a grant.
    pub fn word(&self, grant: &str) -> Word {
        if self.0.lock().expect("grants").contains(grant) { Word::Given } else { Word::None }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::metadata::Document;
    use crate::oidc::response::testing;

    const ISSUER: &str = "https://a.example.com";
    const GRANT: &str = "client_credentials";

    fn metadata(listed: &Value) -> Metadata {
        let mut body = json!({"issuer": ISSUER});
        if !listed.is_null() {
            body[MEMBER] = listed.clone();
        }
        let answer = testing::json(200, &body);
        Metadata::process(&answer, Document::Oauth, ISSUER, &BTreeMap::new(), &mut vec![]).unwrap()
    }

    /// RFC 6749 §5.2, RFC 8414 §2. Which refusals of a grant that was asked for end as `unsupported`.
    #[test]
    fn a_list_is_taken_at_its_word_and_silence_is_not() {
        let not_listed = json!(["refresh_token"]);
        let oauth = Class::OauthError;
        for (listed, word, class, detail, expected) in [
            (&not_listed, Word::None, oauth, "unsupported_grant_type (no)", true),
            (&not_listed, Word::None, oauth, "invalid_scope (api)", true),
            (&not_listed, Word::None, oauth, "invalid_request", true),
            (&not_listed, Word::None, oauth, "invalid_grant", true),
            (&not_listed, Word::None, oauth, "access_denied", true),
            (
                &not_listed,
                Word::None,
                Class::Config,
                "client svc is not registered for this grant: unauthorized_client",
                true,
            ),
            // Nothing of the grant is said by these.
            (&not_listed, Word::None, oauth, "server_error", false),
            (&not_listed, Word::None, oauth, "internal_error (try again)", false),
            (&not_listed, Word::None, oauth, "temporarily_unavailable (later)", false),
            (&not_listed, Word::None, oauth, "use_dpop_nonce: /token demands another", false),
            (&not_listed, Word::None, Class::Credentials, "client svc is refused: invalid_client", false),
            (&not_listed, Word::None, Class::Config, "client svc: no such file", false),
            (&not_listed, Word::None, Class::HttpStatus, "token endpoint: status 500", false),
            (&not_listed, Word::None, Class::Malformed, "token response: access_token is missing", false),
            (&not_listed, Word::None, Class::Timeout, "nothing came", false),
            // Something else speaks for it.
            (&not_listed, Word::Given, oauth, "invalid_scope", false),
            (&not_listed, Word::Given, oauth, "unsupported_grant_type", true),
            // No list.
            (&Value::Null, Word::None, oauth, "unsupported_grant_type", true),
            (&Value::Null, Word::None, oauth, "invalid_scope", false),
            (&Value::Null, Word::None, oauth, "invalid_client_id", false),
            // It is listed.
            (&json!([GRANT]), Word::None, oauth, "unsupported_grant_type", false),
            (&json!([GRANT]), Word::None, oauth, "invalid_scope", false),
        ] {
            let fault = judged(&metadata(listed), GRANT, word, Fault::new(class, detail));
            let case = format!("{listed} {word:?} {class} {detail}");
            assert_eq!(fault.class, if expected { Class::Unsupported } else { class }, "{case}");
            assert!(fault.detail.ends_with(detail), "{case}: {}", fault.detail);
            assert_eq!(fault.detail.contains(MEMBER) && fault.detail.contains(GRANT), expected, "{case}");
            assert!(!expected || !fault.blame.is_bad(), "{case}");
        }
    }

    #[test]
    fn without_a_document_nobody_has_said_anything() {
        let none = Metadata::configured(ISSUER, &BTreeMap::new());
        let fault = Fault::new(Class::OauthError, "unsupported_grant_type");
        assert_eq!(judged(&none, GRANT, Word::None, fault.clone()), fault);
    }

    #[test]
    fn a_list_that_forgets_a_grant_is_found_out_when_the_grant_works() {
        let (seen, forgetful) = (Unlisted::default(), metadata(&json!(["refresh_token"])));
        assert_eq!(seen.word(GRANT), Word::None);
        // One that is listed, and struck off later, was retired.
        seen.worked(&metadata(&json!([GRANT])), GRANT);
        assert_eq!(seen.word(GRANT), Word::None);
        seen.worked(&forgetful, GRANT);
        assert_eq!((seen.word(GRANT), seen.word("password")), (Word::Given, Word::None));
        let outage = Fault::new(Class::OauthError, "invalid_scope");
        assert_eq!(judged(&forgetful, GRANT, seen.word(GRANT), outage).class, Class::OauthError);
    }

    #[test]
    fn who_lists_no_refresh_tokens_is_named_for_it() {
        for (listed, named) in [
            (json!(["authorization_code"]), true),
            (json!(["authorization_code", "refresh_token"]), false),
            (Value::Null, false),
        ] {
            let fault = no_refresh_token(&metadata(&listed));
            assert_eq!((fault.class, fault.detail.contains(MEMBER)), (Class::Unsupported, named), "{listed}");
        }
    }
}
