//! What a browser shows of its own in place of a page that it could not load: Chromium's `chrome-error:` with the name of
//! the network error, Firefox's `about:neterror?e=…`.

use url::Url;

use super::net_error;
use crate::fault::{Class, Fault};
use crate::oidc::form::Page;

/// What such a page says.
#[derive(Debug)]
pub(super) enum Broken {
    /// What went wrong.
    Fault(Fault),
    /// Nothing did: a document without content has an error status.
    Page(Box<Page>),
    /// That another page took its place, or that it does not say yet.
    Nothing,
}

/// Firefox's names for its error pages (`e=`), and their classes.
const FIREFOX: &[(&str, Class)] = &[
    ("dnsNotFound", Class::Dns),
    ("connectionFailure", Class::Connect),
    ("deniedPortAccess", Class::Connect),
    ("netOffline", Class::Connect),
    ("netTimeout", Class::Timeout),
    ("netReset", Class::Reset),
    ("netInterrupt", Class::Reset),
    ("netEmptyResponseError", Class::Reset),
    ("redirectLoop", Class::Redirect),
    ("malformedURI", Class::Redirect),
    ("unknownProtocolFound", Class::Redirect),
    ("nssBadCert", Class::Certificate),
    ("nssFailure", Class::Tls),
    ("sslv3Used", Class::Tls),
    ("inadequateSecurityError", Class::Tls),
    ("contentEncodingError", Class::Malformed),
    ("corruptedContentError", Class::Malformed),
    ("unsafeContentType", Class::Malformed),
    ("httpErrorPage", Class::HttpStatus),
    ("serverError", Class::HttpStatus),
];

/// Reads the address of the browser's own page, followed by the error code on it if it has one. `at`: what could not be
/// loaded, if the page does not say it.
pub(super) fn read(page: &str, at: Option<&Url>) -> Broken {
    let unknown = || Fault::new(Class::Browser, "the browser shows an error page of its own that names no error");
    if let Some(page) = Url::parse(page).ok().filter(|page| page.scheme() == "about") {
        let said = |name: &str| page.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value);
        let at = said("u").and_then(|url| Url::parse(&url).ok()).or_else(|| at.cloned());
        return Broken::Fault(said("e").and_then(|code| firefox(&code, at.as_ref()?)).unwrap_or_else(unknown));
    }
    let Some(at) = at else { return Broken::Fault(unknown()) };
    let code = page.split_once(' ').map_or("", |(_, code)| code.trim());
    if let Some(status) = code.strip_prefix("HTTP ERROR ").and_then(|status| status.parse().ok()) {
        let content = "<html><body></body></html>".to_owned();
        let page = Page { url: at.clone(), status, media_type: String::new(), gatekeeper: false, content };
        return Broken::Page(Box::new(page));
    }
    // A script of the page writes the code: it may not have run yet.
    if code.is_empty() {
        return Broken::Nothing;
    }
    if !code.starts_with("ERR_") && !code.starts_with("DNS_PROBE_") {
        return Broken::Fault(unknown());
    }
    net_error::fault(&format!("net::ERR_{}", code.trim_start_matches("ERR_")), at)
        .map_or(Broken::Nothing, Broken::Fault)
}

/// What a driver says of a page that was to be opened, if it is about the page.
pub(super) fn said(message: &str, at: &Url) -> Option<Fault> {
    let word = |c: char| !c.is_ascii_alphanumeric();
    net_error::fault(message, at).or_else(|| {
        let known = |word: &&str| FIREFOX.iter().any(|(name, _)| word.starts_with(name));
        firefox(message.split(word).find(known)?, at)
    })
}

fn firefox(code: &str, at: &Url) -> Option<Fault> {
    let (name, class) = FIREFOX.iter().find(|(name, _)| code.starts_with(name))?;
    let (host, port) = (at.host_str().unwrap_or_default(), at.port_or_known_default().unwrap_or_default());
    let what = match class {
        Class::Certificate => "the browser does not accept the certificate",
        Class::HttpStatus => "an error status without a page",
        _ => "the browser shows an error page",
    };
    Some(Fault::new(*class, format!("{host}:{port}: {what} ({name})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Url {
        Url::parse("https://login.example.com/x?code=secret").unwrap()
    }

    fn class(page: &str) -> Option<Class> {
        match read(page, Some(&at())) {
            Broken::Fault(fault) => {
                assert!(!fault.detail.contains("secret"), "{fault}");
                Some(fault.class)
            }
            Broken::Page(page) => {
                assert_eq!(page.status, 503);
                None
            }
            Broken::Nothing => None,
        }
    }

    #[test]
    fn error_pages_have_the_classes_of_their_errors() {
        for (page, expected) in [
            ("chrome-error://chromewebdata/ ERR_CONNECTION_REFUSED", Some(Class::Connect)),
            ("chrome-error://chromewebdata/ ERR_CERT_DATE_INVALID", Some(Class::Certificate)),
            ("chrome-error://chromewebdata/ ERR_ABORTED", None),
            ("chrome-error://chromewebdata/ HTTP ERROR 503", None),
            ("chrome-error://chromewebdata/ DNS_PROBE_FINISHED_NXDOMAIN", Some(Class::Dns)),
            ("chrome-error://chromewebdata/ ", None),
            ("chrome-error://chromewebdata/ secret", Some(Class::Browser)),
            ("about:neterror?e=connectionFailure&u=http%3A//x/%3Fcode%3Dsecret&c=UTF-8&d=secret", Some(Class::Connect)),
            ("about:neterror?e=dnsNotFound&u=x", Some(Class::Dns)),
            ("about:neterror?e=nssFailure2&u=x", Some(Class::Tls)),
            ("about:certerror?e=nssBadCert&u=x", Some(Class::Certificate)),
            ("about:neterror?e=secret&u=x", Some(Class::Browser)),
            ("about:neterror", Some(Class::Browser)),
        ] {
            assert_eq!(class(page), expected, "{page}");
        }
        assert!(
            matches!(read("about:neterror?e=dnsNotFound", None), Broken::Fault(fault) if fault.class == Class::Browser)
        );
    }

    #[test]
    fn what_drivers_say_of_a_page_is_understood() {
        let class = |message| said(message, &at()).map(|fault| fault.class);
        assert_eq!(class("Error: deniedPortAccess"), Some(Class::Connect));
        assert_eq!(class("Reached error page: about:neterror?e=dnsNotFound&u=x"), Some(Class::Dns));
        assert_eq!(class("unknown error: net::ERR_NAME_NOT_RESOLVED"), Some(Class::Dns));
        assert_eq!(class("timeout"), None);
    }
}
