//! Bytes both ways between a browser and whom it talks to.

use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};

use crate::clock::{Clock, Instant};
use crate::oidc::http::Duplex;

/// How much is read at once in each direction (bytes).
const BUFFER: usize = 16 * 1024;
/// How long a connection may be without a byte either way.
const IDLE: Duration = Duration::from_secs(300);

/// Copies until both sides have ended, one has failed, or nothing has come for [`IDLE`]: the error `TimedOut`. A side
/// that ends is passed on as such; the other may go on.
pub(super) async fn relay(client: impl Duplex, mut server: impl Duplex, clock: &Clock) -> io::Result<()> {
    let active = Mutex::new(clock.instant());
    let mut client = Watched { inner: client, clock, active: &active };
    let copying = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER);
    tokio::pin!(copying);
    loop {
        let idle_at = *active.lock().expect("activity") + IDLE;
        tokio::select! {
            result = &mut copying => return result.map(drop),
            () = tokio::time::sleep_until(idle_at) => {
                if *active.lock().expect("activity") + IDLE <= clock.instant() {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came for minutes"));
                }
            }
        }
    }
}

/// Notes when something last went through: what one side reads the other writes, so one of them is enough.
struct Watched<'a, S> {
    inner: S,
    clock: &'a Clock,
    active: &'a Mutex<Instant>,
}

impl<S> Watched<'_, S> {
    fn note(&self) {
        *self.active.lock().expect("activity") = self.clock.instant();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.note();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.note();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_idle_is_ended_and_what_is_not_goes_on() {
        let (mut browser, client) = duplex(64);
        let (server, mut target) = duplex(64);
        let clock = Clock::system();
        let begun = clock.instant();
        let relaying = tokio::spawn({
            let clock = clock.clone();
            async move { relay(client, server, &clock).await }
        });
        // Either direction keeps it alive.
        for from_browser in [true, false, true] {
            tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
            let (from, to) = if from_browser { (&mut browser, &mut target) } else { (&mut target, &mut browser) };
            from.write_all(b"ping").await.unwrap();
            to.read_exact(&mut [0; 4]).await.unwrap();
        }
        let result = relaying.await.unwrap();
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(clock.instant().duration_since(begun).as_secs(), 4 * IDLE.as_secs() - 3);
        assert_eq!(browser.read(&mut [0; 4]).await.unwrap(), 0);
    }
}
