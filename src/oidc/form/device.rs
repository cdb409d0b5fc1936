//! The approval of a device (RFC 8628 §3.3): the code is typed, the login confirmed, and nothing leads back to us; whether
//! it was approved is what the token endpoint says.

use super::answers::Answers;
use super::controls::{Control, Form, Kind, Typed, forms};
use super::document::{Document, visible};
use super::page::{Page, Progress, Reading, Setting, place, read};
use super::steps::{Guide, With};
use super::walker::{Arrival, MAX_FORMS, MAX_PAGES, Walker};
use super::{Next, Value, judge};
use crate::fault::{Class, Fault};
use crate::secret::Secret;

/// The names that fields for a user code have.
const NAMES: [&str; 6] = ["user_code", "usercode", "user-code", "device_code", "devicecode", "device-code"];

impl Walker<'_> {
    /// Answers page after page until one asks for nothing more after the password. Returns what would be wrong with that
    /// last page if the device turns out not to be approved. Faults: those of [`Walker::sign_in`]; `login_page` if the
    /// code is asked for again.
    pub async fn approve(
        &self,
        first: Page,
        user_code: &Secret,
        guide: &Guide,
        answers: &Answers,
    ) -> Result<Fault, Fault> {
        let setting = Setting {
            guide,
            redirect_uri: self.redirect_uri,
            has_totp: answers.has_totp(),
            has_passkey: false,
            user: answers.user(),
        };
        let mut visit = Visit { setting, user_code, progress: Progress::default(), typed: false };
        let mut page = first;
        for _ in 0..MAX_PAGES {
            let next = match visit.next(&page)? {
                Step::On(next) => next,
                Step::End(fault) => return Ok(fault),
            };
            if visit.progress.submissions > MAX_FORMS {
                break;
            }
            let arrival = match next {
                Next::Answer(params) => Arrival::Answer(params),
                Next::Follow(url) => self.lead_on(&page, url).await?,
                Next::Submit(submission) => self.submit(&page, submission, answers).await?,
            };
            match arrival {
                Arrival::Page(next) => page = next,
                Arrival::Answer(_) => {
                    let detail = "the approval of a device leads to a redirect URI, which it has none of";
                    return Err(Fault::new(Class::Redirect, detail));
                }
            }
        }
        let forms = visit.progress.submissions.min(MAX_FORMS);
        Err(Fault::new(Class::LoginPage, format!("no end after {forms} forms; at {}", place(&page.url))))
    }
}

enum Step {
    On(Next),
    End(Fault),
}

struct Visit<'a> {
    setting: Setting<'a>,
    user_code: &'a Secret,
    progress: Progress,
    typed: bool,
}

impl Visit<'_> {
    fn next(&mut self, page: &Page) -> Result<Step, Fault> {
        let html = matches!(page.media_type.as_str(), "" | "text/html" | "application/xhtml+xml");
        if html && !page.gatekeeper && page.status < 400 {
            let document = Document::parse(&page.content, &page.url)?;
            let forms = forms(&document);
            let reading = Reading { page, document: &document, forms: &forms, setting: self.setting };
            if let Some((form, field)) = code_field(&forms) {
                return self.type_code(&reading, form, field).map(Step::On);
            }
        }
        let before = self.progress.clone();
        let fault = match read(page, &mut self.progress, self.setting) {
            Ok(next) => return Ok(Step::On(next)),
            Err(fault) => fault,
        };
        let stuck = matches!(fault.class, Class::LoginPage | Class::Challenge | Class::Unsupported);
        if !stuck || fault.account.is_some() || !html || page.status >= 400 {
            return Err(fault);
        }
        self.progress = before;
        let document = Document::parse(&page.content, &page.url)?;
        let forms = forms(&document);
        let reading = Reading { page, document: &document, forms: &forms, setting: self.setting };
        if self.progress.has_given(With::Password) {
            return if asks_nothing(&reading) { Ok(Step::End(fault)) } else { Err(fault) };
        }
        // "Is this the code on your device?": some ask before the login.
        if fault.class == Class::LoginPage
            && !judge::asks_anything(&reading)
            && let Ok(next) = judge::agree(&reading, &mut self.progress)
        {
            return Ok(Step::On(next));
        }
        Err(fault)
    }

    fn type_code(&mut self, reading: &Reading<'_>, form: &Form<'_>, field: &Control<'_>) -> Result<Next, Fault> {
        if self.typed {
            return Err(reading.login_page("the user code is asked for again"));
        }
        self.typed = true;
        let typed = Typed::from([(field.number, Value::Plain(self.user_code.expose().to_owned()))]);
        match form.submission(reading.document, form.default_button(), &typed) {
            Some(submission) => reading.send(submission, &mut self.progress),
            None => Err(reading.login_page("the form for the user code has no target")),
        }
    }
}

