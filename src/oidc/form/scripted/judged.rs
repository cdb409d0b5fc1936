//! Pages in a browser by their obvious fields and buttons.

use super::captions::must_be_ticked;
use super::{Act, snapshot};
use crate::fault::Fault;
use crate::oidc::form::controls::{Control, Form, Kind};
use crate::oidc::form::document::{text, visible};
use crate::oidc::form::judge::{self, Fields};
use crate::oidc::form::page::{Progress, Reading, cut};
use crate::oidc::form::refusals::challenge;
use crate::oidc::form::steps::With;
use crate::oidc::form::words::{self, Meaning};

/// What to do on a page without declared steps, or after the last of them.
pub(super) fn next(reading: &Reading<'_>, progress: &Progress) -> Result<Act, Fault> {
    let declared = !reading.setting.guide.steps.is_empty();
    if let Some(fields) = judge::login(reading) {
        if fields.new_password {
            return Err(challenge("the page asks for a new password"));
        }
        if declared {
            return Err(reading.login_page("the declared steps are done, but the page still asks for something"));
        }
        return sign_in(reading, fields, progress);
    }
    if let Some(press) = passkey_button(reading) {
        return Ok(Act { press: Some(press), ..Act::default() });
    }
    // A passkey may have been asked for and given without us.
    if progress.has_given(With::Password) || reading.setting.has_passkey {
        return agree(reading);
    }
    Err(asks_for_passkey(reading).unwrap_or_else(|| reading.login_page("expected a login form")))
}

