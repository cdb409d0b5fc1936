//! Whose fault it is: as over HTTP (tests/http_proxies.rs has the same expectations).

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fakes::{Certificate, Silent, closed, http, listen, socks};
use super::*;
use crate::fault::{Blame, Class, Fault};

/// The fault of a connection that fails, and what the browser is told.
async fn fault(egress: Egress, host: &str, port: u16) -> (Fault, u8) {
    let gate = led(egress).await;
    let reply = open(&gate, host, port).await.expect_err("a failure").expect("a reply");
    let fault = gate.fault(host, port).expect("a fault");
    assert!(!fault.detail.contains("s3cret"), "{fault}");
    (fault, reply)
}

#[tokio::test]
async fn straight_out_the_network_is_at_fault() {
    let closed = closed().await;
    let (refused, reply) = fault(Egress::direct("here"), "127.0.0.1", closed.port()).await;
    assert_eq!((refused.class, refused.blame, reply), (Class::Connect, Blame::Network, 5), "{refused}");
    assert!(refused.detail.contains("refused") && refused.detail.contains(&closed.to_string()), "{refused}");
    let (unknown, reply) = fault(Egress::direct("here"), "authprobe-has-no-such-name.invalid", 443).await;
    assert_eq!((unknown.class, reply), (Class::Dns, 4), "{unknown}");
    assert!(unknown.detail.contains("does not resolve"), "{unknown}");
    // TEST-NET-1 (RFC 5737) is nobody's own, and an address of one family reaches none of the other.
    for (source, host) in [("192.0.2.1", "127.0.0.1"), ("127.0.0.1", "::1")] {
        let egress = Egress { source_address: Some(source.parse().unwrap()), ..Egress::direct("here") };
        let (ours, reply) = fault(egress, host, closed.port()).await;
        assert_eq!((ours.class, ours.blame, reply), (Class::Egress, Blame::Monitor, 1), "{ours}");
    }
}

#[tokio::test]
async fn a_dead_proxy_is_our_own_fault() {
    let closed = closed().await;
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let proxy = format!("{scheme}://{closed}");
        let (dead, reply) = fault(through(&proxy), "127.0.0.1", 1).await;
        assert_eq!((dead.class, reply), (Class::Egress, 1), "{dead}");
        assert!(dead.detail.starts_with(&format!("proxy {proxy}: ")) && dead.detail.contains("refused"), "{dead}");
        let nameless = format!("{scheme}://authprobe-has-no-such-name.invalid:3128");
        let (nameless, _) = fault(through(&nameless), "127.0.0.1", 1).await;
        assert!(nameless.class == Class::Egress && nameless.detail.contains("resolve"), "{nameless}");
    }
}

