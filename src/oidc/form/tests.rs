//! Pages of well-known providers, shortened, and what must be done on each.

use url::Url;

use super::page::{Setting, read};
use super::steps::{Guide, Target, With};
use super::{Next, Page, Progress, Submission, Value};
use crate::fault::{Account, Blame, Class, Fault};
use crate::oidc::authorize::Answer;

mod declared;

const KEYCLOAK: &str = r#"<!DOCTYPE html><html class="login-pf"><head><title>Sign in to main</title>
<script type="module" src="/resources/js/authChecker.js"></script></head><body>
<h1 id="kc-page-title">Sign in to your account</h1>
<form id="kc-form-login" onsubmit="login.disabled = true; return true;"
 action="https://login.example.com/realms/main/login-actions/authenticate?session_code=a&amp;execution=b&amp;client_id=web" method="post">
<label for="username">Username or email</label>
<input tabindex="2" id="username" name="username" value="" type="text" autofocus autocomplete="username" aria-invalid=""/>
<label for="password">Password</label>
<input tabindex="3" id="password" name="password" type="password" autocomplete="current-password"/>
<button type="button" aria-label="Show password" data-password-toggle>eye</button>
<input tabindex="5" id="rememberMe" name="rememberMe" type="checkbox"> Remember me
<input type="hidden" id="id-hidden-input" name="credentialId"/>
<input tabindex="7" name="login" id="kc-login" type="submit" value="Sign In"/>
</form><a href="/realms/main/login-actions/registration">Register</a></body></html>"#;

const DJANGO: &str = r#"<title>Sign in</title><h1>Sign in</h1><form method="post">
<input type="hidden" name="csrfmiddlewaretoken" value="t9Ei08">ERRORS
<p><label for="id_username">Username:</label> <input type="text" name="username" autofocus autocomplete="username" required id="id_username"></p>
<p><label for="id_password">Password:</label> <input type="password" name="password" autocomplete="current-password" required id="id_password"></p>
<input type="hidden" name="next" value="/o/authorize/?a=b&amp;c=d"><button type="submit" id="submit">Sign in</button></form>"#;

const CANAILLE_1: &str = r#"<title>Authorization interface</title><div class="ui overlay red nag network-error"><div class="title">Network error</div></div>
<h2>Sign in to web</h2><form method="POST" id="loginform" action="" enctype="multipart/form-data">
<input type="hidden" name="csrf_token" value="c1"/>
<input autocomplete="section-login username" id="login" name="login" required type="text" value="">
<button type="submit" name="answer" class="ui primary button">Continue</button></form>"#;

const CANAILLE_2: &str = r#"ALERT<form method="POST" id="passwordform" action="" enctype="multipart/form-data">
<input type="hidden" name="csrf_token" value="c2"/>
<input type="text" name="username" autocomplete="username" class="dummy-username" value="alice" tabindex="-1">
<input autocomplete="section-login current-password" id="password" name="password" required type="password" value="">
<a type="button" href="/login">Switch account</a><button type="submit">Sign in</button></form>"#;

/// Auth0's identifier first: the password is there, but not yet to be seen.
const TWO_STEP: &str = r#"<title>Log in | example</title><form method="POST" data-form-primary="true">
<input type="hidden" name="state" value="hKFo"/><h1>Welcome</h1>
<input class="input" inputMode="email" name="username" id="username" type="text" value="" required autoComplete="email">
<div class="hide"><input type="password" name="password" autocomplete="off" tabindex="-1" aria-hidden="true"></div>
<input id="js-available" type="hidden" name="js-available" value="false">
<button type="submit" name="action" value="default" data-action-button-primary="true">Continue</button></form>
<form method="post" data-provider="google"><input type="hidden" name="state" value="hKFo"><input type="hidden" name="connection" value="google-oauth2">
<button type="submit" data-provider="google">Continue with Google</button></form>"#;

