//! The cookies of one run.

use ::http::HeaderValue;
use reqwest::cookie::{CookieStore, Jar};
use url::{Host, Url};

use crate::journey::Recorder;
use crate::oidc::{json, metadata};
use crate::outcome::Warning;

/// The most `Set-Cookie` headers of one answer that are obeyed.
const MAX_COOKIES: usize = 100;
/// The longest `Set-Cookie` header that is obeyed (bytes): twice what browsers must keep (RFC 6265 §6.1).
const MAX_COOKIE: usize = 8 * 1024;
/// Shorter values are settings rather than secrets, and masking them would mangle the text around them.
const MIN_SECRET: usize = 8;

/// A jar that tells the recorder every value, so that none is ever shown, and that keeps what browsers keep.
pub(super) struct ProtectingJar {
    jar: Jar,
    recorder: Recorder,
}

impl ProtectingJar {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { jar: Jar::default(), recorder }
    }

    /// Whether a browser would keep that cookie. A login that only works without it works for nobody.
    fn keeps(&self, header: &str, url: &Url) -> bool {
        let Some((clause, why)) = refusal(header, url) else { return true };
        let name = json::short(header.split([';', '=']).next().unwrap_or_default().trim(), 40);
        let host = url.host_str().unwrap_or_default();
        let detail = format!("browsers do not keep the cookie {name} of {host}: {why}");
        self.recorder.warn(Warning::new("cookie_refused", clause, detail));
        false
    }
}

impl CookieStore for ProtectingJar {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let mut obeyed = headers.filter(|header| header.len() <= MAX_COOKIE).take(MAX_COOKIES).filter(|header| {
            let header = String::from_utf8_lossy(header.as_bytes());
            let value = value_of(&header);
            if value.len() >= MIN_SECRET {
                self.recorder.protect(value);
            }
            self.keeps(&header, url)
        });
        self.jar.set_cookies(&mut obeyed, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.jar.cookies(url)
    }
}

fn value_of(header: &str) -> &str {
    let pair = header.split(';').next().unwrap_or_default();
    pair.split_once('=').map_or("", |(_, value)| value).trim().trim_matches('"')
}

/// Why browsers do not keep a cookie that an answer of `url` sets, and where that is written; `None`: they do, as far as
/// this tells.
fn refusal(header: &str, url: &Url) -> Option<(&'static str, &'static str)> {
    let mut parts = header.split(';');
    let (name, _) = parts.next()?.split_once('=')?;
    let attributes: Vec<(String, &str)> = parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    // RFC 6265 §5.3: the last of several counts.
    let attribute = |wanted: &str| attributes.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let name = name.trim().to_ascii_lowercase();
    let (secure, domain) = (attribute("secure").is_some(), attribute("domain").unwrap_or_default());
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    let prefixes = "RFC 6265bis §4.1.3";
    if secure && url.scheme() == "http" && !metadata::is_loopback(url) {
        return Some(("RFC 6265bis §5.7", "it is Secure and came over plain http"));
    }
    if name.starts_with("__secure-") && !secure {
        return Some((prefixes, "its name promises Secure, which is missing"));
    }
    if name.starts_with("__host-") {
        match (secure, domain.is_empty(), attribute("path")) {
            (false, ..) => return Some((prefixes, "its name promises Secure, which is missing")),
            (_, false, _) => return Some((prefixes, "its name promises one host, and it has a Domain")),
            (.., Some("/")) => {}
            _ => return Some((prefixes, "its name promises the Path /, which it does not have")),
        }
    }
    foreign(&domain, url).map(|why| ("RFC 6265 §5.3", why))
}

