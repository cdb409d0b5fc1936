//! Every preset, walked over the pages of tests/pages.

use url::Url;

use super::guide;
use crate::fault::Class;
use crate::oidc::form::page::{Setting, read};
use crate::oidc::form::{Next, Page, Progress, Submission, Value, scripted};

/// What becomes of a page.
enum Comes {
    /// Its form is sent with these fields; what we type in capitals.
    Sent(&'static str),
    /// A link is followed.
    Followed,
    /// It ends there.
    Ends(Class),
}
use Comes::{Ends, Followed, Sent};

/// A login: the preset, whether the user has a seed, the pages in order.
type Walk = (&'static str, bool, &'static [(&'static str, Comes)]);

const WITH_CODE: bool = true;
const WITHOUT: bool = false;

const WALKS: &[Walk] = &[
    (
        "keycloak",
        WITH_CODE,
        &[
            ("login", Sent("username=USERNAME&password=PASSWORD&credentialId=&login=")),
            ("otp", Sent("selectedCredentialId=c1&otp=TOTP&login=")),
            ("consent", Sent("code=k&accept=")),
        ],
    ),
    (
        "keycloak",
        WITHOUT,
        &[
            ("username", Sent("username=USERNAME&login=")),
            ("password", Sent("password=PASSWORD&login=")),
            ("otp", Ends(Class::Challenge)),
        ],
    ),
    (
        "keycloak",
        WITHOUT,
        &[
            ("old-login", Sent("username=USERNAME&password=PASSWORD&credentialId=&login=Sign In")),
            ("consent", Sent("code=k&accept=")),
        ],
    ),
    ("keycloak", WITHOUT, &[("login", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))]),
    ("keycloak", WITH_CODE, &[("login", Sent(ANY)), ("otp", Sent(ANY)), ("wrong-otp", Ends(Class::Credentials))]),
    ("keycloak", WITH_CODE, &[("login", Sent(ANY)), ("update-password", Ends(Class::Challenge))]),
    (
        "auth0",
        WITH_CODE,
        &[
            ("identifier", Sent("state=s&username=USERNAME&js-available=false&action=default")),
            ("password", Sent("state=s&username=alice&password=PASSWORD&action=default")),
            ("otp", Sent("state=s&code=TOTP&action=default")),
            ("passkey-offer", Sent("state=s&action=abort-passkey-enrollment")),
            ("consent", Sent("state=s&audience=a&action=accept")),
        ],
    ),
    (
        "auth0",
        WITHOUT,
        &[
            ("login", Sent("state=s&username=USERNAME&password=PASSWORD&action=default")),
            ("consent", Sent("state=s&audience=a&action=accept")),
        ],
    ),
    ("auth0", WITHOUT, &[("login", Sent(ANY)), ("otp", Ends(Class::Challenge))]),
    ("auth0", WITH_CODE, &[("login", Sent(ANY)), ("sms", Ends(Class::Challenge))]),
    (
        "auth0",
        WITHOUT,
        &[("identifier", Sent(ANY)), ("password", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))],
    ),
    (
        "okta",
        WITH_CODE,
        &[
            ("identifier", Sent("identifier=USERNAME")),
            ("choose", Followed),
            ("password", Sent("credentials.passcode=PASSWORD")),
            ("choose-factor", Followed),
            ("otp", Sent("credentials.passcode=TOTP")),
            ("consent", Sent("")),
        ],
    ),
    (
        "okta",
        WITH_CODE,
        &[
            ("login", Sent("identifier=USERNAME&credentials.passcode=PASSWORD")),
            ("verify-otp", Sent("credentials.totp=TOTP")),
        ],
    ),
    ("okta", WITHOUT, &[("classic", Sent("username=USERNAME&password=PASSWORD")), ("consent", Sent(""))]),
    ("okta", WITHOUT, &[("login", Sent(ANY)), ("otp", Ends(Class::Challenge))]),
    ("okta", WITH_CODE, &[("login", Sent(ANY)), ("mail", Ends(Class::Challenge))]),
    (
        "okta",
        WITHOUT,
        &[("identifier", Sent(ANY)), ("password", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))],
    ),
    (
        "entra-id",
        WITH_CODE,
        &[
            ("name", Sent("loginfmt=USERNAME&passwd=&ctx=c&flowToken=f")),
            ("password", Sent("passwd=PASSWORD&ctx=c&flowToken=f")),
            ("approve", Followed),
            // A tile that only a script understands.
            ("proofs", Ends(Class::Unsupported)),
        ],
    ),
    (
        "entra-id",
        WITH_CODE,
        &[
            ("name", Sent(ANY)),
            ("password", Sent(ANY)),
            ("code", Sent("otc=TOTP&ctx=c&flowToken=f")),
            ("stay", Sent("ctx=c&flowToken=f")),
            ("consent", Sent("ctx=c&flowToken=f")),
        ],
    ),
    ("entra-id", WITHOUT, &[("name", Sent(ANY)), ("password", Sent(ANY)), ("code", Ends(Class::Challenge))]),
    ("entra-id", WITH_CODE, &[("name", Sent(ANY)), ("password", Sent(ANY)), ("approve-only", Ends(Class::Challenge))]),
    (
        "entra-id",
        WITH_CODE,
        &[("name", Sent(ANY)), ("password", Sent(ANY)), ("proofs-without-app", Ends(Class::Challenge))],
    ),
    (
        "entra-id",
        WITHOUT,
        &[("name", Sent(ANY)), ("password", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))],
    ),
    (
        "cognito",
        WITHOUT,
        &[
            ("classic", Sent("_csrf=x&username=USERNAME&password=PASSWORD&signInSubmitButton=Sign in")),
            ("classic-wrong-password", Ends(Class::Credentials)),
        ],
    ),
    (
        "cognito",
        WITH_CODE,
        &[
            ("name", Sent("_csrf=x&username=USERNAME")),
            ("password", Sent("_csrf=x&username=alice&password=PASSWORD")),
            ("code", Sent("_csrf=x&code=TOTP")),
        ],
    ),
    (
        "cognito",
        WITHOUT,
        &[("login", Sent("_csrf=x&username=USERNAME&password=PASSWORD")), ("code", Ends(Class::Challenge))],
    ),
    // Its buttons are links with a script.
    ("ping", WITHOUT, &[("login", Ends(Class::Unsupported))]),
    ("ping", WITHOUT, &[("identifier", Ends(Class::Unsupported))]),
    (
        "ping",
        WITH_CODE,
        &[
            ("pingone", Sent("username=USERNAME&password=PASSWORD")),
            ("pingone-otp", Sent("otp=TOTP")),
            ("consent", Ends(Class::Unsupported)),
        ],
    ),
    ("ping", WITHOUT, &[("pingone", Sent(ANY)), ("pingone-otp", Ends(Class::Challenge))]),
    ("ping", WITHOUT, &[("pingone", Sent(ANY)), ("pingone-wrong-password", Ends(Class::Credentials))]),
    ("ping", WITHOUT, &[("pingone", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))]),
    (
        "zitadel",
        WITH_CODE,
        &[
            ("v1-name", Sent("gorilla.csrf.Token=x&authRequestID=1&loginName=USERNAME")),
            ("v1-password", Sent("gorilla.csrf.Token=x&authRequestID=1&loginName=alice&password=PASSWORD")),
            ("v1-code", Sent("gorilla.csrf.Token=x&authRequestID=1&mfaType=0&code=TOTP")),
        ],
    ),
    (
        "zitadel",
        WITHOUT,
        &[
            ("v1-name", Sent(ANY)),
            ("v1-password", Sent(ANY)),
            ("v1-offer", Sent("gorilla.csrf.Token=x&authRequestID=1&skip=true")),
        ],
    ),
    (
        "zitadel",
        WITH_CODE,
        &[
            ("v2-name", Sent("loginName=USERNAME")),
            ("v2-password", Sent("password=PASSWORD&loginName=alice")),
            ("v2-code", Sent("code=TOTP")),
        ],
    ),
    ("zitadel", WITHOUT, &[("v2-name", Sent(ANY)), ("v2-password", Sent(ANY)), ("v2-code", Ends(Class::Challenge))]),
    // A code of an app is no answer to these.
    ("zitadel", WITH_CODE, &[("v1-name", Sent(ANY)), ("v1-password", Sent(ANY)), ("v1-sms", Ends(Class::Challenge))]),
    ("zitadel", WITH_CODE, &[("v2-name", Sent(ANY)), ("v2-password", Sent(ANY)), ("v2-mail", Ends(Class::Challenge))]),
    (
        "zitadel",
        WITHOUT,
        &[("v1-name", Sent(ANY)), ("v1-password", Sent(ANY)), ("v1-wrong-password", Ends(Class::Credentials))],
    ),
    (
        "zitadel",
        WITHOUT,
        &[("v2-name", Sent(ANY)), ("v2-password", Sent(ANY)), ("v2-wrong-password", Ends(Class::Credentials))],
    ),
    (
        "authentik",
        WITH_CODE,
        &[
            ("name", Sent("uidField=USERNAME&continue=")),
            ("password", Sent("username=alice&password=PASSWORD&continue=")),
            ("code", Sent("code=TOTP&continue=")),
            ("consent", Sent("continue=")),
        ],
    ),
    (
        "authentik",
        WITHOUT,
        &[("login", Sent("uidField=USERNAME&password=PASSWORD&continue=")), ("code", Ends(Class::Challenge))],
    ),
    ("authentik", WITH_CODE, &[("login", Sent(ANY)), ("mail", Ends(Class::Challenge))]),
    (
        "authentik",
        WITHOUT,
        &[("name", Sent(ANY)), ("password", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))],
    ),
    (
        "oidc-provider",
        WITHOUT,
        &[("login", Sent("username=USERNAME&password=PASSWORD")), ("consent", Sent("consent=yes"))],
    ),
    (
        "oidc-provider",
        WITHOUT,
        &[
            ("dev-login", Sent("prompt=login&login=USERNAME&password=PASSWORD")),
            ("wrong-password", Ends(Class::Credentials)),
        ],
    ),
    (
        "canaille",
        WITH_CODE,
        &[
            ("name", Sent("csrf_token=x&login=USERNAME&answer=")),
            ("password", Sent("csrf_token=x&username=alice&password=PASSWORD")),
            ("otp", Sent("csrf_token=x&otp=TOTP")),
            ("consent", Sent("csrf_token=x&answer=accept")),
        ],
    ),
    ("canaille", WITHOUT, &[("name", Sent(ANY)), ("password", Sent(ANY)), ("otp", Ends(Class::Challenge))]),
    (
        "canaille",
        WITHOUT,
        &[("name", Sent(ANY)), ("password", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))],
    ),
    (
        "django",
        WITHOUT,
        &[
            ("login", Sent("csrfmiddlewaretoken=x&username=USERNAME&password=PASSWORD&next=/o/authorize/")),
            ("consent", Sent("csrfmiddlewaretoken=x&scope=openid profile&allow=Authorize")),
        ],
    ),
    ("django", WITHOUT, &[("login", Sent(ANY)), ("wrong-password", Ends(Class::Credentials))]),
];

