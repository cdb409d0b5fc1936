//! The pages that people and browsers see: plain, accessible, without anything from elsewhere.

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::reply::Reply;
use super::store::{Interaction, random};

/// What the login form looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginForm {
    /// Name and id of the first field.
    pub username: &'static str,
    /// Name and id of the second field.
    pub password: &'static str,
    /// The user name on one page, the password on the next.
    pub two_steps: bool,
    /// The form exists only once a script has made it.
    pub by_script: bool,
    /// With a riddle that only people can solve.
    pub captcha: bool,
    /// No form at all, but a notice, with this status.
    pub maintenance: Option<u16>,
    /// What is wrong with the page.
    pub trouble: Trouble,
    /// A one-time code is asked for after the password.
    pub second_factor: bool,
}

/// What can be wrong with the login page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// A script keeps the form from being sent.
    DeadButton,
    /// The script that makes the form fails.
    ScriptError,
    /// It is empty.
    Blank,
    /// It never gets ready.
    Spinner,
}

impl Default for LoginForm {
    fn default() -> Self {
        Self {
            username: "username",
            password: "password",
            two_steps: false,
            by_script: false,
            captcha: false,
            maintenance: None,
            trouble: Trouble::None,
            second_factor: false,
        }
    }
}

/// The login page, perhaps with what was wrong.
pub fn login(interaction: &Interaction, action: &str, problem: Option<&str>) -> Reply {
    let form = &interaction.form;
    if let Some(status) = form.maintenance {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        return message(status, "Down for maintenance", "Logging in is not possible at the moment. Please try later.");
    }
    match form.trouble {
        Trouble::Blank => return Reply::html(StatusCode::OK, String::new()),
        Trouble::Spinner => {
            let body = r#"<div id="app"><p role="status" aria-busy="true">Loading…</p></div>"#;
            // Waits for an answer that never comes.
            return page(StatusCode::OK, "Sign in", body, Some("new Promise(() => {}).then(() => location.reload());"));
        }
        Trouble::ScriptError => {
            let shell = r#"<div id="app"></div><noscript><p>Please enable JavaScript to sign in.</p></noscript>"#;
            return page(StatusCode::OK, "Sign in", shell, Some("window.lab.renderLogin(document.body);"));
        }
        Trouble::None | Trouble::DeadButton => {}
    }
    let fields = login_fields(interaction);
    let form = format!(
        r#"<form method="post" action="{action}">
<input type="hidden" name="csrf" value="{csrf}">
{fields}<button type="submit">{button}</button>
</form>"#,
        action = escape(action),
        csrf = escape(&interaction.csrf),
        button = if form.two_steps && interaction.identified.is_none() { "Continue" } else { "Sign in" },
    );
    let problem = problem.map(|p| format!("<p role=\"alert\" id=\"problem\">{}</p>\n", escape(p))).unwrap_or_default();
    let intro = format!("<p>to continue to <strong>{}</strong></p>\n", escape(interaction.request.client.id));
    if !interaction.form.by_script {
        let swallow = "document.forms[0].addEventListener('submit', event => event.preventDefault());";
        let script = (interaction.form.trouble == Trouble::DeadButton).then_some(swallow);
        return page(StatusCode::OK, "Sign in", &format!("{intro}{problem}{form}"), script);
    }
    let script = format!("document.getElementById('app').innerHTML = {};", script_string(&form));
    let shell = r#"<div id="app"></div><noscript><p>Please enable JavaScript to sign in.</p></noscript>"#;
    page(StatusCode::OK, "Sign in", &format!("{intro}{problem}{shell}"), Some(&script))
}

