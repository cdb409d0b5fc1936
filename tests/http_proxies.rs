//! Real proxies on the way out: what goes through them, and whose fault it is when something does not.

#[allow(dead_code)] // Each story uses its part.
#[path = "http/server.rs"]
mod server;
#[allow(dead_code)]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use authprobe::fault::Class;
use authprobe::oidc::http::{Proxy, verify_egress};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use url::Url;

use server::{Setup, answer, answering, closed_port, listen, ok, read_head, replying};
use support::certs::{Certificate, certificate};
use support::proxies::Proxy as Running;
use support::{Folder, eventually};

fn through(proxy: &str) -> Setup {
    let mut setup = Setup::default();
    setup.egress.proxy = Some(Proxy::parse(proxy).unwrap());
    setup
}

fn port_of(url: &str) -> u16 {
    Url::parse(url).unwrap().port().unwrap()
}

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&certificate.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// An https server with a certificate for `localhost`.
async fn https(certificate: &Certificate) -> u16 {
    let acceptor = acceptor(certificate);
    let address = listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer(&mut stream, "{}").await;
            }
        }
    });
    address.await.port()
}

/// A proxy that speaks TLS itself and forwards CONNECT.
async fn tls_proxy(certificate: &Certificate) -> SocketAddr {
    let acceptor = acceptor(certificate);
    listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut inside) = acceptor.accept(stream).await else { return };
            let head = read_head(&mut inside).await;
            let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            match TcpStream::connect(target).await {
                Ok(mut outside) => {
                    let _ = inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                }
                Err(_) => {
                    let _ = inside.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
                    let _ = inside.shutdown().await;
                }
            }
        }
    })
    .await
}

