//! Errors of the transport, told apart: reqwest's, hyper's, rustls's and the system's become a class and our own words.
//! What a server sent never gets into a detail from here.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, InvalidMessage};
use url::Url;

use super::certificate::{Shown, clean, explain};
use super::egress::Proxy;
use super::phases::Stage;
use super::resolve::Unresolved;
use crate::fault::{Class, Fault};

/// Where a request had come to when it failed.
pub(super) struct Failure<'a> {
    pub(super) target: &'a Url,
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) stage: Stage,
    pub(super) in_proxy_handshake: bool,
    /// Whether we had a certificate to show.
    pub(super) identified: bool,
    pub(super) shown: Shown,
}

/// The error and everything beneath it. `io::Error` hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn beneath<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), beneath)
        // No chain is endless, but this is foreign code.
        .take(32)
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The system's own error, beneath whatever wraps it.
fn system<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref()).last()
}

/// The words of the cause that begins with `prefix`: for hyper-util's proxy errors, whose types are private.
fn words(error: &(dyn Error + 'static), prefix: &str) -> Option<String> {
    causes(error).find_map(|cause| cause.to_string().strip_prefix(prefix).map(str::to_owned))
}

impl Failure<'_> {
    /// The host and port that were asked.
    pub(super) fn target(&self) -> String {
        let port = self.target.port_or_known_default().unwrap_or(0);
        format!("{}:{port}", self.target.host_str().unwrap_or_default())
    }

    /// Whether an http(s) proxy answered CONNECT with a refusal.
    pub(super) fn is_refused_tunnel(&self, error: &reqwest::Error) -> bool {
        matches!(words(error, "tunnel error: ").as_deref(), Some("unsuccessful" | "proxy authorization required"))
    }

    /// The fault.
    pub(super) fn classify(&self, error: &reqwest::Error) -> Fault {
        if error.is_builder() {
            return Fault::new(Class::Malformed, "the URL cannot be requested");
        }
        if let Some(unresolved) = cause::<Unresolved>(error) {
            return self.unresolved(unresolved);
        }
        if let Some(tls) = cause::<rustls::Error>(error) {
            return self.tls(tls);
        }
        if let Some(why) = words(error, "SOCKS error: ") {
            return self.socks(&why);
        }
        match self.stage {
            Stage::Resolve | Stage::Connect => self.connect(error),
            Stage::Tls => self.handshake(error),
            Stage::Processing | Stage::Transfer => self.answer(error),
        }
    }

    fn egress(&self, why: &str) -> Fault {
        way_out(self.proxy, why)
    }

    fn unresolved(&self, unresolved: &Unresolved) -> Fault {
        let target = self.target.host_str().unwrap_or_default();
        match self.proxy {
            Some(proxy) if unresolved.name != target || unresolved.name == proxy.host() => {
                self.egress(&unresolved.to_string())
            }
            _ => Fault::new(Class::Dns, unresolved.to_string()),
        }
    }

    fn tls(&self, error: &rustls::Error) -> Fault {
        let target = self.target();
        if self.in_proxy_handshake {
            return self.egress(&format!("TLS: {}", clean(&error.to_string())));
        }
        match error {
            rustls::Error::InvalidCertificate(why) => {
                let host = self.target.host_str().unwrap_or_default();
                Fault::new(Class::Certificate, explain(why, &self.shown, host))
            }
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                Fault::new(Class::Tls, format!("{target} does not speak TLS"))
            }
            rustls::Error::AlertReceived(alert) if self.identified && is_about_us(*alert) => {
                let detail = format!("{target} refuses the client's certificate with the alert {alert:?}");
                Fault::new(Class::Credentials, detail)
            }
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                Fault::new(Class::Tls, format!("{target} asks for a client certificate"))
            }
            rustls::Error::AlertReceived(alert) => {
                Fault::new(Class::Tls, format!("{target} ended the handshake with the alert {alert:?}"))
            }
            other => Fault::new(Class::Tls, format!("TLS with {target}: {}", clean(&other.to_string()))),
        }
    }

    fn socks(&self, why: &str) -> Fault {
        match self.proxy {
            Some(proxy) => refused_by_socks(proxy, &self.target(), why),
            None => self.egress(why),
        }
    }

    fn connect(&self, error: &reqwest::Error) -> Fault {
        // A proxy that does not answer as one, or hangs up: whoever it was to reach.
        if let Some(why) = words(error, "tunnel error: ")
            && why != "failed to create underlying connection"
        {
            return self.egress(&why);
        }
        let io = system(error);
        let why = io.map_or_else(|| clean(&error.without_kind()), |io| clean(&io.to_string()));
        let ours = words(error, "tcp bind local error").is_some() || words(error, "tcp open error").is_some();
        unconnected(io, &why, ours, self.proxy, &self.target())
    }

    fn handshake(&self, error: &reqwest::Error) -> Fault {
        let why = match system(error).map(io::Error::kind) {
            Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                "the server closed the connection in the handshake".to_owned()
            }
            _ => clean(&error.without_kind()),
        };
        Fault::new(Class::Tls, format!("TLS with {}: {why}", self.target()))
    }

    fn answer(&self, error: &reqwest::Error) -> Fault {
        let place = match self.stage {
            Stage::Transfer => "in the middle of the body",
            _ => "before the head of the answer was complete",
        };
        let reset = || Fault::new(Class::Reset, format!("{} closed the connection {place}", self.target()));
        let io = system(error);
        let Some(hyper) = cause::<hyper::Error>(error) else {
            // No fault of the connection: the decoder's.
            return Fault::new(Class::Malformed, "the body is not the gzip that its Content-Encoding says");
        };
        if hyper.is_parse_too_large() {
            return Fault::new(Class::TooLarge, "the head of the answer is larger than the limit");
        }
        if hyper.is_parse() {
            return Fault::new(Class::Malformed, format!("not HTTP: {hyper}"));
        }
        if let Some(h2) = hyper.source().filter(|_| io.is_none()).map(ToString::to_string) {
            // Only the beginning is ours to show: a GOAWAY brings the server's own text.
            return match h2 {
                h2 if h2.contains("error detected") => Fault::new(Class::Malformed, "the server breaks HTTP/2"),
                _ => Fault::new(Class::Reset, format!("{} ended the HTTP/2 stream {place}", self.target())),
            };
        }
        match io.map(io::Error::kind) {
            Some(ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
                Fault::new(Class::Malformed, "the body's chunks are not framed as HTTP/1.1 says")
            }
            Some(ErrorKind::TimedOut) => Fault::new(Class::Timeout, format!("{}: {place}", self.target())),
            _ => reset(),
        }
    }
}

