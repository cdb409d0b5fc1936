//! Clients that register themselves (RFC 7591), and their management (RFC 7592). Pure.

use serde_json::{Map, Value, json};
use url::Url;

use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::id_token::LEEWAY;
use crate::oidc::response::{self, OauthError};
use crate::oidc::{json as shapes, metadata};
use crate::outcome::Warning;
use crate::secret::{Secret, mask_tokens};

/// Members of an answer that an update must not send back (RFC 7592 §2.2).
const NOT_SENT_BACK: [&str; 4] =
    ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
/// The most of an identifier that is shown where it looks like a token (characters).
const SHOWN: usize = 12;

/// How a registered client is managed (RFC 7592 §3).
#[derive(Clone, Debug)]
pub struct Management {
    /// `registration_client_uri`.
    pub uri: Url,
    /// `registration_access_token`.
    pub token: Secret,
}

/// A registered client, as the provider describes it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`, if it has one.
    pub secret: Option<Secret>,
    /// How to manage it; `None`: the provider does not offer that.
    pub management: Option<Management>,
    members: Map<String, Value>,
}

impl Registered {
    /// Whether it says who it is with HTTP Basic: so it does where nothing is said (RFC 7591 §2).
    pub fn by_secret_basic(&self) -> bool {
        let method = self.members.get("token_endpoint_auth_method").and_then(Value::as_str);
        method.is_none_or(|method| method == "client_secret_basic")
    }
}

/// What must be taken away again, read out of an answer as leniently as can be: whatever else is wrong with it.
#[derive(Clone, Debug)]
pub struct Left {
    /// `client_id`.
    pub client_id: String,
    /// How to delete it.
    pub management: Option<Management>,
}

impl Left {
    /// `None`: no client was made.
    pub fn of(answer: &Response) -> Option<Self> {
        if !answer.status.is_success() {
            return None;
        }
        let Value::Object(members) = shapes::parse(&answer.body).ok()?.value else { return None };
        let client_id = members.get("client_id")?.as_str()?.to_owned();
        Some(Self { client_id, management: management(&members, &mut Vec::new()) })
    }

    /// The identifier, for people: whole, unless it looks like a token, which would be masked.
    pub fn shown(&self) -> String {
        if mask_tokens(&self.client_id) == self.client_id {
            return shapes::short(&self.client_id, 60);
        }
        shapes::short(&self.client_id, SHOWN)
    }
}

