//! SOCKS 5 from the server's side (RFC 1928): CONNECT only, without authentication.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Host;

use super::relay::relay;
use super::{Lead, Tunnel, book};
use crate::clock::Clock;
use crate::oidc::http::Reply;

/// How long the browser may take to say where it wants to go.
const HANDSHAKE: Duration = Duration::from_secs(5);

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const NONE_ACCEPTABLE: u8 = 0xff;

/// Serves one connection until it ends; `lead` says where to, and remembers what came of it. Errors are for the log.
pub(super) async fn serve(stream: &mut TcpStream, lead: Option<&Lead>, clock: &Clock) -> io::Result<()> {
    // Without effect where it fails.
    let _ = stream.set_nodelay(true);
    let wanted = tokio::time::timeout(HANDSHAKE, greet(stream)).await??;
    let opened = match (wanted, lead) {
        (Err(reply), _) => Err(reply),
        (Ok(_), None) => Err(Reply::NotAllowed),
        (Ok((host, port)), Some(lead)) => {
            let attempt = lead.book().begin();
            let opening = lead.way.tunnel(&host, port).await;
            let tunnel = Tunnel { resolve: opening.resolve, connect: opening.connect };
            let fault = opening.result.as_ref().err().map(|failure| (*failure.fault).clone());
            lead.book().end(attempt, &host, port, tunnel, fault);
            opening.result.map_err(|failure| failure.reply)
        }
    };
    match opened {
        Ok(upstream) => {
            answer(stream, 0).await?;
            relay(stream, upstream, clock).await
        }
        Err(reply) => {
            answer(stream, reply as u8).await?;
            stream.shutdown().await
        }
    }
}

/// Reads what the browser wants: host and port, or the reply to what cannot be had. The error is for what is no SOCKS 5.
async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Result<(Host<String>, u16), Reply>> {
    let stranger = |why| io::Error::new(ErrorKind::InvalidData, why);
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    let [VERSION, methods] = head else { return Err(stranger("it does not speak SOCKS 5")) };
    let mut offered = [0; 255];
    let offered = &mut offered[..usize::from(methods)];
    stream.read_exact(offered).await?;
    if !offered.contains(&NO_AUTHENTICATION) {
        stream.write_all(&[VERSION, NONE_ACCEPTABLE]).await?;
        return Err(stranger("it insists on authentication"));
    }
    stream.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let [VERSION, command, _, kind] = request else { return Err(stranger("it does not speak SOCKS 5")) };
    let host = match kind {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            Some(Host::Ipv4(Ipv4Addr::from(ip)))
        }
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            // Chromium writes addresses this way, too.
            std::str::from_utf8(&name).ok().and_then(book::parse)
        }
        4 => {
            let mut ip = [0; 16];
            stream.read_exact(&mut ip).await?;
            Some(Host::Ipv6(Ipv6Addr::from(ip)))
        }
        _ => return Ok(Err(Reply::AddressType)),
    };
    let port = stream.read_u16().await?;
    if command != CONNECT {
        return Ok(Err(Reply::Command));
    }
    Ok(host.map(|host| (host, port)).ok_or(Reply::General))
}

/// RFC 1928 §6. The bound address is of no use to a browser.
async fn answer(stream: &mut TcpStream, reply: u8) -> io::Result<()> {
    stream.write_all(&[VERSION, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a browser that says `said`, and what it is told meanwhile.
    async fn greeted(said: &[u8]) -> (io::Result<Result<(Host<String>, u16), Reply>>, Vec<u8>) {
        let (mut browser, mut ours) = tokio::io::duplex(1024);
        browser.write_all(said).await.unwrap();
        browser.shutdown().await.unwrap();
        let result = greet(&mut ours).await;
        drop(ours);
        let mut told = Vec::new();
        browser.read_to_end(&mut told).await.unwrap();
        (result, told)
    }

    #[tokio::test]
    async fn every_kind_of_address_is_read() {
        let long = [b"\x05\x01\x00\x05\x01\x00\x03\xff".as_slice(), &[b'a'; 255], b"\x01\xbb"].concat();
        for (request, host, port) in [
            (b"\x05\x01\x00\x05\x01\x00\x03\x06A.test\x01\xbb".as_slice(), "a.test", 443),
            (b"\x05\x03\x02\x00\x01\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50", "192.0.2.7", 80),
            (b"\x05\x01\x00\x05\x01\x00\x03\x09192.0.2.7\x00\x50", "192.0.2.7", 80),
            (b"\x05\x01\x00\x05\x01\x00\x03\x03::1\x00\x50", "[::1]", 80),
            (b"\x05\x01\x00\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50", "[::1]", 80),
            (&long, &"a".repeat(255), 443),
        ] {
            let (result, told) = greeted(request).await;
            let (got, at) = result.unwrap().unwrap();
            assert_eq!((got.to_string().as_str(), at, told.as_slice()), (host, port, b"\x05\x00".as_slice()));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_had_gets_its_reply() {
        for (request, reply) in [
            (b"\x05\x01\x00\x05\x02\x00\x01\xc0\x00\x02\x07\x00\x50".as_slice(), Reply::Command),
            (b"\x05\x01\x00\x05\x03\x00\x03\x01a\x00\x50", Reply::Command),
            (b"\x05\x01\x00\x05\x01\x00\x05", Reply::AddressType),
            (b"\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50", Reply::General),
            (b"\x05\x01\x00\x05\x01\x00\x03\x05a\r\nb:\x00\x50", Reply::General),
            (b"\x05\x01\x00\x05\x01\x00\x03\x02\xff\xfe\x00\x50", Reply::General),
        ] {
            let (result, _) = greeted(request).await;
            assert_eq!(result.unwrap(), Err(reply), "{request:?}");
        }
    }

    #[tokio::test]
    async fn what_speaks_something_else_is_left() {
        for (said, told) in [
            (b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"".as_slice()),
            (b"\x04\x01\x00\x50\xc0\x00\x02\x07\x00", b""),
            (b"\x05\x01\x02", b"\x05\xff"),
            (b"\x05\x00", b"\x05\xff"),
            (b"\x05\x01\x00GET /", b"\x05\x00"),
            (b"\x05", b""),
            (b"\x05\x01\x00\x05\x01\x00\x03\x06a.t", b"\x05\x00"),
        ] {
            let (result, got) = greeted(said).await;
            assert!(result.is_err(), "{said:?}: {result:?}");
            assert_eq!(got, told, "{said:?}");
        }
    }
}
