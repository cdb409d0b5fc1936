//! Logout tokens: OIDC Back-Channel Logout 1.0 §2.4 and §2.6, every failure listed. Pure; the signature is
//! [`crate::oidc::jwt`]'s.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::fault::{Class, Finding};
use crate::oidc::clock_skew::Skew;
use crate::oidc::id_token::{LEEWAY, Report, Times};
use crate::oidc::json;
use crate::oidc::jwt::{Claims, Jwt};

/// The member of `events` that makes a JWT a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const CLAUSE: &str = "OIDC Back-Channel Logout 2.6";

/// Whose session has ended: what the ID token said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `sub`.
    pub subject: String,
    /// `sid`, if it had one.
    pub id: Option<String>,
}

impl Session {
    /// Of an ID token.
    pub fn of(claims: &Claims) -> Self {
        Self { subject: claims.subject().to_owned(), id: claims.string("sid").map(str::to_owned) }
    }
}

/// Whether a logout token is about a session, as far as it says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It is.
    Ours,
    /// About another session of the same user.
    Sibling,
    /// About somebody else.
    Other,
    /// It does not say whom it is about.
    Nobody,
}

/// Whom it is about (§2.4: `sub`, `sid` or both). Nothing is verified yet.
pub fn about(claims: &Claims, session: &Session) -> About {
    let subject = claims.string("sub");
    let ours = subject.is_none_or(|subject| subject == session.subject);
    match (claims.string("sid"), &session.id) {
        (None, _) if subject.is_none() => About::Nobody,
        (Some(found), Some(own)) if found == own => About::Ours,
        (Some(_), Some(_)) if subject.is_some() && ours => About::Sibling,
        // Without a `sid` of our own only the subject can tell.
        (None, _) | (Some(_), None) if subject.is_some() && ours => About::Ours,
        _ => About::Other,
    }
}

/// Whether it names that very session: without, it may be about any of the user's.
pub fn names(claims: &Claims, session: &Session) -> bool {
    session.id.as_deref().is_some_and(|own| claims.string("sid") == Some(own))
}

/// Whether a token of that `iat` was issued before a session `ended`, by clocks that may differ.
pub fn precedes(iat: f64, ended: Timestamp, skew: Option<Skew>) -> bool {
    iat - skew.map_or(0.0, Skew::seconds) + LEEWAY.as_secs_f64() < ended.as_secs_f64()
}

/// What a logout token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// Our `client_id`.
    pub client_id: &'a str,
    /// The session that was ended.
    pub session: &'a Session,
    /// Now.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// What is known of the provider's clock.
    pub skew: Option<Skew>,
}