/// A proxy that answers every CONNECT, and every plain request, with this.
async fn refusing(answer: &'static str) -> String {
    answering(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_through_the_proxy() {
    let folder = Folder::new();
    let certificate = certificate(&folder, "+0d", 30);
    let (plain, tls) = (port_of(&replying(|head| ok(&head)).await), https(&certificate).await);
    for proxy in [Running::tinyproxy(), Running::danted()] {
        let urls = match proxy.url.strip_prefix("socks5h") {
            Some(rest) => vec![proxy.url.clone(), format!("socks5{rest}")],
            None => vec![proxy.url.clone()],
        };
        for (i, url) in urls.iter().enumerate() {
            let mut setup = through(url);
            setup.provider.trust.ca_file = Some(certificate.authority.clone());
            let (result, record) = setup.get(&format!("http://localhost:{plain}/path?q=1")).await;
            let head = String::from_utf8(result.unwrap().body.to_vec()).unwrap();
            assert!(head.starts_with("GET /path?q=1 HTTP/1.1"), "{url}: {head}");
            assert!(!head.to_ascii_lowercase().contains("proxy-"), "{url}: {head}");
            assert_eq!((record.phases.tls, record.port), (None, plain));
            // Only with socks5 the target's name is ours to resolve.
            assert_eq!(record.phases.resolve.is_some(), url.starts_with("socks5:"), "{url}: {record:?}");

            let (result, record) = setup.get(&format!("https://localhost:{tls}/")).await;
            assert_eq!(result.unwrap().body, "{}");
            assert!(record.phases.connect.is_some() && record.phases.tls.is_some(), "{url}: {record:?}");
            assert!(record.certificate_not_after.is_some(), "the target's, though a proxy is between");
            for port in [plain, tls] {
                eventually("the access log", || (proxy.connections(port) == i + 1).then_some(()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_with_fixed_addresses_are_sent_to_socks_as_addresses() {
    let proxy = Running::danted();
    let port = port_of(&answering(ok("{}")).await);
    let mut setup = through(&proxy.url);
    setup.egress.resolve.insert("login.test".into(), vec!["127.0.0.1".parse().unwrap()]);
    let (result, record) = setup.get(&format!("http://login.test:{port}/")).await;
    assert_eq!(result.unwrap().body, "{}");
    assert!(record.phases.resolve.is_some(), "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_a_living_proxy_cannot_reach_is_the_networks_fault() {
    let closed = closed_port().await;
    for proxy in [Running::tinyproxy(), Running::danted()] {
        let setup = through(&proxy.url);
        for url in [format!("http://{closed}/"), format!("https://{closed}/"), "http://nowhere.invalid/".into()] {
            let (fault, record) = setup.fault(&url).await;
            assert_eq!(fault.class, Class::Connect, "{}: {fault}", proxy.url);
            assert!(fault.detail.contains("cannot reach"), "{}: {fault}", proxy.url);
            assert_eq!(record.phases.tls, None);
        }
        let egress = Arc::new(setup.egress.clone());
        assert_eq!(verify_egress(&egress, &setup.memory, &setup.clock).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_proxy_is_our_own_fault() {
    let closed = closed_port().await;
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let setup = through(&format!("{scheme}://{closed}"));
        for url in ["http://127.0.0.1:1/", "https://127.0.0.1:1/"] {
            let (fault, _) = setup.fault(url).await;
            assert_eq!(fault.class, Class::Egress, "{scheme} {url}: {fault}");
        }
        let egress = Arc::new(setup.egress.clone());
        let why = verify_egress(&egress, &setup.memory, &setup.clock).await.unwrap_err();
        assert!(why.starts_with(&format!("proxy {scheme}://{closed}: ")) && why.contains("refused"), "{why}");
    }
    let setup = through("http://proxy.authprobe-has-no-such-name.invalid:3128");
    let (fault, _) = setup.fault("http://127.0.0.1:1/").await;
    assert_eq!(fault.class, Class::Egress, "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_shown_to_the_proxy_alone() {
    let folder = Folder::new();
    let certificate = certificate(&folder, "+0d", 30);
    let (plain, tls) = (port_of(&replying(|head| ok(&head)).await), https(&certificate).await);
    let proxy = Running::tinyproxy_with("BasicAuth alice pa55_w0rd\n");
    let with = |user: &str| {
        let mut setup = through(&proxy.url.replace("http://", &format!("http://{user}@")));
        setup.provider.trust.ca_file = Some(certificate.authority.clone());
        setup
    };
    let good = with("alice:pa55%5Fw0rd");
    let (result, _) = good.get(&format!("http://localhost:{plain}/")).await;
    let head = String::from_utf8(result.unwrap().body.to_vec()).unwrap().to_ascii_lowercase();
    assert!(!head.contains("proxy-authorization"), "{head}");
    good.get(&format!("https://localhost:{tls}/")).await.0.unwrap();
    let journey = good.journey();
    let _ = good.http(&journey);
    assert_eq!(journey.recorder().scrub("proxy said pa55_w0rd"), "proxy said [redacted]");
    for user in ["alice:wrong", "bob:pa55_w0rd"] {
        for url in [format!("http://localhost:{plain}/"), format!("https://localhost:{tls}/")] {
            let (fault, _) = with(user).fault(&url).await;
            assert_eq!(fault.class, Class::Egress, "{fault}");
            assert!(fault.detail.contains("refuses our credentials (40"), "{fault}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_does_not_let_us_through_is_our_own_fault() {
    let http = Running::tinyproxy_with("ConnectPort 1\n");
    let (fault, _) = through(&http.url).fault("https://127.0.0.1:2/").await;
    assert!(fault.class == Class::Egress && fault.detail.contains("does not let us through"), "{fault}");
    let socks = Running::danted_with("socks block { from: 0.0.0.0/0 to: 127.0.0.1/32 port = 2 }\n");
    let (fault, _) = through(&socks.url).fault("https://127.0.0.1:2/").await;
    assert!(fault.class == Class::Egress && fault.detail.contains("connection not allowed"), "{fault}");
}

#[tokio::test]
async fn statuses_of_connect_tell_the_target_from_us() {
    for (status, class) in [
        ("502 Bad Gateway", Class::Connect),
        ("503 Service Unavailable", Class::Connect),
        ("504 Gateway Timeout", Class::Connect),
        ("403 Forbidden", Class::Egress),
        ("407 Proxy Authentication Required", Class::Egress),
    ] {
        let (fault, _) = through(&refusing(status).await).fault("https://127.0.0.1:2/").await;
        assert_eq!(fault.class, class, "{status}: {fault}");
        assert!(fault.detail.contains(&status[..3]), "{status}: {fault}");
    }
    // What the target itself says through a proxy is an answer.
    let (result, _) = through(&refusing("503 Service Unavailable\r\nServer: nginx").await).get("http://a.test/").await;
    assert_eq!(result.unwrap().status.as_u16(), 503);
}

#[tokio::test]
async fn what_is_no_proxy_is_our_own_fault() {
    let ssh = listen("127.0.0.1:0", |mut stream, _| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    let closing = listen("127.0.0.1:0", |stream, _| async move { drop(stream) }).await;
    // RFC 1929 §2: version 1, status 1 is a failure.
    let strict = listen("127.0.0.1:0", |mut stream, _| async move {
        let mut greeting = [0; 3];
        let _ = stream.read_exact(&mut greeting).await;
        let _ = stream.write_all(&[5, 2]).await;
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(&[1, 1]).await;
    })
    .await;
    for proxy in [
        format!("http://{ssh}"),
        format!("socks5://{ssh}"),
        format!("http://{closing}"),
        format!("https://{closing}"),
        format!("socks5://{closing}"),
        format!("socks5h://alice:wrong@{strict}"),
        format!("socks5h://{strict}"),
    ] {
        let (fault, _) = through(&proxy).fault("https://127.0.0.1:2/").await;
        assert_eq!(fault.class, Class::Egress, "{proxy}: {fault}");
        assert!(!fault.detail.contains("wrong"), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_own_tls_is_part_of_connecting() {
    let (good, old) = (Folder::new(), Folder::new());
    let (good, expired) = (certificate(&good, "+0d", 30), certificate(&old, "-400d", 30));
    let tls = https(&good).await;
    let proxied = |proxy: SocketAddr| {
        let mut setup = through(&format!("https://localhost:{}", proxy.port()));
        setup.provider.trust.ca_file = Some(good.authority.clone());
        setup
    };
    let setup = proxied(tls_proxy(&good).await);
    let (result, record) = setup.get(&format!("https://localhost:{tls}/")).await;
    assert_eq!(result.unwrap().body, "{}");
    assert!(record.phases.tls.is_some() && record.phases.connect.is_some(), "{record:?}");
    let (fault, record) = setup.fault(&format!("https://{}/", closed_port().await)).await;
    assert_eq!((fault.class, record.phases.tls), (Class::Connect, None), "{fault}");
    // Its certificate is not the provider's.
    let (fault, record) = proxied(tls_proxy(&expired).await).fault(&format!("https://localhost:{tls}/")).await;
    assert_eq!((fault.class, record.certificate_not_after), (Class::Egress, None), "{fault}");
}
