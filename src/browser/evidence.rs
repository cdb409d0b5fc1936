//! What was on the page when a login failed: in words, and as a picture with nothing in it that nobody may see.

use std::time::Duration;

use url::Url;

use super::Screenshots;
use super::window::{View, Window};
use crate::oidc::form::scripted;
use crate::oidc::http::redact_url;
use crate::outcome::{Evidence, Screenshot};
use crate::secret::Secret;

/// How long the picture may take.
const PICTURE: Duration = Duration::from_secs(2);
/// The largest picture that is kept (bytes).
const MAX_PICTURE: usize = 4 * 1024 * 1024;

/// Gathers what there is; never fails.
pub(super) async fn gather(
    window: &mut dyn Window,
    view: Option<&View>,
    needles: &[Secret],
    screenshots: Screenshots,
) -> Evidence {
    let taking = picture(window, needles, screenshots);
    let screenshot = tokio::time::timeout(PICTURE, taking).await.ok().flatten();
    let page = view.map(|view| &view.page);
    Evidence {
        url: page.map(|page| shown(&page.url)).unwrap_or_default(),
        title: view.map(|view| view.title.clone()).unwrap_or_default(),
        outline: page.map(scripted::outline).unwrap_or_default(),
        console: window.console(),
        screenshot,
    }
}

async fn picture(window: &mut dyn Window, needles: &[Secret], screenshots: Screenshots) -> Option<Screenshot> {
    match screenshots {
        Screenshots::Off => return None,
        Screenshots::Full => {}
        Screenshots::Masked => {
            let words: Vec<&str> = needles.iter().map(Secret::expose).collect();
            let words = serde_json::to_string(&words).ok()?;
            // What could not be covered is not shown.
            if window.act("cover", 0, &words).await.ok()? != "ok" {
                return None;
            }
        }
    }
    let png = window.picture().await.ok()?;
    (png.len() <= MAX_PICTURE).then(|| Screenshot(png.into()))
}

/// The fragment may hold an answer.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    redact_url(&url)
}
