//! What is fuzzed: the table, documents, tokens, and what a user agent meets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::http::header;
use serde_json::json;
use url::Url;

use super::{CANARY, ISSUER, Target, answer, endpoints, leave, leave_from, now, recording};
use crate::fault::Fault;
use crate::oidc::agreement::View;
use crate::oidc::authorize;
use crate::oidc::bearer::{self, Bad};
use crate::oidc::expect::Expect;
use crate::oidc::form::page::{self, Page, Progress, Setting};
use crate::oidc::form::steps::Guide;
use crate::oidc::form::walker;
use crate::oidc::http::{cookies_of, redact_url};
use crate::oidc::id_token::{self, IdTokenRules};
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Jwt, Refusal};
use crate::oidc::key_history::KeyHistory;
use crate::oidc::metadata::{Document, ENDPOINTS, Metadata};
use crate::oidc::response::{OauthError, content_type, max_age, status_fault};
use crate::oidc::settings::Client;
use crate::oidc::token::{self, Asked, Grant};
use crate::oidc::{access_token, drift, revocation};
use crate::secret::Secret;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "configuration", run: configuration },
    Target { name: "discovery", run: discovery },
    Target { name: "jwks", run: jwks },
    Target { name: "jwt", run: jwt },
    Target { name: "token", run: token_response },
    Target { name: "errors", run: errors },
    Target { name: "authorization", run: authorization },
    Target { name: "html", run: html },
    Target { name: "redirect", run: redirect },
    Target { name: "challenge", run: challenge },
    Target { name: "introspection", run: endpoints::introspection },
    Target { name: "userinfo", run: endpoints::userinfo },
    Target { name: "device", run: endpoints::device },
    Target { name: "par", run: endpoints::par },
    Target { name: "registration", run: endpoints::registration },
    Target { name: "logout", run: endpoints::logout },
];

/// A client as the configuration makes one.
pub(super) static CLIENT: LazyLock<Arc<Client>> = LazyLock::new(|| {
    let text = format!(
        "[[provider]]\nname = 'main'\nissuer = '{ISSUER}'\n[[client]]\nname = 'web'\nprovider = 'main'\nclient_id = 'web'\n\
         auth_method = 'none'\nredirect_uri = 'http://127.0.0.1:8765/cb'\n\
         [[probe]]\nname = 'machine'\nkind = 'client_credentials'\nclient = 'web'\nevery = '1m'\n"
    );
    let plan = crate::plan::from_str("fuzz.toml", &text, Path::new("."));
    plan.unwrap_or_else(|wrong| panic!("{wrong}")).clients.first().expect("one client").clone()
});

fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Other files are read where it names them: some of this machine never end.
    if text.contains("include") || text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match crate::plan::from_str("fuzz.toml", text, Path::new("/nonexistent")) {
        Ok(plan) => assert!(!plan.regions.is_empty()),
        Err(wrong) => assert!(!wrong.to_string().is_empty(), "refused, and nobody says why"),
    }
}

fn discovery(data: &[u8]) {
    let answer = answer(data);
    for document in [Document::Oidc, Document::Oauth] {
        let mut warnings = Vec::new();
        let read = Metadata::process(&answer, document, ISSUER, &BTreeMap::new(), &mut warnings);
        if let Ok(metadata) = &read {
            for member in ENDPOINTS {
                let _ =
                    (metadata.optional_endpoint(member), metadata.endpoint(member), metadata.offers(member, "x", &[]));
            }
            let before = json!({"issuer": ISSUER, "scopes_supported": ["openid", 1], "jwks_uri": {"a": []}});
            let before = before.as_object().cloned().unwrap_or_default();
            warnings.extend(drift::compare(&before, metadata.members()));
            warnings.extend(drift::compare(metadata.members(), &before));
            let view = View::of_metadata(metadata.members(), metadata.max_age());
            let other = View::of_metadata(&before, Duration::ZERO);
            assert!(view.difference(&other, "member").len() < 4096);
            leave(Fault::from_findings(metadata.findings().to_vec()).map_or(Ok(()), Err), Vec::new());
        }
        leave(read, warnings);
    }
}

fn jwks(data: &[u8]) {
    let answer = answer(data);
    let mut warnings = Vec::new();
    let read = KeySet::process(&answer, &mut warnings).and_then(|(keys, findings)| {
        let mut history = KeyHistory::default();
        history.saw_set(&"eu".into(), &KEYS, now());
        history.saw_set(&"eu".into(), &keys, now() + Duration::from_secs(60));
        let _ = View::of_keys(&keys, max_age(&answer.headers)).difference(&View::of_keys(&KEYS, Duration::ZERO), "key");
        // Whatever was let in can be asked.
        ask(&keys);
        Fault::from_findings(findings).map_or(Ok(()), Err)
    });
    leave(read, warnings);
}

