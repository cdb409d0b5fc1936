//! Style sheet, script and icon: built in, the same for everybody, and the only answers that browsers may keep.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::App;

/// Where the style sheet is.
pub const STYLE: &str = "/style.css";
/// Where the script is.
pub const SCRIPT: &str = "/live.js";
/// Where the icon is.
pub const ICON: &str = "/icon.svg";

/// How long a browser may keep an answer.
#[derive(Clone, Copy, Debug)]
pub struct Kept(pub &'static str);

/// An address with the version in it: what is there never changes.
const FOR_EVER: Kept = Kept("public, max-age=31536000, immutable");
/// It must ask whether it is still the same.
const ASK: Kept = Kept("public, no-cache");

/// Something that is built in.
struct Asset {
    text: &'static str,
    content_type: &'static str,
    /// Where it is, with its version.
    address: String,
    version: String,
}

impl Asset {
    fn new(path: &str, content_type: &'static str, text: &'static str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let version = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
        Self { text, content_type, address: format!("{path}?v={version}"), version }
    }

    fn answer(&self, query: Option<&str>, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.version);
        let versioned = query.and_then(|query| query.strip_prefix("v=")) == Some(&*self.version);
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|tags| {
            tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*")
        });
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], self.text).into_response()
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        response.extensions_mut().insert(if versioned { FOR_EVER } else { ASK });
        response
    }
}

const SHEETS: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/overview.css"),
    include_str!("assets/probe.css"),
    include_str!("assets/run.css"),
    include_str!("assets/slo.css"),
    include_str!("assets/keys.css"),
    include_str!("assets/configuration.css"),
    include_str!("assets/door.css"),
    include_str!("assets/runbook.css"),
);

static STYLE_SHEET: LazyLock<Asset> = LazyLock::new(|| Asset::new(STYLE, "text/css; charset=utf-8", SHEETS));
static LIVE_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(SCRIPT, "text/javascript; charset=utf-8", include_str!("assets/live.js")));
static PICTURE: LazyLock<Asset> = LazyLock::new(|| Asset::new(ICON, "image/svg+xml", include_str!("assets/icon.svg")));

/// Where a page finds its style sheet.
pub fn style() -> &'static str {
    &STYLE_SHEET.address
}

/// Where a page finds its script.
pub fn script() -> &'static str {
    &LIVE_SCRIPT.address
}

/// Where a page finds its icon.
pub fn icon() -> &'static str {
    &PICTURE.address
}

/// All of them.
pub fn routes() -> Router<App> {
    Router::new().route(STYLE, serve(&STYLE_SHEET)).route(SCRIPT, serve(&LIVE_SCRIPT)).route(ICON, serve(&PICTURE))
}

fn serve(asset: &'static LazyLock<Asset>) -> axum::routing::MethodRouter<App> {
    get(async move |RawQuery(query): RawQuery, headers: HeaderMap| asset.answer(query.as_deref(), &headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: Option<&str>, known: Option<&str>) -> (u16, &'static str, Option<HeaderValue>) {
        let value = |tag: &str| (IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap());
        let headers = known.map(value).into_iter().collect();
        let response = STYLE_SHEET.answer(query, &headers);
        let kept = response.extensions().get::<Kept>().unwrap().0;
        (response.status().as_u16(), kept, response.headers().get(ETAG).cloned())
    }

    #[test]
    fn what_has_its_version_in_the_address_is_kept_and_everything_else_asked_for() {
        let query = style().split_once('?').unwrap().1;
        assert_eq!(answer(Some(query), None).1, FOR_EVER.0);
        for other in [None, Some("v="), Some("v=old"), Some("x"), Some("w=1&v=x")] {
            assert_eq!(answer(other, None).1, ASK.0, "{other:?}");
        }
    }

    #[test]
    fn nothing_is_sent_twice() {
        let (status, _, tag) = answer(None, None);
        let tag = tag.unwrap();
        let tag = tag.to_str().unwrap();
        assert_eq!(status, 200);
        for known in [tag, &format!("W/{tag}"), &format!("\"a\", {tag}"), "*"] {
            assert_eq!(answer(None, Some(known)).0, 304, "{known}");
        }
        assert_eq!(answer(None, Some("\"another\"")).0, 200);
    }
}