/// Holds a logout token against the rules (§2.6), its signature apart.
pub fn validate(jwt: &Jwt, rules: &Rules<'_>) -> Report {
    let (claims, mut report) = (&jwt.claims, Report::default());
    if let Some(typ) = jwt.header.typ.as_deref()
        && !["logout+jwt", "jwt", "application/logout+jwt"].contains(&typ.to_ascii_lowercase().as_str())
    {
        let detail = format!("header typ is {}, not logout+jwt", json::short(typ, 40));
        report.findings.push(Finding::new(Class::Malformed, "OIDC Back-Channel Logout 2.4", detail));
    }
    report.issuer(claims, rules.issuer, CLAUSE);
    if let Some(audience) = report.audience(claims, CLAUSE)
        && !audience.contains(&rules.client_id)
    {
        let found = json::short(&audience.join(" "), 200);
        let detail = format!("aud: expected {}, found {found}", rules.client_id);
        report.findings.push(Finding::new(Class::ClaimAudience, CLAUSE, detail));
    }
    let times = Times { now: rules.now, leeway: rules.leeway, skew: rules.skew };
    times.expiry(&mut report, claims, CLAUSE, true);
    if let Some(iat) = times.read(&mut report, claims, "iat", Some(CLAUSE)) {
        times.not_ahead(&mut report, "iat", iat, CLAUSE);
    }
    report.required(claims, "jti", CLAUSE);
    events(&mut report, claims);
    if claims.get("nonce").is_some() {
        let detail = "nonce is there, which keeps an ID token from passing for a logout token";
        report.findings.push(Finding::new(Class::ClaimUnexpected, CLAUSE, detail));
    }
    // Neither may be passed over for not being a text.
    for name in ["sub", "sid"] {
        if let Some(found) = claims.get(name).filter(|found| !found.is_string()) {
            let detail = format!("{name} is {}, not a string", json::kind(found));
            report.findings.push(Finding::new(Class::Malformed, CLAUSE, detail));
        }
    }
    match about(claims, rules.session) {
        About::Ours => {}
        About::Nobody if claims.get("sub").is_some() || claims.get("sid").is_some() => {}
        About::Nobody => {
            report.findings.push(Finding::new(Class::ClaimMissing, CLAUSE, "neither sub nor sid is there"));
        }
        About::Sibling => {
            let detail = "sid is not the one of the session that was ended";
            report.findings.push(Finding::new(Class::ClaimSubject, CLAUSE, detail));
        }
        About::Other => {
            let detail = "sub is not the one whose session was ended";
            report.findings.push(Finding::new(Class::ClaimSubject, CLAUSE, detail));
        }
    }
    // Both must fit where both are there: a `sid` of ours with another `sub` is about nobody.
    if claims.string("sub").is_some_and(|sub| sub != rules.session.subject)
        && about(claims, rules.session) == About::Ours
    {
        let detail = "sub is not the one whose session was ended";
        report.findings.push(Finding::new(Class::ClaimSubject, CLAUSE, detail));
    }
    report
}

