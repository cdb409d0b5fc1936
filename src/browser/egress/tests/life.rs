//! From opening to closing: bounds, isolation, ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::fakes::{closed, echo, listen, socks};
use super::*;
use crate::browser::egress::MAX_CONNECTIONS;
use crate::fault::Class;

/// Says on a channel when a connection comes, and when it is over.
async fn watched() -> (u16, mpsc::UnboundedReceiver<&'static str>) {
    let (says, said) = mpsc::unbounded_channel();
    let address = listen("127.0.0.1:0", move |mut stream, _| {
        let says = says.clone();
        async move {
            let _ = says.send("begun");
            while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
            let _ = says.send("over");
        }
    })
    .await;
    (address.port(), said)
}

async fn next(said: &mut mpsc::UnboundedReceiver<&'static str>) -> Option<&'static str> {
    tokio::time::timeout(Duration::from_secs(20), said.recv()).await.expect("word of the server")
}

#[tokio::test]
async fn before_it_is_led_nothing_goes_out() {
    let gate = Gate::open(Clock::system()).await.unwrap();
    let (port, mut said) = watched().await;
    assert_eq!(open(&gate, "127.0.0.1", port).await.err(), Some(Some(2)));
    assert_eq!((gate.fault("127.0.0.1", port), gate.tunnel("127.0.0.1", port)), (None, None));
    gate.lead(Arc::new(Egress::direct("here")));
    let _stream = open(&gate, "127.0.0.1", port).await.unwrap();
    assert_eq!(next(&mut said).await, Some("begun"));
    assert!(said.try_recv().is_err(), "only the second");
}

#[tokio::test]
async fn being_led_elsewhere_ends_what_is_open_and_forgets() {
    let (gate, closed) = (gate().await, closed().await.port());
    let (port, mut said) = watched().await;
    let mut stream = open(&gate, "127.0.0.1", port).await.unwrap();
    open(&gate, "127.0.0.1", closed).await.unwrap_err();
    assert!(gate.fault("127.0.0.1", closed).is_some() && gate.tunnel("127.0.0.1", port).is_some());
    assert_eq!(next(&mut said).await, Some("begun"));

    let upstream = socks(None, |_| 0).await;
    gate.lead(Arc::new(through(&format!("socks5h://{}", upstream.address))));
    assert_eq!((gate.fault("127.0.0.1", closed), gate.tunnel("127.0.0.1", port)), (None, None));
    ended(&mut stream).await;
    assert_eq!(next(&mut said).await, Some("over"));
    assert!(echoes(&mut open(&gate, "login.test", 443).await.unwrap(), "hello").await);
    assert_eq!(upstream.asked(), ["name login.test:443"]);
}

#[tokio::test]
async fn dropping_it_ends_everything() {
    let gate = gate().await;
    let (port, mut said) = watched().await;
    let mut stream = open(&gate, "127.0.0.1", port).await.unwrap();
    let mut greeting = TcpStream::connect(("127.0.0.1", gate.port())).await.unwrap();
    assert_eq!(next(&mut said).await, Some("begun"));
    let listening = gate.port();
    drop(gate);
    ended(&mut stream).await;
    ended(&mut greeting).await;
    assert_eq!(next(&mut said).await, Some("over"));
    let gone = async { while TcpStream::connect(("127.0.0.1", listening)).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it still listens");
}

#[tokio::test]
async fn a_fault_is_forgotten_once_it_works() {
    let (gate, port) = (gate().await, closed().await.port());
    open(&gate, "127.0.0.1", port).await.unwrap_err();
    assert_eq!(gate.fault("127.0.0.1", port).unwrap().class, Class::Connect);
    listen(&format!("127.0.0.1:{port}"), |stream, _| async move { drop(stream) }).await;
    open(&gate, "127.0.0.1", port).await.unwrap();
    assert_eq!(gate.fault("127.0.0.1", port), None);
}

#[tokio::test]
async fn another_users_processes_stay_out() {
    let user = rustix::process::geteuid().as_raw();
    let gate = Gate::open_for(user + 1, Clock::system()).await.unwrap();
    gate.lead(Arc::new(Egress::direct("here")));
    let (port, mut said) = watched().await;
    assert_eq!(open(&gate, "127.0.0.1", port).await.err(), Some(None));
    assert_eq!(gate.tunnel("127.0.0.1", port), None);
    assert!(said.try_recv().is_err());
}

#[tokio::test]
async fn each_side_may_end_first() {
    // Answers only once the browser has said all.
    let server = listen("127.0.0.1:0", |mut stream, _| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        let _ = stream.write_all(format!("{} bytes", all.len()).as_bytes()).await;
    })
    .await;
    let gate = gate().await;
    let mut stream = open(&gate, "127.0.0.1", server.port()).await.unwrap();
    stream.write_all(&[7; 300_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "300000 bytes");
    // Says all it has, and listens on.
    let (says, mut said) = mpsc::unbounded_channel();
    let server = listen("127.0.0.1:0", move |mut stream, _| {
        let says = says.clone();
        async move {
            let mut all = Vec::new();
            stream.write_all(b"bye").await.unwrap();
            stream.shutdown().await.unwrap();
            stream.read_to_end(&mut all).await.unwrap();
            let _ = says.send(all);
        }
    })
    .await;
    let mut stream = open(&gate, "127.0.0.1", server.port()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    stream.write_all(b"one more thing").await.unwrap();
    drop(stream);
    let heard = tokio::time::timeout(Duration::from_secs(20), said.recv()).await.unwrap().unwrap();
    assert_eq!((answer.as_str(), heard.as_slice()), ("bye", b"one more thing".as_slice()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_do_not_mix() {
    many_files();
    let upstream = socks(Some("alice:s3cret"), |_| 0).await;
    let gate = Arc::new(led(through(&format!("socks5h://alice:s3cret@{}", upstream.address))).await);
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            let gate = gate.clone();
            tokio::spawn(async move {
                let mut stream = open(&gate, &format!("host-{i}.test"), 443).await.unwrap();
                echoes(&mut stream, &format!("{i} ").repeat(5000)).await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    let mut asked = upstream.asked();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 200);
    assert!((0..200).all(|i| gate.tunnel(&format!("host-{i}.test"), 443).is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_limit_are_open() {
    many_files();
    let (gate, echo) = (gate().await, echo().await.port());
    let mut opened = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        opened.push(open(&gate, "127.0.0.1", echo).await.unwrap());
    }
    assert_eq!(open(&gate, "127.0.0.1", echo).await.err(), Some(None));
    assert!(echoes(&mut opened[0], "hello").await);
    // There is a place again as soon as one of them is gone.
    opened.pop();
    let again = async {
        loop {
            if let Ok(mut stream) = open(&gate, "127.0.0.1", echo).await {
                return echoes(&mut stream, "hello").await;
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), again).await.expect("no place again"));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_waited_for() {
    let gate = gate().await;
    let clock = Clock::system();
    for said in [b"".as_slice(), b"\x05\x01", b"\x05\x01\x00\x05\x01\x00\x03\x0flogin"] {
        let begun = clock.instant();
        let mut stream = TcpStream::connect(("127.0.0.1", gate.port())).await.unwrap();
        stream.write_all(said).await.unwrap();
        while stream.read(&mut [0; 16]).await.is_ok_and(|read| read > 0) {}
        assert_eq!(clock.instant().duration_since(begun).as_secs(), 5, "{said:?}");
    }
}