#[tokio::test]
async fn with_socks5_a_name_is_ours_to_resolve() {
    let upstream = socks(None, |_| 0).await;
    let egress = through(&format!("socks5://{}", upstream.address));
    let (unknown, reply) = fault(egress, "authprobe-has-no-such-name.invalid", 443).await;
    assert_eq!((unknown.class, reply), (Class::Dns, 4), "{unknown}");
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn statuses_of_connect_tell_the_target_from_us() {
    for (answer, class, said) in [
        ("HTTP/1.1 500 Unable to connect\r\n\r\n", Class::Connect, "cannot reach login.test:443 (500)"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Class::Connect, "(502)"),
        ("HTTP/1.0 503 Service Unavailable\r\n\r\n", Class::Connect, "(503)"),
        ("HTTP/1.1 504 Gateway Timeout\r\n\r\n", Class::Connect, "(504)"),
        ("HTTP/1.1 302 Found\r\n\r\n", Class::Connect, "could not reach"),
        ("HTTP/1.1 401 Unauthorized\r\n\r\n", Class::Egress, "refuses our credentials (401)"),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Class::Egress, "refuses our credentials (407)"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", Class::Egress, "does not let us through to login.test:443 (403)"),
        ("SSH-2.0-OpenSSH_9.6\r\n", Class::Egress, "does not speak HTTP"),
        ("HTTP/1.1 200 Fine\r\nVia:", Class::Egress, "does not speak HTTP"),
        ("", Class::Egress, "does not speak HTTP"),
    ] {
        let upstream = http(answer, None).await;
        let (fault, reply) =
            fault(through(&format!("http://alice:s3cret@{}", upstream.address)), "login.test", 443).await;
        assert_eq!((fault.class, reply), (class, if class == Class::Connect { 4 } else { 1 }), "{fault}");
        assert!(fault.detail.contains(said), "{answer}: {fault}");
    }
}

#[tokio::test]
async fn replies_of_socks_tell_the_target_from_us() {
    for (reply, class, said) in [
        (1, Class::Egress, "general server failure"),
        (2, Class::Egress, "connection not allowed"),
        (3, Class::Connect, "cannot reach login.test:443: network unreachable"),
        (4, Class::Connect, "host unreachable"),
        (5, Class::Connect, "connection refused"),
        (6, Class::Connect, "ttl expired"),
        (8, Class::Egress, "address type not supported"),
    ] {
        // The port says which reply is wanted.
        let upstream = socks(Some("alice:s3cret"), |target| target.rsplit(':').next().unwrap().parse().unwrap());
        let proxy = format!("socks5h://alice:s3cret@{}", upstream.await.address);
        let (refused, told) = fault(through(&proxy), "login.test", reply).await;
        assert_eq!((refused.class, u16::from(told)), (class, reply), "{refused}");
        assert!(refused.detail.contains(&said.replace("443", &reply.to_string())), "{refused}");
    }
    let strict = socks(Some("alice:s3cret"), |_| 0).await.address;
    let open = socks(None, |_| 0).await.address;
    for (proxy, said) in [
        (format!("socks5h://alice:wrong@{strict}"), "credentials not accepted"),
        (format!("socks5://alice@{strict}"), "credentials not accepted"),
        (format!("socks5h://{strict}"), "wants credentials"),
        (format!("socks5h://alice:s3cret@{open}"), "does not take credentials"),
    ] {
        let (refused, told) = fault(through(&proxy), "127.0.0.1", 443).await;
        assert_eq!((refused.class, told), (Class::Egress, 1), "{refused}");
        assert!(refused.detail.contains(said) && !refused.detail.contains("wrong"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_our_own_fault() {
    let ssh = listen("127.0.0.1:0", |mut stream, _| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    let closing = listen("127.0.0.1:0", |stream, _| async move { drop(stream) }).await;
    for address in [ssh, closing] {
        for scheme in ["http", "https", "socks5", "socks5h"] {
            let (fault, reply) = fault(through(&format!("{scheme}://{address}")), "127.0.0.1", 443).await;
            assert_eq!((fault.class, reply), (Class::Egress, 1), "{scheme}: {fault}");
        }
    }
}

#[tokio::test]
async fn a_proxys_own_certificate_is_not_the_providers() {
    let expired = Certificate::until(2020);
    let upstream = http("HTTP/1.1 200 Fine\r\n\r\n", Some(expired.acceptor.clone())).await;
    let proxy = through(&format!("https://localhost:{}", upstream.address.port()));
    let trust = crate::oidc::http::Trust { ca_file: Some(expired.file.clone()) };
    let gate = Gate::open(Clock::system()).await.unwrap();
    gate.believe(Arc::default(), trust);
    gate.lead(Arc::new(proxy));
    assert_eq!(open(&gate, "login.test", 443).await.err(), Some(Some(1)));
    let fault = gate.fault("login.test", 443).unwrap();
    assert!(fault.class == Class::Egress && fault.detail.contains("TLS") && fault.detail.contains("xpired"), "{fault}");
    // Nor is a file that is gone.
    std::fs::remove_file(&expired.file).unwrap();
    assert_eq!(open(&gate, "login.test", 443).await.err(), Some(Some(1)));
    assert_eq!(gate.fault("login.test", 443).unwrap().class, Class::Config);
}

/// Takes whatever comes, and says `answer` and nothing more.
async fn mute(answer: &'static [u8]) -> String {
    let address = listen("127.0.0.1:0", move |mut stream, _| async move {
        let _ = stream.write_all(answer).await;
        while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    });
    address.await.to_string()
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout_or_our_proxys() {
    let silent = Silent::at("127.0.0.1:0");
    let (fault_, reply) = fault(Egress::direct("here"), "127.0.0.1", silent.address.port()).await;
    assert_eq!((fault_.class, reply), (Class::Timeout, 6), "{fault_}");
    assert!(fault_.detail.contains("still connecting after 10 s"), "{fault_}");
    let (silent, nothing, greets) = (silent.address.to_string(), mute(b"").await, mute(b"\x05\x00").await);
    for (proxy, class) in [
        // It may be waiting for the target.
        (format!("http://{nothing}"), Class::Timeout),
        (format!("socks5h://{greets}"), Class::Timeout),
        (format!("socks5://{greets}"), Class::Timeout),
        // It is not.
        (format!("http://{silent}"), Class::Egress),
        (format!("socks5h://{silent}"), Class::Egress),
        (format!("https://{nothing}"), Class::Egress),
        (format!("socks5h://{nothing}"), Class::Egress),
    ] {
        let gate = led(through(&proxy)).await;
        let reply = open(&gate, "127.0.0.1", 443).await.err();
        let fault = gate.fault("127.0.0.1", 443).unwrap();
        assert_eq!((fault.class, reply), (class, Some(Some(if class == Class::Timeout { 6 } else { 1 }))), "{fault}");
        assert_eq!(gate.tunnel("127.0.0.1", 443).unwrap().connect.as_secs(), 10, "{proxy}");
    }
}
