//! Connections that can be broken on purpose, and of which there are only so many.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// Accepts connections.
pub struct Doors {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Doors {
    /// On a listener.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }
}

impl Listener for Doors {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Without it, small answers wait for the client's acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return (Wire { stream, breaks: Breaks::default(), _permit: permit }, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
    breaks: Breaks,
    _permit: OwnedSemaphorePermit,
}

/// How to break the connection that a request came on.
#[derive(Clone, Debug, Default)]
pub struct Breaks(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    reset_on_close: AtomicBool,
    silent: AtomicBool,
}

impl Breaks {
    /// When the connection closes, the peer gets a reset in place of an orderly end.
    pub fn reset_on_close(&self) {
        self.0.reset_on_close.store(true, Ordering::Release);
    }

    /// Nothing more is written: the connection closes with a reset at the next attempt.
    pub fn now(&self) {
        self.reset_on_close();
        self.0.silent.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Doors>> for Breaks {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.io().breaks.clone()
    }
}

impl Wire {
    fn broken(&self) -> io::Result<()> {
        if self.breaks.0.silent.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.breaks.0.reset_on_close.load(Ordering::Acquire) {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.broken()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.broken()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
