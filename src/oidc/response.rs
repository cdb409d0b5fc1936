//! What every JSON answer of a provider has in common: status, content type, character set, the OAuth error object.
//! Pure.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use crate::fault::{Class, Fault};
use crate::oidc::challenge::challenges;
use crate::oidc::http::Response;
use crate::oidc::json;
use crate::outcome::Warning;

/// The longest `error_description` that is passed on (characters); the journey scrubs it.
const MAX_DESCRIPTION: usize = 200;
/// The longest that a cache is expected to keep a document (seconds).
const MAX_AGE: u64 = 86_400;

/// Reads a JSON object out of an answer whose status was accepted already. What an ordinary client forgives (content
/// type, character set, duplicate names) becomes a warning. Fault: `malformed`.
pub fn json_object(response: &Response, what: &str, warnings: &mut Vec<Warning>) -> Result<Map<String, Value>, Fault> {
    let (members, duplicates) = json_object_as(response, what, &["application/json"], warnings)?;
    if !duplicates.is_empty() {
        let names = duplicates.join(", ");
        let detail = format!("{what} names a member twice: {names}; readers differ in which one they take");
        warnings.push(Warning::new("duplicate_member", "RFC 8259 §4", detail));
    }
    Ok(members)
}

/// Reads a JSON object of one of the media types, and which of its names came twice.
pub fn json_object_as(
    response: &Response,
    what: &str,
    media_types: &[&str],
    warnings: &mut Vec<Warning>,
) -> Result<(Map<String, Value>, Vec<String>), Fault> {
    warnings.extend(content_type(&response.headers, what, media_types));
    let parsed = json::parse(&response.body)
        .map_err(|why| Fault::new(Class::Malformed, format!("{what}: expected JSON, found {why}")))?;
    if parsed.bom {
        warnings.push(Warning::new(
            "byte_order_mark",
            "RFC 8259 §8.1",
            format!("{what} begins with a byte order mark"),
        ));
    }
    match parsed.value {
        Value::Object(members) => Ok((members, parsed.duplicates)),
        other => {
            Err(Fault::new(Class::Malformed, format!("{what}: expected a JSON object, found {}", json::kind(&other))))
        }
    }
}

/// How long shared caches may keep an answer (RFC 9111 §5.2.2): `s-maxage`, else `max-age`, a day at most; nothing where it
/// is not to be stored, or to be asked for again each time.
pub fn max_age(headers: &HeaderMap) -> Duration {
    let (mut shared, mut any) = (None, None);
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            let seconds = |text: &str| delta_seconds(text.trim_matches('"'));
            match directive.split_once('=') {
                None if matches!(directive.as_str(), "no-store" | "no-cache" | "private") => return Duration::ZERO,
                Some(("s-maxage", value)) => shared = shared.or_else(|| seconds(value)),
                Some(("max-age", value)) => any = any.or_else(|| seconds(value)),
                _ => {}
            }
        }
    }
    Duration::from_secs(shared.or(any).unwrap_or(0).min(MAX_AGE))
}

/// RFC 9111 §1.2.2: more digits than fit are a very long time.
fn delta_seconds(text: &str) -> Option<u64> {
    let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Warns if the media type is none of `expected`, or the character set is not UTF-8 (RFC 8259 §8.1).
pub fn content_type(headers: &HeaderMap, what: &str, expected: &[&str]) -> Vec<Warning> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return vec![Warning::new("content_type", "RFC 9110 §8.3", format!("{what} comes without a content type"))];
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut warnings = Vec::new();
    let media = media_type(&value);
    if !expected.contains(&media.as_str()) {
        let detail = format!("{what} comes as {}, not {}", json::short(&media, 60), expected.join(" or "));
        warnings.push(Warning::new("content_type", "RFC 8259 §11", detail));
    }
    let charset = value
        .split(';')
        .skip(1)
        .filter_map(|p| p.split_once('='))
        .find(|(k, _)| k.trim().eq_ignore_ascii_case("charset"));
    if let Some((_, charset)) = charset {
        let charset = charset.trim().trim_matches('"');
        if !charset.eq_ignore_ascii_case("utf-8") {
            let detail = format!("{what} claims the character set {}; JSON is UTF-8", json::short(charset, 40));
            warnings.push(Warning::new("charset", "RFC 8259 §8.1", detail));
        }
    }
    warnings
}

