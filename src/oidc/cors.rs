//! Whether a browser lets a page of another origin use a protected resource: the CORS protocol of the Fetch standard, from
//! the browser's side. Pure.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::{json, response};

/// The headers of a preflight request (Fetch §4.8): a page of `origin` wants to send `method` with a token.
pub fn preflight(origin: &HeaderValue, method: &Method) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ORIGIN, origin.clone());
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, method);
    }
    headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("authorization"));
    headers
}

/// Whether the answer to a preflight request lets the page go on. Faults: `malformed` with everything that is missing,
/// `http_status`, `redirect`.
pub fn permits(answer: &Response, origin: &str, method: &Method) -> Result<(), Fault> {
    if !answer.status.is_success() {
        return Err(response::status_fault(answer, "CORS preflight"));
    }
    let mut findings: Vec<Finding> = allows_origin(&answer.headers, origin, "CORS preflight").into_iter().collect();
    // The methods that forms can use need no leave.
    let simple = matches!(*method, Method::GET | Method::HEAD | Method::POST);
    let methods = list(&answer.headers, &header::ACCESS_CONTROL_ALLOW_METHODS);
    if !simple && !methods.iter().any(|allowed| allowed == method.as_str() || allowed == "*") {
        findings.push(wrong(format!("CORS preflight: Access-Control-Allow-Methods lacks {method}"), &methods));
    }
    // Fetch §4.8: the wildcard does not stand for Authorization.
    let headers = list(&answer.headers, &header::ACCESS_CONTROL_ALLOW_HEADERS);
    if !headers.iter().any(|allowed| allowed.eq_ignore_ascii_case("authorization")) {
        findings.push(wrong("CORS preflight: Access-Control-Allow-Headers lacks authorization".to_owned(), &headers));
    }
    Fault::from_findings(findings).map_or(Ok(()), Err)
}

/// Whether a page of `origin` may read the answer (Fetch §4.10, the CORS check of a request without credentials).
pub fn allows_origin(headers: &HeaderMap, origin: &str, what: &str) -> Option<Finding> {
    let values = list(headers, &header::ACCESS_CONTROL_ALLOW_ORIGIN);
    match values.as_slice() {
        [one] if one == "*" || one == origin => None,
        _ => Some(wrong(format!("{what}: Access-Control-Allow-Origin does not name {origin}"), &values)),
    }
}

fn wrong(detail: String, found: &[String]) -> Finding {
    let found = if found.is_empty() { "none".to_owned() } else { json::short(&found.join(", "), 120) };
    Finding::new(Class::Malformed, "Fetch §3.3", format!("{detail}; found {found}"))
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::response::testing;

    const ORIGIN: &str = "https://app.example.com";

    fn check(status: u16, headers: &[(&'static str, &str)], method: &Method) -> Result<(), (Class, usize)> {
        permits(&testing::response(status, headers, ""), ORIGIN, method).map_err(|f| (f.class, f.findings.len()))
    }

    #[test]
    fn a_page_may_go_on_if_origin_method_and_header_are_allowed() {
        let named =
            [("access-control-allow-origin", ORIGIN), ("access-control-allow-headers", "Content-Type, Authorization")];
        assert_eq!(check(204, &named, &Method::GET), Ok(()));
        assert_eq!(check(200, &named, &Method::POST), Ok(()));
        assert_eq!(check(204, &named, &Method::PUT), Err((Class::Malformed, 1)));
        let any = [named[1], ("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET, PUT")];
        assert_eq!(check(204, &any, &Method::PUT), Ok(()));
    }

    #[test]
    fn all_that_is_missing_is_found_at_once() {
        assert_eq!(check(204, &[], &Method::PUT), Err((Class::Malformed, 3)));
        let other = [("access-control-allow-origin", "https://app.example.org"), ("access-control-allow-headers", "*")];
        assert_eq!(check(204, &other, &Method::GET), Err((Class::Malformed, 2)), "`*` is not Authorization");
        let two = [("access-control-allow-origin", ORIGIN), ("access-control-allow-origin", "*")];
        assert!(allows_origin(&testing::response(200, &two, "").headers, ORIGIN, "answer").is_some(), "only one value");
    }

    #[test]
    fn a_preflight_that_is_refused_or_sent_elsewhere_is_none() {
        assert_eq!(check(401, &[], &Method::GET), Err((Class::HttpStatus, 0)));
        assert_eq!(check(301, &[("location", "/login")], &Method::GET), Err((Class::Redirect, 0)));
    }

    #[test]
    fn the_request_says_what_the_page_wants() {
        let headers = preflight(&HeaderValue::from_static(ORIGIN), &Method::PUT);
        let text = |name: &str| headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(text("origin"), ORIGIN);
        assert_eq!(text("access-control-request-method"), "PUT");
        assert_eq!(text("access-control-request-headers"), "authorization");
    }
}
