//! Pages by their obvious fields: user name, password, one-time code, and the button that says yes.

use super::controls::{Control, Form, Kind, Typed};
use super::document::{text, visible};
use super::page::{Progress, Reading};
use super::refusals::challenge;
use super::scripted::captions;
use super::steps::With;
use super::words::{self, Meaning};
use super::{Next, Value};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::{Answer, is_answer};

/// What a field must score at least to be taken for what it may be.
const SURE: i32 = 40;
/// A page that sends the reader on later than this is no mere hop (seconds).
const MAX_REFRESH: f64 = 10.0;

/// The fields of a form that we could fill in.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a, 'f> {
    pub(super) form: &'f Form<'a>,
    pub(super) username: Option<&'f Control<'a>>,
    pub(super) password: Option<&'f Control<'a>>,
    pub(super) code: Option<&'f Control<'a>>,
    pub(super) new_password: bool,
}

impl<'a, 'f> Fields<'a, 'f> {
    fn of(form: &'f Form<'a>) -> Self {
        let fillable = || form.controls.iter().filter(|c| c.fillable());
        let passwords = || fillable().filter(|c| c.kind == Kind::Password);
        let code = best(fillable(), code_score).or_else(|| captions::boxes(form));
        let boxes = code.is_some_and(captions::is_box);
        let is_code =
            |c: &Control<'_>| code.is_some_and(|code| code.number == c.number) || (boxes && captions::is_box(c));
        let password = passwords().find(|c| !autocomplete(c, "new-password") && !is_code(c));
        let new_password =
            passwords().filter(|c| !is_code(c)).count() > 1 || (password.is_none() && passwords().any(|c| !is_code(c)));
        let texts = || fillable().filter(|c| c.kind == Kind::Text && !is_code(c));
        let username = best(texts(), username_score).or_else(|| {
            // Beside a password the only text field can be nothing else.
            let mut all = texts().filter(|c| username_score(c) >= 0);
            all.next().filter(|_| password.is_some() && all.next().is_none())
        });
        Self { form, username, password, code: code.filter(|_| password.is_none() || sure_code(code)), new_password }
    }

    fn is_empty(&self) -> bool {
        self.username.is_none() && self.password.is_none() && self.code.is_none() && !self.new_password
    }
}

fn sure_code(code: Option<&Control<'_>>) -> bool {
    code.is_some_and(|code| code_score(code) >= 80)
}

/// The form on the page that asks for most.
pub(super) fn login<'a, 'f>(reading: &'f Reading<'a>) -> Option<Fields<'a, 'f>> {
    let worth = |f: &Fields<'_, '_>| (f.password.is_some(), f.code.is_some(), f.username.is_some());
    let mut found: Option<Fields<'a, 'f>> = None;
    for fields in reading.forms.iter().map(Fields::of).filter(|fields| !fields.is_empty()) {
        if found.is_none_or(|best| worth(&fields) > worth(&best)) {
            found = Some(fields);
        }
    }
    found
}

/// Whether there is anything on the page that one could answer.
pub(super) fn asks_anything(reading: &Reading<'_>) -> bool {
    login(reading).is_some()
}

/// What the page asks for though we gave it already: we were refused.
pub(super) fn asked_again(reading: &Reading<'_>, progress: &Progress) -> Option<With> {
    let fields = login(reading)?;
    let given = |with| progress.has_given(with);
    if fields.new_password {
        None
    } else if fields.password.is_some() {
        given(With::Password).then_some(With::Password)
    } else if fields.code.is_some() {
        given(With::Totp).then_some(With::Totp)
    } else {
        (fields.username.is_some() && given(With::Username)).then_some(With::Username)
    }
}

