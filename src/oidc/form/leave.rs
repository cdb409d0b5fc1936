//! The pages of a logout: whether somebody has to confirm it, and whether it was done.

use super::controls::forms;
use super::document::{Document, visible};
use super::page::Page;
use super::{Submission, words};
use crate::fault::Fault;

/// What a page of the logout wants.
#[derive(Debug, PartialEq)]
pub enum Wants {
    /// Nothing: it says goodbye, or is a login page.
    Nothing,
    /// A confirmation.
    Confirmation(Submission),
    /// Something that we do not understand: another confirmation, or a form that has nothing to do with the logout.
    Something,
}

/// What the page wants. Faults: `too_large`.
pub fn wants(page: &Page) -> Result<Wants, Fault> {
    let document = Document::parse(&page.content, &page.url)?;
    // A login page after the logout is a sign that it is done.
    if document.select("input[type=password], input[autocomplete~=username]").any(visible) {
        return Ok(Wants::Nothing);
    }
    let forms = forms(&document);
    let mut asks = false;
    for form in forms.iter().filter(|form| form.posts(form.default_button())) {
        for button in form.controls.iter().filter(|c| c.submits() && visible(c.element)) {
            asks = true;
            let attribute = |name| button.element.attr(name).unwrap_or_default();
            if words::ends_session(&button.label(), &[attribute("name"), attribute("value"), attribute("id")]) {
                let submission = form.submission(&document, Some(button), &Default::default());
                return Ok(submission.map_or(Wants::Nothing, Wants::Confirmation));
            }
        }
    }
    Ok(if asks { Wants::Something } else { Wants::Nothing })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::Value;
    use super::*;

    fn page(content: &str) -> Page {
        Page {
            url: Url::parse("https://login.example.com/session/end").unwrap(),
            status: 200,
            media_type: "text/html".into(),
            gatekeeper: false,
            content: content.into(),
        }
    }

    fn confirmation(content: &str) -> Submission {
        match wants(&page(content)).unwrap() {
            Wants::Confirmation(submission) => submission,
            other => panic!("{other:?}"),
        }
    }

    /// oidc-provider's and canaille's confirmation pages.
    #[test]
    fn confirmations_are_found() {
        let oidc_provider = r#"<h1>Do you want to sign-out from x?</h1>
            <form id="op.logoutForm" method="post" action="https://login.example.com/session/end/confirm"><input type="hidden" name="xsrf" value="a"/></form>
            <button autofocus type="submit" form="op.logoutForm" value="yes" name="logout">Yes, sign me out</button>
            <button type="submit" form="op.logoutForm">No, stay signed in</button>"#;
        let confirm = confirmation(oidc_provider);
        assert_eq!(confirm.url.path(), "/session/end/confirm");
        let expected =
            [("xsrf".to_owned(), Value::Plain("a".into())), ("logout".to_owned(), Value::Plain("yes".into()))];
        assert_eq!(confirm.fields, expected);
        let canaille = r#"<form method=post><button name="answer" value="stay">Stay logged</button>
            <button name="answer" value="logout">Logout</button></form>"#;
        let confirm = confirmation(canaille);
        assert_eq!(confirm.fields, [("answer".to_owned(), Value::Plain("logout".into()))]);
    }

    #[test]
    fn a_page_that_only_says_goodbye_is_done() {
        assert_eq!(wants(&page("<h1>Goodbye</h1>")), Ok(Wants::Nothing));
        let login = "<form method=post><input autocomplete='section-login username'><button>Continue</button></form>";
        assert_eq!(wants(&page(login)), Ok(Wants::Nothing));
        // Such as a newsletter's.
        let strange = "<h1>Goodbye</h1><form method=post><button>Frobnicate</button></form>";
        assert_eq!(wants(&page(strange)), Ok(Wants::Something));
    }
}
