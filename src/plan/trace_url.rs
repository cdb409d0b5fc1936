//! Where people see a trace: a URL with a place for its id.

use url::Url;

use crate::outcome::Id;

/// The place of the id.
const PLACE: &str = "{trace_id}";

/// A template such as `https://jaeger.example.com/trace/{trace_id}`: `http` or `https`, with a host, without user
/// information. All else of it is the viewer's own: path, query (Grafana wants JSON there, percent-encoded or not),
/// fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceUrl(String);

impl TraceUrl {
    /// Reads one; the error says what is wrong and never repeats user information.
    pub fn parse(text: &str) -> Result<Self, String> {
        let template = Self(text.trim().to_owned());
        let url = template.filled(&Id([0; 16]).to_string()).map_err(|e| format!("not a URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(format!("expected an http or https URL, found the scheme {:?}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL here must not carry a user name or password: it is shown on the page".to_owned());
        }
        if !text.contains(PLACE) {
            let encoded = text.to_ascii_lowercase().contains("%7btrace_id%7d");
            let but = if encoded { ": its braces must not be percent-encoded" } else { "" };
            return Err(format!("`{PLACE}` is missing: every run would lead to the same trace{but}"));
        }
        Ok(template)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link to the trace with that id (32 hexadecimal digits).
    pub fn of(&self, trace_id: &str) -> Option<Url> {
        self.filled(trace_id).ok()
    }

    fn filled(&self, trace_id: &str) -> Result<Url, url::ParseError> {
        Url::parse(&self.0.replace(PLACE, trace_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn viewers_have_forms_of_their_own() {
        // Grafana's: https://grafana.com/docs/grafana/latest/explore/#explore-url-schema
        let explore = "https://grafana.example.com/explore?schemaVersion=1&panes=%7B%22a%22%3A%7B%22datasource%22%3A%22tempo%22%2C\
                       %22queries%22%3A%5B%7B%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22{trace_id}%22%7D%5D%7D%7D";
        let raw = r#"https://grafana.example.com/explore?panes={"a":{"queries":[{"query":"{trace_id}"}]}}"#;
        for (template, expected) in [
            ("https://jaeger.example.com/trace/{trace_id}", format!("https://jaeger.example.com/trace/{ID}")),
            (
                "http://127.0.0.1:16686/trace/{trace_id}?uiFind={trace_id}#top",
                format!("http://127.0.0.1:16686/trace/{ID}?uiFind={ID}#top"),
            ),
            (explore, explore.replace(PLACE, ID)),
            (
                raw,
                format!(
                    "https://grafana.example.com/explore?panes={{%22a%22:{{%22queries%22:[{{%22query%22:%22{ID}%22}}]}}}}"
                ),
            ),
        ] {
            let parsed = TraceUrl::parse(template).unwrap();
            assert_eq!(parsed.of(ID).unwrap().as_str(), expected, "{template}");
        }
    }

    #[test]
    fn what_leads_nowhere_or_tells_too_much_is_refused() {
        for (template, why) in [
            ("https://jaeger.example.com/trace/", "`{trace_id}` is missing"),
            ("https://jaeger.example.com/trace/%7Btrace_id%7D", "must not be percent-encoded"),
            ("/trace/{trace_id}", "not a URL"),
            ("javascript:alert('{trace_id}')", "found the scheme \"javascript\""),
            ("https://al:hunter2@jaeger.example.com/{trace_id}", "must not carry a user name"),
        ] {
            let error = TraceUrl::parse(template).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{template}: {error}");
        }
    }
}
