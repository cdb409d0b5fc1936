//! `GET /api/v1/keys`: the lives of providers' signing keys. Names and thumbprints; no key itself.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use crate::clock::Timestamp;
use crate::oidc::key_history::{KeyLife, ProviderKeys};

#[derive(Serialize)]
struct ProviderView<'a> {
    provider: &'a str,
    /// The longest lifetime of a token that was verified since the start; `None`: none was.
    longest_token_seconds: Option<f64>,
    keys: Vec<KeyView<'a>>,
}

#[derive(Serialize)]
struct KeyView<'a> {
    kid: Option<&'a str>,
    kty: &'a str,
    alg: Option<&'a str>,
    thumbprint: &'a str,
    published_at: Timestamp,
    /// It was there when its region was first looked at: it may be older.
    or_before: bool,
    first_signed_at: Option<Timestamp>,
    last_signed_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
    regions: &'a [String],
    flaws: Vec<FlawView<'a>>,
}

#[derive(Serialize)]
struct FlawView<'a> {
    at: Timestamp,
    what: &'a str,
}

impl<'a> From<&'a KeyLife> for KeyView<'a> {
    fn from(key: &'a KeyLife) -> Self {
        let at = Timestamp::from_nanos;
        Self {
            kid: key.kid.as_deref(),
            kty: &key.kty,
            alg: key.alg.as_deref(),
            thumbprint: &key.thumbprint,
            published_at: at(key.published_nanos),
            or_before: key.or_before,
            first_signed_at: key.signed_nanos.map(|(first, _)| at(first)),
            last_signed_at: key.signed_nanos.map(|(_, last)| at(last)),
            removed_at: key.removed_nanos.map(at),
            regions: &key.regions,
            flaws: key.flaws.iter().map(|(when, what)| FlawView { at: at(*when), what }).collect(),
        }
    }
}

impl<'a> From<&'a ProviderKeys> for ProviderView<'a> {
    fn from(known: &'a ProviderKeys) -> Self {
        let longest = Some(known.longest).filter(|longest| !longest.is_zero());
        Self {
            provider: &known.provider,
            longest_token_seconds: longest.map(|longest| longest.as_secs_f64()),
            keys: known.keys.iter().map(KeyView::from).collect(),
        }
    }
}

/// `GET /api/v1/keys`: of every provider in configured order, the latest published first.
pub async fn list(State(app): State<App>) -> Response {
    let keys = app.control.keys();
    let providers: Vec<_> = keys.iter().map(ProviderView::from).collect();
    Json(json!({ "providers": providers })).into_response()
}
