//! One isolated window of a browser, as the walk through the login sees it.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::scripts::{Plan, Worked};
use crate::clock::Instant;
use crate::fault::Fault;
use crate::oidc::authorize::Answer;
use crate::oidc::form::Page;
use crate::outcome::PageTiming;

/// What there is to see.
pub(super) enum Sight {
    /// What was sent to the redirect URI, which itself was never asked for where the browser lets us prevent it.
    Answer(Answer),
    /// A page, newer than the one before.
    Page(View),
    /// Nothing is under way any more that the page cannot be judged without.
    Calm,
}

/// An answer holds the code: only what it is, is shown.
impl std::fmt::Debug for Sight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::Page(_) => "Page",
            Self::Calm => "Calm",
        })
    }
}

/// A page as it is now.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// What a person sees, with the elements marked that one could act on.
    pub(super) page: Page,
    /// Counts documents: another one was loaded if this differs.
    pub(super) document: u32,
    /// The page's title, cut.
    pub(super) title: String,
}

/// What the browser waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// Where it was sent, without its query.
    pub(super) place: String,
    /// Since when it has been under way.
    pub(super) since: Instant,
    /// Whether it is the window's own document.
    pub(super) document: bool,
    /// Until when it is worth waiting for; `None`: as long as there is time.
    pub(super) until: Option<Instant>,
}

/// See the module. Everything ends within a bound of its own; a fault of class `browser` means that this window is lost.
#[async_trait]
pub(super) trait Window: Send {
    /// Goes there; does not wait for the page. Faults: `browser`.
    async fn open(&mut self, url: &Url) -> Result<(), Fault>;

    /// Waits for something new. May be dropped and called again without losing anything. Faults: those of the network,
    /// `certificate`, `redirect`, `budget`, `browser`.
    async fn next(&mut self) -> Result<Sight, Fault>;

    /// Has the page's script act on a marked element (see `act.js`), and returns what it says.
    async fn act(&mut self, what: &str, mark: u32, text: &str) -> Result<String, Fault>;

    /// Has the page's script do all that the page asks for, and returns what it says.
    async fn work(&mut self, plan: &Plan<'_>) -> Result<Worked, Fault>;

    /// Presses the mouse there (CSS pixels from the corner of the window).
    async fn press_at(&mut self, x: i64, y: i64) -> Result<(), Fault>;

    /// Presses Enter where the focus is.
    async fn enter(&mut self) -> Result<(), Fault>;

    /// What the page cannot be judged without, if that is still under way.
    fn pending(&self) -> Option<Pending>;

    /// Why the latest document that was asked for came to nothing though an answer came: none of its own, or a download.
    fn dropped(&self) -> Option<Fault> {
        None
    }

    /// Has the next look tell the page as it is, whether it changed or not. False: this window cannot do that.
    fn refresh(&mut self) -> bool {
        false
    }

    /// Sees to what the page waits for while nobody looks; never ends by itself.
    async fn tend(&mut self) {
        std::future::pending::<()>().await;
    }

    /// Whether the browser itself answers. Its silence is not the page's.
    async fn answers(&mut self) -> bool;

    /// What the window shows, as PNG.
    async fn picture(&mut self) -> Result<Vec<u8>, Fault>;

    /// The last lines of the console.
    fn console(&self) -> Vec<String>;

    /// The documents so far.
    fn pages(&self) -> Vec<PageTiming>;

    /// How long commands took that no user waits for.
    fn overhead(&self) -> Duration;

    /// Closes it, with all that it remembers.
    async fn close(&mut self) -> Result<(), Fault>;
}
