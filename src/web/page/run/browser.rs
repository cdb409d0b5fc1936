//! What a real browser saw: how long its pages took, and what was on the last one when a login failed.

use std::time::Duration;

use maud::{Markup, html};

use super::view::{BrowserView, EvidenceView, Kept, PageView, RunView};
use super::waterfall::cut;
use crate::web::page::words::latency;

/// How many pages and lines of a console are shown, and how long a text may be (characters). What a driver says is bounded
/// already; what a ledger holds need not be.
const MAX_PAGES: usize = 50;
const MAX_LINES: usize = 40;
const MAX_TEXT: usize = 600;
const MAX_OUTLINE: usize = 5000;

/// Both sections; nothing if there was no browser.
pub fn sections(run: &RunView) -> Markup {
    let Some(browser) = &run.browser else { return html! {} };
    html! {
        @if let Some(evidence) = &browser.evidence { (failed(evidence, run)) }
        (pages(browser))
    }
}

fn pages(browser: &BrowserView) -> Markup {
    let foreign = browser.pages.iter().any(|page| page.foreign > 0);
    html! {
        section aria-labelledby="pages" {
            h2 #pages { "Pages in the browser" }
            div.card {
                @if browser.pages.is_empty() {
                    p { "No page was loaded." }
                } @else {
                    div.wide.roomy role="group" aria-labelledby="pages" tabindex="0" {
                        table {
                            thead {
                                tr {
                                    th scope="col" { "page" }
                                    th.num scope="col" { "status" }
                                    th.num scope="col" title="time to the first byte" { "ttfb" }
                                    th.num scope="col" title="DOMContentLoaded" { "dom ready" }
                                    th.num scope="col" { "loaded" }
                                    th.num scope="col" title="Largest Contentful Paint" { "largest paint" }
                                    th.num scope="col" { "resources" }
                                }
                            }
                            tbody { @for page in browser.pages.iter().take(MAX_PAGES) { (row(page)) } }
                        }
                    }
                }
                p.faint {
                    (cut(&browser.name, MAX_TEXT)) "; WebDriver took " (latency(browser.overhead))
                    " besides: part of the run's time, of no page's. Times count from the start of each navigation."
                    @if foreign { " Resources: the provider's + those of others." }
                }
            }
        }
    }
}

fn row(page: &PageView) -> Markup {
    let time = |took: Option<Duration>| took.map_or_else(|| "–".to_owned(), latency);
    html! {
        tr {
            th scope="row" {
                code title=(cut(&page.url, MAX_TEXT)) { (place(&page.url)) }
                @match page.redirects {
                    0 => {}
                    1 => span.faint { " after a redirect" },
                    n => span.faint { " after " (n) " redirects" },
                }
            }
            td.num { @if let Some(status) = page.status { (status) } @else { "–" } }
            @for took in [page.ttfb, page.dom_ready, page.loaded, page.largest_paint] { td.num { (time(took)) } }
            td.num {
                @if page.foreign > 0 { (page.resources.saturating_sub(page.foreign)) " + " (page.foreign) }
                @else { (page.resources) }
            }
        }
    }
}

/// Host and path: pages of a login come from several hosts, and their queries are long.
fn place(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => cut(&format!("{}{}", url.host_str().unwrap_or_default(), url.path()), MAX_TEXT),
        Err(_) => cut(url, MAX_TEXT),
    }
}

fn failed(evidence: &EvidenceView, run: &RunView) -> Markup {
    let outline = cut(evidence.outline.trim(), MAX_OUTLINE);
    let before = evidence.console.len().saturating_sub(MAX_LINES);
    let console: Vec<String> = evidence.console[before..].iter().map(|line| cut(line, MAX_TEXT)).collect();
    html! {
        section aria-labelledby="evidence" {
            h2 #evidence { "On the page when it failed" }
            div.card.on-page {
                div {
                    dl.facts {
                        dt { "Title" }
                        dd { @if evidence.title.is_empty() { "none" } @else { (cut(&evidence.title, MAX_TEXT)) } }
                        dt { "Address" }
                        dd { @if evidence.url.is_empty() { "unknown" } @else { code { (cut(&evidence.url, MAX_TEXT)) } } }
                    }
                    h3 { "In words" }
                    @if outline.is_empty() { p.faint { "Nothing that could be told in words." } }
                    @else { pre tabindex="0" { (outline) } }
                    h3 { "Console" }
                    @if console.is_empty() { p.faint { "It said nothing." } }
                    @else { pre tabindex="0" { (console.join("\n")) } }
                }
                (picture(evidence, run))
            }
        }
    }
}

fn picture(evidence: &EvidenceView, run: &RunView) -> Markup {
    let Some((width, height)) = evidence.picture else {
        let why = match run.kept {
            Kept::Whole => "No picture: none could be taken, screenshots are off, or it gave way to newer ones.",
            Kept::InLedger | Kept::Summary => "No picture: pictures are kept in memory only, for the latest failures.",
        };
        return html! { p.faint { (why) } };
    };
    let at = format!("/api/v1/runs/{}/screenshot", run.trace_id);
    let title = if evidence.title.is_empty() { "without a title" } else { &evidence.title };
    let alt = format!("Screenshot of the page “{}” on which the login failed; in words beside it", cut(title, 120));
    // What is not a picture that we understand has no size.
    let size = |pixels: u32| (pixels > 0).then(|| pixels.to_string());
    html! {
        a.picture href=(at) {
            img src=(at) alt=(alt) width=[size(width)] height=[size(height)] loading="lazy";
        }
    }
}

/// Width and height of a PNG (pixels), from its header (PNG §11.2.1); zeros: it is none.
pub fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| png.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    if !png.starts_with(b"\x89PNG\r\n\x1a\n") || png.get(12..16) != Some(b"IHDR") {
        return (0, 0);
    }
    // Nobody's screen is larger; what claims to be must not stretch the page.
    let sane = |pixels: &u32| *pixels <= 20_000;
    (number(16).filter(sane).unwrap_or(0), number(20).filter(sane).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_tells_its_size() {
        let mut png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
        png.extend(800u32.to_be_bytes());
        png.extend(600u32.to_be_bytes());
        assert_eq!(size(&png), (800, 600));
        for other in [&png[..10], &png[..18], b"GIF89a", b""] {
            let (width, height) = size(other);
            assert_eq!(width.min(height), 0, "{other:?}");
        }
    }
}
