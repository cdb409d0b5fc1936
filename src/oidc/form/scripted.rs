//! Pages as a real browser shows them: what to fill in and what to press, instead of what to send.
//!
//! [`Page::content`] is a snapshot that `browser/look.js` took. The caller comes again with every new snapshot and the
//! same [`Progress`]; it takes an [`Unready`] for final only when the page has settled.

use super::page::{Page, Progress, Setting};
use super::steps::{Target, With};
use crate::fault::{Class, Fault};

/// What to do on a page, by the marks of its elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// What to type where, in order.
    pub fills: Vec<(u32, With)>,
    /// The boxes to tick, after that.
    pub ticks: Vec<u32>,
    /// What to press then; `None`: Enter in the field that was filled in last.
    pub press: Option<u32>,
}

/// Nothing can be done on a page as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// What it comes to if the page stays as it is.
    pub fault: Fault,
    /// Whether something on the page says so (a fresh message, a challenge, an error status). Otherwise it may just take its
    /// time: the same question is still there, or nothing useful is.
    pub certain: bool,
}

/// Decides what to do on a page.
///
/// Faults: `credentials` (naming the user), `challenge`, `login_page`, `http_status`, `malformed`, `too_large`, `config`.
pub fn read(page: &Page, progress: &mut Progress, setting: Setting<'_>) -> Result<Act, Unready> {
    let _ = (page, progress, setting);
    Err(Unready { fault: Fault::new(Class::LoginPage, ""), certain: false })
}

/// What is on a page: title, headings, messages, fields, buttons, links; one a line, without contents of fields and queries of
/// links. At most 60 lines and 4000 characters.
pub fn outline(page: &Page) -> String {
    let _ = page;
    String::new()
}

/// Whether an element is there and seen. Faults: `malformed`, `too_large`.
pub fn shows(page: &Page, target: &Target) -> Result<bool, Fault> {
    let _ = (page, target);
    Ok(false)
}
