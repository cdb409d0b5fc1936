//! TLS: what is believed, what is recorded, what each failure is called.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::{Clock, Timestamp};
use authprobe::fault::Class;
use authprobe::oidc::http::{Identity, Request};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::server::{Setup, answer, answering, get, listen, ok};

/// 2040-01-01: when the certificates of these tests expire.
const EXPIRY: Timestamp = Timestamp::from_secs(2_208_988_800);

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
    pem: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

impl Authority {
    fn new() -> Self {
        Self::named("test authority")
    }

    fn named(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { pem: leaf.pem(), chain: vec![leaf.der().clone()], key: key.serialize_der().into() }
    }
}

fn self_signed(params: &CertificateParams) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&key).unwrap();
    Leaf { pem: leaf.pem(), chain: vec![leaf.der().clone()], key: key.serialize_der().into() }
}

fn acceptor(leaf: &Leaf, alpn: &[u8]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), PrivateKeyDer::Pkcs8(leaf.key.clone_key()))
        .unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// An https server; its URL has the name `localhost`.
async fn https(leaf: &Leaf) -> String {
    let acceptor = acceptor(leaf, b"http/1.1");
    let address = listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer(&mut stream, "{}").await;
            }
        }
    });
    format!("https://localhost:{}/", address.await.port())
}

fn trusting(dir: &Path, pem: &str) -> Setup {
    let file = dir.join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let mut setup = Setup::default();
    setup.provider.trust.ca_file = Some(file);
    setup.egress.resolve.insert("localhost".into(), vec!["127.0.0.1".parse().unwrap()]);
    setup
}

/// A directory of this test's own, removed when it is over.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("authprobe-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_good_certificate_is_believed_and_its_expiry_recorded() {
    let (dir, authority) = (TempDir::new("good"), Authority::new());
    let setup = trusting(&dir.0, &authority.pem);
    let url = https(&authority.sign(&params("localhost"))).await;
    let (result, record) = setup.get(&url).await;
    assert_eq!(result.unwrap().body, "{}");
    assert_eq!(record.certificate_not_after, Some(EXPIRY));
    let phases = record.phases;
    assert!(phases.resolve.is_some() && phases.connect.is_some() && phases.tls.is_some(), "{phases:?}");
    let sum: Duration = phases.iter().map(|(_, took)| took).sum();
    assert!(sum <= record.duration, "{record:?}");
    // A second handshake is a full one again: nothing is resumed, and the certificate is seen again.
    let (_, record) = setup.get(&url).await;
    assert!(record.certificate_not_after.is_some() && record.phases.tls.is_some(), "{record:?}");
}

#[tokio::test]
async fn bad_certificates_are_named_and_their_expiry_recorded() {
    let (dir, authority, stranger) = (TempDir::new("bad"), Authority::new(), Authority::named("stranger"));
    let setup = trusting(&dir.0, &authority.pem);
    let mut expired = params("localhost");
    expired.not_after = date_time_ymd(2021, 6, 1);
    let mut early = params("localhost");
    early.not_before = date_time_ymd(2039, 1, 1);
    let cases = [
        (authority.sign(&expired), "a certificate of localhost expired at 2021-06-01T00:00:00.000Z"),
        (authority.sign(&early), "a certificate of localhost is not valid before 2039-01-01T00:00:00.000Z"),
        (
            authority.sign(&params("other.test")),
            "the certificate is for other.test, not for localhost (it expires at 2040-01-01T00:00:00.000Z)",
        ),
        (
            stranger.sign(&params("localhost")),
            "the certificate of localhost is issued by \"CN=stranger\", which is not believed \
             (it expires at 2040-01-01T00:00:00.000Z): is an intermediate missing?",
        ),
        (
            Authority::new().sign(&params("localhost")),
            "the certificate of localhost names \"CN=test authority\" as its issuer, but is not signed with a key that is \
             believed (it expires at 2040-01-01T00:00:00.000Z)",
        ),
        (
            self_signed(&params("localhost")),
            "the certificate of localhost is self-signed and not in the ca_file (it expires at 2040-01-01T00:00:00.000Z)",
        ),
    ];
    for (leaf, detail) in cases {
        let (fault, record) = setup.fault(&https(&leaf).await).await;
        assert_eq!((fault.class, fault.detail.as_str()), (Class::Certificate, detail));
        assert!(record.certificate_not_after.is_some() && record.phases.tls.is_some(), "{record:?}");
    }
}

