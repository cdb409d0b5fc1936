//! Pages by declared steps.

use scraper::ElementRef;

use super::controls::{Control, Typed};
use super::document::{text, visible};
use super::page::{Progress, Reading};
use super::refusals::challenge;
use super::scripted::{self, snapshot};
use super::steps::{Action, Step, Target, With};
use super::{Next, Value, judge};
use crate::fault::{Class, Fault};

/// What kind of element a target is sought for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// Something to type in.
    Field,
    /// Something to press.
    Button,
    /// Whatever says it.
    Anything,
}

/// Takes the declared steps as far as they go on this page.
pub(super) fn next(reading: &Reading<'_>, progress: &mut Progress) -> Result<Next, Fault> {
    let mut typed = Typed::new();
    while let Some(step) = reading.setting.guide.steps.get(progress.step) {
        let sought = match step.action {
            Action::Fill(..) => Sought::Field,
            Action::Click(_) => Sought::Button,
            Action::Wait(_) | Action::Expect(_) => Sought::Anything,
        };
        let Some(element) = find(reading, step.action.target(), sought) else {
            if step.optional {
                progress.step += 1;
                continue;
            }
            // The page may only come to be by a script.
            return Err(judge::made_by_script(reading).unwrap_or_else(|| missing(reading, step, progress.step)));
        };
        progress.step += 1;
        match &step.action {
            Action::Fill(_, with) => fill(reading, element, *with, step, &mut typed)?,
            Action::Click(_) => return click(reading, element, step, &typed, progress),
            Action::Wait(_) | Action::Expect(_) => {}
        }
    }
    if typed.is_empty() {
        return judge::next(reading, progress);
    }
    // Filled in and no button declared: as if Enter was pressed.
    let form = reading.forms.iter().find(|form| form.controls.iter().any(|c| typed.contains_key(&c.number)));
    match form.and_then(|form| form.submission(reading.document, form.default_button(), &typed)) {
        Some(submission) => reading.send(submission, progress),
        None => Err(reading.login_page("the form that was filled in cannot be sent")),
    }
}

pub(super) fn missing(reading: &Reading<'_>, step: &Step, number: usize) -> Fault {
    let why = format!("step {} ({}) has no such element", number + 1, super::page::cut(&step.action.to_string(), 100));
    reading.login_page(&why)
}

fn fill(
    reading: &Reading<'_>,
    element: ElementRef<'_>,
    with: With,
    step: &Step,
    typed: &mut Typed,
) -> Result<(), Fault> {
    if let Some(fault) = no_code(reading, with, step) {
        return Err(fault);
    }
    let Some(control) = control_of(reading, element).filter(|c| c.fillable()) else {
        return Err(reading.login_page(&format!("the element of {} cannot be filled in", step.action)));
    };
    typed.insert(control.number, Value::Answer(with));
    Ok(())
}

/// What it comes to if that needs a one-time code and our user has no seed. Where the step is optional the question is the
/// provider's: it need not ask everybody.
pub(super) fn no_code(reading: &Reading<'_>, with: With, step: &Step) -> Option<Fault> {
    if with != With::Totp || reading.setting.has_totp {
        return None;
    }
    let user = reading.setting.user;
    Some(if step.optional {
        challenge(format!("the page asks for a one-time code, and user {user} has no `totp`"))
    } else {
        Fault::new(Class::Config, format!("a step fills in a one-time code, but user {user} has no `totp`"))
    })
}