/// Said elsewhere.
const ANY: &str = "*";

fn page(preset: &str, name: &str) -> Page {
    let file = format!("{}/tests/pages/{preset}/{name}.html", env!("CARGO_MANIFEST_DIR"));
    let content = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let url = Url::parse("https://login.example.com/page").unwrap();
    Page { url, status: 200, media_type: "text/html".into(), gatekeeper: false, content }
}

fn fields(submission: &Submission) -> String {
    let field = |(name, value): &(String, Value)| match value {
        Value::Plain(value) => format!("{name}={value}"),
        Value::Answer(with) => format!("{name}={}", format!("{with:?}").to_uppercase()),
    };
    submission.fields.iter().map(field).collect::<Vec<_>>().join("&")
}

#[test]
fn presets_lead_through_the_pages_that_they_are_for() {
    let redirect_uri = Url::parse("http://127.0.0.1:8765/cb").unwrap();
    for (preset, has_totp, pages) in WALKS {
        let guide = guide(preset).unwrap();
        let mut progress = Progress::default();
        for (name, expected) in *pages {
            let (guide, redirect_uri, has_totp) = (&guide, &redirect_uri, *has_totp);
            let setting = Setting { guide, redirect_uri, has_totp, has_passkey: false, user: "synthetic" };
            let next = read(&page(preset, name), &mut progress, setting);
            match (next, expected) {
                (Ok(Next::Submit(sent)), Sent(wanted)) => {
                    assert!(sent.post, "{preset}/{name}");
                    assert!(*wanted == ANY || fields(&sent) == *wanted, "{preset}/{name}: {}", fields(&sent));
                }
                (Ok(Next::Follow(_)), Followed) => {}
                (Err(fault), Ends(class)) if fault.class == *class => {}
                (next, _) => panic!("{preset}/{name}: {next:?}"),
            }
        }
    }
}