/// What to do on a page without declared steps, or after the last of them.
pub(super) fn next(reading: &Reading<'_>, progress: &mut Progress) -> Result<Next, Fault> {
    let declared = !reading.setting.guide.steps.is_empty();
    if let Some(fields) = login(reading) {
        if fields.new_password {
            return Err(challenge("the page asks for a new password"));
        }
        if declared && fields.code.is_some() && !reading.setting.has_totp {
            return Err(challenge(
                "after the declared steps the page asks for a one-time code, and this user has no `totp`",
            ));
        }
        if declared {
            return Err(reading.login_page("the declared steps are done, but the page still asks for something"));
        }
        return sign_in(reading, fields, progress);
    }
    if let Some(next) = on_the_way(reading) {
        return Ok(next);
    }
    if progress.has_given(With::Password) {
        return agree(reading, progress);
    }
    Err(no_form(reading))
}

fn sign_in(reading: &Reading<'_>, fields: Fields<'_, '_>, progress: &mut Progress) -> Result<Next, Fault> {
    let mut typed = Typed::new();
    if let Some(code) = fields.code {
        if !reading.setting.has_totp {
            return Err(challenge("the page asks for a one-time code, and this user has no `totp`"));
        }
        if words::sent_code(&reading.document.visible_text(4000)) {
            return Err(challenge("the page asks for a code that was sent to somebody"));
        }
        typed.insert(code.number, Value::Answer(With::Totp));
    }
    if let Some(password) = fields.password {
        typed.insert(password.number, Value::Answer(With::Password));
    }
    if let Some(username) = fields.username {
        // On the second page it may be there again, filled in already.
        let kept = progress.has_given(With::Username) && username.element.attr("value").is_some_and(|v| !v.is_empty());
        if !kept {
            typed.insert(username.number, Value::Answer(With::Username));
        }
    }
    let button = login_button(reading, fields.form);
    match fields.form.submission(reading.document, button, &typed) {
        Some(submission) => reading.send(submission, progress),
        None => Err(reading.login_page("the login form has no target")),
    }
}

/// The button that signs in: not one that leads elsewhere.
fn login_button<'a, 'f>(reading: &Reading<'a>, form: &'f Form<'a>) -> Option<&'f Control<'a>> {
    let candidates = form.controls.iter().filter(|c| c.submits() && visible(c.element));
    let score = |c: &Control<'_>| match reading.meaning(c) {
        Meaning::Deny | Meaning::Later => -100,
        _ if c.element.attr("formnovalidate").is_some() => -10,
        Meaning::Continue | Meaning::Allow => 5,
        Meaning::Unknown => 3,
    };
    let mut found: Option<(&Control<'_>, i32)> = None;
    for control in candidates {
        let score = score(control);
        if score > -100 && found.is_none_or(|(_, best)| score > best) {
            found = Some((control, score));
        }
    }
    found.map(|(control, _)| control)
}

/// Pages that only lead on: a refresh, or a link to us with an answer in it; a link without one is there to cancel.
fn on_the_way(reading: &Reading<'_>) -> Option<Next> {
    let document = reading.document;
    let to_us = document.select("a[href]").filter_map(|link| document.resolve(link.attr("href")?)).find(|url| {
        let ends = |name: &str| matches!(name, "code" | "response" | "id_token" | "access_token");
        is_answer(url, reading.setting.redirect_uri) && Answer::of_url(url).iter().any(|(name, _)| ends(name))
    });
    let refresh = || {
        let mut metas = document.select("meta[http-equiv][content]");
        metas
            .find(|meta| meta.attr("http-equiv").is_some_and(|name| name.trim().eq_ignore_ascii_case("refresh")))
            .and_then(|meta| refresh_target(meta.attr("content")?))
            .and_then(|target| document.resolve(&target))
    };
    to_us.or_else(refresh).map(Next::Follow)
}

