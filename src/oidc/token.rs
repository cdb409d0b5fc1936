//! The token endpoint: RFC 6749 §4–6, RFC 8693. Pure.

use std::time::Duration;

use ::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::fault::{Account, Class, Fault, Finding};
use crate::oidc::dpop;
use crate::oidc::http::Response;
use crate::oidc::json;
use crate::oidc::response::{self, OauthError};
use crate::oidc::settings::Client;
use crate::outcome::Warning;
use crate::secret::Secret;

mod grant;

pub use grant::{DEVICE_CODE, Grant, JWT_BEARER, TOKEN_EXCHANGE};

/// A successful token response (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `access_token`; with token exchange, whatever was issued.
    pub access_token: Secret,
    /// `token_type` as written; `Bearer` if it was missing.
    pub token_type: String,
    /// `expires_in`.
    pub expires_in: Option<Duration>,
    /// `refresh_token`.
    pub refresh_token: Option<Secret>,
    /// The refresh token's lifetime where the provider states it (`refresh_expires_in`, `refresh_token_expires_in`).
    pub refresh_expires_in: Option<Duration>,
    /// `id_token`.
    pub id_token: Option<Secret>,
    /// `scope`, split; `None`: as asked for.
    pub scope: Option<Vec<String>>,
    /// `issued_token_type` (RFC 8693 §2.2.1).
    pub issued_token_type: Option<String>,
    /// When the answer arrived.
    pub received: Timestamp,
}

/// What was asked for, as far as the answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// As whom.
    pub client: &'a Client,
}

/// Reads the token endpoint's answer: RFC 6749 §5.1 and §5.2 point by point. Faults: `credentials` (naming the client),
/// `oauth_error`, `http_status`, `redirect`, `malformed`.
pub fn process(answer: &Response, asked: Asked<'_>, warnings: &mut Vec<Warning>) -> Result<Tokens, Fault> {
    read(answer, asked.grant, Some(asked.client), warnings)
}

/// The same, where nobody said which client asks (RFC 7523 §2.1 leaves that open). A provider that wants to know is
/// `config`.
pub fn process_anonymous(answer: &Response, grant: &Grant, warnings: &mut Vec<Warning>) -> Result<Tokens, Fault> {
    read(answer, grant, None, warnings)
}

fn read(
    answer: &Response,
    grant: &Grant,
    client: Option<&Client>,
    warnings: &mut Vec<Warning>,
) -> Result<Tokens, Fault> {
    if answer.status != 200 {
        return Err(failure_of(answer, "token endpoint", client, warnings));
    }
    let members = response::json_object(answer, "token response", warnings)?;
    if let Some(error) = OauthError::from_members(&members) {
        let detail = format!("an OAuth error comes with status 400, not {}", answer.status.as_u16());
        warnings.push(Warning::new("error_status", "RFC 6749 §5.2", detail));
        return Err(error_fault(&error, client, warnings));
    }
    if !is_no_store(&answer.headers) {
        let detail = "a token response must say Cache-Control: no-store";
        warnings.push(Warning::new("cache_control", "RFC 6749 §5.1", detail));
    }
    let mut reader = Reader { members: &members, findings: Vec::new(), warnings };
    let tokens = reader.tokens(answer.received, grant, client);
    match Fault::from_findings(reader.findings) {
        Some(fault) => Err(fault),
        // A token that is missing is a finding, so this cannot be empty.
        None => tokens.ok_or_else(|| Fault::new(Class::Malformed, "token response: access_token is missing")),
    }
}

/// The error answer of the token endpoint, and of others that authenticate the client in the same way.
pub fn failure(answer: &Response, what: &str, client: &Client, warnings: &mut Vec<Warning>) -> Fault {
    failure_of(answer, what, Some(client), warnings)
}

fn failure_of(answer: &Response, what: &str, client: Option<&Client>, warnings: &mut Vec<Warning>) -> Fault {
    let status = answer.status.as_u16();
    if !(400..500).contains(&status) {
        return response::status_fault(answer, what);
    }
    match OauthError::from_body(&answer.body) {
        Some(error) => {
            if status != 400 && status != 401 {
                let detail = format!("OAuth error {} comes with status {status}, not 400 or 401", error.code);
                warnings.push(Warning::new("error_status", "RFC 6749 §5.2", detail));
            }
            warnings.extend(response::content_type(&answer.headers, "error response", &["application/json"]));
            error_fault(&error, client, warnings)
        }
        None if status == 400 || status == 401 => {
            let detail = format!("{what}: status {status} without the error object of RFC 6749 §5.2");
            Fault::new(Class::Malformed, detail)
        }
        None => response::status_fault(answer, what),
    }
}

