//! Servers and proxies that behave as a test wants.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves every connection to `address` (port 0: one of its own) until the test is over.
pub async fn listen<F, Fut>(address: &str, serve: F) -> SocketAddr
where
    F: Fn(TcpStream, SocketAddr) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve(stream, peer));
        }
    });
    address
}

/// Sends back what it gets.
pub async fn echo() -> SocketAddr {
    listen("127.0.0.1:0", |mut stream, _| async move { send_back(&mut stream).await }).await
}

async fn send_back(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Where nobody listens.
pub async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A listener that answers nobody: it accepts none, and no more wait than are there already.
pub struct Silent {
    pub address: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<std::net::TcpStream>,
}

impl Silent {
    pub fn at(address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
            assert!(waiting.len() < 100, "the backlog has no end");
        }
        Self { address, _listener: listener, _waiting: waiting }
    }
}

/// A proxy that is the target, too: a tunnel through it sends back what it gets.
#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// What it was asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Speaks SOCKS 5, and replies to a request such as `name a.test:443` or `address 192.0.2.7:80` what `reply` says.
pub async fn socks(credentials: Option<&'static str>, reply: fn(&str) -> u8) -> Upstream {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    let address = listen("127.0.0.1:0", move |mut stream, _| {
        let asked = noted.clone();
        async move {
            let _ = serve_socks(&mut stream, credentials, reply, &asked).await;
        }
    })
    .await;
    Upstream { address, asked }
}

async fn serve_socks(
    stream: &mut TcpStream,
    credentials: Option<&str>,
    reply: fn(&str) -> u8,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).await?;
    let method = if credentials.is_some() { 2 } else { 0 };
    if greeting[2] != method {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    if let Some(expected) = credentials {
        assert_eq!(stream.read_u8().await?, 1);
        let user = text(stream).await?;
        let shown = format!("{user}:{}", text(stream).await?);
        stream.write_all(&[1, u8::from(shown != expected)]).await?;
        if shown != expected {
            return Ok(());
        }
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let target = match head[3] {
        1 => format!("address {}", std::net::Ipv4Addr::from(stream.read_u32().await?)),
        3 => format!("name {}", text(stream).await?),
        _ => format!("address [{}]", std::net::Ipv6Addr::from(stream.read_u128().await?)),
    };
    let target = format!("{target}:{}", stream.read_u16().await?);
    let reply = reply(&target);
    asked.lock().unwrap().push(target);
    stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if reply == 0 {
        send_back(stream).await;
    }
    Ok(())
}

async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

/// Speaks HTTP, over TLS if there is a certificate for it, and gives `answer` to every CONNECT.
pub async fn http(answer: &'static str, tls: Option<TlsAcceptor>) -> Upstream {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    let address = listen("127.0.0.1:0", move |stream, _| {
        let (tls, asked) = (tls.clone(), noted.clone());
        async move {
            match tls {
                None => serve_http(stream, answer, &asked).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_http(stream, answer, &asked).await;
                    }
                }
            }
        }
    })
    .await;
    Upstream { address, asked }
}

async fn serve_http(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str, asked: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.flush().await;
    if answer.starts_with("HTTP/1.1 2") && answer.contains("\r\n\r\n") {
        send_back(&mut stream).await;
    }
    let _ = stream.shutdown().await;
}

/// TLS for `localhost`, and the PEM file with its certificate: gone when this is dropped.
pub struct Certificate {
    pub acceptor: TlsAcceptor,
    pub file: PathBuf,
}

impl Certificate {
    pub fn until(year: i32) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = std::env::temp_dir().join(format!("authprobe-gate-{}-{year}.pem", std::process::id()));
        std::fs::write(&file, certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), file }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
