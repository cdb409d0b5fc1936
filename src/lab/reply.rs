//! What goes over the wire: answers as values that faults can change, and the ways in which they end.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

/// What a hook on requests may look at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
}

/// What a hook on requests does.
#[derive(Debug)]
pub enum Action {
    /// Waits, then goes on.
    Wait(Duration),
    /// Never answers; the connection stays open.
    Hang,
    /// Breaks the connection before the first byte.
    Reset,
    /// Answers in place of the endpoint.
    Answer(Reply),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers; boxed, so that a refusal is a small error.
    pub headers: Box<HeaderMap>,
    /// Its body.
    pub body: Bytes,
    /// How the body is sent.
    pub ending: Ending,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it at once.
    Whole,
    /// So many spaces go before it.
    Padded(u64),
    /// Half of it, then the connection breaks.
    Cut,
    /// A few bytes at a time, with this pause between.
    Drip(Duration),
    /// The same, from the first byte of the head on.
    Trickle(Duration),
}

impl Reply {
    /// An empty answer.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Box::default(), body: Bytes::new(), ending: Ending::Whole }
    }

    /// A JSON document.
    pub fn json(status: StatusCode, document: &Value) -> Self {
        Self::new(status).body("application/json", document.to_string())
    }

    /// A page.
    pub fn html(status: StatusCode, page: String) -> Self {
        Self::new(status).body("text/html; charset=utf-8", page).no_store()
    }

    /// An OAuth error (RFC 6749 §5.2).
    pub fn error(status: StatusCode, error: &str, description: &str) -> Self {
        Self::json(status, &json!({"error": error, "error_description": description})).no_store()
    }

    /// A redirect: 303, so that a POST becomes a GET.
    pub fn see_other(location: &str) -> Self {
        Self::new(StatusCode::SEE_OTHER).header(LOCATION, location).no_store()
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// With a header; one that cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Not to be cached (RFC 6749 §5.1).
    #[must_use]
    pub fn no_store(self) -> Self {
        self.header(CACHE_CONTROL, "no-store")
    }

    /// Whether its body has that word in it.
    pub fn says(&self, word: &str) -> bool {
        self.body.windows(word.len()).any(|part| part == word.as_bytes())
    }

    /// Sent in that way.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Self { status, mut headers, body, ending } = self;
        headers.remove(CONTENT_LENGTH);
        let body = match ending {
            Ending::Whole | Ending::Trickle(_) => Body::from(body),
            Ending::Padded(spaces) => padded(body, spaces),
            Ending::Cut => {
                // The length of the whole is announced, so that the cut cannot be taken for the end.
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(1)));
                cut(body)
            }
            Ending::Drip(pause) => drip(body, pause),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = *headers;
        response
    }
}

static SPACES: [u8; 65_536] = [b' '; 65_536];

fn padded(body: Bytes, spaces: u64) -> Body {
    let stream = stream::unfold((spaces, Some(body)), |(left, body)| async move {
        if left > 0 {
            let size = left.min(SPACES.len() as u64);
            let chunk = Bytes::from_static(&SPACES[..usize::try_from(size).unwrap_or(0)]);
            return Some((Ok::<_, std::io::Error>(chunk), (left - size, body)));
        }
        body.map(|body| (Ok(body), (0, None)))
    });
    Body::from_stream(stream)
}

fn cut(body: Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let stream = stream::unfold(Some(half), |part| async move {
        match part {
            Some(half) => Some((Ok(half), None)),
            None => {
                // The half must be on its way before the connection goes: a reset discards what was not sent.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None))
            }
        }
    });
    Body::from_stream(stream)
}

fn drip(body: Bytes, pause: Duration) -> Body {
    let step = (body.len() / 16).max(1);
    let stream = stream::unfold((body, false), move |(mut rest, begun)| async move {
        if rest.is_empty() {
            return None;
        }
        if begun {
            tokio::time::sleep(pause).await;
        }
        let part = rest.split_to(step.min(rest.len()));
        Some((Ok::<_, std::io::Error>(part), (rest, true)))
    });
    Body::from_stream(stream)
}
