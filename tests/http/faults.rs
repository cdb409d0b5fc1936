//! What goes wrong, and what it is called.

use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::oidc::http::{Endpoint, MAX_BODY, Request};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::server::{Setup, answering, closed_port, get, listen, ok, read_head, records};

/// A server that answers with the beginning of something, and then waits for ever.
async fn stalling(beginning: &'static str) -> String {
    let address = listen("127.0.0.1:0", move |mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(beginning.as_bytes()).await;
        std::future::pending::<()>().await;
    });
    format!("http://{}/", address.await)
}

/// A server that resets the connection after the beginning of something.
async fn resetting(beginning: &'static str) -> String {
    let address = listen("127.0.0.1:0", move |mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(beginning.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = stream.set_zero_linger();
    });
    format!("http://{}/", address.await)
}

/// Deflate by hand: `n` × 258 zeros in as few bits as fixed Huffman codes allow (RFC 1951 §3.2.6), in a gzip member.
fn bomb(n: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false]; // last block, fixed codes
    let mut code = |value: u32, length: u32| (0..length).rev().for_each(|i| bits.push(value >> i & 1 == 1));
    code(0b0011_0000, 8); // literal 0
    for _ in 0..n {
        code(0b1100_0101, 8); // length 258
        code(0, 5); // distance 1
    }
    code(0, 7); // end of block
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend(bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |b, (i, bit)| b | u8::from(*bit) << i)));
    bytes.extend([0; 8]); // checksum and length are never reached
    bytes
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn nobody_listens() {
    let address = closed_port().await;
    let (fault, record) = Setup::default().fault(&format!("http://{address}/")).await;
    assert_eq!(fault.class, Class::Connect, "{fault}");
    assert!(fault.detail.starts_with(&format!("{address}: ")), "{fault}");
    assert!(fault.detail.contains("refused"), "{fault}");
    assert!(record.phases.connect.is_some() && record.phases.processing.is_none(), "{record:?}");
}

#[tokio::test]
async fn names_that_do_not_resolve() {
    let mut setup = Setup::default();
    setup.egress.resolve.insert("login.test".into(), vec![]);
    let (fault, record) = setup.fault("http://login.test/").await;
    assert_eq!((fault.class, fault.detail.as_str()), (Class::Dns, "login.test does not resolve: no addresses"));
    assert!(record.phases.resolve.is_some() && record.phases.connect.is_none(), "{record:?}");
    // Too long for a name (RFC 1035 §2.3.4): the system's resolver refuses it without asking anybody.
    let (fault, _) = setup.fault(&format!("http://{}.test/", "a".repeat(70))).await;
    assert_eq!(fault.class, Class::Dns, "{fault}");
}

#[tokio::test]
async fn connections_that_break() {
    let setup = Setup::default();
    for (beginning, place) in [
        ("", "before the head of the answer was complete"),
        ("HTTP/1.1 200 OK\r\nContent-", "before the head of the answer was complete"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":", "in the middle of the body"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ke", "in the middle of the body"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "in the middle of the body"),
    ] {
        for url in [answering(beginning).await, resetting(beginning).await] {
            let (fault, _) = setup.fault(&url).await;
            assert_eq!(fault.class, Class::Reset, "{beginning:?}: {fault}");
            assert!(fault.detail.ends_with(place), "{beginning:?}: {fault}");
        }
    }
}

#[tokio::test]
async fn slowness_ends_and_says_where() {
    // Room for a busy machine to begin; what is asserted is the waiting that is left.
    let setup = Setup { timeout: Duration::from_millis(1025), ..Setup::default() };
    for (beginning, stage, status) in [
        ("", "still waiting for the head of the answer after ", None),
        ("HTTP/1.1 200 OK\r\nContent-Le", "still waiting for the head of the answer after ", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "still reading the body after ", Some(200)),
    ] {
        let (fault, record) = setup.fault(&stalling(beginning).await).await;
        assert_eq!(fault.class, Class::Timeout, "{beginning:?}: {fault}");
        assert!(fault.detail.contains(stage), "{beginning:?}: {fault}");
        assert_eq!(record.status, status);
        let hung = if status.is_some() { record.phases.transfer } else { record.phases.processing };
        assert!(hung.unwrap() > Duration::from_millis(250), "{record:?}");
    }
}

#[tokio::test]
async fn a_request_has_a_bound_of_its_own() {
    let setup = Setup::default();
    let journey = setup.journey();
    let http = setup.http(&journey).with_timeout(Duration::from_millis(100));
    let fault = http.send(get(&stalling("").await)).await.unwrap_err();
    assert!(fault.class == Class::Timeout && fault.detail.contains("after 0.100 s"), "{fault}");
}

#[tokio::test]
async fn a_request_that_is_given_up_is_on_record() {
    let setup = Setup::default();
    let journey = setup.journey();
    let (http, url) = (setup.http(&journey), stalling("").await);
    tokio::time::timeout(Duration::from_millis(200), http.send(get(&url))).await.unwrap_err();
    let records = records(journey).await;
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].error, records[0].status), (Some("timeout"), None));
    assert!(records[0].phases.processing.unwrap() > Duration::from_millis(100), "{records:?}");
}

