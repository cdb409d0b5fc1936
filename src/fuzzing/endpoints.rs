//! Answers of the endpoints besides the token endpoint, and what a provider posts to us.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::targets::{CLIENT, verify};
use super::{CANARY, ISSUER, answer, leave, now};
use crate::fault::Fault;
use crate::oidc::id_token::LEEWAY;
use crate::oidc::introspection::{self as inspected, Known};
use crate::oidc::jwt::{Claims, Jwt};
use crate::oidc::logout_token::{self, About, Rules, Session};
use crate::oidc::registration::{self as registrar, Left};
use crate::oidc::{device as devices, metadata, par as pushed, userinfo as user};
use crate::secret::Secret;
use crate::web::backchannel;

fn judged(findings: Vec<crate::fault::Finding>) -> Result<(), Fault> {
    Fault::from_findings(findings).map_or(Ok(()), Err)
}

pub(super) fn introspection(data: &[u8]) {
    let answer = answer(data);
    let mut warnings = Vec::new();
    let read = inspected::read(&answer, &CLIENT, &mut warnings).and_then(|read| {
        let members = match read {
            inspected::Answer::Document(members) => members,
            inspected::Answer::Token(token) => {
                let token = Jwt::decode(&token, "introspection response")?;
                verify(&token);
                let report = inspected::validate(&token, ISSUER, "web");
                warnings.extend(report.warnings);
                judged(report.findings)?;
                inspected::document(&token.claims)?
            }
        };
        warnings.extend(inspected::silent(&members));
        if !inspected::active(&members)? {
            return Ok(());
        }
        assert_eq!(members.get("active"), Some(&json!(true)));
        let scope = ["openid".to_owned(), "api".to_owned()];
        let own = Claims(Map::from_iter([("aud".to_owned(), json!("web")), ("jti".to_owned(), json!("1"))]));
        let known = Known {
            issuer: ISSUER,
            client_id: "web",
            token_type: "Bearer",
            scope: Some(&scope),
            subject: Some("alice"),
            expires: Some(now().as_secs_f64() + 300.0),
            claims: Some(&own),
            now: now(),
            leeway: LEEWAY,
            skew: None,
        };
        let report = inspected::agrees(&Claims(members), &known);
        warnings.extend(report.warnings);
        judged(report.findings)
    });
    leave(read, warnings);
}

pub(super) fn userinfo(data: &[u8]) {
    let mut warnings = Vec::new();
    let read = user::process(&answer(data), &mut warnings).and_then(|read| {
        let claims = match read {
            user::Answer::Claims(claims) => claims,
            user::Answer::Token(token) => {
                let token = Jwt::decode(&token, "userinfo")?;
                verify(&token);
                let report = user::validate(&token.claims, ISSUER, "web");
                warnings.extend(report.warnings);
                judged(report.findings)?;
                token.claims.0
            }
            user::Answer::Refused(_) => return Ok(()),
        };
        user::check_subject(&claims, Some("alice"))?;
        assert_eq!(claims.get("sub"), Some(&json!("alice")));
        Ok(())
    });
    leave(read, warnings);
}

pub(super) fn device(data: &[u8]) {
    let mut warnings = Vec::new();
    let read = devices::process(&answer(data), &CLIENT, &mut warnings);
    if let Ok(device) = &read {
        assert!(device.interval <= Duration::from_secs(600));
        for url in std::iter::once(&device.verification_uri).chain(&device.verification_uri_complete) {
            assert!(safe(url), "people are sent to {url}");
        }
        assert!(!device.expires_in.is_zero() && !device.device_code.expose().is_empty());
        assert!(!format!("{device:?}").contains(CANARY) || device.verification_uri.as_str().contains(CANARY));
    }
    leave(read, warnings);
}

/// Whether a secret may be sent there.
fn safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && metadata::is_loopback(url)
}

