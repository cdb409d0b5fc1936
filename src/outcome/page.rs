//! What a real browser saw: the timing of its pages, and what was on the last one when a login failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{opt_seconds, seconds};
use crate::clock::Timestamp;

/// The most pages of a run that are kept.
const MAX_PAGES: usize = 50;
/// The longest name, title, URL or line of a console (characters).
const MAX_TEXT: usize = 500;
/// The longest outline (characters).
const MAX_OUTLINE: usize = 4000;
/// The most lines of a console.
const MAX_CONSOLE: usize = 20;

/// What the browser of a run has to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct BrowserReport {
    /// Name and version, such as `chrome-headless-shell 156.0.8078.79`.
    pub name: String,
    /// How long WebDriver's commands took that no user waits for: part of the run's time, not of any page's.
    #[serde(serialize_with = "seconds", rename = "overhead_seconds")]
    #[schemars(with = "f64")]
    pub overhead: Duration,
    /// The documents that were loaded, in order.
    pub pages: Vec<PageTiming>,
    /// Kept unless the login went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl BrowserReport {
    /// The picture of the last page, if one was taken.
    pub fn screenshot(&self) -> Option<&Screenshot> {
        self.evidence.as_ref()?.screenshot.as_ref()
    }

    /// Fit to be shown, whoever wrote it: every text without its secrets (`scrub`), and none without a bound.
    #[must_use]
    pub fn cleaned(mut self, scrub: impl Fn(&str) -> String) -> Self {
        let clean = |text: &mut String, most: usize| {
            *text = scrub(text);
            if let Some((cut, _)) = text.char_indices().nth(most) {
                text.truncate(cut);
                text.push('…');
            }
        };
        clean(&mut self.name, MAX_TEXT);
        self.pages.truncate(MAX_PAGES);
        self.pages.iter_mut().for_each(|page| clean(&mut page.url, MAX_TEXT));
        if let Some(evidence) = &mut self.evidence {
            clean(&mut evidence.url, MAX_TEXT);
            clean(&mut evidence.title, MAX_TEXT);
            clean(&mut evidence.outline, MAX_OUTLINE);
            let before = evidence.console.len().saturating_sub(MAX_CONSOLE);
            evidence.console.drain(..before);
            evidence.console.iter_mut().for_each(|line| clean(line, MAX_TEXT));
        }
        self
    }
}

/// A document as the browser loaded it. Times count from the start of the navigation (Navigation Timing Level 2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct PageTiming {
    /// When the navigation began, by our clock.
    pub start: Timestamp,
    /// Where it was served, with everything secret in the query masked.
    pub url: String,
    /// How many redirects led there.
    pub redirects: u32,
    /// The status of the document, if an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// First byte of the document.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "ttfb_seconds")]
    #[schemars(with = "f64")]
    pub ttfb: Option<Duration>,
    /// `DOMContentLoaded`.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "dom_ready_seconds")]
    #[schemars(with = "f64")]
    pub dom_ready: Option<Duration>,
    /// `load`.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "loaded_seconds")]
    #[schemars(with = "f64")]
    pub loaded: Option<Duration>,
    /// Largest Contentful Paint, as far as it was seen before the page was left.
    #[serde(serialize_with = "opt_seconds", skip_serializing_if = "Option::is_none", rename = "largest_paint_seconds")]
    #[schemars(with = "f64")]
    pub largest_paint: Option<Duration>,
    /// How many resources it loaded from the provider's origins, and from elsewhere.
    pub resources: u32,
    /// Of those, how many came from other origins than the provider's.
    pub foreign: u32,
}

impl PageTiming {
    /// What was seen of its loading, with the names of the metric's `phase` label.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("ttfb", self.ttfb),
            ("dom_ready", self.dom_ready),
            ("loaded", self.loaded),
            ("largest_paint", self.largest_paint),
        ]
        .into_iter()
        .filter_map(|(name, took)| Some((name, took?)))
    }

    /// From the start of the navigation to the last thing that was seen of it.
    pub fn duration(&self) -> Duration {
        self.phases().map(|(_, took)| took).max().unwrap_or_default()
    }
}

/// What was on the page when a login failed. Scrubbed; the picture with its inputs masked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
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
    #[schemars(with = "u64")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_or_a_driver_says_is_scrubbed_and_bounded() {
        let long = |n: usize| format!("hunter2{}", "é".repeat(n));
        let evidence = Evidence {
            url: long(9000),
            title: long(9000),
            outline: long(9000),
            console: (0..30).map(|n| format!("{n} {}", long(9000))).collect(),
            screenshot: None,
        };
        let page = PageTiming { url: long(9000), ..PageTiming::default() };
        let report =
            BrowserReport { name: long(9000), pages: vec![page; 80], evidence: Some(evidence), ..Default::default() };
        let report = report.cleaned(|text| text.replace("hunter2", "[redacted]"));
        assert!(!format!("{report:?}").contains("hunter2"));
        let evidence = report.evidence.unwrap();
        assert_eq!((report.pages.len(), evidence.console.len()), (50, 20));
        assert!(evidence.console[0].starts_with("10 ["), "the last lines are kept");
        assert_eq!(evidence.outline.chars().count(), MAX_OUTLINE + 1);
        for text in [&report.name, &report.pages[0].url, &evidence.url, &evidence.title, &evidence.console[19]] {
            assert_eq!(text.chars().count(), MAX_TEXT + 1);
        }
    }

    #[test]
    fn a_page_lasts_until_the_last_thing_that_was_seen_of_it() {
        let ms = Duration::from_millis;
        let page = PageTiming {
            ttfb: Some(ms(30)),
            loaded: Some(ms(90)),
            largest_paint: Some(ms(120)),
            ..PageTiming::default()
        };
        let phases: Vec<_> = page.phases().map(|(phase, _)| phase).collect();
        assert_eq!((phases, page.duration()), (vec!["ttfb", "loaded", "largest_paint"], ms(120)));
        assert_eq!(PageTiming::default().duration(), Duration::ZERO);
    }

    #[test]
    fn a_picture_is_only_counted_in_documents() {
        let screenshot = Some(Screenshot(vec![0x89, b'P', b'N', b'G'].into()));
        let evidence = Evidence { screenshot, ..Evidence::default() };
        let json = serde_json::to_value(&evidence).unwrap();
        assert_eq!(json["screenshot_bytes"], 4);
        assert_eq!(format!("{:?}", evidence.screenshot.unwrap()), "Screenshot(4 bytes)");
    }
}
