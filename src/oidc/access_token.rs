//! Access tokens that are JWTs: RFC 9068 where they say so, else only what any JWT must obey. Pure; the signature is
//! [`crate::oidc::jwt`]'s. To a client they are opaque, but what a resource server would refuse breaks its users.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::fault::{Class, Finding};
use crate::oidc::clock_skew::Skew;
use crate::oidc::id_token::{Report, Times};
use crate::oidc::json;
use crate::oidc::jwt::{Header, Jwt};
use crate::outcome::Warning;

/// What an access token is held against.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenRules<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// Our `client_id`; `None`: we said none when we asked.
    pub client_id: Option<&'a str>,
    /// `expires_in` of the token response.
    pub expires_in: Option<Duration>,
    /// Now.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// What is known of the provider's clock.
    pub skew: Option<Skew>,
}

/// Whether a header says that the token follows RFC 9068 (§2.1: `at+jwt`, with or without `application/`).
pub fn is_rfc9068(header: &Header) -> bool {
    header.typ.as_deref().is_some_and(|typ| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt"
    })
}

/// Holds the claims against the rules; lists all failures.
pub fn validate(token: &Jwt, rules: &AccessTokenRules<'_>) -> Report {
    let mut report = Report::default();
    let claims = &token.claims;
    let strict = is_rfc9068(&token.header);
    let times = Times { now: rules.now, leeway: rules.leeway, skew: rules.skew };
    if strict || claims.get("iss").is_some() {
        report.issuer(claims, rules.issuer, "RFC 9068 §4");
    }
    times.expiry(&mut report, claims, if strict { "RFC 9068 §4" } else { "RFC 7519 §4.1.4" }, strict);
    if let Some(iat) = times.read(&mut report, claims, "iat", strict.then_some("RFC 9068 §2.2")) {
        times.not_ahead(&mut report, "iat", iat, "RFC 7519 §4.1.6");
    }
    if let Some(nbf) = times.read(&mut report, claims, "nbf", None) {
        times.not_ahead(&mut report, "nbf", nbf, "RFC 7519 §4.1.5");
    }
    if let (Some(stated), Some(lifetime)) = (rules.expires_in, claims.lifetime()) {
        let stated = stated.as_secs_f64();
        if (stated - lifetime).abs() > rules.leeway.as_secs_f64() {
            let detail = format!("expires_in says {stated:.0} s, but from iat to exp are {lifetime:.0} s");
            report.warnings.push(Warning::new("expires_in_differs", "RFC 6749 §5.1", detail));
        }
    }
    if strict {
        report.audience(claims, "RFC 9068 §2.2");
        for name in ["sub", "jti"] {
            report.required(claims, name, "RFC 9068 §2.2");
        }
        if let Some(found) = report.required(claims, "client_id", "RFC 9068 §2.2")
            && let Some(expected) = rules.client_id.filter(|expected| *expected != found)
        {
            let detail = format!("client_id: expected {expected}, found {}", json::short(found, 100));
            report.findings.push(Finding::new(Class::ClaimAudience, "RFC 9068 §2.2", detail));
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn check(typ: &str, claims: &Value) -> Vec<(Class, String)> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.AAAA", part(&json!({"alg": "RS256", "typ": typ})), part(claims));
        let rules = AccessTokenRules {
            issuer: "https://login.example.com",
            client_id: Some("svc"),
            expires_in: None,
            now: Timestamp::from_secs(NOW),
            leeway: Duration::from_secs(60),
            skew: None,
        };
        let report = validate(&Jwt::decode(&token, "access token").unwrap(), &rules);
        report.findings.into_iter().map(|f| (f.class, f.detail)).collect()
    }

    fn good() -> Value {
        json!({
            "iss": "https://login.example.com", "exp": NOW + 300, "aud": "urn:example:api", "sub": "svc",
            "client_id": "svc", "iat": NOW, "jti": "1",
        })
    }

    #[test]
    fn rfc_9068_requires_its_claims_under_both_names_of_the_type() {
        assert_eq!(check("at+jwt", &good()), []);
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
                let mut claims = good();
                claims.as_object_mut().unwrap().remove(name);
                assert_eq!(check(typ, &claims), [(Class::ClaimMissing, format!("{name} is missing"))]);
            }
        }
    }

    #[test]
    fn any_other_jwt_only_must_not_contradict_itself() {
        assert_eq!(check("JWT", &json!({})), []);
        let claims = json!({"iss": "https://other.example.com", "exp": NOW - 100, "nbf": NOW + 100, "iat": NOW + 100});
        let classes: Vec<_> = check("JWT", &claims).into_iter().map(|(class, _)| class).collect();
        assert_eq!(
            classes,
            [Class::ClaimIssuer, Class::ClaimExpired, Class::ClaimNotYetValid, Class::ClaimNotYetValid]
        );
    }

    #[test]
    fn anothers_token_is_not_ours() {
        let mut claims = good();
        claims["client_id"] = json!("web");
        assert_eq!(check("at+jwt", &claims), [(Class::ClaimAudience, "client_id: expected svc, found web".to_owned())]);
    }
}