fn sign_in(reading: &Reading<'_>, fields: Fields<'_, '_>, progress: &Progress) -> Result<Act, Fault> {
    let mut fills: Vec<(&Control<'_>, With)> = Vec::new();
    if let Some(code) = fields.code {
        if !reading.setting.has_totp {
            if let Some(press) = passkey_button(reading) {
                return Ok(Act { press: Some(press), ..Act::default() });
            }
            return Err(challenge("the page asks for a one-time code, and this user has no `totp`"));
        }
        if words::sent_code(&reading.document.visible_text(4000)) {
            return Err(challenge("the page asks for a code that was sent to somebody"));
        }
        fills.push((code, With::Totp));
    }
    if let Some(password) = fields.password {
        fills.push((password, With::Password));
    }
    if let Some(username) = fields.username {
        // On the second page it may be there again, filled in already.
        let kept = progress.has_given(With::Username) && username.element.attr("value").is_some_and(|v| !v.is_empty());
        if !kept {
            fills.push((username, With::Username));
        }
    }
    fills.sort_by_key(|(control, _)| control.number);
    let last = fills.last().map_or(0, |(control, _)| control.number);
    let ticks = fields.form.controls.iter().filter(|control| must_be_ticked(control));
    Ok(Act {
        ticks: ticks.map(|control| mark(reading, control)).collect::<Result<_, _>>()?,
        press: login_button(reading, fields.form, last).map(|control| mark(reading, control)).transpose()?,
        fills: fills
            .into_iter()
            .map(|(control, with)| Ok((mark(reading, control)?, with)))
            .collect::<Result<_, Fault>>()?,
        hold: false,
    })
}

fn mark(reading: &Reading<'_>, control: &Control<'_>) -> Result<u32, Fault> {
    snapshot::mark(control.element).ok_or_else(|| reading.login_page("an element of the form cannot be reached"))
}

/// The button that signs in: not one that leads elsewhere. It may be disabled until the fields are filled in. None: Enter.
fn login_button<'a, 'f>(reading: &'f Reading<'a>, form: &'f Form<'a>, last: usize) -> Option<&'f Control<'a>> {
    let best = |form: &'f Form<'a>, least: i32| {
        let mut found: Option<(&Control<'_>, i32)> = None;
        for control in form.controls.iter().filter(|c| is_button(c)) {
            let score = login_score(reading, control, last);
            if score >= least && found.is_none_or(|(_, best)| score > best) {
                found = Some((control, score));
            }
        }
        found.map(|(control, _)| control)
    };
    let outside = || reading.forms.iter().filter(|other| other.element.value().name() != "form");
    // A form whose button stands beside it: there, only one that says so and comes after the fields.
    best(form, 0).or_else(|| outside().find_map(|other| best(other, 10)))
}

fn login_score(reading: &Reading<'_>, control: &Control<'_>, last: usize) -> i32 {
    const NEVER: i32 = -100;
    let label = control.label();
    let score = match (words::signs_in(&label), reading.meaning(control)) {
        (_, Meaning::Deny | Meaning::Later) => NEVER,
        _ if words::reveals(&label) => NEVER,
        (2, _) => 9,
        (1, _) => 7,
        (_, Meaning::Continue | Meaning::Allow) => 5,
        // What says nothing is pressed only if pressing it sends the form.
        _ if control.kind == Kind::Inert => NEVER,
        _ if control.element.attr("formnovalidate").is_some() => 0,
        _ => 3,
    };
    score + if control.number > last { 5 } else { 0 }
}

/// Whether it is a button, and seen. It may be disabled.
fn is_button(control: &Control<'_>) -> bool {
    let resets = control.element.attr("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("reset"));
    matches!(control.kind, Kind::Submit | Kind::Image | Kind::Inert) && !resets && visible(control.element)
}

/// The button that starts a login with a passkey, for users who have one.
fn passkey_button(reading: &Reading<'_>) -> Option<u32> {
    if !reading.setting.has_passkey {
        return None;
    }
    let mut controls = reading.forms.iter().flat_map(|form| &form.controls);
    let button = controls.find(|c| is_button(c) && !c.disabled() && words::about_passkey(&c.label()))?;
    snapshot::mark(button.element)
}

/// After the password: consent, terms, "stay signed in?" - whatever can be agreed to. Nothing is ever denied.
fn agree(reading: &Reading<'_>) -> Result<Act, Fault> {
    let mut best: Option<(&Form<'_>, &Control<'_>, Meaning)> = None;
    let mut pressable = 0;
    let rank = |control: &Control<'_>, meaning: Meaning| (meaning, control.kind != Kind::Inert);
    for form in reading.forms.iter().filter(|form| !hands_over(form)) {
        if let Some(field) = judge::required_field(form) {
            let field = format!("{:?}", cut(field, 60));
            return Err(challenge(format!("after the password the page asks for more: {field}")));
        }
        let terms = form.controls.iter().any(must_be_ticked);
        for control in form.controls.iter().filter(|c| is_button(c) && (terms || !c.disabled())) {
            let meaning = reading.meaning(control);
            pressable += i32::from(meaning != Meaning::Deny);
            let better = best.is_none_or(|(_, known, of)| rank(control, meaning) > rank(known, of));
            if meaning != Meaning::Deny && better {
                best = Some((form, control, meaning));
            }
        }
    }
    // A button that says nothing we understand is pressed only if there is no choice and it sends a form.
    let sends = |form: &Form<'_>, control: &Control<'_>| control.submits() && form.element.value().name() == "form";
    let best = best
        .filter(|(form, control, meaning)| *meaning != Meaning::Unknown || (pressable == 1 && sends(form, control)));
    let Some((form, button, _)) = best else {
        return Err(asks_for_passkey(reading).unwrap_or_else(|| reading.dead_end()));
    };
    let ticks = form.controls.iter().filter(|control| must_be_ticked(control));
    Ok(Act {
        ticks: ticks.map(|control| mark(reading, control)).collect::<Result<_, _>>()?,
        press: Some(mark(reading, button)?),
        ..Act::default()
    })
}

/// Whether a form carries an answer from one server to another: a script sends it, and pressing its button as well would send
/// it twice.
fn hands_over(form: &Form<'_>) -> bool {
    const CARRIES: [&str; 9] = [
        "code",
        "response",
        "id_token",
        "access_token",
        "SAMLResponse",
        "SAMLRequest",
        "RelayState",
        "wresult",
        "logout_token",
    ];
    form.is_hidden()
        && form.controls.iter().any(|control| control.kind == Kind::Hidden && CARRIES.contains(&control.name()))
}

/// A page that is about a passkey, for a user who has none.
fn asks_for_passkey(reading: &Reading<'_>) -> Option<Fault> {
    let mut headings = reading.document.select("h1, h2, h3, [role=heading]").filter(|heading| visible(*heading));
    let asks = !reading.setting.has_passkey && headings.any(|heading| words::about_passkey(&text(heading)));
    asks.then(|| challenge("the page asks for a passkey or security key, and this user has none"))
}
