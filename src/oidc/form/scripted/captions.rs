//! What is written beside a field of a snapshot. Pages that scripts make give their fields no telling names.

use scraper::ElementRef;

use super::snapshot;
use crate::oidc::form::controls::{Control, Form, Kind};
use crate::oidc::form::document::{text, visible};
use crate::oidc::form::words;

/// How many fields for a character each make a field for a code.
const BOXES: std::ops::RangeInclusive<usize> = 4..=10;

/// The words that belong to a field: its `<label>`, `aria-label`, `aria-labelledby`, `placeholder` or `title`.
pub(super) fn caption(element: ElementRef<'_>) -> String {
    let attribute = |name: &str| element.attr(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
    let everything = || element.tree().root().descendants().filter_map(ElementRef::wrap);
    let by_id = |id: &str| everything().find(|other| other.value().id() == Some(id)).map(text);
    let around = || element.ancestors().filter_map(ElementRef::wrap).find(|e| e.value().name() == "label").map(text);
    let labelled = || {
        let id = element.value().id()?;
        everything().find(|other| other.value().name() == "label" && other.attr("for") == Some(id)).map(text)
    };
    let referred = || {
        let ids = element.attr("aria-labelledby")?;
        let words: Vec<String> = ids.split_ascii_whitespace().take(5).filter_map(by_id).collect();
        Some(words.join(" "))
    };
    let some = |words: Option<String>| words.filter(|words| !words.is_empty());
    some(labelled())
        .or_else(|| some(around()))
        .or_else(|| attribute("aria-label"))
        .or_else(|| some(referred()))
        .or_else(|| attribute("placeholder"))
        .or_else(|| attribute("title"))
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

/// Whether the words beside a field of a snapshot ask for the user's name.
pub(in crate::oidc::form) fn says_username(control: &Control<'_>) -> bool {
    snapshot::is_part(control.element) && words::names_user(&caption(control.element))
}

/// Whether the words beside a field of a snapshot ask for a one-time code.
pub(in crate::oidc::form) fn says_code(control: &Control<'_>) -> bool {
    snapshot::is_part(control.element) && control.kind != Kind::Password && words::names_code(&caption(control.element))
}

/// Whether it is for one character.
pub(in crate::oidc::form) fn is_box(control: &Control<'_>) -> bool {
    snapshot::is_part(control.element) && control.element.attr("maxlength") == Some("1")
}

/// The first of the fields for a character each that together take a code.
pub(in crate::oidc::form) fn boxes<'a, 'f>(form: &'f Form<'a>) -> Option<&'f Control<'a>> {
    let boxes = || form.controls.iter().filter(|c| is_box(c) && c.fillable());
    boxes().next().filter(|_| BOXES.contains(&boxes().count()))
}

/// What a control is called by people.
pub(super) fn called(control: &Control<'_>) -> String {
    let caption = caption(control.element);
    if caption.is_empty() { control.name().chars().take(60).collect() } else { caption }
}

/// Whether a person can tick it, and has to: a box that is required and empty.
pub(super) fn must_be_ticked(control: &Control<'_>) -> bool {
    let required = |e: ElementRef<'_>| e.attr("required").is_some() || e.attr("aria-required") == Some("true");
    control.kind == Kind::Checkbox
        && required(control.element)
        && control.element.attr("checked").is_none()
        && visible(control.element)
        && !control.disabled()
}