/// The document that registers `wanted`, on top of a plain confidential client (RFC 7591 §2).
pub fn document(wanted: &Map<String, Value>) -> Value {
    let mut document = json!({
        "client_name": "authprobe",
        "redirect_uris": ["http://127.0.0.1:8765/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    if let Some(members) = document.as_object_mut() {
        members.extend(wanted.clone());
    }
    document
}

/// The document of an update that changes the name (RFC 7592 §2.2): all that the provider said, less what is its own. Members
/// that it called null are left out, which means the same there; some refuse their own null.
pub fn update(client: &Registered) -> Value {
    let mut members = client.members.clone();
    members.retain(|name, value| !NOT_SENT_BACK.contains(&name.as_str()) && !value.is_null());
    members.insert("client_name".to_owned(), json!(renamed(client)));
    Value::Object(members)
}

fn renamed(client: &Registered) -> String {
    let name = client.members.get("client_name").and_then(Value::as_str).unwrap_or("authprobe");
    format!("{name} (updated)")
}

/// The answer to a registration (RFC 7591 §3.2). `invited`: an initial access token was sent. Faults: `config` where one
/// is needed and there is none; `credentials` if it is refused; `oauth_error`, `http_status`, `redirect`, `malformed`;
/// `claim_expired` if the secret is.
pub fn created(
    answer: &Response,
    asked: &Value,
    invited: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Registered, Fault> {
    match answer.status.as_u16() {
        201 => {}
        200 => {
            let detail = "a registered client is answered with 201, not 200";
            warnings.push(Warning::new("created_status", "RFC 7591 §3.2.1", detail));
        }
        status @ (401 | 403) => return Err(not_invited(answer, status, invited)),
        _ => return Err(refusal(answer, "registration endpoint", warnings)),
    }
    let client = described(answer, "registration response", warnings)?;
    // Only here: who keeps a hash of it cannot tell it again.
    let by_secret = client.members.get("token_endpoint_auth_method").and_then(Value::as_str);
    if by_secret.is_some_and(|method| method.starts_with("client_secret")) && client.secret.is_none() {
        let detail = "registration response: the client is to authenticate with a secret, and got none";
        let finding = Finding::new(Class::Malformed, "RFC 7591 §3.2.1", detail);
        Fault::from_findings(vec![finding]).map_or(Ok(()), Err)?;
    }
    secret_expiry(&client, answer, warnings)?;
    for member in ["redirect_uris", "grant_types", "token_endpoint_auth_method"] {
        if client.members.get(member) != asked.get(member) {
            let found = client.members.get(member).map_or_else(|| "left out".to_owned(), shapes::shown);
            let detail = format!("{member} was registered otherwise than asked for: {found}");
            warnings.push(Warning::new("registered_metadata", "RFC 7591 §3.2.1", detail));
        }
    }
    Ok(client)
}

/// `client_secret_expires_at`: seconds since the epoch, 0 for never; it must be there beside a secret (RFC 7591 §3.2.1).
fn secret_expiry(client: &Registered, answer: &Response, warnings: &mut Vec<Warning>) -> Result<(), Fault> {
    let clause = "RFC 7591 §3.2.1";
    if client.secret.is_none() {
        return Ok(());
    }
    match client.members.get("client_secret_expires_at") {
        None => {
            let detail = "client_secret_expires_at is missing beside a client_secret";
            warnings.push(Warning::new("secret_expiry_missing", clause, detail));
        }
        Some(Value::Number(at)) => {
            let late = at.as_f64().filter(|at| *at != 0.0).map(|at| answer.received.as_secs_f64() - at);
            if let Some(late) = late.filter(|late| *late >= LEEWAY.as_secs_f64()) {
                let detail = format!("client_secret_expires_at was {late:.0} s ago: the secret is expired when issued");
                return Fault::from_findings(vec![Finding::new(Class::ClaimExpired, clause, detail)])
                    .map_or(Ok(()), Err);
            }
        }
        Some(other) => {
            let detail = format!("client_secret_expires_at is {}, not a number of seconds", shapes::kind(other));
            warnings.push(Warning::new("secret_expiry_type", clause, detail));
        }
    }
    Ok(())
}

/// The answer to a read (RFC 7592 §2.1) or an update (§2.2) of `known`. Faults: `http_status`, `redirect`, `malformed`,
/// `oauth_error`.
pub fn managed(
    answer: &Response,
    known: &Registered,
    what: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Registered, Fault> {
    if answer.status != 200 {
        return Err(refusal(answer, what, warnings));
    }
    let mut client = described(answer, what, warnings)?;
    if client.client_id != known.client_id {
        let detail = format!("{what}: client_id is not the one that was registered");
        return Err(Fault::new(Class::Malformed, detail));
    }
    // Some leave out what has not changed (§3 wants both).
    if client.management.is_none() {
        let detail = format!("{what}: registration_access_token or registration_client_uri is missing");
        warnings.push(Warning::new("management_missing", "RFC 7592 §3", detail));
        client.management.clone_from(&known.management);
    }
    if client.secret.is_none() {
        client.secret.clone_from(&known.secret);
    }
    Ok(client)
}

/// Warns if an update changed nothing (RFC 7592 §2.2).
pub fn check_update(before: &Registered, after: &Registered, warnings: &mut Vec<Warning>) {
    let wanted = renamed(before);
    if after.members.get("client_name").and_then(Value::as_str) != Some(wanted.as_str()) {
        let detail = "the update of client_name was answered with success, and changed nothing";
        warnings.push(Warning::new("update_ignored", "RFC 7592 §2.2", detail));
    }
}

/// The answer to a deletion (RFC 7592 §2.3). Faults: `unsupported` (405), `http_status`, `redirect`, `oauth_error`.
pub fn deleted(answer: &Response, warnings: &mut Vec<Warning>) -> Result<(), Fault> {
    match answer.status.as_u16() {
        204 => Ok(()),
        status @ (200 | 202) => {
            let detail = format!("a deletion is answered with 204, not {status}");
            warnings.push(Warning::new("delete_status", "RFC 7592 §2.3", detail));
            Ok(())
        }
        405 => Err(Fault::new(Class::Unsupported, "the provider does not let clients be deleted: status 405")),
        _ => Err(refusal(answer, "deletion of the client", warnings)),
    }
}

/// The answer to a read after the deletion (RFC 7592 §2.1): 401. Fault: `revocation_ineffective` if there still is one.
pub fn gone(answer: &Response, warnings: &mut Vec<Warning>) -> Result<(), Fault> {
    match answer.status.as_u16() {
        401 => Ok(()),
        status @ (400 | 403 | 404 | 410) => {
            let detail = format!("a read of a deleted client is refused with 401, not {status}");
            warnings.push(Warning::new("gone_status", "RFC 7592 §2.1", detail));
            Ok(())
        }
        status @ 200..300 => {
            let detail = format!("the deleted client can still be read (status {status}): its access token lives on");
            Err(Fault::new(Class::RevocationIneffective, detail))
        }
        _ => Err(response::status_fault(answer, "read of the deleted client")),
    }
}

/// Whether the token endpoint knows a client, as far as its answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was looked at what the client asks for.
    Yes,
    /// The client was refused.
    No,
    /// This error may come before the client was looked at, or after.
    Unclear(String),
}

/// Whether the token endpoint knows a client that sends a code that it never issued: that is `invalid_grant` to whom it
/// knows, `invalid_client` to anybody else (RFC 6749 §5.2). Faults: `attack_accepted` if that is answered with tokens;
/// `http_status`, `redirect`, `malformed`.
pub fn knows_client(answer: &Response) -> Result<Known, Fault> {
    match (answer.status.as_u16(), OauthError::from_body(&answer.body)) {
        (200, None) => Err(Fault::new(Class::AttackAccepted, "a code that was never issued is answered with success")),
        (200 | 400..500, Some(error)) => Ok(match error.code.as_str() {
            "invalid_grant" => Known::Yes,
            "invalid_client" => Known::No,
            _ => Known::Unclear(error.code),
        }),
        (401, None) => Ok(Known::No),
        (400, None) => Err(Fault::new(Class::Malformed, "token endpoint: status 400 without an error object")),
        _ => Err(response::status_fault(answer, "token endpoint")),
    }
}

/// Reads what every answer with a client has.
fn described(answer: &Response, what: &str, warnings: &mut Vec<Warning>) -> Result<Registered, Fault> {
    let members = response::json_object(answer, what, warnings)?;
    let mut findings = Vec::new();
    let text = |name: &str, findings: &mut Vec<Finding>| match members.get(name) {
        None => None,
        Some(Value::String(value)) if !value.is_empty() => Some(value.clone()),
        Some(other) => {
            let found = if other.is_string() { "empty" } else { shapes::kind(other) };
            let detail = format!("{what}: {name} is {found}, not a text");
            findings.push(Finding::new(Class::Malformed, "RFC 7591 §3.2.1", detail));
            None
        }
    };
    let client_id = text("client_id", &mut findings);
    if !members.contains_key("client_id") {
        let detail = format!("{what}: client_id is missing");
        findings.push(Finding::new(Class::Malformed, "RFC 7591 §3.2.1", detail));
    }
    let secret = text("client_secret", &mut findings).map(Secret::new);
    let management = management(&members, &mut findings);
    match (Fault::from_findings(findings), client_id) {
        (Some(fault), _) => Err(fault),
        (None, Some(client_id)) => Ok(Registered { client_id, secret, management, members }),
        (None, None) => Err(Fault::new(Class::Malformed, format!("{what}: client_id is missing"))),
    }
}

/// Both members, or none of them (RFC 7592 §3).
fn management(members: &Map<String, Value>, findings: &mut Vec<Finding>) -> Option<Management> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut wrong = |detail: &str| findings.push(Finding::new(Class::Malformed, "RFC 7592 §3", detail));
    match (text("registration_client_uri"), text("registration_access_token")) {
        (None, None) => None,
        (Some(uri), Some(token)) => match Url::parse(uri) {
            Ok(uri) if uri.scheme() == "https" || uri.scheme() == "http" && metadata::is_loopback(&uri) => {
                Some(Management { uri, token: Secret::new(token) })
            }
            _ => {
                wrong("registration_client_uri is no https URL");
                None
            }
        },
        (Some(_), None) => {
            wrong("registration_client_uri comes without registration_access_token");
            None
        }
        (None, Some(_)) => {
            wrong("registration_access_token comes without registration_client_uri");
            None
        }
    }
}

fn not_invited(answer: &Response, status: u16, invited: bool) -> Fault {
    let why = OauthError::from_body(&answer.body).or_else(|| OauthError::from_challenge(&answer.headers));
    let why = why.map_or_else(|| format!("status {status}"), |error| error.to_string());
    if invited {
        return Fault::new(Class::Credentials, format!("the initial access token is refused: {why}"));
    }
    let detail = format!("registration is not open to everybody ({why}): set `initial_access_token`");
    Fault::new(Class::Config, detail)
}

fn refusal(answer: &Response, what: &str, warnings: &mut Vec<Warning>) -> Fault {
    match OauthError::from_body(&answer.body).filter(|_| answer.status.is_client_error()) {
        Some(error) => {
            if answer.status != 400 && answer.status != 401 {
                let detail = format!("{what}: OAuth error {} comes with status {}", error.code, answer.status.as_u16());
                warnings.push(Warning::new("error_status", "RFC 7591 §3.2.2", detail));
            }
            Fault::new(Class::OauthError, format!("{what}: {error}"))
        }
        None => response::status_fault(answer, what),
    }
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
