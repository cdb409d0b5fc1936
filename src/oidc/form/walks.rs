//! Walks through pages of a server of our own: what only shows on the wire.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::answers::Answers;
use super::page::Page;
use super::steps::Guide;
use super::walker::{Arrival, Walker};
use crate::clock::Clock;
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::authorize::Answer;
use crate::oidc::http::{Egress, Endpoint, Http};
use crate::oidc::memory::Memories;
use crate::oidc::settings::{MetadataSource, Provider, User};
use crate::secret::SecretSource;

const LOGIN: &str = "<form method=post action=/session><input type=hidden name=csrf value=c><input name=username><input type=password name=password><button name=go value=1>Sign in</button></form>";

/// The redirect URI is on the same server, so that a request to it would be seen.
async fn callback() -> Response {
    panic!("the redirect URI was requested");
}

fn header(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Lets in who sends cookie, origin, referer and the right form.
async fn session(headers: HeaderMap, body: Bytes) -> Response {
    let origin = format!("http://{}", header(&headers, header::HOST));
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let expected = [("csrf", "c"), ("username", "alice"), ("password", "wonder=land&7"), ("go", "1")];
    let right = header(&headers, header::COOKIE) == "sid=0123456789abcdef"
        && header(&headers, header::ORIGIN) == origin
        && header(&headers, header::REFERER).starts_with(&format!("{origin}/login"))
        && sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected);
    match right {
        true => Redirect::to("/cb?code=abc&state=xyz").into_response(),
        false => (StatusCode::BAD_REQUEST, format!("{sent:?}")).into_response(),
    }
}

async fn authorize() -> Response {
    (
        StatusCode::FOUND,
        [(header::LOCATION, "/login?step=1"), (header::SET_COOKIE, "sid=0123456789abcdef; Path=/; HttpOnly")],
    )
        .into_response()
}

