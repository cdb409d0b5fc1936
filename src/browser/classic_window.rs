//! A window driven over classic WebDriver, where the driver has no WebDriver BiDi: the one window of a session of its own.
//!
//! There are no events: a script of ours stays in the page until there is something new, and the driver's answer to it is
//! what is waited for. Nothing can be caught before it is sent, so the browser goes to the redirect URI, and the answer is
//! read from its address. Requests cannot be seen.

use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use fantoccini::Client;
use fantoccini::actions::{InputSource, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::error::CmdError;
use serde_json::Value;
use url::{Origin, Url};

use super::bidi::{COMMAND, RESPONSE};
use super::bidi_window::Errand;
use super::broken;
use super::looked::Pages;
use super::remote::why;
use super::scripts::{self, Plan, Worked};
use super::traffic::Parties;
use super::window::{Pending, Sight, Window};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::Answer;
use crate::oidc::form::page::place;
use crate::outcome::{PageTiming, Warning};

mod looking;

use looking::{LATE, LOOK};

/// The left mouse button.
const LEFT: u64 = 0;
/// The Enter key (WebDriver §17.4.2).
const ENTER: char = '\u{e007}';
/// Where nothing can be caught.
const ADVICE: &str = "use a driver that offers WebDriver BiDi";

static ACTING: LazyLock<String> =
    LazyLock::new(|| format!("return ((globalThis) => ({}))(window)(...arguments)", include_str!("act.js")));

static WORKING: LazyLock<String> =
    LazyLock::new(|| format!("return ((globalThis) => ({}))(window)(...arguments)", scripts::work_alone()));

type Answered = Result<Value, CmdError>;

/// See the module.
pub(super) struct ClassicWindow {
    client: Client,
    clock: Clock,
    parties: Parties,
    redirect_uri: Option<Url>,
    pages: Pages,
    looking: Option<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    asked: Instant,
    generation: u64,
    /// How the page's script names the latest document, and its number.
    known: String,
    document: u32,
    /// How many requests of that document are on the provider's account.
    charged: u32,
    going: Option<Pending>,
    blind: u32,
    /// Whether something was filled in, and whose pages were seen before that.
    typed: bool,
    /// The answer that was seen last: the window stays there until it goes elsewhere.
    answered: Option<Answer>,
    before: Vec<Origin>,
    overhead: Duration,
}

impl ClassicWindow {
    /// Takes the window of a session that nobody has used yet. `no_bidi`: why it is driven like this.
    /// Faults: `unsupported`, if the answer could never be seen.
    pub(super) fn new(client: Client, clock: Clock, errand: Errand, no_bidi: Option<&str>) -> Result<Self, Fault> {
        let Errand { parties, redirect_uri } = errand;
        if let Some(url) = redirect_uri.as_ref().filter(|url| !matches!(url.scheme(), "http" | "https")) {
            let detail = format!("an answer to {}: cannot be seen without WebDriver BiDi: {ADVICE}", url.scheme());
            return Err(Fault::new(Class::Unsupported, detail));
        }
        let why = no_bidi.map(|why| format!(" ({why})")).unwrap_or_default();
        let detail = format!(
            "the region's driver speaks no WebDriver BiDi{why}: requests of the browser are not on record, the \
             provider's `headers` and `traceparent` are not sent, and the browser goes to the redirect URI itself"
        );
        parties.recorder.warn(Warning::new("no_bidi", "W3C WebDriver BiDi", detail));
        Ok(Self {
            client,
            parties,
            redirect_uri,
            pages: Pages::default(),
            looking: None,
            asked: clock.instant(),
            generation: 0,
            known: String::new(),
            document: 0,
            charged: 0,
            going: None,
            blind: 0,
            typed: false,
            answered: None,
            before: Vec::new(),
            overhead: Duration::ZERO,
            clock,
        })
    }

    /// Does something that changes the page at most. An error that the page is to blame for is none.
    async fn command<T>(&mut self, doing: impl Future<Output = Result<T, CmdError>>) -> Result<Option<T>, Fault> {
        let begun = self.clock.instant();
        let result = tokio::time::timeout(COMMAND, doing).await;
        self.overhead += self.clock.instant().duration_since(begun);
        match result {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(error)) if gone(&error) => Err(lost(&error)),
            Ok(Err(_)) => Ok(None),
            Err(_) => Err(Fault::new(Class::Browser, "the driver does not answer")),
        }
    }
}

