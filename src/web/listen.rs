//! Connections: accepted up to a cap, each with bounds on how long it may say nothing and take nothing.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::guard::Peer;
use super::tls::Tls;

/// How many connections may be open; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and a connection be idle.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head of a request (bytes).
const MAX_HEAD: usize = 64 * 1024;
/// How long a reader may take nothing.
const STALL: Duration = Duration::from_secs(15);
/// How long what was asked may still be answered after the end has begun.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted (no file descriptors left, mostly).
const REST: Duration = Duration::from_millis(200);
/// How often the certificate's files are looked at.
const REFRESH: Duration = Duration::from_secs(60);

/// Serves until `shutdown`, then drains.
pub async fn run(listener: TcpListener, mut tls: Option<Tls>, app: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut refresh = tokio::time::interval(REFRESH);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = refresh.tick() => {
                if let Some(tls) = &mut tls {
                    tls.refresh();
                }
                continue;
            }
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer, permit)) => {
                let (acceptor, app, stopped) = (tls.as_ref().map(Tls::acceptor), app.clone(), stopped.clone());
                connections.spawn(async move {
                    serve(stream, peer, acceptor, app, stopped).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
    stopped: watch::Receiver<bool>,
) {
    // Answers are written in one go; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => talk(stream, peer, app, stopped).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => talk(stream, peer, app, stopped).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        },
    }
}

async fn talk<S>(stream: S, peer: SocketAddr, app: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let app = app.clone();
        async move { app.oneshot(request.map(Body::new)).await as Result<_, Infallible> }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Impatient { stream, stalled: None }), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = async { stopped.wait_for(|stop| *stop).await.is_ok() } => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

/// A stream that breaks when the other side takes nothing for [`STALL`].
struct Impatient<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Impatient<S> {
    fn patience<T>(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = work(Pin::new(&mut self.stream), cx) {
            self.stalled = None;
            return Poll::Ready(done);
        }
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.patience(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.patience(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.patience(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.patience(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_cut_off_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut ours = Impatient { stream: ours, stalled: None };
        let reader = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(STALL - Duration::from_secs(1)).await;
                theirs.read_exact(&mut [0; 8]).await.unwrap();
            }
            theirs
        });
        ours.write_all(&[0; 40]).await.expect("8 bytes just in time are enough");
        let _theirs = reader.await.unwrap();
        let error = ours.write_all(&[0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// What a client gets that says `request` and then nothing, and when.
    async fn said(request: &str, stop_at_once: bool) -> (String, Duration) {
        let app = Router::new().route("/", axum::routing::get(async || "hello"));
        let (stop, stopped) = watch::channel(stop_at_once);
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let peer = "127.0.0.1:1".parse().unwrap();
        let clock = crate::clock::Clock::system();
        let begun = clock.instant();
        theirs.write_all(request.as_bytes()).await.unwrap();
        let server = tokio::spawn(talk(ours, peer, app, stopped));
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.unwrap();
        server.await.unwrap();
        drop(stop);
        (answer, clock.instant().duration_since(begun))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_and_an_idle_connection_are_cut_off() {
        let (_, took) = said("GET / HTTP/1.1\r\nHost: a\r\n", false).await;
        assert_eq!(took, HEAD);
        let (answer, took) = said("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
        assert_eq!(took, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_no_idle_connection() {
        let (_, took) = said("", true).await;
        assert_eq!(took, Duration::ZERO);
    }
}