async fn upload(headers: HeaderMap, body: Bytes) -> Response {
    let content_type = header(&headers, header::CONTENT_TYPE);
    let body = String::from_utf8_lossy(&body);
    let right = content_type.starts_with("multipart/form-data; boundary=")
        && body.contains("name=\"password\"\r\n\r\nwonder=land&7\r\n");
    match right {
        // The very thing that RFC 9700 §4.12 warns of.
        true => Redirect::temporary("/cb?code=abc&state=xyz").into_response(),
        false => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn to(location: &'static str) -> axum::routing::MethodRouter {
    get(move || async move { (StatusCode::FOUND, [(header::LOCATION, location)]) })
}

fn page(html: &'static str) -> axum::routing::MethodRouter {
    get(move || async move { Html(html) }).post(move || async move { Html(html) })
}

async fn serve() -> SocketAddr {
    let multipart = "<form method=post action=/upload enctype=multipart/form-data><input name=username><input type=password name=password></form>";
    let two_steps =
        "<form action=/second?old=1><input name=username autocomplete=username><button>Next</button></form>";
    let again = "<form method=post><button name=ok>Continue</button></form>";
    let router = Router::new()
        .route("/cb", get(callback).post(callback))
        .route("/authorize", get(authorize))
        .route("/login", page(LOGIN))
        .route("/session", post(session))
        .route("/multipart", page(multipart))
        .route("/upload", post(upload))
        .route("/circle", to("/circle/2"))
        .route("/circle/2", to("/circle"))
        .route("/endless/{n}", get(|Path(n): Path<u32>| async move { Redirect::to(&format!("/endless/{}", n + 1)) }))
        .route("/nowhere", get(|| async { StatusCode::FOUND }))
        .route("/script", to("javascript:alert(1)"))
        .route("/app", to("com.example.app:/cb?code=abc"))
        .route("/bytes", get(|| async { (StatusCode::FOUND, [(header::LOCATION, &b"http://[\xff\xfe"[..])]) }))
        .route("/two-steps", page(two_steps))
        .route("/second", get(second))
        .route(
            "/again",
            page("<form method=post action=/forever><input name=username><input type=password name=p></form>"),
        )
        .route("/forever", page(again));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The second of two pages; the name came in the query, in place of what was there.
async fn second(Query(query): Query<HashMap<String, String>>) -> Response {
    let right = query.len() == 1 && query.get("username").is_some_and(|name| name == "alice");
    if right {
        Html("<form method=post action=/upload enctype=multipart/form-data><input type=password name=password></form>")
            .into_response()
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}

struct Walk {
    base: Url,
    redirect_uri: Url,
    http: Http,
    recorder: Recorder,
    memories: Memories,
}

impl Walk {
    async fn new() -> (Self, crate::journey::Journey) {
        let base = Url::parse(&format!("http://{}/", serve().await)).unwrap();
        let provider = Arc::new(Provider {
            name: "main".into(),
            issuer: base.as_str().into(),
            metadata: MetadataSource::None,
            endpoints: Default::default(),
            upstream: None,
            headers: HeaderMap::new(),
            trust: Default::default(),
            max_requests_per_minute: None,
            propagate_traceparent: false,
        });
        let clock = Clock::system();
        let journey = crate::journey::Journey::new(clock.clone(), Duration::from_secs(20), Vec::new());
        let memories = Memories::default();
        let (recorder, memory) = (journey.recorder().clone(), memories.provider(&provider.name));
        let http =
            Http::new(Arc::new(Egress::direct("here")), provider, memory, recorder.clone(), clock, journey.deadline());
        let redirect_uri = base.join("/cb").unwrap();
        (Self { base, redirect_uri, http, recorder, memories }, journey)
    }

    async fn from(&self, path: &str) -> Result<Answer, Fault> {
        let clock = Clock::system();
        let endpoint = self.base.join("/authorize").unwrap();
        let walker = Walker {
            http: &self.http,
            recorder: &self.recorder,
            clock: &clock,
            redirect_uri: &self.redirect_uri,
            endpoint: (&endpoint, Endpoint::Authorization),
        };
        let first: Page = match walker.open(self.base.join(path).unwrap()).await? {
            Arrival::Page(page) => page,
            Arrival::Answer(answer) => return Ok(answer),
        };
        let folder = crate::folder::Folder::new();
        let user = User {
            name: "synthetic".into(),
            username: "alice".into(),
            password: SecretSource::File(folder.write("alice", "wonder=land&7\n")),
            totp: None,
            passkey: None,
        };
        let answers = Answers::of(&user, self.memories.provider(&"main".into()), &self.recorder)?;
        walker.sign_in(first, &Guide::default(), &answers).await
    }
}

fn code() -> Answer {
    let query = vec![("code".into(), "abc".into()), ("state".into(), "xyz".into())];
    Answer { query, ..Answer::default() }
}

#[tokio::test]
async fn a_login_keeps_cookies_and_says_where_it_comes_from() {
    let (walk, journey) = Walk::new().await;
    assert_eq!(walk.from("/authorize").await, Ok(code()));
    // On record: which pages were asked for, and nothing of what was typed.
    let mut journey = journey;
    journey.step("login", async { Ok(()) }).await.unwrap();
    let ended = journey.finish(Duration::ZERO).await;
    let requests: Vec<_> =
        ended.steps.iter().flat_map(|s| &s.requests).map(|r| (r.method, r.endpoint, r.status)).collect();
    assert_eq!(
        requests,
        [("GET", "authorization", Some(302)), ("GET", "login_page", Some(200)), ("POST", "login_page", Some(303)),]
    );
    assert!(!format!("{ended:?}").contains("wonder"));
}

#[tokio::test]
async fn forms_travel_as_they_say() {
    let (walk, journey) = Walk::new().await;
    assert_eq!(walk.from("/multipart").await, Ok(code()));
    assert_eq!(walk.from("/two-steps").await, Ok(code()));
    let warnings = journey.finish(Duration::ZERO).await.warnings;
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["redirect_keeps_form"]);
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_told_apart() {
    let (walk, _journey) = Walk::new().await;
    for (path, words) in [
        ("/circle", "go in a circle"),
        ("/endless/1", "more than 20 redirects"),
        ("/nowhere", "without Location"),
        ("/script", "leads to javascript:"),
        ("/app", "leads to com.example.app:"),
        ("/bytes", "no URL"),
    ] {
        let fault = walk.from(path).await.unwrap_err();
        assert_eq!(fault.class, Class::Redirect, "{path}: {fault}");
        assert!(fault.detail.contains(words), "{path}: {}", fault.detail);
    }
}

#[tokio::test]
async fn forms_without_end_come_to_one() {
    let (walk, _journey) = Walk::new().await;
    let fault = walk.from("/again").await.unwrap_err();
    assert_eq!(fault.class, Class::LoginPage);
    assert!(fault.detail.starts_with("no way back to us after 10 forms"), "{}", fault.detail);
}
