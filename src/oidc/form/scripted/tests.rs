//! Snapshots as `browser/look.js` writes them, shortened, and what must be done on each.

use url::Url;

use super::{Act, Unready, outline, read, shows};
use crate::fault::{Account, Class};
use crate::oidc::form::page::{Page, Progress, Setting};
use crate::oidc::form::steps::{Guide, StepSettings, Target, With};

/// A page by a script, without any form.
const SPA: &str = r#"<div id="root"><h1>Welcome back</h1><div role="search"><input type="search" placeholder="Search" data-authprobe="1"></div>
    <label for="r1">Email address</label><input id="r1" type="text" data-authprobe="2">
    <label>Password<input type="password" data-authprobe="3"></label><button type="button" aria-label="Show password" data-authprobe="4"></button>
    <a href="/forgot?token=abc" data-authprobe="5">Forgot your password?</a>
    <button disabled data-authprobe="6">Log in</button><button data-authprobe="7">Continue with Google</button></div>"#;

const SECOND: &str = r#"<form><h1>Hello</h1><input name="username" value="•" autocomplete="username" data-authprobe="2">
    <input name="password" type="password" data-authprobe="9"><button type="submit" data-authprobe="6">Next</button></form>"#;

const FIRST: &str = r#"<form><h1>Hello</h1><input name="username" autocomplete="username" data-authprobe="2">
    <div><input name="password" type="password" data-authprobe="9" data-authprobe-hidden></div>
    <input name="website" data-authprobe="10" data-authprobe-hidden><button type="submit" data-authprobe="6">Next</button></form>"#;

const CONSENT: &str = r#"<h2>Allow web?</h2><button data-authprobe="1">Deny</button>
    <div role="button" data-authprobe="2">Allow access</div><button type="button" data-authprobe="3">?</button>"#;

fn page_of(document: &str, body: &str) -> Page {
    Page {
        url: Url::parse("https://login.example.com/login?state=secret").unwrap(),
        status: 200,
        media_type: "text/html".into(),
        gatekeeper: false,
        content: format!(
            "<html data-authprobe-document=\"{document}\"><head data-authprobe-hidden><title>Sign in</title></head><body>{body}</body></html>"
        ),
    }
}

struct User {
    guide: Guide,
    totp: bool,
    passkey: bool,
    progress: Progress,
}

fn user() -> User {
    User { guide: Guide::default(), totp: false, passkey: false, progress: Progress::default() }
}

fn inside() -> User {
    let progress = Progress { given: vec![With::Username, With::Password], ..Progress::default() };
    User { progress, ..user() }
}

fn guided(toml: &str) -> User {
    #[derive(serde::Deserialize)]
    struct Steps {
        step: Vec<StepSettings>,
    }
    let steps: Steps = toml::from_str(toml).unwrap();
    let steps = steps.step.iter().map(|step| step.resolve().unwrap()).collect();
    User { guide: Guide { steps, ..Guide::default() }, ..user() }
}

impl User {
    fn sees_page(&mut self, page: &Page) -> Result<Act, Unready> {
        let redirect_uri = Url::parse("https://app.example.com/cb").unwrap();
        let setting = Setting {
            guide: &self.guide,
            redirect_uri: &redirect_uri,
            has_totp: self.totp,
            has_passkey: self.passkey,
            user: "synthetic",
        };
        read(page, &mut self.progress, setting)
    }

    fn sees(&mut self, document: &str, body: &str) -> Result<Act, Unready> {
        let before = self.progress.clone();
        let found = self.sees_page(&page_of(document, body));
        if found.is_err() {
            let only_steps = Progress { step: self.progress.step, ..before };
            assert_eq!(self.progress, only_steps, "an error leaves the progress as it is");
        }
        found
    }

    /// Class and certainty.
    fn stops(&mut self, document: &str, body: &str) -> (Class, bool) {
        let unready = self.sees(document, body).unwrap_err();
        (unready.fault.class, unready.certain)
    }
}

