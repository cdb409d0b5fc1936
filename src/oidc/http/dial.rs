//! TCP connections out of a region: every address gets its chance, from the region's source address.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long an address may take before the next is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct Unconnected {
    pub(super) error: io::Error,
    /// Whether it failed on this machine, before anybody was asked.
    pub(super) ours: bool,
}

impl Unconnected {
    fn ours(error: io::Error) -> Self {
        Self { error, ours: true }
    }
}

/// Connects to one of `addresses`, from `source` if there is one: then only those of its family count. Not bounded in
/// time.
pub(super) async fn connect(
    source: Option<IpAddr>,
    mut addresses: Vec<IpAddr>,
    port: u16,
) -> Result<TcpStream, Unconnected> {
    addresses.retain(|ip| source.is_none_or(|source| source.is_ipv4() == ip.is_ipv4()));
    first(addresses, |ip| connect_from(source, SocketAddr::new(ip, port))).await.unwrap_or_else(|| {
        let none = "the source address reaches none of the target's addresses";
        Err(Unconnected::ours(io::Error::new(ErrorKind::NotConnected, none)))
    })
}

async fn connect_from(source: Option<IpAddr>, to: SocketAddr) -> Result<TcpStream, Unconnected> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(Unconnected::ours)?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0)).map_err(Unconnected::ours)?;
    }
    let stream = socket.connect(to).await.map_err(|error| Unconnected { error, ours: false })?;
    // Without effect where it fails.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// What the first `attempt` at an address that succeeds gives, else the error of the last to fail; `None` without
/// addresses. Each begins as soon as the one before has failed, or has used up its head start.
pub(super) async fn first<T, E, F>(addresses: Vec<IpAddr>, attempt: impl Fn(IpAddr) -> F) -> Option<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut addresses = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failed = None;
    loop {
        let next = addresses.next();
        let more = next.is_some();
        running.extend(next.map(&attempt));
        if running.is_empty() {
            return failed;
        }
        tokio::select! {
            Some(result) = running.next() => match result {
                Ok(made) => return Some(Ok(made)),
                Err(error) => failed = Some(Err(error)),
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// How each address behaves: it succeeds or fails after so many milliseconds.
    async fn timed(behaviours: &[(u64, Result<u8, u8>)]) -> (Option<Result<u8, u8>>, u128) {
        let (clock, begun) = (Clock::system(), Clock::system().instant());
        let addresses = (0..behaviours.len()).map(|i| IpAddr::from([127, 0, 0, i as u8])).collect();
        let result = first(addresses, |ip| async move {
            let IpAddr::V4(ip) = ip else { unreachable!() };
            let (millis, result) = behaviours[usize::from(ip.octets()[3])];
            tokio::time::sleep(Duration::from_millis(millis)).await;
            result
        });
        (result.await, clock.instant().duration_since(begun).as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_does_not_hold_up_the_next() {
        assert_eq!(timed(&[(60_000, Ok(1)), (60_000, Ok(2)), (10, Ok(3))]).await, (Some(Ok(3)), 510));
        // The one that was there first is not given up.
        assert_eq!(timed(&[(300, Ok(1)), (100, Ok(2))]).await, (Some(Ok(1)), 300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_brings_the_next_at_once() {
        assert_eq!(timed(&[(5, Err(1)), (5, Err(2)), (5, Ok(3))]).await, (Some(Ok(3)), 15));
        assert_eq!(timed(&[(40, Err(1)), (5, Err(2))]).await, (Some(Err(2)), 45));
        assert_eq!(timed(&[]).await, (None, 0));
    }

    #[tokio::test]
    async fn a_source_address_reaches_its_own_family_only() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (v4, v6): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        let source = "127.0.0.2".parse().unwrap();
        let stream = connect(Some(source), vec![v6, v4], port).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), source);
        let failed = connect(Some(source), vec![v6], port).await.unwrap_err();
        assert!(failed.ours && failed.error.kind() == ErrorKind::NotConnected, "{failed:?}");
        // TEST-NET-1 (RFC 5737) is nobody's own.
        let failed = connect(Some("192.0.2.1".parse().unwrap()), vec![v4], port).await.unwrap_err();
        assert!(failed.ours && failed.error.kind() == ErrorKind::AddrNotAvailable, "{failed:?}");
    }
}
