//! Expectations from OIDC Core 2, 3.1.3.6 to 3.1.3.8, 3.3.2.11, 12.2 and RFC 7519, one point a test.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::*;
use crate::oidc::clock_skew::Exchange;

const NOW: i64 = 1_700_000_000;
/// OIDC Core A.3 to A.6: an access token and a code with their hashes.
const ACCESS: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";
const CODE: &str = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
const C_HASH: &str = "LDktKdoQak3Pk0cnXxCltA";

fn rules(expect: &Expect) -> IdTokenRules<'_> {
    IdTokenRules {
        issuer: "https://login.example.com",
        client_id: "web",
        nonce: Some("n-0S6_WzA2Mj"),
        max_age: None,
        access_token: Some(ACCESS),
        code: Some(CODE),
        subject: None,
        front_channel: false,
        alg: "RS256",
        expect,
        userinfo_follows: false,
        now: Timestamp::from_secs(NOW),
        leeway: LEEWAY,
        skew: None,
    }
}

fn good() -> Value {
    json!({
        "iss": "https://login.example.com", "sub": "248289761001", "aud": "web", "nonce": "n-0S6_WzA2Mj",
        "exp": NOW + 3600, "iat": NOW, "at_hash": AT_HASH, "c_hash": C_HASH,
    })
}

