//! Provider metadata: OpenID Connect Discovery 1.0 §3–4 and RFC 8414. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::{json, response};
use crate::outcome::Warning;

/// The members that are addresses we may go to, in the order in which a login meets them.
pub const ENDPOINTS: &[&str] = &[
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "check_session_iframe",
    "registration_endpoint",
    "device_authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "backchannel_authentication_endpoint",
];

/// A kind of metadata document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// OpenID Connect Discovery 1.0.
    Oidc,
    /// RFC 8414.
    Oauth,
}

impl Document {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "openid-configuration",
            Self::Oauth => "oauth-authorization-server metadata",
        }
    }

    /// Where the document of `issuer` is: Discovery §4.1 puts the well-known part after the path, RFC 8414 §3.1 between
    /// host and path; both drop a final slash first. Fault: `config`.
    pub fn url(self, issuer: &str) -> Result<Url, Fault> {
        let wrong = |why: &str| Fault::new(Class::Config, format!("issuer {issuer}: {why}"));
        let mut url = Url::parse(issuer).map_err(|e| wrong(&e.to_string()))?;
        if url.query().is_some() || url.fragment().is_some() || url.cannot_be_a_base() {
            return Err(wrong("an issuer has neither query nor fragment (RFC 8414 §2)"));
        }
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let path = match self {
            Self::Oidc => format!("{path}/.well-known/openid-configuration"),
            Self::Oauth => format!("/.well-known/oauth-authorization-server{path}"),
        };
        url.set_path(&path);
        Ok(url)
    }

    /// What must be there, with the clause.
    const fn required(self) -> &'static [(&'static str, &'static str)] {
        const D: &str = "OIDC Discovery §3";
        const R: &str = "RFC 8414 §2";
        match self {
            Self::Oidc => &[
                ("authorization_endpoint", D),
                ("jwks_uri", D),
                ("response_types_supported", D),
                ("subject_types_supported", D),
                ("id_token_signing_alg_values_supported", D),
            ],
            Self::Oauth => &[("response_types_supported", R)],
        }
    }

    const fn clause(self) -> &'static str {
        match self {
            Self::Oidc => "OIDC Discovery §3",
            Self::Oauth => "RFC 8414 §2",
        }
    }
}

/// What a provider says of itself, with the configured `endpoints` over it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    issuer: String,
    members: Map<String, Value>,
    findings: Vec<Finding>,
}

