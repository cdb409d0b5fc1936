//! What a page says against us: an error, a refused user, a challenge. All of it is told without what the page says in words.

use scraper::ElementRef;

use super::document::{text, visible};
use super::page::{Progress, Reading, cut};
use super::steps::{Target, With};
use super::{captcha, guided, judge, scripted, words};
use crate::fault::{Account, Class, Fault};

impl<'a> Reading<'a> {
    pub(super) fn refuse_status_5xx(&self) -> Result<(), Fault> {
        if self.page.status >= 500 { Err(self.http_status()) } else { Ok(()) }
    }

    pub(super) fn http_status(&self) -> Fault {
        let title = match self.document.title() {
            title if title.is_empty() => String::new(),
            title => format!(", title {:?}", cut(&title, 100)),
        };
        Fault::new(Class::HttpStatus, format!("a page of the login has status {}{title}", self.page.status))
    }

    /// What a declared preset says of refusals.
    pub(super) fn refuse_named(&self, progress: &Progress) -> Result<(), Fault> {
        match self.named(self.setting.guide.refused.as_ref()) {
            Some(element) if !progress.given.is_empty() => {
                Err(self.credentials("the page shows the element that says so", &text(element)))
            }
            _ => Ok(()),
        }
    }

    /// A CAPTCHA, or what a declared preset says of challenges.
    pub(super) fn refuse_challenge(&self) -> Result<(), Fault> {
        if let Some(element) = captcha::find(self.document) {
            return Err(challenge(format!("the page shows a CAPTCHA ({element})")));
        }
        if self.named(self.setting.guide.challenge.as_ref()).is_some() {
            return Err(challenge("the page asks for something that we have no answer to"));
        }
        Ok(())
    }

    pub(super) fn named(&self, target: Option<&Target>) -> Option<ElementRef<'a>> {
        guided::find(self, target?, guided::Sought::Anything)
    }

    /// The same question again after it was answered. Once a password was sent that is a refusal even if the page does not
    /// say why: to send it with every run would lock the account.
    pub(super) fn refuse_again(&self, progress: &Progress) -> Result<(), Fault> {
        let Some(again) = judge::asked_again(self, progress) else { return Ok(()) };
        let fresh = self.fresh_alerts(progress);
        if fresh.iter().any(|alert| words::about_session(alert)) {
            return Err(self.login_page(&format!("the {again} is asked for again: the page says the session was lost")));
        }
        let status = self.page.status;
        if !fresh.is_empty() || matches!(status, 401 | 403) {
            return Err(
                self.credentials(&format!("the {again} is asked for again (status {status})"), &fresh.join(" "))
            );
        }
        if progress.has_given(With::Password) || progress.has_given(With::Totp) {
            return Err(self.credentials(
                &format!("the {again} is asked for again (status {status}): the form came back without an explanation"),
                "",
            ));
        }
        Ok(())
    }

    /// Whatever the fault: if we are asked again after the password was sent, or shown a challenge because of it, then it
    /// is about our user.
    pub(super) fn name_user(&self, fault: Fault, given: &Progress) -> Fault {
        let sent = given.has_given(With::Password);
        let refused = || matches!(self.page.status, 401 | 403) || !self.fresh_alerts(given).is_empty();
        let ours = judge::asked_again(self, given).is_some() || (fault.class == Class::Challenge && refused());
        if fault.account.is_none() && sent && ours {
            return fault.with_account(Account::User(self.setting.user.to_owned()));
        }
        fault
    }

    /// The messages that were not on the page before.
    pub(super) fn fresh_alerts(&self, progress: &Progress) -> Vec<String> {
        self.alerts().into_iter().filter(|alert| !progress.alerts.contains(alert)).collect()
    }

    /// Our user is refused. `message` only tells a locked account from a wrong password; it is not passed on.
    pub(super) fn credentials(&self, why: &str, message: &str) -> Fault {
        let user = self.setting.user;
        let locked =
            if words::about_lock(message) { "; the message speaks of a locked or disabled account" } else { "" };
        Fault::new(Class::Credentials, format!("user {user} is refused: {why}{locked}"))
            .with_account(Account::User(user.to_owned()))
    }

    /// The messages on the page: elements that are marked as alerts or errors and say something.
    pub(super) fn alerts(&self) -> Vec<String> {
        const MARKS: [&str; 4] = ["error", "danger", "invalid", "alert"];
        let marked = |value: Option<&str>| {
            value.is_some_and(|value| {
                let value = value.to_ascii_lowercase();
                MARKS.iter().any(|mark| value.contains(mark))
            })
        };
        let mut found: Vec<String> = self
            .document
            .elements()
            .filter(|e| {
                !matches!(e.value().name(), "body" | "html" | "form" | "input" | "fieldset")
                    && (marked(e.attr("class")) || marked(e.attr("id")) || marked(e.attr("role")))
            })
            .take(50)
            .filter(|e| visible(*e))
            .map(text)
            .filter(|text| !text.is_empty())
            .collect();
        scripted::messages(self.document, &mut found);
        found
    }
}

/// Something is asked for that we have no answer to.
pub(super) fn challenge(why: impl Into<String>) -> Fault {
    Fault::new(Class::Challenge, why)
}
