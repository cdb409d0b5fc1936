//! Token introspection: RFC 7662, and its signed answers (RFC 9701). Pure.

use ::http::header;
use serde_json::{Map, Value};

use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::id_token::Report;
use crate::oidc::jwt::{Claims, Jwt};
use crate::oidc::settings::{AuthMethod, Client};
use crate::oidc::{json, response, token};
use crate::outcome::Warning;

mod agreement;

pub use agreement::{Known, agrees};

/// The media type of a signed answer (RFC 9701 §4), and with `application/` left out the `typ` of its header.
pub const SIGNED: &str = "application/token-introspection+jwt";

/// What the endpoint said.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The document of §2.2.
    Document(Map<String, Value>),
    /// The same, signed: to be verified.
    Token(String),
}

/// Reads the answer. Faults: `credentials`, `oauth_error`, `http_status`, `redirect`, `malformed`; `config` if a public
/// client is refused, which §2.1 demands; `unsupported` if the endpoint does not take such tokens.
pub fn read(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<Answer, Fault> {
    if answer.status != 200 {
        return Err(failure(token::failure(answer, "introspection endpoint", client, warnings), client));
    }
    let media = answer.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(response::media_type);
    if media.as_deref() == Some(SIGNED) {
        let token = std::str::from_utf8(&answer.body)
            .map_err(|_| Fault::new(Class::Malformed, "introspection response: the token is not ASCII"))?;
        return Ok(Answer::Token(token.trim().to_owned()));
    }
    Ok(Answer::Document(response::json_object(answer, "introspection response", warnings)?))
}

fn failure(fault: Fault, client: &Client) -> Fault {
    match fault.class {
        Class::Credentials if client.auth_method == AuthMethod::None => {
            let detail = format!(
                "client {} has nothing to authenticate with, and introspection demands it (RFC 7662 §2.1)",
                client.name
            );
            Fault::new(Class::Config, detail)
        }
        // Not of RFC 7662, but what RFC 7009 §2.2.1 has for the same case.
        Class::OauthError if fault.detail.starts_with("unsupported_token_type") => {
            let detail = format!("the introspection endpoint does not take such tokens: {}", fault.detail);
            Fault::new(Class::Unsupported, detail)
        }
        _ => fault,
    }
}

/// Whether the document calls the token active (§2.2). Fault: `malformed`.
pub fn active(members: &Map<String, Value>) -> Result<bool, Fault> {
    match members.get("active") {
        Some(Value::Bool(active)) => Ok(*active),
        Some(other) => {
            let detail = format!("introspection response: active is {}, not a boolean", json::kind(other));
            Err(Fault::new(Class::Malformed, detail))
        }
        None => Err(Fault::new(Class::Malformed, "introspection response: active is missing (RFC 7662 §2.2)")),
    }
}

/// Whether the token is active (§2.2). Faults: those of [`read`] and [`active`].
pub fn process(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<bool, Fault> {
    match read(answer, client, warnings)? {
        Answer::Document(members) => active(&members),
        Answer::Token(_) => {
            Err(Fault::new(Class::Malformed, "introspection response: signed, though JSON was asked for"))
        }
    }
}

/// An inactive token: nothing else should be said of it (§2.2).
pub fn silent(members: &Map<String, Value>) -> Option<Warning> {
    let more: Vec<&str> = members.keys().map(String::as_str).filter(|name| *name != "active").collect();
    (!more.is_empty()).then(|| {
        let names = json::short(&more.join(", "), 120);
        let detail = format!("of a token that is not active the endpoint says more than that: {names}");
        Warning::new("inactive_details", "RFC 7662 §2.2", detail)
    })
}

/// The claims of a signed answer around the document (RFC 9701 §5): its type, its issuer, and that it is for us.
pub fn validate(jwt: &Jwt, issuer: &str, client_id: &str) -> Report {
    let clause = "RFC 9701 §5";
    let mut report = Report::default();
    let typ = jwt.header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != SIGNED.trim_start_matches("application/") {
        let detail = format!("typ: expected token-introspection+jwt, found {}", json::short(&typ, 60));
        report.findings.push(Finding::new(Class::Malformed, clause, detail));
    }
    report.issuer(&jwt.claims, issuer, clause);
    if let Some(audience) = report.audience(&jwt.claims, clause)
        && !audience.contains(&client_id)
    {
        let found = json::short(&audience.join(" "), 200);
        let detail = format!("aud: expected {client_id}, found {found}");
        report.findings.push(Finding::new(Class::ClaimAudience, clause, detail));
    }
    if jwt.claims.get("iat").is_none() {
        report.findings.push(Finding::new(Class::ClaimMissing, clause, "iat is missing"));
    }
    // §5: so that it cannot be taken for an access token.
    for name in ["sub", "exp"] {
        if jwt.claims.get(name).is_some() {
            let detail = format!("a signed answer should have no {name} of its own: it could be taken for a token");
            report.warnings.push(Warning::new("introspection_claims", clause, detail));
        }
    }
    report
}

/// The document in a signed answer. Fault: `malformed`.
pub fn document(claims: &Claims) -> Result<Map<String, Value>, Fault> {
    match claims.get("token_introspection") {
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(other) => {
            let detail = format!("introspection response: token_introspection is {}, not an object", json::kind(other));
            Err(Fault::new(Class::Malformed, detail))
        }
        None => {
            Err(Fault::new(Class::Malformed, "introspection response: token_introspection is missing (RFC 9701 §5)"))
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::oidc::response::testing;
    use crate::oidc::token::tests::client;

    #[test]
    fn active_is_a_boolean_and_nothing_else() {
        let read = |body| process(&testing::json(200, &body), &client(), &mut vec![]).map_err(|f| f.class);
        assert_eq!(read(json!({"active": true, "exp": 1.5})), Ok(true));
        assert_eq!(read(json!({"active": false})), Ok(false));
        for body in [json!({}), json!({"active": "true"}), json!({"active": 1}), json!([true])] {
            assert_eq!(read(body), Err(Class::Malformed));
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let fail =
            |client: &Client, status, body| process(&testing::json(status, &body), client, &mut vec![]).unwrap_err();
        assert_eq!(fail(&client(), 401, json!({"error": "invalid_client"})).class, Class::Credentials);
        assert_eq!(fail(&client(), 403, json!({"error": "access_denied"})).class, Class::OauthError);
        assert_eq!(fail(&client(), 400, json!({"error": "unsupported_token_type"})).class, Class::Unsupported);
        assert_eq!(fail(&client(), 500, json!({})).class, Class::HttpStatus);
        let public = Client { auth_method: AuthMethod::None, ..client() };
        let fault = fail(&public, 401, json!({"error": "invalid_client"}));
        assert_eq!((fault.class, fault.account), (Class::Config, None), "no secret of it can be wrong");
    }

    #[test]
    fn nothing_more_is_said_of_an_inactive_token() {
        let silent = |body: Value| silent(body.as_object().unwrap()).map(|warning| warning.detail);
        assert_eq!(silent(json!({"active": false})), None);
        assert!(silent(json!({"active": false, "sub": "alice"})).unwrap().ends_with(": sub"));
    }

    /// The example of RFC 9701 §5.
    #[test]
    fn a_signed_answer_names_issuer_and_resource_server() {
        let sign = |header: Value, claims: Value| {
            let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            Jwt::decode(&format!("{}.{}.AAAA", part(header), part(claims)), "answer").unwrap()
        };
        let claims = || {
            json!({
                "iss": "https://as.example.com/", "aud": "https://rs.example.com/resource", "iat": 1_514_797_892,
                "token_introspection": {"active": true, "sub": "Z5O3upPC88QrAjx00dis"},
            })
        };
        let check = |header, claims| {
            let jwt = sign(header, claims);
            let report = validate(&jwt, "https://as.example.com/", "https://rs.example.com/resource");
            (report.findings.iter().map(|f| f.class).collect::<Vec<_>>(), report.warnings.len())
        };
        let typ = || json!({"typ": "token-introspection+jwt", "alg": "RS256", "kid": "wG6D"});
        assert_eq!(check(typ(), claims()), (vec![], 0));
        assert_eq!(check(json!({"typ": "JWT", "alg": "RS256"}), claims()).0, [Class::Malformed]);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            check(typ(), claims)
        };
        assert_eq!(with("iss", json!("https://other.example.com")).0, [Class::ClaimIssuer]);
        assert_eq!(with("aud", json!("other")).0, [Class::ClaimAudience]);
        assert_eq!(with("exp", json!(1)), (vec![], 1));
        let inner = document(&sign(typ(), claims()).claims).unwrap();
        assert_eq!(active(&inner), Ok(true));
        let Ok(Value::Object(bare)) = Ok::<_, ()>(json!({"token_introspection": []})) else { panic!("an object") };
        assert_eq!(document(&Claims(bare)).unwrap_err().class, Class::Malformed);
    }

    #[test]
    fn a_signed_answer_is_known_by_its_media_type() {
        let answer = testing::response(200, &[("content-type", "application/token-introspection+jwt")], "a.b.c\n");
        assert_eq!(read(&answer, &client(), &mut vec![]), Ok(Answer::Token("a.b.c".to_owned())));
        assert_eq!(process(&answer, &client(), &mut vec![]).unwrap_err().class, Class::Malformed);
    }
}
