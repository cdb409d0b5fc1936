//! What a page of the provider is: the entry to all that decides without the network.

use url::Url;

use super::controls::{Form, Kind, forms};
use super::document::{Document, text, visible};
use super::refusals::challenge;
use super::steps::{Guide, With};
use super::words::{self, Meaning};
use super::{Next, Submission, Value, guided, judge, scripted};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::is_answer;

/// What a login page lacks that leads nowhere.
pub(crate) const WAY_BACK: &str = "expected the way back to us after the login";
/// The longest description of a page (characters).
const MAX_SHOWN: usize = 320;

/// A page as it came.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it was served.
    pub url: Url,
    /// Its status: any but a redirect.
    pub status: u16,
    /// The media type of its `Content-Type`, in lower case; empty if there was none.
    pub media_type: String,
    /// Whether a gatekeeper before the provider answered in its stead (`cf-mitigated: challenge`).
    pub gatekeeper: bool,
    /// Its text.
    pub content: String,
}

/// How far a login has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What has been typed and sent.
    pub given: Vec<With>,
    /// Which declared step is next.
    pub step: usize,
    /// How many forms were sent.
    pub submissions: usize,
    /// The messages on the page before: only new ones are about what we sent.
    pub(super) alerts: Vec<String>,
    /// What a browser showed when we acted on it last.
    pub(super) shown: scripted::Shown,
}

impl Progress {
    /// Whether that has been typed and sent.
    pub fn has_given(&self, with: With) -> bool {
        self.given.contains(&with)
    }
}

/// What the reading of pages depends on.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Declared steps; none: by the obvious fields.
    pub guide: &'a Guide,
    /// Where the answer goes.
    pub redirect_uri: &'a Url,
    /// Whether we can make one-time codes.
    pub has_totp: bool,
    /// Whether the browser holds a passkey of the user (never over plain HTTP).
    pub has_passkey: bool,
    /// The user's name in the configuration.
    pub user: &'a str,
}

/// A page being read.
pub(super) struct Reading<'a> {
    pub(super) page: &'a Page,
    pub(super) document: &'a Document,
    pub(super) forms: &'a [Form<'a>],
    pub(super) setting: Setting<'a>,
}

/// Decides what to do on a page.
///
/// Faults: `credentials` (naming the user), `challenge`, `unsupported`, `login_page`, `http_status`, `malformed`,
/// `too_large`, `config`.
pub fn read(page: &Page, progress: &mut Progress, setting: Setting<'_>) -> Result<Next, Fault> {
    if page.gatekeeper {
        return Err(challenge("a gatekeeper before the provider asks for proof that we are human"));
    }
    if !matches!(page.media_type.as_str(), "" | "text/html" | "application/xhtml+xml") {
        return Err(not_html(page));
    }
    let document = Document::parse(&page.content, &page.url)?;
    let forms = forms(&document);
    let reading = Reading { page, document: &document, forms: &forms, setting };
    let given = progress.clone();
    let next = reading.decide(progress).map_err(|fault| reading.name_user(fault, &given))?;
    progress.alerts = reading.alerts();
    Ok(next)
}

/// What a page does by itself: the answer of a form that is posted to us, or a hop on the way. Faults: `too_large`,
/// `login_page`.
pub fn sends_itself(page: &Page, redirect_uri: &Url) -> Result<Option<Next>, Fault> {
    let document = Document::parse(&page.content, &page.url)?;
    let (forms, guide) = (forms(&document), Guide::default());
    let setting = Setting { guide: &guide, redirect_uri, has_totp: false, has_passkey: false, user: "" };
    Reading { page, document: &document, forms: &forms, setting }.sends_itself()
}

/// A page in place of the answer to `prompt=none`: OIDC Core 3.1.2.1, "MUST NOT display any authentication or consent user
/// interface pages".
pub fn unasked(page: &Page) -> Fault {
    let place = place(&page.url);
    let detail =
        format!("a request with prompt=none came to a page at {place} instead of an answer (OIDC Core 3.1.2.1)");
    Fault::new(Class::LoginPage, detail)
}

