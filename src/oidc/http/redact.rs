//! URLs as they may be shown.

use url::Url;
use url::form_urlencoded;

use crate::secret::{REDACTED, mask_tokens};

/// Query members whose values are secrets, or lead to one. Lower case.
const SECRET: &[&str] = &[
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "device_code",
    "id_token",
    "id_token_hint",
    "login_hint",
    "logout_token",
    "nonce",
    "password",
    "refresh_token",
    "request",
    "request_uri",
    "response",
    "samlart",
    "samlrequest",
    "samlresponse",
    "state",
    "subject_token",
    "actor_token",
    "token",
    "user_code",
    "username",
];

/// Query members whose values are no secret whatever they look like. Lower case.
const PLAIN: &[&str] = &[
    "acr_values",
    "audience",
    "claims_locales",
    "client_id",
    "code_challenge_method",
    "display",
    "error",
    "error_description",
    "error_uri",
    "grant_type",
    "iss",
    "max_age",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "token_type_hint",
    "ui_locales",
];

/// Under how many characters an unknown value is shown whatever it looks like.
const TOKEN_LENGTH: usize = 16;

/// `url` without user information and fragment, with everything that is or may be secret in its path and query masked.
/// It can no longer be requested.
pub fn redact_url(url: &Url) -> String {
    let mut out = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        out.push_str(&format!(":{port}"));
    }
    // As what follows a host: see there.
    out.push_str(&mask_tokens(&format!("//{}", url.path()))[2..]);
    let Some(query) = url.query() else { return out };
    for (i, member) in query.split('&').enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        let Some((raw_name, raw_value)) = member.split_once('=') else {
            out.push_str(if looks_like_token(member) { REDACTED } else { member });
            continue;
        };
        // Decoded, so that an encoded name hides nothing.
        let (name, value) = form_urlencoded::parse(member.as_bytes()).next().unwrap_or_default();
        out.push_str(if looks_like_token(raw_name) { REDACTED } else { raw_name });
        out.push('=');
        out.push_str(if is_secret(&name, &value) { REDACTED } else { raw_value });
    }
    out
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if value.is_empty() || PLAIN.contains(&name.as_str()) {
        return false;
    }
    SECRET.contains(&name.as_str()) || name.starts_with("saml") || looks_like_token(value)
}

/// Long, unbroken, and neither one word nor one number.
fn looks_like_token(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let (upper, lower) = (value.bytes().any(|b| b.is_ascii_uppercase()), value.bytes().any(|b| b.is_ascii_lowercase()));
    value.len() >= TOKEN_LENGTH
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+/=%".contains(&b))
        && (digits > 0 && (upper || lower) || upper && lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(url: &str) -> String {
        redact_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn secrets_of_the_protocol_are_masked_whatever_their_length() {
        let names = "code state nonce id_token_hint login_hint access_token refresh_token token client_secret \
                     code_challenge code_verifier request assertion id_token response SAMLResponse SAMLRequest \
                     samlart password State CODE";
        for name in names.split_whitespace() {
            assert_eq!(
                redacted(&format!("https://a.example/p?{name}=x1")),
                format!("https://a.example/p?{name}=[redacted]")
            );
        }
    }

    #[test]
    fn an_authorization_request_stays_readable() {
        assert_eq!(
            redacted(
                "https://a.example:8443/authorize?response_type=code&client_id=6f1c9e0a-77aa-4a51-8c5e-00112233aabb\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2Fcb&scope=openid+offline_access&state=af0ifjsldkj\
                 &nonce=n-0S6_WzA2Mj&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
            ),
            "https://a.example:8443/authorize?response_type=code&client_id=6f1c9e0a-77aa-4a51-8c5e-00112233aabb\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2Fcb&scope=openid+offline_access&state=[redacted]\
             &nonce=[redacted]&code_challenge=[redacted]&code_challenge_method=S256"
        );
    }

    #[test]
    fn fragment_and_user_information_are_dropped() {
        assert_eq!(redacted("https://alice:wonderland@a.example/cb?x=1#access_token=abc"), "https://a.example/cb?x=1");
    }

    #[test]
    fn unknown_values_are_masked_by_their_shape() {
        let masked = "https://a.example/?q=[redacted]";
        assert_eq!(redacted("https://a.example/?q=dGhpcyBpcyBhIHRva2Vu"), masked);
        assert_eq!(redacted("https://a.example/?q=1f0e2d3c4b5a6978"), masked);
        assert_eq!(redacted("https://a.example/?q=aGVsbG8%3DaGVsbG8%3D"), masked);
        for plain in ["q=abc123", "q=de-CH", "page=1234567890123456", "q=hello+world+and+more", "lang=&x"] {
            assert_eq!(redacted(&format!("https://a.example/?{plain}")), format!("https://a.example/?{plain}"));
        }
    }

    #[test]
    fn names_hide_nothing() {
        assert_eq!(redacted("https://a.example/?c%6fde=abc"), "https://a.example/?c%6fde=[redacted]");
        assert_eq!(redacted("https://a.example/?dGhpcyBpcyBhIHRva2Vu1"), "https://a.example/?[redacted]");
        assert_eq!(redacted("https://a.example/?dGhpcyBpcyBhIHRva2Vu1=1"), "https://a.example/?[redacted]=1");
    }

    #[test]
    fn paths_keep_their_words_and_lose_their_tokens() {
        assert_eq!(redacted("http://[::1]:8080/realms/main/token"), "http://[::1]:8080/realms/main/token");
        assert_eq!(
            redacted("https://a.example/interaction/4fQ9zXk2LmNp7RtVw3Ya8b/login"),
            "https://a.example/interaction/[redacted]/login"
        );
    }
}