#[tokio::test]
async fn certificates_are_judged_by_our_own_clock() {
    let (dir, authority) = (TempDir::new("clock"), Authority::new());
    let mut setup = trusting(&dir.0, &authority.pem);
    let url = https(&authority.sign(&params("localhost"))).await;
    setup.clock = Clock::manual(EXPIRY + Duration::from_secs(1));
    let (fault, _) = setup.fault(&url).await;
    assert_eq!(fault.detail, "a certificate of localhost expired at 2040-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_servers_own_certificate_in_the_ca_file_is_believed() {
    let dir = TempDir::new("own");
    let mut authority_like = params("localhost");
    authority_like.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for own in [params("localhost"), authority_like] {
        let leaf = self_signed(&own);
        let setup = trusting(&dir.0, &leaf.pem);
        let (result, _) = setup.get(&https(&leaf).await).await;
        assert_eq!(result.unwrap().body, "{}");
    }
    let mut expired = params("localhost");
    expired.not_after = date_time_ymd(2021, 6, 1);
    for (own, detail) in [(expired, "expired at 2021-06-01"), (params("other.test"), "not for localhost")] {
        let leaf = self_signed(&own);
        let (fault, _) = trusting(&dir.0, &leaf.pem).fault(&https(&leaf).await).await;
        assert!(fault.class == Class::Certificate && fault.detail.contains(detail), "{fault}");
    }
}

#[tokio::test]
async fn the_ca_file_is_read_again_when_it_changes() {
    let (dir, old, new) = (TempDir::new("reread"), Authority::new(), Authority::new());
    let setup = trusting(&dir.0, &old.pem);
    let url = https(&new.sign(&params("localhost"))).await;
    assert_eq!(setup.fault(&url).await.0.class, Class::Certificate);
    std::fs::write(dir.0.join("ca.pem"), format!("{}\n# and the next\n{}", old.pem, new.pem)).unwrap();
    setup.get(&url).await.0.unwrap();
    for broken in ["", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
        std::fs::write(dir.0.join("ca.pem"), broken).unwrap();
        assert_eq!(setup.fault(&url).await.0.class, Class::Config, "{broken:?}");
    }
    std::fs::remove_file(dir.0.join("ca.pem")).unwrap();
    let (fault, _) = setup.fault(&url).await;
    assert!(fault.class == Class::Config && fault.detail.contains("ca.pem"), "{fault}");
    // Plain http asks for no certificates, so it does not mind.
    setup.get(&answering(ok("")).await).await.0.unwrap();
}

#[tokio::test]
async fn what_is_not_tls_is_told_from_bad_certificates() {
    let (dir, authority) = (TempDir::new("not-tls"), Authority::new());
    let setup = trusting(&dir.0, &authority.pem);
    let plain = listen("127.0.0.1:0", |mut stream, _| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    })
    .await;
    let (fault, record) = setup.fault(&format!("https://localhost:{}/", plain.port())).await;
    assert!(fault.class == Class::Tls && fault.detail.ends_with("does not speak TLS"), "{fault}");
    assert!(record.phases.tls.is_some() && record.certificate_not_after.is_none(), "{record:?}");

    let closing = listen("127.0.0.1:0", |stream, _| async move { drop(stream) }).await;
    let (fault, _) = setup.fault(&format!("https://localhost:{}/", closing.port())).await;
    let detail = format!("TLS with localhost:{}: the server closed the connection in the handshake", closing.port());
    assert_eq!((fault.class, fault.detail), (Class::Tls, detail));

    let silent = listen("127.0.0.1:0", |stream, _| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let hasty = Setup { timeout: Duration::from_millis(225), ..setup.clone() };
    let (fault, _) = hasty.fault(&format!("https://localhost:{}/", silent.port())).await;
    assert_eq!(fault.detail, "localhost: still in the TLS handshake after 0.200 s");

    let tls = https(&authority.sign(&params("localhost"))).await.replace("https", "http");
    let (fault, _) = setup.fault(&tls).await;
    assert!(matches!(fault.class, Class::Malformed | Class::Reset), "{fault}");
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let (dir, authority) = (TempDir::new("h2"), Authority::new());
    let setup = trusting(&dir.0, &authority.pem);
    let acceptor = acceptor(&authority.sign(&params("localhost")), b"h2");
    let address = listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                match request.uri().path() {
                    "/reset" => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                    path => {
                        let body = format!("{path} {:?}", request.version());
                        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                        stream.send_data(body.into(), true).unwrap();
                    }
                }
            }
        }
    })
    .await;
    let (result, record) = setup.get(&format!("https://localhost:{}/keys", address.port())).await;
    assert_eq!(result.unwrap().body, "/keys HTTP/2.0");
    assert!(record.phases.tls.is_some() && record.phases.transfer.is_some(), "{record:?}");
    let (fault, _) = setup.fault(&format!("https://localhost:{}/reset", address.port())).await;
    assert_eq!(fault.class, Class::Reset, "{fault}");
}

