//! SOCKS 5 from the client's side (RFC 1928, RFC 1929): a tunnel through a proxy that speaks it.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::egress::Proxy;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

/// What a SOCKS server replies to a request (RFC 1928 §6), `succeeded` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reply {
    /// "General SOCKS server failure", or a number that RFC 1928 does not know.
    General = 1,
    /// "Connection not allowed by ruleset".
    NotAllowed = 2,
    /// "Network unreachable".
    NetworkUnreachable = 3,
    /// "Host unreachable".
    HostUnreachable = 4,
    /// "Connection refused".
    Refused = 5,
    /// "TTL expired": what servers say when nobody answered in time.
    TtlExpired = 6,
    /// "Command not supported".
    Command = 7,
    /// "Address type not supported".
    AddressType = 8,
}

impl Reply {
    fn from_byte(byte: u8) -> Self {
        match byte {
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::Refused,
            6 => Self::TtlExpired,
            7 => Self::Command,
            8 => Self::AddressType,
            _ => Self::General,
        }
    }

    /// In words: those that reqwest's SOCKS uses too, so that the same answer gets the same class.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::General => "general server failure",
            Self::NotAllowed => "connection not allowed",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::Refused => "connection refused",
            Self::TtlExpired => "ttl expired",
            Self::Command => "command not supported",
            Self::AddressType => "address type not supported",
        }
    }
}

/// Where a tunnel leads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Destination<'a> {
    Address(IpAddr),
    /// For the proxy to resolve; at most 255 bytes.
    Name(&'a str),
}

/// Why there is no tunnel.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The connection to the proxy broke.
    Io(io::Error),
    /// It does not speak SOCKS 5, or not to us: why, in words.
    Unwelcome(&'static str),
    /// It said so.
    Reply(Reply),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel; `named` is called right before it learns where to.
pub(super) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    proxy: &Proxy,
    to: Destination<'_>,
    port: u16,
    named: impl FnOnce(),
) -> Result<(), Refusal> {
    // Only the method that the URL stands for, as reqwest does: not the other behind the user's back.
    let method = if proxy.credentials.is_some() { PASSWORD } else { NO_AUTHENTICATION };
    stream.write_all(&[VERSION, 1, method]).await?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice).await?;
    match choice {
        [VERSION, NONE_ACCEPTABLE] if method == NO_AUTHENTICATION => {
            return Err(Refusal::Unwelcome("it wants credentials"));
        }
        [VERSION, NONE_ACCEPTABLE] => return Err(Refusal::Unwelcome("it does not take credentials")),
        [VERSION, chosen] if chosen == method => {}
        [VERSION, _] => return Err(Refusal::Unwelcome("it chose a method that was not offered")),
        _ => return Err(Refusal::Unwelcome("it does not speak SOCKS 5")),
    }
    if let Some((user, password)) = &proxy.credentials {
        authenticate(stream, user.as_bytes(), password.expose().as_bytes()).await?;
    }
    named();
    stream.write_all(&request(to, port)).await?;
    read_reply(stream).await
}

/// RFC 1929 §2.
async fn authenticate(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    user: &[u8],
    password: &[u8],
) -> Result<(), Refusal> {
    let too_long = |_| Refusal::Unwelcome("the credentials are too long for it");
    let mut message = vec![1, u8::try_from(user.len()).map_err(too_long)?];
    message.extend_from_slice(user);
    message.push(u8::try_from(password.len()).map_err(too_long)?);
    message.extend_from_slice(password);
    stream.write_all(&message).await?;
    let mut status = [0; 2];
    stream.read_exact(&mut status).await?;
    match status {
        [1, 0] => Ok(()),
        [1, _] => Err(Refusal::Unwelcome("credentials not accepted")),
        _ => Err(Refusal::Unwelcome("it does not speak RFC 1929")),
    }
}

