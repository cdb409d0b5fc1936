//! How a region's traffic leaves this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

use crate::secret::Secret;

/// A region: a way out of this machine.
#[derive(Clone, Debug)]
pub struct Egress {
    /// Its name: the `probe_region` label.
    pub region: Arc<str>,
    /// The proxy that everything goes through.
    pub proxy: Option<Proxy>,
    /// Host names (lower case) with fixed addresses. Without effect where an `http` or `https` proxy resolves; with
    /// `socks5h`, these names are sent to the proxy as addresses.
    pub resolve: BTreeMap<String, Vec<IpAddr>>,
    /// The local address that connections start from.
    pub source_address: Option<IpAddr>,
    /// Asked after a network fault: if these fail too, the fault is our egress.
    pub references: Vec<Url>,
    /// The WebDriver of this region, elsewhere; `None`: a browser on this machine that leaves as everything else does.
    pub webdriver: Option<Webdriver>,
}

impl Egress {
    /// Straight out of this machine.
    pub fn direct(region: impl Into<Arc<str>>) -> Self {
        Self {
            region: region.into(),
            proxy: None,
            resolve: BTreeMap::new(),
            source_address: None,
            references: Vec::new(),
            webdriver: None,
        }
    }

    /// The most addresses that `resolve` lists for one name and that are asked one by one; 0: none lists several.
    pub fn most_nodes(&self) -> u32 {
        let most = self.resolve.values().map(Vec::len).max().unwrap_or(0).min(super::MAX_NODES);
        if most > 1 { most as u32 } else { 0 }
    }

    /// The fixed addresses of a host name (lower case, as a URL has it), if it has any.
    pub(super) fn fixed(&self, host: &str) -> Option<&[IpAddr]> {
        // A final dot makes no other name of it (RFC 3986 §3.2.2).
        self.resolve.get(host.strip_suffix('.').unwrap_or(host)).map(Vec::as_slice)
    }
}

/// An egress proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http`, `https`, `socks5` (we resolve) or `socks5h` (it resolves); without user information.
    pub url: Url,
    /// User name and password, if the URL had them.
    pub credentials: Option<(String, Secret)>,
}

impl Proxy {
    /// From a URL such as `socks5h://user:password@127.0.0.1:1080`: percent-encoded user information is taken out of
    /// it. The error says what is wrong, without quoting any of it (it may hold a password).
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text.trim()).map_err(|e| format!("not a URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err("the scheme is one of http, https, socks5, socks5h".to_owned());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("it has no host".to_owned());
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("no path, query or fragment may follow host and port".to_owned());
        }
        if url.port() == Some(0) {
            return Err("nothing listens on port 0".to_owned());
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decode(user)?, Secret::new(decode(password.unwrap_or_default())?))),
        };
        // SOCKS carries each in one byte's length (RFC 1929 §2).
        if let Some((user, password)) = &credentials
            && (user.len() > 255 || password.expose().len() > 255)
        {
            return Err("its user name or password is longer than 255 bytes".to_owned());
        }
        // Both always succeed: there is a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, credentials })
    }

    /// Whether it speaks SOCKS.
    pub fn is_socks(&self) -> bool {
        self.url.scheme().starts_with("socks")
    }

    /// Its host, as the resolver is asked for it.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its port: 80, 443 or 1080 unless the URL names one.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(1080)
    }

    /// As it may be shown: scheme, host and port.
    pub fn display(&self) -> String {
        format!("{}://{}:{}", self.url.scheme(), self.host(), self.port())
    }
}

/// A WebDriver server on another machine, or of our own making: chromedriver, geckodriver, a Selenium Grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webdriver {
    /// Where it is: `http` or `https`, without user information; a path is where its commands begin (`/wd/hub`).
    pub url: Url,
    /// User name and password, if the URL had them: sent as HTTP Basic.
    pub credentials: Option<(String, Secret)>,
}

