//! What a real browser saw: the timing of its pages, and what was on the last one when a login failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{opt_seconds, seconds};

/// What the browser of a run has to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BrowserReport {
    /// Name and version, such as `chrome-headless-shell 156.0.8078.79`.
    pub name: String,
    /// How long WebDriver's commands took that no user waits for: part of the run's time, not of any page's.
    #[serde(serialize_with = "seconds", rename = "overhead_seconds")]
    pub overhead: Duration,
    /// The documents that were loaded, in order.
    pub pages: Vec<PageTiming>,
    /// Kept unless the login went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A document as the browser loaded it. Times count from the start of the navigation (Navigation Timing Level 2).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PageTiming {
    /// Where it was served, with everything secret in the query masked.
    pub url: String,
    /// How many redirects led there.
    pub redirects: u32,
    /// The status of the document, if an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// First byte of the document.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "ttfb_seconds")]
    pub ttfb: Option<Duration>,
    /// `DOMContentLoaded`.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "dom_ready_seconds")]
    pub dom_ready: Option<Duration>,
    /// `load`.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "loaded_seconds")]
    pub loaded: Option<Duration>,
    /// Largest Contentful Paint, as far as it was seen before the page was left.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "largest_paint_seconds")]
    pub largest_paint: Option<Duration>,
    /// How many resources it loaded from the provider's origins, and from elsewhere.
    pub resources: u32,
    /// Of those, how many came from other origins than the provider's.
    pub foreign: u32,
}

/// What was on the page when a login failed. Scrubbed; the picture with its inputs masked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Where the browser was.
    pub url: String,
    /// The page's title.
    pub title: String,
    /// What was on the page in words: headings, messages, fields, buttons; one a line.
    pub outline: String,
    /// The last lines of the console.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub console: Vec<String>,
    /// The picture, unless `screenshots` is off or none could be taken.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "size_only", rename = "screenshot_bytes")]
    pub screenshot: Option<Screenshot>,
}

/// A PNG.
#[derive(Clone, PartialEq, Eq)]
pub struct Screenshot(pub Arc<[u8]>);

impl fmt::Debug for Screenshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Screenshot({} bytes)", self.0.len())
    }
}

fn size_only<S: Serializer>(picture: &Option<Screenshot>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(picture.as_ref().map_or(0, |picture| picture.0.len() as u64))
}