fn login_fields(interaction: &Interaction) -> String {
    let form = &interaction.form;
    let field = |id: &str, label: &str, more: &str| {
        format!("<p><label for=\"{id}\">{label}</label>\n<input id=\"{id}\" name=\"{id}\" required {more}></p>\n")
    };
    let mut fields = String::new();
    match &interaction.identified {
        Some(name) => fields.push_str(&format!("<p>Signing in as <strong>{}</strong></p>\n", escape(name))),
        None => {
            let hint = escape(&interaction.request.hint);
            let more = format!(r#"type="text" autocomplete="username" autocapitalize="none" value="{hint}" autofocus"#);
            fields.push_str(&field(form.username, "User name", &more));
        }
    }
    if !form.two_steps || interaction.identified.is_some() {
        fields.push_str(&field(form.password, "Password", r#"type="password" autocomplete="current-password""#));
        if form.captcha {
            fields.push_str("<div class=\"captcha\" role=\"img\" aria-label=\"CAPTCHA\">x7 Kq 2</div>\n");
            let label = "Type the characters in the picture (CAPTCHA)";
            fields.push_str(&field("captcha", label, r#"type="text" autocomplete="off""#));
        }
    }
    fields
}

/// Asks for a one-time code.
pub fn second_factor(interaction: &Interaction, action: &str, problem: Option<&str>) -> Reply {
    let problem = problem.map(|p| format!("<p role=\"alert\" id=\"problem\">{}</p>\n", escape(p))).unwrap_or_default();
    let body = format!(
        r#"{problem}<form method="post" action="{action}">
<input type="hidden" name="csrf" value="{csrf}">
<p><label for="otp">Code of your authenticator app</label>
<input id="otp" name="otp" required inputmode="numeric" autocomplete="one-time-code"></p>
<button type="submit">Verify</button>
</form>"#,
        action = escape(action),
        csrf = escape(&interaction.csrf),
    );
    page(StatusCode::OK, "Two-step verification", &body, None)
}

/// Asks the user whether the client may.
pub fn consent(interaction: &Interaction, action: &str) -> Reply {
    let request = &interaction.request;
    let scopes: String = request.scopes.iter().map(|scope| format!("<li>{}</li>\n", escape(scope))).collect();
    let body = format!(
        r#"<p><strong>{client}</strong> asks for:</p>
<ul>
{scopes}</ul>
<form method="post" action="{action}">
<input type="hidden" name="csrf" value="{csrf}">
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny" class="quiet">Deny</button>
</form>"#,
        client = escape(request.client.id),
        action = escape(action),
        csrf = escape(&interaction.csrf),
    );
    page(StatusCode::OK, "Allow access?", &body, None)
}

/// Asks for the code that a device shows (RFC 8628 §3.3).
pub fn user_code(action: &str, value: &str, problem: Option<&str>) -> Reply {
    let problem = problem.map(|p| format!("<p role=\"alert\" id=\"problem\">{}</p>\n", escape(p))).unwrap_or_default();
    let body = format!(
        r#"{problem}<form method="post" action="{action}">
<p><label for="user_code">Code</label>
<input id="user_code" name="user_code" type="text" autocomplete="off" required value="{value}" autofocus></p>
<button type="submit">Continue</button>
</form>"#,
        action = escape(action),
        value = escape(value),
    );
    page(StatusCode::OK, "Connect a device", &body, None)
}

/// Asks the user whether to log out (RP-Initiated Logout 1.0 §2).
pub fn confirm_logout(action: &str, csrf: &str) -> Reply {
    let body = format!(
        r#"<form method="post" action="{action}">
<input type="hidden" name="csrf" value="{csrf}">
<button type="submit" name="logout" value="yes">Sign out</button>
</form>"#,
        action = escape(action),
        csrf = escape(csrf),
    );
    page(StatusCode::OK, "Sign out?", &body, None)
}

/// The authorization response as a form that posts itself (OAuth 2.0 Form Post Response Mode 1.0 §2).
pub fn form_post(redirect_uri: &str, parameters: &[(&'static str, String)]) -> Reply {
    let fields: String = parameters
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value)))
        .collect();
    let body = format!(
        "<form method=\"post\" action=\"{}\">\n{fields}<button type=\"submit\">Continue</button>\n</form>",
        escape(redirect_uri)
    );
    page(StatusCode::OK, "Signing in", &body, Some("document.forms[0].submit();"))
}

/// A page that only says something.
pub fn message(status: StatusCode, title: &str, text: &str) -> Reply {
    page(status, title, &format!("<p>{}</p>", escape(text)), None)
}

const STYLE: &str = "\
:root{color-scheme:light dark;font:100%/1.5 system-ui,sans-serif}\
body{margin:0;min-height:100vh;display:grid;place-items:center}\
main{width:min(22rem,calc(100vw - 2rem));padding:1rem}\
h1{font-size:1.5rem;margin:0 0 .5rem}label{display:block;font-weight:600}\
input:not([type=hidden]),button{width:100%;box-sizing:border-box;padding:.6rem;font:inherit;border-radius:.4rem}\
input{border:1px solid GrayText}button{border:0;background:#0b57d0;color:#fff;cursor:pointer;margin-top:.5rem}\
button.quiet{background:none;color:inherit;border:1px solid GrayText}\
[role=alert]{border-left:.3rem solid #b3261e;padding-left:.6rem}";

fn page(status: StatusCode, title: &str, body: &str, script: Option<&str>) -> Reply {
    let nonce = random();
    let script = script.map(|code| format!("\n<script nonce=\"{nonce}\">{code}</script>")).unwrap_or_default();
    let html = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – authprobe lab</title>
<style nonce="{nonce}">{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>{script}
</body>
</html>
"#,
        title = escape(title),
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    Reply::html(status, html)
        .header(CONTENT_SECURITY_POLICY, &policy)
        .header(REFERRER_POLICY, "no-referrer")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// Text as HTML, in elements and quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text as a string of a script inside HTML.
fn script_string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_send_stays_text() {
        assert_eq!(escape(r#"<a b="c" d='e'>&"#), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
        assert_eq!(script_string("</script>\""), "\"\\u003c/script>\\\"\"");
    }
}