/// What is wrong with a `Domain` for that host (RFC 6265 §5.1.3); nothing if it is empty, which stands for the host alone.
fn foreign(domain: &str, url: &Url) -> Option<&'static str> {
    let host = url.host_str()?;
    if domain.is_empty() || domain == host {
        return None;
    }
    let within = matches!(url.host(), Some(Host::Domain(_)))
        && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    match within {
        false => Some("its Domain is not this host, and none above it"),
        // No list of public suffixes is at hand, but these are in every one.
        true if !domain.contains('.') => Some("its Domain is a whole top-level domain"),
        true => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::journey::Journey;

    #[test]
    fn the_value_is_what_is_between_equals_and_semicolon() {
        assert_eq!(value_of("sid=abc=def; Path=/; Secure"), "abc=def");
        assert_eq!(value_of("sid=\"abc def\"; HttpOnly"), "abc def");
        assert_eq!(value_of("sid"), "");
        assert_eq!(value_of(""), "");
    }

    /// What comes back to `then` of what `at` set, and whether there was a warning.
    fn sent(header: &[u8], at: &str, then: &str) -> (String, bool) {
        let journey = Journey::new(Clock::manual(Timestamp::from_secs(0)), Duration::from_secs(1), vec![]);
        let jar = ProtectingJar::new(journey.recorder().clone());
        let header = HeaderValue::from_bytes(header).unwrap();
        jar.set_cookies(&mut std::iter::once(&header), &Url::parse(at).unwrap());
        let back = jar.cookies(&Url::parse(then).unwrap());
        let told = !journey.finish(Duration::ZERO).now_or_never().unwrap().warnings.is_empty();
        (back.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(), told)
    }

    #[test]
    fn a_domain_is_the_host_or_above_it_and_no_whole_suffix() {
        let at = "https://login.example.com/a/b";
        for (domain, kept, elsewhere) in [
            ("login.example.com", true, false),
            (".login.example.com", true, false),
            ("Example.COM", true, true),
            ("", true, false),
            (".", true, false),
            ("com", false, false),
            (".com", false, false),
            ("other.example.com", false, false),
            ("gin.example.com", false, false),
            ("evil.example", false, false),
            ("192.0.2.1", false, false),
            ("login.example.com; Domain=evil.example", false, false),
            ("evil.example; Domain=example.com", true, true),
        ] {
            let header = format!("a=b; Path=/; Domain={domain}");
            let expected = |there: bool| if there { "a=b" } else { "" };
            assert_eq!(sent(header.as_bytes(), at, at), (expected(kept).to_owned(), !kept), "{domain}");
            let other = sent(header.as_bytes(), at, "https://www.example.com/").0;
            assert_eq!(other, expected(elsewhere), "{domain}");
        }
        let address = "http://192.0.2.7/";
        assert_eq!(sent(b"a=b; Domain=192.0.2.7", address, address).0, "a=b");
        for domain in ["2.7", "0.2.7"] {
            assert_eq!(sent(format!("a=b; Domain={domain}").as_bytes(), address, address), (String::new(), true));
        }
    }

    /// RFC 6265 §5.1.4 and §5.2.4.
    #[test]
    fn a_path_is_kept_as_it_is_or_taken_from_where_it_was_set() {
        let at = "https://login.example.com/realms/main/login";
        for (path, there, elsewhere) in [
            ("; Path=/", true, true),
            ("; Path=/realms", true, false),
            ("; Path=/realms/", true, false),
            ("; Path=/realm", false, false),
            ("; Path=/other", false, true),
            ("; Path=relative", true, false),
            ("; Path=", true, false),
            ("", true, false),
            ("; Path=/other; Path=/realms/main", true, false),
        ] {
            let header = format!("a=b{path}");
            let back = |then: &str| !sent(header.as_bytes(), at, then).0.is_empty();
            assert_eq!(back("https://login.example.com/realms/main/next"), there, "{path}");
            assert_eq!(back("https://login.example.com/other"), elsewhere, "{path}");
        }
    }

    #[test]
    fn names_keep_their_promises() {
        let at = "https://login.example.com/a";
        for (header, kept) in [
            ("__Host-a=b; Secure; Path=/", true),
            ("__host-a=b; Path=/", false),
            ("__Host-a=b; Secure; Path=/; Domain=login.example.com", false),
            ("__Host-a=b; Secure; Path=/a", false),
            ("__Host-a=b; Secure", false),
            ("__Secure-a=b; Secure", true),
            ("__Secure-a=b", false),
        ] {
            let (back, told) = sent(header.as_bytes(), at, at);
            assert_eq!((!back.is_empty(), told), (kept, !kept), "{header}");
        }
    }

    #[test]
    fn secure_cookies_take_https_or_loopback() {
        for (url, kept) in [("https://a.example/", true), ("http://127.0.0.1:1/", true), ("http://a.example/", false)] {
            assert_eq!(sent(b"a=b; Secure", url, url), (if kept { "a=b" } else { "" }.to_owned(), !kept), "{url}");
        }
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        let url = "https://a.example/";
        for header in
            [&b""[..], b"a", b"=b", b";", b"a=b\xff", b"a=b; Max-Age=0", b"a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
        {
            assert_eq!(sent(header, url, url), (String::new(), false), "{header:?}");
        }
        assert_eq!(sent(b"a=b; Max-Age=99999999999999999999", url, url).0, "a=b");
        assert_eq!(sent(b"a=b; Expires=soon; Max-Age=x", url, url).0, "a=b");
    }
}