const CONSENT_DOT: &str = r#"<form id="authorizationForm" method="post"><h3>Authorize web?</h3>
<input type="hidden" name="csrfmiddlewaretoken" value="x"><input type="hidden" name="scope" value="openid profile">
<input type="submit" class="btn" value="Cancel"/><input type="submit" class="btn" name="allow" value="Authorize"/></form>"#;

const CONSENT_CANAILLE: &str = r#"<form method="post"><input type="hidden" name="csrf_token" value="x">
<button name="answer" type="submit" class="ui negative button" value="deny" id="deny">Decline</button>
<button name="answer" type="submit" class="ui button" value="logout" id="logout">Switch user</button>
<button name="answer" type="submit" class="ui primary button" value="accept" id="accept">Accept</button></form>"#;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn page(content: &str) -> Page {
    Page {
        url: url("https://login.example.com/login?x=1"),
        status: 200,
        media_type: "text/html".into(),
        gatekeeper: false,
        content: content.into(),
    }
}

fn given(with: &[With]) -> Progress {
    Progress { given: with.to_vec(), ..Progress::default() }
}

fn after_login() -> Progress {
    given(&[With::Username, With::Password])
}

fn decide(page: &Page, progress: &mut Progress, guide: &Guide, has_totp: bool) -> Result<Next, Fault> {
    let redirect_uri = url("https://app.example.com/cb");
    read(
        page,
        progress,
        Setting { guide, redirect_uri: &redirect_uri, has_totp, has_passkey: false, user: "synthetic" },
    )
}

fn plainly(content: &str, mut progress: Progress) -> Result<Next, Fault> {
    decide(&page(content), &mut progress, &Guide::default(), false)
}

fn class(content: &str, progress: Progress) -> Class {
    plainly(content, progress).unwrap_err().class
}

fn submission(next: Next) -> Submission {
    match next {
        Next::Submit(submission) => submission,
        other => panic!("expected a form, got {other:?}"),
    }
}

/// `name=value`, or `name:what our user types`.
fn fields(submission: &Submission) -> String {
    let one = |(name, value): &(String, Value)| match value {
        Value::Plain(value) => format!("{name}={value}"),
        Value::Answer(with) => format!("{name}:{with}"),
    };
    submission.fields.iter().map(one).collect::<Vec<_>>().join("&")
}

fn sent(content: &str, progress: Progress) -> String {
    fields(&submission(plainly(content, progress).unwrap()))
}

#[test]
fn keycloaks_form_is_filled_in_and_sent_by_its_button() {
    let submission = submission(plainly(KEYCLOAK, Progress::default()).unwrap());
    assert_eq!(fields(&submission), "username:user name&password:password&credentialId=&login=Sign In");
    let target =
        "https://login.example.com/realms/main/login-actions/authenticate?session_code=a&execution=b&client_id=web";
    assert!(submission.post && !submission.multipart);
    assert_eq!(submission.url.as_str(), target);
}

#[test]
fn djangos_hidden_fields_are_kept() {
    let submission = submission(plainly(&DJANGO.replace("ERRORS", ""), Progress::default()).unwrap());
    assert_eq!(
        fields(&submission),
        "csrfmiddlewaretoken=t9Ei08&username:user name&password:password&next=/o/authorize/?a=b&c=d"
    );
    assert_eq!(submission.url.as_str(), "https://login.example.com/login?x=1");
}

#[test]
fn two_steps_are_two_forms() {
    let mut progress = Progress::default();
    let first = submission(decide(&page(CANAILLE_1), &mut progress, &Guide::default(), false).unwrap());
    assert_eq!((fields(&first).as_str(), first.multipart), ("csrf_token=c1&login:user name&answer=", true));
    let second = page(&CANAILLE_2.replace("ALERT", ""));
    let second = submission(decide(&second, &mut progress, &Guide::default(), false).unwrap());
    assert_eq!(fields(&second), "csrf_token=c2&username=alice&password:password");
    assert_eq!((progress.given, progress.submissions), (vec![With::Username, With::Password], 2));

    assert_eq!(
        sent(TWO_STEP, Progress::default()),
        "state=hKFo&username:user name&password=&js-available=false&action=default"
    );
}

