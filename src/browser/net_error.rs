//! Chromium's network errors (`net::ERR_…`) and Firefox's (`NS_ERROR_…`) as the classes that plain HTTP has too.

use url::Url;

use crate::fault::{Class, Fault};

/// Error names by what they begin with, and their classes; the first that fits counts.
const TABLE: &[(&str, Class)] = &[
    ("CERT_", Class::Certificate),
    ("SSL_PINNED_KEY", Class::Certificate),
    ("SSL_", Class::Tls),
    ("BAD_SSL_", Class::Tls),
    ("QUIC_", Class::Tls),
    ("ECH_", Class::Tls),
    ("NAME_NOT_RESOLVED", Class::Dns),
    ("NAME_RESOLUTION_FAILED", Class::Dns),
    ("DNS_", Class::Dns),
    ("ICANN_NAME_COLLISION", Class::Dns),
    ("CONNECTION_REFUSED", Class::Connect),
    ("CONNECTION_FAILED", Class::Connect),
    ("ADDRESS_", Class::Connect),
    ("INTERNET_DISCONNECTED", Class::Connect),
    ("NETWORK_", Class::Connect),
    ("UNSAFE_PORT", Class::Connect),
    ("CONNECTION_TIMED_OUT", Class::Timeout),
    ("TIMED_OUT", Class::Timeout),
    ("CONNECTION_RESET", Class::Reset),
    ("CONNECTION_CLOSED", Class::Reset),
    ("CONNECTION_ABORTED", Class::Reset),
    ("EMPTY_RESPONSE", Class::Reset),
    ("INCOMPLETE_CHUNKED_ENCODING", Class::Reset),
    ("CONTENT_LENGTH_MISMATCH", Class::Reset),
    ("HTTP2_", Class::Reset),
    ("SPDY_", Class::Reset),
    ("TOO_MANY_REDIRECTS", Class::Redirect),
    ("INVALID_REDIRECT", Class::Redirect),
    ("UNSAFE_REDIRECT", Class::Redirect),
    ("UNKNOWN_URL_SCHEME", Class::Redirect),
    ("DISALLOWED_URL_SCHEME", Class::Redirect),
    ("INVALID_URL", Class::Redirect),
    ("INVALID_HTTP_RESPONSE", Class::Malformed),
    ("INVALID_RESPONSE", Class::Malformed),
    ("INVALID_CHUNKED_ENCODING", Class::Malformed),
    ("INVALID_SIGNED_EXCHANGE", Class::Malformed),
    ("INVALID_AUTH_CREDENTIALS", Class::HttpStatus),
    ("HTTP_RESPONSE_CODE_FAILURE", Class::HttpStatus),
    ("RESPONSE_HEADERS_", Class::Malformed),
    ("CONTENT_DECODING_", Class::Malformed),
    ("BLOCKED_BY_RESPONSE", Class::Malformed),
    ("BLOCKED_BY_CSP", Class::Malformed),
    ("FILE_TOO_BIG", Class::TooLarge),
];

/// What Firefox calls them.
const FIREFOX: &[(&str, Class)] = &[
    ("NS_ERROR_UNKNOWN_HOST", Class::Dns),
    ("NS_ERROR_CONNECTION_REFUSED", Class::Connect),
    ("NS_ERROR_PORT_ACCESS_NOT_ALLOWED", Class::Connect),
    ("NS_ERROR_OFFLINE", Class::Connect),
    ("NS_ERROR_NET_TIMEOUT", Class::Timeout),
    ("NS_ERROR_NET_RESET", Class::Reset),
    ("NS_ERROR_NET_INTERRUPT", Class::Reset),
    ("NS_ERROR_NET_PARTIAL_TRANSFER", Class::Reset),
    ("NS_ERROR_REDIRECT_LOOP", Class::Redirect),
    ("NS_ERROR_MALFORMED_URI", Class::Redirect),
    ("NS_ERROR_UNKNOWN_PROTOCOL", Class::Redirect),
    ("SEC_ERROR_", Class::Certificate),
    ("MOZILLA_PKIX_ERROR_", Class::Certificate),
    ("SSL_ERROR_BAD_CERT_DOMAIN", Class::Certificate),
    ("SSL_ERROR_", Class::Tls),
];

/// A navigation that something else took the place of, or that we stopped: no fault.
const REPLACED: [&str; 3] = ["ERR_ABORTED", "NS_BINDING_ABORTED", "NS_ERROR_ABORT"];