/// RFC 7515 A.3 and RFC 8037 A.2.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let keys = json!({"keys": [
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]});
    KeySet::process(&answer(keys.to_string().as_bytes()), &mut Vec::new()).map(|(keys, _)| keys).unwrap_or_default()
});

/// The token of RFC 7515 A.3.1, with those keys.
fn ask(keys: &KeySet) {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
                 Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let token = Jwt::decode(&token.replace(char::is_whitespace, ""), "token").expect("a token");
    let _ = token.verify(keys, &Accepts::default(), None);
}

/// Verifies a signature as clients of both sorts do: what is refused has a class.
pub(super) fn verify(token: &Jwt) {
    let secret = Secret::new(CANARY);
    let offered = vec!["RS256", "ES256", "EdDSA", "PS384", "none", "HS256"];
    let public = Accepts { registered: None, offered: Some(offered) };
    let symmetric = Accepts { registered: Some("HS256"), offered: None };
    for accepts in [public, symmetric] {
        match token.verify(&KEYS, &accepts, Some(&secret)) {
            Ok(key) => assert_eq!(key.is_none(), accepts.registered.is_some(), "verified with something else"),
            Err(Refusal::Unsupported(fault)) => leave(Err::<(), _>(fault), Vec::new()),
            Err(Refusal::Wrong(finding) | Refusal::KeyNotFound(finding)) => {
                leave(Fault::from_findings(vec![finding]).map_or(Ok(()), Err), Vec::new());
            }
        }
    }
}

fn jwt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = Jwt::is_jwt(&text);
    let mut warnings = Vec::new();
    let read = Jwt::decode(&text, "ID token").and_then(|token| {
        verify(&token);
        let expect = Expect { scopes: vec!["openid".into()], acr: Some("gold".into()), ..Expect::default() };
        let rules = IdTokenRules {
            issuer: ISSUER,
            client_id: "web",
            nonce: Some("n-0S6_WzA2Mj"),
            max_age: Some(Duration::from_secs(60)),
            access_token: Some("SlAV32hkKG"),
            code: Some("SplxlOBeZQQYbYS6WxSbIA"),
            subject: Some("alice"),
            front_channel: true,
            alg: &token.header.alg,
            expect: &expect,
            userinfo_follows: false,
            now: now(),
            leeway: Duration::from_secs(60),
            skew: None,
        };
        let report = id_token::validate(&token.claims, &rules);
        if report.findings.is_empty() {
            believed(&token, &rules);
        }
        warnings.extend(report.warnings);
        let rules = access_token::AccessTokenRules {
            issuer: ISSUER,
            client_id: Some("web"),
            expires_in: Some(Duration::from_secs(300)),
            now: now(),
            leeway: Duration::from_secs(60),
            skew: None,
        };
        let access = access_token::validate(&token, &rules);
        warnings.extend(access.warnings);
        let findings = report.findings.into_iter().chain(access.findings).collect();
        Fault::from_findings(findings).map_or(Ok(()), Err)
    });
    leave(read, warnings);
}

/// What is true of every ID token that is let in (OIDC Core 3.1.3.7), said in other words than its judge's.
fn believed(token: &Jwt, rules: &IdTokenRules<'_>) {
    let claim = |name: &str| token.claims.get(name).cloned().unwrap_or_default();
    assert_eq!(claim("iss"), json!(ISSUER));
    assert!(claim("aud") == json!("web") || claim("aud").as_array().is_some_and(|all| all.contains(&json!("web"))));
    let late = rules.now.as_secs_f64();
    assert!(claim("exp").as_f64().is_some_and(|exp| exp > late - 60.0), "{}", claim("exp"));
    assert!(claim("auth_time").as_f64().is_some_and(|at| at >= late - 120.0 && at <= late + 60.0));
    assert_eq!((claim("nonce"), claim("sub"), claim("acr")), (json!("n-0S6_WzA2Mj"), json!("alice"), json!("gold")));
    assert!(claim("at_hash").is_string() && claim("c_hash").is_string());
}

fn token_response(data: &[u8]) {
    let answer = answer(data);
    let code = Grant::AuthorizationCode {
        code: Secret::new("SplxlOBeZQQYbYS6WxSbIA"),
        redirect_uri: "http://127.0.0.1:8765/cb".to_owned(),
        verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        resource: vec!["urn:example:api".to_owned()],
    };
    for grant in [code, Grant::ClientCredentials { scopes: vec!["api".into()], extra: Vec::new() }] {
        let mut warnings = Vec::new();
        let read = token::process(&answer, Asked { grant: &grant, client: &CLIENT }, &mut warnings);
        if let Ok(tokens) = &read {
            assert!(!tokens.access_token.expose().is_empty(), "a token without characters is none");
            // Of the token alone: what else is shown may hold the same letters, and be no secret.
            assert_eq!(format!("{:?}", tokens.access_token), format!("{:?}", Secret::new("another")));
        }
        leave(read, warnings);
    }
}

