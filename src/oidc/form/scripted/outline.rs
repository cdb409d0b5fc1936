//! A page in words.

use scraper::ElementRef;

use super::{captions, groups, parse};
use crate::oidc::form::controls::{Control, Kind};
use crate::oidc::form::document::{Document, text, visible};
use crate::oidc::form::page::{Page, cut, place};

/// The most lines.
const MAX_LINES: usize = 60;
/// The most characters.
const MAX_CHARACTERS: usize = 4000;
/// The longest text of a line (characters).
const MAX_WORDS: usize = 120;

/// What is on a page: title, headings, messages, fields, buttons, links; one a line, without contents of fields and queries of
/// links. At most 60 lines and 4000 characters.
pub fn outline(page: &Page) -> String {
    let document = match parse(page) {
        Ok(document) => document,
        Err(fault) => return cut(&fault.detail, MAX_WORDS),
    };
    let mut lines = vec![format!("page: {}", place(&page.url))];
    let title = document.title();
    if !title.is_empty() {
        lines.push(format!("title: {}", cut(&title, MAX_WORDS)));
    }
    for (number, element) in document.elements().enumerate() {
        let line = visible(element).then(|| line(&document, number, element)).flatten();
        // What stands in several elements one around the other is said once.
        if let Some(line) = line.filter(|line| lines.last() != Some(line)) {
            lines.push(line);
        }
        if lines.len() > MAX_LINES {
            break;
        }
    }
    if lines.len() <= 2 {
        let words = document.visible_text(MAX_WORDS * 2);
        lines.push(if words.is_empty() { "nothing to read".to_owned() } else { format!("text: {words}") });
    }
    within_bounds(lines)
}

fn within_bounds(mut lines: Vec<String>) -> String {
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES - 1);
        lines.push("…".to_owned());
    }
    let mut out = String::new();
    let mut length = 0;
    for line in lines {
        let more = line.chars().count() + 1;
        if length + more > MAX_CHARACTERS {
            break;
        }
        length += more;
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&line);
    }
    out
}

fn line(document: &Document, number: usize, element: ElementRef<'_>) -> Option<String> {
    let name = element.value().name();
    let says = |kind: &str, words: &str| {
        let words = cut(words.trim(), MAX_WORDS);
        (!words.is_empty()).then(|| format!("{kind}: {words}"))
    };
    if let Some(control) = Control::of(number, element) {
        return control_line(&control);
    }
    match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => says("heading", &text(element)),
        "a" if !groups::presses(element) => {
            let target = element.attr("href").and_then(|href| document.resolve(href));
            let target = target.filter(|url| url.host().is_some()).map(|url| place(&url)).unwrap_or_default();
            let words = text(element);
            says("link", format!("{} {target}", cut(&words, MAX_WORDS / 2)).trim())
        }
        _ if groups::presses(element) => says("button", &text(element)),
        "iframe" => {
            let source = element.attr("src").and_then(|source| document.resolve(source));
            says("frame", &source.filter(|url| url.host().is_some()).map(|url| place(&url)).unwrap_or_default())
        }
        _ if is_message(element) => says("message", &text(element)),
        _ => None,
    }
}

fn control_line(control: &Control<'_>) -> Option<String> {
    let mut notes: Vec<&str> = Vec::new();
    let kind = match control.kind {
        Kind::Hidden => return None,
        Kind::Submit | Kind::Image | Kind::Inert => "button",
        Kind::Checkbox | Kind::Radio => "box",
        Kind::Select => "list",
        Kind::Password => "password field",
        Kind::Text | Kind::Textarea | Kind::File => "field",
    };
    if control.disabled() {
        notes.push("disabled");
    }
    if matches!(control.kind, Kind::Text | Kind::Password | Kind::Textarea) {
        notes.extend(control.element.attr("readonly").map(|_| "read-only"));
        notes.extend(control.element.attr("value").filter(|value| !value.is_empty()).map(|_| "filled in"));
    }
    notes.extend(control.element.attr("checked").map(|_| "ticked"));
    let words = if kind == "button" { control.label() } else { captions::called(control) };
    let words = if words.is_empty() { control.element.value().id().unwrap_or("without a name") } else { &words };
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    Some(format!("{kind}: {}{notes}", cut(words, MAX_WORDS)))
}

/// Whether it is marked as a message and holds no other element that is.
fn is_message(element: ElementRef<'_>) -> bool {
    let marked = |element: ElementRef<'_>| {
        let role = element.attr("role").unwrap_or_default();
        let by_class = |class: &str| {
            ["error", "alert", "danger", "message"].iter().any(|mark| class.to_lowercase().contains(mark))
        };
        matches!(role, "alert" | "status" | "alertdialog")
            || (!matches!(element.value().name(), "body" | "html" | "form" | "main" | "section" | "div")
                && element.value().classes().any(by_class))
            || (element.value().name() == "div"
                && element.value().classes().any(by_class)
                && text(element).len() <= 300)
    };
    marked(element) && !element.descendants().skip(1).filter_map(ElementRef::wrap).any(marked)
}
