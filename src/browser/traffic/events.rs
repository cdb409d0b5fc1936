//! What events of the network say, as WebDriver BiDi has them (module `network`). Pure.

use std::time::Duration;

use serde_json::Value;

use super::super::egress::Tunnel;
use crate::clock::Timestamp;
use crate::outcome::Phases;

/// How late an event may arrive from a browser whose clock is ours.
const SAME_CLOCK: Duration = Duration::from_secs(2);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The window's own document.
    Document,
    /// Something that a page is not complete without: a script, a frame.
    Part,
    /// A call of a script.
    Call,
    /// A picture, a style, a font.
    Decoration,
}

/// Redirects keep their request's id: each hop is a flight of its own.
pub(super) fn key(params: &Value) -> String {
    let id = text(&params["request"]["request"]).unwrap_or_default();
    format!("{}#{}", id.chars().take(100).collect::<String>(), redirects(params))
}

pub(super) fn redirects(params: &Value) -> u64 {
    params["redirectCount"].as_u64().unwrap_or_default()
}

pub(super) fn usage(params: &Value, context: &str) -> Use {
    let request = &params["request"];
    let initiator = text(&request["initiatorType"]).unwrap_or_default();
    match text(&request["destination"]).unwrap_or_default() {
        "document" if text(&params["context"]) == Some(context) && !params["navigation"].is_null() => Use::Document,
        "document" | "iframe" | "frame" | "script" => Use::Part,
        "" if matches!(initiator, "fetch" | "xmlhttprequest") || initiator.is_empty() => Use::Call,
        _ => Use::Decoration,
    }
}

/// How the time went (Resource Timing Level 2), as the browser's own milliseconds tell.
pub(super) fn phases(timings: &Value, tunnel: Option<Tunnel>) -> Phases {
    let at = |name: &str| timings[name].as_f64().filter(|at| at.is_finite() && *at > 0.0);
    let between = |from: Option<f64>, to: Option<f64>| millis(to? - from?);
    let tls = at("tlsStart");
    let own = Phases {
        resolve: between(at("dnsStart"), at("dnsEnd")),
        connect: between(at("connectStart"), tls.or_else(|| at("connectEnd"))),
        tls: between(tls, at("connectEnd")),
        processing: between(at("requestStart"), at("responseStart")),
        transfer: between(at("responseStart"), at("responseEnd")),
    };
    match tunnel {
        // What the browser takes for its connection ends at our own proxy.
        Some(Tunnel { resolve, connect }) => Phases { resolve, connect: Some(connect), ..own },
        None => own,
    }
}

/// A length of time in milliseconds, if it can be one.
pub(super) fn millis(took: f64) -> Option<Duration> {
    (0.0..3.6e6).contains(&took).then(|| Duration::from_secs_f64(took / 1000.0))
}

/// When a request began: as the browser says, if its clock is ours.
pub(super) fn began(params: &Value, now: Timestamp) -> Timestamp {
    let said = params["timestamp"].as_i64().and_then(|millis| millis.checked_mul(1_000_000)).map(Timestamp::from_nanos);
    said.filter(|said| *said <= now && now.since(*said) < SAME_CLOCK).unwrap_or(now)
}

/// What the answer says that it is, as the browser read it; empty if it says nothing: then the browser has guessed, even of an
/// answer without content.
pub(super) fn media_type(response: &Value) -> String {
    if response["headers"].is_array() && header(response, "content-type").is_none() {
        return String::new();
    }
    let full = text(&response["mimeType"]).unwrap_or_default();
    full.split(';').next().unwrap_or_default().trim().chars().take(100).collect::<String>().to_ascii_lowercase()
}

/// A header of a response, if it is text.
pub(super) fn header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
    let headers = response["headers"].as_array()?;
    let found = headers.iter().find(|header| text(&header["name"]).is_some_and(|n| n.eq_ignore_ascii_case(name)))?;
    text(&found["value"]["value"])
}

pub fn text(value: &Value) -> Option<&str> {
    value.as_str()
}
