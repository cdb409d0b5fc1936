//! Access tokens that only their owner can use: what `cnf` of a JWT must say (RFC 7800, RFC 8705 §3.1, RFC 9449 §6.1).
//! Pure. An opaque token does not say it to us.

use serde_json::Value;

use crate::fault::{Class, Finding};
use crate::oidc::json;
use crate::oidc::jwt::Claims;
use crate::outcome::Warning;

/// What our tokens are to be bound to.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// The thumbprint of the key that our DPoP proofs are made with.
    pub key: Option<String>,
    /// The thumbprint of the certificate that we showed, if the provider can bind tokens to it.
    pub certificate: Option<String>,
}

/// Holds `cnf` against it. A token that was issued for a proof must name its key (RFC 9449 §6.1); whether one is bound to a
/// certificate is for the client's registration to say (RFC 8705 §3.4), so that its absence is a warning.
pub fn check(claims: &Claims, binding: &Binding, findings: &mut Vec<Finding>, warnings: &mut Vec<Warning>) {
    if let Some(expected) = &binding.key {
        let clause = "RFC 9449 §6.1";
        match confirmed(claims, "jkt") {
            None => findings.push(Finding::new(Class::ClaimMissing, clause, "cnf.jkt is missing")),
            Some(found) => compare("cnf.jkt", found, expected, clause, findings),
        }
    }
    if let Some(expected) = &binding.certificate {
        match confirmed(claims, "x5t#S256") {
            None => {
                let detail = "the access token is not bound to the client's certificate: cnf.x5t#S256 is missing";
                warnings.push(Warning::new("certificate_unbound", "RFC 8705 §3.1", detail));
            }
            Some(found) => compare("cnf.x5t#S256", found, expected, "RFC 8705 §3.1", findings),
        }
    }
}

fn confirmed<'c>(claims: &'c Claims, member: &str) -> Option<&'c Value> {
    claims.get("cnf")?.get(member)
}

fn compare(name: &str, found: &Value, expected: &str, clause: &'static str, findings: &mut Vec<Finding>) {
    if found != expected {
        let detail = match found {
            Value::String(_) => format!("{name} is the thumbprint of something else than what we proved"),
            other => format!("{name} is {}, not a string", json::kind(other)),
        };
        findings.push(Finding::new(Class::ClaimUnexpected, clause, detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The thumbprints of RFC 9449 §6.1 and RFC 8705 §3.1.
    const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const CERTIFICATE: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    fn checked(cnf: Value, key: bool, certificate: bool) -> (Vec<Class>, usize) {
        let claims = Claims(json!({"sub": "a", "cnf": cnf}).as_object().cloned().unwrap());
        let binding =
            Binding { key: key.then(|| KEY.to_owned()), certificate: certificate.then(|| CERTIFICATE.to_owned()) };
        let (mut findings, mut warnings) = (Vec::new(), Vec::new());
        check(&claims, &binding, &mut findings, &mut warnings);
        (findings.into_iter().map(|f| f.class).collect(), warnings.len())
    }

    #[test]
    fn a_token_for_a_proof_names_its_key() {
        assert_eq!(checked(json!({"jkt": KEY}), true, false), (vec![], 0));
        assert_eq!(checked(json!({}), true, false), (vec![Class::ClaimMissing], 0));
        assert_eq!(checked(json!(null), true, false), (vec![Class::ClaimMissing], 0));
        assert_eq!(checked(json!({"jkt": CERTIFICATE}), true, false), (vec![Class::ClaimUnexpected], 0));
        assert_eq!(checked(json!({"jkt": 7}), true, false), (vec![Class::ClaimUnexpected], 0));
    }

    #[test]
    fn a_token_may_be_bound_to_a_certificate_and_then_to_ours() {
        assert_eq!(checked(json!({"x5t#S256": CERTIFICATE}), false, true), (vec![], 0));
        assert_eq!(checked(json!({}), false, true), (vec![], 1));
        assert_eq!(checked(json!({"x5t#S256": KEY}), false, true), (vec![Class::ClaimUnexpected], 0));
    }

    #[test]
    fn nothing_is_expected_of_a_bearer_token() {
        assert_eq!(checked(json!(null), false, false), (vec![], 0));
    }
}