#[test]
fn consent_is_given_and_nothing_is_ever_denied() {
    assert_eq!(sent(CONSENT_DOT, after_login()), "csrfmiddlewaretoken=x&scope=openid profile&allow=Authorize");
    assert_eq!(sent(CONSENT_CANAILLE, after_login()), "csrf_token=x&answer=accept");
    let hidden =
        r#"<form method=post><input type=hidden name=consent value=yes><button id=allow>Allow</button></form>"#;
    assert_eq!(sent(hidden, after_login()), "consent=yes");
    let german =
        "<form method=post><button name=a value=1>Ablehnen</button><button name=a value=2>Zulassen</button></form>";
    assert_eq!(sent(german, after_login()), "a=2");
    let keycloak = r#"<form method=post><input type=hidden name=code value=k><input name=accept type=submit value=Yes>
        <input name=cancel type=submit value=No></form>"#;
    assert_eq!(sent(keycloak, after_login()), "code=k&accept=Yes");
    let terms = "<form method=post><input type=checkbox name=tos required><input type=checkbox name=news><button>Continue</button></form>";
    assert_eq!(sent(terms, after_login()), "tos=on");
    for only_no in [
        "<form method=post><button name=deny>Deny</button></form>",
        "<form method=post><button name=cancel value=1>Anything</button></form>",
        "<form method=post><button name=a>One</button><button name=b>Two</button></form>",
    ] {
        assert_eq!(class(only_no, after_login()), Class::LoginPage, "{only_no}");
    }
    // Before anybody logged in, nothing is agreed to.
    assert_eq!(class(CONSENT_DOT, Progress::default()), Class::LoginPage);
}

#[test]
fn a_refused_password_is_the_accounts_and_is_said_once() {
    let errors = r#"<ul class="errorlist nonfield"><li>Please enter a correct username and password.</li></ul>"#;
    let fault = plainly(&DJANGO.replace("ERRORS", errors), after_login()).unwrap_err();
    assert_eq!((fault.class, fault.blame), (Class::Credentials, Blame::Configuration));
    assert_eq!(fault.account, Some(Box::new(Account::User("synthetic".into()))));
    assert!(!fault.detail.contains("correct username"), "no text of the page: {}", fault.detail);

    let alert = r#"<div class="ui message error" role="alert">Login failed. Please check your information.</div>"#;
    assert_eq!(class(&CANAILLE_2.replace("ALERT", alert), after_login()), Class::Credentials);
    let locked = r#"<div role="alert">Your account is locked.</div>"#;
    let fault = plainly(&CANAILLE_2.replace("ALERT", locked), after_login()).unwrap_err();
    assert!(fault.detail.contains("locked or disabled"), "{}", fault.detail);

    let mut refused = page(KEYCLOAK);
    refused.status = 401;
    assert_eq!(decide(&refused, &mut after_login(), &Guide::default(), false).unwrap_err().class, Class::Credentials);
    refused.content = "<h1>Unauthorized</h1>".into();
    assert_eq!(decide(&refused, &mut after_login(), &Guide::default(), false).unwrap_err().class, Class::Credentials);
    // An unknown user on the first of two pages.
    let unknown = CANAILLE_1.replace("<h2>", "<p class=error-message>No such user</p><h2>");
    assert_eq!(class(&unknown, given(&[With::Username])), Class::Credentials);
}

#[test]
fn a_lost_session_is_not_taken_for_a_wrong_password() {
    let expired =
        r#"<div class="alert-warning">Your login attempt timed out. Login will start from the beginning.</div>"#;
    assert_eq!(class(&format!("{expired}{KEYCLOAK}"), after_login()), Class::LoginPage);
    // The fault is the page's, but a password was sent: it says whose.
    let fault = plainly(&format!("{expired}{KEYCLOAK}"), after_login()).unwrap_err();
    assert_eq!(fault.account, Some(Box::new(Account::User("synthetic".into()))));
    // A message that was there before is not about what we sent.
    let notice = format!("<div class=alert>Maintenance tonight</div>{CANAILLE_1}");
    let mut progress = Progress::default();
    decide(&page(&notice), &mut progress, &Guide::default(), false).unwrap();
    let fault = decide(&page(&notice), &mut progress, &Guide::default(), false).unwrap_err();
    assert_eq!((fault.class, fault.account), (Class::LoginPage, None));
    // A login page may come with 401 at the first time.
    let mut first = page(KEYCLOAK);
    first.status = 401;
    assert!(decide(&first, &mut Progress::default(), &Guide::default(), false).is_ok());
}