/// The URL of a `refresh` that happens soon: `5; url='…'`.
fn refresh_target(content: &str) -> Option<String> {
    let (delay, rest) = content.split_once([';', ','])?;
    let soon = delay.trim().parse::<f64>().is_ok_and(|delay| delay <= MAX_REFRESH);
    let rest = rest.trim();
    let target = match rest.get(..3) {
        Some(name) if name.eq_ignore_ascii_case("url") => rest.get(3..)?.trim_start().strip_prefix('=')?.trim(),
        _ => rest,
    };
    let target = target.trim_matches(['\'', '"']);
    (soon && !target.is_empty()).then(|| target.to_owned())
}

/// After the password: consent, terms, "stay signed in?" - whatever can be agreed to. Nothing is ever denied.
pub(super) fn agree(reading: &Reading<'_>, progress: &mut Progress) -> Result<Next, Fault> {
    let mut best: Option<(&Form<'_>, &Control<'_>, Meaning)> = None;
    let mut pressable = 0;
    for form in reading.forms {
        if let Some(field) = required_field(form) {
            return Err(challenge(format!(
                "after the password the page asks for more: {:?}",
                super::page::cut(field, 60)
            )));
        }
        for control in form.controls.iter().filter(|c| c.submits() && visible(c.element)) {
            let meaning = reading.meaning(control);
            pressable += i32::from(meaning != Meaning::Deny);
            if meaning != Meaning::Deny && best.is_none_or(|(.., known)| meaning > known) {
                best = Some((form, control, meaning));
            }
        }
    }
    // A button that says nothing we understand is pressed only if there is no choice.
    let best = best.filter(|(.., meaning)| *meaning != Meaning::Unknown || pressable == 1);
    let Some((form, button, _)) = best else { return Err(after_password(reading)) };
    let mut typed = Typed::new();
    for control in form.controls.iter().filter(|c| c.kind == Kind::Checkbox && c.element.attr("required").is_some()) {
        typed.insert(control.number, Value::Plain(control.element.attr("value").unwrap_or("on").to_owned()));
    }
    match form.submission(reading.document, Some(button), &typed) {
        Some(submission) => reading.send(submission, progress),
        None => Err(reading.login_page("the form after the login has no target")),
    }
}

pub(super) fn required_field<'a>(form: &Form<'a>) -> Option<&'a str> {
    let empty = |c: &&Control<'a>| c.element.attr("value").is_none_or(str::is_empty);
    let field = form.controls.iter().filter(|c| c.fillable() && c.element.attr("required").is_some()).find(empty)?;
    Some(field.name())
}

fn after_password(reading: &Reading<'_>) -> Fault {
    let scripts: String = reading.document.select("script:not([src])").flat_map(|s| s.text()).take(50).collect();
    if scripts.contains("navigator.credentials") || scripts.contains("PublicKeyCredential") {
        return challenge("after the password the page asks for a passkey or security key");
    }
    if needs_script(reading) {
        return unsupported(reading);
    }
    reading.dead_end()
}

fn no_form(reading: &Reading<'_>) -> Fault {
    if needs_script(reading) { unsupported(reading) } else { reading.login_page("expected a login form") }
}

/// A page that asks nothing yet, and that a script will make: what that comes to without scripts.
pub(super) fn made_by_script(reading: &Reading<'_>) -> Option<Fault> {
    (!asks_anything(reading) && needs_script(reading)).then(|| unsupported(reading))
}

fn unsupported(reading: &Reading<'_>) -> Fault {
    let detail = format!("the page needs a script ({}): use browser_login", super::page::place(&reading.page.url));
    Fault::new(Class::Unsupported, detail)
}

/// Whether a script makes the page: it says so, has an empty root for one, or fields outside of any form.
fn needs_script(reading: &Reading<'_>) -> bool {
    let document = reading.document;
    let scripts = document.select("script").any(|s| !s.attr("type").is_some_and(|t| t.contains("json")));
    let says = document.select("noscript").any(|hint| words::wants_script(&text(hint)));
    let root = document
        .select("#root, #app, #__next, #app-root, #main-root, app-root, [ng-app], [data-reactroot], [id$=-root], [id$=-app]")
        .any(|root| text(root).is_empty());
    let loose = document.select("input[type=password], input[autocomplete~=username], button").any(visible);
    scripts && (says || root || loose || document.visible_text(80).chars().count() < 60)
}

