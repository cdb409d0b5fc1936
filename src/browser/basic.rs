//! HTTP Basic towards a driver (RFC 7617). The client of the WebDriver crate takes user name and password from its address
//! only, where many characters cannot stand as they are, forgets them when it ends a session, and writes them into the body
//! of its first request. So the header is put into each request on its way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower::Service;

use crate::secret::Secret;

/// The header's line. Never shown.
type Line = Arc<[u8]>;

/// See the module: connections that say who asks.
#[derive(Clone)]
pub(super) struct Basic<C> {
    inner: C,
    line: Option<Line>,
}

impl<C> Basic<C> {
    /// With those credentials, if there are any.
    pub(super) fn over(inner: C, credentials: Option<&(String, Secret)>) -> Self {
        let line = credentials.map(|(user, password)| {
            let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
            format!("authorization: Basic {pair}\r\n").into_bytes().into()
        });
        Self { inner, line }
    }
}

type Connecting<T, E> = Pin<Box<dyn Future<Output = Result<Stream<T>, E>> + Send>>;

impl<C> Service<Uri> for Basic<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = Stream<C::Response>;
    type Error = C::Error;
    type Future = Connecting<C::Response, C::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, line) = (self.inner.call(uri), self.line.clone());
        Box::pin(async move { Ok(Stream { inner: connecting.await?, line, within: false, held: Vec::new(), sent: 0 }) })
    }
}

/// A connection over HTTP/1.1: one request after the other, each after the answer to the one before.
pub(super) struct Stream<T> {
    inner: T,
    line: Option<Line>,
    /// Whether the first line of the present request has been written.
    within: bool,
    /// That first line and ours, while they are on their way, and how much of them is out.
    held: Vec<u8>,
    sent: usize,
}

impl<T: Write + Unpin> Stream<T> {
    fn let_go(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while let Some(left) = self.held.get(self.sent..).filter(|left| !left.is_empty()) {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, left))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.held.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Stream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        ready!(self.let_go(cx))?;
        let end = buf.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
        match (self.line.clone(), end) {
            (Some(line), Some(end)) if !self.within => {
                self.within = true;
                self.held.extend_from_slice(&buf[..end]);
                self.held.extend_from_slice(&line);
                Poll::Ready(Ok(end))
            }
            _ => Pin::new(&mut self.inner).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.let_go(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.let_go(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<T: Read + Unpin> Read for Stream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        // What is written after an answer is another request.
        self.within = false;
        Poll::Ready(Ok(()))
    }
}

impl<T: Connection> Connection for Stream<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    /// Two requests on one connection, and a pipe that takes a few bytes at a time.
    #[tokio::test]
    async fn every_request_says_who_asks() {
        let credentials = ("me".to_owned(), Secret::new("a/b=c:d@é"));
        let connector = tower::service_fn(|_: Uri| async { Err::<TokioIo<tokio::io::DuplexStream>, _>(()) });
        let line = Basic::over(connector, Some(&credentials)).line.unwrap();
        // RFC 7617 §2.1: in UTF-8.
        assert_eq!(*line, *b"authorization: Basic bWU6YS9iPWM6ZEDDqQ==\r\n");
        let (here, mut there) = duplex(7);
        let stream = Stream { inner: TokioIo::new(here), line: Some(line), within: false, held: Vec::new(), sent: 0 };
        let mut stream = TokioIo::new(stream);
        let driver = tokio::spawn(async move {
            let mut all = String::new();
            for _ in 0..2 {
                let mut request = Vec::new();
                while !request.ends_with(b"end") {
                    request.push(there.read_u8().await.unwrap());
                }
                all.push_str(&String::from_utf8(request).unwrap());
                there.write_all(b"ok").await.unwrap();
            }
            all
        });
        for n in 1..=2 {
            stream.write_all(format!("POST /{n} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
            stream.write_all(b"body\r\nend").await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await.unwrap();
        }
        let seen = driver.await.unwrap();
        let expected = |n| {
            let head = format!("POST /{n} HTTP/1.1\r\nauthorization: Basic bWU6YS9iPWM6ZEDDqQ==\r\nhost: x\r\n\r\n");
            format!("{head}body\r\nend")
        };
        assert_eq!(seen, format!("{}{}", expected(1), expected(2)));
    }
}