#[test]
fn a_password_that_may_have_been_refused_is_the_accounts_whatever_else_the_page_shows() {
    let user = Some(Box::new(Account::User("synthetic".into())));
    let captcha = r#"<div class="g-recaptcha"></div>"#;
    let first_page = CANAILLE_1.replace("network-error", "").replace("Network error", "");
    let wrong = r#"<p class="error">Wrong password.</p>"#;
    let otp = r#"<form method=post><input name=totp autocomplete="one-time-code"><button>Sign in</button></form>"#;
    for (content, words) in [
        (KEYCLOAK.to_owned(), "came back without an explanation"),
        (format!("{captcha}{KEYCLOAK}"), "came back without an explanation"),
        (format!("{captcha}{wrong}{KEYCLOAK}"), "the password is asked for again"),
        // Back at the first of two pages.
        (first_page.clone(), "came back without an explanation"),
    ] {
        let fault = plainly(&content, after_login()).unwrap_err();
        assert_eq!((fault.class, &fault.account), (Class::Credentials, &user), "{content}");
        assert!(fault.detail.contains(words), "{}", fault.detail);
    }
    let all = given(&[With::Username, With::Password, With::Totp]);
    let fault = decide(&page(&format!("{captcha}{otp}")), &mut all.clone(), &Guide::default(), true).unwrap_err();
    assert_eq!((fault.class, &fault.account), (Class::Credentials, &user));
    let challenge = Guide { challenge: Some(Target::Text("Sign in".into())), ..Guide::default() };
    let fault = decide(&page(KEYCLOAK), &mut after_login(), &challenge, false).unwrap_err();
    assert_eq!(fault.class, Class::Credentials);
    // Nothing to type but a message: a challenge that is about our user. Without one it is about nobody.
    let fault = plainly(&format!("{captcha}{wrong}"), after_login()).unwrap_err();
    assert_eq!((fault.class, fault.account), (Class::Challenge, user.clone()));
    assert_eq!(plainly(captcha, after_login()).unwrap_err().account, None);
    let mut broken = page(KEYCLOAK);
    broken.status = 503;
    let fault = decide(&broken, &mut after_login(), &Guide::default(), false).unwrap_err();
    assert_eq!((fault.class, fault.account), (Class::HttpStatus, user));
    // Before the password there is nothing to refuse.
    let name = given(&[With::Username]);
    assert_eq!(class(&format!("{captcha}{first_page}"), name.clone()), Class::Challenge);
    assert_eq!(class(&first_page, name), Class::LoginPage);
}

#[test]
fn challenges_are_said_to_be_ours_to_solve() {
    let form = |inside: &str| {
        format!("<form method=post><input name=username><input type=password name=p>{inside}<button>Go</button></form>")
    };
    for widget in [
        r#"<div class="g-recaptcha" data-sitekey="x"></div>"#,
        r#"<div class="h-captcha"></div>"#,
        r#"<div class="cf-turnstile"></div>"#,
        r#"<img src="/captcha.png"><input name="captcha_answer">"#,
    ] {
        assert_eq!(class(&form(widget), Progress::default()), Class::Challenge, "{widget}");
    }
    let mut gate = page("<title>Just a moment...</title>");
    (gate.gatekeeper, gate.status) = (true, 403);
    assert_eq!(decide(&gate, &mut Progress::default(), &Guide::default(), false).unwrap_err().class, Class::Challenge);
    for more in [
        "<form method=post><input type=password name=new autocomplete=new-password><input type=password name=again autocomplete=new-password><button>Save</button></form>",
        "<form method=post><input name=phone required><button>Continue</button></form>",
        "<script>navigator.credentials.get({})</script><p>Use your security key to go on, please, as you were told to do.</p>",
    ] {
        assert_eq!(class(more, after_login()), Class::Challenge, "{more}");
    }
}

