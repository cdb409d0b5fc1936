//! The overview's sentence comes before its rest.

use std::time::Duration;

use authprobe::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::page::engine;
use crate::web_support::{Engine, Web};

#[tokio::test]
async fn the_sentence_is_there_before_the_rest_and_waits_for_no_disk() {
    let web = Web::start(Engine { past_waits: true, ..engine(["a", "b", "c"]) }).await;
    let mut stream = TcpStream::connect(web.at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    while !text.contains("</h1>") {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece);
        let length = tokio::time::timeout(Duration::from_secs(20), read).await.expect("the sentence").unwrap();
        assert!(length > 0, "it ended: {text}");
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    assert!(text.contains("id=\"verdict\"") && !text.contains("id=\"objectives\""), "{text}");
    web.engine.release.notify_one();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    for there in ["id=\"objectives\"", "id=\"day\"", "</main>", "</html>"] {
        assert_eq!((text.clone() + &rest).matches(there).count(), 1, "{there}");
    }
    assert!(!(text + &rest).contains("seam"));
}

#[tokio::test]
async fn only_who_opens_the_page_in_a_browser_sees_the_sentence_a_moment_earlier() {
    let web = Web::start(engine(["a", "b", "c"])).await;
    let took = async |headers: &[(&str, &str)]| {
        let begun = Clock::system().now();
        let answer = web.ask("GET", "/", headers).await;
        assert!(answer.body.ends_with("</html>"), "{}", answer.body);
        Clock::system().now().since(begun)
    };
    let slow = Duration::from_millis(50);
    for opened in [[("Sec-Fetch-Dest", "document")], [("Upgrade-Insecure-Requests", "1")]] {
        assert!(took(&opened).await >= slow, "{opened:?}");
    }
    // The fastest of many: a machine may be busy, but not each time.
    let mut fastest = Duration::MAX;
    for _ in 0..40 {
        fastest = fastest.min(took(&[("Sec-Fetch-Dest", "empty"), ("Upgrade-Insecure-Requests", "1")]).await);
        fastest = fastest.min(took(&[]).await);
    }
    assert!(fastest < slow, "{fastest:?}");
}
