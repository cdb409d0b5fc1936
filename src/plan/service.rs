//! `[server]` and `[telemetry]`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ::http::HeaderName;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use super::Server;
use super::desk::{Desk, certificates};
use super::typed::{self, Item};
use crate::config::model::{Server as WrittenServer, Telemetry, Tls};
use crate::sink::otlp;

/// Where the server listens when nothing is said.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);
/// How often metrics are pushed when nothing is said.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Resolves `[server]`.
pub fn server(desk: &mut Desk<'_>) -> Server {
    let mut server = Server::at(DEFAULT_LISTEN);
    let items: Vec<Item<'_, WrittenServer>> = typed::items(desk.loaded, "server", &mut desk.mistakes);
    let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) else {
        return server;
    };
    if let Some(text) = &written.listen {
        match text.parse() {
            Ok(listen) => server.listen = listen,
            Err(_) => desk.wrong(item.mistake("listen", listen_message(text)).help(
                "an IP address and a port, such as \"127.0.0.1:9464\", \"[::1]:9464\" or \"0.0.0.0:9464\" for all interfaces",
            )),
        }
    }
    server.tls = written.tls.as_ref().map(|tls| tls_files(desk, item, tls));
    server.read_token = written.read_token.as_ref().map(|source| desk.secret(item, "read_token", source));
    server.admin_token = written.admin_token.as_ref().map(|source| desk.secret(item, "admin_token", source));
    server.public_url = written.public_url.as_ref().map(|url| url.0.clone());
    server.hosts = hosts(desk, item, written.hosts.as_deref().unwrap_or_default());
    let has = |key: &str| item.node.get(key).is_some();
    if !server.listen.ip().is_loopback() && !has("read_token") && !has("admin_token") {
        desk.note(format!(
            "server: {} is reachable from other machines and there is no token: whoever reaches it may read everything \
             but secrets (writing is for loopback only)",
            server.listen
        ));
    }
    server
}

/// Names only, as browsers send them: small letters, and punycode for all others.
fn hosts(desk: &mut Desk<'_>, item: &Item<'_, WrittenServer>, written: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for (n, text) in written.iter().enumerate() {
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if name.bytes().all(is_of_a_name) => {
                names.push(name.strip_suffix('.').unwrap_or(&name).to_owned())
            }
            // Addresses are ours without being listed.
            Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => {}
            _ => {
                let shown: String = text.chars().take(60).collect();
                let mistake = item.mistake(&format!("hosts.{n}"), format!("{shown:?} is not the name of a host"));
                desk.wrong(mistake.help("a name without scheme, port and path, such as \"authprobe.example.com\""));
            }
        }
    }
    names
}

/// Patterns are none: each name is said.
const fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn listen_message(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => match host {
            "" => format!("{shown:?} has no address before the port"),
            _ => format!("{shown:?}: {host:?} is not an IP address (names are not looked up here)"),
        },
        Some((_, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
            format!("{shown:?}: the port is out of range: 0 to 65535")
        }
        _ => format!("{shown:?} is not an address and port"),
    }
}

/// Both files must be there and belong together.
fn tls_files(desk: &mut Desk<'_>, item: &Item<'_, WrittenServer>, tls: &Tls) -> (PathBuf, PathBuf) {
    let cert = desk.file(item.at("tls.cert"), &tls.cert);
    let key = desk.file(item.at("tls.key"), &tls.key);
    let chain = certificates(&cert).map_err(|why| desk.wrong(item.mistake("tls.cert", why)));
    let private = read_key(&key).map_err(|why| desk.wrong(item.mistake("tls.key", why)));
    if let (Ok(chain), Ok(private)) = (chain, private) {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        if let Err(e) = rustls::sign::CertifiedKey::from_der(chain, private, &provider) {
            let message = format!("{} does not belong to {}: {e}", key.display(), cert.display());
            desk.wrong(item.mistake("tls.key", message));
        }
    }
    (cert, key)
}

fn read_key(path: &std::path::Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| format!("{shown} holds no PEM private key"))
}

/// Resolves `[telemetry]`: the export, and whether requests carry `traceparent`.
pub fn telemetry(desk: &mut Desk<'_>) -> (Option<otlp::Settings>, bool) {
    let items: Vec<Item<'_, Telemetry>> = typed::items(desk.loaded, "telemetry", &mut desk.mistakes);
    let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) else {
        return (None, false);
    };
    let mut headers = Vec::new();
    for (name, source) in written.headers.iter().flatten() {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            desk.wrong(item.mistake_at_key("headers", name, format!("{name:?} is not a header's name")));
        }
        let source = desk.locate(item.at("headers"), source);
        if let Err(why) = source.read() {
            desk.wrong(item.mistake_in("headers", name, why));
        }
        headers.push((name.clone(), source));
    }
    let ca_file = desk.ca_file(item, "ca_file", written.ca_file.as_ref());
    let interval = written.interval.map_or(DEFAULT_INTERVAL, |interval| interval.0);
    if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval) {
        desk.wrong(item.mistake("interval", "out of range: from 1s to 1h"));
    }
    if let Some(url) = &written.otlp_endpoint
        && (url.0.path().ends_with("/v1/traces") || url.0.path().ends_with("/v1/metrics"))
    {
        let message = "the base URL is wanted: /v1/traces and /v1/metrics are appended to it";
        desk.wrong(item.mistake("otlp_endpoint", message));
    }
    if item.node.get("otlp_endpoint").is_none() && (!headers.is_empty() || ca_file.is_some()) {
        desk.note("telemetry: without `otlp_endpoint` nothing is exported");
    }
    let settings = written.otlp_endpoint.as_ref().map(|endpoint| otlp::Settings {
        endpoint: endpoint.0.clone(),
        headers,
        ca_file,
        interval,
    });
    (settings, written.propagate_traceparent.unwrap_or(false))
}
