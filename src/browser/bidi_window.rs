//! A window driven over WebDriver BiDi: a user context of its own in a warm browser, its events instead of polling.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use url::Url;

use super::bidi::{Bidi, COMMAND, Event, Failed, lost};
use super::console::Console;
use super::fresh::Fresh;
use super::intercept::{Marking, hold_back, patterns};
use super::looked::{Looked, Pages};
use super::scripts::{self, Plan, Worked, call};
use super::traffic::{Parties, Traffic, text};
use super::window::{Pending, Sight, View, Window};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::Answer;
use crate::outcome::PageTiming;

mod events;

/// How long a look at the page waits for something new before it is asked again.
const LOOK_MILLIS: u64 = 20_000;
/// How long after something was pressed the page is looked at again, if it is still there.
const SETTLING: Duration = Duration::from_millis(100);
/// How often in a row a look may fail before the next document is waited for: the page is on its way out.
const MAX_BLIND: u32 = 5;

/// Something asked of the browser whose result is not waited for.
type Background = Pin<Box<dyn Future<Output = Result<Value, Failed>> + Send>>;

/// A posted answer on its way to us.
type Posted = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// See the module.
pub(super) struct BidiWindow {
    bidi: Bidi,
    events: Arc<Mutex<mpsc::Receiver<Event>>>,
    fresh: Fresh,
    clock: Clock,
    redirect_uri: Option<Url>,
    marking: Marking,
    traffic: Traffic,
    pages: Pages,
    console: Console,
    going: Option<Url>,
    background: FuturesUnordered<Background>,
    looking: Option<Background>,
    posted: Option<Posted>,
    generation: u64,
    blind: u32,
    /// Whether our scripts are in the present document.
    arrived: bool,
    /// Something was pressed: until then the page is not looked at, for it may be on its way out.
    settling: Option<Instant>,
    /// When something was pressed last.
    pressed: Option<Instant>,
    /// What came while a command was waited for.
    ready: VecDeque<Result<Sight, Fault>>,
    document: u32,
    /// The navigation that brought the present document.
    committed: Option<String>,
    overhead: Duration,
}

/// What a window is used for.
pub(super) struct Errand {
    /// Whom it asks.
    pub(super) parties: Parties,
    /// Where the answer is caught.
    pub(super) redirect_uri: Option<Url>,
}

impl Errand {
    /// Which requests have to be held back.
    pub(super) fn patterns(&self) -> Vec<Value> {
        let marked = !Marking::of(&self.parties).is_empty();
        patterns(self.redirect_uri.as_ref(), if marked { &self.parties.origins } else { &[] })
    }
}

impl BidiWindow {
    /// Takes a fresh window for an errand. Faults: `browser`.
    pub(super) async fn new(
        bidi: Bidi,
        events: Arc<Mutex<mpsc::Receiver<Event>>>,
        fresh: Fresh,
        clock: Clock,
        errand: Errand,
    ) -> Result<Self, Fault> {
        // What is left of the window before.
        while events.lock().await.try_recv().is_ok() {}
        let parties = &errand.parties;
        let marking = Marking::of(parties);
        let patterns = errand.patterns();
        let mut window = Self {
            traffic: Traffic::new(errand.parties, clock.clone()),
            pages: Pages::default(),
            console: Console::default(),
            going: None,
            background: FuturesUnordered::new(),
            looking: None,
            posted: None,
            generation: 0,
            blind: 0,
            arrived: false,
            settling: None,
            pressed: None,
            ready: VecDeque::new(),
            document: 0,
            committed: None,
            overhead: Duration::ZERO,
            redirect_uri: errand.redirect_uri,
            marking,
            bidi,
            events,
            fresh,
            clock,
        };
        if patterns != window.fresh.patterns {
            let begun = window.clock.instant();
            hold_back(&window.bidi, &window.fresh.context, &patterns).await.map_err(lost)?;
            window.overhead += window.clock.instant().duration_since(begun);
        }
        Ok(window)
    }

    /// The tab, for classic commands.
    pub(super) fn context(&self) -> &str {
        &self.fresh.context
    }

