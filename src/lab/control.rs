//! `/lab/`: switching faults, rotating keys, assertions of workloads, counters. No fault touches these.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::World;
use super::backchannel;
use super::fault::{self, Faults};
use super::reply::Reply;

/// The longest lead of a rotation (seconds).
const MAX_LEAD: u64 = 3600;

/// Its routes, whatever the issuer's path.
pub fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/lab/faults", get(list).delete(clear_all))
        .route("/lab/faults/{name}", put(set).delete(clear).get(one))
        .route("/lab/rotate", post(rotate))
        .route("/lab/stats", get(stats))
        .route("/lab/backchannel/{client}", put(deliver))
        .route("/lab/assertion", post(assertion))
}

async fn list(State(world): State<Arc<World>>) -> Reply {
    Reply::json(StatusCode::OK, &json!({"faults": world.faults.to_json()})).no_store()
}

async fn one(State(world): State<Arc<World>>, Path(name): Path<String>) -> Reply {
    state_of(&world.faults, &name, Ok(()))
}

async fn set(State(world): State<Arc<World>>, Path(name): Path<String>, body: Bytes) -> Reply {
    match object(&body) {
        Ok(parameters) => state_of(&world.faults, &name, world.faults.set(&name, &parameters)),
        Err(reply) => reply,
    }
}

async fn clear(State(world): State<Arc<World>>, Path(name): Path<String>) -> Reply {
    state_of(&world.faults, &name, world.faults.clear(&name))
}

async fn clear_all(State(world): State<Arc<World>>) -> Reply {
    world.faults.clear_all();
    Reply::new(StatusCode::NO_CONTENT)
}

async fn rotate(State(world): State<Arc<World>>, body: Bytes) -> Reply {
    let parameters = match object(&body) {
        Ok(parameters) => parameters,
        Err(reply) => return reply,
    };
    let overlap = parameters.get("overlap").unwrap_or(&Value::Bool(true)).as_bool();
    let lead = parameters.get("lead_seconds").map_or(Some(0), Value::as_u64).filter(|lead| *lead <= MAX_LEAD);
    let (Some(overlap), Some(lead)) = (overlap, lead) else {
        let why = format!("`overlap` is true or false, `lead_seconds` a whole number from 0 to {MAX_LEAD}");
        return problem(StatusCode::BAD_REQUEST, &why);
    };
    match world.rotate(overlap, Duration::from_secs(lead)).await {
        Ok(()) => {
            let now = world.clock.now();
            let mut keys = world.keys();
            let published: Vec<_> = keys.published(now).into_iter().map(|key| key.kid).collect();
            let signs = keys.signer(now).kid;
            Reply::json(StatusCode::OK, &json!({"signs": signs, "published": published})).no_store()
        }
        Err(why) => problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

/// `{"uri": "http://127.0.0.1:9464/backchannel-logout/web"}`: where the logout tokens of a client go.
async fn deliver(State(world): State<Arc<World>>, Path(client): Path<String>, body: Bytes) -> Reply {
    let uri = match object(&body) {
        Ok(object) => object.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Err(reply) => return reply,
    };
    match backchannel::register(&world, &client, &uri) {
        Ok(()) => Reply::new(StatusCode::NO_CONTENT),
        Err(why) => problem(StatusCode::BAD_REQUEST, &why),
    }
}

/// An assertion of a workload, as text: what its platform would have put into a file. The body's members replace claims.
async fn assertion(State(world): State<Arc<World>>, body: Bytes) -> Reply {
    match object(&body) {
        Ok(claims) => Reply::new(StatusCode::OK).body("application/jwt", world.assertion(&claims)).no_store(),
        Err(reply) => reply,
    }
}

async fn stats(State(world): State<Arc<World>>) -> Reply {
    let mut document = world.stats.to_json();
    document["remembered"] = world.store().sizes();
    Reply::json(StatusCode::OK, &document).no_store()
}

fn state_of(faults: &Faults, name: &str, done: Result<(), fault::Refused>) -> Reply {
    match done.and_then(|()| faults.one_to_json(name)) {
        Ok(state) => Reply::json(StatusCode::OK, &state).no_store(),
        Err(refused @ fault::Refused::Unknown(_)) => problem(StatusCode::NOT_FOUND, &refused.to_string()),
        Err(refused @ fault::Refused::Parameters(_)) => problem(StatusCode::BAD_REQUEST, &refused.to_string()),
    }
}

/// The JSON object of a body; an empty body is an empty object.
fn object(body: &[u8]) -> Result<Value, Reply> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(problem(StatusCode::BAD_REQUEST, "the body is a JSON object, or empty")),
    }
}

fn problem(status: StatusCode, detail: &str) -> Reply {
    let document = json!({"title": status.canonical_reason(), "status": status.as_u16(), "detail": detail});
    Reply::new(status).body("application/problem+json", document.to_string())
}
