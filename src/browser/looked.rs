//! What `look.js` says of a page, and the timing of the documents so far.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::traffic::Answered;
use crate::clock::Timestamp;
use crate::oidc::form::Page;
use crate::oidc::http::redact_url;
use crate::outcome::PageTiming;

/// The most documents of a run whose timing is kept.
const MAX_PAGES: usize = 50;

/// A snapshot, as the script wrote it. Hostile: the page's scripts cannot reach ours, but they make what it reads.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Looked {
    /// Counts changes of the document.
    pub(super) generation: u64,
    /// Names the document: no two have the same.
    pub(super) document: String,
    url: String,
    title: String,
    html: String,
    paint: Option<f64>,
    #[serde(rename = "timing")]
    navigation: Option<Navigation>,
    /// Why nothing could be told, if so.
    failed: Option<String>,
    resources: BTreeMap<String, u32>,
}

/// Navigation Timing Level 2, in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Navigation {
    ttfb: Option<f64>,
    dom_ready: Option<f64>,
    loaded: Option<f64>,
    redirects: Option<u32>,
    status: Option<u16>,
}

impl Looked {
    /// Reads one; `None`: there was nothing new.
    pub(super) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().filter(|looked: &Self| looked.failed.is_none())
    }

    /// The page's title, cut.
    pub(super) fn title(&self) -> String {
        self.title.chars().filter(|c| !c.is_control()).take(1000).collect()
    }

    /// How many requests to these origins the document has made so far, its own included.
    pub(super) fn requests(&self, origins: &[url::Origin]) -> u32 {
        let ours = |origin: &str| origins.iter().any(|ours| ours.ascii_serialization() == origin);
        let own = Url::parse(&self.url).is_ok_and(|url| origins.contains(&url.origin()));
        let parts = self.resources.iter().filter(|(origin, _)| ours(origin));
        parts.fold(u32::from(own), |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The page for those who judge it. `None`: a page of the browser's own.
    pub(super) fn into_page(self, answered: Option<&Answered>) -> Option<Page> {
        let url = Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let same = answered.filter(|answered| same_document(&answered.url, &url));
        // The document's own word first: what was answered last may be another's.
        let status = self.navigation.as_ref().and_then(|own| own.status).or_else(|| Some(same?.status));
        let media_type = same.map(|answered| answered.media_type.clone()).filter(|kind| !kind.is_empty());
        Some(Page {
            url,
            // A document that a service worker or a script made has none of its own.
            status: status.filter(|status| *status != 0).unwrap_or(200),
            media_type: media_type.unwrap_or_default(),
            gatekeeper: same.is_some_and(|answered| answered.gatekeeper),
            content: self.html,
        })
    }
}

/// A script may change path, query and fragment of a document without loading another.
fn same_document(answered: &Url, shown: &Url) -> bool {
    answered.origin() == shown.origin()
}

/// The documents of a run.
#[derive(Default)]
pub(super) struct Pages {
    all: Vec<PageTiming>,
    document: u32,
}

impl Pages {
    /// Takes what a look says of the document with that number.
    pub(super) fn seen(
        &mut self,
        looked: &Looked,
        answered: Option<&Answered>,
        document: u32,
        origins: &[url::Origin],
        now: Timestamp,
    ) {
        let Some(url) = Url::parse(&looked.url).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return;
        };
        if document != self.document || self.all.is_empty() {
            if self.all.len() >= MAX_PAGES {
                return;
            }
            self.document = document;
            self.all.push(PageTiming { start: now, ..PageTiming::default() });
        }
        let Some(page) = self.all.last_mut() else { return };
        let same = answered.filter(|answered| same_document(&answered.url, &url));
        let navigation = looked.navigation.as_ref();
        if let Some(same) = same {
            page.start = same.start;
        }
        page.url = redact_url(&url);
        page.status = same.map(|answered| answered.status).or_else(|| navigation?.status).filter(|status| *status != 0);
        page.redirects = same.map_or_else(|| navigation.and_then(|n| n.redirects).unwrap_or(0), |same| same.redirects);
        page.ttfb = navigation.and_then(|n| millis(n.ttfb));
        page.dom_ready = navigation.and_then(|n| millis(n.dom_ready));
        page.loaded = navigation.and_then(|n| millis(n.loaded));
        page.largest_paint = millis(looked.paint);
        page.resources = looked.resources.values().fold(0, |sum, count| sum.saturating_add(*count));
        let ours: Vec<String> = origins.iter().map(url::Origin::ascii_serialization).collect();
        let foreign = looked.resources.iter().filter(|(origin, _)| !ours.contains(origin));
        page.foreign = foreign.fold(0, |sum, (_, count)| sum.saturating_add(*count));
    }

    /// In order.
    pub(super) fn all(&self) -> Vec<PageTiming> {
        self.all.clone()
    }
}

fn millis(at: Option<f64>) -> Option<Duration> {
    at.filter(|at| *at > 0.0 && *at < 3.6e6).map(|at| Duration::from_secs_f64(at / 1000.0))
}
