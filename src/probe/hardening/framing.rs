//! Whether a page lets other sites show it in a frame. Pure.

use http::{HeaderMap, HeaderName, header};

/// Whether it forbids that to strangers. Where any policy has `frame-ancestors`, `X-Frame-Options` says nothing (CSP3 §6.4.2.2);
/// of several policies each must allow it.
pub fn forbids(headers: &HeaderMap) -> bool {
    let policies: Vec<String> = values(headers, &header::CONTENT_SECURITY_POLICY);
    let mut ancestors = policies.iter().filter_map(|policy| directive(policy)).peekable();
    if ancestors.peek().is_some() {
        return ancestors.any(|sources| !sources.iter().any(|source| is_anybody(source)));
    }
    let options = values(headers, &header::X_FRAME_OPTIONS);
    options.iter().any(|option| ["deny", "sameorigin"].contains(&option.as_str()))
}

/// What comma-separated values a header has, in small letters.
fn values(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|text| text.trim().to_ascii_lowercase()).collect()
}

/// The sources of a policy's first `frame-ancestors`.
fn directive(policy: &str) -> Option<Vec<&str>> {
    policy.split(';').find_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        (words.next() == Some("frame-ancestors")).then(|| words.collect())
    })
}

/// Any host of any site: a wildcard, or a scheme without a host.
fn is_anybody(source: &str) -> bool {
    let host = source.split_once("://").map_or(source, |(_, host)| host);
    host == "*" || host.starts_with("*:") || ["http:", "https:"].contains(&source)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_keeps_strangers_out_counts() {
        const CSP: &str = "content-security-policy";
        const XFO: &str = "x-frame-options";
        for (headers, expected) in [
            (&[][..], false),
            (&[(CSP, "frame-ancestors 'none'")], true),
            (&[(CSP, "default-src 'self'; Frame-Ancestors 'self' https://portal.example.com")], true),
            (&[(CSP, "default-src 'none'")], false),
            (&[(CSP, "frame-ancestors *")], false),
            (&[(CSP, "frame-ancestors 'self' https:")], false),
            (&[(CSP, "frame-ancestors https://*")], false),
            (&[(CSP, "frame-ancestors *.example.com")], true),
            (&[(CSP, "frame-ancestors")], true),
            (&[(CSP, "frame-ancestors *"), (XFO, "DENY")], false),
            (&[(CSP, "frame-ancestors *, frame-ancestors 'self'")], true),
            (&[(CSP, "frame-ancestors *"), (CSP, "frame-ancestors 'none'")], true),
            (&[(XFO, "DENY")], true),
            (&[(XFO, "SameOrigin")], true),
            (&[(XFO, "ALLOW-FROM https://evil.example")], false),
            (&[("content-security-policy-report-only", "frame-ancestors 'none'")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(forbids(&map), expected, "{headers:?}");
        }
    }
}
