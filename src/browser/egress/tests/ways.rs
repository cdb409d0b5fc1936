//! Every way out, and what goes through it.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fakes::{Certificate, Silent, echo, http, listen, socks};
use super::*;
use crate::oidc::http::Trust;

fn fixed(mut egress: Egress, host: &str, addresses: &[&str]) -> Egress {
    let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    egress.resolve.insert(host.to_owned(), addresses);
    egress
}

#[tokio::test]
async fn straight_out() {
    let (gate, echo) = (gate().await, echo().await);
    for (host, ours) in [("127.0.0.1", false), ("localhost", true), ("LOCALHOST", true)] {
        let mut stream = open(&gate, host, echo.port()).await.unwrap();
        assert!(echoes(&mut stream, "hello").await);
        let tunnel = gate.tunnel(host, echo.port()).unwrap();
        assert_eq!(tunnel.resolve.is_some(), ours, "{host}: {tunnel:?}");
        assert!(tunnel.connect > Duration::ZERO && tunnel.connect < Duration::from_secs(5), "{tunnel:?}");
        assert_eq!(gate.fault(host, echo.port()), None);
    }
    assert_eq!(gate.tunnel("127.0.0.1", 1), None);
}

#[tokio::test]
async fn from_the_source_address() {
    let server = listen("127.0.0.1:0", |mut stream, peer| async move {
        let _ = stream.write_all(peer.ip().to_string().as_bytes()).await;
    })
    .await;
    let mut egress = Egress::direct("there");
    egress.source_address = Some("127.0.0.9".parse().unwrap());
    let mut said = String::new();
    let gate = led(egress).await;
    open(&gate, "localhost", server.port()).await.unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "127.0.0.9");
}

#[tokio::test]
async fn a_fixed_address_that_is_dead_leaves_the_next() {
    let echo = echo().await;
    // Nothing listens at 127.0.0.3: it refuses at once.
    let gate = led(fixed(Egress::direct("there"), "login.test", &["127.0.0.3", "127.0.0.1"])).await;
    for host in ["login.test", "Login.TEST."] {
        assert!(echoes(&mut open(&gate, host, echo.port()).await.unwrap(), "hello").await);
        assert!(gate.tunnel("login.test", echo.port()).unwrap().resolve.is_some());
    }
    // This one says nothing at all.
    let silent = Silent::at(&format!("127.0.0.4:{}", echo.port()));
    gate.lead(Arc::new(fixed(Egress::direct("there"), "login.test", &["127.0.0.4", "127.0.0.1"])));
    let mut stream = open(&gate, "login.test", silent.address.port()).await.unwrap();
    assert!(echoes(&mut stream, "hello").await);
    let connect = gate.tunnel("login.test", echo.port()).unwrap().connect;
    assert!(connect >= Duration::from_millis(250) && connect < Duration::from_secs(5), "{connect:?}");
}

#[tokio::test]
async fn socks_gets_addresses_or_names() {
    let upstream = socks(None, |_| 0).await;
    let (local, remote) = (format!("socks5://{}", upstream.address), format!("socks5h://{}", upstream.address));
    let login = |proxy: &str| fixed(through(proxy), "login.test", &["192.0.2.7"]);
    for (egress, host, asked, ours) in [
        (login(&local), "login.test", "address 192.0.2.7:443", true),
        (login(&remote), "login.test", "address 192.0.2.7:443", true),
        (login(&remote), "other.test", "name other.test:443", false),
        (login(&local), "192.0.2.9", "address 192.0.2.9:443", false),
        (login(&remote), "192.0.2.9", "address 192.0.2.9:443", false),
        (login(&remote), "2001:db8::1", "address [2001:db8::1]:443", false),
    ] {
        let gate = led(egress).await;
        let mut stream = open(&gate, host, 443).await.unwrap();
        assert!(echoes(&mut stream, "hello").await);
        assert_eq!(upstream.asked().last().unwrap(), asked);
        let tunnel = gate.tunnel(host, 443).unwrap();
        assert_eq!(tunnel.resolve.is_some(), ours, "{host}: {tunnel:?}");
    }
    let gate = led(through(&local)).await;
    open(&gate, "localhost", 443).await.unwrap();
    assert!(["address 127.0.0.1:443", "address [::1]:443"].contains(&upstream.asked().last().unwrap().as_str()));
}

#[tokio::test]
async fn socks_is_asked_for_every_address() {
    let upstream = socks(None, |target| if target.ends_with(".7:443") { 5 } else { 0 }).await;
    let egress = through(&format!("socks5://{}", upstream.address));
    let gate = led(fixed(egress, "login.test", &["192.0.2.7", "192.0.2.8"])).await;
    assert!(echoes(&mut open(&gate, "login.test", 443).await.unwrap(), "hello").await);
    assert_eq!(upstream.asked(), ["address 192.0.2.7:443", "address 192.0.2.8:443"]);
    assert_eq!(gate.fault("login.test", 443), None);
}

#[tokio::test]
async fn http_is_asked_for_names() {
    // What the target says first comes along with the head, and is the browser's.
    let upstream = http("HTTP/1.1 200 Fine\r\nVia: 1.1 p\r\n\r\nfirst", None).await;
    let egress = through(&format!("http://alice:s%3Acret@{}", upstream.address));
    let gate = led(fixed(egress, "login.test", &["192.0.2.7"])).await;
    for (host, target) in [("Login.test", "login.test:443"), ("::1", "[::1]:443")] {
        let mut stream = open(&gate, host, 443).await.unwrap();
        let mut first = [0; 5];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"first");
        assert!(echoes(&mut stream, "hello").await);
        let head = upstream.asked().pop().unwrap();
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")), "{head}");
        // alice:s:cret
        assert!(head.contains("\r\nProxy-Authorization: Basic YWxpY2U6czpjcmV0\r\n"), "{head}");
        assert_eq!(gate.tunnel(host, 443).unwrap().resolve, None);
    }
}

#[tokio::test]
async fn a_proxy_with_tls_is_believed_as_over_http() {
    let certificate = Certificate::until(2040);
    let upstream = http("HTTP/1.1 200 Fine\r\n\r\n", Some(certificate.acceptor.clone())).await;
    let gate = Gate::open(Clock::system()).await.unwrap();
    gate.believe(Arc::default(), Trust { ca_file: Some(certificate.file.clone()) });
    gate.lead(Arc::new(through(&format!("https://localhost:{}", upstream.address.port()))));
    let mut stream = open(&gate, "login.test", 443).await.unwrap();
    assert!(echoes(&mut stream, &"hello ".repeat(20_000)).await);
    assert_eq!(upstream.asked().len(), 1);
    // It ends with the browser's end, through TLS too.
    stream.shutdown().await.unwrap();
    ended(&mut stream).await;
}
