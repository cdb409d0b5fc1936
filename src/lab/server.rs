//! The way of a request: counted, faults before, the endpoint, faults after, the `Date` that the lab tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, COOKIE, DATE, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use super::fault::{Hook, Setting, Switch};
use super::form::Form;
use super::reply::{Action, Asked, Ending, Reply};
use super::wire::{Breaks, Doors};
use super::{Moment, World};
use super::{
    authorize, broker, control, device, grants, interaction, introspection, logout, metadata, pushed, registration,
    resources,
};
use crate::clock::Timestamp;

/// The largest body that is read (bytes).
const MAX_BODY: usize = 64 * 1024;
/// What browsers are told over TLS: for a year (RFC 6797 §6.1).
const HSTS: &str = "max-age=31536000";

/// What an endpoint is asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// When.
    pub moment: Moment,
    /// The method: one that the route lists.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The variable part of the path.
    pub id: String,
}

impl Call {
    /// The parameters of the query, or of the body of a POST. Errors as the token endpoint gives them.
    pub fn form(&self) -> Result<Form, Reply> {
        let refused = |why: &str| Reply::error(StatusCode::BAD_REQUEST, "invalid_request", why);
        if self.method != Method::POST {
            return Form::parse(self.uri.query().unwrap_or_default().as_bytes()).map_err(|e| refused(&e));
        }
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(refused("the body must be application/x-www-form-urlencoded"));
        }
        Form::parse(&self.body).map_err(|e| refused(&e))
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// What answers a call.
type Handler = fn(&World, &Call) -> Reply;

/// A path, who answers there, and to which methods.
#[derive(Clone, Copy)]
struct Route {
    endpoint: Endpoint,
    methods: &'static [Method],
    handler: Handler,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const BOTH: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
const MANAGE: &[Method] = &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE];
const CROSS_ORIGIN: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];

static ROUTES: &[Route] = &[
    Route { endpoint: Endpoint::Discovery, methods: GET, handler: metadata::discovery },
    Route { endpoint: Endpoint::Jwks, methods: GET, handler: metadata::jwks },
    Route { endpoint: Endpoint::Authorization, methods: BOTH, handler: authorize::authorize },
    Route { endpoint: Endpoint::LoginPage, methods: BOTH, handler: interaction::interact },
    Route { endpoint: Endpoint::Token, methods: POST, handler: grants::token },
    Route { endpoint: Endpoint::Userinfo, methods: BOTH, handler: resources::userinfo },
    Route { endpoint: Endpoint::Introspection, methods: POST, handler: introspection::introspect },
    Route { endpoint: Endpoint::Revocation, methods: POST, handler: introspection::revoke },
    Route { endpoint: Endpoint::EndSession, methods: BOTH, handler: logout::end_session },
    Route { endpoint: Endpoint::DeviceAuthorization, methods: POST, handler: device::authorize },
    Route { endpoint: Endpoint::Device, methods: BOTH, handler: device::verify },
    Route { endpoint: Endpoint::Registration, methods: POST, handler: registration::register },
    Route { endpoint: Endpoint::ClientConfiguration, methods: MANAGE, handler: registration::manage },
    Route { endpoint: Endpoint::Resource, methods: CROSS_ORIGIN, handler: resources::resource },
    Route { endpoint: Endpoint::PushedAuthorization, methods: POST, handler: pushed::push },
];

/// Serves until the lab stops.
pub async fn serve(doors: Doors, world: Arc<World>) {
    let mut stopping = world.stopping.clone();
    let service = router(world).into_make_service_with_connect_info::<Breaks>();
    let stopped = async move {
        // An error means that the handle is gone: the same.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(doors, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the lab stopped serving");
    }
}

fn router(world: Arc<World>) -> Router {
    let mut router = control::routes();
    for route in ROUTES.iter().copied() {
        let answer = move |State(world): State<Arc<World>>, ConnectInfo(breaks): ConnectInfo<Breaks>, id, request| {
            answer(world, route, breaks, id, request)
        };
        let path = format!("{}{}", world.issuer.path, route.endpoint.path());
        router = match route.endpoint {
            Endpoint::LoginPage | Endpoint::ClientConfiguration => router.route(&format!("{path}/{{id}}"), any(answer)),
            // RFC 8414 §3.1: the well-known part goes between host and path.
            Endpoint::Discovery => router
                .route(&format!("/.well-known/oauth-authorization-server{}", world.issuer.path), any(answer))
                .route(&path, any(answer)),
            _ => router.route(&path, any(answer)),
        };
    }
    router = router.route(broker::PATH, axum::routing::get(broker::callback));
    router.with_state(world)
}

