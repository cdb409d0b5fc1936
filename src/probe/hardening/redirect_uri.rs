//! Redirect URIs that are not the registered one. RFC 9700 §2.1 and §4.1.3: exact string matching, but for the port of a
//! loopback address (RFC 8252 §7.3).

use url::{Host, Url};

use super::attack::{Attack, How, Needs, Strength};
use super::door::ATTACKER;
use crate::oidc::metadata;
use crate::oidc::settings::RedirectUri;

macro_rules! table {
    ($($name:literal $summary:literal $clause:literal $mutate:expr;)*) => {
        /// The attacks of this group.
        pub const TABLE: &[Attack] = &[$(Attack {
            name: $name,
            summary: $summary,
            clause: $clause,
            strength: Strength::Must,
            needs: Needs::LoginPage,
            requests: super::door::MOST,
            how: How::RedirectUri($mutate),
        },)*];
    };
}

table! {
    "redirect_unregistered" "a redirect URI that has nothing to do with the registered one"
        "RFC 9700 §2.1" |_| vec![format!("https://{ATTACKER}/collect")];
    "redirect_other_host" "the registered redirect URI on another host"
        "RFC 9700 §4.1.3" |uri| with_host(uri, |_| ATTACKER.to_owned());
    "redirect_host_suffix" "the registered host as the beginning of another (`app.example.attacker.example`)"
        "RFC 9700 §4.1.1" |uri| with_host(uri, |host| format!("{host}.{ATTACKER}"));
    "redirect_host_prefix" "a host that ends with the registered one (`evilapp.example`)"
        "RFC 9700 §4.1.1" |uri| with_domain(uri, |host| format!("attacker{host}"));
    "redirect_subdomain" "a subdomain of the registered host"
        "RFC 9700 §4.1.3" |uri| with_domain(uri, |host| format!("attacker.{host}"));
    "redirect_host_dot" "the registered host with a final dot"
        "RFC 9700 §4.1.3" |uri| with_domain(uri, |host| format!("{host}."));
    "redirect_userinfo" "the registered host as user name before another host (`https://app.example@attacker.example`)"
        "RFC 9700 §4.1.3" |uri| with_host(uri, |host| format!("{host}@{ATTACKER}"));
    "redirect_backslash" "another host before a backslash, which some parsers take for the user name's end"
        "RFC 9700 §4.1.3" |uri| with_host(uri, |host| format!("{ATTACKER}\\@{host}"));
    "redirect_localhost" "`localhost` where the address is registered, or the other way round"
        "RFC 8252 §8.3" other_loopback;
    "redirect_scheme" "the registered redirect URI by http instead of https, or the other way round"
        "RFC 9700 §4.1.3" other_scheme;
    "redirect_port" "another port of the registered host, unless that is a loopback address"
        "RFC 9700 §4.1.3" other_port;
    "redirect_path_suffix" "a path below the registered one"
        "RFC 9700 §4.1.3" |uri| with_path(uri, |path| format!("{}/attacker", path.trim_end_matches('/')));
    "redirect_path_longer" "a path that begins with the registered one (`/cbattacker`)"
        "RFC 9700 §4.1.3" |uri| with_path(uri, |path| format!("{path}attacker"));
    "redirect_path_traversal" "the registered path and out of it again (`/cb/../attacker`)"
        "RFC 9700 §4.1.3" |uri| with_path(uri, |path| format!("{}/../attacker", path.trim_end_matches('/')));
    "redirect_path_encoded_traversal" "the same, percent-encoded (`/cb/%2e%2e/attacker`)"
        "RFC 9700 §4.1.3" |uri| with_path(uri, |path| format!("{}/%2e%2e/attacker", path.trim_end_matches('/')));
    "redirect_path_case" "the registered path in other letters (`/CB`)"
        "RFC 9700 §4.1.3" |uri| with_path(uri, other_case);
    "redirect_path_encoded" "the registered path with a letter percent-encoded (`/%63b`)"
        "RFC 9700 §4.1.3" |uri| with_path(uri, encoded_letter);
    "redirect_trailing_slash" "the registered path with a final slash more or less"
        "RFC 9700 §4.1.3" |uri| with_path(uri, other_slash);
    "redirect_query" "the registered redirect URI with a parameter more"
        "RFC 9700 §4.1.3" |uri| with_query(uri, "attacker=1");
    "redirect_open_redirector" "the registered redirect URI with a parameter that names another place to go to"
        "RFC 9700 §4.11" |uri| with_query(uri, &format!("next=https%3A%2F%2F{ATTACKER}%2F"));
    "redirect_fragment" "the registered redirect URI with a fragment"
        "RFC 6749 §3.1.2" |uri| vec![format!("{}#attacker", uri.as_str())];
    "redirect_twice" "the registered redirect URI, and another one beside it"
        "RFC 6749 §3.1" |uri| vec![uri.as_str().to_owned(), format!("https://{ATTACKER}/collect")];
    "redirect_two_in_one" "the registered redirect URI and another one in one parameter, with a space between"
        "RFC 9700 §4.1.3" |uri| vec![format!("{} https://{ATTACKER}/collect", uri.as_str())];
    "redirect_null" "another host behind a null byte, at which some programs stop comparing"
        "RFC 9700 §4.1.3" |uri| vec![format!("{}\0.{ATTACKER}", uri.as_str())];
    "redirect_javascript" "a script instead of an address"
        "RFC 9700 §4.1.3" |_| vec!["javascript:alert(document.domain)//attacker".to_owned()];
}