fn errors(data: &[u8]) {
    let answer = answer(data);
    let mut warnings = content_type(&answer.headers, "error response", &["application/json"]);
    if let Some(error) = OauthError::from_body(&answer.body) {
        assert!(error.code.len() <= 64);
    }
    leave(Err::<(), _>(status_fault(&answer, "endpoint")), Vec::new());
    leave(Err::<(), _>(token::failure(&answer, "token endpoint", &CLIENT, &mut warnings)), warnings);
    let mut warnings = Vec::new();
    leave(revocation::process(&answer, &CLIENT, &mut warnings), warnings);
    let wait = answer.retry_after();
    assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(3600)), "{wait:?}");
}

fn authorization(data: &[u8]) {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(data).into_owned().collect();
    let state = Secret::new("af0ifjsldkj");
    for (place, response_mode) in
        [authorize::ResponseMode::Query, authorize::ResponseMode::Fragment, authorize::ResponseMode::FormPost]
            .into_iter()
            .enumerate()
    {
        for name in authorize::ResponseType::NAMES {
            let response_type = authorize::ResponseType::parse(name).expect("a response type");
            let mut answer = authorize::Answer::default();
            *[&mut answer.query, &mut answer.fragment, &mut answer.form][place] = pairs.clone();
            let iss_promised = name.len() % 2 == 0;
            let expected =
                authorize::Expected { state: &state, issuer: ISSUER, iss_promised, response_type, response_mode };
            match authorize::process(&answer, expected) {
                Ok(granted) => {
                    assert_eq!(granted.code.is_some(), response_type.code);
                    assert_eq!(granted.id_token.is_some(), response_type.id_token);
                    assert_eq!(granted.access.is_some(), response_type.token);
                    let in_query = response_mode == authorize::ResponseMode::Query;
                    assert!(!in_query || !response_type.brings_tokens(), "tokens were taken from a query");
                    assert!(granted.code.is_none_or(|code| !code.expose().is_empty()));
                    leave(Ok(()), granted.warnings);
                }
                Err(fault) => leave(Err::<(), _>(fault), Vec::new()),
            }
        }
    }
}

fn html(data: &[u8]) {
    let answer = answer(data);
    let text =
        |name| answer.headers.get(name).map_or(String::new(), |v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let media_type = crate::oidc::response::media_type(&text(header::CONTENT_TYPE));
    let page = Page {
        url: answer.url.clone(),
        status: answer.status.as_u16(),
        media_type,
        gatekeeper: answer.headers.contains_key("cf-mitigated"),
        content: String::from_utf8_lossy(&answer.body).into_owned(),
    };
    let Ok(redirect_uri) = Url::parse("http://127.0.0.1:8765/cb") else { return };
    let guide = Guide::default();
    let setting =
        Setting { guide: &guide, redirect_uri: &redirect_uri, has_totp: true, has_passkey: false, user: "alice" };
    let mut progress = Progress::default();
    // The same page again and again must come to an end as well.
    for _ in 0..3 {
        let read = page::read(&page, &mut progress, setting);
        let over = read.is_err();
        leave(read, Vec::new());
        if over {
            return;
        }
        progress.submissions += 1;
    }
}

fn redirect(data: &[u8]) {
    let answer = answer(data);
    let (journey, recorder) = recording();
    let cookies = cookies_of(&recorder, &answer);
    assert!(cookies.is_none_or(|cookies| cookies.len() <= 1024 * 1024));
    let target = walker::location(&answer).and_then(|target| {
        let _ = (redact_url(&target), page::place(&target));
        walker::allowed(&answer.url, &target)?;
        let _ = authorize::is_answer(&target, &answer.url);
        Ok(())
    });
    leave_from(journey, target);
}

fn challenge(data: &[u8]) {
    let answer = answer(data);
    if let Some(error) = OauthError::from_challenge(&answer.headers) {
        assert!(error.code.len() <= 64 && !error.code.chars().any(char::is_control));
    }
    for bad in [Bad::NoToken, Bad::Invalid, Bad::Scope] {
        let mut warnings = Vec::new();
        let about = ("api.example.com", "an expired token", "RFC 6750 §3.1");
        leave(bearer::refused(&answer, bad, about, &mut warnings), warnings);
    }
}
