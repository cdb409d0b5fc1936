//! The snapshot of a page as `browser/look.js` writes it: HTML in which every element has its end tag, so that the tree is
//! the page's own, with what scripts built and no parser would have (forms within forms, content of frames).

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{ElementFlags, NodeOrText, TreeSink};
use html5ever::{QualName, ns};
use scraper::{ElementRef, Html, HtmlTreeSink, Node};
use url::Url;

use crate::fault::{Class, Fault};
use crate::oidc::form::document::Document;

/// The most elements; the script stops at 15 000.
const MAX_ELEMENTS: usize = 20_000;
/// How deep they may be nested; the script stops at 250.
const MAX_DEPTH: usize = 300;
/// The longest snapshot (bytes); the script stops at 512 Ki characters.
const MAX_BYTES: usize = 4 << 20;
/// Elements that have no end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// On an element that a person does not see.
const HIDDEN: &str = "data-authprobe-hidden";
/// An element's mark.
const MARK: &str = "data-authprobe";
/// On the outermost element: which document this is.
const DOCUMENT: &str = "data-authprobe-document";
/// Around what a frame of the page's own origin shows.
const FRAME: &str = "data-authprobe-frame";
/// What a tree begins with if it is a snapshot; the HTML parser never makes such a node.
const SIGN: &str = "authprobe";

type Id = <HtmlTreeSink as TreeSink>::Handle;

/// Reads a snapshot of the page at `url`. Fault: `too_large`.
pub(super) fn parse(text: &str, url: &Url) -> Result<Document, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::new(Class::TooLarge, "the snapshot of the page is too long"));
    }
    let sink = HtmlTreeSink::new(Html::new_document());
    let root = sink.get_document();
    let sign = sink.create_pi(StrTendril::from(SIGN), StrTendril::new());
    sink.append(&root, NodeOrText::AppendNode(sign));
    let builder = Builder { sink, root, open: RefCell::default(), elements: Cell::new(0), excess: Cell::new(false) };
    let tokenizer = Tokenizer::new(builder, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    if tokenizer.sink.excess.get() {
        let detail =
            format!("the page has more than {MAX_ELEMENTS} elements, or nests them more than {MAX_DEPTH} deep");
        return Err(Fault::new(Class::TooLarge, detail));
    }
    Ok(Document::of(tokenizer.sink.sink.finish(), url))
}

/// Takes the tags as they come.
struct Builder {
    sink: HtmlTreeSink,
    root: Id,
    open: RefCell<Vec<(Id, html5ever::LocalName)>>,
    elements: Cell<usize>,
    excess: Cell<bool>,
}

impl Builder {
    fn append(&self, what: NodeOrText<Id>) {
        let parent = self.open.borrow().last().map_or(self.root, |(id, _)| *id);
        self.sink.append(&parent, what);
    }

    fn start(&self, tag: Tag) {
        self.elements.set(self.elements.get() + 1);
        if self.elements.get() > MAX_ELEMENTS || self.open.borrow().len() >= MAX_DEPTH {
            self.excess.set(true);
            return;
        }
        let name = QualName::new(None, ns!(html), tag.name.clone());
        let element = self.sink.create_element(name, tag.attrs, ElementFlags::default());
        self.append(NodeOrText::AppendNode(element));
        if !VOID.contains(&&*tag.name) {
            self.open.borrow_mut().push((element, tag.name));
        }
    }

    fn end(&self, tag: &Tag) {
        let mut open = self.open.borrow_mut();
        if let Some(at) = open.iter().rposition(|(_, name)| *name == tag.name) {
            open.truncate(at);
        }
    }
}

impl TokenSink for Builder {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            _ if self.excess.get() => {}
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.start(tag),
            Token::TagToken(tag) => self.end(&tag),
            Token::CharacterTokens(text) => self.append(NodeOrText::AppendText(text)),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Whether an element is part of a snapshot.
pub(in crate::oidc::form) fn is_part(element: ElementRef<'_>) -> bool {
    let first = element.tree().root().first_child();
    first.is_some_and(|node| matches!(node.value(), Node::ProcessingInstruction(_)))
}

/// Whether a person sees it, of an element of a snapshot. The script has looked at what is around it already.
pub(in crate::oidc::form) fn is_seen(element: ElementRef<'_>) -> bool {
    element.attr(HIDDEN).is_none() && element.attr("type").is_none_or(|kind| !kind.eq_ignore_ascii_case("hidden"))
}

/// By what it can be named to `browser/act.js`.
pub(super) fn mark(element: ElementRef<'_>) -> Option<u32> {
    element.attr(MARK)?.parse().ok()
}

/// Whether it stands for the page in a frame.
pub(super) fn is_frame(element: ElementRef<'_>) -> bool {
    element.attr(FRAME).is_some()
}

/// Which document a snapshot is of; empty if it does not say.
pub(super) fn name(document: &Document) -> String {
    let root = document.select("html").next();
    root.and_then(|root| root.attr(DOCUMENT)).unwrap_or_default().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::form::document::{text, visible};

    fn read(text: &str) -> Result<Document, Fault> {
        parse(text, &Url::parse("https://login.example.com/").unwrap())
    }

    #[test]
    fn the_tree_is_the_pages_own() {
        let page = read(
            "<html data-authprobe-document=\"d1\"><head><title>A &amp; B</title></head><body><form id=\"a\"><p><div><form id=\"b\">\
             <input id=\"x\" data-authprobe=\"7\"></form></div></p></form><iframe src=\"/f\"><div data-authprobe-frame>\
             <body><tr id=\"row\">In</tr></body></div></iframe></body></html>",
        )
        .unwrap();
        assert_eq!((page.title().as_str(), name(&page).as_str()), ("A & B", "d1"));
        for css in ["form > p > div > form > input", "iframe > [data-authprobe-frame] > body > tr#row"] {
            assert!(page.select(css).next().is_some(), "{css}");
        }
        assert_eq!(mark(page.select("#x").next().unwrap()), Some(7));
        assert_eq!(text(page.select("iframe").next().unwrap()), "In");
    }

    #[test]
    fn seen_is_what_the_script_says() {
        let page = read(
            "<body class=\"hidden\"><div aria-hidden=\"true\" style=\"display:none\" data-authprobe-hidden><i>a</i></div>\
             <b data-authprobe-hidden>b</b></body>",
        )
        .unwrap();
        for (css, seen) in [("body", true), ("div", false), ("i", true), ("b", false)] {
            let element = page.select(css).next().unwrap();
            assert_eq!((visible(element), is_part(element)), (seen, true), "{css}");
        }
        // A page cannot pass for a snapshot.
        let url = Url::parse("https://login.example.com/").unwrap();
        for text in ["<?authprobe?><b data-authprobe-hidden>", "<!DOCTYPE authprobe><b data-authprobe-hidden>"] {
            let page = Document::parse(text, &url).unwrap();
            let element = page.select("b").next().unwrap();
            assert!(visible(element) && !is_part(element), "{text}");
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused() {
        for text in ["<i>".repeat(400), "<br>".repeat(20_001), "x".repeat(MAX_BYTES + 1)] {
            assert_eq!(read(&text).err().expect("refused").class, Class::TooLarge);
        }
        for text in ["", "<", "</b></i>", "<script><b>", "<a b=\"", "<input></input><p>", "<title>x<b>"] {
            assert!(read(text).is_ok(), "{text}");
        }
    }
}
