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
use serde::Deserialize;
use serde_json::Value;
use url::{Origin, Url};

use super::bidi::{COMMAND, RESPONSE};
use super::bidi_window::Errand;
use super::broken::{self, Broken};
use super::looked::{Looked, Pages};
use super::remote::why;
use super::scripts::{self, Plan, Worked};
use super::traffic::Parties;
use super::window::{Pending, Sight, View, Window};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::{Answer, is_answer};
use crate::oidc::form::Page;
use crate::oidc::form::page::place;
use crate::outcome::{PageTiming, Warning};

/// How long a look at the page waits for something new before it is asked again: all other commands wait for it.
const LOOK: Duration = Duration::from_millis(500);
/// How much longer a look takes only if the driver waits for a page.
const LATE: Duration = Duration::from_secs(1);
/// How many looks in a row may fail before the browser is given up.
const MAX_BLIND: u32 = 100;
/// How long after the second, third, … look in a row that failed the next is taken, and at most.
const PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(250);
/// The left mouse button.
const LEFT: u64 = 0;
/// The Enter key (WebDriver §17.4.2).
const ENTER: char = '\u{e007}';
/// Where nothing can be caught.
const ADVICE: &str = "use a driver that offers WebDriver BiDi";

/// The script of a look: our own state is kept in the window, since each command has globals of its own in some browsers.
static LOOKING: LazyLock<String> =
    LazyLock::new(|| include_str!("classic_look.js").replace("(LOOK)", &format!("({})", include_str!("look.js"))));
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

