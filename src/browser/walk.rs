//! From the first page to the answer: what the judge says is done, what he cannot say yet is waited for.
//!
//! A page in a browser is never finished: scripts change it, and what is missing may come. So a verdict that ends the
//! login must stand for a while, with nothing under way that could change it: shortly if the page says it itself (a
//! message, a CAPTCHA), longer if something is only not there.

use std::time::Duration;

use url::Url;

use super::window::{Pending, Sight, View, Window};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::authorize::Answer;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::page::{self, Progress, Setting};
use crate::oidc::form::scripted::{self, Unready};
use crate::oidc::form::steps::{Guide, Target};
use crate::oidc::upstream::Hosts;

mod perform;

use perform::Done;

/// How long a verdict must stand that the page says itself.
const SAID: Duration = Duration::from_millis(400);
/// How long a verdict must stand that is about something missing.
const MISSING: Duration = Duration::from_secs(5);
/// How long before the run's end the walk stops, to say why.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a page may take to show itself once more.
const GLANCE: Duration = Duration::from_secs(3);
/// The most forms that are sent in one login.
const MAX_FORMS: usize = 10;

/// When a login is over.
#[derive(Clone, Copy, Debug)]
pub enum Until<'a> {
    /// When the answer is back.
    Answer,
    /// When a page shows that: the application got the answer itself.
    Shows(&'a Target),
}

/// Whose login it is, and how.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) guide: &'a Guide,
    pub(super) answers: &'a Answers,
    pub(super) until: Until<'a>,
    pub(super) redirect_uri: &'a Url,
    pub(super) has_passkey: bool,
}

/// See the module.
pub(super) struct Walk<'a> {
    pub(super) window: &'a mut dyn Window,
    pub(super) clock: &'a Clock,
    pub(super) recorder: &'a Recorder,
    /// Whose pages are met.
    pub(super) hosts: &'a Hosts,
    pub(super) deadline: Instant,
    /// When this part of the walk began.
    pub(super) begun: Instant,
    /// Since when nothing has been under way.
    pub(super) calm: Instant,
    /// When something was pressed last.
    pub(super) acted: Instant,
    /// The latest page, for whoever wants to know what was there.
    pub(super) latest: Option<View>,
}

/// A verdict that has to stand.
struct Standing {
    fault: Fault,
    /// Whether the page says it itself.
    certain: bool,
    document: u32,
    since: Instant,
    patience: Duration,
    /// Whether the page was looked at once more since.
    confirmed: bool,
}

