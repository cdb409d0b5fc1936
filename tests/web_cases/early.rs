//! The overview's sentence comes before its rest.

use std::time::Duration;

use authprobe::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::page::engine;
use crate::web_support::{Engine, Web};

/// Asks for the overview and reads up to its sentence.
async fn sentence(web: &Web, headers: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(web.at).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains("</h1>") {
        let read = stream.read_buf(&mut bytes);
        let length = tokio::time::timeout(Duration::from_secs(20), read).await.expect("the sentence").unwrap();
        assert!(length > 0, "it ended: {}", String::from_utf8_lossy(&bytes));
    }
    (String::from_utf8(bytes).unwrap(), stream)
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

#[tokio::test]
async fn the_sentence_is_there_before_the_rest_and_waits_for_no_disk() {
    let web = Web::start(Engine { past_waits: true, ..engine(["a", "b", "c"]) }).await;
    let (text, mut stream) = sentence(&web, "").await;
    assert!(text.contains("id=\"verdict\"") && !text.contains("id=\"objectives\""), "{text}");
    web.engine.release.notify_one();
    let whole = text + &rest(&mut stream).await;
    for there in ["id=\"objectives\"", "id=\"day\"", "</main>", "</html>"] {
        assert_eq!(whole.matches(there).count(), 1, "{there}");
    }
    assert!(!whole.contains("seam"));
}

/// More readers than overviews may be written at once, all of them waiting for the disk; and many who have gone.
#[tokio::test]
async fn nobody_waits_for_those_who_wait_or_have_gone() {
    let web = Web::start(Engine { past_waits: true, ..engine(["a", "b", "c"]) }).await;
    let mut waiting = Vec::new();
    for _ in 0..12 {
        drop(sentence(&web, "").await);
        waiting.push(sentence(&web, "").await.1);
    }
    // Whoever waits is woken one at a time, those who have gone as well.
    let release = async {
        loop {
            web.engine.release.notify_waiters();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let all = async {
        for stream in &mut waiting {
            assert!(rest(stream).await.contains("</html>"));
        }
    };
    tokio::select! { () = all => {}, () = release => {} }
}

#[tokio::test]
async fn only_who_opens_the_page_in_a_browser_sees_the_sentence_a_moment_earlier() {
    let web = Web::start(engine(["a", "b", "c"])).await;
    let later = async |headers: &str| {
        let (_, mut stream) = sentence(&web, headers).await;
        let begun = Clock::system().now();
        assert!(rest(&mut stream).await.contains("</html>"));
        Clock::system().now().since(begun)
    };
    // From the sentence's arrival on, which a busy machine notices late: the slowest of some. Nor can the others always be fast.
    let (mut slowest, mut fastest) = (Duration::ZERO, Duration::MAX);
    for _ in 0..20 {
        slowest = slowest.max(later("Sec-Fetch-Dest: document\r\n").await);
        slowest = slowest.max(later("Upgrade-Insecure-Requests: 1\r\n").await);
        fastest = fastest.min(later("Sec-Fetch-Dest: empty\r\nUpgrade-Insecure-Requests: 1\r\n").await);
        fastest = fastest.min(later("").await);
    }
    assert!(slowest > Duration::from_millis(40), "{slowest:?}");
    assert!(fastest < Duration::from_millis(25), "{fastest:?}");
}
