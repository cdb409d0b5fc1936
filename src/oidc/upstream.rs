//! Whose hosts a login meets. A broker sends its users on to other identity providers: their pages take time and break as
//! well, and are not the probed provider's. Pure.

use url::Url;

use crate::fault::{Class, Fault};
use crate::oidc::metadata::{ENDPOINTS, Metadata};
use crate::oidc::settings::Provider;

/// The hosts of a provider, and of those that it sends its users on to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    own: Vec<String>,
    upstream: Option<Vec<String>>,
}

impl Hosts {
    /// As the configuration tells: issuer, endpoints, `upstream`.
    pub fn of(provider: &Provider) -> Self {
        let mut hosts = Self { own: Vec::new(), upstream: provider.upstream.clone() };
        hosts.add(Url::parse(&provider.issuer).ok().iter().chain(provider.endpoints.values()));
        hosts
    }

    /// And as the metadata tells.
    pub fn learn(&mut self, metadata: &Metadata) {
        let endpoints: Vec<Url> = ENDPOINTS.iter().filter_map(|member| metadata.optional_endpoint(member)).collect();
        self.add(endpoints.iter());
    }

    /// And these.
    pub fn add<'u>(&mut self, urls: impl Iterator<Item = &'u Url>) {
        for host in urls.filter_map(Url::host_str) {
            if !self.own.iter().any(|own| own == host) {
                self.own.push(host.to_owned());
            }
        }
    }

    /// Whether a page there is an upstream provider's: of those that are configured or, without, of any host that is not
    /// the provider's own. An entry is a host, or a host with a port.
    pub fn is_upstream(&self, url: &Url) -> bool {
        let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else { return false };
        match &self.upstream {
            None => !self.own.iter().any(|own| own == host),
            Some(listed) => {
                let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
                listed.iter().any(|entry| entry == host || Some(entry) == with_port.as_ref())
            }
        }
    }

    /// `fault`, which happened there: says so if that is not the provider's own host. Our own faults stay as they are.
    #[must_use]
    pub fn told(&self, fault: Fault, url: &Url) -> Fault {
        if self.is_upstream(url) { told(fault, url) } else { fault }
    }
}

/// `fault`, which happened at an upstream provider: named in its words and as [`Fault::upstream`].
#[must_use]
pub fn told(mut fault: Fault, url: &Url) -> Fault {
    let ours = matches!(
        fault.class,
        Class::Budget | Class::Egress | Class::Config | Class::Internal | Class::Clock | Class::Browser
    );
    if let (false, None, Some(host)) = (ours, &fault.upstream, url.host_str()) {
        fault.detail =
            format!("at the upstream provider {host}, which is not the probed provider's own host: {}", fault.detail);
        fault.upstream = Some(host.into());
    }
    fault
}

/// An entry of the configuration: a host, perhaps with a port, as URLs have them. The error says what is wrong.
pub fn entry(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no host: write \"login.partner.example\" or \"login.partner.example:8443\"");
    let url = Url::parse(&format!("https://{text}")).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let host = url.host_str().filter(|_| bare && !text.ends_with('/')).ok_or_else(wrong)?;
    // The default port is not written in URLs, but meant here.
    let port = text.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    Ok(match port.filter(|port| !port.is_empty()) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn hosts(upstream: Option<&[&str]>) -> Hosts {
        let upstream = upstream.map(|all| all.iter().map(|entry| super::entry(entry).unwrap()).collect());
        let mut hosts = Hosts { own: Vec::new(), upstream };
        hosts.add([url("https://login.example.com/realms/main"), url("https://api.example.com/token")].iter());
        hosts
    }

    #[test]
    fn without_a_list_every_other_host_is_upstream() {
        let hosts = hosts(None);
        for (at, upstream) in [
            ("https://login.example.com:8443/page", false),
            ("https://api.example.com/", false),
            ("https://idp.partner.example/login", true),
            ("https://www.login.example.com/", true),
            ("com.example.app:/cb", false),
        ] {
            assert_eq!(hosts.is_upstream(&url(at)), upstream, "{at}");
        }
    }

    #[test]
    fn with_a_list_only_what_is_on_it() {
        let hosts = hosts(Some(&["IDP.partner.example", "other.example:8443", "[::1]:9000"]));
        for (at, upstream) in [
            ("https://idp.partner.example:1/login", true),
            ("https://other.example:8443/", true),
            ("https://other.example/", false),
            ("http://[::1]:9000/x", true),
            ("https://cdn.example.net/login", false),
        ] {
            assert_eq!(hosts.is_upstream(&url(at)), upstream, "{at}");
        }
        assert!(!super::Hosts { own: vec![], upstream: Some(vec![]) }.is_upstream(&url("https://a.example")));
        for wrong in ["https://a.example", "a.example/", "a.example/x", "", "a b", "u@a.example", "a.example:x"] {
            assert!(entry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_says_once_that_it_is_somebody_elses() {
        let (hosts, at) = (hosts(None), url("https://idp.partner.example/login?code=x"));
        let fault = hosts.told(hosts.told(Fault::new(Class::HttpStatus, "status 500"), &at), &at);
        assert_eq!(
            fault.detail,
            "at the upstream provider idp.partner.example, which is not the probed provider's own host: status 500"
        );
        assert_eq!(fault.upstream.as_deref(), Some("idp.partner.example"));
        let ours = hosts.told(Fault::new(Class::Budget, "all spent"), &at);
        assert_eq!((ours.detail.as_str(), ours.upstream), ("all spent", None));
        let own = hosts.told(Fault::new(Class::HttpStatus, "status 500"), &url("https://login.example.com/"));
        assert_eq!((own.detail.as_str(), own.upstream), ("status 500", None));
    }
}
