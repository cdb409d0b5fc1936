//! An HTML page as it is without scripts, read within bounds: whatever a provider sends costs neither much time nor
//! much memory.

use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use scraper::{ElementRef, Html, HtmlTreeSink, Node, Selector};
use url::Url;

use super::scripted::snapshot;
use crate::fault::{Class, Fault};

/// The most nodes a page may have; login pages have hundreds.
const MAX_NODES: usize = 20_000;
/// How deep elements may be nested; the parser looks through all that are open for many a tag.
const MAX_DEPTH: usize = 300;
/// After how many bytes the nodes are counted: a few bytes can make as many nodes as there are open elements.
const CHUNK: usize = 256;
/// The longest text taken from one element (characters).
const MAX_TEXT: usize = 400;

/// A page.
pub(super) struct Document {
    html: Html,
    url: Url,
    base: Url,
}

impl Document {
    /// Reads `text`, which was served at `url`. `too_large` beyond the bounds.
    pub(super) fn parse(text: &str, url: &Url) -> Result<Self, Fault> {
        let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
        let options = ParseOpts { tree_builder, ..ParseOpts::default() };
        let mut parser = parse_document(HtmlTreeSink::new(Html::new_document()), options);
        let (mut rest, mut known) = (text, 0);
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.ceil_char_boundary(CHUNK));
            parser.process(chunk.into());
            rest = after;
            let html = parser.tokenizer.sink.sink.0.borrow();
            let nodes = html.tree.nodes();
            let count = nodes.len();
            if count > MAX_NODES {
                return Err(Fault::new(Class::TooLarge, format!("the page has more than {MAX_NODES} elements")));
            }
            if nodes.skip(known).any(|node| node.ancestors().nth(MAX_DEPTH).is_some()) {
                let detail = format!("the page has elements nested more than {MAX_DEPTH} deep");
                return Err(Fault::new(Class::TooLarge, detail));
            }
            known = count;
        }
        Ok(Self::of(parser.finish(), url))
    }

    /// A page that was read already.
    pub(super) fn of(html: Html, url: &Url) -> Self {
        let mut document = Self { html, url: url.clone(), base: url.clone() };
        let base = document.select("base[href]").find_map(|base| url.join(base.attr("href")?.trim()).ok());
        if let Some(base) = base.filter(|base| matches!(base.scheme(), "http" | "https")) {
            document.base = base;
        }
        document
    }

    /// Where it was served.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// A reference of the page, resolved (against `<base href>`, if there is one).
    pub(super) fn resolve(&self, reference: &str) -> Option<Url> {
        self.base.join(reference.trim()).ok()
    }

    /// The elements that a CSS selector matches, in the order of the page; none if it is no selector.
    pub(super) fn select(&self, css: &str) -> impl Iterator<Item = ElementRef<'_>> {
        let selector = Selector::parse(css).ok();
        self.html
            .tree
            .nodes()
            .filter_map(ElementRef::wrap)
            .filter(move |element| selector.as_ref().is_some_and(|selector| selector.matches(element)))
    }

    /// All elements in the order in which the parser made them.
    pub(super) fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.html.tree.root().descendants().filter_map(ElementRef::wrap)
    }

    /// Its title.
    pub(super) fn title(&self) -> String {
        self.select("head > title").next().map(text).unwrap_or_default()
    }

    /// All that a reader sees, up to a bound.
    pub(super) fn visible_text(&self, max: usize) -> String {
        self.select("body").next().map(|body| text_up_to(body, max)).unwrap_or_default()
    }
}

/// The text of an element with white space collapsed, without scripts and styles.
pub(super) fn text(element: ElementRef<'_>) -> String {
    text_up_to(element, MAX_TEXT)
}

fn text_up_to(element: ElementRef<'_>, max: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for node in element.descendants() {
        let Node::Text(found) = node.value() else { continue };
        let unread = node
            .parent()
            .and_then(ElementRef::wrap)
            .is_some_and(|parent| matches!(parent.value().name(), "script" | "style" | "template"));
        if unread {
            continue;
        }
        for word in found.split_whitespace() {
            if length > 0 {
                out.push(' ');
            }
            let room = max.saturating_sub(length);
            out.extend(word.chars().take(room));
            length += word.chars().take(room).count() + 1;
            if length > max {
                return out;
            }
        }
    }
    out
}

/// Whether a reader sees the element: as far as markup alone tells, or as a browser has seen.
pub(super) fn visible(element: ElementRef<'_>) -> bool {
    if snapshot::is_part(element) {
        return snapshot::is_seen(element);
    }
    element.attr("type").is_none_or(|kind| !kind.eq_ignore_ascii_case("hidden"))
        && std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap)).all(|element| {
            let style: String =
                element.attr("style").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).take(2000).collect();
            element.attr("hidden").is_none()
                && !element.attr("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"))
                && !element.value().classes().any(|class| HIDING_CLASSES.contains(&class))
                && !style.to_ascii_lowercase().contains("display:none")
                && !style.to_ascii_lowercase().contains("visibility:hidden")
                && !matches!(element.value().name(), "template" | "script" | "style")
        })
}

/// Classes of well-known frameworks that take an element off the page.
const HIDING_CLASSES: [&str; 8] =
    ["hidden", "hide", "d-none", "is-hidden", "invisible", "moveOffScreen", "js-hidden", "display-none"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Fault> {
        Document::parse(text, &Url::parse("https://login.example.com/a/b?c").unwrap())
    }

    #[test]
    fn references_resolve_against_the_base() {
        assert_eq!(parse("<p>").unwrap().resolve("d").unwrap().as_str(), "https://login.example.com/a/d");
        let page = parse("<base href='/x/'><form action=d>").unwrap();
        assert_eq!(page.resolve(" d ").unwrap().as_str(), "https://login.example.com/x/d");
        assert_eq!(parse("<base href='javascript:1'>").unwrap().resolve("d").unwrap().path(), "/a/d");
    }

    #[test]
    fn noscript_is_read_and_scripts_are_not() {
        let page =
            parse("<title> Sign\n in </title><body><script>var a='x'</script><noscript><p>No script</p></noscript>")
                .unwrap();
        assert_eq!(page.title(), "Sign in");
        assert_eq!(page.visible_text(100), "No script");
        assert_eq!(page.visible_text(4), "No s");
    }

    #[test]
    fn hidden_is_hidden_with_its_children() {
        for wrap in [
            "<div hidden>",
            "<div style='color:red; display : none'>",
            "<p class='x d-none'>",
            "<div aria-hidden=true>",
        ] {
            let page = parse(&format!("{wrap}<input id=a>")).unwrap();
            assert!(!visible(page.select("#a").next().unwrap()), "{wrap}");
        }
        let page = parse("<div style='display:block'><input id=a>").unwrap();
        assert!(visible(page.select("#a").next().unwrap()));
    }

    #[test]
    fn pages_made_to_hurt_are_refused() {
        let fonts: String = (0..2000).map(|n| format!("<b id={n}>")).collect();
        for text in ["<div>".repeat(200_000), format!("{fonts}{}", "<p>".repeat(300_000)), "<a>".repeat(300_000)] {
            let fault = parse(&text).err().expect("refused");
            assert_eq!(fault.class, Class::TooLarge);
        }
        for text in ["", "<", "\u{0}\u{fffd}<!", "<svg><form><![CDATA[", "<table><form><select><template><input"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        // As many tags as allowed, as deep as allowed.
        assert!(parse(&"<div>".repeat(290)).is_ok());
        assert!(parse(&"<p>".repeat(19_000)).is_ok());
    }
}