#[test]
fn a_one_time_code_is_given_if_there_is_a_seed_and_only_once() {
    let otp = r#"<form method=post><label>Code from your app</label><input name=totp autocomplete="one-time-code" inputmode=numeric>
        <button name=resend formnovalidate>Resend code</button><button name=login>Sign in</button></form>"#;
    assert_eq!(class(otp, after_login()), Class::Challenge);
    let with_seed =
        |content: &str, mut progress: Progress| decide(&page(content), &mut progress, &Guide::default(), true);
    assert_eq!(fields(&submission(with_seed(otp, after_login()).unwrap())), "totp:one-time code&login=");
    let again = format!("<p class=error>Invalid code</p>{otp}");
    let fault = with_seed(&again, given(&[With::Username, With::Password, With::Totp])).unwrap_err();
    assert_eq!(fault.class, Class::Credentials);
    let sms = format!("<p>We sent a text message to +1 *** 42.</p>{otp}");
    assert_eq!(with_seed(&sms, after_login()).unwrap_err().class, Class::Challenge);
}

#[test]
fn pages_made_by_scripts_are_unsupported() {
    for spa in [
        r#"<title>Sign in</title><body><div id="root"></div><script src="/static/main.js"></script></body>"#,
        r#"<body><noscript>You need to enable JavaScript to run this app.</noscript><div id=x></div><script src=a.js></script>"#,
        r#"<body><app-root></app-root><script type=module src=main.js></script>"#,
        r#"<body><div><input type=password><button>Sign in</button></div><script src=a.js></script><p>A long text about our company and why it is so very great.</p>"#,
    ] {
        assert_eq!(class(spa, Progress::default()), Class::Unsupported, "{spa}");
    }
    // Sent as it is, the password would be in the URL.
    let for_script = "<form><input name=username><input type=password name=p><button>Go</button></form>";
    assert_eq!(class(for_script, Progress::default()), Class::Unsupported);
}

fn posted(params: &[(&str, &str)]) -> Answer {
    let form = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { form, ..Answer::default() }
}

#[test]
fn form_post_is_an_answer_and_hops_are_taken() {
    let form_post = r#"<html><body onload="javascript:document.forms[0].submit()"><form method="post" action="https://app.example.com/cb">
        <input type="hidden" name="code" value="abc"/><input type="hidden" name="state" value="xyz"/></form></body></html>"#;
    let answer = plainly(form_post, after_login()).unwrap();
    assert_eq!(answer, Next::Answer(posted(&[("code", "abc"), ("state", "xyz")])));
    let hop = form_post.replace("app.example.com/cb", "idp.example.com/sso");
    let hop = submission(plainly(&hop, Progress::default()).unwrap());
    assert_eq!((hop.url.as_str(), fields(&hop).as_str()), ("https://idp.example.com/sso", "code=abc&state=xyz"));
    let refresh = r#"<meta http-equiv="Refresh" content="0; url=/next?a=b"><p>Please wait"#;
    assert_eq!(plainly(refresh, Progress::default()).unwrap(), Next::Follow(url("https://login.example.com/next?a=b")));
    let link = r#"<p>You are logged in.</p><a href="https://app.example.com/cb?code=a&amp;state=b">Back to the application</a>"#;
    assert_eq!(plainly(link, after_login()).unwrap(), Next::Follow(url("https://app.example.com/cb?code=a&state=b")));
}

