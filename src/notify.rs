//! Alerts to those who act on them: Alertmanager (API v2), plain webhooks, a heartbeat. Each receiver has a task of its own
//! that always works from the newest snapshot: one that hangs delays nobody, and nothing piles up.
//!
//! Everything is told at least once: after a restart a receiver may hear again what it was told before, with the same
//! `starts_at`. Secrets (addresses, tokens, values of headers) are read anew for each message and shown nowhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::alert::Alert;
use crate::clock::{Clock, Instant};
use crate::outbound::ATTEMPT;
use crate::secret::SecretSource;

mod courier;
mod heart;
mod hook;
mod peer;
mod target;
mod wire;
mod worker;

use courier::Courier;
use target::Target;

/// A URL, or where one that is secret is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    /// As written.
    Plain(Url),
    /// Read again for each message.
    Kept(SecretSource),
}

/// The value of a header, or where it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderText {
    /// As written.
    Plain(String),
    /// Read again for each message.
    Kept(SecretSource),
}

/// How an Alertmanager is told who we are.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// `Authorization: Bearer`.
    Bearer(SecretSource),
    /// `Authorization: Basic`.
    Basic(String, SecretSource),
}

/// An Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its base URL.
    pub url: Url,
    /// Who we are.
    pub credentials: Option<Credentials>,
    /// Believed besides the system's certificates.
    pub ca_file: Option<PathBuf>,
}

/// A receiver of plain JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// Where to.
    pub url: Address,
    /// Sent with each message.
    pub headers: Vec<(String, HeaderText)>,
    /// Believed besides the system's certificates.
    pub ca_file: Option<PathBuf>,
}

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Every peer.
    pub alertmanagers: Vec<Peer>,
    /// Every webhook.
    pub webhooks: Vec<Hook>,
    /// Called every minute while all is well with authprobe itself.
    pub heartbeat: Option<Address>,
    /// Links (`generatorURL`) begin with this.
    pub public_url: Option<Url>,
}

/// How a message went: the `outcome` label of `authprobe_notifications_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Taken.
    Delivered,
    /// Refused (4xx, or a redirect, which is not followed): somebody has to correct something.
    Rejected,
    /// Not delivered (429, 5xx, no answer): tried again.
    Failed,
}

impl Sent {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Rejected, Self::Failed];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// Counts messages by receiver: `alertmanager 1`, `webhook 1`, `heartbeat` (numbers in configured order: URLs may be secret).
pub type Count = Arc<dyn Fn(&str, Sent) + Send + Sync>;

/// What a receiver answered to a test.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which receiver, without anything secret.
    pub receiver: String,
    /// What it said.
    pub result: Result<String, String>,
}

/// When things are done.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How often an Alertmanager is told what fires, and what was over lately.
    resend: Duration,
    /// How far ahead the end of what fires lies: four times the above, so that three losses in a row resolve nothing.
    ahead: Duration,
    /// How often a webhook is told what still fires.
    repeat: Duration,
    /// How often the heart beats.
    beat: Duration,
    /// How long one attempt may take.
    attempt: Duration,
    /// How long after a refusal it is tried again.
    refused: Duration,
}

const PACE: Pace = Pace {
    resend: Duration::from_secs(60),
    ahead: Duration::from_secs(240),
    repeat: Duration::from_secs(4 * 3600),
    beat: Duration::from_secs(60),
    attempt: ATTEMPT,
    refused: Duration::from_secs(60),
};