/// What the script says. Hostile: it shares its world with the page's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    /// What `look.js` says.
    story: Option<String>,
    /// The document's address now, and the one it was loaded from.
    at: String,
    from: String,
    loading: bool,
    leaving: bool,
    /// Where to, if that is known.
    to: String,
    /// A page of the browser's own about an error.
    broken: Option<String>,
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

    /// Asks for something new.
    fn look(&mut self) {
        let client = self.client.clone();
        let arguments = vec![self.known.clone().into(), self.generation.into(), (LOOK.as_millis() as u64).into()];
        // The page may be on its way out: the next is there a little later, and no driver says when.
        let pause = (PAUSE * self.blind.saturating_sub(1)).min(MAX_PAUSE);
        self.asked = self.clock.instant() + pause;
        self.looking = Some(Box::pin(async move {
            tokio::time::sleep(pause).await;
            let asking = client.execute_async(&LOOKING, arguments);
            tokio::time::timeout(COMMAND, asking).await.unwrap_or(Err(CmdError::WaitTimeout))
        }));
    }

    fn looked(&mut self, answered: Answered) -> Result<Option<Sight>, Fault> {
        let reply = match answered {
            Ok(value) => serde_json::from_value::<Reply>(value).ok(),
            Err(error) => return self.unseen(&error).map(|()| None),
        };
        // Firefox says nothing at all when the document goes away at the wrong moment.
        let Some(reply) = reply else { return self.blinded().map(|()| None) };
        let now = self.clock.instant();
        let urls: Vec<Url> = [&reply.from, &reply.at].iter().filter_map(|url| Url::parse(url).ok()).collect();
        if let Some(sight) = self.answer(&urls)? {
            return Ok(Some(sight));
        }
        if let Some(broken) = &reply.broken {
            let at = urls.iter().find(|url| matches!(url.scheme(), "http" | "https"));
            return match broken::read(broken, at) {
                Broken::Fault(fault) => Err(fault),
                Broken::Page(page) => Ok(Some(self.empty(*page))),
                Broken::Nothing => self.blinded().map(|()| None),
            };
        }
        let here = urls.last().filter(|url| matches!(url.scheme(), "http" | "https"));
        let under_way = |place: String, before: Option<Pending>| {
            let since = before.map_or(now, |before| before.since);
            Some(Pending { place, since, document: true, until: None })
        };
        match here {
            // Where a browser is before it has gone anywhere.
            None => {}
            Some(url) if reply.loading => self.going = under_way(place(url), self.going.take()),
            Some(url) if reply.leaving => {
                let to = Url::parse(&reply.to).map_or_else(|_| format!("what follows {}", place(url)), |to| place(&to));
                self.going = under_way(to, self.going.take());
            }
            Some(_) => self.going = None,
        }
        let Some(story) = &reply.story else {
            self.blind = 0;
            return Ok(None);
        };
        match Looked::read(story) {
            Some(looked) => self.seen(looked),
            None => self.blinded().map(|()| None),
        }
    }

    /// The answer, if the browser is where it belongs. Fault: `unsupported`, if it came in a way that cannot be seen.
    fn answer(&mut self, urls: &[Url]) -> Result<Option<Sight>, Fault> {
        let Some(ours) = &self.redirect_uri else { return Ok(None) };
        let mut there = urls.iter().filter(|url| is_answer(url, ours)).peekable();
        if there.peek().is_none() {
            return Ok(None);
        }
        match there.map(Answer::of_url).find(Answer::is_there) {
            Some(answer) if self.answered.as_ref() == Some(&answer) => Ok(None),
            Some(answer) => {
                self.answered = Some(answer.clone());
                Ok(Some(Sight::Answer(answer)))
            }
            None => {
                let detail = format!(
                    "the browser came to the redirect URI without an answer in its address: a posted one \
                     (`response_mode=form_post`) cannot be seen without WebDriver BiDi: {ADVICE}"
                );
                Err(Fault::new(Class::Unsupported, detail))
            }
        }
    }

    fn seen(&mut self, looked: Looked) -> Result<Option<Sight>, Fault> {
        self.blind = 0;
        if looked.document != self.known || self.document == 0 {
            self.known.clone_from(&looked.document);
            self.document += 1;
            self.charged = 0;
        }
        self.generation = looked.generation;
        self.charge(looked.requests(&self.parties.origins))?;
        self.pages.seen(&looked, None, self.document, &self.parties.origins, self.clock.now());
        let title = looked.title();
        let Some(page) = looked.into_page(None) else { return Ok(None) };
        self.taken(&page.url)?;
        Ok(Some(Sight::Page(View { page, document: self.document, title })))
    }

    /// A document without content: the browser shows a page of its own instead.
    fn empty(&mut self, page: Page) -> Sight {
        (self.going, self.blind, self.generation) = (None, 1, 0);
        if self.known != page.url.as_str() {
            page.url.as_str().clone_into(&mut self.known);
            self.document += 1;
        }
        Sight::Page(View { page, document: self.document, title: String::new() })
    }

    /// What the browser has asked of the provider, as far as its page knows, is on the provider's account. Fault: `budget`.
    fn charge(&mut self, requests: u32) -> Result<(), Fault> {
        let more = requests.saturating_sub(self.charged);
        self.charged += more;
        let provider = &self.parties.provider;
        let Some(limit) = provider.max_requests_per_minute.filter(|_| more > 0) else { return Ok(()) };
        if self.parties.memory.budget.lock().expect("budget").take(self.clock.now(), limit, more) {
            return Ok(());
        }
        let detail = format!("provider {}: max_requests_per_minute = {limit} is used up", provider.name);
        Err(Fault::new(Class::Budget, detail))
    }

    /// After the login an application may answer at the redirect URI and lead on: what it took cannot be seen any more.
    fn taken(&mut self, url: &Url) -> Result<(), Fault> {
        let origin = url.origin();
        let applications = self.redirect_uri.as_ref().is_some_and(|ours| ours.origin() == origin);
        if !self.typed {
            self.before.push(origin);
        } else if applications && !self.parties.origins.contains(&origin) && !self.before.contains(&origin) {
            let detail = format!(
                "the login led to the application at {}, which took the answer: without WebDriver BiDi it cannot be \
                 caught; {ADVICE}, or a redirect URI where nothing answers, or let the application finish its own login \
                 (`application`)",
                place(url)
            );
            return Err(Fault::new(Class::Unsupported, detail));
        }
        Ok(())
    }

    /// A look that was not answered. Fault: `browser`, if none ever will be.
    fn unseen(&mut self, error: &CmdError) -> Result<(), Fault> {
        if gone(error) {
            return Err(lost(error));
        }
        if error.is_script_timeout() || matches!(error, CmdError::WaitTimeout) {
            // Until another page has come the driver runs no script.
            let place = "the next page".to_owned();
            self.going.get_or_insert(Pending { place, since: self.asked, document: true, until: None });
            return Ok(());
        }
        self.blinded()
    }

    fn blinded(&mut self) -> Result<(), Fault> {
        self.blind += 1;
        if self.blind > MAX_BLIND {
            return Err(Fault::new(Class::Browser, "the driver lets no script look at the page"));
        }
        Ok(())
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
