//! What introspection says of a token, held against what is known of it (RFC 7662 §2.2).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fault::{Class, Finding};
use crate::oidc::clock_skew::Skew;
use crate::oidc::id_token::{Report, Times};
use crate::oidc::json;
use crate::oidc::jwt::Claims;
use crate::outcome::Warning;

const CLAUSE: &str = "RFC 7662 §2.2";

/// What is known of an active token.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// To which client it was issued.
    pub client_id: &'a str,
    /// `token_type` of the token response.
    pub token_type: &'a str,
    /// What was granted; `None`: nobody said.
    pub scope: Option<&'a [String]>,
    /// Whom it is about, if a user logged in for it.
    pub subject: Option<&'a str>,
    /// When it expires (seconds since the epoch), by `expires_in`.
    pub expires: Option<f64>,
    /// Its own claims, if it is a JWT: they win over what else is known.
    pub claims: Option<&'a Claims>,
    /// Now.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// What is known of the provider's clock.
    pub skew: Option<Skew>,
}

/// Everything in which the document of an active token contradicts what is known. All members but `active` are optional:
/// what is not said contradicts nothing.
pub fn agrees(said: &Claims, known: &Known<'_>) -> Report {
    let mut report = Report::default();
    let said = &without_nulls(said, &mut report);
    if said.get("iss").is_some() {
        report.issuer(said, known.issuer, CLAUSE);
    }
    text(&mut report, said, "client_id", Some(known.client_id), Class::ClaimAudience);
    let own = |name: &str| known.claims.and_then(|claims| claims.string(name));
    text(&mut report, said, "sub", own("sub").or(known.subject), Class::ClaimSubject);
    text(&mut report, said, "jti", own("jti"), Class::ClaimUnexpected);
    if let Some(found) = string(&mut report, said, "token_type")
        && !found.eq_ignore_ascii_case(known.token_type)
    {
        let detail =
            format!("token_type: expected {}, found {}", json::short(known.token_type, 40), json::short(found, 40));
        report.findings.push(Finding::new(Class::ClaimUnexpected, CLAUSE, detail));
    }
    scope(&mut report, said, known);
    audience(&mut report, said, known);
    times(&mut report, said, known);
    report
}

/// An ordinary client takes null for absent.
fn without_nulls(said: &Claims, report: &mut Report) -> Claims {
    let (null, there): (Vec<_>, Vec<_>) = said.0.iter().partition(|(_, value)| value.is_null());
    for (name, _) in null {
        let detail = format!("{} is null; what has no value must be left out", json::short(name, 40));
        report.warnings.push(Warning::new("empty_member", CLAUSE, detail));
    }
    Claims(there.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn string<'c>(report: &mut Report, said: &'c Claims, name: &str) -> Option<&'c str> {
    said.get(name)?;
    report.required(said, name, CLAUSE)
}

fn text(report: &mut Report, said: &Claims, name: &str, expected: Option<&str>, class: Class) {
    if let (Some(found), Some(expected)) = (string(report, said, name), expected)
        && found != expected
    {
        let (expected, found) = (json::short(expected, 100), json::short(found, 100));
        report.findings.push(Finding::new(class, CLAUSE, format!("{name}: expected {expected}, found {found}")));
    }
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

/// Order means nothing (RFC 6749 §3.3).
fn scope(report: &mut Report, said: &Claims, known: &Known<'_>) {
    let Some(found) = string(report, said, "scope") else { return };
    let granted = known.scope.map(|scopes| scopes.join(" "));
    let own = known.claims.and_then(|claims| claims.string("scope"));
    let Some(expected) = own.or(granted.as_deref()) else { return };
    if words(found) != words(expected) {
        let (expected, found) = (json::short(expected, 120), json::short(found, 120));
        let detail = format!("scope: expected {expected}, found {found}");
        report.findings.push(Finding::new(Class::ClaimUnexpected, CLAUSE, detail));
    }
}

fn audience(report: &mut Report, said: &Claims, known: &Known<'_>) {
    if said.get("aud").is_none() {
        return;
    }
    let Some(found) = report.audience(said, CLAUSE) else { return };
    let Some(own) = known.claims.filter(|claims| claims.get("aud").is_some()) else { return };
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) =
        (found.into_iter().collect(), own.audience().into_iter().collect());
    if found != expected {
        let shown = |set: BTreeSet<&str>| json::short(&set.into_iter().collect::<Vec<_>>().join(" "), 150);
        let detail = format!("aud: expected {}, found {}", shown(expected), shown(found));
        report.findings.push(Finding::new(Class::ClaimAudience, CLAUSE, detail));
    }
}

