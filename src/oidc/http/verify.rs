//! Is it us? Asked after a network fault, before the provider is blamed.

use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderMap;
use ::http::Method;
use ::http::header::{CONNECTION, DATE, HeaderValue};
use futures_util::stream::{FuturesUnordered, StreamExt};
use url::Url;

use super::client::{Exchange, proxy_handshake};
use super::egress::Egress;
use super::phases::Marks;
use super::proxy;
use super::trust::Trust;
use super::wait::header_date;
use crate::clock::Clock;
use crate::oidc::memory::ProviderMemory;

/// How long all questions together may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the way out of this region works, as far as can be told within three seconds: its proxy accepts TCP
/// connections, and at least one of its references answers, whatever the status. `Err` says why our egress is at
/// fault. Without proxy and references there is nothing to tell by: `Ok`.
///
/// Outside the provider's budget; sent without its headers, cookies and `traceparent`; on no record.
pub async fn verify_egress(egress: &Arc<Egress>, memory: &ProviderMemory, clock: &Clock) -> Result<(), String> {
    let until = clock.instant() + PATIENCE;
    if let Some(proxy) = &egress.proxy {
        let reached = tokio::time::timeout_at(until, proxy::reach(proxy, egress)).await;
        match reached {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => return Err(fault.detail),
            Err(_) => return Err(format!("proxy {}: no connection in time", proxy.display())),
        }
    }
    if egress.references.is_empty() {
        return Ok(());
    }
    let mut asked: FuturesUnordered<_> = egress.references.iter().map(|url| ask(egress, memory, clock, url)).collect();
    let mut first = None;
    let answered = tokio::time::timeout_at(until, async {
        while let Some(result) = asked.next().await {
            match result {
                Ok(_) => return true,
                Err(why) => first = first.take().or(Some(why)),
            }
        }
        false
    });
    match answered.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(none_of(egress.references.len(), &first.unwrap_or_default())),
        Err(_) => Err(none_of(egress.references.len(), "no answer in time")),
    }
}

/// How far our clock is from that of the region's references (seconds, positive if ours is ahead), if one of them says what
/// time it is. Asked before the provider is blamed for a time that does not fit ours.
pub async fn clock_offset(egress: &Arc<Egress>, memory: &ProviderMemory, clock: &Clock) -> Option<f64> {
    let mut asked: FuturesUnordered<_> = egress.references.iter().map(|url| ask(egress, memory, clock, url)).collect();
    let first = async {
        while let Some(result) = asked.next().await {
            // A cache keeps the Date of its origin (RFC 9111 §4.2.3).
            if let Ok(headers) = result
                && !headers.contains_key(::http::header::AGE)
                && let Some(date) = header_date(&headers, DATE)
            {
                return Some(clock.now().as_secs_f64() - date.as_secs_f64());
            }
        }
        None
    };
    tokio::time::timeout(PATIENCE, first).await.ok().flatten()
}

fn none_of(references: usize, why: &str) -> String {
    match references {
        1 => format!("the reference does not answer either: {why}"),
        n => format!("none of the {n} references answers either: {why}"),
    }
}

async fn ask(egress: &Arc<Egress>, memory: &ProviderMemory, clock: &Clock, url: &Url) -> Result<HeaderMap, String> {
    let marks = Arc::new(Marks::new(clock.clone(), proxy_handshake(egress)));
    // The system's roots only: the provider's ca_file says nothing about a reference.
    let exchange = Exchange {
        egress,
        tls: &memory.tls,
        trust: &Trust::default(),
        clock,
        marks: &marks,
        shown: &Arc::default(),
        jar: None,
        identity: None,
    };
    let mut request = reqwest::Request::new(Method::GET, url.clone());
    if url.scheme() == "http" {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    exchange.send(request).await.map(|answer| answer.headers().clone()).map_err(|fault| fault.to_string())
}