/// No page lies there unused, and no preset but the one without steps is without pages.
#[test]
fn every_page_is_walked_over() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    for preset in super::names().filter(|name| *name != "generic") {
        let files = std::fs::read_dir(root.join(preset)).unwrap_or_else(|e| panic!("{preset}: {e}"));
        for file in files {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let mut pages = WALKS.iter().filter(|(walked, ..)| *walked == preset).flat_map(|(.., pages)| *pages);
            assert!(pages.any(|(walked, _)| *walked == name), "{preset}/{name} is in no walk");
        }
    }
}

/// What a browser does on pages that plain HTTP cannot walk: what is typed where, and what is pressed (by
/// `id`, `aria-label`, `value` or text).
const SEEN: &[(&str, &[(&str, &str)])] = &[
    ("keycloak", &[("login", "username=USERNAME password=PASSWORD kc-login"), ("otp", "otp=TOTP kc-login")]),
    (
        "auth0",
        &[
            ("identifier", "username=USERNAME Continue"),
            ("password", "password=PASSWORD Continue"),
            ("otp", "code=TOTP Continue"),
        ],
    ),
    (
        "okta",
        &[
            ("identifier", "identifier=USERNAME Next"),
            ("choose", "Select okta_password"),
            ("password", "credentials.passcode=PASSWORD Next"),
            ("choose-factor", "Select google_otp"),
            ("otp", "credentials.passcode=TOTP Next"),
            ("consent", "Allow Access"),
        ],
    ),
    (
        "entra-id",
        &[
            ("name", "loginfmt=USERNAME idSIButton9"),
            ("password", "passwd=PASSWORD idSIButton9"),
            ("approve", "signInAnotherWay"),
            ("proofs", "Use a verification code"),
            ("code", "otc=TOTP idSubmit_SAOTCC_Continue"),
            ("stay", "idBtn_Back"),
            ("consent", "idBtn_Accept"),
        ],
    ),
    ("cognito", &[("classic", "username=USERNAME password=PASSWORD submit")]),
    ("ping", &[("login", "pf.username=USERNAME pf.pass=PASSWORD signOnButton"), ("consent", "Allow")]),
    ("ping", &[("pingone", "username=USERNAME password=PASSWORD Sign On"), ("pingone-otp", "otp=TOTP Sign On")]),
    (
        "zitadel",
        &[
            ("v2-name", "loginName=USERNAME Continue"),
            ("v2-password", "password=PASSWORD Continue"),
            ("v2-code", "code=TOTP Continue"),
        ],
    ),
    (
        "authentik",
        &[
            ("name", "uidField=USERNAME Continue"),
            ("password", "password=PASSWORD Continue"),
            ("code", "code=TOTP Continue"),
            ("consent", "Continue"),
        ],
    ),
    ("authentik", &[("login", "uidField=USERNAME password=PASSWORD Continue"), ("consent", "Continue")]),
];