/// Error codes that some specification defines for the endpoints that a client authenticates to: RFC 6749 §5.2, 7009
/// §2.2.1, 8628 §3.5, 8693 §2.2.2, 9126 §2.3 (with RFC 6749 §4.1.2.1 and OIDC Core 3.1.2.6), 9396 §14.6, 9449 §12.2, OIDC
/// CIBA §11.
const KNOWN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "unsupported_token_type",
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
    "invalid_target",
    "invalid_authorization_details",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "unsupported_response_type",
    "invalid_request_object",
    "request_not_supported",
    "server_error",
    "temporarily_unavailable",
];

fn error_fault(error: &OauthError, client: Option<&Client>, warnings: &mut Vec<Warning>) -> Fault {
    if !KNOWN_ERRORS.contains(&error.code.as_str()) {
        let detail = format!("{} is none of the error codes that are defined", error.code);
        warnings.push(Warning::new("error_code", "RFC 6749 §5.2", detail));
    }
    let Some(client) = client else {
        return match error.code.as_str() {
            "invalid_client" | "unauthorized_client" => {
                let detail = format!("the provider wants to know which client asks: name one by `client` ({error})");
                Fault::new(Class::Config, detail)
            }
            _ => Fault::new(Class::OauthError, error.to_string()),
        };
    };
    if error.code == "invalid_client" {
        let detail = format!("client {} is refused: {error}", client.name);
        return Fault::new(Class::Credentials, detail).with_account(Account::Client(client.name.to_string()));
    }
    if error.code == "unauthorized_client" {
        // The client, not the provider, lacks something: its registration does not cover the grant.
        let detail = format!("client {} is not registered for this grant: {error}", client.name);
        return Fault::new(Class::Config, detail);
    }
    Fault::new(Class::OauthError, error.to_string())
}

fn is_no_store(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
}

struct Reader<'r> {
    members: &'r Map<String, Value>,
    findings: Vec<Finding>,
    warnings: &'r mut Vec<Warning>,
}

