//! `[[region]]`: ways out of this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::BuildOptions;
use super::desk::Desk;
use super::typed::{self, Item};
use crate::config::model::Region;
use crate::config::values::TextOrSecret;
use crate::config::{Mistake, nearest};
use crate::oidc::http::{Egress, Proxy, Webdriver};

/// All regions, and which of them this process runs.
pub struct Regions {
    /// Every one that is configured and could be read, in order.
    pub all: Vec<Arc<Egress>>,
    /// The names of all, those that could not be read included.
    pub names: Vec<String>,
    /// The names that `--region` selects; `None`: all.
    pub selected: Option<Vec<String>>,
}

impl Regions {
    /// Whether this process runs it.
    pub fn runs(&self, name: &str) -> bool {
        self.selected.as_ref().is_none_or(|selected| selected.iter().any(|s| s == name))
    }
}

/// Resolves all regions.
pub fn regions(desk: &mut Desk<'_>, options: &BuildOptions) -> Regions {
    let items: Vec<Item<'_, Region>> = typed::items(desk.loaded, "region", &mut desk.mistakes);
    typed::unique("region", &items, &mut desk.mistakes);
    let mut all: Vec<Arc<Egress>> = Vec::new();
    for item in &items {
        if let Some(region) = &item.value {
            all.push(Arc::new(egress(desk, item, region)));
        }
    }
    let mut names: Vec<String> = typed::names(&items).into_iter().map(str::to_owned).collect();
    if items.is_empty() {
        all.push(Arc::new(direct("local")));
        names.push("local".to_owned());
    }
    let selected = options.regions.clone().filter(|selected| !selected.is_empty());
    for name in selected.iter().flatten() {
        if !names.contains(name) {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut message = format!("--region: unknown region `{name}`");
            if let Some(near) = nearest::nearest(name, known.iter().copied()) {
                message.push_str(&format!(": did you mean `{near}`?"));
            }
            desk.wrong(Mistake::general(message).help(format!("configured: {}", nearest::listed(known))));
        }
    }
    Regions { all, names, selected }
}

/// A region without any settings: straight from this machine.
pub fn direct(name: &str) -> Egress {
    Egress::direct(name)
}

fn egress(desk: &mut Desk<'_>, item: &Item<'_, Region>, region: &Region) -> Egress {
    let proxy = region.proxy.as_ref().and_then(|text| {
        let (text, kept) = desk.text(item, "proxy", text)?;
        match parse_proxy(&text) {
            Ok(proxy) if proxy.credentials.is_some() && !kept => {
                let message = "a proxy's user name and password must not stand in the configuration itself";
                let help = "keep the whole URL elsewhere: { env = \"NAME\" } or { file = \"path\" }";
                desk.wrong(item.mistake("proxy", message).help(help).mask(item.at("proxy")));
                None
            }
            Ok(proxy) => Some(proxy),
            Err(why) => {
                let mistake = item.mistake("proxy", why);
                // What does not even parse may hold a password all the same.
                desk.wrong(if text.contains('@') { mistake.mask(item.at("proxy")) } else { mistake });
                None
            }
        }
    });
    let mut resolve = BTreeMap::new();
    for (host, addresses) in region.resolve.iter().flatten() {
        if !is_host_name(host) {
            let message = format!("{host:?} is not a host name: no scheme, port or path belongs here");
            desk.wrong(item.mistake_at_key("resolve", host, message));
        }
        resolve.insert(host.trim_end_matches('.').to_ascii_lowercase(), addresses.0.clone());
    }
    if let Some(proxy) = &proxy
        && !resolve.is_empty()
        && proxy.url.scheme() != "socks5"
    {
        let message = format!("`resolve` has no effect: a {} proxy resolves names itself", proxy.url.scheme());
        desk.wrong(
            item.mistake("resolve", message).help("use socks5://, which leaves resolving to us, or drop one of both"),
        );
    }
    let webdriver = region.webdriver.as_ref().and_then(|text| webdriver(desk, item, text));
    Egress {
        region: region.name.0.as_str().into(),
        proxy,
        resolve,
        source_address: region.source_address.map(|address| address.0),
        references: region.reference.iter().flatten().map(|url| url.0.clone()).collect(),
        webdriver,
    }
}

fn webdriver(desk: &mut Desk<'_>, item: &Item<'_, Region>, text: &TextOrSecret) -> Option<Webdriver> {
    let (text, kept) = desk.text(item, "webdriver", text)?;
    match Webdriver::parse(&text) {
        Ok(webdriver) if webdriver.credentials.is_some() && !kept => {
            let message = "a WebDriver's user name and password must not stand in the configuration itself";
            let help = "keep the whole URL elsewhere: { env = \"NAME\" } or { file = \"path\" }";
            desk.wrong(item.mistake("webdriver", message).help(help).mask(item.at("webdriver")));
            None
        }
        Ok(webdriver) => Some(webdriver),
        Err(why) => {
            let message = format!("expected a WebDriver such as \"http://127.0.0.1:9515\": {why}");
            let mistake = item.mistake("webdriver", message);
            desk.wrong(if text.contains('@') { mistake.mask(item.at("webdriver")) } else { mistake });
            None
        }
    }
}

/// Reads a proxy's URL. The error never repeats it: it may hold a password.
fn parse_proxy(text: &str) -> Result<Proxy, String> {
    const WANTED: &str = "expected a proxy such as \"http://proxy:3128\" or \"socks5h://127.0.0.1:1080\"";
    let proxy = Proxy::parse(text).map_err(|why| format!("{WANTED}: {why}"))?;
    // Servers of SOCKS listen anywhere: one whose port was left out is more likely forgotten than meant to be 1080.
    if proxy.is_socks() && proxy.url.port().is_none() {
        return Err(format!("{WANTED}: it has no port"));
    }
    Ok(proxy)
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies() {
        let proxy = parse_proxy("http://us%40er:p%3Aw%25@proxy.example:3128").unwrap();
        assert_eq!(proxy.url.as_str(), "http://proxy.example:3128/");
        let (user, password) = proxy.credentials.unwrap();
        assert_eq!((user.as_str(), password.expose()), ("us@er", "p:w%"));
        for text in [
            "proxy:3128",
            "ftp://proxy",
            "socks5://proxy",
            "http://proxy/x",
            "http://",
            "http://u:hunter2@/",
            "http://u:hunter2@proxy:0",
            "http://u:hunter2%zz@proxy:3128",
        ] {
            let error = parse_proxy(text).unwrap_err();
            assert!(error.starts_with("expected a proxy such as") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn host_names() {
        for (text, good) in [
            ("login.example.com", true),
            ("a", true),
            ("https://a", false),
            ("a:80", false),
            ("a..b", false),
            ("", false),
        ] {
            assert_eq!(is_host_name(text), good, "{text}");
        }
    }
}
