//! Where the time of one request goes. Each request has [`Marks`] of its own, which resolver, connector and TLS stack
//! set as they go; the phases are the distances between them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use tower::{Layer, Service};

use crate::clock::{Clock, Instant};
use crate::outcome::Phases;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Resolve,
    Connect,
    Tls,
    Processing,
    Transfer,
}

impl Stage {
    /// What was being waited for, for details.
    pub(super) const fn waiting(self) -> &'static str {
        match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "in the TLS handshake",
            Self::Processing => "waiting for the head of the answer",
            Self::Transfer => "reading the body",
        }
    }
}

/// The marks of one request; set once each, by whoever passes.
#[derive(Debug)]
pub(super) struct Marks {
    clock: Clock,
    begun: Instant,
    /// Whether the first TLS handshake is the egress proxy's.
    proxy_handshake: bool,
    times: Mutex<Times>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    resolving: Option<Instant>,
    resolved: Option<Instant>,
    connecting: Option<Instant>,
    handshakes: u8,
    hello: Option<Instant>,
    connected: Option<Instant>,
    head: Option<Instant>,
    end: Option<Instant>,
}

impl Marks {
    pub(super) fn new(clock: Clock, proxy_handshake: bool) -> Self {
        Self { begun: clock.instant(), clock, proxy_handshake, times: Mutex::default() }
    }

    fn mark(&self, set: impl FnOnce(&mut Times, Instant)) {
        let now = self.clock.instant();
        set(&mut self.times.lock().expect("marks"), now);
    }

    fn times(&self) -> Times {
        *self.times.lock().expect("marks")
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) fn resolving(&self) {
        self.mark(|t, now| t.resolving = t.resolving.or(Some(now)));
    }

    pub(super) fn resolved(&self) {
        self.mark(|t, now| t.resolved = t.resolved.or(Some(now)));
    }

    pub(super) fn connecting(&self) {
        self.mark(|t, now| t.connecting = t.connecting.or(Some(now)));
    }

    /// A ClientHello is about to be sent: the target's, unless the first is the proxy's.
    pub(super) fn hello(&self) {
        self.mark(|t, now| {
            t.handshakes = t.handshakes.saturating_add(1);
            if t.handshakes > u8::from(self.proxy_handshake) {
                t.hello = t.hello.or(Some(now));
            }
        });
    }

    pub(super) fn connected(&self) {
        self.mark(|t, now| t.connected = t.connected.or(Some(now)));
    }

    pub(super) fn head(&self) {
        self.mark(|t, now| t.head = t.head.or(Some(now)));
    }

    pub(super) fn end(&self) {
        self.mark(|t, now| t.end = t.end.or(Some(now)));
    }

    /// Whether the TLS handshake that is going on is the proxy's.
    pub(super) fn in_proxy_handshake(&self) -> bool {
        let times = self.times();
        times.handshakes > 0 && times.hello.is_none() && times.connected.is_none()
    }

    /// Where the request is, or where it ended if it failed.
    pub(super) fn stage(&self) -> Stage {
        let t = self.times();
        match (t.head, t.connected, t.hello) {
            (Some(_), ..) => Stage::Transfer,
            (_, Some(_), _) => Stage::Processing,
            (_, _, Some(_)) => Stage::Tls,
            _ if t.resolving.is_some() && t.resolved.is_none() => Stage::Resolve,
            _ => Stage::Connect,
        }
    }

    /// From the request being sent to its head; zero before that.
    pub(super) fn round_trip(&self) -> Duration {
        let t = self.times();
        match (t.connected, t.head) {
            (Some(sent), Some(head)) => head.duration_since(sent),
            _ => Duration::ZERO,
        }
    }

    /// From the beginning to the end, or until now.
    pub(super) fn total(&self) -> Duration {
        self.times().end.unwrap_or_else(|| self.clock.instant()).duration_since(self.begun)
    }

