//! Egress proxies: handed to reqwest, and asked themselves when reqwest does not say enough.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{HeaderMap, SERVER};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::Resumption;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::certificate::{Recording, clean};
use super::classify::{unconnected, way_out};
use super::client::USER_AGENT;
use super::dial;
use super::egress::{Egress, Proxy};
use super::phases::Marks;
use super::resolve::lookup;
use super::trust::TlsBase;
use crate::clock::Clock;
use crate::fault::{Class, Fault};

/// The longest head of an answer to CONNECT that is read (bytes).
const MAX_CONNECT_HEAD: u64 = 8 * 1024;
/// How long a proxy may take to say why it refused.
const DIAGNOSIS: Duration = Duration::from_secs(1);

/// The proxy as reqwest wants it, for a request to `target`.
pub(super) fn to_reqwest(proxy: &Proxy, egress: &Egress, target: &Url) -> Result<reqwest::Proxy, Fault> {
    let mut url = proxy.url.clone();
    // A name with a fixed address is not the proxy's to resolve.
    if url.scheme() == "socks5h" && target.host_str().is_some_and(|host| egress.fixed(host).is_some()) {
        let _ = url.set_scheme("socks5");
    }
    let made = reqwest::Proxy::all(url)
        .map_err(|_| Fault::new(Class::Config, format!("proxy {} cannot be used", proxy.display())))?;
    Ok(match &proxy.credentials {
        Some((user, password)) => made.basic_auth(user, password.expose()),
        None => made,
    })
}

/// Opens a TCP connection to the proxy, from the region's source address. Faults: `egress`, or `internal` without file
/// descriptors.
pub(super) async fn reach(proxy: &Proxy, egress: &Egress) -> Result<TcpStream, Fault> {
    let host = proxy.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let addresses = match host.parse::<IpAddr>() {
        Ok(ip) => vec![ip],
        Err(_) => lookup(egress, &host).await.map_err(|error| way_out(Some(proxy), &error.to_string()))?,
    };
    dial::connect(egress.source_address, addresses, proxy.port()).await.map_err(|failed| {
        let why = clean(&failed.error.to_string());
        unconnected(Some(&failed.error), &why, failed.ours, Some(proxy), "")
    })
}

/// What a proxy says when it is asked for a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A status; the tunnel is there with 2xx (RFC 9110 §9.3.6).
    Status(u16),
    /// Something that is not HTTP.
    NotHttp,
    /// Nothing in time.
    Unknown,
}

impl Answer {
    /// Whether the tunnel is there.
    pub(super) const fn is_tunnel(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

/// Asks the proxy once more for a tunnel to `target` that it refused, to see its answer: reqwest keeps that to itself.
pub(super) async fn ask_again(proxy: &Proxy, egress: &Egress, tls: &TlsBase, clock: &Clock, target: &Url) -> Answer {
    let asking = async {
        let authority = format!("{}:{}", target.host_str()?, target.port_or_known_default()?);
        let stream = reach(proxy, egress).await.ok()?;
        match proxy.url.scheme() {
            "https" => {
                let stream = over_tls(stream, proxy, tls, clock).await.ok()?;
                ask(&mut BufReader::new(stream), proxy, &authority).await.ok()
            }
            _ => ask(&mut BufReader::new(stream), proxy, &authority).await.ok(),
        }
    };
    tokio::time::timeout(DIAGNOSIS, asking).await.ok().flatten().unwrap_or(Answer::Unknown)
}

/// TLS with the proxy itself, believed as a target is. Fault: `egress`.
pub(super) async fn over_tls(
    stream: TcpStream,
    proxy: &Proxy,
    tls: &TlsBase,
    clock: &Clock,
) -> Result<TlsStream<TcpStream>, Fault> {
    let fault = |why: &str| way_out(Some(proxy), &format!("TLS: {}", clean(why)));
    let mut config = tls.config.clone();
    config.alpn_protocols.clear();
    config.resumption = Resumption::disabled();
    if let Some(believed) = &tls.believed {
        config.dangerous().set_certificate_verifier(Arc::new(Recording {
            believed: believed.clone(),
            marks: Arc::new(Marks::new(clock.clone(), true)),
            shown: Arc::default(),
            clock: clock.clone(),
        }));
    }
    let name = ServerName::try_from(proxy.host().trim_matches(['[', ']']).to_owned())
        .map_err(|_| fault("its name is none that a certificate can have"))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| fault(&error.to_string()))
}

/// Asks for a tunnel to `authority` (host and port). Reads no further than the head of the answer if it is there; if
/// not, the status line will do.
pub(super) async fn ask(
    stream: &mut (impl AsyncBufRead + AsyncWrite + Unpin),
    proxy: &Proxy,
    authority: &str,
) -> io::Result<Answer> {
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let basic = STANDARD.encode(format!("{user}:{}", password.expose()));
        head.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = stream.take(MAX_CONNECT_HEAD);
    let mut line = Vec::with_capacity(256);
    answer.read_until(b'\n', &mut line).await?;
    let text = String::from_utf8_lossy(&line);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok());
    let Some(status) = status.map(Answer::Status) else { return Ok(Answer::NotHttp) };
    while status.is_tunnel() && !matches!(&line[..], b"\r\n" | b"\n") {
        line.clear();
        if answer.read_until(b'\n', &mut line).await? == 0 {
            return Ok(Answer::NotHttp);
        }
    }
    Ok(status)
}

/// What a refused tunnel means. The proxy's 5xx is about the target; its 4xx is about us.
pub(super) fn refused_tunnel(proxy: &Proxy, target: &str, answer: Answer) -> Fault {
    let shown = proxy.display();
    let (class, detail) = match answer {
        // tinyproxy says 401 to wrong ones.
        Answer::Status(status @ (401 | 407)) => (Class::Egress, format!("refuses our credentials ({status})")),
        Answer::Status(status @ 400..=499) => {
            (Class::Egress, format!("does not let us through to {target} ({status})"))
        }
        Answer::Status(status @ 500..) => (Class::Connect, format!("cannot reach {target} ({status})")),
        Answer::NotHttp => (Class::Egress, "does not speak HTTP".to_owned()),
        Answer::Status(_) | Answer::Unknown => (Class::Connect, format!("could not reach {target}")),
    };
    Fault::new(class, format!("proxy {shown} {detail}"))
}

/// What an answer means that an http or https proxy made instead of forwarding plain http; `None`: it is the target's.
pub(super) fn own_answer(proxy: &Proxy, target: &str, status: u16, headers: &HeaderMap) -> Option<Fault> {
    if proxy.is_socks() {
        return None;
    }
    if status == 407 || status >= 400 && made_by_proxy(headers) {
        return Some(refused_tunnel(proxy, target, Answer::Status(status)));
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