/// Whether driver, session or window are not there any more.
fn gone(error: &CmdError) -> bool {
    matches!(
        error,
        CmdError::Failed(_) | CmdError::FailedC(_) | CmdError::Lost(_) | CmdError::NotJson(_) | CmdError::NotW3C(_)
    ) || error.is_invalid_session_id()
        || error.is_no_such_window()
}

fn lost(error: &CmdError) -> Fault {
    Fault::new(Class::Browser, format!("the browser was lost in the middle of a login: {}", why(error)))
}

#[async_trait]
impl Window for ClassicWindow {
    async fn open(&mut self, url: &Url) -> Result<(), Fault> {
        self.going = Some(Pending { place: place(url), since: self.clock.instant(), document: true, until: None });
        let client = self.client.clone();
        let text = url.to_string();
        match tokio::time::timeout(COMMAND, client.goto(&text)).await {
            Ok(Err(error)) if gone(&error) => Err(lost(&error)),
            // Some drivers say already what is wrong with the page, others show it.
            Ok(Err(CmdError::Standard(said))) => broken::said(&said.message, url).map_or(Ok(()), Err),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn next(&mut self) -> Result<Sight, Fault> {
        loop {
            if self.looking.is_none() {
                self.look();
            }
            let busy = self.pending().is_some();
            let Some(looking) = &mut self.looking else { continue };
            let answered = looking.await;
            self.looking = None;
            match self.looked(answered)? {
                Some(sight) => return Ok(sight),
                None if busy && self.pending().is_none() => return Ok(Sight::Calm),
                None => {}
            }
        }
    }

    async fn act(&mut self, what: &str, mark: u32, text: &str) -> Result<String, Fault> {
        self.typed |= what == "fill";
        let client = self.client.clone();
        let arguments = vec![what.into(), mark.into(), text.into()];
        let said = self.command(client.execute(&ACTING, arguments)).await?;
        Ok(said.as_ref().and_then(Value::as_str).unwrap_or("gone").to_owned())
    }

    async fn work(&mut self, plan: &Plan<'_>) -> Result<Worked, Fault> {
        self.typed |= !plan.fills.is_empty();
        let client = self.client.clone();
        let arguments = vec![serde_json::to_string(plan).unwrap_or_default().into()];
        let said = self.command(client.execute(&WORKING, arguments)).await?;
        Ok(Worked::read(said.as_ref().and_then(Value::as_str).unwrap_or_default()))
    }

    async fn press_at(&mut self, x: i64, y: i64) -> Result<(), Fault> {
        let to = PointerAction::MoveTo { duration: Some(Duration::ZERO), x: x as f64, y: y as f64 };
        let mouse = MouseActions::new("mouse".to_owned()).then(to);
        let press = mouse.then(PointerAction::Down { button: LEFT }).then(PointerAction::Up { button: LEFT });
        let client = self.client.clone();
        self.command(client.perform_actions(press)).await.map(drop)
    }

    async fn enter(&mut self) -> Result<(), Fault> {
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = keys.then(KeyAction::Down { value: ENTER }).then(KeyAction::Up { value: ENTER });
        let client = self.client.clone();
        self.command(client.perform_actions(keys)).await.map(drop)
    }

    fn pending(&self) -> Option<Pending> {
        // Drivers hold scripts up while a page is being asked for.
        let late = || {
            let held = self.looking.is_some() && self.clock.instant().duration_since(self.asked) > LOOK + LATE;
            held.then(|| Pending { place: "the next page".to_owned(), since: self.asked, document: true, until: None })
        };
        self.going.clone().or_else(late)
    }

    async fn answers(&mut self) -> bool {
        let client = self.client.clone();
        tokio::time::timeout(RESPONSE, client.window()).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn picture(&mut self) -> Result<Vec<u8>, Fault> {
        let client = self.client.clone();
        let taken = self.command(client.screenshot()).await?;
        taken.ok_or_else(|| Fault::new(Class::Browser, "the browser takes no picture"))
    }

    fn console(&self) -> Vec<String> {
        Vec::new()
    }

    fn pages(&self) -> Vec<PageTiming> {
        self.pages.all()
    }

    fn overhead(&self) -> Duration {
        self.overhead
    }

    /// The session is for one login only: it ends with it.
    async fn close(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "classic_window_tests.rs"]
mod tests;