/// The field for the user code, and its form: one that has that name, in a form without a password.
fn code_field<'a, 'f>(forms: &'f [Form<'a>]) -> Option<(&'f Form<'a>, &'f Control<'a>)> {
    let names = |control: &Control<'_>| {
        [control.name(), control.element.value().id().unwrap_or_default()].map(str::to_ascii_lowercase)
    };
    let named = |control: &&Control<'_>| {
        names(control).iter().any(|name| NAMES.iter().any(|known| name.contains(known)) || name == "code")
    };
    forms.iter().filter(|form| !form.controls.iter().any(|c| c.kind == Kind::Password)).find_map(|form| {
        let mut fields = form.controls.iter().filter(|c| c.kind == Kind::Text && c.fillable() && visible(c.element));
        // A second factor has that name too, but says what it is.
        let one_time = |c: &Control<'_>| c.element.attr("autocomplete").is_some_and(|v| v.contains("one-time-code"));
        fields.find(|control| named(control) && !one_time(control)).map(|field| (form, field))
    })
}

/// Whether the page leaves nothing to answer.
fn asks_nothing(reading: &Reading<'_>) -> bool {
    let pressable = |form: &Form<'_>| {
        form.posts(form.default_button()) && form.controls.iter().any(|c| c.submits() && visible(c.element))
    };
    !judge::asks_anything(reading) && !reading.forms.iter().any(pressable)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::Submission;
    use super::*;

    fn page(content: &str) -> Page {
        Page {
            url: Url::parse("https://login.example.com/device").unwrap(),
            status: 200,
            media_type: "text/html".into(),
            gatekeeper: false,
            content: content.into(),
        }
    }

    fn visit<T>(given: &[With], look: impl FnOnce(&mut Visit<'_>) -> T) -> T {
        let (guide, nowhere, code) = (Guide::default(), Url::parse("urn:x").unwrap(), Secret::new("WDJB-MJHT"));
        let setting =
            Setting { guide: &guide, redirect_uri: &nowhere, has_totp: false, has_passkey: false, user: "alice" };
        let progress = Progress { given: given.to_vec(), ..Progress::default() };
        look(&mut Visit { setting, user_code: &code, progress, typed: false })
    }

    fn sent(step: Step) -> Submission {
        match step {
            Step::On(Next::Submit(submission)) => submission,
            Step::On(other) => panic!("{other:?}"),
            Step::End(fault) => panic!("{fault}"),
        }
    }

    /// oidc-provider's pages: a form that sends itself, the field, the confirmation before the login, the end.
    #[test]
    fn the_pages_of_oidc_provider_lead_to_the_end() {
        let itself = r#"<script>document.forms[0].submit()</script><form method="post" action="/device">
            <input type="hidden" name="xsrf" value="a"/><input type="hidden" name="user_code" value="WDJB-MJHT"/></form>"#;
        assert_eq!(sent(visit(&[], |v| v.next(&page(itself))).unwrap()).fields.len(), 2);
        let field = r#"<form id="op.deviceInputForm" method="post" action="/device"><input type="hidden" name="xsrf" value="a"/>
            <input required type="text" name="user_code" placeholder="Enter code"></form>
            <button type="submit" form="op.deviceInputForm">Continue</button>"#;
        let typed = sent(visit(&[], |v| v.next(&page(field))).unwrap());
        assert!(typed.fields.contains(&("user_code".into(), Value::Plain("WDJB-MJHT".into()))), "{typed:?}");
        let confirm = r#"<h1>Confirm Device</h1><code>WDJB-MJHT</code>
            <form id="op.deviceConfirmForm" method="post" action="/device"><input type="hidden" name="xsrf" value="a"/>
            <input type="hidden" name="user_code" value="WDJB-MJHT"/><input type="hidden" name="confirm" value="yes"/></form>
            <button autofocus type="submit" form="op.deviceConfirmForm">Continue</button>
            <button type="submit" form="op.deviceConfirmForm" value="yes" name="abort">[ Abort ]</button>"#;
        let confirmed = sent(visit(&[], |v| v.next(&page(confirm))).unwrap());
        assert!(!confirmed.fields.iter().any(|(name, _)| name == "abort"), "{confirmed:?}");
        let done = "<h1>Sign-in Success</h1><p>Your sign-in was successful, you can now close this page.</p>";
        assert!(matches!(visit(&[With::Password], |v| v.next(&page(done))).unwrap(), Step::End(_)));
        assert!(visit(&[], |v| v.next(&page(done))).is_err(), "not without a login");
    }

    #[test]
    fn a_code_that_is_asked_for_twice_was_refused() {
        let field = "<form method=post><input name=user_code><button>Continue</button></form>";
        let fault = visit(&[], |v| {
            v.next(&page(field)).unwrap();
            v.next(&page(field)).err().unwrap()
        });
        assert_eq!(fault.class, Class::LoginPage);
    }

    #[test]
    fn a_second_factor_is_no_user_code() {
        let factor = "<form method=post><input name=code autocomplete=one-time-code><button>Verify</button></form>";
        let fault = visit(&[With::Password], |v| v.next(&page(factor)).err().unwrap());
        assert_eq!(fault.class, Class::Challenge);
    }

    #[test]
    fn a_page_that_still_asks_is_no_end() {
        let more = "<form method=post><button>Frobnicate</button><button>Twiddle</button></form>";
        assert_eq!(visit(&[With::Password], |v| v.next(&page(more)).err().unwrap()).class, Class::LoginPage);
        let error = Page { status: 500, ..page("<h1>Oops</h1>") };
        assert_eq!(visit(&[With::Password], |v| v.next(&error).err().unwrap()).class, Class::HttpStatus);
    }
}
