//! A receiver that answers as it is told and remembers what it heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use url::Url;

use super::super::{Count, Notifier, PACE, Pace, Sent, Settings};
use crate::alert::{Alert, State as AlertState, Words};
use crate::clock::{Clock, Instant, Timestamp};

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub json: Value,
    pub at: Instant,
}

impl Heard {
    /// The alerts of a body of either form, by name.
    pub fn names(&self) -> Vec<String> {
        let alerts = self.json.get("alerts").unwrap_or(&self.json).as_array().cloned().unwrap_or_default();
        alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

type Answers = dyn Fn(&Heard) -> Option<Response> + Send + Sync;

struct Shared {
    heard: Mutex<Vec<Heard>>,
    answer: Mutex<Arc<Answers>>,
    clock: Clock,
}

/// See the module.
pub struct Receiver {
    pub url: Url,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Answers every request with what `answer` says; `None`: never.
    pub async fn new(answer: impl Fn(&Heard) -> Option<Response> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/base", listener.local_addr().unwrap())).unwrap();
        let (heard, answer) = (Mutex::default(), Mutex::new(Arc::new(answer) as Arc<Answers>));
        let shared = Arc::new(Shared { heard, answer, clock: Clock::system() });
        let app = Router::new().fallback(serve).with_state(shared.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// Takes everything.
    pub async fn willing() -> Self {
        Self::new(|_| Some(StatusCode::OK.into_response())).await
    }

    /// Answers differently from now on.
    pub fn answer(&self, answer: impl Fn(&Heard) -> Option<Response> + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap() = Arc::new(answer);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// Waits until it has heard that many messages.
    pub async fn until(&self, many: usize) -> Vec<Heard> {
        eventually(&format!("{many} messages"), || Some(self.heard()).filter(|heard| heard.len() >= many)).await
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    let heard = Heard {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        at: shared.clock.instant(),
    };
    let answer = shared.answer.lock().unwrap().clone();
    shared.heard.lock().unwrap().push(heard.clone());
    match answer(&heard) {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Counts as they are kept.
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<(String, &'static str), u64>>>);

impl Counts {
    pub fn count(&self) -> Count {
        let counts = self.0.clone();
        Arc::new(move |receiver, sent: Sent| {
            *counts.lock().unwrap().entry((receiver.to_owned(), sent.as_str())).or_default() += 1;
        })
    }

    pub fn of(&self, receiver: &str, sent: Sent) -> u64 {
        self.0.lock().unwrap().get(&(receiver.to_owned(), sent.as_str())).copied().unwrap_or_default()
    }
}

/// The usual pace, with what would make tests wait shortened.
pub const QUICK: Pace = Pace { attempt: Duration::from_millis(500), refused: Duration::from_millis(200), ..PACE };

pub fn start(settings: &Settings, counts: &Counts, pace: Pace) -> Notifier {
    Notifier::paced(settings, &counts.count(), &Clock::system(), pace).unwrap()
}

pub fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A time of a test, that many seconds ago.
pub fn ago(secs: i64) -> i64 {
    (Clock::system().now() - Duration::from_secs(secs.unsigned_abs())).as_nanos()
}

/// Fires since then.
pub fn firing(name: &str, since: i64) -> Alert {
    Alert {
        labels: words(&[("alertname", name), ("provider", "main")]),
        annotations: words(&[("summary", "words")]),
        state: AlertState::Firing,
        active_nanos: since,
        fired_nanos: Some(since),
        cleared_nanos: None,
    }
}

/// Fired and over.
pub fn resolved(name: &str, since: i64, over: i64) -> Alert {
    Alert { state: AlertState::Resolved, cleared_nanos: Some(over), ..firing(name, since) }
}

/// A time in a body.
pub fn time(json: &Value) -> Timestamp {
    let text = json.as_str().unwrap_or_else(|| panic!("{json} is no time"));
    Timestamp::from_utc(text.parse().unwrap())
}