/// Whether an alert speaks of the certificate that its receiver showed (RFC 8446 §6.2).
fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// Our own way out is at fault: its proxy, if it has one.
pub(super) fn way_out(proxy: Option<&Proxy>, why: &str) -> Fault {
    let proxy = proxy.map_or_else(|| "the way out".to_owned(), |proxy| format!("proxy {}", proxy.display()));
    Fault::new(Class::Egress, format!("{proxy}: {why}"))
}

/// RFC 1928 §6: replies about the target (host and port) are the network's, all else is between us and the proxy.
pub(super) fn refused_by_socks(proxy: &Proxy, target: &str, why: &str) -> Fault {
    match why {
        "network unreachable" | "host unreachable" | "connection refused" | "ttl expired" => {
            Fault::new(Class::Connect, format!("proxy {} cannot reach {target}: {why}", proxy.display()))
        }
        why => way_out(Some(proxy), why),
    }
}

/// A TCP connection that did not come about: to the proxy, or straight to the target (host and port). `ours`: it
/// failed before anybody was asked.
pub(super) fn unconnected(io: Option<&io::Error>, why: &str, ours: bool, proxy: Option<&Proxy>, target: &str) -> Fault {
    match io.map(io::Error::kind) {
        // EMFILE and ENFILE.
        _ if io.and_then(io::Error::raw_os_error).is_some_and(|code| matches!(code, 23 | 24)) => {
            Fault::new(Class::Internal, "no file descriptors are left")
        }
        _ if ours || proxy.is_some() => way_out(proxy, why),
        Some(ErrorKind::AddrNotAvailable) => way_out(proxy, "no local port is left for this address"),
        Some(ErrorKind::NotConnected) => way_out(proxy, "the source address reaches none of the target's addresses"),
        Some(ErrorKind::PermissionDenied) => way_out(proxy, "this machine does not let us connect"),
        Some(ErrorKind::TimedOut) => Fault::new(Class::Timeout, format!("connecting to {target}: {why}")),
        _ => Fault::new(Class::Connect, format!("{target}: {why}")),
    }
}

trait WithoutKind {
    fn without_kind(&self) -> String;
}

impl WithoutKind for reqwest::Error {
    /// The words of the deepest cause: the upper ones say "error sending request", and the URL.
    fn without_kind(&self) -> String {
        causes(self).last().map(ToString::to_string).unwrap_or_default()
    }
}
