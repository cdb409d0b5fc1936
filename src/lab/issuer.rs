//! The issuer and the URLs below it.

use std::net::SocketAddr;

use url::Url;

use super::endpoint::Endpoint;

/// Who the lab says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The identifier, character by character as it was given.
    pub text: String,
    /// The same without a final slash: endpoints are made from it (OIDC Discovery §4.1).
    pub base: String,
    /// Its path without a final slash; empty for most.
    pub path: String,
    /// Whether it is https, so that cookies are for https only.
    pub secure: bool,
}

impl Issuer {
    /// From what was given (see [`super::Options::issuer`]), the address that was bound, and whether TLS is spoken there.
    pub fn new(given: Option<&str>, address: SocketAddr, tls: bool) -> Result<Self, String> {
        let text = match given {
            Some(given) => given.replacen(":0/", &format!(":{}/", address.port()), 1),
            None if tls => format!("https://{address}"),
            None => format!("http://{address}"),
        };
        let text = match text.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", address.port()),
            None => text,
        };
        let url = Url::parse(&text).map_err(|e| format!("issuer {text}: {e}"))?;
        let bad = |why: &str| Err(format!("issuer {text}: {why}"));
        if !matches!(url.scheme(), "http" | "https") {
            return bad("must be http or https");
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return bad("must have no query, fragment or user name (OIDC Discovery §3)");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b)) || path.contains("//") {
            return bad("its path may hold letters, digits and /-._~ only");
        }
        Ok(Self { base: text.trim_end_matches('/').to_owned(), path, secure: url.scheme() == "https", text })
    }

    /// The URL of an endpoint.
    pub fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.base, endpoint.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_kept_as_given() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4000));
        let of = |given| Issuer::new(given, address, false);
        assert_eq!(of(None).unwrap().text, "http://127.0.0.1:4000");
        assert_eq!(Issuer::new(None, address, true).unwrap().text, "https://127.0.0.1:4000");
        let realm = of(Some("http://localhost:0/realms/lab")).unwrap();
        assert_eq!((realm.base.as_str(), realm.path.as_str()), ("http://localhost:4000/realms/lab", "/realms/lab"));
        assert_eq!(of(Some("http://localhost:0")).unwrap().text, "http://localhost:4000");
        let slash = of(Some("https://login.example.com/")).unwrap();
        assert_eq!(
            (slash.text.as_str(), slash.base.as_str()),
            ("https://login.example.com/", "https://login.example.com")
        );
        assert!(slash.secure && slash.path.is_empty());
        for bad in
            ["ftp://x", "http://x/?q", "http://x/#f", "http://u@x/", "x", "http://x/{a}", "http://x/:a", "http://x//a"]
        {
            assert!(of(Some(bad)).is_err(), "{bad}");
        }
    }
}