impl<'a> Reading<'a> {
    fn decide(&self, progress: &mut Progress) -> Result<Next, Fault> {
        if let Some(next) = self.sends_itself()? {
            return Ok(next);
        }
        self.refuse_status_5xx()?;
        // Refusals first: many providers show a CAPTCHA as well from then on, and a password must not be refused twice.
        self.refuse_named(progress)?;
        self.refuse_again(progress)?;
        if self.page.status == 401 && progress.has_given(With::Password) && !judge::asks_anything(self) {
            return Err(self.credentials("status 401 after the password", ""));
        }
        self.refuse_challenge()?;
        if let Some(again) = judge::asked_again(self, progress) {
            return Err(self.login_page(&format!("the {again} is asked for again, without an error message")));
        }
        if self.page.status >= 400 && !judge::asks_anything(self) {
            return Err(self.http_status());
        }
        match self.setting.guide.steps.get(progress.step) {
            Some(_) => guided::next(self, progress),
            None => judge::next(self, progress),
        }
    }

    /// A form of nothing but hidden fields that a script sends at once: `form_post` to us, or a hop on the way.
    fn sends_itself(&self) -> Result<Option<Next>, Fault> {
        for form in self.forms {
            let button = form.default_button();
            let Some(target) = form.target(self.document, button) else { continue };
            if is_answer(&target, self.setting.redirect_uri) {
                let Some(submission) = form.submission(self.document, button, &Default::default()) else { continue };
                let has = |wanted: &str| submission.fields.iter().any(|(name, _)| name == wanted);
                let answers = ["code", "response", "id_token", "access_token"].into_iter().any(has);
                // Among other forms, one that nothing sends by itself, or that brings an error, is there to cancel.
                if (self.forms.len() == 1 && (answers || has("error"))) || (answers && self.has_sending_script()) {
                    let fields = plain(&submission);
                    return Ok(Some(Next::Answer(submission.answer(fields))));
                }
            }
        }
        let [form] = self.forms else { return Ok(None) };
        let sends =
            form.is_hidden() && form.controls.iter().any(|c| c.kind == Kind::Hidden) && self.has_sending_script();
        if !sends {
            return Ok(None);
        }
        form.submission(self.document, form.default_button(), &Default::default())
            .map(|submission| Some(Next::Submit(submission)))
            .ok_or_else(|| self.login_page("a form that sends itself cannot be sent"))
    }

    fn has_sending_script(&self) -> bool {
        let sends = |code: &str| code.contains(".submit(") || code.contains(".click(");
        self.document.select("body[onload]").any(|body| body.attr("onload").is_some_and(sends))
            || self.document.select("script:not([src])").any(|script| script.text().any(sends))
    }

    /// Something is missing: says what was there instead, in few words.
    pub(super) fn login_page(&self, why: &str) -> Fault {
        Fault::new(Class::LoginPage, format!("{why}; found {}", self.what_is_there()))
    }

    /// After the password, a page without any way on: a second factor that nobody here has, or a dead end.
    pub(super) fn dead_end(&self) -> Fault {
        if words::asks_elsewhere(&self.document.visible_text(4000)) {
            let found = self.what_is_there();
            return challenge(format!(
                "after the password the page asks for something that we do not have; found {found}"
            ));
        }
        self.login_page(WAY_BACK)
    }