#[test]
fn a_way_to_cancel_is_not_the_answer() {
    let to_us = "https://app.example.com/cb";
    let link = format!(r#"<a href="{to_us}?error=access_denied&amp;state=s">Cancel</a>"#);
    let bare = format!(r#"<a href="{to_us}?state=s">Back</a>"#);
    let form = format!(
        r#"<form method=post action="{to_us}"><input type=hidden name=error value=access_denied>
        <input type=hidden name=state value=s><button>Cancel</button></form>"#
    );
    let script = "<script>document.getElementById('x').click()</script>";
    for cancel in [link.clone(), bare, form.clone(), format!("{form}{script}")] {
        assert_eq!(
            sent(&format!("{cancel}{CONSENT_DOT}"), after_login()),
            "csrfmiddlewaretoken=x&scope=openid profile&allow=Authorize",
            "{cancel}"
        );
        assert!(sent(&format!("{cancel}{KEYCLOAK}"), Progress::default()).starts_with("username:user name"));
    }
    assert_eq!(class(&link, after_login()), Class::LoginPage);
    // Alone on its page an error is the answer; a code also beside others, if it is sent by itself.
    let error = posted(&[("error", "access_denied"), ("state", "s")]);
    assert_eq!(plainly(&form, after_login()).unwrap(), Next::Answer(error));
    let code = format!(r#"<form method=post action="{to_us}"><input type=hidden name=code value=abc></form>"#);
    let search = "<form><input name=q></form>";
    let answer = Next::Answer(posted(&[("code", "abc")]));
    assert_eq!(plainly(&format!("{search}{code}<script>f.submit()</script>"), after_login()).unwrap(), answer);
    assert!(plainly(&format!("{search}{code}"), after_login()).is_err());
}

#[test]
fn error_pages_are_told_by_status_and_title_alone() {
    for (status, class) in
        [(500, Class::HttpStatus), (503, Class::HttpStatus), (400, Class::HttpStatus), (404, Class::HttpStatus)]
    {
        let mut page = page("<title>Oops</title><p>secret stack trace</p>");
        page.status = status;
        let fault = decide(&page, &mut after_login(), &Guide::default(), false).unwrap_err();
        assert_eq!(fault.class, class);
        assert_eq!(fault.detail, format!("a page of the login has status {status}, title \"Oops\""));
    }
    let mut json = page("{}");
    json.media_type = "application/json".into();
    assert_eq!(decide(&json, &mut Progress::default(), &Guide::default(), false).unwrap_err().class, Class::Malformed);
}

#[test]
fn what_was_there_instead_is_said_in_few_words() {
    let fault = plainly(
        "<title>Welcome</title><h1>Our new portal</h1><form><button>Start</button></form>",
        Progress::default(),
    )
    .unwrap_err();
    assert_eq!(fault.class, Class::LoginPage);
    assert_eq!(
        fault.detail,
        "expected a login form; found title \"Welcome\"; headings \"Our new portal\"; buttons \"Start\" at https://login.example.com/login"
    );
    let long = format!(
        "<title>{0}</title><h1>{0}</h1><h2>{0}</h2><form><button>{0}</button></form>",
        "x\u{202e}".repeat(5000)
    );
    let fault = plainly(&long, Progress::default()).unwrap_err();
    assert!(fault.detail.chars().count() < 400 && !fault.detail.contains('\u{202e}'));
}

#[test]
fn nothing_that_a_provider_sends_makes_it_panic() {
    let bits = [
        "<form method=post>",
        "<input name=username>",
        "<input type=password",
        "<button>",
        "</form>",
        "<select>",
        "\u{0}",
        "<base href=//>",
        "<meta http-equiv=refresh content='0;url=http://[::'>",
        "<form action='http://[' method=post>",
        "<input form=x>",
        "&#xD800;",
        "é",
        "<![CDATA[",
    ];
    let mut state = 7_u32;
    for _ in 0..3000 {
        let mut content = String::new();
        for _ in 0..(state % 9) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            content.push_str(bits[(state >> 8) as usize % bits.len()]);
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        for progress in [Progress::default(), after_login()] {
            let _ = decide(&page(&content), &mut progress.clone(), &Guide::default(), true);
        }
    }
}