/// The media type of a `Content-Type`, lower case, without parameters.
pub fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// An error object of OAuth 2.0 (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthError {
    /// `error`: at most 64 characters of the allowed ones.
    pub code: String,
    /// `error_description`, cut.
    pub description: Option<String>,
}

impl OauthError {
    /// Finds one in a JSON object.
    pub fn from_members(members: &Map<String, Value>) -> Option<Self> {
        let code = members.get("error")?.as_str()?;
        if code.is_empty() || code.len() > 64 || !code.bytes().all(is_nqschar) {
            return None;
        }
        let description = members.get("error_description").and_then(Value::as_str);
        let description = description.filter(|d| !d.trim().is_empty()).map(|d| json::short(d.trim(), MAX_DESCRIPTION));
        Some(Self { code: code.to_owned(), description })
    }

    /// Finds one in a body, whatever its content type.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        Self::from_members(json::parse(body).ok()?.value.as_object()?)
    }

    /// Finds one in a `WWW-Authenticate: Bearer error="…"` (RFC 6750 §3), or `DPoP` (RFC 9449 §7.1).
    pub fn from_challenge(headers: &HeaderMap) -> Option<Self> {
        let all = challenges(headers);
        let challenge = all.iter().find(|challenge| challenge.is_for_tokens() && challenge.get("error").is_some())?;
        let code = challenge.get("error")?;
        let valid = !code.is_empty() && code.len() <= 64 && code.bytes().all(is_nqschar);
        let description = challenge.get("error_description").map(|d| json::short(d, MAX_DESCRIPTION));
        valid.then(|| Self { code: code.to_owned(), description })
    }
}

