//! Secrets: where they come from, and how they are kept from going anywhere else.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a masked value reads as, everywhere.
pub const REDACTED: &str = "[redacted]";

/// The largest secret file that is read (bytes).
const MAX_FILE: u64 = 64 * 1024;

/// A value that never shows itself: `Debug` prints [`REDACTED`], there is no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself: only for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Where a secret is kept. In a configuration `{ env = "NAME" }` or `{ file = "path" }`, never a bare string.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file, relative to the configuration file; a final newline is cut. Read anew whenever it is used.
    File(PathBuf),
}

impl SecretSource {
    /// Reads the value. The error names the source, never the value.
    pub fn read(&self) -> Result<Secret, String> {
        let value = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|e| format!("environment variable {name}: {}", env_error(&e)))?
            }
            Self::File(path) => {
                let shown = path.display();
                let size = std::fs::metadata(path).map_err(|e| format!("{shown}: {e}"))?.len();
                if size > MAX_FILE {
                    return Err(format!("{shown}: larger than {MAX_FILE} bytes"));
                }
                std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?
            }
        };
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(format!("{self} is empty"));
        }
        Ok(Secret::new(value))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

fn env_error(error: &std::env::VarError) -> &'static str {
    match error {
        std::env::VarError::NotPresent => "not set",
        std::env::VarError::NotUnicode(_) => "not valid UTF-8",
    }
}