/// Errors between the browser and the proxy that leads it out.
const OF_THE_PROXY: [&str; 4] = ["PROXY_", "SOCKS_", "TUNNEL_", "MANDATORY_PROXY_"];

/// What is wrong, if `text` is a network error at all. `None`: nothing is.
pub(super) fn fault(text: &str, url: &Url) -> Option<Fault> {
    let name = name(text)?;
    if REPLACED.contains(&name) {
        return None;
    }
    let bare = name.trim_start_matches("ERR_");
    let class = table_for(name)
        .iter()
        .find(|(known, _)| bare.starts_with(known) || name.starts_with(known))
        .map_or(Class::Browser, |(_, class)| *class);
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let detail = match class {
        Class::Browser => format!("the browser could not load a page of {host}:{port}: {name}"),
        _ if bare == "UNSAFE_PORT" => format!("{host}:{port}: browsers refuse to connect to that port ({name})"),
        Class::Certificate => format!("{host}:{port}: the browser does not accept the certificate ({name})"),
        _ => format!("{host}:{port}: {name}"),
    };
    Some(Fault::new(class, detail))
}

/// Whether the error may be about what our own proxy met on the way out.
pub(super) fn of_the_way_out(text: &str) -> bool {
    name(text).is_some_and(|name| {
        let bare = name.trim_start_matches("ERR_");
        OF_THE_PROXY.iter().any(|of| bare.starts_with(of))
            || table_for(name).iter().any(|(known, class)| {
                bare.starts_with(known) && matches!(class, Class::Dns | Class::Connect | Class::Timeout | Class::Reset)
            })
    })
}

fn table_for(name: &str) -> &'static [(&'static str, Class)] {
    if name.starts_with("ERR_") { TABLE } else { FIREFOX }
}

/// The name of the error in what a browser says.
pub(super) fn name(text: &str) -> Option<&str> {
    let start = ["net::ERR_", "NS_", "SEC_ERROR_", "SSL_ERROR_", "MOZILLA_PKIX_"]
        .iter()
        .find_map(|mark| text.find(mark).map(|at| if *mark == "net::ERR_" { at + 5 } else { at }))?;
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(rest.len());
    rest.get(..end.min(80))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Option<Class> {
        fault(text, &Url::parse("https://login.example.com/x?secret=1").unwrap()).map(|fault| {
            assert!(fault.detail.contains("login.example.com:443") && !fault.detail.contains("secret"));
            fault.class
        })
    }

    #[test]
    fn errors_have_the_classes_that_plain_http_has() {
        for (text, expected) in [
            ("unknown error: net::ERR_CERT_DATE_INVALID", Class::Certificate),
            ("net::ERR_SSL_PROTOCOL_ERROR", Class::Tls),
            ("net::ERR_NAME_NOT_RESOLVED", Class::Dns),
            ("net::ERR_CONNECTION_REFUSED\nat x", Class::Connect),
            ("net::ERR_UNSAFE_PORT", Class::Connect),
            ("net::ERR_CONNECTION_TIMED_OUT", Class::Timeout),
            ("net::ERR_TIMED_OUT", Class::Timeout),
            ("net::ERR_CONNECTION_RESET", Class::Reset),
            ("net::ERR_EMPTY_RESPONSE", Class::Reset),
            ("net::ERR_TOO_MANY_REDIRECTS", Class::Redirect),
            ("net::ERR_INVALID_HTTP_RESPONSE", Class::Malformed),
            ("net::ERR_INSUFFICIENT_RESOURCES", Class::Browser),
            ("net::ERR_SOCKS_CONNECTION_FAILED", Class::Browser),
            ("unknown error: Reached error page: SSL_ERROR_BAD_CERT_DOMAIN", Class::Certificate),
            ("NS_ERROR_UNKNOWN_HOST", Class::Dns),
        ] {
            assert_eq!(class(text), Some(expected), "{text}");
        }
        assert_eq!(class("net::ERR_ABORTED"), None);
        assert_eq!(class("no such frame: gone"), None);
    }

    #[test]
    fn what_the_proxy_met_is_asked_of_the_proxy() {
        assert!(of_the_way_out("net::ERR_SOCKS_CONNECTION_HOST_UNREACHABLE"));
        assert!(of_the_way_out("net::ERR_PROXY_CONNECTION_FAILED"));
        assert!(of_the_way_out("net::ERR_CONNECTION_CLOSED"));
        assert!(!of_the_way_out("net::ERR_CERT_DATE_INVALID"));
    }
}
