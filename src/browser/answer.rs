//! The answer that a browser was about to deliver: in the query, the fragment or a posted form (OAuth 2.0 Multiple Response
//! Types §2.1, OAuth 2.0 Form Post Response Mode §2).

use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::oidc::authorize::Answer;

/// The largest form that is read (bytes).
pub(super) const MAX_FORM: usize = 256 * 1024;

/// Of a request to `url` (`network.RequestData` of WebDriver BiDi).
pub(super) fn caught(url: &Url, request: &Value) -> Answer {
    match request["goog:postData"].as_str().filter(|form| form.len() <= MAX_FORM) {
        Some(form) => Answer::posted(url, form_urlencoded::parse(form.as_bytes()).into_owned().collect()),
        None => Answer::of_url(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_response_mode_is_read() {
        let none = json!({ "method": "GET" });
        let code = |url: &str, request: &Value| {
            let answer = caught(&Url::parse(url).unwrap(), request);
            let of = |params: &[(String, String)]| {
                params.iter().find(|(name, _)| name == "code").map(|(_, code)| code.clone())
            };
            (of(&answer.query), of(&answer.fragment), of(&answer.form))
        };
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(code("http://a.example/cb?code=q%2B1&state=x", &none), (found("q+1"), None, None));
        assert_eq!(code("http://a.example/cb#code=f&state=x", &none), (None, found("f"), None));
        assert_eq!(code("http://a.example/cb?code=q&state=x#_=_", &none), (found("q"), None, None));
        assert_eq!(code("com.example.app:/cb?code=a", &none), (found("a"), None, None));
        let form = json!({ "method": "POST", "goog:postData": "code=p&state=x" });
        assert_eq!(code("http://a.example/cb?kept=1", &form), (None, None, found("p")));
    }
}