    fn what_is_there(&self) -> String {
        let quoted =
            |texts: Vec<String>| texts.iter().map(|t| format!("{:?}", cut(t, 60))).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        let title = self.document.title();
        if !title.is_empty() {
            parts.push(format!("title {:?}", cut(&title, 80)));
        }
        let headings: Vec<String> = self.document.select("h1, h2").filter(|h| visible(*h)).map(text).collect();
        let headings: Vec<String> = headings.into_iter().filter(|t| !t.is_empty()).take(3).collect();
        if !headings.is_empty() {
            parts.push(format!("headings {}", quoted(headings)));
        }
        let controls = || self.forms.iter().flat_map(|form| &form.controls);
        let fields: Vec<&str> = controls().filter(|c| c.fillable()).map(|c| c.name()).take(5).collect();
        if !fields.is_empty() {
            parts.push(format!("fields {}", quoted(fields.iter().map(|name| (*name).to_owned()).collect())));
        }
        let buttons = controls().filter(|c| c.submits() && visible(c.element)).map(|c| c.label());
        let buttons: Vec<String> = buttons.filter(|label| !label.is_empty()).take(4).collect();
        if !buttons.is_empty() {
            parts.push(format!("buttons {}", quoted(buttons)));
        }
        if parts.is_empty() {
            return format!("nothing to read at {}", place(&self.page.url));
        }
        cut(&format!("{} at {}", parts.join("; "), place(&self.page.url)), MAX_SHOWN)
    }

    /// Sends `submission` unless it would put the password into a URL, as forms that are meant for scripts do.
    pub(super) fn send(&self, submission: Submission, progress: &mut Progress) -> Result<Next, Fault> {
        let mut answers: Vec<With> = Vec::new();
        for (_, value) in &submission.fields {
            if let Value::Answer(with) = value {
                answers.push(*with);
            }
        }
        if !submission.post && answers.iter().any(|with| *with != With::Username) {
            let detail =
                "the login form has no method=post: it is meant for a script, and would show the password in a URL";
            return Err(Fault::new(Class::Unsupported, detail));
        }
        progress.given.extend(answers);
        progress.submissions += 1;
        Ok(Next::Submit(submission))
    }

    /// What pressing that button means.
    pub(super) fn meaning(&self, control: &super::controls::Control<'_>) -> Meaning {
        let value = control.element.attr("value").unwrap_or_default();
        words::meaning(&control.label(), &[control.name(), value, control.element.value().id().unwrap_or_default()])
    }
}

pub(super) fn not_html(page: &Page) -> Fault {
    let shown = cut(&page.media_type, 60);
    if page.status >= 400 {
        return Fault::new(Class::HttpStatus, format!("a page of the login has status {} ({shown})", page.status));
    }
    Fault::new(Class::Malformed, format!("expected a login page (text/html), found {shown}"))
}

/// A URL without its query, for people. With its scheme, so that masking knows where the host ends.
pub fn place(url: &Url) -> String {
    cut(&format!("{}{}", url.origin().ascii_serialization(), url.path()), 120)
}

/// At most `max` characters, and nothing that disturbs a terminal.
pub fn cut(text: &str, max: usize) -> String {
    let printable = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out: String = text.chars().filter(printable).take(max).collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

fn plain(submission: &Submission) -> Vec<(String, String)> {
    let plain = |(name, value): &(String, Value)| match value {
        Value::Plain(value) => Some((name.clone(), value.clone())),
        Value::Answer(_) => None,
    };
    submission.fields.iter().filter_map(plain).collect()
}

/// Whether the first page is one at all: what cannot be a login page ends the authorization request already.
/// Faults: `challenge`, `http_status`, `malformed`, `too_large`.
pub fn first(page: &Page) -> Result<(), Fault> {
    if page.status < 400 {
        return Ok(());
    }
    let redirect_uri = page.url.clone();
    let guide = Guide::default();
    let setting = Setting { guide: &guide, redirect_uri: &redirect_uri, has_totp: true, has_passkey: false, user: "" };
    match read(page, &mut Progress::default(), setting) {
        Err(fault) if matches!(fault.class, Class::HttpStatus | Class::Challenge | Class::TooLarge) => Err(fault),
        _ => Ok(()),
    }
}