/// The page as `browser/look.js` would write it: what can be typed into or pressed is marked, in order. With each mark, the
/// element's `name`, and how it is called.
fn snapshot(preset: &str, name: &str) -> (Page, Vec<(String, String)>) {
    let page = page(preset, name);
    let (mut content, mut marks) = (String::new(), Vec::new());
    for (number, part) in page.content.split('<').enumerate() {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let attribute = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let element = tag.split([' ', '/']).next().unwrap_or_default();
        let acts = matches!(element, "input" | "button" | "a") || tag.contains("role=\"button\"");
        let hidden = ["type=\"hidden\"", "aria-hidden=\"true\"", "moveOffScreen", "visibility:hidden", "visible-xs"];
        let mut extra = String::new();
        if acts {
            extra = format!(" data-authprobe=\"{}\"", marks.len());
            let label = attribute("id")
                .or_else(|| attribute("aria-label"))
                .or_else(|| attribute("value").filter(|_| element == "input"));
            // Where the words are in an element of their own, the next text.
            let words =
                || page.content.split('<').skip(number).filter_map(|p| p.split_once('>')).map(|(_, text)| text.trim());
            let shown = words().find(|text| !text.is_empty()).unwrap_or(text).to_owned();
            marks.push((attribute("name").unwrap_or_default(), label.filter(|l| !l.is_empty()).unwrap_or(shown)));
        }
        if element == "html" {
            extra.push_str(&format!(" data-authprobe-document=\"{name}\""));
        }
        if hidden.iter().any(|sign| tag.contains(sign)) {
            extra.push_str(" data-authprobe-hidden");
        }
        match (number, tag.starts_with(['/', '!'])) {
            (0, _) => {}
            (_, true) => content.push_str(&format!("<{part}")),
            (_, false) => content.push_str(&format!("<{tag}{extra}>{text}")),
        }
    }
    (Page { content, ..page }, marks)
}

#[test]
fn presets_lead_a_browser_through_the_same_pages() {
    let redirect_uri = Url::parse("http://127.0.0.1:8765/cb").unwrap();
    for (preset, pages) in SEEN {
        let guide = guide(preset).unwrap();
        let mut progress = Progress::default();
        for (name, expected) in *pages {
            let (page, marks) = snapshot(preset, name);
            let (guide, redirect_uri) = (&guide, &redirect_uri);
            let setting = Setting { guide, redirect_uri, has_totp: true, has_passkey: false, user: "synthetic" };
            let act =
                scripted::read(&page, &mut progress, setting).unwrap_or_else(|e| panic!("{preset}/{name}: {e:?}"));
            let of = |mark: u32| &marks[usize::try_from(mark).unwrap()];
            let mut done: Vec<String> = act
                .fills
                .iter()
                .map(|(at, with)| format!("{}={}", of(*at).0, format!("{with:?}").to_uppercase()))
                .collect();
            done.extend(act.press.map(|at| of(at).1.clone()));
            assert_eq!(done.join(" "), *expected, "{preset}/{name}");
        }
    }
}
