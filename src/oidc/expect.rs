//! What a probe's configuration demands of tokens, beyond what the specifications do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::fault::{Class, Finding};
use crate::oidc::json;

/// What must be true of the tokens that a run is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Claims that the ID token or userinfo (without a login: the JWT access token) must hold, with these very values.
    pub claims: BTreeMap<String, Value>,
    /// Scopes that must be granted.
    pub scopes: Vec<String>,
    /// The authentication context class that the ID token must name (OIDC Core §2, `acr`).
    pub acr: Option<String>,
}

impl Expect {
    /// Compares a token's claims: every one that is missing or another.
    pub fn check_claims(&self, claims: &serde_json::Map<String, Value>) -> Vec<Finding> {
        let missing = self.claims.iter().filter(|(name, _)| !claims.contains_key(*name)).map(|(name, expected)| {
            let detail = format!("{name} is missing; expected {}", json::shown(expected));
            Finding::new(Class::ClaimMissing, "expect.claims", detail)
        });
        self.check_present(claims).into_iter().chain(missing).collect()
    }

    /// The same, where another document may still have what is missing: with a code flow, what `profile` and `email` ask
    /// for is userinfo's to say (OIDC Core 5.4).
    pub fn check_present(&self, claims: &serde_json::Map<String, Value>) -> Vec<Finding> {
        let differs = |(name, expected): (&String, &Value)| {
            let found = claims.get(name).filter(|found| !same(expected, found))?;
            let detail = format!("{name}: expected {}, found {}", json::shown(expected), json::shown(found));
            Some(Finding::new(Class::ClaimUnexpected, "expect.claims", detail))
        };
        self.claims.iter().filter_map(differs).collect()
    }

    /// Compares what was granted. `granted` is the answer's `scope`; without one, what was asked for is granted
    /// (RFC 6749 §5.1).
    pub fn check_scopes(&self, granted: Option<&[String]>, asked: &[String]) -> Vec<Finding> {
        let granted = granted.unwrap_or(asked);
        let missing: Vec<&str> = self.scopes.iter().filter(|s| !granted.contains(s)).map(String::as_str).collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let detail =
            format!("scope {} was not granted; granted: {}", missing.join(" "), json::short(&granted.join(" "), 200));
        vec![Finding::new(Class::ClaimMissing, "expect.scopes", detail)]
    }
}

/// Equal as JSON; numbers by value, so that 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_compared_by_value_and_all_are_listed() {
        let expect: Expect = serde_json::from_value(json!({
            "claims": {"email_verified": true, "groups": ["a", "b"], "level": 3, "missing": "x"}
        }))
        .unwrap();
        let claims = json!({"email_verified": "true", "groups": ["a", "b"], "level": 3.0});
        let findings = expect.check_claims(claims.as_object().unwrap());
        let found: Vec<_> = findings.iter().map(|f| (f.class, f.detail.as_str())).collect();
        assert_eq!(
            found,
            [
                (Class::ClaimUnexpected, "email_verified: expected true, found \"true\""),
                (Class::ClaimMissing, "missing is missing; expected \"x\""),
            ]
        );
    }

    #[test]
    fn an_absent_scope_means_what_was_asked_for() {
        let expect = Expect { scopes: vec!["openid".into(), "email".into()], ..Expect::default() };
        let asked = ["openid".to_owned(), "email".to_owned()];
        assert_eq!(expect.check_scopes(None, &asked), []);
        assert_eq!(
            expect.check_scopes(Some(&asked[..1]), &asked)[0].detail,
            "scope email was not granted; granted: openid"
        );
    }
}
