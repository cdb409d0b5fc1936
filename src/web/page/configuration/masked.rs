//! What may be shown of texts and URLs that somebody wrote into a configuration: nothing that lets anybody in.

use maud::{Markup, html};
use url::Url;

use crate::secret::{REDACTED, Scrubber, SecretSource};

/// Keys of tables whose values are not shown unless they say where the value is kept.
const SECRET: [&str; 10] = [
    "secret",
    "password",
    "passwd",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "api-key",
    "credential",
    "private",
];

/// A text without user information in its URLs, and without what looks like a token.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        // The authority ends at the first of these (RFC 3986 §3.2).
        let end = after.find(|c: char| c.is_whitespace() || "/?#\"'<>`".contains(c)).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(user) => {
                out.push_str(REDACTED);
                rest = &after[user..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    Scrubber::default().scrub(&out)
}

/// A URL without user information and without the values of its query.
pub fn url(url: &Url) -> String {
    let mut shown = url.clone();
    if !shown.username().is_empty() || shown.password().is_some() {
        // Where it has user information it has a host: both succeed.
        let _ = shown.set_password(None);
        let _ = shown.set_username("");
    }
    let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}={REDACTED}")).collect();
    shown.set_query(None);
    shown.set_fragment(None);
    let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
    masked(&format!("{shown}{query}"))
}

/// Where a secret is kept.
pub fn kept(source: &SecretSource) -> Markup {
    let text = match source {
        SecretSource::Env(name) => format!("env:{name}"),
        SecretSource::File(path) => format!("file:{}", path.display()),
    };
    html! { code { (text) } }
}

/// The same where there may be none.
pub fn kept_or_none(source: Option<&SecretSource>) -> Markup {
    match source {
        Some(source) => kept(source),
        None => html! { span.faint { "none" } },
    }
}

/// A value of a table as TOML writes it, without its secrets: `key` is its name.
pub fn value(key: &str, value: &toml::Value) -> String {
    format!("{}", shown(key, value))
}

fn shown(key: &str, value: &toml::Value) -> toml::Value {
    use toml::Value;
    let plain = key.to_ascii_lowercase();
    let secret = SECRET.iter().any(|word| plain.contains(word));
    match value {
        Value::String(_) if secret => Value::String(REDACTED.to_owned()),
        Value::String(text) => Value::String(masked(text)),
        Value::Array(all) => Value::Array(all.iter().map(|one| shown(key, one)).collect()),
        // `{ env = … }` and `{ file = … }` say where it is kept.
        Value::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, value)| {
                    let keeps = table.len() == 1 && matches!(&**name, "env" | "file");
                    let below = if keeps {
                        name.clone()
                    } else if secret {
                        key.to_owned()
                    } else {
                        name.clone()
                    };
                    (name.clone(), shown(&below, value))
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_information_is_masked_wherever_a_url_stands() {
        for (text, expected) in [
            ("https://login.example.com/a@b", "https://login.example.com/a@b"),
            ("https://al:hunter2@login.example.com/a", "https://[redacted]@login.example.com/a"),
            ("https://al:hun@ter2@login.example.com", "https://[redacted]@login.example.com"),
            ("--proxy=socks5://u:hunter2@p:1080 --x", "--proxy=socks5://[redacted]@p:1080 --x"),
            ("\"http://u:hunter2@a\", \"http://b\"", "\"http://[redacted]@a\", \"http://b\""),
            ("no URL at all, me@example.com", "no URL at all, me@example.com"),
            ("", ""),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn urls_lose_what_their_query_says() {
        for (text, expected) in [
            ("https://a.example/x?key=hunter2&b=1#f", "https://a.example/x?key=[redacted]&b=[redacted]"),
            ("https://u:hunter2@a.example", "https://a.example/"),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/"),
        ] {
            assert_eq!(url(&Url::parse(text).unwrap()), expected);
        }
    }

    #[test]
    fn own_keys_keep_references_and_lose_secrets() {
        let table: toml::Table = r#"
            page = "keycloak"
            api_key = "hunter2"
            initial_access_token = { env = "REGISTRATION_TOKEN" }
            headers = { Cookie = "hunter2", Accept = "text/html" }
            password = { policy = "hunter2" }
            resource = "https://u:hunter2@api.example/x"
            steps = [{ fill = "x", client_secret = "hunter2" }]
            within = 5
        "#
        .parse()
        .unwrap();
        let shown: Vec<String> = table.iter().map(|(key, own)| format!("{key} = {}", value(key, own))).collect();
        let shown = shown.join("\n");
        assert!(!shown.contains("hunter2"), "{shown}");
        for kept in ["\"keycloak\"", "REGISTRATION_TOKEN", "text/html", "[redacted]@api.example", "within = 5"] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }
}
