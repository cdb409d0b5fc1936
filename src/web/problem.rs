//! Errors as RFC 9457 has them.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// An error for whoever asked; `type` is `about:blank`, so the title is the status' own phrase (RFC 9457 §4.2.1).
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    mistakes: Vec<Mistake>,
    header: Option<(HeaderName, &'static str)>,
}

/// One thing that is wrong with a body: the member `errors` of the example of RFC 9457 §3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Where, as a JSON pointer in a URI fragment (RFC 6901 §6), such as `#/probes/0`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// What went wrong, in words.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), mistakes: vec![], header: None }
    }

    /// All that is wrong with a body.
    pub fn of_body(mistakes: Vec<Mistake>) -> Self {
        let words: Vec<_> = mistakes.iter().map(|m| format!("{}: {}", m.pointer, m.detail)).collect();
        Self { mistakes, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, words.join("; ")) }
    }

    /// With which status it is answered.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// With a header besides.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.mistakes.is_empty() {
            body["errors"] = json!(self.mistakes);
        }
        let mut response = (self.status, body.to_string()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
