//! Sessions with a driver, by hand: what is tested stands below WebDriver.

use std::time::Duration;

use authprobe::browser::Settings;
use authprobe::browser::testing::{Held, Keepers};
use serde_json::{Value, json};

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
}

impl Session {
    /// Opens one: the browser starts.
    pub async fn open(held: &Held) -> Self {
        // Nothing here needs TLS, but a client wants to know how.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let new = Self { http, url: format!("{}session", held.url()) };
        let value = new.post("", held.capabilities()).await.unwrap_or_else(|error| panic!("{error}"));
        let id = value["sessionId"].as_str().unwrap();
        Self { url: format!("{}/{id}", new.url), ..new }
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

    /// The page's title.
    pub async fn title(&self) -> String {
        let answer = self.http.get(format!("{}/title", self.url)).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["value"].as_str().unwrap().to_owned()
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