/// Remembers every secret that a run has seen and masks them in whatever is about to leave the process.
#[derive(Clone, Default)]
pub struct Scrubber(Arc<Mutex<Vec<String>>>);

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    /// Masks `value` from now on: plain, percent-encoded, form-encoded and base64. Values under four bytes are ignored:
    /// masking those would only mangle the text around them.
    pub fn protect(&self, value: &str) {
        if value.len() < 4 {
            return;
        }
        let mut forms = vec![value.to_owned()];
        for form in [
            url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>(),
            url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20"),
            STANDARD_NO_PAD.encode(value),
            URL_SAFE_NO_PAD.encode(value),
        ] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        let mut known = self.0.lock().expect("scrubber");
        for form in forms {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // Longest first, so that a secret inside another leaves no remains.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// `text` without any protected value, and without anything that looks like a token on its own
    /// (a JWT, or 20 and more unbroken letters and digits mixed).
    pub fn scrub(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for form in self.0.lock().expect("scrubber").iter() {
            if out.contains(form.as_str()) {
                out = out.replace(form.as_str(), REDACTED);
            }
        }
        mask_tokens(&out)
    }
}

/// Masks what looks like a token, whoever issued it: a provider may echo one in an error description.
pub fn mask_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=') {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

fn flush(word: &mut String, out: &mut String) {
    // What follows `https:`, or a host and its colon: these stay, and the path loses only the segments that look.
    let (slashes, path) = match word.strip_prefix("//") {
        Some(url) => ("//", Some(url)),
        None => ("", starts_with_port(word).then_some(word.as_str()).filter(|_| ends_with_host(out))),
    };
    match path {
        Some(path) => {
            out.push_str(slashes);
            for (i, segment) in path.split('/').enumerate() {
                if i > 0 {
                    out.push('/');
                }
                let plain = if i == 0 { is_host(segment) } else { is_uuid(segment) };
                out.push_str(if !plain && looks_like_token(segment) { REDACTED } else { segment });
            }
        }
        None => out.push_str(if looks_like_token(word) { REDACTED } else { word }),
    }
    word.clear();
}

fn starts_with_port(word: &str) -> bool {
    let port = word.split('/').next().unwrap_or_default();
    (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit())
}

/// `https://login.example.com:`
fn ends_with_host(text: &str) -> bool {
    let host = text.strip_suffix(':').and_then(|text| text.rsplit_once("://")).map_or("", |(_, host)| host);
    !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#'))
}

fn looks_like_token(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() >= 16 || word.split(['.', '/', '=']).any(is_random)
}

/// Long, unbroken, and neither words nor one number: both cases or digits among letters, in no order that words have.
fn is_random(part: &str) -> bool {
    let has = |test: fn(&u8) -> bool| part.bytes().any(|b| test(&b));
    let (digit, upper, lower) = (has(u8::is_ascii_digit), has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
    let run_with_digit = |run: &str| run.len() >= 12 && run.bytes().any(|b| b.is_ascii_digit());
    // CamelCase and Header-Case change case where a word begins; a random text does so within three letters on average.
    let bytes = part.as_bytes();
    let changes = bytes.windows(2).filter(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase()).count();
    part.len() >= 20
        && (digit && upper && lower
            || digit && (upper || lower) && part.split(['-', '_']).any(run_with_digit)
            || upper && lower && changes * 10 >= part.len())
}

/// Lower case and with dots, as no encoding of a token is.
fn is_host(segment: &str) -> bool {
    segment.contains('.')
        && segment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
}

/// Tenants of large providers are UUIDs in their issuers' paths.
fn is_uuid(segment: &str) -> bool {
    let lengths = segment.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let scrubber = Scrubber::default();
        scrubber.protect("s3cret&pass word");
        for text in ["s3cret&pass word", "s3cret%26pass+word", "s3cret%26pass%20word", "czNjcmV0JnBhc3Mgd29yZA"] {
            assert_eq!(scrubber.scrub(&format!("at {text}.")), format!("at {REDACTED}."));
        }
    }

    #[test]
    fn token_like_words_are_masked_and_prose_is_not() {
        assert_eq!(mask_tokens("bad token eyJhbGciOiJub25lIn0.e30. here"), "bad token [redacted] here");
        assert_eq!(mask_tokens("code 4fQ9zXk2LmNp7RtVw3Ya8b expired"), "code [redacted] expired");
        for random in ["UoQpfGx2f1BTeGuPrhZxHXDi6ZM40ohEVDtG--XWSYM", "AHEOxBFqsnTKvYgrZpLeWd"] {
            assert_eq!(mask_tokens(&format!("path /login/{random}")), "path [redacted]");
            assert_eq!(
                mask_tokens(&format!("at https://host.example/login/{random}")),
                format!("at https://host.example/login/{REDACTED}")
            );
        }
        for word in ["ClientAuthenticationFailedException", "authorization_response_iss_parameter_supported"] {
            assert_eq!(mask_tokens(word), word);
        }
        let prose = "issuer https://login.example.com/realms/main does not match; invalid_grant, client_secret_basic";
        assert_eq!(mask_tokens(prose), prose);
    }

    #[test]
    fn urls_keep_their_hosts_and_tenants() {
        let tenant = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0: not the issuer";
        assert_eq!(mask_tokens(tenant), tenant);
        let host = "https://dev-a1b2c3d4e5f6g7h8.us.auth0.com/oauth/token";
        assert_eq!(mask_tokens(host), host);
        assert_eq!(
            mask_tokens("https://a.example/interaction/4fQ9zXk2LmNp7RtVw3Ya8b/login"),
            "https://a.example/interaction/[redacted]/login"
        );
        assert_eq!(
            mask_tokens("no answer from http://127.0.0.1:8080/interaction/4fQ9zXk2LmNp7RtVw3Ya8b within 9 s"),
            "no answer from http://127.0.0.1:8080/interaction/[redacted] within 9 s"
        );
        assert_eq!(mask_tokens("code:12345/4fQ9zXk2LmNp7RtVw3Ya8b"), "code:[redacted]");
        assert_eq!(mask_tokens("https://a.example/eyJhbGciOiJub25lIn0.e30."), "https://a.example/[redacted]");
        assert_eq!(mask_tokens("see //eyJhbGciOiJub25lIn0.e30."), "see //[redacted]");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("wonderland")), REDACTED);
    }

    #[test]
    fn sources_explain_themselves() {
        let missing = SecretSource::Env("AUTHPROBE_TEST_UNSET".into()).read().unwrap_err();
        assert_eq!(missing, "environment variable AUTHPROBE_TEST_UNSET: not set");
    }
}