    /// How the time went. The phase that a request ended in by failing lasts until [`Marks::end`], or until now.
    pub(super) fn phases(&self) -> Phases {
        let t = self.times();
        let end = t.end.unwrap_or_else(|| self.clock.instant());
        let until = |next: Option<Instant>| next.unwrap_or(end);
        let resolve = t.resolving.map(|from| until(t.resolved).duration_since(from));
        // There is no connection to time while a direct connection's name is still unknown.
        let connect = match (t.connecting, self.stage()) {
            (None, _) | (_, Stage::Resolve) => None,
            (Some(from), _) => {
                let all = until(t.hello.or(t.connected)).duration_since(from);
                Some(all.saturating_sub(resolve.unwrap_or_default()))
            }
        };
        Phases {
            resolve,
            connect,
            tls: t.hello.map(|from| until(t.connected).duration_since(from)),
            processing: t.connected.map(|from| until(t.head).duration_since(from)),
            transfer: t.head.map(|from| end.duration_since(from)),
        }
    }
}

/// Remembers no TLS session, so that every handshake is a full one; being asked for a ticket, which rustls does right
/// before it writes a ClientHello, marks the start of the handshake.
#[derive(Debug)]
pub(super) struct NoSessions(pub(super) Arc<Marks>);

impl ClientSessionStore for NoSessions {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.hello();
        None
    }
}

/// Marks begin and end of the whole connection: TCP, proxy and TLS.
#[derive(Clone)]
pub(super) struct MarkLayer(pub(super) Arc<Marks>);

impl<S> Layer<S> for MarkLayer {
    type Service = MarkConnect<S>;

    fn layer(&self, inner: S) -> MarkConnect<S> {
        MarkConnect { inner, marks: self.0.clone() }
    }
}

/// See [`MarkLayer`].
#[derive(Clone)]
pub(super) struct MarkConnect<S> {
    inner: S,
    marks: Arc<Marks>,
}

impl<S, R> Service<R> for MarkConnect<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        let marks = self.marks.clone();
        marks.connecting();
        let connecting = self.inner.call(destination);
        Box::pin(async move {
            let result = connecting.await;
            if result.is_ok() {
                marks.connected();
            }
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    const fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[tokio::test(start_paused = true)]
    async fn the_distances_between_marks_are_the_phases() {
        let marks = Marks::new(Clock::system(), false);
        wait(1).await;
        marks.connecting();
        marks.resolving();
        wait(20).await;
        marks.resolved();
        wait(30).await;
        marks.hello();
        assert_eq!(marks.stage(), Stage::Tls);
        wait(40).await;
        marks.connected();
        wait(50).await;
        marks.head();
        wait(60).await;
        marks.end();
        wait(1000).await;
        let phases = Phases { resolve: ms(20), connect: ms(30), tls: ms(40), processing: ms(50), transfer: ms(60) };
        assert_eq!(marks.phases(), phases);
        assert_eq!((marks.round_trip(), marks.total()), (Duration::from_millis(50), Duration::from_millis(201)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_phase_that_hangs_lasts_until_now() {
        let marks = Marks::new(Clock::system(), false);
        marks.connecting();
        marks.resolving();
        wait(70).await;
        assert_eq!((marks.stage(), marks.phases()), (Stage::Resolve, Phases { resolve: ms(70), ..Phases::default() }));
        marks.resolved();
        wait(30).await;
        let expected = Phases { resolve: ms(70), connect: ms(30), ..Phases::default() };
        assert_eq!((marks.stage(), marks.phases()), (Stage::Connect, expected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxys_handshake_is_part_of_connecting() {
        let marks = Marks::new(Clock::system(), true);
        marks.connecting();
        wait(10).await;
        marks.hello();
        assert!(marks.in_proxy_handshake());
        wait(20).await;
        marks.hello();
        assert!(!marks.in_proxy_handshake());
        wait(30).await;
        marks.connected();
        let phases = marks.phases();
        assert_eq!((phases.connect, phases.tls), (ms(30), ms(30)));
    }
}
