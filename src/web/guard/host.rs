//! By which names this server may be asked, where nothing else tells its readers from others.
//!
//! A page of anybody's may let its own name point to our address (DNS rebinding); what a browser then asks us for, that page
//! may read. The browser names the page's host, and that is how we know.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};

use crate::plan::Server;
use crate::web::problem::Problem;

/// Names that nobody can register for everybody to see: local networks, clusters, tests (RFC 2606, RFC 6761, RFC 6762,
/// RFC 8375, ICANN's `.internal`).
const PRIVATE: [&str; 8] = ["cluster.local", "home.arpa", "internal", "lan", "local", "localdomain", "svc", "test"];

/// How a request names us: `Err`: in a way that no honest client does.
pub fn asked_for(uri: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, ()> {
    // RFC 9112 §3.2.2: what stands in the request line comes before the header.
    if let Some(authority) = uri.authority() {
        return Ok(Some(authority.clone()));
    }
    let mut all = headers.get_all(HOST).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => {
            let host = host.to_str().map_err(|_| ())?;
            if host.is_empty() { Err(()) } else { host.parse().map(Some).map_err(|_| ()) }
        }
        _ => Err(()),
    }
}

/// Whether a request without credentials names us by a name of ours. `own`: this machine's name.
///
/// # Errors
/// 421, with what to configure.
pub fn check(
    named: Result<&Option<Authority>, &()>,
    peer: Option<IpAddr>,
    server: &Server,
    own: Option<&str>,
) -> Result<(), Problem> {
    let misdirected = |detail: String| Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    match named {
        Ok(Some(name)) if is_ours(name.host(), server, own) => Ok(()),
        Ok(Some(name)) => {
            let shown: String = name.host().chars().take(100).collect();
            misdirected(format!(
                "{shown:?} is no name of this server: add it to [server] hosts (or set public_url, read_token or tls)"
            ))
        }
        // No browser leaves it out, so no page can be behind it; from elsewhere it is refused all the same.
        Ok(None) if peer.is_some_and(|peer| peer.to_canonical().is_loopback()) => Ok(()),
        Ok(None) => misdirected("a Host header is needed".to_owned()),
        Err(()) => misdirected("the Host header is not one name".to_owned()),
    }
}

fn is_ours(host: &str, server: &Server, own: Option<&str>) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if host.is_empty() {
        return false;
    }
    if is_address(&host) || is_localhost(&host) || !host.contains('.') {
        return true;
    }
    PRIVATE.iter().any(|suffix| is_below(&host, suffix))
        || server.public_url.as_ref().and_then(|url| url.host_str()) == Some(&*host)
        || server.hosts.contains(&host)
        || own.is_some_and(|own| own.eq_ignore_ascii_case(&host))
}

/// A page is asked for by address only if it is ours: no name, no rebinding.
fn is_address(host: &str) -> bool {
    bare(host).parse::<IpAddr>().is_ok()
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || is_below(host, "localhost")
}

fn is_below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// An address without the brackets of version 6.
pub fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// This machine's name, as its kernel has it. A few bytes of no disk, once, at the start.
pub fn own_name() -> Option<String> {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    name.ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn server() -> Server {
        Server {
            public_url: Some("https://authprobe.example.com/".parse().unwrap()),
            hosts: vec!["probe.example.net".into()],
            ..Server::at("127.0.0.1:9464".parse().unwrap())
        }
    }

    fn status(host: Option<&'static str>, peer: &str) -> Option<StatusCode> {
        let headers = host.map(|host| (HOST, HeaderValue::from_static(host))).into_iter().collect();
        let named = asked_for(&Uri::from_static("/"), &headers);
        check(named.as_ref(), Some(peer.parse().unwrap()), &server(), Some("box.example.org"))
            .err()
            .map(|problem| axum::response::IntoResponse::into_response(problem).status())
    }

    #[test]
    fn names_that_nobody_else_can_have_are_ours() {
        for host in [
            "127.0.0.1:9464",
            "192.0.2.7",
            "[::1]:9464",
            "[2001:db8::1]",
            "localhost",
            "LocalHost:1",
            "localhost.",
            "a.b.localhost:80",
            "authprobe",
            "authprobe:9464",
            "authprobe.monitoring.svc:9464",
            "authprobe.monitoring.svc.cluster.local",
            "probe.local",
            "probe.corp.internal",
            "nas.home.arpa",
            "probe.lan",
            "probe.localdomain",
            "probe.test",
            "authprobe.example.com",
            "AUTHPROBE.example.com:443",
            "probe.example.net:9464",
            "box.example.org",
        ] {
            assert_eq!(status(Some(host), "192.0.2.1"), None, "{host}");
        }
    }

    #[test]
    fn names_that_anybody_can_register_are_not() {
        for host in [
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1.nip.example",
            "authprobe.example.com.evil.example",
            "sub.authprobe.example.com",
            "xlocalhost.example",
            "notlocal.example",
            "svc.example",
            "evilinternal.com",
            ".internal",
            "",
            ":80",
            "a b",
        ] {
            let found = status(Some(host), "127.0.0.1");
            assert_eq!(found, Some(StatusCode::MISDIRECTED_REQUEST), "{host}: not even from this machine");
        }
    }

    #[test]
    fn without_a_name_only_this_machine_may_ask() {
        for (peer, expected) in [
            ("127.0.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("192.0.2.1", Some(StatusCode::MISDIRECTED_REQUEST)),
        ] {
            assert_eq!(status(None, peer), expected, "{peer}");
        }
    }

    #[test]
    fn the_request_line_comes_before_the_header_and_two_headers_are_none() {
        let one: HeaderMap = [(HOST, HeaderValue::from_static("localhost"))].into_iter().collect();
        let named = asked_for(&Uri::from_static("http://evil.example/"), &one).unwrap().unwrap();
        assert_eq!(named.host(), "evil.example");
        let mut two = one;
        two.append(HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(asked_for(&Uri::from_static("/"), &two), Err(()));
    }
}
