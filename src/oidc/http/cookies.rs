//! The cookies of one run.

use ::http::HeaderValue;
use reqwest::cookie::{CookieStore, Jar};
use url::Url;

use crate::journey::Recorder;

/// The most `Set-Cookie` headers of one answer that are obeyed.
const MAX_COOKIES: usize = 100;
/// The longest `Set-Cookie` header that is obeyed (bytes): twice what browsers must keep (RFC 6265 §6.1).
const MAX_COOKIE: usize = 8 * 1024;
/// Shorter values are settings rather than secrets, and masking them would mangle the text around them.
const MIN_SECRET: usize = 8;

/// A jar that tells the recorder every value, so that none is ever shown.
pub(super) struct ProtectingJar {
    jar: Jar,
    recorder: Recorder,
}

impl ProtectingJar {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { jar: Jar::default(), recorder }
    }
}

impl CookieStore for ProtectingJar {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let mut obeyed = headers.filter(|header| header.len() <= MAX_COOKIE).take(MAX_COOKIES).inspect(|header| {
            let value = value_of(&String::from_utf8_lossy(header.as_bytes())).to_owned();
            if value.len() >= MIN_SECRET {
                self.recorder.protect(&value);
            }
        });
        self.jar.set_cookies(&mut obeyed, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.jar.cookies(url)
    }
}

fn value_of(header: &str) -> &str {
    let pair = header.split(';').next().unwrap_or_default();
    pair.split_once('=').map_or("", |(_, value)| value).trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_what_is_between_equals_and_semicolon() {
        assert_eq!(value_of("sid=abc=def; Path=/; Secure"), "abc=def");
        assert_eq!(value_of("sid=\"abc def\"; HttpOnly"), "abc def");
        assert_eq!(value_of("sid"), "");
        assert_eq!(value_of(""), "");
    }
}
