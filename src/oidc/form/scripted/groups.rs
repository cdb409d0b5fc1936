//! What belongs together on a page that scripts make: forms, and what stands outside of any.

use std::collections::HashMap;

use scraper::ElementRef;

use super::snapshot;
use crate::oidc::form::controls::{Control, Form, Kind};
use crate::oidc::form::document::Document;

/// The forms of a page, and one of its own for all controls of a document (or frame) that are in none.
pub(super) fn forms(document: &Document) -> Vec<Form<'_>> {
    let mut forms: Vec<Form<'_>> = Vec::new();
    let mut index = HashMap::new();
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for element in document.select("form") {
        index.insert(element.id(), forms.len());
        if let Some(id) = element.value().id() {
            ids.entry(id).or_insert(forms.len());
        }
        forms.push(Form { element, controls: Vec::new() });
    }
    for (number, element) in document.elements().enumerate() {
        let Some(control) = control(number, element) else { continue };
        let named = element.attr("form").and_then(|id| ids.get(id).copied());
        let owner = named.or_else(|| {
            let around = boundary(element)?;
            Some(*index.entry(around.id()).or_insert_with(|| {
                forms.push(Form { element: around, controls: Vec::new() });
                forms.len() - 1
            }))
        });
        if let Some(form) = owner.and_then(|at| forms.get_mut(at)) {
            form.controls.push(control);
        }
    }
    forms
}

/// The form around an element, else the frame, else the page.
fn boundary(element: ElementRef<'_>) -> Option<ElementRef<'_>> {
    let mut last = None;
    for around in element.ancestors().filter_map(ElementRef::wrap) {
        if around.value().name() == "form" || snapshot::is_frame(around) {
            return Some(around);
        }
        last = Some(around);
    }
    last
}

fn control(number: usize, element: ElementRef<'_>) -> Option<Control<'_>> {
    let control = Control::of(number, element);
    control.or_else(|| presses(element).then_some(Control { number, element, kind: Kind::Inert }))
}

/// Whether it is there to be pressed though it is neither a button nor a link that leads somewhere.
pub(in crate::oidc::form) fn presses(element: ElementRef<'_>) -> bool {
    if !snapshot::is_part(element) || matches!(element.value().name(), "input" | "button") {
        return false;
    }
    let leads = |href: &str| {
        let href = href.trim();
        !(href.is_empty() || href.starts_with('#') || href.to_ascii_lowercase().starts_with("javascript:"))
    };
    let role = element.attr("role").unwrap_or_default();
    role.eq_ignore_ascii_case("button")
        || element.value().name() == "summary"
        || (element.value().name() == "a" && !element.attr("href").is_some_and(leads))
}
