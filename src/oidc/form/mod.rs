//! The login over plain HTTP: pages are read and forms sent as a browser without scripts would.
//!
//! [`walker`] does the requests; what a page is and what to do on it is decided by pure functions ([`judge`] by the
//! obvious fields, [`guided`] by declared [`steps`]), which see no secrets: they say *that* the password belongs into a
//! field, the walker puts it there.

use url::Url;

pub mod answers;
mod captcha;
mod controls;
mod device;
mod document;
mod guided;
mod judge;
pub mod leave;
pub mod looks;
pub mod page;
pub mod presets;
mod refusals;
pub mod scripted;
pub mod steps;
pub mod walker;
mod words;

pub use page::{Page, Progress};
use steps::With;

use crate::oidc::authorize::Answer;

/// The content of a field that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// As it is on the page.
    Plain(String),
    /// What our user types.
    Answer(With),
}

/// A form, filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it goes.
    pub url: Url,
    /// By POST; otherwise the fields become the query.
    pub post: bool,
    /// As `multipart/form-data`.
    pub multipart: bool,
    /// Names and contents, in order.
    pub fields: Vec<(String, Value)>,
}

impl Submission {
    /// The answer that it is, sent to the redirect URI with that content.
    fn answer(&self, fields: Vec<(String, String)>) -> Answer {
        match self.post {
            true => Answer::posted(&self.url, fields),
            // A form that is sent by GET replaces the query.
            false => Answer { query: fields, ..Answer::default() },
        }
    }
}

/// What to do on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send a form.
    Submit(Submission),
    /// Go there.
    Follow(Url),
    /// The page is the answer: a form to the redirect URI that sends itself (`response_mode=form_post`).
    Answer(Answer),
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;