impl Webdriver {
    /// From a URL such as `https://user:password@grid.example:4444/wd/hub`: percent-encoded user information is taken
    /// out of it. The error says what is wrong, without quoting the URL (it may hold a password).
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text.trim()).map_err(|e| format!("not a URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("scheme {} is none of http, https", url.scheme()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("no host".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a WebDriver has no query or fragment".to_owned());
        }
        if url.port() == Some(0) {
            return Err("port 0".to_owned());
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decode(user)?, Secret::new(decode(password.unwrap_or_default())?))),
        };
        // RFC 7617 §2: the first colon ends the name.
        if credentials.as_ref().is_some_and(|(user, _)| user.contains(':')) {
            return Err("a user name for HTTP Basic has no colon".to_owned());
        }
        // Both always succeed: there is a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, credentials })
    }

    /// As it may be shown: without user information, without a final slash.
    pub fn display(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| (b? as char).to_digit(16);
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err("its user name or password has a broken percent-encoding".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "its user name or password is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_the_url() {
        let proxy = Proxy::parse("socks5h://al%40ice:p%3Ass%2F@proxy.example:1081").unwrap();
        let (user, password) = proxy.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("al@ice", "p:ss/"));
        assert_eq!(proxy.display(), "socks5h://proxy.example:1081");
        assert!(!format!("{proxy:?}").contains("p:ss"));
        assert!(proxy.is_socks());
    }

    #[test]
    fn a_webdriver_is_a_web_url_and_shows_no_credentials() {
        let grid = Webdriver::parse("https://pro%40be:hun%3Ater2@grid.example:4444/wd/hub").unwrap();
        let (user, password) = grid.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("pro@be", "hun:ter2"));
        assert_eq!(grid.display(), "https://grid.example:4444/wd/hub");
        assert!(!format!("{grid:?}").contains("ter2"));
        assert_eq!(Webdriver::parse("http://127.0.0.1:9515").unwrap().display(), "http://127.0.0.1:9515");
        for (url, wrong) in [
            ("ws://u:hunter2@grid", "scheme ws"),
            ("http://u:hunter2@", "not a URL"),
            ("http://u:hunter2@grid?x", "no query"),
            ("http://a%3Ab:hunter2@grid", "no colon"),
            ("grid.example:4444", "scheme grid.example"),
        ] {
            let error = Webdriver::parse(url).unwrap_err();
            assert!(error.contains(wrong) && !error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn nodes_are_told_apart_where_there_are_several() {
        let with = |addresses: &[&str]| {
            let mut egress = Egress::direct("eu");
            let all = addresses.iter().map(|address| address.parse().unwrap()).collect();
            egress.resolve.insert("login.example.com".to_owned(), all);
            egress.most_nodes()
        };
        assert_eq!((Egress::direct("eu").most_nodes(), with(&["192.0.2.7"]), with(&["192.0.2.7", "::1"])), (0, 0, 2));
        assert_eq!(with(&["192.0.2.7"; 20]), 8);
    }

    #[test]
    fn ports_have_defaults() {
        for (url, port) in [("http://p", 80), ("https://p/", 443), ("socks5://p", 1080), ("socks5h://[::1]:9", 9)] {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!(proxy.port(), port, "{url}");
            assert!(proxy.credentials.is_none());
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_quoting_it() {
        for (url, wrong) in [
            ("ftp://secret@p", "the scheme is"),
            ("socks4://p", "the scheme is"),
            ("http://p/secret", "no path"),
            ("http://p?secret", "no path"),
            ("http://se%zzcret@p", "percent-encoding"),
            ("http://se%FFcret@p", "UTF-8"),
            ("proxy.secret:3128", "scheme"),
            ("//secret", "not a URL"),
            ("http://p:0", "port 0"),
        ] {
            let error = Proxy::parse(url).unwrap_err();
            assert!(error.contains(wrong) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
