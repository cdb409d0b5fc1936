//! The parameters of an answer that a browser was about to deliver: from the query, the fragment or a posted form
//! (OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §2).

use serde_json::Value;
use url::{Url, form_urlencoded};

use super::window::Params;

/// The largest form that is read (bytes).
pub(super) const MAX_FORM: usize = 256 * 1024;
/// Parameters that only an answer has.
const OF_AN_ANSWER: [&str; 4] = ["code", "error", "state", "response"];

/// Of a request to `url` (`network.RequestData` of WebDriver BiDi).
pub(super) fn parameters(url: &Url, request: &Value) -> Params {
    if let Some(form) = request["goog:postData"].as_str().filter(|form| form.len() <= MAX_FORM) {
        let params = pairs(form);
        if is_answer(&params) {
            return params;
        }
    }
    // A fragment may be there for other reasons (`#_=_`).
    let fragment = pairs(url.fragment().unwrap_or_default());
    if is_answer(&fragment) { fragment } else { pairs(url.query().unwrap_or_default()) }
}

fn pairs(text: &str) -> Params {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Whether there is an answer in them.
pub(super) fn is_answer(params: &Params) -> bool {
    params.iter().any(|(name, _)| OF_AN_ANSWER.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(url: &str, request: Value) -> Option<String> {
        let params = parameters(&Url::parse(url).unwrap(), &request);
        params.into_iter().find(|(name, _)| name == "code").map(|(_, code)| code)
    }

    #[test]
    fn every_response_mode_is_read() {
        let none = json!({ "method": "GET" });
        assert_eq!(code("http://a.example/cb?code=q%2B1&state=x", none.clone()).as_deref(), Some("q+1"));
        assert_eq!(code("http://a.example/cb#code=f&state=x", none.clone()).as_deref(), Some("f"));
        assert_eq!(code("http://a.example/cb?code=q&state=x#_=_", none.clone()).as_deref(), Some("q"));
        assert_eq!(code("com.example.app:/cb?code=a", none).as_deref(), Some("a"));
        let form = json!({ "method": "POST", "goog:postData": "code=p&state=x" });
        assert_eq!(code("http://a.example/cb?kept=1", form).as_deref(), Some("p"));
    }
}