async fn answer(
    world: Arc<World>,
    route: Route,
    breaks: Breaks,
    id: Option<Path<String>>,
    request: Request,
) -> Response {
    let endpoint = route.endpoint;
    let world = world.seen_from(&breaks);
    world.stats.count(endpoint);
    if world.in_the_clear && !world.serves_in_the_clear(endpoint) {
        return to_tls(&world, endpoint, &request).into_response();
    }
    let moment = world.moment();
    let (head, body) = request.into_parts();
    let asked = Asked { method: head.method.clone(), uri: head.uri.clone() };
    let mut reply = None;
    for action in world.request_faults(endpoint, &asked) {
        match action {
            Action::Wait(delay) => world.pause(delay).await,
            Action::Hang => {
                world.pause(Duration::MAX).await;
                breaks.now();
            }
            Action::Reset => breaks.now(),
            Action::Answer(answer) => reply = Some(answer),
        }
    }
    let reply = match reply {
        Some(reply) => reply,
        None => {
            let id = id.map(|Path(id)| id).unwrap_or_default();
            let call = |body| Call { moment, method: head.method, uri: head.uri, headers: head.headers, body, id };
            handle(&world, route, body, call).await
        }
    };
    // RFC 6797 §7.2: never without TLS.
    let reply = if breaks.encrypted() { reply.header(STRICT_TRANSPORT_SECURITY, HSTS) } else { reply };
    let reply = world.response_faults(endpoint, reply);
    tracing::debug!(endpoint = endpoint.name(), status = reply.status.as_u16(), "answered");
    match reply.ending {
        Ending::Cut => breaks.reset_on_close(),
        Ending::Trickle(pause) => breaks.trickle(pause),
        _ => {}
    }
    reply.header(DATE, &moment.told.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()).into_response()
}

/// What plain http gets where there is TLS: browsers are sent there, programs are refused.
fn to_tls(world: &World, endpoint: Endpoint, request: &Request) -> Reply {
    if matches!(endpoint, Endpoint::Authorization | Endpoint::LoginPage) && request.method() == Method::GET {
        let origin = world.issuer.base.strip_suffix(&world.issuer.path).unwrap_or(&world.issuer.base);
        return Reply::new(StatusCode::MOVED_PERMANENTLY).header(LOCATION, &format!("{origin}{}", request.uri()));
    }
    let why = "This port speaks TLS; only /lab/ is there without.\n";
    Reply::new(StatusCode::BAD_REQUEST).body("text/plain", why)
}

async fn handle(world: &World, route: Route, body: Body, call: impl FnOnce(Bytes) -> Call) -> Reply {
    let body = match to_bytes(body, MAX_BODY).await {
        Ok(body) => body,
        Err(_) => return Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is too large"),
    };
    let call = call(body);
    let by_get = || route.endpoint == Endpoint::Token && world.faults.switch(Switch::TokenByGet).is_some();
    if !route.methods.contains(&call.method) && !by_get() {
        let allowed: Vec<_> = route.methods.iter().map(Method::as_str).collect();
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, &allowed.join(", "));
    }
    (route.handler)(world, &call)
}

impl World {
    pub(super) fn moment(&self) -> Moment {
        let now = self.clock.now();
        let told = match self.faults.switch(Switch::Skew) {
            Some(setting) if setting.whole("seconds") < 0 => {
                now - Duration::from_secs(setting.whole("seconds").unsigned_abs())
            }
            Some(setting) => now + setting.seconds("seconds"),
            None => now,
        };
        Moment { now, told }
    }

    /// The time as of which tokens are known to whoever asks now.
    pub fn known_since(&self, now: Timestamp) -> Timestamp {
        let lag = self.faults.switch(Switch::StaleTokens).map(|setting| setting.seconds("seconds"));
        now - lag.unwrap_or_default()
    }

    fn request_faults(&self, endpoint: Endpoint, asked: &Asked) -> Vec<Action> {
        let pick = |hook: &'static Hook, setting: &Setting| match hook {
            Hook::Request(scope, act) if Hook::at(*scope, setting, endpoint) => Some(act),
            _ => None,
        };
        self.faults.take(pick).into_iter().map(|(act, setting)| act(&setting, asked)).collect()
    }

    fn response_faults(&self, endpoint: Endpoint, reply: Reply) -> Reply {
        let pick = |hook: &'static Hook, setting: &Setting| match hook {
            Hook::Response(scope, change) if Hook::at(*scope, setting, endpoint) => Some(change),
            _ => None,
        };
        self.faults.take(pick).into_iter().fold(reply, |reply, (change, setting)| change(&setting, reply))
    }

    /// Whether plain http is answered there though the lab speaks TLS.
    fn serves_in_the_clear(&self, endpoint: Endpoint) -> bool {
        let pick = |hook: &'static Hook, setting: &Setting| match hook {
            Hook::InTheClear(scope) if Hook::at(*scope, setting, endpoint) => Some(()),
            _ => None,
        };
        !self.faults.take(pick).is_empty()
    }

    /// Waits, but not beyond the end of the lab.
    async fn pause(&self, delay: Duration) {
        let mut stopping = self.stopping.clone();
        let _ = tokio::time::timeout(delay, stopping.wait_for(|stop| *stop)).await;
    }
}

/// What was asked of the lab, for those who test how much they ask.
#[derive(Debug, Default)]
pub struct Stats {
    requests: [AtomicU64; Endpoint::ALL.len()],
    /// Wrong passwords typed.
    pub passwords_refused: AtomicU64,
}

impl Stats {
    fn count(&self, endpoint: Endpoint) {
        if let Some(counter) = self.requests.get(endpoint.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let requests: Map<String, Value> = Endpoint::ALL
            .iter()
            .zip(&self.requests)
            .map(|(endpoint, count)| (endpoint.name().to_owned(), json!(count.load(Ordering::Relaxed))))
            .collect();
        json!({"requests": requests, "passwords_refused": self.passwords_refused.load(Ordering::Relaxed)})
    }
}
