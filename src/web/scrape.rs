//! `GET /metrics`: negotiated, rendered off the async threads, read at the scraper's pace but not for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::App;
use super::problem::Problem;
use crate::sink::metrics::Format;

/// How many expositions may be rendered or held for readers at once: with the longest, this bounds the memory.
pub const MAX_SCRAPES: usize = 4;
/// How long a reader may take.
const READ_TIME: Duration = Duration::from_secs(60);
/// What is handed to the connection at a time (bytes).
const CHUNK: usize = 64 * 1024;

/// All series in the format that is asked for.
pub async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let Ok(permit) = app.scrapes.clone().try_acquire_owned() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once")
            .with(RETRY_AFTER, "1")
            .into_response();
    };
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let format = negotiate(&accept);
    let metrics = app.metrics.clone();
    match tokio::task::spawn_blocking(move || metrics.render(format)).await {
        Ok(text) => {
            let body = Paced { left: text.into(), over: Box::pin(tokio::time::sleep(READ_TIME)), _permit: permit };
            let headers = [(CONTENT_TYPE, format.media_type()), (VARY, "Accept")];
            (headers, Body::new(body.map_err(axum::Error::new))).into_response()
        }
        Err(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written").into_response(),
    }
}

/// OpenMetrics if it is asked for by name, in a version we speak, and at least as much as the classic text.
fn negotiate(accept: &str) -> Format {
    let (mut openmetrics, mut text) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let (mut quality, mut version) = (1.0_f32, None);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            if version.is_none_or(|version| version == "1.0.0") {
                openmetrics = quality.max(openmetrics);
            }
        } else if media_type.eq_ignore_ascii_case("text/plain") {
            text = quality.max(text);
        }
    }
    if openmetrics > 0.0 && openmetrics >= text { Format::OpenMetrics } else { Format::Prometheus }
}

/// A body that is given out piece by piece and breaks off when its time is over.
struct Paced {
    left: Bytes,
    over: Pin<Box<Sleep>>,
    /// Given back when the body is sent or the reader gone.
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if self.over.as_mut().poll(cx).is_ready() {
            self.left.clear();
            return Poll::Ready(Some(Err(std::io::ErrorKind::TimedOut.into())));
        }
        let size = self.left.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_only_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, expected) in [
            (prometheus, Format::OpenMetrics),
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; version=\"1.0.0\"; charset=utf-8", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.7", Format::Prometheus),
            ("application/openmetrics-text;q=x;;=,;", Format::Prometheus),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept}");
        }
    }
}
