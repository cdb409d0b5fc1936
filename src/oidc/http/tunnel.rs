//! Tunnels for what speaks for itself, such as a browser: a stream to a host and port that left this machine as the
//! region says, or the fault that a request over HTTP would have met.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use url::Host;

use super::certificate::clean;
use super::classify::{refused_by_socks, unconnected, way_out};
use super::client::proxy_handshake;
use super::dial::{self, Unconnected};
use super::egress::{Egress, Proxy};
use super::phases::{Marks, Stage};
use super::proxy;
use super::resolve::lookup;
use super::socks::{self, Destination, Refusal, Reply};
use super::trust::{TlsBase, Trust};
use crate::clock::Clock;
use crate::fault::{Class, Fault};
use crate::oidc::memory::ProviderMemory;

/// How long it may take until a tunnel is there, name resolution included.
pub(crate) const TUNNEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A way out of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The region.
    pub(crate) egress: Arc<Egress>,
    /// Where TLS settings for an `https` proxy are kept.
    pub(crate) memory: Arc<ProviderMemory>,
    /// Whose certificates that proxy is believed by.
    pub(crate) trust: Trust,
    /// For times and for certificates.
    pub(crate) clock: Clock,
}

/// What came of asking for a tunnel.
pub(crate) struct Attempt {
    /// How long name resolution took, if it was ours.
    pub(crate) resolve: Option<Duration>,
    /// How long connecting took, the egress proxy's part included.
    pub(crate) connect: Duration,
    /// The tunnel.
    pub(crate) result: Result<Box<dyn Duplex>, Failure>,
}

/// Why there is no tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `dns`, `connect`, `timeout` or `egress`; `config` if the `ca_file` cannot be read, `internal` without file
    /// descriptors.
    pub(crate) fault: Box<Fault>,
    /// The same as a SOCKS server says it.
    pub(crate) reply: Reply,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let reply = match fault.class {
            Class::Dns | Class::Connect => Reply::HostUnreachable,
            Class::Timeout => Reply::TtlExpired,
            _ => Reply::General,
        };
        Self { fault: Box::new(fault), reply }
    }
}

/// A tunnel on its way: where to, and how far it has come.
struct Opening<'a> {
    way: &'a Way,
    host: &'a Host<String>,
    port: u16,
    marks: Marks,
    /// Whether the egress proxy has been told where to: from then on, its silence may be the target's.
    named: AtomicBool,
}

impl Way {
    /// Opens a tunnel to `host` (an address, or a name in lower case) and `port`, within [`TUNNEL_TIMEOUT`].
    pub(crate) async fn tunnel(&self, host: &Host<String>, port: u16) -> Attempt {
        let marks = Marks::new(self.clock.clone(), false);
        let opening = Opening { way: self, host, port, marks, named: AtomicBool::new(false) };
        let result = match tokio::time::timeout(TUNNEL_TIMEOUT, opening.open()).await {
            Ok(result) => result,
            Err(_) => Err(opening.silence().into()),
        };
        if result.is_ok() {
            opening.marks.connected();
        }
        opening.marks.end();
        let phases = opening.marks.phases();
        Attempt { resolve: phases.resolve, connect: phases.connect.unwrap_or_default(), result }
    }
}

