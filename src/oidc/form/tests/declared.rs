//! Steps that somebody declared, or a preset.

use super::super::presets;
use super::super::steps::StepSettings;
use super::*;

fn guide(toml: &str) -> Guide {
    #[derive(serde::Deserialize)]
    struct Steps {
        step: Vec<StepSettings>,
    }
    let steps: Steps = toml::from_str(toml).unwrap();
    Guide { steps: steps.step.iter().map(|step| step.resolve().unwrap()).collect(), ..Guide::default() }
}

#[test]
fn declared_steps_are_taken_across_pages() {
    let guide = guide(
        "[[step]]\nexpect = \"text=Sign in to web\"\n[[step]]\nfill = \"#login\"\nwith = \"username\"\n[[step]]\nclick = \"text=Continue\"\n\
         [[step]]\nclick = \"#kmsi\"\noptional = true\n[[step]]\nfill = \"[name=password]\"\nwith = \"password\"\n[[step]]\nclick = \"text=Sign in\"",
    );
    let mut progress = Progress::default();
    let first = submission(decide(&page(CANAILLE_1), &mut progress, &guide, false).unwrap());
    assert_eq!((fields(&first).as_str(), progress.step), ("csrf_token=c1&login:user name&answer=", 3));
    let second = page(&CANAILLE_2.replace("ALERT", ""));
    let second = submission(decide(&second, &mut progress, &guide, false).unwrap());
    assert_eq!((fields(&second).as_str(), progress.step), ("csrf_token=c2&username=alice&password:password", 6));
    // After the steps comes consent, as without.
    let consent = submission(decide(&page(CONSENT_CANAILLE), &mut progress, &guide, false).unwrap());
    assert_eq!(fields(&consent), "csrf_token=x&answer=accept");
}

#[test]
fn a_step_without_its_element_says_what_is_there() {
    let steps = guide("[[step]]\nfill = \"#user\"\nwith = \"username\"");
    let fault = decide(&page(KEYCLOAK), &mut Progress::default(), &steps, false).unwrap_err();
    assert_eq!(fault.class, Class::LoginPage);
    assert!(
        fault
            .detail
            .starts_with("step 1 (fill #user with the user name) has no such element; found title \"Sign in to main\""),
        "{}",
        fault.detail
    );
    let by_label = guide(
        "[[step]]\nfill = \"text=Username or email\"\nwith = \"username\"\n[[step]]\nfill = \"text=Password\"\nwith = \"password\"",
    );
    let sent = submission(decide(&page(KEYCLOAK), &mut Progress::default(), &by_label, false).unwrap());
    assert_eq!(fields(&sent), "username:user name&password:password&credentialId=&login=Sign In");
    for (steps, class) in [
        ("[[step]]\nclick = \"[data-password-toggle]\"", Class::Unsupported),
        ("[[step]]\nfill = \"#username\"\nwith = \"totp\"", Class::Config),
        ("[[step]]\nfill = \"#kc-login\"\nwith = \"username\"", Class::LoginPage),
    ] {
        assert_eq!(
            decide(&page(KEYCLOAK), &mut Progress::default(), &guide(steps), false).unwrap_err().class,
            class,
            "{steps}"
        );
    }
    let link = guide("[[step]]\nclick = \"text=Register\"");
    let next = decide(&page(KEYCLOAK), &mut Progress::default(), &link, false).unwrap();
    assert_eq!(next, Next::Follow(url("https://login.example.com/realms/main/login-actions/registration")));
}

#[test]
fn presets_fit_the_pages_that_they_are_for() {
    let canaille = presets::guide("canaille").unwrap();
    let mut progress = Progress::default();
    for (content, expected) in [
        (CANAILLE_1.to_owned(), "csrf_token=c1&login:user name&answer="),
        (CANAILLE_2.replace("ALERT", ""), "csrf_token=c2&username=alice&password:password"),
        (CONSENT_CANAILLE.to_owned(), "csrf_token=x&answer=accept"),
    ] {
        assert_eq!(fields(&submission(decide(&page(&content), &mut progress, &canaille, false).unwrap())), expected);
    }
    let django = presets::guide("django").unwrap();
    let mut progress = Progress::default();
    let first = decide(&page(&DJANGO.replace("ERRORS", "")), &mut progress, &django, false).unwrap();
    assert!(fields(&submission(first)).contains("username:user name&password:password"));
    let refused = DJANGO.replace("ERRORS", r#"<ul class="errorlist nonfield"><li>No.</li></ul>"#);
    assert_eq!(decide(&page(&refused), &mut progress.clone(), &django, false).unwrap_err().class, Class::Credentials);
    assert!(
        fields(&submission(decide(&page(CONSENT_DOT), &mut progress, &django, false).unwrap()))
            .ends_with("allow=Authorize")
    );
}
