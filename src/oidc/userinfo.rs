//! The userinfo endpoint: OIDC Core 5.3. Pure.

use ::http::header;
use serde_json::{Map, Value};

use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::id_token::Report;
use crate::oidc::json;
use crate::oidc::jwt::Claims;
use crate::oidc::response::{self, OauthError};
use crate::outcome::Warning;

/// What the endpoint said.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The claims of the user.
    Claims(Map<String, Value>),
    /// A signed or encrypted answer (5.3.2), to be verified.
    Token(String),
    /// The access token is refused (RFC 6750 §3.1): the error code, if one was given.
    Refused(Option<OauthError>),
}

/// Reads the answer. Faults: `http_status`, `redirect`, `malformed`, `oauth_error`.
pub fn process(answer: &Response, warnings: &mut Vec<Warning>) -> Result<Answer, Fault> {
    let what = "userinfo";
    match answer.status.as_u16() {
        200 => {}
        401 => {
            if !answer.headers.contains_key(header::WWW_AUTHENTICATE) {
                let detail = "401 without WWW-Authenticate";
                warnings.push(Warning::new("challenge_missing", "RFC 6750 §3", detail));
            }
            let error = OauthError::from_challenge(&answer.headers).or_else(|| OauthError::from_body(&answer.body));
            return Ok(Answer::Refused(error));
        }
        // RFC 6750 §3.1: invalid_request is a 400, insufficient_scope a 403. Neither says the token is dead.
        400 | 403 => {
            let error = OauthError::from_challenge(&answer.headers).or_else(|| OauthError::from_body(&answer.body));
            return match error {
                Some(error) if error.code == "invalid_token" => Ok(Answer::Refused(Some(error))),
                Some(error) => Err(Fault::new(Class::OauthError, format!("userinfo: {error}"))),
                None => Err(response::status_fault(answer, what)),
            };
        }
        _ => return Err(response::status_fault(answer, what)),
    }
    let media = answer.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(response::media_type);
    if media.as_deref() == Some("application/jwt") {
        let token = std::str::from_utf8(&answer.body)
            .map_err(|_| Fault::new(Class::Malformed, "userinfo: the token is not ASCII"))?;
        return Ok(Answer::Token(token.trim().to_owned()));
    }
    Ok(Answer::Claims(response::json_object(answer, what, warnings)?))
}

/// `sub` must be there and, if `expected`, be the ID token's (5.3.2). Fault: `claim_subject`.
pub fn check_subject(claims: &Map<String, Value>, expected: Option<&str>) -> Result<(), Fault> {
    let wrong = |detail: String| Err(Fault::new(Class::ClaimSubject, detail));
    match claims.get("sub") {
        None => wrong("userinfo: sub is missing (OIDC Core 5.3.2)".to_owned()),
        Some(Value::String(found)) if expected.is_none_or(|expected| expected == found) => Ok(()),
        Some(Value::String(_)) => wrong("userinfo: sub is not the ID token's (OIDC Core 5.3.2)".to_owned()),
        Some(other) => wrong(format!("userinfo: sub is {}, not a string (OIDC Core 5.3.2)", json::kind(other))),
    }
}

/// A signed answer names its issuer and us (5.3.2).
pub fn validate(claims: &Claims, issuer: &str, client_id: &str) -> Report {
    let clause = "OIDC Core 5.3.2";
    let mut report = Report::default();
    report.issuer(claims, issuer, clause);
    if let Some(audience) = report.audience(claims, clause)
        && !audience.contains(&client_id)
    {
        let found = json::short(&audience.join(" "), 200);
        report.findings.push(Finding::new(
            Class::ClaimAudience,
            clause,
            format!("aud: expected {client_id}, found {found}"),
        ));
    }
    report
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::response::testing;

    #[test]
    fn claims_and_signed_answers() {
        let mut warnings = Vec::new();
        let answer = testing::json(200, &json!({"sub": "alice"}));
        let Ok(Answer::Claims(claims)) = process(&answer, &mut warnings) else { panic!("claims") };
        assert_eq!(check_subject(&claims, Some("alice")), Ok(()));
        let signed = testing::response(200, &[("content-type", "application/jwt")], "a.b.c\n");
        assert_eq!(process(&signed, &mut warnings), Ok(Answer::Token("a.b.c".to_owned())));
        assert_eq!(warnings, []);
    }

    #[test]
    fn the_subject_is_the_id_tokens() {
        for claims in [json!({"sub": "mallory"}), json!({"sub": 7}), json!({"sub": null}), json!({})] {
            let fault = check_subject(claims.as_object().unwrap(), Some("alice")).unwrap_err();
            assert_eq!(fault.class, Class::ClaimSubject);
        }
    }

    #[test]
    fn only_a_refused_token_is_refused() {
        let challenge = [("www-authenticate", r#"Bearer error="invalid_token""#)];
        let refused = process(&testing::response(401, &challenge, ""), &mut vec![]).unwrap();
        assert_eq!(refused, Answer::Refused(Some(OauthError { code: "invalid_token".into(), description: None })));
        let mut warnings = Vec::new();
        assert_eq!(process(&testing::response(401, &[], ""), &mut warnings), Ok(Answer::Refused(None)));
        assert_eq!(warnings[0].code, "challenge_missing");
        let scope = [("www-authenticate", r#"Bearer error="insufficient_scope""#)];
        let fault = process(&testing::response(403, &scope, ""), &mut vec![]).unwrap_err();
        assert_eq!((fault.class, fault.detail.as_str()), (Class::OauthError, "userinfo: insufficient_scope"));
        for (status, class) in [(403, Class::HttpStatus), (500, Class::HttpStatus), (302, Class::Redirect)] {
            assert_eq!(process(&testing::response(status, &[], ""), &mut vec![]).unwrap_err().class, class);
        }
    }
}
