//! The heartbeat: somebody else's dead man's switch hears from us every minute, or raises the alarm. It stops when nobody
//! has said for a minute that all is well: whoever should may hang.

use std::time::Duration;

use tokio::sync::watch;

use super::Pace;
use super::courier::Courier;
use super::worker::sleep;
use crate::clock::Instant;

/// How long it is believed that all is well.
const FRESH: Duration = Duration::from_secs(60);

/// Beats while all is well.
pub async fn run(
    mut courier: Courier,
    mut well: watch::Receiver<Option<Instant>>,
    mut stopped: watch::Receiver<bool>,
    pace: Pace,
    clock: crate::clock::Clock,
) {
    let mut troubles = 0;
    let mut next = clock.instant();
    loop {
        let now = clock.instant();
        let beats = well.borrow_and_update().is_some_and(|since| now.duration_since(since) < FRESH);
        if beats && next <= now {
            next = match courier.call().await {
                Ok(()) => {
                    troubles = 0;
                    now + pace.beat
                }
                Err(trouble) => {
                    troubles += 1;
                    clock.instant() + trouble.wait(troubles)
                }
            };
        }
        tokio::select! {
            changed = well.changed() => if changed.is_err() { return },
            _ = stopped.wait_for(|stop| *stop) => return,
            () = sleep(beats.then_some(next)) => {}
        }
    }
}
