use serde_json::json;

use super::*;
use crate::oidc::response::testing;

const ISSUER: &str = "https://login.example.com";

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.com/authorize",
        "token_endpoint": "https://login.example.com/token",
        "jwks_uri": "https://login.example.com/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn process(document: Document, body: &Value) -> Result<(Metadata, Vec<Warning>), Fault> {
    let mut warnings = Vec::new();
    let none = BTreeMap::new();
    Metadata::process(&testing::json(200, body), document, ISSUER, &none, &mut warnings).map(|m| (m, warnings))
}

fn findings(kind: Document, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut body = document();
    change(&mut body);
    let (metadata, _) = process(kind, &body).unwrap();
    assert!(metadata.findings().iter().all(|f| f.class == Class::MetadataInvalid));
    metadata.findings().iter().map(|f| f.detail.clone()).collect()
}

fn without(member: &'static str) -> impl FnOnce(&mut Value) {
    move |body| {
        body.as_object_mut().unwrap().remove(member);
    }
}

/// OIDC Discovery §4.1 and RFC 8414 §3.1, with their own examples.
#[test]
fn well_known_addresses() {
    for (issuer, oidc, oauth) in [
        (
            "https://example.com",
            "https://example.com/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server",
        ),
        (
            "https://example.com/",
            "https://example.com/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server",
        ),
        (
            "https://example.com/issuer1",
            "https://example.com/issuer1/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server/issuer1",
        ),
        (
            "http://127.0.0.1:9015/o/",
            "http://127.0.0.1:9015/o/.well-known/openid-configuration",
            "http://127.0.0.1:9015/.well-known/oauth-authorization-server/o",
        ),
    ] {
        assert_eq!(Document::Oidc.url(issuer).unwrap().as_str(), oidc);
        assert_eq!(Document::Oauth.url(issuer).unwrap().as_str(), oauth);
    }
    for issuer in ["login.example.com", "https://example.com/?a=b", "https://example.com/#a", "urn:example:issuer"] {
        assert_eq!(Document::Oidc.url(issuer).unwrap_err().class, Class::Config, "{issuer}");
    }
}

#[test]
fn a_good_document_has_nothing_wrong() {
    let (metadata, warnings) = process(Document::Oidc, &document()).unwrap();
    assert_eq!((metadata.findings(), warnings.as_slice()), (&[][..], &[][..]));
    assert_eq!(metadata.issuer(), ISSUER);
    assert_eq!(metadata.endpoint("token_endpoint").unwrap().as_str(), "https://login.example.com/token");
    assert_eq!(metadata.list("response_types_supported"), Some(vec!["code"]));
    assert_eq!(metadata.flag("claims_parameter_supported"), None);
    let fault = metadata.endpoint("revocation_endpoint").unwrap_err();
    assert_eq!((fault.class, fault.detail.contains("revocation_endpoint")), (Class::Unsupported, true));
}

/// Discovery §4.3: "MUST be identical", so no normalisation of any kind.
#[test]
fn the_issuer_is_compared_character_by_character() {
    for other in ["https://login.example.com/", "https://LOGIN.example.com", "https://login.example.com:443", ""] {
        let mut body = document();
        body["issuer"] = json!(other);
        assert_eq!(process(Document::Oidc, &body).unwrap_err().class, Class::IssuerMismatch, "{other}");
    }
    let mut body = document();
    body["issuer"] = json!(7);
    assert_eq!(process(Document::Oidc, &body).unwrap_err().class, Class::MetadataInvalid);
    without("issuer")(&mut body);
    assert_eq!(process(Document::Oidc, &body).unwrap_err().class, Class::MetadataInvalid);
}

#[test]
fn required_members_are_those_of_each_specification() {
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ] {
        assert_eq!(findings(Document::Oidc, without(member)), [format!("{member} is missing")]);
    }
    for member in ["authorization_endpoint", "token_endpoint", "response_types_supported"] {
        assert_eq!(findings(Document::Oauth, without(member)), [format!("{member} is missing")]);
    }
    for member in ["jwks_uri", "subject_types_supported", "id_token_signing_alg_values_supported"] {
        assert_eq!(findings(Document::Oauth, without(member)), [""; 0]);
    }
    // RFC 8414 §2: REQUIRED unless no grant types are supported that use the authorization endpoint.
    let machine_only = |body: &mut Value| {
        without("authorization_endpoint")(body);
        body["grant_types_supported"] = json!(["client_credentials"]);
    };
    assert_eq!(findings(Document::Oauth, machine_only), [""; 0]);
    // Discovery §3: token_endpoint is REQUIRED unless only the Implicit Flow is used.
    let implicit = |body: &mut Value| {
        without("token_endpoint")(body);
        body["response_types_supported"] = json!(["id_token", "id_token token"]);
    };
    assert_eq!(findings(Document::Oidc, implicit), [""; 0]);
}