fn act(fills: &[(u32, With)], press: Option<u32>) -> Act {
    Act { fills: fills.to_vec(), press, ..Act::default() }
}

#[test]
fn a_page_by_a_script_is_signed_in_to() {
    let mut user = user();
    let first = user.sees("d", SPA).unwrap();
    assert_eq!(first, act(&[(2, With::Username), (3, With::Password)], Some(6)));
    assert_eq!((user.progress.submissions, user.progress.has_given(With::Password)), (1, true));
    // Nothing has come of it yet: never again, and it may just take its time.
    let filled =
        SPA.replace("type=\"text\"", "type=\"text\" value=\"•\"").replace("\"password\"", "\"password\" value=\"•\"");
    let unready = user.sees("d", &filled).unwrap_err();
    assert_eq!((unready.fault.class, unready.certain), (Class::LoginPage, false));
    assert!(unready.fault.detail.contains("nothing happened"), "{}", unready.fault.detail);
    let unready = user.sees("d", SPA).unwrap_err();
    assert_eq!((unready.fault.class, unready.certain), (Class::Credentials, false));
    assert_eq!(user.stops("d", "<p>Loading</p>"), (Class::LoginPage, false));
    assert_eq!(user.sees("d", CONSENT).unwrap(), act(&[], Some(2)));
    assert_eq!(user.stops("d", CONSENT), (Class::LoginPage, false));
}

#[test]
fn a_refusal_is_told_by_what_is_new_on_the_page() {
    let filled = SPA.replace("\"password\"", "\"password\" value=\"•\"");
    for message in [
        "<div role=\"alert\">Wrong email or password.</div>",
        "<span class=\"css-1x5\">Your email or password is incorrect.</span>",
        "<p class=\"form-error\">Nope</p>",
    ] {
        let mut user = user();
        user.sees("d", SPA).unwrap();
        let unready = user.sees("d", &format!("{message}{filled}")).unwrap_err();
        assert_eq!((unready.fault.class, unready.certain), (Class::Credentials, true), "{message}");
        assert_eq!(unready.fault.account, Some(Box::new(Account::User("synthetic".into()))));
        assert!(!unready.fault.detail.contains("email"), "no text of the page: {}", unready.fault.detail);
    }
    // A notice that was there before, one that is not seen, and one that asks for patience say nothing.
    let notice = "<div role=\"alert\">Maintenance: logins may have failed today.</div>";
    let mut user = user();
    user.sees("d", &format!("{notice}{SPA}")).unwrap();
    for quiet in [
        notice.to_owned(),
        format!("{notice}<p role=\"alert\">Signing in…</p>"),
        notice.replace("<div", "<div data-authprobe-hidden"),
    ] {
        assert!(!user.sees("d", &format!("{quiet}{filled}")).unwrap_err().certain, "{quiet}");
    }
}

#[test]
fn two_steps_in_one_document_are_two_acts() {
    let mut user = user();
    assert_eq!(user.sees("d", FIRST).unwrap(), act(&[(2, With::Username)], Some(6)), "decoys are left alone");
    assert_eq!(user.stops("d", FIRST), (Class::LoginPage, false));
    assert_eq!(user.sees("d", SECOND).unwrap(), act(&[(9, With::Password)], Some(6)), "the name is kept");
    let unknown = format!("<p class=error>No such account</p>{FIRST}");
    let mut stranger = self::user();
    stranger.sees("d", FIRST).unwrap();
    assert_eq!(stranger.stops("d", &unknown), (Class::Credentials, true));
}

