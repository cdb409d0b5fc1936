//! From the first page to the answer: what the judge says is done, what he cannot say yet is waited for.
//!
//! A page in a browser is never finished: scripts change it, and what is missing may come. So a verdict that ends the
//! login must stand for a while, with nothing under way that could change it: shortly if the page says it itself (a
//! message, a CAPTCHA), longer if something is only not there.

use std::time::Duration;

use url::Url;

use super::scripts::{Plan, Point};
use super::window::{Params, Sight, View, Window};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::page::{self, Progress, Setting};
use crate::oidc::form::scripted::{self, Act, Unready};
use crate::oidc::form::steps::{Guide, Target};

/// How long a verdict must stand that the page says itself.
const SAID: Duration = Duration::from_millis(400);
/// How long a verdict must stand that is about something missing.
const MISSING: Duration = Duration::from_secs(5);
/// How long before the run's end the walk stops, to say why.
const MARGIN: Duration = Duration::from_secs(2);
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
    document: u32,
    since: Instant,
    patience: Duration,
}

impl Walk<'_> {
    /// Goes to `url`, up to a page that can be judged. Faults: those of [`Window::next`], `timeout`, `http_status`, …
    pub(super) async fn open(&mut self, url: &Url) -> Result<Sight, Fault> {
        self.window.open(url).await?;
        let mut until = self.last_moment();
        loop {
            let Ok(sight) = tokio::time::timeout_at(until, self.window.next()).await else {
                let fault = self.ran_out(None, None);
                return Err(self.silent(fault).await);
            };
            match sight? {
                // Nothing follows an answer without content.
                Sight::Calm if self.window.dropped().is_some() => until = until.min(self.clock.instant() + SAID),
                Sight::Calm => {}
                Sight::Page(view) => {
                    self.latest = Some(view.clone());
                    page::first(&view.page)?;
                    return Ok(Sight::Page(view));
                }
                answer => return Ok(answer),
            }
        }
    }

    /// Logs in. Faults: those of [`Window::next`] and [`scripted::read`], `timeout`.
    pub(super) async fn sign_in(&mut self, first: View, manner: Manner<'_>) -> Result<Params, Fault> {
        let setting = Setting {
            guide: manner.guide,
            redirect_uri: manner.redirect_uri,
            has_totp: manner.answers.has_totp(),
            user: manner.answers.user(),
            has_passkey: manner.has_passkey,
        };
        let (mut view, mut progress) = (first, Progress::default());
        let mut standing: Option<Standing> = None;
        if let Until::Shows(target) = manner.until
            && scripted::shows(&view.page, target)?
        {
            let detail = format!("the application shows {target} before anybody has logged in: it proves nothing");
            return Err(Fault::new(Class::Config, detail));
        }
        loop {
            if let Until::Shows(target) = manner.until
                && scripted::shows(&view.page, target)?
            {
                return Ok(Params::new());
            }
            let before = progress.clone();
            match scripted::read(&view.page, &mut progress, setting) {
                Ok(act) => {
                    if !self.perform(&act, manner.answers).await? {
                        progress = before;
                    }
                    standing = None;
                }
                Err(mut unready) => {
                    if let Until::Shows(target) = manner.until {
                        let lacks = format!("expected {target} after the login");
                        unready.fault.detail = unready.fault.detail.replacen(page::WAY_BACK, &lacks, 1);
                    }
                    standing = Some(self.stand(unready, &view, standing));
                }
            }
            if progress.submissions > MAX_FORMS {
                let detail = format!("no way back to us after {MAX_FORMS} forms; at {}", page::place(&view.page.url));
                return Err(Fault::new(Class::LoginPage, detail));
            }
            match self.wait(standing.as_ref(), &view).await? {
                Sight::Answer(params) => return Ok(params),
                Sight::Page(next) => {
                    self.latest = Some(next.clone());
                    view = next;
                }
                Sight::Calm => {}
            }
        }
    }

    /// The same verdict on the same document goes on standing; another one begins to.
    fn stand(&self, unready: Unready, view: &View, before: Option<Standing>) -> Standing {
        let Unready { fault, certain } = unready;
        let fault = *fault;
        let now = self.clock.instant();
        let left = self.last_moment().duration_since(now);
        // Short runs must not end as a timeout where something better can be said.
        let patience = if certain { SAID } else { MISSING.min(left / 2) };
        match before {
            Some(before) if before.document == view.document && before.fault.class == fault.class => {
                Standing { fault, patience: patience.min(before.patience), ..before }
            }
            _ => Standing { fault, document: view.document, since: now, patience },
        }
    }

    /// Waits for another page, or until a verdict has stood for long enough with nothing under way.
    async fn wait(&mut self, standing: Option<&Standing>, view: &View) -> Result<Sight, Fault> {
        let last = self.last_moment();
        loop {
            let now = self.clock.instant();
            let pending = self.window.pending();
            if pending.is_some() {
                self.calm = now;
            }
            let until = match (&pending, standing) {
                (Some(pending), _) => pending.until.unwrap_or(last),
                (None, Some(standing)) => standing.since.max(self.calm) + standing.patience,
                (None, None) => self.calm.max(self.acted) + MISSING,
            };
            match tokio::time::timeout_at(until.min(last), self.window.next()).await {
                Ok(Ok(Sight::Calm)) => self.calm = self.clock.instant(),
                Ok(sight) => return sight,
                Err(_) if self.clock.instant() >= last => {
                    let fault = self.ran_out(standing.map(|standing| &standing.fault), Some(view));
                    return Err(self.silent(fault).await);
                }
                Err(_) if self.window.pending().is_some() || pending.is_some() => {}
                Err(_) => match standing {
                    Some(standing) => return Err(self.silent(standing.fault.clone()).await),
                    // Nothing came of what was done: it is looked at once more.
                    None => return Ok(Sight::Page(view.clone())),
                },
            }
        }
    }

    /// A verdict out of silence: unless it is the browser that is silent, or what came was nothing to show.
    async fn silent(&mut self, fault: Fault) -> Fault {
        if !self.window.answers().await {
            return Fault::new(Class::Browser, "the browser does not answer any more");
        }
        self.window.dropped().unwrap_or(fault)
    }

    /// Why the run's time is over: what did not come is to blame for what is not there.
    fn ran_out(&self, standing: Option<&Fault>, view: Option<&View>) -> Fault {
        if let Some(pending) = self.window.pending() {
            let waited = self.clock.instant().duration_since(pending.since);
            let detail = format!("no answer from {} within {:.1} s", pending.place, waited.as_secs_f64());
            return Fault::new(Class::Timeout, detail);
        }
        match (standing, view) {
            (Some(fault), _) => fault.clone(),
            (None, Some(view)) => {
                let detail = format!("the run's time was over at {}", page::place(&view.page.url));
                Fault::new(Class::LoginPage, detail)
            }
            (None, None) => Fault::new(Class::Timeout, "the browser showed no page before the run's time was over"),
        }
    }

    /// Fills in and presses. False: the page changed under our hands, so that nothing was sent.
    async fn perform(&mut self, act: &Act, answers: &Answers) -> Result<bool, Fault> {
        let mut values = Vec::with_capacity(act.fills.len());
        for (mark, with) in &act.fills {
            values.push((*mark, answers.value(*with, self.clock, self.recorder, self.deadline).await?));
        }
        let fills = values.iter().map(|(mark, value)| (*mark, value.expose())).collect();
        let last = act.fills.last().map(|(mark, _)| *mark).filter(|_| act.press.is_none() && !act.hold);
        let worked = self.window.work(&Plan { fills, ticks: &act.ticks, press: act.press, focus: last }).await?;
        match worked.said.as_str() {
            "ok" => {}
            "gone" => return Ok(false),
            why => {
                let field = worked.field.and_then(|at| act.fills.get(at)).map(|(_, with)| format!(" for the {with}"));
                let (field, why) = (field.unwrap_or_default(), page::cut(why, 80));
                return Err(Fault::new(Class::LoginPage, format!("the field{field} cannot be filled in: {why}")));
            }
        }
        let pressed = match act.press {
            Some(button) => self.press(button, worked.point.unwrap_or_default()).await?,
            None => {
                if last.is_some() {
                    self.window.enter().await?;
                }
                true
            }
        };
        self.acted = self.clock.instant();
        Ok(pressed)
    }

    /// Presses what a person could press: something that is covered or disabled may come free.
    async fn press(&mut self, mark: u32, mut point: Point) -> Result<bool, Fault> {
        let until = (self.clock.instant() + MISSING).min(self.last_moment());
        loop {
            if let (Some(x), Some(y)) = (point.x, point.y) {
                self.window.press_at(x, y).await?;
                return Ok(true);
            }
            let why = match (&point.covered, point.disabled) {
                (Some(by), _) => format!("it is covered by {}", page::cut(by, 80)),
                (None, true) => "it stays disabled".to_owned(),
                (None, false) => return Ok(false),
            };
            match tokio::time::timeout_at(until, self.window.next()).await {
                Err(_) => return Err(Fault::new(Class::LoginPage, format!("the button cannot be pressed: {why}"))),
                Ok(Err(fault)) => return Err(fault),
                // The answer cannot come before anything was sent; a page can, of the same document.
                Ok(Ok(_)) => {}
            }
            let plan = Plan { press: Some(mark), ..Plan::default() };
            point = self.window.work(&plan).await?.point.unwrap_or_default();
        }
    }

    /// The end of the run's time, less what it takes to say so.
    fn last_moment(&self) -> Instant {
        let left = self.deadline.duration_since(self.begun);
        self.deadline.checked_sub(MARGIN.min(left / 5)).unwrap_or(self.deadline)
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