fn events(report: &mut Report, claims: &Claims) {
    match claims.get("events") {
        None => report.findings.push(Finding::new(Class::ClaimMissing, CLAUSE, "events is missing")),
        Some(Value::Object(events)) => match events.get(EVENT) {
            Some(Value::Object(_)) => {}
            Some(other) => {
                let detail = format!("events: the member of a logout is {}, not an object", json::kind(other));
                report.findings.push(Finding::new(Class::Malformed, CLAUSE, detail));
            }
            None => report.findings.push(Finding::new(
                Class::ClaimMissing,
                CLAUSE,
                "events does not name the event of a back-channel logout",
            )),
        },
        Some(other) => {
            let detail = format!("events is {}, not an object", json::kind(other));
            report.findings.push(Finding::new(Class::Malformed, CLAUSE, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::jws::{Signer, sign};
    use crate::oidc::jwt::Jwt;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    /// The example of §2.4, brought up to date.
    fn example() -> Value {
        json!({
            "iss": "https://server.example.com",
            "sub": "248289761001",
            "aud": "s6BhdRkqt3",
            "iat": 1_700_000_000,
            "exp": 1_700_000_120,
            "jti": "bWJq",
            "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
            "events": {EVENT: {}},
        })
    }

    fn session() -> Session {
        Session { subject: "248289761001".into(), id: Some("08a5019c-17e1-4977-8f42-65a12843ea02".into()) }
    }

    fn classes(claims: &Value, typ: Option<&str>) -> Vec<Class> {
        let header = typ.map_or_else(|| json!({}), |typ| json!({"typ": typ}));
        let (header, claims) = (header.as_object().cloned().unwrap(), claims.as_object().cloned().unwrap());
        let token = sign(header, &claims, &Signer::Unsigned).unwrap();
        let jwt = Jwt::decode(token.expose(), "logout token").unwrap();
        let session = session();
        let rules = Rules {
            issuer: "https://server.example.com",
            client_id: "s6BhdRkqt3",
            session: &session,
            now: NOW,
            leeway: Duration::from_secs(60),
            skew: None,
        };
        validate(&jwt, &rules).findings.iter().map(|finding| finding.class).collect()
    }

    #[test]
    fn the_example_of_the_specification_is_accepted_typed_or_not() {
        for typ in [None, Some("logout+jwt"), Some("JWT")] {
            assert_eq!(classes(&example(), typ), [], "{typ:?}");
        }
        let mut by_session = example();
        by_session.as_object_mut().unwrap().remove("sub");
        assert_eq!(classes(&by_session, None), []);
        let mut by_subject = example();
        by_subject.as_object_mut().unwrap().remove("sid");
        assert_eq!(classes(&by_subject, None), []);
    }

    /// §2.6, point by point.
    #[test]
    fn what_is_wrong_is_found() {
        for (name, value, expected) in [
            ("iss", json!("https://other.example.com"), Class::ClaimIssuer),
            ("aud", json!(["somebody"]), Class::ClaimAudience),
            ("iat", json!(1_700_001_000), Class::ClaimNotYetValid),
            ("exp", json!(1_699_990_000), Class::ClaimExpired),
            ("events", json!({"http://schemas.example.com/event": {}}), Class::ClaimMissing),
            ("events", json!({EVENT: "yes"}), Class::Malformed),
            ("events", json!([EVENT]), Class::Malformed),
            ("nonce", json!("n-0S6_WzA2Mj"), Class::ClaimUnexpected),
            ("sid", json!("another"), Class::ClaimSubject),
            ("sub", json!("another"), Class::ClaimSubject),
            ("jti", json!(7), Class::Malformed),
            ("sid", json!(7), Class::Malformed),
            ("sub", json!({"id": "248289761001"}), Class::Malformed),
        ] {
            let mut claims = example();
            claims[name] = value.clone();
            assert_eq!(classes(&claims, None), [expected], "{name} {value}");
        }
        for name in ["iss", "aud", "iat", "exp", "jti", "events"] {
            let mut claims = example();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(classes(&claims, None), [Class::ClaimMissing], "{name}");
        }
        assert_eq!(classes(&example(), Some("at+jwt")), [Class::Malformed]);
    }

    #[test]
    fn a_token_of_an_earlier_logout_is_told_by_its_date() {
        let skew = Skew::from_issued_at(
            1_700_000_300.5,
            crate::oidc::clock_skew::Exchange { received: NOW, round_trip: Duration::ZERO },
        );
        for (iat, skew, expected) in [
            (1_700_000_000.0, None, false),
            (1_699_999_950.0, None, false),
            (1_699_999_900.0, None, true),
            // Of a provider that is five minutes ahead.
            (1_700_000_250.0, Some(skew), false),
            (1_700_000_000.0, Some(skew), true),
        ] {
            assert_eq!(precedes(iat, NOW, skew), expected, "{iat} {skew:?}");
        }
    }

    #[test]
    fn only_a_sid_names_a_session() {
        let named = |sid: Option<&str>, own: &Session| {
            let claims = [("sub", Some(own.subject.as_str())), ("sid", sid)];
            let claims = claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
            names(&Claims(claims.collect()), own)
        };
        let (full, plain) = (session(), Session { id: None, ..session() });
        assert!(named(full.id.as_deref(), &full));
        assert!(!named(None, &full) && !named(Some("x"), &full) && !named(None, &plain) && !named(Some("x"), &plain));
    }

    #[test]
    fn runs_at_once_tell_their_tokens_apart() {
        let about = |sub: Option<&str>, sid: Option<&str>, own: &Session| {
            let claims = [("sub", sub), ("sid", sid)];
            let claims = claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
            super::about(&Claims(claims.collect()), own)
        };
        let (full, plain) = (session(), Session { id: None, ..session() });
        let (sub, sid) = (Some(full.subject.as_str()), full.id.as_deref());
        assert_eq!(about(sub, sid, &full), About::Ours);
        assert_eq!((about(None, sid, &full), about(sub, None, &full)), (About::Ours, About::Ours));
        assert_eq!(about(sub, Some("x"), &full), About::Sibling);
        assert_eq!((about(Some("x"), None, &full), about(None, Some("x"), &full)), (About::Other, About::Other));
        assert_eq!(about(None, None, &full), About::Nobody);
        assert_eq!((about(sub, Some("x"), &plain), about(None, Some("x"), &plain)), (About::Ours, About::Other));
    }
}
