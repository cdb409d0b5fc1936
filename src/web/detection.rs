//! `GET /api/v1/detection`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use crate::detect::{Case, Ruling, Standing};

/// What stands about a provider.
#[derive(Serialize)]
struct View<'a> {
    provider: &'a str,
    outage: &'static str,
    regions: BTreeMap<&'a str, &'static str>,
    cases: &'a [Case],
}

impl<'a> From<&'a Ruling> for View<'a> {
    fn from(ruling: &'a Ruling) -> Self {
        Self {
            provider: &ruling.provider,
            outage: word(ruling.outage),
            regions: ruling.regions.iter().map(|(region, standing)| (&**region, word(*standing))).collect(),
            cases: &ruling.cases,
        }
    }
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Clear => "clear",
        Standing::Pending => "pending",
        Standing::Holds => "holds",
        Standing::Unknown => "unknown",
    }
}

/// `GET /api/v1/detection`: every provider, in configured order.
pub async fn list(State(app): State<App>) -> Response {
    let (plan, rulings) = (app.control.plan(), app.control.rulings());
    let providers: Vec<_> = rulings.iter().map(View::from).collect();
    let settings = json!({
        "ignore_shorter_than_seconds": plan.detection.ignore_shorter_than.as_secs_f64(),
        "several_after_seconds": plan.detection.several_after.as_secs_f64(),
        "confirmations_per_hour": plan.detection.confirmations_per_hour,
    });
    Json(json!({ "settings": settings, "providers": providers })).into_response()
}
