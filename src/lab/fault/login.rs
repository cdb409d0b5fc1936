//! Faults of login: its pages, and what comes back from the authorization endpoint.

use super::{Fault, Hook, Kind, Parameter, Switch};
use crate::lab::pages::Trouble;

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
        name: "login_page_button_dead",
        about: "a script swallows the click on the button of the login form",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.trouble = Trouble::DeadButton)],
    },
    Fault {
        name: "login_page_script_error",
        about: "the script that makes the login form fails before it does",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.trouble = Trouble::ScriptError)],
    },
    Fault {
        name: "login_page_blank",
        about: "the login page is empty",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.trouble = Trouble::Blank)],
    },
    Fault {
        name: "login_page_spinner",
        about: "in place of the login form something turns without end",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.trouble = Trouble::Spinner)],
    },
    Fault {
        name: "login_page_second_factor",
        about: "after the password comes a page that asks for a one-time code, and accepts none",
        parameters: &[],
        hooks: &[Hook::LoginForm(|_, form| form.second_factor = true)],
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
        name: "state_missing",
        about: "`state` does not come back",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| parameters.retain(|(name, _)| *name != "state"))],
    },
    Fault {
        name: "response_code_twice",
        about: "the authorization response has two codes",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| {
            let codes: Vec<_> = parameters.iter().filter(|(name, _)| *name == "code").cloned().collect();
            parameters.extend(codes);
        })],
    },
    Fault {
        name: "response_code_missing",
        about: "the authorization response has no code, and no error either",
        parameters: &[],
        hooks: &[Hook::Authorization(|_, parameters| parameters.retain(|(name, _)| *name != "code"))],
    },
    Fault {
        name: "authorization_error",
        about: "whoever has logged in is refused with an OAuth error",
        parameters: &[Parameter {
            name: "error",
            about: "its code (RFC 6749 §4.1.2.1, OIDC Core 3.1.2.6)",
            kind: Kind::Choice {
                default: "server_error",
                of: &[
                    "invalid_request",
                    "unauthorized_client",
                    "access_denied",
                    "unsupported_response_type",
                    "invalid_scope",
                    "server_error",
                    "temporarily_unavailable",
                    "login_required",
                    "consent_required",
                    "interaction_required",
                    "account_selection_required",
                ],
            },
        }],
        hooks: &[Hook::Authorization(|setting, parameters| {
            if parameters.iter().any(|(name, _)| matches!(*name, "code" | "id_token" | "access_token")) {
                parameters.retain(|(name, _)| matches!(*name, "state" | "iss"));
                parameters.insert(0, ("error", setting.text("error").to_owned()));
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
        name: "request_parameter_ignored",
        about: "a parameter of authorization and token requests is not looked at",
        parameters: &[Parameter {
            name: "which",
            about: "which",
            kind: Kind::Choice { default: "acr_values", of: &["acr_values", "claims", "resource"] },
        }],
        hooks: &[Hook::Switch(Switch::ParameterIgnored)],
    },
    Fault {
        name: "session_forgotten",
        about: "who is logged in is not known to be: every authorization request asks for another login",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::SessionForgotten)],
    },
    Fault {
        name: "logout_ignored",
        about: "logging out leaves the session as it was",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::LogoutIgnored)],
    },
];
