//! Alerts as receivers read them. Pure.

use std::time::Duration;

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::json;
use url::Url;

use crate::alert::{Alert, EVALUATOR, State, Words};
use crate::clock::Timestamp;

/// How long a test alert lasts at an Alertmanager: longer than groups usually wait.
const TEST_LASTS: Duration = Duration::from_secs(300);
/// The form of webhooks' messages.
const VERSION: u32 = 1;

/// An alert as Alertmanager's API v2 has it (`postableAlert`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Postable<'a> {
    labels: &'a Words,
    annotations: &'a Words,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

/// Whether an alert is told of at all: what is pending is nobody's business yet.
pub fn is_told(alert: &Alert) -> bool {
    alert.is_firing() || alert.state == State::Resolved
}

/// For Alertmanager. What fires ends `ahead` of now unless it is told again; what is over ended when it did. It never ends
/// before it starts, which is an error there, though our clock may have been put back meanwhile.
pub fn postable<'a>(alert: &'a Alert, now: Timestamp, ahead: Duration, public_url: Option<&'a Url>) -> Postable<'a> {
    let started = alert.fired_at().unwrap_or(now).min(now);
    let ends = match alert.cleared_nanos.filter(|_| alert.state == State::Resolved) {
        Some(cleared) => Timestamp::from_nanos(cleared).clamp(started, now),
        None => now + ahead,
    };
    Postable {
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: time(started),
        ends_at: time(ends),
        generator_url: public_url.map(Url::as_str),
    }
}

/// A body for Alertmanager.
pub fn post(alerts: &[&Alert], now: Timestamp, ahead: Duration, public_url: Option<&Url>) -> Vec<u8> {
    let all: Vec<_> = alerts.iter().map(|alert| postable(alert, now, ahead, public_url)).collect();
    json!(all).to_string().into_bytes()
}

/// A body for a webhook: each alert fires, or is over if it is resolved.
pub fn message(alerts: &[&Alert], now: Timestamp) -> Vec<u8> {
    let one = |alert: &&Alert| {
        let over = alert.state == State::Resolved;
        json!({
            "status": if over { "resolved" } else { "firing" },
            "labels": alert.labels,
            "annotations": alert.annotations,
            "starts_at": time(alert.fired_at().unwrap_or(now)),
            "ends_at": over.then(|| time(alert.cleared_nanos.map_or(now, Timestamp::from_nanos))),
        })
    };
    let alerts: Vec<_> = alerts.iter().map(one).collect();
    json!({ "version": VERSION, "sent_at": time(now), "alerts": alerts }).to_string().into_bytes()
}

fn test(now: Timestamp) -> Alert {
    let words =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Alert {
        labels: words(&[("alertname", "AuthTestAlert"), ("evaluator", EVALUATOR), ("severity", "ticket")]),
        annotations: words(&[
            ("summary", "A test of the way from authprobe to you"),
            ("description", "Somebody ran `authprobe test-alert`. Nothing is wrong, and nothing is to be done."),
        ]),
        state: State::Firing,
        active_nanos: now.as_nanos(),
        fired_nanos: Some(now.as_nanos()),
        cleared_nanos: None,
    }
}

/// A test for Alertmanager; it is over by itself after five minutes.
pub fn test_alert(now: Timestamp, public_url: Option<&Url>) -> Vec<u8> {
    post(&[&test(now)], now, TEST_LASTS, public_url)
}

/// A test for a webhook.
pub fn test_message(now: Timestamp) -> Vec<u8> {
    message(&[&test(now)], now)
}

/// RFC 3339, to the nanosecond: Alertmanager tells alerts that came again from those that went on by it.
fn time(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(SecondsFormat::Nanos, true)
}