#[test]
fn endpoints_are_https_or_loopback() {
    for (url, wrong) in [
        ("http://127.0.0.1:9011/token", None),
        ("http://[::1]:9011/token", None),
        ("http://localhost/token", None),
        ("http://idp.localhost/token", None),
        ("http://login.example.com/token", Some("token_endpoint must be https: http://login.example.com/token")),
        ("http://localhost.example.com/", Some("token_endpoint must be https: http://localhost.example.com/")),
        ("ftp://127.0.0.1/", Some("token_endpoint must be https: ftp://127.0.0.1/")),
        ("/token", Some("token_endpoint is no absolute URL: /token")),
        ("https://login.example.com/token#a", Some("token_endpoint has a fragment: https://login.example.com/token#a")),
        ("https://alice:wonderland@login.example.com/token", Some("token_endpoint names a user in its URL")),
        ("https://login.example.com@evil.example/token", Some("token_endpoint names a user in its URL")),
    ] {
        let mut body = document();
        body["token_endpoint"] = json!(url);
        let (metadata, _) = process(Document::Oidc, &body).unwrap();
        let found: Vec<_> = metadata.findings().iter().map(|f| f.detail.as_str()).collect();
        assert_eq!(found.first().copied(), wrong);
        let usable = metadata.endpoint("token_endpoint");
        assert_eq!(usable.map_err(|f| f.class).err(), wrong.map(|_| Class::MetadataInvalid));
    }
    let odd = findings(Document::Oidc, |b| b["frontchannel_strange_endpoint"] = json!("http://x.example.com/"));
    assert_eq!(odd, ["frontchannel_strange_endpoint must be https: http://x.example.com/"]);
    // Found by cargo-fuzz.
    let odd = findings(Document::Oidc, |b| b["auth\u{7f}rization_endpoint"] = json!("https://l\u{7f}gin.example.com"));
    assert_eq!(odd, ["auth\\u{7f}rization_endpoint is no absolute URL: https://l\\u{7f}gin.example.com"]);
}

#[test]
fn types_are_checked() {
    let wrong = findings(Document::Oidc, |b| {
        b["scopes_supported"] = json!("openid");
        b["response_types_supported"] = json!(["code", 1]);
        b["request_parameter_supported"] = json!("true");
        b["userinfo_endpoint"] = json!(null);
    });
    assert_eq!(
        wrong,
        [
            "request_parameter_supported is a string, not a boolean",
            "response_types_supported is not a list of strings",
            "scopes_supported is not a list of strings",
            "userinfo_endpoint is null, not a URL",
        ]
    );
}

#[test]
fn what_a_client_survives_is_a_warning() {
    let mut body = document();
    body["id_token_signing_alg_values_supported"] = json!(["ES256"]);
    body["claims_supported"] = json!([]);
    let (_, warnings) = process(Document::Oidc, &body).unwrap();
    let codes: Vec<_> = warnings.iter().map(|w| w.code).collect();
    assert_eq!(codes, ["empty_member", "rs256_not_offered"]);
}

#[test]
fn configured_endpoints_win() {
    let overrides = BTreeMap::from([("jwks_uri".to_owned(), Url::parse("https://keys.example.com/").unwrap())]);
    let mut body = document();
    body["jwks_uri"] = json!("http://broken.example.com");
    let mut warnings = Vec::new();
    let answer = testing::json(200, &body);
    let metadata = Metadata::process(&answer, Document::Oidc, ISSUER, &overrides, &mut warnings).unwrap();
    assert_eq!(metadata.findings(), []);
    assert_eq!(metadata.endpoint("jwks_uri").unwrap().as_str(), "https://keys.example.com/");
    let alone = Metadata::configured(ISSUER, &overrides);
    assert_eq!(alone.endpoint("token_endpoint").unwrap_err().class, Class::Unsupported);
    assert!(alone.optional_endpoint("jwks_uri").is_some());
}

#[test]
fn the_other_document_only_completes() {
    let (mut metadata, _) = process(Document::Oidc, &document()).unwrap();
    let mut body = document();
    body["token_endpoint"] = json!("https://login.example.com/other");
    body["revocation_endpoint"] = json!("https://login.example.com/revoke");
    metadata.complete_from(process(Document::Oauth, &body).unwrap().0);
    assert_eq!(metadata.endpoint("token_endpoint").unwrap().path(), "/token");
    assert_eq!(metadata.endpoint("revocation_endpoint").unwrap().path(), "/revoke");
}

#[test]
fn only_200_is_success() {
    for (status, class) in
        [(404, Class::HttpStatus), (500, Class::HttpStatus), (204, Class::HttpStatus), (302, Class::Redirect)]
    {
        let answer = testing::response(status, &[], "");
        let fault = Metadata::process(&answer, Document::Oidc, ISSUER, &BTreeMap::new(), &mut vec![]).unwrap_err();
        assert_eq!(fault.class, class);
    }
}
