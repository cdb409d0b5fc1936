//! A WebDriver BiDi connection: commands out, their results and events back (W3C WebDriver BiDi §5 and §6).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::fault::{Class, Fault};

/// The largest message that is read (bytes): a screenshot in base64 is the largest there is.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// The longest line of a page's console that is read (bytes): pages may write without end.
const MAX_LINE: usize = 64 * 1024;
/// The most events that wait for a reader. More in one login means that nobody reads: the connection is given up.
const MAX_EVENTS: usize = 20_000;
/// The most commands on their way out.
const MAX_COMMANDS: usize = 64;
/// How long an ordinary command may take.
pub(super) const COMMAND: Duration = Duration::from_secs(10);
/// How long a browser may take to answer that it is there.
pub(super) const RESPONSE: Duration = Duration::from_millis(1500);
/// How long a driver may take to open the connection.
const OPENING: Duration = Duration::from_secs(5);
/// The longest error message that is kept of a driver (characters).
const MAX_SAID: usize = 200;

/// What the connection runs over.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// Why a command has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The driver refused it: error code and message, cut.
    Said(String),
    /// The connection is gone: driver or browser ended.
    Gone,
    /// No answer in time.
    Slow,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(message) => f.write_str(message),
            Self::Gone => f.write_str("the browser or its driver has ended"),
            Self::Slow => f.write_str("the browser does not answer"),
        }
    }
}

/// An event. It may hold anything that the browser sends or receives: never shown.
pub(super) struct Event {
    /// Its name, such as `network.fetchError`.
    pub(super) method: String,
    /// What it says.
    pub(super) params: Value,
}

/// Where results are waited for, by the command's number.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Value, Failed>>>>>>;

/// The sending half. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bidi {
    out: mpsc::Sender<Message>,
    waiting: Waiting,
    next: Arc<std::sync::atomic::AtomicU64>,
}

impl Bidi {
    /// Opens the connection at `url` (`ws` or `wss`) over a stream that leads there. Events arrive at the receiver.
    /// `credentials` for HTTP Basic, if the driver wants them.
    pub(super) async fn open(
        url: &str,
        credentials: Option<(&str, &str)>,
        stream: impl Transport,
    ) -> Result<(Self, mpsc::Receiver<Event>), Failed> {
        let mut request = url.into_client_request().map_err(|_| Failed::Said("no WebSocket address".to_owned()))?;
        if let Some((user, password)) = credentials
            && let Ok(mut basic) =
                HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        {
            basic.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, basic);
        }
        let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, _) = match tokio::time::timeout(OPENING, opening).await {
            Err(_) => return Err(Failed::Slow),
            Ok(Err(error)) => return Err(Failed::Said(cut(&format!("no BiDi connection: {error}")))),
            Ok(Ok(opened)) => opened,
        };
        let (sink, source) = socket.split();
        let (out, commands) = mpsc::channel(MAX_COMMANDS);
        let (events, arriving) = mpsc::channel(MAX_EVENTS);
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(send(sink, commands));
        tokio::spawn(receive(source, events, waiting.clone()));
        Ok((Self { out, waiting, next: Arc::default() }, arriving))
    }

    /// Sends a command and waits for its result, at most `patience`.
    pub(super) async fn command(&self, method: &str, params: Value, patience: Duration) -> Result<Value, Failed> {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        match self.waiting.lock().expect("BiDi commands").as_mut() {
            Some(waiting) => waiting.insert(id, answer),
            None => return Err(Failed::Gone),
        };
        let forget = Forget { waiting: &self.waiting, id };
        tracing::trace!(id, method, "BiDi command sent");
        let message = json!({ "id": id, "method": method, "params": params }).to_string();
        let both = async {
            self.out.send(Message::text(message)).await.map_err(|_| Failed::Gone)?;
            answered.await.map_err(|_| Failed::Gone)?
        };
        let result = tokio::time::timeout(patience, both).await.unwrap_or(Err(Failed::Slow));
        tracing::trace!(id, method, failed = result.is_err(), "BiDi command");
        drop(forget);
        result
    }

    /// Whether browser and driver are there and answer: the driver alone cannot say this.
    pub(super) async fn responds(&self) -> bool {
        self.command("browser.getUserContexts", json!({}), RESPONSE).await.is_ok()
    }

    /// Whether the connection is still there.
    pub(super) fn is_open(&self) -> bool {
        self.waiting.lock().expect("BiDi commands").is_some()
    }
}

