//! What asks for proof that we are human.

use scraper::ElementRef;

use super::document::{Document, visible};
use super::scripted::snapshot;

/// Widgets of the usual CAPTCHAs, or a picture with a field for what is on it.
const WIDGETS: [(&str, &str); 5] = [
    (".g-recaptcha, [name=g-recaptcha-response], iframe[src*='/recaptcha/']", "reCAPTCHA"),
    (".h-captcha, [name=h-captcha-response], iframe[src*='hcaptcha.com']", "hCaptcha"),
    (".cf-turnstile, [name=cf-turnstile-response], iframe[src*='challenges.cloudflare.com']", TURNSTILE),
    ("#challenge-form, #cf-challenge-running, .friendly-challenge, .frc-captcha", "challenge"),
    ("input[name*=captcha i]:not([type=hidden]), img[src*=captcha i]", "picture"),
];
/// Often answers itself after a while.
pub(super) const TURNSTILE: &str = "Turnstile";
/// Where the widgets put what proves it.
const PROOFS: &str = "[name=g-recaptcha-response], [name=h-captcha-response], [name=cf-turnstile-response]";

/// The name of the first that is on the page. In a browser it must be seen: those that only watch ask nothing.
pub(super) fn find(document: &Document) -> Option<&'static str> {
    let asks = |element: ElementRef<'_>| {
        if !snapshot::is_part(element) {
            return true;
        }
        let watches = element.attr("src").is_some_and(|src| src.contains("size=invisible"))
            || element.attr("data-size").is_some_and(|size| size == "invisible");
        visible(element) && !watches
    };
    let solved = |element: ElementRef<'_>| {
        snapshot::is_part(element) && element.attr("value").is_some_and(|value| !value.is_empty())
    };
    if document.select(PROOFS).any(solved) {
        return None;
    }
    WIDGETS.into_iter().find(|(css, _)| document.select(css).any(asks)).map(|(_, name)| name)
}
