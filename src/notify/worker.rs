//! The task of a receiver of alerts: when it speaks, when it waits.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::courier::Trouble;
use crate::alert::Alert;
use crate::clock::{Clock, Instant};

/// What it listens to.
pub struct Ears {
    pub alerts: watch::Receiver<Arc<Vec<Alert>>>,
    pub stopped: watch::Receiver<bool>,
    pub clock: Clock,
}

/// How a receiver is spoken to.
pub trait Voice: Send + 'static {
    /// Whether there is something to say.
    fn is_due(&self, alerts: &[Alert], now: Instant) -> bool;
    /// When there will be, though nothing changes.
    fn next(&self) -> Option<Instant>;
    /// Says it.
    fn tell(&mut self, alerts: &[Alert]) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// Speaks whenever something is due, from the newest snapshot; waits after trouble. Told to stop, it says what is new once
/// more, whether it had to wait or not.
pub async fn run(mut voice: impl Voice, mut ears: Ears) {
    let mut troubles = 0;
    let mut not_before: Option<Instant> = None;
    loop {
        let stopping = *ears.stopped.borrow();
        let alerts = ears.alerts.borrow_and_update().clone();
        let now = ears.clock.instant();
        not_before = not_before.filter(|at| now < *at && !stopping);
        if not_before.is_none() && voice.is_due(&alerts, now) {
            match voice.tell(&alerts).await {
                Ok(()) => troubles = 0,
                Err(trouble) => {
                    troubles += 1;
                    not_before = Some(ears.clock.instant() + trouble.wait(troubles));
                }
            }
            if !stopping {
                continue;
            }
        }
        if stopping {
            return;
        }
        let wake = not_before.or(voice.next());
        tokio::select! {
            changed = ears.alerts.changed() => if changed.is_err() { return },
            _ = ears.stopped.wait_for(|stop| *stop) => {}
            () = sleep(wake) => {}
        }
    }
}

/// Until then; forever without an end.
pub async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