/// Our own machinery failed.
pub(super) fn lost(failed: Failed) -> Fault {
    Fault::new(Class::Browser, failed.to_string())
}

/// Whoever stops waiting leaves nothing behind.
struct Forget<'a> {
    waiting: &'a Waiting,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.lock().expect("BiDi commands").as_mut() {
            waiting.remove(&self.id);
        }
    }
}

async fn send<S: Transport>(mut sink: SplitSink<WebSocketStream<S>, Message>, mut commands: mpsc::Receiver<Message>) {
    while let Some(message) = commands.recv().await {
        if sink.send(message).await.is_err() {
            break;
        }
    }
    let _ = sink.close().await;
}

async fn receive<S: Transport>(
    mut source: SplitStream<WebSocketStream<S>>,
    events: mpsc::Sender<Event>,
    waiting: Waiting,
) {
    while let Some(Ok(message)) = source.next().await {
        let Message::Text(text) = message else { continue };
        if text.len() > MAX_LINE && text.contains("\"log.entryAdded\"") {
            continue;
        }
        let Ok(Value::Object(mut message)) = serde_json::from_str(text.as_str()) else { continue };
        if let Some(id) = message.get("id").and_then(Value::as_u64) {
            let answer = waiting.lock().expect("BiDi commands").as_mut().and_then(|waiting| waiting.remove(&id));
            if let Some(answer) = answer {
                let _ = answer.send(result(message));
            }
            continue;
        }
        let method = message.remove("method");
        if let (Some(Value::String(method)), Some(params)) = (method, message.remove("params"))
            && {
                tracing::trace!(event = method, "BiDi event");
                events.try_send(Event { method, params }).is_err()
            }
        {
            break;
        }
    }
    // Whoever waits learns that nothing more will come.
    waiting.lock().expect("BiDi commands").take();
}

fn result(mut message: serde_json::Map<String, Value>) -> Result<Value, Failed> {
    if let Some(result) = message.remove("result") {
        return Ok(result);
    }
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    Err(Failed::Said(cut(&format!("{}: {}", text("error"), text("message")))))
}

fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::accept_async;

    const SOON: Duration = Duration::from_secs(5);

    /// A driver that does what `answer` says with each command.
    async fn driver(
        answer: impl Fn(Value) -> Vec<String> + Send + 'static,
    ) -> (Bidi, mpsc::Receiver<Event>, tokio::task::JoinHandle<()>) {
        let (here, there) = tokio::io::duplex(1 << 20);
        let task = tokio::spawn(async move {
            let mut socket = accept_async(there).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                for reply in answer(serde_json::from_str(text.as_str()).unwrap()) {
                    if reply == "hang up" {
                        return;
                    }
                    socket.send(Message::text(reply)).await.unwrap();
                }
            }
        });
        let (bidi, events) = Bidi::open("ws://driver/session/1", None, here).await.unwrap();
        (bidi, events, task)
    }

    #[tokio::test]
    async fn results_find_their_commands_and_events_their_reader() {
        let (bidi, mut events, _task) = driver(|command| {
            let event = json!({ "type": "event", "method": "log.entryAdded", "params": { "text": "x" } }).to_string();
            match command["method"].as_str().unwrap() {
                "good" => vec![event, json!({ "id": command["id"], "result": command["params"] }).to_string()],
                _ => vec![
                    "not json".into(),
                    json!({ "id": command["id"], "error": "no such frame", "message": "gone\nstack" }).to_string(),
                ],
            }
        })
        .await;
        let (good, bad) =
            tokio::join!(bidi.command("good", json!({ "a": 1 }), SOON), bidi.command("bad", json!({}), SOON));
        assert_eq!(good, Ok(json!({ "a": 1 })));
        assert_eq!(bad, Err(Failed::Said("no such frame: gone".into())));
        assert_eq!(events.recv().await.unwrap().method, "log.entryAdded");
        assert!(bidi.is_open());
    }

    #[tokio::test]
    async fn a_driver_that_is_gone_or_silent_is_told_apart() {
        let (bidi, mut events, _task) = driver(|command| match command["method"].as_str().unwrap() {
            "die" => vec!["hang up".into()],
            _ => vec![],
        })
        .await;
        assert_eq!(bidi.command("nothing", json!({}), Duration::from_millis(20)).await, Err(Failed::Slow));
        assert_eq!(bidi.command("die", json!({}), SOON).await, Err(Failed::Gone));
        assert!(events.recv().await.is_none() && !bidi.is_open());
        assert_eq!(bidi.command("more", json!({}), SOON).await, Err(Failed::Gone));
    }
}