    /// Sends a command and waits for its result. Events go on being served: the page may wait for a request that is held
    /// back.
    async fn command(&mut self, method: &str, params: Value) -> Result<Value, Failed> {
        let begun = self.clock.instant();
        let bidi = self.bidi.clone();
        let asking = bidi.command(method, params, COMMAND);
        tokio::pin!(asking);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut asking => break result,
                // Without any event more, the command ends too.
                () = self.serve() => {}
            }
        };
        self.overhead += self.clock.instant().duration_since(begun);
        result
    }

    /// Takes one event, and keeps what comes of it for whoever looks next. Loses nothing if it is dropped.
    async fn serve(&mut self) {
        let event = self.events.lock().await.recv().await;
        let Some(event) = event else { return std::future::pending().await };
        if let Some(sight) = self.on_event(event).transpose() {
            self.ready.push_back(sight);
        }
    }

    /// Asks for something without waiting for it.
    fn ask(&mut self, method: &'static str, params: Value) {
        let bidi = self.bidi.clone();
        // A task of its own: it is sent even if nobody looks at this window any more.
        let asking = tokio::spawn(async move { bidi.command(method, params, COMMAND).await });
        self.background.push(Box::pin(async move { asking.await.unwrap_or(Err(Failed::Gone)) }));
    }

    fn look(&mut self) {
        let bidi = self.bidi.clone();
        let script = if self.arrived { scripts::LOOK_AGAIN.to_owned() } else { scripts::arrive() };
        let params = call(
            &self.fresh.context,
            &script,
            json!([
                { "type": "number", "value": self.generation },
                { "type": "number", "value": LOOK_MILLIS },
            ]),
            true,
        );
        let patience = COMMAND + Duration::from_millis(LOOK_MILLIS);
        self.looking = Some(Box::pin(async move { bidi.command("script.callFunction", params, patience).await }));
    }

    fn looked(&mut self, result: Result<Value, Failed>) -> Result<Option<Sight>, Fault> {
        self.looking = None;
        let value = match result {
            Ok(value) => value,
            // The document is gone, or does not answer: another event follows, or the deadline.
            Err(Failed::Said(_) | Failed::Slow) => {
                self.blind += 1;
                self.arrived = false;
                return Ok(None);
            }
            Err(Failed::Gone) => return Err(lost(Failed::Gone)),
        };
        self.blind = 0;
        self.arrived = text(&value["result"]["value"]) != Some(scripts::ABSENT);
        let Some(looked) = text(&value["result"]["value"]).and_then(Looked::read) else { return Ok(None) };
        self.generation = looked.generation;
        let answered = self.traffic.document();
        self.pages.seen(&looked, answered, self.document, self.traffic.origins(), self.clock.now());
        let title = looked.title();
        let page = looked.into_page(answered);
        Ok(page.map(|page| Sight::Page(View { page, document: self.document, title })))
    }
}

/// What `next` woke up for.
enum Woken {
    Event(Option<Event>),
    Looked(Result<Value, Failed>),
    Background(Result<Value, Failed>),
    Posted(Answer),
    Settled,
}

impl BidiWindow {
    async fn woken(&mut self) -> Woken {
        let mut events = self.events.lock().await;
        let (settling, until) = (self.settling.is_some(), self.settling.unwrap_or_else(|| self.clock.instant()));
        let (looking, background, posted) = (&mut self.looking, &mut self.background, &mut self.posted);
        tokio::select! {
            biased;
            event = events.recv() => Woken::Event(event),
            Some(answer) = async { Some(posted.as_mut()?.await) }, if posted.is_some() => Woken::Posted(answer),
            Some(result) = background.next(), if !background.is_empty() => Woken::Background(result),
            Some(result) = async { Some(looking.as_mut()?.await) }, if looking.is_some() => Woken::Looked(result),
            () = tokio::time::sleep_until(until), if settling => Woken::Settled,
        }
    }
}

#[async_trait]
impl Window for BidiWindow {
    async fn open(&mut self, url: &Url) -> Result<(), Fault> {
        self.going = Some(url.clone());
        let params = json!({ "context": self.fresh.context, "url": url.as_str(), "wait": "none" });
        self.ask("browsingContext.navigate", params);
        Ok(())
    }