#[tokio::test]
async fn cleanup_has_a_deadline_of_its_own() {
    let setup = Setup { timeout: Duration::ZERO, ..Setup::default() };
    let journey = setup.journey();
    let (http, url) = (setup.http(&journey), answering(ok("{}")).await);
    assert_eq!(http.send(get(&url)).await.unwrap_err().class, Class::Timeout);
    let later = setup.clock.instant() + Duration::from_secs(5);
    assert_eq!(http.with_deadline(later).send(get(&url)).await.unwrap().body, "{}");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let setup = Setup::default();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1);
    let whole = |length: usize| ok(&"x".repeat(length));
    assert_eq!(setup.get(&answering(whole(MAX_BODY)).await).await.0.unwrap().body.len(), MAX_BODY);
    for url in [
        answering(head).await,
        answering(whole(MAX_BODY + 1)).await,
        answering(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY + 1))).await,
        endless().await,
        answering(coded("gzip", &bomb(1_000_000))).await,
    ] {
        let (fault, record) = setup.fault(&url).await;
        assert_eq!((fault.class, record.status), (Class::TooLarge, Some(200)), "{fault}");
        assert!(record.body_bytes <= MAX_BODY as u64);
    }
}

/// Chunks without end.
async fn endless() -> String {
    let address = listen("127.0.0.1:0", |mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    format!("http://{}/", address.await)
}

#[tokio::test]
async fn heads_are_bounded() {
    let setup = Setup::default();
    let many: String = (0..500).map(|i| format!("X-{i}: 1\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(80 * 1024));
    let huge = format!("X-Huge: {}\r\n", "x".repeat(8 * 1024 * 1024));
    for headers in [many, large, huge] {
        let url = answering(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n")).await;
        let (fault, _) = setup.fault(&url).await;
        assert_eq!(fault.class, Class::TooLarge, "{fault}");
    }
}

#[tokio::test]
async fn what_is_not_http_or_not_what_it_says() {
    let setup = Setup::default();
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}F",
        "{\"keys\":[]}",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    ] {
        let (fault, _) = setup.fault(&answering(garbage).await).await;
        assert_eq!(fault.class, Class::Malformed, "{garbage:?}: {fault}");
    }
}

#[tokio::test]
async fn codings_are_what_they_say() {
    let setup = Setup::default();
    let mut damaged = bomb(10);
    damaged[12] ^= 0xff;
    let truncated = &bomb(1000)[..40];
    for (coding, body) in
        [("gzip", b"{\"keys\":[]}".as_slice()), ("gzip", &damaged), ("gzip", truncated), ("br", b"\x0b\x05\x80{}\x03")]
    {
        let (fault, _) = setup.fault(&answering(coded(coding, body)).await).await;
        assert_eq!(fault.class, Class::Malformed, "{coding} {body:?}: {fault}");
    }
}

#[tokio::test]
async fn urls_that_cannot_be_requested() {
    let setup = Setup::default();
    let journey = setup.journey();
    let http = setup.http(&journey);
    for url in ["ftp://a.test/", "javascript:alert(1)", "data:text/html,x", "myapp://cb?code=secret"] {
        let request = Request::get(Endpoint::LoginPage, Url::parse(url).unwrap());
        let fault = http.send(request).await.unwrap_err();
        assert!(fault.class == Class::Malformed && !fault.detail.contains("secret"), "{url}: {fault}");
    }
    let long = format!("http://127.0.0.1/?x={}", "y".repeat(100_000));
    assert_eq!(http.send(get(&long)).await.unwrap_err().class, Class::Malformed);
}

#[tokio::test]
async fn a_source_address_that_is_not_ours_is_our_fault() {
    let mut setup = Setup::default();
    setup.egress.source_address = Some("192.0.2.1".parse().unwrap());
    let (fault, _) = setup.fault(&answering(ok("")).await).await;
    assert_eq!(fault.class, Class::Egress, "{fault}");
    setup.egress.source_address = Some("127.0.0.1".parse().unwrap());
    setup.egress.resolve.insert("six.test".into(), vec!["::1".parse().unwrap()]);
    let (fault, _) = setup.fault("http://six.test:9/").await;
    assert_eq!(fault.class, Class::Egress, "{fault}");
}

/// Secrets in the URL never reach the fault or the record, whatever fails.
#[tokio::test]
async fn faults_show_no_secrets() {
    let setup = Setup { clock: Clock::system(), ..Setup::default() };
    let address = closed_port().await;
    for url in [format!("http://{address}/cb?code=c0de&state=st4te"), format!("{}?code=c0de", stalling("").await)] {
        let journey = setup.journey();
        let http = setup.http(&journey).with_timeout(Duration::from_millis(50));
        let fault = http.send(get(&url)).await.unwrap_err();
        let record = &records(journey).await[0];
        for text in [&fault.to_string(), &record.url] {
            assert!(!text.contains("c0de") && !text.contains("st4te"), "{text}");
        }
    }
}

/// Answers damaged at random (by a generator of our own, so that a failure can be repeated): whatever comes is an answer
/// or has a class, in time.
#[tokio::test]
async fn damaged_answers_always_end() {
    let whole: [Vec<u8>; 3] = [
        ok("{\"keys\":[]}").into_bytes(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"
            .into(),
        coded("gzip", &bomb(20)),
    ];
    let mut seed = 0x5eed_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let setup = Setup { timeout: Duration::from_secs(5), ..Setup::default() };
    let allowed = [Class::Malformed, Class::Reset, Class::TooLarge, Class::RateLimited];
    for i in 0..300 {
        let mut bytes = whole[i % whole.len()].clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes.truncate(at + 1),
                _ => bytes.insert(at, random(256) as u8),
            }
        }
        let (result, record) = setup.get(&answering(bytes.clone()).await).await;
        if let Err(fault) = result {
            assert!(allowed.contains(&fault.class), "{}: {fault}", bytes.escape_ascii());
        }
        assert!(record.body_bytes <= MAX_BODY as u64);
    }
}