impl std::fmt::Display for OauthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.code)?;
        match &self.description {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

/// RFC 6749 appendix A.7: %x20-21 / %x23-5B / %x5D-7E.
fn is_nqschar(b: u8) -> bool {
    matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// The fault of a status that the operation does not allow: `redirect` for 3xx, else `http_status`; an OAuth error in the
/// body is named; a 503's `Retry-After` is kept.
pub fn status_fault(response: &Response, what: &str) -> Fault {
    let status = response.status;
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        let target = response.headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
        let target = target.and_then(|t| response.url.join(t).ok()).map_or_else(
            || "nowhere".to_owned(),
            |url| format!("{}{}", url.origin().ascii_serialization(), json::short(url.path(), 100)),
        );
        return Fault::new(
            Class::Redirect,
            format!("{what}: {} to {target}, where an answer must be", status.as_u16()),
        );
    }
    let code = match OauthError::from_body(&response.body) {
        Some(error) => format!(" with OAuth error {error}"),
        None => String::new(),
    };
    let fault = Fault::new(Class::HttpStatus, format!("{what}: status {}{code}", status.as_u16()));
    match status {
        StatusCode::SERVICE_UNAVAILABLE => fault.with_retry_after(response.retry_after()),
        _ => fault,
    }
}

/// Answers for tests of the pure functions.
#[cfg(test)]
pub mod testing {
    use std::time::Duration;

    use bytes::Bytes;
    use url::Url;

    use super::*;
    use crate::clock::Timestamp;

    /// An answer that arrived at 2023-11-14T22:13:20Z, 200 ms after it was asked for.
    pub fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: map,
            body: body.into(),
            url: Url::parse("https://login.example.com/token").unwrap(),
            received: Timestamp::from_secs(1_700_000_000),
            round_trip: Duration::from_millis(200),
        }
    }

    /// The same, as well-behaved JSON that must not be stored.
    pub fn json(status: u16, body: &Value) -> Response {
        let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
        response(status, &headers, body.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::testing::response;
    use super::*;

    fn codes(warnings: &[Warning]) -> Vec<&'static str> {
        warnings.iter().map(|w| w.code).collect()
    }

    #[test]
    fn content_types_are_forgiven_and_told() {
        for (value, expected) in [
            (Some("application/json"), &[][..]),
            (Some("Application/JSON; charset=UTF-8"), &[]),
            (Some("application/json;charset=\"utf-8\""), &[]),
            (Some("text/html"), &["content_type"]),
            (Some("application/json; charset=iso-8859-1"), &["charset"]),
            (Some("text/plain; charset=latin1"), &["content_type", "charset"]),
            (None, &["content_type"]),
        ] {
            let headers: Vec<_> = value.iter().map(|v| ("content-type", *v)).collect();
            let mut warnings = Vec::new();
            json_object(&response(200, &headers, "{}"), "x", &mut warnings).unwrap();
            assert_eq!(codes(&warnings), expected, "{value:?}");
        }
    }

    #[test]
    fn caches_keep_what_they_may() {
        for (value, seconds) in [
            ("public, max-age=60", 60),
            ("max-age=60, s-maxage=\"90\"", 90),
            ("Max-Age=60, no-cache", 0),
            ("private, max-age=60", 0),
            ("max-age=99999999999", MAX_AGE),
            ("max-age=-1", 0),
            ("max-age=99999999999999999999999", MAX_AGE),
            ("max-age=+60", 0),
            ("max-age=60, max-age=90", 60),
            ("max-age=", 0),
            ("public", 0),
        ] {
            let answer = response(200, &[("cache-control", value)], "");
            assert_eq!(max_age(&answer.headers).as_secs(), seconds, "{value}");
        }
        assert_eq!(max_age(&response(200, &[], "").headers), Duration::ZERO);
    }

    #[test]
    fn only_objects_are_objects() {
        for (body, detail) in [
            ("[1]", "x: expected a JSON object, found an array"),
            ("<html>", "x: expected JSON, found markup (an HTML or XML page)"),
        ] {
            let answer = response(200, &[("content-type", "application/json")], body);
            let fault = json_object(&answer, "x", &mut Vec::new()).unwrap_err();
            assert_eq!((fault.class, fault.detail.as_str()), (Class::Malformed, detail));
        }
    }

    #[test]
    fn oauth_errors_are_read_from_bodies_and_challenges() {
        let error = OauthError::from_body(br#"{"error":"invalid_grant","error_description":"expired"}"#).unwrap();
        assert_eq!(error.to_string(), "invalid_grant (expired)");
        assert_eq!(OauthError::from_body(br#"{"error":"a\"b"}"#), None);
        assert_eq!(OauthError::from_body(br#"{"error":{"code":1}}"#), None);
        assert_eq!(OauthError::from_body(b"<html>"), None);
        let challenge = r#"Bearer realm="x", error_description="The token expired", error="invalid_token""#;
        let answer = response(401, &[("www-authenticate", "Basic"), ("www-authenticate", challenge)], "");
        let error = OauthError::from_challenge(&answer.headers).unwrap();
        assert_eq!(error.to_string(), "invalid_token (The token expired)");
        for (challenge, code) in [
            ("Bearer realm=\"error\"", None),
            ("Basic error=\"x\"", None),
            ("Bearer error=\"\"", None),
            // Beside another scheme in one header, and with a name that is mentioned before it comes.
            ("Basic realm=\"a\", Bearer realm=\"b\", error=\"invalid_token\"", Some("invalid_token")),
            ("Bearer error_description=\"no error=here\", error=\"invalid_token\"", Some("invalid_token")),
            ("DPoP error=\"use_dpop_nonce\", error_description=\"Schlüssel\"", Some("use_dpop_nonce")),
        ] {
            let answer = response(401, &[("www-authenticate", challenge)], "");
            let found = OauthError::from_challenge(&answer.headers);
            assert_eq!(found.map(|error| error.code).as_deref(), code, "{challenge}");
        }
    }

    #[test]
    fn statuses_have_their_classes() {
        let fault = status_fault(&response(500, &[], r#"{"error":"server_error"}"#), "token endpoint");
        assert_eq!(
            (fault.class, fault.detail.as_str()),
            (Class::HttpStatus, "token endpoint: status 500 with OAuth error server_error")
        );
        let fault = status_fault(&response(302, &[("location", "/login?secret=1")], ""), "x");
        assert_eq!(fault.class, Class::Redirect);
        assert_eq!(fault.detail, "x: 302 to https://login.example.com/login, where an answer must be");
        let fault = status_fault(&response(503, &[("retry-after", "120")], ""), "x");
        assert_eq!((fault.class, fault.retry_after), (Class::HttpStatus, Some(Duration::from_secs(120))));
    }
}
