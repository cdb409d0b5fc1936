//! The login page. Whoever reads forms without a script is shown what such a browser is shown; `browser` has the same
//! faults before a real one. The request has come to a page: what is on it is a matter of the step `login`.

use crate::rows;

rows! {
    // Whoever looks for the obvious fields finds them; whoever named them does not.
    "login_page_changed" "" [] { "form_login.steps" => "bad login_page/provider at login"; }
    "login_page_two_steps" "" [] { "form_login.steps" => "bad login_page/provider at login"; }
    // Nothing is wrong with the page: it needs a browser.
    "login_page_script" "" [] {
        "LOGINS device hardening" => "inconclusive unsupported/configuration at login";
    }
    "login_page_script_error" "" [] {
        "LOGINS device hardening" => "inconclusive unsupported/configuration at login";
    }
    "login_page_spinner" "" [] {
        "LOGINS device hardening" => "inconclusive unsupported/configuration at login";
    }
    // The control of `hardening` is a step of its own: a page without a login is none.
    "login_page_blank" "" [] {
        "LOGINS device" => "bad login_page/provider at login";
        "hardening" => "bad login_page/provider at authorize";
    }
    // Without scripts the button does what it should.
    "login_page_button_dead" "" [] {}
    "login_page_captcha" "" [] {
        "LOGINS device hardening" => "inconclusive challenge/configuration at login";
    }
    "login_page_second_factor" "" [] {
        "LOGINS device hardening" => "inconclusive challenge/configuration at login";
    }
    "login_page_maintenance" "" [] {
        "LOGINS device" => "bad login_page/provider at login";
        "hardening" => "bad login_page/provider at authorize";
    }
    "login_page_maintenance" r#"{"status": 503}"# [] {
        "LOGINS hardening" => "bad http_status/provider at authorize"; "device" => "bad http_status/provider at login";
    }
    "wrong_password_page" "" [] {
        "LOGINS device hardening" => "inconclusive credentials/configuration at login";
    }
}