/// Those who are told. Dropped or shut down, the tasks end.
pub struct Notifier {
    alerts: watch::Sender<Arc<Vec<Alert>>>,
    well: watch::Sender<Option<Instant>>,
    clock: Clock,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Notifier {
    /// Starts a task a receiver; call it on a tokio runtime. The error: something configured cannot be used, such as a CA
    /// file that is none.
    pub fn start(settings: &Settings, count: Count, clock: Clock) -> Result<Self, String> {
        Self::paced(settings, &count, &clock, PACE)
    }

    fn paced(settings: &Settings, count: &Count, clock: &Clock, pace: Pace) -> Result<Self, String> {
        // All of them are usable before any task starts.
        let mut couriers = Vec::new();
        for target in targets(settings, pace) {
            couriers.push(Courier::new(target.map_err(|(name, why)| format!("{name}: {why}"))?, count.clone(), pace));
        }
        let (alerts, told) = watch::channel(Arc::new(Vec::new()));
        let (well, beating) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        for (i, courier) in couriers.into_iter().enumerate() {
            let ears = worker::Ears { alerts: told.clone(), stopped: stopped.clone(), clock: clock.clone() };
            let peers = settings.alertmanagers.len();
            tasks.push(match i {
                i if i < peers => {
                    tokio::spawn(worker::run(peer::Peer::new(courier, settings.public_url.clone(), clock, pace), ears))
                }
                i if i < peers + settings.webhooks.len() => {
                    tokio::spawn(worker::run(hook::Hook::new(courier, clock, pace), ears))
                }
                _ => tokio::spawn(heart::run(courier, beating.clone(), stopped.clone(), pace, clock.clone())),
            });
        }
        Ok(Self { alerts, well, clock: clock.clone(), stop, tasks })
    }

    /// The names of receivers as they are counted.
    pub fn receivers(settings: &Settings) -> Vec<String> {
        let numbered = |what: &'static str, many: usize| (1..=many).map(move |n| format!("{what} {n}"));
        let heartbeat = settings.heartbeat.iter().map(|_| "heartbeat".to_owned());
        let alerts = numbered("alertmanager", settings.alertmanagers.len());
        alerts.chain(numbered("webhook", settings.webhooks.len())).chain(heartbeat).collect()
    }

    /// The alerts as they are now: those that fire and those that were over lately. Told at once if anything changed, and
    /// again every minute while any is there.
    pub fn update(&self, alerts: Arc<Vec<Alert>>) {
        self.alerts.send_replace(alerts);
    }

    /// Whether all is well with authprobe itself: only then does the heart beat, and only for a minute: say it again.
    pub fn healthy(&self, well: bool) {
        self.well.send_replace(well.then(|| self.clock.instant()));
    }

    /// Sends what is new, as far as that works within `grace`, and ends.
    pub async fn shutdown(mut self, grace: Duration) {
        self.stop.send_replace(true);
        let all = futures_util::future::join_all(self.tasks.iter_mut());
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!("not every receiver of alerts could be told the last state");
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("receivers", &self.tasks.len()).finish_non_exhaustive()
    }
}

/// Every receiver in the order of [`Notifier::receivers`]; the error with its name.
fn targets(settings: &Settings, pace: Pace) -> Vec<Result<Target, (String, String)>> {
    let mut names = Notifier::receivers(settings).into_iter();
    let mut all = Vec::new();
    let mut add = |make: &dyn Fn(String) -> Result<Target, String>| {
        let name = names.next().unwrap_or_default();
        all.push(make(name.clone()).map_err(|why| (name, why)));
    };
    for peer in &settings.alertmanagers {
        add(&|name| Target::peer(name, peer, pace.attempt));
    }
    for hook in &settings.webhooks {
        add(&|name| Target::hook(name, hook, pace.attempt));
    }
    if let Some(address) = &settings.heartbeat {
        add(&|name| Target::heartbeat(name, address, pace.attempt));
    }
    all
}

/// Sends one test alert to every receiver, all at once, and calls the heartbeat. Alertmanager is told that it ends by itself.
pub async fn test(settings: &Settings, clock: &Clock) -> Vec<Answer> {
    let peers = settings.alertmanagers.len();
    let asked = targets(settings, PACE).into_iter().enumerate().map(|(i, target)| async move {
        let target = match target {
            Ok(target) => target,
            Err((receiver, why)) => return Answer { receiver, result: Err(why) },
        };
        let now = clock.now();
        let body = match i {
            i if i < peers => Some(wire::test_alert(now, settings.public_url.as_ref())),
            i if i < peers + settings.webhooks.len() => Some(wire::test_message(now)),
            _ => None,
        };
        let result = target.send(body).await;
        Answer { receiver: target.name, result: result.map_err(|refused| refused.reason) }
    });
    futures_util::future::join_all(asked).await
}

#[cfg(test)]
mod tests;
