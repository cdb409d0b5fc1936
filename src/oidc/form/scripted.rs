//! Pages as a real browser shows them: what to fill in and what to press, instead of what to send.
//!
//! [`Page::content`] is a snapshot that `browser/look.js` took. The caller comes again with every new snapshot and the
//! same [`Progress`]; it takes an [`Unready`] for final only when the page has settled. Time is not known here: what was
//! pressed and has not changed the page yet looks like a question that is asked again.

pub(super) mod captions;
mod groups;
mod judged;
mod outline;
mod shown;
pub(super) mod snapshot;
mod steps;

use super::captcha;
use super::document::{Document, text, visible};
use super::page::{self, Page, Progress, Reading, Setting};
use super::steps::{Target, With};
use super::words;
use super::{guided, judge, refusals};
use crate::fault::{Class, Fault};

pub(super) use groups::presses;
pub use outline::outline;
pub(super) use shown::Shown;

/// The longest text that is taken for a message though nothing marks it as one (characters).
const MAX_MESSAGE: usize = 200;
/// The most such messages.
const MAX_MESSAGES: usize = 20;

/// What to do on a page, by the marks of its elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// What to type where, in order.
    pub fills: Vec<(u32, With)>,
    /// The boxes to tick, after that.
    pub ticks: Vec<u32>,
    /// What to press then; `None`: Enter in the field that was filled in last, unless [`Act::hold`].
    pub press: Option<u32>,
    /// Nothing is pressed, not even Enter: the declared steps go on with what the page shows once it is filled in.
    pub hold: bool,
}

/// Nothing can be done on a page as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// What it comes to if the page stays as it is.
    pub fault: Box<Fault>,
    /// Whether something on the page says so (a fresh message, a challenge, an error status). Otherwise it may just take its
    /// time: the same question is still there, or nothing useful is.
    pub certain: bool,
}

/// Decides what to do on a page.
///
/// `progress` changes when there is something to do, and only then; but declared `wait` and `expect` steps that are met in
/// their turn stay met.
///
/// Faults: `credentials` (naming the user), `challenge`, `login_page`, `http_status`, `malformed`, `too_large`, `config`.
pub fn read(page: &Page, progress: &mut Progress, setting: Setting<'_>) -> Result<Act, Unready> {
    let certain = |fault: Fault| Unready { fault: fault.into(), certain: true };
    if page.gatekeeper {
        // It lets browsers pass by themselves, if it wants to.
        let fault = refusals::challenge("a gatekeeper before the provider asks for proof that we are human");
        return Err(Unready { fault: fault.into(), certain: false });
    }
    let document = parse(page).map_err(certain)?;
    let name = snapshot::name(&document);
    let stays = !name.is_empty() && progress.shown.is_of(&name);
    // The status is the answer to what led to this document, not to what was done on it.
    let status = if stays { 200 } else { page.status };
    let page = Page { status, content: String::new(), url: page.url.clone(), media_type: String::new(), ..*page };
    let forms = groups::forms(&document);
    let reading = Reading { page: &page, document: &document, forms: &forms, setting };
    let mut trial = progress.clone();
    let decided = decide(&reading, &mut trial, stays).and_then(|act| {
        let shown = Shown::of(&reading, name, &act);
        if shown.repeats(&progress.shown) {
            return Err(reading.login_page("what was pressed has changed nothing on the page"));
        }
        Ok((act, shown))
    });
    match decided {
        Ok((act, shown)) => {
            trial.given.extend(act.fills.iter().map(|(_, with)| *with));
            trial.submissions += usize::from(!act.hold);
            trial.alerts = reading.alerts();
            trial.shown = shown;
            *progress = trial;
            Ok(act)
        }
        Err(fault) => {
            let certain = is_certain(&reading, progress, &fault);
            let fault = reading.name_user(fault, progress).into();
            progress.step = steps::passed(&reading, progress.step);
            Err(Unready { fault, certain })
        }
    }
}

/// Whether an element is there and seen. Faults: `malformed`, `too_large`.
pub fn shows(page: &Page, target: &Target) -> Result<bool, Fault> {
    let document = parse(page)?;
    let nowhere = page.url.clone();
    let guide = super::steps::Guide::default();
    let setting = Setting { guide: &guide, redirect_uri: &nowhere, has_totp: false, has_passkey: false, user: "" };
    let reading = Reading { page, document: &document, forms: &[], setting };
    Ok(guided::find(&reading, target, guided::Sought::Anything).is_some())
}