/// `good` with claims replaced, or removed where "(absent)".
fn claims(changes: &Value) -> Claims {
    let mut body = good();
    for (name, value) in changes.as_object().unwrap() {
        if value == "(absent)" {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    Claims(body.as_object().unwrap().clone())
}

fn check_with(changes: &Value, change: impl FnOnce(&mut IdTokenRules<'_>)) -> Vec<(Class, String)> {
    let expect = Expect::default();
    let mut rules = rules(&expect);
    change(&mut rules);
    validate(&claims(changes), &rules).findings.into_iter().map(|f| (f.class, f.detail)).collect()
}

fn check(changes: &Value) -> Vec<(Class, String)> {
    check_with(changes, |_| {})
}

fn classes(changes: &Value) -> Vec<Class> {
    check(changes).into_iter().map(|(class, _)| class).collect()
}

fn warnings(changes: &Value) -> Vec<&'static str> {
    validate(&claims(changes), &rules(&Expect::default())).warnings.into_iter().map(|w| w.code).collect()
}

#[test]
fn a_good_token_has_nothing_wrong() {
    assert_eq!(validate(&claims(&json!({})), &rules(&Expect::default())), Report::default());
}

#[test]
fn required_claims() {
    for (name, class) in [
        ("iss", Class::ClaimMissing),
        ("aud", Class::ClaimMissing),
        ("exp", Class::ClaimMissing),
        ("iat", Class::ClaimMissing),
        ("sub", Class::ClaimSubject),
        ("nonce", Class::ClaimNonce),
    ] {
        assert_eq!(classes(&json!({ name: "(absent)" })), [class], "{name}");
    }
}

#[test]
fn all_failures_are_listed_in_the_order_of_the_specification() {
    let expect = Expect { claims: BTreeMap::from([("x".into(), json!(1))]), ..Expect::default() };
    let everything = validate(&Claims(Map::new()), &rules(&expect)).findings;
    let clauses: Vec<_> = everything.iter().map(|f| f.clause).collect();
    assert_eq!(
        clauses,
        [
            "OIDC Core 3.1.3.7-2",
            "OIDC Core 3.1.3.7-3",
            "OIDC Core 3.1.3.7-9",
            "OIDC Core 3.1.3.7-10",
            "OIDC Core 3.1.3.7-11",
            "OIDC Core 2",
            "expect.claims"
        ]
    );
}

/// 3.1.3.7-2: "MUST exactly match".
#[test]
fn issuer() {
    for other in ["https://login.example.com/", "http://login.example.com", "HTTPS://login.example.com", ""] {
        let found = check(&json!({ "iss": other }));
        assert_eq!(found, [(Class::ClaimIssuer, format!("iss: expected https://login.example.com, found {other}"))]);
    }
    assert_eq!(classes(&json!({"iss": ["https://login.example.com"]})), [Class::Malformed]);
}

/// 3.1.3.7-3 to -5.
#[test]
fn audience_and_authorized_party() {
    assert_eq!(check(&json!({"aud": ["web"]})), []);
    assert_eq!(check(&json!({"aud": "api"})), [(Class::ClaimAudience, "aud: expected web, found api".into())]);
    assert_eq!(classes(&json!({"aud": ["api", "other"]})), [Class::ClaimAudience]);
    assert_eq!(classes(&json!({"aud": []})), [Class::ClaimAudience]);
    assert_eq!(classes(&json!({"aud": "WEB"})), [Class::ClaimAudience]);
    assert_eq!(classes(&json!({"aud": ["web", 7]})), [Class::Malformed]);
    assert_eq!(classes(&json!({"aud": {"web": true}})), [Class::Malformed]);
    assert_eq!(classes(&json!({"azp": "web"})), []);
    assert_eq!(check(&json!({"azp": "api"})), [(Class::ClaimAudience, "azp: expected web, found api".into())]);
    assert_eq!(classes(&json!({"azp": 1})), [Class::Malformed]);
    assert_eq!(warnings(&json!({"aud": ["web", "api"], "azp": "web"})), ["additional_audience"]);
    assert_eq!(warnings(&json!({"aud": ["web", "api"]})), ["additional_audience", "azp_missing"]);
    assert_eq!(warnings(&json!({"aud": ["web", "web"]})), [""; 0], "the same one twice is no other");
}

/// 3.1.3.7-9: "The current time MUST be before the time represented by the exp Claim", "a small leeway" allowed.
#[test]
fn expiry() {
    assert_eq!(classes(&json!({"exp": NOW - 59, "iat": NOW - 3600})), []);
    assert_eq!(classes(&json!({"exp": NOW - 60, "iat": NOW - 3600})), [Class::ClaimExpired]);
    assert_eq!(classes(&json!({"exp": NOW as f64 - 59.5, "iat": NOW - 3600})), []);
    let found = check(&json!({"exp": NOW - 600, "iat": NOW - 4200}));
    assert_eq!(found, [(Class::ClaimExpired, "exp was 600 s ago (60 s allowed)".into())]);
    assert_eq!(classes(&json!({"exp": (NOW + 3600).to_string()})), [Class::Malformed]);
    assert_eq!(classes(&json!({"exp": (NOW + 3600) * 1000})), [Class::Malformed]);
    assert_eq!(classes(&json!({"exp": NOW + 10, "iat": NOW + 20})), [Class::Malformed]);
}

/// 3.1.3.7-10 and RFC 7519 §4.1.5.
#[test]
fn tokens_from_the_future() {
    assert_eq!(classes(&json!({"iat": NOW + 60})), []);
    assert_eq!(
        check(&json!({"iat": NOW + 600})),
        [(Class::ClaimNotYetValid, "iat is 600 s in the future (60 s allowed)".into())]
    );
    assert_eq!(classes(&json!({"nbf": NOW + 61})), [Class::ClaimNotYetValid]);
    assert_eq!(classes(&json!({"nbf": NOW + 60})), []);
    assert_eq!(classes(&json!({"nbf": "now"})), [Class::Malformed]);
    assert_eq!(warnings(&json!({"iat": NOW - 601})), ["iat_old"]);
    assert_eq!(warnings(&json!({"iat": NOW - 600})), [""; 0]);
}

#[test]
fn failures_of_time_tell_the_skew() {
    let exchange = Exchange { received: Timestamp::from_secs(NOW), round_trip: Duration::from_millis(200) };
    let skew = Skew::from_issued_at(NOW as f64 + 600.0, exchange);
    let found = check_with(&json!({"iat": NOW + 600}), |rules| rules.skew = Some(skew));
    assert_eq!(
        found[0].1,
        "iat is 600 s in the future (60 s allowed); the provider's clock is 601 s ahead of ours (±0.6 s)"
    );
}

/// 3.1.3.7-11; neither value is ever told.
#[test]
fn nonce() {
    let found = check(&json!({"nonce": "other-nonce"}));
    assert_eq!(found, [(Class::ClaimNonce, "nonce is not the one that was sent".into())]);
    assert_eq!(classes(&json!({"nonce": 7})), [Class::ClaimNonce]);
    assert_eq!(check_with(&json!({"nonce": "(absent)"}), |rules| rules.nonce = None), []);
}

/// 3.1.3.7-12.
#[test]
fn authentication_context() {
    let expect = Expect { acr: Some("urn:mfa".into()), ..Expect::default() };
    let acr = |value| {
        let found = validate(&claims(&json!({ "acr": value })), &rules(&expect)).findings;
        found.into_iter().map(|f| (f.class, f.detail)).collect::<Vec<_>>()
    };
    assert_eq!(acr("urn:mfa"), []);
    assert_eq!(acr("0"), [(Class::ClaimAuth, "acr: expected urn:mfa, found 0".into())]);
    assert_eq!(acr("(absent)"), [(Class::ClaimAuth, "acr is missing; expected urn:mfa".into())]);
}

/// 3.1.3.7-13.
#[test]
fn authentication_time() {
    let with = |changes: Value| {
        check_with(&changes, |rules| rules.max_age = Some(Duration::from_secs(300)))
            .into_iter()
            .map(|(c, _)| c)
            .collect()
    };
    let classes: fn(Vec<Class>) -> Vec<Class> = |found| found;
    assert_eq!(classes(with(json!({"auth_time": NOW - 10}))), []);
    assert_eq!(classes(with(json!({"auth_time": NOW - 360}))), []);
    assert_eq!(classes(with(json!({"auth_time": NOW - 361}))), [Class::ClaimAuth]);
    assert_eq!(classes(with(json!({"auth_time": NOW + 61}))), [Class::ClaimAuth]);
    assert_eq!(classes(with(json!({}))), [Class::ClaimAuth]);
    assert_eq!(classes(with(json!({"auth_time": "yesterday"}))), [Class::Malformed]);
    assert_eq!(check(&json!({"auth_time": NOW - 100_000})), []);
}

/// 3.2.2.9, 3.3.2.9 and 3.3.2.11: "at_hash REQUIRED", "c_hash REQUIRED" beside what they are hashes of.
#[test]
fn hashes_are_required_from_the_authorization_endpoint() {
    let front = |absent: &str, code: bool, access: bool| {
        let found = check_with(&json!({absent: "(absent)"}), |rules| {
            rules.front_channel = true;
            rules.code = rules.code.filter(|_| code);
            rules.access_token = rules.access_token.filter(|_| access);
        });
        found
            .into_iter()
            .map(|(class, detail)| (class, detail.split(' ').next().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(front("c_hash", true, true), [(Class::ClaimMissing, "c_hash".to_owned())]);
    assert_eq!(front("at_hash", true, true), [(Class::ClaimMissing, "at_hash".to_owned())]);
    assert_eq!(front("at_hash", false, true), [(Class::ClaimMissing, "at_hash".to_owned())]);
    assert_eq!(front("at_hash", true, false), [], "`code id_token` brings no access token");
    assert_eq!(front("c_hash", false, true), [], "`id_token token` brings no code");
    assert_eq!(front("(nothing)", true, true), []);
}

/// §2: at most 255 ASCII characters; 12.2: "its sub Claim Value MUST be the same".
#[test]
fn subject() {
    for sub in [json!(""), json!("ü"), json!("a".repeat(256)), json!(7), json!(null)] {
        assert_eq!(classes(&json!({ "sub": sub })), [Class::ClaimSubject]);
    }
    assert_eq!(classes(&json!({"sub": "a".repeat(255)})), []);
    assert_eq!(check_with(&json!({}), |rules| rules.subject = Some("248289761001")), []);
    let found = check_with(&json!({}), |rules| rules.subject = Some("someone else"));
    assert_eq!(found, [(Class::ClaimSubject, "sub is not the one of the first ID token".into())]);
}

/// 3.1.3.6 with the specification's own values.
#[test]
fn hashes_are_the_left_half() {
    assert_eq!(half_hash(ACCESS, "RS256").as_deref(), Some(AT_HASH));
    assert_eq!(half_hash(CODE, "ES256").as_deref(), Some(C_HASH));
    assert_eq!(half_hash(ACCESS, "RS384").map(|h| h.len()), Some(32));
    assert_eq!(half_hash(ACCESS, "EdDSA"), half_hash(ACCESS, "RS512"));
    assert_eq!(half_hash(ACCESS, "XX"), None);
}

#[test]
fn hashes_must_fit_where_they_are() {
    assert_eq!(check(&json!({"at_hash": "(absent)", "c_hash": "(absent)"})), []);
    for name in ["at_hash", "c_hash"] {
        assert_eq!(classes(&json!({ name: "wrong" })), [Class::ClaimHash]);
        assert_eq!(classes(&json!({ name: 7 })), [Class::ClaimHash]);
    }
    // Swapped tokens.
    assert_eq!(classes(&json!({"at_hash": C_HASH, "c_hash": AT_HASH})), [Class::ClaimHash, Class::ClaimHash]);
    // Hashed with another algorithm than the signature's.
    let found = check_with(&json!({"c_hash": "(absent)"}), |rules| rules.alg = "RS512");
    assert_eq!(found, [(Class::ClaimHash, "at_hash is not the left half of the hash that RS512 uses".into())]);
    // Nothing to compare with.
    let nothing = |rules: &mut IdTokenRules<'_>| (rules.access_token, rules.code) = (None, None);
    assert_eq!(check_with(&json!({"at_hash": "x", "c_hash": "x"}), nothing), []);
}

#[test]
fn hostile_claims_end_in_findings() {
    let odd = [json!(null), json!({}), json!([]), json!("x"), json!(-1), json!(1e300), json!([[]]), json!("\u{0}")];
    for name in ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "acr", "auth_time", "at_hash", "c_hash"] {
        for value in &odd {
            let _ = check_with(&json!({ name: value }), |rules| rules.max_age = Some(Duration::from_secs(1)));
        }
    }
    assert_eq!(classes(&json!({"iat": 1e300, "exp": -1e300})), [Class::Malformed, Class::Malformed]);
}