#[test]
fn a_status_is_about_the_document_that_came_with_it() {
    let mut user = user();
    let mut page = page_of("d", SPA);
    page.status = 401;
    user.sees_page(&page).unwrap();
    let unready = user.sees_page(&page).unwrap_err();
    assert!(!unready.certain, "the form is still being sent");
    page.content = page_of("e", SPA).content;
    let unready = user.sees_page(&page).unwrap_err();
    assert_eq!((unready.fault.class, unready.certain), (Class::Credentials, true));
    for (status, body, certain) in
        [(503, "<p>x</p>", true), (404, "<p>Not found</p>", true), (404, "<div></div>", false)]
    {
        let page = Page { status, ..page_of("f", body) };
        let unready = self::user().sees_page(&page).unwrap_err();
        assert_eq!((unready.fault.class, unready.certain), (Class::HttpStatus, certain), "{status} {body}");
    }
    let json = Page { media_type: "application/json".into(), ..page_of("f", "{}") };
    assert_eq!(self::user().sees_page(&json).unwrap_err().fault.class, Class::Malformed);
}

#[test]
fn consent_is_given_and_terms_are_ticked() {
    assert_eq!(inside().sees("d", CONSENT).unwrap(), act(&[], Some(2)));
    let terms = r#"<form><input type="checkbox" required data-authprobe="1"><input type="checkbox" data-authprobe="2">
        <button data-authprobe="3" disabled>Accept</button></form>"#;
    assert_eq!(inside().sees("d", terms).unwrap(), Act { ticks: vec![1], press: Some(3), ..Act::default() });
    for nothing in [
        r#"<button data-authprobe="1">Deny</button>"#,
        r#"<button data-authprobe="1">Menu</button>"#,
        r#"<form><button data-authprobe="1" disabled>Allow</button></form>"#,
        r#"<form><button data-authprobe="1" data-authprobe-hidden>Allow</button></form>"#,
    ] {
        assert_eq!(inside().stops("d", nothing), (Class::LoginPage, false), "{nothing}");
    }
    // What sends itself, or leads on by itself, is the browser's business.
    for itself in [
        r#"<form action="https://app.example.com/cb"><input type="hidden" name="code" value="•" data-authprobe-hidden></form>"#,
        r#"<form action="https://idp.example.com/acs"><input type="hidden" name="SAMLResponse" data-authprobe-hidden><input type="submit" value="Continue" data-authprobe="1"></form>"#,
        r#"<meta http-equiv="refresh">"#,
        r#"<a href="https://app.example.com/cb?code=a" data-authprobe="1">Back</a>"#,
    ] {
        assert_eq!(inside().stops("d", itself), (Class::LoginPage, false), "{itself}");
    }
    assert_eq!(user().stops("d", CONSENT), (Class::LoginPage, false));
}

