//! Sessions with a driver, by hand: what is tested stands below WebDriver.

use std::time::Duration;

use authprobe::browser::Settings;
use authprobe::browser::testing::{Held, Keepers};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// The real binary as the keeper.
pub fn keepers() -> Keepers {
    Keepers::new(env!("CARGO_BIN_EXE_authprobe").into(), Duration::from_secs(20))
}

/// With little patience.
pub fn impatient() -> Keepers {
    Keepers::new(env!("CARGO_BIN_EXE_authprobe").into(), Duration::from_secs(2))
}

/// A driver of this machine.
pub async fn held() -> Held {
    keepers().launch(&Settings::default(), None).await.unwrap_or_else(|fault| panic!("{fault}"))
}

/// A session.
pub struct Session {
    http: reqwest::Client,
    url: String,
    /// WebDriver BiDi.
    events: String,
}

impl Session {
    /// Opens one: the browser starts.
    pub async fn open(held: &Held) -> Self {
        // Nothing here needs TLS, but a client wants to know how.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let new = Self { http, url: format!("{}session", held.url()), events: String::new() };
        let value = new.post("", held.capabilities()).await.unwrap_or_else(|error| panic!("{error}"));
        let id = value["sessionId"].as_str().unwrap();
        let events = value["capabilities"]["webSocketUrl"].as_str().unwrap().to_owned();
        Self { url: format!("{}/{id}", new.url), events, ..new }
    }

    /// Goes there. The error is WebDriver's.
    pub async fn go(&self, url: &str) -> Result<Value, String> {
        self.post("/url", json!({ "url": url })).await
    }

    /// Makes the page busy for ever: there is never an answer to wait for.
    pub fn hang(&self) {
        let body = json!({ "script": "for (;;);", "args": [] }).to_string();
        tokio::spawn(self.http.post(format!("{}/execute/sync", self.url)).body(body).send());
    }

    /// What is shown there.
    pub async fn shown(&self, url: &str) -> String {
        self.go(url).await.unwrap();
        let answer = self.http.get(format!("{}/source", self.url)).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["value"].as_str().unwrap().to_owned()
    }

    /// Why a page cannot be shown. Only WebDriver BiDi says so: to WebDriver itself a bad certificate is no error.
    pub async fn fails_at(&self, url: &str) -> String {
        let (mut socket, _) = tokio_tungstenite::connect_async(&self.events).await.unwrap();
        let tree = command(&mut socket, json!({ "id": 1, "method": "browsingContext.getTree", "params": {} })).await;
        let context = &tree["result"]["contexts"][0]["context"];
        let to = json!({ "context": context, "url": url, "wait": "complete" });
        let answer = command(&mut socket, json!({ "id": 2, "method": "browsingContext.navigate", "params": to })).await;
        answer["message"].as_str().unwrap_or_else(|| panic!("it can: {answer}")).to_owned()
    }

    /// Closes it: the browser ends.
    pub async fn delete(self) {
        assert!(self.http.delete(&self.url).send().await.unwrap().status().is_success());
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}{path}", self.url)).body(body.to_string());
        let answer = request.send().await.map_err(|error| error.to_string())?.text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }
}

async fn command<S>(socket: &mut tokio_tungstenite::WebSocketStream<S>, command: Value) -> Value
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.send(Message::text(command.to_string())).await.unwrap();
    loop {
        let answer = socket.next().await.expect("an answer").unwrap();
        let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
        // The others are events.
        if answer["id"] == command["id"] {
            return answer;
        }
    }
}
