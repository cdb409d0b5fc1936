//! Provider metadata: OpenID Connect Discovery 1.0 §3–4 and RFC 8414. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

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
    document: Option<Document>,
    issuer: String,
    members: Map<String, Value>,
    findings: Vec<Finding>,
    max_age: Duration,
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
        let max_age = response::max_age(&answer.headers);
        Ok(Self { document: Some(document), issuer: issuer.to_owned(), members, findings, max_age })
    }

    /// Of a provider that has no metadata: `overrides` are all there is.
    pub fn configured(issuer: &str, overrides: &BTreeMap<String, Url>) -> Self {
        let members = overrides.iter().map(|(name, url)| (name.clone(), Value::String(url.to_string()))).collect();
        let max_age = Duration::ZERO;
        Self { document: None, issuer: issuer.to_owned(), members, findings: Vec::new(), max_age }
    }

    /// Takes over what only the other document of the same issuer has (RFC 8414 lists what Discovery may hide).
    pub fn complete_from(&mut self, other: Self) {
        for (name, value) in other.members {
            self.members.entry(name).or_insert(value);
        }
    }

    /// Which document it is; `None`: configured.
    pub fn document(&self) -> Option<Document> {
        self.document
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

    /// How long caches on the way may keep the document: see [`response::max_age`].
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Whether `member` is there at all.
    pub fn has(&self, member: &str) -> bool {
        self.members.contains_key(member)
    }

    /// The address that `member` names. Faults: `unsupported` if it is absent though a provider may leave it out,
    /// `metadata_invalid` if it may not, or names none that a client may use.
    pub fn endpoint(&self, member: &'static str) -> Result<Url, Fault> {
        let Some(value) = self.members.get(member) else {
            let absent = missing(member);
            let required = self.findings.iter().filter(|finding| finding.detail == absent).cloned().collect();
            let unsupported = || Fault::new(Class::Unsupported, format!("the provider's metadata has no {member}"));
            return Err(Fault::from_findings(required).unwrap_or_else(unsupported));
        };
        address(member, value).map_err(|why| Fault::new(Class::MetadataInvalid, why.into_owned()))
    }

    /// The address that `member` names, if it is there and usable.
    pub fn optional_endpoint(&self, member: &str) -> Option<Url> {
        address(member, self.members.get(member)?).ok()
    }

    /// That `member` lists `value`, or that `default` does where the member is absent (such as `grant_types_supported`,
    /// RFC 8414 §2). Fault: `unsupported`, naming the member; the provider never promised it.
    pub fn offers(&self, member: &'static str, value: &str, default: &[&str]) -> Result<(), Fault> {
        let listed = self.list(member);
        if listed.as_deref().unwrap_or(default).contains(&value) {
            return Ok(());
        }
        let how = if listed.is_some() { "does not list" } else { "is absent, and its default does not hold" };
        Err(Fault::new(Class::Unsupported, format!("the provider's {member} {how} {value}")))
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
    // Members that nobody registered have names that others chose.
    let member = &json::short(member, 60);
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
    // RFC 9110 §4.2.4: an error wherever it comes from others; not shown, since it is a name and perhaps a password.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{member} names a user in its URL").into());
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

/// The finding of a member that must be there.
fn missing(member: &str) -> String {
    format!("{member} is missing")
}

fn examine(members: &Map<String, Value>, document: Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    let invalid = |clause, detail: String| Finding::new(Class::MetadataInvalid, clause, detail);
    for (member, clause) in document.required() {
        if !members.contains_key(*member) {
            findings.push(invalid(clause, missing(member)));
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
        findings.push(invalid(document.clause(), missing("token_endpoint")));
    }
    if document == Document::Oauth
        && !members.contains_key("authorization_endpoint")
        && uses("grant_types_supported", &["authorization_code", "implicit"], true)
    {
        findings.push(invalid("RFC 8414 §2", missing("authorization_endpoint")));
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
mod tests;
