//! Browsers on loan: at most so many at once, warm, replaced in time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Settings;
use super::keeper::Launcher;
use super::session::{Kind, Running, Session, Stats, Trusted};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};

/// How long a browser is believed to be well without being asked.
const FRESH: Duration = Duration::from_secs(3);
/// How long a browser may take to get ready for its next login before another one is started.
const GETTING_READY: Duration = Duration::from_millis(500);
/// How long a browser may take to start that nobody waits for.
const STARTING: Duration = Duration::from_secs(30);
/// How long the last windows may take to close when everything ends.
const CLOSING: Duration = Duration::from_secs(5);

/// See the module. None is started before one is asked for. Cheap to clone.
#[derive(Clone)]
pub struct Browsers(Arc<Pool>);

struct Pool {
    clock: Clock,
    state: Mutex<State>,
    running: Running,
    launcher: Launcher,
    /// How many are getting ready for their next login.
    returning: AtomicUsize,
    /// Whenever one is back.
    returned: Notify,
}

#[derive(Default)]
struct State {
    settings: Settings,
    /// Counts changes of the settings.
    epoch: u64,
    /// By place: this machine, or a remote WebDriver.
    limits: HashMap<String, Arc<Semaphore>>,
    idle: Vec<Session>,
    /// Who sees to browsers that came back.
    recycling: JoinSet<()>,
    closed: bool,
}

/// A browser on loan.
pub(super) struct Loan {
    pub(super) session: Session,
    /// The settings that it was taken with.
    pub(super) settings: Settings,
    permit: OwnedSemaphorePermit,
}

impl Browsers {
    /// With default settings.
    pub fn new(clock: Clock) -> Self {
        Self::kept_by(Launcher::default(), clock)
    }

    pub(super) fn kept_by(launcher: Launcher, clock: Clock) -> Self {
        Self(Arc::new(Pool {
            clock,
            state: Mutex::default(),
            running: Running::default(),
            launcher,
            returning: AtomicUsize::new(0),
            returned: Notify::new(),
        }))
    }

    /// From now on with these settings: browsers that were started with others are replaced.
    pub fn configure(&self, settings: Settings) {
        let mut state = self.state();
        if state.settings == settings {
            return;
        }
        let old = std::mem::replace(&mut state.settings, settings);
        if old.max_sessions != state.settings.max_sessions {
            state.limits.clear();
        }
        let started_alike = Settings { screenshots: state.settings.screenshots, ..old } == state.settings;
        if started_alike {
            return;
        }
        state.epoch += 1;
        let old = std::mem::take(&mut state.idle);
        old.into_iter().for_each(|session| drop(state.recycling.spawn(session.end())));
    }

    /// Starts a browser before anybody waits for it, if there is room. `ca_file`: what the first provider's certificates
    /// are believed by.
    pub fn warm_up(&self, ca_file: Option<PathBuf>) {
        let browsers = self.clone();
        let until = self.0.clock.instant() + STARTING;
        self.state().recycling.spawn(async move {
            // Whoever needs one and finds none learns why.
            if let Ok(loan) = browsers.lend(Kind::Local(ca_file.map(Trusted::of)), until).await {
                browsers.take_back(loan, async { true });
            }
        });
    }

    /// How many logins could begin at once in browsers of this machine, or at that remote WebDriver.
    pub fn free(&self, webdriver: Option<&url::Url>) -> usize {
        let place = webdriver.map(ToString::to_string).unwrap_or_default();
        let state = self.state();
        let most = state.settings.max_sessions.max(1) as usize;
        state.limits.get(&place).map_or(most, |limit| limit.available_permits())
    }

    /// A browser of that kind, for one login. Waits for one that is in use until `deadline`. Fault: `browser`.
    pub(super) async fn lend(&self, kind: Kind, deadline: Instant) -> Result<Loan, Fault> {
        let (settings, epoch, limit) = {
            let mut state = self.state();
            if state.closed {
                return Err(Fault::new(Class::Browser, "authprobe is ending: no browser is started any more"));
            }
            let most = state.settings.max_sessions.max(1) as usize;
            let limit = state.limits.entry(place(&kind)).or_insert_with(|| Arc::new(Semaphore::new(most))).clone();
            (state.settings.clone(), state.epoch, limit)
        };
        let busy = || {
            let most = settings.max_sessions;
            let detail = format!(
                "no browser came free in time: {most} at once is the limit (`[browser] max_sessions`); raise it, or \
                 probe less often"
            );
            Fault::new(Class::Browser, detail)
        };
        let permit = match tokio::time::timeout_at(deadline, limit.acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(busy()),
        };
        let session = match self.take_idle_soon(&kind, deadline).await {
            Some(session) => session,
            None => {
                self.make_room(&kind);
                self.start(&kind, &settings, epoch, deadline).await?
            }
        };
        Ok(Loan { session, settings, permit })
    }

