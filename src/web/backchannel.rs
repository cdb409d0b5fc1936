//! Where providers send logout tokens: `POST /backchannel-logout/{client}` (OIDC Back-Channel Logout 1.0 §2.5, §2.8).
//!
//! Providers have no token of ours, so nobody is asked for one. What comes is handed to runs that wait for it, who verify
//! it, and is kept by nobody.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::guard::Peer;
use super::problem::Problem;
use super::{MAX_BODY, guard, listen, tls};
use crate::clock::Clock;
use crate::oidc::mailbox::{MAX_LETTER, Mailbox, PATH};
use crate::plan::Server;
use crate::secret::Secret;

/// How long a provider waits for our verdict at most: they give up after a few seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many logout tokens may be under way at once.
const MAX_UNDER_WAY: usize = 32;
/// How many of them may come from one address.
const MAX_OF_ONE_PEER: usize = 16;

/// Whether logout tokens of a client of that name are expected at all.
pub type Expects = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What receives.
#[derive(Clone)]
pub struct Receiver {
    mailbox: Arc<Mailbox>,
    expects: Expects,
    room: Arc<Semaphore>,
    peers: Peers,
}

/// How many logout tokens of each address are under way.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them, until it is dropped.
struct Turn(Peers, IpAddr);

impl Peers {
    /// `None`: that address has as many under way as it may.
    fn enter(&self, peer: IpAddr) -> Option<Turn> {
        let mut peers = self.0.lock().expect("peers");
        let count = peers.entry(peer).or_default();
        if *count >= MAX_OF_ONE_PEER {
            return None;
        }
        *count += 1;
        drop(peers);
        Some(Turn(self.clone(), peer))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut peers = self.0.0.lock().expect("peers");
        if let Some(count) = peers.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.1);
            }
        }
    }
}

impl Receiver {
    /// Hands what comes for the clients that it `expects` to the mailbox.
    pub fn new(mailbox: Arc<Mailbox>, expects: Expects) -> Self {
        Self { mailbox, expects, room: Arc::new(Semaphore::new(MAX_UNDER_WAY)), peers: Peers::default() }
    }

    /// Its one route.
    pub(super) fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new().route(&format!("{PATH}{{client}}"), post(receive)).with_state(self)
    }
}

/// Serves nothing but the receiver, for a command that runs a probe without the daemon.
///
/// # Errors
/// When certificate or key cannot be used.
pub fn serve(
    listener: TcpListener,
    server: &Server,
    receiver: Receiver,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<impl Future<Output = ()> + Send + 'static, String> {
    let tls = server.tls.clone().map(|(cert, key)| tls::Tls::load(cert, key)).transpose()?;
    let router = receiver
        .routes()
        .fallback(async |uri: Uri| Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path())))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(guard::bounded_body))
        .layer(from_fn(guard::headers));
    Ok(listen::run(listener, tls, router, shutdown))
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(client): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !(receiver.expects)(&client) {
        return Problem::new(StatusCode::NOT_FOUND, "no logout tokens are expected here").into_response();
    }
    let peer = extensions.get::<Peer>().map(|peer| peer.0.ip());
    let turn = peer.map(|peer| receiver.peers.enter(peer));
    if matches!(turn, Some(None)) {
        return refused(StatusCode::TOO_MANY_REQUESTS, "too many logout tokens of one sender at once");
    }
    let Ok(_room) = receiver.room.try_acquire() else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "too many logout tokens at once");
    };
    let token = match logout_token(&headers, &body) {
        Ok(token) => token,
        Err(why) => return refused(StatusCode::BAD_REQUEST, why),
    };
    let posted = receiver.mailbox.post(&client, token, Clock::system().instant());
    let verdict = match posted {
        Some(posted) => posted.verdict(PATIENCE).await,
        None => None,
    };
    match verdict {
        Some(false) => refused(StatusCode::BAD_REQUEST, "the logout token is not valid"),
        // §2.7: a session that we do not know (any more) is logged out already.
        Some(true) | None => StatusCode::OK.into_response(),
    }
}

/// §2.5: a form with one `logout_token`; other parameters may be there.
pub(crate) fn logout_token(headers: &HeaderMap, body: &[u8]) -> Result<Secret, &'static str> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err("the body must be application/x-www-form-urlencoded");
    }
    if body.len() > MAX_LETTER {
        return Err("the body is larger than 8 KiB");
    }
    let mut tokens = url::form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => Ok(Secret::new(token.into_owned())),
        (Some(_), Some(_)) => Err("logout_token is there twice"),
        _ => Err("logout_token is missing"),
    }
}

/// §2.8, in the words of RFC 6749 §5.2.
fn refused(status: StatusCode, why: &str) -> Response {
    let body = json!({"error": "invalid_request", "error_description": why}).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn status(receiver: &Receiver, client: &str, content_type: &str, body: &str) -> u16 {
        let request = Request::post(format!("{PATH}{client}")).header(CONTENT_TYPE, content_type);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let app: Router = receiver.clone().routes();
        app.oneshot(request).await.unwrap().status().as_u16()
    }

    fn receiver() -> Receiver {
        let mailbox = Arc::new(Mailbox::default());
        mailbox.open();
        Receiver::new(mailbox, Arc::new(|client| client == "web"))
    }

    #[tokio::test]
    async fn only_a_form_with_one_token_for_a_client_that_expects_it_is_taken() {
        let receiver = receiver();
        for (client, content_type, body, expected) in [
            ("web", FORM, "logout_token=a.b.c", 200),
            ("web", "application/x-www-form-urlencoded; charset=utf-8", "x=1&logout_token=a.b.c", 200),
            ("spa", FORM, "logout_token=a.b.c", 404),
            ("web", "application/json", "{\"logout_token\":\"a.b.c\"}", 400),
            ("web", FORM, "", 400),
            ("web", FORM, "logout_token=", 400),
            ("web", FORM, "logout_token=a&logout_token=b", 400),
        ] {
            assert_eq!(status(&receiver, client, content_type, body).await, expected, "{client} {content_type} {body}");
        }
        let large = format!("logout_token={}", "a".repeat(MAX_LETTER));
        assert_eq!(status(&receiver, "web", FORM, &large).await, 400);
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_token_and_the_sender_his_verdict() {
        let receiver = receiver();
        for (accepted, expected) in [(true, 200), (false, 400)] {
            let mut waiting = receiver.mailbox.wait_at("web").unwrap();
            let run = async {
                let letter = waiting.next().await;
                letter.answer(accepted);
                letter.token.expose().to_owned()
            };
            let (status, token) = tokio::join!(status(&receiver, "web", FORM, "logout_token=a.b.c"), run);
            assert_eq!((status, token.as_str()), (expected, "a.b.c"));
        }
    }

    #[test]
    fn one_sender_leaves_room_for_others() {
        let (peers, one, other) = (Peers::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut turns: Vec<_> = std::iter::from_fn(|| peers.enter(one)).collect();
        assert_eq!(turns.len(), MAX_OF_ONE_PEER);
        assert!(peers.enter(other).is_some());
        turns.pop();
        assert!(peers.enter(one).is_some());
        drop(turns);
        assert!(peers.0.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_knows_is_logged_out() {
        let receiver = receiver();
        let _waiting = receiver.mailbox.wait_at("web").unwrap();
        assert_eq!(status(&receiver, "web", FORM, "logout_token=a.b.c").await, 200);
    }
}
