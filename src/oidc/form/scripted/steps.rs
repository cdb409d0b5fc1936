//! Pages in a browser by declared steps.

use scraper::ElementRef;

use super::{Act, judged, snapshot};
use crate::fault::Fault;
use crate::oidc::form::document::visible;
use crate::oidc::form::guided::{Sought, control_of, find, missing, no_code};
use crate::oidc::form::page::{Progress, Reading, cut};
use crate::oidc::form::steps::{Action, Step, With};

/// Takes the declared steps as far as they go before something has to be done.
pub(super) fn next(reading: &Reading<'_>, progress: &mut Progress) -> Result<Act, Fault> {
    let mut act = Act::default();
    // Steps left out count as done only if something comes after them.
    let mut done = progress.step;
    let mut at = progress.step;
    while let Some(step) = reading.setting.guide.steps.get(at) {
        let sought = match step.action {
            Action::Fill(..) => Sought::Field,
            Action::Click(_) => Sought::Button,
            Action::Wait(_) | Action::Expect(_) => Sought::Anything,
        };
        let Some(element) = find(reading, step.action.target(), sought) else {
            if step.optional {
                at += 1;
                continue;
            }
            if act.fills.is_empty() {
                return Err(missing(reading, step, at));
            }
            // What comes next may be there once this is filled in.
            act.hold = true;
            progress.step = done;
            return Ok(act);
        };
        at += 1;
        match &step.action {
            Action::Fill(_, with) => act.fills.push((fill(reading, element, *with, step)?, *with)),
            Action::Click(_) => {
                act.press = Some(press(reading, element, step, &act)?);
                progress.step = at;
                return Ok(act);
            }
            Action::Wait(_) | Action::Expect(_) => {}
        }
        done = at;
    }
    progress.step = at;
    if act.fills.is_empty() { judged::next(reading, progress) } else { Ok(act) }
}

/// How far the steps that only look have come: those that are met one after the other from `step` on.
pub(super) fn passed(reading: &Reading<'_>, step: usize) -> usize {
    let steps = reading.setting.guide.steps.iter().skip(step);
    let met = |step: &&Step| {
        let looks = matches!(step.action, Action::Wait(_) | Action::Expect(_));
        looks && !step.optional && find(reading, step.action.target(), Sought::Anything).is_some()
    };
    step + steps.take_while(met).count()
}

fn fill(reading: &Reading<'_>, element: ElementRef<'_>, with: With, step: &Step) -> Result<u32, Fault> {
    if let Some(fault) = no_code(reading, with, step) {
        return Err(fault);
    }
    let editable = element.attr("contenteditable").is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let fillable = match control_of(reading, element) {
        Some(control) => control.fillable(),
        None => editable && visible(element),
    };
    let mark = snapshot::mark(element).filter(|_| fillable);
    let unfit = || reading.login_page(&format!("the element of {} cannot be filled in", cut_step(step)));
    mark.ok_or_else(unfit)
}

fn press(reading: &Reading<'_>, element: ElementRef<'_>, step: &Step, act: &Act) -> Result<u32, Fault> {
    let around = || std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap));
    // What is written on a button may be in an element of its own.
    let pressed = around().find(|e| matches!(e.value().name(), "a" | "button" | "input")).unwrap_or(element);
    // Many a button is enabled by what is filled in.
    if pressed.attr("disabled").is_some() && act.fills.is_empty() {
        return Err(reading.login_page(&format!("the element of {} is disabled", cut_step(step))));
    }
    let mark = snapshot::mark(pressed).or_else(|| around().find_map(snapshot::mark));
    mark.ok_or_else(|| reading.login_page(&format!("the element of {} cannot be pressed", cut_step(step))))
}

fn cut_step(step: &Step) -> String {
    cut(&step.action.to_string(), 100)
}
