//! Egress proxies: handed to reqwest, and asked themselves when reqwest does not say enough.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{HeaderMap, SERVER};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::client::USER_AGENT;
use super::egress::{Egress, Proxy};
use super::resolve::lookup;
use super::trust::TlsBase;
use crate::fault::{Class, Fault};

/// The longest head of an answer to CONNECT that is read (bytes).
const MAX_CONNECT_HEAD: usize = 8 * 1024;
/// How long a proxy may take to say why it refused.
const DIAGNOSIS: Duration = Duration::from_secs(1);

/// The proxy as reqwest wants it, for a request to `target`.
pub(super) fn to_reqwest(proxy: &Proxy, egress: &Egress, target: &Url) -> Result<reqwest::Proxy, Fault> {
    let mut url = proxy.url.clone();
    // A name with a fixed address is not the proxy's to resolve.
    if url.scheme() == "socks5h" && target.host_str().is_some_and(|host| egress.resolve.contains_key(host)) {
        let _ = url.set_scheme("socks5");
    }
    let made = reqwest::Proxy::all(url)
        .map_err(|_| Fault::new(Class::Config, format!("proxy {} cannot be used", proxy.display())))?;
    Ok(match &proxy.credentials {
        Some((user, password)) => made.basic_auth(user, password.expose()),
        None => made,
    })
}

/// Opens a TCP connection to the proxy, from the region's source address.
pub(super) async fn reach(proxy: &Proxy, egress: &Egress) -> Result<TcpStream, String> {
    let host = proxy.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let addresses = match host.parse::<IpAddr>() {
        Ok(ip) => vec![ip],
        Err(_) => lookup(egress, &host).await.map_err(|e| e.to_string())?,
    };
    let mut why = String::new();
    for ip in addresses {
        match connect_from(egress.source_address, SocketAddr::new(ip, proxy.port())).await {
            Ok(stream) => return Ok(stream),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

async fn connect_from(source: Option<IpAddr>, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source
        && source.is_ipv4() == to.is_ipv4()
    {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(to).await
}

/// What a proxy says when it is asked once more for a tunnel that it refused: reqwest keeps that to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A status; 200 if it works now.
    Status(u16),
    /// Something that is not HTTP.
    NotHttp,
    /// Nothing in time.
    Unknown,
}

/// Asks the proxy for a tunnel to `target`, to see its answer.
pub(super) async fn ask_again(proxy: &Proxy, egress: &Egress, tls: &TlsBase, target: &Url) -> Refusal {
    let asking = async {
        let stream = reach(proxy, egress).await.ok()?;
        match proxy.url.scheme() {
            "https" => ask(over_tls(stream, proxy, tls).await?, proxy, target).await,
            _ => ask(stream, proxy, target).await,
        }
    };
    tokio::time::timeout(DIAGNOSIS, asking).await.ok().flatten().unwrap_or(Refusal::Unknown)
}

async fn over_tls(stream: TcpStream, proxy: &Proxy, tls: &TlsBase) -> Option<TlsStream<TcpStream>> {
    let mut config = tls.config.clone();
    config.alpn_protocols.clear();
    config.dangerous().set_certificate_verifier(tls.believed.as_ref()?.verifier.clone());
    let name = ServerName::try_from(proxy.host().trim_matches(['[', ']']).to_owned()).ok()?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, proxy: &Proxy, target: &Url) -> Option<Refusal> {
    let authority = format!("{}:{}", target.host_str()?, target.port_or_known_default()?);
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let basic = STANDARD.encode(format!("{user}:{}", password.expose()));
        head.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::with_capacity(256);
    while !answer.contains(&b'\n') && answer.len() < MAX_CONNECT_HEAD {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            break;
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok());
    Some(status.map_or(Refusal::NotHttp, Refusal::Status))
}

/// What a refused tunnel means. The proxy's 5xx is about the target; its 4xx is about us.
pub(super) fn refused_tunnel(proxy: &Proxy, target: &str, refusal: Refusal) -> Fault {
    let shown = proxy.display();
    let (class, detail) = match refusal {
        // tinyproxy says 401 to wrong ones.
        Refusal::Status(status @ (401 | 407)) => (Class::Egress, format!("refuses our credentials ({status})")),
        Refusal::Status(status @ 400..=499) => {
            (Class::Egress, format!("does not let us through to {target} ({status})"))
        }
        Refusal::Status(status @ 500..) => (Class::Connect, format!("cannot reach {target} ({status})")),
        Refusal::NotHttp => (Class::Egress, "does not speak HTTP".to_owned()),
        Refusal::Status(_) | Refusal::Unknown => (Class::Connect, format!("could not reach {target}")),
    };
    Fault::new(class, format!("proxy {shown} {detail}"))
}

/// What an answer means that an http or https proxy made instead of forwarding plain http; `None`: it is the target's.
pub(super) fn own_answer(proxy: &Proxy, target: &str, status: u16, headers: &HeaderMap) -> Option<Fault> {
    if proxy.is_socks() {
        return None;
    }
    if status == 407 || status >= 400 && made_by_proxy(headers) {
        return Some(refused_tunnel(proxy, target, Refusal::Status(status)));
    }
    None
}

/// Whether a proxy's error page says so: RFC 9209 §2.3.1, or the names that forward proxies put on theirs.
fn made_by_proxy(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let server = headers.get(SERVER).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    headers.contains_key("x-squid-error")
        || text("proxy-status").contains("error=")
        || ["tinyproxy", "squid", "privoxy", "polipo", "3proxy"].iter().any(|name| server.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, headers: &[(&'static str, &'static str)]) -> Option<Class> {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        own_answer(&Proxy::parse("http://p:3128").unwrap(), "a.example:80", status, &headers).map(|f| f.class)
    }

    #[test]
    fn a_proxys_own_pages_are_told_from_the_targets() {
        assert_eq!(fault(500, &[("server", "tinyproxy/1.11.1")]), Some(Class::Connect));
        assert_eq!(fault(503, &[("x-squid-error", "ERR_CONNECT_FAIL 111")]), Some(Class::Connect));
        assert_eq!(fault(502, &[("proxy-status", "proxy.example; error=connection_refused")]), Some(Class::Connect));
        assert_eq!(fault(403, &[("server", "squid/6.6")]), Some(Class::Egress));
        assert_eq!(fault(407, &[]), Some(Class::Egress));
    }

    #[test]
    fn the_targets_pages_are_left_alone() {
        assert_eq!(fault(500, &[("server", "nginx")]), None);
        assert_eq!(fault(403, &[]), None);
        assert_eq!(fault(503, &[("proxy-status", "cdn.example; received-status=503")]), None);
        assert_eq!(fault(200, &[("server", "squid/6.6")]), None);
    }
}
