//! Looks at the page of a classic window: how they are asked for, and what comes of them.

use std::sync::LazyLock;
use std::time::Duration;

use fantoccini::error::CmdError;
use serde::Deserialize;
use url::Url;

use super::super::bidi::COMMAND;
use super::super::broken::{self, Broken};
use super::super::looked::Looked;
use super::super::window::{Pending, Sight, View};
use super::{ADVICE, Answered, ClassicWindow, gone, lost};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::{Answer, is_answer};
use crate::oidc::form::Page;
use crate::oidc::form::page::place;

/// How long a look at the page waits for something new before it is asked again: all other commands wait for it.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// How much longer a look takes only if the driver waits for a page.
pub(super) const LATE: Duration = Duration::from_secs(1);
/// How many looks in a row may fail before the browser is given up.
pub(super) const MAX_BLIND: u32 = 100;
/// How long after the second, third, … look in a row that failed the next is taken, and at most.
const PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// The script of a look: our own state is kept in the window, since each command has globals of its own in some browsers.
static LOOKING: LazyLock<String> = LazyLock::new(|| {
    include_str!("../classic_look.js").replace("(LOOK)", &format!("({})", include_str!("../look.js")))
});

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
    /// Asks for something new.
    pub(super) fn look(&mut self) {
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

    pub(super) fn looked(&mut self, answered: Answered) -> Result<Option<Sight>, Fault> {
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
}
