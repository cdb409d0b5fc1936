//! One request on a connection of its own, by a reqwest client of its own: concurrent requests cannot mix their marks.

use std::sync::{Arc, Mutex};

use rustls::ClientConfig;
use rustls::client::Resumption;
use url::Url;

use super::certificate::{Recording, Shown};
use super::classify::Failure;
use super::cookies::ProtectingJar;
use super::egress::Egress;
use super::identity::{Identity, Showing};
use super::phases::{MarkLayer, Marks, NoSessions};
use super::proxy;
use super::resolve::Resolver;
use super::trust::{TlsBase, TlsCache, Trust};
use crate::clock::Clock;
use crate::fault::{Class, Fault};

/// How we introduce ourselves.
pub(super) const USER_AGENT: &str = concat!("authprobe/", env!("CARGO_PKG_VERSION"), " (synthetic monitoring)");

/// The largest head of an HTTP/2 answer that is read (bytes); hyper bounds HTTP/1's by itself.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// All that one exchange needs.
pub(super) struct Exchange<'a> {
    pub(super) egress: &'a Arc<Egress>,
    pub(super) tls: &'a TlsCache,
    pub(super) trust: &'a Trust,
    pub(super) clock: &'a Clock,
    pub(super) marks: &'a Arc<Marks>,
    pub(super) shown: &'a Arc<Mutex<Shown>>,
    pub(super) jar: Option<&'a Arc<ProtectingJar>>,
    pub(super) identity: Option<&'a Identity>,
}

/// Whether the first TLS handshake of a request out of `egress` is the proxy's.
pub(super) fn proxy_handshake(egress: &Egress) -> bool {
    egress.proxy.as_ref().is_some_and(|proxy| proxy.url.scheme() == "https")
}

impl Exchange<'_> {
    /// Sends, and waits for the head of the answer. The faults are those of the transport.
    pub(super) async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, Fault> {
        let target = request.url().clone();
        let base = match target.scheme() == "https" || proxy_handshake(self.egress) {
            true => self.tls.base(self.trust).await?,
            false => self.tls.bare(),
        };
        let client = self.client(&target, &base)?;
        let answer = client.execute(request).await;
        match answer {
            Ok(answer) => {
                self.marks.head();
                self.check_origin(answer, &target)
            }
            Err(error) => Err(self.fault(&error, &target).await),
        }
    }

    /// What went wrong, in our words.
    pub(super) async fn fault(&self, error: &reqwest::Error, target: &Url) -> Fault {
        let failure = Failure {
            target,
            proxy: self.egress.proxy.as_ref(),
            stage: self.marks.stage(),
            in_proxy_handshake: self.marks.in_proxy_handshake(),
            identified: self.identity.is_some(),
            shown: self.shown.lock().map(|shown| shown.clone()).unwrap_or_default(),
        };
        match (&self.egress.proxy, failure.is_refused_tunnel(error)) {
            (Some(proxy), true) => {
                // A tunnel is for https, so that these settings are there already.
                let answer = match self.tls.base(self.trust).await {
                    Ok(base) => proxy::ask_again(proxy, self.egress, &base, self.clock, target).await,
                    Err(_) => proxy::Answer::Unknown,
                };
                proxy::refused_tunnel(proxy, &failure.target(), answer)
            }
            _ => failure.classify(error),
        }
    }

    fn check_origin(&self, answer: reqwest::Response, target: &Url) -> Result<reqwest::Response, Fault> {
        let Some(proxy) = self.egress.proxy.as_ref().filter(|_| target.scheme() == "http") else {
            return Ok(answer);
        };
        let host =
            format!("{}:{}", target.host_str().unwrap_or_default(), target.port_or_known_default().unwrap_or(80));
        match proxy::own_answer(proxy, &host, answer.status().as_u16(), answer.headers()) {
            Some(fault) => Err(fault),
            None => Ok(answer),
        }
    }

    fn client(&self, target: &Url, base: &TlsBase) -> Result<reqwest::Client, Fault> {
        let resolver = Resolver {
            egress: self.egress.clone(),
            target: target.host_str().unwrap_or_default().to_owned(),
            marks: self.marks.clone(),
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls_config(base))
            .dns_resolver(Arc::new(resolver))
            .connector_layer(MarkLayer(self.marks.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .http2_max_header_list_size(MAX_HEAD as u32)
            .user_agent(USER_AGENT)
            .referer(false)
            .gzip(true)
            .local_address(self.egress.source_address);
        if let Some(jar) = self.jar {
            builder = builder.cookie_provider(jar.clone());
        }
        builder = match &self.egress.proxy {
            Some(proxy) => builder.proxy(proxy::to_reqwest(proxy, self.egress, target)?),
            // Not the environment's either.
            None => builder.no_proxy(),
        };
        builder.build().map_err(|error| Fault::new(Class::Internal, format!("no HTTP client: {error}")))
    }

    fn tls_config(&self, base: &TlsBase) -> ClientConfig {
        let mut config = base.config.clone();
        if let Some(believed) = &base.believed {
            config.resumption = Resumption::store(Arc::new(NoSessions(self.marks.clone())));
            config.dangerous().set_certificate_verifier(Arc::new(Recording {
                believed: believed.clone(),
                marks: self.marks.clone(),
                shown: self.shown.clone(),
                clock: self.clock.clone(),
            }));
            if let Some(identity) = self.identity {
                config.client_auth_cert_resolver = Arc::new(Showing::new(identity, self.marks.clone()));
            }
        }
        config
    }
}
