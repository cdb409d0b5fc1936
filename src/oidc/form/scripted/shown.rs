//! What a page showed when we acted on it: the same again means that it has not answered yet.

use super::{Act, captions, snapshot};
use crate::oidc::form::document::{text, visible};
use crate::oidc::form::page::{Reading, cut};

/// How much of a page is remembered.
const MAX_PARTS: usize = 40;

/// See the module. Holds texts of the page and no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::oidc::form) struct Shown {
    /// Which document it was.
    document: String,
    /// Title, headings and fields.
    question: Vec<String>,
    /// What we filled in and pressed.
    marks: Vec<u32>,
    /// What is written on what we pressed.
    label: String,
    /// Whether we filled in and pressed nothing.
    pub(super) held: bool,
}

impl Shown {
    pub(super) fn of(reading: &Reading<'_>, document: String, act: &Act) -> Self {
        let mut question = vec![reading.document.title()];
        let headings = reading.document.select("h1, h2, h3, [role=heading]").filter(|heading| visible(*heading));
        question.extend(headings.map(text).take(MAX_PARTS));
        let controls = || reading.forms.iter().flat_map(|form| &form.controls);
        question.extend(controls().filter(|c| c.fillable()).map(captions::called).take(MAX_PARTS));
        let pressed = controls().find(|c| act.press.is_some() && snapshot::mark(c.element) == act.press);
        Self {
            document,
            question: question.into_iter().map(|part| cut(&part, 100)).collect(),
            marks: act.fills.iter().map(|(mark, _)| *mark).chain(act.press).collect(),
            label: pressed.map(|control| control.label()).unwrap_or_default(),
            held: act.hold,
        }
    }

    /// Whether it was that document.
    pub(super) fn is_of(&self, document: &str) -> bool {
        self.document == document
    }

    /// Whether doing that again would answer the question that we answered before. A button may be replaced by its like or
    /// show something else while it works.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        let same_press = self.marks == before.marks || (!self.label.is_empty() && self.label == before.label);
        !self.document.is_empty()
            && self.document == before.document
            && self.question == before.question
            && !self.held
            && !before.held
            && same_press
    }
}