/// RFC 1928 §4.
fn request(to: Destination<'_>, port: u16) -> Vec<u8> {
    let mut request = vec![VERSION, 1, 0];
    match to {
        Destination::Address(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend_from_slice(&ip.octets());
        }
        Destination::Address(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend_from_slice(&ip.octets());
        }
        Destination::Name(name) => {
            let name = &name.as_bytes()[..name.len().min(255)];
            request.extend_from_slice(&[3, name.len() as u8]);
            request.extend_from_slice(name);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

/// RFC 1928 §6: the bound address is of no use to us, but what follows it is the tunnel's.
async fn read_reply(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), Refusal> {
    let mut head = [0; 4];
    // A refusal may be cut short; its number will do.
    stream.read_exact(&mut head[..2]).await?;
    match head[..2] {
        [VERSION, 0] => {}
        [VERSION, refused] => return Err(Refusal::Reply(Reply::from_byte(refused))),
        _ => return Err(Refusal::Unwelcome("it does not speak SOCKS 5")),
    }
    stream.read_exact(&mut head[2..]).await?;
    let length = match head[3] {
        1 => 4,
        3 => usize::from(stream.read_u8().await?),
        4 => 16,
        _ => return Err(Refusal::Unwelcome("it does not speak SOCKS 5")),
    };
    let mut bound = [0; 255 + 2];
    stream.read_exact(&mut bound[..length + 2]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ask` makes of a server that says `answers`, and what it said to that server.
    async fn asked(url: &str, to: Destination<'_>, answers: &[u8]) -> (Result<(), Refusal>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(answers).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = ask(&mut ours, &Proxy::parse(url).unwrap(), to, 443, || ()).await;
        // What the tunnel brings is left in it.
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        assert!(result.is_err() || rest == b"TLS", "{rest:?}");
        drop(ours);
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).await.unwrap();
        (result, said)
    }

    #[tokio::test]
    async fn requests_are_as_the_rfc_has_them() {
        let granted = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90TLS";
        let (result, said) = asked("socks5://p", Destination::Address([192, 0, 2, 7].into()), granted).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(said, b"\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb");
        let granted = b"\x05\x02\x01\x00\x05\x00\x00\x03\x04host\x1f\x90TLS";
        let (result, said) = asked("socks5h://me:pw@p", Destination::Name("a.test"), granted).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(said, b"\x05\x01\x02\x01\x02me\x02pw\x05\x01\x00\x03\x06a.test\x01\xbb");
        let granted = [b"\x05\x00\x05\x00\x00\x04".as_slice(), &[0; 18], b"TLS"].concat();
        let (result, said) = asked("socks5://p", Destination::Address("::1".parse().unwrap()), &granted).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!((said[6], said[22], said.len()), (4, 1, 3 + 4 + 16 + 2));
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let to = Destination::Name("a.test");
        for (byte, reply) in [(1, Reply::General), (2, Reply::NotAllowed), (5, Reply::Refused), (99, Reply::General)] {
            let (result, _) = asked("socks5h://p", to, &[5, 0, 5, byte]).await;
            assert!(matches!(result, Err(Refusal::Reply(got)) if got == reply), "{byte}: {result:?}");
        }
        for (url, answers, why) in [
            ("socks5h://p", b"\x05\xff".as_slice(), "wants credentials"),
            ("socks5h://u:p@p", b"\x05\xff", "does not take"),
            ("socks5h://p", b"\x05\x02", "not offered"),
            ("socks5h://u:p@p", b"\x05\x02\x01\x01", "not accepted"),
            ("socks5h://p", b"SSH-2.0", "does not speak"),
            ("socks5h://p", b"\x05\x00HTTP", "does not speak"),
            ("socks5h://p", b"\x05\x00\x05\x00\x00\x02", "does not speak"),
        ] {
            let (result, _) = asked(url, to, answers).await;
            assert!(matches!(&result, Err(Refusal::Unwelcome(said)) if said.contains(why)), "{why}: {result:?}");
        }
        let (result, _) = asked("socks5h://p", to, b"\x05").await;
        assert!(matches!(result, Err(Refusal::Io(_))), "{result:?}");
    }
}
