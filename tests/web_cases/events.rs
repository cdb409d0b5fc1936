//! What is told as it happens.

use std::time::Duration;

use authprobe::fault::{Class, Fault};
use authprobe::news::News;
use authprobe::outcome::Verdict;
use authprobe::secret::SecretSource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::folder::Folder;
use crate::support_outcome::{check, outcome};
use crate::web_support::{Engine, Web};

const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of the stream.
struct Listener {
    stream: TcpStream,
    text: String,
}

impl Listener {
    /// Its head and greeting are here.
    async fn start(web: &Web, headers: &str) -> Self {
        let mut stream = TcpStream::connect(web.at).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut listener = Self { stream, text: String::new() };
        listener.until("retry: 2000").await;
        listener
    }

    /// Reads until that is there.
    async fn until(&mut self, wanted: &str) {
        let read = async {
            while !self.text.contains(wanted) {
                let mut bytes = [0; 4096];
                let length = self.stream.read(&mut bytes).await.unwrap();
                assert_ne!(length, 0, "it ended before {wanted:?}: {}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no {wanted:?}: {}", self.text));
    }

    /// Reads to the end.
    async fn end(mut self) -> String {
        let mut rest = vec![];
        tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("it ends").unwrap();
        self.text + &String::from_utf8_lossy(&rest)
    }

    /// All that was told so far: type and data.
    fn told(&self) -> Vec<(String, Value)> {
        let (mut told, mut name) = (vec![], String::new());
        for line in self.text.lines() {
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                told.push((name.clone(), serde_json::from_str(data).unwrap()));
            }
        }
        told
    }
}

#[tokio::test]
async fn what_happens_is_told_at_once_and_in_order() {
    let web = Web::start(Engine::default()).await;
    let mut listener = Listener::start(&web, "").await;
    assert!(
        listener.text.contains("content-type: text/event-stream") && listener.text.contains("cache-control: no-store")
    );
    let mut bad = outcome(&check("login", "eu"));
    let mut fault = Fault::new(Class::HttpStatus, "503 and what the provider wrote");
    fault.step = "token";
    (bad.verdict, bad.fault) = (Verdict::Bad, Some(fault));
    web.engine.newsroom.tell(News::Run(bad.into()));
    web.engine.newsroom.tell(News::Evaluated);
    web.engine.newsroom.tell(News::Reloaded(true));
    web.engine.newsroom.tell(News::Changed);
    listener.until("event: changed").await;
    listener.until("data: {}\n\n").await;
    let told = listener.told();
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["run", "evaluated", "reloaded", "changed"]);
    let run = &told[0].1;
    assert_eq!((&run["probe"], &run["region"], &run["verdict"]), (&json!("login"), &json!("eu"), &json!("bad")));
    assert_eq!(
        (&run["class"], &run["blame"], &run["step"]),
        (&json!("http_status"), &json!("provider"), &json!("token"))
    );
    assert_eq!((&run["trigger"], &run["duration_seconds"]), (&json!("scheduled"), &json!(0.75)));
    assert!(!listener.text.contains("what the provider wrote"));
    assert_eq!(told[2].1, json!({ "successful": true }));
}

#[tokio::test]
async fn who_is_too_slow_is_told_how_much_he_missed() {
    let web = Web::start(Engine::default()).await;
    let mut listener = Listener::start(&web, "").await;
    // In one go: the stream, on the same thread, comes to read none of them in between.
    (0..1024 + 7).for_each(|_| web.engine.newsroom.tell(News::Evaluated));
    listener.until("event: lagged").await;
    listener.until("event: evaluated").await;
    assert_eq!(listener.told()[0], ("lagged".to_owned(), json!({ "missed": 7 })));
}

#[tokio::test]
async fn there_are_so_many_places_and_those_who_leave_give_theirs_back() {
    let web = Web::start(Engine::default()).await;
    let mut listeners = vec![];
    for _ in 0..64 {
        listeners.push(Listener::start(&web, "").await);
    }
    let refused = web.get("/api/v1/events").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "30"));
    assert_eq!(web.get("/api/v1/slos").await.status, 200, "everything else goes on");
    listeners.pop();
    let again = async {
        loop {
            let mut stream = TcpStream::connect(web.at).await.unwrap();
            stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            if &status == b"HTTP/1.1 200" {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn the_end_waits_for_no_stream() {
    let mut web = Web::start(Engine::default()).await;
    let listener = Listener::start(&web, "").await;
    let clock = authprobe::clock::Clock::system();
    let begun = clock.instant();
    web.stop();
    web.ended().await;
    let took = clock.instant().duration_since(begun);
    assert!(took < Duration::from_secs(2), "{took:?}: connections that go on are cut off after 5 s");
    assert!(listener.end().await.ends_with("0\r\n\r\n"), "a whole answer");
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_read() {
    let folder = Folder::new();
    let token = folder.write("read", "read-secret\n");
    let mut engine = Engine::default();
    engine.server.read_token = Some(SecretSource::File(token));
    let web = Web::start(engine).await;
    let answer = web.submit("/sign-in", "http://localhost", "", "token=read-secret").await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let by_session = Listener::start(&web, &format!("Cookie: {cookie}\r\n")).await;
    let by_token = Listener::start(&web, "Authorization: Bearer read-secret\r\n").await;
    assert_eq!(web.submit("/sign-out", "http://localhost", &cookie, "").await.status, 303);
    by_session.end().await;
    let mut by_token = by_token;
    web.engine.newsroom.tell(News::Changed);
    by_token.until("event: changed").await;
    folder.write("read", "another-secret\n");
    by_token.end().await;
}
