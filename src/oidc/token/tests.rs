//! Expectations from RFC 6749 §4–6, RFC 8693 §2 and OIDC Core 3.1.3.3.

use serde_json::json;

use super::*;
use crate::oidc::response::testing;
use crate::oidc::settings::{AuthMethod, Proof};

pub(crate) fn client() -> Client {
    Client {
        name: "main-web".into(),
        client_id: "web".into(),
        secret: None,
        auth_method: AuthMethod::ClientSecretBasic,
        proof: Proof::default(),
        par: None,
        redirect_uri: None,
        post_logout_redirect_uri: None,
        scopes: vec!["openid".into(), "profile".into()],
        require_pkce: true,
        id_token_alg: None,
    }
}

fn machine() -> Grant {
    Grant::ClientCredentials { scopes: vec!["api".into()], extra: vec![] }
}

fn code() -> Grant {
    Grant::AuthorizationCode {
        code: Secret::new("SplxlOBeZQQYbYS6WxSbIA"),
        redirect_uri: "https://client.example.com/cb".into(),
        verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        resource: vec![],
    }
}

fn exchange(requested: Option<&str>) -> Grant {
    Grant::TokenExchange {
        subject: Secret::new("subject"),
        subject_type: "urn:ietf:params:oauth:token-type:access_token".into(),
        actor: None,
        requested_type: requested.map(str::to_owned),
        audience: vec![],
        resource: vec![],
        scopes: vec![],
    }
}

fn run(answer: &Response, grant: &Grant) -> (Result<Tokens, Fault>, Vec<&'static str>) {
    let mut warnings = Vec::new();
    let result = process(answer, Asked { grant, client: &client() }, &mut warnings);
    (result, warnings.into_iter().map(|w| w.code).collect())
}

fn good() -> Value {
    json!({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600})
}

