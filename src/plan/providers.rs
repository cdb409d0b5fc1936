//! `[[provider]]`: whom we look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::desk::Desk;
use super::typed::{self, Item};
use crate::config::model::{Metadata, Provider as Written};
use crate::config::nearest;
use crate::config::values::TextOrSecret;
use crate::oidc::http::Trust;
use crate::oidc::metadata::{ENDPOINTS, is_loopback};
use crate::oidc::settings::{MetadataSource, Provider};
use crate::oidc::upstream;

/// Headers that are ours to set.
const RESERVED_HEADERS: [&str; 13] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Resolves all providers.
pub fn providers(desk: &mut Desk<'_>, propagate_traceparent: bool) -> (Vec<Arc<Provider>>, Vec<String>) {
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "provider", &mut desk.mistakes);
    typed::unique("provider", &items, &mut desk.mistakes);
    let mut all = Vec::new();
    for item in &items {
        if let Some(written) = &item.value {
            all.push(Arc::new(provider(desk, item, written, propagate_traceparent)));
        }
    }
    (all, typed::names(&items).into_iter().map(str::to_owned).collect())
}

fn provider(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written, propagate_traceparent: bool) -> Provider {
    if let Err((why, help)) = check_issuer(&written.issuer) {
        desk.wrong(item.mistake("issuer", why).help(help));
    }
    let metadata = match written.metadata {
        None | Some(Metadata::Auto) => MetadataSource::Auto,
        Some(Metadata::Oidc) => MetadataSource::Oidc,
        Some(Metadata::Oauth) => MetadataSource::Oauth,
        Some(Metadata::None) => MetadataSource::None,
    };
    let endpoints = endpoints(desk, item, written);
    if metadata == MetadataSource::None && endpoints.is_empty() {
        let message = "with `metadata = \"none\"` the provider's `endpoints` must be named";
        desk.wrong(
            item.mistake("metadata", message).help(format!("allowed: {}", nearest::listed(ENDPOINTS.iter().copied()))),
        );
    }
    let ca_file = desk.ca_file(item, "ca_file", written.ca_file.as_ref());
    let upstream = upstream(desk, item, written);
    Provider {
        name: written.name.0.as_str().into(),
        issuer: written.issuer.as_str().into(),
        metadata,
        endpoints,
        upstream,
        headers: headers(desk, item, written.headers.as_ref(), &RESERVED_HEADERS),
        trust: Trust { ca_file },
        max_requests_per_minute: written.max_requests_per_minute,
        propagate_traceparent,
    }
}

fn upstream(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written) -> Option<Vec<String>> {
    let issuer = Url::parse(&written.issuer).ok();
    let own = issuer.as_ref().and_then(Url::host_str);
    let mut found = Vec::new();
    for text in written.upstream.as_ref()? {
        match upstream::entry(text) {
            Ok(entry) if Some(entry.as_str()) == own => {
                let message = format!("{text} is the issuer's own host: upstream providers are others");
                desk.wrong(item.mistake("upstream", message));
            }
            Ok(entry) => found.push(entry),
            Err(why) => desk.wrong(item.mistake("upstream", why)),
        }
    }
    Some(found)
}

fn endpoints(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written) -> BTreeMap<String, Url> {
    let mut found = BTreeMap::new();
    for (name, text) in written.endpoints.iter().flatten() {
        if !ENDPOINTS.contains(&name.as_str()) {
            let mut message = format!("unknown endpoint `{name}`");
            if let Some(near) = nearest::nearest(name, ENDPOINTS.iter().copied()) {
                message.push_str(&format!(": did you mean `{near}`?"));
            }
            let help = format!("allowed: {}", nearest::listed(ENDPOINTS.iter().copied()));
            desk.wrong(item.mistake_at_key("endpoints", name, message).help(help));
            continue;
        }
        match secure_url(text) {
            Ok(url) => _ = found.insert(name.clone(), url),
            Err(why) => desk.wrong(item.mistake_in("endpoints", name, why)),
        }
    }
    found
}