impl Walk<'_> {
    /// Goes to `url`, up to a page that can be judged. Faults: those of [`Window::next`], `timeout`, `http_status`, …
    pub(super) async fn open(&mut self, url: &Url) -> Result<Sight, Fault> {
        self.window.open(url).await?;
        let last = self.last_moment();
        let mut standing: Option<(Fault, Instant)> = None;
        loop {
            let due = standing.as_ref().map_or(last, |(_, due)| (*due).min(last));
            let sight = match tokio::time::timeout_at(due, self.window.next()).await {
                Ok(sight) => sight?,
                Err(_) => match standing {
                    Some((fault, _)) => return Err(fault),
                    None => {
                        let fault = self.ran_out(None, None);
                        return Err(self.silent(fault).await);
                    }
                },
            };
            match sight {
                // Nothing follows an answer without content.
                Sight::Calm => {
                    let now = self.clock.instant();
                    standing = self.window.dropped().map(|fault| (fault, now + SAID)).or(standing);
                }
                Sight::Page(view) => {
                    self.latest = Some(view.clone());
                    let Err(fault) = page::first(&view.page) else { return Ok(Sight::Page(view)) };
                    let fault = self.hosts.told(fault, &view.page.url);
                    if view.page.status >= 500 {
                        return Err(fault);
                    }
                    // A gatekeeper lets browsers pass by themselves; an application may come with 404.
                    let since = standing.as_ref().map(|(_, due)| *due);
                    let patience = if fault.class == Class::Challenge { MISSING } else { SAID };
                    standing = Some((fault, since.unwrap_or_else(|| self.clock.instant() + patience)));
                }
                answer => return Ok(answer),
            }
        }
    }

    /// Goes to `url`, whose answer must come without anybody being asked. `before`: the document that is there now.
    /// Faults: those of [`Window::next`], `timeout`, `http_status`, `login_page` for a page that stays.
    pub(super) async fn silently(&mut self, url: &Url, before: Option<u32>) -> Result<Answer, Fault> {
        self.window.open(url).await?;
        let last = self.last_moment();
        let mut standing: Option<(Fault, Instant)> = None;
        loop {
            let due = standing.as_ref().map_or(last, |(_, due)| (*due).min(last));
            match tokio::time::timeout_at(due, self.window.next()).await {
                Err(_) => match standing {
                    Some((fault, _)) => return Err(fault),
                    None => {
                        let fault = self.ran_out(None, None);
                        return Err(self.silent(fault).await);
                    }
                },
                Ok(sight) => match sight? {
                    Sight::Answer(answer) => return Ok(answer),
                    Sight::Calm => {}
                    Sight::Page(view) if before.is_some_and(|before| view.document <= before) => {}
                    Sight::Page(view) => {
                        self.latest = Some(view.clone());
                        let fault = page::first(&view.page).err().unwrap_or_else(|| page::unasked(&view.page));
                        let fault = self.hosts.told(fault, &view.page.url);
                        // A page may lead on by itself (`response_mode=form_post`).
                        let since = standing.as_ref().map(|(_, due)| *due);
                        standing = Some((fault, since.unwrap_or_else(|| self.clock.instant() + MISSING)));
                    }
                },
            }
        }
    }

    /// Logs in. Faults: those of [`Window::next`] and [`scripted::read`], `timeout`.
    pub(super) async fn sign_in(&mut self, first: View, manner: Manner<'_>) -> Result<Answer, Fault> {
        let setting = Setting {
            guide: manner.guide,
            redirect_uri: manner.redirect_uri,
            has_totp: manner.answers.has_totp(),
            user: manner.answers.user(),
            has_passkey: manner.has_passkey,
        };
        let (mut view, mut progress) = (first, Progress::default());
        let mut standing: Option<Standing> = None;
        self.shown_already(&view, manner.until)?;
        loop {
            if let Until::Shows(target) = manner.until
                && scripted::shows(&view.page, target)?
            {
                return Ok(Answer::default());
            }
            let before = progress.clone();
            let mut met = None;
            match scripted::read(&view.page, &mut progress, setting) {
                Ok(act) => {
                    standing = None;
                    let done = self.perform(&act, manner.answers).await;
                    match done.map_err(|fault| self.hosts.told(fault, &view.page.url))? {
                        Done::All => {}
                        Done::Nothing => progress = before,
                        Done::Met(sight) => met = Some(sight),
                    }
                }
                Err(unready) => standing = Some(self.stand(unready, &view, standing, manner.until)),
            }
            if progress.submissions > MAX_FORMS {
                let detail = format!("no way back to us after {MAX_FORMS} forms; at {}", page::place(&view.page.url));
                return Err(Fault::new(Class::LoginPage, detail));
            }
            let sight = match met {
                Some(sight) => sight,
                None => self.wait(standing.as_mut(), &view).await?,
            };
            match sight {
                Sight::Answer(answer) => return Ok(answer),
                Sight::Page(next) => {
                    self.latest = Some(next.clone());
                    view = next;
                }
                Sight::Calm => {}
            }
        }
    }

    /// What is there before anybody has logged in proves nothing. Fault: `config`.
    fn shown_already(&self, view: &View, until: Until<'_>) -> Result<(), Fault> {
        match until {
            Until::Shows(target) if scripted::shows(&view.page, target)? => {
                let detail = format!("the application shows {target} before anybody has logged in: it proves nothing");
                Err(Fault::new(Class::Config, detail))
            }
            _ => Ok(()),
        }
    }

    /// The same verdict on the same document goes on standing; another one begins to.
    fn stand(&self, unready: Unready, view: &View, before: Option<Standing>, until: Until<'_>) -> Standing {
        let Unready { fault, certain } = unready;
        let mut fault = *fault;
        if let Until::Shows(target) = until {
            let lacks = format!("expected {target} after the login");
            fault.detail = fault.detail.replacen(page::WAY_BACK, &lacks, 1);
        }
        let fault = self.hosts.told(fault, &view.page.url);
        let now = self.clock.instant();
        let left = self.last_moment().duration_since(now);
        // Short runs must not end as a timeout where something better can be said.
        let patience = if certain { SAID } else { MISSING.min(left / 2) };
        match before {
            Some(before) if before.document == view.document && before.fault.class == fault.class => {
                Standing { fault, certain, patience: patience.min(before.patience), ..before }
            }
            _ => Standing { fault, certain, document: view.document, since: now, patience, confirmed: false },
        }
    }

    /// Waits for another page, or until a verdict has stood for long enough with nothing under way that could change it.
    async fn wait(&mut self, mut standing: Option<&mut Standing>, view: &View) -> Result<Sight, Fault> {
        let last = self.last_moment();
        loop {
            let now = self.clock.instant();
            let certain = standing.as_ref().is_some_and(|standing| standing.certain);
            let held = self.holding(now, certain);
            if held.is_some() {
                self.calm = now;
            }
            let due = match (&held, &standing) {
                (Some(pending), _) => pending.until.unwrap_or(last),
                (None, Some(standing)) => standing.since.max(self.calm) + standing.patience,
                (None, None) => self.calm.max(self.acted) + MISSING,
            };
            match tokio::time::timeout_at(due.min(last), self.window.next()).await {
                Ok(Ok(Sight::Calm)) => self.calm = self.clock.instant(),
                Ok(sight) => return sight,
                Err(_) if self.clock.instant() >= last => {
                    let fault = self.ran_out(standing.map(|standing| &*standing), Some(view));
                    return Err(self.silent(fault).await);
                }
                Err(_) if held.is_some() => {}
                // What was pressed before has led to something meanwhile.
                Err(_) if self.holding(self.clock.instant(), certain).is_some() => {}
                Err(_) => {
                    if let Some(fault) = self.window.dropped() {
                        return Err(fault);
                    }
                    // Nothing is said of a page that was seen before it was acted on, or that does not answer any more.
                    match standing.as_deref_mut() {
                        Some(standing) if standing.confirmed => return Err(standing.fault.clone()),
                        Some(standing) => standing.confirmed = true,
                        None => {}
                    }
                    if let Some(sight) = self.look_again(view).await? {
                        return Ok(sight);
                    }
                }
            }
        }
    }

    /// What holds a verdict up. What the page says itself is held up by another document only.
    fn holding(&self, now: Instant, certain: bool) -> Option<Pending> {
        let pending = self.window.pending()?;
        let worth = pending.document || (!certain && pending.until.is_none_or(|until| until > now));
        worth.then_some(pending)
    }

    /// The page as it is now; `None`: another is on its way. Fault: `browser`, if it does not answer.
    async fn look_again(&mut self, view: &View) -> Result<Option<Sight>, Fault> {
        if !self.window.refresh() {
            return Ok(Some(Sight::Page(view.clone())));
        }
        let page = async {
            loop {
                match self.window.next().await {
                    // Without the page, the one before would be judged.
                    Ok(Sight::Calm) => {}
                    sight => return sight,
                }
            }
        };
        match tokio::time::timeout(GLANCE, page).await {
            Ok(sight) => sight.map(Some),
            // Of which there is nothing to see yet, and of the one before nothing any more.
            Err(_) if self.window.pending().is_some_and(|pending| pending.document) => Ok(None),
            Err(_) => Err(mute()),
        }
    }

    /// A verdict out of silence: unless it is the browser that is silent, or what came was nothing to show.
    async fn silent(&mut self, fault: Fault) -> Fault {
        if !self.window.answers().await {
            return mute();
        }
        self.window.dropped().unwrap_or(fault)
    }

    /// Why the run's time is over: what did not come is to blame for what is not there.
    fn ran_out(&self, standing: Option<&Standing>, view: Option<&View>) -> Fault {
        let now = self.clock.instant();
        let certain = standing.is_some_and(|standing| standing.certain);
        let pending = match standing {
            Some(_) => self.holding(now, certain),
            None => self.window.pending(),
        };
        if let Some(pending) = pending {
            let waited = now.duration_since(pending.since);
            let detail = format!("no answer from {} within {:.1} s", pending.place, waited.as_secs_f64());
            let fault = Fault::new(Class::Timeout, detail);
            return match Url::parse(&pending.place) {
                Ok(url) => self.hosts.told(fault, &url),
                Err(_) => fault,
            };
        }
        match (standing, view) {
            (Some(standing), _) => standing.fault.clone(),
            (None, Some(view)) => {
                let detail = format!("the run's time was over at {}", page::place(&view.page.url));
                Fault::new(Class::LoginPage, detail)
            }
            (None, None) => Fault::new(Class::Timeout, "the browser showed no page before the run's time was over"),
        }
    }

    /// Until when a browser may take for what is asked of it.
    fn utmost(&self) -> Instant {
        self.last_moment() + (self.deadline.duration_since(self.last_moment()) / 2)
    }

    /// The end of the run's time, less what it takes to say so.
    fn last_moment(&self) -> Instant {
        let left = self.deadline.duration_since(self.begun);
        self.deadline.checked_sub(MARGIN.min(left / 5)).unwrap_or(self.deadline)
    }
}

/// The page or its browser does not answer: that says nothing about the provider.
fn mute() -> Fault {
    Fault::new(Class::Browser, "the browser does not answer any more")
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