pub(super) fn par(data: &[u8]) {
    let mut warnings = Vec::new();
    let read = pushed::process(&answer(data), &CLIENT, &mut warnings);
    if let Ok(pushed) = &read {
        // Nothing but the reference gets into what the user agent is sent to.
        let endpoint = Url::parse(&format!("{ISSUER}/authorize?tenant=a")).expect("a constant");
        let url = pushed::request(&endpoint, "web", pushed);
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let sent = [("tenant", "a"), ("client_id", "web"), ("request_uri", pushed.request_uri.expose())];
        assert_eq!(pairs, sent.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!((url.origin(), url.path(), url.fragment()), (endpoint.origin(), endpoint.path(), None));
        assert_ne!(pushed.expires_in, Some(Duration::ZERO));
        assert_eq!(format!("{:?}", pushed.request_uri), format!("{:?}", Secret::new("another")));
    }
    leave(read, warnings);
}

pub(super) fn registration(data: &[u8]) {
    let answer = answer(data);
    let asked = registrar::document(&Map::new());
    let left = Left::of(&answer);
    if let Some(left) = &left {
        let shown = left.shown();
        assert!(shown.chars().count() <= 1024 && !shown.chars().any(char::is_control), "{shown:?}");
    }
    for invited in [false, true] {
        let mut warnings = Vec::new();
        let read = registrar::created(&answer, &asked, invited, &mut warnings);
        if let Ok(client) = &read {
            // What was made is what is deleted when the run is over.
            let left = left.as_ref().expect("a client that nobody takes away");
            assert_eq!(left.client_id, client.client_id);
            let uri = |management: &Option<registrar::Management>| management.as_ref().map(|m| m.uri.clone());
            assert_eq!(uri(&left.management), uri(&client.management));
            assert!(uri(&client.management).is_none_or(|uri| safe(&uri)), "its token would be sent in the clear");
            updated(client);
        }
        leave(read, warnings);
    }
    let mut warnings = Vec::new();
    leave(registrar::deleted(&answer, &mut warnings), warnings);
    let mut warnings = Vec::new();
    leave(registrar::gone(&answer, &mut warnings), warnings);
    leave(registrar::knows_client(&answer), Vec::new());
    if let Ok(known) = registrar::created(&super::answer(KNOWN.as_bytes()), &asked, false, &mut Vec::new()) {
        let mut warnings = Vec::new();
        let read = registrar::managed(&answer, &known, "read of the client", &mut warnings);
        if let Ok(client) = &read {
            assert_eq!(client.client_id, known.client_id);
            assert!(client.management.is_some() && client.secret.is_some(), "what was known is kept");
            registrar::check_update(&known, client, &mut warnings);
        }
        leave(read, warnings);
    }
}

/// A client that was registered before (RFC 7592 §3).
const KNOWN: &str = r#"201
content-type: application/json

{"client_id": "s6BhdRkqt3", "client_secret": "cf136dc3c1fc93f31185e5885805d", "client_secret_expires_at": 0,
 "registration_access_token": "reg-23410913-abewfq.123483",
 "registration_client_uri": "https://server.example.com/register/s6BhdRkqt3"}"#;

/// The document of an update (RFC 7592 §2.2): the client's identifier, and nothing that is the provider's own.
fn updated(client: &registrar::Registered) {
    let sent = registrar::update(client);
    assert_eq!(sent.get("client_id"), Some(&json!(client.client_id)));
    for own in ["registration_access_token", "registration_client_uri", "client_secret_expires_at"] {
        assert_eq!(sent.get(own), None, "{own} is sent back");
    }
}

/// What is posted to our receiver (a form, after its head), or a logout token alone.
pub(super) fn logout(data: &[u8]) {
    let letter = answer(data);
    let token = match backchannel::logout_token(&letter.headers, &letter.body) {
        Ok(token) => token.expose().to_owned(),
        Err(why) => {
            assert!(!why.is_empty(), "refused, and nobody says why");
            String::from_utf8_lossy(&letter.body).into_owned()
        }
    };
    let session = Session { subject: "alice".to_owned(), id: Some("08a5019c-17e1".to_owned()) };
    let mut warnings = Vec::new();
    let read = Jwt::decode(&token, "logout token").and_then(|token| {
        verify(&token);
        let about = logout_token::about(&token.claims, &session);
        let named = logout_token::names(&token.claims, &session);
        let rules =
            Rules { issuer: ISSUER, client_id: "web", session: &session, now: now(), leeway: LEEWAY, skew: None };
        let report = logout_token::validate(&token, &rules);
        if report.findings.is_empty() {
            let claim = |name: &str| token.claims.get(name);
            assert_eq!((about, claim("nonce"), claim("iss")), (About::Ours, None, Some(&json!(ISSUER))));
            assert!(claim("events").is_some_and(Value::is_object) && claim("jti").is_some_and(Value::is_string));
            assert!(claim("exp").and_then(Value::as_f64).is_some_and(|exp| exp > now().as_secs_f64() - 60.0));
            assert!(claim("sub").is_none_or(|sub| sub == "alice"), "it is about somebody else");
            assert!(named || claim("sid").is_none(), "it is about another session");
        }
        warnings.extend(report.warnings);
        judged(report.findings)
    });
    leave(read, warnings);
}
