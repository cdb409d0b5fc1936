//! A canary in every secret: it must reach its receiver, and nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use url::Url;

use super::receiver::{Counts, QUICK, Receiver, ago, eventually, firing, start};
use crate::clock::Clock;
use crate::notify::{Address, Answer, Credentials, HeaderText, Hook, Notifier, Peer, Sent, Settings, test};
use crate::secret::SecretSource;

const CANARY: &str = "canary-7fQ9zXk2";

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("authprobe-notify-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn source(&self) -> SecretSource {
        SecretSource::File(self.0.clone())
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn peer(url: &Url, credentials: Option<Credentials>) -> Peer {
    Peer { url: url.clone(), credentials, ca_file: None }
}

fn kept(url: &File, headers: Vec<(String, HeaderText)>) -> Hook {
    Hook { url: Address::Kept(url.source()), headers, ca_file: None }
}

#[tokio::test]
async fn credentials_and_headers_arrive_and_are_read_anew_for_each_message() {
    let receiver = Receiver::willing().await;
    let (token, password, url) = (File::new("token", "one\n"), File::new("password", "pass"), File::new("url", ""));
    url.write(&format!("{}/{CANARY}?key={CANARY}\n", receiver.url));
    let headers = vec![("X-Key".to_owned(), HeaderText::Kept(token.source()))];
    let settings = Settings {
        alertmanagers: vec![
            peer(&receiver.url, Some(Credentials::Bearer(token.source()))),
            peer(&receiver.url, Some(Credentials::Basic("alice".to_owned(), password.source()))),
        ],
        webhooks: vec![kept(&url, headers)],
        ..Settings::default()
    };
    assert_eq!(Notifier::receivers(&settings), ["alertmanager 1", "alertmanager 2", "webhook 1"]);
    let notifier = start(&settings, &Counts::default(), QUICK);
    notifier.update(Arc::new(vec![firing("A", ago(1))]));
    let find = |heard: Vec<super::receiver::Heard>, header: &str, value: &str| {
        heard.into_iter().find(|heard| heard.headers.get(header).is_some_and(|text| text == value))
    };
    receiver.until(3).await;
    assert!(find(receiver.heard(), "authorization", "Bearer one").is_some());
    assert!(find(receiver.heard(), "authorization", "Basic YWxpY2U6cGFzcw==").is_some());
    let hook = find(receiver.heard(), "x-key", "one").unwrap();
    assert_eq!(hook.path, format!("/base/{CANARY}?key={CANARY}"));

    token.write("two");
    url.write(&format!("{}/elsewhere", receiver.url));
    notifier.update(Arc::new(vec![firing("A", ago(1)), firing("B", ago(1))]));
    eventually("another token", || find(receiver.heard(), "authorization", "Bearer two")).await;
    let hook = eventually("another header", || find(receiver.heard(), "x-key", "two")).await;
    assert_eq!(hook.path, "/base/elsewhere");
    assert!(!format!("{notifier:?} {settings:?}").contains(CANARY));
}

/// Everything that a test tells of one webhook.
async fn told(hook: Hook) -> String {
    let settings = Settings { webhooks: vec![hook], ..Settings::default() };
    let answers = test(&settings, &Clock::system()).await;
    assert!(answers[0].result.is_err(), "{answers:?}");
    format!("{answers:?} {settings:?}")
}

#[tokio::test]
async fn nothing_secret_is_in_any_error() {
    let echo = |heard: &super::receiver::Heard| {
        let part = heard.path.rsplit('=').next();
        let said = format!("no {} {part:?} {:?}", heard.path, heard.headers.get("x-key"));
        Some((StatusCode::FORBIDDEN, said).into_response())
    };
    let receiver = Receiver::new(echo).await;
    let key = File::new("key", CANARY);
    let headers = || vec![("X-Key".to_owned(), HeaderText::Kept(key.source()))];
    let url = File::new("address", &format!("{}/{CANARY}?key={CANARY}", receiver.url));
    let echoed = told(kept(&url, headers())).await;
    assert!(echoed.contains("403 Forbidden: no [redacted]"), "{echoed}");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (format!("http://{unused}/{CANARY}"), "connection refused"),
        (format!("http://{CANARY}.invalid/"), "the name does not resolve"),
        (format!("{CANARY} is no URL"), "not a URL"),
        (format!("ftp://example.org/{CANARY}"), "neither http nor https"),
        (format!("http://{}@{}/", CANARY, receiver.url.authority()), "403 Forbidden"),
    ];
    let mut all = echoed;
    for (address, reason) in cases {
        url.write(&address);
        let told = told(kept(&url, headers())).await;
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains(&unused.to_string()), "not even the host: {told}");
        all.push_str(&told);
    }
    key.write(&format!("{CANARY}\u{7f}"));
    url.write(receiver.url.as_str());
    all.push_str(&told(kept(&url, headers())).await);
    std::fs::remove_file(&key.0).unwrap();
    all.push_str(&told(kept(&url, headers())).await);
    assert!(!all.contains(CANARY), "{all}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_by_the_receivers_number() {
    let url = Url::parse("https://127.0.0.1:1/").unwrap();
    let empty = File::new("empty.pem", "no certificate");
    let with = |peer: Peer| Settings { alertmanagers: vec![peer], ..Settings::default() };
    let bad_ca = with(Peer { ca_file: Some(empty.0.clone()), ..peer(&url, None) });
    let missing = SecretSource::Env("AUTHPROBE_TEST_UNSET".to_owned());
    let no_token = with(peer(&url, Some(Credentials::Bearer(missing))));
    for (settings, expected) in [(bad_ca, "holds no certificate"), (no_token, "AUTHPROBE_TEST_UNSET: not set")] {
        let error = Notifier::start(&settings, Counts::default().count(), Clock::system()).unwrap_err();
        assert!(error.starts_with("alertmanager 1: ") && error.ends_with(expected), "{error}");
        let Answer { receiver, result } = test(&settings, &Clock::system()).await.remove(0);
        assert_eq!(receiver, "alertmanager 1");
        assert!(result.unwrap_err().ends_with(expected));
    }
}

#[tokio::test]
async fn a_test_reaches_everyone_and_says_what_each_answered() {
    let (one, two, three) = (Receiver::willing().await, Receiver::willing().await, Receiver::willing().await);
    two.answer(|_| Some((StatusCode::NOT_FOUND, "no such\n hook").into_response()));
    let settings = Settings {
        alertmanagers: vec![peer(&one.url, None)],
        webhooks: vec![Hook { url: Address::Plain(two.url.clone()), headers: vec![], ca_file: None }],
        heartbeat: Some(Address::Plain(three.url.clone())),
        public_url: None,
    };
    let answers = test(&settings, &Clock::system()).await;
    let said: Vec<_> = answers.iter().map(|answer| (answer.receiver.as_str(), answer.result.clone())).collect();
    assert_eq!(
        said,
        [
            ("alertmanager 1", Ok("200 OK".to_owned())),
            ("webhook 1", Err("404 Not Found: no such hook".to_owned())),
            ("heartbeat", Ok("200 OK".to_owned())),
        ]
    );
    let alert = &one.heard()[0].json[0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"]),
        (&"AuthTestAlert".into(), &"ticket".into())
    );
    assert_eq!(alert["labels"]["evaluator"], "authprobe");
    assert_eq!(two.heard()[0].names(), ["AuthTestAlert"]);
    assert_eq!(three.heard()[0].method, "GET");
    assert_eq!(Counts::default().of("webhook 1", Sent::Delivered), 0);
}
