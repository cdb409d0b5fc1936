//! A window on loan: what a probe asks for, and what it may do with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;

use super::authenticator;
use super::bidi_window::{BidiWindow, Errand};
use super::classic_window::ClassicWindow;
use super::evidence;
use super::pool::Loan;
use super::remote;
use super::session::{Channel, Kind, Session, Trusted};
use super::traffic::Parties;
pub use super::walk::Until;
use super::walk::{Manner, Walk};
use super::window::{Sight, View, Window};
use super::{Browsers, Passkey};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::authorize::Answer;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::steps::Guide;
use crate::oidc::http::Egress;
use crate::oidc::memory::{ProviderMemory, Turn};
use crate::oidc::settings::Provider;
use crate::oidc::upstream::Hosts;
use crate::outcome::BrowserReport;
use crate::secret::Secret;

/// How long before half of the run's time is over a browser is not waited for any more: whoever waits for no longer than
/// that still learns why there was none.
const SAYING: Duration = Duration::from_millis(100);

/// What a window is wanted for.
pub struct Ask<'a> {
    /// From where.
    pub region: &'a Arc<Egress>,
    /// Whom it will visit.
    pub provider: &'a Arc<Provider>,
    /// What is known of the provider.
    pub memory: &'a Arc<ProviderMemory>,
    /// Of the run.
    pub recorder: &'a Recorder,
    /// The time.
    pub clock: &'a Clock,
    /// When the run must be over.
    pub deadline: Instant,
    /// What is caught instead of being followed; `None`: nothing is.
    pub redirect_uri: Option<&'a Url>,
    /// The provider's authorization endpoint, for labels.
    pub authorization: Option<Url>,
    /// The provider's own: their requests are its, and may carry `traceparent`.
    pub origins: Vec<url::Origin>,
    /// Its hosts, and those of upstream providers.
    pub hosts: Hosts,
    /// For pages that ask for one.
    pub passkey: Option<Passkey>,
}

/// What a window came to.
pub enum Opened {
    /// A page that can be judged.
    Page,
    /// What was sent to the redirect URI.
    Answer(Answer),
}

/// An isolated window of a warm browser.
pub struct Seat {
    browsers: Browsers,
    rented: Mutex<Option<Rented>>,
    recorder: Recorder,
    clock: Clock,
    deadline: Instant,
    redirect_uri: Url,
    has_passkey: bool,
    hosts: Hosts,
    /// Whether the login came to its end: nothing needs to be proven.
    well: AtomicBool,
}

struct Rented {
    loan: Loan,
    window: Box<dyn Window>,
    /// The latest page.
    view: Option<View>,
    /// What must not be seen in a picture.
    needles: Vec<Secret>,
    /// Of the user's passkey, until the window is given back.
    _turn: Option<Turn>,
}

impl Browsers {
    /// A browser and an isolated window in it. Fault: `browser`.
    pub async fn seat(&self, ask: Ask<'_>) -> Result<Seat, Fault> {
        let kind = match &ask.region.webdriver {
            Some(webdriver) => Kind::Remote(webdriver.clone()),
            None => Kind::Local(ask.provider.trust.ca_file.clone().map(Trusted::of)),
        };
        let now = ask.clock.instant();
        let until = now + (ask.deadline.duration_since(now) / 2).saturating_sub(SAYING);
        // Before a browser is taken: others can use it meanwhile.
        let turn = match &ask.passkey {
            Some(passkey) => Some(turn(passkey, &ask).await?),
            None => None,
        };
        let mut loan = self.lend(kind, until).await?;
        let opening = window(&mut loan, &ask, turn.as_deref().copied());
        let late = |_| Fault::new(Class::Browser, "the browser opened no window within half of the run's time");
        // On a fault the loan is dropped, and the browser with it.
        let window = tokio::time::timeout_at(until, opening).await.map_err(late)??;
        Ok(Seat {
            browsers: self.clone(),
            rented: Mutex::new(Some(Rented { loan, window, view: None, needles: Vec::new(), _turn: turn })),
            recorder: ask.recorder.clone(),
            clock: ask.clock.clone(),
            deadline: ask.deadline,
            redirect_uri: ask.redirect_uri.cloned().unwrap_or_else(nowhere),
            has_passkey: ask.passkey.is_some(),
            hosts: ask.hosts.clone(),
            well: AtomicBool::new(false),
        })
    }
}

/// Takes a window for this errand.
async fn window(loan: &mut Loan, ask: &Ask<'_>, count: Option<u32>) -> Result<Box<dyn Window>, Fault> {
    let session = &mut loan.session;
    if let Some(channel) = session.bidi.clone() {
        match bidi_window(session, channel, ask, count).await {
            Ok(window) => return Ok(window),
            // Some drivers offer BiDi, but not the parts of it that a login needs.
            Err(fault) if session.remote.is_some() && session.usable() => {
                session.bidi = None;
                session.no_bidi = Some(fault.detail);
            }
            Err(fault) => return Err(fault),
        }
    }
    let client = session.client.clone();
    if count.is_some() {
        let window = client.window().await.map_err(|error| Fault::new(Class::Browser, remote::why(&error)))?;
        give(session, &String::from(window), ask, count).await?;
    }
    let window = ClassicWindow::new(client, ask.clock.clone(), errand(ask), session.no_bidi.as_deref())?;
    Ok(Box::new(window))
}