    async fn next(&mut self) -> Result<Sight, Fault> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return ready;
            }
            if self.settling.is_some_and(|until| until <= self.clock.instant()) {
                self.settling = None;
            }
            if self.document > 0 && self.looking.is_none() && self.blind < MAX_BLIND && self.settling.is_none() {
                self.look();
            }
            let busy = self.traffic.pending(self.pressed).is_some();
            let sight = match self.woken().await {
                Woken::Event(Some(event)) => self.on_event(event)?,
                Woken::Event(None) => return Err(lost(Failed::Gone)),
                Woken::Looked(result) => self.looked(result)?,
                Woken::Background(result) => self.on_background(result).map(|()| None)?,
                Woken::Settled => None,
                Woken::Posted(answer) => {
                    self.posted = None;
                    if !answer.is_there() {
                        let detail = "this browser does not tell what is posted to the redirect URI: use Chromium";
                        return Err(Fault::new(Class::Unsupported, detail));
                    }
                    Some(Sight::Answer(answer))
                }
            };
            match sight {
                Some(sight) => return Ok(sight),
                None if busy && self.traffic.pending(self.pressed).is_none() => return Ok(Sight::Calm),
                None => {}
            }
        }
    }

    async fn act(&mut self, what: &str, mark: u32, said: &str) -> Result<String, Fault> {
        let arguments = json!([
            { "type": "string", "value": what },
            { "type": "number", "value": mark },
            { "type": "string", "value": said },
        ]);
        let params = call(&self.fresh.context, scripts::ACT_THERE, arguments, false);
        match self.command("script.callFunction", params).await {
            Ok(value) => Ok(text(&value["result"]["value"]).unwrap_or("gone").to_owned()),
            // The document is on its way out.
            Err(Failed::Said(_)) => Ok("gone".to_owned()),
            Err(failed) => Err(lost(failed)),
        }
    }

    async fn work(&mut self, plan: &Plan<'_>) -> Result<Worked, Fault> {
        let plan = serde_json::to_string(plan).unwrap_or_default();
        let arguments = json!([{ "type": "string", "value": plan }]);
        let params = call(&self.fresh.context, scripts::WORK_THERE, arguments, false);
        match self.command("script.callFunction", params).await {
            Ok(value) => Ok(Worked::read(text(&value["result"]["value"]).unwrap_or_default())),
            // The document is on its way out.
            Err(Failed::Said(_)) => Ok(Worked::read("")),
            Err(failed) => Err(lost(failed)),
        }
    }

    async fn press_at(&mut self, x: i64, y: i64) -> Result<(), Fault> {
        let moves = json!([
            { "type": "pointerMove", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        let pointer = json!({ "type": "pointer", "id": "mouse", "actions": moves });
        self.perform(pointer).await
    }

    async fn enter(&mut self) -> Result<(), Fault> {
        let keys = json!([{ "type": "keyDown", "value": "\u{e007}" }, { "type": "keyUp", "value": "\u{e007}" }]);
        self.perform(json!({ "type": "key", "id": "keyboard", "actions": keys })).await
    }

    fn pending(&self) -> Option<Pending> {
        self.traffic.pending(self.pressed)
    }

    fn refresh(&mut self) -> bool {
        self.looking = None;
        self.settling = None;
        (self.generation, self.blind) = (0, 0);
        true
    }

    async fn tend(&mut self) {
        loop {
            self.serve().await;
        }
    }

    fn dropped(&self) -> Option<Fault> {
        self.traffic.dropped()
    }

    async fn answers(&mut self) -> bool {
        self.bidi.responds().await
    }

    async fn picture(&mut self) -> Result<Vec<u8>, Fault> {
        let params = json!({ "context": self.fresh.context, "format": { "type": "image/png" } });
        let taken = self.bidi.command("browsingContext.captureScreenshot", params, COMMAND).await.map_err(lost)?;
        let unreadable = || Fault::new(Class::Browser, "the browser's picture cannot be read");
        STANDARD.decode(text(&taken["data"]).unwrap_or_default()).map_err(|_| unreadable())
    }

    fn console(&self) -> Vec<String> {
        self.console.lines(self.traffic.recorder())
    }

    fn pages(&self) -> Vec<PageTiming> {
        self.pages.all()
    }

    fn overhead(&self) -> Duration {
        self.overhead
    }

    async fn close(&mut self) -> Result<(), Fault> {
        self.traffic.give_up();
        let params = json!({ "userContext": self.fresh.user_context });
        self.bidi.command("browser.removeUserContext", params, COMMAND).await.map(drop).map_err(lost)
    }
}

impl BidiWindow {
    async fn perform(&mut self, source: Value) -> Result<(), Fault> {
        let params = json!({ "context": self.fresh.context, "actions": [source] });
        self.looking = None;
        self.pressed = Some(self.clock.instant());
        let document = self.document;
        let result = self.command("input.performActions", params).await;
        if document == self.document {
            self.settling = Some(self.clock.instant() + SETTLING);
        }
        match result {
            // A press that leads away at once takes its own window along.
            Ok(_) | Err(Failed::Said(_)) => Ok(()),
            Err(failed) => Err(lost(failed)),
        }
    }
}
