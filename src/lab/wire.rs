//! Connections that can be broken on purpose, and of which there are only so many.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::certificates::Certificates;
use super::fault::{Faults, Switch};

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// How much goes out at a time where the answer trickles (bytes).
const TRICKLE: usize = 16;
/// How long until another attempt at what the system refused.
const AGAIN: Duration = Duration::from_millis(50);

/// The first byte of a connection over TLS: the record type of a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Accepts connections.
pub struct Doors {
    /// `None`: closed on purpose.
    listener: Option<TcpListener>,
    address: SocketAddr,
    certificates: Option<Arc<Certificates>>,
    faults: Faults,
    switched: watch::Receiver<()>,
    free: Arc<Semaphore>,
}

impl Doors {
    /// On a listener at that address; with certificates it speaks TLS.
    pub fn new(
        listener: TcpListener,
        address: SocketAddr,
        certificates: Option<Arc<Certificates>>,
        faults: Faults,
    ) -> Self {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let switched = faults.switched();
        Self { listener: Some(listener), address, certificates, faults, switched, free }
    }

    /// Nobody listens until the fault is off, or its time is over; then there is a listener again.
    async fn stay_closed(&mut self, limit: Duration) {
        self.listener = None;
        let faults = self.faults.clone();
        let off = self.switched.wait_for(|()| faults.is_on(Switch::Closed).is_none());
        // An error means that the lab is gone.
        let limit = if limit.is_zero() { Duration::MAX } else { limit };
        if tokio::time::timeout(limit, off).await.is_err() {
            self.faults.clear_switch(Switch::Closed);
        }
        while self.listener.is_none() {
            match TcpListener::bind(self.address).await {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot listen again yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    fn wire(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Wire {
        // Without it, small answers wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let stream = match &self.certificates {
            Some(certificates) => Stream::New(stream, Arc::clone(certificates), self.faults.seen_from(peer.ip())),
            None => Stream::Plain(stream),
        };
        Wire { stream, breaks: Breaks::of(peer.ip()), pause: None, _permit: permit }
    }
}

impl Listener for Doors {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            self.switched.mark_unchanged();
            if self.faults.is_on(Switch::Closed).is_some()
                && let Some(setting) = self.faults.switch(Switch::Closed)
            {
                self.stay_closed(setting.seconds("seconds")).await;
            }
            let Some(listener) = &self.listener else { continue };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.switched.changed() => continue,
            };
            match accepted {
                Ok((stream, peer)) => return (self.wire(stream, peer, permit), peer),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// One connection.
pub struct Wire {
    stream: Stream,
    breaks: Breaks,
    pause: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

/// What it goes through.
enum Stream {
    Plain(TcpStream),
    /// TLS or not: the first byte says. That is looked at when it is wanted, so that nobody else waits for it.
    New(TcpStream, Arc<Certificates>, Faults),
    Shaking(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Dead,
}

/// How to break the connection that a request came on, and who sent it.
#[derive(Clone, Debug)]
pub struct Breaks {
    flags: Arc<Flags>,
    /// The other side.
    pub peer: IpAddr,
}

#[derive(Debug, Default)]
struct Flags {
    reset_on_close: AtomicBool,
    silent: AtomicBool,
    /// By TLS.
    encrypted: AtomicBool,
    /// Not encrypted, though the lab speaks TLS.
    unencrypted: AtomicBool,
    /// The pause after every few bytes (milliseconds); 0: none.
    trickle: AtomicU64,
}

impl Breaks {
    fn of(peer: IpAddr) -> Self {
        Self { flags: Arc::default(), peer }
    }

    /// When the connection closes, the peer gets a reset in place of an orderly end.
    pub fn reset_on_close(&self) {
        self.flags.reset_on_close.store(true, Ordering::Release);
    }

    /// Nothing more is written: the connection closes with a reset at the next attempt.
    pub fn now(&self) {
        self.reset_on_close();
        self.flags.silent.store(true, Ordering::Release);
    }

    /// Whether the connection is encrypted.
    pub fn encrypted(&self) -> bool {
        self.flags.encrypted.load(Ordering::Acquire)
    }

    /// Whether the connection is not encrypted though the lab speaks TLS.
    pub fn unencrypted(&self) -> bool {
        self.flags.unencrypted.load(Ordering::Acquire)
    }

    /// From now on only a few bytes are written at a time, with this pause between.
    pub fn trickle(&self, pause: Duration) {
        self.flags.trickle.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Doors>> for Breaks {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.io().breaks.clone()
    }
}

impl Stream {
    /// The TCP connection beneath, while there is one.
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) | Self::New(stream, ..) => Some(stream),
            Self::Shaking(accept) => accept.get_ref(),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Dead => None,
        }
    }

    /// Ready for data: the handshake is over.
    fn poll_open(&mut self, cx: &mut Context<'_>, breaks: &Breaks) -> Poll<io::Result<()>> {
        if let Self::New(stream, ..) = self {
            let mut first = [0; 1];
            ready!(stream.poll_peek(cx, &mut ReadBuf::new(&mut first)))?;
            let Self::New(stream, certificates, faults) = std::mem::replace(self, Self::Dead) else { return dead() };
            *self = if first == [HANDSHAKE] {
                Self::Shaking(Box::new(TlsAcceptor::from(certificates.shown(&faults)).accept(stream)))
            } else {
                breaks.flags.unencrypted.store(true, Ordering::Release);
                Self::Plain(stream)
            };
        }
        let Self::Shaking(accept) = self else { return Poll::Ready(Ok(())) };
        match ready!(Pin::new(accept).poll(cx)) {
            Ok(stream) => {
                breaks.flags.encrypted.store(true, Ordering::Release);
                *self = Self::Tls(Box::new(stream));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                *self = Self::Dead;
                Poll::Ready(Err(error))
            }
        }
    }
}

fn dead<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl Wire {
    fn broken(&self) -> io::Result<()> {
        if self.breaks.flags.silent.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    /// How much may be written now, of so much.
    fn poll_allowance(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<usize> {
        let pause = self.breaks.flags.trickle.load(Ordering::Acquire);
        if pause == 0 {
            return Poll::Ready(length);
        }
        if let Some(sleep) = &mut self.pause {
            ready!(sleep.as_mut().poll(cx));
        }
        self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(pause))));
        Poll::Ready(length.min(TRICKLE))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.breaks.flags.reset_on_close.load(Ordering::Acquire)
            && let Some(stream) = self.stream.tcp()
        {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let breaks = self.breaks.clone();
        ready!(self.stream.poll_open(cx, &breaks))?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::New(..) | Stream::Shaking(_) | Stream::Dead => dead(),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.broken()?;
        let breaks = self.breaks.clone();
        ready!(self.stream.poll_open(cx, &breaks))?;
        let allowed = ready!(self.poll_allowance(cx, bytes.len()));
        let bytes = bytes.get(..allowed).unwrap_or(bytes);
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::New(..) | Stream::Shaking(_) | Stream::Dead => dead(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::New(..) | Stream::Shaking(_) | Stream::Dead => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A connection that breaks says no goodbye.
        let breaks = self.breaks.flags.reset_on_close.load(Ordering::Acquire);
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) if !breaks => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(_) | Stream::New(..) | Stream::Shaking(_) | Stream::Dead => Poll::Ready(Ok(())),
        }
    }
}