/// Reads headers; those that look like secrets must be kept elsewhere.
pub fn headers<T>(
    desk: &mut Desk<'_>,
    item: &Item<'_, T>,
    written: Option<&BTreeMap<String, TextOrSecret>>,
    reserved: &[&str],
) -> HeaderMap {
    let mut found = HeaderMap::new();
    for (name, value) in written.into_iter().flatten() {
        let wrong = |message: String| item.mistake_in("headers", name, message);
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            desk.wrong(item.mistake_at_key("headers", name, format!("{name:?} is not a header's name")));
            continue;
        };
        if reserved.contains(&header.as_str()) {
            let at = item.node.get("headers").and_then(|h| h.get(name)).map_or(item.node.at, |node| node.at);
            desk.wrong(item.mistake_at_key("headers", name, format!("`{name}` is set by authprobe itself")).mask(at));
            continue;
        }
        let source = match value {
            TextOrSecret::Text(_) if is_secretive(header.as_str()) => {
                let at = item.node.get("headers").and_then(|h| h.get(name)).map_or(item.node.at, |node| node.at);
                let mistake = wrong("a secret must not stand in the configuration itself".to_owned());
                desk.wrong(mistake.help("write { env = \"NAME\" } or { file = \"path\" }").mask(at));
                continue;
            }
            TextOrSecret::Text(text) => Ok((text.clone(), false)),
            TextOrSecret::Secret(source) => {
                desk.locate(item.at("headers"), source).read().map(|secret| (secret.expose().to_owned(), true))
            }
        };
        match source.map(|(text, kept)| (HeaderValue::from_str(&text), kept)) {
            Ok((Ok(mut value), kept)) => {
                value.set_sensitive(kept);
                if found.insert(header, value).is_some() {
                    desk.wrong(wrong(format!("`{name}` is there already (headers' names ignore case)")));
                }
            }
            Ok((Err(_), _)) => desk.wrong(wrong("not a header's value: control characters are not allowed".to_owned())),
            Err(why) => desk.wrong(wrong(why)),
        }
    }
    found
}

fn is_secretive(header: &str) -> bool {
    ["authorization", "cookie", "key", "password", "secret", "token"].iter().any(|word| header.contains(word))
}

/// OIDC Discovery 1.0 §3 and RFC 8414 §2: https, no query, no fragment. Loopback may be http.
fn check_issuer(issuer: &str) -> Result<(), (String, &'static str)> {
    const FORM: &str =
        "an issuer is an https URL (http on loopback) without query and fragment, exactly as the metadata says it";
    let url = Url::parse(issuer).map_err(|e| (format!("not an issuer: {e}"), FORM))?;
    let fail = |why: &str| Err((format!("not an issuer: {why}"), FORM));
    if !url.username().is_empty() || url.password().is_some() {
        return fail("it carries a user name or password");
    }
    if issuer.contains('?') || issuer.contains('#') {
        return fail("it has a query or fragment");
    }
    if issuer.contains("/.well-known/") {
        return Err((
            "not an issuer: it is the address of a metadata document".to_owned(),
            "the issuer is what the document's `issuer` member says: usually the URL without /.well-known/…",
        ));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => fail("plain http is for loopback only"),
        other => fail(&format!("its scheme is {other}")),
    }
}

/// https, or http on loopback; no user information, no fragment.
pub fn secure_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("not a URL: {e}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL here must not carry a user name or password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("a URL here must not have a fragment (#…)".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is for loopback only".to_owned()),
        other => Err(format!("expected an https URL, found the scheme {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers() {
        for (text, good) in [
            ("https://login.example.com", true),
            ("https://login.example.com/realms/main/", true),
            ("http://127.0.0.1:9011", true),
            ("http://[::1]:9011/o", true),
            ("http://localhost:9011", true),
            ("http://login.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("https://login.example.com?x=1", false),
            ("https://login.example.com#x", false),
            ("https://u:p@login.example.com", false),
            ("https://login.example.com/.well-known/openid-configuration", false),
            ("login.example.com", false),
            ("urn:x", false),
        ] {
            assert_eq!(check_issuer(text).is_ok(), good, "{text}");
        }
    }
}
