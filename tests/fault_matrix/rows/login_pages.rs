//! The login page. Whoever reads forms without a script is shown what such a browser is shown; `browser` has the same
//! faults before a real one.

use crate::rows;

rows! {
    // Whoever looks for the obvious fields finds them; whoever named them does not.
    "login_page_changed" "" [] { "form_login.steps" => "bad login_page/provider at login"; }
    "login_page_two_steps" "" [] { "form_login.steps" => "bad login_page/provider at login"; }
    // Nothing is wrong with the page: it needs a browser.
    "login_page_script" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive unsupported/configuration at authorize";
    }
    "login_page_script_error" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive unsupported/configuration at authorize";
    }
    "login_page_spinner" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive unsupported/configuration at authorize";
    }
    "login_page_blank" "" [] {
        "form_login form_login.steps refresh revocation" => "bad login_page/provider at authorize";
    }
    // Without scripts the button does what it should.
    "login_page_button_dead" "" [] {}
    "login_page_captcha" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive challenge/configuration at authorize";
    }
    "login_page_second_factor" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive challenge/configuration at login";
    }
    "login_page_maintenance" "" [] {
        "form_login form_login.steps refresh revocation" => "bad login_page/provider at authorize";
    }
    "login_page_maintenance" r#"{"status": 503}"# [] {
        "form_login form_login.steps refresh revocation" => "bad http_status/provider at authorize";
    }
    "wrong_password_page" "" [] {
        "form_login form_login.steps refresh revocation" => "inconclusive credentials/configuration at login";
    }
}