async fn bidi_window(
    session: &mut Session,
    channel: Channel,
    ask: &Ask<'_>,
    count: Option<u32>,
) -> Result<Box<dyn Window>, Fault> {
    let errand = errand(ask);
    session.patterns = errand.patterns();
    let fresh = session.window(&channel, ask.clock).await?;
    if let Some(gate) = &fresh.gate {
        gate.believe(ask.memory.clone(), ask.provider.trust.clone());
        gate.lead(ask.region.clone());
    }
    let Channel { bidi, events } = channel;
    let window = BidiWindow::new(bidi, events, fresh, ask.clock.clone(), errand).await?;
    give(session, window.context(), ask, count).await?;
    Ok(Box::new(window))
}

fn errand(ask: &Ask<'_>) -> Errand {
    let parties = Parties {
        region: ask.region.region.clone(),
        provider: ask.provider.clone(),
        memory: ask.memory.clone(),
        origins: ask.origins.clone(),
        hosts: ask.hosts.clone(),
        authorization: ask.authorization.clone(),
        recorder: ask.recorder.clone(),
    };
    Errand { parties, redirect_uri: ask.redirect_uri.cloned() }
}

/// Waits until nobody else logs in with that passkey. Fault: `config`.
async fn turn(passkey: &Passkey, ask: &Ask<'_>) -> Result<Turn, Fault> {
    let now = ask.clock.instant();
    let until = now + ask.deadline.duration_since(now) / 3;
    let turn = ask.memory.passkeys.take(&passkey.credential_id, ask.clock.now());
    let late = |_| {
        let detail =
            "the passkey is in use by other runs for too long: use a user of its own for each check and region";
        Fault::new(Class::Config, detail)
    };
    tokio::time::timeout_at(until, turn).await.map_err(late)
}

/// Has the window answer for the user's passkey. Fault: `browser`.
async fn give(session: &Session, window: &str, ask: &Ask<'_>, count: Option<u32>) -> Result<(), Fault> {
    let (Some(passkey), Some(count)) = (&ask.passkey, count) else { return Ok(()) };
    ask.recorder.protect(passkey.secret());
    authenticator::give(&session.client, window, passkey, count).await
}

impl Seat {
    /// Goes to `url`, up to the first page that can be judged.
    pub async fn open(&self, url: &Url) -> Result<Opened, Fault> {
        let mut rented = self.rented.lock().await;
        let rented = rented.as_mut().ok_or_else(given_up)?;
        let mut walk = self.walk(&mut *rented.window);
        let sight = walk.open(url).await;
        rented.view = walk.latest.take();
        match sight? {
            Sight::Answer(answer) => Ok(Opened::Answer(answer)),
            Sight::Page(_) | Sight::Calm => Ok(Opened::Page),
        }
    }

    /// Logs in, up to the answer, or until the element is there: then the answer is empty.
    pub async fn sign_in(&self, guide: &Guide, answers: &Answers, until: Until<'_>) -> Result<Answer, Fault> {
        let mut rented = self.rented.lock().await;
        let rented = rented.as_mut().ok_or_else(given_up)?;
        rented.needles = answers.needles();
        let first = rented.view.clone().ok_or_else(given_up)?;
        let manner = Manner { guide, answers, until, redirect_uri: &self.redirect_uri, has_passkey: self.has_passkey };
        let mut walk = self.walk(&mut *rented.window);
        walk.latest = Some(first.clone());
        let params = walk.sign_in(first, manner).await;
        rented.view = walk.latest.take();
        rented.needles = answers.needles();
        if params.is_ok() {
            self.well.store(true, Ordering::Relaxed);
        }
        params
    }

    /// Goes to `url` in the session that a login has left: the answer must come without any page.
    pub async fn silently(&self, url: &Url) -> Result<Answer, Fault> {
        let mut rented = self.rented.lock().await;
        let rented = rented.as_mut().ok_or_else(given_up)?;
        self.well.store(false, Ordering::Relaxed);
        let before = rented.view.as_ref().map(|view| view.document);
        let mut walk = self.walk(&mut *rented.window);
        let answer = walk.silently(url, before).await;
        if let Some(view) = walk.latest.take() {
            rented.view = Some(view);
        }
        if answer.is_ok() {
            self.well.store(true, Ordering::Relaxed);
        }
        answer
    }

    fn walk<'a>(&'a self, window: &'a mut dyn Window) -> Walk<'a> {
        let now = self.clock.instant();
        Walk {
            window,
            clock: &self.clock,
            recorder: &self.recorder,
            hosts: &self.hosts,
            deadline: self.deadline,
            begun: now,
            calm: now,
            acted: now,
            latest: None,
        }
    }

    /// Evidence if it did not go well, the report to the recorder, the window closed.
    pub async fn leave(self: Arc<Self>) -> Result<(), Fault> {
        let Some(rented) = self.rented.lock().await.take() else { return Ok(()) };
        let Rented { loan, mut window, view, needles, _turn } = rented;
        let evidence = if self.well.load(Ordering::Relaxed) {
            None
        } else {
            Some(evidence::gather(&mut *window, view.as_ref(), &needles, loan.settings.screenshots).await)
        };
        self.recorder.browser(BrowserReport {
            name: loan.session.name.clone(),
            overhead: window.overhead(),
            pages: window.pages(),
            evidence,
        });
        self.browsers.take_back(loan, async move { window.close().await.is_ok() });
        Ok(())
    }
}

/// Where an answer never goes to.
fn nowhere() -> Url {
    Url::parse("about:blank").expect("a URL")
}

fn given_up() -> Fault {
    Fault::new(Class::Internal, "the window was given back already")
}