/// A server that speaks TLS, agrees on HTTP/2, and then does not speak it.
#[tokio::test]
async fn broken_http2_is_malformed_or_broken_off() {
    let (dir, authority) = (TempDir::new("h2-broken"), Authority::new());
    let setup = trusting(&dir.0, &authority.pem);
    let acceptor = acceptor(&authority.sign(&params("localhost")), b"h2");
    let address = listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
            let _ = stream.flush().await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let (fault, _) = setup.fault(&format!("https://localhost:{}/", address.port())).await;
    assert_eq!(fault.class, Class::Malformed, "{fault}");
}

/// A server that wants to see a certificate of ours.
#[tokio::test]
async fn a_client_certificate_that_we_lack_is_tls() {
    let (dir, authority) = (TempDir::new("client-auth"), Authority::new());
    let setup = trusting(&dir.0, &authority.pem);
    let leaf = authority.sign(&params("localhost"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients.clone())
            .with_single_cert(leaf.chain.clone(), PrivateKeyDer::Pkcs8(leaf.key.clone_key()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let address = listen("127.0.0.1:0", move |stream, _| {
            let accepting = acceptor.accept(stream);
            async move { drop(accepting.await) }
        });
        let (fault, record) = setup.fault(&format!("https://localhost:{}/", address.await.port())).await;
        assert_eq!(fault.class, Class::Tls, "{version:?}: {fault}");
        assert!(record.certificate_not_after.is_some());
    }
}

/// RFC 8705 §2: the certificate of the client is shown to who asks for it. RFC 8446 §6.2: a refusal is an alert about it, and
/// then the fault of our credentials.
#[tokio::test]
async fn a_certificate_of_ours_is_shown_and_its_refusal_is_ours() {
    let dir = TempDir::new("identity");
    let (authority, stranger) = (Authority::new(), Authority::named("another authority"));
    let leaf = authority.sign(&params("localhost"));
    let setup = trusting(&dir.0, &authority.pem);
    let roots = {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        Arc::new(roots)
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(leaf.chain.clone(), PrivateKeyDer::Pkcs8(leaf.key.clone_key()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address = listen("127.0.0.1:0", move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let seen = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                answer(&mut stream, &seen.to_string()).await;
            }
        }
    });
    let url = format!("https://localhost:{}/", address.await.port());
    let identity = |leaf: &Leaf| {
        let mut key = String::from("-----BEGIN PRIVATE KEY-----\n");
        key.push_str(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, leaf.key.secret_pkcs8_der()));
        key.push_str("\n-----END PRIVATE KEY-----\n");
        Identity::parse(&leaf.pem, &key).unwrap()
    };
    let ours = identity(&authority.sign(&params("client")));
    assert_eq!(ours.thumbprint().len(), 43);
    let (answer, _) = setup.send(Request { identity: Some(ours), ..get(&url) }).await;
    assert_eq!(&*answer.unwrap().body, b"1");
    let theirs = identity(&stranger.sign(&params("client")));
    let (answer, _) = setup.send(Request { identity: Some(theirs), ..get(&url) }).await;
    let fault = answer.unwrap_err();
    assert_eq!(fault.class, Class::Credentials, "{fault}");
}

#[test]
fn a_certificate_needs_its_own_key() {
    let authority = Authority::new();
    let (one, other) = (authority.sign(&params("a")), authority.sign(&params("b")));
    let pem = |leaf: &Leaf| {
        let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, leaf.key.secret_pkcs8_der());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    };
    assert!(Identity::parse(&one.pem, &pem(&one)).is_ok());
    assert_eq!(Identity::parse(&one.pem, &pem(&other)).unwrap_err(), "the key does not belong to the certificate");
    assert!(Identity::parse(&one.pem, "hunter2").unwrap_err().contains("no private key"));
    assert!(Identity::parse(&pem(&one), &pem(&one)).unwrap_err().contains("no certificate"));
}
