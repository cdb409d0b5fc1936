//! Alerts to those who act on them: Alertmanager (API v2), plain webhooks, a heartbeat. Each receiver has a task of its own
//! that always works from the newest snapshot: one that hangs delays nobody, and nothing piles up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::alert::Alert;
use crate::clock::Clock;
use crate::secret::{Secret, SecretSource};

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
    /// Refused for good (4xx): not sent again as it is.
    Rejected,
    /// Not delivered: tried again.
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

/// Those who are told. Dropped or shut down, the tasks end.
pub struct Notifier {}

impl Notifier {
    /// Starts a task a receiver. The error: something configured cannot be used, such as a CA file that is none.
    pub fn start(settings: &Settings, count: Count, clock: Clock) -> Result<Self, String> {
        let _ = (settings, count, clock, None::<Secret>);
        todo!("notify")
    }

    /// The names of receivers as they are counted.
    pub fn receivers(settings: &Settings) -> Vec<String> {
        let _ = settings;
        todo!("notify")
    }

    /// The alerts as they are now: those that fire and those that were over lately. Told at once if anything changed, and
    /// again every minute while any is there.
    pub fn update(&self, alerts: Arc<Vec<Alert>>) {
        let _ = alerts;
        todo!("notify")
    }

    /// Whether all is well with authprobe itself: only then does the heart beat.
    pub fn healthy(&self, well: bool) {
        let _ = well;
        todo!("notify")
    }

    /// Sends what is new, as far as that works within `grace`, and ends.
    pub async fn shutdown(self, grace: Duration) {
        let _ = grace;
        todo!("notify")
    }
}

/// Sends one test alert to every receiver.
pub async fn test(settings: &Settings, clock: &Clock) -> Vec<Answer> {
    let _ = (settings, clock);
    todo!("notify")
}