    /// An idle one of that kind, or one that is getting ready for its next login: that is quicker than a new one.
    async fn take_idle_soon(&self, kind: &Kind, deadline: Instant) -> Option<Session> {
        let until = (self.0.clock.instant() + GETTING_READY).min(deadline);
        loop {
            // Before looking, so that nothing is missed in between.
            let returned = self.0.returned.notified();
            if let Some(session) = self.take_idle(kind) {
                let idle = session.idle_since.map(|since| self.0.clock.instant().duration_since(since));
                if idle.is_none_or(|idle| idle < FRESH) || session.responds().await {
                    return Some(session);
                }
                // It hangs: nobody is to wait for it.
                tracing::warn!(browser = session.name, "a browser does not answer: it is replaced");
                self.state().recycling.spawn(session.end());
                continue;
            }
            let none = self.0.returning.load(Ordering::SeqCst) == 0;
            if none || tokio::time::timeout_at(until, returned).await.is_err() {
                return None;
            }
        }
    }

    /// Ends an idle one of the same place, so that there are never more than the limit.
    fn make_room(&self, kind: &Kind) {
        let mut state = self.state();
        if let Some(at) = state.idle.iter().position(|session| place(&session.kind) == place(kind)) {
            let other = state.idle.swap_remove(at);
            state.recycling.spawn(other.end());
        }
    }

    /// An idle one of that kind. Those that are of no use any more are ended.
    fn take_idle(&self, kind: &Kind) -> Option<Session> {
        let mut state = self.state();
        let idle = std::mem::take(&mut state.idle);
        let mut found = None;
        for session in idle {
            if !session.usable() {
                state.recycling.spawn(session.end());
            } else if found.is_none() && session.kind == *kind {
                found = Some(session);
            } else {
                state.idle.push(session);
            }
        }
        found
    }

    async fn start(&self, kind: &Kind, settings: &Settings, epoch: u64, deadline: Instant) -> Result<Session, Fault> {
        let starting = Session::start(&self.0.launcher, kind, settings, epoch, self.0.running.clone());
        let late = |_| Fault::new(Class::Browser, "the browser did not start in time");
        let session = tokio::time::timeout_at(deadline, starting).await.map_err(late)??;
        tracing::info!(browser = session.name, "a browser was started");
        Ok(session)
    }

    /// Takes a browser back once its window is closed: it gets ready for the next login, or is ended. Does not wait.
    /// `last`: what is to be done with it before.
    pub(super) fn take_back(&self, mut loan: Loan, last: impl Future<Output = bool> + Send + 'static) {
        let browsers = self.clone();
        let mut state = self.state();
        while state.recycling.try_join_next().is_some() {}
        self.0.returning.fetch_add(1, Ordering::SeqCst);
        let returning = Returning(self.clone());
        state.recycling.spawn(async move {
            let closed = last.await;
            loan.session.runs += 1;
            if !closed || !browsers.may_stay(&mut loan).await {
                let Some(next) = browsers.replace(loan.session, &loan.settings).await else { return };
                loan.session = next;
            }
            let Loan { mut session, permit, .. } = loan;
            session.idle_since = Some(browsers.0.clock.instant());
            let end = {
                let mut state = browsers.state();
                if state.closed || state.epoch != session.epoch {
                    Some(session)
                } else {
                    state.idle.push(session);
                    None
                }
            };
            drop(returning);
            if let Some(session) = end {
                session.end().await;
            }
            drop(permit);
        });
    }

    /// Ends a browser, and has another ready in its place: the next login need not wait for its start. `None`: there is
    /// none; whoever asks next learns why.
    async fn replace(&self, old: Session, settings: &Settings) -> Option<Session> {
        let (kind, epoch, local) = (old.kind.clone(), old.epoch, old.kept.is_some());
        old.end().await;
        if !local || self.state().closed {
            return None;
        }
        let mut next = self.start(&kind, settings, epoch, self.0.clock.instant() + STARTING).await.ok()?;
        next.prepare(&self.0.clock).await.ok()?;
        Some(next)
    }

    /// Whether a browser serves another login: one that has served many, or has grown, is replaced.
    async fn may_stay(&self, loan: &mut Loan) -> bool {
        let session = &mut loan.session;
        let settings = &loan.settings;
        if session.bidi.is_none() || session.runs >= settings.runs_per_session {
            return false;
        }
        let memory = session.memory().await;
        if let Some(bytes) = memory
            && bytes > settings.max_memory
        {
            tracing::info!(mebibytes = bytes >> 20, runs = session.runs, "a browser has grown: it is replaced");
            return false;
        }
        session.prepare(&self.0.clock).await.is_ok()
    }

    /// Ends all browsers and waits until they are gone.
    pub async fn shutdown(&self) {
        let (idle, mut recycling) = {
            let mut state = self.state();
            state.closed = true;
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.recycling))
        };
        idle.into_iter().for_each(|session| drop(recycling.spawn(session.end())));
        // Whatever is left after that ends with its session's value, or with this process.
        let _ = tokio::time::timeout(CLOSING, async {
            while recycling.join_next().await.is_some() {}
            self.0.running.parted().await;
        })
        .await;
    }

    /// How they are now. Waits for nobody.
    pub fn stats(&self) -> Stats {
        self.0.running.stats()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("browsers")
    }
}

/// A browser on its way back, however that ends.
struct Returning(Browsers);

impl Drop for Returning {
    fn drop(&mut self) {
        self.0.0.returning.fetch_sub(1, Ordering::SeqCst);
        self.0.0.returned.notify_waiters();
    }
}

/// What a limit is about.
fn place(kind: &Kind) -> String {
    match kind {
        Kind::Local(_) => String::new(),
        Kind::Remote(webdriver) => webdriver.url.to_string(),
    }
}