/// The pieces of a redirect URI as it was written.
struct Pieces<'u> {
    scheme: &'u str,
    host: &'u str,
    port: &'u str,
    path: &'u str,
    query: &'u str,
}

impl<'u> Pieces<'u> {
    /// `None` for one without a host, such as a native application's own scheme, or with a user name.
    fn of(uri: &'u RedirectUri) -> Option<Self> {
        let (scheme, rest) = uri.as_str().split_once("://")?;
        let (before, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let (authority, path) = before.find('/').map_or((before, ""), |at| before.split_at(at));
        let host_ends = authority.rfind(']').map_or(0, |at| at + 1);
        let port_begins = authority[host_ends..].find(':').map_or(authority.len(), |at| host_ends + at);
        let (host, port) = authority.split_at(port_begins);
        (!host.is_empty() && !authority.contains('@')).then_some(Self { scheme, host, port, path, query })
    }

    fn written(&self, host: &str, port: &str, path: &str) -> Vec<String> {
        vec![format!("{}://{host}{port}{path}{}", self.scheme, self.query)]
    }
}

fn with_host(uri: &RedirectUri, change: impl Fn(&str) -> String) -> Vec<String> {
    match Pieces::of(uri) {
        Some(p) if !p.host.starts_with('[') => p.written(&change(p.host), p.port, p.path),
        _ => Vec::new(),
    }
}

fn with_domain(uri: &RedirectUri, change: impl Fn(&str) -> String) -> Vec<String> {
    if matches!(uri.url().host(), Some(Host::Domain(_))) { with_host(uri, change) } else { Vec::new() }
}

fn with_path(uri: &RedirectUri, change: impl Fn(&str) -> String) -> Vec<String> {
    let Some(p) = Pieces::of(uri) else { return Vec::new() };
    let path = if p.path.is_empty() { "/" } else { p.path };
    let changed = change(path);
    if changed == path || changed.is_empty() { Vec::new() } else { p.written(p.host, p.port, &changed) }
}

fn with_query(uri: &RedirectUri, more: &str) -> Vec<String> {
    let sign = if uri.as_str().contains('?') { '&' } else { '?' };
    vec![format!("{}{sign}{more}", uri.as_str())]
}

fn other_scheme(uri: &RedirectUri) -> Vec<String> {
    let other = match uri.url().scheme() {
        "https" => "http",
        "http" => "https",
        _ => return Vec::new(),
    };
    uri.as_str().split_once(':').map(|(_, rest)| format!("{other}:{rest}")).into_iter().collect()
}

/// RFC 8252 §7.3: on a loopback address every port is fine. (`localhost` is none, but many providers take it for one.)
fn other_port(uri: &RedirectUri) -> Vec<String> {
    if metadata::is_loopback(uri.url()) {
        return Vec::new();
    }
    let other = if uri.url().port() == Some(4443) { ":4444" } else { ":4443" };
    Pieces::of(uri).map_or_else(Vec::new, |p| p.written(p.host, other, p.path))
}

fn other_loopback(uri: &RedirectUri) -> Vec<String> {
    let other = match uri.url().host() {
        Some(Host::Ipv4(ip)) if ip.is_loopback() => "localhost",
        Some(Host::Domain("localhost")) => "127.0.0.1",
        _ => return Vec::new(),
    };
    with_host(uri, |_| other.to_owned())
}

fn other_case(path: &str) -> String {
    let upper = path.to_ascii_uppercase();
    if upper == path { path.to_ascii_lowercase() } else { upper }
}

fn encoded_letter(path: &str) -> String {
    match path.char_indices().find(|(_, c)| c.is_ascii_alphanumeric()) {
        Some((at, c)) => format!("{}%{:02x}{}", &path[..at], u32::from(c), &path[at + 1..]),
        None => path.to_owned(),
    }
}

fn other_slash(path: &str) -> String {
    match path.strip_suffix('/') {
        // Without a path there is no other way to write it.
        Some("") => path.to_owned(),
        Some(shorter) => shorter.to_owned(),
        None => format!("{path}/"),
    }
}

/// Whether a redirect to `target` obeys the mutated `sent` and not the registered URI.
pub fn obeys(target: &Url, sent: &str, registered: &Url) -> bool {
    let attackers = |host: &str| host == ATTACKER || host.ends_with(&format!(".{ATTACKER}"));
    if target.host_str().is_some_and(attackers) || matches!(target.scheme(), "javascript" | "data") {
        return true;
    }
    let Ok(sent) = Url::parse(sent) else { return false };
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port(), url.path().to_owned());
    if place(target) != place(&sent) {
        return false;
    }
    if place(&sent) != place(registered) {
        return true;
    }
    let extra = |(name, value): &(String, String)| {
        !registered.query_pairs().any(|(n, v)| n == name.as_str() && v == value.as_str())
    };
    let more: Vec<(String, String)> = sent.query_pairs().into_owned().filter(|pair| extra(pair)).collect();
    let kept = |pair: &(String, String)| target.query_pairs().into_owned().any(|found| found == *pair);
    (!more.is_empty() && more.iter().all(kept)) || (sent.fragment().is_some() && target.fragment() == sent.fragment())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &str, uri: &str) -> Vec<String> {
        let attack = TABLE.iter().find(|attack| attack.name == name).unwrap_or_else(|| panic!("{name}"));
        let How::RedirectUri(mutate) = attack.how else { panic!("{name}") };
        mutate(&RedirectUri::parse(uri).unwrap())
    }

    #[test]
    fn mutations_are_what_they_say() {
        let uri = "https://app.example.com/cb";
        for (name, expected) in [
            ("redirect_other_host", "https://attacker.example/cb"),
            ("redirect_host_suffix", "https://app.example.com.attacker.example/cb"),
            ("redirect_host_prefix", "https://attackerapp.example.com/cb"),
            ("redirect_subdomain", "https://attacker.app.example.com/cb"),
            ("redirect_host_dot", "https://app.example.com./cb"),
            ("redirect_userinfo", "https://app.example.com@attacker.example/cb"),
            ("redirect_backslash", "https://attacker.example\\@app.example.com/cb"),
            ("redirect_scheme", "http://app.example.com/cb"),
            ("redirect_port", "https://app.example.com:4443/cb"),
            ("redirect_path_suffix", "https://app.example.com/cb/attacker"),
            ("redirect_path_longer", "https://app.example.com/cbattacker"),
            ("redirect_path_traversal", "https://app.example.com/cb/../attacker"),
            ("redirect_path_encoded_traversal", "https://app.example.com/cb/%2e%2e/attacker"),
            ("redirect_path_case", "https://app.example.com/CB"),
            ("redirect_path_encoded", "https://app.example.com/%63b"),
            ("redirect_trailing_slash", "https://app.example.com/cb/"),
            ("redirect_query", "https://app.example.com/cb?attacker=1"),
            ("redirect_fragment", "https://app.example.com/cb#attacker"),
            ("redirect_null", "https://app.example.com/cb\0.attacker.example"),
        ] {
            assert_eq!(sent(name, uri), [expected], "{name}");
        }
        assert_eq!(sent("redirect_twice", uri), [uri, "https://attacker.example/collect"]);
    }

    /// RFC 8252 §7.3.
    #[test]
    fn a_loopback_port_is_no_mutation() {
        for uri in ["http://127.0.0.1:8765/cb", "http://[::1]:8765/cb", "http://localhost:1/cb"] {
            assert_eq!(sent("redirect_port", uri), [""; 0], "{uri}");
        }
        assert_eq!(sent("redirect_localhost", "http://127.0.0.1:8765/cb"), ["http://localhost:8765/cb"]);
        assert_eq!(sent("redirect_localhost", "http://localhost:8765/cb"), ["http://127.0.0.1:8765/cb"]);
        assert_eq!(sent("redirect_localhost", "https://app.example.com/cb"), [""; 0]);
        assert_eq!(sent("redirect_host_suffix", "http://127.0.0.1:1/cb"), ["http://127.0.0.1.attacker.example:1/cb"]);
    }

    #[test]
    fn a_native_applications_own_scheme_has_no_host_to_change() {
        for name in ["redirect_other_host", "redirect_scheme", "redirect_port", "redirect_path_case"] {
            assert_eq!(sent(name, "com.example.app:/cb"), [""; 0], "{name}");
        }
        assert_eq!(sent("redirect_query", "com.example.app:/cb"), ["com.example.app:/cb?attacker=1"]);
    }

    #[test]
    fn it_is_told_whom_a_redirect_obeys() {
        let registered = Url::parse("https://app.example.com/cb?a=b").unwrap();
        let obeys = |target: &str, sent: &str| obeys(&Url::parse(target).unwrap(), sent, &registered);
        for (target, sent) in [
            ("https://attacker.example/collect?error=x", "https://attacker.example/collect"),
            ("https://app.example.com.attacker.example/cb?error=x", "https://app.example.com.attacker.example/cb"),
            ("https://app.example.com/cb?a=b&attacker=1&error=x", "https://app.example.com/cb?a=b&attacker=1"),
            ("https://app.example.com/cb?a=b&error=x#attacker", "https://app.example.com/cb?a=b#attacker"),
            ("https://app.example.com/attacker?error=x", "https://app.example.com/cb/../attacker"),
            ("http://app.example.com/cb?error=x", "http://app.example.com/cb?a=b"),
            ("https://attacker.example/", "not a URL\0"),
            ("javascript:alert(1)", "javascript:alert(1)"),
        ] {
            assert!(obeys(target, sent), "{target} for {sent}");
        }
        for (target, sent) in [
            ("https://app.example.com/cb?a=b&error=invalid_request", "https://app.example.com/cb?a=b&attacker=1"),
            ("https://app.example.com/cb?a=b&error=x", "https://app.example.com/cb?a=b#attacker"),
            ("https://login.example.com/login?to=https://attacker.example/", "https://attacker.example/collect"),
            ("https://app.example.com/cb?error=x", "https://attacker.example/collect"),
        ] {
            assert!(!obeys(target, sent), "{target} for {sent}");
        }
    }
}