impl Reader<'_> {
    fn tokens(&mut self, received: Timestamp, grant: &Grant, client: Option<&Client>) -> Option<Tokens> {
        let exchange = matches!(grant, Grant::TokenExchange { .. });
        let access_token = self.token("access_token");
        if access_token.is_none() && !self.members.contains_key("access_token") {
            self.wrong("RFC 6749 §5.1", "access_token is missing".to_owned());
        }
        let issued_token_type = self.string("issued_token_type", "RFC 8693 §2.2.1").map(str::to_owned);
        if let Grant::TokenExchange { requested_type, .. } = grant {
            self.check_issued_type(issued_token_type.as_deref(), requested_type.as_deref());
        }
        let token_type = self.token_type(exchange, client.is_some_and(|client| client.proof.dpop));
        let expires_in = self.lifetime("expires_in", "RFC 6749 §5.1");
        match expires_in {
            None if !self.members.contains_key("expires_in") => {
                let detail = "expires_in is recommended: without it a client learns of the end by failing";
                self.warnings.push(Warning::new("expires_in_missing", "RFC 6749 §5.1", detail));
            }
            Some(Duration::ZERO) => {
                self.findings.push(Finding::new(
                    Class::ClaimExpired,
                    "RFC 6749 §5.1",
                    "expires_in is 0: the token is expired when issued",
                ));
            }
            _ => {}
        }
        let refresh_expires_in = self.refresh_lifetime();
        let scope = self.string("scope", "RFC 6749 §5.1");
        let scope: Option<Vec<String>> =
            scope.map(|s| s.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect());
        let id_token = self.token("id_token");
        self.check_id_token(id_token.is_some(), scope.as_deref(), grant, client);
        Some(Tokens {
            access_token: access_token?,
            token_type,
            expires_in,
            refresh_token: self.token("refresh_token"),
            refresh_expires_in,
            id_token,
            scope,
            issued_token_type,
            received,
        })
    }

    fn wrong(&mut self, clause: &'static str, detail: String) {
        self.findings.push(Finding::new(Class::Malformed, clause, detail));
    }

    /// A string member; `null` counts as absent, with a warning.
    fn string(&mut self, name: &str, clause: &'static str) -> Option<&str> {
        match self.members.get(name)? {
            Value::String(value) => Some(value),
            Value::Null => {
                let detail = format!("{name} is null; what has no value must be left out");
                self.warnings.push(Warning::new("empty_member", clause, detail));
                None
            }
            other => {
                let detail = format!("{name} is {}, not a string", json::kind(other));
                self.wrong(clause, detail);
                None
            }
        }
    }

    /// A token: one or more visible ASCII characters (RFC 6749 appendix A.12 and A.17).
    fn token(&mut self, name: &str) -> Option<Secret> {
        let clause = "RFC 6749 §5.1";
        let value = self.string(name, clause)?.to_owned();
        if value.is_empty() {
            self.wrong(clause, format!("{name} is empty"));
            return None;
        }
        if !value.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            self.wrong("RFC 6749 A.12", format!("{name} holds characters that cannot be in a token"));
            return None;
        }
        Some(Secret::new(value))
    }

    /// What a bearer's client understands, or one that proves possession: any other token is not bound to its key.
    fn token_type(&mut self, exchange: bool, dpop: bool) -> String {
        let clause = "RFC 6749 §5.1";
        if dpop {
            return self.dpop_type(exchange);
        }
        let Some(found) = self.string("token_type", clause).map(str::to_owned) else {
            if matches!(self.members.get("token_type"), None | Some(Value::Null)) {
                let detail = "token_type is missing; taken as Bearer";
                self.warnings.push(Warning::new("token_type_missing", clause, detail));
            }
            return "Bearer".to_owned();
        };
        // RFC 8693 §2.2.1: N_A where what was issued is no access token.
        let understood = found.eq_ignore_ascii_case("bearer") || exchange && found == "N_A";
        if !understood {
            let class = match found.to_ascii_lowercase().as_str() {
                "dpop" | "mac" | "pop" => Class::Unsupported,
                _ => Class::Malformed,
            };
            let detail =
                format!("token_type {} is not one that a client understands; expected Bearer", json::short(&found, 40));
            self.findings.push(Finding::new(class, "RFC 6749 §7.1", detail));
        }
        found
    }

    fn dpop_type(&mut self, exchange: bool) -> String {
        let clause = "RFC 9449 §5";
        let found = self.string("token_type", clause).map(str::to_owned);
        match &found {
            Some(found) if found.eq_ignore_ascii_case(dpop::SCHEME) || exchange && found == "N_A" => {}
            Some(found) => {
                let found = json::short(found, 40);
                self.wrong(clause, format!("token_type is {found}, not DPoP: the token is not bound to the key"));
            }
            None => self.wrong(clause, "token_type is missing: the token is not bound to the key".to_owned()),
        }
        found.unwrap_or_else(|| "Bearer".to_owned())
    }

    /// Whole seconds from 0. A number in a string or with a fraction is forgiven.
    fn lifetime(&mut self, name: &str, clause: &'static str) -> Option<Duration> {
        let value = self.members.get(name)?;
        let seconds = match value {
            Value::Number(number) => {
                if !number.is_u64() && number.as_f64().is_some_and(|n| n >= 0.0) {
                    let detail = format!("{name} is {number}; it is a whole number of seconds");
                    self.warnings.push(Warning::new("expires_in_type", "RFC 6749 A.14", detail));
                }
                number.as_f64()
            }
            Value::String(text) => {
                let number = text.trim().parse::<f64>().ok();
                if number.is_some() {
                    let detail = format!("{name} is a string; it is a number of seconds");
                    self.warnings.push(Warning::new("expires_in_type", "RFC 6749 A.14", detail));
                }
                number
            }
            Value::Null => {
                let detail = format!("{name} is null; what has no value must be left out");
                self.warnings.push(Warning::new("empty_member", clause, detail));
                return None;
            }
            _ => None,
        };
        let lifetime = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        if lifetime.is_none() {
            let shown = json::shown(value);
            self.wrong(clause, format!("{name} is no number of seconds: {shown}"));
        }
        lifetime
    }

    /// How long the refresh token lives, where the provider says so. No specification has either member: what cannot be
    /// read is no fault of the answer.
    fn refresh_lifetime(&mut self) -> Option<Duration> {
        let mut lifetime = None;
        for name in ["refresh_expires_in", "refresh_token_expires_in"] {
            let findings = self.findings.len();
            lifetime = lifetime.or(self.lifetime(name, "RFC 6749 §5.1"));
            for unread in self.findings.drain(findings..) {
                self.warnings.push(Warning::new("refresh_lifetime", unread.clause, unread.detail));
            }
        }
        // Keycloak writes 0 for an offline token, which does not expire.
        lifetime.filter(|lifetime| !lifetime.is_zero())
    }

    fn check_issued_type(&mut self, found: Option<&str>, requested: Option<&str>) {
        let clause = "RFC 8693 §2.2.1";
        match (found, requested) {
            (None, _) if !self.members.contains_key("issued_token_type") => {
                self.wrong(clause, "issued_token_type is missing".to_owned());
            }
            (Some(found), Some(requested)) if found != requested => {
                let found = json::short(found, 100);
                self.wrong(clause, format!("issued_token_type: expected {requested}, found {found}"));
            }
            _ => {}
        }
    }

    /// OIDC Core 3.1.3.3: the answer to a code that was asked for with `openid` holds an ID token.
    fn check_id_token(&mut self, present: bool, scope: Option<&[String]>, grant: &Grant, client: Option<&Client>) {
        let code = matches!(grant, Grant::AuthorizationCode { .. });
        let openid = |scopes: &[String]| scopes.iter().any(|s| s == "openid");
        let granted = scope.is_none_or(openid);
        let asked = client.is_some_and(|client| openid(&client.scopes));
        if code && asked && granted && !present && !self.members.contains_key("id_token") {
            self.wrong("OIDC Core 3.1.3.3", "id_token is missing though openid was asked for".to_owned());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