impl Metadata {
    /// Reads the answer of a well-known address. `issuer` must be what the document says, character by character
    /// (Discovery §4.3, RFC 8414 §3.3); `overrides` win over its members. Everything else that is wrong with it becomes
    /// [`Metadata::findings`]: an ordinary client goes on with what it needs. Faults: `http_status`, `redirect`,
    /// `malformed`, `metadata_invalid`, `issuer_mismatch`.
    pub fn process(
        answer: &Response,
        document: Document,
        issuer: &str,
        overrides: &BTreeMap<String, Url>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Fault> {
        let what = document.as_str();
        if answer.status != 200 {
            return Err(response::status_fault(answer, what));
        }
        let mut members = response::json_object(answer, what, warnings)?;
        match members.get("issuer") {
            Some(Value::String(found)) if found == issuer => {}
            Some(Value::String(found)) => {
                let detail = format!("{what}: expected issuer {issuer}, found {}", json::short(found, 200));
                return Err(Fault::new(Class::IssuerMismatch, detail));
            }
            Some(other) => {
                let detail = format!("{what}: issuer is {}, not a string", json::kind(other));
                return Err(Fault::new(Class::MetadataInvalid, detail));
            }
            None => return Err(Fault::new(Class::MetadataInvalid, format!("{what}: issuer is missing"))),
        }
        for (name, url) in overrides {
            members.insert(name.clone(), Value::String(url.to_string()));
        }
        let findings = examine(&members, document);
        warnings.extend(remark(&members, document));
        Ok(Self { issuer: issuer.to_owned(), members, findings })
    }

    /// Of a provider that has no metadata: `overrides` are all there is.
    pub fn configured(issuer: &str, overrides: &BTreeMap<String, Url>) -> Self {
        let members = overrides.iter().map(|(name, url)| (name.clone(), Value::String(url.to_string()))).collect();
        Self { issuer: issuer.to_owned(), members, findings: Vec::new() }
    }

    /// Takes over what only the other document of the same issuer has (RFC 8414 lists what Discovery may hide).
    pub fn complete_from(&mut self, other: Self) {
        for (name, value) in other.members {
            self.members.entry(name).or_insert(value);
        }
    }

    /// The issuer: the configured one, which the document repeats.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// What a strict reader finds wrong: class `metadata_invalid`, in the order of the specification.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether `member` is there at all.
    pub fn has(&self, member: &str) -> bool {
        self.members.contains_key(member)
    }

    /// The address that `member` names. Faults: `unsupported` if it is absent, `metadata_invalid` if it is none that a
    /// client may use.
    pub fn endpoint(&self, member: &'static str) -> Result<Url, Fault> {
        let Some(value) = self.members.get(member) else {
            return Err(Fault::new(Class::Unsupported, format!("the provider's metadata has no {member}")));
        };
        address(member, value).map_err(|why| Fault::new(Class::MetadataInvalid, why.into_owned()))
    }

    /// The address that `member` names, if it is there and usable.
    pub fn optional_endpoint(&self, member: &str) -> Option<Url> {
        address(member, self.members.get(member)?).ok()
    }

    /// The strings that `member` lists; `None` if it is absent or no list.
    pub fn list(&self, member: &str) -> Option<Vec<&str>> {
        Some(self.members.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// The boolean `member`; `None` if it is absent or none.
    pub fn flag(&self, member: &str) -> Option<bool> {
        self.members.get(member)?.as_bool()
    }
}

/// A usable address, or what is wrong with it.
fn address(member: &str, value: &Value) -> Result<Url, Cow<'static, str>> {
    let Some(text) = value.as_str() else {
        return Err(format!("{member} is {}, not a URL", json::kind(value)).into());
    };
    let shown = json::short(text, 120);
    let Ok(url) = Url::parse(text) else { return Err(format!("{member} is no absolute URL: {shown}").into()) };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err(format!("{member} must be https: {shown}").into()),
    }
    // RFC 6749 §3.1 and §3.2 for the two endpoints; elsewhere it would never be sent.
    if url.fragment().is_some() {
        return Err(format!("{member} has a fragment: {shown}").into());
    }
    Ok(url)
}

/// Whether a URL's host is this machine: the one place where plain http is no fault.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

fn examine(members: &Map<String, Value>, document: Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    let invalid = |clause, detail: String| Finding::new(Class::MetadataInvalid, clause, detail);
    for (member, clause) in document.required() {
        if !members.contains_key(*member) {
            findings.push(invalid(clause, format!("{member} is missing")));
        }
    }
    let uses = |member: &str, names: &[&str], default: bool| match members.get(member).and_then(Value::as_array) {
        Some(list) => {
            list.iter().filter_map(Value::as_str).any(|v| names.iter().any(|n| v.split(' ').any(|w| w == *n)))
        }
        None => default,
    };
    // Both are required unless no flow that is offered needs them.
    let implicit_only = !uses("response_types_supported", &["code"], true)
        && !uses("grant_types_supported", &["client_credentials", "refresh_token", "password"], false);
    if !members.contains_key("token_endpoint") && !implicit_only {
        findings.push(invalid(document.clause(), "token_endpoint is missing".to_owned()));
    }
    if document == Document::Oauth
        && !members.contains_key("authorization_endpoint")
        && uses("grant_types_supported", &["authorization_code", "implicit"], true)
    {
        findings.push(invalid("RFC 8414 §2", "authorization_endpoint is missing".to_owned()));
    }
    for (member, value) in members {
        if (ENDPOINTS.contains(&member.as_str()) || member.ends_with("_endpoint"))
            && let Err(why) = address(member, value)
        {
            findings.push(invalid(document.clause(), why.into_owned()));
        }
        let string_list = |v: &Value| v.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        if LISTS.contains(&member.as_str()) && !string_list(value) {
            findings.push(invalid(document.clause(), format!("{member} is not a list of strings")));
        }
        if FLAGS.contains(&member.as_str()) && !value.is_boolean() {
            findings.push(invalid(document.clause(), format!("{member} is {}, not a boolean", json::kind(value))));
        }
    }
    findings
}

const LISTS: &[&str] = &[
    "acr_values_supported",
    "claims_supported",
    "code_challenge_methods_supported",
    "grant_types_supported",
    "id_token_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "response_modes_supported",
    "response_types_supported",
    "revocation_endpoint_auth_methods_supported",
    "scopes_supported",
    "subject_types_supported",
    "token_endpoint_auth_methods_supported",
];

const FLAGS: &[&str] = &[
    "authorization_response_iss_parameter_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_pushed_authorization_requests",
    "require_request_uri_registration",
];

/// What a client survives.
fn remark(members: &Map<String, Value>, document: Document) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let clause = match document {
        Document::Oidc => "OIDC Discovery §4.2",
        Document::Oauth => "RFC 8414 §3.2",
    };
    for (member, value) in members {
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            let detail = format!("{member} is {value}; what has no value must be left out");
            warnings.push(Warning::new("empty_member", clause, detail));
        }
    }
    let algs = members.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
    if let Some(algs) = algs.filter(|_| document == Document::Oidc)
        && !algs.iter().any(|a| a == "RS256")
    {
        let detail = "id_token_signing_alg_values_supported must include RS256";
        warnings.push(Warning::new("rs256_not_offered", "OIDC Discovery §3", detail));
    }
    warnings
}

#[cfg(test)]
mod tests {
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
        for issuer in ["login.example.com", "https://example.com/?a=b", "https://example.com/#a", "urn:example:issuer"]
        {
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
            (
                "https://login.example.com/token#a",
                Some("token_endpoint has a fragment: https://login.example.com/token#a"),
            ),
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
}