#[test]
fn one_time_codes_go_into_one_field_or_many() {
    let one = r#"<p>Enter the 6-digit code from your authenticator app</p><input data-authprobe="1" placeholder="Authenticator code"><button data-authprobe="2">Verify</button>"#;
    let many: String = (0..6).map(|n| format!(r#"<input maxlength="1" type="tel" data-authprobe="{n}">"#)).collect();
    let many = format!("{many}<button type=\"button\" data-authprobe=\"9\">Resend</button>");
    let with_seed = || User { totp: true, ..inside() };
    assert_eq!(with_seed().sees("d", one).unwrap(), act(&[(1, With::Totp)], Some(2)));
    assert_eq!(with_seed().sees("d", &many).unwrap(), act(&[(0, With::Totp)], None), "by Enter");
    assert_eq!(inside().stops("d", one), (Class::Challenge, true));
    assert_eq!(with_seed().stops("d", &format!("<p>We sent you an SMS</p>{many}")), (Class::Challenge, true));
    let mut again = with_seed();
    again.sees("d", one).unwrap();
    let wrong = format!("<div role=alert>Invalid code</div>{one}");
    assert_eq!(again.stops("d", &wrong), (Class::Credentials, true));
}

#[test]
fn challenges_are_what_a_person_would_have_to_answer() {
    for (widget, expected) in [
        (r#"<iframe src="https://www.google.com/recaptcha/api2/anchor?k=1&amp;size=normal"></iframe>"#, Some(true)),
        (r#"<iframe src="https://challenges.cloudflare.com/x"></iframe>"#, Some(false)),
        (r#"<iframe src="https://www.google.com/recaptcha/api2/anchor?k=1&amp;size=invisible"></iframe>"#, None),
        (r#"<iframe src="https://www.google.com/recaptcha/api2/bframe" data-authprobe-hidden></iframe>"#, None),
        (
            r#"<iframe src="https://newassets.hcaptcha.com/x"></iframe><textarea name="h-captcha-response" value="•" data-authprobe-hidden></textarea>"#,
            None,
        ),
    ] {
        let found = user().sees("d", &format!("{SPA}{widget}"));
        let found = found.err().map(|unready| (unready.fault.class, unready.certain));
        assert_eq!(found, expected.map(|certain| (Class::Challenge, certain)), "{widget}");
    }
    let new = r#"<form><input type="password" autocomplete="new-password" data-authprobe="1"><input type="password" autocomplete="new-password" data-authprobe="2"></form>"#;
    assert_eq!(inside().stops("d", new), (Class::Challenge, true));
    let required =
        r#"<form><input name="phone" required data-authprobe="1"><button data-authprobe="2">Continue</button></form>"#;
    assert_eq!(inside().stops("d", required), (Class::Challenge, true));
    let gate = Page { gatekeeper: true, ..page_of("d", "") };
    let unready = user().sees_page(&gate).unwrap_err();
    assert_eq!((unready.fault.class, unready.certain), (Class::Challenge, false));
}

#[test]
fn passkeys_are_for_users_who_have_one() {
    let button = r#"<h1>Sign in</h1><button type="button" data-authprobe="1">Sign in with a passkey</button><button data-authprobe="2">Create a passkey</button>"#;
    let holder = || User { passkey: true, ..user() };
    assert_eq!(holder().sees("d", button).unwrap(), act(&[], Some(1)));
    assert_eq!(user().stops("d", button), (Class::LoginPage, false));
    // Fields that can be filled in come first.
    assert_eq!(holder().sees("d", &format!("{SPA}{button}")).unwrap().press, Some(6));
    let prompt = "<h1>Use your security key</h1><p>Follow the prompt of your browser</p>";
    assert_eq!(holder().stops("d", prompt), (Class::LoginPage, false), "the authenticator answers");
    assert_eq!(inside().stops("d", prompt), (Class::Challenge, true));
    assert_eq!(user().stops("d", prompt), (Class::Challenge, true));
    // Consent after a passkey that the page asked for by itself.
    assert_eq!(holder().sees("d", CONSENT).unwrap(), act(&[], Some(2)));
    let code = r#"<input name="otp" data-authprobe="8"><button data-authprobe="9">Use a passkey instead</button>"#;
    assert_eq!(holder().sees("d", code).unwrap(), act(&[], Some(9)));
}

#[test]
fn a_renamed_field_says_what_is_there() {
    let mut user = guided("[[step]]\nfill = \"#user\"\nwith = \"username\"");
    let unready = user.sees("d", SPA).unwrap_err();
    assert_eq!((unready.fault.class, unready.certain), (Class::LoginPage, false));
    let detail = unready.fault.detail;
    for part in
        ["step 1 (fill #user with the user name)", "title \"Sign in\"", "\"Welcome back\"", "\"Continue with Google\""]
    {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert!(!detail.contains("secret"), "{detail}");
}

#[test]
fn declared_steps_wait_for_what_a_page_makes_of_them() {
    let mut user = guided(
        "[[step]]\nwait = \"text=Hello\"\n[[step]]\nfill = \"[name=username]\"\nwith = \"username\"\n[[step]]\nclick = \"text=Next\"\n\
         [[step]]\nclick = \"#skip\"\noptional = true\n[[step]]\nfill = \"[name=password]\"\nwith = \"password\"\n[[step]]\nclick = \"text=Next\"\n\
         [[step]]\nexpect = \"text=Hello\"\n[[step]]\nclick = \".tile\"",
    );
    assert_eq!(user.stops("d", "<p>Wait</p>"), (Class::LoginPage, false));
    assert_eq!(user.progress.step, 0);
    assert_eq!(user.stops("d", "<h1>Hello</h1>"), (Class::LoginPage, false));
    assert_eq!(user.progress.step, 1, "what was waited for was there");
    assert_eq!(user.sees("d", FIRST).unwrap(), act(&[(2, With::Username)], Some(6)));
    assert_eq!((user.stops("d", FIRST), user.progress.step), ((Class::LoginPage, false), 3), "not seen yet");
    assert_eq!(user.sees("d", SECOND).unwrap(), act(&[(9, With::Password)], Some(6)));
    let tile = r#"<h1>Hello</h1><div class="tile" data-authprobe="20"><b data-authprobe="21">alice</b></div>"#;
    assert_eq!(user.sees("e", tile).unwrap(), act(&[], Some(20)));
    assert_eq!(user.progress.step, 8);
}

#[test]
fn optional_steps_are_taken_if_they_are_there() {
    let steps =
        "[[step]]\nclick = \"#later\"\noptional = true\n[[step]]\nfill = \"[name=username]\"\nwith = \"username\"";
    let mut user = guided(steps);
    assert_eq!(user.stops("d", "<p>Wait</p>"), (Class::LoginPage, false));
    assert_eq!(user.progress.step, 0, "it may still come");
    assert_eq!(user.sees("d", r#"<button id="later" data-authprobe="4">Not now</button>"#).unwrap(), act(&[], Some(4)));
    assert_eq!(user.sees("d", FIRST).unwrap(), act(&[(2, With::Username)], None), "by Enter");
    let mut user = guided(steps);
    assert_eq!(user.sees("d", FIRST).unwrap(), act(&[(2, With::Username)], None));
}

#[test]
fn what_appears_only_once_a_field_is_filled_in_is_waited_for() {
    let mut user = guided(
        "[[step]]\nfill = \"[name=username]\"\nwith = \"username\"\n[[step]]\nfill = \"[name=password]\"\nwith = \"password\"\n[[step]]\nclick = \"text=Next\"",
    );
    assert_eq!(user.sees("d", FIRST).unwrap(), Act { fills: vec![(2, With::Username)], hold: true, ..Act::default() });
    assert_eq!((user.progress.step, user.progress.submissions), (1, 0));
    assert_eq!(user.stops("d", FIRST), (Class::LoginPage, false));
    assert_eq!(user.sees("d", SECOND).unwrap(), act(&[(9, With::Password)], Some(6)));
    assert_eq!(user.stops("d", SECOND), (Class::Credentials, false));
}

#[test]
fn shadow_roots_and_frames_are_read_like_the_rest() {
    let shadow = r#"<x-login data-authprobe="0"><x-field data-authprobe="1"><label for="u" data-authprobe="2">User name</label><input id="u" data-authprobe="3"></x-field>
        <x-field><input type="password" data-authprobe="4"></x-field><x-button data-authprobe="5"><button data-authprobe="6">Sign in</button></x-button></x-login>"#;
    assert_eq!(user().sees("d", shadow).unwrap(), act(&[(3, With::Username), (4, With::Password)], Some(6)));
    let frame = format!(
        r#"<form><input name="q"><button data-authprobe="90">Search</button><iframe src="/login"><div data-authprobe-frame><body>{SECOND}</body></div></iframe></form>"#
    );
    let mut user = User { progress: Progress { given: vec![With::Username], ..Progress::default() }, ..user() };
    assert_eq!(user.sees("d", &frame).unwrap(), act(&[(9, With::Password)], Some(6)));
}

#[test]
fn conditions_are_about_what_is_seen() {
    let page = page_of("d", r#"<p id="a">You are in</p><p id="b" data-authprobe-hidden></p>"#);
    for (target, expected) in
        [("#a", true), ("text=you are IN", true), ("#b", false), ("#c", false), ("text=out", false)]
    {
        assert_eq!(shows(&page, &Target::parse(target).unwrap()), Ok(expected), "{target}");
    }
}

#[test]
fn the_outline_is_short_and_holds_no_contents() {
    let body = format!(
        "<div role=\"alert\">It <b>failed</b></div>{SPA}{SECOND}<iframe src=\"https://x.example/y?z=secret\"></iframe>"
    );
    let lines = outline(&page_of("d", &body));
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "page: https://login.example.com/login",
            "title: Sign in",
            "message: It failed",
            "heading: Welcome back",
            "field: Search",
            "field: Email address",
            "password field: Password",
            "button: Show password",
            "link: Forgot your password? https://login.example.com/forgot",
            "button: Log in (disabled)",
            "button: Continue with Google",
            "heading: Hello",
            "field: username (filled in)",
            "password field: password",
            "button: Next",
            "frame: https://x.example/y",
        ]
    );
    let long = outline(&page_of("d", &format!("<h1>{}</h1><input>", "é".repeat(500)).repeat(200)));
    assert!(long.lines().count() <= 60 && long.chars().count() <= 4000, "{}", long.len());
    assert!(outline(&page_of("d", "<p>Just words</p>")).ends_with("text: Just words"));
    assert!(outline(&page_of("d", &"<i>".repeat(400))).contains("elements"));
}

#[test]
fn presets_serve_a_browser_too() {
    let first = r#"<form id="loginform"><input name="login" autocomplete="username" data-authprobe="1"><button type="submit" data-authprobe="2">Continue</button></form>"#;
    let second = r#"<form id="passwordform"><input name="username" value="•" data-authprobe="1" data-authprobe-hidden>
        <input name="password" type="password" data-authprobe="2"><button type="submit" data-authprobe="3">Sign in</button></form>"#;
    let consent = r#"<form><button name="answer" value="deny" data-authprobe="1">Decline</button><button name="answer" value="accept" data-authprobe="2">Accept</button></form>"#;
    let canaille = || User { guide: crate::oidc::form::presets::guide("canaille").unwrap(), ..user() };
    let mut user = canaille();
    assert_eq!(user.sees("a", first).unwrap(), act(&[(1, With::Username)], Some(2)));
    assert_eq!(user.sees("b", second).unwrap(), act(&[(2, With::Password)], Some(3)));
    let mut refused = canaille();
    refused.progress = user.progress.clone();
    assert_eq!(user.sees("c", consent).unwrap(), act(&[], Some(2)));
    let alert = format!(r#"<div class="ui error message" role="alert">No.</div>{second}"#);
    assert_eq!(refused.stops("c", &alert), (Class::Credentials, true));
}

#[test]
fn nothing_that_a_page_shows_makes_it_panic() {
    let bits = [
        "<form>",
        "</form>",
        "<input data-authprobe=1>",
        "<input type=password data-authprobe=\"2\">",
        "<button data-authprobe=\"3\">Allow</button>",
        "<iframe>",
        "<div data-authprobe-frame>",
        "</div>",
        "<label for=\"a\">",
        "<input id=\"a\" maxlength=\"1\" aria-labelledby=\"a b\">",
        "\u{0}",
        "é",
        "<h1>Passkey",
        "</h1>",
        "<a data-authprobe=\"99999999999\">",
        "<select><option>",
        "<title>",
        "&#xD800;",
        "<p role=alert>wrong",
        "<x-y data-authprobe=\"-1\">",
    ];
    let mut state = 11_u32;
    let mut next = |of: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % of
    };
    for _ in 0..300 {
        let body: String = (0..next(10)).map(|_| bits[next(bits.len())]).collect();
        for mut user in [user(), inside(), User { totp: true, passkey: true, ..inside() }] {
            let _ = user.sees("d", &body);
            let _ = user.sees("d", &body);
        }
        assert!(!outline(&page_of("d", &body)).is_empty());
    }
}