fn parse(page: &Page) -> Result<Document, Fault> {
    if !matches!(page.media_type.as_str(), "" | "text/html" | "application/xhtml+xml") {
        return Err(page::not_html(page));
    }
    snapshot::parse(&page.content, &page.url)
}

fn decide(reading: &Reading<'_>, progress: &mut Progress, stays: bool) -> Result<Act, Fault> {
    // Between two declared steps on a form nothing was sent yet.
    let holds = stays && progress.shown.held;
    reading.refuse_status_5xx()?;
    // Refusals first: many providers show a CAPTCHA as well from then on, and a password must not be refused twice.
    reading.refuse_named(progress)?;
    if !holds {
        if stays {
            refuse_idle(reading, progress)?;
        }
        reading.refuse_again(progress)?;
    }
    let asks = judge::asks_anything(reading);
    if reading.page.status == 401 && progress.has_given(With::Password) && !asks {
        return Err(reading.credentials("status 401 after the password", ""));
    }
    reading.refuse_challenge()?;
    if let Some(again) = judge::asked_again(reading, progress).filter(|_| !holds) {
        return Err(reading.login_page(&format!("the {again} is asked for again, without an error message")));
    }
    if reading.page.status >= 400 && !asks {
        return Err(reading.http_status());
    }
    match reading.setting.guide.steps.get(progress.step) {
        Some(_) => steps::next(reading, progress),
        None => judged::next(reading, progress),
    }
}

/// The form is there as we left it, with what we typed and without a word: that is no refusal of what we typed.
fn refuse_idle(reading: &Reading<'_>, progress: &Progress) -> Result<(), Fault> {
    let Some(again) = judge::asked_again(reading, progress) else { return Ok(()) };
    let fields = judge::login(reading);
    let field = fields.and_then(|fields| match again {
        With::Username => fields.username,
        With::Password => fields.password,
        With::Totp => fields.code,
    });
    let kept = field.is_some_and(|field| field.element.attr("value").is_some_and(|value| !value.is_empty()));
    if kept && reading.fresh_alerts(progress).is_empty() {
        return Err(reading.login_page(&format!("the form with the {again} was sent, and nothing happened")));
    }
    Ok(())
}

/// Whether something on the page says that it comes to that fault.
fn is_certain(reading: &Reading<'_>, progress: &Progress, fault: &Fault) -> bool {
    let answered = !progress.given.is_empty() && !progress.shown.held;
    match fault.class {
        Class::Credentials | Class::LoginPage => {
            let refused = || reading.named(reading.setting.guide.refused.as_ref()).is_some();
            let again = || judge::asked_again(reading, progress).is_some() || fault.class == Class::Credentials;
            let says = || matches!(reading.page.status, 401 | 403) || !reading.fresh_alerts(progress).is_empty();
            answered && (refused() || (again() && says()))
        }
        // Some widgets answer themselves after a while.
        Class::Challenge => captcha::find(reading.document) != Some(captcha::TURNSTILE),
        // An application may come with status 404 and still make its page.
        Class::HttpStatus => reading.page.status >= 500 || !reading.document.visible_text(1).is_empty(),
        _ => true,
    }
}

/// The messages of a snapshot: without those that only ask for patience, and with those that nothing marks as messages.
pub(super) fn messages(document: &Document, found: &mut Vec<String>) {
    if !document.elements().next().is_some_and(snapshot::is_part) {
        return;
    }
    found.retain(|message| !words::is_busy(message));
    let own_text = |element: scraper::ElementRef<'_>| element.children().any(|child| child.value().is_text());
    let more = document.elements().filter(|e| {
        own_text(*e) && visible(*e) && !matches!(e.value().name(), "title" | "option" | "button" | "a" | "label")
    });
    let more = more.map(text).filter(|text| text.chars().count() <= MAX_MESSAGE && words::refuses(text));
    for message in more.take(MAX_MESSAGES) {
        if !found.contains(&message) {
            found.push(message);
        }
    }
}

#[cfg(test)]
mod tests;