/// The control with the highest score that is sure enough; the first of several.
fn best<'a, 'f>(
    controls: impl Iterator<Item = &'f Control<'a>>,
    score: fn(&Control<'_>) -> i32,
) -> Option<&'f Control<'a>>
where
    'a: 'f,
{
    let mut found: Option<(&Control<'_>, i32)> = None;
    for control in controls {
        let score = score(control);
        if score >= SURE && found.is_none_or(|(_, best)| score > best) {
            found = Some((control, score));
        }
    }
    found.map(|(control, _)| control)
}

fn autocomplete(control: &Control<'_>, token: &str) -> bool {
    let value = control.element.attr("autocomplete").unwrap_or_default();
    value.split_ascii_whitespace().any(|found| found.eq_ignore_ascii_case(token))
}

/// The names of a control, in one word of lower case.
fn names(control: &Control<'_>) -> [String; 2] {
    [control.name(), control.element.value().id().unwrap_or_default()].map(str::to_ascii_lowercase)
}

fn username_score(control: &Control<'_>) -> i32 {
    const EXACT: [&str; 16] = [
        "username",
        "user",
        "login",
        "email",
        "mail",
        "identifier",
        "userid",
        "user_id",
        "uid",
        "loginfmt",
        "j_username",
        "user_name",
        "usr",
        "session_key",
        "signin",
        "account",
    ];
    const PARTS: [&str; 8] = ["username", "user", "login", "email", "identifier", "loginid", "account", "benutzer"];
    const NEVER: [&str; 9] = ["search", "query", "captcha", "otp", "coupon", "phone", "company", "invite", "website"];
    let kind = control.element.attr("type").unwrap_or_default().to_ascii_lowercase();
    let names = names(control);
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    if kind == "search" || names.iter().any(|name| name == "q") || NEVER.iter().any(|part| has(part)) {
        return -100;
    }
    [
        (autocomplete(control, "username"), 100),
        (autocomplete(control, "email"), 80),
        (EXACT.iter().any(|exact| names.iter().any(|name| name == exact)), 70),
        (kind == "email", 60),
        (PARTS.iter().any(|part| has(part)), SURE),
    ]
    .iter()
    .filter_map(|(applies, score)| applies.then_some(*score))
    .max()
    .unwrap_or_else(|| if captions::says_username(control) { SURE } else { 0 })
}

fn code_score(control: &Control<'_>) -> i32 {
    const PARTS: [&str; 12] = [
        "totp",
        "otp",
        "onetime",
        "one-time",
        "one_time",
        "mfa",
        "2fa",
        "twofactor",
        "two_factor",
        "two-factor",
        "verification_code",
        "verificationcode",
    ];
    const WEAK: [&str; 6] = ["code", "passcode", "token", "otc", "pin", "securitycode"];
    let names = names(control);
    if autocomplete(control, "one-time-code") {
        return 100;
    }
    if autocomplete(control, "username") || autocomplete(control, "current-password") {
        return -100;
    }
    if PARTS.iter().any(|part| names.iter().any(|name| name.contains(part))) {
        return 80;
    }
    let weak = WEAK.iter().any(|weak| names.iter().any(|name| name == weak));
    if weak || captions::says_code(control) { SURE } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_are_read_like_browsers_do() {
        for (content, target) in [
            ("0;url=/next", Some("/next")),
            ("0; URL='https://a.example/b?c=d;e'", Some("https://a.example/b?c=d;e")),
            ("5, url = /x", Some("/x")),
            ("0;/bare", Some("/bare")),
            ("1800;url=/timeout", None),
            ("0", None),
            ("0;url=", None),
            ("é;é", None),
        ] {
            assert_eq!(refresh_target(content).as_deref(), target, "{content}");
        }
    }
}