fn click(
    reading: &Reading<'_>,
    element: ElementRef<'_>,
    step: &Step,
    typed: &Typed,
    progress: &mut Progress,
) -> Result<Next, Fault> {
    // What is written on a button may be in an element of its own.
    let pressed = std::iter::once(element)
        .chain(element.ancestors().filter_map(ElementRef::wrap))
        .find(|e| matches!(e.value().name(), "a" | "button" | "input"))
        .unwrap_or(element);
    if let Some(link) = pressed.attr("href").filter(|_| pressed.value().name() == "a") {
        return match reading.document.resolve(link).filter(|url| url.scheme() != "javascript") {
            Some(url) => Ok(Next::Follow(url)),
            None => Err(needs_script(step)),
        };
    }
    let Some(button) = control_of(reading, pressed).filter(|c| c.submits()) else { return Err(needs_script(step)) };
    let form = reading.forms.iter().find(|form| form.controls.iter().any(|c| c.number == button.number));
    match form.and_then(|form| form.submission(reading.document, Some(&button), typed)) {
        Some(submission) => reading.send(submission, progress),
        None => Err(reading.login_page(&format!("the form of {} cannot be sent", step.action))),
    }
}

fn needs_script(step: &Step) -> Fault {
    let detail =
        format!("{} does nothing without a script: use browser_login", super::page::cut(&step.action.to_string(), 100));
    Fault::new(Class::Unsupported, detail)
}

pub(super) fn control_of<'a>(reading: &Reading<'a>, element: ElementRef<'_>) -> Option<Control<'a>> {
    let mut controls = reading.forms.iter().flat_map(|form| &form.controls);
    controls.find(|control| control.element == element).copied()
}

/// The element that a target names: of several the first that is seen, else the first.
pub(super) fn find<'a>(reading: &Reading<'a>, target: &Target, sought: Sought) -> Option<ElementRef<'a>> {
    match target {
        Target::Css(selector) => {
            let mut hidden = None;
            for element in reading.document.select(selector).take(1000) {
                if visible(element) {
                    return Some(element);
                }
                hidden.get_or_insert(element);
            }
            // An element that is not seen cannot be pressed or read, but a script-free page may hide what it means.
            hidden.filter(|element| sought != Sought::Anything && !snapshot::is_part(*element))
        }
        Target::Text(words) => by_text(reading, &words.to_lowercase(), sought),
    }
}

/// First what says exactly that, then what contains it; the innermost element.
fn by_text<'a>(reading: &Reading<'a>, words: &str, sought: Sought) -> Option<ElementRef<'a>> {
    let mut inexact = None;
    for element in reading.document.elements() {
        let Some((element, label)) = labelled(reading, element, sought) else { continue };
        let label = label.to_lowercase();
        if label == words && sought != Sought::Anything {
            return Some(element);
        }
        if label.contains(words) {
            inexact = inexact.or(Some(element));
        }
    }
    inexact
}

/// An element of the sought kind, and what is written on it.
fn labelled<'a>(reading: &Reading<'a>, element: ElementRef<'a>, sought: Sought) -> Option<(ElementRef<'a>, String)> {
    let name = element.value().name();
    let attribute =
        |names: &[&str]| names.iter().find_map(|name| element.attr(name)).unwrap_or_default().trim().to_owned();
    match sought {
        Sought::Button => {
            let label = match name {
                "a" | "button" => Some(text(element)).filter(|t| !t.is_empty()),
                "input" if matches!(element.attr("type"), Some("submit" | "button" | "image")) => {
                    Some(attribute(&["value"]))
                }
                _ if scripted::presses(element) => Some(text(element)),
                _ => return None,
            };
            let label = label.filter(|t| !t.is_empty()).unwrap_or_else(|| attribute(&["aria-label", "title", "alt"]));
            visible(element).then_some((element, label))
        }
        Sought::Field if name == "label" => {
            let field = match element.attr("for") {
                Some(id) => reading.document.elements().find(|e| e.value().id() == Some(id)),
                None => element.descendants().filter_map(ElementRef::wrap).find(|e| is_field(*e)),
            };
            Some((field?, text(element).trim_end_matches([':', '*', ' ']).to_owned()))
        }
        Sought::Field if is_field(element) => Some((element, attribute(&["aria-label", "placeholder", "title"]))),
        Sought::Field => None,
        Sought::Anything => {
            let unread = matches!(name, "html" | "head" | "body" | "script" | "style" | "title" | "template");
            (!unread && visible(element)).then(|| (element, text(element)))
        }
    }
}

fn is_field(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "input" | "textarea")
}
