//! Bearer tokens at protected resources (RFC 6750): how they are shown, and how a request is refused. Pure.

use ::http::HeaderValue;
use url::Url;

use crate::fault::{Class, Fault, Finding};
use crate::oidc::challenge::{Challenge, challenges};
use crate::oidc::http::Response;
use crate::oidc::response::{self, OauthError};
use crate::outcome::Warning;
use crate::secret::Secret;

/// `Authorization` with that scheme: `Bearer` (§2.1) or `DPoP` (RFC 9449 §7.1). Fault: `malformed`, if the token cannot be
/// in a header.
pub fn authorization(scheme: &str, token: &Secret) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", token.expose()))
        .map_err(|_| Fault::new(Class::Malformed, "the access token holds characters that cannot be in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A fault on the way to a protected resource, with the name of its host: it need not be the provider's.
pub fn of_resource(url: &Url, mut fault: Fault) -> Fault {
    let host = url.host_str().unwrap_or_default();
    if !fault.detail.contains(host) {
        fault.detail = format!("{host}: {}", fault.detail);
    }
    fault
}

/// Why a request must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It brings no token.
    NoToken,
    /// Its token is expired, revoked, malformed or for others.
    Invalid,
    /// Its token is good, but not for this.
    Scope,
}

impl Bad {
    /// The status, and the error code of the challenge (§3.1); without credentials there is none.
    const fn expected(self) -> (u16, Option<&'static str>) {
        match self {
            Self::NoToken => (401, None),
            Self::Invalid => (401, Some("invalid_token")),
            Self::Scope => (403, Some("insufficient_scope")),
        }
    }
}

/// Whether `what` (such as `a token with another audience`) is refused by `who` as it must be. Acceptance is
/// `attack_accepted` under `clause`; a refusal in another way than §3 says is a warning. Faults besides: `http_status`,
/// `redirect`.
pub fn refused(
    answer: &Response,
    bad: Bad,
    (who, what, clause): (&str, &str, &'static str),
    warnings: &mut Vec<Warning>,
) -> Result<(), Fault> {
    let status = answer.status;
    if status.is_success() {
        let detail = format!("{who} accepts {what}: status {}", status.as_u16());
        let finding = Finding::new(Class::AttackAccepted, clause, detail);
        return Fault::from_findings(vec![finding]).map_or(Ok(()), Err);
    }
    if !matches!(status.as_u16(), 400 | 401 | 403) {
        let fault = response::status_fault(answer, &format!("{who}, asked with {what}"));
        return Err(fault);
    }
    let (expected, code) = bad.expected();
    if status.as_u16() != expected {
        let detail = format!("{who} refuses {what} with status {}, not {expected}", status.as_u16());
        warnings.push(Warning::new("refusal_status", "RFC 6750 §3.1", detail));
    }
    if !challenges(&answer.headers).iter().any(Challenge::is_for_tokens) {
        let detail = format!("{who} refuses {what} without WWW-Authenticate: Bearer");
        warnings.push(Warning::new("challenge_missing", "RFC 6750 §3", detail));
        return Ok(());
    }
    let found = OauthError::from_challenge(&answer.headers).map(|error| error.code);
    if found.as_deref() != code {
        let shown = |code: Option<&str>| code.map_or("no error code".to_owned(), |code| format!("error {code}"));
        let detail = format!("{who} refuses {what} with {}; expected {}", shown(found.as_deref()), shown(code));
        warnings.push(Warning::new("challenge_error", "RFC 6750 §3.1", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::response::testing::response;

    fn judge(status: u16, challenge: Option<&str>, bad: Bad) -> (Result<(), Class>, Vec<&'static str>) {
        let headers: Vec<(&'static str, &str)> = challenge.map(|c| ("www-authenticate", c)).into_iter().collect();
        let mut warnings = Vec::new();
        let about = ("api.example.com", "an expired token", "RFC 6750 §3.1");
        let result = refused(&response(status, &headers, ""), bad, about, &mut warnings);
        (result.map_err(|fault| fault.class), warnings.into_iter().map(|w| w.code).collect())
    }

    /// The examples of RFC 6750 §3 and the codes of §3.1.
    #[test]
    fn refusals_as_the_rfc_has_them_are_good() {
        assert_eq!(judge(401, Some("Bearer realm=\"example\""), Bad::NoToken), (Ok(()), vec![]));
        let expired =
            "Bearer realm=\"example\", error=\"invalid_token\", error_description=\"The access token expired\"";
        assert_eq!(judge(401, Some(expired), Bad::Invalid), (Ok(()), vec![]));
        assert_eq!(judge(403, Some("bearer error=insufficient_scope"), Bad::Scope), (Ok(()), vec![]));
        assert_eq!(judge(401, Some("Basic realm=\"x\", Bearer realm=\"y\""), Bad::NoToken), (Ok(()), vec![]));
        let beside = "Basic realm=\"x\", Bearer realm=\"y\", error=\"invalid_token\"";
        assert_eq!(judge(401, Some(beside), Bad::Invalid), (Ok(()), vec![]));
        assert_eq!(judge(401, Some("DPoP algs=\"ES256\""), Bad::NoToken), (Ok(()), vec![]));
    }

    #[test]
    fn other_refusals_are_survived() {
        assert_eq!(judge(401, None, Bad::NoToken), (Ok(()), vec!["challenge_missing"]));
        for other in ["Basic realm=\"x\"", "Basic realm=\"a, Bearer b\"", "Bearers realm=\"x\""] {
            assert_eq!(judge(401, Some(other), Bad::NoToken), (Ok(()), vec!["challenge_missing"]), "{other}");
        }
        assert_eq!(judge(403, None, Bad::NoToken), (Ok(()), vec!["refusal_status", "challenge_missing"]));
        assert_eq!(judge(401, Some("Bearer"), Bad::Invalid), (Ok(()), vec!["challenge_error"]));
        assert_eq!(judge(401, Some("Bearer error=\"invalid_token\""), Bad::NoToken), (Ok(()), vec!["challenge_error"]));
        let both = vec!["refusal_status", "challenge_error"];
        assert_eq!(judge(401, Some("Bearer error=\"invalid_token\""), Bad::Scope), (Ok(()), both));
    }

    #[test]
    fn acceptance_is_an_attack_and_a_breakdown_is_no_refusal() {
        for status in [200, 204, 206] {
            assert_eq!(judge(status, None, Bad::Invalid).0, Err(Class::AttackAccepted));
        }
        for status in [500, 503, 404, 405] {
            assert_eq!(judge(status, None, Bad::Invalid).0, Err(Class::HttpStatus));
        }
        assert_eq!(judge(302, None, Bad::NoToken).0, Err(Class::Redirect));
    }
}