impl Opening<'_> {
    async fn open(&self) -> Result<Box<dyn Duplex>, Failure> {
        let egress = &self.way.egress;
        let tls = match proxy_handshake(egress) {
            true => Some(self.way.memory.tls.base(&self.way.trust).await?),
            false => None,
        };
        self.marks.connecting();
        match &egress.proxy {
            None => {
                let stream = dial::connect(egress.source_address, self.addresses().await?, self.port).await;
                Ok(Box::new(stream.map_err(|failed| self.unconnected(&failed))?))
            }
            Some(proxy) if proxy.is_socks() => self.through_socks(proxy).await,
            Some(proxy) => self.through_http(proxy, tls.as_ref()).await,
        }
    }

    /// The target's addresses, resolved by us.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Fault> {
        let name = match self.host {
            Host::Ipv4(ip) => return Ok(vec![(*ip).into()]),
            Host::Ipv6(ip) => return Ok(vec![(*ip).into()]),
            Host::Domain(name) => name,
        };
        self.marks.resolving();
        let found = lookup(&self.way.egress, name).await;
        let addresses = found.map_err(|unresolved| Fault::new(Class::Dns, unresolved.to_string()))?;
        self.marks.resolved();
        Ok(addresses)
    }

    async fn through_socks(&self, proxy: &Proxy) -> Result<Box<dyn Duplex>, Failure> {
        if let Host::Domain(name) = self.host
            && proxy.url.scheme() == "socks5h"
            && self.way.egress.fixed(name).is_none()
        {
            return self.ask_socks(proxy, Destination::Name(name)).await;
        }
        // One address a request: the proxy is asked again for the next.
        dial::first(self.addresses().await?, |ip| self.ask_socks(proxy, Destination::Address(ip)))
            .await
            .unwrap_or_else(|| Err(way_out(Some(proxy), "no address to ask it for").into()))
    }

    async fn ask_socks(&self, proxy: &Proxy, to: Destination<'_>) -> Result<Box<dyn Duplex>, Failure> {
        let mut stream = proxy::reach(proxy, &self.way.egress).await?;
        let named = || self.named.store(true, Ordering::Relaxed);
        match socks::ask(&mut stream, proxy, to, self.port, named).await {
            Ok(()) => Ok(Box::new(stream)),
            Err(Refusal::Reply(reply)) => {
                let fault = Box::new(refused_by_socks(proxy, &self.target(), reply.as_str()));
                Err(Failure { fault, reply })
            }
            Err(Refusal::Unwelcome(why)) => Err(way_out(Some(proxy), why).into()),
            Err(Refusal::Io(error)) => Err(broken(proxy, &error).into()),
        }
    }

    async fn through_http(&self, proxy: &Proxy, tls: Option<&TlsBase>) -> Result<Box<dyn Duplex>, Failure> {
        let stream = proxy::reach(proxy, &self.way.egress).await?;
        match tls {
            Some(tls) => self.ask_http(proxy::over_tls(stream, proxy, tls, &self.way.clock).await?, proxy).await,
            None => self.ask_http(stream, proxy).await,
        }
    }

    async fn ask_http(&self, stream: impl Duplex + 'static, proxy: &Proxy) -> Result<Box<dyn Duplex>, Failure> {
        let mut stream = BufReader::with_capacity(1024, stream);
        self.named.store(true, Ordering::Relaxed);
        match proxy::ask(&mut stream, proxy, &self.target()).await {
            Ok(answer) if answer.is_tunnel() => Ok(Box::new(stream)),
            Ok(answer) => Err(proxy::refused_tunnel(proxy, &self.target(), answer).into()),
            Err(error) => Err(broken(proxy, &error).into()),
        }
    }

    /// Host and port, as CONNECT and details have it.
    fn target(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn unconnected(&self, failed: &Unconnected) -> Failure {
        let why = clean(&failed.error.to_string());
        let mut failure = Failure::from(unconnected(Some(&failed.error), &why, failed.ours, None, &self.target()));
        failure.reply = match (failure.fault.class, failed.error.kind()) {
            (Class::Connect, io::ErrorKind::ConnectionRefused) => Reply::Refused,
            (Class::Connect, io::ErrorKind::NetworkUnreachable) => Reply::NetworkUnreachable,
            _ => failure.reply,
        };
        failure
    }

    /// Nothing happened any more until the bound.
    fn silence(&self) -> Fault {
        let stage = self.marks.stage();
        let waited = format!("still {} after {} s", stage.waiting(), TUNNEL_TIMEOUT.as_secs());
        match &self.way.egress.proxy {
            // It never came to ask for the target.
            Some(proxy) if stage == Stage::Connect && !self.named.load(Ordering::Relaxed) => {
                way_out(Some(proxy), &waited)
            }
            _ => Fault::new(Class::Timeout, format!("{}: {waited}", self.target())),
        }
    }
}

/// The proxy hung up, or worse.
fn broken(proxy: &Proxy, error: &io::Error) -> Fault {
    way_out(Some(proxy), &clean(&error.to_string()))
}
