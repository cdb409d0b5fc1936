//! Faults of login: its pages, and what comes back from the authorization endpoint.

use super::{Fault, Hook, Kind, Parameter, Switch};

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "login_page_changed",
        about: "the fields of the login form have other names and ids",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| {
            form.username = "account";
            form.password = "passphrase";
        })],
    },
    Fault {
        name: "login_page_two_steps",
        about: "the login form asks for the user name first, for the password on the next page",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.two_steps = true)],
    },
    Fault {
        name: "login_page_script",
        about: "the login form is made by a script",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.by_script = true)],
    },
    Fault {
        name: "login_page_captcha",
        about: "the login form has a CAPTCHA that no answer satisfies",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.captcha = true)],
    },
    Fault {
        name: "login_page_maintenance",
        about: "a notice stands in place of the login form",
        parameters: &[Parameter {
            name: "status",
            about: "the status it comes with",
            kind: Kind::Whole { default: 200, min: 200, max: 599 },
        }],
        hooks: &[Hook::LoginForm(|setting, form| form.maintenance = u16::try_from(setting.whole("status")).ok())],
    },
    Fault {
        name: "wrong_password_page",
        about: "the right password is called wrong",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::PasswordRefused)],
    },
    Fault {
        name: "state_mangled",
        about: "`state` comes back changed",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| {
            for (_, value) in parameters.iter_mut().filter(|(name, _)| *name == "state") {
                value.push('x');
            }
        })],
    },
    Fault {
        name: "response_iss_missing",
        about: "the authorization response has no `iss`, though the metadata promises one",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| parameters.retain(|(name, _)| *name != "iss"))],
    },
    Fault {
        name: "response_iss_wrong",
        about: "`iss` of the authorization response is another issuer",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| {
            for (_, value) in parameters.iter_mut().filter(|(name, _)| *name == "iss") {
                "https://other.example.com".clone_into(value);
            }
        })],
    },
    Fault {
        name: "logout_ignored",
        about: "logging out leaves the session as it was",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::LogoutIgnored)],
    },
];
