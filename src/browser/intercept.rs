//! Requests that are held back: those that bring the answer, and those that are told more than the browser would say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::answer;
use super::bidi::{Bidi, COMMAND, Failed};
use super::traffic::{Parties, Sent, text};
use crate::oidc::authorize::Answer;

/// What only the provider is told.
pub(super) struct Marking {
    headers: Vec<(String, String)>,
    /// Version and trace of W3C Trace Context, less the span.
    traceparent: Option<String>,
}

impl Marking {
    /// Of a run with these parties.
    pub(super) fn of(parties: &Parties) -> Self {
        let headers = parties.provider.headers.iter();
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let trace_id = parties.recorder.trace_id();
        let traceparent = parties.provider.propagate_traceparent.then(|| format!("00-{trace_id}"));
        Self { headers: headers.collect(), traceparent }
    }

    /// Whether there is anything to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.traceparent.is_none()
    }

    /// The headers of a request to the provider, with those that only it is told. `None`: as they are.
    pub(super) fn extended(&self, sent: &Sent, headers: &Value) -> Option<Value> {
        if !sent.provider {
            return None;
        }
        let mut all = headers.as_array()?.clone();
        // The browser knows better by then: what is given replaces its own.
        let stale = |name: &str| {
            name.eq_ignore_ascii_case("cookie") || (sent.redirected && name.eq_ignore_ascii_case("origin"))
        };
        all.retain(|header| !text(&header["name"]).is_some_and(stale));
        let mut add = |name: &str, value: &str| {
            all.retain(|header| !text(&header["name"]).is_some_and(|known| known.eq_ignore_ascii_case(name)));
            all.push(json!({ "name": name, "value": { "type": "string", "value": value } }));
        };
        self.headers.iter().for_each(|(name, value)| add(name, value));
        if let Some(trace) = &self.traceparent {
            add("traceparent", &format!("{trace}-{}-01", sent.span_id));
        }
        Some(Value::Array(all))
    }
}

/// Which requests are held back: those to the redirect URI, and those that are told more than others.
pub(super) fn patterns(redirect_uri: Option<&Url>, origins: &[url::Origin]) -> Vec<Value> {
    let mut patterns = Vec::new();
    if let Some(url) = redirect_uri.filter(|url| matches!(url.scheme(), "http" | "https")) {
        let mut pattern = json!({ "type": "pattern", "protocol": url.scheme(), "pathname": escaped(url.path()) });
        // A host in brackets is none that a pattern can name.
        if let Some(host) = url.host_str().filter(|host| !host.starts_with('[')) {
            pattern["hostname"] = escaped(host).into();
        }
        patterns.push(pattern);
    }
    for origin in origins {
        if let url::Origin::Tuple(scheme, host, _) = origin {
            patterns.push(match host {
                url::Host::Ipv6(_) => json!({ "type": "pattern", "protocol": scheme }),
                _ => json!({ "type": "pattern", "protocol": scheme, "hostname": escaped(&host.to_string()) }),
            });
        }
    }
    patterns
}

/// Has the browser hold such requests of a tab back.
pub(super) async fn hold_back(bidi: &Bidi, context: &str, patterns: &[Value]) -> Result<(), Failed> {
    let intercept = json!({ "phases": ["beforeRequestSent"], "urlPatterns": patterns, "contexts": [context] });
    bidi.command("network.addIntercept", intercept, COMMAND).await.map(drop)
}

/// What a pattern would take for its own is escaped (WebDriver BiDi §7.5.1.25).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '(' | ')' | '*' | '{' | '}' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// What is posted to the redirect URI, as the browser has kept it; the request itself goes no further.
pub(super) async fn posted(bidi: Bidi, request: Value, url: Url) -> Answer {
    let ask = json!({ "dataType": "request", "request": request });
    let kept = bidi.command("network.getData", ask, COMMAND).await.unwrap_or_default();
    let _ = bidi.command("network.failRequest", json!({ "request": request }), COMMAND).await;
    let bytes = &kept["bytes"];
    let form = match text(&bytes["type"]) {
        Some("base64") => STANDARD.decode(text(&bytes["value"]).unwrap_or_default()).unwrap_or_default(),
        _ => text(&bytes["value"]).unwrap_or_default().as_bytes().to_vec(),
    };
    answer::caught(&url, &json!({ "goog:postData": String::from_utf8_lossy(&form) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_the_redirect_uri_and_the_origins() {
        let redirect_uri = Url::parse("http://127.0.0.1:8765/cb(1)?x=1").unwrap();
        let origin = Url::parse("https://login.example.com:8443/x").unwrap().origin();
        let found = patterns(Some(&redirect_uri), &[origin]);
        assert_eq!(
            found[0],
            json!({
                "type": "pattern", "protocol": "http", "hostname": "127.0.0.1", "pathname": "/cb\\(1\\)",
            })
        );
        assert_eq!(found[1], json!({ "type": "pattern", "protocol": "https", "hostname": "login.example.com" }));
        let native = Url::parse("com.example.app:/cb").unwrap();
        assert!(patterns(Some(&native), &[]).is_empty(), "no request is ever made of it");
    }

    #[test]
    fn only_the_provider_is_told_and_nothing_twice() {
        let marking =
            Marking { headers: vec![("x-synthetic".into(), "authprobe".into())], traceparent: Some("00-ab".into()) };
        let sent = |provider| Sent {
            url: Url::parse("https://login.example.com/").unwrap(),
            provider,
            document: true,
            redirected: false,
            span_id: crate::outcome::Id([1; 8]),
        };
        let headers = json!([{ "name": "X-Synthetic", "value": { "type": "string", "value": "page's own" } }]);
        assert_eq!(marking.extended(&sent(false), &headers), None);
        let told = marking.extended(&sent(true), &headers).unwrap();
        let names: Vec<_> = told.as_array().unwrap().iter().map(|h| h["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["x-synthetic", "traceparent"]);
        assert_eq!(told[1]["value"]["value"], "00-ab-0101010101010101-01");
    }
}