/// `good` with members replaced, or removed where null; what became of it.
fn changed(grant: &Grant, changes: Value) -> (Result<Tokens, Fault>, Vec<&'static str>) {
    let mut body = good();
    for (name, value) in changes.as_object().unwrap() {
        if value == "(absent)" {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    run(&testing::json(200, &body), grant)
}

fn wrong(grant: &Grant, changes: Value) -> (Class, String) {
    let fault = changed(grant, changes).0.unwrap_err();
    (fault.class, fault.detail)
}

fn form(grant: &Grant) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(grant.form()).finish()
}

/// The examples of RFC 6749 §4.1.3, §4.4.2 and §6, RFC 7636 appendix B, RFC 8693 §2.1.
#[test]
fn requests_are_those_of_the_rfcs() {
    assert_eq!(
        form(&code()),
        "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let token = Secret::new("tGzv3JOkF0XG5Qx2TlKWIA");
    assert_eq!(
        form(&Grant::Refresh { token: token.clone(), scopes: vec![] }),
        "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA"
    );
    assert_eq!(
        form(&Grant::Refresh { token, scopes: vec!["a".into(), "b".into()] }),
        "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&scope=a+b"
    );
    let extra = vec![("resource".to_owned(), "urn:example:api".to_owned())];
    assert_eq!(
        form(&Grant::ClientCredentials { scopes: vec![], extra }),
        "grant_type=client_credentials&resource=urn%3Aexample%3Aapi"
    );
    let grant = Grant::TokenExchange {
        subject: Secret::new("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"),
        subject_type: "urn:ietf:params:oauth:token-type:access_token".into(),
        actor: Some((Secret::new("act"), "urn:ietf:params:oauth:token-type:jwt".into())),
        requested_type: Some("urn:ietf:params:oauth:token-type:jwt".into()),
        audience: vec!["a".into(), "b".into()],
        resource: vec!["https://backend.example.com/api".into()],
        scopes: vec!["x".into()],
    };
    assert_eq!(
        form(&grant),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
         &actor_token=act&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt\
         &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&audience=a&audience=b\
         &resource=https%3A%2F%2Fbackend.example.com%2Fapi&scope=x"
    );
}

#[test]
fn every_secret_of_a_grant_is_known() {
    let exposed = |grant: &Grant| grant.secrets().iter().map(|s| s.expose().to_owned()).collect::<Vec<_>>();
    assert_eq!(exposed(&code()), ["SplxlOBeZQQYbYS6WxSbIA", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"]);
    assert_eq!(exposed(&exchange(None)), ["subject"]);
}

/// RFC 6749 §5.1's own example.
#[test]
fn a_good_answer() {
    let body = json!({
        "access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "bearer",
        "expires_in": 3600, "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA", "example_parameter": "example_value",
        "scope": "a b",
    });
    let (tokens, warnings) = run(&testing::json(200, &body), &machine());
    let tokens = tokens.unwrap();
    assert_eq!(warnings, [""; 0]);
    assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
    assert_eq!(tokens.refresh_token.unwrap().expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
    assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("bearer", Some(Duration::from_secs(3600))));
    assert_eq!(tokens.scope, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(tokens.received, Timestamp::from_secs(1_700_000_000));
    assert!(tokens.id_token.is_none() && tokens.issued_token_type.is_none());
}

#[test]
fn what_must_be_there_and_what_it_must_be() {
    for (changes, detail) in [
        (json!({"access_token": "(absent)"}), "access_token is missing"),
        (json!({"access_token": ""}), "access_token is empty"),
        (json!({"access_token": 7}), "access_token is a number, not a string"),
        (json!({"access_token": "a\nb"}), "access_token holds characters that cannot be in a token"),
        (json!({"access_token": "töken"}), "access_token holds characters that cannot be in a token"),
        (json!({"token_type": 1}), "token_type is a number, not a string"),
        (json!({"token_type": "banana"}), "token_type banana is not one that a client understands; expected Bearer"),
        (json!({"token_type": "N_A"}), "token_type N_A is not one that a client understands; expected Bearer"),
        (json!({"expires_in": "soon"}), r#"expires_in is no number of seconds: "soon""#),
        (json!({"expires_in": -1}), "expires_in is no number of seconds: -1"),
        (json!({"expires_in": [1]}), "expires_in is no number of seconds: [1]"),
        (json!({"expires_in": 1e300}), "expires_in is no number of seconds: 1e+300"),
        (json!({"refresh_token": {}}), "refresh_token is an object, not a string"),
        (json!({"refresh_token": ""}), "refresh_token is empty"),
        (json!({"scope": ["a"]}), "scope is an array, not a string"),
        (json!({"id_token": true}), "id_token is a boolean, not a string"),
    ] {
        assert_eq!(wrong(&machine(), changes), (Class::Malformed, detail.to_owned()));
    }
    let fault = changed(&machine(), json!({"access_token": "(absent)", "scope": 1})).0.unwrap_err();
    assert_eq!(fault.findings.len(), 2);
    assert_eq!(wrong(&machine(), json!({"access_token": null})).0, Class::Malformed);
}

#[test]
fn what_an_ordinary_client_forgives_is_a_warning() {
    for (changes, code) in [
        (json!({"token_type": "(absent)"}), "token_type_missing"),
        (json!({"expires_in": "3600"}), "expires_in_type"),
        (json!({"expires_in": 3600.5}), "expires_in_type"),
        (json!({"expires_in": "(absent)"}), "expires_in_missing"),
        (json!({"refresh_token": null}), "empty_member"),
    ] {
        let (tokens, warnings) = changed(&machine(), changes.clone());
        assert!(tokens.is_ok(), "{changes}");
        assert_eq!(warnings, [code]);
    }
    let answer = testing::response(200, &[("content-type", "text/plain")], good().to_string());
    assert_eq!(run(&answer, &machine()).1, ["content_type", "cache_control"]);
    let cached = [("content-type", "application/json"), ("cache-control", "private, No-Store, max-age=0")];
    assert_eq!(run(&testing::response(200, &cached, good().to_string()), &machine()).1, [""; 0]);
}

#[test]
fn token_types_are_compared_without_case_and_foreign_ones_told_apart() {
    for name in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(changed(&machine(), json!({ "token_type": name })).1, [""; 0]);
    }
    assert_eq!(wrong(&machine(), json!({"token_type": "DPoP"})).0, Class::Unsupported);
}

#[test]
fn a_token_that_is_expired_when_issued() {
    assert_eq!(wrong(&machine(), json!({"expires_in": 0})).0, Class::ClaimExpired);
}

#[test]
fn refresh_lifetimes_where_stated() {
    let lifetime = |changes| changed(&machine(), changes).0.unwrap().refresh_expires_in;
    assert_eq!(lifetime(json!({"refresh_expires_in": 1800})), Some(Duration::from_secs(1800)));
    assert_eq!(lifetime(json!({"refresh_token_expires_in": 900})), Some(Duration::from_secs(900)));
    assert_eq!(lifetime(json!({"refresh_expires_in": 0})), None);
    // Nobody has specified them, so they break nothing.
    for odd in [json!(-1), json!("never"), json!([]), json!({})] {
        let (tokens, warnings) = changed(&machine(), json!({"refresh_expires_in": odd}));
        assert_eq!(tokens.unwrap().refresh_expires_in, None, "{odd}");
        assert_eq!(warnings, ["refresh_lifetime"], "{odd}");
    }
    assert_eq!(lifetime(json!({})), None);
}

/// OIDC Core 3.1.3.3: id_token is REQUIRED where openid was asked for.
#[test]
fn openid_means_an_id_token() {
    assert_eq!(wrong(&code(), json!({})), (Class::Malformed, "id_token is missing though openid was asked for".into()));
    assert!(changed(&code(), json!({"id_token": "a.b.c"})).0.is_ok());
    assert!(changed(&code(), json!({"scope": "profile"})).0.is_ok());
    assert!(changed(&machine(), json!({})).0.is_ok());
    // OIDC Core 12.2: a refresh response might not contain one.
    assert!(changed(&Grant::Refresh { token: Secret::new("r"), scopes: vec![] }, json!({})).0.is_ok());
}

/// RFC 8693 §2.2.1.
#[test]
fn exchanged_tokens_say_what_they_are() {
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    assert_eq!(wrong(&exchange(None), json!({})), (Class::Malformed, "issued_token_type is missing".into()));
    let tokens = changed(&exchange(Some(jwt)), json!({"issued_token_type": jwt, "token_type": "N_A"})).0.unwrap();
    assert_eq!(tokens.issued_token_type.as_deref(), Some(jwt));
    let (class, detail) = wrong(&exchange(Some(jwt)), json!({"issued_token_type": "urn:x"}));
    assert_eq!(
        (class, detail.as_str()),
        (Class::Malformed, "issued_token_type: expected urn:ietf:params:oauth:token-type:jwt, found urn:x")
    );
}

/// RFC 6749 §5.2.
#[test]
fn errors_have_their_classes() {
    for (status, code, class) in [
        (400, "invalid_request", Class::OauthError),
        (400, "invalid_grant", Class::OauthError),
        (400, "unauthorized_client", Class::Config),
        (400, "unsupported_grant_type", Class::OauthError),
        (400, "invalid_scope", Class::OauthError),
        (400, "invalid_target", Class::OauthError),
        (400, "invalid_client", Class::Credentials),
        (401, "invalid_client", Class::Credentials),
        (500, "server_error", Class::HttpStatus),
        (503, "temporarily_unavailable", Class::HttpStatus),
    ] {
        let (result, warnings) = run(&testing::json(status, &json!({ "error": code })), &machine());
        let fault = result.unwrap_err();
        assert_eq!((fault.class, fault.detail.contains(code)), (class, true), "{code}");
        assert_eq!(warnings, [""; 0]);
        let account = (class == Class::Credentials).then(|| Box::new(Account::Client("main-web".into())));
        assert_eq!(fault.account, account);
    }
}

#[test]
fn sloppy_errors_are_errors_all_the_same() {
    for (status, code, warning) in [
        (403, "invalid_grant", "error_status"),
        (200, "bad_verification_code", "error_status"),
        (400, "E_4711", "error_code"),
    ] {
        let (result, warnings) = run(&testing::json(status, &json!({ "error": code })), &machine());
        assert_eq!(result.unwrap_err().class, Class::OauthError);
        assert!(warnings.contains(&warning), "{warnings:?}");
    }
    let html = testing::response(401, &[("content-type", "text/html")], r#"{"error":"invalid_client"}"#);
    let (result, warnings) = run(&html, &machine());
    assert_eq!((result.unwrap_err().class, warnings), (Class::Credentials, vec!["content_type"]));
}

#[test]
fn answers_that_are_no_oauth_at_all() {
    for (status, class) in [
        (400, Class::Malformed),
        (401, Class::Malformed),
        (403, Class::HttpStatus),
        (404, Class::HttpStatus),
        (405, Class::HttpStatus),
        (302, Class::Redirect),
        (500, Class::HttpStatus),
        (502, Class::HttpStatus),
        (204, Class::HttpStatus),
        (200, Class::Malformed),
    ] {
        let answer = testing::response(status, &[("content-type", "text/html")], "<html>Blocked</html>");
        assert_eq!(run(&answer, &machine()).0.unwrap_err().class, class, "{status}");
    }
    let busy = testing::response(503, &[("retry-after", "30")], "");
    assert_eq!(run(&busy, &machine()).0.unwrap_err().retry_after, Some(Duration::from_secs(30)));
}