fn times(report: &mut Report, said: &Claims, known: &Known<'_>) {
    let times = Times { now: known.now, leeway: known.leeway, skew: known.skew };
    times.expiry(report, said, CLAUSE, false);
    for name in ["iat", "nbf"] {
        if let Some(at) = times.read(report, said, name, None) {
            times.not_ahead(report, name, at, CLAUSE);
        }
    }
    for name in ["exp", "iat"] {
        let own = known.claims.and_then(|claims| claims.date(name).ok().flatten());
        if let (Some(own), Ok(Some(found))) = (own, said.date(name))
            && (own - found).abs() >= 1.0
        {
            let detail = format!("{name}: the token says {own:.0}, introspection {found:.0}");
            report.findings.push(Finding::new(Class::ClaimUnexpected, CLAUSE, detail));
        }
    }
    // What nobody can compare exactly: the answer was on its way for a while.
    if let (None, Some(expires), Ok(Some(found))) = (known.claims, known.expires, said.date("exp"))
        && (expires - found).abs() > known.leeway.as_secs_f64()
    {
        let detail = format!(
            "expires_in ends {:.0} s {} exp",
            (expires - found).abs(),
            if expires > found { "after" } else { "before" }
        );
        report.warnings.push(Warning::new("expires_in_differs", "RFC 6749 §5.1", detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().cloned().unwrap())
    }

    fn check(said: Value, own: Option<Value>) -> (Vec<(Class, String)>, Vec<&'static str>) {
        let own = own.map(claims);
        let scope = ["openid".to_owned(), "api".to_owned()];
        let known = Known {
            issuer: "https://login.example.com",
            client_id: "svc",
            token_type: "Bearer",
            scope: Some(&scope),
            subject: Some("alice"),
            expires: Some((NOW + 300) as f64),
            claims: own.as_ref(),
            now: Timestamp::from_secs(NOW),
            leeway: Duration::from_secs(60),
            skew: None,
        };
        let report = agrees(&claims(said), &known);
        let findings = report.findings.into_iter().map(|f| (f.class, f.detail)).collect();
        (findings, report.warnings.into_iter().map(|w| w.code).collect())
    }

    fn good() -> Value {
        json!({
            "active": true, "iss": "https://login.example.com", "client_id": "svc", "sub": "alice", "scope": "api openid",
            "token_type": "bearer", "exp": NOW as f64 + 299.5, "iat": NOW as f64 - 0.5, "aud": ["api"], "jti": "1",
        })
    }

    #[test]
    fn agreement_is_no_matter_of_order_case_or_fractions() {
        assert_eq!(check(good(), None), (vec![], vec![]));
        let own =
            json!({"sub": "alice", "aud": "api", "exp": NOW + 299, "iat": NOW, "jti": "1", "scope": "openid api"});
        assert_eq!(check(good(), Some(own)), (vec![], vec![]));
        assert_eq!(check(json!({"active": true}), None), (vec![], vec![]));
    }

    #[test]
    fn each_contradiction_has_its_class() {
        let with = |name: &str, value: Value| {
            let mut said = good();
            said[name] = value;
            check(said, None).0.into_iter().map(|(class, _)| class).collect::<Vec<_>>()
        };
        assert_eq!(with("iss", json!("https://other.example.com")), [Class::ClaimIssuer]);
        assert_eq!(with("client_id", json!("web")), [Class::ClaimAudience]);
        assert_eq!(with("sub", json!("bob")), [Class::ClaimSubject]);
        assert_eq!(with("scope", json!("openid")), [Class::ClaimUnexpected]);
        assert_eq!(with("scope", json!(["openid", "api"])), [Class::Malformed]);
        assert_eq!(with("token_type", json!("mac")), [Class::ClaimUnexpected]);
        assert_eq!(with("exp", json!(NOW - 61)), [Class::ClaimExpired]);
        assert_eq!(with("exp", json!("2030-01-01")), [Class::Malformed]);
        assert_eq!(with("iat", json!(NOW + 61)), [Class::ClaimNotYetValid]);
        assert_eq!(with("aud", json!(7)), [Class::Malformed]);
    }

    #[test]
    fn a_jwt_speaks_for_itself() {
        let own = json!({"sub": "pairwise", "aud": "api", "exp": NOW + 100, "jti": "2", "scope": "api"});
        let found: Vec<_> = check(good(), Some(own)).0;
        assert_eq!(
            found.iter().map(|(class, _)| *class).collect::<Vec<_>>(),
            [Class::ClaimSubject, Class::ClaimUnexpected, Class::ClaimUnexpected, Class::ClaimUnexpected]
        );
        assert_eq!(found[0].1, "sub: expected pairwise, found alice");
        let other = json!({"aud": ["api", "more"]});
        assert_eq!(
            check(good(), Some(other)).0,
            [(Class::ClaimAudience, "aud: expected api more, found api".to_owned())]
        );
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let mut said = good();
        said["scope"] = Value::Null;
        assert_eq!(check(said, None), (vec![], vec!["empty_member"]));
    }

    #[test]
    fn another_lifetime_than_the_token_response_told_is_survived() {
        let mut said = good();
        said["exp"] = json!(NOW + 3600);
        assert_eq!(check(said, None), (vec![], vec!["expires_in_differs"]));
    }
}
