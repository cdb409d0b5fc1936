//! Servers that behave as badly as a test wants, and a client to meet them with.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::fault::Fault;
use authprobe::journey::Journey;
use authprobe::oidc::http::{Egress, Endpoint, Http, Request, Response, Trust};
use authprobe::oidc::memory::ProviderMemory;
use authprobe::oidc::settings::{MetadataSource, Provider};
use authprobe::outcome::RequestRecord;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Everything a client is made of, to be bent by a test before it is used.
#[derive(Clone)]
pub struct Setup {
    pub egress: Egress,
    pub provider: Provider,
    pub memory: Arc<ProviderMemory>,
    pub clock: Clock,
    pub timeout: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            egress: Egress::direct("here"),
            provider: Provider {
                name: "test".into(),
                issuer: "https://issuer.test".into(),
                metadata: MetadataSource::Auto,
                endpoints: Default::default(),
                upstream: None,
                headers: Default::default(),
                trust: Trust::default(),
                max_requests_per_minute: None,
                propagate_traceparent: false,
            },
            memory: Arc::default(),
            clock: Clock::system(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl Setup {
    /// A client for `journey`.
    pub fn http(&self, journey: &Journey) -> Http {
        Http::new(
            Arc::new(self.egress.clone()),
            Arc::new(self.provider.clone()),
            self.memory.clone(),
            journey.recorder().clone(),
            self.clock.clone(),
            journey.deadline(),
        )
    }

    pub fn journey(&self) -> Journey {
        Journey::new(self.clock.clone(), self.timeout, vec![])
    }

    /// Sends one request, and gives what came of it and what went on record.
    pub async fn send(&self, request: Request) -> (Result<Response, Fault>, RequestRecord) {
        let journey = self.journey();
        let http = self.http(&journey);
        let result = http.send(request).await;
        let mut records = records(journey).await;
        assert_eq!(records.len(), 1, "one request, one record: {records:?}");
        (result, records.remove(0))
    }

    pub async fn get(&self, url: &str) -> (Result<Response, Fault>, RequestRecord) {
        self.send(get(url)).await
    }

    /// A GET that must fail.
    pub async fn fault(&self, url: &str) -> (Fault, RequestRecord) {
        let (result, record) = self.get(url).await;
        let fault = result.expect_err("this must fail");
        assert_eq!(record.error, Some(fault.class.as_str()));
        (fault, record)
    }
}

/// What the journey's requests left on record.
pub async fn records(mut journey: Journey) -> Vec<RequestRecord> {
    let _ = journey.step("all", async { Ok(()) }).await;
    let ended = journey.finish(Duration::ZERO).await;
    ended.steps.into_iter().flat_map(|step| step.requests).collect()
}

pub fn get(url: &str) -> Request {
    Request::get(Endpoint::Jwks, Url::parse(url).unwrap())
}

/// A server that hands every connection to `serve`; it lives as long as the test's runtime.
pub async fn listen<F, Fut>(address: &str, serve: F) -> SocketAddr
where
    F: Fn(TcpStream, SocketAddr) -> Fut + Send + Sync + 'static,
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

/// A server that answers every request with these bytes and closes.
pub async fn answering(bytes: impl Into<Vec<u8>>) -> String {
    let bytes: Arc<[u8]> = bytes.into().into();
    let address = listen("127.0.0.1:0", move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{}/", address.await)
}

/// A server whose answer depends on the request's head.
pub async fn replying(reply: impl Fn(String) -> String + Send + Sync + 'static) -> String {
    let reply = Arc::new(reply);
    let address = listen("127.0.0.1:0", move |mut stream, _| {
        let reply = reply.clone();
        async move {
            let head = read_head(&mut stream).await;
            let _ = stream.write_all(reply(head).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{}/", address.await)
}

/// Reads a request: its head, and as much of a body as that announces.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                break;
            }
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A complete answer.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Answers one request on any kind of stream.
pub async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), body: &str) {
    read_head(stream).await;
    let _ = stream.write_all(ok(body).as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// An address where nobody listens.
pub async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
